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
from landda_hpc.constants import CONDUCTIVITY_WATER, GRAVITY, LATENT_HEAT_FUSION, N_SNOW, RHO_ICE, T_FREEZE, FloatArray
from landda_hpc.model.column.hydraulics import BSW, LOG_PSI0, PORSL
from landda_hpc.model.column.land.layout import (
    BELOW,
    CAP,
    COND,
    DZ,
    HEAT_ICE,
    HEAT_WATER,
    ICE,
    LIQ,
    MELT,
    N_SLOT,
    SCV,
    SNOWDP,
    TH_CAP,
    TH_DRY,
    TH_LOG_SOLID,
    TH_SATURATED,
    THAW,
    TNEW,
    UPPER,
    Column,
    T,
)

SURFACE_SHARE: Final = 0.34  # C_a
EXPLICIT: Final = 0.5  # weight of the old temperatures in conduction
LOG_WATER: Final = math.log(CONDUCTIVITY_WATER)  # ln of conductivity, W m-1 K-1
LOG_ICE: Final = math.log(2.29)
CONDUCTIVITY_AIR: Final = 0.023
CONDUCTIVITY_ICE: Final = 2.29
LAKE_MIXING: Final = 40.0  # factor on the conductivity of still water; wind and convection mix the upper metres
LOG_TO_10: Final = 1.0 / math.log(10.0)
FREEZING_SUCTION: Final = 1.0e3 * LATENT_HEAT_FUSION / GRAVITY  # mm
MIN_CAPACITY: Final = 500.0  # J m-2 K-1


@compiled()
def soil_thermal(i: int, s: FloatArray, column: Column) -> None:
    """Compute conductivity and heat capacity of soil layers from their present water and ice."""
    thermal = column.thermal
    for j in range(column.dz.size):
        k = N_SNOW + j
        porosity = column.hydraulic[i, PORSL, j]
        pores = porosity * column.dz_mm[j]
        liquid = s[LIQ, k]
        ice = s[ICE, k]
        s[CAP, k] = thermal[i, TH_CAP, j] + HEAT_WATER * liquid + HEAT_ICE * ice
        wet = min(1.0, (liquid + ice * (1000.0 / RHO_ICE)) / pores)
        dry = thermal[i, TH_DRY, j]
        if ice > 0.0:
            share = liquid / (liquid + ice)
            saturated = math.exp(thermal[i, TH_LOG_SOLID, j] + porosity * (share * LOG_WATER + (1.0 - share) * LOG_ICE))
        else:
            saturated = thermal[i, TH_SATURATED, j]
        kersten = wet if s[T, k] < T_FREEZE else max(0.0, 1.0 + LOG_TO_10 * math.log(max(0.05, wet)))
        s[COND, k] = dry + kersten * (saturated - dry)


@compiled()
def water_thermal(s: FloatArray, column: Column, stirred: bool) -> None:
    """Compute conductivity and heat capacity of layers of pure water and ice: lakes (mixed) and glaciers."""
    mixing = LAKE_MIXING if stirred else 1.0
    for j in range(column.dz.size):
        k = N_SNOW + j
        liquid = s[LIQ, k]
        ice = s[ICE, k]
        share = liquid / max(1.0e-9, liquid + ice)
        s[CAP, k] = max(MIN_CAPACITY, HEAT_WATER * liquid + HEAT_ICE * ice)
        s[COND, k] = share * mixing * CONDUCTIVITY_WATER + (1.0 - share) * CONDUCTIVITY_ICE


@compiled()
def snow_thermal(top: int, s: FloatArray) -> None:
    """Compute conductivity and heat capacity of snow layers (Jordan 1991, CRREL special report 91-16, eq. 35)."""
    for k in range(top, N_SNOW):
        mass = s[LIQ, k] + s[ICE, k]
        density = mass / s[DZ, k]
        s[CAP, k] = max(MIN_CAPACITY, HEAT_WATER * s[LIQ, k] + HEAT_ICE * s[ICE, k])
        s[COND, k] = CONDUCTIVITY_AIR + (7.75e-5 * density + 1.105e-6 * density * density) * (
            CONDUCTIVITY_ICE - CONDUCTIVITY_AIR
        )


@compiled()
def conductances(top: int, s: FloatArray, column: Column, x: FloatArray) -> None:
    """Compute the conductance between layers and the effective heat capacity of the top layer.

    Snow too thin for its own layer adds its capacity to the soil below.
    """
    for k in range(top, N_SLOT - 1):
        # From the node of layer k to the interface, and from there to the next node, m.
        above = 0.5 * s[DZ, k] if k < N_SNOW else column.zi[k - N_SNOW + 1] - column.z[k - N_SNOW]
        below = 0.5 * s[DZ, k + 1] if k + 1 < N_SNOW else column.z[k + 1 - N_SNOW] - column.zi[k + 1 - N_SNOW]
        s[BELOW, k] = 1.0 / (above / s[COND, k] + below / s[COND, k + 1])
    s[BELOW, N_SLOT - 1] = 0.0
    if top == N_SNOW:
        if x[SCV] > 0.0:
            s[CAP, top] += HEAT_ICE * x[SCV]
        node = column.z[0]
        next_node = column.z[1]
    else:
        node = 0.5 * s[DZ, top]
        next_node = s[DZ, top] + (0.5 * s[DZ, top + 1] if top + 1 < N_SNOW else column.z[0])
    s[CAP, top] *= min(1.0, 0.5 * (node + SURFACE_SHARE * next_node) / s[DZ, top])


@compiled()
def diffuse(top: int, step: float, flux: float, slope: float, s: FloatArray) -> float:
    """Solve for the temperatures at the end of a step, into s[TNEW].

    Parameters
    ----------
    top : slot of the uppermost layer.
    step : s.
    flux, slope : heat flux into the surface at its present temperature, W m-2, and its derivative (negative),
        W m-2 K-1.
    s : layers; reads T, CAP, BELOW.

    Returns
    -------
    Change of the top layer's temperature, K.
    """
    implicit = 1.0 - EXPLICIT
    above_flux = 0.0
    above = 0.0
    for k in range(top, N_SLOT):
        factor = step / s[CAP, k]
        conductance = s[BELOW, k]
        down = conductance * (s[T, k + 1] - s[T, k]) if k < N_SLOT - 1 else 0.0
        diagonal = 1.0 + implicit * factor * conductance
        right = s[T, k] + EXPLICIT * factor * (down - above_flux)
        if k == top:
            diagonal -= factor * slope
            right += factor * (flux - slope * s[T, k])
        else:
            lower = implicit * factor * s[BELOW, k - 1]
            diagonal += lower - lower * above
            right += lower * s[TNEW, k - 1]
        above = implicit * factor * conductance / diagonal
        s[UPPER, k] = above
        s[TNEW, k] = right / diagonal
        above_flux = down
    for k in range(N_SLOT - 2, top - 1, -1):
        s[TNEW, k] += s[UPPER, k] * s[TNEW, k + 1]
    change: float = s[TNEW, top] - s[T, top]
    return change


@compiled()
def supercooled(temperature: float, log_psi0: float, b: float, pores: float) -> float:
    """Liquid water that does not freeze, kg m-2: pores (psi(T) / psi0)^(-1/b) (Niu and Yang 2006; docs/column.md)."""
    suction = FREEZING_SUCTION * (T_FREEZE - temperature) / temperature
    if suction <= 0.0:
        return pores
    return pores * math.exp(min(0.0, (log_psi0 - math.log(suction)) / b))


@compiled()
def change_phase(
    i: int, top: int, step: float, slope: float, has_soil: bool, s: FloatArray, column: Column, x: FloatArray
) -> None:
    """Adopt the new temperatures; melt or freeze with the energy beyond the freezing point.

    Parameters
    ----------
    i : tile.
    top, step, slope : as for ``diffuse``; the surface flux refers to the temperature after the phase change.
    has_soil : layers are soil with supercooled water in its pores; otherwise they are pure water and ice.
    s : layers; reads TNEW, updates T, LIQ, ICE.
    x : scalars; MELT is set to the net melt, kg m-2; THAW is incremented where snow without a layer melts.
    """
    melted = 0.0
    for k in range(top, N_SLOT):
        temperature = s[TNEW, k]
        s[T, k] = temperature
        capacity = s[CAP, k]
        if k == top:
            capacity -= step * slope
        if temperature > T_FREEZE:
            thin = k == N_SNOW and top == N_SNOW and x[SCV] > 0.0
            if s[ICE, k] <= 0.0 and not thin:
                continue
            energy = capacity * (temperature - T_FREEZE)
            if thin:
                thaw = min(x[SCV], energy / LATENT_HEAT_FUSION)
                x[SNOWDP] *= 1.0 - thaw / x[SCV]
                x[SCV] -= thaw
                x[THAW] += thaw
                melted += thaw
                energy = max(0.0, energy - LATENT_HEAT_FUSION * thaw)
            amount = min(s[ICE, k], energy / LATENT_HEAT_FUSION)
            s[ICE, k] = max(0.0, s[ICE, k] - amount)
            s[LIQ, k] += amount
            melted += amount
            s[T, k] = T_FREEZE + (energy - LATENT_HEAT_FUSION * amount) / capacity
        elif temperature < T_FREEZE and s[LIQ, k] > 0.0:
            stays = 0.0
            if k >= N_SNOW and has_soil:
                j = k - N_SNOW
                h = column.hydraulic
                stays = supercooled(temperature, h[i, LOG_PSI0, j], h[i, BSW, j], h[i, PORSL, j] * column.dz_mm[j])
            if s[LIQ, k] <= stays:
                continue
            energy = capacity * (T_FREEZE - temperature)
            amount = min(s[LIQ, k] - stays, energy / LATENT_HEAT_FUSION)
            s[LIQ, k] = max(0.0, s[LIQ, k] - amount)  # no negative rounding error
            s[ICE, k] += amount
            melted -= amount
            s[T, k] = T_FREEZE - (energy - LATENT_HEAT_FUSION * amount) / capacity
    x[MELT] = melted
