"""Cell bounds of CF axes: cell edges given in a file replace the midpoints between centres."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from landda_hpc.errors import DataError
from landda_hpc.grid import Grid, spans_circle

if TYPE_CHECKING:
    from landda_hpc.constants import FloatArray, IntArray
    from landda_hpc.formats.cf.netcdf_file import NetcdfFile

logger = logging.getLogger(__name__)

_TOLERANCE: Final = 0.02
"""Largest gap or overlap of adjacent cells, in cells, due to rounding (single precision on a fine grid)."""


def with_bounds(file: NetcdfFile, latitude: str, longitude: str, grid: Grid, rows: IntArray, columns: IntArray) -> Grid:
    """Return the grid with the cell edges given in the file.

    Parameters
    ----------
    latitude, longitude : coordinate variables; their attribute ``bounds`` names the variable of edges, (n, 2). Without
        this attribute, ``<name>_bnds`` or ``<name>_bounds`` is used if it exists.
    grid : grid from the centres alone, rows from south to north.
    rows, columns : positions of the grid's rows and columns in the file.

    Returns
    -------
    Axes without bounds keep the edges of ``grid``. The edges of Gaussian rows, for example, are not half-way between
    their centres.

    Raises
    ------
    DataError : bounds of the wrong shape, with gaps, overlaps or missing values, or that exclude their centres.

    Notes
    -----
    Local: no communication. CF conventions, section 7.1. A warning is logged if the bounds are missing from the file.
    """
    lat_edges = _edges(file, latitude, grid.lat, rows, None)
    lon_edges = _edges(file, longitude, grid.lon, columns, 360.0)
    lat_edges = grid.lat_edges if lat_edges is None else np.clip(lat_edges, -90.0, 90.0)
    lon_edges = grid.lon_edges if lon_edges is None else lon_edges
    return replace(grid, lat_edges=lat_edges, lon_edges=lon_edges, is_periodic=spans_circle(lon_edges))


def _edges(
    file: NetcdfFile, axis: str, centres: FloatArray, places: IntArray, period: float | None
) -> FloatArray | None:
    """Edges of the cells of an axis, ascending, (n + 1,); None if the file has none."""
    name = file.attribute(axis, "bounds")
    if name and not file.has(name):
        logger.warning("'%s': axis '%s' names its bounds '%s', which are missing", file.path, axis, name)
        return None
    if not name:
        known = [guess for guess in (f"{axis}_bnds", f"{axis}_bounds") if file.has(guess)]
        if not known:
            return None
        name = known[0]
    bounds = file.values(name)
    expected = (next(iter(file.dims(axis).values())), 2)
    if bounds.shape != expected or not np.isfinite(bounds).all():
        raise DataError(
            f"bounds '{name}' of axis '{axis}' in '{file.path}' have shape {bounds.shape} or missing values; expected "
            f"{expected}."
        )
    bounds = bounds[places]
    if period is not None:
        # A cell across the Greenwich meridian may be stored as 359.5 to 0.5.
        bounds = bounds - period * np.round((bounds - centres[:, None]) / period)
    low, high = bounds.min(axis=1), bounds.max(axis=1)
    width = np.diff(centres).min()
    gap = np.abs(low[1:] - high[:-1]).max()
    outside = np.maximum(low - centres, centres - high).max()
    if gap > _TOLERANCE * width or outside > _TOLERANCE * width or not np.all(high > low):
        raise DataError(
            f"bounds '{name}' of axis '{axis}' in '{file.path}' do not fit its centres: neighbours are up to {gap:g} "
            f"degrees apart, centres up to {max(outside, 0.0):g} outside; expected contiguous cells. Remove the "
            "bounds from the file to use the midpoints between centres."
        )
    return np.concatenate((low[:1], 0.5 * (low[1:] + high[:-1]), high[-1:]))
