"""Parts of the land physics against closed forms, independent solutions and conservation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import erf, erfc

from landda_hpc.constants import (
    HEAT_ICE,
    HEAT_WATER,
    LATENT_HEAT_FUSION,
    N_SNOW,
    N_SOIL,
    SOIL_DZ,
    SOIL_Z,
    SOIL_ZI,
    T_FREEZE,
)
from landda_hpc.model.column.hydraulics import LAYER_DZ_MM, supercooled
from landda_hpc.model.column.land import (
    ground,
    groundwater,
    heat,
    humidity,
    snow,
    soil_water,
    turbulence,
)
from landda_hpc.model.column.land.records import COLUMN, FORCING, N_SLOT, new_records
from landda_hpc.model.column.land.step import clear
from landda_hpc.model.column.land.weather import pack_weather
from tests.unit.model.land_columns import empty_tile, filled, soil_columns, usual_weather

# ------------------------------------------------------------------ air


@given(st.floats(210.0, 330.0), st.floats(5e4, 1.1e5))
def test_slope_of_saturation_is_its_derivative(temperature, pressure):
    value, slope = humidity.saturation(temperature, pressure)
    if abs(temperature - T_FREEZE) < 0.02:
        return
    up, _ = humidity.saturation(temperature + 0.01, pressure)
    down, _ = humidity.saturation(temperature - 0.01, pressure)
    if max(up, value) < 0.4:
        assert slope == pytest.approx((up - down) / 0.02, rel=1e-4)
    assert 0.0 < value < 1.0


def test_saturation_over_water_and_ice_at_known_temperatures():
    # 20 degC: 2339 Pa; -20 degC over ice: 103.2 Pa (WMO tables).
    for celsius, vapour in ((20.0, 2339.0), (-20.0, 103.2)):
        expected = 0.622 * vapour / (1e5 - 0.378 * vapour)
        assert humidity.saturation(273.15 + celsius, 1e5)[0] == pytest.approx(expected, rel=2e-3)


@given(st.floats(-20.0, 1.9))
def test_stability_functions_are_integrals_of_the_profiles(zeta):
    if min(abs(zeta), abs(zeta - 1.0)) < 0.01:
        return
    h = 1e-5
    for psi, unstable in ((turbulence.momentum_change, -0.25), (turbulence.heat_change, -0.5)):
        phi = 1.0 - zeta * (psi(zeta + h, 0.0) - psi(zeta - h, 0.0)) / (2.0 * h)
        expected = (1.0 - 16.0 * zeta) ** unstable if zeta < 0 else 1.0 + 5.0 * zeta if zeta <= 1.0 else 5.0 + zeta
        assert phi == pytest.approx(expected, rel=1e-5)


def test_neutral_exchange_is_the_logarithmic_law():
    z0m, z0h, height = 0.05, 0.01, 12.0
    friction, resistance = turbulence.exchange(
        1e-9, height, height, math.log(height / z0m), math.log(height / z0h), z0m, z0h, 5.0
    )
    assert friction == pytest.approx(0.4 * 5.0 / math.log(height / z0m), rel=1e-6)
    assert resistance == pytest.approx(math.log(height / z0h) / (0.4 * friction), rel=1e-6)


def converged_exchange(zeta: float, difference: float, virtual: float) -> tuple[float, float]:
    """The zeta that a given one implies, and the resistance, with wind and roughness for heat fully converged."""
    wind, log = 4.0, math.log(1000.0)
    implied = resistance = math.nan
    for _ in range(200):
        friction = 0.4 * wind / (log - turbulence.momentum_change(zeta, zeta * 1e-3))
        excess = 0.13 * (friction * 0.01 / 1.5e-5) ** 0.45
        change = turbulence.heat_change(zeta, zeta * 1e-3 * math.exp(-excess))
        resistance = (log + excess - change) / (0.4 * friction)
        scale = difference / (resistance * friction)
        wind = math.hypot(4.0, max(0.0, -9.80616 * friction * scale * 1000.0 / virtual) ** (1 / 3))
        implied = 10.0 * 0.4 * 9.80616 * scale / (friction**2 * virtual)
    return implied, resistance


@pytest.mark.parametrize("surface", [280.0, 287.0, 292.0, 300.0, 315.0])
def test_fluxes_over_bare_ground_agree_with_an_independent_solution(surface):
    """Solve the Monin-Obukhov relations by a root finder and compare sensible and latent heat."""
    weather = usual_weather()
    column = filled(COLUMN, wind_height=10.0, scalar_height=10.0)
    tile = empty_tile()
    tile.ground_roughness, tile.ground_emissivity, tile.ground_humidity = 0.01, 1.0, 0.009
    tile.latent_heat, tile.vapour_factor = 2.5e6, 1.0
    ground.bare_fluxes(surface, weather, column, tile)
    potential = 290.0 + 0.0098 * 10.0
    virtual = potential * (1.0 + 0.61 * 0.006)
    difference = (potential - surface) * (1.0 + 0.61 * 0.006) + 0.61 * potential * (0.006 - 0.009)

    def mismatch(zeta: float) -> float:
        return converged_exchange(zeta, difference, virtual)[0] - zeta

    low, high = (-100.0, -1e-3) if difference < 0 else (1e-3, 2.0)
    zeta = brentq(mismatch, low, high) if mismatch(low) * mismatch(high) < 0 else high
    _, resistance = converged_exchange(zeta, difference, virtual)
    assert tile.sensible == pytest.approx(1.2 * 1004.64 * (surface - potential) / resistance, rel=0.03, abs=0.3)
    assert tile.ground_evaporation == pytest.approx(1.2 * 0.003 / resistance, rel=0.03)


# ------------------------------------------------------------------ heat


def heat_column(conductivity: float, capacity: float, temperature: float) -> np.ndarray:
    tile = empty_tile()
    tile.temperature[N_SNOW:] = temperature
    tile.heat_capacity[N_SNOW:] = capacity * SOIL_DZ
    for k in range(N_SNOW, N_SLOT - 1):
        tile.conductance[k] = conductivity / (SOIL_Z[k - N_SNOW + 1] - SOIL_Z[k - N_SNOW])
    return tile


def test_diffusion_conserves_heat_and_agrees_with_a_dense_solution():
    tile = heat_column(1.5, 2.0e6, 280.0)
    tile.temperature[N_SNOW:] += np.linspace(5.0, -3.0, N_SOIL)
    step, flux, slope = 1800.0, 120.0, -15.0
    heat.diffuse(N_SNOW, step, flux, slope, tile)
    old, new = tile.temperature[N_SNOW:], tile.new_temperature[N_SNOW:]
    matrix = np.zeros((N_SOIL, N_SOIL))
    for j in range(N_SOIL - 1):
        g = tile.conductance[N_SNOW + j]
        matrix[j : j + 2, j : j + 2] += g * np.array([[-1.0, 1.0], [1.0, -1.0]])
    capacity = np.diag(tile.heat_capacity[N_SNOW:])
    top = np.zeros((N_SOIL, N_SOIL))
    top[0, 0] = slope
    source = np.zeros(N_SOIL)
    source[0] = flux - slope * old[0]
    expected = np.linalg.solve(capacity / step - 0.5 * matrix - top, (capacity / step + 0.5 * matrix) @ old + source)
    np.testing.assert_allclose(new, expected, rtol=1e-12)
    stored = (tile.heat_capacity[N_SNOW:] * (new - old)).sum()
    assert stored == pytest.approx(step * (flux + slope * (new[0] - old[0])), rel=1e-9)


def test_diffusion_follows_the_step_response_of_a_half_space():
    """A surface held 10 K warmer: T = T0 + 10 erfc(z / 2 sqrt(kappa t))."""
    conductivity, capacity = 1.2, 2.4e6
    tile = heat_column(conductivity, capacity, 280.0)
    slope = -conductivity / SOIL_Z[0]
    n, step = 48 * 5, 1800.0
    for _ in range(n):
        heat.diffuse(N_SNOW, step, slope * (tile.temperature[N_SNOW] - 290.0), slope, tile)
        tile.temperature = tile.new_temperature
    expected = 280.0 + 10.0 * erfc(SOIL_Z / (2.0 * math.sqrt(conductivity / capacity * n * step)))
    np.testing.assert_allclose(tile.temperature[N_SNOW:], expected, atol=0.25)


@pytest.mark.parametrize(("conductivity", "capacity"), [(0.25, 1.3e6), (0.6, 1.6e6), (1.2, 2.4e6)])
def test_the_surface_follows_a_daily_flux_as_that_of_a_half_space(conductivity, capacity):
    """F sin(w t) gives F / sqrt(w k c) sin(w t - pi / 4); a whole top layer would be 10 % and 20 minutes off."""
    tile = heat_column(conductivity, capacity, 280.0)
    tile.thickness[N_SNOW:] = SOIL_DZ
    tile.conductivity[N_SNOW:] = conductivity
    flux, frequency, step, n = 100.0, 2.0 * math.pi / 86400.0, 1800.0, 48
    surface = np.zeros(30 * n)
    for k in range(surface.size):
        tile.heat_capacity[N_SNOW] = capacity * SOIL_DZ[0]
        heat.conductances(N_SNOW, False, tile)
        heat.diffuse(N_SNOW, step, flux * math.sin(frequency * (k + 0.5) * step), 0.0, tile)
        tile.temperature = tile.new_temperature
        surface[k] = tile.temperature[N_SNOW]
    time = step * np.arange(29 * n + 1, 30 * n + 1)
    wave = 2.0 / n * np.sum(surface[-n:] * np.exp(-1j * frequency * time))
    assert abs(wave) == pytest.approx(flux / math.sqrt(frequency * conductivity * capacity), rel=0.01)
    assert np.angle(wave) == pytest.approx(-0.75 * math.pi, abs=2.0 * math.pi / 24.0 / 20.0)


def test_thin_snow_warms_with_the_thin_top_of_the_soil_and_stirred_water_as_a_whole():
    tile = heat_column(1.0, 2.0e6, 270.0)
    tile.conductivity[N_SNOW:] = 1.0
    tile.snow_mass, whole = 0.5, tile.heat_capacity[N_SNOW]
    heat.conductances(N_SNOW, False, tile)
    assert tile.heat_capacity[N_SNOW] == pytest.approx(0.474 * (whole + 0.5 * HEAT_ICE), rel=1e-3)
    tile.heat_capacity[N_SNOW], tile.snow_mass = whole, 0.0
    heat.conductances(N_SNOW, True, tile)
    assert tile.heat_capacity[N_SNOW] == whole


def test_freezing_front_follows_neumanns_solution(make_tiles):
    """Water layers cooled from above: front at 2 lambda sqrt(kappa t) of the two-phase Stefan problem."""
    tile = empty_tile()
    ice_k, water_k = 2.29, 0.57
    ice_c, water_c = 917.0 * HEAT_ICE, 1000.0 * HEAT_WATER
    start, cold = T_FREEZE + 2.0, T_FREEZE - 10.0
    tile.temperature[N_SNOW:] = start
    tile.liquid[N_SNOW:] = 1000.0 * SOIL_DZ
    tile.thickness[N_SNOW:] = SOIL_DZ
    tiles = make_tiles(1, only_soil=True)
    columns = soil_columns(tiles)
    step, n = 1800.0, 48 * 40
    for _ in range(n):
        heat.water_thermal(False, tile)
        heat.conductances(N_SNOW, False, tile)
        tile.heat_capacity[N_SNOW] = HEAT_WATER * tile.liquid[N_SNOW] + HEAT_ICE * tile.ice[N_SNOW]
        slope = -tile.conductivity[N_SNOW] / SOIL_Z[0]
        heat.diffuse(N_SNOW, step, slope * (tile.temperature[N_SNOW] - cold), slope, tile)
        heat.change_phase(N_SNOW, step, slope, False, columns[0], tile)
    frozen = tile.ice[N_SNOW:].sum() / 1000.0  # m of water
    # The column keeps its thickness, so ice takes water's volume: its capacity and heat are per volume of water.
    ice_c = 1000.0 * HEAT_ICE
    kappa_i, kappa_w = ice_k / ice_c, water_k / water_c

    def neumann(lam: float) -> float:
        ratio = math.sqrt(kappa_i / kappa_w)
        left = ice_c * 10.0 * math.exp(-(lam**2)) / erf(lam)
        right = ratio * water_k / ice_k * ice_c * 2.0 * math.exp(-((lam * ratio) ** 2)) / erfc(lam * ratio)
        return left - right - math.sqrt(math.pi) * lam * LATENT_HEAT_FUSION * 1000.0

    lam = brentq(neumann, 1e-4, 2.0)
    expected = 2.0 * lam * math.sqrt(kappa_i * n * step)
    # Layers at the front are 0.3 to 0.5 m thick, each at freezing point until it is through: 12 % behind.
    assert frozen == pytest.approx(expected, rel=0.15)


@settings(max_examples=80)
@given(st.integers(0, 10**6))
def test_change_of_phase_moves_water_and_heat_without_loss(make_tiles, seed):
    rng = np.random.default_rng(seed)
    tiles = make_tiles(1, only_soil=True, seed=seed % 20)
    columns = soil_columns(tiles)
    tile = empty_tile()
    tile.thickness[N_SNOW:] = SOIL_DZ
    tile.liquid[N_SNOW:] = rng.uniform(0.0, 0.4, N_SOIL) * LAYER_DZ_MM
    tile.ice[N_SNOW:] = rng.uniform(0.0, 0.3, N_SOIL) * LAYER_DZ_MM * (rng.random(N_SOIL) < 0.7)
    tile.heat_capacity[N_SNOW:] = 2.0e6 * SOIL_DZ
    tile.new_temperature[N_SNOW:] = T_FREEZE + rng.uniform(-8.0, 8.0, N_SOIL)
    tile.snow_mass, tile.snow_depth = rng.uniform(0.0, 1.0), 0.005
    slope, step = -rng.uniform(0.0, 30.0), 1800.0
    capacity = tile.heat_capacity[N_SNOW:].copy()
    capacity[0] -= step * slope
    before = tile.liquid.sum() + tile.ice.sum() + tile.snow_mass
    heat.change_phase(N_SNOW, step, slope, True, columns[0], tile)
    thawed = tile.amounts.thawed
    assert tile.liquid.sum() + tile.ice.sum() + tile.snow_mass + thawed == pytest.approx(before, rel=1e-13)
    gained = (capacity * (tile.temperature[N_SNOW:] - tile.new_temperature[N_SNOW:])).sum()
    assert gained == pytest.approx(-LATENT_HEAT_FUSION * tile.melt, rel=1e-9, abs=1e-3)
    # Nothing is both well above freezing point and icy; below it, liquid beyond the supercooled limit is at it.
    assert not ((tile.temperature[N_SNOW:] > T_FREEZE + 1e-9) & (tile.ice[N_SNOW:] > 1e-9)).any()


def test_supercooled_limit_is_campbells_curve_at_the_freezing_suction():
    psi = 1e3 * LATENT_HEAT_FUSION / 9.80616 * 2.0 / (T_FREEZE - 2.0)
    assert supercooled(T_FREEZE - 2.0, math.log(200.0), 6.0, 100.0) == pytest.approx(100.0 * (psi / 200.0) ** (-1 / 6))
    assert supercooled(T_FREEZE, math.log(200.0), 6.0, 100.0) == 100.0


# ------------------------------------------------------------------ snow


@settings(max_examples=100)
@given(st.integers(0, 10**6))
def test_layers_of_snow_are_joined_and_split_without_loss(seed):
    rng = np.random.default_rng(seed)
    tile = empty_tile()
    top = int(rng.integers(0, N_SNOW))
    for k in range(top, N_SNOW):
        tile.thickness[k] = 10.0 ** rng.uniform(-2.5, 0.0)
        tile.ice[k] = rng.uniform(50.0, 500.0) * tile.thickness[k] * (rng.random() < 0.9)
        tile.liquid[k] = rng.uniform(0.0, 0.2) * 100.0 * tile.thickness[k]
        tile.temperature[k] = rng.uniform(240.0, T_FREEZE)

    def mass_and_heat(first: int) -> tuple[float, float]:
        capacity = HEAT_ICE * tile.ice[first:N_SNOW] + HEAT_WATER * tile.liquid[first:N_SNOW]
        return float((tile.ice + tile.liquid)[first:N_SNOW].sum()), float(
            (capacity * tile.temperature[first:N_SNOW]).sum()
        )

    mass, warmth = mass_and_heat(top)
    depth = tile.thickness[top:N_SNOW].sum()
    top, left = snow.combine(top, tile)
    if top < N_SNOW:
        top = snow.divide(top, tile)
        new_mass, new_warmth = mass_and_heat(top)
        assert new_mass == pytest.approx(mass) and new_warmth == pytest.approx(warmth) and left == 0.0
        assert tile.thickness[top:N_SNOW].sum() == pytest.approx(depth) == tile.snow_depth
        assert tile.snow_mass == pytest.approx(mass)
        assert (tile.thickness[top:N_SNOW] > 0.0).all() and (tile.ice[top:N_SNOW] > 0.0).all()
    else:
        assert tile.snow_mass + left == pytest.approx(mass)
    assert not any(rows[:top].any() for rows in (tile.liquid, tile.ice, tile.thickness))


def test_snow_gets_a_layer_at_one_centimetre_and_up_to_five():
    tile = empty_tile()
    top, seen = N_SNOW, set()
    for _ in range(400):
        top = snow.fall(top, 1.0, 265.0, tile)
        for k in range(top, N_SNOW):
            tile.temperature[k] = 265.0
        snow.compact(top, 1800.0, tile)
        top, left = snow.combine(top, tile)
        assert left == 0.0
        top = snow.divide(top, tile)
        seen.add(N_SNOW - top)
    assert seen == {1, 2, 3, 4, 5}
    assert tile.snow_mass == pytest.approx(400.0)
    density = tile.snow_mass / tile.snow_depth
    assert 150.0 < density < 500.0
    assert (np.diff(tile.ice[:N_SNOW] / tile.thickness[:N_SNOW]) > 0.0).all()  # denser below


def test_water_runs_through_snow_down_to_what_its_pores_hold():
    tile = empty_tile()
    top = 2
    tile.thickness[top:N_SNOW], tile.ice[top:N_SNOW], tile.temperature[top:N_SNOW] = 0.1, 30.0, T_FREEZE
    tile.liquid[top] = 40.0
    arrived, before = 0.0, tile.liquid.sum()
    for _ in range(10):
        arrived += snow.percolate(top, tile)
    pores = 1.0 - 30.0 / (0.1 * 917.0)
    np.testing.assert_allclose(tile.liquid[top:N_SNOW], 0.033 * pores * 100.0)
    assert arrived + tile.liquid.sum() == pytest.approx(before)


def test_precipitation_turns_to_snow_as_the_air_cools():
    """Shares of rain after Jordan (1991): 0.2 a kelvin to 0.4, all of it from 2.5 K on."""
    n = 7
    air = T_FREEZE + np.array([-5.0, 0.0, 1.0, 2.0, 2.4, 2.6, 10.0])
    packed = new_records(FORCING, n)
    same = np.ones(n)
    pack_weather(same, same, air, 0.01 * same, 1e5 * same, same, 1e-4 * same, 2.0 * same, packed)
    np.testing.assert_allclose(packed.snow, 2e-4 * np.array([1, 1, 0.8, 0.6, 0.6, 0, 0]), atol=1e-18)
    np.testing.assert_allclose(packed.rain + packed.snow, 2e-4)


# ------------------------------------------------------------------ ground water


def test_the_table_moves_by_recharge_less_baseflow_over_the_specific_yield(make_tiles):
    tiles = make_tiles(40, only_soil=True, seed=9)
    columns = soil_columns(tiles)
    for i in range(40):
        for table in (0.3, 2.0, 3.6, 8.0, 40.0):
            tile = empty_tile()
            tile.water_table, tile.aquifer = table, 4800.0
            flow = groundwater.move_table(1800.0, 0.5, columns[i], tile)
            assert flow == pytest.approx(1800.0 * 5.5e-3 * math.exp(-2.5 * table) * (table < 12.0))
            assert tile.aquifer == pytest.approx(4800.0 + 0.5 - flow)
            j = min(int(np.searchsorted(SOIL_ZI, table)) - 1, N_SOIL - 1)
            share = (1.0 - 1e3 * table / tiles.psi0[i, j]) ** (-1.0 / tiles.bsw[i, j])
            expected = table - (0.5 - flow) / 1000.0 / max(0.02, tiles.porsl[i, j] * (1.0 - share))
            assert tile.water_table == pytest.approx(max(0.0, expected))


def test_ice_seals_baseflow_by_the_mean_from_the_table_down(make_tiles):
    """Closed form for ice in half of the pores; nothing without ice; all of it where the pores are full."""
    tiles = make_tiles(3, only_soil=True, seed=10)
    columns = soil_columns(tiles)
    half = (math.exp(-1.5) - math.exp(-3.0)) / (1.0 - math.exp(-3.0))
    for i in range(3):
        for table in (0.5, 2.0, 3.3, 9.0):
            j = groundwater.layer_of(table)
            found = []
            for share in (0.0, 0.5, 1.0):
                tile = empty_tile()
                tile.ice[N_SNOW:] = share * tiles.porsl[i] * LAYER_DZ_MM * 0.917
                found.append(groundwater.sealed_by_ice(table, j, columns[i], tile))
            np.testing.assert_allclose(found, [0.0, half, 1.0], rtol=1e-12)
        # What freezes above the table does not count, but for the layer next to it.
        tile = empty_tile()
        tile.ice[N_SNOW : N_SNOW + 5] = 0.8 * tiles.porsl[i, :5] * LAYER_DZ_MM[:5]
        assert groundwater.sealed_by_ice(2.0, groundwater.layer_of(2.0), columns[i], tile) == 0.0


def test_in_a_steady_climate_the_table_settles_where_baseflow_carries_what_infiltrates(make_tiles):
    tiles = make_tiles(3, only_soil=True, seed=12)
    columns = soil_columns(tiles)
    rain = 2.0 / 86400.0
    for i in range(3):
        tile = empty_tile()
        tile.water_table, tile.aquifer = 5.0, 4800.0
        tile.temperature[N_SNOW:] = 285.0
        tile.liquid[N_SNOW:] = 0.6 * tiles.porsl[i] * LAYER_DZ_MM
        flows, infiltrated = [], []
        for _ in range(3 * 4 * 365):
            clear(tile.amounts)
            tile.amounts.water_in = rain * 21600.0
            before = tile.liquid.sum() + tile.aquifer
            soil_water.load_soil(columns[i], tile)
            soil_water.move_water(21600.0, columns[i], tile)
            flows.append(tile.amounts.drainage)
            infiltrated.append(tile.amounts.water_in - tile.amounts.runoff)
            after = tile.liquid.sum() + tile.aquifer
            assert after - before == pytest.approx(infiltrated[-1] - flows[-1], abs=1e-9)
        assert np.mean(flows[-400:]) == pytest.approx(np.mean(infiltrated[-400:]), rel=0.02)
        expected = math.log(5.5e-3 / (np.mean(flows[-400:]) / 21600.0)) / 2.5
        assert tile.water_table == pytest.approx(expected, abs=0.02)
