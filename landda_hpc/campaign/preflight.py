"""Problems that can be found before a campaign starts: missing files and packages."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from landda_hpc.analysis.vertical import read_regression
from landda_hpc.campaign.observation_preparation import find_unusable
from landda_hpc.config import CampaignConfig, Run, TimeConfig
from landda_hpc.errors import LandDAError, MissingFileError
from landda_hpc.grid import Grid
from landda_hpc.instances.colm_case import CaseDomain
from landda_hpc.instances.model_section import ModelSection
from landda_hpc.methods.base.assembly import make_method
from landda_hpc.methods.base.curvelet_frame import check_frame
from landda_hpc.observation.source import ObservationSource, Survey
from landda_hpc.observation.withheld import Withholding
from landda_hpc.parallel.communicator import SerialCommunicator

INITIAL_FILE: Final = "model.initial_file"


def survey_analyses(time: TimeConfig, source: ObservationSource, section: str = "observations") -> Survey:
    """Find the analysis times with observations, and check that the first can be read. Local.

    Parameters
    ----------
    section : of the configuration that names the source.
    """
    survey = source.survey(time.analyses)
    return replace(survey, unreadable=source.probe(survey), section=section)


def find_problems(
    config: CampaignConfig, survey: Survey, grid: Grid, case: CaseDomain | None = None, *, begins: bool = True
) -> list[str]:
    """Problems that would stop the campaign later, one line each; empty if it can start. Local.

    Parameters
    ----------
    config : a valid configuration.
    survey : of the analysis times.
    grid : the model grid, which every run's frame must fit.
    case : the CoLM case of the campaign, if it has one.
    begins : whether the campaign reads its initial state; a resumed one does not.
    """
    problems = list(survey.problems)
    missing = set()
    embedded = config.model.embedded
    is_folder = embedded is not None and embedded.file_of("restart") is not None
    sections: list[tuple[BaseModel, str]] = [(config.model, "model")]
    sections += [(run, f"run '{run.name}'") for run in config.runs]
    for name, observed in (("observations", config.observations), ("referee", config.referee)):
        checks = () if observed is None else observed.quality.checks
        sections += [(check, f"{name}.quality.checks.{k}") for k, check in enumerate(checks)]
    if config.observations.withheld is not None:
        sections.append((config.observations.withheld, "observations.withheld"))
    for where, path in (found for section, place in sections for found in _files_of_section(section, place)):
        if where == INITIAL_FILE and (not begins or is_folder):
            continue  # not read, or a folder that is checked with the tiles
        if not (config.data_root / path).is_file():
            missing.add(where)
            problems.append(
                f"{where}: '{config.data_root / path}' does not exist. Check data_root ({config.data_root}) and name."
            )
    problems += find_unusable(config.observations, grid, config.data_root, config.seed)
    if config.referee is not None:
        problems += find_unusable(config.referee, grid, config.data_root, config.seed, "referee")
    if config.observations.withheld is not None:
        try:
            Withholding(config.observations.withheld, grid, config.seed, config.data_root, config.time.analyses)
        except MissingFileError:
            pass  # said above
        except LandDAError as error:
            problems.append(str(error))
    problems += ModelSection.of(config.model).start_problems(config.time, config.data_root, case, begins=begins)
    for run in config.runs:
        are_missing = any(f"'{run.name}'" in where for where in missing)
        depth_m = config.observations.depth_m
        problems += _problems_of_run(run, grid, config.seed, config.data_root, depth_m, are_missing=are_missing)
    return problems


def _problems_of_run(
    run: Run, grid: Grid, seed: int, data_root: Path, depth_m: tuple[float, float], *, are_missing: bool
) -> list[str]:
    """Problems of a run's method: its frame, and every file that it reads, checked with the campaign's reader."""
    if run.curvelet_frame is not None:
        try:
            check_frame(run.curvelet_frame, grid)
        except LandDAError as error:
            return [f"run '{run.name}', frame: {error}"]
    if are_missing:
        return []
    try:
        if run.slopes is not None and run.slopes.file is not None:
            read_regression(data_root / run.slopes.file, grid, depth_m)
        if _files_of_section(run, ""):
            make_method(run, grid, SerialCommunicator(), seed, data_root)
    except LandDAError as error:
        return [f"run '{run.name}': {error}"]
    return []


def _files_of_section(section: BaseModel, where: str) -> list[tuple[str, Path]]:
    found: list[tuple[str, Path]] = []
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, Path):
            found.append((f"{where}.{name}", value))
        elif isinstance(value, BaseModel):
            found += _files_of_section(value, f"{where}.{name}")
    return found
