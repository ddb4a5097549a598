"""Verification against gridded references at their own depths: the truth of a twin, products in files."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final, Literal

import numpy as np

from landda_hpc.campaign.domain import Domain, depth_name
from landda_hpc.campaign.verify_series import NATURE, CampaignSeries, DailyRain, unfrozen
from landda_hpc.campaign.verify_stations import Captions, anomaly_rule, rainiest_day
from landda_hpc.config import CampaignConfig, ReferenceConfig
from landda_hpc.constants import BoolArray, FloatArray, IntArray
from landda_hpc.errors import ConfigError, DataError
from landda_hpc.fields.depth import DepthRange, is_covered, observe, range_from_product
from landda_hpc.fields.regrid import Regridder
from landda_hpc.formats.dataset import make_dataset
from landda_hpc.formats.product import SoilMoistureProfile
from landda_hpc.formats.region import Region as FileRegion
from landda_hpc.storage.series import SeriesSlice
from landda_hpc.verification.anomalies import period_anomalies
from landda_hpc.verification.dependence import Bootstrap
from landda_hpc.verification.grid_scores import (
    CellScores,
    Compared,
    PatternSeries,
    mean_patterns,
    score_cells,
    score_patterns,
)
from landda_hpc.verification.rain_series import ScoreLine, draw_scores_with_rain
from landda_hpc.verification.records import TRUTH
from landda_hpc.verification.regions import CHINA, GLOBE, UNITED_STATES, Region
from landda_hpc.verification.report import covers
from landda_hpc.verification.scores import score
from landda_hpc.verification.station_maps import DayPanel, Ground, draw_day, draw_station_scores, score_rows
from landda_hpc.verification.station_scores import GroupRow

logger = logging.getLogger(__name__)

REGIONS: Final = (GLOBE, CHINA, UNITED_STATES)


@dataclass(frozen=True, eq=False)
class ReferenceVerification:
    """Runs beside one layer of one reference.

    Attributes
    ----------
    compared : the series of all scored cells.
    windows : rows of each window.
    scored : numbers of the scored land cells.
    patterns : scores of the pattern over time.
    cells : temporal scores of each window.
    rows : means of both.
    n_missing : times of the campaign without the reference.
    """

    compared: Compared
    windows: Mapping[str, BoolArray]
    scored: IntArray
    patterns: PatternSeries
    cells: Sequence[CellScores]
    rows: Sequence[GroupRow]
    n_missing: int


def region_cells(domain: Domain) -> dict[str, IntArray]:
    """Scored cells of the regions that the grid covers; the first has all, others are there only if they have fewer."""
    found: dict[str, IntArray] = {}
    for region in REGIONS:
        if region == GLOBE or covers(domain.grid, region):
            name = "all cells" if region == GLOBE else region.name
            mask = (region.mask(domain.grid) | (region == GLOBE)) & domain.is_scored
            found[name] = np.flatnonzero(domain.cells.from_image(mask.astype(np.float64)) > 0.0)
    everything = found["all cells"].size
    return {name: c for name, c in found.items() if name == "all cells" or 0 < c.size < everything}


def verify_references(
    series: CampaignSeries, config: CampaignConfig, domain: Domain
) -> Iterator[ReferenceVerification]:
    """Compare every run with the truth of a twin and with every reference, layer by layer. Local.

    Yields
    ------
    One at a time: the series of all cells take most of the memory.

    Raises
    ------
    ConfigError, DataError : a reference's files cannot be read, or none is of the campaign's time.
    """
    judge = _Judge(series, config, domain)
    if NATURE in series.instances:
        for depth in config.verification.depths_m:
            if depth[1] <= series.to_depth_m + 1e-3:
                yield judge(TRUTH, depth, judge.of_depth(NATURE, depth), "instant")
    for settings in config.verification.references:
        name = settings.name or settings.entry
        for depth, values in _ProductImages(series, config, domain, settings).read().items():
            yield judge(name, depth, values, settings.averaging)


class _Judge:
    """Scores the runs against one layer of a reference; holds what all layers share."""

    def __init__(self, series: CampaignSeries, config: CampaignConfig, domain: Domain) -> None:
        self._series, self._config = series, config
        self._scored = np.flatnonzero(domain.cells.from_image(domain.is_scored.astype(np.float64)) > 0.0)
        place = np.full(len(domain.cells), -1)
        place[self._scored] = np.arange(self._scored.size)
        self._regions = {name: place[cells] for name, cells in region_cells(domain).items()}
        self._area = domain.cells.from_image(domain.grid.area)[self._scored]

    def of_depth(self, instance: str, depth: DepthRange) -> FloatArray:
        """A run's mean over a depth in the scored cells, (n_time, n_scored), NaN where frozen."""
        weights = self._series.weights(depth)

        def take(values: SeriesSlice) -> FloatArray:
            return observe(unfrozen(values)[:, self._scored], weights, axis=0)

        return self._series.collect(instance, {"depth": take})["depth"]

    def __call__(
        self, name: str, depth: DepthRange, values: FloatArray, averaging: Literal["instant", "day"]
    ) -> ReferenceVerification:
        """Compare; ``values`` as ``of_depth``, one row a time or, averaged, a day."""
        series, asked = self._series, self._config.verification
        runs = {run: self.of_depth(run, depth) for run in series.runs}
        times, windows = series.times, series.windows()
        if averaging == "day":
            times = days_of(series)
            # Of the campaign's first and last day there may be one time: no mean of the day.
            half = -(-24 // self._config.time.cycle_hours) / 2.0
            runs = {run: _daily_means(field, series.times, times, half) for run, field in runs.items()}
            of_day = {time.date(): i for i, time in enumerate(times)}
            # A day belongs to a window if all its times do.
            windows = {
                window: np.array([
                    all(inside[j] for j, time in enumerate(series.times) if of_day[time.date()] == i)
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
            rule=anomaly_rule(self._config),
            baseline=series.baseline,
            min_pairs=asked.min_pairs,
            bootstrap=Bootstrap(asked.replicates, self._config.seed),
        )
        rows = [*mean_patterns(patterns, windows, series.baseline), *(row for found in cells for row in found.groups)]
        n_missing = int((~np.isfinite(values).any(axis=1)).sum())
        return ReferenceVerification(compared, windows, self._scored, patterns, cells, rows, n_missing)


class _ProductImages:
    """Reads a product at the campaign's times onto the scored cells."""

    def __init__(
        self, series: CampaignSeries, config: CampaignConfig, domain: Domain, settings: ReferenceConfig
    ) -> None:
        entry = config.catalogue.get(settings.entry)
        if entry is None or not entry.is_gridded:
            raise ConfigError(
                f"verification.references: entry '{settings.entry}' "
                + ("is not in the catalogue" if entry is None else f"holds stations ({entry.product})")
                + "; expected an entry of a gridded product."
            )
        self._series, self._domain, self._settings = series, domain, settings
        self._dataset = make_dataset(settings.entry, entry, config.data_root)
        self._scored = domain.cells.from_image(domain.is_scored.astype(np.float64)) > 0.0
        self._regridder: Regridder | None = None

    def read(self) -> dict[DepthRange, FloatArray]:
        """Every layer, (n_time or n_days, n_scored), m3 m-3, NaN where missing.

        Raises
        ------
        DataError : no file of the campaign's time, or an unusable one.
        """
        series, settings, dataset = self._series, self._settings, self._dataset
        rows = self._rows()
        if not rows:
            raise DataError(
                f"reference {settings.name or settings.entry} has no file of the campaign's time, {series.times[0]} to "
                f"{series.times[-1]}; it was looked for in '{dataset.place_of(series.times[0])}' and so on."
            )
        depths = settings.depths_m or tuple(d for d in dataset.depths_m if d[1] <= series.to_depth_m + 1e-3)
        if not depths:
            raise ConfigError(
                f"reference {settings.name or settings.entry}: none of its layers ends within the recorded "
                f"{series.to_depth_m:.3f} m. Record more (output.series.to_depth_m), or name depths_m."
            )
        n_rows = len(series.times) if settings.averaging == "instant" else len(days_of(series))
        shape = n_rows, int(self._scored.sum())
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
        # Of an instant there is one image; of a day as many as the product has, and all count.
        with np.errstate(invalid="ignore", divide="ignore"):
            return {depth: np.asarray(totals[depth] / counts[depth]) for depth in depths}

    def _rows(self) -> dict[datetime, int]:
        """Row of the comparison that each of the product's times belongs to; of several near an instant the nearest."""
        series, dataset = self._series, self._dataset
        if self._settings.averaging == "day":
            days = days_of(series)
            number = {time.date(): i for i, time in enumerate(days)}
            found = dataset.times_between(days[0], days[-1] + timedelta(hours=23, minutes=59))
            return {time: number[time.date()] for time in found if time.date() in number}
        margin = timedelta(minutes=self._settings.tolerance_minutes)
        times = np.array(series.times, dtype="datetime64[s]")
        best: dict[int, datetime] = {}
        for time in dataset.times_between(series.times[0] - margin, series.times[-1] + margin):
            row = int(np.argmin(np.abs(times - np.datetime64(time, "s"))))
            distance = abs(series.times[row] - time)
            if distance <= margin and (row not in best or distance < abs(series.times[row] - best[row])):
                best[row] = time
        return {time: row for row, time in best.items()}

    def _on_model(self, profile: SoilMoistureProfile, depth: DepthRange) -> FloatArray:
        image = observe(profile.values, range_from_product(depth, profile.depths_m), axis=0)
        if self._regridder is None or not self._regridder.source.same_points(profile.grid):
            self._regridder = Regridder(profile.grid, self._domain.grid, self._settings.regridding)
        return self._domain.cells.from_image(self._regridder(image))[self._scored]


def days_of(series: CampaignSeries) -> tuple[datetime, ...]:
    """Begins of the UTC days of a series, without gaps."""
    first, last = (datetime(t.year, t.month, t.day) for t in (series.times[0], series.times[-1]))
    return tuple(first + timedelta(days=i) for i in range((last - first).days + 1))


def _daily_means(
    field: FloatArray, times: Sequence[datetime], days: Sequence[datetime], n_needed: float = 1.0
) -> FloatArray:
    """Means of the days over times with values, of which there must be so many."""
    number = {day.date(): i for i, day in enumerate(days)}
    total, count = np.zeros((len(days), field.shape[1])), np.zeros((len(days), field.shape[1]))
    for time, row in zip(times, field, strict=True):
        known = np.isfinite(row)
        total[number[time.date()]] += np.where(known, row, 0.0)
        count[number[time.date()]] += known
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(count >= n_needed, total / count, np.nan))


# ---------------------------------------------------------------------- figures


def draw_rain_figure(
    layers: Sequence[PatternSeries], config: CampaignConfig, domain: Domain, rain: DailyRain, folder: Path
) -> Captions:
    """Spatial correlation of one reference over time with the rain of each region, as [S24] Fig. 13."""
    first = layers[0]
    area = domain.cells.from_image(domain.grid.area)
    panels, bars = {}, {}
    for region, cells in region_cells(domain).items():
        lines = [
            ScoreLine(run, of_layer.layer, scores["scc"])
            for of_layer in layers[:2]
            for run, scores in of_layer.scores[region].items()
        ]
        if any(np.isfinite(line.values).any() for line in lines):
            panels[region] = lines
            weights = np.zeros(len(domain.cells))
            weights[cells] = area[cells]
            bars[region] = rain.bars(weights)
    if not panels:
        return []
    path = folder / f"scc_{file_name(first.reference)}.png"
    draw_scores_with_rain(
        panels,
        first.times,
        bars,
        path,
        title=f"Spatial correlation with {_described(first.reference)}",
        window_end=config.time.assimilation_end,
        rain_label=f"{rain.label}, mean of the region",
    )
    return [(path, f"Spatial correlation with {_described(first.reference)} over time, and {rain.label}.")]


def draw_reference_days(
    found: ReferenceVerification, config: CampaignConfig, domain: Domain, rain: DailyRain, ground: Ground, folder: Path
) -> Captions:
    """Daily anomalies from the mean of the assimilation window beside the reference's, and the rain: [B26] Fig. 12."""
    compared, window = found.compared, found.windows["assimilation"]
    times = [time for time, inside in zip(compared.times, window, strict=True) if inside]
    if not times:
        return []
    days = sorted({datetime(t.year, t.month, t.day) for t in times})
    fields = {**compared.runs, "reference": compared.values}
    anomalies = {name: period_anomalies(_daily_means(field[window], times, days)) for name, field in fields.items()}
    area, captions = domain.cells.from_image(domain.grid.area), Captions()
    for region in (r for r in (CHINA, UNITED_STATES) if covers(domain.grid, r)):
        in_region = domain.cells.from_image((region.mask(domain.grid) & domain.is_scored).astype(np.float64)) > 0.0
        rainiest = rainiest_day(config, rain, area * in_region)
        for day in config.verification.days or ((rainiest,) if rainiest is not None else ()):
            number = next((i for i, d in enumerate(days) if d.date() == day), None)
            if number is None or not np.isfinite(anomalies["reference"][number]).any():
                logger.warning("no anomalies of %s on %s", compared.reference, day)
                continue
            of_day = {name: values[number] for name, values in anomalies.items()}
            captions += _draw_day(found, of_day, in_region, domain, rain, ground, folder, region, day)
    return captions


def _draw_day(
    found: ReferenceVerification,
    anomalies: Mapping[str, FloatArray],
    in_region: BoolArray,
    domain: Domain,
    rain: DailyRain,
    ground: Ground,
    folder: Path,
    region: Region,
    day: date,
) -> Captions:
    reference, panels = found.compared.reference, []
    mask = in_region[found.scored]
    for name, values in anomalies.items():
        note = ""
        if name != "reference":
            s = score(values, anomalies["reference"], mask)
            note = f"SCC {s.scc:.2f}, ubRMSE {s.ubrmse:.3f}".replace("-", "\N{MINUS SIGN}")
        title = _described(reference) if name == "reference" else name.replace("_", "-")
        image = domain.cells.to_image(_spread(values, found.scored, len(domain.cells)))
        panels.append(DayPanel(title[0].upper() + title[1:] if name == "reference" else title, image=image, note=note))
    title = rain.label[0].upper() + rain.label[1:]
    panels.append(DayPanel(title, image=domain.cells.to_image(rain.of(day)), is_rain=True))
    stem = f"anomalies_{file_name(reference)}_{region.name.lower().replace(' ', '_')}_{day:%Y%m%d}"
    path = folder / f"{stem}.png"
    nowhere = np.empty(0)
    layer = found.compared.layer
    heading = f"Anomalies of soil moisture {layer}, {region.name}"
    draw_day(panels, ground, path, lat=nowhere, lon=nowhere, region=region, day=day, title=heading)
    text = (
        f"Daily anomalies of soil moisture {layer} from the mean of the assimilation window, {region.name}, {day}, "
        f"beside {_described(reference)}; {rain.label}."
    )
    return [(path, text)]


def draw_cell_maps(
    found: ReferenceVerification, series: CampaignSeries, domain: Domain, ground: Ground, folder: Path
) -> Captions:
    """Maps of the temporal correlation with a reference, of every run, and of the differences."""
    captions = Captions()
    lat, lon = (np.empty(0), np.empty(0))
    for window in found.cells:
        scores = {run: metrics["r"].value for run, metrics in window.scores.scores.items()}
        if not any(np.isfinite(values).any() for values in scores.values()):
            continue
        differences = {
            run: (metrics["r"].value, metrics["r"].low, metrics["r"].high)
            for run, metrics in window.scores.differences.items()
        }
        compared = found.compared
        stem = f"r_{file_name(compared.reference)}_{compared.layer.replace(' ', '')}_{window.window}"
        path = folder / f"{stem}.png"
        what = f"R with {_described(compared.reference)}, {compared.layer}, {window.window} window"
        draw_station_scores(
            lat,
            lon,
            score_rows(scores, differences, series.baseline or ""),
            ground,
            path,
            metric="r",
            regions=[drawn_region(domain)],
            title=what,
            label="R",
            cells=domain.cells.cell[found.scored],
        )
        captions.append((path, f"Temporal correlation in every cell: {what}."))
    return captions


def drawn_region(domain: Domain) -> Region:
    """The part of the grid that maps of all cells show: without the Antarctic where no cell of it is scored."""
    grid = domain.grid
    if not grid.is_periodic:
        south, north = float(grid.lat_edges[0]), float(grid.lat_edges[-1])
        return Region("Domain", south, north, float(grid.lon_edges[0]), float(grid.lon_edges[-1]))
    south = -60.0 if not domain.is_scored[grid.lat < -60.0].any() else -90.0
    return Region("Globe", south, 90.0, -180.0, 180.0)


def file_name(reference: str) -> str:
    """A reference's name in names of files."""
    return re.sub(r"[^A-Za-z0-9.-]+", "_", reference)


def _described(reference: str) -> str:
    return "the truth (nature run)" if reference == TRUTH else reference


def _spread(values: FloatArray, scored: IntArray, n_cells: int) -> FloatArray:
    """Values of scored cells among all land cells."""
    whole = np.full(n_cells, np.nan)
    whole[scored] = values
    return whole
