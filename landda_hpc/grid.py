"""The model grid: cell centres, edges, areas; regular or Gaussian latitudes, global or regional."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from landda_hpc.constants import EARTH_RADIUS, FloatArray
from landda_hpc.errors import ShapeError


@dataclass(frozen=True, eq=False)
class Grid:
    """A rectangular latitude-longitude grid.

    Parameters
    ----------
    lat : latitudes of cell centres, degrees_north, shape (n_lat,), strictly ascending (south to north).
    lon : longitudes of cell centres, degrees_east in [-180, 360), shape (n_lon,), strictly ascending.
    lat_edges : shape (n_lat + 1,), degrees_north.
    lon_edges : shape (n_lon + 1,), degrees_east.
    is_periodic : the last column touches the first.

    Notes
    -----
    A cell's flat index is ``row * n_lon + column``; images have shape (n_lat, n_lon).
    """

    lat: FloatArray
    lon: FloatArray
    lat_edges: FloatArray
    lon_edges: FloatArray
    is_periodic: bool

    def __post_init__(self) -> None:
        if self.lat_edges.shape != (self.lat.size + 1,) or self.lon_edges.shape != (self.lon.size + 1,):
            raise ShapeError(
                f"grid edges have shapes {self.lat_edges.shape} and {self.lon_edges.shape}; expected one more "
                f"than the {self.lat.size} latitudes and {self.lon.size} longitudes."
            )
        if np.any(np.diff(self.lat) <= 0) or np.any(np.diff(self.lon) <= 0):
            raise ShapeError("grid latitudes and longitudes must ascend strictly (south to north, west to east).")

    @property
    def shape(self) -> tuple[int, int]:
        """(n_lat, n_lon)."""
        return self.lat.size, self.lon.size

    @property
    def n_cells(self) -> int:
        return self.lat.size * self.lon.size

    @cached_property
    def area(self) -> FloatArray:
        """Cell areas on the sphere, m2, shape (n_lat, n_lon)."""
        sin_edges = np.sin(np.deg2rad(self.lat_edges))
        width = np.deg2rad(np.diff(self.lon_edges))
        area: FloatArray = EARTH_RADIUS**2 * np.diff(sin_edges)[:, None] * width[None, :]
        return area

    def same_points(self, other: Grid) -> bool:
        """Whether both grids have the same cell centres (to 1e-6 degrees)."""
        return (
            self.shape == other.shape
            and bool(np.allclose(self.lat, other.lat, atol=1e-6))
            and bool(np.allclose(self.lon, other.lon, atol=1e-6))
        )

    def describe(self) -> str:
        """One line for logs and messages."""
        return (
            f"{self.lat.size} x {self.lon.size} cells, latitude {self.lat[0]:.3f} to {self.lat[-1]:.3f}, "
            f"longitude {self.lon[0]:.3f} to {self.lon[-1]:.3f}" + (", periodic" if self.is_periodic else "")
        )


def regular_grid(
    n_lat: int,
    n_lon: int,
    *,
    south: float = -90.0,
    north: float = 90.0,
    west: float = 0.0,
    east: float = 360.0,
) -> Grid:
    """Equally spaced cell centres inside the given edges (degrees); global by default.

    A span of 360 degrees in longitude makes the grid periodic.
    """
    lat_edges = np.linspace(south, north, n_lat + 1)
    lon_edges = np.linspace(west, east, n_lon + 1)
    return Grid(
        lat=0.5 * (lat_edges[1:] + lat_edges[:-1]),
        lon=0.5 * (lon_edges[1:] + lon_edges[:-1]),
        lat_edges=lat_edges,
        lon_edges=lon_edges,
        is_periodic=abs(east - west - 360.0) < 1e-9,
    )


@cache
def _gauss(n_lat: int) -> tuple[FloatArray, FloatArray]:
    """Nodes and weights of Gaussian quadrature; kept, as thousands of rows take seconds."""
    nodes, weights = np.polynomial.legendre.leggauss(n_lat)
    nodes.flags.writeable = weights.flags.writeable = False
    return nodes, weights


def gaussian_grid(n_lat: int, n_lon: int) -> Grid:
    """Global grid on Gaussian latitudes; edges are those whose bands have the Gaussian weights as areas."""
    nodes, weights = _gauss(n_lat)
    sin_edges = np.concatenate(([-1.0], -1.0 + np.cumsum(weights)))
    sin_edges[-1] = 1.0
    lon_edges = np.linspace(0.0, 360.0, n_lon + 1)
    return Grid(
        lat=np.rad2deg(np.arcsin(nodes)),
        lon=lon_edges[:-1].copy(),
        lat_edges=np.rad2deg(np.arcsin(np.clip(sin_edges, -1.0, 1.0))),
        lon_edges=lon_edges - 180.0 / n_lon,
        is_periodic=True,
    )


def grid_from_centres(lat: FloatArray, lon: FloatArray) -> Grid:
    """Grid of a data file that gives only cell centres; edges are half-way between them.

    Parameters
    ----------
    lat : degrees_north, shape (n_lat,), strictly ascending.
    lon : degrees_east, shape (n_lon,), strictly ascending.

    Returns
    -------
    The grid, periodic if its columns span 360 degrees (to 1e-3). No edge lies beyond a pole. The outermost rows of a
    periodic grid end at the poles if less than a row away: Gaussian rows lie a bit more than half a row off.

    Raises
    ------
    ShapeError : fewer than 2 x 2 cells, or an axis that does not ascend.
    """
    if lat.size < 2 or lon.size < 2:
        raise ShapeError(f"a grid needs at least 2 x 2 cells, found {lat.size} x {lon.size}.")
    lon_edges = half_way_edges(lon)
    is_periodic = spans_circle(lon_edges)
    lat_edges = np.clip(half_way_edges(lat), -90.0, 90.0)
    if is_periodic and 90.0 + lat[0] < lat[1] - lat[0]:
        lat_edges[0] = -90.0
    if is_periodic and 90.0 - lat[-1] < lat[-1] - lat[-2]:
        lat_edges[-1] = 90.0
    return Grid(lat=lat, lon=lon, lat_edges=lat_edges, lon_edges=lon_edges, is_periodic=is_periodic)


def spans_circle(lon_edges: FloatArray) -> bool:
    """Whether columns with these edges (degrees, ascending) go round the Earth, to 1e-3 degrees."""
    return abs(float(lon_edges[-1] - lon_edges[0]) - 360.0) < 1e-3


def half_way_edges(centres: FloatArray) -> FloatArray:
    """Edges half-way between cell centres and, by mirroring, beyond the outermost; shape (n + 1,)."""
    middle = 0.5 * (centres[1:] + centres[:-1])
    return np.concatenate(([2 * centres[0] - middle[0]], middle, [2 * centres[-1] - middle[-1]]))


def unit_vectors(lat: FloatArray, lon: FloatArray) -> FloatArray:
    """Places on the unit sphere from degrees; latitudes and longitudes broadcast, shape (..., 3)."""
    up, turn = np.deg2rad(lat), np.deg2rad(lon)
    x, y = np.cos(up) * np.cos(turn), np.cos(up) * np.sin(turn)
    return np.stack(np.broadcast_arrays(x, y, np.sin(up)), axis=-1)


def chord_km(chord: FloatArray) -> FloatArray:
    """Distance along the Earth's surface, km, of places whose unit vectors are a chord apart."""
    distance: FloatArray = 2.0 * EARTH_RADIUS / 1000.0 * np.arcsin(np.minimum(1.0, 0.5 * chord))
    return distance
