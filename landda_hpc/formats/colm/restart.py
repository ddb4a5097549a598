"""Restarts of CoLM202X, block by block: constants, time-varying variables, copies with changed values, checks."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import numpy.typing as npt

from landda_hpc.constants import N_SOIL, BoolArray, FloatArray, IntArray
from landda_hpc.errors import DataError, MissingFileError, ShapeError, StorageError
from landda_hpc.formats.colm.case import ColmCase
from landda_hpc.formats.colm.names import time_label
from landda_hpc.formats.colm.netcdf import open_colm_file, read_array
from landda_hpc.formats.colm.restart_files import require_complete
from landda_hpc.io.atomic import atomic_replacement, storage_errors
from landda_hpc.variables import SOIL_WATER_STATE, STATE

logger = logging.getLogger(__name__)


class SoilConstants(NamedTuple):
    """Hydraulic constants of the soil of n patches in 10 layers, with CoLM's names and units.

    A named tuple can be passed to compiled kernels directly.

    Attributes
    ----------
    porsl : porosity, m3 m-3, (n, 10).
    theta_r : residual water content, m3 m-3, (n, 10); 0 in Campbell builds.
    psi0 : matric potential at saturation (air entry), mm, negative, (n, 10).
    hksati : hydraulic conductivity at saturation, mm s-1, (n, 10).
    bsw : Campbell's exponent, 1, (n, 10).
    alpha_vgm, n_vgm, L_vgm, sc_vgm, fc_vgm : van Genuchten-Mualem parameters (alpha in mm-1; sc, fc: saturation
        and conductivity factor at air entry, Ippisch et al. 2006), (n, 10); zeros in Campbell builds.
    is_campbell : the build has Campbell's retention curve, not van Genuchten's.
    wimp : a layer with less effective porosity is impermeable, m3 m-3.
    smpmin : minimum matric potential in the CoLM2014 scheme, mm.
    """

    porsl: FloatArray
    theta_r: FloatArray
    psi0: FloatArray
    hksati: FloatArray
    bsw: FloatArray
    alpha_vgm: FloatArray
    n_vgm: FloatArray
    L_vgm: FloatArray
    sc_vgm: FloatArray
    fc_vgm: FloatArray
    is_campbell: bool
    wimp: float
    smpmin: float

    def take(self, index: slice | IntArray) -> SoilConstants:
        """Return the columns at a slice or index array, in that order."""
        values = self._asdict()
        for name, value in values.items():
            if isinstance(value, np.ndarray):
                values[name] = value[index]
        return SoilConstants(**values)

    @classmethod
    def stack(cls, parts: Sequence[SoilConstants]) -> SoilConstants:
        """Concatenate the columns of several blocks of one case.

        Raises
        ------
        DataError : the blocks are of different builds.
        """
        first = parts[0]
        if any((p.is_campbell, p.wimp, p.smpmin) != (first.is_campbell, first.wimp, first.smpmin) for p in parts):
            raise DataError("blocks of the constant restart are of different builds of CoLM. Create them again.")
        values = first._asdict()
        for name, value in values.items():
            if isinstance(value, np.ndarray):
                values[name] = np.concatenate([getattr(p, name) for p in parts])
        return cls(**values)


@dataclass(frozen=True, eq=False)
class BlockConstants:
    """Constant restart of a block, patches in file order.

    Attributes
    ----------
    patchtype : 0 soil, 1 urban, 2 wetland, 3 glacier, 4 lake, 99 ocean; shape (n,).
    patchclass : land cover class (IGBP 1..17 or USGS 1..24), (n,).
    is_active : patches that the model computes (patchmask), (n,).
    lat, lon : degrees_north, degrees_east, (n,).
    soil : hydraulic constants.
    """

    patchtype: IntArray
    patchclass: IntArray
    is_active: BoolArray
    lat: FloatArray
    lon: FloatArray
    soil: SoilConstants

    @property
    def n_patch(self) -> int:
        """Number of patches."""
        return int(self.patchtype.size)


def read_constants(case: ColmCase, block: str) -> BlockConstants:
    """Read the constant restart of a block. Local.

    Raises
    ------
    MissingFileError, DataError, ShapeError : a file is missing, damaged or of another build.
    """
    scalars = case.const_file(None)
    with open_colm_file(scalars) as file:
        wimp, smpmin = (float(read_array(file, scalars, name, ())) for name in ("wimp", "smpmin"))
    path = case.const_file(block)
    with open_colm_file(path) as file:
        patchtype = read_array(file, path, "patchtype", (None,)).astype(np.int64)
        n = patchtype.size

        def layers(name: str) -> FloatArray:
            values: FloatArray = read_array(file, path, name, (n, N_SOIL)).astype(np.float64)
            if np.isnan(values[patchtype == 0]).any():
                raise DataError(f"{path}: '{name}' of soil patches has NaN. Create the constant restart again.")
            return values

        def along(name: str) -> npt.NDArray[Any]:
            return read_array(file, path, name, (n,))

        is_campbell = "alpha_vgm" not in file.variables
        van_genuchten = {
            name: np.zeros((n, N_SOIL)) if is_campbell else layers(name)
            for name in ("alpha_vgm", "n_vgm", "L_vgm", "sc_vgm", "fc_vgm")
        }
        soil = SoilConstants(
            porsl=layers("porsl"),
            theta_r=layers("theta_r"),
            psi0=layers("psi0"),
            hksati=layers("hksati"),
            bsw=layers("bsw"),
            **van_genuchten,
            is_campbell=is_campbell,
            wimp=wimp,
            smpmin=smpmin,
        )
        return BlockConstants(
            patchtype=patchtype,
            patchclass=along("patchclass").astype(np.int64),
            is_active=along("patchmask") != 0,
            lat=np.rad2deg(along("patchlatr").astype(np.float64)),
            lon=np.rad2deg(along("patchlonr").astype(np.float64)),
            soil=soil,
        )


def read_variables(
    case: ColmCase, time: datetime, block: str, names: Sequence[str], n_patch: int | None = None
) -> dict[str, FloatArray]:
    """Read variables of a block's time-varying restart, in the file's order and shape. Local.

    Parameters
    ----------
    names : CoLM's names, e.g. ``wliq_soisno``, shape (n_patch, 15); soil layer k is slot 5 + k.
    n_patch : number of patches that every variable must have; None: not checked.

    Raises
    ------
    MissingFileError, DataError, ShapeError : the file is missing, damaged or not of this case.
    """
    path = case.state_file(time, block)
    with open_colm_file(path) as file:
        values = {}
        for name in names:
            inner: tuple[int, ...] | None = STATE[name].shape if name in STATE else None
            expected = None if inner is None else (n_patch, *inner)
            array = read_array(file, path, name, expected)
            if n_patch is not None and array.shape[:1] != (n_patch,):
                raise ShapeError(f"{path}: '{name}' has {array.shape[:1]} patches; the case has {n_patch}.")
            values[name] = array.astype(np.float64, copy=False)
        return values


def write_restart_copy(source: Path, destination: Path, changed: Mapping[str, npt.NDArray[Any]]) -> None:
    """Copy a restart file and overwrite values of some variables in the copy. Local.

    Parameters
    ----------
    source : a netCDF-4 file written by CoLM; it is not changed.
    destination : written atomically (temporary name, read-back, fsync, rename); may replace ``source``.
    changed : new values by variable, in the shape and type of the file. Variables whose bits do not change are not
        written, so that the copy equals the source byte for byte if nothing changes.

    Raises
    ------
    DataError, ShapeError : the file lacks a variable, or its shape or type differs.
    StorageError : the copy cannot be written or is not read back bit for bit.

    Notes
    -----
    Dimensions, chunks, compression, attributes and all other variables are kept, because nothing else is written.
    """
    if not source.is_file():
        raise MissingFileError(f"{source}: no such file. Is the output of CoLM complete?")
    size = source.stat().st_size
    with atomic_replacement(destination, 2 * size, make_folder=True) as temporary:
        shutil.copyfile(source, temporary)
        written = _overwrite(source, temporary, changed)
        for name in written:
            with h5py.File(temporary, "r") as file:
                if not _same_bits(file[name][...], np.asarray(changed[name])):
                    raise StorageError(
                        f"{destination}: '{name}' reads back differently from what was written. Check the disk."
                    )


def check_block(case: ColmCase, time: datetime, block: str, n_patch: int) -> None:
    """Check that a block's time-varying restart is complete. Local.

    The file must exist and open; the variables of ``SOIL_WATER_STATE`` must have their dimensions and be finite; liquid
    water and ice must not be negative beyond rounding.

    Raises
    ------
    MissingFileError, ShapeError, DataError : the message names file, variable and patch.

    Notes
    -----
    Only folder and file name give the time of a restart; ``check_restart`` compares them. Other variables that are not
    finite are only logged, because CoLM writes uninitialised memory if an option is off.
    """
    path = case.state_file(time, block)
    with open_colm_file(path) as file:
        for name, variable in file.variables.items():
            if name not in STATE and variable.dtype.kind == "f" and not np.isfinite(variable[...]).all():
                logger.warning("%s: '%s' is not finite everywhere", path, name)
    values = read_variables(case, time, block, list(SOIL_WATER_STATE), n_patch)
    for name, array in values.items():
        flat = array.reshape(n_patch, -1)
        bad = ~np.isfinite(flat).all(axis=1)
        if bad.any():
            raise DataError(
                f"{path}: '{name}' of {int(bad.sum())} of {n_patch} patches is not a number (first: patch "
                f"{int(np.argmax(bad))}). The model failed; the state of an earlier time is the last good one."
            )
        if name in ("wliq_soisno", "wice_soisno") and (flat < -1e-3).any():
            raise DataError(f"{path}: '{name}' is {flat.min():.3g} kg m-2 at its minimum; water must not be negative.")


def check_restart(case: ColmCase, time: datetime, n_patch: Mapping[str, int]) -> None:
    """Check that the time-varying restart at a time has all files, and that its blocks are complete. Local.

    Parameters
    ----------
    n_patch : number of patches of each expected block.

    Raises
    ------
    As for ``require_complete`` and ``check_block``.
    """
    folder = case.state_folder(time)
    if not folder.is_dir():
        known = ", ".join(time_label(t) for t in case.times()[-3:]) or "none"
        raise MissingFileError(f"{folder}: no restart of {time}; the last times are: {known}. Did the model reach it?")
    require_complete(case, time)
    for block, count in n_patch.items():
        check_block(case, time, block, count)


def _overwrite(source: Path, path: Path, changed: Mapping[str, npt.NDArray[Any]]) -> list[str]:
    differing = {}
    with storage_errors(source, "reading", "Is the file truncated or damaged?"), h5py.File(path, "r") as file:
        for name, values in changed.items():
            if not isinstance(file.get(name), h5py.Dataset):
                raise DataError(f"{source}: has no variable '{name}' to change.")
            old = file[name][...]
            new = np.asarray(values)
            if old.shape != new.shape or old.dtype != new.dtype:
                raise ShapeError(
                    f"{source}: '{name}' is {old.shape}, {old.dtype}; new values {new.shape}, {new.dtype}."
                )
            if not _same_bits(old, new):
                differing[name] = new
    if differing:
        with storage_errors(path, "writing"), h5py.File(path, "r+") as file:
            for name, values in differing.items():
                file[name][...] = values
    return list(differing)


def _same_bits(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
