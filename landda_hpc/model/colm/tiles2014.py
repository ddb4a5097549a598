"""Patches of a CoLM2014 case as tiles of landda_hpc, on the grid of the case; see ``tiles``."""

from __future__ import annotations

import numpy as np

from landda_hpc.constants import N_SOIL, SOIL_DZ, FloatArray
from landda_hpc.errors import DataError
from landda_hpc.formats.colm.files2014 import Files2014
from landda_hpc.formats.colm.restart import SoilConstants
from landda_hpc.formats.colm.restart2014 import Case2014, Constants2014, read_constants_2014
from landda_hpc.grid import Grid, grid_from_centres
from landda_hpc.model.colm.tiles import CaseTiles, make_tiles, surrounded
from landda_hpc.state import PatchType

_SHALLOW_LAKE = 5
"""A type of patch that CoLM2014 separates from lakes; both are treated alike here."""


def read_case_tiles_2014(files: Files2014, n_patch: int, shape: tuple[int, int], least_size: int = 1) -> CaseTiles:
    """Read the patches of a case from its constant restart; see ``read_case_tiles``. Local.

    Parameters
    ----------
    n_patch : number of patches, numpatch of the namelist.
    shape : rows and columns of the grid, lat_points and lon_points of the namelist.

    Raises
    ------
    MissingFileError, DataError : the constant restart is missing, damaged, has other sizes or other soil layers than
        CoLM's ten; rows or columns are not sorted; no patch is land.
    """
    case = files.case
    constants = read_constants_2014(case, n_patch)
    if (constants.n_lat, constants.n_lon) != shape:
        raise DataError(
            f"{case.const_file}: {constants.n_lat} x {constants.n_lon} cells; the namelist has lat_points = "
            f"{shape[0]}, lon_points = {shape[1]}. Do they belong to one case?"
        )
    values = constants.values
    patchtype = values["itypwat"].astype(np.int64)
    patchtype = np.where(patchtype == _SHALLOW_LAKE, int(PatchType.LAKE), patchtype)
    kept = np.flatnonzero(np.isin(patchtype, [int(kind) for kind in PatchType])).astype(np.int64)
    if kept.size == 0:
        raise DataError(f"{case.const_file}: no land patch.")
    if np.abs(values["dz_soi"][kept] - SOIL_DZ).max() > 1e-6:
        raise DataError(f"{case.const_file}: its soil layers are not CoLM's ten of 0.0175 to 1.137 m.")
    lat, lon = values["lats"], values["lons"]
    is_northward = constants.n_lat == 1 or lat[-1] > lat[0]
    of_case = _grid(case, lat if is_northward else lat[::-1], lon)
    row = values["jxy_patch"][kept].astype(np.int64) - 1
    row = row if is_northward else constants.n_lat - 1 - row
    grid, south_rows, west_columns = surrounded(of_case, least_size)
    column = values["ixy_patch"][kept].astype(np.int64) - 1
    cell = (row + south_rows) * grid.lon.size + column + west_columns
    order = np.argsort(cell, kind="stable")
    kept, cell = kept[order], cell[order]
    soil = _soil(constants).take(kept)
    return CaseTiles(
        grid=grid,
        tiles=make_tiles(grid, cell, values["wtxy_patch"][kept], patchtype[kept], soil),
        block=np.zeros(kept.size, dtype=np.int64),
        position=kept,
        soil=soil,
        blocks=files.blocks,
        n_patch={files.blocks[0]: n_patch},
    )


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
    """Grid of the case, rows from south to north; a single cell spans half a degree."""
    if lat.size == 1 and lon.size == 1:
        return Grid(lat.copy(), lon.copy(), lat + np.array([-0.25, 0.25]), lon + np.array([-0.25, 0.25]), False)
    if lat.size < 2 or lon.size < 2 or np.any(np.diff(lat) <= 0) or np.any(np.diff(lon) <= 0):
        raise DataError(
            f"{case.const_file}: {lat.size} latitudes and {lon.size} longitudes; both must be sorted, and there must "
            "be at least two of each, or a single cell."
        )
    return grid_from_centres(lat.copy(), lon.copy())
