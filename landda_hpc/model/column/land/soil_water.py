"""Soil water and ground water of a tile over a step, with the demands of the energy balance."""

from __future__ import annotations

from landda_hpc.compiled_code import compiled
from landda_hpc.constants import N_SNOW, N_SOIL
from landda_hpc.model.column.land.groundwater import move_table
from landda_hpc.model.column.land.records import Record
from landda_hpc.model.column.soil_water import (
    infiltration_capacity,
    load_water,
    refresh,
    root_stress,
    start_step,
    sub_step,
    surface_runoff,
)


@compiled()
def load_soil(column: Record, tile: Record) -> None:
    """Load the soil's layers into the water solver."""
    water = tile.water
    for j in range(N_SOIL):
        water.liquid[j] = tile.liquid[N_SNOW + j]
        water.ice[j] = tile.ice[N_SNOW + j]
        water.temperature[j] = tile.temperature[N_SNOW + j]
    load_water(column.soil, water)


@compiled()
def reload_soil(column: Record, tile: Record) -> None:
    """Load ice, and also liquid water if freezing or melting has changed it since ``load_soil``."""
    water = tile.water
    is_same = True
    for j in range(N_SOIL):
        water.ice[j] = tile.ice[N_SNOW + j]
        is_same = is_same and tile.liquid[N_SNOW + j] == water.liquid[j]
    if not is_same:
        load_soil(column, tile)


@compiled()
def share_roots(column: Record, tile: Record) -> None:
    """Set the root stress and each layer's share of root uptake; the shares add up to 1 or 0."""
    water = tile.water
    total = root_stress(column.soil, water)
    tile.root_stress = total
    if total > 0.0:
        for j in range(N_SOIL):
            water.share[j] /= total


@compiled()
def move_water(step: float, column: Record, tile: Record) -> int:
    """Advance the soil's liquid water by a step.

    Parameters
    ----------
    step : s.
    tile : as ``load_soil`` left it; reads water_in and the shares of root uptake; sets evaporated_liquid and
        transpired to the actual amounts; updates liquid, aquifer and water_table; increments runoff, drainage and
        overflow.

    Returns
    -------
    Number of solutions.
    """
    water = tile.water
    amounts = tile.amounts
    dew = max(0.0, -amounts.evaporated_liquid)
    wanted = max(0.0, amounts.evaporated_liquid)
    inflow = amounts.water_in + dew
    # Water that evaporates immediately neither runs off nor infiltrates.
    runoff = 0.0
    if inflow > wanted:
        capacity = infiltration_capacity(column.soil, water) * step
        runoff = surface_runoff(inflow - wanted, capacity, tile.water_table, column.soil.saturated_decay)
    evaporation_rate = wanted / step
    transpiration_rate = amounts.transpired / step
    start_step(step, (inflow - runoff) / step, water)
    n_solves = 0
    while water.remaining > 0.0:
        refresh(column.soil, water)
        n_solves += sub_step(step, evaporation_rate, transpiration_rate, water)
    flow = move_table(step, water.drained, column, tile)
    for j in range(N_SOIL):
        # A frozen dry layer may have a negative rounding error.
        tile.liquid[N_SNOW + j] = max(0.0, water.liquid[j])
    amounts.evaporated_liquid = water.evaporated - dew
    amounts.transpired = water.transpired
    amounts.runoff += runoff + water.overflow
    amounts.overflow += water.overflow
    amounts.drainage += flow
    return n_solves
