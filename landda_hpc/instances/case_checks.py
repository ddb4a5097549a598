"""Problems of a CoLM case that would stop a campaign later: unsupported builds, and settings of its namelists."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from landda_hpc.config import ColmModelConfig, TimeConfig
from landda_hpc.errors import ConfigError, LandDAError
from landda_hpc.formats.colm.names import time_label
from landda_hpc.formats.colm.restart_files import require_complete, restart_files
from landda_hpc.instances.colm_case import CaseDomain, read_forcing
from landda_hpc.model.colm.build import CAMA, LULCC, build_options
from landda_hpc.model.colm.forcing_files import file_problems, stated_problems
from landda_hpc.model.colm.namelist import Namelist
from landda_hpc.model.colm.namelist_paths import overlong, paths
from landda_hpc.model.colm.process import launch_command
from landda_hpc.model.colm.window import window_values

DEFAULT_TIMESTEP_S: Final = 1800.0
"""CoLM's default of DEF_simulation_time%timestep."""

LONGEST_TIMESTEP_S: Final = 3600.0
"""CoLM aborts with a longer time step."""

_OWN_ASSIMILATION: Final = ("DEF_DA_SM", "DEF_DA_TWS", "DEF_DA_ENS_SM")
_FOLDERS_OF_OTHER_VERSIONS: Final = ("DEF_dir_landdata", "DEF_dir_restart", "DEF_dir_history")
_READ_AT_RUN_TIME: Final = (
    "def_dir_runtime", "def_hist_vars_namelist", "def_unitcatchment_file", "def_reservoirpara_file",
    "def_elementneighbour_file", "def_ds_hirestopographydatadir",
)  # fmt: skip
"""Paths that colm.x itself reads if its build needs them; others are used to prepare a case."""

_HISTORY_S: Final = {"HOURLY": 3600, "DAILY": 86400, "MONTHLY": 28 * 86400, "YEARLY": 365 * 86400}


def unsupported(case: CaseDomain, executable: Path | None) -> list[str]:
    """Reasons why the real model cannot be run in windows on a case, one line each; empty if it can. Local.

    Parameters
    ----------
    executable : the model's program, if it is known; its build options take precedence over signs in the case.
    """
    namelist, files, where = case.namelist, case.case, f"namelist '{case.namelist.source}'"
    options = build_options(executable) if executable is not None else None
    cama, lulcc = namelist.text_value("DEF_CaMa_Namelist"), namelist.number("DEF_LULCC_SCHEME")
    problems = []
    sign = None
    if options is not None:
        sign = f"'{executable}' is built with CaMa-Flood" if CAMA in options else None
    elif cama is not None and cama.lower() not in ("", "null"):
        sign = f"{where} names DEF_CaMa_Namelist = '{cama}'"
    elif (files.restart / "CaMa").is_dir():
        sign = f"the case has restarts of CaMa-Flood ({files.restart / 'CaMa'})"
    if sign is not None:
        problems.append(
            f"{sign}: CaMa-Flood keeps rivers in separate restarts, named in its namelist, which a campaign does "
            "not carry from window to window. Use a build of CoLM without it (GridRiverLakeFlow is supported), and "
            "remove DEF_CaMa_Namelist and restart/CaMa."
        )
    sign = None
    if options is not None:
        sign = f"'{executable}' is built with LULCC" if LULCC in options else None
    elif lulcc is not None:
        sign = f"{where} has DEF_LULCC_SCHEME"
    elif files.landdata is not None and (files.landdata / "lulcc").is_dir():
        sign = f"the case has transfers of land use ({files.landdata / 'lulcc'})"
    if sign is not None:
        problems.append(
            f"{sign}: with LULCC the patches change from year to year, so the restarts of a campaign do not have "
            "a constant set of patches. Use a build without LULCC (DEF_LC_YEAR), and remove DEF_LULCC_SCHEME."
        )
    own = [key for key in _OWN_ASSIMILATION if namelist.logical(key)]
    if own:
        problems.append(
            f"{where}: {', '.join(own)} = .true.: CoLM's own assimilation would run inside the windows. Set it to "
            ".false."
        )
    other = [key for key in _FOLDERS_OF_OTHER_VERSIONS if key in namelist]
    if other:
        problems.append(
            f"{where}: {', '.join(other)}: CoLM202X derives these folders from DEF_dir_output and DEF_CASE_NAME, as "
            "the windows of a campaign do. Remove these keys, or use the namelist of a CoLM202X case."
        )
    return problems


def model_problems(
    clock: TimeConfig, data_root: Path, model: ColmModelConfig, case: CaseDomain, *, begins: bool
) -> list[str]:
    """Problems that would stop the real model in the campaign, one line each. Local.

    Parameters
    ----------
    begins : whether the campaign starts from the case's restart; a resumed one does not.
    """
    program = data_root / model.executable
    problems: list[str] = []
    if program.is_file() and not os.access(program, os.X_OK):
        problems.append(f"model.executable: '{program}' is not executable (chmod +x).")
    problems += _problems_of_launch(model, program)
    problems += unsupported(case, program if program.is_file() else None)
    if begins and model.initial == "case":
        problems += _problems_of_start(clock.start, case)
    problems += _problems_of_namelist(clock, case.namelist)
    problems += _problems_of_forcing(clock, case.namelist)
    problems += _problems_of_leaf_area(clock, case)
    return problems


def remarks(cycle_hours: int, model: ColmModelConfig, case: CaseDomain) -> list[str]:
    """Settings that do not stop the model but may not be intended, one line each. Local."""
    frequency = (case.namelist.text_value("DEF_HIST_FREQ") or "none").upper()
    found = []
    if model.keep_history and frequency == "NONE":
        found.append("model.keep_history: DEF_HIST_FREQ of the case is 'none', so there is no history to keep")
    elif model.keep_history and _HISTORY_S.get(frequency, 0) > 3600 * cycle_hours:
        found.append(
            f"model.keep_history: DEF_HIST_FREQ = '{frequency}' exceeds a window of {cycle_hours} h; "
            "the model writes a mean at the end of each window, of that window alone"
        )
    return found


def runs_on_disk(model: ColmModelConfig, case: CaseDomain, runs: int, start: datetime, kept: int) -> str:
    """Disk space of the real model's runs, from the size of the case's restart. Local."""
    files = case.case
    time = start if files.state_folder(start).is_dir() else max(files.times(), default=None)
    if time is None:
        return f"{runs} runs, {model.side_by_side} at a time; the case has no restart, of which the size would be known"
    size = sum((files.state_folder(time) / file.path).stat().st_size for file in restart_files(files, time))
    # In addition to those that are kept: a window's start, its copy, and its end.
    disk = runs * size * (max(model.keep_restarts, kept) + 3)
    return (
        f"{runs} runs, {model.side_by_side} at a time; a restart has {size / 1e6:.1f} MB, "
        f"all that are kept about {disk / 1e9:.2f} GB"
    )


def time_step(namelist: Namelist) -> float:
    """The model's time step, s."""
    step = namelist.number("DEF_simulation_time%timestep")
    return DEFAULT_TIMESTEP_S if step is None else step


def _problems_of_launch(model: ColmModelConfig, program: Path) -> list[str]:
    try:
        words = launch_command(model.launch, program, "case.nml", "", 0)
    except ConfigError as error:
        return list(error.problems)
    search = model.environment.get("PATH", os.environ.get("PATH"))
    if words and Path(words[0]) != program and shutil.which(words[0], path=search) is None:
        problem = (
            f"model.launch = '{model.launch}': there is no program '{words[0]}' on this machine. Name the launcher "
            f"with its path; the command is: {shlex.join(words)}."
        )
        return [problem]
    return []


def _problems_of_start(start: datetime, case: CaseDomain) -> list[str]:
    """Problems of the case's restart at the campaign's start."""
    files = case.case
    if not files.state_folder(start).is_dir():
        known = ", ".join(time_label(time) for time in files.times()) or "none"
        return [
            f"time.start: case {files.name} has no restart of {start.isoformat()} in {files.restart}; it has {known}."
        ]
    try:
        require_complete(files, start)
    except LandDAError as error:
        return [f"time.start: {error}"]
    return []


def _problems_of_namelist(clock: TimeConfig, namelist: Namelist) -> list[str]:
    where, problems = f"namelist '{namelist.source}'", []
    if namelist.logical("DEF_simulation_time%greenwich") is False:
        problems.append(
            f"{where}: DEF_simulation_time%greenwich = .false.: campaigns run on UTC. Set it to .true. and make the "
            "case's restarts of that clock."
        )
    step = time_step(namelist)
    if not 0.0 < step <= LONGEST_TIMESTEP_S or step != int(step):
        problems.append(
            f"{where}: time step of {step:g} s; CoLM takes whole seconds up to {LONGEST_TIMESTEP_S:g} s "
            "(DEF_simulation_time%timestep)."
        )
    elif (clock.cycle_hours * 3600) % step:
        problems.append(f"{where}: time step of {step:g} s does not divide the cycle of {clock.cycle_hours} h.")
    routing = namelist.number("DEF_GRIDBASED_ROUTING_MAX_DT")
    rivers = namelist.text_value("DEF_UnitCatchment_file") or "null"
    if routing and rivers.lower() != "null" and (clock.cycle_hours * 3600) % routing:
        problems.append(
            f"{where}: rivers take up runoff every {routing:g} s (DEF_GRIDBASED_ROUTING_MAX_DT), which does not divide "
            f"the cycle of {clock.cycle_hours} h: runoff that waits at the end of a window is in no restart and "
            "would be lost. Choose a divisor, e.g. 3600."
        )
    try:
        namelist.with_values(window_values(clock.start, clock.end))
    except LandDAError as error:
        problems.append(str(error))
    for key in overlong(namelist):
        problems.append(f"{where}: {key} has more than 256 characters, which CoLM would truncate. Use a shorter path.")
    for key, text in paths(namelist).items():
        if key in _READ_AT_RUN_TIME and not Path(text).is_absolute():
            problems.append(
                f"{where}: {key} = '{text}' is a relative path, but does not exist in "
                f"{Path(namelist.source).parent}. Give an absolute path: the model runs in folders of the campaign."
            )
    return problems


def _problems_of_forcing(clock: TimeConfig, namelist: Namelist) -> list[str]:
    try:
        forcing = read_forcing(namelist).namelist
    except LandDAError as error:
        return [str(error)]
    root = forcing.text_value("DEF_dir_forcing")
    if root is None or not Path(root).is_absolute():
        problem = (
            f"forcing namelist '{forcing.source}': DEF_dir_forcing = '{root}': expected an absolute path, or one that "
            f"refers to {Path(namelist.source).parent} and exists."
        )
        return [problem]
    problems = [
        f"forcing namelist '{forcing.source}': {key} has more than 256 characters, which CoLM would truncate."
        for key in overlong(forcing)
    ]
    begin, end, step = clock.start, clock.end, timedelta(seconds=time_step(namelist))
    try:
        return problems + stated_problems(forcing, begin, end) + file_problems(forcing, begin, end, step)
    except LandDAError as error:
        return [*problems, str(error)]


def _problems_of_leaf_area(clock: TimeConfig, case: CaseDomain) -> list[str]:
    """Months of the campaign without a file of leaf area, which the model reads at the start of each month."""
    namelist, files = case.namelist, case.case
    if files.landdata is None or not (files.landdata / "LAI").is_dir() or case.case.is_single_point:
        return []
    if namelist.logical("DEF_LAI_MONTHLY") is False:
        return []
    changes = namelist.logical("DEF_LAI_CHANGE_YEARLY") is not False
    first, last = (namelist.number(f"DEF_LAI_{name}_YEAR") for name in ("START", "END"))
    missing = []
    month = _next_month(clock.start)
    while month <= clock.end:
        year = month.year if changes else files.lc_year
        year = int(min(2020 if last is None else last, max(2000 if first is None else first, year)))
        folder = files.landdata / "LAI" / f"{year:04d}"
        name = re.compile(rf"LAI_[A-Za-z]+{month:%m}(_.*)?\.nc")
        if not folder.is_dir() or not any(name.fullmatch(path.name) for path in folder.iterdir()):
            missing.append(f"{folder}/LAI_*{month:%m}_*.nc")
        month = _next_month(month)
    if not missing:
        return []
    problem = (
        f"case {files.name} has no leaf area of {len(missing)} of the months that the campaign enters, the first is "
        f"{missing[0]}. Make it with mksrfdata.x for these years, or set DEF_LAI_CHANGE_YEARLY = .false."
    )
    return [problem]


def _next_month(time: datetime) -> datetime:
    return (time.replace(day=1, hour=0, minute=0, second=0) + timedelta(days=32)).replace(day=1)
