"""Stochastic weather: means, wetness, structure, consistency, and the same bits whoever asks."""

from __future__ import annotations

import itertools
from dataclasses import fields
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from landda_hpc.config import ForcingConfig
from landda_hpc.errors import ConfigError, DataError, ShapeError
from landda_hpc.grid import Grid, regular_grid
from landda_hpc.model.forcing import Climatology, StochasticWeather
from landda_hpc.model.forcing.air import saturation_vapour_pressure, specific_humidity
from landda_hpc.model.forcing.latent import LatentWeather, step_number
from landda_hpc.model.forcing.stochastic import cloud_cover, latent_fields, rain_rate
from landda_hpc.model.protocol import Weather, WeatherSource
from landda_hpc.state import Tiles

GRID = regular_grid(32, 64)
START = datetime(2022, 6, 2)
NAMES = [f.name for f in fields(Weather)]
MM_PER_DAY = 1.0 / 86400.0


def make_tiles(grid: Grid, cell: np.ndarray) -> Tiles:
    n = cell.size
    integers, reals, profile = np.ones(n, dtype=np.int64), np.zeros(n), np.zeros((n, 10))
    row, column = np.divmod(cell, grid.shape[1])
    return Tiles(
        global_index=np.arange(n), cell=cell, area_fraction=np.full(n, 0.5), patchtype=0 * integers,
        soil_class=integers, climate_class=integers, lat=grid.lat[row], lon=grid.lon[column], porsl=profile,
        psi0=profile, bsw=profile, hksati=profile, theta_r=profile, vegetation_fraction=reals,
        root_fraction=profile,
    )  # fmt: skip


def make_climatology(grid: Grid) -> Climatology:
    """Three climates side by side: dry, middling, wet; a season in temperature and rain."""
    climate = np.arange(grid.n_cells).reshape(grid.shape) % grid.shape[1] * 3 // grid.shape[1]
    month = np.arange(12)[:, None, None]
    season = 1.0 + 0.3 * np.cos(2 * np.pi * (month - 6) / 12)
    rain = np.array([0.3, 2.0, 6.0])[climate] * season * MM_PER_DAY
    wet = np.array([0.02, 0.12, 0.28])[climate] * season
    warm = 288.0 - 30.0 * np.sin(np.deg2rad(grid.lat[:, None])) ** 2 - 8.0 * np.cos(2 * np.pi * month / 12)
    return Climatology(np.broadcast_to(warm, rain.shape).copy(), rain, wet, 200.0 * climate)


TWICE = np.repeat(np.arange(GRID.n_cells), 2)  # two tiles in each cell
CLIMATOLOGY = make_climatology(GRID)


def make_source(
    tiles: Tiles | None = None,
    *,
    hours: int = 3,
    seed: int = 1,
    stream: str = "base",
    correlation: float = 1.0,
    climatology: Climatology = CLIMATOLOGY,
) -> StochasticWeather:
    config = ForcingConfig(step_hours=hours)
    tiles = make_tiles(GRID, np.arange(GRID.n_cells)) if tiles is None else tiles
    return StochasticWeather(GRID, tiles, config, seed, stream, correlation, climatology)


def image(weather: Weather, name: str) -> np.ndarray:
    return np.asarray(getattr(weather, name)).reshape(GRID.shape)


def assert_same(first: Weather, second: Weather, take: slice | np.ndarray = np.s_[:]) -> None:
    for name in NAMES:
        np.testing.assert_array_equal(getattr(first, name)[take], getattr(second, name), err_msg=name)


@given(st.floats(0.005, 0.6), st.floats(0.0, 1e-3))
@settings(max_examples=20)
def test_rain_has_the_climatological_mean_and_wet_fraction(wet: float, mean: float) -> None:
    threshold = norm.isf(wet)
    expected, _ = quad(
        lambda z: float(rain_rate(np.array([z]), np.array([mean]), np.array([wet]))[0]) * norm.pdf(z),
        threshold, 12.0, epsabs=1e-14, epsrel=1e-9,
    )  # fmt: skip
    assert expected == pytest.approx(mean, rel=1e-6)
    around = rain_rate(np.array([threshold - 1e-6, threshold + 1e-6]), np.full(2, 1.0), np.full(2, wet))
    assert around[0] == 0.0
    assert 0.0 < around[1] < 1e-3  # no jump at the threshold


def test_extreme_latents_give_finite_rain() -> None:
    rate = rain_rate(np.array([-40.0, -9.0, 9.0, 40.0]), np.full(4, 1e-5), np.full(4, 0.1))
    assert np.all(np.isfinite(rate))
    assert np.all(rate >= 0.0)
    assert np.all(rate[:2] == 0.0)


@given(st.floats(-6.0, 6.0), st.floats(0.005, 0.6))
def test_it_rains_from_clouds_only(latent: float, wet: float) -> None:
    z, f = np.array([latent]), np.array([wet])
    cloud = cloud_cover(z, f)[0]
    assert 0.1 <= cloud <= 1.0
    if rain_rate(z, np.array([1e-5]), f)[0] > 0.0:
        assert cloud == pytest.approx(1.0)


def test_months_are_interpolated_between_their_middles() -> None:
    june, july = (CLIMATOLOGY.at(datetime(2022, month, 16)).precipitation for month in (6, 7))
    between = CLIMATOLOGY.at(datetime(2022, 7, 1)).precipitation
    assert np.all((between > np.minimum(june, july)) & (between < np.maximum(june, july)))


@pytest.mark.verify
def test_long_run_has_the_climatology_of_each_class() -> None:
    source = make_source()
    climate = np.arange(GRID.n_cells).reshape(GRID.shape) % 64 * 3 // 64
    belt = np.zeros(GRID.shape, dtype=bool)
    belt[4:28] = True
    rain, wet, expected_rain, expected_wet = [], [], [], []
    for i in range(240):  # a year, every 36 hours
        time = START + i * timedelta(hours=36)
        now = CLIMATOLOGY.at(time + timedelta(hours=1.5))
        amount = image(source.during(time), "precipitation")
        where = [belt & (climate == k) for k in range(3)]
        rain.append([amount[w].mean() for w in where])
        wet.append([(amount[w] > 0).mean() for w in where])
        expected_rain.append([now.precipitation[w].mean() for w in where])
        expected_wet.append([now.wet_fraction[w].mean() for w in where])
    for found, expected in ((rain, expected_rain), (wet, expected_wet)):
        difference = np.array(found) - np.array(expected)
        error = difference.std(axis=0) / np.sqrt(len(found))
        assert np.all(error < 0.12 * np.mean(expected, axis=0))  # the test has power
        assert np.all(np.abs(difference.mean(axis=0)) < 4.0 * error)


def test_weather_is_finite_and_physical_all_year() -> None:
    source = make_source()
    for i in range(30):
        weather = source.during(START + i * timedelta(days=12, hours=9))
        limits = {
            "shortwave": (0.0, 1200.0), "longwave": (50.0, 560.0), "air_temperature": (190.0, 335.0),
            "specific_humidity": (1e-7, 0.05), "surface_pressure": (4e4, 1.1e5), "wind_speed": (0.01, 40.0),
            "precipitation": (0.0, 0.05),
        }  # fmt: skip
        for name, (low, high) in limits.items():
            values = getattr(weather, name)
            assert values.dtype == np.float64
            assert np.all((values >= low) & (values <= high)), name
        saturated = specific_humidity(saturation_vapour_pressure(weather.air_temperature), weather.surface_pressure)
        assert np.all(weather.specific_humidity <= saturated)


def test_rain_comes_with_cloud_humidity_and_less_sun() -> None:
    source = make_source()
    ratio, humidity, longwave = [], [], []
    for i in range(24):
        weather = source.during(START + i * timedelta(hours=33))
        rains = image(weather, "precipitation")[10:22] > 0
        sun, q, sky = (image(weather, name)[10:22] for name in ("shortwave", "specific_humidity", "longwave"))
        lit = sun > 50.0
        ratio.append(sun[rains & lit].mean() / sun[~rains & lit].mean())
        humidity.append(q[rains].mean() / q[~rains].mean())
        longwave.append(sky[rains].mean() - sky[~rains].mean())
    assert np.mean(ratio) < 0.6
    assert np.mean(humidity) > 1.2
    assert np.mean(longwave) > 20.0


def test_temperature_follows_climatology_and_the_local_day() -> None:
    source = make_source()
    days = [
        [
            image(source.during(START + timedelta(days=5 * day, hours=hour)), "air_temperature")
            for hour in range(0, 24, 3)
        ]
        for day in range(40)
    ]
    mean = np.mean(days, axis=(0, 1))
    expected = np.mean([CLIMATOLOGY.at(START + timedelta(days=5 * d)).air_temperature for d in range(40)], axis=0)
    assert np.mean(mean - expected) == pytest.approx(0.0, abs=0.5)
    dry_equator = np.mean(days, axis=0)[:, 15, 1]  # 8 degrees east, dry
    hours = (np.arange(0, 24, 3) + 1.5 + GRID.lon[1] / 15.0) % 24
    assert 12.0 < hours[dry_equator.argmax()] < 17.0
    assert 10.0 < np.ptp(dry_equator) < 18.0
    assert np.ptp(np.mean(days, axis=0)[:, 15, 60]) < 0.75 * np.ptp(dry_equator)  # the wet climate's day is flatter


def test_storms_are_some_hundred_km_wide_and_last() -> None:
    grid = regular_grid(128, 256)
    source = LatentWeather(grid, latent_fields(ForcingConfig()), 1, "base", 1.0)
    first = step_number(START)
    latents = [source.at(first + n)["rain"][40:88] for n in range(40)]
    rain = np.stack([rain_rate(z, np.full(z.shape, 1e-5), np.full(z.shape, 0.12)) for z in latents])

    def correlation(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])

    z = np.stack(latents)
    # At the stated length, 450 km, the latent's correlation is exp(-1/2) but for inner structure.
    assert correlation(z[:, :-3], z[:, 3:]) == pytest.approx(np.exp(-0.5 * (469 / 450) ** 2), abs=0.12)
    assert correlation(rain[:, :-1], rain[:, 1:]) > 0.6  # neighbouring rows, 156 km
    assert abs(correlation(rain[:, :-10], rain[:, 10:])) < 0.1  # 1560 km
    assert correlation(rain[:-1], rain[1:]) > 0.6  # three hours
    assert abs(correlation(rain[:-16], rain[16:])) < 0.1  # two days
    # Eastward drift: after 12 h the pattern lies 10 m s-1 x 12 h = 432 km = 2.8 columns to the east.
    shifts = range(-6, 7)
    fit = [correlation(z[:-4, 16:32], np.roll(z[4:, 16:32], -shift, axis=2)) for shift in shifts]
    assert shifts[int(np.argmax(fit))] in (2, 3, 4)


@given(st.lists(st.integers(0, TWICE.size // 2), max_size=4), st.integers(0, 7))
@settings(max_examples=15)
def test_bits_do_not_depend_on_the_partition(cuts: list[int], step: int) -> None:
    time = START + step * timedelta(hours=3)
    whole = make_source(make_tiles(GRID, TWICE)).during(time)
    bounds = [0, *sorted(2 * c for c in cuts), TWICE.size]
    for low, high in itertools.pairwise(bounds):
        part = make_source(make_tiles(GRID, TWICE[low:high])).during(time)
        assert_same(whole, part, np.s_[low:high])


def test_single_cells_have_the_bits_of_the_whole() -> None:
    whole = make_source(make_tiles(GRID, TWICE)).during(START)
    for cell in (0, 1, 777, 1500, 2047):
        alone = make_source(make_tiles(GRID, np.array([cell]))).during(START)
        assert_same(whole, alone, np.array([2 * cell]))


def test_a_rank_without_tiles_gets_empty_weather() -> None:
    weather = make_source(make_tiles(GRID, np.zeros(0, dtype=np.int64))).during(START)
    assert all(getattr(weather, name).shape == (0,) for name in NAMES)


def test_step_and_order_do_not_change_the_weather() -> None:
    short, long = make_source(hours=3), make_source(hours=6)
    assert (short.step, long.step) == (timedelta(hours=3), timedelta(hours=6))
    for i in (7, 0, 3):
        time = START + i * timedelta(hours=6)
        halves = [short.during(time), short.during(time + timedelta(hours=3))]
        whole = long.during(time)
        for name in NAMES:
            mean = 0.5 * (getattr(halves[0], name) + getattr(halves[1], name))
            np.testing.assert_allclose(getattr(whole, name), mean, rtol=1e-15)
    assert_same(make_source().during(START + timedelta(hours=9)), short.during(START + timedelta(hours=9)))


def test_repeated_questions_get_the_same_answer_after_the_cache_has_turned_over() -> None:
    source = make_source()
    first = source.during(START)
    for i in range(1, 30):
        source.during(START + i * timedelta(hours=3))
    assert_same(first, source.during(START))


def test_seeds_streams_and_correlations_differ() -> None:
    base = make_source().during(START)
    assert_same(base, make_source(stream="control", correlation=1.0).during(START))
    for other in (
        make_source(seed=2),
        make_source(stream="nature", correlation=0.5),
        make_source(stream="nature", correlation=0.0),
    ):
        assert not np.allclose(other.during(START).precipitation, base.precipitation)


def test_twin_weather_resembles_as_asked() -> None:
    base, near, far = (
        make_source(),
        make_source(stream="n", correlation=0.9),
        make_source(stream="n", correlation=0.3),
    )
    times = [START + i * timedelta(hours=48) for i in range(15)]

    def temperatures(source: StochasticWeather) -> np.ndarray:
        return np.stack([image(source.during(t), "air_temperature") for t in times])

    reference = temperatures(base) - np.mean(temperatures(base), axis=0)
    fit = [
        np.corrcoef(reference.ravel(), (temperatures(s) - np.mean(temperatures(s), axis=0)).ravel())[0, 1]
        for s in (near, far)
    ]
    assert fit[0] > 0.75 > fit[1] > 0.0


def test_weather_cannot_be_changed_by_who_asked() -> None:
    source: WeatherSource = make_source()
    with pytest.raises(ValueError, match="read-only"):
        source.during(START).precipitation[0] = 1.0


def test_bad_input_is_named() -> None:
    hole = CLIMATOLOGY.precipitation.copy()
    hole[3, 5, 7] = np.nan
    broken = Climatology(CLIMATOLOGY.air_temperature, hole, CLIMATOLOGY.wet_fraction, CLIMATOLOGY.elevation)
    with pytest.raises(DataError, match=r"'precipitation' is missing at 1 of 2048 cells .*latitude -59.06"):
        make_source(climatology=broken)
    # Where there is no tile, nothing is missed.
    make_source(make_tiles(GRID, np.array([3, 4])), climatology=broken)
    with pytest.raises(ShapeError, match=r"\(16, 32\)"):
        make_source(climatology=make_climatology(regular_grid(16, 32)))
    with pytest.raises(ConfigError, match="T04:00"):
        make_source().during(START + timedelta(hours=4))
    with pytest.raises(DataError, match="wet_fraction"):
        Climatology(CLIMATOLOGY.air_temperature, hole, 0.0 * hole, CLIMATOLOGY.elevation)
    with pytest.raises(ShapeError, match="precipitation"):
        Climatology(CLIMATOLOGY.air_temperature, hole[:6], hole, CLIMATOLOGY.elevation)
