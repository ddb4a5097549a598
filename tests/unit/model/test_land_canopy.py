"""Radiation and canopy of the land physics against closed forms and conservation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landda_hpc.constants import (
    STEFAN_BOLTZMANN,
)
from landda_hpc.model.column.land import (
    canopy,
    ground,
    radiation,
)
from landda_hpc.model.column.land import layout as a
from landda_hpc.model.column.land.plants import leaf_area
from tests.unit.model.land_columns import empty

# ------------------------------------------------------------------ radiation


@given(
    st.floats(0.0, 1.0), st.floats(0.9, 1.0), st.floats(50.0, 500.0), st.floats(220.0, 320.0), st.floats(220.0, 320.0)
)
def test_long_wave_is_shared_without_loss(absorbs, emits, sky, leaf, surface):
    _, x = empty()
    x[a.EMIS_V], x[a.EMIS_G] = absorbs, emits
    gain, below, up = radiation.longwave(sky, leaf, surface, x)
    assert gain + below + up == pytest.approx(sky, abs=1e-9)


def test_long_wave_at_one_temperature_is_that_of_a_black_body():
    _, x = empty()
    x[a.EMIS_V], x[a.EMIS_G] = 0.6, 0.95
    sky = STEFAN_BOLTZMANN * 290.0**4
    gain, below, up = radiation.longwave(sky, 290.0, 290.0, x)
    assert gain == pytest.approx(0.0, abs=1e-9) and below == pytest.approx(0.0, abs=1e-9)
    assert up == pytest.approx(sky)


def test_snow_darkens_with_age_and_soil_with_water():
    ages = [radiation.snow_albedo(age) for age in (0.0, 1.0, 5.0, 50.0)]
    assert ages[0] == pytest.approx(0.8) and ages == sorted(ages, reverse=True) and ages[-1] > 0.5
    assert radiation.soil_albedo(0.3, 0.19, 0.0) == pytest.approx(0.3)
    assert radiation.soil_albedo(0.3, 0.19, 0.4) == pytest.approx(0.19)


# ------------------------------------------------------------------ canopy


def leafy(weather_values: dict[int, float], area: float = 4.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    weather = np.zeros(a.N_WEATHER)
    weather[[a.W_AIR, a.W_HUMIDITY, a.W_PRESSURE, a.W_WIND, a.W_LONG]] = 295.0, 0.008, 1e5, 3.0, 340.0
    weather[a.W_DENSITY] = 1.18
    for k, value in weather_values.items():
        weather[k] = value
    properties = np.zeros(a.N_PROPERTY)
    values = {
        a.P_WIND_HEIGHT: 10.0, a.P_SCALAR_HEIGHT: 10.0, a.P_VEGETATION: 0.9, a.P_HEIGHT: 15.0, a.P_LEAF_WIDTH: 0.04,
        a.P_RS_MIN: 100.0, a.P_RGL: 30.0, a.P_LEAF_ALBEDO: 0.15,
    }  # fmt: skip
    for k, value in values.items():
        properties[k] = value
    _, x = empty()
    x[[a.Z0G, a.EMIS_G, a.HEAT, a.POTENTIAL, a.BTRAN, a.TLEAF, a.ALBEDO_G]] = 0.01, 0.96, 2.5104e6, 1.0, 0.8, 295.0, 0.2
    x[a.Q_G], x[a.DQ_G], x[a.RSS] = 0.010, 6e-4, 300.0
    canopy.canopy_now(area, 0.5, properties, x)
    radiation.share_sun(600.0, properties, x)
    canopy.stomata(600.0, weather, properties, x)
    return weather, properties, x


@settings(max_examples=60)
@given(
    sun=st.floats(0.0, 1000.0), wind=st.floats(0.0, 20.0), air=st.floats(240.0, 315.0), surface=st.floats(-15.0, 20.0),
    wet=st.floats(0.0, 0.4), area=st.floats(0.2, 6.0),
)  # fmt: skip
def test_fluxes_of_a_canopy_take_up_all_the_radiation(sun, wind, air, surface, wet, area):
    weather, properties, x = leafy({a.W_AIR: air, a.W_WIND: wind}, area)
    x[a.LDEW] = wet
    x[a.WET_SHARE] = canopy.wet_share(wet, x[a.LSAI])
    radiation.share_sun(sun, properties, x)
    canopy.canopy_fluxes(1800.0, air + surface, weather, properties, x)
    net = x[a.SUN_LEAF] + x[a.SUN_GROUND] + weather[a.W_LONG] - x[a.LW_UP]
    latent = 2.5104e6 * (x[a.E_GROUND] + x[a.E_LEAF] + x[a.E_ROOT])
    assert net == pytest.approx(x[a.SENSIBLE] + latent + x[a.FLUX_G], abs=1e-8)
    assert x[a.E_LEAF] * 1800.0 <= wet + 1e-12
    assert abs(x[a.TLEAF] - air) < 45.0


@given(ground=st.floats(0.05, 0.95), area=st.floats(0.0, 8.0), cover=st.floats(0.0, 1.0), leaf=st.floats(0.05, 0.5))
def test_light_is_taken_in_once_and_leaves_take_what_snow_below_them_reflects(ground, area, cover, leaf):
    _, properties, x = leafy({})
    met = 1.0 - math.exp(-0.5 * area)
    properties[a.P_VEGETATION], properties[a.P_LEAF_ALBEDO] = cover, leaf
    x[a.SUN_V], x[a.ALBEDO_G] = cover * met, ground
    radiation.share_sun(600.0, properties, x)
    # Light in gaps, on leaves, and that reaches the ground through them, one by one.
    gap = (1.0 - cover) * (1.0 - ground)
    below = cover * (1.0 - met)
    leaves = cover * met * (1.0 - leaf) + below * ground * met * (1.0 - leaf)
    assert x[a.SUN_GROUND] == pytest.approx(600.0 * (gap + below * (1.0 - ground)), abs=1e-9)
    assert x[a.SUN_LEAF] == pytest.approx(600.0 * leaves, abs=1e-9)
    assert x[a.SUN_GROUND] + x[a.SUN_LEAF] <= 600.0


def test_soil_and_snow_beside_each_other_resist_in_parallel():
    weather, properties, x = leafy({})
    properties[a.P_TORTUOSITY] = 0.02
    found = {}
    for share in (0.0, 0.4, 1.0):
        x[a.FSNO] = share
        ground.soil_humidity(280.0, -1e3, 0.1, 0.45, 0.45, 0.0175, weather, properties, x)
        found[share] = x[a.RSS]
    assert found[0.0] > 1000.0
    assert found[0.4] == pytest.approx(1.0 / (0.6 / found[0.0] + 0.4 / 1.0), rel=1e-12)
    assert found[1.0] == pytest.approx(1.0)


def test_slope_of_the_ground_flux_is_its_derivative():
    """With leaves and exchange held (they move little), the slope is what finite differences of the flux say."""
    fluxes = []
    for change in (-0.2, 0.0, 0.2):
        weather, properties, x = leafy({})
        x[a.Q_G] += 6e-4 * change
        canopy.canopy_fluxes(1800.0, 296.0 + change, weather, properties, x)
        fluxes.append(x[a.FLUX_G])
    assert x[a.D_FLUX_G] == pytest.approx((fluxes[2] - fluxes[0]) / 0.4, rel=0.15)


def test_dry_roots_and_darkness_close_stomata_and_leaves_warm_up():
    _, _, open_ = leafy({})
    weather, properties, shut = leafy({})
    shut[a.BTRAN] = 0.0
    canopy.stomata(600.0, weather, properties, shut)
    assert open_[a.STOMATA] > 0.0 and shut[a.STOMATA] == 0.0
    canopy.canopy_fluxes(1800.0, 296.0, weather, properties, open_)
    canopy.canopy_fluxes(1800.0, 296.0, weather, properties, shut)
    assert open_[a.E_ROOT] > 5e-5 and shut[a.E_ROOT] == 0.0
    assert shut[a.TLEAF] > open_[a.TLEAF]


def test_interception_holds_what_leaves_can_and_loses_nothing():
    _, _, x = leafy({})
    area, total, through = x[a.LSAI], 0.0, 0.0
    for _ in range(30):
        through += canopy.intercept(0.2, x)
        total += 0.2
    assert through + x[a.LDEW] == pytest.approx(total)
    assert x[a.LDEW] == pytest.approx(0.1 * area)
    first = 0.25 * (1.0 - math.exp(-0.5 * area)) * 0.2
    _, _, y = leafy({})
    assert 0.2 - canopy.intercept(0.2, y) == pytest.approx(first)


def test_leaves_come_with_warmth_and_where_it_is_warm_stay():
    season = 273.15 + 10.0 - 15.0 * np.cos(2.0 * np.pi * np.arange(12) / 12.0)
    area = leaf_area(np.array([1, 15]), np.array([1.0, 0.0]), np.stack([np.full(12, 299.0), season]))
    assert np.ptp(area[0]) < 1e-9 and area[0, 0] == pytest.approx(5.5)
    assert area[1].argmax() == 6 and area[1, 0] < 0.6 < 2.0 < area[1, 6]
