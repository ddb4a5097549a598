"""Weather with physically consistent variables, for a model with an energy balance; one function per relation.

This module does not change rain (see ``stochastic``). It computes the other variables for each cell and step:

- *Cloud* follows the latent field of rain: the sky is overcast where it rains.
- *Front*: F = (z(t + 9 h) - z(t - 9 h)) / its standard deviation, the change of the rain latent, distinguishes
  the warm air ahead of rain from the cold air behind it.
- *Daily temperature* = climate + sigma (a z_T + b F) + kappa (cloud - its mean). Cloud cools under a high sun and
  warms in winter. sigma increases with the annual range (continents) and in the cold season.
- *Daily cycle*: a cosine with its maximum at 14:30 and half the amplitude under cloud.
- *Vapour*: daily relative humidity increases with cloud; vapour also follows the daily temperature. It never exceeds
  saturation (over ice below the freezing point).
- *Short-wave radiation*: clear-sky value from solar height, pressure and vapour, times the transmissivity of cloud.
- *Long-wave radiation*: Prata's clear-sky value from temperature and vapour, increased by cloud.
- *Wind* is log-normal, stronger with rain and by day; *pressure* depends on elevation and is lower with rain.

All kernels are scalar loops, so the weather of a cell is bitwise independent of the other cells of a call.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from landda_hpc.compiled_code import compiled
from landda_hpc.constants import EARTH_RADIUS, MOLAR_MASS_RATIO, STEFAN_BOLTZMANN, T_FREEZE, FloatArray, IntArray
from landda_hpc.model.forcing.air import standard_pressure
from landda_hpc.model.forcing.climatology import WET_CLIMATE
from landda_hpc.model.forcing.latent import STEP, LatentField
from landda_hpc.model.forcing.rain import cloud_cover, mean_cloud_cover, rain_rate
from landda_hpc.model.forcing.sun import SOLAR_CONSTANT, hour_angle, sun_at

if TYPE_CHECKING:
    from landda_hpc.grid import Grid
    from landda_hpc.model.forcing.climatology import Climatology

FRONT_STEPS: Final = 3
"""Number of steps before and after the current one at which the rain latent defines the front: 9 h."""

FRONT_SHARE: Final = 0.5  # b of the daily temperature; a^2 + b^2 = 1
RAIN_WIND: Final = 0.2  # correlation of the wind's latent with rain's
WIND_SIGMA: Final = 0.45  # of the logarithm of wind
WIND_BY_DAY: Final = 0.25  # relative diurnal amplitude of wind under full sun
DAY_AMPLITUDE: Final = 8.0  # K, half the diurnal range under a clear sky and full sun
FULL_SUN: Final = 350.0  # W m-2, daily insolation above the atmosphere that gives the full diurnal cycle
WARMEST: Final = math.radians(15.0 * (14.5 - 12.0))
CLOUD_WARMING: Final = 6.0  # K, daily temperature of overcast minus clear days without sun
CLOUD_COOLING: Final = 1.0 / 45.0  # K, decrease of CLOUD_WARMING per W m-2 of daily insolation
LOW: Final = 0.007  # relative decrease of pressure per unit of the rain latent, at the poles
CLEAN_AIR: Final = 0.9  # K_t of the clear sky: 1 is clean, 0.5 extremely turbid
SUB_STEPS: Final = 18  # samples of solar height per step, one every 10 minutes
SHALLOW_DAY: Final = 0.6
"""Fraction of the near-surface diurnal cycle in long-wave radiation; the air above stays at the daily temperature."""

MOST_VAPOUR: Final = 4250.0  # Pa, a dew point of 30 degC: air over land is rarely moister
_SNOW_FREE: Final = 271.0  # K, monthly mean; snow cover increases in colder months
_HALF_STEP: Final = math.radians(7.5) * (STEP / timedelta(hours=1))
STEP_MEAN: Final = math.sin(_HALF_STEP) / _HALF_STEP  # mean of a daily cosine over a step, relative to its centre

# Columns of the cell properties.
SIN_LAT: Final = 0
COS_LAT: Final = 1
SIN_LON: Final = 2
COS_LON: Final = 3
PRESSURE: Final = 4
WIND: Final = 5
ANNUAL_MEAN: Final = 6
ANNUAL_RANGE: Final = 7
FRONT_NORM: Final = 8
N_PROPERTIES: Final = 9

OUTPUTS: Final = (
    "shortwave", "longwave", "air_temperature", "specific_humidity", "surface_pressure", "wind_speed",
)  # fmt: skip


class RainLatents(NamedTuple):
    """Rain latent at cells, each (n_cell,): at the current step, and ``FRONT_STEPS`` steps before and after it."""

    before: FloatArray
    now: FloatArray
    after: FloatArray


def cell_properties(grid: Grid, cells: IntArray, climate: Climatology, rain: LatentField) -> FloatArray:
    """Time-invariant properties of cells, (n_cell, 9).

    Parameters
    ----------
    grid : the model grid.
    cells : flat indices, (n_cell,).
    climate : climatology of the cells.
    rain : statistics of the rain latent.

    Notes
    -----
    Local: no communication. Each value is computed by row or by cell, independently of the number of cells.
    """
    row, column = np.divmod(cells, grid.shape[1])
    phi, lam = np.deg2rad(grid.lat), np.deg2rad(grid.lon)
    coldest, warmest = climate.air_temperature.min(axis=0), climate.air_temperature.max(axis=0)
    wettest = climate.wet_fraction.max(axis=0)
    properties = np.empty((cells.size, N_PROPERTIES))
    properties[:, SIN_LAT], properties[:, COS_LAT] = np.sin(phi)[row], np.cos(phi)[row]
    properties[:, SIN_LON], properties[:, COS_LON] = np.sin(lam)[column], np.cos(lam)[column]
    properties[:, PRESSURE] = standard_pressure(climate.elevation)
    properties[:, ANNUAL_MEAN] = 0.5 * (coldest + warmest)
    properties[:, ANNUAL_RANGE] = warmest - coldest
    properties[:, WIND] = _mean_wind(properties[:, SIN_LAT], wettest, properties[:, ANNUAL_MEAN])
    properties[:, FRONT_NORM] = _front_deviation(rain, np.cos(phi))[row]
    return properties


def _mean_wind(sine: FloatArray, wettest: FloatArray, annual_mean: FloatArray) -> FloatArray:
    """Mean wind at 10 m, m s-1: weak in forests, stronger in dry, open or icy regions.

    Rounded values around the land mean of 3.3 m s-1 of Archer and Jacobson (2005, J. Geophys. Res., 110, D12110).
    """
    wetness = np.minimum(wettest / WET_CLIMATE, 1.0)
    cold = np.minimum(np.maximum((268.0 - annual_mean) / 20.0, 0.0), 1.0)
    wind: FloatArray = 1.8 + 1.2 * np.abs(sine) + 1.4 * (1.0 - wetness) + 2.0 * cold
    return wind


def _front_deviation(rain: LatentField, cosine: FloatArray) -> FloatArray:
    """Standard deviation of z(t + 9 h) - z(t - 9 h): sqrt(2 - 2 correlation over 18 h); by row."""
    lag = 2 * FRONT_STEPS * STEP
    in_time = math.exp(-0.5 * (lag / timedelta(hours=1) / rain.correlation_hours) ** 2)
    # The pattern drifts during this lag.
    in_space = rain.spectrum.correlation(1e-3 * EARTH_RADIUS * rain.rotation(lag) * cosine)
    deviation: FloatArray = np.sqrt(2.0 - 2.0 * in_time * in_space)
    return deviation


def weather_of_cells(
    start: datetime,
    climate: Climatology,
    properties: FloatArray,
    rain: RainLatents,
    temperature: FloatArray,
    wind: FloatArray,
) -> dict[str, FloatArray]:
    """Mean weather of cells over the three-hour step that begins at ``start``, by name, each (n_cell,). Local.

    Parameters
    ----------
    climate, properties : climatology and properties of the cells.
    rain, temperature, wind : standard normal latents.
    """
    middle = start + 0.5 * STEP
    now = climate.at(middle)
    sun = sun_at(middle)
    angles = np.array([hour_angle(start + STEP * ((i + 0.5) / SUB_STEPS), sun) for i in range(SUB_STEPS)])
    out = np.empty((len(OUTPUTS), rain.now.size))
    _fill(
        math.sin(sun.declination),
        math.cos(sun.declination),
        SOLAR_CONSTANT * sun.distance_factor,
        np.cos(angles),
        np.sin(angles),
        hour_angle(middle, sun) - WARMEST,
        properties,
        now.air_temperature,
        now.wet_fraction,
        cloud_cover(rain.now, now.wet_fraction),
        mean_cloud_cover(now.wet_fraction),
        rain.before,
        rain.now,
        rain.after,
        temperature,
        wind,
        out,
    )
    weather = {name: out[k] for k, name in enumerate(OUTPUTS)}
    weather["precipitation"] = rain_rate(rain.now, now.precipitation, now.wet_fraction)
    return weather


@compiled()
def _fill(
    sin_dec: float,
    cos_dec: float,
    above: float,
    cos_angle: FloatArray,
    sin_angle: FloatArray,
    from_warmest: float,
    properties: FloatArray,
    mean_temperature: FloatArray,
    wet_fraction: FloatArray,
    cloud: FloatArray,
    mean_cloud: FloatArray,
    before: FloatArray,
    rain: FloatArray,
    after: FloatArray,
    temperature: FloatArray,
    wind: FloatArray,
    out: FloatArray,
) -> None:
    """Fill the rows ``OUTPUTS`` of ``out``; ``from_warmest``: hour angle at longitude 0 since the warmest time."""
    own_share = math.sqrt(1.0 - FRONT_SHARE**2)
    own_wind = math.sqrt(1.0 - RAIN_WIND**2)
    cos_warm, sin_warm = math.cos(from_warmest), math.sin(from_warmest)
    for i in range(rain.size):
        p = properties[i]
        covered = cloud[i]
        wetness = min(wet_fraction[i] / WET_CLIMATE, 1.0)
        sunlight = daily_sun(above, p[SIN_LAT], p[COS_LAT], sin_dec, cos_dec)
        by_day = math.sqrt(min(sunlight / FULL_SUN, 1.0))
        # cos(lon + hour angle), expanded.
        cycle = (p[COS_LON] * cos_warm - p[SIN_LON] * sin_warm) * STEP_MEAN

        sigma = temperature_deviation(mean_temperature[i], p[ANNUAL_MEAN], p[ANNUAL_RANGE])
        front = (after[i] - before[i]) / p[FRONT_NORM]
        daily = (
            mean_temperature[i]
            + sigma * (own_share * temperature[i] + FRONT_SHARE * front)
            + (CLOUD_WARMING - CLOUD_COOLING * sunlight) * (covered - mean_cloud[i])
        )
        swing = DAY_AMPLITUDE * by_day * (1.0 - 0.5 * covered) * cycle
        air = daily + swing

        vapour = min(day_humidity(covered, wetness, mean_temperature[i]) * saturation(daily), MOST_VAPOUR)
        vapour = min(vapour, 0.98 * saturation(air))
        pressure = p[PRESSURE] * (1.0 - LOW * p[SIN_LAT] * p[SIN_LAT] * rain[i])

        along = p[SIN_LAT] * sin_dec
        across = p[COS_LAT] * cos_dec
        cosine = 0.0
        squared = 0.0
        for k in range(cos_angle.size):
            height = along + across * (p[COS_LON] * cos_angle[k] - p[SIN_LON] * sin_angle[k])
            if height > 0.0:
                cosine += height
                squared += height * height
        shortwave = 0.0
        if cosine > 0.0:
            snow = min(max((_SNOW_FREE - mean_temperature[i]) / 8.0, 0.0), 1.0)
            passes = clear_transmissivity(squared / cosine, pressure, vapour) * cloud_transmissivity(covered, snow)
            shortwave = above * (cosine / cos_angle.size) * passes

        out[0, i] = shortwave
        out[1, i] = longwave_down(daily + SHALLOW_DAY * swing, vapour, covered)
        out[2, i] = air
        out[3, i] = MOLAR_MASS_RATIO * vapour / (pressure - (1.0 - MOLAR_MASS_RATIO) * vapour)
        out[4, i] = pressure
        gust = WIND_SIGMA * (own_wind * wind[i] + RAIN_WIND * rain[i])
        out[5, i] = p[WIND] * (1.0 + WIND_BY_DAY * by_day * cycle) * math.exp(gust - 0.5 * WIND_SIGMA * WIND_SIGMA)


@compiled()
def daily_sun(above: float, sin_lat: float, cos_lat: float, sin_dec: float, cos_dec: float) -> float:
    """Daily mean top-of-atmosphere irradiance, W m-2; ``above`` is that at normal incidence."""
    along, across = sin_lat * sin_dec, cos_lat * cos_dec
    if across <= abs(along):
        return above * max(along, 0.0)
    half_day = math.acos(-along / across)
    return above * (half_day * along + across * math.sin(half_day)) / math.pi


@compiled()
def temperature_deviation(month: float, annual_mean: float, annual_range: float) -> float:
    """Standard deviation of daily temperature due to synoptic weather, K: larger on continents and in winter."""
    cold = 2.0 * (annual_mean - month) / max(annual_range, 1.0)
    return min(0.8 + 0.085 * annual_range, 7.0) * (1.0 + 0.3 * min(max(cold, -1.0), 1.0))


@compiled()
def day_humidity(cloud: float, wetness: float, mean_temperature: float) -> float:
    """Relative humidity at the daily mean temperature, 0..1: from the climate's clear-sky value to 0.95 if overcast."""
    cold = min(max((283.0 - mean_temperature) / 20.0, 0.0), 1.0)
    clear = 0.12 + 0.43 * wetness + 0.15 * cold
    return clear + (0.95 - clear) * cloud * cloud


@compiled()
def saturation(temperature: float) -> float:
    """Saturation vapour pressure, Pa: over water, or over ice below freezing, as in ``column.land.humidity``."""
    celsius = temperature - T_FREEZE
    if celsius < 0.0:
        return 611.2 * math.exp(22.46 * celsius / (celsius + 272.62))
    return 611.2 * math.exp(17.67 * celsius / (celsius + 243.5))


@compiled()
def clear_transmissivity(sine: float, pressure: float, vapour: float) -> float:
    """Clear-sky transmissivity for short-wave radiation, direct and diffuse, 0..1.

    Parameters
    ----------
    sine : sine of solar height, (0, 1].
    pressure, vapour : air and vapour pressure at the ground, Pa.

    References
    ----------
    ASCE-EWRI (2005), The ASCE Standardized Reference Evapotranspiration Equation, Eqs D.1-D.6. We switch between the
    two linear relations of diffuse radiation where they intersect, at 0.144; the reference's 0.15 has a jump of 0.007.
    """
    kilopascal = 1e-3 * pressure
    water = 0.14 * 1e-3 * vapour * kilopascal + 2.1  # precipitable, mm
    beam = 0.98 * math.exp(-0.00146 * kilopascal / (CLEAN_AIR * sine) - 0.075 * (water / sine) ** 0.4)
    return beam + min(0.35 - 0.36 * beam, 0.18 + 0.82 * beam)


@compiled()
def cloud_transmissivity(cloud: float, snow: float) -> float:
    """Transmissivity of cloud for short-wave radiation, relative to the clear sky, 0..1.

    Parameters
    ----------
    cloud : cover, 0..1.
    snow : snow-covered fraction of the ground, 0..1; light is reflected between snow and cloud.

    References
    ----------
    Kasten and Czeplak (1980), Solar Energy 24, 177-189: 1 - 0.75 c^3.4. Gardiner (1987), J. Climate Appl. Meteor. 26,
    1109-1118: 1 / (1 - ground albedo x cloud albedo); here 0.8 for snow, and 0.8 x 0.75 c^3.4 for cloud.
    """
    if cloud <= 0.0:
        return 1.0
    kept = 0.75 * math.exp(3.4 * math.log(cloud))
    return (1.0 - kept) / (1.0 - 0.64 * snow * kept)


@compiled()
def longwave_down(temperature: float, vapour: float, cloud: float) -> float:
    """Downward long-wave radiation, W m-2 (inputs in K, Pa, 0..1), of an emissivity of at most 1.

    References
    ----------
    Clear sky: Prata (1996), Q. J. R. Meteorol. Soc. 122, 1127-1151. Clouds: factor 1 + 0.22 c^2, the mean over cloud
    types of Bolz (1949) in Oke (1987), Boundary Layer Climates, Table A2.3.
    """
    water = 0.465 * vapour / temperature  # precipitable, cm
    clear = 1.0 - (1.0 + water) * math.exp(-math.sqrt(1.2 + 3.0 * water))
    emissivity = min(clear * (1.0 + 0.22 * cloud * cloud), 1.0)
    return emissivity * STEFAN_BOLTZMANN * (temperature * temperature) ** 2


@compiled()
def longwave_of_cells(temperature: FloatArray, vapour: FloatArray, cloud: FloatArray) -> FloatArray:
    """``longwave_down`` of cells, (n_cell,)."""
    radiation = np.empty_like(temperature)
    for i in range(temperature.size):
        radiation[i] = longwave_down(temperature[i], vapour[i], cloud[i])
    return radiation
