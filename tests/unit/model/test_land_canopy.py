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
    ZERO_CELSIUS,
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
from landda_hpc.model.column.land.parameters import ALBEDO_LIMITS, infrared_scatter, land_cover, land_parameters
from landda_hpc.model.column.land.plants import leaf_area
from landda_hpc.model.column.land.records import COLUMN, Record
from landda_hpc.model.column.mosaic import build_tiles
from landda_hpc.model.column.static_fields import cell_albedo, cell_cover
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


def test_a_low_sun_brightens_snow_and_water_and_leaves_soil_alone():
    _, column, tile = leafy()
    column.albedo_dry, column.albedo_wet = 0.3, 0.2
    found = {}
    for height in (0.1, 0.5, 0.9):
        tile.sun_height, tile.snow_cover = height, 0.0
        radiation.soil_surface(0.1, column, tile)
        assert (tile.beam_visible, tile.beam_infrared) == (tile.albedo_visible, tile.albedo_infrared)
        radiation.water_surface(False, False, tile)
        assert tile.beam_visible == pytest.approx(0.05 / (height + 0.15))
        tile.snow_cover = 1.0
        radiation.soil_surface(0.1, column, tile)
        found[height] = (tile.beam_visible, tile.beam_infrared)
        assert (tile.albedo_visible, tile.albedo_infrared) == pytest.approx(radiation.snow_albedo(0.0))
    assert found[0.5] == found[0.9] == pytest.approx(radiation.snow_albedo(0.0))
    # Dickinson et al. (1993): 0.4 f(mu) (1 - albedo) with f = (1.5 / (1 + 4 mu) - 0.5).
    assert found[0.1] == pytest.approx([a + 0.4 * (1.5 / 1.4 - 0.5) * (1.0 - a) for a in (0.95, 0.65)])


def test_the_split_of_light_runs_from_an_overcast_to_a_clear_sky():
    assert radiation.split_light(0.0, 0.8) == pytest.approx((0.0, 116.0 / 197.0))
    beam, visible = radiation.split_light(1160.0 * 0.8, 0.8)
    assert beam == pytest.approx(0.9317 - 0.0604 / 0.7777) and visible == pytest.approx(0.5)
    assert radiation.split_light(200.0, 0.5 * radiation.LOWEST_SUN)[0] == pytest.approx(0.0, abs=1e-12)


@given(st.floats(0.0, 1500.0), st.floats(0.0, 1.0))
def test_the_split_of_light_is_one_of_fractions(sun, height):
    beam, visible = radiation.split_light(sun, height)
    assert 0.0 <= beam < 0.94 and 0.49 < visible < 0.6


def test_snow_darkens_with_age_and_soil_with_water():
    ages = [sum(radiation.snow_albedo(age)) / 2.0 for age in (0.0, 1.0, 5.0, 50.0)]
    assert ages[0] == pytest.approx(0.8) and ages == sorted(ages, reverse=True) and ages[-1] > 0.5
    assert radiation.soil_albedo(0.3, 0.19, 0.0) == pytest.approx(0.3)
    assert radiation.soil_albedo(0.3, 0.19, 0.4) == pytest.approx(0.19)


# ------------------------------------------------------------------ canopy


def incline(angle: float, column: Record) -> None:
    column.leaf_phi1, column.leaf_phi2, column.leaf_path = radiation.projection(angle)


def beam_through(scatter: float, depth: float, height: float, column: Record) -> tuple[float, ...]:
    """Fractions of a beam that leaves scatter up, scatter down and do not hit; their diffuse reflection, passage."""
    steepness, upward = radiation.crossing(height, column)
    gaps = math.exp(-steepness * depth)
    diffuse = radiation.leaf_layer(scatter, depth)
    return (*radiation.beam_layer(scatter, depth, steepness, upward, gaps, *diffuse), gaps, *diffuse)


def leafy(area: float = 4.0, **weather_values: float) -> tuple[Record, Record, Record]:
    """Weather, constants and work record of a tile with a canopy at noon."""
    values = {"temperature": 295.0, "humidity": 0.008, "wind": 3.0, "longwave": 340.0, "density": 1.18}
    weather = usual_weather(**(values | weather_values))
    column = filled(
        COLUMN, wind_height=10.0, scalar_height=10.0, vegetation=0.9, height=15.0, leaf_width=0.04,
        min_stomatal_resistance=100.0, radiation_half=30.0, leaf_scatter=0.65, stem_visible=0.16, stem_infrared=0.39,
    )  # fmt: skip
    incline(0.0, column)
    tile = empty_tile()
    tile.sun_height = 0.8
    tile.ground_roughness, tile.ground_emissivity, tile.latent_heat = 0.01, 0.96, 2.5104e6
    tile.vapour_factor, tile.root_stress, tile.leaf_temperature = 1.0, 0.8, 295.0
    tile.albedo_visible, tile.albedo_infrared = 0.13, 0.27
    tile.beam_visible, tile.beam_infrared = 0.13, 0.27
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
    back, _ = radiation.below_leaves(0.0, 0.0, 0.0, 0.0, reflects, passes, 0.0, below)
    assert back == pytest.approx(whole[0], abs=1e-12)
    assert passes * through / (1.0 - reflects * below) == pytest.approx(whole[1], abs=1e-12)
    assert 0.0 <= reflects <= scatter + 1e-12
    assert 0.0 < passes <= 1.0 + 1e-12
    assert reflects + passes <= 1.0 + 1e-12


ANGLES = st.floats(-0.4, 0.6)
HEIGHTS = st.floats(radiation.LOWEST_SUN, 1.0)


@given(st.floats(0.0, 0.97), st.floats(0.0, 8.0), st.floats(0.0, 8.0), HEIGHTS, ANGLES)
def test_a_beam_through_two_layers_of_leaves_is_as_through_one_of_both(scatter, upper, lower, height, angle):
    column = filled(COLUMN)
    incline(angle, column)
    up, down, gaps, reflects, passes = beam_through(scatter, upper, height, column)
    up_low, down_low, _, reflects_low, passes_low = beam_through(scatter, lower, height, column)
    whole = beam_through(scatter, upper + lower, height, column)
    back, _ = radiation.below_leaves(1.0, up, down, gaps, reflects, passes, up_low, reflects_low)
    arrives = (down + reflects * gaps * up_low) / (1.0 - reflects * reflects_low)
    close = {"abs": 1e-4}  # at the resonance; 1e-9 elsewhere
    assert back == pytest.approx(whole[0], **close)
    assert gaps * down_low + arrives * passes_low == pytest.approx(whole[1], **close)
    assert min(up, down) >= -1e-4 and up + down + gaps <= 1.0 + 1e-4


@pytest.mark.parametrize("offset", [0.0, 1e-9, -4e-6, 1e-5])
def test_a_beam_that_fades_like_diffuse_light_is_as_its_neighbours(offset):
    rate = math.sqrt((1.0 - 0.46 * 0.3) ** 2 - (0.54 * 0.3) ** 2)
    diffuse = radiation.leaf_layer(0.3, 2.0)

    def scattered(steepness: float) -> np.ndarray:
        return np.array(radiation.beam_layer(0.3, 2.0, steepness, 0.2, math.exp(-2.0 * steepness), *diffuse))

    between = 0.5 * (scattered(rate - 0.01) + scattered(rate + 0.01))
    np.testing.assert_allclose(scattered(rate + offset), between, atol=1e-4)


@given(st.floats(0.05, 0.97), HEIGHTS, ANGLES)
def test_a_thin_layer_scatters_once(scatter, height, angle):
    """Sellers (1985): G / mu of the beam is intercepted per area; the upward fraction is an integral over angles."""
    column = filled(COLUMN)
    incline(angle, column)
    mu = (np.arange(20000) + 0.5) / 20000

    def area(x: float | np.ndarray) -> float | np.ndarray:
        return column.leaf_phi1 + column.leaf_phi2 * x

    ahead = mu * area(height)
    upward = 0.5 * np.mean(ahead / (ahead + height * area(mu)))
    assert column.leaf_path == pytest.approx(np.mean(mu / area(mu)), rel=1e-3)
    steepness, got = radiation.crossing(height, column)
    assert got == pytest.approx(upward, rel=1e-3)
    assert steepness == pytest.approx(column.leaf_path * area(height) / height)
    thin = 1e-7
    up, down, gaps, _, _ = beam_through(scatter, thin, height, column)
    assert gaps == pytest.approx(1.0 - steepness * thin)
    if abs((1.0 - 0.46 * scatter) ** 2 - (0.54 * scatter) ** 2 - steepness**2) > 1e-3:
        assert up == pytest.approx(scatter * (1.0 + steepness) * upward * thin, rel=2e-3)
        assert up + down == pytest.approx(scatter * steepness * thin, rel=1e-4)


@given(st.floats(0.0, 8.0), HEIGHTS, ANGLES)
def test_black_leaves_let_light_through_by_beers_law(area, height, angle):
    _, column, tile = leafy()
    incline(angle, column)
    column.leaf_scatter = column.stem_infrared = column.stem_visible = 0.0
    column.vegetation, tile.sun_height = 1.0, height
    tile.albedo_visible = tile.albedo_infrared = tile.beam_visible = tile.beam_infrared = 0.0
    radiation.shade(0.0, area + 1e-9, column, tile)
    radiation.share_sun(400.0, column, tile)
    beam, _ = radiation.split_light(400.0, height)
    through = beam * math.exp(-(column.leaf_phi1 + column.leaf_phi2 * height) / height * area)
    through += (1.0 - beam) * math.exp(-area / column.leaf_path)
    assert tile.sun_ground == pytest.approx(400.0 * through, rel=1e-6)
    assert tile.sun_leaf == pytest.approx(400.0 * (1.0 - through), abs=1e-5)


@given(st.floats(0.0, 0.9))
def test_a_dense_canopy_has_the_albedo_that_its_leaves_were_made_for(dense):
    scatter = float(radiation.scattering(np.array(dense)))
    assert radiation.leaf_layer(scatter, 200.0)[0] == pytest.approx(dense, abs=1e-6)


@given(
    ground=st.lists(st.floats(0.0, 1.0), min_size=4, max_size=4), area=st.floats(0.0, 8.0), cover=st.floats(0.0, 1.0),
    green=st.floats(0.0, 1.0), scatter=st.floats(0.0, 0.95), sun=st.floats(1.0, 1400.0), height=st.floats(0.0, 1.0),
    angle=ANGLES,
)  # fmt: skip
def test_light_is_taken_in_once(ground, area, cover, green, scatter, sun, height, angle):
    _, column, tile = leafy()
    incline(angle, column)
    column.vegetation, column.leaf_scatter, tile.sun_height = cover, scatter, height
    tile.albedo_visible, tile.albedo_infrared, tile.beam_visible, tile.beam_infrared = ground
    tile.plant_area = 1.0
    radiation.shade(green * area, (1.0 - green) * area + 1e-9, column, tile)
    radiation.share_sun(sun, column, tile)
    # Reflection by reflection: down through the leaves, up from the ground, back from the leaves, ...
    beam, visible = radiation.split_light(sun, height)
    leaves = soil = 0.0
    bands = (visible, tile.scatters_visible, *ground[::2]), (1.0 - visible, tile.scatters_infrared, *ground[1::2])
    for part, mixed, albedo, albedo_beam in bands:
        light = beam_through(mixed, tile.leaf_depth, max(height, radiation.LOWEST_SUN), column)
        up, down, gaps, reflects, passes = light
        soil += sun * part * (1.0 - cover) * (1.0 - beam * albedo_beam - (1.0 - beam) * albedo)
        direct, diffuse = sun * part * cover * beam, sun * part * cover * (1.0 - beam)
        leaves += direct * (1.0 - up - down - gaps) + diffuse * (1.0 - reflects - passes)
        soil += direct * gaps * (1.0 - albedo_beam)
        rising, falling = direct * gaps * albedo_beam, direct * down + diffuse * passes
        for _ in range(400):
            soil += falling * (1.0 - albedo)
            rising += falling * albedo
            leaves += rising * (1.0 - reflects - passes)
            rising, falling = 0.0, rising * reflects
    assert tile.sun_ground == pytest.approx(soil, abs=1e-6 * sun)
    assert tile.sun_leaf == pytest.approx(leaves, abs=1e-4 * sun)
    assert 0.0 <= tile.sun_ground + tile.sun_leaf <= sun * (1.0 + 1e-4)
    # No leaves, no share.
    tile.plant_area = 0.0
    radiation.share_sun(sun, column, tile)
    assert tile.sun_leaf == 0.0
    open_ = sum(p * (1.0 - beam * b - (1.0 - beam) * a) for p, _, a, b in bands)
    assert tile.sun_ground == pytest.approx(sun * open_, abs=1e-9 * sun)


def albedo_of(plant, leaf, stem, cover, depth, age, sun=0.5, height=0.5, theta=0.2):
    """Albedo of a class with a depth of snow on the ground, in clear light of a low sun by default."""
    _, column, tile = leafy()
    incline(plant.leaf_angle, column)
    column.vegetation, column.height = cover, plant.height
    column.leaf_scatter = infrared_scatter(np.array(plant.albedo))
    column.stem_visible, column.stem_infrared = plant.stem_visible, plant.stem_infrared
    column.albedo_dry, column.albedo_wet = 0.2, 0.1
    tile.snow_depth, tile.snow_age, tile.snow_cover, tile.sun_height = depth, age, float(depth > 0.0), height
    radiation.soil_surface(theta, column, tile)
    canopy.canopy_now(leaf, stem, column, tile)
    radiation.share_sun(1160.0 * height * sun, column, tile)
    return 1.0 - (tile.sun_leaf + tile.sun_ground) / (1160.0 * height * sun)


@pytest.mark.parametrize(
    ("plant", "leaf", "cover", "snow", "low", "high"),
    [
        (plants.NEEDLE_TREES, 2.5, 0.9, 0.3, 0.13, 0.22),  # Betts and Ball (1997): 0.13 pine and spruce over snow,
        (plants.BROADLEAF_TREES, 0.6, 0.9, 0.3, 0.19, 0.33),  # 0.21 bare aspen, 0.75 grass
        (plants.NEEDLE_TREES, 3.5, 0.9, 0.0, 0.08, 0.12),
        (plants.GRASS, 2.5, 1.0, 0.0, 0.17, 0.22),
        (plants.TROPICAL_TREES, 5.5, 1.0, 0.0, 0.11, 0.14),
    ],
)
def test_albedo_of_vegetation_is_as_measured(plant, leaf, cover, snow, low, high):
    assert low < albedo_of(plant, leaf, plant.sai, cover, snow, 0.5, sun=0.7) < high


def test_snow_buries_grass_and_not_trees():
    """Snow-covered grass has an albedo of 0.75 (Betts and Ball 1997, J. Geophys. Res., 102, 28901-28909)."""
    grass = [albedo_of(plants.GRASS, 0.4, 0.5, 0.9, depth, 0.0) for depth in (0.02, 0.05, 0.1, 0.15, 0.2, 0.3)]
    assert grass == sorted(grass)
    assert grass[0] > 0.5 and grass[4] > 0.75 and grass[5] == pytest.approx(0.8, abs=0.02)
    trees = [albedo_of(plants.NEEDLE_TREES, 2.0, 1.0, 0.9, depth, 0.0) for depth in (0.02, 0.2)]
    assert trees[1] == pytest.approx(trees[0], abs=0.01)


def test_straw_is_brighter_than_leaves_and_wood_and_all_are_brightest_in_a_low_sun():
    straw = albedo_of(plants.GRASS, 0.2, 0.5, 1.0, 0.0, 0.0)
    assert straw > albedo_of(plants.GRASS, 0.7, 0.0, 1.0, 0.0, 0.0) > albedo_of(plants.SHRUBS, 0.2, 0.5, 1.0, 0.0, 0.0)
    clear = [albedo_of(plants.GRASS, 2.0, 0.5, 1.0, 0.0, 0.0, sun=0.8, height=height) for height in (0.2, 0.4, 0.8)]
    assert clear == sorted(clear, reverse=True)


def test_soil_below_leaves_leaves_the_climatology_its_albedo():
    grid = regular_grid(32, 64)
    tiles = build_tiles(grid, TilesConfig())
    parameters = land_parameters(
        tiles, land_cover(tiles, cell_cover(grid), tile_climate(tiles, load_climatology(grid)))
    )
    soil = parameters.albedo_dry - 0.03
    area = (parameters.lai + parameters.sai).mean(axis=1)
    cover = parameters.vegetation_fraction
    green = parameters.lai.mean(axis=1) / area
    visible = green * radiation.VISIBLE_SCATTER + (1.0 - green) * parameters.stem_visible
    infrared = green * infrared_scatter(parameters.canopy_albedo) + (1.0 - green) * parameters.stem_infrared
    depth = area / np.array([radiation.projection(angle)[2] for angle in parameters.leaf_angle])
    values = zip(soil, cover, depth, visible, infrared, strict=True)
    total = np.array([radiation.albedo_with_leaves(*one) for one in values])
    low, high = ALBEDO_LIMITS
    free = (parameters.albedo_dry > low) & (parameters.albedo_dry < high) & ~np.isclose(soil, 0.16) & tiles.is_updatable
    assert free.sum() > 0.3 * tiles.is_updatable.sum()
    np.testing.assert_allclose(total[free], cell_albedo(grid)[tiles.cell][free], atol=1e-8)


def test_a_canopy_albedo_that_no_leaves_have_is_refused():
    grid = regular_grid(8, 16)
    tiles = build_tiles(grid, TilesConfig())
    parameters = land_parameters(
        tiles, land_cover(tiles, cell_cover(grid), tile_climate(tiles, load_climatology(grid)))
    )
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


def test_leaves_of_herbs_die_in_frost_and_those_of_trees_stay():
    winter = np.repeat(ZERO_CELSIUS + np.array([[-20.0, 0.0, 2.5, 5.0, 20.0]]), 3, axis=0)
    green, dead = leaf_area(np.full(3, 15), np.array([0.0, 0.5, 1.0]), winter)
    np.testing.assert_allclose(dead[0] / (green[0] + dead[0]), [1.0, 1.0, 0.5, 0.0, 0.0])
    np.testing.assert_allclose(dead[1], 0.5 * dead[0])
    assert not dead[2].any()
    # Straw is brighter than leaves of the same area.
    assert albedo_of(plants.GRASS, 0.0, 0.7, 1.0, 0.0, 0.0) > albedo_of(plants.GRASS, 0.2, 0.5, 1.0, 0.0, 0.0)


def test_leaves_come_with_warmth_and_where_it_is_warm_stay():
    season = 273.15 + 10.0 - 15.0 * np.cos(2.0 * np.pi * np.arange(12) / 12.0)
    green, dead = leaf_area(np.array([1, 15]), np.array([1.0, 0.0]), np.stack([np.full(12, 299.0), season]))
    area = green + dead
    assert np.ptp(area[0]) < 1e-9 and area[0, 0] == pytest.approx(5.5)
    assert area[1].argmax() == 6 and area[1, 0] < 0.6 < 2.0 < area[1, 6]
