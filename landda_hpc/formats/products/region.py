"""Part of a product's grid that is needed for a region; only this part is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.grid import Grid, spans_circle

MARGIN: Final = 2
"""Rows and columns read beyond the region's edges; interpolation between centres needs at most two."""


@dataclass(frozen=True)
class Region:
    """A box of latitude and longitude.

    Attributes
    ----------
    south, north : degrees_north.
    west, east : degrees_east, west < east, at most 360 apart; any multiple of 360 may be added to both.
    """

    south: float
    north: float
    west: float
    east: float

    @classmethod
    def of(cls, grid: Grid) -> Self:
        """Region covered by a grid."""
        return cls(
            float(grid.lat_edges[0]), float(grid.lat_edges[-1]), float(grid.lon_edges[0]), float(grid.lon_edges[-1])
        )


@dataclass(frozen=True, eq=False)
class Slab:
    """Position of a region in a file's arrays.

    Attributes
    ----------
    rows : range of the file's rows, in the file's order.
    columns : ranges of the file's columns, from west to east: one, or two if the region crosses the file's seam.
    is_flipped : the file's rows run north to south.
    grid : grid of the part that is read, south to north; longitudes ascend across a seam.
    """

    rows: slice
    columns: tuple[slice, ...]
    is_flipped: bool
    grid: Grid

    def read(self, part: Callable[[slice, slice], FloatArray]) -> FloatArray:
        """Read a field.

        Parameters
        ----------
        part : returns the field's values in some rows and columns of the file, shape (n_rows, n_columns).

        Returns
        -------
        The field on ``grid``, rows south to north.
        """
        parts = [part(self.rows, columns) for columns in self.columns]
        values = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
        return values[::-1] if self.is_flipped else values


def locate(grid: Grid, is_flipped: bool, region: Region | None) -> Slab:
    """Find a region in a file's grid.

    Parameters
    ----------
    grid : grid of the whole file, rows south to north.
    is_flipped : the file's rows run north to south.
    region : requested region; None: everything. Rows and columns beyond its edges are included for interpolation.
        Parts outside the file are omitted; if nothing remains, the whole file is returned, so that a caller sees its
        position.

    Notes
    -----
    Local: no communication. A slab that touches a pole of a global file keeps all columns, because interpolation
    between the last row and the pole needs the cells on the other side of the pole.
    """
    n_lat, n_lon = grid.shape
    everything = Slab(slice(0, n_lat), (slice(0, n_lon),), is_flipped, grid)
    if region is None:
        return everything
    rows = np.flatnonzero((grid.lat_edges[1:] > region.south) & (grid.lat_edges[:-1] < region.north))
    if rows.size == 0:
        return everything
    first, last = max(0, int(rows[0]) - MARGIN), min(n_lat, int(rows[-1]) + 1 + MARGIN)
    touches_pole = grid.is_periodic and (
        (first == 0 and grid.lat_edges[0] <= -90.0 + 1e-6) or (last == n_lat and grid.lat_edges[-1] >= 90.0 - 1e-6)
    )
    is_wanted = _columns(grid, region)
    if touches_pole or is_wanted.all() or not is_wanted.any():
        columns: tuple[slice, ...] = (slice(0, n_lon),)
    else:
        columns = _stretches(is_wanted, grid.is_periodic)
    return Slab(
        slice(n_lat - last, n_lat - first) if is_flipped else slice(first, last),
        columns,
        is_flipped,
        _part(grid, first, last, columns),
    )


def _columns(grid: Grid, region: Region) -> BoolArray:
    """Mask of columns that overlap the region, at any multiple of 360 degrees, with a margin."""
    west, east = grid.lon_edges[:-1], grid.lon_edges[1:]
    overlaps = np.zeros(grid.lon.size, dtype=np.bool_)
    for turn in (-720.0, -360.0, 0.0, 360.0, 720.0):
        overlaps |= (east + turn > region.west) & (west + turn < region.east)
    wanted = overlaps.copy()
    for step in range(1, MARGIN + 1):
        for shift in (-step, step):
            moved = np.roll(overlaps, shift)
            if not grid.is_periodic:
                moved[slice(0, shift) if shift > 0 else slice(shift, None)] = False
            wanted |= moved
    return wanted


def _stretches(is_wanted: BoolArray, is_periodic: bool) -> tuple[slice, ...]:
    """Ranges of the wanted columns from west to east: one, including gaps, or two around the seam."""
    n = is_wanted.size
    places = np.flatnonzero(is_wanted)
    starts = places[~is_wanted[places - 1] | (places == 0)]
    if is_periodic and is_wanted[0] and is_wanted[-1] and starts.size == 2:
        return slice(int(starts[1]), n), slice(0, int(np.flatnonzero(~is_wanted)[0]))
    return (slice(int(places[0]), int(places[-1]) + 1),)


def _part(grid: Grid, first: int, last: int, columns: tuple[slice, ...]) -> Grid:
    """Grid of some rows and columns."""
    lon = [grid.lon[c] for c in columns]
    edges = [grid.lon_edges[c.start : c.stop + 1] for c in columns]
    if len(columns) == 2:
        # Subtract 360 degrees west of the seam, so that longitudes ascend and stay below 360.
        lon[0], edges[0] = lon[0] - 360.0, edges[0] - 360.0
        edges[0] = edges[0][:-1]
    lon_edges = np.concatenate(edges)
    is_whole = len(columns) == 1 and columns[0] == slice(0, grid.lon.size)
    return Grid(
        lat=grid.lat[first:last],
        lon=np.concatenate(lon),
        lat_edges=grid.lat_edges[first : last + 1],
        lon_edges=lon_edges,
        is_periodic=grid.is_periodic and is_whole and spans_circle(lon_edges),
    )
