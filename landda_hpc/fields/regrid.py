"""Regridding between rectangular grids: bilinear and first-order conservative, aware of missing cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import scipy.sparse
from scipy.spatial import cKDTree

from landda_hpc.errors import DataError, ShapeError

if TYPE_CHECKING:
    from landda_hpc.constants import BoolArray, FloatArray, IntArray
    from landda_hpc.grid import Grid

Method = Literal["bilinear", "conservative"]

MIN_WEIGHT: Final = 0.5
"""Share of a target cell's weight that must come from valid source cells."""

_SNAP: Final = 1e-9
"""Weights below this are rounding of the coordinates; dropping them makes equal points exact."""


class Regridder:
    """Linear map of images from one grid to another; weights are built once.

    Parameters
    ----------
    source, target : regular or Gaussian, global or regional.
    method : ``bilinear`` (what both papers use) interpolates in degrees between the four cell centres around
        each target centre; ``conservative`` takes the mean over the target cell's area, for coarsening.
    min_weight : a target cell is missing where valid source cells hold less than this share of its weight.

    Notes
    -----
    Local: no communication. Weights are products of one sparse matrix per axis, applied one field at a time
    by sequential loops: the result does not depend on how many fields are given.

    Missing source cells drop out and the other weights are renormalised. So do positions beyond the source
    grid: a target centre outside the outermost centres, but within half a cell, takes the outermost value;
    farther out it is missing. In longitude a periodic source wraps. Between a global source's last row and
    the pole, the row behind the pole is the last row at longitude + 180 degrees: f(180 - lat, lon) = f(lat,
    lon + 180).

    A conservative map preserves the integral over the source cells that it uses: with all cells valid,
    sum(area_target * result) equals sum(area_source * values) where the grids cover the same region.
    """

    def __init__(self, source: Grid, target: Grid, method: Method = "bilinear", min_weight: float = MIN_WEIGHT) -> None:
        if not 0.0 < min_weight <= 1.0:
            raise ShapeError(f"min_weight = {min_weight}: expected a share in (0, 1].")
        self.source = source
        self.target = target
        self.method: Method = method
        self.min_weight = min_weight
        self._terms: list[tuple[scipy.sparse.csr_array, scipy.sparse.csr_array]]
        if method == "bilinear":
            self._terms = _bilinear_terms(source, target)
        elif method == "conservative":
            self._terms = [(_overlap_latitude(source, target), _overlap_longitude(source, target))]
        else:
            raise ShapeError(f"regridding method '{method}' is not known; use 'bilinear' or 'conservative'.")

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
            result[index] = self._regrid_one(values[index])
        return result

    def coverage(self, is_valid: BoolArray) -> FloatArray:
        """Share of each target cell's weight that lies on valid source cells, 0..1, shape of the target."""
        self._check_shape(is_valid.shape)
        return self._apply(is_valid.astype(np.float64))

    def _check_shape(self, shape: tuple[int, ...]) -> None:
        if shape[-2:] != self.source.shape:
            raise ShapeError(f"image to regrid has shape {shape}; the source grid is {self.source.describe()}.")

    def _regrid_one(self, image: FloatArray) -> FloatArray:
        is_valid = np.isfinite(image)
        weight = self._apply(is_valid.astype(np.float64))
        weighted = self._apply(np.where(is_valid, image, 0.0))
        result = np.full(self.target.shape, np.nan)
        # The allowance keeps cells whose weight is min_weight but for rounding.
        np.divide(weighted, weight, out=result, where=weight >= self.min_weight - _SNAP)
        return result

    def _apply(self, image: FloatArray) -> FloatArray:
        result: FloatArray = np.zeros(self.target.shape)
        for along_latitude, along_longitude in self._terms:
            # Dense operands of sparse products are C-contiguous copies, whatever the layout of the input.
            columns = along_longitude @ np.ascontiguousarray(image.T)
            result += along_latitude @ np.ascontiguousarray(columns.T)
        return result


def fill_from_nearest(values: FloatArray, grid: Grid, where: BoolArray) -> FloatArray:
    """Give missing cells the value of the nearest valid cell (great-circle distance between centres).

    Parameters
    ----------
    values : shape (..., n_lat, n_lon); NaN is missing. Each image of a stack is filled by itself.
    grid : the images' grid.
    where : cells to fill, shape (n_lat, n_lon); others stay as they are.

    Returns
    -------
    A filled copy.

    Raises
    ------
    ShapeError : shapes differ from the grid's.
    DataError : an image has no valid cell at all.

    Notes
    -----
    Local: no communication.
    """
    if values.shape[-2:] != grid.shape or where.shape != grid.shape:
        raise ShapeError(f"values {values.shape} and mask {where.shape} to fill; the grid is {grid.describe()}.")
    filled = values.copy()
    points = _unit_vectors(grid)
    for index in np.ndindex(values.shape[:-2]):
        is_valid = np.isfinite(values[index])
        to_fill = where & ~is_valid
        if not to_fill.any():
            continue
        if not is_valid.any():
            raise DataError("no valid cell to fill missing cells from: the whole image is missing.")
        _, nearest = cKDTree(points[is_valid]).query(points[to_fill])
        filled[index][to_fill] = values[index][is_valid][nearest]
    return filled


def _unit_vectors(grid: Grid) -> FloatArray:
    lat = np.deg2rad(grid.lat)[:, None]
    lon = np.deg2rad(grid.lon)[None, :]
    vectors: FloatArray = np.stack(
        np.broadcast_arrays(np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)), axis=-1
    )
    return vectors


def _bilinear_terms(source: Grid, target: Grid) -> list[tuple[scipy.sparse.csr_array, scipy.sparse.csr_array]]:
    """Pairs of (latitude, longitude) weights whose sum of products is the bilinear map."""
    inside, behind_pole = _interpolate_latitude(source, target.lat)
    terms = [(inside, _interpolate_longitude(source, target.lon))]
    if behind_pole.nnz:
        terms.append((behind_pole, _interpolate_longitude(source, target.lon + 180.0)))
    return terms


def _interpolate_latitude(source: Grid, lat: FloatArray) -> tuple[scipy.sparse.csr_array, scipy.sparse.csr_array]:
    """Weights of source rows at the target's own longitude, and at the opposite one (rows behind a pole)."""
    n = source.lat.size
    # One virtual row beyond each end: the outermost row behind the pole, or nothing (its weight is lost).
    south = _row_beyond(-source.lat[::-1], _spacing(source.lat[:2], source.lat_edges[:2]), source.is_periodic)
    north = _row_beyond(source.lat, _spacing(source.lat[-2:], source.lat_edges[-2:]), source.is_periodic)
    rows = np.concatenate(([-south[0]], source.lat, [north[0]]))
    lower, upper, share = _bracket(rows, lat)
    row_of = np.concatenate(([0], np.arange(n), [n - 1]))
    is_virtual = np.zeros(n + 2, dtype=np.bool_)
    is_virtual[[0, -1]] = True
    wraps = np.zeros(n + 2, dtype=np.bool_)
    wraps[[0, -1]] = south[1], north[1]
    target = np.tile(np.arange(lat.size), 2)
    point = np.concatenate((lower, upper))
    weight = np.concatenate((1.0 - share, share))
    shape = (lat.size, n)
    own = ~is_virtual[point]
    return (
        _sparse(weight[own], target[own], row_of[point[own]], shape),
        _sparse(weight[wraps[point]], target[wraps[point]], row_of[point[wraps[point]]], shape),
    )


def _row_beyond(lat: FloatArray, spacing: float, is_periodic: bool) -> tuple[float, bool]:
    """Latitude of the row after the last one, and whether that is the last row seen across the pole."""
    to_pole = 90.0 - float(lat[-1])
    # The next row would lie at or behind the pole; a row on the pole itself has nothing beyond it.
    crosses = is_periodic and _SNAP < to_pole < spacing * (1.0 + 1e-6)
    return float(lat[-1]) + (2.0 * to_pole if crosses else spacing), crosses


def _spacing(centres: FloatArray, edges: FloatArray) -> float:
    """Distance of two neighbours; the width of the cell where there is only one."""
    return float(np.diff(centres if centres.size == 2 else edges)[0])


def _interpolate_longitude(source: Grid, lon: FloatArray) -> scipy.sparse.csr_array:
    n = source.lon.size
    if source.is_periodic:
        position = np.mod(lon - source.lon[0], 360.0)
        points = np.concatenate((source.lon - source.lon[0], [360.0]))
        column_of = np.concatenate((np.arange(n), [0]))
        is_virtual = np.zeros(n + 1, dtype=np.bool_)
    else:
        middle = 0.5 * (source.lon[0] + source.lon[-1])
        position = np.mod(lon - middle + 180.0, 360.0) - 180.0 + middle
        west = source.lon[0] - _spacing(source.lon[:2], source.lon_edges[:2])
        east = source.lon[-1] + _spacing(source.lon[-2:], source.lon_edges[-2:])
        points = np.concatenate(([west], source.lon, [east]))
        column_of = np.concatenate(([0], np.arange(n), [n - 1]))
        is_virtual = np.zeros(n + 2, dtype=np.bool_)
        is_virtual[[0, -1]] = True
    lower, upper, share = _bracket(points, position)
    target = np.tile(np.arange(lon.size), 2)
    point = np.concatenate((lower, upper))
    weight = np.concatenate((1.0 - share, share))
    own = ~is_virtual[point]
    return _sparse(weight[own], target[own], column_of[point[own]], (lon.size, n))


def _bracket(points: FloatArray, x: FloatArray) -> tuple[IntArray, IntArray, FloatArray]:
    """Find the points around each x and the share of the upper one; outside, the end point takes all."""
    lower = np.clip(np.searchsorted(points, x, side="right") - 1, 0, points.size - 2)
    share = np.clip((x - points[lower]) / (points[lower + 1] - points[lower]), 0.0, 1.0)
    share[share < _SNAP] = 0.0
    share[share > 1.0 - _SNAP] = 1.0
    return lower, lower + 1, share


def _overlap_latitude(source: Grid, target: Grid) -> scipy.sparse.csr_array:
    """Share of each target row's area (sine of latitude) in each source row."""
    return _overlap(np.sin(np.deg2rad(source.lat_edges)), np.sin(np.deg2rad(target.lat_edges)), turns=(0.0,))


def _overlap_longitude(source: Grid, target: Grid) -> scipy.sparse.csr_array:
    """Share of each target column's width in each source column, over all turns of the circle."""
    return _overlap(source.lon_edges, target.lon_edges, turns=(-720.0, -360.0, 0.0, 360.0, 720.0))


def _overlap(source: FloatArray, target: FloatArray, turns: tuple[float, ...]) -> scipy.sparse.csr_array:
    """Share of each target interval in each source interval; edges ascend; source shifted by each turn."""
    shares, rows, columns = [], [], []
    for turn in turns:
        shifted = source + turn
        # Between two neighbours of the merged edges lies one source and one target interval, or nothing.
        edges = np.union1d(shifted, target)
        middle = 0.5 * (edges[1:] + edges[:-1])
        inside = (middle > max(shifted[0], target[0])) & (middle < min(shifted[-1], target[-1]))
        row = np.searchsorted(target, middle[inside], side="right") - 1
        shares.append(np.diff(edges)[inside] / np.diff(target)[row])
        rows.append(row)
        columns.append(np.searchsorted(shifted, middle[inside], side="right") - 1)
    share = np.concatenate(shares)
    share[share < _SNAP] = 0.0
    return _sparse(share, np.concatenate(rows), np.concatenate(columns), (target.size - 1, source.size - 1))


def _sparse(weight: FloatArray, row: IntArray, column: IntArray, shape: tuple[int, ...]) -> scipy.sparse.csr_array:
    keep = weight != 0.0
    matrix = scipy.sparse.csr_array((weight[keep], (row[keep], column[keep])), shape=shape)
    matrix.sort_indices()
    return matrix
