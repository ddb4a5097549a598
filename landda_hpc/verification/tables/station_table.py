"""Tables of scores at stations: CSV, CF netCDF, Markdown and screen."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

import numpy as np
from rich import box
from rich.markup import escape
from rich.table import Table

from landda_hpc.constants import FloatArray
from landda_hpc.io.csv_table import write_csv
from landda_hpc.io.markdown import table_lines
from landda_hpc.io.netcdf_writer import TIME_UNITS, NetcdfWriter, hours_since_1970, new_netcdf
from landda_hpc.verification.statistics.improvement import Improvement
from landda_hpc.verification.statistics.intervals import Estimate
from landda_hpc.verification.statistics.sample_size import FEWEST_EFFECTIVE, LEVEL, MARK, is_weak, plus_minus
from landda_hpc.verification.statistics.station_scores import ALL_STATIONS, GroupRow, WindowScores
from landda_hpc.verification.statistics.station_set import Representativeness, StationSet
from landda_hpc.verification.statistics.temporal import METRICS
from landda_hpc.verification.tables.benchmarks import Benchmark, known_means
from landda_hpc.verification.tables.grid_table import change_words, words

_EDGES: Final = ("value", "low", "high")
TITLES: Final = {"r": "R", "anomaly_r": "anomaly R", "ubrmse": "ubRMSE", "bias": "bias", "scc": "SCC", "rmse": "RMSE"}
"""Short names of metrics."""


def representativeness_note(stations: StationSet, points: Representativeness) -> str:
    """Describe the limits of a comparison of points with cells; empty without stations."""
    drawn = np.array([network.startswith(TWIN_NETWORK) for network in stations.network], dtype=np.bool_)
    texts: list[str] = []
    if drawn.any():
        texts.append(
            f"{'The' if drawn.all() else f'{drawn.sum()} of the'} stations are drawn from the nature run: the mean of "
            "their cell with a constant offset, a part that may change slowly, and white errors "
            "(verification.twin_stations). The bias, and a part of ubRMSE and of 1 - R, are due to these errors and "
            "not to the model."
        )
    if not drawn.all():
        texts.append(_difference_of_scale(stations, points))
    if len(stations):
        texts.append("They are common to all runs, so paired differences are more reliable evidence.")
    return " ".join(texts)


TWIN_NETWORK: Final = "twin "
"""Prefix of the network names of stations that are drawn from a nature run."""


def _difference_of_scale(stations: StationSet, points: Representativeness) -> str:
    """Describe how much a point and its cell may differ, as far as this is known."""
    among = points.among_stations[np.isfinite(points.among_stations)]
    compared = (
        f"stations that share a cell differ from each other by {np.mean(among):.3f} m3 m-3 (standard deviation, "
        f"{among.size} sensors in {np.unique(stations.placement.main_cell[np.isfinite(points.among_stations)]).size} "
        "cells)"
        if among.size
        else "no two stations share a cell, so the stations do not show the differences inside cells"
    )
    tiles = points.among_tiles[np.isfinite(points.among_tiles)]
    spread = f", which have a standard deviation of {np.mean(tiles):.3f} m3 m-3" if tiles.size else ""
    return (
        f"A station is a point; the model's value represents a cell of about {np.median(points.cell_km):.0f} km "
        f"(median), its mean over updatable tiles{spread}; {compared}. The bias, and a part of ubRMSE and of 1 - R, "
        "are due to this difference of scale and not to the model. "
        f"Stations are {np.nanmedian(stations.placement.distance_km):.0f} km (median) from the centre of their cell."
    )


def interval_note(rule: str, block_steps: Mapping[str, int], step_hours: float) -> str:
    """Describe the method of the intervals; empty without intervals.

    Parameters
    ----------
    rule : description of the anomalies.
    block_steps : length of the blocks of the bootstrap, time steps, by window.
    step_hours : time step of the series, hours.
    """
    if not block_steps:
        return ""
    blocks = ", ".join(f"{steps * step_hours / 24.0:.1f} days ({window})" for window, steps in block_steps.items())
    return (
        f"Intervals are of {100 * LEVEL:g} % and account for autocorrelation: Fisher's z for R, chi-square for ubRMSE "
        "and Student's t for the bias, with the effective instead of the actual number of times (n_eff). Differences "
        "of runs are paired, time by time. Intervals of means over groups hold for the same places in another season "
        f"like this one; a bootstrap of blocks in time accounts for the dependence between places: {blocks}. No "
        f"interval exceeds the range of its score. Anomalies are {rule}, computed from the common times of each "
        f"window separately. Where n_eff is below {FEWEST_EFFECTIVE:g} intervals tend to be too narrow."
    )


def write_station_csv(
    path: Path, stations: StationSet, points: Representativeness, windows: Sequence[WindowScores]
) -> None:
    """Write one row per window, sensor and run, atomically, in m3 m-3, m, km and degrees; NaN is empty.

    Each metric has value, low, high and n_eff, and value, low and high of the paired difference from the baseline.
    """
    header = [
        "window", "network", "station", "sensor", "lat", "lon", "elevation_m", "depth_top_m", "depth_bottom_m", "layer",
        "distance_km", "cell_km", "tile_std", "cell_stations", "cell_station_std", "run", "n",
    ]  # fmt: skip
    for metric in METRICS:
        header += [f"{metric}{end}" for end in ("", "_low", "_high", "_n_eff")]
        header += [f"{metric}_difference{end}" for end in ("", "_low", "_high")]
    rows: list[list[object]] = []
    for window in windows:
        for i in range(len(stations)):
            if window.scores.n[i] == 0:
                continue
            place = [
                window.window, stations.network[i], stations.station[i], stations.sensor[i], stations.lat[i],
                stations.lon[i], stations.elevation_m[i], *stations.depths_m[i],
                stations.layers[int(stations.layer[i])],
                stations.placement.distance_km[i], points.cell_km[i], points.among_tiles[i], int(points.n_in_cell[i]),
                points.among_stations[i],
            ]  # fmt: skip
            for run, metrics in window.scores.scores.items():
                row = [*place, run, int(window.scores.n[i])]
                for metric in METRICS:
                    row += metrics[metric].at(i)
                    difference = window.scores.differences.get(run, {}).get(metric)
                    row += ["", "", ""] if difference is None else difference.at(i)[:3]
                rows.append(row)
    write_csv(path, header, rows, digits=7)


def write_group_csv(path: Path, rows: Iterable[tuple[str, GroupRow]]) -> None:
    """Write one row per reference, window, group, layer, run and metric, atomically.

    Parameters
    ----------
    rows : rows, each with the name of its reference.
    """
    header = [
        "reference", "window", "kind", "group", "layer", "run", "metric", "value", "low", "high", "spread", "n_eff",
        "n_places", "difference", "difference_low", "difference_high",
    ]  # fmt: skip
    lines: list[list[object]] = []
    for reference, row in rows:
        s, d = row.score, row.difference
        change: tuple[object, ...] = ("", "", "") if d is None else (d.value, d.low, d.high)
        names = (reference, row.window, row.kind, row.group, row.layer, row.run, row.metric)
        lines.append([*names, s.value, s.low, s.high, s.spread, s.n_eff, s.n_places, *change])
    write_csv(path, header, lines, digits=7)


def group_table(rows: Sequence[GroupRow], title: str, metrics: Sequence[str] = tuple(METRICS)) -> list[Table]:
    """Format group means with their intervals for the screen, one table per window."""
    tables = []
    for window in dict.fromkeys(row.window for row in rows):
        table = Table(title=f"{title}, {window} window", box=box.SIMPLE_HEAD, padding=0, show_edge=False)
        table.title_justify = "left"
        table.add_column("group, layer, run")
        for metric in metrics:
            table.add_column(TITLES[metric], justify="right")
        table.add_column("n", justify="right")
        of_window = [row for row in rows if row.window == window]
        for (group, layer), block in groupby(of_window, key=lambda r: (r.group, r.layer)):
            table.add_section()
            table.add_row(f"[bold]{escape(group)}, {layer}[/bold]")
            for run, of_run in groupby(block, key=lambda r: r.run):
                found = {row.metric: row for row in of_run}
                cells = [_pm(found[m]) if m in found else "-" for m in metrics]
                table.add_row(escape(run), *cells, str(max(row.score.n_places for row in found.values())))
        tables.append(table)
    return tables


def improvement_markdown(window: str, found: Mapping[tuple[str, str, str, str], Improvement]) -> str:
    """Format the fractions of improved stations of a window in Markdown; empty without any.

    Parameters
    ----------
    found : by group, layer, run and metric.
    """
    if not found:
        return ""
    texts: list[Sequence[str]] = []
    for (group, layer, run, metric), one in found.items():
        if one.n:
            fraction, low, high = (f"{100 * part:.0f}" for part in (one.fraction, one.low, one.high))
            counts = str(one.n), f"{fraction} % [{low}, {high}]", str(one.n_clear), str(one.n_worse)
            texts.append((group, layer, run, TITLES[metric], *counts))
    headings = ["group", "layer", "run", "metric", "stations", "improved", "clearly better", "clearly worse"]
    note = (
        f"Stations improved, {window} window: fraction of the stations at which the run is better than the baseline, "
        f"with Wilson's {100 * LEVEL:g} % interval for independent stations; clearly: the interval of the difference "
        "excludes zero."
    )
    return "\n".join([note, "", *table_lines(headings, texts, n_texts=4)])


def group_markdown(rows: Sequence[GroupRow], benchmarks: Sequence[Benchmark] = ()) -> str:
    """Format group means in Markdown, with intervals and paired differences.

    Parameters
    ----------
    benchmarks : known means over stations, shown below the rows of their window, region and layer.
    """
    lines: list[str] = []
    for window, members in groupby(rows, key=lambda r: r.window):
        lines += [f"### {window.capitalize()} window", ""]
        texts: list[Sequence[str]] = []
        for (group, layer), of_layer in groupby(members, key=lambda r: (r.group, r.layer)):
            for run, block in groupby(of_layer, key=lambda r: r.run):
                found = {row.metric: row for row in block}
                cells = [words(found[m].score) if m in found else "-" for m in METRICS]
                n = max(row.score.n_places for row in found.values())
                n_eff = found["r"].score.n_eff if "r" in found else math.nan
                texts.append([group, layer, run, *cells, str(n), _number(n_eff, 0)])
                changes = {m: row.difference for m, row in found.items() if row.difference is not None}
                if changes:
                    cells = [change_words(changes[m], is_bold=m != "bias") if m in changes else "-" for m in METRICS]
                    texts.append(["", "", "change", *cells, "", ""])
            known = [b for b in benchmarks if (b.window, b.region or ALL_STATIONS, b.layer) == (window, group, layer)]
            for label, cells in known_means(known, "stations", tuple(METRICS)):
                texts.append([group, layer, label, *cells, "", ""])
        headings = ["group", "layer", "run", *(TITLES[m] for m in METRICS), "places", "median n_eff"]
        lines += [*table_lines(headings, texts, n_texts=3), ""]
    return "\n".join(lines)


def write_station_netcdf(
    path: Path,
    stations: StationSet,
    points: Representativeness,
    runs: Mapping[str, FloatArray],
    windows: Sequence[WindowScores],
    notes: Mapping[str, str],
) -> None:
    """Write series and scores as CF netCDF (discrete sampling geometry, ``timeSeries``), atomically.

    Variables: observed(time, station), model(run, time, station), and for each metric r, anomaly_r, ubrmse, bias:
    metric(window, run, edge, station) with edge = value, low, high; metric_n_eff(window, run, station);
    metric_difference(window, run, edge, station), run minus baseline.
    """
    n = len(stations)
    names = {
        "network_name": stations.network,
        "station_name": stations.station,
        "sensor_name": stations.sensor,
        "layer_name": [stations.layers[int(i)] for i in stations.layer],
    }
    n_bytes = 8 * n * (len(stations.times) * (len(runs) + 1) + 200)
    with new_netcdf(path, n_bytes, {"featureType": "timeSeries", **notes}) as file:
        file.dimensions({"time": len(stations.times), "station": n, "edge": len(_EDGES), "bnds": 2})
        file.write_texts("run", "run", list(runs), {"long_name": "run of the campaign"})
        file.write_texts("window", "window", [w.window for w in windows], {"long_name": "window of the campaign"})
        attributes = {"standard_name": "time", "long_name": "valid time", "units": TIME_UNITS, "calendar": "standard"}
        _values(file, "time", ("time",), hours_since_1970(stations.times), attributes)
        for name, texts in names.items():
            file.write_texts(name, "station", list(texts), {"long_name": name.replace("_", " ")})
        plain = {
            "lat": (stations.lat, "degrees_north", "latitude"),
            "lon": (stations.lon, "degrees_east", "longitude"),
            "elevation": (stations.elevation_m, "m", "height of the ground"),
            "distance": (stations.placement.distance_km, "km", "distance from the centre of the cell"),
            "cell_size": (points.cell_km, "km", "square root of the area of the cell"),
            "tile_std": (points.among_tiles, "m3 m-3", "mean standard deviation among the tiles of the cell"),
            "cell_station_std": (points.among_stations, "m3 m-3", "standard deviation among the stations of the cell"),
        }
        for name, (values, units, long_name) in plain.items():
            _values(file, name, ("station",), values, {"units": units, "long_name": long_name})
        depth = np.array(stations.depths_m, np.float64).reshape(-1, 2)
        _values(file, "depth_bnds", ("station", "bnds"), depth, {"units": "m", "long_name": "depth of the sensor"})
        water = {"standard_name": "volume_fraction_of_condensed_water_in_soil", "units": "m3 m-3"}
        water["coordinates"] = "lat lon station_name"
        _values(file, "observed", ("time", "station"), stations.observed, {**water, "long_name": "station"})
        model = np.stack(list(runs.values())) if runs else np.empty((0, len(stations.times), n))
        _values(file, "model", ("run", "time", "station"), model, {**water, "long_name": "model at the station"})
        counts = np.array([w.scores.n for w in windows], np.float64).reshape(-1, n)
        _values(file, "n", ("window", "station"), counts, {"units": "1", "long_name": "common times"})
        for metric, (long_name, units) in METRICS.items():
            for suffix, what in (("", ""), ("_difference", ", difference from the baseline")):
                found = [
                    [(w.scores.differences if suffix else w.scores.scores).get(run, {}).get(metric) for run in runs]
                    for w in windows
                ]
                _values(
                    file,
                    metric + suffix,
                    ("window", "run", "edge", "station"),
                    np.array([[_stacked(e, n) for e in row] for row in found]).reshape(-1, len(runs), len(_EDGES), n),
                    {"units": units, "long_name": long_name + what, "edges": " ".join(_EDGES)},
                )
                if not suffix:
                    sizes = [[np.full(n, np.nan) if e is None else e.n_eff for e in row] for row in found]
                    array = np.array(sizes).reshape(-1, len(runs), n)
                    attributes = {"units": "1", "long_name": f"effective sample size of {long_name}"}
                    _values(file, f"{metric}_n_eff", ("window", "run", "station"), array, attributes)


def _stacked(estimate: Estimate | None, n: int) -> FloatArray:
    if estimate is None:
        return np.full((len(_EDGES), n), np.nan)
    return np.stack([estimate.value, estimate.low, estimate.high])


def _values(
    file: NetcdfWriter, name: str, dims: tuple[str, ...], values: FloatArray, attributes: Mapping[str, str]
) -> None:
    file.write(name, dims, values, attributes, dtype="f8", fill=np.nan, level=int(len(dims) > 1))


def _pm(row: GroupRow) -> str:
    s = row.score
    return plus_minus(s.value, s.low, s.high, 3).replace(" [", "\n[") + (MARK if is_weak(s) else "")


def _number(value: float, digits: int) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}"
