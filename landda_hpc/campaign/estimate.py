"""Predict the requirements of a campaign: ranks, memory, disk space, time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import numpy as np

from landda_hpc.campaign.monitoring import byte_size, duration
from landda_hpc.campaign.output_size import uses_writer_process, writer_memory
from landda_hpc.campaign.recorder import RecordSettings
from landda_hpc.campaign.trial import Trial
from landda_hpc.config import CampaignConfig, CheckpointConfig, KeepConfig, OutputConfig, Run, SeriesConfig, TimeConfig
from landda_hpc.grid import Grid
from landda_hpc.instances.campaign_spinup import trajectories
from landda_hpc.instances.domain import Domain, make_domain, make_grid
from landda_hpc.instances.instance import bare_instances
from landda_hpc.regridding.depth import layers_down_to
from landda_hpc.storage.record_retention import not_kept
from landda_hpc.storage.series_files import FLUXES
from landda_hpc.variables import STATE

LARGEST_COUNTED: Final = 200_000
"""Largest grid, in cells, whose tiles are built and counted (10 us per cell)."""

_MAP_WITH_ANALYSIS, _MAP_OF_FORECAST, _CURVES = 0.9e6, 0.5e6, 0.13e6  # bytes of the figures of one time, measured
_BASE_MEMORY = 250e6  # bytes of an interpreter with the libraries and the static fields, measured
_COEFFICIENTS = 7.5  # real numbers per pixel: coefficients of one member, curvelets finest
_REDUNDANCY = 16.0  # real numbers per pixel: coefficients, variances and workspace of one member, curvelets finest


@dataclass(frozen=True)
class Sizes:
    """Sizes that determine memory and disk space.

    Attributes
    ----------
    grid : the model grid.
    n_land, n_tiles : land cells and tiles.
    fullest : largest number of tiles on a rank, over all its instances.
    n_ranks, n_roots : ranks, and those of the root group.
    domain : the domain that was counted: the campaign's, or one on a coarser grid, whose numbers are scaled.
    is_scaled : whether the numbers are scaled.
    """

    grid: Grid
    n_land: int
    n_tiles: int
    fullest: int
    n_ranks: int
    n_roots: int
    domain: Domain
    is_scaled: bool


def measure(config: CampaignConfig, n_ranks: int) -> Sizes:
    """Count land cells and tiles; for a large grid, count on a coarser one and scale, which takes seconds. Local.

    Raises
    ------
    ConfigError, DataError : no land, or no soil, in the area.

    Notes
    -----
    The static fields have 0.5 degrees: a finer grid repeats them, so numbers scale with its cells. The
    tiles of a CoLM case are always counted, because they come from its files.
    """
    cells = config.grid.n_lat * config.grid.n_lon
    step = 1 if config.case is not None else math.ceil(math.sqrt(cells / LARGEST_COUNTED))
    shape = {"n_lat": max(17, config.grid.n_lat // step), "n_lon": max(17, config.grid.n_lon // step)}
    sample = config.model_copy(update={"grid": config.grid.model_copy(update=shape)}) if step > 1 else config
    domain = make_domain(sample, n_ranks)
    layout, ratio = domain.layout, (cells / domain.grid.n_cells if step > 1 else 1.0)
    fullest = max(
        (layout.tiles_of(r).stop - layout.tiles_of(r).start) * len(layout.instances_of(r))
        for r in range(layout.n_ranks)
    )
    return Sizes(
        make_grid(config.grid) if step > 1 else domain.grid,
        round(ratio * len(domain.cells)),
        round(ratio * len(domain.tiles)),
        round(ratio * fullest),
        layout.n_ranks,
        layout.n_roots,
        domain,
        step > 1,
    )


@dataclass(frozen=True)
class Needs:
    """Requirements of a campaign.

    Attributes
    ----------
    memory : largest memory of a rank, bytes.
    disk : of the whole folder at the end, bytes; ``parts`` : by kind.
    written_beside : temporary size of a checkpoint that is being written next to the older ones, bytes.
    core_seconds : summed over ranks, without waiting; None if not measured.
    writer : memory of the process that writes the files of a root, bytes; 0 without one.
    """

    memory: float
    disk: float
    parts: Mapping[str, float]
    written_beside: float
    core_seconds: float | None
    writer: float = 0.0


def needs(config: CampaignConfig, sizes: Sizes, trial: Trial | None) -> Needs:
    """Memory, disk and time of a campaign: from measured quantities and their frequency, or from sizes alone.

    Parameters
    ----------
    sizes : counted for a number of ranks.
    trial : of this configuration; None if it could not be run; numbers are then right to a factor of two.
    """
    clock, pixels = config.time, sizes.grid.n_cells
    instances = len(config.instance_names)
    state = 8 * sum(int(np.prod(STATE[name].shape, dtype=np.int64)) for name in config.state_names)
    kept = kept_checkpoints(config.time, config.checkpoint)
    with_analysis, without = _image_times(config.time, config.output)
    kept_series, means = _kept_series(config.time, config.output.series)
    days = math.ceil(clock.n_cycles * clock.cycle_hours / 24.0)
    members = max((run.shared_members or 0 for run in config.runs), default=0)
    records, writer = RecordSettings.of(config), 0.0
    if uses_writer_process(config.parallel, records, pixels):
        writer = writer_memory(records, pixels, sizes.n_land, sizes.n_roots)
    if trial is None:
        checkpoint = sizes.n_tiles * state * instances
        share = -(-members // sizes.n_roots)
        memory = _BASE_MEMORY + sizes.fullest * state * 1.5 + sizes.n_tiles * 500
        n_images = len(config.runs) + (config.twin is not None)
        memory += 8.0 * pixels * (share + _REDUNDANCY * (2 + n_images))
        for n in (run.ensemble.members for run in config.runs if run.ensemble is not None):
            # Rows of the members before and after the analysis, and their coefficients.
            memory += 16.0 * n * sizes.n_land * (1 + sizes.domain.columns.size / sizes.n_roots)
            memory += 8.0 * pixels * (1 + _COEFFICIENTS) * math.ceil(n / sizes.n_roots)
        image = len(config.runs) * len(config.output.fields) * pixels * 4
        parts = {"checkpoints": float(kept * checkpoint), "images": float((with_analysis + without) * image)}
        n_depths = len(config.verification.depths_m)
        n_times = round(clock.n_cycles * clock.cycle_hours / _series_hours(clock, config.output.series))
        series = _series_bytes(config.output.series, n_depths, sizes.n_land, n_times * n_images)
        parts |= {"series": kept_series * series} | ({"means": means * series} if means else {})
        return Needs(memory, sum(parts.values()), parts, checkpoint, None, writer)
    # Ranks share the tiles' states; each root needs the rest of the peak for images and transforms.
    states = sizes.n_tiles * state * instances
    held = states * (sizes.fullest / max(1, sizes.n_tiles * instances))
    memory = trial.peak - states + held
    restarts = trial.restarts if config.checkpoint.restarts else 0.0
    analyses = {clock.valid_time(n) for n in range(1, clock.n_analyses + 1)}
    if config.output.keep_feedback is not None:
        analyses -= not_kept(analyses, config.output.keep_feedback)
    parts = {
        "checkpoints": kept * trial.checkpoint,
        "restarts": kept_restarts(clock, config.checkpoint) * restarts,
        "images": with_analysis * trial.images + without * trial.forecast_images,
        "series": kept_series * days * trial.series,
        "means": means * days * trial.series,
        "feedback": len(analyses) * trial.feedback,
        # Tables repeat the scores twice, as CSV and netCDF.
        "records": 2.0 * clock.n_cycles * trial.records,
        "figures": _figure_bytes(config.runs, with_analysis, without) if config.output.figures else 0.0,
    }
    parts = {kind: size for kind, size in parts.items() if size > 0.0}
    spinup = _spinup_cycles(config.runs, config.model.spinup, clock, has_nature=config.twin is not None)
    core_seconds = trial.start * sizes.n_ranks + (spinup + clock.n_cycles) * trial.forecast
    core_seconds += clock.n_analyses * trial.analysis + clock.n_cycles * trial.rest
    return Needs(memory, sum(parts.values()), parts, trial.checkpoint + restarts, core_seconds, writer)


def estimate(found: Needs, sizes: Sizes, why_not: str = "") -> dict[str, str]:
    """Describe ranks, memory per rank, disk space and time.

    Parameters
    ----------
    why_not : why nothing was measured, if so.
    """
    of = f" ({', '.join(f'{kind} {byte_size(size)}' for kind, size in found.parts.items())})"
    is_measured = found.core_seconds is not None
    source = "measured in three cycles" if is_measured else "estimated from sizes, to within a factor of two"
    words = {
        "ranks": f"any number; with {sizes.n_ranks}, at most {sizes.fullest} tiles per rank; images on {sizes.n_roots}",
        "memory": f"about {found.memory / 1e9:.2f} GB per rank with {sizes.n_ranks} "
        f"rank{'' if sizes.n_ranks == 1 else 's'}, {source}",
        "disk": f"about {byte_size(found.disk)}{of}; {byte_size(found.written_beside)} more during the writing of a "
        "checkpoint",
    }
    if found.writer:
        words["memory"] += f"; {found.writer / 1e9:.2f} GB more on each root, for the process that writes its files"
    if found.core_seconds is not None:
        words["time"] = f"about {duration(found.core_seconds)} of one core here, without the report"
    elif why_not:
        words["time"] = f"not measured: {why_not}"
    return words


def kept_checkpoints(clock: TimeConfig, checkpoint: CheckpointConfig) -> int:
    """Number of checkpoints at the end."""
    written = clock.n_cycles * clock.cycle_hours // checkpoint.every_hours + 1
    for_good = written // checkpoint.keep_every if checkpoint.keep_every else 0
    years = clock.end.year - clock.start.year
    if checkpoint.keep_monthly:
        for_good += 12 * years + clock.end.month - clock.start.month
    elif checkpoint.keep_yearly:
        for_good += years
    return min(written, checkpoint.keep_last + for_good)


def kept_restarts(clock: TimeConfig, checkpoint: CheckpointConfig) -> int:
    """Number of times of restart sets at the end."""
    own = checkpoint.own_restarts
    if own is None:
        return kept_checkpoints(clock, checkpoint) if checkpoint.restarts else 0
    step = timedelta(hours=own.every_hours)
    times = {clock.start + n * step for n in range((clock.end - clock.start) // step + 1)}
    keep = KeepConfig(last=own.keep_last, monthly=own.keep_monthly, yearly=own.keep_yearly)
    return len(times - not_kept(times, keep, step))


def _spinup_cycles(runs: Sequence[Run], spinup: timedelta, clock: TimeConfig, *, has_nature: bool) -> float:
    """Cycles with forecasts of all instances that take the time of the spin-up: each distinct trajectory once."""
    instances = bare_instances(runs, has_nature=has_nature)
    distinct = trajectories(instances, spinup, clock.start).values()
    lengths = [spinup if t.begins is None else clock.start - t.begins for t in distinct]
    return sum(length / clock.cycle for length in lengths) / len(instances)


def _image_times(clock: TimeConfig, output: OutputConfig) -> tuple[int, int]:
    """Output times of images with, and without analysis, of those that are kept."""
    ends = [clock.valid_time(n) for n in range(1, clock.n_cycles + 1)]
    step = output.every_hours
    times = {t for n, t in enumerate(ends, start=1) if (n * clock.cycle_hours) % step == 0}
    if output.keep_images is not None:
        times -= not_kept(times, output.keep_images, timedelta(hours=step))
    times |= set(output.times)
    analysed = sum(1 for time in times if time <= clock.assimilation_end)
    return analysed, len(times) - analysed


def _kept_series(clock: TimeConfig, series: SeriesConfig | None) -> tuple[float, float]:
    """Fraction of the series that is kept, and size of the means as a fraction of all series."""
    if series is None:
        return 0.0, 0.0
    days = {clock.start + timedelta(days=n) for n in range((clock.end - clock.start).days + 1)}
    dropped = not_kept(days, series.keep, timedelta(days=1)) if series.keep is not None else ()
    return 1.0 - len(dropped) / len(days), _series_hours(clock, series) / 24.0 if series.means else 0.0


def _series_hours(clock: TimeConfig, series: SeriesConfig | None) -> int:
    """Hours between two records of the series."""
    return clock.cycle_hours if series is None or series.every_hours is None else series.every_hours


def _figure_bytes(runs: Sequence[Run], with_analysis: int, without: int) -> float:
    """Size of the figures: maps of each assimilating run, and the series of scores."""
    assimilating = sum(1 for run in runs if run.assimilates)
    analysed, forecasts = min(2, with_analysis), min(1, without)
    return assimilating * (analysed * _MAP_WITH_ANALYSIS + forecasts * _MAP_OF_FORECAST) + 3 * _CURVES


_SERIES_SHARE = 0.5
"""Of its bytes that a day of series takes on disk, compressed; measured on a 90-day twin."""


def _series_bytes(series: SeriesConfig | None, n_depths: int, n_land: int, n_times: int) -> float:
    """Size of the series of so many scored depths, land cells, and times of all instances."""
    if series is None:
        return 0.0
    n_fields = layers_down_to(series.to_depth_m) + n_depths + 2 + series.fluxes * len(FLUXES)
    return _SERIES_SHARE * 4.0 * n_fields * n_land * n_times
