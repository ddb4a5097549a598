"""What can be known to go wrong before a campaign starts: files and packages that are not there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel

from landda_hpc.campaign.assembly import make_frame
from landda_hpc.campaign.treatment import find_unusable
from landda_hpc.config import CampaignConfig, FrameConfig
from landda_hpc.errors import LandDAError
from landda_hpc.grid import Grid
from landda_hpc.observation.source import ObservationSource, Survey


def survey_analyses(config: CampaignConfig, source: ObservationSource) -> Survey:
    """Which analysis times have observations, and whether the first of them can be read. Local."""
    survey = source.survey([config.time.valid_time(n) for n in range(1, config.time.n_analyses + 1)])
    return replace(survey, unreadable=source.probe(survey))


def find_problems(config: CampaignConfig, survey: Survey, grid: Grid) -> list[str]:
    """Everything that would stop the campaign later, one line each; empty if it can start. Local.

    Parameters
    ----------
    config : a valid configuration.
    survey : of the analysis times.
    grid : the model grid; every run's frame is built on it.
    """
    problems = list(survey.problems)
    for where, path in [("model.initial_file", config.model.initial_file), *_files_of_runs(config)]:
        if path is not None and not (config.data_root / path).is_file():
            problems.append(
                f"{where}: '{config.data_root / path}' does not exist. Check data_root ({config.data_root}) and name."
            )
    problems += find_unusable(config, grid)
    for run in config.runs:
        frame = getattr(run, "frame", None)
        if isinstance(frame, FrameConfig):
            try:
                make_frame(frame, grid)
            except LandDAError as error:
                problems.append(f"run '{run.name}', frame: {error}")
    return problems


def _files_of_runs(config: CampaignConfig) -> list[tuple[str, Path]]:
    """Every file that a run's configuration names, with its place."""
    found: list[tuple[str, Path]] = []

    def look(section: BaseModel, where: str) -> None:
        for name in type(section).model_fields:
            value = getattr(section, name)
            if isinstance(value, Path):
                found.append((f"{where}.{name}", value))
            elif isinstance(value, BaseModel):
                look(value, f"{where}.{name}")

    for run in config.runs:
        look(run, f"run '{run.name}'")
    if config.observations.withheld is not None:
        look(config.observations.withheld, "observations.withheld")
    return found
