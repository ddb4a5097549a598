"""Problems of a CoLM202X case that would stop a campaign later: unsupported builds, settings of its namelists."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from landda_hpc.config import ColmModelConfig, TimeConfig
from landda_hpc.errors import LandDAError
from landda_hpc.formats.colm.case import ColmCase
from landda_hpc.instances.colm_case import CaseDomain, read_forcing
from landda_hpc.instances.program_checks import program_problems, start_problems, version_problem
from landda_hpc.model.colm.build import CAMA, LULCC, build_options
from landda_hpc.model.colm.colm202x import Colm202X, window_values
from landda_hpc.model.colm.forcing_files import file_problems, stated_problems
from landda_hpc.model.colm.namelist import Namelist
from landda_hpc.model.colm.namelist_paths import overlong, paths

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
    namelist, files, where = case.namelist, _colm_case(case), f"namelist '{case.namelist.source}'"
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
    if not isinstance(case.files, Colm202X):
        return [version_problem(model, case)]
    program = data_root / model.executable
    problems = program_problems(model, program)
    problems += unsupported(case, program if program.is_file() else None)
    if begins and model.initial == "case":
        problems += start_problems(clock.start, case.files)
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


def time_step(namelist: Namelist) -> float:
    """The model's time step, s."""
    step = namelist.number("DEF_simulation_time%timestep")
    return DEFAULT_TIMESTEP_S if step is None else step


def _colm_case(case: CaseDomain) -> ColmCase:
    assert isinstance(case.files, Colm202X), "the caller knows the version"
    return case.files.case


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
        problems.append(f"{where}: time step of {step:g} s does not divide the window of {clock.cycle_hours} h.")
    routing = namelist.number("DEF_GRIDBASED_ROUTING_MAX_DT")
    rivers = namelist.text_value("DEF_UnitCatchment_file") or "null"
    if routing and rivers.lower() != "null" and (clock.cycle_hours * 3600) % routing:
        problems.append(
            f"{where}: rivers take up runoff every {routing:g} s (DEF_GRIDBASED_ROUTING_MAX_DT), which does not divide "
            f"the window of {clock.cycle_hours} h: runoff that waits at the end of a window is in no restart and "
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
    namelist, files = case.namelist, _colm_case(case)
    if files.landdata is None or not (files.landdata / "LAI").is_dir() or files.is_single_point:
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
