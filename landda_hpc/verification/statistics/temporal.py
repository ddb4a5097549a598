"""Temporal scores of runs against a reference, place by place, with intervals and paired differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np

from landda_hpc.constants import FloatArray, IntArray
from landda_hpc.verification.statistics.anomalies import AnomalyRule, anomalies
from landda_hpc.verification.statistics.intervals import (
    Estimate,
    common_times,
    estimate_bias,
    estimate_bias_difference,
    estimate_correlation,
    estimate_correlation_difference,
    estimate_ubrmse,
    estimate_ubrmse_difference,
)

METRICS: Final[dict[str, tuple[str, str]]] = {
    "r": ("temporal correlation coefficient", "1"),
    "anomaly_r": ("temporal correlation coefficient of anomalies", "1"),
    "ubrmse": ("standard deviation of the difference", "m3 m-3"),
    "bias": ("mean difference", "m3 m-3"),
}
"""Long name and unit of each metric, in the order of the tables."""


@dataclass(frozen=True, eq=False)
class TemporalScores:
    """Scores of every run at every place.

    Attributes
    ----------
    n : number of times that all runs and the reference have, (n_place,).
    scores : scores by run and metric.
    differences : run minus baseline, by run (without the baseline) and metric.
    baseline : run from which differences are taken; None without differences.
    """

    n: IntArray
    scores: Mapping[str, Mapping[str, Estimate]]
    differences: Mapping[str, Mapping[str, Estimate]]
    baseline: str | None


def temporal_scores(
    runs: Mapping[str, FloatArray],
    reference: FloatArray,
    times: Sequence[datetime],
    *,
    rule: AnomalyRule = AnomalyRule(),  # noqa: B008 - frozen
    baseline: str | None = None,
    min_pairs: int = 20,
) -> TemporalScores:
    """Score runs against a reference at the times that all of them have.

    Parameters
    ----------
    runs : series by run, m3 m-3, (n_time, n_place); NaN is missing.
    reference : series of the reference, same shape.
    times : times of the rows, ascending, UTC, on a regular axis (rows without values are NaN).
    rule : definition of anomalies, which are computed from the common times, for run and reference.
    baseline : run with which the others are compared, pair by pair.
    min_pairs : places with fewer common times have no scores.

    Raises
    ------
    ShapeError, DataError : shapes differ, or times do not ascend.
    """
    *fields, reference = common_times(*runs.values(), reference)
    n = np.isfinite(reference).sum(axis=0)
    enough = n >= min_pairs
    reference = np.where(enough, reference, np.nan)
    values = {name: np.where(enough, field, np.nan) for name, field in zip(runs, fields, strict=True)}
    departures = {name: anomalies(field, times, rule) for name, field in values.items()}
    departure = anomalies(reference, times, rule)
    scores = {
        name: {
            "r": estimate_correlation(values[name], reference),
            "anomaly_r": estimate_correlation(departures[name], departure),
            "ubrmse": estimate_ubrmse(values[name], reference),
            "bias": estimate_bias(values[name], reference),
        }
        for name in runs
    }
    differences = {
        name: {
            "r": estimate_correlation_difference(values[name], values[baseline], reference),
            "anomaly_r": estimate_correlation_difference(departures[name], departures[baseline], departure),
            "ubrmse": estimate_ubrmse_difference(values[name], values[baseline], reference),
            "bias": estimate_bias_difference(values[name], values[baseline], reference),
        }
        for name in runs
        if baseline is not None and name != baseline
    }
    return TemporalScores(n, scores, differences, baseline)
