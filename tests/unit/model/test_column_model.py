"""ColumnModel: forecasts, bits, errors; initial states."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest

from landda_hpc.constants import N_SOIL, RHO_ICE, RHO_WATER, SOIL_DZ, T_FREEZE
from landda_hpc.errors import ConfigError, DataError, ModelError, ShapeError
from landda_hpc.model.column.column import ColumnModel
from landda_hpc.model.column.initial import (
    ERA_LAYERS_M,
    MAX_WETNESS,
    MIN_WETNESS,
    initial_state,
    soil_water_by_climate,
    soil_water_from_profile,
    supercooled_limit,
)
from landda_hpc.model.column.tile_climate import TileClimate
from landda_hpc.model.protocol import LandModel
from landda_hpc.regridding.depth import layers_from_product
from landda_hpc.state import PatchType
from landda_hpc.variables import SOIL_WATER_STATE, STATE

START = datetime(2022, 6, 2)
HOUR = timedelta(hours=1)


@pytest.fixture
def case(make_tiles, make_wave, plain_weather):
    """200 tiles of all kinds with state, temperature and weather."""
    tiles = make_tiles(200)
    wave = make_wave(200)
    rng = np.random.default_rng(3)
    theta = rng.uniform(0.1, 0.9, (200, 1)) * tiles.porsl
    return tiles, wave, initial_state(tiles, wave, START, theta), plain_weather(tiles)


def _same_bits(a, b) -> None:
    for name in SOIL_WATER_STATE:
        np.testing.assert_array_equal(a[name].view(np.int64), b[name].view(np.int64), err_msg=name)


def test_forecast_closes_the_budget_of_every_tile(case) -> None:
    tiles, wave, state, weather = case
    model: LandModel = ColumnModel(tiles, weather, wave)
    before = state.copy()
    report = model.forecast(state, START, START + 30 * HOUR)
    assert report.max_residual <= 1e-9
    assert (report.precipitation > 0).mean() > 0.9
    assert report.n_solves >= 60 * int(tiles.is_updatable.sum())

    def held(one) -> np.ndarray:
        return (one["wliq_soisno"] + one["wice_soisno"])[:, -N_SOIL:].sum(axis=1) + one["wetwat"]

    np.testing.assert_allclose(held(state) - held(before), report.storage_change, atol=1e-7)
    for name in ("zwt", "wa", "scv", "wdsrf"):
        np.testing.assert_array_equal(state[name], before[name])
    still = ~tiles.is_updatable & (tiles.patchtype != PatchType.WETLAND)
    for name in ("wliq_soisno", "wice_soisno"):
        np.testing.assert_array_equal(state[name][still], before[name][still])
    for name, variable in ((n, STATE[n]) for n in SOIL_WATER_STATE):
        values = state.soil(name) if variable.dims == ("soilsnow",) else state[name]
        assert np.isfinite(values).all(), name
        assert (values >= variable.valid_min).all(), name
        assert (values <= variable.valid_max).all(), name


def test_ice_of_winter_thaws_in_spring_and_returns(case) -> None:
    """A year without rain and evaporation: no liquid above the supercooled limit, no ice above the freezing point."""
    tiles, wave, state, weather = case
    model = ColumnModel(tiles, weather, wave, rain_factor=0.0, potential_evaporation_factor=0.0)
    has_soil = tiles.is_updatable | (tiles.patchtype == PatchType.WETLAND)
    now, ice, drained = START, [], np.zeros(len(tiles))
    before = (state["wliq_soisno"] + state["wice_soisno"]).sum(axis=1)
    for month in range(13):
        end = datetime(START.year + (START.month + month) // 12, (START.month + month) % 12 + 1, 1)
        drained += model.forecast(state, now, end).storage_change
        frozen = state.soil("t_soisno") < T_FREEZE
        assert (state.soil("wice_soisno")[has_soil & ~frozen.any(axis=1)] == 0.0).all()
        limit = supercooled_limit(tiles, state.soil("t_soisno")) * RHO_WATER * SOIL_DZ
        assert (state.soil("wliq_soisno") <= limit * (1.0 + 1e-12))[has_soil].all()
        ice.append(state.soil("wice_soisno")[has_soil].sum(axis=1))
        now = end
    np.testing.assert_allclose((state["wliq_soisno"] + state["wice_soisno"]).sum(axis=1) - before, drained, atol=1e-6)
    seasonal = (np.max(ice, axis=0) > 10.0) & (np.min(ice, axis=0) == 0.0)
    assert seasonal.sum() > 20


def test_bits_do_not_depend_on_how_tiles_are_shared_out(case, plain_weather) -> None:
    tiles, wave, state, weather = case
    rain, pet = np.linspace(0.2, 3.0, 200), np.linspace(2.0, 0.3, 200)
    parts = state.copy()
    ColumnModel(tiles, weather, wave, 1800, rain, pet).forecast(state, START, START + 12 * HOUR)
    for part in (slice(0, 1), slice(1, 38), slice(38, 38), slice(38, 171), slice(171, 200)):
        some = tiles.take(part)
        piece = parts.take(part)
        model = ColumnModel(some, plain_weather(some), wave.take(part), 1800, rain[part], pet[part])
        report = model.forecast(piece, START, START + 12 * HOUR)
        _same_bits(piece, state.take(part))
        assert report.precipitation.shape == (len(some),)


def test_bits_do_not_depend_on_how_the_period_is_cut(case, plain_weather) -> None:
    tiles, wave, state, weather = case
    cut = state.copy()
    ColumnModel(tiles, weather, wave).forecast(state, START, START + 12 * HOUR)
    model = ColumnModel(tiles, plain_weather(tiles), wave)
    now = START
    for hours in (1, 1, 0, 4.5, 1.5, 4):
        model.forecast(cut, now, now + hours * HOUR)
        now += hours * HOUR
    assert now == START + 12 * HOUR
    _same_bits(cut, state)


def test_weather_is_asked_once_a_step_from_midnight_on(case) -> None:
    tiles, wave, state, weather = case
    model = ColumnModel(tiles, weather, wave)
    model.forecast(state, START + HOUR, START + 4 * HOUR)
    model.forecast(state, START + 4 * HOUR, START + 6 * HOUR)
    assert weather.calls == [START, START + 3 * HOUR]


def test_instances_that_take_turns_share_nothing(case, plain_weather) -> None:
    tiles, wave, state, weather = case
    alone, wetter = state.copy(), state.copy()
    first, second = ColumnModel(tiles, weather, wave), ColumnModel(tiles, weather, wave, rain_factor=2.0)
    for k in range(3):
        begin = START + 6 * k * HOUR
        dry = first.forecast(state, begin, begin + 6 * HOUR)
        wet = second.forecast(wetter, begin, begin + 6 * HOUR)
        np.testing.assert_array_equal(wet.precipitation, 2.0 * dry.precipitation)
    ColumnModel(tiles, plain_weather(tiles), wave).forecast(alone, START, START + 18 * HOUR)
    _same_bits(state, alone)
    assert wetter["wliq_soisno"].sum() > state["wliq_soisno"].sum()


def test_diagnose_follows_an_update(case) -> None:
    tiles, wave, state, weather = case
    model = ColumnModel(tiles, weather, wave)
    model.forecast(state, START, START + 6 * HOUR)
    before = state.copy()
    model.diagnose(state)
    _same_bits(state, before)
    is_soil = tiles.is_updatable & (before["smp"][:, 1] > -1e7)
    state.soil("wliq_soisno")[is_soil, 1] *= 0.9
    model.diagnose(state)
    assert (state["smp"][is_soil, 1] < before["smp"][is_soil, 1]).all()
    others = np.arange(N_SOIL) != 1
    np.testing.assert_array_equal(state["smp"][:, others], before["smp"][:, others])
    np.testing.assert_array_equal(state["hk"][:, others], before["hk"][:, others])


def test_no_tiles_no_trouble(make_tiles, make_wave, plain_weather) -> None:
    none = make_tiles(3).take(slice(0, 0))
    state = initial_state(none, make_wave(3).take(slice(0, 0)), START, np.zeros((0, N_SOIL)))
    report = ColumnModel(none, plain_weather(none), make_wave(3).take(slice(0, 0))).forecast(
        state, START, START + 6 * HOUR
    )
    assert report.max_residual == 0.0
    assert report.n_solves == 0


@pytest.mark.parametrize(
    ("name", "value", "match"),
    [
        ("wliq_soisno", np.nan, r"'wliq_soisno' is nan kg m-2 at tile 17 .*soil layer 4.*expected 0 to 3000"),
        ("wliq_soisno", -0.1, r"'wliq_soisno' is -0\.1"),
        ("wice_soisno", np.inf, "'wice_soisno' is inf"),
        ("zwt", 90.0, r"'zwt' is 90 m at tile 17 \(latitude"),
        ("wetwat", -1.0, "'wetwat' is -1"),
    ],
)
def test_bad_state_is_named(case, name: str, value: float, match: str) -> None:
    tiles, wave, state, weather = case
    if state[name].ndim > 1:
        state.soil(name)[17, 3] = value
    else:
        state[name][17] = value
    with pytest.raises(ModelError, match=match):
        ColumnModel(tiles, weather, wave).forecast(state, START, START + 6 * HOUR)


@pytest.mark.parametrize(
    ("name", "value"),
    [("precipitation", -1e-6), ("precipitation", np.nan), ("air_temperature", 25.0), ("surface_pressure", 1013.0)],
)
def test_bad_weather_is_named(case, plain_weather, name: str, value: float) -> None:
    tiles, wave, state, _ = case

    class Spoilt(plain_weather):
        def during(self, start):
            weather = super().during(start)
            values = getattr(weather, name).copy()
            values[17] = value
            return replace(weather, **{name: values})

    with pytest.raises(ModelError, match=rf"weather '{name}' of 2022-06-02 00:00:00 is .* at tile 17 \(latitude"):
        ColumnModel(tiles, Spoilt(tiles), wave).forecast(state, START, START + 6 * HOUR)


def test_wrong_lengths_and_times_are_errors(case, make_wave) -> None:
    tiles, wave, state, weather = case
    with pytest.raises(ConfigError, match="model step of 7000 s"):
        ColumnModel(tiles, weather, wave, 7000)
    with pytest.raises(ShapeError, match="3 tiles, expected 200"):
        ColumnModel(tiles, weather, make_wave(3))
    with pytest.raises(ShapeError, match="rain_factor has shape"):
        ColumnModel(tiles, weather, wave, 1800, np.ones(7))
    with pytest.raises(ModelError, match="rain_factor has values"):
        ColumnModel(tiles, weather, wave, 1800, -1.0)
    model = ColumnModel(tiles, weather, wave)
    with pytest.raises(ConfigError, match="whole steps of 1800 s"):
        model.forecast(state, START, START + timedelta(minutes=20))
    with pytest.raises(ShapeError, match="state has 5 tiles"):
        model.forecast(state.take(slice(0, 5)), START, START + HOUR)


def test_initial_state_freezes_what_is_above_the_supercooled_limit(case) -> None:
    tiles, _, state, _ = case
    has_soil = tiles.is_updatable
    temperature = state.soil("t_soisno")
    liquid = state.soil("wliq_soisno") / (RHO_WATER * SOIL_DZ)
    ice = state.soil("wice_soisno") / (RHO_ICE * SOIL_DZ)
    warm = temperature >= T_FREEZE
    assert (ice[has_soil & warm.all(axis=1)] == 0).all()
    frozen = has_soil[:, None] & ~warm & (ice > 0)
    assert frozen.sum() > 100
    np.testing.assert_allclose(liquid[frozen], supercooled_limit(tiles, temperature)[frozen], rtol=1e-12)
    assert (liquid + ice <= tiles.porsl * (1 + 1e-12))[has_soil].all()
    # psi of the water left equals the freezing-point relation.
    psi = 1e3 * 0.3336e6 / 9.80616 * (temperature - T_FREEZE) / temperature
    np.testing.assert_allclose(state["smp"][frozen], psi[frozen], rtol=1e-6)


def test_initial_state_of_other_tiles(case) -> None:
    tiles, _, state, _ = case
    water, ice = state.soil("wliq_soisno"), state.soil("wice_soisno")
    glacier, lake = (tiles.patchtype == kind for kind in (PatchType.GLACIER, PatchType.LAKE))
    np.testing.assert_allclose(ice[glacier], np.broadcast_to(RHO_ICE * SOIL_DZ, ice[glacier].shape))
    assert (water[glacier] == 0).all()
    assert (state.soil("t_soisno")[glacier] <= T_FREEZE).all()
    assert (ice[lake] == 0).all()
    wetland = tiles.patchtype == PatchType.WETLAND
    assert (state["wetwat"][wetland] > 0).all()
    assert (state["wetwat"][~wetland] == 0).all()
    warm = wetland & (state.soil("t_soisno") >= T_FREEZE).all(axis=1)
    np.testing.assert_allclose(water[warm], (tiles.porsl * RHO_WATER * SOIL_DZ)[warm], rtol=1e-14)


def test_initial_water_by_climate_is_dry_in_deserts(make_tiles) -> None:
    tiles = make_tiles(40, only_soil=True)
    months = np.full((40, 12), 300.0)
    desert = soil_water_by_climate(tiles, TileClimate(months, np.full((40, 12), 0.1)))
    forest = soil_water_by_climate(tiles, TileClimate(months, np.full((40, 12), 8.0)))
    assert (desert < forest).all()
    assert (desert[tiles.soil_class <= 2] < 0.12).all()
    assert (forest[tiles.soil_class == 2] > 0.25).all()
    wetter = soil_water_by_climate(tiles, TileClimate(months, np.full((40, 12), 0.1)), np.full(40, 0.2))
    np.testing.assert_allclose(wetter - desert, 0.2 * tiles.porsl, rtol=1e-12)
    extreme = soil_water_by_climate(tiles, TileClimate(months, np.full((40, 12), 0.1)), 5.0)
    np.testing.assert_allclose(extreme, MAX_WETNESS * tiles.porsl)
    with pytest.raises(ShapeError, match="wetness_change"):
        soil_water_by_climate(tiles, TileClimate(months, months), np.zeros(3))
    with pytest.raises(ShapeError, match="39 tiles, expected 40"):
        soil_water_by_climate(tiles, TileClimate(months[1:], months[1:]))


def test_initial_water_from_a_profile(make_tiles) -> None:
    tiles = make_tiles(12)
    profile = np.full((3, 3, 4), 0.2)
    profile[0], profile[2] = 0.1, 0.3
    theta = soil_water_from_profile(tiles, profile)
    expected = layers_from_product(ERA_LAYERS_M) @ np.array([0.1, 0.2, 0.3])
    soil = tiles.is_updatable
    np.testing.assert_allclose(theta[soil], np.broadcast_to(expected, theta[soil].shape), rtol=1e-12)
    assert expected[0] == pytest.approx(0.1)
    assert expected[-1] == pytest.approx(0.3)
    wet = soil_water_from_profile(tiles, np.full((3, 3, 4), 0.99))
    np.testing.assert_allclose(wet[soil], MAX_WETNESS * tiles.porsl[soil])
    dry = soil_water_from_profile(tiles, np.zeros((3, 3, 4)))
    np.testing.assert_allclose(dry[soil], MIN_WETNESS * tiles.porsl[soil])

    hole = int(np.flatnonzero(soil)[0])
    profile[1].flat[hole] = np.nan
    with pytest.raises(DataError, match=r"missing or outside .* for 1 of"):
        soil_water_from_profile(tiles, profile)
    other = int(np.flatnonzero(tiles.patchtype == PatchType.LAKE)[0])
    profile[1].flat[hole] = 0.2
    profile[:, other // 4, other % 4] = np.nan
    np.testing.assert_array_equal(soil_water_from_profile(tiles, profile)[soil], theta[soil])
    with pytest.raises(ShapeError, match="regrid the profile"):
        soil_water_from_profile(tiles, profile[:, :2])
    with pytest.raises(ShapeError, match="expected \\(3, n_lat, n_lon\\)"):
        soil_water_from_profile(tiles, profile[:2])


def test_initial_state_wants_one_profile_per_tile(make_tiles, make_wave) -> None:
    with pytest.raises(ShapeError, match="expected \\(4, 10\\)"):
        initial_state(make_tiles(4), make_wave(4), START, np.zeros((4, 3)))
