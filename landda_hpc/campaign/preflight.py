"""Before a campaign starts: its sources of observations, and problems such as missing files and packages."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from landda_hpc.analysis.vertical import read_regression
from landda_hpc.campaign.observation_preparation import find_unusable
from landda_hpc.config import CampaignConfig, Observations, Run, TimeConfig
from landda_hpc.errors import ConfigError, LandDAError, MissingFileError
from landda_hpc.evaluation.evaluation_preflight import find_verification_problems
from landda_hpc.evaluation.referee import open_referee
from landda_hpc.evaluation.station_sources import AssimilatedSource, open_stations
from landda_hpc.grid import Grid
from landda_hpc.instances.campaign_weather import weather_problems
from landda_hpc.instances.colm_case import CaseDomain
from landda_hpc.instances.domain import Domain
from landda_hpc.instances.model_section import ModelSection
from landda_hpc.instances.spun_up_start import initial_problems
from landda_hpc.methods.base.assembly import make_ensemble_method, make_method
from landda_hpc.methods.base.curvelet_frame import check_frame
from landda_hpc.observation.catalogue import Catalogue, open_source
from landda_hpc.observation.source import ObservationSource, Survey
from landda_hpc.observation.withheld import Withholding
from landda_hpc.parallel.communicator import Communicator, SerialCommunicator
from landda_hpc.parallel.together import together
from landda_hpc.storage.campaign_folder import CampaignFolder
from landda_hpc.storage.observation_survey import read_survey, write_survey
from landda_hpc.storage.retention import list_checkpoints

logger = logging.getLogger(__name__)

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
    is_stored = ModelSection.of(config.model).stored_states(config.data_root, config.time.start) is not None
    sections: list[tuple[BaseModel, str]] = [(config.model, "model")]
    sections += [(run, f"run '{run.name}'") for run in config.runs]
    for name, observed in config.observed_sections.items():
        sections += [(check, f"{name}.quality.checks.{k}") for k, check in enumerate(observed.quality.checks)]
    if config.observations.withheld is not None:
        sections.append((config.observations.withheld, "observations.withheld"))
    for where, path in (found for section, place in sections for found in _files_of_section(section, place)):
        if where == INITIAL_FILE and (not begins or is_stored):
            continue  # not read, or checked with the tiles
        if not (config.data_root / path).is_file():
            missing.add(where)
            problems.append(
                f"{where}: '{config.data_root / path}' does not exist. Check data_root ({config.data_root}) and name."
            )
    for name, observed in config.observed_sections.items():
        problems += find_unusable(observed, grid, config.data_root, config.seed, name)
    if config.observations.withheld is not None:
        try:
            Withholding(config.observations.withheld, grid, config.seed, config.data_root, config.time.analyses)
        except MissingFileError:
            pass  # said above
        except LandDAError as error:
            problems.append(str(error))
    problems += ModelSection.of(config.model).start_problems(config.windows, config.data_root, case, begins=begins)
    for run in config.runs:
        are_missing = any(f"'{run.name}'" in where for where in missing)
        depth_m = config.observations.depth_m
        problems += _problems_of_run(run, grid, config.seed, config.data_root, depth_m, are_missing=are_missing)
    return problems + _problems_of_font(config.output.figure_style.font)


def _problems_of_font(font: str) -> list[str]:
    if not font:
        return []
    # Imported here, because only a font of one's own needs the plotting library before the campaign.
    from landda_hpc.verification.figures.appearance import require_font

    try:
        require_font(font, "output.figure_style.font")
    except ConfigError as error:
        return [str(error)]
    return []


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
        if run.is_checked_by_building or _files_of_section(run, ""):
            make = make_method if run.ensemble is None else make_ensemble_method
            make(run, grid, SerialCommunicator(), seed, data_root)
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


@dataclass(frozen=True, eq=False)
class Sources:
    """Sources of the observations of a campaign.

    Attributes
    ----------
    observations : of the first product.
    products : of the further products by name; empty on ranks other than 0.
    referee, stations : on rank 0; None without, and on other ranks.
    """

    observations: ObservationSource
    products: Mapping[str, ObservationSource] = field(default_factory=dict)
    referee: ObservationSource | None = None
    stations: AssimilatedSource | None = None


def open_products(
    products: Mapping[str, Observations], catalogue: Catalogue, time: TimeConfig, seed: int, domain: Domain
) -> dict[str, ObservationSource]:
    """Open the sources of all products by section; errors as ``open_source``. Local."""
    return {
        section: open_source(product, catalogue, time, seed, domain.grid, domain.is_soil, domain.porosity)
        for section, product in products.items()
    }


def open_sources(
    config: CampaignConfig, domain: Domain, world: Communicator, resumed: CampaignFolder | None = None
) -> Sources:
    """The products, the referee and the stations, surveyed on rank 0; for a resumed campaign as at its start.

    Collective.
    """
    with together(world, "searching observations"):
        time, catalogue = config.time, Catalogue(config.catalogue, config.data_root)
        opened = open_products(config.compared_products, catalogue, time, config.seed, domain)
        source = opened.pop("observations")
        further = {section.removeprefix("products."): one for section, one in opened.items()}
        referee, stations = None, None
        if world.rank == 0:
            begins = resumed is None or not list_checkpoints(resumed.checkpoints)
            survey = _survey(time, source, None if resumed is None else resumed.survey_file, begins, "observations")
            of_others: list[str] = []
            for name, one in further.items():
                file = None if resumed is None else resumed.product_survey_file(name)
                found = _survey(time, one, file, begins, f"products.{name}")
                of_others += [f"products.{name}: {problem}" for problem in found.problems]
                logger.info("product %s: %s", name, found.describe())
            referee = open_referee(config.referee, catalogue, time, config.seed, config.observations.depth_m, domain)
            if referee is not None:
                file = None if resumed is None else resumed.referee_survey_file
                found = _survey(time, referee, file, begins, "referee")
                of_others += [f"referee: {problem}" for problem in found.problems]
                logger.info("referee: %s", found.describe())
            stations = open_stations(config.stations, catalogue, time, config.seed, config.observations.depth_m, domain)
            if stations is not None:
                logger.info("stations: %s", stations.survey(time.analyses).describe())
            # A campaign with a checkpoint no longer needs its initial state.
            problems = find_problems(config, survey, domain.grid, domain.case, begins=begins) + of_others
            problems += weather_problems(config.model, config.forcing, time, config.data_root, domain)
            of_verification = find_verification_problems(
                config.verification, catalogue, time, config.output.series, domain.grid
            )
            if resumed is None:
                problems += of_verification
            for problem in of_verification if resumed is not None else ():
                # A running campaign does not stop for this; verification reports what is missing.
                logger.warning("verification will be incomplete: %s", problem)
            problems += initial_problems(config, domain) if begins else []
            if problems:
                raise ConfigError(problems)
            logger.info("%s", survey.describe())
    return Sources(source, further, referee, stations)


def _survey(time: TimeConfig, source: ObservationSource, saved_in: Path | None, begins: bool, section: str) -> Survey:
    """The survey of a source; for a resumed campaign that of its start. Local: rank 0."""
    saved = None if saved_in is None else read_survey(saved_in)
    if saved is not None:
        source.recall(saved)
    survey = survey_analyses(time, source, section)
    if not begins and saved is None and source.surveyed:
        logger.warning("the survey of the %s at the start was not saved: the files that exist now are used", section)
    return survey


def save_surveys(folder: CampaignFolder, sources: Sources, world: Communicator) -> None:
    """Save the surveys of the start, unless they exist: later files are also late at a resume. Collective.

    Called before the first checkpoint; a campaign that fails earlier starts again, with the files that then exist. An
    extended campaign adds its further times.
    """
    with together(world, "saving the survey of observations"):
        files = [(sources.observations, folder.survey_file), (sources.referee, folder.referee_survey_file)]
        files += [(one, folder.product_survey_file(name)) for name, one in sources.products.items()]
        for one, file in files:
            if world.rank == 0 and one is not None and set(one.surveyed) - set(read_survey(file) or ()):
                write_survey(file, one.surveyed)
