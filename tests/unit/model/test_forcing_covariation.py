"""Weather that belongs together: its relations one by one, its statistics against what is known, its bits."""

from __future__ import annotations

import itertools
import math
from datetime import datetime, timedelta
from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landda_hpc.config import ForcingConfig, TilesConfig
from landda_hpc.constants import STEFAN_BOLTZMANN, T_FREEZE, BoolArray, FloatArray
from landda_hpc.data.precipitation_climatology import KOPPEN_CLASSES
from landda_hpc.grid import regular_grid
from landda_hpc.model.column.checks import WEATHER_RANGE
from landda_hpc.model.column.mosaic import build_tiles
from landda_hpc.model.forcing import StochasticWeather, load_climatology
from landda_hpc.model.forcing import covariation as co
from landda_hpc.model.forcing.air import saturation_vapour_pressure
from landda_hpc.model.forcing.climatology import air_from_land
from landda_hpc.model.forcing.rain import cloud_cover, mean_cloud_cover
from landda_hpc.model.forcing.sun import SOLAR_CONSTANT, daily_insolation, sun_at
from landda_hpc.state import Tiles

GRID = regular_grid(32, 64)
CLIMATE = load_climatology(GRID)
TILES = build_tiles(GRID, TilesConfig(max_soil_tiles=1))
NAMES = tuple(WEATHER_RANGE)
START = datetime(2021, 1, 1)


def source(tiles: Tiles = TILES, *, consistent: bool = True, hours: int = 3, stream: str = "base") -> StochasticWeather:
    correlation = 1.0 if stream == "base" else 0.5
    forcing = ForcingConfig(step_hours=hours)
    return StochasticWeather(GRID, tiles, forcing, 7, stream, correlation, CLIMATE, consistent)


class Season(NamedTuple):
    """Three-hourly weather of whole days, (n_day, 8, n_tile) each."""

    shortwave: FloatArray
    longwave: FloatArray
    air_temperature: FloatArray
    specific_humidity: FloatArray
    surface_pressure: FloatArray
    wind_speed: FloatArray
    precipitation: FloatArray

    @property
    def relative_humidity(self) -> FloatArray:
        celsius = self.air_temperature - T_FREEZE
        ice = 611.2 * np.exp(22.46 * celsius / (celsius + 272.62))
        saturated = np.where(celsius < 0.0, ice, saturation_vapour_pressure(self.air_temperature))
        q = self.specific_humidity
        return q * self.surface_pressure / (0.622 + 0.378 * q) / saturated


@cache
def season(month: int) -> Season:
    """Twenty days of a month."""
    weather = source()
    steps = [weather.during(datetime(2021, month, 5) + timedelta(hours=3 * k)) for k in range(8 * 20)]
    return Season(*(np.stack([getattr(w, n) for w in steps]).reshape(20, 8, -1) for n in Season._fields))


def where(*, low: float = -90.0, high: float = 90.0) -> BoolArray:
    return (low <= TILES.lat) & (high >= TILES.lat)


def correlation(a: FloatArray, b: FloatArray) -> float:
    """Mean over tiles of the correlation in time of daily values (n_day, n_tile)."""
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    spread = np.sqrt((a * a).sum(axis=0) * (b * b).sum(axis=0))
    good = spread > 1e-12
    return float(((a * b).sum(axis=0)[good] / spread[good]).mean())


@given(st.floats(0.005, 0.6))
@settings(max_examples=20)
def test_mean_cloud_is_the_mean(wet: float) -> None:
    z = np.linspace(-8.0, 8.0, 40001)
    weight = np.exp(-0.5 * z * z)
    expected = float((cloud_cover(z, np.array([wet])) * weight).sum() / weight.sum())
    assert mean_cloud_cover(np.array([wet]))[0] == pytest.approx(expected, abs=1e-4)


@given(st.floats(-1.5, 1.5), st.floats(-0.41, 0.41))
def test_daily_sun_agrees_with_the_other_function(phi: float, declination: float) -> None:
    sun = sun_at(START)._replace(declination=declination, distance_factor=1.0)
    found = co.daily_sun(SOLAR_CONSTANT, math.sin(phi), math.cos(phi), math.sin(declination), math.cos(declination))
    assert found == pytest.approx(float(daily_insolation(np.array([np.rad2deg(phi)]), sun)[0]), rel=1e-9, abs=1e-6)


def test_saturation_over_water_and_ice() -> None:
    assert co.saturation(T_FREEZE + 20.0) == pytest.approx(2339.0, rel=2e-3)  # steam tables
    assert co.saturation(T_FREEZE - 20.0) == pytest.approx(103.3, rel=5e-3)  # over ice; over water 125.6
    assert co.saturation(T_FREEZE - 1e-9) == pytest.approx(co.saturation(T_FREEZE + 1e-9), rel=1e-8)


@given(st.floats(0.02, 1.0), st.floats(5e4, 1.03e5), st.floats(10.0, 4000.0))
def test_clear_sky_is_physical(sine: float, pressure: float, vapour: float) -> None:
    share = co.clear_transmissivity(sine, pressure, vapour)
    assert 0.1 < share < 0.95
    assert co.clear_transmissivity(min(1.0, sine + 0.1), pressure, vapour) >= share - 1e-12
    assert co.clear_transmissivity(sine, pressure - 1e4, vapour) >= share
    assert co.clear_transmissivity(sine, pressure, vapour + 300.0) <= share


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.floats(230.0, 310.0))
def test_clouds_dim_and_warm(cloud: float, snow: float, temperature: float) -> None:
    through = co.cloud_transmissivity(cloud, snow)
    assert 0.25 - 1e-12 <= through <= 1.0 + 1e-12
    assert through >= co.cloud_transmissivity(cloud, 0.0) - 1e-12
    vapour = 0.6 * co.saturation(temperature)
    radiation = co.longwave_down(temperature, vapour, cloud)
    assert co.longwave_down(temperature, vapour, 0.0) <= radiation <= STEFAN_BOLTZMANN * temperature**4 * (1 + 1e-12)


def test_rain_is_the_same_in_both_forms() -> None:
    consistent, simple = source(), source(consistent=False)
    for k in (0, 5, 801):
        time = START + k * timedelta(hours=3)
        np.testing.assert_array_equal(consistent.during(time).precipitation, simple.during(time).precipitation)


@given(st.lists(st.integers(0, len(TILES)), max_size=3), st.integers(0, 50))
@settings(max_examples=8)
def test_bits_do_not_depend_on_the_partition(cuts: list[int], step: int) -> None:
    time = START + step * timedelta(hours=21)
    whole = source().during(time)
    for low, high in itertools.pairwise([0, *sorted(cuts), len(TILES)]):
        part = source(TILES.take(slice(low, high))).during(time)
        for name in NAMES:
            np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[low:high], err_msg=name)


def test_valid_time_decides_not_history() -> None:
    run = source()
    for k in range(40):
        run.during(START + k * timedelta(hours=3))
    time = START + timedelta(hours=3 * 40)
    fresh = source().during(time)
    long = source(hours=6).during(time)
    for name in NAMES:
        np.testing.assert_array_equal(getattr(run.during(time), name), getattr(fresh, name))
        later = getattr(run.during(time + timedelta(hours=3)), name)
        np.testing.assert_allclose(getattr(long, name), 0.5 * (getattr(fresh, name) + later), rtol=1e-14)
    other = source(stream="nature").during(time)
    assert 0.2 < np.corrcoef(other.wind_speed, fresh.wind_speed)[0, 1] < 0.9


@pytest.mark.parametrize("month", [1, 7])
def test_weather_is_in_physical_range(month: int) -> None:
    weather = season(month)
    for name, (low, high, _) in WEATHER_RANGE.items():
        values = getattr(weather, name)
        assert np.all((values >= low) & (values <= high)), name
    assert weather.relative_humidity.max() < 1.0
    assert weather.relative_humidity.min() > 0.05


def test_wet_weather_of_middle_latitudes() -> None:
    """Signs and sizes as at Loobos, Chang Ling and a CRUNCEP cell in Michigan (see docs/forcing.md)."""
    middle = where(low=35.0, high=65.0)
    for month, summer in ((1, False), (7, True)):
        weather = season(month)
        daily = {n: getattr(weather, n)[..., middle].mean(axis=1) for n in Season._fields}
        humidity = weather.relative_humidity[..., middle].mean(axis=1)
        span = np.ptp(weather.air_temperature[..., middle], axis=1)
        assert -0.95 < correlation(daily["shortwave"], daily["longwave"]) < (-0.4 if summer else -0.1)
        assert -1.0 < correlation(daily["shortwave"], humidity) < -0.3
        assert 0.3 < correlation(daily["air_temperature"], daily["longwave"]) + 0.4 * summer < 0.95
        assert 0.05 < correlation(daily["precipitation"], daily["wind_speed"]) < 0.4
        assert -0.7 < correlation(daily["precipitation"], daily["surface_pressure"]) < -0.2
        wet = daily["precipitation"] * 86400.0 > 1.0
        assert 0.35 < daily["shortwave"][wet].mean() / daily["shortwave"][~wet].mean() < 0.85
        assert 0.08 < (humidity[wet].mean() - humidity[~wet].mean()) < 0.3
        if summer:
            assert correlation(daily["shortwave"], span) > 0.45
            assert 0.6 < span[wet].mean() / span[~wet].mean() < 0.95
        anomaly = daily["air_temperature"] - daily["air_temperature"].mean(axis=0)
        rained = anomaly[wet].mean() - anomaly[~wet].mean()
        assert (-2.5 < rained < -0.3) if summer else (0.2 < rained < 4.0)


def test_it_is_warm_before_the_front_and_cold_behind_it() -> None:
    weather = season(7)
    middle = where(low=35.0, high=65.0)
    shape = (160, int(middle.sum()))
    temperature = weather.air_temperature[..., middle]
    anomaly = (temperature - temperature.mean(axis=0)).reshape(shape)
    rain = (weather.precipitation[..., middle].reshape(shape) > 0.0).astype(np.float64)
    before = correlation(rain[4:], anomaly[:-4])  # twelve hours ahead
    behind = correlation(rain[:-4], anomaly[4:])
    assert before > behind + 0.12
    assert behind < -0.1


def test_days_of_the_sun() -> None:
    weather = season(7)
    dry = where(low=15.0, high=30.0) & np.isin(TILES.climate_class, [KOPPEN_CLASSES.index("BWh") + 1])
    wet = where(low=-10.0, high=10.0) & np.isin(TILES.climate_class, [1, 2])
    day = weather.air_temperature.mean(axis=0)
    assert 11.0 < np.ptp(day[:, dry], axis=0).mean() < 16.0
    assert 7.0 < np.ptp(day[:, wet], axis=0).mean() < 11.0
    # Wind rises and relative humidity falls with the sun.
    warmest = day.argmax(axis=0)
    coldest = day.argmin(axis=0)
    tiles = np.flatnonzero(where(low=10.0, high=60.0))
    mean = weather.relative_humidity.mean(axis=0)
    assert np.mean(mean[coldest[tiles], tiles] - mean[warmest[tiles], tiles]) > 0.15
    wind = weather.wind_speed.mean(axis=0)
    assert 1.2 < np.mean(wind[warmest[tiles], tiles] / wind[coldest[tiles], tiles]) < 2.2


@cache
def year() -> Season:
    """Three days of each month, by month, as (36, 8, n_tile)."""
    weather = source()
    steps = [
        weather.during(datetime(2021, month, day) + timedelta(hours=3 * k))
        for month in range(1, 13) for day in (4, 14, 24) for k in range(8)
    ]  # fmt: skip
    return Season(*(np.stack([getattr(w, n) for w in steps]).reshape(36, 8, -1) for n in Season._fields))


AREA = np.cos(np.deg2rad(TILES.lat)) * TILES.area_fraction


def over(values: FloatArray, tiles: BoolArray) -> float:
    return float(np.average(values.mean(axis=(0, 1))[tiles], weights=AREA[tiles]))


def test_land_means_are_the_known_ones() -> None:
    """Short and long wave of land: 184 and 306 W m-2 (Wild et al. 2015, Clim. Dyn. 44, 3393); wind 3.3 m s-1."""
    weather, everywhere = year(), np.ones(len(TILES), dtype=bool)
    assert over(weather.shortwave, everywhere) == pytest.approx(184.0, rel=0.06)
    assert over(weather.longwave, everywhere) == pytest.approx(306.0, rel=0.05)
    assert over(weather.wind_speed, everywhere) == pytest.approx(3.3, rel=0.2)
    assert over(weather.air_temperature, everywhere) == pytest.approx(282.0, abs=1.5)
    assert 0.58 < over(weather.relative_humidity, everywhere) < 0.72


@pytest.mark.parametrize(
    ("names", "humidity", "sun"),
    [
        (("Af", "Am"), (0.75, 0.88), (155, 200)),
        (("BWh",), (0.25, 0.42), (230, 275)),
        (("Dfc",), (0.68, 0.82), (95, 130)),
    ],
)
def test_climates_have_their_weather(
    names: tuple[str, ...], humidity: tuple[float, float], sun: tuple[int, int]
) -> None:
    tiles = np.isin(TILES.climate_class, [KOPPEN_CLASSES.index(name) + 1 for name in names])
    weather = year()
    assert humidity[0] < over(weather.relative_humidity, tiles) < humidity[1]
    assert sun[0] < over(weather.shortwave, tiles) < sun[1]


def test_snow_falls_in_winter() -> None:
    """Where January is far below freezing all of it is snow; in the tropics none, save on mountains."""
    january = season(1)
    siberia = where(low=60.0) & (TILES.lon > 90.0) & (TILES.lon < 160.0)
    assert january.air_temperature[..., siberia].mean() < T_FREEZE - 20.0
    falls = january.precipitation[..., siberia]
    assert falls[january.air_temperature[..., siberia] < T_FREEZE].sum() > 0.99 * falls.sum()
    low = where(low=-12.0, high=12.0) & (CLIMATE.elevation.ravel()[TILES.cell] < 1000.0)
    assert january.air_temperature[..., low].min() > T_FREEZE + 2.5


def test_air_from_land() -> None:
    """Without frost the year keeps its shape; over frozen ground it is earlier, wider; dry land is warmer than air."""
    months = np.arange(12)
    wet, dry = np.full((12, 1), 0.2), np.full((12, 1), 0.0)
    warm = 295.0 - 5.0 * np.cos(2.0 * np.pi * months / 12.0)[:, None]
    np.testing.assert_allclose(air_from_land(warm, wet), warm - 0.7)
    np.testing.assert_allclose(air_from_land(warm, dry), warm - 2.4)
    cold = 262.0 - 20.0 * np.cos(2.0 * np.pi * (months - 1) / 12.0)[:, None]  # coldest in February
    air = air_from_land(cold, wet)
    assert air[0, 0] < cold[0, 0] - 3.0
    assert abs(air[6, 0] - cold[6, 0]) < 1.0
    assert air[3, 0] > cold[3, 0] + 2.0
    ice = 240.0 - 10.0 * np.cos(2.0 * np.pi * (months - 1) / 12.0)[:, None]
    assert np.ptp(air_from_land(ice, wet)) > 1.5 * np.ptp(ice)
