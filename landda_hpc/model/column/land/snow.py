"""Snow: accumulation, compaction, percolation, and layers.

Snow has up to five layers, in the slots directly above the soil (limits of layers from Jordan 1991; Oleson et al. 2013,
NCAR/TN-503, chapter 7). Snow below 0.01 m has no separate layer.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from landda_hpc.compiled_code import compiled
from landda_hpc.constants import N_SNOW, RHO_ICE, RHO_WATER, T_FREEZE, FloatArray
from landda_hpc.model.column.land.layout import (
    DZ,
    FSNO,
    HEAT_ICE,
    HEAT_WATER,
    ICE,
    ICE_SHARE,
    LIQ,
    SCV,
    SNOWDP,
    T,
)

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
def snow_cover(x: FloatArray) -> None:
    """Set x[FSNO] to the snow-covered fraction of the ground (Niu and Yang 2007, J. Geophys. Res., 112, D21101)."""
    if x[SCV] <= 0.0 or x[SNOWDP] <= 0.0:
        x[FSNO] = 0.0
        return
    density = min(800.0, max(50.0, x[SCV] / x[SNOWDP]))
    x[FSNO] = math.tanh(x[SNOWDP] / (GROUND_ROUGHNESS * density / 100.0))


@compiled()
def fall(top: int, amount: float, air: float, s: FloatArray, x: FloatArray) -> int:
    """Add fresh snow; return the new slot of the uppermost layer.

    Parameters
    ----------
    top : slot of the uppermost layer, N_SNOW without snow layers.
    amount : kg m-2.
    air : air temperature, K; fresh snow has this temperature, or the freezing point if lower.
    """
    if amount > 0.0:
        depth = amount / fresh_density(air)
        x[SCV] += amount
        x[SNOWDP] += depth
        if top < N_SNOW:
            s[ICE, top] += amount
            s[DZ, top] += depth
    if top == N_SNOW and x[SNOWDP] >= FIRST_LAYER and x[SCV] > MIN_ICE:
        top = N_SNOW - 1
        s[DZ, top] = x[SNOWDP]
        s[ICE, top] = x[SCV]
        s[LIQ, top] = 0.0
        s[T, top] = min(T_FREEZE, air)
    return top


@compiled()
def percolate(top: int, s: FloatArray) -> float:
    """Move water above the irreducible content down; return the water that leaves the snow at its base, kg m-2."""
    arriving = 0.0
    for k in range(top, N_SNOW):
        s[LIQ, k] += arriving
        arriving = 0.0
        pores = 1.0 - min(1.0, s[ICE, k] / (s[DZ, k] * RHO_ICE))
        liquid = s[LIQ, k] / (s[DZ, k] * RHO_WATER)
        free = max(0.0, liquid - IRREDUCIBLE * pores) * s[DZ, k] * RHO_WATER
        if free <= 0.0:
            continue
        if k < N_SNOW - 1:
            below = k + 1
            pores_below = 1.0 - min(1.0, s[ICE, below] / (s[DZ, below] * RHO_ICE))
            liquid_below = s[LIQ, below] / (s[DZ, below] * RHO_WATER)
            if pores < SEALED or pores_below < SEALED:
                free = 0.0
            free = min(free, max(0.0, pores_below - liquid_below) * s[DZ, below] * RHO_WATER)
        s[LIQ, k] -= free
        arriving = free
    return arriving


@compiled()
def compact(top: int, step: float, s: FloatArray) -> None:
    """Compact the layers by grain metamorphism, load and melt (Anderson 1976)."""
    burden = 0.0
    for k in range(top, N_SNOW):
        mass = s[ICE, k] + s[LIQ, k]
        density = s[ICE, k] / s[DZ, k]
        if 1.0 - (s[ICE, k] / RHO_ICE + s[LIQ, k] / RHO_WATER) / s[DZ, k] > 0.001 and s[ICE, k] > MIN_ICE:
            cold = max(0.0, T_FREEZE - s[T, k])
            shape = 2.777e-6 * math.exp(-0.04 * cold)
            if density > 100.0:
                shape *= math.exp(-0.046 * (density - 100.0))
            if s[LIQ, k] > 0.01 * s[DZ, k] * RHO_WATER:
                shape *= 2.0
            press = (burden + 0.5 * mass) / 9.0e5 * math.exp(-0.08 * cold - 0.023 * density)
            share = s[ICE, k] / mass
            melt = max(0.0, (s[ICE_SHARE, k] - share) / s[ICE_SHARE, k]) if s[ICE_SHARE, k] > 0.0 else 0.0
            change = max(-0.5, -(shape + press) * step - melt)
            floor = s[ICE, k] / RHO_ICE + s[LIQ, k] / RHO_WATER
            s[DZ, k] = max(floor, s[DZ, k] * (1.0 + change))
        burden += mass


@compiled()
def heat_capacity(k: int, s: FloatArray) -> float:
    """Heat capacity of a snow layer, J m-2 K-1."""
    capacity: float = HEAT_WATER * s[LIQ, k] + HEAT_ICE * s[ICE, k]
    return capacity


@compiled()
def join(upper: int, lower: int, s: FloatArray) -> None:
    """Merge the first layer into the second, adding mass, thickness and sensible heat; the first becomes empty."""
    c1 = heat_capacity(upper, s)
    c2 = heat_capacity(lower, s)
    if c1 + c2 > 0.0:
        s[T, lower] = (c1 * s[T, upper] + c2 * s[T, lower]) / (c1 + c2)
    for row in (LIQ, ICE, DZ):
        s[row, lower] += s[row, upper]
        s[row, upper] = 0.0


@compiled()
def shift_down(top: int, hole: int, s: FloatArray) -> int:
    """Close an empty slot by moving the layers above it down by one; return the new uppermost slot."""
    for k in range(hole, top, -1):
        for row in (T, LIQ, ICE, DZ):
            s[row, k] = s[row, k - 1]
    for row in (T, LIQ, ICE, DZ):
        s[row, top] = 0.0
    return top + 1


@compiled()
def combine(top: int, s: FloatArray, x: FloatArray) -> tuple[int, float]:
    """Merge layers that are too thin; if all snow is too thin for one layer, it becomes snow without a layer.

    Returns
    -------
    The slot of the uppermost layer, and liquid water left without a layer, kg m-2.
    """
    k = top
    while k < N_SNOW:
        thin = s[ICE, k] <= MIN_ICE or s[DZ, k] < _MIN_DZ[k - top]
        if thin and N_SNOW - top > 1:
            if k == N_SNOW - 1 or (k > top and s[DZ, k - 1] < s[DZ, k + 1]):
                join(k - 1, k, s)
                top = shift_down(top, k - 1, s)
            else:
                join(k, k + 1, s)
                top = shift_down(top, k, s)
            k = top
        else:
            k += 1
    x[SCV] = 0.0
    x[SNOWDP] = 0.0
    for k in range(top, N_SNOW):
        x[SCV] += s[ICE, k] + s[LIQ, k]
        x[SNOWDP] += s[DZ, k]
    left = 0.0
    if top == N_SNOW - 1 and (x[SNOWDP] < FIRST_LAYER or s[ICE, top] <= MIN_ICE):
        left = s[LIQ, top]
        x[SCV] = s[ICE, top]
        if x[SCV] <= 0.0:
            x[SCV] = 0.0
            x[SNOWDP] = 0.0
        for row in (T, LIQ, ICE, DZ):
            s[row, top] = 0.0
        top = N_SNOW
    return top, left


@compiled()
def divide(top: int, s: FloatArray) -> int:
    """Split layers that are too thick; return the new slot of the uppermost layer."""
    n = 0
    while n < 4 and top + n < N_SNOW:
        k = top + n
        if k == N_SNOW - 1:
            if s[DZ, k] > _SPLIT_DZ[n] and top > 0:
                # A new lowest layer takes half; the layers above move up.
                for m in range(top, N_SNOW):
                    for row in (T, LIQ, ICE, DZ):
                        s[row, m - 1] = s[row, m]
                top -= 1
                for row in (LIQ, ICE, DZ):
                    s[row, k - 1] *= 0.5
                    s[row, k] = s[row, k - 1]
                s[T, k] = s[T, k - 1]
        elif s[DZ, k] > _MAX_DZ[n]:
            hand_down(k, 1.0 - _MAX_DZ[n] / s[DZ, k], s)
        n += 1
    return top


@compiled()
def hand_down(k: int, share: float, s: FloatArray) -> None:
    """Move a fraction of a layer into the one below it."""
    c1 = share * heat_capacity(k, s)
    c2 = heat_capacity(k + 1, s)
    s[T, k + 1] = (c1 * s[T, k] + c2 * s[T, k + 1]) / (c1 + c2)
    for row in (LIQ, ICE, DZ):
        moved = share * s[row, k]
        s[row, k] -= moved
        s[row, k + 1] += moved


@compiled()
def shed(top: int, s: FloatArray, x: FloatArray) -> float:
    """Remove ice beyond the maximum snow mass from the lowest layer; return its mass, kg m-2."""
    excess = 0.0
    if top < N_SNOW and x[SCV] > MAX_MASS:
        k = N_SNOW - 1
        excess = min(x[SCV] - MAX_MASS, 0.9 * s[ICE, k])
        thinner = s[DZ, k] * excess / s[ICE, k]
        s[DZ, k] -= thinner
        s[ICE, k] -= excess
        x[SCV] -= excess
        x[SNOWDP] -= thinner
    return excess
