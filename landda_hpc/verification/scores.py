"""Scores of an image against a reference, and of a time series against another.

Pure functions on local arrays. Sums run over one-dimensional arrays in C order of the image (spatial scores)
or over times in their order (temporal scores), so that a result depends on its input alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from landda_hpc.errors import DataError, ShapeError

if TYPE_CHECKING:
    from landda_hpc.constants import BoolArray, FloatArray


@dataclass(frozen=True)
class Score:
    """How an image compares with its reference over the cells that both have.

    Attributes
    ----------
    scc : spatial (Pearson) correlation coefficient, 1. NaN with fewer than two cells or a constant field.
    rmse : root mean square difference, in the unit of the images. NaN without cells, as all below.
    bias : mean of image minus reference.
    ubrmse : standard deviation of image minus reference; rmse^2 = bias^2 + ubrmse^2.
    std_image, std_reference : spatial standard deviations (population: divided by the number of cells).
    n_cells : cells that entered.
    n_missing : cells inside the mask where either image is NaN; they did not enter.
    """

    scc: float
    rmse: float
    bias: float
    ubrmse: float
    std_image: float
    std_reference: float
    n_cells: int
    n_missing: int


def score(
    image: npt.NDArray[np.floating[Any]],
    reference: npt.NDArray[np.floating[Any]],
    mask: BoolArray,
    *,
    weights: npt.NDArray[np.floating[Any]] | None = None,
) -> Score:
    """Compare an image with a reference.

    Parameters
    ----------
    image, reference : same shape (any), same unit. NaN is missing.
    mask : True where cells are scored, same shape.
    weights : non-negative weights of the cells, same shape, for example ``Grid.area`` for an area-weighted
        score; equal weights by default, as in the papers. Their scale does not matter.

    Returns
    -------
    Score : with NaN where a score is not defined.

    Raises
    ------
    ShapeError : shapes differ, or the mask is not boolean.
    DataError : an infinite value, or a negative or non-finite weight, inside the mask.

    Notes
    -----
    Local: no communication. Sums run over the scored cells of the whole image, whatever the process layout.

    References
    ----------
    Entekhabi et al. (2010), J. Hydrometeor., 11, 832-840 (ubRMSE); [B26] section 4.2.1 (SCC).
    """
    _check_same_shape(image, reference, mask, weights)
    valid = mask & ~(np.isnan(image) | np.isnan(reference))
    n_cells = int(np.count_nonzero(valid))
    n_missing = int(np.count_nonzero(mask)) - n_cells
    x = image[valid].astype(np.float64)
    y = reference[valid].astype(np.float64)
    for name, values in (("image", x), ("reference", y)):
        if not np.all(np.isfinite(values)):
            raise DataError(f"{name} has infinite values in scored cells; missing values must be NaN.")
    w = _normalised_weights(weights, valid)
    if n_cells == 0:
        nan = math.nan
        return Score(nan, nan, nan, nan, nan, nan, 0, n_missing)

    dx = x - _mean(x, w)
    dy = y - _mean(y, w)
    difference = x - y
    bias = _mean(difference, w)
    return Score(
        scc=_correlation(x, y, dx, dy, w),
        rmse=math.sqrt(_mean(difference**2, w)),
        bias=bias,
        ubrmse=math.sqrt(_mean((difference - bias) ** 2, w)),
        std_image=math.sqrt(_mean(dx**2, w)),
        std_reference=math.sqrt(_mean(dy**2, w)),
        n_cells=n_cells,
        n_missing=n_missing,
    )


def spatial_correlation(
    image: npt.NDArray[np.floating[Any]],
    reference: npt.NDArray[np.floating[Any]],
    mask: BoolArray,
    *,
    weights: npt.NDArray[np.floating[Any]] | None = None,
) -> float:
    """SCC alone; arguments, errors and meaning as in :func:`score`."""
    return score(image, reference, mask, weights=weights).scc


def temporal_correlation(
    series: npt.NDArray[np.floating[Any]], reference: npt.NDArray[np.floating[Any]], *, min_pairs: int = 3
) -> FloatArray:
    """Pearson correlation in time.

    Parameters
    ----------
    series, reference : shape (n_time, ...), same shape and unit. NaN is missing; times that both have count.
    min_pairs : fewer common times than this give NaN; at least 2.

    Returns
    -------
    Shape (...), 1; NaN also where a series is constant.

    Raises
    ------
    ShapeError : shapes differ or have no time dimension.
    DataError : infinite values.

    Notes
    -----
    Local. Times are added in their order, cell by cell: a cell's result does not depend on the other cells.
    """
    x, y, n = _common_times(series, reference)
    return _series_correlation(x, y, n, min_pairs)


def temporal_anomaly(series: npt.NDArray[np.floating[Any]], *, window: int | None = None) -> FloatArray:
    """Departure of a series from its mean over the whole period or over a moving window.

    Parameters
    ----------
    series : shape (n_time, ...). NaN is missing.
    window : odd number of times of a centred moving mean (35 days is customary for a seasonal cycle); the
        window is cut at the ends of the series. None takes the mean of the whole series, as [B26] Fig. 12.

    Returns
    -------
    Same shape; NaN where the series is.
    """
    if series.ndim < 1:
        raise ShapeError("a series needs a time dimension; found a scalar.")
    x = np.ascontiguousarray(series, dtype=np.float64)
    present = ~np.isnan(x)
    filled = np.where(present, x, 0.0)
    if window is None:
        count = _sum_over_time(present.astype(np.float64))
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(x - _sum_over_time(filled) / count)
    if window < 1 or window % 2 == 0:
        raise ShapeError(f"anomaly window of {window} times: expected an odd number, so that it has a centre.")
    total = np.zeros_like(x)
    number = np.zeros_like(x)
    n_time = x.shape[0]
    half = min(window // 2, n_time - 1)
    for shift in range(-half, half + 1):  # fixed order; a running sum would cancel digits
        here = slice(max(0, -shift), n_time - max(0, shift))
        there = slice(max(0, shift), n_time - max(0, -shift))
        total[here] += filled[there]
        number[here] += present[there]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(x - total / number)


def temporal_anomaly_correlation(
    series: npt.NDArray[np.floating[Any]],
    reference: npt.NDArray[np.floating[Any]],
    *,
    window: int | None = None,
    min_pairs: int = 3,
) -> FloatArray:
    """Correlation in time of the departures from a mean over ``window`` times.

    Both means are taken over common times only. Without a window this equals :func:`temporal_correlation`.
    Parameters, results and errors as in :func:`temporal_correlation` and :func:`temporal_anomaly`.
    """
    x, y, n = _common_times(series, reference)
    return _series_correlation(temporal_anomaly(x, window=window), temporal_anomaly(y, window=window), n, min_pairs)


def _check_same_shape(
    image: npt.NDArray[Any],
    reference: npt.NDArray[Any],
    mask: npt.NDArray[Any],
    weights: npt.NDArray[Any] | None,
) -> None:
    if mask.dtype != np.bool_:
        raise ShapeError(f"mask has dtype {mask.dtype}; expected bool, True where cells are scored.")
    others = {"reference": reference, "mask": mask} | ({} if weights is None else {"weights": weights})
    for name, array in others.items():
        if array.shape != image.shape:
            raise ShapeError(
                f"{name} has shape {array.shape}; the image has {image.shape}. Put both on one grid first."
            )


def _normalised_weights(weights: npt.NDArray[Any] | None, valid: BoolArray) -> FloatArray | None:
    """Weights of the valid cells with sum 1; None for equal weights."""
    if weights is None or not valid.any():
        return None
    w = weights[valid].astype(np.float64)
    if not np.all(np.isfinite(w)) or np.any(w < 0.0):
        raise DataError("score weights must be finite and not negative in scored cells.")
    total = float(np.sum(w))
    if total <= 0.0:
        raise DataError("score weights are all zero in the scored cells; at least one must be positive.")
    return np.asarray(w / total)


def _mean(values: FloatArray, weights: FloatArray | None) -> float:
    return float(np.sum(values) / values.size) if weights is None else float(np.sum(values * weights))


def _correlation(x: FloatArray, y: FloatArray, dx: FloatArray, dy: FloatArray, weights: FloatArray | None) -> float:
    # A constant field has a rounding-error variance, not always zero: compare the values themselves.
    if x.size < 2 or np.all(x == x[0]) or np.all(y == y[0]):
        return math.nan
    # Scaled by the largest departure: products of tiny numbers would underflow.
    dx, dy = dx / np.max(np.abs(dx)), dy / np.max(np.abs(dy))
    norm = math.sqrt(_mean(dx**2, weights)) * math.sqrt(_mean(dy**2, weights))
    return max(-1.0, min(1.0, _mean(dx * dy, weights) / norm)) if norm > 0.0 else math.nan


def _common_times(series: npt.NDArray[Any], reference: npt.NDArray[Any]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Both series with NaN wherever one has it, and the number of common times."""
    if series.ndim < 1 or series.shape != reference.shape:
        raise ShapeError(f"series have shapes {series.shape} and {reference.shape}; expected one shape, time first.")
    if np.any(np.isinf(series)) or np.any(np.isinf(reference)):
        raise DataError("a series has infinite values; missing values must be NaN.")
    missing = np.isnan(series) | np.isnan(reference)
    x = np.where(missing, np.nan, series).astype(np.float64)
    y = np.where(missing, np.nan, reference).astype(np.float64)
    return x, y, _sum_over_time((~missing).astype(np.float64))


def _sum_over_time(x: FloatArray) -> FloatArray:
    """Sum along axis 0 in time order; numpy's own axis sum may change its order with the shape."""
    total = np.zeros(x.shape[1:])
    for row in x:
        total = total + row
    return np.asarray(total)


def _series_correlation(x: FloatArray, y: FloatArray, n: FloatArray, min_pairs: int) -> FloatArray:
    if min_pairs < 2:
        raise ShapeError(f"min_pairs = {min_pairs}: a correlation needs at least 2 pairs.")
    present = ~np.isnan(x)

    def varies(values: FloatArray) -> BoolArray:
        low = np.min(np.where(present, values, np.inf), axis=0, initial=np.inf)
        high = np.max(np.where(present, values, -np.inf), axis=0, initial=-np.inf)
        return np.asarray(high > low)

    with np.errstate(invalid="ignore", divide="ignore"):
        dx = np.where(present, x - _sum_over_time(np.where(present, x, 0.0)) / n, 0.0)
        dy = np.where(present, y - _sum_over_time(np.where(present, y, 0.0)) / n, 0.0)
        r = _sum_over_time(dx * dy) / (np.sqrt(_sum_over_time(dx**2)) * np.sqrt(_sum_over_time(dy**2)))
    defined = (n >= min_pairs) & varies(x) & varies(y)
    return np.asarray(np.where(defined, np.clip(r, -1.0, 1.0), np.nan))
