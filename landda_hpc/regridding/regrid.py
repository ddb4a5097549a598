"""Regridding between rectangular grids: bilinear and first-order conservative, with missing cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from landda_hpc.errors import DataError, ShapeError
from landda_hpc.grid import unit_vectors
from landda_hpc.regridding.regrid_weights import SNAP, Method, Terms, build_terms, squared_terms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from landda_hpc.constants import BoolArray, FloatArray, IntArray
    from landda_hpc.grid import Grid
    from landda_hpc.regridding.regrid_cache import WeightCache

__all__ = ["MIN_WEIGHT", "Method", "Regridder", "fill_from_nearest"]

MIN_WEIGHT: Final = 0.5
"""Share of a target cell's weight that must come from valid source cells."""


class Regridder:
    """Linear map of images from one grid to another; weights are built once.

    Parameters
    ----------
    source, target : regular or Gaussian, global or regional.
    method : ``bilinear`` (as in both papers) interpolates in degrees between the four cell centres around
        each target centre; ``conservative`` takes the mean over the target cell's area, for coarsening.
    min_weight : a target cell is missing where valid source cells hold less than this share of its weight.
    cache : stores weights on disk between runs; None: they are computed here.

    Raises
    ------
    ShapeError : a share outside (0, 1], or an unknown method.

    Notes
    -----
    Local: no communication. Weights are products of one sparse matrix per axis, applied one field at a time
    by sequential loops: the result does not depend on how many fields are given. The coverage of the last mask is kept.

    Missing source cells drop out and the other weights are renormalised. So do positions beyond the source
    grid: a target centre outside the outermost centres, but within half a cell, takes the outermost value;
    farther out it is missing. In longitude a periodic source wraps. Between a global source's last row and
    the pole, the row behind the pole is the last row at longitude + 180 degrees: f(180 - lat, lon) = f(lat,
    lon + 180).

    A conservative map preserves the integral over the source cells that it uses: with all cells valid,
    sum(area_target * result) equals sum(area_source * values) where the grids cover the same region. With missing
    cells sum(area_target * coverage * result) equals the sum over valid source cells, as long as no target cell falls
    below ``min_weight``.
    """

    def __init__(
        self,
        source: Grid,
        target: Grid,
        method: Method = "bilinear",
        min_weight: float = MIN_WEIGHT,
        cache: WeightCache | None = None,
    ) -> None:
        if not 0.0 < min_weight <= 1.0:
            raise ShapeError(f"min_weight = {min_weight}: expected a share in (0, 1].")
        self.source = source
        self.target = target
        self.method: Method = method
        self.min_weight = min_weight
        make = build_terms if cache is None else cache.terms
        self._terms: Terms = make(source, target, method)
        self._parts = [_Part.of(*pair) for pair in self._terms]
        self._squares: list[_Part] | None = None
        self._last: tuple[BoolArray, FloatArray] | None = None

    def __call__(self, values: FloatArray) -> FloatArray:
        """Regrid one image or a stack.

        Parameters
        ----------
        values : shape (..., n_lat_source, n_lon_source); NaN (or infinite) is missing.

        Returns
        -------
        Shape (..., n_lat_target, n_lon_target), same unit, NaN where valid weight is below ``min_weight``.

        Raises
        ------
        ShapeError : the last two axes are not the source grid's.
        """
        self._check_shape(values.shape)
        result = np.empty((*values.shape[:-2], *self.target.shape))
        for index in np.ndindex(values.shape[:-2]):
            result[index] = self.of_valid(values[index], np.isfinite(values[index]))
        return result

    def of_valid(self, image: FloatArray, is_valid: BoolArray) -> FloatArray:
        """Regrid one image whose values count only where ``is_valid``, which must be finite there.

        Parameters
        ----------
        image, is_valid : shape of the source.

        Returns
        -------
        Shape of the target, as of the call.

        Raises
        ------
        ShapeError : a shape that is not the source grid's.
        """
        self._check_shape(image.shape)
        weight = self.coverage(is_valid)
        weighted = self._apply(image, is_valid)
        result = np.full(self.target.shape, np.nan)
        np.divide(weighted, weight, out=result, where=weight >= self.min_weight - SNAP)
        return result

    def coverage(self, is_valid: BoolArray) -> FloatArray:
        """Share of each target cell's weight that lies on valid source cells, 0..1, shape of the target; read only."""
        self._check_shape(is_valid.shape)
        # The same cells of a product are missing at most times, so the weights of an unchanged mask are kept.
        if self._last is None or not np.array_equal(self._last[0], is_valid):
            share = self._apply(is_valid)
            share.flags.writeable = False
            self._last = is_valid.copy(), share
        return self._last[1]

    def is_covered(self, is_valid: BoolArray) -> BoolArray:
        """Target cells with enough weight on valid source cells to get a value, shape of the target."""
        # The allowance keeps cells whose weight equals min_weight up to rounding.
        covered: BoolArray = self.coverage(is_valid) >= self.min_weight - SNAP
        return covered

    def error_std(self, std: FloatArray, is_valid: BoolArray, correlation: float) -> FloatArray:
        """Standard deviation of the errors of regridded values, from that of the source cells.

        Parameters
        ----------
        std : of each source cell, shape of the source; cells without (NaN) do not count.
        is_valid : source cells that have a value, shape of the source.
        correlation : of the errors of any two source cells, 0..1.

        Returns
        -------
        Shape of the target, unit of ``std``: sqrt((1 - r) sum w^2 s^2 + r (sum w s)^2) / sum w over valid cells. NaN
        where they hold less than ``min_weight``.

        Raises
        ------
        ShapeError : a shape that is not the source grid's, or a correlation outside 0..1.
        """
        self._check_shape(std.shape)
        self._check_shape(is_valid.shape)
        if not 0.0 <= correlation <= 1.0:
            raise ShapeError(f"correlation {correlation} of errors: expected 0 to 1.")
        if self._squares is None:
            self._squares = [_Part.of(*pair) for pair in squared_terms(self._terms)]
        counted = is_valid & np.isfinite(std)
        weight = self.coverage(counted)
        variance = (1.0 - correlation) * _apply(self._squares, std**2, self.target.shape, counted)
        variance += correlation * self._apply(std, counted) ** 2
        result = np.full(self.target.shape, np.nan)
        np.divide(np.sqrt(variance), weight, out=result, where=weight >= self.min_weight - SNAP)
        return result

    def serves(self, source: Grid) -> bool:
        """Whether the weights are those of this source grid, to the bit."""
        mine = self.source
        return mine is source or all(
            np.array_equal(getattr(mine, name), getattr(source, name))
            for name in ("lat", "lon", "lat_edges", "lon_edges", "is_periodic")
        )

    def _check_shape(self, shape: tuple[int, ...]) -> None:
        if shape[-2:] != self.source.shape:
            raise ShapeError(f"image to regrid has shape {shape}; the source grid is {self.source.describe()}.")

    def _apply(self, image: FloatArray | BoolArray, is_valid: BoolArray | None = None) -> FloatArray:
        return _apply(self._parts, image, self.target.shape, is_valid)


@dataclass(frozen=True, eq=False)
class _Part:
    """One pair of matrices without the source rows and columns that have no weight: bilinear weights skip most.

    Attributes
    ----------
    rows, columns : of the source, those with a weight; a slice where these are all.
    along_latitude, along_longitude : (n_lat_target, n_rows), (n_lon_target, n_columns). Entries keep their order, so
        that sums keep their bits.
    """

    rows: IntArray | slice
    columns: IntArray | slice
    along_latitude: csr_array
    along_longitude: csr_array

    @classmethod
    def of(cls, along_latitude: csr_array, along_longitude: csr_array) -> _Part:
        rows, latitude = _without_unused(along_latitude)
        columns, longitude = _without_unused(along_longitude)
        return cls(rows, columns, latitude, longitude)

    def cut(self, image: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The rows and columns of an image that have a weight."""
        return image[self.rows][:, self.columns]


def _without_unused(matrix: csr_array) -> tuple[IntArray | slice, csr_array]:
    used = np.unique(matrix.indices).astype(np.int64)
    if used.size == matrix.shape[1]:
        return slice(None), matrix
    place = np.searchsorted(used, matrix.indices)
    return used, csr_array((matrix.data, place, matrix.indptr), shape=(matrix.shape[0], used.size))


def fill_from_nearest(values: FloatArray, grid: Grid, where: BoolArray) -> FloatArray:
    """Give missing cells the value of the nearest valid cell (great-circle distance between centres). Local.

    Parameters
    ----------
    values : shape (..., n_lat, n_lon); NaN is missing. Each image of a stack is filled separately.
    grid : the images' grid.
    where : cells to fill, shape (n_lat, n_lon); others are not changed.

    Returns
    -------
    A filled copy.

    Raises
    ------
    ShapeError : shapes differ from the grid's.
    DataError : an image has no valid cell at all.
    """
    if values.shape[-2:] != grid.shape or where.shape != grid.shape:
        raise ShapeError(f"values {values.shape} and mask {where.shape} to fill; the grid is {grid.describe()}.")
    filled = values.copy()
    points = unit_vectors(grid.lat[:, None], grid.lon)
    for index in np.ndindex(values.shape[:-2]):
        is_valid = np.isfinite(values[index])
        to_fill = where & ~is_valid
        if not to_fill.any():
            continue
        if not is_valid.any():
            raise DataError("no valid cell to fill missing cells from: the whole image is missing.")
        from scipy.spatial import cKDTree  # imported here: a tenth of the time to load

        _, nearest = cKDTree(points[is_valid]).query(points[to_fill])
        filled[index][to_fill] = values[index][is_valid][nearest]
    return filled


def _apply(
    parts: Sequence[_Part], image: FloatArray | BoolArray, shape: tuple[int, int], is_valid: BoolArray | None = None
) -> FloatArray:
    """Apply all pairs to an image; values that are not valid count as zero."""
    result: FloatArray = np.zeros(shape)
    for part in parts:
        values = part.cut(image)
        if is_valid is not None:
            values = np.where(part.cut(is_valid), values, 0.0)
        # Dense operands of sparse products are C-contiguous copies, whatever the layout of the input.
        columns = part.along_longitude @ np.ascontiguousarray(values.T, dtype=np.float64)
        result += part.along_latitude @ np.ascontiguousarray(columns.T)
    return result
