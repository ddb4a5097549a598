"""Scores of an image against a reference (see ``temporal`` for series in time).

``score`` has the whole image on one process, ``score_pairs`` the cells of each. Sums run over cells in C order of the
image in a fixed tree, so that a result depends only on its input.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.errors import DataError, ShapeError
from landda_hpc.parallel.cell_sums import CellTotals


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
    Local: no communication.

    References
    ----------
    Entekhabi et al. (2010), J. Hydrometeor., 11, 832-840 (ubRMSE); [B26] section 4.2.1 (SCC).
    """
    _check_same_shape(image, reference, mask, weights)
    known = ~(np.isnan(image) | np.isnan(reference))
    valid = mask & known
    pair = ScoredPair(
        image[valid].astype(np.float64),
        reference[valid].astype(np.float64),
        np.ones(int(np.count_nonzero(valid)), dtype=np.bool_),
        None if weights is None else weights[valid].astype(np.float64),
    )
    (found,) = score_pairs([pair], CellTotals.of_one_process(pair.image.size))
    return replace(found, n_missing=int(np.count_nonzero(mask & ~known)))


@dataclass(frozen=True, eq=False)
class ScoredPair:
    """An image and its reference in the cells of one process.

    Attributes
    ----------
    image, reference : same unit, (n,); NaN is missing.
    mask : cells that are scored, (n,).
    weights : see ``score``, (n,); None: equal weights.
    """

    image: FloatArray
    reference: FloatArray
    mask: BoolArray
    weights: FloatArray | None = None

    @cached_property
    def valid(self) -> BoolArray:
        """Scored cells with both values, (n,)."""
        valid: BoolArray = self.mask & ~(np.isnan(self.image) | np.isnan(self.reference))
        return valid


class Totals(Protocol):
    """Totals over cells that processes share; ``CellTotals`` implements it."""

    def sums(self, parts: Iterable[FloatArray], /) -> list[FloatArray]:
        """Sums over all cells of parts (n, n_values), whose bits do not depend on the processes. Collective."""
        ...

    def largest(self, values: FloatArray, /) -> FloatArray:
        """The largest of the processes' values, element by element. Collective."""
        ...


def score_pairs(pairs: Sequence[ScoredPair], totals: Totals) -> list[Score]:
    """Score images in all cells, from those of each process. Collective over the processes of ``totals``.

    Returns
    -------
    The scores, the same bits on every process and for any number of processes.

    Raises
    ------
    DataError : as ``score``, on every process.
    """
    if not pairs:
        return []
    extremes: list[FloatArray] = []

    def first() -> Iterator[FloatArray]:
        for pair in pairs:
            extremes.append(_extremes(pair))
            yield _first_sums(pair)

    sums = totals.sums(first())
    largest = totals.largest(np.array(extremes))
    means = [_Means.of(*found) for found in zip(sums, largest, strict=True)]
    squares = totals.sums(_squares(pair, of_pair) for pair, of_pair in zip(pairs, means, strict=True))
    return [of_pair.score(found) for of_pair, found in zip(means, squares, strict=True)]


def _extremes(pair: ScoredPair) -> FloatArray:
    """Maximum and negative minimum of image and reference in scored cells; -inf without any."""
    if not pair.valid.any():
        return np.full(4, -np.inf)
    x, y = pair.image[pair.valid], pair.reference[pair.valid]
    return np.array([x.max(), -x.min(), y.max(), -y.min()])


def _first_sums(pair: ScoredPair) -> FloatArray:
    """Counts and weighted values of each cell, (n, 10): see ``_Means.of``."""
    x, y, w = _scored(pair)
    bad = pair.valid & ~(np.isfinite(w) & (w >= 0.0))
    w, d = np.where(bad, 0.0, w), x - y
    infinite = [pair.valid & ~np.isfinite(values) for values in (pair.image, pair.reference)]
    return np.stack([pair.valid, pair.mask, *infinite, bad, w, w * x, w * y, w * d, w * d**2], axis=1).astype(
        np.float64
    )


def _squares(pair: ScoredPair, means: _Means) -> FloatArray:
    """Weighted squares of departures from the means in each cell, (n, 6): see ``_Means.score``."""
    x, y, w = _scored(pair)
    dx, dy = np.where(pair.valid, x - means.image, 0.0), np.where(pair.valid, y - means.reference, 0.0)
    d = np.where(pair.valid, x - y - means.difference, 0.0)
    # Scaled by the largest departure: products of tiny numbers would underflow.
    sx, sy = dx / means.largest_image, dy / means.largest_reference
    return np.stack([w * dx**2, w * dy**2, w * d**2, w * (sx * sy), w * sx**2, w * sy**2], axis=1)


def _scored(pair: ScoredPair) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Image, reference and weights; 0 in cells that are not scored or not finite."""
    x, y = (np.where(pair.valid & np.isfinite(v), v, 0.0) for v in (pair.image, pair.reference))
    return x, y, np.where(pair.valid, 1.0 if pair.weights is None else pair.weights, 0.0)


@dataclass(frozen=True)
class _Means:
    """Means of an image and its reference over the scored cells, and what the second sums need.

    Attributes
    ----------
    n_cells, n_missing : see ``Score``.
    weight : sum of the weights.
    image, reference, difference, square : weighted means, of ``square`` that of the squared difference.
    largest_image, largest_reference : largest departures from the means; 1 if there is none.
    is_constant : image or reference have one value.
    """

    n_cells: int
    n_missing: int
    weight: float
    image: float
    reference: float
    difference: float
    square: float
    largest_image: float
    largest_reference: float
    is_constant: bool

    @classmethod
    def of(cls, sums: FloatArray, largest: FloatArray) -> Self:
        n_cells, n_masked, infinite_image, infinite_reference, bad, weight = (float(value) for value in sums[:6])
        for name, number in (("image", infinite_image), ("reference", infinite_reference)):
            if number:
                raise DataError(f"{name} has infinite values in scored cells; missing values must be NaN.")
        if bad:
            raise DataError("score weights must be finite and not negative in scored cells.")
        if n_cells and weight <= 0.0:
            raise DataError("score weights are all zero in the scored cells; at least one must be positive.")
        x, y, d, d2 = (float(value) / weight if n_cells else math.nan for value in sums[6:])
        x_max, x_min, y_max, y_min = float(largest[0]), -float(largest[1]), float(largest[2]), -float(largest[3])
        return cls(
            n_cells=int(n_cells),
            n_missing=int(n_masked - n_cells),
            weight=weight,
            image=x,
            reference=y,
            difference=d,
            square=d2,
            largest_image=max(x_max - x, x - x_min) or 1.0,
            largest_reference=max(y_max - y, y - y_min) or 1.0,
            # A constant field has a rounding-error variance, not always zero: the values themselves are compared.
            is_constant=x_max == x_min or y_max == y_min,
        )

    def score(self, squares: FloatArray) -> Score:
        """The score, from the sums of ``_squares``."""
        if not self.n_cells:
            nan = math.nan
            return Score(nan, nan, nan, nan, nan, nan, 0, self.n_missing)
        x2, y2, d2, xy, sx2, sy2 = (float(value) / self.weight for value in squares)
        norm = math.sqrt(sx2) * math.sqrt(sy2)
        undefined = self.n_cells < 2 or self.is_constant or norm <= 0.0
        return Score(
            scc=math.nan if undefined else max(-1.0, min(1.0, xy / norm)),
            rmse=math.sqrt(self.square),
            bias=self.difference,
            ubrmse=math.sqrt(d2),
            std_image=math.sqrt(x2),
            std_reference=math.sqrt(y2),
            n_cells=self.n_cells,
            n_missing=self.n_missing,
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
