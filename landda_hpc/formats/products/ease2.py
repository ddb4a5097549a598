"""Global cylindrical EASE-Grid 2.0: equal-area cells in rows of equal latitude and columns of equal longitude."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from landda_hpc.constants import FloatArray
from landda_hpc.errors import ShapeError
from landda_hpc.grid import Grid

SHAPES: Final[dict[tuple[int, int], float]] = {(406, 964): 36032.220840584, (1624, 3856): 9008.055210146}
"""Rows and columns of the 36 km and the 9 km grid, and their cell size at the standard parallel, m."""

_EQUATOR: Final = 6378137.0
_ECCENTRICITY: Final = 0.081819190842621
_PARALLEL: Final = np.deg2rad(30.0)


def _authalic(sine: FloatArray) -> FloatArray:
    """Return q of the authalic latitude (Snyder 1987, Eq. 3-12)."""
    e = _ECCENTRICITY
    q: FloatArray = (1.0 - e**2) * (
        sine / (1.0 - (e * sine) ** 2) - np.log((1.0 - e * sine) / (1.0 + e * sine)) / (2.0 * e)
    )
    return q


def _latitude(y: npt.NDArray[np.floating[Any]]) -> FloatArray:
    """Latitude, degrees, at projected distance y from the equator, m (Snyder 1987, Eqs 10-26 to 10-28, 3-18)."""
    e2 = _ECCENTRICITY**2
    scale = np.cos(_PARALLEL) / np.sqrt(1.0 - e2 * np.sin(_PARALLEL) ** 2)
    pole = float(_authalic(np.array([1.0]))[0])
    beta = np.arcsin(np.clip(2.0 * y * scale / (_EQUATOR * pole), -1.0, 1.0))
    latitude: FloatArray = np.rad2deg(
        beta
        + (e2 / 3.0 + 31.0 * e2**2 / 180.0 + 517.0 * e2**3 / 5040.0) * np.sin(2.0 * beta)
        + (23.0 * e2**2 / 360.0 + 251.0 * e2**3 / 3780.0) * np.sin(4.0 * beta)
        + (761.0 * e2**3 / 45360.0) * np.sin(6.0 * beta)
    )
    return latitude


@cache
def ease2_grid(n_rows: int, n_columns: int) -> Grid:
    """Return the grid with these numbers of rows and columns, rows from south to north (north to south in files).

    Raises
    ------
    ShapeError : there is no such grid.

    Notes
    -----
    Local. Brodzik et al. (2012), doi:10.3390/ijgi1010032; Snyder (1987), USGS Professional Paper 1395.
    """
    size = SHAPES.get((n_rows, n_columns))
    if size is None:
        raise ShapeError(f"{n_rows} x {n_columns} is not an EASE-Grid 2.0; expected {' or '.join(map(str, SHAPES))}.")
    edges = (np.arange(n_rows + 1) - 0.5 * n_rows) * size
    lon_edges = np.linspace(-180.0, 180.0, n_columns + 1)
    return Grid(
        lat=_latitude(0.5 * (edges[1:] + edges[:-1])),
        lon=0.5 * (lon_edges[1:] + lon_edges[:-1]),
        lat_edges=_latitude(edges),
        lon_edges=lon_edges,
        is_periodic=True,
    )
