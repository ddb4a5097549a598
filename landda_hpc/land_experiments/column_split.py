"""Where the time of a step goes: every part of the step of a soil tile, repeated alone on the same states."""

from __future__ import annotations

import statistics
import time
from typing import Final

from landda_hpc.compiled_code import compiled
from landda_hpc.model.column.land.canopy import canopy_fluxes, intercept, refresh_canopy, stomata
from landda_hpc.model.column.land.energy import book_fluxes, ground_surface, thermal_properties
from landda_hpc.model.column.land.ground import ROUGHNESS_SNOW, ROUGHNESS_SOIL, bare_fluxes
from landda_hpc.model.column.land.heat import change_phase, diffuse
from landda_hpc.model.column.land.radiation import share_sun
from landda_hpc.model.column.land.records import N_SLOT, TILE, Record, Records, new_records
from landda_hpc.model.column.land.snow import snow_cover
from landda_hpc.model.column.land.soil_water import load_soil, move_water, share_roots
from landda_hpc.model.column.land.step import clear, load_tile

PARTS: Final = (
    "copying the state",
    "canopy, roots, stomata",
    "soil hydraulics",
    "ground surface and light",
    "thermal properties",
    "surface fluxes, leaves",
    "heat: diffusion, phases, budget",
    "soil water and table",
)
"""Parts of a step in its order; snow layers are in the rest."""

_REPEATS: Final = 10
_COPYING: Final = (0, 5, 6, 7)  # parts that change the state, which is copied before each repetition


@compiled()
def prepare(step: float, weather: Record, column: Record, state: Record, tile: Record) -> int:
    """Bring a tile to the middle of a step, where every part finds its input; return the uppermost slot."""
    top = load_tile(state, tile)
    clear(tile.amounts)
    tile.vapour_factor = column.vapour_factor
    tile.sun_height = 0.7
    snow_cover(tile)
    tile.ground_roughness = tile.snow_cover * ROUGHNESS_SNOW + (1.0 - tile.snow_cover) * ROUGHNESS_SOIL
    refresh_canopy(weather.leaf_area, weather.stem_area, column, tile)
    intercept(weather.rain * step, tile)
    load_soil(column, tile)
    share_roots(column, tile)
    ground_surface(column.patchtype, top, weather, column, tile)
    share_sun(weather.shortwave, column, tile)
    thermal_properties(column.patchtype, top, column, tile)
    stomata(weather.shortwave, weather, column, tile)
    return top


@compiled()
def run_part(
    part: int, repeats: int, step: float, forcing: Records, columns: Records, states: Records, work: Records
) -> None:
    """Prepare every soil tile and run a part of the step on it several times; -1 runs nothing.

    Parameters
    ----------
    part : index in ``PARTS``. Parts that change the state are preceded by the first.
    repeats : of the part on each tile.
    step : s.
    forcing, columns, states : records of the tiles, (n_tile,); not changed.
    work : one record ``TILE``.
    """
    tile = work[0]
    for i in range(columns.size):
        weather = forcing[i]
        column = columns[i]
        kind = column.patchtype
        top = prepare(step, weather, column, states[i], tile)
        if part == 6:
            canopy_or_bare(step, tile.temperature[top], weather, column, tile)
        for _ in range(repeats):
            if part in _COPYING:
                load_tile(states[i], tile)
            if part == 1:
                refresh_canopy(weather.leaf_area, weather.stem_area, column, tile)
                share_roots(column, tile)
                stomata(weather.shortwave, weather, column, tile)
            elif part == 2:
                load_soil(column, tile)
            elif part == 3:
                ground_surface(kind, top, weather, column, tile)
                share_sun(weather.shortwave, column, tile)
            elif part == 4:
                thermal_properties(kind, top, column, tile)
            elif part == 5:
                canopy_or_bare(step, tile.temperature[top], weather, column, tile)
            elif part == 6:
                before = tile.temperature[top]
                diffuse(top, step, tile.ground_heat, tile.ground_heat_slope, tile)
                for k in range(top, N_SLOT):
                    tile.old_temperature[k] = tile.temperature[k]
                change_phase(top, step, tile.ground_heat_slope, True, column, tile)
                book_fluxes(kind, top, step, before, weather, tile)
            elif part == 7:
                tile.water.is_current = True
                move_water(step, column, tile)


@compiled()
def canopy_or_bare(step: float, ground: float, weather: Record, column: Record, tile: Record) -> None:
    """Surface fluxes with or without a canopy."""
    if tile.plant_area > 0.0:
        canopy_fluxes(step, ground, weather, column, tile)
    else:
        bare_fluxes(ground, weather, column, tile)


def split(forcing: Records, columns: Records, states: Records, rounds: int) -> dict[str, float]:
    """Microseconds per tile and step of 1800 s of every part, on one thread; medians over rounds.

    Parameters
    ----------
    forcing, columns, states : records of soil tiles, (n_tile,); not changed.
    rounds : repetitions.
    """
    work = new_records(TILE, 1)
    found: dict[int, list[float]] = {part: [] for part in range(-1, len(PARTS))}
    for _ in range(rounds + 1):
        for part, times in found.items():
            begin = time.perf_counter()
            run_part(part, _REPEATS, 1800.0, forcing, columns, states, work)
            times.append(time.perf_counter() - begin)
    per = 1.0e6 / (_REPEATS * max(1, len(columns)))
    idle = found.pop(-1)[1:]
    cost = [per * statistics.median(a - b for a, b in zip(times[1:], idle, strict=True)) for times in found.values()]
    return {
        name: max(0.0, cost[part] - (cost[0] if part in _COPYING and part > 0 else 0.0))
        for part, name in enumerate(PARTS)
    }
