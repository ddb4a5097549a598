"""Stochastic weather, conditioned on a monthly climatology and correlated in space, time and between variables.

Weather is a deterministic function of seed, stream, valid time and place. Three latent fields (see ``latent``)
are random. The first determines rain, and with it cloud, humidity and radiation; the second the synoptic
anomaly of temperature; the third wind.

Rain is a Gaussian copula: with Q(z) = P(Z > z) of the latent z and f the wet fraction, a step is wet where
Q(z) < f, and

    precipitation = mean / f * ln(f / Q(z)),

with exponential amounts above the threshold and zero below it. The expectation is exactly the climatological
mean. The threshold varies in space and season with f. Storms are excursions of one smooth field above this
threshold; they are several hundred km wide and drift eastward.

Weather is computed in steps of three hours; each variable is a mean over the step. A longer forcing step has the mean
of its three-hour steps, so its length does not change the weather.

The other variables come in two forms: simple relations for a model that needs only potential evaporation,
and physically consistent variables for a model with an energy balance (``covariation``).
"""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from landda_hpc.errors import DataError, ShapeError
from landda_hpc.model.forcing.air import (
    saturation_vapour_pressure,
    shortwave_transmissivity,
    specific_humidity,
    standard_pressure,
)
from landda_hpc.model.forcing.climatology import WET_CLIMATE
from landda_hpc.model.forcing.covariation import (
    FRONT_STEPS,
    FULL_SUN,
    MOST_VAPOUR,
    STEP_MEAN,
    WARMEST,
    RainLatents,
    cell_properties,
    longwave_of_cells,
    weather_of_cells,
)
from landda_hpc.model.forcing.latent import EPOCH, STEP, LatentField, LatentWeather, step_number
from landda_hpc.model.forcing.rain import cloud_cover, rain_rate
from landda_hpc.model.forcing.shared_latents import SharedLatents
from landda_hpc.model.forcing.sun import (
    SOLAR_CONSTANT,
    daily_insolation,
    hour_angle,
    mean_cosine_zenith,
    sun_at,
)
from landda_hpc.model.protocol import Weather
from landda_hpc.random_fields.angular_spectra import gaussian_spectrum, mixed_spectrum

if TYPE_CHECKING:
    from collections.abc import Sequence

    from landda_hpc.config import ForcingConfig
    from landda_hpc.constants import FloatArray, IntArray
    from landda_hpc.grid import Grid
    from landda_hpc.model.forcing.climatology import Climatology
    from landda_hpc.parallel.communicator import Communicator
    from landda_hpc.state import Tiles

DRIFT: Final = 10.0  # m s-1 at the equator, eastward: 7 m s-1 at 45 degrees
BAND_LENGTH: Final = 0.4  # correlation length of the structure inside storms, relative to that of storms
BAND_SHARE: Final = 0.15  # fraction of the rain latent's variance due to this structure

HEIGHT: Final = 10.0  # m, of wind, temperature and humidity above the ground
TEMPERATURE_LENGTH_KM: Final = 1500.0
TEMPERATURE_HOURS: Final = 60.0
WIND_LENGTH_KM: Final = 900.0
WIND_HOURS: Final = 24.0

_KEPT_STEPS: Final = timedelta(hours=24) // STEP
_NAMES: Final = tuple(field.name for field in fields(Weather))


class StochasticWeather:
    """Seeded stochastic weather of a rank's tiles (a ``WeatherSource``).

    Parameters
    ----------
    grid : the model grid.
    tiles : the rank's tiles; may be empty.
    config : length of the forcing step; length and time scale of storms.
    seed : the campaign's seed.
    stream : name of the weather; sources with the same seed, stream and correlation have the same weather.
    correlation : correlation of the latent fields with those of the stream ``base``, 0..1; with 1 the weather equals
        that of the base stream.
    climatology : climatology on the model grid.
    consistent : compute physically consistent variables, which an energy balance needs (see ``covariation``), instead
        of simpler relations, which suffice for potential evaporation. Precipitation is bitwise identical in both.

    Raises
    ------
    ShapeError : the climatology is on another grid.
    DataError : the climatology is missing at a tile.
    ConfigError : correlation outside 0..1.

    Notes
    -----
    Latent fields are computed on the whole image, by every rank, or by one of those that ``share`` them; all other
    variables for each cell with tiles of the rank. The weather of a place therefore does not depend on the partition.
    """

    def __init__(
        self,
        grid: Grid,
        tiles: Tiles,
        config: ForcingConfig,
        seed: int,
        stream: str,
        correlation: float,
        climatology: Climatology,
        consistent: bool = False,
    ) -> None:
        if climatology.elevation.shape != grid.shape:
            raise ShapeError(
                f"weather climatology has shape {climatology.elevation.shape}; the grid is {grid.describe()}."
            )
        self.wind_height = self.scalar_height = HEIGHT
        self._step = timedelta(hours=config.step_hours)
        self._cells, self._cell_of_tile = np.unique(tiles.cell, return_inverse=True)
        row, column = np.divmod(self._cells, grid.shape[1])
        self._lat, self._lon = grid.lat[row], grid.lon[column]
        self._climate = climatology.take(self._cells)
        self._check_climate()
        if consistent:
            self._climate = self._climate.of_air()
        self._pressure = standard_pressure(self._climate.elevation)
        sine = np.sin(np.deg2rad(self._lat))
        self._temperature_sigma = 1.0 + 4.0 * sine * sine
        self._mean_wind = 3.0 + 1.5 * np.abs(sine)
        fields = latent_fields(config)
        self._latents = LatentWeather(grid, fields, seed, stream, correlation)
        self._shared: SharedLatents | None = None
        self._kept: dict[int, Weather] = {}
        self._properties = cell_properties(grid, self._cells, self._climate, fields["rain"]) if consistent else None
        self._rain: dict[int, FloatArray] = {}

    @property
    def step(self) -> timedelta:
        """Length of a forcing step."""
        return self._step

    def share(self, group: Communicator, cells: Sequence[IntArray]) -> None:
        """Share the computation of latent images with other ranks. Local.

        Parameters
        ----------
        group : ranks with this weather.
        cells : flat indices of the cells with tiles of every rank of the group, ascending, in rank order.
        """
        self._shared = SharedLatents(self._latents, group, cells) if group.size > 1 else None

    def prepare(self, start: datetime, end: datetime) -> None:
        """Compute the latent images of a period in advance, if they are shared. Collective over that group.

        Without this call a rank computes the images itself, with the same bits.
        """
        if self._shared is not None:
            self._shared.prepare_period(start, end, 0 if self._properties is None else FRONT_STEPS)

    def during(self, start: datetime) -> Weather:
        """Weather of the forcing step that begins at ``start`` (UTC); arrays of shape (n_tile,), read-only.

        Raises
        ------
        ConfigError : ``start`` is not 00, 03, ... 21 UTC.

        Notes
        -----
        Local. The latest 24 hours are cached, so that several model instances can share one source.
        """
        first = step_number(start)
        parts = [self._weather(first + i) for i in range(self._step // STEP)]
        if len(parts) == 1:
            return parts[0]
        return Weather(**{name: _read_only(_mean([getattr(part, name) for part in parts])) for name in _NAMES})

    def _weather(self, step: int) -> Weather:
        if step not in self._kept:
            while len(self._kept) >= _KEPT_STEPS:
                del self._kept[next(iter(self._kept))]
            self._kept[step] = self._make(step)
        return self._kept[step]

    def _make(self, step: int) -> Weather:
        if not self._cells.size:
            return Weather(**{name: _read_only(np.empty(0)) for name in _NAMES})
        start = EPOCH + step * STEP
        if self._properties is None:
            latent = {name: self._latent(name, step) for name in self._latents.names}
            by_cell = self._of_cells(start, latent["rain"], latent["temperature"], latent["wind"])
        else:
            temperature, wind = (self._latent(name, step) for name in ("temperature", "wind"))
            by_cell = weather_of_cells(
                start, self._climate, self._properties, self._rain_latents(step), temperature, wind
            )
        return Weather(**{name: _read_only(by_cell[name][self._cell_of_tile]) for name in _NAMES})

    def _latent(self, name: str, step: int) -> FloatArray:
        """A latent field in the rank's cells."""
        shared = None if self._shared is None else self._shared.one(name, step)
        return self._latents.one(name, step).ravel()[self._cells] if shared is None else shared

    def _rain_latents(self, step: int) -> RainLatents:
        """Rain latent of the rank's cells around a step; images that later steps need are cached."""
        for n in (step - FRONT_STEPS, step, step + FRONT_STEPS):
            if n not in self._rain:
                self._rain[n] = self._latent("rain", n)
        self._rain = {n: values for n, values in self._rain.items() if abs(n - step) <= FRONT_STEPS}
        return RainLatents(*(self._rain[step + k * FRONT_STEPS] for k in (-1, 0, 1)))

    def _of_cells(
        self, start: datetime, rain: FloatArray, temperature: FloatArray, wind: FloatArray
    ) -> dict[str, FloatArray]:
        """Weather of the rank's cells during the step that begins at ``start``, from their latents."""
        climate = self._climate.at(start + 0.5 * STEP)
        wet = climate.wet_fraction
        precipitation = rain_rate(rain, climate.precipitation, wet)
        cloud = cloud_cover(rain, wet)
        wetness = np.minimum(wet / WET_CLIMATE, 1.0)

        daily_temperature = climate.air_temperature + self._temperature_sigma * temperature
        air_temperature = daily_temperature + self._diurnal_cycle(start, wetness, cloud)

        # Vapour follows the daily temperature, not the hourly one: relative humidity then decreases at noon.
        dry_air = 0.20 + 0.35 * wetness
        relative_humidity = dry_air + (0.95 - dry_air) * cloud * cloud
        vapour = np.minimum(
            np.minimum(relative_humidity * saturation_vapour_pressure(daily_temperature), MOST_VAPOUR),
            0.98 * saturation_vapour_pressure(air_temperature),
        )
        cosine = mean_cosine_zenith(self._lat, self._lon, start, STEP)
        above = SOLAR_CONSTANT * sun_at(start + 0.5 * STEP).distance_factor * cosine
        sigma = 0.45  # of the logarithm; the mean is conserved
        return {
            "shortwave": above * shortwave_transmissivity(self._climate.elevation, cloud),
            "longwave": longwave_of_cells(air_temperature, vapour, cloud),
            "air_temperature": air_temperature,
            "specific_humidity": specific_humidity(vapour, self._pressure),
            "surface_pressure": self._pressure,
            "wind_speed": self._mean_wind * np.exp(sigma * wind - 0.5 * sigma**2),
            "precipitation": precipitation,
        }

    def _diurnal_cycle(self, start: datetime, wetness: FloatArray, cloud: FloatArray) -> FloatArray:
        """Deviation from the daily mean, averaged over the step, K."""
        sun = sun_at(start + 0.5 * STEP)
        by_day = np.sqrt(np.minimum(daily_insolation(self._lat, sun) / FULL_SUN, 1.0))
        amplitude = (3.0 + 5.0 * (1.0 - wetness)) * by_day * (1.0 - 0.5 * cloud)
        since_warmest = np.deg2rad(self._lon) + (hour_angle(start + 0.5 * STEP, sun) - WARMEST)
        cycle: FloatArray = amplitude * (np.cos(since_warmest) * STEP_MEAN)
        return cycle

    def _check_climate(self) -> None:
        if not self._cells.size:
            return
        for name in ("air_temperature", "precipitation", "wet_fraction", "elevation"):
            values = getattr(self._climate, name)
            missing = ~np.isfinite(values.reshape(-1, self._cells.size)).all(axis=0)
            if missing.any():
                i = int(np.flatnonzero(missing)[0])
                raise DataError(
                    f"weather climatology '{name}' is missing at {int(missing.sum())} of "
                    f"{self._cells.size} cells with tiles, first at latitude {self._lat[i]:.2f}, longitude "
                    f"{self._lon[i]:.2f}; expected a value wherever there is land or lake. Check the static "
                    "file against the model grid."
                )


def latent_fields(config: ForcingConfig) -> dict[str, LatentField]:
    """Statistics of the three latent fields."""
    storms = gaussian_spectrum(config.storm_length_km)
    bands = gaussian_spectrum(BAND_LENGTH * config.storm_length_km)
    return {
        "rain": LatentField(mixed_spectrum(bands, storms, BAND_SHARE), config.storm_hours, DRIFT),
        "temperature": LatentField(gaussian_spectrum(TEMPERATURE_LENGTH_KM), TEMPERATURE_HOURS, DRIFT),
        "wind": LatentField(gaussian_spectrum(WIND_LENGTH_KM), WIND_HOURS, DRIFT),
    }


def _mean(parts: list[FloatArray]) -> FloatArray:
    total = parts[0].copy()
    for part in parts[1:]:
        total += part
    return total / len(parts)


def _read_only(values: FloatArray) -> FloatArray:
    """Copy into a read-only array, which can be shared."""
    result = np.array(values)
    result.setflags(write=False)
    return result
