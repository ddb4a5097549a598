"""Confidence intervals of temporal scores that account for autocorrelation, and of paired differences of two runs.

Every function takes columns (n_time, n_place) on one regular time axis, uses the times that all its series have, and
returns a value with an interval and its effective sample size. Intervals are Student's, chi-square or Fisher's, with
the effective size in place of the number of values. In simulations (``docs/verification.md``) their coverage is right
to a few percent down to about fifteen independent values, and too small below. Every estimate has its ``n_eff``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.special import gammaincinv, stdtrit

from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.errors import ShapeError
from landda_hpc.verification.statistics import bounds
from landda_hpc.verification.statistics.autocorrelation import (
    effective_size_of_correlation,
    effective_size_of_mean,
    effective_size_of_variance,
    is_constant,
)
from landda_hpc.verification.statistics.sample_size import LEVEL

FEWEST: Final = 3.0
"""Number of effective values below which there is no interval (NaN)."""

_MOST_CORRELATED: Final = 1.0 - 1e-12


@dataclass(frozen=True, eq=False)
class Estimate:
    """A score of each column with its confidence interval.

    Attributes
    ----------
    value, low, high : score and interval, (n_place,); NaN where undefined, low and high also for too few independent
        values.
    n_eff : effective sample size, (n_place,).
    centre : centre of the interval: the value, or for a standard deviation the value corrected for the estimated mean.
    floor, ceiling : ends of the score's range, one for all columns or (n_place,); the interval stays between them.
    is_difference : whether it is a difference of two runs' scores.
    """

    value: FloatArray
    low: FloatArray
    high: FloatArray
    n_eff: FloatArray
    centre: FloatArray
    floor: FloatArray | float = -np.inf
    ceiling: FloatArray | float = np.inf
    is_difference: bool = False

    def at(self, place: int) -> tuple[float, float, float, float]:
        """Return value, low, high and n_eff of one column."""
        return float(self.value[place]), float(self.low[place]), float(self.high[place]), float(self.n_eff[place])


def common_times(*series: FloatArray) -> tuple[FloatArray, ...]:
    """Return the series with NaN wherever one of them is missing.

    Raises
    ------
    ShapeError : shapes differ or are not (n_time, n_place).
    """
    if any(s.ndim != 2 or s.shape != series[0].shape for s in series):
        raise ShapeError(f"series have shapes {[s.shape for s in series]}; expected one shape (n_time, n_place).")
    present = np.logical_and.reduce([np.isfinite(s) for s in series])
    return tuple(np.where(present, s, np.nan) for s in series)


def estimate_mean(series: FloatArray) -> Estimate:
    """Estimate the mean of each column, with the interval +- t s / sqrt(n_eff); s has n_eff - 1 degrees of freedom."""
    mean, variance = _moments(series)
    size = effective_size_of_mean(series)
    # A series without variance has no effective size; its mean is exact.
    is_sure = np.isfinite(mean) & is_constant(series)
    with np.errstate(invalid="ignore", divide="ignore"):
        half = _student(size - 1.0) * np.sqrt(variance / (size - 1.0))
        half = np.where(is_sure, 0.0, np.where(size >= FEWEST, half, np.nan))
    return Estimate(mean, mean - half, mean + half, size, mean)


def estimate_bias(x: FloatArray, y: FloatArray) -> Estimate:
    """Estimate the mean of x minus y, in the unit of the series."""
    x, y = common_times(x, y)
    return estimate_mean(x - y)


def estimate_ubrmse(x: FloatArray, y: FloatArray) -> Estimate:
    """Estimate the standard deviation of x minus y (divisor n: rmse^2 = bias^2 + ubrmse^2), chi-square interval."""
    x, y = common_times(x, y)
    _, variance = _moments(x - y)
    of_mean, size = effective_size_of_mean(x - y), effective_size_of_variance(x - y)
    with np.errstate(invalid="ignore", divide="ignore"):
        # Correction for the estimated mean, so that the interval is centred on the value of the population.
        unbiased = variance * of_mean / (of_mean - 1.0)
        freedom = np.where(size > FEWEST, size - 1.0, np.nan)
        low = np.sqrt(freedom * unbiased / _chi_square(0.5 + 0.5 * LEVEL, freedom))
        high = np.sqrt(freedom * unbiased / _chi_square(0.5 - 0.5 * LEVEL, freedom))
        centre = np.where(of_mean > 1.0, np.sqrt(unbiased), np.nan)
    value = np.sqrt(variance)
    return Estimate(value, *_defined(value, low, high, of_mean), size, centre, bounds.ERROR.floor)


def estimate_correlation(x: FloatArray, y: FloatArray) -> Estimate:
    """Estimate the Pearson correlation, with the interval of Fisher's z: atanh(r) +- t / sqrt(n_eff - 3).

    t is Student's quantile with n_eff - 2 degrees of freedom, not the normal one, because n_eff is estimated.
    """
    x, y = common_times(x, y)
    r, size = correlation(x, y), effective_size_of_correlation(x, y)
    with np.errstate(invalid="ignore", divide="ignore"):
        half = _student(size - 2.0) / np.sqrt(np.where(size > FEWEST, size - 3.0, np.nan))
        z = np.arctanh(np.clip(r, -_MOST_CORRELATED, _MOST_CORRELATED))
    ends = bounds.CORRELATION.floor, bounds.CORRELATION.ceiling
    return Estimate(r, *_defined(r, np.tanh(z - half), np.tanh(z + half), size), size, r, *ends)


def estimate_correlation_difference(x: FloatArray, other: FloatArray, y: FloatArray) -> Estimate:
    """Estimate R of x minus R of another run, both against y at common times.

    The two correlations depend on each other through y. Their intervals are combined by Zou's method, whose ends lie
    between the low of one minus the high of the other and the reverse, and so within [-2, 2].

    References
    ----------
    Zou (2007), Psychol. Methods, 12, 399-413, overlapping correlations.
    """
    x, other, y = common_times(x, other, y)
    one, two, between = estimate_correlation(x, y), estimate_correlation(other, y), correlation(x, other)
    r1, r2, r3 = one.value, two.value, between
    with np.errstate(invalid="ignore", divide="ignore"):
        dependence = ((r3 - 0.5 * r1 * r2) * (1.0 - r1**2 - r2**2 - r3**2) + r3**3) / ((1.0 - r1**2) * (1.0 - r2**2))
        dependence = np.clip(dependence, -1.0, 1.0)

        def reach(a: FloatArray, b: FloatArray) -> FloatArray:
            return np.asarray(np.sqrt(np.maximum(0.0, a**2 + b**2 - 2.0 * dependence * a * b)))

        low = r1 - r2 - reach(r1 - one.low, two.high - r2)
        high = r1 - r2 + reach(one.high - r1, r2 - two.low)
    same = _all_equal(x, other)
    size = np.minimum(one.n_eff, two.n_eff)
    ends = bounds.CORRELATION_DIFFERENCE.floor, bounds.CORRELATION_DIFFERENCE.ceiling
    return Estimate(r1 - r2, np.where(same, 0.0, low), np.where(same, 0.0, high), size, r1 - r2, *ends, True)


def estimate_bias_difference(x: FloatArray, other: FloatArray, y: FloatArray) -> Estimate:
    """Estimate the bias of x minus that of another run, both against y at common times: the mean of x minus other."""
    x, other, _ = common_times(x, other, y)
    return replace(estimate_mean(x - other), is_difference=True)


def estimate_ubrmse_difference(x: FloatArray, other: FloatArray, y: FloatArray) -> Estimate:
    """Estimate ubRMSE of x minus ubRMSE of another run, both against y at common times.

    s1 - s2 = (s1^2 - s2^2) / (s1 + s2). The numerator is the mean of a series, the difference of squared departures,
    with Student's interval. The ends stay between -s2 and s1, so that neither implies a negative ubRMSE.
    """
    x, other, y = common_times(x, other, y)
    squares, stds = [], []
    for run in (x, other):
        mean, variance = _moments(run - y)
        squares.append((run - y - mean) ** 2)
        stds.append(np.sqrt(variance))
    numerator = estimate_mean(squares[0] - squares[1])
    value, floor, ceiling = stds[0] - stds[1], -stds[1], stds[0]
    with np.errstate(invalid="ignore", divide="ignore"):
        half = 0.5 * (numerator.high - numerator.low) / (stds[0] + stds[1])
    same = _all_equal(x, other)
    edges = bounds.edges_within(value, half, half, floor, ceiling, is_difference=True)
    low, high = (np.where(same, 0.0, edge) for edge in edges)
    return Estimate(value, low, high, numerator.n_eff, value, floor, ceiling, True)


def correlation(x: FloatArray, y: FloatArray) -> FloatArray:
    """Return the Pearson correlation of columns that are missing at the same times; NaN where one is constant."""
    with np.errstate(invalid="ignore", divide="ignore"):
        (mean_x, variance_x), (mean_y, variance_y) = _moments(x), _moments(y)
        product = _moments((x - mean_x) * (y - mean_y))[0]
        r = product / (np.sqrt(variance_x) * np.sqrt(variance_y))
    return np.asarray(np.where(is_constant(x) | is_constant(y), np.nan, np.clip(r, -1.0, 1.0)))


def _moments(series: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return mean and population variance of each column; NaN for empty ones."""
    present = np.isfinite(series)
    n = present.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(present, series, 0.0).sum(axis=0) / n
        variance = (np.where(present, series - mean, 0.0) ** 2).sum(axis=0) / n
    return np.asarray(mean), np.asarray(variance)


def _student(freedom: FloatArray) -> FloatArray:
    """Return the quantile of Student's t at the upper end of the interval; NaN below one degree of freedom."""
    return np.asarray(stdtrit(np.where(freedom >= 1.0, freedom, np.nan), 0.5 + 0.5 * LEVEL))


def _chi_square(probability: float, freedom: FloatArray) -> FloatArray:
    """Return the quantile of chi-square."""
    return np.asarray(2.0 * gammaincinv(0.5 * freedom, probability))


def _defined(value: FloatArray, low: FloatArray, high: FloatArray, size: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the ends, NaN without a value or with too few independent values."""
    with np.errstate(invalid="ignore"):
        known = np.isfinite(value) & (size >= FEWEST)
    return np.where(known, low, np.nan), np.where(known, high, np.nan)


def _all_equal(x: FloatArray, other: FloatArray) -> BoolArray:
    """Return the columns with values in which two runs are equal at every common time."""
    present = np.isfinite(x)
    return np.asarray(present.any(axis=0) & np.all(~present | (x == other), axis=0))
