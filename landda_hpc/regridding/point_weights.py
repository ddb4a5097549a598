"""Interpolation from the places of a dataset to selected cells of the model grid; only the required window is read.

``Regridder`` maps whole images; this module maps a rank's cells. A cell's weights, and the order in which its terms are
added, depend only on that cell, the dataset's axes and its missing places. Its value therefore has the same bits
whatever other cells a rank holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from landda_hpc.constants import EARTH_RADIUS, BoolArray, FloatArray, IntArray
from landda_hpc.errors import DataError, ShapeError
from landda_hpc.grid import Grid, half_way_edges

MIN_WEIGHT: Final = 0.5
"""Share of a cell's weight that must come from valid places; otherwise the nearest valid place is used."""

MAX_DISTANCE_KM: Final = 500.0
"""Largest distance of that place."""

_SNAP: Final = 1e-9  # weights below it are rounding of the coordinates


@dataclass(frozen=True, eq=False)
class PointWeights:
    """A linear map of one image's window to cells.

    Attributes
    ----------
    rows, columns : the window of the dataset that is needed.
    place : flat index in the window, (n_term, n_cell).
    weight : the same shape; unused terms have 0. Sums over terms are 1.
    """

    rows: slice
    columns: slice
    place: IntArray
    weight: FloatArray

    def __call__(self, window: FloatArray) -> FloatArray:
        """Map a window, (n_row, n_column), to (n_cell,). NaN where a place with a weight is missing.

        Raises
        ------
        ShapeError : another window.
        """
        shape = (self.rows.stop - self.rows.start, self.columns.stop - self.columns.start)
        if window.shape != shape:
            raise ShapeError(f"window to map has shape {window.shape}; expected {shape}.")
        flat = window.ravel()
        total = np.zeros(self.weight.shape[1])
        for place, weight in zip(self.place, self.weight, strict=True):
            # A missing place without weight must not count.
            total += np.where(weight > 0.0, weight * flat[place], 0.0)
        return total


def point_weights(
    lat: FloatArray,
    lon: FloatArray,
    is_valid: BoolArray,
    grid: Grid,
    cells: IntArray,
    method: Literal["bilinear", "area"],
) -> PointWeights:
    """Weights of the places of a dataset for cells of a grid.

    Parameters
    ----------
    lat, lon : axes of the dataset, degrees, ascending, any turn of longitude; a single place serves all cells.
    is_valid : places with values, (n_lat, n_lon).
    grid, cells : the model grid and flat indices, (n_cell,).
    method : ``bilinear`` between the four places around the cell's centre; ``area``: mean over the cell.

    Raises
    ------
    ShapeError : the mask does not match the axes.
    DataError : a cell has no valid place within ``MAX_DISTANCE_KM``, or lies outside a regional dataset by as much.

    Notes
    -----
    Local: no communication. Bilinear: beyond the outermost rows the outermost row is used. Where valid places have less
    than ``MIN_WEIGHT`` of a cell's weight (coasts), the nearest valid place takes all of it.
    """
    if is_valid.shape != (lat.size, lon.size):
        raise ShapeError(f"mask of valid places has shape {is_valid.shape}; the axes say {(lat.size, lon.size)}.")
    if is_valid.size == 1 or not cells.size:
        none = np.zeros((1, cells.size))
        return PointWeights(slice(0, 1), slice(0, 1), none.astype(np.int64), none + 1.0)
    row, column = np.divmod(cells, grid.shape[1])
    along_lat = _interpolate(lat, grid.lat, None) if method == "bilinear" else _overlap_latitude(lat, grid.lat_edges)
    around = _circle(lon)
    if method == "bilinear":
        along_lon = _interpolate(lon, grid.lon, around)
    else:
        along_lon = _overlap_longitude(lon, grid.lon_edges, around)
    place, weight = _products(along_lat, along_lon, row, column, lon.size)
    weight = np.where(is_valid.ravel()[place], weight, 0.0)
    share = np.zeros(cells.size)
    for term in weight:
        share += term
    enough = share >= MIN_WEIGHT - _SNAP
    weight = np.where(enough, weight / np.where(enough, share, 1.0), 0.0)
    if not enough.all():
        place[0, ~enough] = _nearest(lat, lon, is_valid, grid.lat[row[~enough]], grid.lon[column[~enough]])
        weight[0, ~enough] = 1.0
    return _in_window(place, weight, lon.size)


def _in_window(place: IntArray, weight: FloatArray, n_lon: int) -> PointWeights:
    used = weight > 0.0
    row, column = np.divmod(place, n_lon)
    rows = slice(int(row[used].min()), int(row[used].max()) + 1)
    columns = slice(int(column[used].min()), int(column[used].max()) + 1)
    inside = (row - rows.start) * (columns.stop - columns.start) + column - columns.start
    return PointWeights(rows, columns, np.where(used, inside, 0), weight)


Terms = tuple[IntArray, FloatArray]
"""Places along one axis and their weights for every row or column of the grid, (n, n_term); unused weights are 0."""


def _products(along_lat: Terms, along_lon: Terms, row: IntArray, column: IntArray, n_lon: int) -> Terms:
    """Flat places and weights of cells, (n_term, n_cell), from those of their rows and columns."""
    (j, a), (i, b) = along_lat, along_lon
    place = [j[row, m] * n_lon + i[column, n] for m in range(j.shape[1]) for n in range(i.shape[1])]
    weight = [a[row, m] * b[column, n] for m in range(j.shape[1]) for n in range(i.shape[1])]
    return np.stack(place), np.stack(weight)


def _circle(lon: FloatArray) -> bool:
    """Whether the columns cover the full circle."""
    if lon.size < 2:
        return False
    return bool(abs(lon[-1] + (lon[1] - lon[0]) - lon[0] - 360.0) < 1e-2)


def _turned(lon: FloatArray, axis: FloatArray, is_circle: bool) -> FloatArray:
    """Longitudes by whole turns into [first, first + 360) of a circle, or next to the middle of a region."""
    start = axis[0] if is_circle else 0.5 * (axis[0] + axis[-1]) - 180.0
    turned: FloatArray = np.mod(lon - start, 360.0) + start
    return turned


def _interpolate(axis: FloatArray, points: FloatArray, is_circle: bool | None) -> Terms:
    """Linear weights of the two places around each point; ``is_circle``: of longitude, None for latitude.

    A point outside by more than the distance between places gets no weight.
    """
    if axis.size == 1:
        return np.zeros((points.size, 1), dtype=np.int64), np.ones((points.size, 1))
    nodes = axis if not is_circle else np.append(axis, axis[0] + 360.0)
    x = points if is_circle is None else _turned(points, axis, is_circle)
    lower = np.clip(np.searchsorted(nodes, x, side="right") - 1, 0, nodes.size - 2)
    spacing = nodes[lower + 1] - nodes[lower]
    share = (x - nodes[lower]) / spacing
    outside = (share < -1.0) | (share > 2.0)
    share = np.clip(share, 0.0, 1.0)
    share[share < _SNAP] = 0.0
    share[share > 1.0 - _SNAP] = 1.0
    weight = np.stack((1.0 - share, share), axis=1)
    weight[outside] = 0.0
    return np.stack((lower, lower + 1), axis=1) % axis.size, weight


def _overlap_latitude(axis: FloatArray, target: FloatArray) -> Terms:
    if axis.size == 1:
        return np.zeros((target.size - 1, 1), dtype=np.int64), np.ones((target.size - 1, 1))
    edges = np.clip(half_way_edges(axis), -90.0, 90.0)
    # The outermost rows of a global dataset reach the poles.
    if edges[0] < -90.0 + (axis[1] - axis[0]):
        edges[0] = -90.0
    if edges[-1] > 90.0 - (axis[-1] - axis[-2]):
        edges[-1] = 90.0
    return _overlap(np.sin(np.deg2rad(edges)), np.sin(np.deg2rad(target)), (0.0,))


def _overlap_longitude(axis: FloatArray, target: FloatArray, is_circle: bool) -> Terms:
    if axis.size == 1:
        return np.zeros((target.size - 1, 1), dtype=np.int64), np.ones((target.size - 1, 1))
    edges = half_way_edges(axis)
    if is_circle:
        edges[-1] = edges[0] + 360.0
    return _overlap(edges, target, (-720.0, -360.0, 0.0, 360.0, 720.0))


def _overlap(source: FloatArray, target: FloatArray, turns: tuple[float, ...]) -> Terms:
    """Share of each target interval in each source interval; the source shifted by each turn."""
    found: list[list[tuple[int, float]]] = []
    for low, high in zip(target[:-1].tolist(), target[1:].tolist(), strict=True):
        terms = []
        for turn in turns:
            first = max(int(np.searchsorted(source, low - turn, side="right")) - 1, 0)
            last = min(int(np.searchsorted(source, high - turn, side="left")), source.size - 1)
            for k in range(first, last):
                common = min(high - turn, source[k + 1]) - max(low - turn, source[k])
                if common > _SNAP * (high - low):
                    terms.append((k, float(common / (high - low))))
        found.append(terms)
    n_term = max(1, *(len(terms) for terms in found))
    place, weight = np.zeros((len(found), n_term), dtype=np.int64), np.zeros((len(found), n_term))
    for i, terms in enumerate(found):
        for n, (k, share) in enumerate(terms):
            place[i, n], weight[i, n] = k, share
    return place, weight


def _nearest(lat: FloatArray, lon: FloatArray, is_valid: BoolArray, at_lat: FloatArray, at_lon: FloatArray) -> IntArray:
    """Flat index of the nearest valid place of each point; the first of equally near ones."""
    reach = np.rad2deg(MAX_DISTANCE_KM * 1e3 / EARTH_RADIUS)
    phi, sine = np.deg2rad(lat), np.sin(np.deg2rad(lat))
    nearest = np.empty(at_lat.size, dtype=np.int64)
    for n, (y, x) in enumerate(zip(np.deg2rad(at_lat), at_lon, strict=True)):
        rows = np.flatnonzero(np.abs(lat - at_lat[n]) <= reach)
        away = np.cos(np.deg2rad(lon - x))
        closeness = np.sin(y) * sine[rows, None] + np.cos(y) * np.cos(phi[rows])[:, None] * away[None, :]
        closeness[~is_valid[rows]] = -2.0
        best = int(np.argmax(closeness)) if closeness.size else 0
        if not closeness.size or closeness.ravel()[best] < np.cos(np.deg2rad(reach)):
            raise DataError(
                f"the forcing has no value within {MAX_DISTANCE_KM:g} km of latitude {at_lat[n]:.2f}, longitude "
                f"{x:.2f}. Does it cover the model's grid?"
            )
        nearest[n] = rows[best // lon.size] * lon.size + best % lon.size
    return nearest
