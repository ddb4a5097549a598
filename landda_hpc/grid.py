"""The model grid: cell centres, edges, areas; regular or Gaussian latitudes, global or regional."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

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


def gaussian_grid(n_lat: int, n_lon: int) -> Grid:
    """Global grid on Gaussian latitudes; edges are those whose bands have the Gaussian weights as areas."""
    nodes, weights = np.polynomial.legendre.leggauss(n_lat)
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
    """Grid of a data file from its (ascending) cell centres; edges half-way, poles clipped."""

    def edges(x: FloatArray) -> FloatArray:
        mid = 0.5 * (x[1:] + x[:-1])
        return np.concatenate(([2 * x[0] - mid[0]], mid, [2 * x[-1] - mid[-1]]))

    if lat.size < 2 or lon.size < 2:
        raise ShapeError(f"a grid needs at least 2 x 2 cells, found {lat.size} x {lon.size}.")
    lon_edges = edges(lon)
    return Grid(
        lat=lat,
        lon=lon,
        lat_edges=np.clip(edges(lat), -90.0, 90.0),
        lon_edges=lon_edges,
        is_periodic=abs(lon_edges[-1] - lon_edges[0] - 360.0) < 1e-3,
    )
