"""Canopy: present extent, intercepted water, stomata and leaf temperature.

Leaves, ground and the air above exchange heat and vapour with the canopy air, which stores neither: a network of
resistances (Zeng et al. 2005, J. Climate, 18, 4862-4881, for the ground; Dickinson et al. 1993 for the leaves). Leaves
store no heat: their temperature closes their energy balance.
"""

from __future__ import annotations

import math
from typing import Final

from landda_hpc.compiled_code import compiled
from landda_hpc.constants import LATENT_HEAT_VAPORISATION, SPECIFIC_HEAT_AIR, STEFAN_BOLTZMANN, FloatArray
from landda_hpc.model.column.land.humidity import saturation
from landda_hpc.model.column.land.layout import (
    BTRAN,
    D_E_GROUND,
    D_FLUX_G,
    D_SENSIBLE,
    DISPLACEMENT,
    DQ_G,
    E_GROUND,
    E_LEAF,
    E_ROOT,
    EMIS_G,
    EMIS_V,
    FLUX_G,
    HEAT,
    LAI,
    LDEW,
    LSAI,
    LW_UP,
    OPEN,
    P_HEIGHT,
    P_LEAF_WIDTH,
    P_RGL,
    P_RS_MIN,
    P_SCALAR_HEIGHT,
    P_VEGETATION,
    P_WIND_HEIGHT,
    POTENTIAL,
    Q_G,
    RSS,
    SENSIBLE,
    SNOWDP,
    STOMATA,
    SUN_GROUND,
    SUN_LEAF,
    TLEAF,
    VON_KARMAN,
    W_AIR,
    W_DENSITY,
    W_HUMIDITY,
    W_LONG,
    W_PRESSURE,
    W_WIND,
    WET_SHARE,
    Z0G,
    Z0M,
)
from landda_hpc.model.column.land.radiation import longwave, shade
from landda_hpc.model.column.land.turbulence import MIN_WIND, exchange, first_zeta, next_zeta

SMALLEST_LSAI: Final = 0.05  # m2 m-2 of the tile; below it there is no canopy
EXTINCTION: Final = 0.5  # of stomatal capacity down the canopy; equals that of light for randomly oriented leaves
ROUGHNESS_LOW: Final = 0.15  # of canopy height, low plants
ROUGHNESS_TALL: Final = 0.10  # trees
TALL: Final = 10.0  # m
DISPLACEMENT_SHARE: Final = 0.67
DENSE_LSAI: Final = 2.0  # at and above which a canopy has its maximum roughness
LEAF_EXCHANGE: Final = 0.01  # m s-1/2
DENSE_EXCHANGE: Final = 0.004  # exchange coefficient of the ground under a dense canopy
AIR_VISCOSITY: Final = 1.5e-5  # m2 s-1
WATER_PER_LEAF: Final = 0.1  # kg m-2 per LSAI
INTERCEPTED: Final = 0.25
MAX_STOMATA: Final = 5000.0  # s m-1
MIN_HUMIDITY: Final = 0.05
MIN_BTRAN: Final = 1.0e-3  # below it there is no transpiration
LAPSE_RATE: Final = 0.0098  # K m-1
MAX_ITERATIONS: Final = 12
MAX_LEAF_STEP: Final = 6.0  # K per iteration
LEAF_TOLERANCE: Final = 0.02  # K; the remaining imbalance, at most a few tenths of 1 W m-2, heats the air


@compiled()
def canopy_now(leaf: float, stem: float, properties: FloatArray, x: FloatArray) -> None:
    """Compute the canopy above the snow and the properties derived from it.

    Parameters
    ----------
    leaf, stem : area indices of the vegetated part, m2 m-2.
    properties : properties of the tile.
    x : scalars; reads SNOWDP, Z0G; writes LAI, LSAI, EMIS_V, REFLECT_*, PASS_*, OPEN, Z0M,
        DISPLACEMENT, WET_SHARE.

    Notes
    -----
    Roughness and displacement change from those of the ground to those of a dense canopy with increasing leaf area
    (Zeng and Wang 2007, J. Hydrometeorol., 8, 730-737).
    """
    cover = properties[P_VEGETATION]
    height = properties[P_HEIGHT]
    rough = height * (ROUGHNESS_LOW + (ROUGHNESS_TALL - ROUGHNESS_LOW) * min(1.0, height / TALL))
    exposed = 1.0
    if x[SNOWDP] > 0.0 and height > 0.0:
        exposed = 1.0 / (1.0 + 0.1 * x[SNOWDP] / rough)
    x[LAI] = cover * leaf * exposed
    x[LSAI] = cover * (leaf + stem) * exposed
    if x[LSAI] < SMALLEST_LSAI:
        x[LAI] = 0.0
        x[LSAI] = 0.0
        x[EMIS_V] = 0.0
        x[OPEN] = 1.0
        x[Z0M] = x[Z0G]
        x[DISPLACEMENT] = 0.0
        x[WET_SHARE] = 0.0
        return
    within = (leaf + stem) * exposed
    shade(within, properties, x)
    x[EMIS_V] = cover * (1.0 - math.exp(-within))
    x[OPEN] = math.exp(-x[LSAI])
    dense = math.exp(-DENSE_LSAI)
    closed = (1.0 - max(x[OPEN], dense)) / (1.0 - dense)
    x[Z0M] = math.exp(closed * math.log(rough) + (1.0 - closed) * math.log(x[Z0G]))
    x[DISPLACEMENT] = closed * DISPLACEMENT_SHARE * height
    x[WET_SHARE] = wet_share(x[LDEW], x[LSAI])


@compiled()
def wet_share(water: float, area: float) -> float:
    """Wet fraction of leaves, (water / capacity)^(2/3) (Deardorff 1978, J. Geophys. Res., 83, 1889-1903)."""
    if water <= 0.0 or area <= 0.0:
        return 0.0
    return min(1.0, math.exp(math.log(water / (WATER_PER_LEAF * area)) * (2.0 / 3.0)))


@compiled()
def intercept(rain: float, x: FloatArray) -> float:
    """Intercept rain by leaves up to their capacity; return the throughfall, kg m-2.

    Parameters
    ----------
    rain : kg m-2 over the step. Snow is not intercepted.
    x : scalars; reads LSAI, updates LDEW.
    """
    area = x[LSAI]
    if area <= 0.0:
        all_of_it: float = rain + x[LDEW]
        x[LDEW] = 0.0
        return all_of_it
    caught = INTERCEPTED * (1.0 - math.exp(-0.5 * area)) * rain if rain > 0.0 else 0.0
    water = x[LDEW] + caught
    dripping = max(0.0, water - WATER_PER_LEAF * area)
    x[LDEW] = water - dripping
    through: float = rain - caught + dripping
    return through


@compiled()
def drip(x: FloatArray) -> float:
    """Remove dew above the capacity of leaves and return it, kg m-2; it falls to the ground."""
    excess: float = max(0.0, x[LDEW] - WATER_PER_LEAF * x[LSAI])
    x[LDEW] -= excess
    return excess


@compiled()
def stomata(shortwave: float, weather: FloatArray, properties: FloatArray, x: FloatArray) -> None:
    """Set x[STOMATA] to the stomatal resistance per leaf area, s m-1; 0 without transpiration.

    r = r_min / (F1 F2 F3 F4) for light, humidity, temperature and root water (Jarvis 1976, Phil. Trans. R. Soc. B, 273,
    593-610). F1 and F3 follow Noilhan and Planton (1989, Mon. Weather Rev., 117, 536-549); F2 is the relative humidity
    of the air, to which conductance is proportional (Ball, Woodrow and Berry 1987); F4 is x[BTRAN].
    """
    x[STOMATA] = 0.0
    if x[LAI] <= 0.0 or x[BTRAN] < MIN_BTRAN:
        return
    air = weather[W_AIR]
    cover = max(properties[P_VEGETATION], 1.0e-3)
    light = 0.55 * shortwave * 2.0 / (properties[P_RGL] * max(0.5, x[LAI] / cover))
    f1 = (properties[P_RS_MIN] / MAX_STOMATA + light) / (1.0 + light)
    saturated, _ = saturation(air, weather[W_PRESSURE])
    f2 = max(MIN_HUMIDITY, min(1.0, weather[W_HUMIDITY] / saturated))
    f3 = max(1.0e-3, 1.0 - 0.0016 * (298.0 - air) * (298.0 - air))
    x[STOMATA] = min(properties[P_RS_MIN] / (f1 * f2 * f3 * x[BTRAN]), 1.0e6)


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
def canopy_fluxes(step: float, ground: float, weather: FloatArray, properties: FloatArray, x: FloatArray) -> int:
    """Compute the fluxes of a tile with canopy and their derivatives with respect to ground temperature.

    Parameters
    ----------
    step : s; limits evaporation from wet leaves.
    ground : present temperature of the surface, K.
    weather, properties : weather and properties of the tile.
    x : scalars; reads those of canopy and ground surface, and SUN_*; writes TLEAF and all fluxes.

    Returns
    -------
    Number of iterations of the leaf temperature.
    """
    latent = LATENT_HEAT_VAPORISATION
    air = weather[W_AIR]
    humidity = weather[W_HUMIDITY]
    pressure = weather[W_PRESSURE]
    wind = max(MIN_WIND, weather[W_WIND])
    top = properties[P_HEIGHT] + 1.0
    height = max(properties[P_WIND_HEIGHT], top) - x[DISPLACEMENT]
    scalar_height = max(properties[P_SCALAR_HEIGHT], top)
    potential = air + LAPSE_RATE * scalar_height
    scalar_height -= x[DISPLACEMENT]
    density = weather[W_DENSITY]
    heat = density * SPECIFIC_HEAT_AIR
    z0m = x[Z0M]
    log_m = math.log(height / z0m)
    log_h = math.log(scalar_height / z0m)
    virtual = potential * (1.0 + 0.61 * humidity)
    active = active_leaves(x[LAI], properties[P_VEGETATION])
    area = x[LSAI]
    wet = x[WET_SHARE]
    factor = x[POTENTIAL]
    absorbs = x[EMIS_V]
    leaf = min(max(x[TLEAF], air - 30.0), air + 40.0)
    inside = 0.5 * (potential + ground)
    vapour = 0.5 * (humidity + x[Q_G])

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
        leaf_resistance = math.sqrt(properties[P_LEAF_WIDTH] / friction) / LEAF_EXCHANGE
        bare = VON_KARMAN / 0.13 * math.exp(-0.45 * math.log(x[Z0G] * friction / AIR_VISCOSITY))
        ground_resistance = 1.0 / ((DENSE_EXCHANGE + (bare - DENSE_EXCHANGE) * x[OPEN]) * friction)
        heat_air = 1.0 / resistance
        heat_ground = 1.0 / ground_resistance
        heat_leaf = area / leaf_resistance
        sum_heat = heat_air + heat_ground + heat_leaf
        saturated, slope = saturation(leaf, pressure)
        vapour_air = heat_air
        if saturated > vapour:
            stomatal = factor * (1.0 - wet) * active / (leaf_resistance + x[STOMATA]) if x[STOMATA] > 0.0 else 0.0
            vapour_leaf = factor * wet * area / leaf_resistance + stomatal
        else:
            stomatal = 0.0
            vapour_leaf = factor * area / leaf_resistance
        dry_layer = x[RSS] if x[Q_G] > vapour else 0.0
        vapour_ground = factor / (ground_resistance + dry_layer)
        sum_vapour = vapour_air + vapour_ground + vapour_leaf
        inside = (heat_air * potential + heat_ground * ground + heat_leaf * leaf) / sum_heat
        vapour = (vapour_air * humidity + vapour_ground * x[Q_G] + vapour_leaf * saturated) / sum_vapour
        gain, _, _ = longwave(weather[W_LONG], leaf, ground, x)
        residual = (
            x[SUN_LEAF]
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
    vapour = (vapour_air * humidity + vapour_ground * x[Q_G] + vapour_leaf * saturated) / sum_vapour
    gain, ground_gain, up = longwave(weather[W_LONG], leaf, ground, x)
    from_leaf = density * vapour_leaf * (saturated - vapour)
    transpired = density * stomatal * (saturated - vapour)
    if saturated <= vapour:
        transpired = 0.0
    evaporated = from_leaf - transpired
    evaporated = min(evaporated, x[LDEW] / step)
    x[TLEAF] = leaf
    x[E_LEAF] = evaporated
    x[E_ROOT] = transpired
    # Energy that leaves absorb and do not use for evaporation warms the air, so their balance closes exactly.
    ground_heat = heat * heat_ground * (ground - inside)
    x[SENSIBLE] = ground_heat + x[SUN_LEAF] + gain - latent * (evaporated + transpired)
    x[E_GROUND] = density * vapour_ground * (x[Q_G] - vapour)
    x[LW_UP] = up
    x[D_SENSIBLE] = heat * heat_ground * (1.0 - heat_ground / sum_heat)
    x[D_E_GROUND] = density * vapour_ground * (1.0 - vapour_ground / sum_vapour) * x[DQ_G]
    x[FLUX_G] = x[SUN_GROUND] + ground_gain - ground_heat - x[HEAT] * x[E_GROUND]
    x[D_FLUX_G] = -(
        4.0 * x[EMIS_G] * STEFAN_BOLTZMANN * ground * ground * ground + x[D_SENSIBLE] + x[HEAT] * x[D_E_GROUND]
    )
    return count
