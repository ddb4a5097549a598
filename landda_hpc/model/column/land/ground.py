"""Ground surface: humidity, resistance to evaporation, and fluxes of bare ground."""

from __future__ import annotations

import math
from typing import Final

from landda_hpc.compiled_code import compiled
from landda_hpc.constants import (
    GAS_CONSTANT_VAPOUR,
    GRAVITY,
    LATENT_HEAT_VAPORISATION,
    LATENT_SUBLIMATION,
    SPECIFIC_HEAT_AIR,
    STEFAN_BOLTZMANN,
    T_FREEZE,
    ZERO_CELSIUS,
)
from landda_hpc.model.column.land.canopy import AIR_VISCOSITY, LAPSE_RATE
from landda_hpc.model.column.land.humidity import saturation
from landda_hpc.model.column.land.radiation import longwave
from landda_hpc.model.column.land.records import Record
from landda_hpc.model.column.land.turbulence import MIN_WIND, exchange, first_zeta, next_zeta
from landda_hpc.model.column.soil_water import dry_layer

ROUGHNESS_SOIL: Final = 0.01  # m
ROUGHNESS_SNOW: Final = 0.0024  # m; also of ice and water
KELVIN: Final = GRAVITY / (
    1000.0 * GAS_CONSTANT_VAPOUR
)  # K mm-1; relative humidity over soil water exp(KELVIN psi / T)
MAX_ITERATIONS: Final = 6
ZETA_TOLERANCE: Final = 0.02  # relative; 0.5 % of the resistance


@compiled()
def soil_humidity(surface: float, weather: Record, column: Record, tile: Record) -> None:
    """Compute humidity and dry-layer resistance of soil that is partly covered by thin snow.

    Air in the pores is in equilibrium with the soil water (Philip 1957, J. Meteorol., 14, 354-366). A dry surface
    layer of depth DSL has the resistance DSL / (D_0 tau) (Swenson and Lawrence 2014, J. Geophys. Res. Atmos., 119,
    10299-10312; docs/column.md).

    Parameters
    ----------
    surface : temperature, K.
    weather, column : weather and constants of the tile.
    tile : reads snow_cover and the hydraulics of its water; writes ground_humidity, its slope, and
        dry_layer_resistance.
    """
    saturated, slope = saturation(surface, weather.pressure)
    snow = tile.snow_cover
    relative = snow + (1.0 - snow) * math.exp(KELVIN * tile.water.psi[0] / surface)
    tile.ground_humidity = relative * saturated
    tile.ground_humidity_slope = relative * slope
    # Vapour does not condense into dry soil unless the air is saturated at the surface temperature.
    if saturated > weather.humidity > tile.ground_humidity:
        tile.ground_humidity = weather.humidity
        tile.ground_humidity_slope = 0.0
    depth = dry_layer(column.soil, tile.water)
    diffusivity = 2.12e-5 * math.exp(1.75 * math.log(surface / ZERO_CELSIUS))
    resistance = depth / (diffusivity * column.soil.tortuosity)
    # Soil and snow in parallel; snow has a resistance of 1 s m-1 (CoLM).
    tile.dry_layer_resistance = resistance / (1.0 - snow + snow * resistance)


@compiled()
def wet_humidity(surface: float, weather: Record, tile: Record) -> None:
    """Compute humidity above snow, ice or water."""
    tile.ground_humidity, tile.ground_humidity_slope = saturation(surface, weather.pressure)
    tile.dry_layer_resistance = 0.0


@compiled()
def latent_heat(surface: float, has_ice: bool, has_liquid: bool) -> float:
    """Latent heat of evaporation, or of sublimation if it is freezing and only ice is available, J kg-1."""
    if surface < T_FREEZE and has_ice and not has_liquid:
        return LATENT_SUBLIMATION
    return LATENT_HEAT_VAPORISATION


@compiled()
def bare_fluxes(ground: float, weather: Record, column: Record, tile: Record) -> None:
    """Compute the fluxes of a tile without canopy and their derivatives with respect to ground temperature.

    The roughness length for heat is z0 exp(-0.13 (u* z0 / nu)^0.45) (Zeng and Dickinson 1998, J. Climate, 11,
    537-550).

    Parameters
    ----------
    ground : present temperature of the surface, K.
    weather, column : weather and constants of the tile.
    tile : reads the ground surface and sun_ground; writes leaf_temperature (= ``ground``) and all fluxes.
    """
    air = weather.temperature
    humidity = weather.humidity
    wind = max(MIN_WIND, weather.wind)
    height = column.wind_height
    scalar_height = column.scalar_height
    potential = air + LAPSE_RATE * scalar_height
    density = weather.density
    z0m = tile.ground_roughness
    z0h = z0m
    virtual = potential * (1.0 + 0.61 * humidity)
    difference = (potential - ground) * (1.0 + 0.61 * humidity) + 0.61 * potential * (humidity - tile.ground_humidity)
    log_m = math.log(height / z0m)
    log_scalar = math.log(scalar_height / z0m)
    log_h = log_scalar
    zeta = first_zeta(height, log_m, wind, virtual, difference)
    gust = wind
    friction = resistance = 1.0
    for k in range(MAX_ITERATIONS):
        friction, resistance = exchange(zeta, height, scalar_height, log_m, log_h, z0m, z0h, gust)
        excess = 0.13 * math.exp(0.45 * math.log(friction * z0m / AIR_VISCOSITY))
        z0h = z0m * math.exp(-excess)
        log_h = log_scalar + excess
        before = zeta
        zeta, gust = next_zeta(friction, resistance, height, wind, virtual, difference)
        if k > 0 and abs(zeta - before) <= ZETA_TOLERANCE * abs(before):
            break

    dry_layer = tile.dry_layer_resistance if tile.ground_humidity > humidity else 0.0
    vapour_conductance = density * tile.vapour_factor / (resistance + dry_layer)
    heat_conductance = density * SPECIFIC_HEAT_AIR / resistance
    _, gain, up = longwave(weather.longwave, ground, ground, tile)
    tile.leaf_temperature = ground
    tile.leaf_evaporation = 0.0
    tile.transpiration = 0.0
    tile.sun_leaf = 0.0
    tile.longwave_up = up
    tile.sensible = heat_conductance * (ground - potential)
    tile.ground_evaporation = vapour_conductance * (tile.ground_humidity - humidity)
    tile.sensible_slope = heat_conductance
    tile.ground_evaporation_slope = vapour_conductance * tile.ground_humidity_slope
    tile.ground_heat = tile.sun_ground + gain - tile.sensible - tile.latent_heat * tile.ground_evaporation
    tile.ground_heat_slope = -(
        4.0 * tile.ground_emissivity * STEFAN_BOLTZMANN * ground * ground * ground
        + tile.sensible_slope
        + tile.latent_heat * tile.ground_evaporation_slope
    )
