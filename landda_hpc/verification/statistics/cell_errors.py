"""Errors of runs against a reference in every cell, and their skill against a baseline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from landda_hpc.constants import FloatArray, IntArray
from landda_hpc.verification.statistics.intervals import common_times


@dataclass(frozen=True, eq=False)
class CellErrors:
    """Errors of every run in every cell, over the times that all runs and the reference have.

    Attributes
    ----------
    n : number of these times, (n_cells,).
    rmse, ubrmse, bias : by run, m3 m-3, (n_cells,); rmse^2 = ubrmse^2 + bias^2.
    skill : 1 - rmse / rmse of the baseline, by run without the baseline, 1, (n_cells,).
    baseline : run with which the others are compared; None with one run.

    Notes
    -----
    NaN in cells with too few times, and the skill where the baseline has no error.
    """

    n: IntArray
    rmse: Mapping[str, FloatArray]
    ubrmse: Mapping[str, FloatArray]
    bias: Mapping[str, FloatArray]
    skill: Mapping[str, FloatArray]
    baseline: str | None


def cell_errors(
    runs: Mapping[str, FloatArray], reference: FloatArray, baseline: str | None, min_pairs: int = 2
) -> CellErrors:
    """Return the errors of runs in every cell.

    Parameters
    ----------
    runs : series by run, m3 m-3, (n_time, n_cells); NaN is missing.
    reference : series of the reference, same shape.
    baseline : name of the run with which the others are compared.
    min_pairs : cells with fewer common times have no errors.

    Raises
    ------
    ShapeError : shapes differ.
    """
    *fields, reference = common_times(*runs.values(), reference)
    n: IntArray = np.isfinite(reference).sum(axis=0)
    count = np.where(n >= max(min_pairs, 1), n, np.nan)
    bias, rmse, ubrmse = {}, {}, {}
    for name, field in zip(runs, fields, strict=True):
        error = np.nan_to_num(field - reference)
        bias[name] = error.sum(axis=0) / count
        rmse[name] = np.sqrt((error**2).sum(axis=0) / count)
        departure = np.where(np.isfinite(reference), error - bias[name], 0.0)
        ubrmse[name] = np.sqrt((departure**2).sum(axis=0) / count)
    skill = {}
    for name in runs:
        if baseline is not None and name != baseline:
            of_baseline = np.where(rmse[baseline] > 0.0, rmse[baseline], np.nan)
            skill[name] = 1.0 - rmse[name] / of_baseline
    return CellErrors(n, rmse, ubrmse, bias, skill, baseline)


def weighted_median(values: FloatArray, weights: FloatArray) -> float:
    """Return the smallest value below or at which half of the weight lies, (n,)."""
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, 0.5 * total[-1])])
