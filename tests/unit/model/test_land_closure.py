"""The land physics as a whole: closure, ranges, independence of how a forecast is cut, errors that say where."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landda_hpc.constants import N_SNOW, N_SOIL, RHO_ICE, SOIL_DZ
from landda_hpc.errors import ModelError, ShapeError
from landda_hpc.model.column.checks import WEATHER_RANGE
from landda_hpc.model.column.initial import supercooled_limit
from landda_hpc.model.column.land.model import LandSurfaceModel
from landda_hpc.model.column.land.parameters import LandParameters
from landda_hpc.model.column.land.records import STATE as LAND_RECORD
from landda_hpc.model.column.land.work import WEIGHTS, tile_work, work_counts
from landda_hpc.model.column.records import TOTALS, new_records
from landda_hpc.model.column.tile_model import MAX_ENERGY_RESIDUAL, MAX_WATER_RESIDUAL
from landda_hpc.model.protocol import Weather
from landda_hpc.state import PatchType, TileState
from landda_hpc.variables import LAND_STATE, STATE

START = datetime(2022, 3, 1)


def parameters_of(tiles, seed: int = 0) -> LandParameters:
    """Random vegetation and soil within what classes span."""
    rng = np.random.default_rng(seed)
    n = len(tiles)

    def draw(low: float, high: float, *shape: int):
        return rng.uniform(low, high, (n, *shape))

    return LandParameters(
        solid_conductivity=draw(0.25, 6.0, N_SOIL),
        dry_conductivity=draw(0.05, 0.3, N_SOIL),
        solid_heat_capacity=draw(1.9e6, 2.6e6, N_SOIL),
        albedo_dry=draw(0.1, 0.45),
        albedo_wet=draw(0.05, 0.1),
        vegetation_fraction=tiles.vegetation_fraction,
        canopy_height=10.0 ** draw(-1.0, 1.5),
        canopy_albedo=draw(0.1, 0.25),
        stem_visible=draw(0.1, 0.6),
        stem_infrared=draw(0.3, 0.95),
        leaf_angle=draw(-0.4, 0.6),
        min_stomatal_resistance=draw(40.0, 300.0),
        radiation_half=draw(30.0, 100.0),
        leaf_width=draw(0.02, 0.08),
        lai=draw(0.0, 6.0, 12),
        sai=draw(0.0, 1.5, 12),
    )


def random_state(tiles, seed: int = 0) -> TileState:
    """Any physical state: snow of any depth, frozen or not, dry or wet."""
    rng = np.random.default_rng(seed)
    n = len(tiles)
    state = TileState.filled(n, LAND_STATE)
    mean = rng.uniform(215.0, 315.0, n)[:, None]
    state.soil("t_soisno")[:] = mean + rng.uniform(-20.0, 20.0, (n, N_SOIL))
    t_soil = state.soil("t_soisno")
    water = tiles.porsl * rng.uniform(0.0, 1.0, (n, N_SOIL))
    is_wetland = tiles.patchtype == PatchType.WETLAND
    water[is_wetland] = tiles.porsl[is_wetland]
    is_plain = np.isin(tiles.patchtype, (PatchType.GLACIER, PatchType.LAKE))
    liquid = np.minimum(water, supercooled_limit(tiles, t_soil))
    state.soil("wliq_soisno")[:] = 1000.0 * SOIL_DZ * liquid
    state.soil("wice_soisno")[:] = RHO_ICE * SOIL_DZ * np.minimum((water - liquid) / 0.917, tiles.porsl - liquid)
    frozen = tiles.patchtype == PatchType.GLACIER
    state.soil("wliq_soisno")[is_plain] = np.where(frozen[is_plain, None], 0.0, 1000.0 * SOIL_DZ)
    state.soil("wice_soisno")[is_plain] = np.where(frozen[is_plain, None], RHO_ICE * SOIL_DZ, 0.0)
    t_soil[frozen] = np.minimum(t_soil[frozen], 273.16)
    state["t_soisno"][:, :N_SNOW] = 0.0
    for i in range(n):
        layers = int(rng.integers(-1, 6))
        if layers == 0:
            state["snowdp"][i] = rng.uniform(0.0, 0.0099)
            state["scv"][i] = 100.0 * state["snowdp"][i]
        for k in range(N_SNOW - max(layers, 0), N_SNOW):
            thickness = rng.uniform(0.01, 0.5)
            density = rng.uniform(50.0, 500.0)
            wet = rng.uniform(0.0, 0.05)
            state["dz_sno"][i, k] = thickness
            state["wice_soisno"][i, k] = density * thickness
            state["wliq_soisno"][i, k] = wet * density * thickness
            state["t_soisno"][i, k] = 273.16 if wet > 0.03 else min(273.16, rng.uniform(220.0, 280.0))
            state["scv"][i] += (1.0 + wet) * density * thickness
            state["snowdp"][i] += thickness
    state["t_grnd"][:] = t_soil[:, 0]
    state["tleaf"][:] = mean[:, 0] + rng.uniform(-10.0, 10.0, n)
    state["ldew"][:] = rng.uniform(0.0, 0.6, n) * (rng.random(n) < 0.5)
    state["sag"][:] = rng.uniform(0.0, 10.0, n) * (state["scv"] > 0.0)
    state["wetwat"][is_wetland] = 100.0
    state["zwt"][:] = rng.choice([0.2, 1.0, 3.4, 3.433, 5.0, 40.0, 80.0], n)
    return state


class SteadyWeather:
    """The same weather all the time."""

    def __init__(self, weather: Weather, hours: int = 3) -> None:
        self.step = timedelta(hours=hours)
        self.wind_height = self.scalar_height = 10.0
        self.weather = weather

    def during(self, start: datetime) -> Weather:
        return self.weather


def one_weather(n: int, **values: float) -> Weather:
    usual = {
        "shortwave": 200.0, "longwave": 300.0, "air_temperature": 285.0, "specific_humidity": 0.006,
        "surface_pressure": 1.0e5, "wind_speed": 3.0, "precipitation": 0.0,
    }  # fmt: skip
    return Weather(**{name: np.full(n, value) for name, value in (usual | values).items()})


def check_ranges(state: TileState) -> None:
    for name in state.names:
        values = state.soil(name) if "soilsnow" in STATE[name].dims else state[name]
        assert np.isfinite(values).all(), name
        if name == "t_soisno" or name in ("t_grnd", "tleaf"):
            continue
        assert STATE[name].valid_min is None or (values >= STATE[name].valid_min).all(), name
        assert STATE[name].valid_max is None or (values <= STATE[name].valid_max).all(), name


def test_budgets_close_on_every_kind_of_tile_in_every_season(make_tiles, plain_weather):
    tiles = make_tiles(60, seed=3)
    weather = plain_weather(tiles)
    model = LandSurfaceModel(tiles, weather, parameters_of(tiles))
    state = random_state(tiles, 5)
    for month in (1, 4, 7, 10):
        before = state.copy()
        start = datetime(2022, month, 1)
        report = model.forecast(state, start, start + timedelta(days=3))
        assert report.max_residual <= 1e-10
        assert report.energy is not None and report.energy.max_residual <= 1e-7
        energy = report.energy
        net = energy.net_shortwave + energy.net_longwave - energy.sensible - energy.latent
        np.testing.assert_allclose(net, energy.ground, atol=1e-7)
        np.testing.assert_allclose(_water(state) - _water(before), report.storage_change, atol=1e-8)
        check_ranges(state)


def _water(state: TileState):
    layers = state["wliq_soisno"].sum(axis=1) + state["wice_soisno"].sum(axis=1)
    thin = np.where(state["dz_sno"][:, -1] > 0.0, 0.0, state["scv"])
    return layers + thin + state["ldew"] + state["wa"] + state["wetwat"]


@settings(max_examples=120, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    shortwave=st.floats(0.0, 1500.0),
    longwave=st.floats(20.0, 800.0),
    air=st.floats(170.0, 345.0),
    humidity=st.floats(0.0, 0.1),
    pressure=st.floats(3.0e4, 1.15e5),
    wind=st.floats(0.0, 100.0),
    rain=st.one_of(st.just(0.0), st.floats(0.0, 0.1)),
    timestep=st.sampled_from([300, 1800, 3600]),
)
def test_no_nan_and_closed_budgets_for_any_input_in_range(
    make_tiles, seed, shortwave, longwave, air, humidity, pressure, wind, rain, timestep
):
    tiles = make_tiles(12, seed=seed % 50)
    weather = one_weather(
        12, shortwave=shortwave, longwave=longwave, air_temperature=air, specific_humidity=humidity,
        surface_pressure=pressure, wind_speed=wind, precipitation=rain,
    )  # fmt: skip
    model = LandSurfaceModel(tiles, SteadyWeather(weather), parameters_of(tiles, seed), timestep)
    state = random_state(tiles, seed)
    report = model.forecast(state, START, START + timedelta(hours=3))
    assert report.max_residual <= MAX_WATER_RESIDUAL
    assert report.energy is not None and report.energy.max_residual <= MAX_ENERGY_RESIDUAL
    check_ranges(state)
    for f in fields(report.energy):
        assert np.isfinite(getattr(report.energy, f.name)).all()


def test_a_forecast_does_not_depend_on_how_it_is_cut(make_tiles, plain_weather):
    tiles = make_tiles(30, seed=8)
    parameters = parameters_of(tiles)
    whole, cut = random_state(tiles, 2), random_state(tiles, 2)
    end = START + timedelta(hours=18)
    LandSurfaceModel(tiles, plain_weather(tiles), parameters).forecast(whole, START, end)
    model = LandSurfaceModel(tiles, plain_weather(tiles), parameters)
    now = START
    for hours in (0.5, 4.0, 1.0, 6.5, 6.0):
        model.forecast(cut, now, now + timedelta(hours=hours))
        now += timedelta(hours=hours)
    for name in whole.names:
        np.testing.assert_array_equal(whole[name], cut[name], err_msg=name)


def test_a_tile_does_not_depend_on_the_others(make_tiles, plain_weather):
    tiles = make_tiles(40, seed=4)
    parameters = parameters_of(tiles)
    whole = random_state(tiles, 9)
    part = whole.take(slice(13, 20))
    end = START + timedelta(days=1)
    report = LandSurfaceModel(tiles, plain_weather(tiles), parameters).forecast(whole, START, end)
    some = tiles.take(slice(13, 20))
    own = LandSurfaceModel(some, plain_weather(some), parameters.take(slice(13, 20))).forecast(part, START, end)
    for name in whole.names:
        np.testing.assert_array_equal(whole[name][13:20], part[name], err_msg=name)
    assert report.work is not None and own.work is not None and np.all(own.work > 0.0)
    np.testing.assert_array_equal(report.work[13:20], own.work)


def test_work_counts_iterations_layers_and_steps():
    kinds = np.array([PatchType.SOIL, PatchType.SOIL, PatchType.GLACIER])
    totals, states = new_records(TOTALS, 3), new_records(LAND_RECORD, 3)
    totals.n_balances = 12
    plain = tile_work(kinds, 12, totals, states)
    assert plain[0] == plain[1] > plain[2] > 0.0
    assert np.array_equal(tile_work(kinds, 24, totals, states), 2.0 * plain)
    for name in ("n_leaf", "n_solves", "n_sunny", "n_balances"):
        more = totals.copy()
        more[name][1] += 5
        assert np.flatnonzero(tile_work(kinds, 12, more, states) > plain).tolist() == [1], name
    states["wice_soisno"][0, N_SNOW:] = 1.0
    states["dz_sno"][2, -2:] = 0.1
    assert np.flatnonzero(tile_work(kinds, 12, totals, states) > plain).tolist() == [0, 2]
    counts = work_counts(kinds, 12, totals, states)
    assert list(counts) == list(WEIGHTS)
    assert counts["step, soil"].tolist() == [12.0, 12.0, 0.0] and counts["snow layer, glacier"].tolist() == [0, 0, 24]


def test_short_wave_within_a_forcing_step_keeps_its_mean(make_tiles):
    tiles = make_tiles(20, only_soil=True, seed=1)
    parameters = parameters_of(tiles)
    parameters = replace(parameters, vegetation_fraction=np.zeros(20), albedo_dry=np.zeros(20), albedo_wet=np.zeros(20))
    state = random_state(tiles, 3)
    for name in ("scv", "snowdp", "sag", "ldew"):
        state[name][:] = 0.0
    for name in ("dz_sno",):
        state[name][:] = 0.0
    state["wliq_soisno"][:, :N_SNOW] = state["wice_soisno"][:, :N_SNOW] = state["t_soisno"][:, :N_SNOW] = 0.0
    weather = one_weather(20, shortwave=300.0, air_temperature=300.0, longwave=400.0)
    report = LandSurfaceModel(tiles, SteadyWeather(weather), parameters).forecast(
        state, START, START + timedelta(days=1)
    )
    assert report.energy is not None
    np.testing.assert_allclose(report.energy.net_shortwave, 300.0, rtol=1e-12)


@pytest.mark.parametrize("name", sorted(WEATHER_RANGE))
def test_weather_out_of_range_is_an_error_that_says_where(make_tiles, name):
    tiles = make_tiles(5, seed=2)
    weather = one_weather(5)
    getattr(weather, name)[3] = np.nan
    with pytest.raises(ModelError, match=rf"'{name}'.*tile 3 \(latitude .*longitude"):
        LandSurfaceModel(tiles, SteadyWeather(weather), parameters_of(tiles)).forecast(
            random_state(tiles), START, START + timedelta(hours=3)
        )


def test_states_out_of_range_or_of_other_physics_are_errors(make_tiles):
    tiles = make_tiles(5, seed=2)
    model = LandSurfaceModel(tiles, SteadyWeather(one_weather(5)), parameters_of(tiles))
    state = random_state(tiles)
    state["t_soisno"][2, N_SNOW + 3] = 400.0
    with pytest.raises(ModelError, match=r"'t_soisno' is 400 K at tile 2 .*soil layer 4"):
        model.forecast(state, START, START + timedelta(hours=3))
    with pytest.raises(ShapeError, match="soil_water"):
        names = [n for n in LAND_STATE if n not in ("sag", "fsno")]
        model.forecast(TileState.filled(5, names), START, START + timedelta(hours=3))


def test_an_analysis_changes_unfrozen_liquid_alone(make_tiles):
    """After a changed surface layer the model goes on; ice, temperature and snow were not touched."""
    from landda_hpc.image.distribute import distribute

    tiles = make_tiles(25, seed=6)
    state = random_state(tiles, 6)
    before = state.copy()
    layers = np.arange(N_SOIL) < 3
    increment = np.full((25, N_SOIL), 0.05)
    ledger = distribute(tiles, state, increment, layers)
    for name in state.names:
        if name != "wliq_soisno":
            np.testing.assert_array_equal(state[name], before[name], err_msg=name)
    frozen = before.soil("wice_soisno") > 0.01
    assert not ledger.changed[frozen].any() and ledger.changed.any()
    model = LandSurfaceModel(tiles, SteadyWeather(one_weather(25)), parameters_of(tiles))
    report = model.forecast(state, START, START + timedelta(hours=6))
    assert report.max_residual <= 1e-10
