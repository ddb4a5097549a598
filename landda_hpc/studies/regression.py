"""Climatological vertical regression from pairs of model runs with the errors of a twin."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import numpy as np

from landda_hpc.analysis.vertical import N_MOMENTS, VerticalRegression, pair_moments, regress, write_regression
from landda_hpc.campaign.start import start_campaign
from landda_hpc.config import (
    METHODS,
    CampaignConfig,
    CheckpointConfig,
    OutputConfig,
    OverlapDepth,
    Run,
    TwinObservations,
)
from landda_hpc.constants import N_SOIL, FloatArray
from landda_hpc.errors import ConfigError, StorageError
from landda_hpc.image.aggregate import aggregate, volumetric_water
from landda_hpc.instances.domain import Domain
from landda_hpc.instances.instance import Instance
from landda_hpc.io.atomic import storage_errors
from landda_hpc.parallel.communicator import Communicator
from landda_hpc.parallel.roots import RootTraffic
from landda_hpc.parallel.together import together
from landda_hpc.regridding.depth import depth_weights
from landda_hpc.storage.output_folder import discard_campaign
from landda_hpc.verification.statistics.sample_size import pair_warnings

logger = logging.getLogger(__name__)


class BackgroundPairs:
    """Accumulates moments of the differences between the second and the first instance, per cell of this rank."""

    def __init__(self, weights: FloatArray) -> None:
        self._weights = weights
        self.moments: FloatArray | None = None

    def __call__(self, _time: datetime, instances: list[Instance]) -> None:
        first, second = instances
        if first.model is None or first.state is None or second.state is None:
            return
        difference = aggregate(first.model.tiles, volumetric_water(second.state) - volumetric_water(first.state))
        products = pair_moments(difference, self._weights)
        self.moments = products if self.moments is None else self.moments + products


def make_regression(
    config: CampaignConfig,
    world: Communicator,
    output: Path,
    *,
    n_pairs: int = 8,
    first_seed: int | None = None,
    run: str | None = None,
    prior_pairs: float = 4.0,
    limits: tuple[float, float] = (0.0, 1.0),
) -> VerticalRegression:
    """Run the pairs, regress, and write the slopes. Collective.

    Parameters
    ----------
    config : a twin campaign; the pairs have its errors, period and observed depth.
    output : netCDF file for ``depth.file`` of a run.
    n_pairs : pairs of model runs, each with its own weather and errors.
    first_seed : seed of the first pair; the others follow consecutively. Default: the campaign's seed plus 1000003.
    run : name of a run of the campaign: the second run of each pair assimilates like it, with observations from the
        first run, and the errors are those of its backgrounds. None: free runs.
    prior_pairs, limits : as in ``regress``.

    Returns
    -------
    The regression.

    Raises
    ------
    ConfigError : the campaign is not a twin, the run does not exist, or a pair has the campaign's seed.
    DataError, ModelError, StorageError : as a campaign.

    Notes
    -----
    The truth of the campaign is not used: it belongs to its seed, which no pair may have.
    """
    pairs = pair_configs(config, n_pairs, first_seed, run)
    weights = depth_weights(*config.observations.depth_m)
    gathered, cells = [], None
    for number, pair in enumerate(pairs, start=1):
        with _scratch(output, world) as folder:
            rows, domain = _run_pair(pair, world, folder)
        gathered.append(rows)
        cells = domain.cells
        if world.rank == 0:
            logger.info("pair %d of %d, seed %d: done", number, n_pairs, pair.seed)
    regression: VerticalRegression | None = None
    with together(world, f"writing {output}"):
        if world.rank == 0:
            assert cells is not None, "there is a pair"
            moments = np.stack([rows for rows in gathered if rows is not None])
            slopes, pooled = regress(moments, weights, prior_pairs=prior_pairs, limits=limits)
            images = np.stack([cells.to_image(slopes[:, k]) for k in range(N_SOIL)])
            regression = VerticalRegression(images, pooled, config.observations.depth_m)
            of_run = "free runs" if run is None else f"backgrounds of runs as '{run}'"
            source = (
                f"{n_pairs} pairs of {of_run}, seeds from {pairs[0].seed}, twin errors of campaign {config.name}, "
                f"{config.time.start.isoformat()} to {pairs[0].time.end.isoformat()} UTC; pooled slopes have the "
                f"weight of "
                f"{prior_pairs:g} pairs, limits {limits[0]:g} to {limits[1]:g}"
            )
            for warning in pair_warnings(n_pairs):
                logger.warning("%s", warning)
                source += f". {warning}"
            write_regression(output, cells.grid, regression, source)
    return world.broadcast(regression)


def pair_configs(
    config: CampaignConfig, n_pairs: int, first_seed: int | None = None, run: str | None = None
) -> list[CampaignConfig]:
    """The campaigns of the pairs: nature run and one run, over the assimilation window, without files. Local.

    Raises
    ------
    ConfigError : the campaign is not a twin, the run does not exist, or a pair has the campaign's seed.
    """
    if config.twin is None:
        raise ConfigError("pairs of model runs need the section 'twin' with the errors of the model.")
    chosen: Run = METHODS.make("control")
    if run is not None:
        of_name = {one.name: one for one in config.runs}
        if run not in of_name or not of_name[run].assimilates:
            raise ConfigError(f"--run {run}: no assimilating run of the campaign; it has {', '.join(of_name)}.")
        if of_name[run].needs_ensemble:
            raise ConfigError(f"--run {run}: its method analyses an ensemble; name a run with one state.")
        chosen = of_name[run].model_copy(update={"depth": OverlapDepth(), "drift": None, "ensemble": None})
    first = config.seed + 1000003 if first_seed is None else first_seed
    if config.seed in range(first, first + n_pairs):
        raise ConfigError(
            f"the pairs' seeds {first} to {first + n_pairs - 1} include the campaign's seed, {config.seed}; its "
            f"truth must "
            "not be used. Choose another first seed."
        )
    hours = config.time.cycle_hours * max(1, config.time.n_analyses)
    observed = config.observations
    if observed.kind != "twin":  # the pairs' truth is a model run, which is observed
        observed = TwinObservations(depth_m=observed.depth_m, error_std=observed.error_std)
    common = {
        "runs": (chosen,),
        "observations": observed,
        "time": config.time.model_copy(update={"end": config.time.valid_time(max(1, config.time.n_analyses))}),
        "output": OutputConfig(fields=(), figures=False, every_hours=hours),
        "checkpoint": CheckpointConfig(every_hours=hours, keep_last=1),
        "parallel": config.parallel.model_copy(update={"member_groups": 1}),
    }
    return [config.model_copy(update=common | {"seed": first + i}) for i in range(n_pairs)]


def _run_pair(config: CampaignConfig, world: Communicator, folder: Path) -> tuple[FloatArray | None, Domain]:
    """Moments of one pair, (n_cells, n_soil + 2), on roots. Collective."""
    observer = BackgroundPairs(depth_weights(*config.observations.depth_m))
    campaign = start_campaign(config, world, folder, observer=observer)
    try:
        campaign.run()
    finally:
        campaign.folder.unlock()
    return RootTraffic(world, campaign.domain.layout).gather(0, observer.moments, N_MOMENTS), campaign.domain


@contextmanager
def _scratch(output: Path, world: Communicator) -> Iterator[Path]:
    """A temporary folder next to the output for a campaign whose files are not needed; removed at the end."""
    folder = output.with_name(f".{output.name}.pair")
    with together(world, f"clearing {folder}"):
        if world.rank == 0:
            with storage_errors(output.parent, "making the folder"):
                output.parent.mkdir(parents=True, exist_ok=True)
            discard_campaign(folder)  # left by a killed command
    try:
        yield folder
    finally:
        if world.rank == 0:
            with suppress(StorageError):  # the error of the block is reported
                discard_campaign(folder)
