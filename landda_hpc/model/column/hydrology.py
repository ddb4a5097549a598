"""Water kernel: advances every tile through the model steps of one forcing step.

Loops: tiles outermost, then model steps, layers innermost. Memory: a tile's soil parameters (560 bytes), its 15-slot
rows of water, ice and temperature, and its demand (56 bytes) are each contiguous (C order, tile first) and are
read once per forcing step. All other variables are in one scratch array of a few kilobytes. The result of a tile
depends only on that tile.

Treatment of water by patch type:

- soil: SIMTOP surface runoff, infiltration, bare-soil evaporation, root uptake, Richards' equation, free
  drainage. Ice is constant and reduces the pore space (heat and phase change are not part of this model),
  precipitation is liquid at any temperature, and the water table is a property of the climate class that only
  determines the saturated fraction of the surface.
- wetland: saturated soil below a store of standing water (``wetwat``, at most ``WETLAND_STORE``) that rain
  fills and open-water evaporation empties. Evaporation beyond the store is supplied from outside and counted as
  supply; rain beyond the store runs off.
- glacier, lake, and other types: the state is constant and precipitation runs off.
"""

from __future__ import annotations

import math
from typing import Final

from landda_hpc.compiled_code import compiled
from landda_hpc.constants import N_SNOW, RHO_ICE, T_FREEZE, FloatArray, IntArray
from landda_hpc.model.column.demand import CANOPY, HUMIDITY, KELVIN, OPEN_WATER, RAIN, RESISTANCE
from landda_hpc.model.column.demand import SOIL as SOIL_DEMAND
from landda_hpc.model.column.hydraulics import (
    BSW,
    HKSATI,
    LOG_PSI0,
    MIN_EFFECTIVE_POROSITY,
    MIN_SATURATION,
    PORSL,
    PSI_WILTING,
    ROOT,
    ice_impedance,
)
from landda_hpc.model.column.richards import (
    FLUX,
    IMPEDANCE,
    PSI,
    SINK,
    THETA,
    W_MAX,
    W_MIN,
    W,
    apply_fluxes,
    column_hydraulics,
    solve_column,
)
from landda_hpc.state import PatchType

PRECIPITATION: Final = 0
EVAPORATION: Final = 1
TRANSPIRATION: Final = 2
RUNOFF: Final = 3
DRAINAGE: Final = 4
OVERFLOW: Final = 5
SUPPLY: Final = 6
N_TOTAL: Final = 7
"""Columns of the totals, kg m-2, shape (n_tile, 7); overflow is part of runoff."""

FSAT_MAX: Final = 0.38
FSAT_DECAY: Final = 0.125 * 2.0  # m-1, times the depth of the water table
PSI_AIR_DRY: Final = -1.0e7  # mm
DRY_LAYER_ONSET: Final = 0.8  # fraction of porosity
MAX_DRY_LAYER: Final = 0.2  # m
WETLAND_STORE: Final = 200.0  # kg m-2

MAX_INFILTRATION: Final = 4.0  # kg m-2 per sub-step
MAX_CHANGE: Final = 0.05  # m3 m-3; a sub-step that would change any layer by more is halved
MIN_SHARE: Final = 1.0 / 64.0  # shortest sub-step as a fraction of the model step

_SOIL: Final = int(PatchType.SOIL)
_WETLAND: Final = int(PatchType.WETLAND)


@compiled()
def soil_evaporation(
    potential: float,
    resistance: float,
    humidity: float,
    kelvin: float,
    theta: float,
    psi: float,
    effective_porosity: float,
    porosity: float,
    theta_air: float,
    tortuosity: float,
    thickness: float,
) -> float:
    """Evaporation from bare soil, kg m-2 s-1.

    The dry surface layer of depth DSL has the resistance r_s = DSL / (D_0 tau) (Swenson and Lawrence 2014, J. Geophys.
    Res. Atmos., 119, 10299-10312; docs/column.md). Since energy limits the potential rate, r_s acts like the surface
    resistance in the Penman-Monteith equation: E = E_p (D + g) / (D + g (1 + r_s / r_a)). Evaporation decreases as the
    soil dries and vanishes when air and soil are in equilibrium: E is proportional to (h_s - h_a) / (1 - h_a), where
    h_s = exp(KELVIN psi).

    Parameters
    ----------
    potential : E_p, kg m-2 s-1.
    resistance, humidity, kelvin : see ``demand``.
    theta, psi : of the top layer, m3 m-3 and mm.
    effective_porosity, porosity, theta_air : of the top layer: porosity minus ice, porosity, and air-dry water
        content, m3 m-3.
    tortuosity : tau, dimensionless.
    thickness : thickness of the top layer, m.
    """
    if potential <= 0.0:
        return 0.0
    share = max(1.0e-6, DRY_LAYER_ONSET * effective_porosity - theta)
    dry_layer = min(MAX_DRY_LAYER, thickness * share / max(1.0e-6, DRY_LAYER_ONSET * porosity - theta_air))
    uptake = (math.exp(kelvin * psi) - humidity) / max(0.02, 1.0 - humidity)
    return potential * min(1.0, max(0.0, uptake)) / (1.0 + resistance * dry_layer / tortuosity)


@compiled()
def advance_tiles(
    step: float,
    n_steps: int,
    demand: FloatArray,
    parameters: FloatArray,
    patchtype: IntArray,
    layer_dz: FloatArray,
    node_distance: FloatArray,
    wliq: FloatArray,
    wice: FloatArray,
    t_soisno: FloatArray,
    wetwat: FloatArray,
    zwt: FloatArray,
    totals: FloatArray,
    residual: FloatArray,
    c: FloatArray,
) -> int:
    """Advance the water of all tiles by ``n_steps`` model steps under constant weather.

    Parameters
    ----------
    step : s.
    demand : from ``demand.weather_demand``, (n_tile, 7).
    parameters : from ``hydraulics.pack_parameters``, (n_tile, 7, n_soil).
    patchtype : (n_tile,).
    layer_dz, node_distance : mm, (n_soil,) and (n_soil - 1,).
    wliq, wice, t_soisno : kg m-2, kg m-2, K, (n_tile, 15); wliq is updated.
    wetwat : kg m-2, (n_tile,), updated.
    zwt : m, (n_tile,).
    totals : kg m-2, (n_tile, 7), incremented.
    residual : largest absolute water-budget residual of any step so far, kg m-2, (n_tile,), updated.
    c : scratch, from ``richards.work_array``.

    Returns
    -------
    Number of solutions of the soil-water equation.
    """
    n_solves = 0
    for i in range(patchtype.size):
        if patchtype[i] == _SOIL:
            n_solves += _advance_soil(
                i,
                step,
                n_steps,
                demand,
                parameters,
                layer_dz,
                node_distance,
                wliq,
                wice,
                t_soisno,
                zwt,
                totals,
                residual,
                c,
            )
        elif patchtype[i] == _WETLAND:
            _advance_wetland(i, step, n_steps, demand, wetwat, totals, residual)
        else:
            rain = demand[i, RAIN] * step * n_steps
            totals[i, PRECIPITATION] += rain
            totals[i, RUNOFF] += rain
    return n_solves


@compiled()
def _advance_wetland(
    i: int,
    step: float,
    n_steps: int,
    demand: FloatArray,
    wetwat: FloatArray,
    totals: FloatArray,
    residual: FloatArray,
) -> None:
    for _ in range(n_steps):
        rain = demand[i, RAIN] * step
        evaporation = demand[i, OPEN_WATER] * step
        water = wetwat[i] + rain - evaporation
        supply = max(0.0, -water)
        runoff = max(0.0, water - WETLAND_STORE)
        before = wetwat[i]
        wetwat[i] = min(WETLAND_STORE, max(0.0, water))
        totals[i, PRECIPITATION] += rain
        totals[i, EVAPORATION] += evaporation
        totals[i, SUPPLY] += supply
        totals[i, RUNOFF] += runoff
        residual[i] = max(residual[i], abs(wetwat[i] - before - (rain + supply - evaporation - runoff)))


@compiled()
def _advance_soil(
    i: int,
    step: float,
    n_steps: int,
    demand: FloatArray,
    parameters: FloatArray,
    layer_dz: FloatArray,
    node_distance: FloatArray,
    wliq: FloatArray,
    wice: FloatArray,
    t_soisno: FloatArray,
    zwt: FloatArray,
    totals: FloatArray,
    residual: FloatArray,
    c: FloatArray,
) -> int:
    n = layer_dz.size
    max_infiltration_rate = math.inf
    for j in range(n):
        porosity = parameters[i, PORSL, j]
        ice_volume = wice[i, N_SNOW + j] * (1000.0 / RHO_ICE) / layer_dz[j]
        c[W, j] = wliq[i, N_SNOW + j]
        c[W_MIN, j] = MIN_SATURATION * porosity * layer_dz[j]
        c[W_MAX, j] = max(c[W_MIN, j], (porosity - ice_volume) * layer_dz[j])
        if j < 3:
            rate = ice_impedance(ice_volume, porosity) * parameters[i, HKSATI, j]
            max_infiltration_rate = min(max_infiltration_rate, rate)
        below = min(j + 1, n - 1)
        ice_below = wice[i, N_SNOW + below] * (1000.0 / RHO_ICE) / layer_dz[below]
        porosity_below = parameters[i, PORSL, below]
        if min(porosity - ice_volume, porosity_below - ice_below) < MIN_EFFECTIVE_POROSITY:
            c[IMPEDANCE, j] = 0.0
        else:
            c[IMPEDANCE, j] = ice_impedance(0.5 * (ice_volume / porosity + ice_below / porosity_below), 1.0)

    # Runoff from the saturated fraction of the surface, then water above the infiltration capacity elsewhere (SIMTOP).
    rain = demand[i, RAIN]
    saturated = FSAT_MAX * math.exp(-FSAT_DECAY * zwt[i])
    runoff_rate = saturated * rain + (1.0 - saturated) * max(0.0, rain - max_infiltration_rate)
    infiltration_rate = rain - runoff_rate
    longest = step / math.ceil(max(1.0, infiltration_rate * step / MAX_INFILTRATION))

    # Parameters of the evaporation resistance of the top layer.
    porosity_top = parameters[i, PORSL, 0]
    effective_top = c[W_MAX, 0] / layer_dz[0]
    log_air_dry = (parameters[i, LOG_PSI0, 0] - math.log(-PSI_AIR_DRY)) / parameters[i, BSW, 0]
    theta_air = porosity_top * math.exp(min(0.0, log_air_dry))
    pores = porosity_top - theta_air
    tortuosity = max(
        1.0e-3,
        pores * pores * math.exp(3.0 / parameters[i, BSW, 0] * math.log(max(1e-3, pores / porosity_top))),
    )

    n_solves = 0
    for _ in range(n_steps):
        before = 0.0
        for j in range(n):
            before += c[W, j]
        evaporated = 0.0
        transpired = 0.0
        drained = 0.0
        overflow = 0.0
        remaining = step
        sub_step = longest
        while remaining > 0.0:
            if sub_step > 0.999999 * remaining:
                sub_step = remaining
            column_hydraulics(i, parameters, layer_dz, c)
            evaporation_rate = soil_evaporation(
                demand[i, SOIL_DEMAND],
                demand[i, RESISTANCE],
                demand[i, HUMIDITY],
                demand[i, KELVIN],
                c[THETA, 0],
                c[PSI, 0],
                effective_top,
                porosity_top,
                theta_air,
                tortuosity,
                1.0e-3 * layer_dz[0],
            )
            while True:
                evaporation = min(evaporation_rate * sub_step, max(0.0, c[W, 0] - c[W_MIN, 0]))
                for j in range(n):
                    c[SINK, j] = _uptake(i, j, demand[i, CANOPY] * sub_step, parameters, t_soisno, c)
                top = infiltration_rate * sub_step - evaporation
                change = solve_column(sub_step, top, layer_dz, node_distance, True, c)
                n_solves += 1
                if 0.0 <= change <= MAX_CHANGE:
                    break
                if sub_step <= MIN_SHARE * step:
                    if change < 0.0:
                        solve_column(sub_step, top, layer_dz, node_distance, False, c)
                        n_solves += 1
                    break
                sub_step = 0.5 * sub_step
            evaporation, excess = apply_fluxes(evaporation, n, c)
            evaporated += evaporation
            overflow += excess
            drained += c[FLUX, n]
            for j in range(n):
                transpired += c[SINK, j]
            remaining -= sub_step
            if change <= 0.5 * MAX_CHANGE:
                sub_step = min(longest, 2.0 * sub_step)
        after = 0.0
        for j in range(n):
            after += c[W, j]
        runoff = runoff_rate * step + overflow
        fell = rain * step
        residual[i] = max(residual[i], abs(after - before - (fell - evaporated - transpired - runoff - drained)))
        totals[i, PRECIPITATION] += fell
        totals[i, EVAPORATION] += evaporated
        totals[i, TRANSPIRATION] += transpired
        totals[i, RUNOFF] += runoff
        totals[i, DRAINAGE] += drained
        totals[i, OVERFLOW] += overflow
    for j in range(n):
        wliq[i, N_SNOW + j] = c[W, j]
    return n_solves


@compiled()
def _uptake(i: int, j: int, potential: float, parameters: FloatArray, t_soisno: FloatArray, c: FloatArray) -> float:
    """Root uptake over a sub-step, kg m-2; decreases linearly with psi to zero at the wilting point."""
    share = parameters[i, ROOT, j]
    if share <= 0.0 or potential <= 0.0 or t_soisno[i, N_SNOW + j] <= T_FREEZE:
        return 0.0
    wanted: float = potential * share * max(0.0, 1.0 - c[PSI, j] / PSI_WILTING)
    available: float = max(0.0, c[W, j] - c[W_MIN, j])
    return min(wanted, available)
