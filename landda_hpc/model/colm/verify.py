"""Verification that this software reads a case as the model does: cell means of restarts against history files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from landda_hpc.cell_means import cell_means
from landda_hpc.constants import N_SNOW, N_SOIL, CoLM_MISSING, FloatArray
from landda_hpc.errors import DataError
from landda_hpc.formats.colm.case import ColmCase
from landda_hpc.formats.colm.history import list_history, read_history
from landda_hpc.formats.colm.mapping import read_mesh
from landda_hpc.formats.colm.netcdf import open_colm_file
from landda_hpc.formats.colm.restart import BlockConstants, check_restart, read_constants, read_variables
from landda_hpc.model.colm.patches import Patches, read_patches
from landda_hpc.state import soil_moisture

TOLERANCE: Final = 1e-12
"""Largest relative difference that counts as equal, because the history is summed in a different order."""


@dataclass(frozen=True)
class HistoryVariable:
    """A variable in both restart and history.

    Attributes
    ----------
    restart : name in the restart (``h2osoi``, volumetric soil water, is computed).
    first_type, last_type : range of patch types that the mean includes.
    is_instantaneous : the history contains the value at the end of its interval, not a mean.
    """

    restart: str
    last_type: int
    first_type: int = 0
    is_instantaneous: bool = False


_EVERY, _LAND, _GROUND, _VEGETATED = 98, 4, 3, 2

VARIABLES: Final[dict[str, HistoryVariable]] = {
    "f_wliq_soisno": HistoryVariable("wliq_soisno", _GROUND),
    "f_wice_soisno": HistoryVariable("wice_soisno", _GROUND),
    "f_t_soisno": HistoryVariable("t_soisno", _GROUND),
    "f_h2osoi": HistoryVariable("h2osoi", _VEGETATED),
    "f_zwt": HistoryVariable("zwt", _VEGETATED),
    "f_vegwp": HistoryVariable("vegwp", _VEGETATED),
    "f_wa": HistoryVariable("wa", _LAND),
    "f_wa_inst": HistoryVariable("wa", _LAND, is_instantaneous=True),
    "f_wdsrf": HistoryVariable("wdsrf", _LAND),
    "f_wdsrf_inst": HistoryVariable("wdsrf", _LAND, is_instantaneous=True),
    "f_wetwat": HistoryVariable("wetwat", 2, 2),
    "f_wetwat_inst": HistoryVariable("wetwat", 2, 2, is_instantaneous=True),
    "f_t_lake": HistoryVariable("t_lake", 4, 4),
    "f_lake_icefrac": HistoryVariable("lake_icefrc", 4, 4),
    "f_t_grnd": HistoryVariable("t_grnd", _EVERY),
    "f_tleaf": HistoryVariable("tleaf", _EVERY),
    "f_ldew": HistoryVariable("ldew", _EVERY),
    "f_scv": HistoryVariable("scv", _EVERY),
    "f_snowdp": HistoryVariable("snowdp", _EVERY),
    "f_fsno": HistoryVariable("fsno", _EVERY),
    "f_sigf": HistoryVariable("sigf", _EVERY),
    "f_green": HistoryVariable("green", _EVERY),
    "f_lai": HistoryVariable("lai", _EVERY),
    "f_sai": HistoryVariable("sai", _EVERY),
    "f_emis": HistoryVariable("emis", _EVERY),
    "f_z0m": HistoryVariable("z0m", _EVERY),
    "f_trad": HistoryVariable("trad", _EVERY),
    "f_tref": HistoryVariable("tref", _EVERY),
    "f_qref": HistoryVariable("qref", _EVERY),
    "f_rss": HistoryVariable("rss", _EVERY),
}


@dataclass(frozen=True)
class Comparison:
    """One variable at one time: cell means of the restart against the history.

    Attributes
    ----------
    variable : name in the history.
    time : time of the restart.
    n_values : number of compared values, cells x levels.
    largest_difference : largest absolute difference, in the variable's unit.
    largest_relative : largest |restart - history| / max(|history|, |restart|); 0 where both are 0.
    """

    variable: str
    time: datetime
    n_values: int
    largest_difference: float
    largest_relative: float

    @property
    def agrees(self) -> bool:
        """Whether the relative difference is within ``TOLERANCE``."""
        return self.largest_relative <= TOLERANCE


def verify_case(case: ColmCase) -> Iterator[Comparison]:
    """Compare all times for which both a restart and a history exist, one after another. Local.

    Only histories of single time steps can be compared (DEF_HIST_FREQ TIMESTEP, or instantaneous variables of any
    frequency), because restarts contain no means over several steps. Each restart is first checked for completeness.

    Yields
    ------
    One comparison per variable and time.

    Raises
    ------
    DataError : there is nothing to compare, or a cell is missing in either the restart or the history.
    """
    times = set(case.times())
    constants = {block: read_constants(case, block) for block in case.blocks}
    mesh = read_mesh(case)
    patches = read_patches(case, mesh, constants=constants)
    counts = {block: part.n_patch for block, part in constants.items()}
    n_compared, n_files = 0, 0
    for history in list_history(case):
        n_files += 1
        for step, stamp in enumerate(history.stamps):
            offset = history.offset
            time = stamp + (offset or timedelta(0))
            if time not in times:
                continue
            names = [n for n in history.variables if n in VARIABLES]
            if offset is None or offset:
                names = [n for n in names if VARIABLES[n].is_instantaneous] if offset else []
            if not names:
                continue
            check_restart(case, time, counts)
            available = _restart_variables(case, time)
            for name in names:
                if VARIABLES[name].restart not in available:
                    continue
                values = _restart_values(case, time, constants, patches, VARIABLES[name].restart)
                kinds = VARIABLES[name]
                of_kind = (patches.patchtype >= kinds.first_type) & (patches.patchtype <= kinds.last_type)
                # At a single point the model writes its patch unchanged, regardless of its type.
                takes_part = of_kind & patches.is_active | case.is_single_point
                means = cell_means(patches.cell, patches.fraction, takes_part, values, missing=CoLM_MISSING)
                theirs = read_history(history, name, step, mesh.grid)[np.unique(patches.cell)]
                comparison = compare_means(history.path, name, time, means, theirs)
                if comparison.n_values:
                    n_compared += 1
                    yield comparison
    if n_compared == 0:
        raise DataError(
            f"{case.name}: {n_files} history files and {len(times)} restarts, but no history of one time step with a "
            "restart of the same time. Run two steps or more with DEF_HIST_FREQ = 'TIMESTEP' and DEF_WRST_FREQ = "
            "'TIMESTEP'."
        )


def _restart_variables(case: ColmCase, time: datetime) -> set[str]:
    with open_colm_file(case.state_file(time, case.blocks[0])) as file:
        names = set(file.variables)
    return names | {"h2osoi"}


def _restart_values(
    case: ColmCase, time: datetime, constants: dict[str, BlockConstants], patches: Patches, name: str
) -> FloatArray:
    parts = {}
    for block in case.blocks:
        n_patch = constants[block].n_patch
        if name == "h2osoi":
            water = read_variables(case, time, block, ("wliq_soisno", "wice_soisno"), n_patch)
            soil = slice(N_SNOW, N_SNOW + N_SOIL)
            parts[block] = soil_moisture(water["wliq_soisno"][:, soil], water["wice_soisno"][:, soil])
        else:
            parts[block] = read_variables(case, time, block, (name,), n_patch)[name].reshape(n_patch, -1)
    return patches.gather(case, parts)


def compare_means(path: Path, name: str, time: datetime, ours: FloatArray, theirs: FloatArray) -> Comparison:
    """Compare cell means of a restart with those of the model's file; NaN where there is none. Local.

    Raises
    ------
    DataError : their levels differ, or a cell has a value in one of them only.
    """
    if ours.shape != theirs.shape:
        raise DataError(f"{path}: '{name}' has {theirs.shape[1]} levels; the restart has {ours.shape[1]}.")
    if np.any(np.isnan(ours) != np.isnan(theirs)):
        where = int(np.argmax(np.any(np.isnan(ours) != np.isnan(theirs), axis=1)))
        raise DataError(
            f"{path}: '{name}' at {time}: land cell {where} has a value in either the restart or the history, "
            "but not in both. Do they use the same mask (patchmask, missing forcing)?"
        )
    known = np.isfinite(ours)
    difference = np.abs(ours - theirs)[known]
    scale = np.maximum(np.abs(ours), np.abs(theirs))[known]
    relative = np.divide(difference, scale, out=np.zeros_like(difference), where=scale > 0.0)
    return Comparison(
        name, time, int(known.sum()), float(difference.max(initial=0.0)), float(relative.max(initial=0.0))
    )
