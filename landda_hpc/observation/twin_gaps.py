"""Gaps in the observations of a twin: random, between moving swaths, or fixed."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

import numpy as np

from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.grid import Grid
from landda_hpc.random_fields.angular_spectra import gaussian_spectrum
from landda_hpc.random_fields.keyed import keyed_generator
from landda_hpc.random_fields.sphere import grid_spacing_km, random_field

GapKind = Literal["random", "network", "swaths", "blobs", "stripes"]

STRIPE_CELLS: Final = 12
"""Width of a stripe or of the gap between two, whichever is narrower, in cells; adjusted so that all fit the image."""

BLOB_CELLS: Final = 2.0
"""Correlation length of the field whose lowest values form the blobs, cells."""

_SLANT: Final = 0.35
"""Columns by which a swath moves with each row: the track of an orbit of high inclination."""

_DRIFT: Final = 7
"""Columns by which the swaths move from one 6-hourly time to the next; not a divisor of common periods."""

_EPOCH: Final = datetime(2000, 1, 1)


def is_missing(kind: GapKind, fraction: float, grid: Grid, seed: int, time: datetime) -> BoolArray:
    """Return the cells without observation at a time.

    Parameters
    ----------
    kind : ``random``: every cell independently, different at each time. ``network``: the same, but constant in time:
        cells with stations. ``swaths``: slanted stripes between swaths that
        move from time to time. ``blobs``: fixed patches of a field with a correlation length of two cells.
        ``stripes``: fixed meridional stripes.
    fraction : share of the image's cells that are missing, 0..1; rounded to a whole number of cells.
    grid, seed, time : the image; gaps depend on these only, not on the soil.

    Returns
    -------
    Shape (n_lat, n_lon).
    """
    if kind in ("random", "network") or fraction in (0.0, 1.0):
        key = () if kind == "network" else (time.isoformat(),)
        draw = keyed_generator(seed, "missing observation", *key).random(grid.shape)
        missing: BoolArray = draw < fraction
        return missing
    if kind == "blobs":
        spectrum = gaussian_spectrum(BLOB_CELLS * grid_spacing_km(grid))
        field: FloatArray = random_field(grid, spectrum, seed, "blobs without observation")
        # By rank over the image: the share is exact, and ties do not depend on rounding.
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
