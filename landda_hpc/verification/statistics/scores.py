"""Scores of an image against a reference (see ``temporal`` for series in time).

Pure functions on local arrays. Sums run over one-dimensional arrays in C order of the image, so that a result depends
only on its input.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.errors import DataError, ShapeError


@dataclass(frozen=True)
class Score:
    """Scores of an image against its reference over their common cells.

    Attributes
    ----------
    scc : spatial (Pearson) correlation coefficient, 1. NaN with fewer than two cells or a constant field.
    rmse : root-mean-square difference, in the unit of the images; NaN without cells, like the following.
    bias : mean of image minus reference.
    ubrmse : standard deviation of image minus reference; rmse^2 = bias^2 + ubrmse^2.
    std_image, std_reference : spatial standard deviations (population: divided by the number of cells).
    n_cells : number of scored cells.
    n_missing : number of cells inside the mask where either image is NaN; they are not scored.
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
    Score : NaN where a score is not defined.

    Raises
    ------
    ShapeError : shapes differ, or the mask is not boolean.
    DataError : an infinite value, or a negative or non-finite weight, inside the mask.

    Notes
    -----
    Local: no communication. Sums run over the scored cells of the whole image, for any process layout.

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
    """Return weights of the valid cells with sum 1; None for equal weights."""
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
