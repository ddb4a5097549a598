"""Figures of the verification against stations, like [B26] Figs 9 to 12."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from landda_hpc.evaluation.drawing import Drawing, Figure, capital, file_name
from landda_hpc.evaluation.stations import StationVerification
from landda_hpc.regions import Region
from landda_hpc.verification.figures.rain_series import StationPanel, draw_stations
from landda_hpc.verification.figures.station_maps import (
    DayPanel,
    draw_day,
    draw_station_scores,
    score_rows,
)
from landda_hpc.verification.statistics.daily import DayAnomalies
from landda_hpc.verification.statistics.region_windows import station_regions
from landda_hpc.verification.statistics.station_set import StationSet
from landda_hpc.verification.statistics.temporal import METRICS
from landda_hpc.verification.tables.station_table import TITLES


def draw_score_maps(found: StationVerification, drawing: Drawing) -> list[Figure]:
    """Draw maps of every score, window and layer, for control, runs and differences, like [B26] Figs 9 and 10."""
    figures: list[Figure] = []
    stations = found.stations
    for window in found.windows:
        for number, layer in enumerate(stations.layers):
            chosen = np.flatnonzero((stations.layer == number) & (window.scores.n > 0))
            if not chosen.size:
                continue
            regions = station_regions(stations.lat[chosen], stations.lon[chosen], found.regions)
            for metric, (long_name, units) in METRICS.items():
                scores = {run: metrics[metric].value[chosen] for run, metrics in window.scores.scores.items()}
                if not any(np.isfinite(values).any() for values in scores.values()):
                    continue
                differences = {}
                for run, metrics in window.scores.differences.items():
                    change = metrics[metric]
                    differences[run] = change.value[chosen], change.low[chosen], change.high[chosen]
                path = drawing.folder / f"stations_{metric}_{window.window}_{layer.replace(' ', '')}.png"
                unit = "" if units == "1" else " (m$^3$ m$^{-3}$)"
                draw_station_scores(
                    (stations.lat[chosen], stations.lon[chosen]),
                    score_rows(scores, differences, drawing.baseline or ""),
                    drawing.ground,
                    path,
                    metric=metric,
                    regions=regions,
                    title=f"{capital(TITLES[metric])} at stations, {layer}, {window.window} window",
                    label=f"{TITLES[metric]}{unit}",
                )
                depths = stations.depth_words(chosen)
                text = f"{capital(long_name)} at stations, {layer} (sensors at {depths}), {window.window} window."
                figures.append(Figure("scores at stations", path, text, window.window, metric, layer))
    return figures


def draw_station_series(found: StationVerification, drawing: Drawing) -> list[Figure]:
    """Draw stations, runs and rain over time, one figure per region, like [B26] Fig. 11."""
    if not found.windows:
        return []
    figures: list[Figure] = []
    stations, window = found.stations, found.windows[0]
    for region in station_regions(stations.lat, stations.lon, found.regions):
        chosen, rule = _drawn(found, region, drawing)
        panels = []
        for i in chosen:
            words = {run: _r_words(run, metrics["r"].at(i)) for run, metrics in window.scores.scores.items()}
            runs = {name: values[:, i] for name, values in found.runs.items()}
            rain = drawing.bars_of_cell(int(stations.placement.main_cell[i]))
            panels.append(StationPanel(_place_title(stations, i), stations.observed[:, i], runs, words, rain))
        if panels:
            path = drawing.folder / f"station_series_{file_name(region.name).lower()}.png"
            draw_stations(
                panels,
                stations.times,
                path,
                title=f"Soil moisture at stations, {region.name}",
                window_end=drawing.window[1],
                rain_label=drawing.rain_label,
            )
            text = f"Soil moisture at stations, {region.name}, {rule}; R over the {window.window} window."
            if any(panel.rain for panel in panels):
                text += f" Bars: {drawing.rain_label}."
            figures.append(Figure("series at stations", path, text, window.window, region=region.name))
    return figures


def draw_station_days(found: StationVerification, days: Sequence[DayAnomalies], drawing: Drawing) -> list[Figure]:
    """Draw anomalies of single days at stations, and the rain, like [B26] Fig. 12."""
    figures: list[Figure] = []
    stations, _ = found.of_days
    for one in days:
        panels = []
        for name, values in one.runs.items():
            s = one.scores[name]
            scc = "" if np.isnan(s.scc) else f"SCC {s.scc:.2f}, "
            note = f"{scc}n = {s.n_cells}".replace("-", "\N{MINUS SIGN}")
            panels.append(DayPanel(name, values, note=note))
        panels.append(DayPanel("Stations", one.reference))
        rain = drawing.rain_panel(one.day)
        panels += [] if rain is None else [rain]
        path = drawing.folder / f"station_anomalies_{file_name(one.region.name).lower()}_{one.day:%Y%m%d}.png"
        draw_day(
            panels,
            drawing.ground,
            path,
            lat=stations.lat,
            lon=stations.lon,
            region=one.region,
            day=one.day,
            title=f"Anomalies of soil moisture at stations, {one.region.name}",
        )
        window, placed = found.windows[0].window, _PLACED[drawing.asked.place_of_days or drawing.asked.place]
        text = (
            f"Daily anomalies from the mean of the {window} window at stations, {one.region.name}, {one.day}, with the "
            f"model {placed}{'' if rain is None else f'; {drawing.rain_label}'}."
        )
        figures.append(Figure("day", path, text, window, region=one.region.name))
    return figures


_PLACED = {"nearest": "in the nearest scored cell", "bilinear": "interpolated bilinearly to the stations"}


def _drawn(found: StationVerification, region: Region, drawing: Drawing) -> tuple[list[int], str]:
    """Select the stations of a region to be drawn, by the effect of a run; return them and the rule in words."""
    names = drawing.asked.drawn_stations
    stations, window = found.stations, found.windows[0]
    inside = stations.inside(region) & (stations.layer == min(stations.layer)) & (window.scores.n > 0)
    if names:
        listed = [i for i in np.flatnonzero(inside) if f"{stations.network[i]}/{stations.station[i]}" in names]
        return [int(i) for i in listed], "as configured"
    if window.scores.differences:
        changes = window.scores.differences
        run = next((name for name in changes if name == drawing.judged), list(changes)[-1])
        value, what = changes[run]["r"].value, f"change of R by {run}"
    else:
        run, scored = list(window.scores.scores.items())[-1]
        value, what = scored["r"].value, f"R of {run}"
    known = np.flatnonzero(inside & np.isfinite(value))
    if not known.size:
        return [int(i) for i in np.flatnonzero(inside)[:3]], "the first of the region, as R is undefined at all of them"
    ordered = known[np.argsort(value[known], kind="stable")]
    places = [ordered[min(ordered.size - 1, int(share * ordered.size))] for share in (0.1, 0.5, 0.9)]
    chosen = [int(i) for i in dict.fromkeys(places)]
    if known.size < 3:
        return chosen, "all that have scores"
    return chosen, f"at the 10th, 50th and 90th percentile of the {what}"


def _r_words(run: str, r: tuple[float, float, float, float]) -> str:
    value, low, high, _ = r
    if np.isnan(value):
        return f"{run}: R undefined"
    interval = "" if np.isnan(low) else f" [{low:.2f}, {high:.2f}]"
    text = f"R = {value:.2f}{interval}".replace("-", "\N{MINUS SIGN}")
    return f"{run}: {text}"


def _place_title(stations: StationSet, i: int) -> str:
    lat, lon = float(stations.lat[i]), float(stations.lon[i])
    north, east = "N" if lat >= 0.0 else "S", "E" if lon >= 0.0 else "W"
    return f"{stations.label(i)}, {abs(lat):.2f}°{north} {abs(lon):.2f}°{east}"
