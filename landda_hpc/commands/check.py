"""``landda check``: whether a campaign can run, and what resources it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from landda_hpc.commands.console.options import ConfigFile, SetOption, parse_overrides
from landda_hpc.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from landda_hpc.campaign.trial import Trial
    from landda_hpc.config import CampaignConfig, Run


def command(
    file: ConfigFile,
    overrides: SetOption = None,
    ranks: Annotated[
        int, typer.Option("--ranks", "-n", min=1, help="Number of ranks for the estimate of resources.")
    ] = 1,
    trial: Annotated[
        bool,
        typer.Option(
            "--trial/--no-trial", help="Run three cycles in a temporary folder to measure memory, disk and time."
        ),
    ] = True,
) -> None:
    """Check a configuration: list all problems at once, then the resources that the campaign needs.

    Memory per rank, disk space and core time are extrapolated from three cycles, which are run on one process, on a
    coarser grid if the grid is large. With --no-trial, or with your own model, memory and disk space are estimated from
    sizes, to within a factor of two. The innovations of the two analyses in these cycles are compared with the errors
    that each run assumes, B + R; a warning appears if they do not fit.
    """
    from landda_hpc.campaign.estimate import estimate, kept_checkpoints, measure, needs
    from landda_hpc.campaign.preflight import find_problems, open_products, survey_analyses
    from landda_hpc.config import load_config
    from landda_hpc.evaluation.evaluation_preflight import find_verification_problems
    from landda_hpc.evaluation.referee import open_referee
    from landda_hpc.evaluation.station_sources import open_stations
    from landda_hpc.instances.campaign_weather import weather_problems
    from landda_hpc.instances.model_section import ModelSection
    from landda_hpc.instances.spun_up_start import initial_problems
    from landda_hpc.observation.catalogue import Catalogue

    config = load_config(file, parse_overrides(overrides))
    sizes = measure(config, ranks)
    # A survey looks for files by name only, so the grid from the estimate will do.
    time, depth_m, domain = config.time, config.observations.depth_m, sizes.domain
    catalogue = Catalogue(config.catalogue, config.data_root)
    opened = open_products(config.compared_products, catalogue, time, config.seed, domain)
    surveys = {section: survey_analyses(time, source, section) for section, source in opened.items()}
    survey = surveys.pop("observations")
    referee = open_referee(config.referee, catalogue, time, config.seed, depth_m, domain)
    if referee is not None:
        surveys["referee"] = survey_analyses(time, referee, "referee")
    stations = open_stations(config.stations, catalogue, time, config.seed, depth_m, domain)
    problems = [f"{section}: {problem}" for section, found in surveys.items() for problem in found.problems]
    problems += find_problems(config, survey, sizes.grid, domain.case)
    problems += weather_problems(config.model, config.forcing, time, config.data_root, domain)
    problems += find_verification_problems(config.verification, catalogue, time, config.output.series, sizes.grid)
    problems += initial_problems(config, domain, is_whole=not sizes.is_scaled)
    if problems:
        raise ConfigError(problems)
    measured, why_not = _try(config) if trial else (None, "--no-trial")
    model, n_kept = ModelSection.of(config.model), kept_checkpoints(time, config.checkpoint)
    console = Console()
    console.print(f"{file}: campaign {config.name} can run", soft_wrap=True)
    table = Table(show_header=False)
    about = f"about {{}}, by a count on {sizes.domain.grid.describe()}" if sizes.is_scaled else "{}"
    for key, value in (
        ("period", f"{config.time.start} to {config.time.end}"),
        ("cycles", f"{config.time.n_cycles}, {config.time.n_analyses} of them with an analysis"),
        ("grid", sizes.grid.describe()),
        ("tiles", about.format(f"{sizes.n_tiles} in {sizes.n_land} land cells")),
        ("instances", _instances(config.runs, has_nature=config.twin is not None)),
        ("layout", sizes.domain.layout.describe()),
        ("observations", survey.describe()),
        *((section, found.describe()) for section, found in surveys.items()),
        *((("stations", stations.survey(time.analyses).describe()),) if stations is not None else ()),
        *estimate(needs(config, sizes, measured), sizes, why_not).items(),
        *model.estimate(config.windows, domain.case, len(config.instance_names), n_kept).items(),
    ):
        table.add_row(key, value)
    console.print(table)
    for warning in () if measured is None else measured.warnings:
        console.print(f"Warning, from two analyses: {warning}", highlight=False)


def _instances(runs: Sequence[Run], *, has_nature: bool) -> str:
    """Names of the instances; an ensemble with the number of its members."""
    names = [run.name + ("" if run.ensemble is None else f" ({run.ensemble.members} members)") for run in runs]
    return ", ".join(["nature"] * has_nature + names)


def _try(config: CampaignConfig) -> tuple[Trial | None, str]:
    """Trial run of a campaign, or the reason why it could not be run."""
    from landda_hpc.campaign.trial import TrialError, run_trial
    from landda_hpc.commands.console.logs import waiting

    try:
        with waiting("running three cycles to measure them"):
            return run_trial(config), ""
    except TrialError as error:
        if error.of_campaign:
            raise ConfigError(str(error)) from error
        return None, str(error)
