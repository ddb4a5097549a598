"""Independent information in an autocorrelated series: effective sample sizes and block lengths.

Series are columns on a regular time axis, NaN where there is no pair. All sums run over lagged pairs that are both
present, so that gaps are accounted for exactly.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.errors import ShapeError

_CHUNK: Final = 1024
"""Number of columns that are transformed together; it limits memory and does not affect the results."""

_CORRECTIONS: Final = 5
"""Number of iterations that correct autocorrelations for the estimated mean."""


def autocorrelation(series: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the autocorrelation of columns with gaps.

    Parameters
    ----------
    series : (n_time, n_place), regular in time; NaN is missing.

    Returns
    -------
    rho : autocorrelation by lag, (n_time // 2 + 1, n_place): mean product of departures over the pairs that are both
        present, divided by the variance. 1 at lag 0; 0 without a pair; NaN for a constant or empty column.
    share : number of pairs divided by the number of values, same shape.

    Raises
    ------
    ShapeError : the series are not two-dimensional.

    Notes
    -----
    Local. Sums of lagged products are computed by FFT, one per column.
    """
    if series.ndim != 2:
        raise ShapeError(f"series have shape {series.shape}; expected (n_time, n_place).")
    n_time, n_place = series.shape
    n_lags = n_time // 2 + 1
    rho, share = np.full((n_lags, n_place), np.nan), np.zeros((n_lags, n_place))
    for first in range(0, n_place, _CHUNK):
        part = slice(first, first + _CHUNK)
        present = np.isfinite(series[:, part])
        n = present.sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(present, series[:, part], 0.0).sum(axis=0) / n
            departure = np.where(present, series[:, part] - mean, 0.0)
            products = _lagged(departure, n_lags)
            # Counts are whole numbers: rounding removes the error of the transform.
            pairs = np.round(_lagged(present.astype(np.float64), n_lags))
            variance = (departure**2).sum(axis=0) / n
            mean_product = np.where(pairs > 0.0, products / pairs, 0.0)
            constant = is_constant(series[:, part])
            rho[:, part] = np.where(constant, np.nan, mean_product / variance)
            share[:, part] = np.where(n > 0, pairs / n, 0.0)
    return rho, share


def effective_size_of_mean(series: FloatArray) -> FloatArray:
    """Return the number of independent values whose mean is as uncertain as that of the series.

    n_eff = n / (1 + 2 sum_k (n_k / n) rho_k), with n_k pairs at lag k; n (1 - rho) / (1 + rho) for a long AR(1) series.
    The sum ends before the first autocorrelation that is not positive. Autocorrelations r_k do not contain the variance
    of the estimated mean and are corrected for it: rho_k = (r_k + v) / (1 + v), v / (1 + v) = 1 / n_eff.

    Parameters
    ----------
    series : (n_time, n_place); NaN is missing.

    Returns
    -------
    (n_place,), between 1 and n; NaN for constant or empty columns.

    References
    ----------
    Bayley and Hammersley (1946), Suppl. J. R. Stat. Soc., 8, 184-197; Geyer (1992), Stat. Sci., 7, 473-483 (end of the
    sum).
    """
    rho, share = autocorrelation(series)
    n = _counts(series)
    return _size(n, _inflation(rho, share, n))


def effective_size_of_variance(series: FloatArray) -> FloatArray:
    """Return the effective size for the variance of a Gaussian series; n (1 - rho^2) / (1 + rho^2) for AR(1)."""
    return effective_size_of_correlation(series, series)


def effective_size_of_correlation(x: FloatArray, y: FloatArray) -> FloatArray:
    """Return the effective size for the correlation of two series.

    1 / n_eff = 1 / n (1 + 2 sum_k (n_k / n) rho_x(k) rho_y(k)); n (1 - rho_x rho_y) / (1 + rho_x rho_y) for two AR(1)
    series. The sum ends before the first lag at which either autocorrelation is not positive.

    Parameters
    ----------
    x, y : (n_time, n_place), NaN in the same entries.

    References
    ----------
    Bartlett (1935), J. R. Stat. Soc., 98, 536-543; Pyper and Peterman (1998), Can. J. Fish. Aquat. Sci., 55, 2127-2140.
    """
    if x.shape != y.shape or np.any(np.isnan(x) != np.isnan(y)):
        raise ShapeError("series must have one shape and be missing at the same times; take common times first.")
    n = _counts(x)
    corrected, positive = [], []
    share = np.empty(0)
    for series in (x,) if x is y else (x, y):
        rho, share = autocorrelation(series)
        corrected.append(_corrected(rho, _floor(_inflation(rho, share, n), n)))
        positive.append(_leading(rho, share))
    together = positive[0] & positive[-1]
    product = corrected[0][1:] * corrected[-1][1:]
    return _size(n, 1.0 + 2.0 * (product * share[1:] * together).sum(axis=0))


def block_length(series: FloatArray) -> int:
    """Return the length of blocks for a circular block bootstrap of columns that are resampled together, time steps.

    The rule is optimal for the mean of an AR(1) series, l = (3/2 (2 rho / (1 - rho^2))^2 n)^(1/3). rho is that of an
    AR(1) series with the median relative effective size of the columns. The length is at most a fifth of the series, so
    that there are enough blocks.

    References
    ----------
    Politis and White (2004), Econom. Rev., 23, 53-70, with the correction of Patton et al. (2009), 28, 372-375.
    """
    n_time: int = series.shape[0]
    size = effective_size_of_mean(series)
    with np.errstate(invalid="ignore"):
        ratios = size / _counts(series)
    ratios = ratios[np.isfinite(ratios)]
    if ratios.size == 0:
        return 1
    ratio = float(np.median(ratios))
    rho = (1.0 - ratio) / (1.0 + ratio)
    length = float((1.5 * (2.0 * rho / max(1e-9, 1.0 - rho**2)) ** 2 * n_time) ** (1.0 / 3.0))
    return max(1, min(int(np.rint(length)), n_time // 5))


def _lagged(values: FloatArray, n_lags: int) -> FloatArray:
    """Return sums of values(t) values(t + k) over t, for each lag k and column."""
    padded = 2 * max(values.shape[0], 1)  # no time at all, as in a free forecast of no length, gives zeros
    spectrum = np.fft.rfft(values, n=padded, axis=0)
    return np.asarray(np.fft.irfft(np.abs(spectrum) ** 2, n=padded, axis=0)[:n_lags])


def _counts(series: FloatArray) -> FloatArray:
    return np.asarray(np.isfinite(series).sum(axis=0), dtype=np.float64)


def is_constant(series: FloatArray) -> BoolArray:
    """Return the columns whose values, apart from NaN, are all equal, or that have none."""
    # A constant column has a rounding-error variance, not always zero: compare the values themselves.
    present = np.isfinite(series)
    low = np.min(np.where(present, series, np.inf), axis=0, initial=np.inf)
    high = np.max(np.where(present, series, -np.inf), axis=0, initial=-np.inf)
    return np.asarray(high <= low)


def _leading(rho: FloatArray, share: FloatArray) -> BoolArray:
    """Return the lags from 1 that are before the first autocorrelation that is not positive.

    A lag without pairs does not end the sum: daily values on a six-hourly axis have pairs only at every fourth lag.
    """
    return np.asarray(np.logical_and.accumulate((rho[1:] > 0.0) | (share[1:] == 0.0), axis=0))


def _inflation(rho: FloatArray, share: FloatArray, n: FloatArray) -> FloatArray:
    """Return 1 + 2 sum of the corrected autocorrelations: the variance of a mean relative to that of white noise.

    The correction depends on the resulting effective size. The fixed point is reached in a few steps, because 1 / n_eff
    is small for every useful series.
    """
    used = _leading(rho, share) * share[1:]
    inflation = 1.0 + 2.0 * (np.nan_to_num(rho[1:]) * used).sum(axis=0)
    for _ in range(_CORRECTIONS):
        floor = _floor(inflation, n)
        inflation = 1.0 + 2.0 * (np.nan_to_num(_corrected(rho, floor)[1:]) * used).sum(axis=0)
    return np.asarray(np.where(np.isnan(rho[0]), np.nan, inflation))


def _floor(inflation: FloatArray, n: FloatArray) -> FloatArray:
    """Return 1 / n_eff, at most a half: the fraction of the variance that is lost because the mean is estimated."""
    return np.asarray(np.minimum(np.maximum(inflation, 1.0) / np.maximum(n, 1.0), 0.5))


def _corrected(rho: FloatArray, floor: FloatArray) -> FloatArray:
    return np.asarray(rho * (1.0 - floor) + floor)


def _size(n: FloatArray, inflation: FloatArray) -> FloatArray:
    """Return n divided by the inflation, between 1 and n."""
    with np.errstate(invalid="ignore"):
        size = np.minimum(np.maximum(n / np.maximum(inflation, 1.0), 1.0), n)
    return np.asarray(np.where(np.isnan(inflation), np.nan, size))
