"""Scores against gridded references: patterns at each time, and series at each cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np

from landda_hpc.constants import BoolArray, FloatArray, IntArray
from landda_hpc.errors import ShapeError
from landda_hpc.verification.statistics.anomalies import AnomalyRule
from landda_hpc.verification.statistics.bounds import RANGES, UNBOUNDED, Range, difference_range, interval_within
from landda_hpc.verification.statistics.cell_errors import CellErrors, cell_errors
from landda_hpc.verification.statistics.dependence import Bootstrap, score_dependence
from landda_hpc.verification.statistics.groups import GroupMean, group_mean
from landda_hpc.verification.statistics.intervals import Estimate, common_times, estimate_mean
from landda_hpc.verification.statistics.scores import score
from landda_hpc.verification.statistics.station_scores import GroupRow
from landda_hpc.verification.statistics.temporal import METRICS, TemporalScores, temporal_scores

ALL_CELLS: Final = "all cells"

PATTERN: Final = ("scc", "ubrmse", "rmse", "bias")
"""Scores of a pattern at one time."""

_SAMPLED: Final = 300
"""Number of evenly spaced cells of a region in the bootstrap, sufficient to estimate the dependence of their errors."""


@dataclass(frozen=True, eq=False)
class Compared:
    """Runs and a reference on land cells.

    Attributes
    ----------
    reference, layer : names of reference and layer.
    times : times of the rows, ascending, UTC, on a regular axis.
    runs : series by run, m3 m-3, (n_time, n_cells); NaN where not scored (frozen, little soil).
    values : series of the reference, same shape; NaN where missing.
    """

    reference: str
    layer: str
    times: tuple[datetime, ...]
    runs: Mapping[str, FloatArray]
    values: FloatArray


@dataclass(frozen=True, eq=False)
class PatternSeries:
    """Scores of the pattern over time, by region and run: (n_time,) each, by score; NaN where undefined."""

    reference: str
    layer: str
    times: tuple[datetime, ...]
    scores: Mapping[str, Mapping[str, Mapping[str, FloatArray]]]


def score_patterns(compared: Compared, regions: Mapping[str, IntArray]) -> PatternSeries:
    """Score the image of every time over every region.

    Parameters
    ----------
    regions : cells of each region, by name. All cells have the same weight, as in the papers.

    Raises
    ------
    ShapeError : shapes differ.
    """
    for name, field in compared.runs.items():
        if field.shape != compared.values.shape:
            raise ShapeError(f"run {name} has shape {field.shape}; the reference {compared.values.shape}.")
    *fields, values = common_times(*compared.runs.values(), compared.values)
    scores: dict[str, dict[str, dict[str, FloatArray]]] = {}
    for region, cells in regions.items():
        mask = np.ones(cells.size, dtype=np.bool_)
        for run, field in zip(compared.runs, fields, strict=True):
            found = [score(image, truth, mask) for image, truth in zip(field[:, cells], values[:, cells], strict=True)]
            series = {name: np.array([getattr(s, name) for s in found]) for name in PATTERN}
            scores.setdefault(region, {})[run] = series
    return PatternSeries(compared.reference, compared.layer, compared.times, scores)


def mean_patterns(series: PatternSeries, windows: Mapping[str, BoolArray], baseline: str | None) -> list[GroupRow]:
    """Return means over the times of each window, with intervals, of scores and of differences from the baseline."""
    rows = []
    for window, is_inside in windows.items():
        for region, of_region in series.scores.items():
            for run, of_run in of_region.items():
                for name in PATTERN:
                    values = of_run[name][is_inside]
                    difference = None
                    if baseline is not None and baseline in of_region and run != baseline:
                        difference = _difference_over_times(name, values, of_region[baseline][name][is_inside])
                    mean = _over_times(values, RANGES[name])
                    if mean.n_places:
                        rows.append(GroupRow(window, "pattern", region, series.layer, run, name, mean, difference))
    return rows


@dataclass(frozen=True, eq=False)
class CellScores:
    """Temporal scores and errors of every cell in one window, and means of the scores over regions."""

    window: str
    scores: TemporalScores
    errors: CellErrors
    groups: tuple[GroupRow, ...]
    block_steps: int


def score_cells(
    compared: Compared,
    windows: Mapping[str, BoolArray],
    regions: Mapping[str, IntArray],
    area: FloatArray,
    *,
    rule: AnomalyRule,
    baseline: str | None,
    min_pairs: int,
    bootstrap: Bootstrap,
) -> list[CellScores]:
    """Score the series of every cell, and average over regions, weighted by area.

    Parameters
    ----------
    area : area of the cells, (n_cells,), any unit.
    windows, rule, baseline, min_pairs, bootstrap : see ``station_scores.score_stations``.
    """
    found = []
    for window, is_inside in windows.items():
        runs = {name: values[is_inside] for name, values in compared.runs.items()}
        reference = compared.values[is_inside]
        times = [time for time, inside in zip(compared.times, is_inside, strict=True) if inside]
        if len(times) < min_pairs:
            continue
        scores = temporal_scores(runs, reference, times, rule=rule, baseline=baseline, min_pairs=min_pairs)
        usable = np.flatnonzero(scores.n >= min_pairs)
        if not usable.size:
            continue
        rows = []
        steps = 1
        for region, cells in regions.items():
            inside = np.intersect1d(cells, usable)
            if not inside.size:
                continue
            sampled = inside[np.unique(np.linspace(0, inside.size - 1, _SAMPLED).astype(np.int64))]
            steps, ratios = score_dependence(
                {name: values[:, sampled] for name, values in runs.items()},
                reference[:, sampled],
                times,
                {region: np.arange(sampled.size)},
                rule=rule,
                baseline=baseline,
                bootstrap=bootstrap,
                key=f"{compared.reference}, {compared.layer}, {window}, {region}",
            )
            for run in runs:
                for metric in METRICS:
                    mean = group_mean(scores.scores[run][metric], inside, ratios[region, run, metric, False], area)
                    difference = None
                    if run in scores.differences:
                        estimate = scores.differences[run][metric]
                        difference = group_mean(estimate, inside, ratios[region, run, metric, True], area)
                    rows.append(GroupRow(window, "cells", region, compared.layer, run, metric, mean, difference))
        errors = cell_errors(runs, reference, baseline, min_pairs)
        found.append(CellScores(window, scores, errors, tuple(rows), steps))
    return found


def _over_times(series: FloatArray, within: Range) -> GroupMean:
    """Return the mean of a series as a group mean, in which the places are times."""
    estimate: Estimate = estimate_mean(series[:, None])
    value, low, high, n_eff = estimate.at(0)
    low, high = interval_within(value, 0.5 * (high - low), within)
    known = series[np.isfinite(series)]
    spread = float(np.std(known, ddof=1)) if known.size > 1 else float("nan")
    return GroupMean(value, low, high, spread, n_eff, int(known.size))


def _difference_over_times(score_name: str, values: FloatArray, baseline: FloatArray) -> GroupMean:
    """Return the mean of paired differences, with an interval that does not imply scores out of range."""
    both = np.isfinite(values) & np.isfinite(baseline)
    if not both.any():
        return _over_times(values - baseline, UNBOUNDED)
    within = difference_range(score_name, float(values[both].mean()), float(baseline[both].mean()))
    return _over_times(values - baseline, within)
