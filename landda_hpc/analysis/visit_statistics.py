"""Observation error variance by scale from covariances of visit differences: estimate, sampling error, and a test.

All functions are local and pure. p_l is the covariance of visit differences that lie l visits apart, per unit of white
energy: the variance of white errors with this energy, m6 m-6. Arrays have the shape (lags, n_scales), coarsest scale
first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from landda_hpc.constants import BoolArray, FloatArray

N_LAGS: Final = 4
"""Number of lags of the covariances: 0 to 3 visits."""

_PRIOR_ANALYSES: Final = 5.0
"""Weight of the scatter of normal errors relative to that of the analyses so far, as a number of analyses."""

_SHARED: Final = 1.25
"""Factor of the variance of a mean over independent analyses: successive analyses have observations in common."""

_STEEPEST: Final = 3.0
"""Largest predicted growth of R from a scale to the next coarser one."""

_NEIGHBOUR: Final = 1.0
"""Standard deviation of R of a scale about the prediction from finer scales, as a fraction of the prediction."""

_COLD: Final = 0.5
"""Standard deviation of R of the finest scale about its value of the cold start, as a fraction of that value."""


_LONGEST: Final = 0.98
"""Largest correlation of observation errors from visit to visit, and largest R as a fraction of innovation variance."""

_RAMP: Final = (0.7, 0.9)
"""Range of correlations in which the growth of p_0 towards coarse scales is attributed to R: none to all of it."""


@dataclass(frozen=True, eq=False)
class Estimate:
    """R by scale, (n_scales,), as the variance of white errors with this energy, m6 m-6.

    Attributes
    ----------
    value : best estimate: mean of ``sampled`` and the prediction from finer scales, weighted by their errors.
    std : standard error of ``value``.
    sampled : estimate from visit differences of the scale alone; may be negative.
    """

    value: FloatArray
    std: FloatArray
    sampled: FloatArray

    @property
    def std_error_of_std(self) -> FloatArray:
        """Standard error of R^(1/2), m3 m-3."""
        value = np.maximum(self.value, 0.0)
        error: FloatArray = np.sqrt(value + self.std) - np.sqrt(value)
        return error


def tendency(p: FloatArray, has_third: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Return eta_1, the covariance of tendency errors one visit apart, (n_scales,), and its derivatives by p.

    eta_1 is extrapolated linearly from p_2 and p_3, and lies between p_2 and 2 p_2; 0 where p_2 is negative.
    """
    second = np.maximum(0.0, p[2])
    slope = np.where(has_third, np.clip(p[2] - p[3], 0.0, second), 0.0)
    by_p = np.zeros(p.shape)
    falls = has_third & (p[3] > 0.0) & (p[3] < p[2])
    by_p[2] = np.where(p[2] > 0.0, np.where(falls | (has_third & (p[3] <= 0.0)), 2.0, 1.0), 0.0)
    by_p[3] = np.where((p[2] > 0.0) & falls, -1.0, 0.0)
    return second + slope, by_p


def mean_covariance(
    p: FloatArray, scatter: FloatArray, white: FloatArray, n_scatter: FloatArray, count: FloatArray
) -> FloatArray:
    """Return the covariance of the sampling errors of p, (lags, lags, n_scales), m12 m-12.

    Parameters
    ----------
    p : covariances per unit of white energy, (lags, n_scales).
    scatter : mean product of the departures of single analyses from p, (lags, lags, n_scales).
    white : energy of white errors of unit variance in an analysis, (n_scales,): the number of independent coefficients.
    n_scatter : number of analyses in ``scatter``, (n_scales,).
    count : number of analyses in p, (n_scales,).

    Notes
    -----
    The scatter of normal errors is (p_0 p_|k-l| + p_k p_l) / white (Isserlis). The observed scatter replaces it as the
    number of analyses grows.
    """
    lags = np.arange(p.shape[0])
    normal = p[0] * p[np.abs(lags[:, None] - lags[None, :])] + p[:, None] * p[None, :]
    normal = normal / np.maximum(white, np.finfo(np.float64).tiny)
    of_one = (_PRIOR_ANALYSES * normal + n_scatter * scatter) / (_PRIOR_ANALYSES + n_scatter)
    covariance: FloatArray = _SHARED * of_one / np.maximum(count, 1.0)
    return covariance


def sampled_variance(
    p: FloatArray, phi: FloatArray, has_third: BoolArray, covariance: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return R from p_1, or from p_0 if that is smaller, and the variance of its sampling error; (n_scales,) each."""
    eta, by_p = tendency(p, has_third)
    first, zeroth = (eta - p[1]) / phi[1], (p[0] - eta) / (2.0 * phi[0])
    one, none = by_p / phi[1], -by_p / (2.0 * phi[0])
    one[1] -= 1.0 / phi[1]
    none[0] += 1.0 / (2.0 * phi[0])
    slopes = np.where(first <= zeroth, one, none)
    variance = np.einsum("ks,kls,ls->s", slopes, covariance, slopes)
    return np.minimum(first, zeroth), np.maximum(variance, 0.0)


def shrunk(sampled: FloatArray, variance: FloatArray, cold: float) -> Estimate:
    """Return R by scale, shrunk towards the prediction from finer scales according to its sampling error.

    Parameters
    ----------
    sampled, variance : R by scale and the variance of its sampling error, (n_scales,).
    cold : R of the finest scale in a cold start.

    Notes
    -----
    The prediction extrapolates the growth of R between the next two finer scales, limited to [1, ``_STEEPEST``].
    """
    value, square = np.empty_like(sampled), np.empty_like(sampled)
    expected, spread, finer = cold, (_COLD * cold) ** 2, 0.0
    for s in range(sampled.size - 1, -1, -1):
        total = spread + variance[s]
        weight = spread / total if total > 0.0 else 1.0
        value[s] = expected + weight * (sampled[s] - expected)
        square[s] = weight * variance[s]
        mine = max(float(value[s]), 0.0)
        growth = float(np.clip(mine / finer, 1.0, _STEEPEST)) if finer > 0.0 else 1.0
        expected, finer = growth * mine, mine
        spread = (_NEIGHBOUR * expected) ** 2 + growth**2 * square[s]
    return Estimate(value, np.sqrt(square), sampled)


def white_share(p: FloatArray, covariance: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return (p_2 - p_1) / p_0 and its standard error, (n_scales,) each; 0.5 and 0 where p_0 is 0.

    The ratio is 1/2 for observation errors that are white in time, and (1 - a)^2 / 2 for AR(1) errors with correlation
    a from visit to visit, for which p_2 has the sign of p_1. Slow errors of the tendency cancel in p_2 - p_1, so they
    reduce the ratio only through p_0.
    """
    is_known = p[0] > 0.0
    p0 = np.where(is_known, p[0], 1.0)
    ratio = np.where(is_known, (p[2] - p[1]) / p0, 0.5)
    slopes = np.zeros(p.shape)
    slopes[0], slopes[1], slopes[2] = -ratio / p0, -1.0 / p0, 1.0 / p0
    variance = np.einsum("ks,kls,ls->s", slopes, covariance, slopes)
    return ratio, np.where(is_known, np.sqrt(np.maximum(variance, 0.0)), 0.0)


def cautious(p: FloatArray, most: float) -> FloatArray:
    """Return R by scale for errors that persist as AR(1) in time, (n_scales,), m6 m-6.

    Parameters
    ----------
    p : covariances per unit of white energy, (lags, n_scales).
    most : largest R of the finest scale: its innovation variance per unit of white energy.

    Notes
    -----
    The finest scale gives the correlation a from visit to visit, -p_1 / p_0 = (1 - a) / 2, and R = p_0 / (2 - 2 a).
    At coarser scales the errors of the model's tendency add to p_0 and conceal p_1. The shorter the interval, and thus
    the larger a, the more of p_0 is due to the observations: R increases towards coarse scales like p_0 if a is large,
    and not at all if a is small.
    """
    tiny = np.finfo(np.float64).tiny
    a = float(np.clip(1.0 + 2.0 * p[1, -1] / max(float(p[0, -1]), tiny), 0.0, _LONGEST))
    finest = min(float(p[0, -1]) / (2.0 - 2.0 * a), _LONGEST * most)
    low, high = _RAMP
    growth = np.maximum(1.0, p[0] / max(float(p[0, -1]), tiny)) ** np.clip((a - low) / (high - low), 0.0, 1.0)
    r: FloatArray = finest * growth
    return r


def per_white(values: FloatArray, white: FloatArray) -> FloatArray:
    """Return values per unit of white energy; 0 where this energy is zero."""
    return np.divide(values, white, out=np.zeros_like(values), where=white > 0.0)
