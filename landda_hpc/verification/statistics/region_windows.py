"""Regions on a grid and around stations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from landda_hpc.constants import FloatArray, IntArray
from landda_hpc.errors import DataError
from landda_hpc.grid import Grid
from landda_hpc.regions import GLOBE, Region

_MARGIN: Final = 3.0
"""Margin around stations that lie in none of the regions, degrees."""

_WIDE: Final = 120.0
"""Range of longitude above which stations are shown on the whole globe, degrees."""


@dataclass(frozen=True, eq=False)
class Window:
    """Part of a grid that a region shows, with continuous longitudes.

    Attributes
    ----------
    rows, columns : indices of the grid's rows and columns, south to north and west to east.
    lat, lon : centres of these cells, degrees; ``lon`` is ascending, around the region's centre.
    lat_edges, lon_edges : edges of these cells, degrees.
    """

    rows: IntArray
    columns: IntArray
    lat: FloatArray
    lon: FloatArray
    lat_edges: FloatArray
    lon_edges: FloatArray

    @property
    def index(self) -> tuple[IntArray, IntArray]:
        """Index of this part of an image: ``image[window.index]`` has shape (rows, columns)."""
        return self.rows[:, None], self.columns[None, :]


def window_of(grid: Grid, region: Region) -> Window:
    """Return the cells of a grid that touch a region.

    Raises
    ------
    DataError : no cell touches the region, or the grid's edge cuts the window in two.
    """
    centre = 0.5 * (region.west + region.east)
    shifted = np.mod(grid.lon - centre + 180.0, 360.0) + centre - 180.0
    offset = shifted - grid.lon
    order = np.argsort(shifted, kind="stable")
    west, east = (grid.lon_edges[:-1] + offset)[order], (grid.lon_edges[1:] + offset)[order]
    inside = (east > region.west + 1e-9) & (west < region.east - 1e-9)
    rows = np.flatnonzero((grid.lat_edges[1:] > region.south + 1e-9) & (grid.lat_edges[:-1] < region.north - 1e-9))
    if not inside.any() or rows.size == 0:
        raise DataError(f"region '{region.name}' does not touch the grid ({grid.describe()}); leave it out.")
    west, east, columns = west[inside], east[inside], order[inside]
    if np.any(np.abs(west[1:] - east[:-1]) > 1e-6):
        raise DataError(f"region '{region.name}' is cut in two by the edges of the grid ({grid.describe()}).")
    return Window(
        rows=rows,
        columns=columns,
        lat=grid.lat[rows],
        lon=shifted[columns],
        lat_edges=grid.lat_edges[rows[0] : rows[-1] + 2],
        lon_edges=np.append(west, east[-1]),
    )


def covers(grid: Grid, region: Region) -> bool:
    """Return whether a grid covers more than three quarters of the box of a region."""
    try:
        window = window_of(grid, region)
    except DataError:
        return False
    # A figure of a corner of a region would not be meaningful.
    inside = (window.lon_edges[-1] - window.lon_edges[0]) * (window.lat_edges[-1] - window.lat_edges[0])
    return bool(inside > 0.75 * (region.east - region.west) * (region.north - region.south))


def station_regions(lat: FloatArray, lon: FloatArray, regions: Sequence[Region]) -> list[Region]:
    """Return the regions with stations, and a box around the stations outside all regions.

    Parameters
    ----------
    regions : regions, searched in order; the globe is ignored.
    """
    found, left = [], np.ones(lat.size, dtype=np.bool_)
    for region in regions:
        inside = region.holds(lat, lon)
        if region != GLOBE and inside.any():
            found.append(region)
            left &= ~inside
    if left.any():
        south, north = max(-90.0, lat[left].min() - _MARGIN), min(90.0, lat[left].max() + _MARGIN)
        west, east = lon[left].min() - _MARGIN, lon[left].max() + _MARGIN
        name = "Other stations" if found else "Stations"
        if east - west > _WIDE:  # a strip around the globe is not useful as a map
            south, north, west, east = min(south, -60.0), max(north, 85.0), -180.0, 180.0
        found.append(Region(name, float(south), float(north), float(west), float(east)))
    return found
