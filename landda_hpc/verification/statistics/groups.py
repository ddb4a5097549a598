"""Means of scores over groups of places: networks and regions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from landda_hpc.constants import FloatArray, IntArray
from landda_hpc.verification.statistics import bounds
from landda_hpc.verification.statistics.intervals import Estimate


@dataclass(frozen=True)
class GroupMean:
    """Mean of a score over a group of places.

    Attributes
    ----------
    value, low, high : mean and interval; NaN if no place has the score, low and high also if no place has an interval.
        The interval is for the mean over *these* places in another season like this one, not for other places. It stays
        within the range of the score.
    spread : standard deviation of the score over the places; NaN with fewer than two.
    n_eff : median of the places' effective sample sizes.
    n_places : number of places with the score.
    """

    value: float
    low: float
    high: float
    spread: float
    n_eff: float
    n_places: int


def group_mean(estimate: Estimate, places: IntArray, dependence: float, weights: FloatArray | None = None) -> GroupMean:
    """Return the mean of a score over places, with an interval.

    The mean width of the places' intervals is multiplied by ``dependence``, and the same fraction of their asymmetry is
    kept. Widths are averaged on an unbounded scale (``bounds``), so that the interval of the mean also stays within the
    range of the score.

    Parameters
    ----------
    estimate : estimates of all places.
    places : indices of the group.
    dependence : result of ``block_bootstrap.dependence_ratios``; 1 if all places have the same errors.
    weights : weights of all places; equal by default.
    """
    value, low, high, centre, size, floor, ceiling = (
        np.broadcast_to(a, estimate.value.shape)[places]
        for a in (
            estimate.value,
            estimate.low,
            estimate.high,
            estimate.centre,
            estimate.n_eff,
            estimate.floor,
            estimate.ceiling,
        )
    )
    weight = np.ones(places.size) if weights is None else weights[places]
    known = np.isfinite(value) & (weight > 0.0)
    if not known.any():
        return GroupMean(math.nan, math.nan, math.nan, math.nan, math.nan, 0)
    mean = _mean(value[known], weight[known])
    sure = known & np.isfinite(low) & np.isfinite(high)
    edges = (math.nan, math.nan)
    if sure.any():
        w = weight[sure]
        middle = mean + _mean((centre - value)[sure], w)
        if estimate.is_difference:
            sides = (centre - low)[sure], (high - centre)[sure]
        else:
            sides = bounds.halves_of(centre[sure], low[sure], high[sure], floor[sure], ceiling[sure])
        below, above = (_mean(side, w) for side in sides)
        # Means of many independent values are symmetric; the part common to all places keeps its skewness.
        even = 0.5 * (below + above) * (1.0 - dependence)
        halves = (np.array([dependence * (dependence * side + even)]) for side in (below, above))
        ends = (np.array([_mean(end[known], weight[known])]) for end in (floor, ceiling))
        found = bounds.edges_within(np.array([middle]), *halves, *ends, is_difference=estimate.is_difference)
        edges = float(found[0][0]), float(found[1][0])
    spread = float(np.std(value[known], ddof=1)) if known.sum() > 1 else math.nan
    sizes = size[known & np.isfinite(size)]
    n_eff = float(np.median(sizes)) if sizes.size else math.nan
    return GroupMean(mean, *edges, spread, n_eff, int(known.sum()))


def _mean(values: FloatArray, weights: FloatArray) -> float:
    return float((weights * values).sum() / weights.sum())
