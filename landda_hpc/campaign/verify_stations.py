"""Verification against stations: which there are, what the runs say at them, tables and figures."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from landda_hpc.campaign.domain import Domain, depth_name
from landda_hpc.campaign.verify_series import NATURE, CampaignSeries, DailyRain, unfrozen
from landda_hpc.config import CampaignConfig, StationsConfig, TwinStationsConfig
from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.errors import ConfigError
from landda_hpc.fields.keyed import keyed_generator
from landda_hpc.formats.station import StationSeries
from landda_hpc.storage.series import SeriesSlice
from landda_hpc.verification.anomalies import AnomalyRule, period_anomalies
from landda_hpc.verification.dependence import Bootstrap
from landda_hpc.verification.matching import as_times, sensor_weights
from landda_hpc.verification.rain_series import StationPanel, draw_stations
from landda_hpc.verification.regions import CHINA, GLOBE, UNITED_STATES, Region
from landda_hpc.verification.scores import score
from landda_hpc.verification.station_maps import (
    DayPanel,
    Ground,
    draw_day,
    draw_station_scores,
    score_rows,
    station_regions,
)
from landda_hpc.verification.station_scores import WindowScores, score_stations
from landda_hpc.verification.station_set import Representativeness, StationSet, make_station_set, representativeness
from landda_hpc.verification.station_table import TITLES
from landda_hpc.verification.temporal import METRICS

logger = logging.getLogger(__name__)

REGIONS: Final = (CHINA, UNITED_STATES, GLOBE)

Captions = list[tuple[Path, str]]


@dataclass(frozen=True, eq=False)
class StationVerification:
    """Runs at stations.

    Attributes
    ----------
    stations : what could be compared.
    runs : by name, m3 m-3, (n_time, n_place), NaN where frozen.
    points : how far points and cells may differ.
    windows : scores of each window.
    """

    stations: StationSet
    runs: Mapping[str, FloatArray]
    points: Representativeness
    windows: Sequence[WindowScores]


def anomaly_rule(config: CampaignConfig) -> AnomalyRule:
    """The anomalies that the configuration asks for."""
    return AnomalyRule(config.verification.anomaly.kind, config.verification.anomaly.window_days)


def verify_stations(series: CampaignSeries, config: CampaignConfig, domain: Domain) -> StationVerification | None:
    """Compare every run with every station that the configuration names; None where it names none. Local.

    Raises
    ------
    ConfigError, DataError : the stations' files cannot be read, or the entry is no stations'.
    """
    asked = config.verification
    found: list[StationSeries] = []
    for settings in asked.stations:
        found += load_stations(config, settings, series.times[0], series.times[-1])
    if asked.twin_stations is not None:
        found += draw_twin_stations(series, config, domain, asked.twin_stations)
    if not asked.stations and asked.twin_stations is None:
        return None
    stations = make_station_set(
        found,
        series.times,
        domain.grid,
        domain.cells.cell,
        domain.cells.from_image(domain.is_scored.astype(np.float64)) > 0.0,
        layers=[(depth_name(depth), depth) for depth in asked.depths_m],
        n_layers=series.n_layers,
        method=asked.place,
        tolerance_minutes=asked.tolerance_minutes,
        min_pairs=asked.min_pairs,
    )
    for reason, number in sorted(stations.left_out.items()):
        logger.info("%d sensors left out: %s", number, reason)
    take = {"water": lambda values: stations.at_places(unfrozen(values))}
    runs = {name: series.collect(name, take)["water"] for name in series.runs}
    points = representativeness(stations, domain.grid, domain.cells.cell, _among_tiles(series, stations))
    windows = score_stations(
        stations,
        runs,
        series.windows(),
        regions=REGIONS,
        rule=anomaly_rule(config),
        baseline=series.baseline,
        min_pairs=asked.min_pairs,
        bootstrap=Bootstrap(asked.replicates, config.seed),
    )
    return StationVerification(stations, runs, points, windows)


def load_stations(
    config: CampaignConfig, settings: StationsConfig, start: datetime, end: datetime
) -> list[StationSeries]:
    """Soil moisture of the stations of a catalogue entry, without what their flags refuse, from start to end.

    Raises
    ------
    ConfigError : no such entry, or one of a gridded product.
    DataError : the files cannot be read.
    """
    entry = config.catalogue.get(settings.entry)
    if entry is None or entry.is_gridded:
        raise ConfigError(
            f"verification.stations: entry '{settings.entry}' "
            + ("is not in the catalogue" if entry is None else f"is of the gridded product {entry.product}")
            + "; expected an entry with product ismn or cma_csv."
        )
    path = config.data_root / entry.path
    if entry.product == "ismn":
        from landda_hpc.formats.station_ismn import read_ismn

        found = read_ismn(path, on_bad=entry.damaged)
    else:
        from landda_hpc.formats.station_csv import read_station_csv

        found = read_station_csv(path, utc_offset_hours=entry.utc_offset_hours, on_bad=entry.damaged)
    margin = timedelta(minutes=config.verification.tolerance_minutes)
    return [one.selected(settings.accept).between(start - margin, end + margin) for one in found]


def draw_twin_stations(
    series: CampaignSeries, config: CampaignConfig, domain: Domain, settings: TwinStationsConfig
) -> list[StationSeries]:
    """Stations whose values are the nature run's cell means, with a lasting offset and white errors.

    In each of China and the United States, or anywhere where the grid has neither. Random numbers are keyed by the
    campaign's seed.

    Raises
    ------
    ConfigError : no nature run was recorded, or the sensor is deeper than the recorded layers.
    """
    weights = sensor_weights(settings.depth_m, series.n_layers)
    if NATURE not in series.instances or weights is None:
        raise ConfigError(
            "verification.twin_stations needs the nature run's series (a twin campaign) and a sensor within the "
            f"recorded {series.to_depth_m:.3f} m; found instances {', '.join(series.instances)} and a sensor at "
            f"{settings.depth_m[0]:g}-{settings.depth_m[1]:g} m."
        )
    generator = keyed_generator(config.seed, "twin stations")
    row, column = np.divmod(domain.cells.cell, domain.grid.shape[1])
    usable = domain.cells.from_image(domain.is_scored.astype(np.float64)) > 0.0
    chosen: list[tuple[str, int]] = []
    regions = [region for region in (CHINA, UNITED_STATES) if (region.mask(domain.grid) & domain.is_scored).any()]
    for region in regions or [GLOBE]:
        inside = np.flatnonzero(usable & (domain.cells.from_image(region.mask(domain.grid).astype(np.float64)) > 0.0))
        cells = generator.choice(inside, size=min(settings.per_region, inside.size), replace=False)
        chosen += [(f"twin {region.name}", int(cell)) for cell in np.sort(cells)]
    cells = np.array([cell for _, cell in chosen])

    def truth(values: SeriesSlice) -> FloatArray:
        return np.asarray((weights[:, None] * unfrozen(values)[:, cells]).sum(axis=0))

    water = series.collect(NATURE, {"truth": truth})["truth"]
    times = as_times(series.times)
    found = []
    for number, (network, cell) in enumerate(chosen):
        grid, i, j = domain.grid, int(row[cell]), int(column[cell])
        # Somewhere in the cell, not at its centre.
        lat = float(generator.uniform(grid.lat_edges[i], grid.lat_edges[i + 1]))
        lon = float(generator.uniform(grid.lon_edges[j], grid.lon_edges[j + 1]))
        truth_here = water[:, number]
        # No soil is drier than dry: the offset never takes more than what the driest time has.
        driest = float(np.min(truth_here[np.isfinite(truth_here)], initial=np.inf))
        offset = max(settings.offset_std * generator.normal(), -driest)
        errors = offset + settings.error_std * generator.normal(size=times.size)
        values = np.where(generator.random(times.size) < settings.missing_fraction, np.nan, truth_here + errors)
        found.append(
            StationSeries(
                network=network,
                station=f"{number + 1:04d}",
                sensor="twin",
                lat=lat,
                lon=(lon + 180.0) % 360.0 - 180.0,
                elevation_m=float("nan"),
                depth_m=settings.depth_m,
                variable="soil_moisture",
                units="m3 m-3",
                times=times,
                values=values,
                flags=np.full(times.size, "G"),
                source="nature run",
            )
        )
    return found


def _among_tiles(series: CampaignSeries, stations: StationSet) -> FloatArray:
    """Mean standard deviation among the tiles of each station's cell, in its layer, over the baseline's times."""
    main, layer = stations.placement.main_cell, stations.layer

    def take(values: SeriesSlice) -> FloatArray:
        return values.sub_grid_std[layer, main].astype(np.float64)

    found = series.collect(series.baseline or series.runs[0], {"std": take})["std"]
    return np.asarray(np.nanmean(found, axis=0)) if len(stations) else np.empty(0)


# ---------------------------------------------------------------------- figures


def draw_station_figures(
    found: StationVerification,
    series: CampaignSeries,
    config: CampaignConfig,
    domain: Domain,
    rain: DailyRain,
    ground: Ground,
    folder: Path,
) -> Captions:
    """Maps of scores ([B26] Figs 9 and 10), series with rain (Fig. 11), anomalies of days (Fig. 12)."""
    if not found.windows:
        return []
    captions = _score_maps(found, series, ground, folder)
    captions += _station_series(found, series, config, rain, folder)
    captions += _day_maps(found, config, domain, rain, ground, folder)
    return captions


def _score_maps(found: StationVerification, series: CampaignSeries, ground: Ground, folder: Path) -> Captions:
    captions: Captions = []
    stations = found.stations
    for window in found.windows:
        for number, layer in enumerate(stations.layers):
            chosen = np.flatnonzero((stations.layer == number) & (window.scores.n > 0))
            if not chosen.size:
                continue
            regions = station_regions(stations.lat[chosen], stations.lon[chosen], REGIONS)
            for metric, (long_name, units) in METRICS.items():
                scores = {run: metrics[metric].value[chosen] for run, metrics in window.scores.scores.items()}
                if not any(np.isfinite(values).any() for values in scores.values()):
                    continue
                differences = {}
                for run, metrics in window.scores.differences.items():
                    change = metrics[metric]
                    differences[run] = change.value[chosen], change.low[chosen], change.high[chosen]
                path = folder / f"stations_{metric}_{window.window}_{layer.replace(' ', '')}.png"
                unit = "" if units == "1" else " (m$^3$ m$^{-3}$)"
                draw_station_scores(
                    stations.lat[chosen],
                    stations.lon[chosen],
                    score_rows(scores, differences, series.baseline or ""),
                    ground,
                    path,
                    metric=metric,
                    regions=regions,
                    title=f"{_capital(TITLES[metric])} at stations, {layer}, {window.window} window",
                    label=f"{TITLES[metric]}{unit}",
                )
                text = f"{_capital(long_name)} at stations, {layer}, {window.window} window."
                captions.append((path, text))
    return captions


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _drawn(found: StationVerification, region: Region, config: CampaignConfig) -> tuple[list[int], str]:
    """Which stations of a region are drawn, and the rule in words."""
    stations, window = found.stations, found.windows[0]
    inside = stations.inside(region) & (stations.layer == min(stations.layer)) & (window.scores.n > 0)
    names = config.verification.drawn_stations
    if names:
        listed = [i for i in np.flatnonzero(inside) if f"{stations.network[i]}/{stations.station[i]}" in names]
        return [int(i) for i in listed], "as configured"
    if window.scores.differences:
        run, metrics = next(iter(window.scores.differences.items()))
        value, what = metrics["r"].value, f"change of R by {run.replace('_', '-')}"
    else:
        run, scored = next(iter(window.scores.scores.items()))
        value, what = scored["r"].value, f"R of {run.replace('_', '-')}"
    known = np.flatnonzero(inside & np.isfinite(value))
    if not known.size:
        return [], ""
    ordered = known[np.argsort(value[known], kind="stable")]
    places = [ordered[min(ordered.size - 1, int(share * ordered.size))] for share in (0.1, 0.5, 0.9)]
    chosen = [int(i) for i in dict.fromkeys(places)]
    return chosen, f"at the 10th, 50th and 90th percentile of the {what}"


def _station_series(
    found: StationVerification, series: CampaignSeries, config: CampaignConfig, rain: DailyRain, folder: Path
) -> Captions:
    captions: Captions = []
    stations, window = found.stations, found.windows[0]
    for region in station_regions(stations.lat, stations.lon, REGIONS):
        chosen, rule = _drawn(found, region, config)
        panels = []
        for i in chosen:
            cell = int(stations.placement.main_cell[i])
            weights = np.zeros(rain.amounts.shape[1])
            weights[cell] = 1.0
            words = {run: _r_words(run, metrics["r"].at(i)) for run, metrics in window.scores.scores.items()}
            runs = {name: values[:, i] for name, values in found.runs.items()}
            panels.append(
                StationPanel(_place_title(stations, i), stations.observed[:, i], runs, words, rain.bars(weights))
            )
        if panels:
            path = folder / f"station_series_{region.name.lower().replace(' ', '_')}.png"
            draw_stations(
                panels,
                series.times,
                path,
                title=f"Soil moisture at stations, {region.name}",
                window_end=config.time.assimilation_end,
                rain_label=rain.label,
            )
            text = f"Soil moisture at stations in {region.name}, {rule}; R over the {window.window} window."
            captions.append((path, text))
    return captions


def _r_words(run: str, r: tuple[float, float, float, float]) -> str:
    value, low, high, _ = r
    interval = "" if np.isnan(low) else f" [{low:.2f}, {high:.2f}]"
    text = f"R = {value:.2f}{interval}".replace("-", "\N{MINUS SIGN}")
    return f"{run.replace('_', '-')}: {text}"


def _place_title(stations: StationSet, i: int) -> str:
    lat, lon = float(stations.lat[i]), float(stations.lon[i])
    north, east = "N" if lat >= 0.0 else "S", "E" if lon >= 0.0 else "W"
    return f"{stations.label(i)}, {abs(lat):.2f}°{north} {abs(lon):.2f}°{east}"


def rainiest_day(config: CampaignConfig, rain: DailyRain, weights: FloatArray) -> date | None:
    """The day of the assimilation window with the most rain, weighted over cells."""
    inside = [
        (amount, begin.date())
        for begin, amount in rain.bars(weights)
        if config.scored_since <= begin and begin + timedelta(days=1) <= config.time.assimilation_end
    ]
    return max(inside)[1] if inside else None


def _day_maps(
    found: StationVerification,
    config: CampaignConfig,
    domain: Domain,
    rain: DailyRain,
    ground: Ground,
    folder: Path,
) -> Captions:
    """Anomalies of a day from the mean of the assimilation window, at stations, as [B26] Fig. 12."""
    captions: Captions = []
    stations, window = found.stations, found.windows[0]
    surface = stations.layer == min(stations.layer)
    days, of_day = _days_of(stations.times, window.is_inside)
    observed = _daily_anomalies(stations.observed, of_day, len(days))
    runs = {name: _daily_anomalies(values, of_day, len(days)) for name, values in found.runs.items()}
    area = domain.cells.from_image(domain.grid.area)
    for region in station_regions(stations.lat[surface], stations.lon[surface], REGIONS):
        inside = surface & stations.inside(region)
        in_region = domain.cells.from_image((region.mask(domain.grid) & domain.is_scored).astype(np.float64)) > 0.0
        rainiest = rainiest_day(config, rain, area * in_region)
        for day in config.verification.days or ((rainiest,) if rainiest is not None else ()):
            if day not in days:
                logger.warning("no anomalies of %s: it is not in the %s window", day, window.window)
                continue
            at = days.index(day)
            panels = []
            for name, values in runs.items():
                s = score(values[at], observed[at], inside)
                note = f"SCC {s.scc:.2f}, n = {s.n_cells}".replace("-", "\N{MINUS SIGN}")
                panels.append(DayPanel(name.replace("_", "-"), _only(values[at], inside), note=note))
            panels.append(DayPanel("Stations", _only(observed[at], inside)))
            image = domain.cells.to_image(rain.of(day))
            panels.append(DayPanel(_capital(rain.label), image=image, is_rain=True))
            path = folder / f"station_anomalies_{region.name.lower().replace(' ', '_')}_{day:%Y%m%d}.png"
            draw_day(
                panels,
                ground,
                path,
                lat=stations.lat,
                lon=stations.lon,
                region=region,
                day=day,
                title=f"Anomalies of soil moisture at stations, {region.name}",
            )
            text = (
                f"Daily anomalies from the mean of the {window.window} window at stations, {region.name}, {day}; "
                f"{rain.label}."
            )
            captions.append((path, text))
    return captions


def _days_of(times: Sequence[datetime], is_inside: BoolArray) -> tuple[list[date], list[int]]:
    """Days of a window, and for each time the number of its day, -1 outside."""
    days = sorted({time.date() for time, inside in zip(times, is_inside, strict=True) if inside})
    number = {day: i for i, day in enumerate(days)}
    return days, [number[time.date()] if inside else -1 for time, inside in zip(times, is_inside, strict=True)]


def _daily_anomalies(values: FloatArray, of_day: list[int], n_days: int) -> FloatArray:
    """Daily means less their mean over the window, (n_days, n_place)."""
    numbers = np.array(of_day)
    means = np.full((n_days, values.shape[1]), np.nan)
    for i in range(n_days):
        rows = values[numbers == i]
        known = np.isfinite(rows)
        with np.errstate(invalid="ignore", divide="ignore"):
            means[i] = np.where(known, rows, 0.0).sum(axis=0) / known.sum(axis=0)
    return period_anomalies(means)


def _only(values: FloatArray, inside: BoolArray) -> FloatArray:
    return np.asarray(np.where(inside, values, np.nan))
