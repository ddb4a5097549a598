"""Water kernel: advances every tile through the model steps of one forcing step.

Loops: tiles outermost, then model steps, layers innermost. Memory: a tile's soil parameters (560 bytes), its 15-slot
rows of water, ice and temperature, and its demand (56 bytes) are each contiguous (C order, tile first) and are
read once per forcing step. All other variables are in one record of a few kilobytes. The result of a tile
depends only on that tile.

Treatment of water by patch type:

- soil: SIMTOP surface runoff, infiltration, bare-soil evaporation, root uptake, Richards' equation, free
  drainage. Ice follows the prescribed temperature between forcing steps (``settle_ice``) and reduces the pore space,
  precipitation is liquid at any temperature, and the water table is a property of the climate class that only
  determines the saturated fraction of the surface.
- wetland: soil whose water only freezes and thaws, below a store of standing water (``wetwat``, at most
  ``WETLAND_STORE``) that rain fills and open-water evaporation empties. Evaporation beyond the store is supplied from
  outside and counted as supply; rain beyond the store runs off.
- glacier, lake, and other types: the state is constant and precipitation runs off.
"""

from __future__ import annotations

import math
from typing import Final

from landda_hpc.compiled_code import compiled
from landda_hpc.constants import N_SNOW, N_SOIL, T_FREEZE, FloatArray, IntArray
from landda_hpc.model.column.hydraulics import supercooled
from landda_hpc.model.column.records import Record, Records
from landda_hpc.model.column.soil_water import (
    dry_layer,
    infiltration_capacity,
    load_water,
    refresh,
    root_stress,
    start_step,
    sub_step,
    surface_runoff,
)
from landda_hpc.state import PatchType

WETLAND_STORE: Final = 200.0  # kg m-2
_SOIL: Final = int(PatchType.SOIL)
_WETLAND: Final = int(PatchType.WETLAND)


@compiled()
def soil_evaporation(demand: Record, soil: Record, water: Record) -> float:
    """Evaporation from bare soil, kg m-2 s-1.

    The dry surface layer of depth DSL has the resistance r_s = DSL / (D_0 tau). Since the potential rate is limited by
    energy, the resistance enters it as a surface resistance enters Penman and Monteith's equation: E = E_p (D + g) / (D
    + g (1 + r_s / r_a)). Evaporation decreases as the soil dries and vanishes when air and soil are in equilibrium: E
    is proportional to (h_s - h_a) / (1 - h_a), where h_s = exp(kelvin psi).

    Parameters
    ----------
    demand : record ``DEMAND``.
    soil, water : constants and present hydraulics of the column.
    """
    if demand.soil <= 0.0:
        return 0.0
    uptake = (math.exp(demand.kelvin * water.psi[0]) - demand.humidity) / max(0.02, 1.0 - demand.humidity)
    resistance = demand.resistance * dry_layer(soil, water) / soil.tortuosity
    rate: float = demand.soil * min(1.0, max(0.0, uptake)) / (1.0 + resistance)
    return rate


@compiled()
def advance_tiles(
    step: float,
    n_steps: int,
    demands: Records,
    soils: Records,
    patchtype: IntArray,
    wliq: FloatArray,
    wice: FloatArray,
    t_soisno: FloatArray,
    wetwat: FloatArray,
    zwt: FloatArray,
    totals: Records,
    work: Records,
) -> None:
    """Advance the water of all tiles by ``n_steps`` model steps under constant weather.

    Parameters
    ----------
    step : s.
    demands : from ``demand.weather_demand``, (n_tile,).
    soils : from ``hydraulics.soil_records``, (n_tile,).
    patchtype : (n_tile,).
    wliq, wice, t_soisno : kg m-2, kg m-2, K, (n_tile, 15); wliq is updated.
    wetwat : kg m-2, (n_tile,), updated.
    zwt : m, (n_tile,).
    totals : records ``TOTALS``, (n_tile,), incremented.
    work : one record ``WATER``.
    """
    water = work[0]
    for i in range(patchtype.size):
        demand = demands[i]
        total = totals[i]
        if patchtype[i] == _SOIL:
            for j in range(N_SOIL):
                water.liquid[j] = wliq[i, N_SNOW + j]
                water.ice[j] = wice[i, N_SNOW + j]
                water.temperature[j] = t_soisno[i, N_SNOW + j]
            _advance_soil(step, n_steps, zwt[i], demand, soils[i], total, water)
            for j in range(N_SOIL):
                wliq[i, N_SNOW + j] = water.liquid[j]
        elif patchtype[i] == _WETLAND:
            wetwat[i] = _advance_wetland(step, n_steps, wetwat[i], demand, total)
        else:
            rain = demand.rain * step * n_steps
            total.precipitation += rain
            total.runoff += rain


@compiled()
def settle_ice(soils: Records, patchtype: IntArray, t_soisno: FloatArray, wliq: FloatArray, wice: FloatArray) -> None:
    """Melt or freeze water of soil and wetland tiles until it is in equilibrium with the temperature.

    Liquid above the supercooled limit freezes; ice melts up to this limit, and above the freezing point entirely. The
    mass of a layer is conserved, and a second call changes no bit. Energy is ignored.

    Parameters
    ----------
    soils, patchtype, t_soisno : as for ``advance_tiles``.
    wliq, wice : kg m-2, (n_tile, 15), updated.
    """
    for i in range(patchtype.size):
        if patchtype[i] != _SOIL and patchtype[i] != _WETLAND:
            continue
        for j in range(N_SOIL):
            k = N_SNOW + j
            ice, liquid, temperature = wice[i, k], wliq[i, k], t_soisno[i, k]
            if temperature >= T_FREEZE:
                if ice > 0.0:
                    wliq[i, k] = liquid + ice
                    wice[i, k] = 0.0
                continue
            limit = supercooled(temperature, soils[i].log_psi0[j], soils[i].b[j], soils[i].pores[j])
            if liquid > limit:
                wliq[i, k] = limit
                wice[i, k] = ice + (liquid - limit)
            elif ice > limit - liquid:
                wliq[i, k] = limit
                wice[i, k] = ice - (limit - liquid)
            else:
                wliq[i, k] = min(limit, liquid + ice)
                wice[i, k] = 0.0


@compiled()
def _advance_wetland(step: float, n_steps: int, store: float, demand: Record, total: Record) -> float:
    for _ in range(n_steps):
        rain = demand.rain * step
        evaporation = demand.open_water * step
        water = store + rain - evaporation
        supply = max(0.0, -water)
        runoff = max(0.0, water - WETLAND_STORE)
        before = store
        store = min(WETLAND_STORE, max(0.0, water))
        total.precipitation += rain
        total.evaporation += evaporation
        total.supply += supply
        total.runoff += runoff
        residual = abs(store - before - (rain + supply - evaporation - runoff))
        total.water_residual = max(total.water_residual, residual)
    return store


@compiled()
def _advance_soil(
    step: float, n_steps: int, water_table: float, demand: Record, soil: Record, total: Record, water: Record
) -> None:
    load_water(soil, water)
    rain = demand.rain
    runoff_rate = surface_runoff(rain, infiltration_capacity(soil, water), water_table, soil.saturated_decay)
    for _ in range(n_steps):
        before = 0.0
        for j in range(N_SOIL):
            before += water.liquid[j]
        start_step(step, rain - runoff_rate, water)
        while water.remaining > 0.0:
            refresh(soil, water)
            root_stress(soil, water)
            evaporation_rate = soil_evaporation(demand, soil, water)
            total.n_solves += sub_step(step, evaporation_rate, demand.canopy, water)
        after = 0.0
        for j in range(N_SOIL):
            after += water.liquid[j]
        runoff = runoff_rate * step + water.overflow
        fell = rain * step
        gained = fell - water.evaporated - water.transpired - runoff - water.drained
        total.water_residual = max(total.water_residual, abs(after - before - gained))
        total.precipitation += fell
        total.evaporation += water.evaporated
        total.transpiration += water.transpired
        total.runoff += runoff
        total.drainage += water.drained
        total.overflow += water.overflow
