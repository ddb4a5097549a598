"""Where a twin's observations are missing: at random, between swaths that move, or always in the same places."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from landda_hpc.fields.keyed import keyed_generator
from landda_hpc.fields.spectra import gaussian_spectrum
from landda_hpc.fields.sphere import grid_spacing_km, random_field

if TYPE_CHECKING:
    from landda_hpc.constants import BoolArray, FloatArray
    from landda_hpc.grid import Grid

GapKind = Literal["random", "swaths", "blobs", "stripes"]

STRIPE_CELLS: Final = 12
"""Width of a stripe, or of what is between two, whichever is narrower, cells; nearly, so that all fit the image."""

BLOB_CELLS: Final = 2.0
"""Correlation length of the field whose lowest values are the blobs, cells."""

_SLANT: Final = 0.35
"""Columns that a swath moves with each row: the track of an orbit of high inclination."""

_DRIFT: Final = 7
"""Columns that the swaths of one 6-hourly time lie beside those of the last; no divisor of common periods."""

_EPOCH: Final = datetime(2000, 1, 1)


def is_missing(kind: GapKind, fraction: float, grid: Grid, seed: int, time: datetime) -> BoolArray:
    """Cells without observation at a time.

    Parameters
    ----------
    kind : ``random``: every cell by itself, anew for each time. ``swaths``: slanted stripes between swaths that move
        from time to time. ``blobs``: patches, always the same, of a field with a correlation length of two cells.
        ``stripes``: meridional, always the same.
    fraction : share of the image's cells that are missing, 0..1; to a cell's rounding.
    grid, seed, time : the image; gaps depend on these alone, not on the soil.

    Returns
    -------
    Shape (n_lat, n_lon).
    """
    if kind == "random" or fraction in (0.0, 1.0):
        draw = keyed_generator(seed, "missing observation", time.isoformat()).random(grid.shape)
        missing: BoolArray = draw < fraction
        return missing
    if kind == "blobs":
        spectrum = gaussian_spectrum(BLOB_CELLS * grid_spacing_km(grid))
        field: FloatArray = random_field(grid, spectrum, seed, "blobs without observation")
        # By rank over the image: the share is exact, and no tie is decided by rounding.
        rank = np.argsort(np.argsort(field.reshape(-1), kind="stable"), kind="stable").reshape(grid.shape)
        lowest: BoolArray = rank < round(fraction * field.size)
        return lowest
    rows, columns = np.indices(grid.shape)
    shift = np.zeros(grid.shape)
    if kind == "swaths":
        hours = int((time - _EPOCH).total_seconds()) // 3600
        shift = np.floor(_SLANT * rows) + (hours * _DRIFT) // 6
    n_stripes = max(1, round(grid.shape[1] * min(fraction, 1.0 - fraction) / STRIPE_CELLS))
    period = grid.shape[1] / n_stripes
    striped: BoolArray = (columns + shift) % period < fraction * period
    return striped
