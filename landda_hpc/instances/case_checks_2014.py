"""Problems of a CoLM2014 case that would stop a campaign later: its program, namelist, surface data and restarts."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from landda_hpc.config import ColmProgramConfig, TimeConfig
from landda_hpc.constants import SECONDS_PER_DAY
from landda_hpc.errors import LandDAError
from landda_hpc.formats.colm.restart2014 import check_state_2014
from landda_hpc.instances.colm_case import CaseDomain
from landda_hpc.instances.program_checks import program_problems, start_problems, version_problem
from landda_hpc.model.colm.colm2014 import Colm2014, program_problem
from landda_hpc.model.colm.namelist import Namelist
from landda_hpc.model.colm.namelist_paths import LONGEST, exists, overlong

LEAF_AREA: Final = "model_LAI_patches.{day:03d}.bin"
"""Surface data that the program reads at the first step of every period of eight days."""

_PERIOD_DAYS: Final = 8
_FORCING_SUBFOLDER: Final = 64
"""Characters that the checks leave for the program's own part of the path of a forcing file."""


def problems_of_2014(
    clock: TimeConfig, data_root: Path, model: ColmProgramConfig, case: CaseDomain, *, begins: bool
) -> list[str]:
    """Problems that would stop CoLM2014 in the campaign, one line each. Local.

    Parameters
    ----------
    begins : whether the campaign starts from the case's restart; a resumed one does not.
    """
    if not isinstance(case.files, Colm2014):
        return [version_problem(model, case)]
    program = data_root / model.executable
    problems = program_problems(model, program)
    problems += unsupported_2014(case, program)
    if begins and model.initial == "case":
        problems += start_problems(clock.start, case.files) or _problems_of_state(clock.start, case.files, case)
    problems += _problems_of_step(clock, case.namelist)
    problems += _problems_of_paths(case.namelist)
    problems += _problems_of_leaf_area(clock, case.namelist)
    return problems


def unsupported_2014(case: CaseDomain, executable: Path | None) -> list[str]:
    """Reasons why CoLM2014 cannot be run in windows on a case, one line each; empty if it can. Local."""
    problems = []
    found = program_problem(executable) if executable is not None and executable.is_file() else None
    if found is not None:
        problems.append(f"model.executable: {found}")
    if case.namelist.logical("greenwich") is not True:
        problems.append(
            f"namelist '{case.namelist.source}': greenwich is not .true.: campaigns run on UTC. Set it to .true. and "
            "make the case's restarts of that clock."
        )
    return problems


def remarks_2014() -> str:
    """What a program of CoLM2014 must be, but what cannot be read off it, for ``landda check``."""
    return (
        "CoLM2014 writes restarts at a frequency that is fixed when it is compiled: it needs WR_HOURLY (WR_DAILY for "
        "windows that end at 00 UTC); it starts as many threads as OPENMP in its define.h says, for each run at a time"
    )


def time_step_2014(namelist: Namelist) -> float:
    """The model's time step, s; 0 if the namelist has none."""
    return namelist.number("deltim") or 0.0


def _problems_of_state(start: datetime, files: Colm2014, case: CaseDomain) -> list[str]:
    try:
        check_state_2014(files.case, start, case.tiles.n_patch[files.blocks[0]])
    except LandDAError as error:
        return [f"time.start: {error}"]
    return []


def _problems_of_step(clock: TimeConfig, namelist: Namelist) -> list[str]:
    where, step = f"namelist '{namelist.source}'", time_step_2014(namelist)
    if step <= 0.0 or step != int(step):
        return [f"{where}: deltim = {step:g} s; expected whole seconds."]
    for what, seconds in ((f"window of {clock.cycle_hours} h", clock.cycle_hours * 3600), ("day", SECONDS_PER_DAY)):
        if seconds % step:
            return [f"{where}: deltim = {step:g} s does not divide the {what}."]
    return []


def _problems_of_paths(namelist: Namelist) -> list[str]:
    where, problems = f"namelist '{namelist.source}'", []
    problems += [
        f"{where}: {key} has more than {LONGEST} characters, which CoLM2014 would truncate. Use a shorter path."
        for key in overlong(namelist)
    ]
    appended = {"dir_model_landdata": len(LEAF_AREA.format(day=1)), "dir_forcing": _FORCING_SUBFOLDER}
    for key, more in appended.items():
        text = namelist.text_value(key)
        if not text or not Path(text).is_absolute():
            problems.append(
                f"{where}: {key} = '{text or ''}': expected an absolute path, or one that exists in "
                f"{Path(namelist.source).parent}: the model runs in folders of the campaign."
            )
        elif len(text.encode()) <= LONGEST < len(text.encode()) + more:
            problems.append(
                f"{where}: {key} has {len(text.encode())} characters; with the {more} of a file's name it exceeds "
                f"{LONGEST}, where CoLM2014 would truncate it. Use a shorter path."
            )
        elif not text.endswith("/") and exists(Path(text)) and key != "dir_forcing":
            problems.append(f"{where}: {key} = '{text}' needs / at its end: CoLM2014 appends the names of files to it.")
    site = namelist.text_value("site") or ""
    if "/" in site:
        problems.append(f"{where}: site = '{site}' contains /; it is the beginning of file names.")
    return problems


def _problems_of_leaf_area(clock: TimeConfig, namelist: Namelist) -> list[str]:
    """Periods of the campaign without a file of leaf area; a build that computes leaf area has no file at all."""
    prefix = namelist.text_value("dir_model_landdata") or ""
    days = range(1, 367, _PERIOD_DAYS)
    if not any(exists(Path(prefix + LEAF_AREA.format(day=day))) for day in days):
        return []
    needed, time = [], clock.start + timedelta(days=1)
    before = _period(clock.start)
    while time <= clock.end:
        if _period(time) != before:
            before = _period(time)
            needed.append(prefix + LEAF_AREA.format(day=before))
        time += timedelta(days=1)
    missing = [name for name in dict.fromkeys(needed) if not exists(Path(name))]
    if not missing:
        return []
    problem = (
        f"namelist '{namelist.source}': {len(missing)} files of leaf area of the campaign's period do not exist, the "
        f"first is {missing[0]}. Make them with srf.x."
    )
    return [problem]


def _period(time: datetime) -> int:
    """First day of the year of the period of eight days."""
    return (time.timetuple().tm_yday - 1) // _PERIOD_DAYS * _PERIOD_DAYS + 1
