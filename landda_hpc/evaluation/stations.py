"""Verification against stations: selection of the stations, and scores of the runs."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import Final, Literal

import numpy as np

from landda_hpc.config import AnomalyConfig, StationsConfig
from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.errors import ConfigError
from landda_hpc.evaluation.recorded_series import CampaignSeries, unfrozen
from landda_hpc.evaluation.setup import EvaluationSetup
from landda_hpc.evaluation.twin_stations import draw_twin_stations
from landda_hpc.formats.stations.entry import read_stations
from landda_hpc.formats.stations.station import StationSeries, merge_series
from landda_hpc.instances.domain import Domain, depth_name
from landda_hpc.observation.catalogue import Catalogue
from landda_hpc.regions import GLOBE, Region
from landda_hpc.regridding.depth import DepthRange
from landda_hpc.storage.series_files import SeriesSlice
from landda_hpc.verification.omissions import Gaps
from landda_hpc.verification.statistics.anomalies import AnomalyRule
from landda_hpc.verification.statistics.daily import DailyAnomalies, DayAnomalies
from landda_hpc.verification.statistics.dependence import Bootstrap
from landda_hpc.verification.statistics.matching import ModelCells, place
from landda_hpc.verification.statistics.region_windows import station_regions
from landda_hpc.verification.statistics.station_scores import WindowScores, score_stations
from landda_hpc.verification.statistics.station_set import (
    Representativeness,
    StationSet,
    count_depths,
    make_station_set,
    representativeness,
)

logger = logging.getLogger(__name__)

_DEPTH_SLACK_M: Final = 1e-6


@dataclass(frozen=True, eq=False)
class StationVerification:
    """Comparison of the runs with stations.

    Attributes
    ----------
    stations : compared stations.
    runs : series of each run at the stations, m3 m-3, (n_time, n_place); NaN where frozen.
    points : representativeness differences between points and cells.
    windows : scores of each window.
    regions : regions with separate means, maps and figures.
    of_days : stations and series of the runs for anomalies of single days, which may be placed in another way.
    """

    stations: StationSet
    runs: Mapping[str, FloatArray]
    points: Representativeness
    windows: Sequence[WindowScores]
    regions: Sequence[Region]
    of_days: tuple[StationSet, Mapping[str, FloatArray]]


def anomaly_rule(asked: AnomalyConfig) -> AnomalyRule:
    """Return the definition of anomalies in the configuration."""
    return AnomalyRule(asked.kind, asked.window_days)


def verify_stations(series: CampaignSeries, setup: EvaluationSetup, gaps: Gaps) -> StationVerification | None:
    """Compare every run with every station of the configuration. Local.

    Parameters
    ----------
    setup : the requested comparisons; stations of a twin are drawn in each of its regions.
    gaps : collects stations that cannot be read, and reasons for windows without scores.

    Returns
    -------
    None if no station is configured, or none could be compared.

    Raises
    ------
    DataError, StorageError : the campaign's series cannot be read.
    """
    asked, domain, regions = setup.asked, setup.domain, setup.regions
    found: list[StationSeries] = []
    outside: Counter[str] = Counter()
    nothing: list[StationSeries] = []
    for settings in asked.stations:
        if settings.entry == setup.referee:
            why = "they were the referee: they determined gains and do not verify"
            gaps.add(f"stations '{settings.entry}'", why, is_fault=False)
            continue
        load = partial(
            load_stations, setup.catalogue, settings, series.times[0], series.times[-1], asked.tolerance_minutes
        )
        of_entry = gaps.attempt(f"stations '{settings.entry}'", load, nothing)
        if not of_entry:
            continue
        chosen = gaps.attempt(f"stations '{settings.entry}'", partial(choose_depths, of_entry, settings), nothing)
        outside[_outside_words(settings)] += len(of_entry) - len(chosen)
        if setup.assimilated is not None and settings.entry == setup.assimilated[0]:
            chosen = named_by_use(chosen, setup.assimilated[1], domain)
        found += chosen
    if asked.twin_stations is not None:
        draw = partial(draw_twin_stations, series, asked.twin_stations, setup)
        found += gaps.attempt("stations of the twin", draw, [])
    if not found:
        return None
    # Entries of successive periods may have the same sensors.
    found = merge_series(found)
    stations = _placed(found, series, setup, asked.place)
    stations.left_out.update(+outside)
    for reason, number in sorted(stations.left_out.items()):
        logger.info("%d sensors excluded: %s", number, reason)
    if not len(stations):
        reasons = "; ".join(f"{number} {reason}" for reason, number in sorted(stations.left_out.items()))
        why = f"none of {len(found)} sensors can be compared ({reasons}; see verification.min_pairs and .depths_m)"
        gaps.add("stations", why, is_fault=False)
        return None
    runs = _at_stations(series, stations)
    of_days = stations, runs
    if asked.place_of_days not in (None, asked.place):
        others = _placed(found, series, setup, asked.place_of_days)
        of_days = others, _at_stations(series, others)
    points = representativeness(
        stations, domain.grid, domain.cells.cell, _among_tiles(series, stations, asked.depths_m)
    )
    windows = score_stations(
        stations,
        runs,
        series.windows(),
        regions=(*regions, GLOBE),
        rule=anomaly_rule(asked.anomaly),
        baseline=series.baseline,
        min_pairs=asked.min_pairs,
        bootstrap=Bootstrap(asked.replicates, setup.seed),
    )
    note_windows("scores at stations", series, {window.window for window in windows}, asked.min_pairs, gaps)
    return StationVerification(stations, runs, points, windows, regions, of_days)


def _placed(
    found: Sequence[StationSeries],
    series: CampaignSeries,
    setup: EvaluationSetup,
    method: Literal["nearest", "bilinear"],
) -> StationSet:
    """Sensors with their cells, at the times of the series."""
    asked, domain = setup.asked, setup.domain
    return make_station_set(
        found,
        series.times,
        ModelCells(domain.grid, domain.cells.cell, domain.cells.from_mask(domain.is_scored)),
        layers=[(depth_name(depth), depth) for depth in asked.depths_m],
        n_layers=series.n_layers,
        method=method,
        tolerance_minutes=asked.tolerance_minutes,
        min_pairs=asked.min_pairs,
    )


def _at_stations(series: CampaignSeries, stations: StationSet) -> dict[str, FloatArray]:
    """Series of every run at the stations, m3 m-3, (n_time, n_place); NaN where frozen."""
    take = {"water": lambda values: stations.at_places(unfrozen(values))}
    return {name: series.collect(name, take)["water"] for name in series.runs}


def note_windows(what: str, series: CampaignSeries, scored: Collection[str], min_pairs: int, gaps: Gaps) -> None:
    """Add the windows without temporal scores, with the reason, to the gaps; windows without times are ignored."""
    for window, is_inside in series.windows().items():
        n_times = int(is_inside.sum())
        if n_times and window not in scored:
            have = f"it has {n_times} time{'' if n_times == 1 else 's'}"
            why = f"{have}, of which fewer than {min_pairs} can be compared (verification.min_pairs)"
            gaps.add(f"{what}, {window} window", why, is_fault=False)


def anomalies_of_days(
    found: StationVerification, days_of_region: Callable[[Region], Sequence[date]], gaps: Gaps
) -> list[DayAnomalies]:
    """Return anomalies of single days from the mean of the first window, at the uppermost sensors of each region."""
    if not found.windows:
        return []
    (stations, of_runs), window = found.of_days, found.windows[0]
    times = [time for time, inside in zip(stations.times, window.is_inside, strict=True) if inside]
    runs = {name: values[window.is_inside] for name, values in of_runs.items()}
    anomalies = DailyAnomalies(runs, stations.observed[window.is_inside], times)
    surface = stations.layer == min(stations.layer)
    chosen: list[DayAnomalies] = []
    for region in station_regions(stations.lat[surface], stations.lon[surface], found.regions):
        for day in days_of_region(region):
            of_day = anomalies.of(day, region, surface & stations.inside(region))
            if of_day is None:
                why = f"no station has a value of that day within the {window.window} window"
                gaps.add(f"anomalies of {day} at stations, {region.name}", why, is_fault=False)
            else:
                chosen.append(of_day)
    return chosen


def load_stations(
    catalogue: Catalogue, settings: StationsConfig, start: datetime, end: datetime, tolerance_minutes: float
) -> list[StationSeries]:
    """Read the soil moisture of the stations of a catalogue entry, without flagged values, from start to end.

    Parameters
    ----------
    tolerance_minutes : minutes by which a value may lie outside the period.

    Raises
    ------
    ConfigError : the file does not exist.
    DataError : the files cannot be read.
    """
    entry = catalogue.entries[settings.entry]
    path = catalogue.data_root / entry.path
    margin = timedelta(minutes=tolerance_minutes)
    period = start - margin, end + margin
    found = read_stations(settings.entry, entry, path, period)
    return [one.selected(settings.accept).between(*period) for one in found]


def choose_depths(found: Sequence[StationSeries], settings: StationsConfig) -> list[StationSeries]:
    """Return the sensors within ``sensor_depths_m`` of the settings; without this key, all sensors.

    Raises
    ------
    ConfigError : no sensor lies within these depths; the message lists the available ones.
    """
    if settings.sensor_depths_m is None:
        return list(found)
    top, bottom = settings.sensor_depths_m
    chosen = [
        one for one in found if top - _DEPTH_SLACK_M <= one.depth_m[0] and one.depth_m[1] <= bottom + _DEPTH_SLACK_M
    ]
    if not chosen:
        raise ConfigError(
            f"none of {len(found)} sensors of '{settings.entry}' lies within sensor_depths_m, {top:g} to {bottom:g} m; "
            f"sensors are at {count_depths(one.depth_m for one in found)}."
        )
    return chosen


def named_by_use(found: Sequence[StationSeries], assimilated: BoolArray, domain: Domain) -> list[StationSeries]:
    """Return stations with the name of their network followed by ", assimilated" or ", withheld".

    Parameters
    ----------
    assimilated : cells whose stations are assimilated, (n_lat, n_lon).
    """
    cells = ModelCells(domain.grid, domain.cells.cell, domain.cells.from_mask(domain.is_soil))
    places = place(np.array([one.lat for one in found]), np.array([one.lon for one in found]), cells)
    used = places.is_placed & assimilated.reshape(-1)[domain.cells.cell[places.main_cell]]
    uses = ("assimilated" if is_used else "withheld" for is_used in used.tolist())
    return [replace(one, network=f"{one.network}, {use}") for one, use in zip(found, uses, strict=True)]


def _outside_words(settings: StationsConfig) -> str:
    if settings.sensor_depths_m is None:
        return ""
    top, bottom = settings.sensor_depths_m
    return f"of {settings.entry} not within {100 * top:g} to {100 * bottom:g} cm (sensor_depths_m)"


def _among_tiles(series: CampaignSeries, stations: StationSet, depths_m: Sequence[DepthRange]) -> FloatArray:
    """Return the standard deviation among the tiles of each station's cell, in its layer, as mean over the times.

    NaN for a layer that the campaign did not record; layers of verification may differ from the recorded ones.
    """
    recorded = series.scored_depths_m
    row = np.array([recorded.index(d) if d in recorded else -1 for d in depths_m])[stations.layer]
    main, known = stations.placement.main_cell, row >= 0

    def take(values: SeriesSlice) -> FloatArray:
        return np.where(known, values.sub_grid_std[np.maximum(row, 0), main].astype(np.float64), np.nan)

    found = series.collect(series.baseline or series.runs[0], {"std": take})["std"]
    count = np.isfinite(found).sum(axis=0)
    return np.asarray(np.where(count > 0, np.nansum(found, axis=0) / np.maximum(count, 1), np.nan))
