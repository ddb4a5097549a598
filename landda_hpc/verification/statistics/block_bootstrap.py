"""Dependence of the errors of a group's places: a block bootstrap in time with the same draws for all places.

Stations of a network receive the same rain, so their scores are not independent. The same blocks of times are drawn
for all places and all runs, which preserves their common variations.

References
----------
Kuensch (1989), Ann. Stat., 17, 1217-1241; Politis and Romano (1992), in: Exploring the Limits of Bootstrap, 263-270
(circular blocks).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from landda_hpc.constants import FloatArray, IntArray
from landda_hpc.errors import ShapeError
from landda_hpc.verification.statistics.intervals import common_times

Key = tuple[str, str, str, bool]
"""Group, run, score, whether it is the difference from the baseline."""

SCORES: Final = ("r", "ubrmse", "bias")

_CHUNK: Final = 512
"""Number of places whose moments are resampled together; it limits memory."""

_N_MOMENTS: Final = 6
"""Number of values, x, y, x^2, y^2, x y."""


def draw_blocks(n_time: int, length: int, n_replicates: int, generator: np.random.Generator) -> FloatArray:
    """Draw how often each block enters each replicate of a circular block bootstrap.

    Parameters
    ----------
    n_time : length of the series.
    length : length of a block.
    n_replicates : number of replicates.
    generator : generator keyed by the purpose of the draw.

    Returns
    -------
    Counts by first time of the block, (n_replicates, n_time); every row sums to ceil(n_time / length).
    """
    n_blocks = -(-n_time // length)
    starts = generator.integers(0, n_time, size=(n_replicates, n_blocks))
    counts = np.zeros((n_replicates, n_time))
    np.add.at(counts, (np.arange(n_replicates)[:, None], starts), 1.0)
    return counts


def resampled_scores(
    x: FloatArray, y: FloatArray, counts: FloatArray, length: int
) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
    """Return R, ubRMSE and bias of each column, and of its replicates.

    Parameters
    ----------
    x, y : run and reference, (n_time, n_place), missing (NaN) at the same times.
    counts : result of ``draw_blocks``.
    length : length of the blocks.

    Returns
    -------
    scores : scores by name ("r", "ubrmse", "bias"), (n_place,).
    replicates : the same scores of the replicates, (n_replicates, n_place).

    Notes
    -----
    Each block enters through six sums, so a replicate is one row of a matrix product.
    """
    if counts.shape[1] != x.shape[0]:
        raise ShapeError(f"blocks of {counts.shape[1]} times were drawn; the series have {x.shape[0]}.")
    present = np.isfinite(x)
    with np.errstate(invalid="ignore", divide="ignore"):
        n = present.sum(axis=0)
        mean_x = np.where(n > 0, np.where(present, x, 0.0).sum(axis=0) / n, 0.0)
        mean_y = np.where(n > 0, np.where(present, y, 0.0).sum(axis=0) / n, 0.0)
    # About the means of the whole series: squares of the full values would lose digits by cancellation.
    dx, dy = np.where(present, x - mean_x, 0.0), np.where(present, y - mean_y, 0.0)
    moments = np.stack([present.astype(np.float64), dx, dy, dx**2, dy**2, dx * dy], axis=-1)
    wrapped = np.concatenate([moments, moments[: length - 1]])
    sums = np.zeros((wrapped.shape[0] + 1, *moments.shape[1:]))
    np.cumsum(wrapped, axis=0, out=sums[1:])
    blocks = sums[length:] - sums[:-length]
    drawn = counts @ blocks.reshape(blocks.shape[0], -1)
    replicates = _scores(drawn.reshape(counts.shape[0], -1, _N_MOMENTS), mean_x - mean_y)
    return _scores(moments.sum(axis=0), mean_x - mean_y), replicates


def dependence_ratios(
    runs: Mapping[str, FloatArray],
    reference: FloatArray,
    groups: Mapping[str, IntArray],
    *,
    length: int,
    n_replicates: int,
    generator: np.random.Generator,
    baseline: str | None = None,
) -> dict[Key, float]:
    """Return the ratio of the uncertainty of the mean over a group to that of single places.

    The ratio is the standard deviation of the group's mean over replicates, divided by the mean standard deviation of
    its places: 1 if all places have the same errors, 1 / sqrt(n_place) if their errors are independent.

    Parameters
    ----------
    runs : series by run, (n_time, n_place); NaN is missing.
    reference : series of the reference, same shape.
    groups : places of each group.
    length : length of the blocks, time steps.
    n_replicates, generator : number of replicates and random numbers of the bootstrap.
    baseline : run from which differences are taken.

    Returns
    -------
    Ratios by (group, run, score, whether it is the difference from the baseline), in [0, 1]; 1 if unknown.
    """
    *fields, reference = common_times(*runs.values(), reference)
    counts = draw_blocks(reference.shape[0], length, n_replicates, generator)
    names = list(runs)
    found: dict[Key, float] = {}
    for group, places in groups.items():
        sums: dict[tuple[str, str, bool], _Sum] = {}
        for first in range(0, places.size, _CHUNK):
            chosen = places[first : first + _CHUNK]
            drawn = {
                name: resampled_scores(field[:, chosen], reference[:, chosen], counts, length)[1]
                for name, field in zip(names, fields, strict=True)
            }
            for name in names:
                for score in SCORES:
                    sums.setdefault((name, score, False), _Sum(n_replicates)).add(drawn[name][score])
                    if baseline is not None and name != baseline:
                        difference = drawn[name][score] - drawn[baseline][score]
                        sums.setdefault((name, score, True), _Sum(n_replicates)).add(difference)
        for (name, score, is_difference), total in sums.items():
            found[group, name, score, is_difference] = total.ratio()
    return found


class _Sum:
    """Sums over places of replicates of a score, and of their standard deviations."""

    def __init__(self, n_replicates: int) -> None:
        self._replicates = np.zeros(n_replicates)
        self._stds = 0.0

    def add(self, replicates: FloatArray) -> None:
        # A place without a score in some replicate (few values, all in one block) is omitted.
        known = np.isfinite(replicates).all(axis=0)
        self._replicates += replicates[:, known].sum(axis=1)
        self._stds += float(np.std(replicates[:, known], axis=0).sum())

    def ratio(self) -> float:
        return min(1.0, float(np.std(self._replicates)) / self._stds) if self._stds > 0.0 else 1.0


def _scores(moments: FloatArray, shift: FloatArray) -> dict[str, FloatArray]:
    """Return scores from the six sums, (..., n_place, 6)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        n = np.where(moments[..., 0] > 1.0, moments[..., 0], np.nan)
        x, y, xx, yy, xy = (moments[..., i] / n for i in range(1, _N_MOMENTS))
        var_x, var_y, covariance = xx - x * x, yy - y * y, xy - x * y
        # Below this a variance is rounding error: the column is constant.
        varies = (var_x > 1e-14 * (xx + 1e-30)) & (var_y > 1e-14 * (yy + 1e-30))
        r = np.where(varies, np.clip(covariance / np.sqrt(var_x * var_y), -1.0, 1.0), np.nan)
        ubrmse = np.sqrt(np.maximum(0.0, var_x + var_y - 2.0 * covariance))
        return {"r": r, "ubrmse": np.asarray(ubrmse), "bias": np.asarray(x - y + shift)}
