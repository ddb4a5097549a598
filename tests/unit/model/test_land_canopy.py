"""Radiation and canopy of the land physics against closed forms and conservation."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landda_hpc.config import TilesConfig
from landda_hpc.constants import (
    STEFAN_BOLTZMANN,
)
from landda_hpc.errors import ModelError
from landda_hpc.grid import regular_grid
from landda_hpc.model.column.hydraulics import LAYER_DZ_MM
from landda_hpc.model.column.land import (
    canopy,
    ground,
    plants,
    radiation,
)
from landda_hpc.model.column.land.parameters import ALBEDO_LIMITS, infrared_scatter, land_parameters
from landda_hpc.model.column.land.plants import leaf_area
from landda_hpc.model.column.land.records import COLUMN, Record
from landda_hpc.model.column.mosaic import build_tiles
from landda_hpc.model.column.static_fields import cell_albedo
from landda_hpc.model.column.tile_climate import tile_climate
from landda_hpc.model.forcing import load_climatology
from tests.unit.model.land_columns import empty_tile, filled, usual_weather

# ------------------------------------------------------------------ radiation


@given(
    st.floats(0.0, 1.0), st.floats(0.9, 1.0), st.floats(50.0, 500.0), st.floats(220.0, 320.0), st.floats(220.0, 320.0)
)
def test_long_wave_is_shared_without_loss(absorbs, emits, sky, leaf, surface):
    tile = empty_tile()
    tile.leaf_emissivity, tile.ground_emissivity = absorbs, emits
    gain, below, up = radiation.longwave(sky, leaf, surface, tile)
    assert gain + below + up == pytest.approx(sky, abs=1e-9)


def test_long_wave_at_one_temperature_is_that_of_a_black_body():
    tile = empty_tile()
    tile.leaf_emissivity, tile.ground_emissivity = 0.6, 0.95
    sky = STEFAN_BOLTZMANN * 290.0**4
    gain, below, up = radiation.longwave(sky, 290.0, 290.0, tile)
    assert gain == pytest.approx(0.0, abs=1e-9) and below == pytest.approx(0.0, abs=1e-9)
    assert up == pytest.approx(sky)


def test_snow_darkens_with_age_and_soil_with_water():
    ages = [sum(radiation.snow_albedo(age)) / 2.0 for age in (0.0, 1.0, 5.0, 50.0)]
    assert ages[0] == pytest.approx(0.8) and ages == sorted(ages, reverse=True) and ages[-1] > 0.5
    assert radiation.soil_albedo(0.3, 0.19, 0.0) == pytest.approx(0.3)
    assert radiation.soil_albedo(0.3, 0.19, 0.4) == pytest.approx(0.19)


# ------------------------------------------------------------------ canopy


def leafy(area: float = 4.0, **weather_values: float) -> tuple[Record, Record, Record]:
    """Weather, constants and work record of a tile with a canopy at noon."""
    values = {"temperature": 295.0, "humidity": 0.008, "wind": 3.0, "longwave": 340.0, "density": 1.18}
    weather = usual_weather(**(values | weather_values))
    column = filled(
        COLUMN, wind_height=10.0, scalar_height=10.0, vegetation=0.9, height=15.0, leaf_width=0.04,
        min_stomatal_resistance=100.0, radiation_half=30.0, leaf_scatter=0.65,
    )  # fmt: skip
    tile = empty_tile()
    tile.ground_roughness, tile.ground_emissivity, tile.latent_heat = 0.01, 0.96, 2.5104e6
    tile.vapour_factor, tile.root_stress, tile.leaf_temperature = 1.0, 0.8, 295.0
    tile.albedo_visible, tile.albedo_infrared = 0.13, 0.27
    tile.ground_humidity, tile.ground_humidity_slope, tile.dry_layer_resistance = 0.010, 6e-4, 300.0
    canopy.canopy_now(area, 0.5, column, tile)
    radiation.share_sun(600.0, column, tile)
    canopy.stomata(600.0, weather, column, tile)
    return weather, column, tile


@settings(max_examples=60)
@given(
    sun=st.floats(0.0, 1000.0), wind=st.floats(0.0, 20.0), air=st.floats(240.0, 315.0), surface=st.floats(-15.0, 20.0),
    wet=st.floats(0.0, 0.4), area=st.floats(0.2, 6.0),
)  # fmt: skip
def test_fluxes_of_a_canopy_take_up_all_the_radiation(sun, wind, air, surface, wet, area):
    weather, column, tile = leafy(area, temperature=air, wind=wind)
    tile.leaf_water = wet
    tile.wet_share = canopy.wet_share(wet, tile.plant_area)
    radiation.share_sun(sun, column, tile)
    canopy.canopy_fluxes(1800.0, air + surface, weather, column, tile)
    net = tile.sun_leaf + tile.sun_ground + weather.longwave - tile.longwave_up
    latent = 2.5104e6 * (tile.ground_evaporation + tile.leaf_evaporation + tile.transpiration)
    assert net == pytest.approx(tile.sensible + latent + tile.ground_heat, abs=1e-8)
    assert tile.leaf_evaporation * 1800.0 <= wet + 1e-12
    assert abs(tile.leaf_temperature - air) < 45.0


@given(st.floats(0.0, 0.999), st.floats(0.0, 30.0), st.floats(0.0, 30.0))
def test_two_layers_of_leaves_are_one_of_both(scatter, upper, lower):
    reflects, passes = radiation.leaf_layer(scatter, upper)
    below, through = radiation.leaf_layer(scatter, lower)
    whole = radiation.leaf_layer(scatter, upper + lower)
    back, _ = radiation.below_leaves(reflects, passes, below)
    assert back == pytest.approx(whole[0], abs=1e-12)
    assert passes * through / (1.0 - reflects * below) == pytest.approx(whole[1], abs=1e-12)
    assert 0.0 <= reflects <= scatter + 1e-12
    assert 0.0 < passes <= 1.0 + 1e-12
    assert reflects + passes <= 1.0 + 1e-12


@given(st.floats(0.0, 8.0))
def test_leaves_that_scatter_nothing_let_light_through_by_beers_law(area):
    reflects, passes = radiation.leaf_layer(0.0, area)
    assert reflects == 0.0
    assert passes == pytest.approx(math.exp(-area), rel=1e-12)


@given(st.floats(0.0, 0.9))
def test_a_dense_canopy_has_the_albedo_that_its_leaves_were_made_for(dense):
    scatter = float(radiation.scattering(np.array(dense)))
    assert radiation.leaf_layer(scatter, 200.0)[0] == pytest.approx(dense, abs=1e-6)


@given(
    visible=st.floats(0.0, 1.0), infrared=st.floats(0.0, 1.0), area=st.floats(0.0, 8.0), cover=st.floats(0.0, 1.0),
    scatter=st.floats(0.0, 0.95),
)  # fmt: skip
def test_light_is_taken_in_once(visible, infrared, area, cover, scatter):
    _, column, tile = leafy()
    column.vegetation, column.leaf_scatter = cover, scatter
    tile.albedo_visible, tile.albedo_infrared, tile.plant_area = visible, infrared, 1.0
    radiation.shade(area, column, tile)
    radiation.share_sun(600.0, column, tile)
    # Beam by beam: down through the leaves, up from the ground, back from the leaves, ...
    leaves = soil = 0.0
    for share, albedo in ((scatter, infrared), (radiation.VISIBLE_SCATTER, visible)):
        reflects, passes = radiation.leaf_layer(share, area)
        leaves += 300.0 * cover * (1.0 - reflects - passes)
        soil += 300.0 * (1.0 - cover) * (1.0 - albedo)
        down = 300.0 * cover * passes
        for _ in range(400):
            soil += down * (1.0 - albedo)
            up = down * albedo
            leaves += up * (1.0 - reflects - passes)
            down = up * reflects
    assert tile.sun_ground == pytest.approx(soil, abs=1e-6)
    assert tile.sun_leaf == pytest.approx(leaves, abs=1e-6)
    assert tile.sun_ground + tile.sun_leaf <= 600.0 * (1.0 + 1e-12)
    # No leaves, no share.
    tile.plant_area = 0.0
    radiation.share_sun(600.0, column, tile)
    assert tile.sun_leaf == 0.0
    assert tile.sun_ground == pytest.approx(300.0 * (2.0 - visible - infrared), abs=1e-9)


@pytest.mark.parametrize(
    ("plant", "area", "cover", "snow", "low", "high"),
    [
        (plants.NEEDLE_TREES, 3.5, 0.9, True, 0.13, 0.22),  # Betts and Ball (1997): 0.13 pine and spruce over snow,
        (plants.BROADLEAF_TREES, 1.6, 0.9, True, 0.19, 0.32),  # 0.21 bare aspen
        (plants.GRASS, 0.5, 0.9, True, 0.45, 0.75),
        (plants.NEEDLE_TREES, 4.5, 0.9, False, 0.08, 0.12),
        (plants.GRASS, 3.0, 1.0, False, 0.17, 0.22),
        (plants.TROPICAL_TREES, 6.5, 1.0, False, 0.11, 0.14),
    ],
)
def test_albedo_of_vegetation_is_as_measured(plant, area, cover, snow, low, high):
    _, column, tile = leafy()
    column.vegetation = cover
    column.leaf_scatter = infrared_scatter(np.array(plant.albedo))
    column.albedo_dry, column.albedo_wet = 0.2, 0.1
    tile.snow_cover, tile.snow_age = float(snow), 0.5
    radiation.soil_surface(0.2, column, tile)
    radiation.shade(area, column, tile)
    radiation.share_sun(1.0, column, tile)
    assert low < 1.0 - tile.sun_leaf - tile.sun_ground < high


def test_soil_below_leaves_leaves_the_climatology_its_albedo():
    grid = regular_grid(32, 64)
    tiles = build_tiles(grid, TilesConfig())
    parameters = land_parameters(tiles, grid, tile_climate(tiles, load_climatology(grid)))
    soil = parameters.albedo_dry - 0.03
    area = (parameters.lai + parameters.sai).mean(axis=1)
    cover = parameters.vegetation_fraction
    scatter = infrared_scatter(parameters.canopy_albedo)
    total = np.array([radiation.albedo_with_leaves(*values) for values in zip(soil, cover, area, scatter, strict=True)])
    low, high = ALBEDO_LIMITS
    free = (parameters.albedo_dry > low) & (parameters.albedo_dry < high) & ~np.isclose(soil, 0.16) & tiles.is_updatable
    assert free.sum() > 0.3 * tiles.is_updatable.sum()
    np.testing.assert_allclose(total[free], cell_albedo(grid)[tiles.cell][free], atol=1e-8)


def test_a_canopy_albedo_that_no_leaves_have_is_refused():
    grid = regular_grid(8, 16)
    tiles = build_tiles(grid, TilesConfig())
    parameters = land_parameters(tiles, grid, tile_climate(tiles, load_climatology(grid)))
    with pytest.raises(ModelError, match=r"'canopy_albedo' has values outside \[0.03, 0.5\]"):
        replace(parameters, canopy_albedo=np.full(len(tiles), 0.6))


def test_soil_and_snow_beside_each_other_resist_in_parallel():
    weather, column, tile = leafy()
    column.soil.porosity, column.soil.tortuosity = 0.45, 0.02
    tile.water.psi[0], tile.water.theta[0], tile.water.most[0] = -1e3, 0.1, 0.45 * LAYER_DZ_MM[0]
    found = {}
    for share in (0.0, 0.4, 1.0):
        tile.snow_cover = share
        ground.soil_humidity(280.0, weather, column, tile)
        found[share] = tile.dry_layer_resistance
    assert found[0.0] > 1000.0
    assert found[0.4] == pytest.approx(1.0 / (0.6 / found[0.0] + 0.4 / 1.0), rel=1e-12)
    assert found[1.0] == pytest.approx(1.0)


def test_slope_of_the_ground_flux_is_its_derivative():
    """With leaves and exchange held (they move little), the slope is what finite differences of the flux say."""
    fluxes = []
    for change in (-0.2, 0.0, 0.2):
        weather, column, tile = leafy()
        tile.ground_humidity += 6e-4 * change
        canopy.canopy_fluxes(1800.0, 296.0 + change, weather, column, tile)
        fluxes.append(tile.ground_heat)
    assert tile.ground_heat_slope == pytest.approx((fluxes[2] - fluxes[0]) / 0.4, rel=0.15)


def test_dry_roots_and_darkness_close_stomata_and_leaves_warm_up():
    _, _, open_ = leafy()
    weather, column, shut = leafy()
    shut.root_stress = 0.0
    canopy.stomata(600.0, weather, column, shut)
    assert open_.stomatal_resistance > 0.0 and shut.stomatal_resistance == 0.0
    canopy.canopy_fluxes(1800.0, 296.0, weather, column, open_)
    canopy.canopy_fluxes(1800.0, 296.0, weather, column, shut)
    assert open_.transpiration > 5e-5 and shut.transpiration == 0.0
    assert shut.leaf_temperature > open_.leaf_temperature


def test_interception_holds_what_leaves_can_and_loses_nothing():
    _, _, tile = leafy()
    area, total, through = tile.plant_area, 0.0, 0.0
    for _ in range(30):
        through += canopy.intercept(0.2, tile)
        total += 0.2
    assert through + tile.leaf_water == pytest.approx(total)
    assert tile.leaf_water == pytest.approx(0.1 * area)
    first = 0.25 * (1.0 - math.exp(-0.5 * area)) * 0.2
    _, _, other = leafy()
    assert 0.2 - canopy.intercept(0.2, other) == pytest.approx(first)


def test_leaves_come_with_warmth_and_where_it_is_warm_stay():
    season = 273.15 + 10.0 - 15.0 * np.cos(2.0 * np.pi * np.arange(12) / 12.0)
    area = leaf_area(np.array([1, 15]), np.array([1.0, 0.0]), np.stack([np.full(12, 299.0), season]))
    assert np.ptp(area[0]) < 1e-9 and area[0, 0] == pytest.approx(5.5)
    assert area[1].argmax() == 6 and area[1, 0] < 0.6 < 2.0 < area[1, 6]
