"""Soil water over a step: runoff, infiltration, Richards' equation and groundwater.

The equation and its bounds are those of ``richards``. The energy balance provides the demand for evaporation and root
uptake; the lowest layer drains into the aquifer.
"""

from __future__ import annotations

import math

from landda_hpc.compiled_code import compiled
from landda_hpc.constants import N_SNOW, RHO_ICE, T_FREEZE, FloatArray
from landda_hpc.model.column.hydraulics import (
    HKSATI,
    MIN_EFFECTIVE_POROSITY,
    MIN_SATURATION,
    PORSL,
    PSI_WILTING,
    ROOT,
    ice_impedance,
)
from landda_hpc.model.column.hydrology import FSAT_DECAY, FSAT_MAX, MAX_CHANGE, MAX_INFILTRATION, MIN_SHARE
from landda_hpc.model.column.land.groundwater import move_table
from landda_hpc.model.column.land.layout import (
    A_DRAINAGE,
    A_LIQUID,
    A_OVERFLOW,
    A_ROOT,
    A_RUNOFF,
    BTRAN,
    ICE,
    LIQ,
    SHARE,
    UPTAKE,
    WATER_IN,
    ZWT,
    Column,
    T,
)
from landda_hpc.model.column.richards import (
    FLUX,
    IMPEDANCE,
    PSI,
    SINK,
    W_MAX,
    W_MIN,
    W,
    apply_fluxes,
    column_hydraulics,
    solve_column,
)


@compiled()
def load_water(i: int, s: FloatArray, column: Column, c: FloatArray) -> None:
    """Set the solver's water and its bounds, the impedance of ice, potentials and conductivities."""
    n = column.dz.size
    for j in range(n):
        porosity = column.hydraulic[i, PORSL, j]
        dz = column.dz_mm[j]
        c[W, j] = s[LIQ, N_SNOW + j]
        c[W_MIN, j] = MIN_SATURATION * porosity * dz
        ice = s[ICE, N_SNOW + j] * (1000.0 / RHO_ICE) / dz
        c[W_MAX, j] = max(c[W_MIN, j], (porosity - ice) * dz)
        below = min(j + 1, n - 1)
        ice_below = s[ICE, N_SNOW + below] * (1000.0 / RHO_ICE) / column.dz_mm[below]
        if ice > 0.0:
            # Freezing may leave more water than fits into the pores; it stays (as in CoLM), and no more is added.
            c[W_MAX, j] = max(c[W_MAX, j], c[W, j])
        elif ice_below <= 0.0:
            c[IMPEDANCE, j] = 1.0
            continue
        porosity_below = column.hydraulic[i, PORSL, below]
        if min(porosity - ice, porosity_below - ice_below) < MIN_EFFECTIVE_POROSITY:
            c[IMPEDANCE, j] = 0.0
        else:
            c[IMPEDANCE, j] = ice_impedance(0.5 * (ice / porosity + ice_below / porosity_below), 1.0)
    column_hydraulics(i, column.hydraulic, column.dz_mm, c)


@compiled()
def root_stress(i: int, s: FloatArray, column: Column, x: FloatArray, c: FloatArray) -> None:
    """Set x[BTRAN] to the water supply of roots and s[SHARE] to each layer's fraction of root uptake.

    The stress factor decreases linearly with psi to zero at the wilting point; it is zero in frozen layers
    (docs/column.md).
    """
    total = 0.0
    for j in range(column.dz.size):
        root = column.hydraulic[i, ROOT, j]
        share = 0.0
        if root > 0.0 and s[T, N_SNOW + j] > T_FREEZE:
            share = root * max(0.0, 1.0 - c[PSI, j] / PSI_WILTING)
        s[SHARE, N_SNOW + j] = share
        total += share
    x[BTRAN] = total
    if total > 0.0:
        for j in range(column.dz.size):
            s[SHARE, N_SNOW + j] /= total


@compiled()
def runoff_at_surface(i: int, water: float, step: float, table: float, s: FloatArray, column: Column) -> float:
    """Surface runoff, kg m-2 over the step: SIMTOP (docs/column.md).

    All water runs off the saturated fraction of the ground; elsewhere, that above the capacity of the upper 3 layers.
    """
    if water <= 0.0:
        return 0.0
    capacity = math.inf
    for j in range(3):
        ice = s[ICE, N_SNOW + j] * (1000.0 / RHO_ICE) / column.dz_mm[j]
        capacity = min(capacity, ice_impedance(ice, column.hydraulic[i, PORSL, j]) * column.hydraulic[i, HKSATI, j])
    saturated = FSAT_MAX * math.exp(-FSAT_DECAY * table)
    return saturated * water + (1.0 - saturated) * max(0.0, water - capacity * step)


@compiled()
def move_water(i: int, step: float, s: FloatArray, column: Column, x: FloatArray, c: FloatArray) -> int:
    """Advance the soil's liquid water by a step.

    Parameters
    ----------
    i, step : tile, s.
    s : layers; reads SHARE, writes LIQ and the root uptake, UPTAKE.
    x : scalars; reads WATER_IN; sets A_LIQUID and A_ROOT to the actual amounts; updates WA, ZWT; increments A_RUNOFF,
        A_DRAINAGE, A_OVERFLOW.
    c : work array set by ``load_water``.

    Returns
    -------
    Number of solutions of the soil-water equation.
    """
    n = column.dz.size
    dew = max(0.0, -x[A_LIQUID])
    wanted = max(0.0, x[A_LIQUID])
    inflow = x[WATER_IN] + dew
    # Water that evaporates immediately neither runs off nor infiltrates.
    runoff = runoff_at_surface(i, inflow - wanted, step, x[ZWT], s, column)
    infiltration = (inflow - runoff) / step
    evaporation_rate = wanted / step
    uptake_rate = x[A_ROOT] / step
    longest = step / math.ceil(max(1.0, infiltration * step / MAX_INFILTRATION))
    evaporated = 0.0
    taken = 0.0
    drained = 0.0
    overflow = 0.0
    for j in range(n):
        s[UPTAKE, N_SNOW + j] = 0.0
    n_solves = 0
    remaining = step
    sub_step = longest
    is_loaded = True
    while remaining > 0.0:
        if sub_step > 0.999999 * remaining:
            sub_step = remaining
        if not is_loaded:
            column_hydraulics(i, column.hydraulic, column.dz_mm, c)
        is_loaded = False
        while True:
            evaporation = min(evaporation_rate * sub_step, max(0.0, c[W, 0] - c[W_MIN, 0]))
            for j in range(n):
                demand = uptake_rate * sub_step * s[SHARE, N_SNOW + j]
                c[SINK, j] = min(demand, max(0.0, c[W, j] - c[W_MIN, j]))
            top = infiltration * sub_step - evaporation
            change = solve_column(sub_step, top, column.dz_mm, column.node_mm, True, c)
            n_solves += 1
            if 0.0 <= change <= MAX_CHANGE:
                break
            if sub_step <= MIN_SHARE * step:
                if change < 0.0:
                    solve_column(sub_step, top, column.dz_mm, column.node_mm, False, c)
                    n_solves += 1
                break
            sub_step = 0.5 * sub_step
        evaporation, excess = apply_fluxes(evaporation, n, c)
        evaporated += evaporation
        overflow += excess
        drained += c[FLUX, n]
        for j in range(n):
            taken += c[SINK, j]
            s[UPTAKE, N_SNOW + j] += c[SINK, j]
        remaining -= sub_step
        if change <= 0.5 * MAX_CHANGE:
            sub_step = min(longest, 2.0 * sub_step)
    flow = move_table(i, step, drained, s, column, x)
    for j in range(n):
        # A frozen dry layer may have a negative rounding error.
        s[LIQ, N_SNOW + j] = max(0.0, c[W, j])
    x[A_LIQUID] = evaporated - dew
    x[A_ROOT] = taken
    x[A_RUNOFF] += runoff + overflow
    x[A_OVERFLOW] += overflow
    x[A_DRAINAGE] += flow
    return n_solves
