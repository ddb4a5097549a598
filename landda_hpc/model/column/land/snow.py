"""Snow: accumulation, compaction, percolation, and layers.

Snow has up to five layers, in the slots directly above the soil (limits of layers from Jordan 1991; Oleson et al. 2013,
NCAR/TN-503, chapter 7). Snow below 0.01 m has no separate layer.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from landda_hpc.compiled_code import compiled
from landda_hpc.constants import HEAT_ICE, HEAT_WATER, N_SNOW, RHO_ICE, RHO_WATER, T_FREEZE, FloatArray
from landda_hpc.model.column.land.records import Record

FIRST_LAYER: Final = 0.01  # m
IRREDUCIBLE: Final = 0.033  # fraction of pores that retains water, CoLM's ssi
SEALED: Final = 0.05  # pore fraction below which snow is impermeable, CoLM's wimp
MIN_ICE: Final = 0.1  # kg m-2; a layer with less is merged with its neighbour
MAX_MASS: Final = 2000.0  # kg m-2; the excess flows away as ice
DENSEST_FALL: Final = 169.15  # kg m-3
GROUND_ROUGHNESS: Final = 0.024  # m, in the relation between snow cover and depth
_MIN_DZ: Final[FloatArray] = np.array([0.010, 0.015, 0.025, 0.055, 0.115])
_SPLIT_DZ: Final[FloatArray] = np.array([0.03, 0.07, 0.18, 0.41])  # m; a thicker lowest layer is halved
_MAX_DZ: Final[FloatArray] = np.array([0.02, 0.05, 0.11, 0.23])  # m; the excess of an upper layer moves down


@compiled()
def fresh_density(air: float) -> float:
    """Density of falling snow, kg m-3, by air temperature (Anderson 1976, NOAA technical report NWS 19)."""
    warmth = air - T_FREEZE + 15.0
    if warmth <= 0.0:
        return 50.0
    return min(DENSEST_FALL, 50.0 + 1.7 * warmth * math.sqrt(warmth))


@compiled()
def snow_cover(tile: Record) -> None:
    """Set the snow-covered fraction of the ground (Niu and Yang 2007, J. Geophys. Res., 112, D21101)."""
    if tile.snow_mass <= 0.0 or tile.snow_depth <= 0.0:
        tile.snow_cover = 0.0
        return
    density = min(800.0, max(50.0, tile.snow_mass / tile.snow_depth))
    tile.snow_cover = math.tanh(tile.snow_depth / (GROUND_ROUGHNESS * density / 100.0))


@compiled()
def fall(top: int, amount: float, air: float, tile: Record) -> int:
    """Add fresh snow; return the new slot of the uppermost layer.

    Parameters
    ----------
    top : slot of the uppermost layer, N_SNOW without snow layers.
    amount : kg m-2.
    air : air temperature, K; fresh snow has this temperature, or the freezing point if lower.
    """
    if amount > 0.0:
        depth = amount / fresh_density(air)
        tile.snow_mass += amount
        tile.snow_depth += depth
        if top < N_SNOW:
            tile.ice[top] += amount
            tile.thickness[top] += depth
    if top == N_SNOW and tile.snow_depth >= FIRST_LAYER and tile.snow_mass > MIN_ICE:
        top = N_SNOW - 1
        tile.thickness[top] = tile.snow_depth
        tile.ice[top] = tile.snow_mass
        tile.liquid[top] = 0.0
        tile.temperature[top] = min(T_FREEZE, air)
    return top


@compiled()
def percolate(top: int, tile: Record) -> float:
    """Move water above the irreducible content down; return the water that leaves the snow at its base, kg m-2."""
    arriving = 0.0
    for k in range(top, N_SNOW):
        tile.liquid[k] += arriving
        arriving = 0.0
        pores = 1.0 - min(1.0, tile.ice[k] / (tile.thickness[k] * RHO_ICE))
        liquid = tile.liquid[k] / (tile.thickness[k] * RHO_WATER)
        free = max(0.0, liquid - IRREDUCIBLE * pores) * tile.thickness[k] * RHO_WATER
        if free <= 0.0:
            continue
        if k < N_SNOW - 1:
            below = k + 1
            pores_below = 1.0 - min(1.0, tile.ice[below] / (tile.thickness[below] * RHO_ICE))
            liquid_below = tile.liquid[below] / (tile.thickness[below] * RHO_WATER)
            if pores < SEALED or pores_below < SEALED:
                free = 0.0
            free = min(free, max(0.0, pores_below - liquid_below) * tile.thickness[below] * RHO_WATER)
        tile.liquid[k] -= free
        arriving = free
    return arriving


@compiled()
def compact(top: int, step: float, tile: Record) -> None:
    """Compact the layers by grain metamorphism, load and melt (Anderson 1976)."""
    burden = 0.0
    for k in range(top, N_SNOW):
        mass = tile.ice[k] + tile.liquid[k]
        density = tile.ice[k] / tile.thickness[k]
        if (
            1.0 - (tile.ice[k] / RHO_ICE + tile.liquid[k] / RHO_WATER) / tile.thickness[k] > 0.001
            and tile.ice[k] > MIN_ICE
        ):
            cold = max(0.0, T_FREEZE - tile.temperature[k])
            shape = 2.777e-6 * math.exp(-0.04 * cold)
            if density > 100.0:
                shape *= math.exp(-0.046 * (density - 100.0))
            if tile.liquid[k] > 0.01 * tile.thickness[k] * RHO_WATER:
                shape *= 2.0
            press = (burden + 0.5 * mass) / 9.0e5 * math.exp(-0.08 * cold - 0.023 * density)
            share = tile.ice[k] / mass
            melt = max(0.0, (tile.ice_share[k] - share) / tile.ice_share[k]) if tile.ice_share[k] > 0.0 else 0.0
            change = max(-0.5, -(shape + press) * step - melt)
            floor = tile.ice[k] / RHO_ICE + tile.liquid[k] / RHO_WATER
            tile.thickness[k] = max(floor, tile.thickness[k] * (1.0 + change))
        burden += mass


@compiled()
def heat_capacity(k: int, tile: Record) -> float:
    """Heat capacity of a snow layer, J m-2 K-1."""
    capacity: float = HEAT_WATER * tile.liquid[k] + HEAT_ICE * tile.ice[k]
    return capacity


@compiled()
def clear_slot(k: int, tile: Record) -> None:
    """Empty a slot."""
    tile.temperature[k] = 0.0
    tile.liquid[k] = 0.0
    tile.ice[k] = 0.0
    tile.thickness[k] = 0.0


@compiled()
def move_slot(source: int, target: int, tile: Record) -> None:
    """Copy a layer to another slot."""
    tile.temperature[target] = tile.temperature[source]
    tile.liquid[target] = tile.liquid[source]
    tile.ice[target] = tile.ice[source]
    tile.thickness[target] = tile.thickness[source]


@compiled()
def move_share(source: int, target: int, share: float, tile: Record) -> None:
    """Move a share of a layer's liquid, ice and thickness into another layer."""
    moved = share * tile.liquid[source]
    tile.liquid[source] -= moved
    tile.liquid[target] += moved
    moved = share * tile.ice[source]
    tile.ice[source] -= moved
    tile.ice[target] += moved
    moved = share * tile.thickness[source]
    tile.thickness[source] -= moved
    tile.thickness[target] += moved


@compiled()
def join(upper: int, lower: int, tile: Record) -> None:
    """Merge the first layer into the second, adding mass, thickness and sensible heat; the first becomes empty."""
    c1 = heat_capacity(upper, tile)
    c2 = heat_capacity(lower, tile)
    if c1 + c2 > 0.0:
        tile.temperature[lower] = (c1 * tile.temperature[upper] + c2 * tile.temperature[lower]) / (c1 + c2)
    move_share(upper, lower, 1.0, tile)


@compiled()
def shift_down(top: int, hole: int, tile: Record) -> int:
    """Close an empty slot by moving the layers above it down by one; return the new uppermost slot."""
    for k in range(hole, top, -1):
        move_slot(k - 1, k, tile)
    clear_slot(top, tile)
    return top + 1


@compiled()
def combine(top: int, tile: Record) -> tuple[int, float]:
    """Merge layers that are too thin; if all snow is too thin for one layer, it becomes snow without a layer.

    Returns
    -------
    The slot of the uppermost layer, and liquid water left without a layer, kg m-2.
    """
    k = top
    while k < N_SNOW:
        thin = tile.ice[k] <= MIN_ICE or tile.thickness[k] < _MIN_DZ[k - top]
        if thin and N_SNOW - top > 1:
            if k == N_SNOW - 1 or (k > top and tile.thickness[k - 1] < tile.thickness[k + 1]):
                join(k - 1, k, tile)
                top = shift_down(top, k - 1, tile)
            else:
                join(k, k + 1, tile)
                top = shift_down(top, k, tile)
            k = top
        else:
            k += 1
    tile.snow_mass = 0.0
    tile.snow_depth = 0.0
    for k in range(top, N_SNOW):
        tile.snow_mass += tile.ice[k] + tile.liquid[k]
        tile.snow_depth += tile.thickness[k]
    left = 0.0
    if top == N_SNOW - 1 and (tile.snow_depth < FIRST_LAYER or tile.ice[top] <= MIN_ICE):
        left = tile.liquid[top]
        tile.snow_mass = tile.ice[top]
        if tile.snow_mass <= 0.0:
            tile.snow_mass = 0.0
            tile.snow_depth = 0.0
        clear_slot(top, tile)
        top = N_SNOW
    return top, left


@compiled()
def divide(top: int, tile: Record) -> int:
    """Split layers that are too thick; return the new slot of the uppermost layer."""
    n = 0
    while n < 4 and top + n < N_SNOW:
        k = top + n
        if k == N_SNOW - 1:
            if tile.thickness[k] > _SPLIT_DZ[n] and top > 0:
                # A new lowest layer takes half; the layers above move up.
                for m in range(top, N_SNOW):
                    move_slot(m, m - 1, tile)
                top -= 1
                tile.liquid[k - 1] *= 0.5
                tile.ice[k - 1] *= 0.5
                tile.thickness[k - 1] *= 0.5
                move_slot(k - 1, k, tile)
        elif tile.thickness[k] > _MAX_DZ[n]:
            hand_down(k, 1.0 - _MAX_DZ[n] / tile.thickness[k], tile)
        n += 1
    return top


@compiled()
def hand_down(k: int, share: float, tile: Record) -> None:
    """Move a fraction of a layer into the one below it."""
    c1 = share * heat_capacity(k, tile)
    c2 = heat_capacity(k + 1, tile)
    tile.temperature[k + 1] = (c1 * tile.temperature[k] + c2 * tile.temperature[k + 1]) / (c1 + c2)
    move_share(k, k + 1, share, tile)


@compiled()
def shed(top: int, tile: Record) -> float:
    """Remove ice beyond the maximum snow mass from the lowest layer; return its mass, kg m-2."""
    excess = 0.0
    if top < N_SNOW and tile.snow_mass > MAX_MASS:
        k = N_SNOW - 1
        excess = min(tile.snow_mass - MAX_MASS, 0.9 * tile.ice[k])
        thinner = tile.thickness[k] * excess / tile.ice[k]
        tile.thickness[k] -= thinner
        tile.ice[k] -= excess
        tile.snow_mass -= excess
        tile.snow_depth -= thinner
    return excess
