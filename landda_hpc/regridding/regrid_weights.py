"""Weights of bilinear and first-order conservative regridding between rectangular grids, one sparse matrix per axis."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
import scipy.sparse

from landda_hpc.constants import FloatArray, IntArray
from landda_hpc.errors import ShapeError
from landda_hpc.grid import Grid

Method = Literal["bilinear", "conservative"]

Terms = list[tuple[scipy.sparse.csr_array, scipy.sparse.csr_array]]
"""Pairs (latitude, longitude) of shapes (n_lat_target, n_lat_source), (n_lon_target, n_lon_source): a target value is
the sum over pairs of latitude @ image @ longitude.T."""

SNAP: Final = 1e-9
"""Weights below this are rounding of the coordinates; dropping them makes equal points exact."""


def build_terms(source: Grid, target: Grid, method: Method) -> Terms:
    """Return the weights that map an image of the source grid to the target grid; see ``Regridder``.

    Raises
    ------
    ShapeError : an unknown method.

    Notes
    -----
    Local: no communication. Bilinear weights of a target cell sum to 1 where no source position is beyond the grid;
    conservative ones to the share of the target cell that the source grid covers.
    """
    if method == "bilinear":
        return _bilinear(source, target)
    if method == "conservative":
        return [(_overlap_latitude(source, target), _overlap_longitude(source, target))]
    raise ShapeError(f"unknown regridding method '{method}'; expected 'bilinear' or 'conservative'.")


def squared_terms(terms: Terms) -> Terms:
    """Weights whose every entry is the square of the whole weight that ``terms`` give a source cell."""
    squares: Terms = []
    for i, (latitude, longitude) in enumerate(terms):
        squares.append((latitude.multiply(latitude).tocsr(), longitude.multiply(longitude).tocsr()))
        for other_latitude, other_longitude in terms[i + 1 :]:
            both = 2.0 * latitude.multiply(other_latitude).tocsr(), longitude.multiply(other_longitude).tocsr()
            if both[0].nnz and both[1].nnz:
                squares.append(both)
    return squares


def _bilinear(source: Grid, target: Grid) -> Terms:
    """Pairs of (latitude, longitude) weights whose sum of products is the bilinear map."""
    inside, behind_pole = _interpolate_latitude(source, target.lat)
    terms: Terms = [(inside, _interpolate_longitude(source, target.lon))]
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
    crosses = is_periodic and SNAP < to_pole < spacing * (1.0 + 1e-6)
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
    share[share < SNAP] = 0.0
    share[share > 1.0 - SNAP] = 1.0
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
    share[share < SNAP] = 0.0
    return _sparse(share, np.concatenate(rows), np.concatenate(columns), (target.size - 1, source.size - 1))


def _sparse(weight: FloatArray, row: IntArray, column: IntArray, shape: tuple[int, ...]) -> scipy.sparse.csr_array:
    keep = weight != 0.0
    matrix = scipy.sparse.csr_array((weight[keep], (row[keep], column[keep])), shape=shape)
    matrix.sort_indices()
    return matrix
