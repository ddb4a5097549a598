"""Canopy: present extent, intercepted water, stomata and leaf temperature.

Leaves, ground and the air above exchange heat and vapour with the canopy air, which stores neither: a network of
resistances (Zeng et al. 2005, J. Climate, 18, 4862-4881, for the ground; Dickinson et al. 1993 for the leaves). Leaves
store no heat: their temperature closes their energy balance.
"""

from __future__ import annotations

import math
from typing import Final

from landda_hpc.compiled_code import compiled
from landda_hpc.constants import LATENT_HEAT_VAPORISATION, SPECIFIC_HEAT_AIR, STEFAN_BOLTZMANN, VON_KARMAN
from landda_hpc.model.column.land.humidity import saturation
from landda_hpc.model.column.land.radiation import longwave, shade
from landda_hpc.model.column.land.records import Record
from landda_hpc.model.column.land.turbulence import MIN_WIND, exchange, first_zeta, next_zeta

SMALLEST_LSAI: Final = 0.05  # m2 m-2 of the tile; below it there is no canopy
EXTINCTION: Final = 0.5  # of stomatal capacity down the canopy; equals that of light for randomly oriented leaves
ROUGHNESS_LOW: Final = 0.15  # of canopy height, low plants
ROUGHNESS_TALL: Final = 0.10  # trees
TALL: Final = 10.0  # m
BURIED_LOW: Final = 0.4  # of canopy height; depth of snow that buries low plants, which bend
DISPLACEMENT_SHARE: Final = 0.67
DENSE_LSAI: Final = 2.0  # at and above which a canopy has its maximum roughness
LEAF_EXCHANGE: Final = 0.01  # m s-1/2
DENSE_EXCHANGE: Final = 0.004  # exchange coefficient of the ground under a dense canopy
AIR_VISCOSITY: Final = 1.5e-5  # m2 s-1
WATER_PER_LEAF: Final = 0.1  # kg m-2 per plant_area
INTERCEPTED: Final = 0.25
MAX_STOMATA: Final = 5000.0  # s m-1
MIN_HUMIDITY: Final = 0.05
MIN_BTRAN: Final = 1.0e-3  # below it there is no transpiration
LAPSE_RATE: Final = 0.0098  # K m-1
MAX_ITERATIONS: Final = 12
MAX_LEAF_STEP: Final = 6.0  # K per iteration
LEAF_TOLERANCE: Final = 0.02  # K; the remaining imbalance, at most a few tenths of 1 W m-2, heats the air


@compiled()
def canopy_now(leaf: float, stem: float, column: Record, tile: Record) -> None:
    """Compute the canopy above the snow and the properties derived from it.

    Parameters
    ----------
    leaf, stem : area indices of the vegetated part, m2 m-2.
    column, tile : constants of the tile; reads snow_depth and ground_roughness, writes the present canopy.

    Notes
    -----
    Snow buries leaves and stems in proportion to its depth (Wang and Zeng 2009, Adv. Atmos. Sci., 26, 877-886): grass
    of 0.5 m completely under 0.22 m, trees of 10 m and more under their height. Roughness and displacement change from
    those of the ground to those of a dense canopy with increasing leaf area (Zeng and Wang 2007, J. Hydrometeorol., 8,
    730-737).
    """
    cover = column.vegetation
    height = column.height
    rough = height * (ROUGHNESS_LOW + (ROUGHNESS_TALL - ROUGHNESS_LOW) * min(1.0, height / TALL))
    exposed = 1.0
    if tile.snow_depth > 0.0 and height > 0.0:
        buried = height * (BURIED_LOW + (1.0 - BURIED_LOW) * min(1.0, height / TALL))
        exposed = max(0.0, 1.0 - tile.snow_depth / buried)
    tile.leaf_area = cover * leaf * exposed
    tile.plant_area = cover * (leaf + stem) * exposed
    if tile.plant_area < SMALLEST_LSAI:
        tile.leaf_area = 0.0
        tile.plant_area = 0.0
        tile.leaf_emissivity = 0.0
        tile.open_share = 1.0
        tile.roughness = tile.ground_roughness
        tile.displacement = 0.0
        tile.wet_share = 0.0
        return
    within = (leaf + stem) * exposed
    shade(leaf * exposed, stem * exposed, column, tile)
    tile.leaf_emissivity = cover * (1.0 - math.exp(-within))
    tile.open_share = math.exp(-tile.plant_area)
    dense = math.exp(-DENSE_LSAI)
    closed = (1.0 - max(tile.open_share, dense)) / (1.0 - dense)
    tile.roughness = math.exp(closed * math.log(rough) + (1.0 - closed) * math.log(tile.ground_roughness))
    tile.displacement = closed * DISPLACEMENT_SHARE * height
    tile.wet_share = wet_share(tile.leaf_water, tile.plant_area)


@compiled()
def refresh_canopy(leaf: float, stem: float, column: Record, tile: Record) -> None:
    """Call ``canopy_now`` if snow has changed within the forcing step; otherwise only the wet fraction changes."""
    if tile.snow_depth == tile.canopy_snow_depth and tile.ground_roughness == tile.canopy_ground_roughness:
        tile.wet_share = wet_share(tile.leaf_water, tile.plant_area)
        return
    canopy_now(leaf, stem, column, tile)
    tile.canopy_snow_depth = tile.snow_depth
    tile.canopy_ground_roughness = tile.ground_roughness


@compiled()
def wet_share(water: float, area: float) -> float:
    """Wet fraction of leaves, (water / capacity)^(2/3) (Deardorff 1978, J. Geophys. Res., 83, 1889-1903)."""
    if water <= 0.0 or area <= 0.0:
        return 0.0
    return min(1.0, math.exp(math.log(water / (WATER_PER_LEAF * area)) * (2.0 / 3.0)))


@compiled()
def intercept(rain: float, tile: Record) -> float:
    """Intercept rain by leaves up to their capacity; return the throughfall, kg m-2.

    Parameters
    ----------
    rain : kg m-2 over the step. Snow is not intercepted.
    tile : reads plant_area, updates leaf_water.
    """
    area = tile.plant_area
    if area <= 0.0:
        all_of_it: float = rain + tile.leaf_water
        tile.leaf_water = 0.0
        return all_of_it
    caught = INTERCEPTED * (1.0 - math.exp(-0.5 * area)) * rain if rain > 0.0 else 0.0
    water = tile.leaf_water + caught
    dripping = max(0.0, water - WATER_PER_LEAF * area)
    tile.leaf_water = water - dripping
    through: float = rain - caught + dripping
    return through


@compiled()
def drip(tile: Record) -> float:
    """Remove dew above the capacity of leaves and return it, kg m-2; it falls to the ground."""
    excess: float = max(0.0, tile.leaf_water - WATER_PER_LEAF * tile.plant_area)
    tile.leaf_water -= excess
    return excess


@compiled()
def stomata(shortwave: float, weather: Record, column: Record, tile: Record) -> None:
    """Set the stomatal resistance per leaf area, s m-1; 0 without transpiration.

    r = r_min / (F1 F2 F3 F4) for light, humidity, temperature and root water (Jarvis 1976, Phil. Trans. R. Soc. B, 273,
    593-610). F1 and F3 follow Noilhan and Planton (1989, Mon. Weather Rev., 117, 536-549); F2 is the relative humidity
    of the air, to which conductance is proportional (Ball, Woodrow and Berry 1987); F4 is tile.root_stress.
    """
    tile.stomatal_resistance = 0.0
    if tile.leaf_area <= 0.0 or tile.root_stress < MIN_BTRAN:
        return
    air = weather.temperature
    cover = max(column.vegetation, 1.0e-3)
    light = 0.55 * shortwave * 2.0 / (column.radiation_half * max(0.5, tile.leaf_area / cover))
    f1 = (column.min_stomatal_resistance / MAX_STOMATA + light) / (1.0 + light)
    saturated, _ = saturation(air, weather.pressure)
    f2 = max(MIN_HUMIDITY, min(1.0, weather.humidity / saturated))
    f3 = max(1.0e-3, 1.0 - 0.0016 * (298.0 - air) * (298.0 - air))
    tile.stomatal_resistance = min(column.min_stomatal_resistance / (f1 * f2 * f3 * tile.root_stress), 1.0e6)


@compiled()
def active_leaves(area: float, cover: float) -> float:
    """Effective leaf area, m2 m-2, which at the top of the canopy would transpire as much as the whole canopy.

    Stomatal capacity decreases down the canopy as light does: (1 - exp(-k L)) / k. A dense canopy has about twice the
    leaf conductance (Sellers et al. 1992, Remote Sens. Environ., 42, 187-216); measurements show about three times
    (Kelliher et al. 1995, Agric. For. Meteorol., 73, 1-16).
    """
    if area <= 0.0 or cover <= 0.0:
        return 0.0
    return cover * (1.0 - math.exp(-EXTINCTION * area / cover)) / EXTINCTION


@compiled()
def canopy_fluxes(step: float, ground: float, weather: Record, column: Record, tile: Record) -> int:
    """Compute the fluxes of a tile with canopy and their derivatives with respect to ground temperature.

    Parameters
    ----------
    step : s; limits evaporation from wet leaves.
    ground : present temperature of the surface, K.
    weather, column : weather and constants of the tile.
    tile : reads canopy, ground surface and sun_*; writes leaf_temperature and all fluxes.

    Returns
    -------
    Number of iterations of the leaf temperature.
    """
    latent = LATENT_HEAT_VAPORISATION
    air = weather.temperature
    humidity = weather.humidity
    pressure = weather.pressure
    wind = max(MIN_WIND, weather.wind)
    top = column.height + 1.0
    height = max(column.wind_height, top) - tile.displacement
    scalar_height = max(column.scalar_height, top)
    potential = air + LAPSE_RATE * scalar_height
    scalar_height -= tile.displacement
    density = weather.density
    heat = density * SPECIFIC_HEAT_AIR
    z0m = tile.roughness
    log_m = math.log(height / z0m)
    log_h = math.log(scalar_height / z0m)
    virtual = potential * (1.0 + 0.61 * humidity)
    active = active_leaves(tile.leaf_area, column.vegetation)
    area = tile.plant_area
    wet = tile.wet_share
    factor = tile.vapour_factor
    absorbs = tile.leaf_emissivity
    leaf = min(max(tile.leaf_temperature, air - 30.0), air + 40.0)
    inside = 0.5 * (potential + ground)
    vapour = 0.5 * (humidity + tile.ground_humidity)

    zeta = 0.0
    gust = wind
    heat_air = heat_ground = heat_leaf = vapour_air = vapour_ground = vapour_leaf = stomatal = 0.0
    sum_heat = sum_vapour = 1.0
    count = 0
    for k in range(MAX_ITERATIONS):
        difference = (potential - inside) * (1.0 + 0.61 * humidity) + 0.61 * potential * (humidity - vapour)
        if k == 0:
            zeta = first_zeta(height, log_m, wind, virtual, difference)
        friction, resistance = exchange(zeta, height, scalar_height, log_m, log_h, z0m, z0m, gust)
        leaf_resistance = math.sqrt(column.leaf_width / friction) / LEAF_EXCHANGE
        bare = VON_KARMAN / 0.13 * math.exp(-0.45 * math.log(tile.ground_roughness * friction / AIR_VISCOSITY))
        ground_resistance = 1.0 / ((DENSE_EXCHANGE + (bare - DENSE_EXCHANGE) * tile.open_share) * friction)
        heat_air = 1.0 / resistance
        heat_ground = 1.0 / ground_resistance
        heat_leaf = area / leaf_resistance
        sum_heat = heat_air + heat_ground + heat_leaf
        saturated, slope = saturation(leaf, pressure)
        vapour_air = heat_air
        if saturated > vapour:
            stomatal = (
                factor * (1.0 - wet) * active / (leaf_resistance + tile.stomatal_resistance)
                if tile.stomatal_resistance > 0.0
                else 0.0
            )
            vapour_leaf = factor * wet * area / leaf_resistance + stomatal
        else:
            stomatal = 0.0
            vapour_leaf = factor * area / leaf_resistance
        dry_layer = tile.dry_layer_resistance if tile.ground_humidity > vapour else 0.0
        vapour_ground = factor / (ground_resistance + dry_layer)
        sum_vapour = vapour_air + vapour_ground + vapour_leaf
        inside = (heat_air * potential + heat_ground * ground + heat_leaf * leaf) / sum_heat
        vapour = (vapour_air * humidity + vapour_ground * tile.ground_humidity + vapour_leaf * saturated) / sum_vapour
        gain, _, _ = longwave(weather.longwave, leaf, ground, tile)
        residual = (
            tile.sun_leaf
            + gain
            - heat * heat_leaf * (leaf - inside)
            - latent * density * vapour_leaf * (saturated - vapour)
        )
        slope_out = (
            heat * heat_leaf * (1.0 - heat_leaf / sum_heat)
            + latent * density * vapour_leaf * (1.0 - vapour_leaf / sum_vapour) * slope
            + 8.0 * absorbs * STEFAN_BOLTZMANN * leaf * leaf * leaf
        )
        change = min(MAX_LEAF_STEP, max(-MAX_LEAF_STEP, residual / slope_out))
        leaf += change
        count = k + 1
        if k > 0 and abs(change) < LEAF_TOLERANCE:
            break
        zeta, gust = next_zeta(friction, resistance, height, wind, virtual, difference)

    saturated, _ = saturation(leaf, pressure)
    inside = (heat_air * potential + heat_ground * ground + heat_leaf * leaf) / sum_heat
    vapour = (vapour_air * humidity + vapour_ground * tile.ground_humidity + vapour_leaf * saturated) / sum_vapour
    gain, ground_gain, up = longwave(weather.longwave, leaf, ground, tile)
    from_leaf = density * vapour_leaf * (saturated - vapour)
    transpired = density * stomatal * (saturated - vapour)
    if saturated <= vapour:
        transpired = 0.0
    evaporated = from_leaf - transpired
    evaporated = min(evaporated, tile.leaf_water / step)
    tile.leaf_temperature = leaf
    tile.leaf_evaporation = evaporated
    tile.transpiration = transpired
    # Energy that leaves absorb and do not use for evaporation warms the air, so their balance closes exactly.
    ground_heat = heat * heat_ground * (ground - inside)
    tile.sensible = ground_heat + tile.sun_leaf + gain - latent * (evaporated + transpired)
    tile.ground_evaporation = density * vapour_ground * (tile.ground_humidity - vapour)
    tile.longwave_up = up
    tile.sensible_slope = heat * heat_ground * (1.0 - heat_ground / sum_heat)
    tile.ground_evaporation_slope = (
        density * vapour_ground * (1.0 - vapour_ground / sum_vapour) * tile.ground_humidity_slope
    )
    tile.ground_heat = tile.sun_ground + ground_gain - ground_heat - tile.latent_heat * tile.ground_evaporation
    tile.ground_heat_slope = -(
        4.0 * tile.ground_emissivity * STEFAN_BOLTZMANN * ground * ground * ground
        + tile.sensible_slope
        + tile.latent_heat * tile.ground_evaporation_slope
    )
    return count
