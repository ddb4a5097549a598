"""Advance one tile, and all tiles of a rank, through the model steps of a forcing step."""

from __future__ import annotations

import math
from typing import Final

from landda_hpc.compiled_code import compiled
from landda_hpc.constants import N_SNOW
from landda_hpc.model.column.hydrology import WETLAND_STORE
from landda_hpc.model.column.land.canopy import drip, intercept, refresh_canopy
from landda_hpc.model.column.land.energy import balance, is_water, return_heat
from landda_hpc.model.column.land.ground import ROUGHNESS_SNOW, ROUGHNESS_SOIL
from landda_hpc.model.column.land.radiation import age_snow
from landda_hpc.model.column.land.records import N_SLOT, Record, Records
from landda_hpc.model.column.land.snow import (
    clear_slot,
    combine,
    compact,
    divide,
    fall,
    percolate,
    shed,
    snow_cover,
)
from landda_hpc.model.column.land.soil_water import load_soil, move_water, reload_soil, share_roots
from landda_hpc.state import PatchType

LEAST_SUN: Final = 1.0e-3  # mean sine of solar height above which short-wave radiation follows it
_WETLAND: Final = int(PatchType.WETLAND)
_GLACIER: Final = int(PatchType.GLACIER)


@compiled()
def load_tile(state: Record, tile: Record) -> int:
    """Copy a tile's state into the work record; return the slot of its uppermost layer."""
    top = N_SNOW
    for k in range(N_SLOT):
        tile.temperature[k] = state.t_soisno[k]
        tile.liquid[k] = state.wliq_soisno[k]
        tile.ice[k] = state.wice_soisno[k]
    for k in range(N_SNOW - 1, -1, -1):
        tile.thickness[k] = state.dz_sno[k]
        if state.dz_sno[k] <= 0.0:
            break
        top = k
    tile.leaf_temperature = state.tleaf
    tile.leaf_water = state.ldew
    tile.snow_mass = state.scv
    tile.snow_depth = state.snowdp
    tile.snow_age = state.sag
    tile.snow_cover = state.fsno
    tile.aquifer = state.wa
    tile.water_table = state.zwt
    tile.standing_water = state.wetwat
    tile.canopy_snow_depth = -1.0
    return top


@compiled()
def store_tile(top: int, state: Record, tile: Record) -> None:
    """Copy the work record back; unused snow slots are set to zero."""
    depth = 0.0
    for k in range(N_SNOW - 1, -1, -1):
        if k < top:
            clear_slot(k, tile)
        state.dz_sno[k] = tile.thickness[k]
        state.z_sno[k] = -(depth + 0.5 * tile.thickness[k]) if k >= top else 0.0
        depth += tile.thickness[k]
    for k in range(N_SLOT):
        state.t_soisno[k] = tile.temperature[k]
        state.wliq_soisno[k] = tile.liquid[k]
        state.wice_soisno[k] = tile.ice[k]
    state.t_grnd = tile.temperature[top]
    state.tleaf = tile.leaf_temperature
    state.ldew = tile.leaf_water
    state.scv = tile.snow_mass
    state.snowdp = tile.snow_depth
    state.sag = tile.snow_age
    state.fsno = tile.snow_cover
    state.wa = tile.aquifer
    state.zwt = tile.water_table
    state.wetwat = tile.standing_water


@compiled()
def clear(amounts: Record) -> None:
    """Set the amounts over a step to zero."""
    amounts.evaporated_liquid = 0.0
    amounts.evaporated_ice = 0.0
    amounts.evaporated_leaf = 0.0
    amounts.transpired = 0.0
    amounts.water_in = 0.0
    amounts.thawed = 0.0
    amounts.runoff = 0.0
    amounts.drainage = 0.0
    amounts.overflow = 0.0
    amounts.supply = 0.0
    amounts.sensible = 0.0
    amounts.latent = 0.0
    amounts.shortwave = 0.0
    amounts.longwave = 0.0
    amounts.ground = 0.0


@compiled()
def water_held(top: int, tile: Record) -> float:
    """Total water of the tile, kg m-2."""
    total: float = tile.leaf_water + tile.aquifer + tile.standing_water
    if top == N_SNOW:
        total += tile.snow_mass
    for k in range(top, N_SLOT):
        total += tile.liquid[k] + tile.ice[k]
    return total


@compiled()
def settle_snow(top: int, step: float, throughfall: float, tile: Record) -> int:
    """Let water percolate and rearrange snow layers; outflow and excess ice are added to the amounts of the step."""
    if top < N_SNOW:
        tile.liquid[top] += throughfall
        tile.amounts.water_in += percolate(top, tile)
        compact(top, step, tile)
        top, left = combine(top, tile)
        tile.amounts.water_in += left
        if top < N_SNOW:
            top = divide(top, tile)
            tile.amounts.runoff += shed(top, tile)
    else:
        tile.amounts.water_in += throughfall
    tile.amounts.water_in += tile.amounts.thawed
    return top


@compiled()
def keep_level(kind: int, tile: Record) -> None:
    """Balance the water of wetlands, glaciers and lakes: excess runs off, and a deficit is supplied from outside.

    A wetland has a store of standing water. Glacier meltwater runs off and is replaced by ice. The level of a lake is
    constant.
    """
    store = tile.standing_water if kind == _WETLAND else 0.0
    water = store + tile.amounts.water_in - tile.amounts.evaporated_liquid
    capacity = WETLAND_STORE if kind == _WETLAND else 0.0
    if water < 0.0:
        tile.amounts.supply -= water
        water = 0.0
    elif water > capacity:
        tile.amounts.runoff += water - capacity
        water = capacity
    if kind == _WETLAND:
        tile.standing_water = water
    if kind == _GLACIER:
        for k in range(N_SNOW, N_SLOT):
            melted = tile.liquid[k]
            if melted > 0.0:
                tile.liquid[k] = 0.0
                tile.ice[k] += melted
                tile.amounts.runoff += melted
                tile.amounts.supply += melted


@compiled()
def tile_step(top: int, step: float, sun: float, weather: Record, column: Record, total: Record, tile: Record) -> int:
    """Advance one tile by one model step; return the slot of its uppermost layer.

    Parameters
    ----------
    top, step : slot of the uppermost layer, s.
    sun : short-wave radiation of this step, W m-2.
    weather, column : forcing and constants of the tile.
    total : record ``TOTALS``, incremented.
    tile : the tile as ``load_tile`` left it.
    """
    amounts = tile.amounts
    kind = column.patchtype
    held = water_held(top, tile)
    mass = tile.snow_mass
    clear(amounts)
    tile.vapour_factor = column.vapour_factor

    rain = weather.rain * step
    snowfall = weather.snow * step
    top = fall(top, snowfall, weather.temperature, tile)
    if tile.snow_mass > 0.0:
        snow_cover(tile)
    else:
        tile.snow_cover = 0.0
    bare = ROUGHNESS_SNOW if is_water(kind) else ROUGHNESS_SOIL
    tile.ground_roughness = tile.snow_cover * ROUGHNESS_SNOW + (1.0 - tile.snow_cover) * bare
    if is_water(kind):
        refresh_canopy(0.0, 0.0, column, tile)
        throughfall = intercept(rain, tile)
    else:
        refresh_canopy(weather.leaf_area, weather.stem_area, column, tile)
        throughfall = intercept(rain, tile)
        load_soil(column, tile)
        share_roots(column, tile)
    for k in range(top, N_SNOW):
        tile.ice_share[k] = tile.ice[k] / max(1.0e-12, tile.ice[k] + tile.liquid[k])

    n_balances, n_leaf, residual = balance(kind, top, step, sun, weather, column, tile)
    throughfall += drip(tile)
    top = settle_snow(top, step, throughfall, tile)
    if is_water(kind):
        keep_level(kind, tile)
    else:
        reload_soil(column, tile)
        evaporation = amounts.evaporated_liquid
        transpiration = amounts.transpired
        total.n_solves += move_water(step, column, tile)
        return_heat(evaporation - amounts.evaporated_liquid + transpiration - amounts.transpired, tile)
    age_snow(step, tile.temperature[top], mass, tile)

    fell = rain + snowfall
    evaporated = amounts.evaporated_liquid + amounts.evaporated_ice + amounts.evaporated_leaf
    gained = fell + amounts.supply - evaporated - amounts.transpired - amounts.runoff - amounts.drainage
    unclosed = abs(water_held(top, tile) - held - gained)
    total.precipitation += fell
    total.evaporation += evaporated
    total.transpiration += amounts.transpired
    total.runoff += amounts.runoff
    total.drainage += amounts.drainage
    total.overflow += amounts.overflow
    total.supply += amounts.supply
    total.sensible += amounts.sensible
    total.latent += amounts.latent
    total.shortwave += amounts.shortwave
    total.longwave += amounts.longwave
    total.ground += amounts.ground
    # "not" also keeps a residual of NaN, with which every comparison is false.
    if not unclosed <= total.water_residual:
        total.water_residual = unclosed
    if not residual <= total.energy_residual:
        total.energy_residual = residual
    total.n_balances += n_balances
    total.n_leaf += n_leaf
    total.n_sunny += sun > 0.0
    return top


@compiled()
def sun_height(part: int, column: Record, sun: Record) -> float:
    """Sine of solar height at the middle of a model step, at least 0.

    Parameters
    ----------
    part : index of the step within the forcing step.
    sun : record ``SUN``.
    """
    angle = sun.angle + part * sun.turn + column.lon
    height: float = max(0.0, column.sin_lat * sun.sine + column.cos_lat * sun.cosine * math.cos(angle))
    return height


@compiled()
def sum_heights(n_parts: int, suns: Records, columns: Records, forcing: Records) -> None:
    """Fill ``forcing.sun_heights`` for a forcing step of ``n_parts`` model steps; ``suns`` is one record ``SUN``.

    0 if the forcing step is one model step, whose short-wave radiation is the mean itself.
    """
    for i in range(columns.size):
        total = 0.0
        if n_parts > 1 and forcing[i].shortwave > 0.0:
            for part in range(n_parts):
                total += sun_height(part, columns[i], suns[0])
        forcing[i].sun_heights = total


@compiled()
def advance_tiles(
    step: float,
    first: int,
    n_steps: int,
    n_parts: int,
    suns: Records,
    forcing: Records,
    columns: Records,
    states: Records,
    totals: Records,
    work: Records,
) -> None:
    """Advance all tiles through model steps of one forcing step, one tile at a time.

    Parameters
    ----------
    step : s.
    first, n_steps, n_parts : index of the first model step in the forcing step, number of steps, and steps it has.
    suns : one record ``SUN``.
    forcing, columns : records ``FORCING`` and ``COLUMN``, (n_tile,).
    states, totals : records ``STATE`` and ``TOTALS``, (n_tile,), updated.
    work : one record ``TILE``.
    """
    tile = work[0]
    for i in range(columns.size):
        column = columns[i]
        weather = forcing[i]
        top = load_tile(states[i], tile)
        for part in range(first, first + n_steps):
            sun = weather.shortwave
            if sun > 0.0:
                tile.sun_height = sun_height(part, column, suns[0])
                if weather.sun_heights >= LEAST_SUN * n_parts:
                    sun *= tile.sun_height * n_parts / weather.sun_heights
            top = tile_step(top, step, sun, weather, column, totals[i], tile)
        store_tile(top, states[i], tile)
