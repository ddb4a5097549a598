"""Read one-patch cases of CoLM202X: constants, state and history of a single site."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from landda_hpc.constants import N_SNOW, N_SOIL, CoLM_MISSING, FloatArray
from landda_hpc.errors import DataError, MissingFileError
from landda_hpc.formats.cf.netcdf_file import NetcdfFile, read_times
from landda_hpc.formats.forcing.plumber import SOIL_ALBEDO

HISTORY: Final[dict[str, str]] = {
    "latent": "f_lfevpa",
    "sensible": "f_fsena",
    "net_radiation": "f_rnet",
    "longwave_up": "f_olrg",
    "shortwave_up": "f_sr",
    "ground": "f_fgrnd",
}
"""Internal name and name in a history file; W m-2."""

_CONSTANTS: Final = ("porsl", "psi0", "bsw", "hksati", "theta_r", "csol", "dkdry", "dksatu")


@dataclass(frozen=True, eq=False)
class PointConstants:
    """Soil of a one-patch case, from its constant restart.

    Attributes
    ----------
    soil : parameters by CoLM's names, (n_soil,): porsl, psi0 (mm), bsw, hksati (mm s-1), theta_r, csol (J m-3 K-1 of
        soil volume), dkdry, dksatu (dry and saturated unfrozen soil, W m-1 K-1).
    soil_albedo : albedo by name, as in ``plumber.SiteRecord``.
    """

    path: Path
    soil: dict[str, FloatArray]
    soil_albedo: dict[str, float]


@dataclass(frozen=True, eq=False)
class PointHistory:
    """Hourly history of a one-patch case.

    Attributes
    ----------
    start : beginning of the first hour on the case's clock.
    fluxes : fluxes by internal name (``HISTORY``), W m-2, (n_hour,); latent, sensible, longwave_up and shortwave_up are
        positive upward, others downward.
    theta : liquid water and ice, m3 m-3, (n_hour, n_soil).
    t_soil : soil temperature, K, (n_hour, n_soil).
    """

    start: datetime
    fluxes: dict[str, FloatArray]
    theta: FloatArray
    t_soil: FloatArray

    @property
    def n_hour(self) -> int:
        """Number of hours."""
        return int(self.theta.shape[0])


def find_constants(restart: Path) -> Path:
    """Find the constant restart for a time-varying restart: ``../const/*_restart_const_*_<block>.nc``.

    Raises
    ------
    MissingFileError : there is no such file, or more than one.
    """
    folder = restart.parent.parent / "const"
    found = sorted(p for p in folder.glob("*_restart_const_*.nc") if p.stem.rsplit("_lc", 1)[-1].count("_"))
    if len(found) != 1:
        raise MissingFileError(
            f"'{folder}' has {len(found)} constant restarts with a block in their names; expected 1, next to the "
            f"folder of '{restart.name}'. Give it with --constants."
        )
    return found[0]


def read_point_constants(path: Path) -> PointConstants:
    """Read the soil of a one-patch case.

    Raises
    ------
    MissingFileError, DataError : the file is missing, damaged, of a van Genuchten build, or has more than one patch.
    """
    with NetcdfFile(path) as file:
        if file.has("alpha_vgm"):
            raise DataError(
                f"'{path}' is of a van Genuchten build, whose psi0 is not that of the soil; the embedded model needs "
                "Campbell's. Give those of a Campbell build with --constants, or use the site's (--site-soil)."
            )
        soil = {name: _patch(file, name, (N_SOIL,)) for name in _CONSTANTS}
        albedo = {ours: float(_patch(file, name, ())) for ours, name in SOIL_ALBEDO.items()}
    return PointConstants(path, soil, albedo)


def read_point_state(path: Path, shapes: dict[str, tuple[int, ...]]) -> dict[str, FloatArray]:
    """Read variables of the state of a one-patch case from its time-varying restart.

    Parameters
    ----------
    shapes : names of variables, and their shapes without the patch dimension.

    Returns
    -------
    Those variables that are in the file, each of shape (1, ...).

    Raises
    ------
    MissingFileError, DataError : the file is missing or damaged, or has more than one patch; a variable has the wrong
        shape or missing values.
    """
    with NetcdfFile(path) as file:
        return {name: _patch(file, name, shape)[None] for name, shape in shapes.items() if file.has(name)}


def read_history(paths: Iterable[Path]) -> PointHistory:
    """Read the hourly history of a one-patch case from its files, in any order.

    Raises
    ------
    MissingFileError, DataError : no files; a file is damaged, is not hourly or has no soil; hours are missing between
        files.
    """
    parts = sorted((_read_part(path) for path in paths), key=lambda p: p.start)
    if not parts:
        raise MissingFileError("no history file was given.")
    for before, after in itertools.pairwise(parts):
        expected = before.start + timedelta(hours=before.n_hour)
        if after.start != expected:
            raise DataError(f"the history continues at {after.start}, but {expected} is expected; give all its files.")
    return PointHistory(
        parts[0].start,
        {name: np.concatenate([p.fluxes[name] for p in parts]) for name in HISTORY},
        np.concatenate([p.theta for p in parts]),
        np.concatenate([p.t_soil for p in parts]),
    )


def _read_part(path: Path) -> PointHistory:
    with NetcdfFile(path) as file:
        times = read_times(file, "time")
        hour = timedelta(hours=1)
        if any(b - a != hour for a, b in itertools.pairwise(times)):
            raise DataError(f"history '{path}' is not hourly; write one with DEF_HIST_FREQ = 'HOURLY'.")
        # CoLM stamps the middle of the averaging interval.
        start = times[0] - timedelta(minutes=30)
        if start.minute or start.second:
            raise DataError(f"history '{path}' begins at {times[0]}; expected the middle of an hour.")
        n = len(times)
        fluxes = {ours: _history(file, name, (n,)) for ours, name in HISTORY.items()}
        theta = _history(file, "f_h2osoi", (n, N_SOIL))
        t_soil = _history(file, "f_t_soisno", (n, N_SNOW + N_SOIL))[:, N_SNOW:]
    return PointHistory(start, fluxes, theta, t_soil)


def _history(file: NetcdfFile, name: str, shape: tuple[int, ...]) -> FloatArray:
    values = file.values(name)
    if values.size != np.prod(shape):
        raise DataError(f"'{name}' in '{file.path}' has dimensions {file.dims(name)}; expected one patch, {shape}.")
    values = values.reshape(shape)
    values[values < 0.99 * CoLM_MISSING] = np.nan
    return values


def _patch(file: NetcdfFile, name: str, shape: tuple[int, ...]) -> FloatArray:
    values = file.values(name)
    if values.shape != (1, *shape):
        raise DataError(
            f"'{name}' in '{file.path}' has dimensions {file.dims(name)}; expected one patch, {shape or 'one number'}."
        )
    if not np.isfinite(values).all() or (values < 0.99 * CoLM_MISSING).any():
        raise DataError(f"'{name}' in '{file.path}' has missing values.")
    found: FloatArray = values[0]
    return found
