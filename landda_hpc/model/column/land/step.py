"""Advance one tile, and all tiles of a rank, through the model steps of a forcing step."""

from __future__ import annotations

import math
from typing import Final

from landda_hpc.compiled_code import compiled
from landda_hpc.constants import N_SNOW, FloatArray
from landda_hpc.model.column.hydrology import WETLAND_STORE
from landda_hpc.model.column.land import layout as a
from landda_hpc.model.column.land.canopy import canopy_now, drip, intercept
from landda_hpc.model.column.land.energy import balance, is_water, return_heat
from landda_hpc.model.column.land.ground import ROUGHNESS_SNOW, ROUGHNESS_SOIL
from landda_hpc.model.column.land.layout import Column, Results, Scratch, State
from landda_hpc.model.column.land.radiation import age_snow
from landda_hpc.model.column.land.snow import combine, compact, divide, fall, percolate, shed, snow_cover
from landda_hpc.model.column.land.soil_water import load_water, move_water, root_stress
from landda_hpc.model.column.richards import W
from landda_hpc.state import PatchType

_WETLAND: Final = int(PatchType.WETLAND)
_GLACIER: Final = int(PatchType.GLACIER)


@compiled()
def load_tile(i: int, state: State, s: FloatArray, x: FloatArray) -> int:
    """Copy a tile's state into the work arrays; return the slot of its uppermost layer."""
    top = N_SNOW
    for k in range(a.N_SLOT):
        s[a.T, k] = state.temperature[i, k]
        s[a.LIQ, k] = state.wliq[i, k]
        s[a.ICE, k] = state.wice[i, k]
    for k in range(N_SNOW - 1, -1, -1):
        s[a.DZ, k] = state.dz_sno[i, k]
        if state.dz_sno[i, k] <= 0.0:
            break
        top = k
    x[a.TLEAF] = state.tleaf[i]
    x[a.LDEW] = state.ldew[i]
    x[a.SCV] = state.scv[i]
    x[a.SNOWDP] = state.snowdp[i]
    x[a.SAG] = state.sag[i]
    x[a.FSNO] = state.fsno[i]
    x[a.WA] = state.wa[i]
    x[a.ZWT] = state.zwt[i]
    x[a.WETWAT] = state.wetwat[i]
    return top


@compiled()
def store_tile(i: int, top: int, state: State, s: FloatArray, x: FloatArray) -> None:
    """Copy the work arrays back; unused snow slots are set to zero."""
    depth = 0.0
    for k in range(N_SNOW - 1, -1, -1):
        used = k >= top
        state.dz_sno[i, k] = s[a.DZ, k] if used else 0.0
        state.z_sno[i, k] = -(depth + 0.5 * s[a.DZ, k]) if used else 0.0
        state.temperature[i, k] = s[a.T, k] if used else 0.0
        state.wliq[i, k] = s[a.LIQ, k] if used else 0.0
        state.wice[i, k] = s[a.ICE, k] if used else 0.0
        if used:
            depth += s[a.DZ, k]
    for k in range(N_SNOW, a.N_SLOT):
        state.temperature[i, k] = s[a.T, k]
        state.wliq[i, k] = s[a.LIQ, k]
        state.wice[i, k] = s[a.ICE, k]
    state.t_grnd[i] = s[a.T, top]
    state.tleaf[i] = x[a.TLEAF]
    state.ldew[i] = x[a.LDEW]
    state.scv[i] = x[a.SCV]
    state.snowdp[i] = x[a.SNOWDP]
    state.sag[i] = x[a.SAG]
    state.fsno[i] = x[a.FSNO]
    state.wa[i] = x[a.WA]
    state.zwt[i] = x[a.ZWT]
    state.wetwat[i] = x[a.WETWAT]


@compiled()
def water_held(top: int, s: FloatArray, x: FloatArray) -> float:
    """Total water of the tile, kg m-2."""
    total: float = x[a.LDEW] + x[a.WA] + x[a.WETWAT]
    if top == N_SNOW:
        total += x[a.SCV]
    for k in range(top, a.N_SLOT):
        total += s[a.LIQ, k] + s[a.ICE, k]
    return total


@compiled()
def settle_snow(top: int, step: float, throughfall: float, s: FloatArray, x: FloatArray) -> int:
    """Let water percolate and rearrange snow layers; add outflow to WATER_IN and excess ice to A_RUNOFF."""
    if top < N_SNOW:
        s[a.LIQ, top] += throughfall
        x[a.WATER_IN] += percolate(top, s)
        compact(top, step, s)
        top, left = combine(top, s, x)
        x[a.WATER_IN] += left
        if top < N_SNOW:
            top = divide(top, s)
            x[a.A_RUNOFF] += shed(top, s, x)
    else:
        x[a.WATER_IN] += throughfall
    x[a.WATER_IN] += x[a.THAW]
    return top


@compiled()
def keep_level(kind: int, s: FloatArray, x: FloatArray) -> None:
    """Balance the water of wetlands, glaciers and lakes: excess runs off, and a deficit is supplied from outside.

    A wetland has a store of standing water. Glacier meltwater runs off and is replaced by ice. The level of a lake is
    constant.
    """
    store = x[a.WETWAT] if kind == _WETLAND else 0.0
    water = store + x[a.WATER_IN] - x[a.A_LIQUID]
    capacity = WETLAND_STORE if kind == _WETLAND else 0.0
    if water < 0.0:
        x[a.A_SUPPLY] -= water
        water = 0.0
    elif water > capacity:
        x[a.A_RUNOFF] += water - capacity
        water = capacity
    if kind == _WETLAND:
        x[a.WETWAT] = water
    if kind == _GLACIER:
        for k in range(N_SNOW, a.N_SLOT):
            melted = s[a.LIQ, k]
            if melted > 0.0:
                s[a.LIQ, k] = 0.0
                s[a.ICE, k] += melted
                x[a.A_RUNOFF] += melted
                x[a.A_SUPPLY] += melted


@compiled()
def tile_step(
    i: int,
    top: int,
    step: float,
    sun: float,
    leaf: float,
    stem: float,
    weather: FloatArray,
    column: Column,
    results: Results,
    work: Scratch,
) -> int:
    """Advance one tile by one model step; return the slot of its uppermost layer.

    Parameters
    ----------
    i, top, step : tile, slot of the uppermost layer, s.
    sun : short-wave radiation of this step, W m-2.
    leaf, stem : area indices of the vegetated part.
    weather : row of the tile.
    results : incremented.
    work : work arrays of the tile, set by ``load_tile``.
    """
    s = work.s
    x = work.x
    c = work.c
    kind = column.patchtype[i]
    properties = column.properties[i]
    held = water_held(top, s, x)
    mass = x[a.SCV]
    for k in range(a.A_LIQUID, a.WATER_IN + 1):
        x[k] = 0.0
    for k in range(a.THAW, a.N_SCALAR):
        x[k] = 0.0
    x[a.POTENTIAL] = properties[a.P_POTENTIAL]

    rain = weather[a.W_RAIN] * step
    snowfall = weather[a.W_SNOW] * step
    top = fall(top, snowfall, weather[a.W_AIR], s, x)
    if x[a.SCV] > 0.0:
        snow_cover(x)
    else:
        x[a.FSNO] = 0.0
    bare = ROUGHNESS_SNOW if is_water(kind) else ROUGHNESS_SOIL
    x[a.Z0G] = x[a.FSNO] * ROUGHNESS_SNOW + (1.0 - x[a.FSNO]) * bare
    if is_water(kind):
        canopy_now(0.0, 0.0, properties, x)
        throughfall = intercept(rain, x)
    else:
        canopy_now(leaf, stem, properties, x)
        throughfall = intercept(rain, x)
        load_water(i, s, column, c)
        root_stress(i, s, column, x, c)
    for k in range(top, N_SNOW):
        s[a.ICE_SHARE, k] = s[a.ICE, k] / max(1.0e-12, s[a.ICE, k] + s[a.LIQ, k])

    n_energy, n_leaf, residual = balance(i, kind, top, step, sun, weather, s, column, x, c)
    throughfall += drip(x)
    top = settle_snow(top, step, throughfall, s, x)
    n_water = 0
    if is_water(kind):
        keep_level(kind, s, x)
    else:
        # Freezing and melting change the liquid water after it has been loaded.
        if moved_phase(s, c):
            load_water(i, s, column, c)
        evaporation = x[a.A_LIQUID]
        transpiration = x[a.A_ROOT]
        n_water = move_water(i, step, s, column, x, c)
        return_heat(evaporation - x[a.A_LIQUID] + transpiration - x[a.A_ROOT], x)
    age_snow(step, s[a.T, top], mass, x)

    totals = results.totals[i]
    fell = rain + snowfall
    evaporated = x[a.A_LIQUID] + x[a.A_ICE] + x[a.A_LEAF]
    gained = fell + x[a.A_SUPPLY] - evaporated - x[a.A_ROOT] - x[a.A_RUNOFF] - x[a.A_DRAINAGE]
    unclosed = abs(water_held(top, s, x) - held - gained)
    totals[a.TOT_PRECIPITATION] += fell
    totals[a.TOT_EVAPORATION] += evaporated
    totals[a.TOT_TRANSPIRATION] += x[a.A_ROOT]
    totals[a.TOT_RUNOFF] += x[a.A_RUNOFF]
    totals[a.TOT_DRAINAGE] += x[a.A_DRAINAGE]
    totals[a.TOT_OVERFLOW] += x[a.A_OVERFLOW]
    totals[a.TOT_SUPPLY] += x[a.A_SUPPLY]
    totals[a.TOT_SENSIBLE] += x[a.J_SENSIBLE]
    totals[a.TOT_LATENT] += x[a.J_LATENT]
    totals[a.TOT_SHORT] += x[a.J_SHORT]
    totals[a.TOT_LONG] += x[a.J_LONG]
    totals[a.TOT_GROUND] += x[a.J_GROUND]
    # The "not" also keeps a NaN residual, because every comparison with NaN is false.
    worst = results.residual[i]
    if not unclosed <= worst[a.R_WATER]:
        worst[a.R_WATER] = unclosed
    if not residual <= worst[a.R_ENERGY]:
        worst[a.R_ENERGY] = residual
    results.counts[i, a.N_WATER] += n_water
    results.counts[i, a.N_ENERGY] += n_energy
    results.counts[i, a.N_LEAF] += n_leaf
    return top


@compiled()
def moved_phase(s: FloatArray, c: FloatArray) -> bool:
    """Whether the liquid water of any soil layer differs from that loaded into the water solver."""
    is_same = True
    for j in range(a.N_SLOT - N_SNOW):
        is_same = is_same and s[a.LIQ, N_SNOW + j] == c[W, j]
    return not is_same


@compiled()
def sun_weight(k: int, n: int, properties: FloatArray, angle: float, turn: float, sine: float, cosine: float) -> float:
    """Ratio of short-wave radiation in part k of n to the mean of a forcing step; follows solar height.

    Parameters
    ----------
    angle : hour angle of the sun at Greenwich at the middle of the first part, radians.
    turn : rotation of the Earth during one part, radians.
    sine, cosine : sine and cosine of the declination.
    """
    if n == 1:
        return 1.0
    up = properties[a.P_SIN_LAT] * sine
    across = properties[a.P_COS_LAT] * cosine
    total = 0.0
    mine = 0.0
    for part in range(n):
        height = max(0.0, up + across * math.cos(angle + part * turn + properties[a.P_LON]))
        total += height
        if part == k:
            mine = height
    if total < 1.0e-3 * n:
        return 1.0
    return mine * n / total


@compiled()
def advance_tiles(
    step: float,
    first: int,
    n_steps: int,
    n_parts: int,
    angle: float,
    turn: float,
    sine: float,
    cosine: float,
    weather: FloatArray,
    leaf: FloatArray,
    stem: FloatArray,
    state: State,
    column: Column,
    results: Results,
    work: Scratch,
) -> None:
    """Advance all tiles through model steps of one forcing step, one tile at a time.

    Parameters
    ----------
    step : s.
    first, n_steps : index in the forcing step of the first model step, and number of model steps to advance.
    n_parts, angle, turn, sine, cosine : number of model steps in the forcing step, and the sun; see ``sun_weight``.
    weather : columns W_*, (n_tile, 9).
    leaf, stem : area indices of the vegetated part, (n_tile,).
    state, results : updated.
    column : constants of the forecast.
    work : work arrays.
    """
    for i in range(column.patchtype.size):
        top = load_tile(i, state, work.s, work.x)
        for part in range(first, first + n_steps):
            sun = weather[i, a.W_SHORT]
            if sun > 0.0:
                sun *= sun_weight(part, n_parts, column.properties[i], angle, turn, sine, cosine)
            top = tile_step(i, top, step, sun, leaf[i], stem[i], weather[i], column, results, work)
        store_tile(i, top, state, work.s, work.x)
