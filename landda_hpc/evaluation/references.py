"""Verification against gridded references at their own depths: the truth of a twin, products in files."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial

import numpy as np

from landda_hpc.config import ReferenceConfig
from landda_hpc.constants import BoolArray, FloatArray, IntArray
from landda_hpc.errors import ConfigError, DataError
from landda_hpc.evaluation.recorded_series import NATURE, CampaignSeries, unfrozen
from landda_hpc.evaluation.setup import EvaluationSetup
from landda_hpc.evaluation.stations import anomaly_rule
from landda_hpc.formats.products.dataset import Dataset
from landda_hpc.formats.products.product import SoilMoistureProfile
from landda_hpc.formats.products.region import Region as FileRegion
from landda_hpc.instances.domain import Domain, depth_name
from landda_hpc.regions import Region
from landda_hpc.regridding.depth import DepthRange, is_covered, observe, range_from_product
from landda_hpc.regridding.regrid import Regridder
from landda_hpc.storage.series_files import SeriesSlice
from landda_hpc.verification.omissions import Gaps
from landda_hpc.verification.statistics.daily import DailyAnomalies, DayAnomalies, daily_means, days_of
from landda_hpc.verification.statistics.dependence import Bootstrap
from landda_hpc.verification.statistics.grid_scores import (
    ALL_CELLS,
    CellScores,
    Compared,
    PatternSeries,
    mean_patterns,
    score_cells,
    score_patterns,
)
from landda_hpc.verification.statistics.region_windows import covers
from landda_hpc.verification.statistics.station_scores import GroupRow
from landda_hpc.verification.tables.score_records import TRUTH


@dataclass(frozen=True, eq=False)
class ReferenceVerification:
    """Comparison of the runs with one layer of one reference.

    Attributes
    ----------
    compared : series of all scored cells.
    windows : mask of the times of each window.
    scored : numbers of the scored land cells.
    patterns : scores of the spatial pattern over time.
    cells : temporal scores of the cells in each window.
    rows : means of both kinds of scores.
    n_missing : number of times without a value of the reference.
    """

    compared: Compared
    windows: Mapping[str, BoolArray]
    scored: IntArray
    patterns: PatternSeries
    cells: Sequence[CellScores]
    rows: Sequence[GroupRow]
    n_missing: int


def region_cells(domain: Domain, regions: Sequence[Region]) -> dict[str, IntArray]:
    """Return the scored cells: all, and those of each covered region if it has fewer."""
    everything = np.flatnonzero(domain.cells.from_mask(domain.is_scored))
    found = {ALL_CELLS: everything}
    for region in (r for r in regions if covers(domain.grid, r)):
        cells = np.flatnonzero(domain.cells.from_mask(region.mask(domain.grid) & domain.is_scored))
        if 0 < cells.size < everything.size:
            found[region.name] = cells
    return found


def verify_references(series: CampaignSeries, setup: EvaluationSetup, gaps: Gaps) -> Iterator[ReferenceVerification]:
    """Compare every run with the truth of a twin and with every reference, for each layer. Local.

    Parameters
    ----------
    setup : the requested comparisons.
    gaps : collects references and layers that cannot be read, or have no data in the campaign's period.

    Yields
    ------
    One comparison at a time, because the series of all cells take most of the memory.
    """
    judge = Judge(series, setup)

    def judged(name: str, depth: DepthRange, take: Callable[[], ReferenceVerification]) -> list[ReferenceVerification]:
        found = gaps.attempt(f"scores against {name}, {depth_name(depth)}", take, None)
        return [] if found is None else [found]

    if NATURE in series.instances:
        for depth in setup.asked.depths_m:
            if depth[1] <= series.to_depth_m + 1e-3:
                yield from judged(TRUTH, depth, partial(judge.of_truth, depth))
            else:
                why = f"the series reach down to {series.to_depth_m:.3f} m (output.series.to_depth_m)"
                gaps.add(f"scores against the {TRUTH}, {depth_name(depth)}", why, is_fault=False)
    for settings in setup.asked.references:
        name = settings.name or settings.entry
        images = ProductImages(series, setup, settings)
        nothing: dict[DepthRange, FloatArray] = {}
        for depth, values in gaps.attempt(f"reference '{name}'", images.read, nothing).items():
            yield from judged(name, depth, partial(judge, name, depth, values, images.day_begin))


class Judge:
    """Score the runs against one layer of a reference; keeps the data common to all layers."""

    def __init__(self, series: CampaignSeries, setup: EvaluationSetup) -> None:
        self.series, self.setup, domain = series, setup, setup.domain
        self.scored: IntArray = np.flatnonzero(domain.cells.from_mask(domain.is_scored))
        place = np.full(len(domain.cells), -1)
        place[self.scored] = np.arange(self.scored.size)
        self._regions = {name: place[cells] for name, cells in region_cells(domain, setup.regions).items()}
        self._area = domain.cells.from_image(domain.grid.area)[self.scored]

    def of_depth(self, instance: str, depth: DepthRange) -> FloatArray:
        """Return the mean of a run over a depth in the scored cells, (n_time, n_scored); NaN where frozen."""
        weights = self.series.weights(depth)

        def take(values: SeriesSlice) -> FloatArray:
            return observe(unfrozen(values)[:, self.scored], weights, axis=0)

        return self.series.collect(instance, {"depth": take})["depth"]

    def of_truth(self, depth: DepthRange) -> ReferenceVerification:
        """Compare with the nature run."""
        return self(TRUTH, depth, self.of_depth(NATURE, depth))

    def __call__(
        self, name: str, depth: DepthRange, values: FloatArray, day_begin: timedelta | None = None
    ) -> ReferenceVerification:
        """Compare the runs with ``values``, (n_time or n_days, n_scored), m3 m-3."""
        series, asked = self.series, self.setup.asked
        runs = {run: self.of_depth(run, depth) for run in series.runs}
        times, windows = series.times, series.windows()
        if day_begin is not None:
            since_begin = [time - day_begin for time in series.times]
            times = days_of(since_begin)
            # The campaign's first and last day may have only one time, which is not a daily mean.
            half = -(-timedelta(days=1) // series.step) / 2.0
            runs = {run: daily_means(field, since_begin, times, half) for run, field in runs.items()}
            of_day = {time.date(): i for i, time in enumerate(times)}
            # A day belongs to a window if all its times do.
            windows = {
                window: np.array([
                    all(inside[j] for j, time in enumerate(since_begin) if of_day[time.date()] == i)
                    for i in range(len(times))
                ])
                for window, inside in windows.items()
            }  # fmt: skip
        compared = Compared(name, depth_name(depth), times, runs, values)
        patterns = score_patterns(compared, self._regions)
        cells = score_cells(
            compared,
            windows,
            self._regions,
            self._area,
            rule=anomaly_rule(asked.anomaly),
            baseline=series.baseline,
            min_pairs=asked.min_pairs,
            bootstrap=Bootstrap(asked.replicates, self.setup.seed),
        )
        rows = [*mean_patterns(patterns, windows, series.baseline), *(row for found in cells for row in found.groups)]
        n_missing = int((~np.isfinite(values).any(axis=1)).sum())
        return ReferenceVerification(compared, windows, self.scored, patterns, cells, rows, n_missing)


class ProductImages:
    """Images of a product at the campaign's times, regridded to the scored cells."""

    def __init__(self, series: CampaignSeries, setup: EvaluationSetup, settings: ReferenceConfig) -> None:
        self._series, self._domain, self._settings, domain = series, setup.domain, settings, setup.domain
        self._dataset = setup.catalogue.dataset(settings.entry)
        self._scored = domain.cells.from_mask(domain.is_scored)
        self._regridder: Regridder | None = None
        self.day_begin = self._dataset.product.day_begin if settings.averaging == "day" else None
        """Offset of the beginning of a day from 00 UTC; None for instants."""

    def read(self, only: Collection[datetime] | None = None) -> dict[DepthRange, FloatArray]:
        """Read every layer, (n_time or n_days, n_scored), m3 m-3; NaN where missing.

        Parameters
        ----------
        only : times of the product that are read; None: all.

        Raises
        ------
        DataError : the campaign's period has no file, or none with a value in the scored cells.
        """
        series, settings, dataset = self._series, self._settings, self._dataset
        rows = {time: row for time, row in self._rows().items() if only is None or time in only}
        if not rows:
            raise DataError(
                f"reference {settings.name or settings.entry} has no file in the campaign's period, "
                f"{series.times[0]} to "
                f"{series.times[-1]}: {dataset.why_missing(series.times[0])}. Check data_root and the pattern."
            )
        depths = chosen_depths(settings, dataset, series.to_depth_m)
        shape = len(series.times if self.day_begin is None else self._days()), int(self._scored.sum())
        totals, counts = ({depth: np.zeros(shape) for depth in depths} for _ in range(2))
        try:
            for time, row in rows.items():
                profile = dataset.read(time, None, FileRegion.of(self._domain.grid))
                for depth in depths:
                    if profile is not None and is_covered(depth, profile.depths_m):
                        values = self._on_model(profile, depth)
                        known = np.isfinite(values)
                        totals[depth][row] += np.where(known, values, 0.0)
                        counts[depth][row] += known
        finally:
            dataset.close()
        if not any(count.any() for count in counts.values()):
            reasons = "; ".join(dict.fromkeys(dataset.skipped.values()))
            raise DataError(
                f"reference {settings.name or settings.entry} has no value in the scored cells at {len(rows)} times "
                f"from {min(rows)} to {max(rows)}{f' ({reasons})' if reasons else ''}."
            )
        # There is one image of an instant, and any number of images of a day, which are averaged.
        with np.errstate(invalid="ignore", divide="ignore"):
            return {depth: np.asarray(totals[depth] / counts[depth]) for depth in depths}

    def _rows(self) -> dict[datetime, int]:
        """Return the row of the comparison for each of the product's times; for instants, that of the nearest time."""
        series, dataset = self._series, self._dataset
        begin = self.day_begin
        if begin is not None:
            days = self._days()
            number = {time.date(): i for i, time in enumerate(days)}
            found = dataset.times_between(days[0] + begin, days[-1] + begin + timedelta(hours=23, minutes=59))
            return {time: number[day] for time in found if (day := (time - begin).date()) in number}
        margin = timedelta(minutes=self._settings.tolerance_minutes)
        times = np.array(series.times, dtype="datetime64[s]")
        best: dict[int, datetime] = {}
        for time in dataset.times_between(series.times[0] - margin, series.times[-1] + margin):
            row = int(np.argmin(np.abs(times - np.datetime64(time, "s"))))
            distance = abs(series.times[row] - time)
            if distance <= margin and (row not in best or distance < abs(series.times[row] - best[row])):
                best[row] = time
        return {time: row for row, time in best.items()}

    def _days(self) -> tuple[datetime, ...]:
        """Return the days of the campaign as the product defines them, given by their 00 UTC."""
        return days_of([time - (self.day_begin or timedelta(0)) for time in self._series.times])

    def _on_model(self, profile: SoilMoistureProfile, depth: DepthRange) -> FloatArray:
        image = observe(profile.values, range_from_product(depth, profile.depths_m), axis=0)
        if self._regridder is None or not self._regridder.source.same_points(profile.grid):
            self._regridder = Regridder(profile.grid, self._domain.grid, self._settings.regridding)
        return self._domain.cells.from_image(self._regridder(image))[self._scored]


def chosen_depths(settings: ReferenceConfig, dataset: Dataset, recorded_m: float) -> tuple[DepthRange, ...]:
    """Return the layers in which a reference is compared: those in the settings, or all recorded ones.

    Raises
    ------
    ConfigError : no layer, or not every layer of the settings, ends within the recorded depth, m; or the product is a
        degree of saturation without a porosity.
    """
    if dataset.product.is_saturation:
        raise ConfigError(
            f"reference {settings.name or settings.entry}: {dataset.label} is a degree of saturation. Give the "
            f"porosity, a number in m3 m-3, in catalogue.{settings.entry}."
        )
    depths = settings.depths_m or dataset.depths_m
    chosen = tuple(depth for depth in depths if depth[1] <= recorded_m + 1e-3)
    if not chosen or (settings.depths_m and len(chosen) < len(depths)):
        raise ConfigError(
            f"reference {settings.name or settings.entry}: {'none' if not chosen else 'not all'} of its layers "
            f"({', '.join(depth_name(depth) for depth in depths)}) end within the recorded {recorded_m:.3f} m. Record "
            "more (output.series.to_depth_m), or set depths_m."
        )
    return chosen


def anomalies_of_days(
    found: ReferenceVerification,
    domain: Domain,
    regions: Sequence[Region],
    days_of_region: Callable[[Region], Sequence[date]],
    gaps: Gaps,
) -> list[DayAnomalies]:
    """Return anomalies of single days from the mean of the assimilation window, in each region that the grid covers."""
    compared, window = found.compared, found.windows["assimilation"]
    times = [time for time, inside in zip(compared.times, window, strict=True) if inside]
    if not times:
        return []
    runs = {name: values[window] for name, values in compared.runs.items()}
    anomalies = DailyAnomalies(runs, compared.values[window], times)
    chosen: list[DayAnomalies] = []
    for region in (r for r in regions if covers(domain.grid, r)):
        inside = domain.cells.from_mask(region.mask(domain.grid) & domain.is_scored)[found.scored]
        for day in days_of_region(region):
            of_day = anomalies.of(day, region, inside)
            if of_day is None:
                what = f"anomalies of {day} next to {compared.reference}, {region.name}"
                why = "there is no value of that day within the assimilation window"
                gaps.add(what, why, is_fault=False)
            else:
                chosen.append(of_day)
    return chosen
