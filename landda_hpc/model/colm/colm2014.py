"""CoLM2014: patches, and write-back of increments into its Fortran restarts.

The rules are those for CoLM202X (``write_back``) with the CoLM2014 scheme. These restarts contain neither matric
potential nor conductivity, so only liquid water (wliq_soisno) changes.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np

from landda_hpc.constants import N_SNOW, N_SOIL, SOIL_DZ, FloatArray
from landda_hpc.errors import DataError
from landda_hpc.formats.colm.restart import SoilConstants
from landda_hpc.formats.colm.restart2014 import (
    Case2014,
    Constants2014,
    read_state_2014,
    write_copy_2014,
)
from landda_hpc.grid import Grid, grid_from_centres
from landda_hpc.model.colm.patches import Patches
from landda_hpc.model.colm.soil_water import SoilWaterScheme
from landda_hpc.model.colm.write_back import SoilWater, apply_increment, updatable
from landda_hpc.water_ledger import WaterLedger

OCEAN = 99


def patches_2014(case: Case2014, constants: Constants2014) -> tuple[Grid, Patches]:
    """Make the grid and the patches of a case from its constant restart.

    Returns
    -------
    The grid, with rows from south to north; a single cell spans half a degree. The patches, ordered by cell;
    ``position`` is the position in the restart, ``block`` is 0.

    Raises
    ------
    DataError : the soil layers are not the ten layers of CoLM, or rows or columns are not sorted.
    """
    values = constants.values
    soil_types = values["itypwat"] != OCEAN
    if np.abs(values["dz_soi"][soil_types] - SOIL_DZ).max(initial=0.0) > 1e-6:
        raise DataError(f"{case.const_file}: its soil layers are not CoLM's ten of 0.0175 to 1.137 m.")
    lat, lon = values["lats"], values["lons"]
    northward = constants.n_lat == 1 or lat[-1] > lat[0]
    rows = values["jxy_patch"].astype(np.int64) - 1
    row = rows if northward else constants.n_lat - 1 - rows
    cell = row * constants.n_lon + values["ixy_patch"].astype(np.int64) - 1
    grid = _grid(case, lat if northward else lat[::-1], lon)
    n = constants.n_patch
    patchtype = values["itypwat"].astype(np.int64)
    # 5 is a shallow lake; both kinds of lake are treated alike here.
    patchtype = np.where(patchtype == 5, 4, patchtype)
    patches = Patches(
        block=np.zeros(n, dtype=np.int64),
        position=np.arange(n, dtype=np.int64),
        cell=cell,
        fraction=values["wtxy_patch"],
        patchtype=patchtype,
        patchclass=values["mxy_patch"].astype(np.int64),
        is_active=patchtype != OCEAN,
        lat=np.rad2deg(values["dlat"]),
        lon=np.rad2deg(values["dlon"]),
        soil=_soil(constants),
    )
    return grid, patches.take(np.argsort(cell, kind="stable"))


def write_colm2014(
    case: Case2014,
    time: datetime,
    constants: Constants2014,
    increment: FloatArray,
    destination: Path,
) -> WaterLedger:
    """Write the analysed copy of a CoLM2014 restart. Local.

    Parameters
    ----------
    case, time : the background restart; unchanged, unless ``destination`` is the same file.
    constants : constants of the case.
    increment : m3 m-3, shape (n_patch, 10), patches in file order.
    destination : the file to write, atomically.

    Returns
    -------
    The ledger, patches in file order.

    Raises
    ------
    MissingFileError, DataError, ShapeError : the background is missing, damaged or of another case.
    StorageError : the copy cannot be written.
    """
    n = constants.n_patch
    values = read_state_2014(case, time, ("wliq_soisno", "wice_soisno", "t_soisno", "zwt", "wa"), n)
    patchtype = constants.values["itypwat"].astype(np.int64)
    may_change = updatable(patchtype, patchtype != OCEAN)
    for name, array in values.items():
        if not np.isfinite(array[may_change]).all():
            raise DataError(f"{case.state_file(time)}: '{name}' of soil patches is not finite.")
    nowhere = np.zeros((n, N_SOIL))
    water = SoilWater.of_restart({**values, "smp": nowhere, "hk": nowhere})
    analysed, ledger = apply_increment(_soil(constants), may_change, water, increment, SoilWaterScheme.COLM2014)
    wliq = values["wliq_soisno"].copy()
    wliq[:, N_SNOW : N_SNOW + N_SOIL] = analysed.wliq
    write_copy_2014(case.state_file(time), destination, {"wliq_soisno": wliq} if ledger.changed.any() else {})
    return ledger


def _soil(constants: Constants2014) -> SoilConstants:
    values = constants.values
    nothing = np.zeros((constants.n_patch, N_SOIL))
    return SoilConstants(
        porsl=values["porsl"],
        theta_r=nothing,
        psi0=values["psi0"],
        hksati=values["hksati"],
        bsw=values["bsw"],
        alpha_vgm=nothing,
        n_vgm=nothing,
        L_vgm=nothing,
        sc_vgm=nothing,
        fc_vgm=nothing,
        is_campbell=True,
        wimp=float(values["wimp"]),
        smpmin=float(values["smpmin"]),
    )


def _grid(case: Case2014, lat: FloatArray, lon: FloatArray) -> Grid:
    if lat.size == 1 and lon.size == 1:
        return Grid(lat.copy(), lon.copy(), lat + np.array([-0.25, 0.25]), lon + np.array([-0.25, 0.25]), False)
    if lat.size < 2 or lon.size < 2 or np.any(np.diff(lat) <= 0) or np.any(np.diff(lon) <= 0):
        raise DataError(
            f"{case.const_file}: {lat.size} latitudes and {lon.size} longitudes; both must be sorted, and one of them "
            "must have at least two values."
        )
    return grid_from_centres(lat.copy(), lon.copy())
