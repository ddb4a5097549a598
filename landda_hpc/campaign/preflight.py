"""What can be known to go wrong before a campaign starts: files and packages that are not there."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from landda_hpc.campaign.case import CaseDomain, read_namelist
from landda_hpc.campaign.treatment import find_unusable
from landda_hpc.campaign.verify.preflight import find_verification_problems
from landda_hpc.config import CampaignConfig, ColmModelConfig, FrameConfig
from landda_hpc.errors import ConfigError, LandDAError, MissingFileError
from landda_hpc.formats.colm.names import time_label
from landda_hpc.formats.colm.restart_files import require_complete
from landda_hpc.grid import Grid
from landda_hpc.methods.base.frames import check_frame
from landda_hpc.model.colm.process import launch_command
from landda_hpc.observation.source import ObservationSource, Survey
from landda_hpc.observation.withheld import Withholding

DEFAULT_TIMESTEP_S: Final = 1800.0
"""CoLM's own default of DEF_simulation_time%timestep."""

INITIAL_FILE: Final = "model.initial_file"


def survey_analyses(config: CampaignConfig, source: ObservationSource) -> Survey:
    """Which analysis times have observations, and whether the first of them can be read. Local."""
    survey = source.survey([config.time.valid_time(n) for n in range(1, config.time.n_analyses + 1)])
    return replace(survey, unreadable=source.probe(survey))


def find_problems(
    config: CampaignConfig, survey: Survey, grid: Grid, case: CaseDomain | None = None, *, begins: bool = True
) -> list[str]:
    """Everything that would stop the campaign later, one line each; empty if it can start. Local.

    Parameters
    ----------
    config : a valid configuration.
    survey : of the analysis times.
    grid : the model grid, which every run's frame must fit.
    case : the CoLM case of the campaign, if it has one.
    begins : whether it reads its initial state; one that goes on from a checkpoint does not.
    """
    problems = list(survey.problems)
    for where, path in _named_files(config):
        if where == INITIAL_FILE and not begins:
            continue
        if not (config.data_root / path).is_file():
            problems.append(
                f"{where}: '{config.data_root / path}' does not exist. Check data_root ({config.data_root}) and name."
            )
    problems += find_unusable(config, grid)
    problems += find_verification_problems(config, grid)
    if config.observations.withheld is not None:
        try:
            Withholding(config.observations.withheld, grid, config.seed, config.data_root, config.time.analyses)
        except MissingFileError:
            pass  # said above
        except LandDAError as error:
            problems.append(str(error))
    if isinstance(config.model, ColmModelConfig) and case is not None:
        problems += _problems_of_model(config, config.model, case, begins)
    for run in config.runs:
        frame = getattr(run, "frame", None)
        if isinstance(frame, FrameConfig):
            try:
                check_frame(frame, grid)
            except LandDAError as error:
                problems.append(f"run '{run.name}', frame: {error}")
    return problems


def _problems_of_model(config: CampaignConfig, model: ColmModelConfig, case: CaseDomain, begins: bool) -> list[str]:
    """What would stop the real model: its program, its start, its clock, its weather."""
    problems: list[str] = []
    program, namelist, where = config.data_root / model.executable, case.namelist, f"namelist '{case.namelist.source}'"
    if program.is_file() and not os.access(program, os.X_OK):
        problems.append(f"model.executable: '{program}' is not executable (chmod +x).")
    try:
        launch_command(model.launch, program, "case.nml", "", 0)
    except ConfigError as error:
        problems += error.problems
    if begins:
        problems += _problems_of_start(config, case)
    if namelist.logical("DEF_simulation_time%greenwich") is False:
        problems.append(
            f"{where}: DEF_simulation_time%greenwich = .false.: campaigns run on UTC. Set it to .true. and make the "
            "case's restarts of that clock."
        )
    step = namelist.number("DEF_simulation_time%timestep") or DEFAULT_TIMESTEP_S
    if (config.time.cycle_hours * 3600) % step:
        problems.append(f"{where}: time step of {step:g} s does not divide the cycle of {config.time.cycle_hours} h.")
    forcing = namelist.text_value("DEF_forcing_namelist")
    if forcing is None or not Path(forcing).is_file():
        problems.append(f"{where}: DEF_forcing_namelist = '{forcing}' does not exist; give an absolute path.")
    else:
        root = read_namelist(Path(forcing), "nl_colm_forcing").text_value("DEF_dir_forcing")
        if root is None or not Path(root).is_absolute():
            problems.append(f"forcing namelist '{forcing}': DEF_dir_forcing = '{root}'; give an absolute path.")
    return problems


def _problems_of_start(config: CampaignConfig, case: CaseDomain) -> list[str]:
    """What is wrong with the case's restart of the campaign's start."""
    files, start = case.case, config.time.start
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


def _named_files(config: CampaignConfig) -> list[tuple[str, Path]]:
    """Every file that the model, a run or the list of withheld observations names, with its place."""
    sections: list[tuple[BaseModel, str]] = [(config.model, "model")]
    sections += [(run, f"run '{run.name}'") for run in config.runs]
    if config.observations.withheld is not None:
        sections.append((config.observations.withheld, "observations.withheld"))
    return [found for section, where in sections for found in _files_of_section(section, where)]


def _files_of_section(section: BaseModel, where: str) -> list[tuple[str, Path]]:
    found: list[tuple[str, Path]] = []
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, Path):
            found.append((f"{where}.{name}", value))
        elif isinstance(value, BaseModel):
            found += _files_of_section(value, f"{where}.{name}")
    return found
