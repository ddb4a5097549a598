"""Confidence intervals that stay within the range of their score: a correlation in [-1, 1], an error above 0.

A symmetric interval of a bounded score can contain impossible values, especially with few samples. The side of an
interval towards an end of the range is therefore computed on an unbounded transformed scale and transformed back. The
scale is the logit of the position between two ends (on -1..1 this is twice Fisher's z), or the logarithm of the
distance from one end. The width is multiplied by the slope of the scale (delta method), so that narrow intervals
remain Student's. Differences of scores do not accumulate at the ends of their range: their intervals are truncated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from landda_hpc.constants import FloatArray

_NEAREST: Final = 1e-12
"""Minimum distance of a value from an end, as a fraction of the range, because the scale does not include the end."""


@dataclass(frozen=True)
class Range:
    """Range of a score, or of the difference of two scores.

    Attributes
    ----------
    floor, ceiling : ends of the range; -inf and inf if there is none.
    is_difference : whether it is the range of a difference, at whose ends intervals are truncated.
    """

    floor: float = -math.inf
    ceiling: float = math.inf
    is_difference: bool = False


CORRELATION: Final = Range(-1.0, 1.0)
ERROR: Final = Range(0.0)
UNBOUNDED: Final = Range()
CORRELATION_DIFFERENCE: Final = Range(-2.0, 2.0, is_difference=True)

RANGES: Final[dict[str, Range]] = {
    "r": CORRELATION,
    "anomaly_r": CORRELATION,
    "scc": CORRELATION,
    "ubrmse": ERROR,
    "rmse": ERROR,
    "bias": UNBOUNDED,
}
"""Range of each score, by name."""


def difference_range(score: str, value: float, baseline: float) -> Range:
    """Return the range of the difference of a score from the baseline's, given the means of both.

    Correlations differ by at most 2. An error cannot be negative: its difference lies between minus the baseline's
    error and the error itself, so that no end of an interval implies a negative error.
    """
    found = RANGES[score]
    if found == CORRELATION:
        return CORRELATION_DIFFERENCE
    if found == ERROR and value >= 0.0 and baseline >= 0.0:
        return Range(-baseline, value, is_difference=True)
    return UNBOUNDED


def interval_within(centre: float, half_width: float, within: Range) -> tuple[float, float]:
    """Return the ends of an interval of one number; see :func:`edges_within`."""
    half = np.array([half_width])
    ends = np.array([within.floor]), np.array([within.ceiling])
    low, high = edges_within(np.array([centre]), half, half, *ends, is_difference=within.is_difference)
    return float(low[0]), float(high[0])


def edges_within(
    centre: FloatArray,
    below: FloatArray,
    above: FloatArray,
    floor: FloatArray,
    ceiling: FloatArray,
    *,
    is_difference: bool = False,
) -> tuple[FloatArray, FloatArray]:
    """Return the ends of intervals that stay between floor and ceiling. Local.

    Parameters
    ----------
    centre : centre of each interval, (n,).
    below, above : half-widths to first order, in the unit of the score, >= 0, (n,).
    floor, ceiling : range of each score, (n,); -inf and inf where there is none.
    is_difference : truncate at the ends instead of using unbounded scales.

    Returns
    -------
    low, high : (n,), floor <= low <= centre <= high <= ceiling. NaN where the centre or the half-width is NaN, or the
        centre is outside its range.
    """
    with np.errstate(invalid="ignore"):
        if is_difference:
            low, high = np.maximum(centre - below, floor), np.minimum(centre + above, ceiling)
        else:
            low = -_upward(-centre, below, -ceiling, -floor)
            high = _upward(centre, above, floor, ceiling)
        outside = ~((centre >= floor) & (centre <= ceiling))
    return np.where(outside | np.isnan(below), np.nan, low), np.where(outside | np.isnan(above), np.nan, high)


def halves_of(
    centre: FloatArray, low: FloatArray, high: FloatArray, floor: FloatArray, ceiling: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the half-widths, (n,) each, from which ``edges_within`` gives these ends (except for differences)."""
    return _width_of(-centre, -low, -ceiling, -floor), _width_of(centre, high, floor, ceiling)


def _upward(centre: FloatArray, width: FloatArray, floor: FloatArray, ceiling: FloatArray) -> FloatArray:
    """Return the upper end, on a scale that does not reach the ceiling; centre + width without a ceiling."""
    scaled = _stretch(centre, floor, ceiling) + width * _slope(centre, floor, ceiling)
    has_floor, has_ceiling = np.isfinite(floor), np.isfinite(ceiling)
    low, high = np.where(has_floor, floor, 0.0), np.where(has_ceiling, ceiling, 0.0)
    with np.errstate(over="ignore"):
        between = high - (high - low) / (1.0 + np.exp(scaled))
        one_end = high - np.exp(-scaled)
    end = np.where(has_ceiling, np.where(has_floor, between, one_end), centre + width)
    # Without a width it is the centre itself, without rounding errors of the two transformations.
    return np.asarray(np.where(width == 0.0, centre, np.maximum(end, centre)))


def _width_of(centre: FloatArray, end: FloatArray, floor: FloatArray, ceiling: FloatArray) -> FloatArray:
    """Return the width from which ``_upward`` gives this end."""
    apart = _stretch(end, floor, ceiling) - _stretch(centre, floor, ceiling)
    return np.asarray(np.where(np.isfinite(ceiling), apart / _slope(centre, floor, ceiling), end - centre))


def _stretch(value: FloatArray, floor: FloatArray, ceiling: FloatArray) -> FloatArray:
    """Return values on a scale without ceiling: the logit between two ends, minus the logarithm below one end."""
    over, under = _distances(value, floor, ceiling)
    return np.asarray(np.where(np.isfinite(floor), np.log(over), 0.0) - np.log(under))


def _slope(value: FloatArray, floor: FloatArray, ceiling: FloatArray) -> FloatArray:
    """Return the derivative of the scale with respect to the value."""
    over, under = _distances(value, floor, ceiling)
    return np.asarray(np.where(np.isfinite(floor), 1.0 / over, 0.0) + 1.0 / under)


def _distances(value: FloatArray, floor: FloatArray, ceiling: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return distances from both ends, never 0; 1 where there is no such end."""
    with np.errstate(invalid="ignore"):
        least = _NEAREST * np.where(np.isfinite(ceiling - floor) & (ceiling > floor), ceiling - floor, 1.0)
        over = np.where(np.isfinite(floor), np.maximum(value - floor, least), 1.0)
        under = np.where(np.isfinite(ceiling), np.maximum(ceiling - value, least), 1.0)
    return over, under
