"""Ground surface: humidity, resistance to evaporation, and fluxes of bare ground."""

from __future__ import annotations

import math
from typing import Final

from landda_hpc.compiled_code import compiled
from landda_hpc.constants import (
    GAS_CONSTANT_VAPOUR,
    GRAVITY,
    LATENT_HEAT_VAPORISATION,
    SPECIFIC_HEAT_AIR,
    STEFAN_BOLTZMANN,
    T_FREEZE,
    ZERO_CELSIUS,
    FloatArray,
)
from landda_hpc.model.column.hydrology import DRY_LAYER_ONSET, MAX_DRY_LAYER
from landda_hpc.model.column.land.canopy import AIR_VISCOSITY, LAPSE_RATE
from landda_hpc.model.column.land.humidity import saturation
from landda_hpc.model.column.land.layout import (
    D_E_GROUND,
    D_FLUX_G,
    D_SENSIBLE,
    DQ_G,
    E_GROUND,
    E_LEAF,
    E_ROOT,
    EMIS_G,
    FLUX_G,
    FSNO,
    HEAT,
    LATENT_SUBLIMATION,
    LW_UP,
    P_SCALAR_HEIGHT,
    P_THETA_AIR,
    P_TORTUOSITY,
    P_WIND_HEIGHT,
    POTENTIAL,
    Q_G,
    RSS,
    SENSIBLE,
    SUN_GROUND,
    SUN_LEAF,
    TLEAF,
    W_AIR,
    W_DENSITY,
    W_HUMIDITY,
    W_LONG,
    W_PRESSURE,
    W_WIND,
    Z0G,
)
from landda_hpc.model.column.land.radiation import longwave
from landda_hpc.model.column.land.turbulence import MIN_WIND, exchange, first_zeta, next_zeta

ROUGHNESS_SOIL: Final = 0.01  # m
ROUGHNESS_SNOW: Final = 0.0024  # m; also of ice and water
KELVIN: Final = GRAVITY / (
    1000.0 * GAS_CONSTANT_VAPOUR
)  # K mm-1; relative humidity over soil water exp(KELVIN psi / T)
MAX_ITERATIONS: Final = 6
ZETA_TOLERANCE: Final = 0.02  # relative; 0.5 % of the resistance


@compiled()
def soil_humidity(
    surface: float,
    psi: float,
    theta: float,
    effective_porosity: float,
    porosity: float,
    thickness: float,
    weather: FloatArray,
    properties: FloatArray,
    x: FloatArray,
) -> None:
    """Compute humidity and dry-layer resistance of soil that is partly covered by thin snow.

    Air in the pores is in equilibrium with the soil water (Philip 1957, J. Meteorol., 14, 354-366). A dry surface
    layer of depth DSL has the resistance DSL / (D_0 tau) (Swenson and Lawrence 2014, J. Geophys. Res. Atmos., 119,
    10299-10312; docs/column.md).

    Parameters
    ----------
    surface : temperature of the surface, K.
    psi, theta : of the top layer, mm and m3 m-3 of liquid.
    effective_porosity, porosity : of the top layer: porosity minus ice, and porosity, m3 m-3.
    thickness : of the top layer, m.
    x : scalars; reads FSNO, writes Q_G, DQ_G, RSS.
    """
    saturated, slope = saturation(surface, weather[W_PRESSURE])
    snow = x[FSNO]
    relative = snow + (1.0 - snow) * math.exp(KELVIN * psi / surface)
    x[Q_G] = relative * saturated
    x[DQ_G] = relative * slope
    # Vapour does not condense into dry soil unless the air is saturated at the surface temperature.
    if saturated > weather[W_HUMIDITY] > x[Q_G]:
        x[Q_G] = weather[W_HUMIDITY]
        x[DQ_G] = 0.0
    lack = max(1.0e-6, DRY_LAYER_ONSET * effective_porosity - theta)
    dry = thickness * lack / max(1.0e-6, DRY_LAYER_ONSET * porosity - properties[P_THETA_AIR])
    diffusivity = 2.12e-5 * math.exp(1.75 * math.log(surface / ZERO_CELSIUS))
    resistance = min(MAX_DRY_LAYER, dry) / (diffusivity * properties[P_TORTUOSITY])
    # Soil and snow in parallel; snow has a resistance of 1 s m-1 (CoLM).
    x[RSS] = resistance / (1.0 - snow + snow * resistance)


@compiled()
def wet_humidity(surface: float, weather: FloatArray, x: FloatArray) -> None:
    """Compute humidity above snow, ice or water."""
    x[Q_G], x[DQ_G] = saturation(surface, weather[W_PRESSURE])
    x[RSS] = 0.0


@compiled()
def latent_heat(surface: float, has_ice: bool, has_liquid: bool) -> float:
    """Latent heat of evaporation, or of sublimation if it is freezing and only ice is available, J kg-1."""
    if surface < T_FREEZE and has_ice and not has_liquid:
        return LATENT_SUBLIMATION
    return LATENT_HEAT_VAPORISATION


@compiled()
def bare_fluxes(ground: float, weather: FloatArray, properties: FloatArray, x: FloatArray) -> None:
    """Compute the fluxes of a tile without canopy and their derivatives with respect to ground temperature.

    The roughness length for heat is z0 exp(-0.13 (u* z0 / nu)^0.45) (Zeng and Dickinson 1998, J. Climate, 11,
    537-550).

    Parameters
    ----------
    ground : present temperature of the surface, K.
    weather, properties : weather and properties of the tile.
    x : scalars; reads those of the ground surface, and SUN_GROUND; writes TLEAF (= ``ground``) and all fluxes.
    """
    air = weather[W_AIR]
    humidity = weather[W_HUMIDITY]
    wind = max(MIN_WIND, weather[W_WIND])
    height = properties[P_WIND_HEIGHT]
    scalar_height = properties[P_SCALAR_HEIGHT]
    potential = air + LAPSE_RATE * scalar_height
    density = weather[W_DENSITY]
    z0m = x[Z0G]
    z0h = z0m
    virtual = potential * (1.0 + 0.61 * humidity)
    difference = (potential - ground) * (1.0 + 0.61 * humidity) + 0.61 * potential * (humidity - x[Q_G])
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

    dry_layer = x[RSS] if x[Q_G] > humidity else 0.0
    vapour_conductance = density * x[POTENTIAL] / (resistance + dry_layer)
    heat_conductance = density * SPECIFIC_HEAT_AIR / resistance
    _, gain, up = longwave(weather[W_LONG], ground, ground, x)
    x[TLEAF] = ground
    x[E_LEAF] = 0.0
    x[E_ROOT] = 0.0
    x[SUN_LEAF] = 0.0
    x[LW_UP] = up
    x[SENSIBLE] = heat_conductance * (ground - potential)
    x[E_GROUND] = vapour_conductance * (x[Q_G] - humidity)
    x[D_SENSIBLE] = heat_conductance
    x[D_E_GROUND] = vapour_conductance * x[DQ_G]
    x[FLUX_G] = x[SUN_GROUND] + gain - x[SENSIBLE] - x[HEAT] * x[E_GROUND]
    x[D_FLUX_G] = -(
        4.0 * x[EMIS_G] * STEFAN_BOLTZMANN * ground * ground * ground + x[D_SENSIBLE] + x[HEAT] * x[D_E_GROUND]
    )
