"""Superobservations: the mean of many pixels of a product in each model cell."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from landda_hpc.errors import DataError, ShapeError
from landda_hpc.observation.image_observation import Flag
from landda_hpc.regridding.regrid import Regridder
from landda_hpc.regridding.regrid_cache import WeightCache

if TYPE_CHECKING:
    from pathlib import Path

    from landda_hpc.config import RegriddingConfig
    from landda_hpc.constants import BoolArray, FloatArray, IntArray
    from landda_hpc.grid import Grid

CONDITION_FLAGS: Final[dict[str, Flag]] = {
    "frozen": Flag.FROZEN,
    "snow": Flag.SNOW,
    "dense_vegetation": Flag.DENSE_VEGETATION,
    "water": Flag.PRODUCT,
    "not_recommended": Flag.PRODUCT,
}
"""Conditions that a product reports for its pixels, and the flag of a cell that has no value because of them. The first
reported condition counts: 'not recommended' often only summarises the others."""


@dataclass(frozen=True, eq=False)
class Superobservation:
    """A product's image on the model grid.

    Attributes
    ----------
    values : m3 m-3, (n_lat, n_lon); NaN is missing.
    error_std : standard deviation of their errors, m3 m-3, same shape; None if the product reports none.
    refused : cells without a value because the product's own flags refuse their pixels, by reason.
    """

    values: FloatArray
    error_std: FloatArray | None
    refused: dict[Flag, BoolArray]


def make_regridder(source: Grid, target: Grid, config: RegriddingConfig, data_root: Path) -> Regridder:
    """Return the regridder of a configuration. Local.

    Parameters
    ----------
    source, target : grids of the product and of the model.
    config : method, smallest valid share, folder of stored weights (under ``data_root``).
    """
    cache = None if config.cache is None else WeightCache(data_root / config.cache)
    return Regridder(source, target, config.method, config.min_valid_fraction, cache)


def superobserve(
    image: FloatArray,
    regridder: Regridder,
    *,
    error_std: FloatArray | None = None,
    conditions: Mapping[str, BoolArray] | None = None,
    refuse: Collection[str] = tuple(CONDITION_FLAGS),
    error_correlation: float = 1.0,
) -> Superobservation:
    """Regrid a product's image to the model grid, without the pixels that its flags refuse. Local.

    Parameters
    ----------
    image : m3 m-3, on the regridder's source grid; NaN is missing.
    regridder : to the model grid. Conservative weights make each value the mean of the cell's pixels by area.
    error_std : of each pixel, m3 m-3, same shape; NaN where unknown.
    conditions : pixels for which the product reports a condition, by name (``CONDITION_FLAGS``), same shape.
    refuse : conditions that exclude a pixel.
    error_correlation : correlation of the errors of averaged pixels, 0..1: with 1 the error of the mean is that of a
        pixel, with 0 the error of the mean of n equal pixels is 1 / sqrt(n) of it.

    Returns
    -------
    Superobservation : refused pixels do not enter the mean.

    Raises
    ------
    ShapeError : an image that is not on the source grid.
    DataError : a condition without a reason.
    """
    named = conditions or {}
    unknown = sorted(set(named) - set(CONDITION_FLAGS))
    if unknown:
        raise DataError(f"unknown conditions {', '.join(unknown)} of a product; expected {', '.join(CONDITION_FLAGS)}.")
    if image.shape != regridder.source.shape or any(c.shape != image.shape for c in named.values()):
        raise ShapeError(
            f"image {image.shape} and conditions {[c.shape for c in named.values()]} of a product; its grid is "
            f"{regridder.source.describe()}."
        )
    is_valid: BoolArray = np.isfinite(image)
    refused: dict[Flag, BoolArray] = {}
    covered = regridder.is_covered(is_valid) if named else None
    for name, flag in CONDITION_FLAGS.items():
        if name not in named or name not in refuse or covered is None:
            continue
        is_valid = is_valid & ~named[name]
        left = regridder.is_covered(is_valid)
        refused[flag] = refused.get(flag, np.zeros_like(covered)) | (covered & ~left)
        covered = left
    values = regridder.of_valid(image, is_valid)
    std = None if error_std is None else regridder.error_std(error_std, is_valid, error_correlation)
    return Superobservation(values, std, refused)


def cells_of_points(lat: FloatArray, lon: FloatArray, grid: Grid) -> IntArray:
    """Flat index of the cell that holds each point, int64, (n,); -1 outside the grid or where a coordinate is NaN.

    A point on an edge belongs to the cell north or east of it.
    """
    west, east = grid.lon_edges[0], grid.lon_edges[-1]
    turned = west + np.mod(lon - west, 360.0)
    # The remainder of a tiny negative number rounds to the whole turn.
    turned = np.where(turned >= west + 360.0, west, turned)
    with np.errstate(invalid="ignore"):
        # The north pole belongs to the last row.
        at_pole = (lat == grid.lat_edges[-1]) & (lat == 90.0)
        inside = (lat >= grid.lat_edges[0]) & ((lat < grid.lat_edges[-1]) | at_pole)
        inside &= (turned >= west) & (turned < east)
    row = np.minimum(np.searchsorted(grid.lat_edges, lat, side="right") - 1, grid.lat.size - 1)
    column = np.minimum(np.searchsorted(grid.lon_edges, turned, side="right") - 1, grid.lon.size - 1)
    return np.where(inside, row * grid.lon.size + column, -1).astype(np.int64)
