"""Water in a soil column over a step: bounds, ice, runoff, root stress, and sub-steps of Richards' equation.

Both physics use these functions. The caller fills liquid, ice and temperature of a record ``WATER``, and says in each
sub-step how much evaporates and transpires (docs/column.md, "Formulas of the soil-water scheme").
"""

from __future__ import annotations

import math
from typing import Final

from landda_hpc.compiled_code import compiled
from landda_hpc.constants import N_SOIL, RHO_ICE, SOIL_DZ, T_FREEZE
from landda_hpc.model.column.hydraulics import (
    LAYER_DZ_MM,
    MIN_EFFECTIVE_POROSITY,
    MIN_SATURATION,
    PSI_WILTING,
    ice_impedance,
)
from landda_hpc.model.column.records import Record
from landda_hpc.model.column.richards import apply_fluxes, column_hydraulics, solve_column

FSAT_MAX: Final = 0.38
DRY_LAYER_ONSET: Final = 0.8  # share of porosity
MAX_DRY_LAYER: Final = 0.2  # m
MAX_INFILTRATION: Final = 4.0  # kg m-2 a sub-step
MAX_CHANGE: Final = 0.05  # m3 m-3; a sub-step that would change any layer by more is halved
MIN_SHARE: Final = 1.0 / 64.0  # shortest sub-step, share of the model step
INFILTRATING: Final = 3  # layers whose conductivity limits infiltration


@compiled()
def load_water(soil: Record, water: Record) -> None:
    """Set bounds, impedance of ice, potentials and conductivities from liquid and ice."""
    is_free = True
    for j in range(N_SOIL):
        ice = water.ice[j] * (1000.0 / RHO_ICE)
        water.least[j] = MIN_SATURATION * soil.pores[j]
        water.most[j] = max(water.least[j], soil.pores[j] - ice)
        water.impedance[j] = 1.0
        is_free = is_free and ice <= 0.0
    if not is_free:
        _meet_ice(soil, water)
    column_hydraulics(soil, water)
    water.is_current = True


@compiled()
def _meet_ice(soil: Record, water: Record) -> None:
    """Set the impedance of ice, and bounds above the water of layers with ice."""
    for j in range(N_SOIL):
        below = min(j + 1, N_SOIL - 1)
        ice = water.ice[j] * (1000.0 / RHO_ICE) / LAYER_DZ_MM[j]
        ice_below = water.ice[below] * (1000.0 / RHO_ICE) / LAYER_DZ_MM[below]
        if ice > 0.0:
            # Freezing may leave more water than fits into the pores; it stays (as in CoLM), and no more is added.
            water.most[j] = max(water.most[j], water.liquid[j])
        elif ice_below <= 0.0:
            continue
        porosity, porosity_below = soil.porosity[j], soil.porosity[below]
        if min(porosity - ice, porosity_below - ice_below) < MIN_EFFECTIVE_POROSITY:
            water.impedance[j] = 0.0
        else:
            water.impedance[j] = ice_impedance(0.5 * (ice / porosity + ice_below / porosity_below), 1.0)


@compiled()
def root_stress(soil: Record, water: Record) -> float:
    """Water supply of roots, 0..1, the sum of ``water.share``, which is written.

    The stress factor decreases linearly in psi to zero at the wilting point; it is zero in frozen layers
    (docs/column.md).
    """
    total = 0.0
    for j in range(N_SOIL):
        root = soil.root[j]
        share = 0.0
        if root > 0.0 and water.temperature[j] > T_FREEZE:
            share = root * max(0.0, 1.0 - water.psi[j] / PSI_WILTING)
        water.share[j] = share
        total += share
    return total


@compiled()
def dry_layer(soil: Record, water: Record) -> float:
    """Depth of the dry surface layer, m (Swenson and Lawrence 2014, J. Geophys. Res. Atmos., 119, 10299-10312)."""
    effective_porosity = water.most[0] / LAYER_DZ_MM[0]
    lack = max(1.0e-6, DRY_LAYER_ONSET * effective_porosity - water.theta[0])
    depth: float = SOIL_DZ[0] * lack / max(1.0e-6, DRY_LAYER_ONSET * soil.porosity[0] - soil.theta_air)
    return min(MAX_DRY_LAYER, depth)


@compiled()
def infiltration_capacity(soil: Record, water: Record) -> float:
    """The least saturated conductivity of the upper layers, which ice reduces, mm s-1."""
    capacity = math.inf
    for j in range(INFILTRATING):
        ice = water.ice[j] * (1000.0 / RHO_ICE) / LAYER_DZ_MM[j]
        capacity = min(capacity, ice_impedance(ice, soil.porosity[j]) * soil.k_saturated[j])
    return capacity


@compiled()
def surface_runoff(supply: float, capacity: float, water_table: float, decay: float) -> float:
    """Surface runoff in the unit of supply and capacity: SIMTOP (docs/column.md).

    All water on the saturated share of the ground; elsewhere water above the infiltration capacity.

    Parameters
    ----------
    supply, capacity : water that reaches the ground and infiltration capacity, both rates or both amounts.
    water_table : depth, m.
    decay : of the saturated share with the depth of the water table, m-1.
    """
    if supply <= 0.0:
        return 0.0
    saturated = FSAT_MAX * math.exp(-decay * water_table)
    return saturated * supply + (1.0 - saturated) * max(0.0, supply - capacity)


@compiled()
def start_step(step: float, infiltration: float, water: Record) -> None:
    """Begin a step with the given length, s, and infiltration, kg m-2 s-1."""
    water.infiltration = infiltration
    water.longest = step / math.ceil(max(1.0, infiltration * step / MAX_INFILTRATION))
    water.sub_step = water.longest
    water.remaining = step
    water.evaporated = 0.0
    water.transpired = 0.0
    water.drained = 0.0
    water.overflow = 0.0


@compiled()
def refresh(soil: Record, water: Record) -> None:
    """Compute the hydraulics if liquid water has changed since."""
    if not water.is_current:
        column_hydraulics(soil, water)
        water.is_current = True


@compiled()
def sub_step(step: float, evaporation_rate: float, transpiration_rate: float, water: Record) -> int:
    """Advance liquid water by a sub-step, short enough for all layers to change slowly; returns solutions.

    Parameters
    ----------
    step : the whole step, s.
    evaporation_rate : wanted from the top layer, kg m-2 s-1.
    transpiration_rate : times ``water.share``, wanted from each layer, kg m-2 s-1.
    water : as ``refresh`` left it; updates liquid, remaining and the amounts over the step.
    """
    if water.sub_step > 0.999999 * water.remaining:
        water.sub_step = water.remaining
    n_solves = 0
    while True:
        length = water.sub_step
        evaporation = min(evaporation_rate * length, max(0.0, water.liquid[0] - water.least[0]))
        for j in range(N_SOIL):
            wanted = transpiration_rate * length * water.share[j]
            water.sink[j] = min(wanted, max(0.0, water.liquid[j] - water.least[j]))
        top = water.infiltration * length - evaporation
        change = solve_column(length, top, 1.0, water)
        n_solves += 1
        if 0.0 <= change <= MAX_CHANGE:
            break
        if length <= MIN_SHARE * step:
            if change < 0.0:
                solve_column(length, top, 0.0, water)
                n_solves += 1
            break
        water.sub_step = 0.5 * length
    evaporation, excess = apply_fluxes(evaporation, water)
    water.is_current = False
    water.evaporated += evaporation
    water.overflow += excess
    water.drained += water.flux[N_SOIL]
    for j in range(N_SOIL):
        water.transpired += water.sink[j]
    water.remaining -= length
    if change <= 0.5 * MAX_CHANGE:
        water.sub_step = min(water.longest, 2.0 * length)
    return n_solves
