"""Heat in snow and soil: conductivity, diffusion, and phase change from excess energy.

Soil conductivity follows Johansen (1975) in the form of Farouki (1981): the Kersten number interpolates between dry
and saturated values. Snow conductivity follows Jordan (1991). Diffusion is Crank-Nicolson between layers and implicit
in the surface flux (Oleson et al. 2013, NCAR/TN-503, chapter 6); the effective top layer is thinner (C_a = 0.34), so
that it follows the surface temperature.
"""

from __future__ import annotations

import math
from typing import Final

from landda_hpc.compiled_code import compiled
from landda_hpc.constants import (
    CONDUCTIVITY_WATER,
    HEAT_ICE,
    HEAT_WATER,
    LATENT_HEAT_FUSION,
    N_SNOW,
    N_SOIL,
    RHO_ICE,
    SOIL_DZ,
    SOIL_Z,
    SOIL_ZI,
    T_FREEZE,
)
from landda_hpc.model.column.hydraulics import supercooled
from landda_hpc.model.column.land.records import N_SLOT, Record

SURFACE_SHARE: Final = 0.34  # C_a
SOIL_SHARE: Final = float(0.5 * (SOIL_Z[0] + SURFACE_SHARE * SOIL_Z[1]) / SOIL_DZ[0])  # of the top layer's capacity
EXPLICIT: Final = 0.5  # weight of the old temperatures in conduction
LOG_WATER: Final = math.log(CONDUCTIVITY_WATER)  # ln of conductivity, W m-1 K-1
LOG_ICE: Final = math.log(2.29)
CONDUCTIVITY_AIR: Final = 0.023
CONDUCTIVITY_ICE: Final = 2.29
LAKE_MIXING: Final = 40.0  # factor on the conductivity of still water; wind and convection mix the upper metres
LEAST_LOG_WETNESS: Final = math.log(0.05)
LOG_TO_10: Final = 1.0 / math.log(10.0)
MIN_CAPACITY: Final = 500.0  # J m-2 K-1


@compiled()
def soil_thermal(is_loaded: bool, column: Record, tile: Record) -> None:
    """Compute conductivity and heat capacity of soil layers from their present water and ice.

    Parameters
    ----------
    is_loaded : the water solver has the tile's layers: the logarithm of the wetness of layers without ice is known.
    column, tile : constants of the tile; reads temperature, liquid, ice, water; writes heat_capacity, conductivity.
    """
    water = tile.water
    for j in range(N_SOIL):
        k = N_SNOW + j
        porosity = column.soil.porosity[j]
        liquid = tile.liquid[k]
        ice = tile.ice[k]
        tile.heat_capacity[k] = column.solid_heat_capacity[j] + HEAT_WATER * liquid + HEAT_ICE * ice
        dry = column.dry[j]
        if ice > 0.0:
            share = liquid / (liquid + ice)
            saturated = math.exp(column.log_solid[j] + porosity * (share * LOG_WATER + (1.0 - share) * LOG_ICE))
        else:
            saturated = column.saturated[j]
        if is_loaded and ice <= 0.0 and liquid == water.liquid[j] and tile.temperature[k] >= T_FREEZE:
            kersten = max(0.0, 1.0 + LOG_TO_10 * max(LEAST_LOG_WETNESS, water.log_wetness[j]))
        else:
            wet = min(1.0, (liquid + ice * (1000.0 / RHO_ICE)) / column.soil.pores[j])
            kersten = wet if tile.temperature[k] < T_FREEZE else max(0.0, 1.0 + LOG_TO_10 * math.log(max(0.05, wet)))
        tile.conductivity[k] = dry + kersten * (saturated - dry)


@compiled()
def water_thermal(stirred: bool, tile: Record) -> None:
    """Compute conductivity and heat capacity of layers of pure water and ice: lakes (mixed) and glaciers."""
    mixing = LAKE_MIXING if stirred else 1.0
    for j in range(N_SOIL):
        k = N_SNOW + j
        liquid = tile.liquid[k]
        ice = tile.ice[k]
        share = liquid / max(1.0e-9, liquid + ice)
        tile.heat_capacity[k] = max(MIN_CAPACITY, HEAT_WATER * liquid + HEAT_ICE * ice)
        tile.conductivity[k] = share * mixing * CONDUCTIVITY_WATER + (1.0 - share) * CONDUCTIVITY_ICE


@compiled()
def snow_thermal(top: int, tile: Record) -> None:
    """Compute conductivity and heat capacity of snow layers (Jordan 1991, CRREL special report 91-16, eq. 35)."""
    for k in range(top, N_SNOW):
        mass = tile.liquid[k] + tile.ice[k]
        density = mass / tile.thickness[k]
        tile.heat_capacity[k] = max(MIN_CAPACITY, HEAT_WATER * tile.liquid[k] + HEAT_ICE * tile.ice[k])
        tile.conductivity[k] = CONDUCTIVITY_AIR + (7.75e-5 * density + 1.105e-6 * density * density) * (
            CONDUCTIVITY_ICE - CONDUCTIVITY_AIR
        )


@compiled()
def conductances(top: int, stirred: bool, tile: Record) -> None:
    """Compute the conductance between layers and the effective heat capacity of the top layer.

    Snow too thin for its own layer adds its capacity to the layer below. The whole top layer of stirred water counts.
    """
    for k in range(top, N_SLOT - 1):
        # From the node of layer k to the interface, and from there to the next node, m.
        above = 0.5 * tile.thickness[k] if k < N_SNOW else SOIL_ZI[k - N_SNOW + 1] - SOIL_Z[k - N_SNOW]
        below = 0.5 * tile.thickness[k + 1] if k + 1 < N_SNOW else SOIL_Z[k + 1 - N_SNOW] - SOIL_ZI[k + 1 - N_SNOW]
        upper, lower = tile.conductivity[k], tile.conductivity[k + 1]
        tile.conductance[k] = upper * lower / (above * lower + below * upper)
    tile.conductance[N_SLOT - 1] = 0.0
    if top < N_SNOW:
        node = 0.5 * tile.thickness[top]
        next_node = tile.thickness[top] + (0.5 * tile.thickness[top + 1] if top + 1 < N_SNOW else SOIL_Z[0])
        tile.heat_capacity[top] *= min(1.0, 0.5 * (node + SURFACE_SHARE * next_node) / tile.thickness[top])
        return
    if tile.snow_mass > 0.0:
        tile.heat_capacity[top] += HEAT_ICE * tile.snow_mass
    if not stirred:
        tile.heat_capacity[top] *= SOIL_SHARE


@compiled()
def diffuse(top: int, step: float, flux: float, slope: float, tile: Record) -> float:
    """Solve for the temperatures at the end of a step, into ``new_temperature``.

    Parameters
    ----------
    top : slot of the uppermost layer.
    step : s.
    flux, slope : heat flux into the surface at its present temperature, W m-2, and its derivative (negative),
        W m-2 K-1.
    tile : reads temperature, heat_capacity, conductance.

    Returns
    -------
    Change of the top layer's temperature, K.
    """
    implicit = 1.0 - EXPLICIT
    above_flux = 0.0
    above = 0.0
    for k in range(top, N_SLOT):
        factor = step / tile.heat_capacity[k]
        conductance = tile.conductance[k]
        down = conductance * (tile.temperature[k + 1] - tile.temperature[k]) if k < N_SLOT - 1 else 0.0
        diagonal = 1.0 + implicit * factor * conductance
        right = tile.temperature[k] + EXPLICIT * factor * (down - above_flux)
        if k == top:
            diagonal -= factor * slope
            right += factor * (flux - slope * tile.temperature[k])
        else:
            lower = implicit * factor * tile.conductance[k - 1]
            diagonal += lower - lower * above
            right += lower * tile.new_temperature[k - 1]
        pivot = 1.0 / diagonal
        above = implicit * factor * conductance * pivot
        tile.upper[k] = above
        tile.new_temperature[k] = right * pivot
        above_flux = down
    for k in range(N_SLOT - 2, top - 1, -1):
        tile.new_temperature[k] += tile.upper[k] * tile.new_temperature[k + 1]
    change: float = tile.new_temperature[top] - tile.temperature[top]
    return change


@compiled()
def change_phase(top: int, step: float, slope: float, has_soil: bool, column: Record, tile: Record) -> None:
    """Adopt the new temperatures; melt or freeze with the energy beyond the freezing point.

    Parameters
    ----------
    top, step, slope : as for ``diffuse``; the surface flux refers to the temperature after the phase change.
    has_soil : layers are soil with supercooled water in its pores; otherwise they are pure water and ice.
    tile : reads new_temperature, updates temperature, liquid, ice; sets melt; increments ``amounts.thawed`` where snow
        without a layer melts.
    """
    melted = 0.0
    for k in range(top, N_SLOT):
        temperature = tile.new_temperature[k]
        tile.temperature[k] = temperature
        capacity = tile.heat_capacity[k]
        if k == top:
            capacity -= step * slope
        if temperature > T_FREEZE:
            thin = k == N_SNOW and top == N_SNOW and tile.snow_mass > 0.0
            if tile.ice[k] <= 0.0 and not thin:
                continue
            energy = capacity * (temperature - T_FREEZE)
            if thin:
                thaw = min(tile.snow_mass, energy / LATENT_HEAT_FUSION)
                tile.snow_depth *= 1.0 - thaw / tile.snow_mass
                tile.snow_mass -= thaw
                tile.amounts.thawed += thaw
                melted += thaw
                energy = max(0.0, energy - LATENT_HEAT_FUSION * thaw)
            amount = min(tile.ice[k], energy / LATENT_HEAT_FUSION)
            tile.ice[k] = max(0.0, tile.ice[k] - amount)
            tile.liquid[k] += amount
            melted += amount
            tile.temperature[k] = T_FREEZE + (energy - LATENT_HEAT_FUSION * amount) / capacity
        elif temperature < T_FREEZE and tile.liquid[k] > 0.0:
            stays = 0.0
            if k >= N_SNOW and has_soil:
                j = k - N_SNOW
                stays = supercooled(temperature, column.soil.log_psi0[j], column.soil.b[j], column.soil.pores[j])
            if tile.liquid[k] <= stays:
                continue
            energy = capacity * (T_FREEZE - temperature)
            amount = min(tile.liquid[k] - stays, energy / LATENT_HEAT_FUSION)
            tile.liquid[k] = max(0.0, tile.liquid[k] - amount)  # no negative rounding error
            tile.ice[k] += amount
            melted -= amount
            tile.temperature[k] = T_FREEZE - (energy - LATENT_HEAT_FUSION * amount) / capacity
    tile.melt = melted
