"""Matching of stations with the model: cells for a place, layers for a sensor, and common times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from landda_hpc.constants import EARTH_RADIUS, SOIL_Z, SOIL_ZI, BoolArray, FloatArray, IntArray
from landda_hpc.errors import ShapeError
from landda_hpc.grid import Grid, chord_km, unit_vectors
from landda_hpc.regridding.depth import DepthRange, depth_weights

PlaceMethod = Literal["nearest", "bilinear"]

POINT_M: Final = 1e-3
"""Thickness below which the interval of a sensor is a point, m."""

_LEAST_WEIGHT: Final = 0.5
"""Minimum fraction of the weight of a bilinear place on usable cells."""

Times = npt.NDArray[np.datetime64]


@dataclass(frozen=True, eq=False)
class Placement:
    """Cells that represent places.

    Attributes
    ----------
    cells : numbers of land cells, (n_place, 4); undefined where the weight is 0.
    weights : weights of the cells, (n_place, 4); rows sum to 1, or are 0 without a usable cell nearby.
    distance_km : distance from the place to the centre of the cell with the largest weight, km; NaN without one.
    """

    cells: IntArray
    weights: FloatArray
    distance_km: FloatArray

    @property
    def is_placed(self) -> BoolArray:
        return np.asarray(self.weights.sum(axis=1) > 0.0)

    @property
    def main_cell(self) -> IntArray:
        """Cell with the largest weight; -1 without one."""
        chosen = self.cells[np.arange(self.cells.shape[0]), self.weights.argmax(axis=1)]
        return np.asarray(np.where(self.is_placed, chosen, -1))

    def values(self, of_cells: FloatArray) -> FloatArray:
        """Return values at the places, (..., n_place), from those of all land cells, (..., n_cells).

        NaN where a place has no cell. Missing cells of a bilinear place are ignored if at least half of its weight is
        left; otherwise the place is missing.
        """
        gathered = of_cells[..., self.cells]
        present = np.isfinite(gathered) & (self.weights > 0.0)
        weight = np.where(present, self.weights, 0.0).sum(axis=-1)
        total = np.where(present, self.weights * np.where(present, gathered, 0.0), 0.0).sum(axis=-1)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.where(weight >= _LEAST_WEIGHT - 1e-9, total / weight, np.nan))


@dataclass(frozen=True, eq=False)
class ModelCells:
    """The cells of a model that can represent places.

    Attributes
    ----------
    grid : the model grid.
    cell : flat index of every land cell, ascending, (n_cells,).
    is_usable : land cells that may represent a place, (n_cells,).
    """

    grid: Grid
    cell: IntArray
    is_usable: BoolArray


def place(
    lat: FloatArray,
    lon: FloatArray,
    of_model: ModelCells,
    *,
    method: PlaceMethod = "nearest",
    max_km: float | None = None,
) -> Placement:
    """Find the cells that represent places.

    Parameters
    ----------
    lat, lon : coordinates of the places, degrees, (n_place,).
    of_model : cells that may represent places.
    method : ``nearest``: the usable cell with the nearest centre; ``bilinear``: the usable cells among the four around
        the place, as in [B26] Fig. 12, if they have at least half of the weight, otherwise the nearest cell.
    max_km : places farther from the nearest usable cell get no cell, km; default: a cell's diagonal at that latitude.

    Raises
    ------
    ShapeError : lengths differ.
    """
    grid, cell, is_usable = of_model.grid, of_model.cell, of_model.is_usable
    if lat.shape != lon.shape or lat.ndim != 1 or cell.shape != is_usable.shape:
        raise ShapeError(f"places {lat.shape}, {lon.shape}; cells {cell.shape}, usable {is_usable.shape}.")
    n_place = lat.size
    cells, weights = np.zeros((n_place, 4), np.int64), np.zeros((n_place, 4))
    distance = np.full(n_place, np.nan)
    usable = np.flatnonzero(is_usable)
    if n_place == 0 or usable.size == 0:
        return Placement(cells, weights, distance)
    row, column = np.divmod(cell, grid.shape[1])
    centres = unit_vectors(grid.lat[row], grid.lon[column])
    points = unit_vectors(lat, lon)
    from scipy.spatial import cKDTree  # imported here: a tenth of the time to load

    chord, found = cKDTree(centres[usable]).query(points)
    distance = chord_km(chord)
    limit = _diagonal(grid, lat) if max_km is None else np.full(n_place, max_km)
    near = distance <= limit
    cells[:, 0], weights[:, 0] = usable[found], 1.0
    if method == "bilinear":
        around, shares = _bilinear(lat, lon, grid)
        number = np.searchsorted(cell, np.clip(around, 0, None))
        number = np.minimum(number, cell.size - 1)
        is_cell = (around >= 0) & (cell[number] == around)
        shares = np.where(is_cell & is_usable[number], shares, 0.0)
        enough = shares.sum(axis=1) >= _LEAST_WEIGHT
        cells[enough] = number[enough]
        weights[enough] = shares[enough] / shares[enough].sum(axis=1, keepdims=True)
    weights[~near] = 0.0
    main = cells[np.arange(n_place), weights.argmax(axis=1)]
    distance = np.where(near, chord_km(np.linalg.norm(centres[main] - points, axis=1)), np.nan)
    return Placement(cells, weights, np.asarray(distance))


def sensor_weights(depth_m: DepthRange, n_layers: int = SOIL_Z.size) -> FloatArray | None:
    """Return the weights of the model's layers in the value of a sensor.

    Parameters
    ----------
    depth_m : top and bottom of the sensor, m; equal (or nearly) for a point.
    n_layers : number of layers, from the top.

    Returns
    -------
    Weights, (n_layers,), with sum 1; None if the sensor reaches below the layers. The weights of an interval are
    overlap over thickness; those of a point are linear between the nodes above and below it (above the first node, the
    first node's value).

    References
    ----------
    docs/methods.md, "Choices that the papers leave open": CMA's 0-10 cm by overlap, ISMN's points interpolated.
    """
    top, bottom = depth_m
    if not 0.0 <= top <= bottom:
        return None
    if bottom - top >= POINT_M:
        if bottom > SOIL_ZI[n_layers] + POINT_M:
            return None
        return depth_weights(top, bottom, SOIL_ZI[: n_layers + 1])
    middle, nodes = 0.5 * (top + bottom), SOIL_Z[:n_layers]
    if middle > nodes[-1]:
        return None
    weights = np.zeros(n_layers)
    below = int(np.searchsorted(nodes, middle))
    if below == 0:
        weights[0] = 1.0
    else:
        share = (middle - nodes[below - 1]) / (nodes[below] - nodes[below - 1])
        weights[below - 1], weights[below] = 1.0 - share, share
    return weights


def layer_of(depth_m: DepthRange, layers: Sequence[DepthRange]) -> int | None:
    """Return the number of the first layer that contains a sensor's middle, both ends included; None if none does."""
    middle = 0.5 * (depth_m[0] + depth_m[1])
    return next((i for i, (top, bottom) in enumerate(layers) if top - 1e-9 <= middle <= bottom + 1e-9), None)


def match_times(model: Times, observed: Times, values: FloatArray, tolerance_minutes: float) -> FloatArray:
    """Return the value of the observation nearest to each model time, (n_model,).

    Parameters
    ----------
    model, observed : times of model and observations, ascending, UTC.
    values : observations, (n_observed,); NaN (missing, or refused by its flag) never matches.
    tolerance_minutes : largest difference in time, minutes, beyond which the result is NaN; of two equally near
        observations the earlier one is used.
    """
    known = np.isfinite(values)
    times, kept = observed[known].astype("datetime64[s]").astype(np.int64), values[known]
    matched = np.full(model.size, np.nan)
    if times.size == 0:
        return matched
    wanted = model.astype("datetime64[s]").astype(np.int64)
    after = np.minimum(np.searchsorted(times, wanted), times.size - 1)
    before = np.maximum(after - 1, 0)
    nearest = np.where(np.abs(times[after] - wanted) < np.abs(times[before] - wanted), after, before)
    near = np.abs(times[nearest] - wanted) <= 60.0 * tolerance_minutes
    matched[near] = kept[nearest[near]]
    return matched


def as_times(times: Sequence[datetime]) -> Times:
    """Convert naive UTC times to datetime64[s]."""
    return np.array(times, dtype="datetime64[s]")


def _diagonal(grid: Grid, lat: FloatArray) -> FloatArray:
    height = np.deg2rad(float(np.max(np.diff(grid.lat_edges))))
    width = np.deg2rad(float(np.max(np.diff(grid.lon_edges)))) * np.cos(np.deg2rad(lat))
    return np.asarray(EARTH_RADIUS / 1000.0 * np.hypot(height, width))


def _bilinear(lat: FloatArray, lon: FloatArray, grid: Grid) -> tuple[IntArray, FloatArray]:
    """Return flat indices of the four centres around each place, and their weights."""
    n_lat, n_lon = grid.shape
    upper = np.searchsorted(grid.lat, lat)
    rows = np.stack([upper - 1, upper])
    gap = grid.lat[np.clip(rows[1], 0, n_lat - 1)] - grid.lat[np.clip(rows[0], 0, n_lat - 1)]
    with np.errstate(invalid="ignore", divide="ignore"):
        up = np.where(gap > 0.0, (lat - grid.lat[np.clip(rows[0], 0, n_lat - 1)]) / gap, 0.5)
    # Beyond the outermost centres only the outermost row is used.
    rows, up = np.clip(rows, 0, n_lat - 1), np.clip(up, 0.0, 1.0)
    offset = np.mod(lon - grid.lon[0], 360.0)
    relative = grid.lon - grid.lon[0]
    right = np.searchsorted(relative, offset, side="right")
    left = right - 1
    if grid.is_periodic:
        step = np.where(right < n_lon, relative[np.minimum(right, n_lon - 1)], 360.0) - relative[left]
        columns = np.stack([left, right % n_lon])
    else:
        columns = np.stack([left, np.minimum(right, n_lon - 1)])
        step = relative[columns[1]] - relative[columns[0]]
    with np.errstate(invalid="ignore", divide="ignore"):
        along = np.where(step > 0.0, (offset - relative[left]) / step, 0.0)
    along = np.clip(along, 0.0, 1.0)
    cells, weights = [], []
    for i, of_row in ((0, 1.0 - up), (1, up)):
        for j, of_column in ((0, 1.0 - along), (1, along)):
            cells.append(rows[i] * n_lon + columns[j])
            weights.append(of_row * of_column)
    return np.stack(cells, axis=-1).astype(np.int64), np.stack(weights, axis=-1)
