"""Monthly climatology on which the weather is conditioned: temperature, precipitation, wet fraction."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple, Self

import numpy as np

from landda_hpc.constants import SECONDS_PER_DAY, FloatArray, IntArray
from landda_hpc.data import static_path
from landda_hpc.data.precipitation_climatology import (
    annual_precipitation,
    land_temperature,
    monthly_precipitation,
    wet_fraction,
)
from landda_hpc.errors import DataError, ShapeError
from landda_hpc.formats.own.static_file import read_static
from landda_hpc.grid import Grid
from landda_hpc.model.forcing.dry_borders import precipitation_map
from landda_hpc.regridding.months import interpolate_months
from landda_hpc.regridding.regrid import Regridder

_FIELDS: Final = (
    "land_fraction", "lake_fraction", "elevation", "climate_class", "land_surface_temperature", "elevation_coarse",
    "lat_coarse", "lon_coarse",
)  # fmt: skip

WET_CLIMATE: Final = 0.15  # wet fraction at and above which a climate counts as entirely wet

_ICE_SHEET: Final = 272.0  # K; where no month is warmer, the ice is permanent

_SMOOTHING_PASSES: Final = 5
"""Number of passes of the filter (1 2 1) / 4 over 0.5-degree cells; the kernel has a standard deviation of 1.6 cells.
It turns borders between climate classes into slopes about 200 km wide."""

_WET_RANGE: Final = (0.005, 0.6)
"""Bounds of the monthly fraction of wet steps; where they apply, the intensity varies between months instead."""


class ClimateNow(NamedTuple):
    """Climatology at one time, interpolated between mid-months.

    Attributes
    ----------
    air_temperature : K.
    precipitation : kg m-2 s-1.
    wet_fraction : fraction of 3-hour steps with precipitation.
    """

    air_temperature: FloatArray
    precipitation: FloatArray
    wet_fraction: FloatArray


@dataclass(frozen=True, eq=False)
class Climatology:
    """Monthly means over a grid or a set of cells; NaN where unknown (no land or lake nearby).

    Attributes
    ----------
    air_temperature : K, shape (12, ...).
    precipitation : kg m-2 s-1, shape (12, ...).
    wet_fraction : fraction of 3-hour steps with precipitation, in (0, 1], shape (12, ...).
    elevation : m, shape (...).

    Raises
    ------
    ShapeError : inconsistent shapes.
    DataError : a value outside its physical range.
    """

    air_temperature: FloatArray
    precipitation: FloatArray
    wet_fraction: FloatArray
    elevation: FloatArray

    def __post_init__(self) -> None:
        ranges = {"air_temperature": (150.0, 350.0), "precipitation": (0.0, 0.1), "wet_fraction": (1e-6, 1.0)}
        for name, (low, high) in ranges.items():
            values = getattr(self, name)
            if values.shape != (12, *self.elevation.shape):
                raise ShapeError(
                    f"climatology '{name}' has shape {values.shape}; expected {(12, *self.elevation.shape)}."
                )
            if np.any(values < low) or np.any(values > high):
                raise DataError(
                    f"climatology '{name}' ranges from {np.nanmin(values):g} to {np.nanmax(values):g}; "
                    f"expected {low:g} to {high:g}."
                )

    def take(self, cells: IntArray) -> Self:
        """Return the climatology of cells given by flat index; arrays of shape (12, n_cell) and (n_cell,)."""
        return type(self)(
            air_temperature=np.ascontiguousarray(self.air_temperature.reshape(12, -1)[:, cells]),
            precipitation=np.ascontiguousarray(self.precipitation.reshape(12, -1)[:, cells]),
            wet_fraction=np.ascontiguousarray(self.wet_fraction.reshape(12, -1)[:, cells]),
            elevation=self.elevation.ravel()[cells],
        )

    def of_air(self) -> Self:
        """Replace the temperature of the land surface by that of the air; see ``air_from_land``."""
        return replace(self, air_temperature=air_from_land(self.air_temperature, self.wet_fraction))

    def at(self, time: datetime) -> ClimateNow:
        """Interpolate in time; mid-month values equal the monthly means."""
        return ClimateNow(
            interpolate_months(self.air_temperature, time),
            interpolate_months(self.precipitation, time),
            interpolate_months(self.wet_fraction, time),
        )


def air_from_land(land: FloatArray, wet_fraction: FloatArray) -> FloatArray:
    """Estimate monthly mean air temperature at 2 m from land-surface temperature, K, shape (12, ...).

    Parameters
    ----------
    land : land-surface temperature (in the shipped climatology, that of the uppermost soil or snow layer), (12, ...).
    wet_fraction : fraction of wet steps, (12, ...).

    Notes
    -----
    Local. The temperature of frozen ground lags that of the air and varies less, because of snow. The ground is warmer
    than the air, more so where it is dry. With the change per month D and the deviation A from the annual mean,

        air = land + w (0.6 months D + 0.15 A) - 0.7 K - 1.7 K (1 - wetness),

    where w increases from 0 at 276 K to 1 at 266 K. Ice sheets lag more: air = land + 2 D - 1.5 D2 + 2 K, with the
    second difference D2. The coefficients are fitted to the 2 m temperature of Recommendation ITU-R P.1510-1. The
    root-mean-square difference over cells and months is 1.7 K (2.6 K without the fit); on ice sheets, 3.5 K (7.0 K).
    """
    following, preceding = np.roll(land, -1, axis=0), np.roll(land, 1, axis=0)
    change = 0.5 * (following - preceding)
    curvature = following - 2.0 * land + preceding
    total = land[0].copy()
    for month in land[1:]:  # a loop fixes the order of additions for any number of cells
        total += month
    frozen = np.clip((276.0 - land) / 10.0, 0.0, 1.0)
    dry = 1.0 - np.minimum(wet_fraction.max(axis=0) / WET_CLIMATE, 1.0)
    air = land + frozen * (0.6 * change + 0.15 * (land - total / 12.0)) - 0.7 - 1.7 * dry
    ice = land + 2.0 * change - 1.5 * curvature + 2.0
    result: FloatArray = np.where(land.max(axis=0) < _ICE_SHEET, ice, air)
    return result


def load_climatology(grid: Grid, path: Path | None = None) -> Climatology:
    """Read the static file and map the climatology to a grid.

    Parameters
    ----------
    grid : the model grid.
    path : file of static fields; the file in the package by default.

    Returns
    -------
    Arrays of shape (12, n_lat, n_lon) and (n_lat, n_lon). Temperature is finite everywhere;
    the other fields are NaN in cells without land or lake.

    Raises
    ------
    MissingFileError : the file does not exist.
    DataError : the file is damaged or lacks a field.

    Notes
    -----
    Local: no communication; identical on every rank. Precipitation and wet fraction are given by the climate class
    of 0.5-degree cells and the distance from dry climates (``precipitation_map``), smoothed, and averaged over the land
    and lake in each grid cell. The wet fraction of a month is that of the climate class times the ratio of the month's
    precipitation to the annual mean of the class. The intensity in wet steps is therefore that of the class; seasons
    and places differ mainly in how often it rains.
    """
    source, fields = read_static(static_path() if path is None else path, _FIELDS)
    climate_class = fields["climate_class"].astype(np.int64)
    # Cells without a class have no precipitation and therefore no weight.
    weight = np.where(climate_class > 0, fields["land_fraction"] + fields["lake_fraction"], 0.0)
    annual = np.mean(_temperature(fields, source.lat[:, None], source.lon[None, :], fields["elevation"]), axis=0)
    regridder = Regridder(source, grid, "conservative")
    cell_weight = regridder(weight)
    smooth_weight = _smooth(weight)
    is_known = cell_weight > 0.0

    def to_grid(field: FloatArray) -> FloatArray:
        """Mean over the land and lake of each grid cell."""
        result = np.full(grid.shape, np.nan)
        np.divide(regridder(np.where(weight > 0.0, field, 0.0) * weight), cell_weight, out=result, where=is_known)
        return result

    def smoothed(field: FloatArray) -> FloatArray:
        total = _smooth(np.where(weight > 0.0, field, 0.0) * weight)
        return np.divide(total, smooth_weight, out=np.zeros_like(total), where=weight > 0.0)

    # All months in one call, so that common terms are computed once.
    months = monthly_precipitation(climate_class, annual, source.lat[:, None], np.arange(1, 13)[:, None, None])
    year = np.mean(months, axis=0)
    months *= precipitation_map(climate_class, annual, source) / annual_precipitation(climate_class, annual)
    wet = wet_fraction(climate_class)
    precipitation = np.stack([to_grid(smoothed(month)) for month in months]) / SECONDS_PER_DAY
    wet_months = np.stack([to_grid(smoothed(wet * month / year)) for month in months])
    elevation = to_grid(fields["elevation"])
    temperature = _temperature(
        fields, grid.lat[:, None], grid.lon[None, :], np.where(np.isfinite(elevation), elevation, 0.0)
    )
    return Climatology(temperature, precipitation, np.clip(wet_months, *_WET_RANGE), elevation)


def _temperature(fields: dict[str, FloatArray], lat: FloatArray, lon: FloatArray, elevation: FloatArray) -> FloatArray:
    return land_temperature(
        fields["land_surface_temperature"],
        fields["elevation_coarse"],
        fields["lat_coarse"],
        fields["lon_coarse"],
        lat,
        lon,
        elevation,
    )


def _smooth(field: FloatArray) -> FloatArray:
    """Apply (1 2 1) / 4 along both axes; periodic in longitude, the last row repeated at the poles."""
    # Two padded arrays are reused, because allocating new ones takes longer than the sums.
    wide, high = np.empty((field.shape[0], field.shape[1] + 2)), np.empty((field.shape[0] + 2, field.shape[1]))
    total = np.empty(field.shape)
    wide[:, 1:-1] = field
    for _ in range(_SMOOTHING_PASSES):
        wide[:, 0], wide[:, -1] = wide[:, -2], wide[:, 1]
        np.add(wide[:, :-2], wide[:, 2:], out=total)
        np.multiply(total, 0.25, out=total)
        np.multiply(wide[:, 1:-1], 0.5, out=high[1:-1])
        np.add(total, high[1:-1], out=high[1:-1])
        high[0], high[-1] = high[1], high[-2]
        np.add(high[:-2], high[2:], out=total)
        np.multiply(total, 0.25, out=total)
        np.multiply(high[1:-1], 0.5, out=wide[:, 1:-1])
        np.add(total, wide[:, 1:-1], out=wide[:, 1:-1])
    return np.ascontiguousarray(wide[:, 1:-1])
