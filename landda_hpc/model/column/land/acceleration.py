"""Shortening a spin-up: where repeated years would take the slow parts of a column.

A year of the same weather is a map of the state onto itself, and a spin-up looks for its fixed point. Fast parts are
there after a year or two. What is left decays like a power of one number per column, so that two successive years tell
where it goes: Aitken's extrapolation, for the water and the warmth of the deep layers each. Where water gathers or
drains below the roots it does not decay like that: fronts creep through dry soil for decades. But their end is known:
layers whose conductivity passes on what the year brought (``steady_water``). The water table, which plain years move by
centimetres, has no memory of its own: it stands where baseflow carries what the year's mean recharge brings.
"""

from __future__ import annotations

import math
from typing import Final

import numba
import numpy as np

from landda_hpc.constants import FROZEN_ICE, N_SNOW, N_SOIL, RHO_WATER, SOIL_DZ, T_FREEZE, FloatArray
from landda_hpc.model.column.land.groundwater import BASEFLOW_DECAY, DEEPEST, MAX_BASEFLOW
from landda_hpc.state import PatchType, Tiles, TileState

FIRST_SLOW: Final = 5
"""Index of the first layer that is extrapolated: what is above 0.29 m finds its own way within a year."""

MAX_RATIO: Final = 0.9
"""Bound of the yearly decay: an extrapolation goes at most nine yearly changes ahead."""

ALIGNED: Final = 0.95
"""Cosine between two years' changes from which they count as one mode that decays; others are left alone."""

MAX_WATER_CHANGE: Final = 0.02
"""m3 m-3. Dry deep soil moves so slowly that what overshoots does not come back: better too short a step."""

MAX_WARMTH_CHANGE: Final = 5.0  # K

MIN_SATURATION: Final = 0.02

MOVING: Final = 1.0e-4
"""m3 m-3 a-1. Layers that move by more are put where they pass on what the year brought."""


def extrapolate(
    tiles: Tiles, older: TileState, old: TileState, state: TileState, recharge: FloatArray, seconds: float
) -> None:
    """Move the slow parts of a state to where repeated years would take them, in place.

    Parameters
    ----------
    tiles : of the states.
    older, old, state : at the ends of three successive years of the same weather.
    recharge : drained into the aquifer in the last year, kg m-2, (n_tile,).
    seconds : length of a year.

    Notes
    -----
    Local; a tile depends on itself alone. Liquid water moves only in soil without ice below 0.29 m.
    """
    slow = slice(N_SNOW + FIRST_SLOW, N_SNOW + N_SOIL)
    layer = RHO_WATER * SOIL_DZ[FIRST_SLOW:]
    for i in np.flatnonzero(tiles.patchtype == PatchType.SOIL):
        warmth = ahead(older["t_soisno"][i, slow], old["t_soisno"][i, slow], state["t_soisno"][i, slow])
        warmth = np.clip(warmth, -MAX_WARMTH_CHANGE, MAX_WARMTH_CHANGE)
        # Towards freezing point only: what lies beyond takes a change of phase.
        is_free = (state["wice_soisno"][i, slow] <= FROZEN_ICE) & (state["t_soisno"][i, slow] + warmth > T_FREEZE)
        is_solid = (state["wliq_soisno"][i, slow] <= 0.0) & (state["t_soisno"][i, slow] + warmth < T_FREEZE)
        state["t_soisno"][i, slow] += np.where(is_free | is_solid, warmth, 0.0)
        if all((some["wice_soisno"][i, slow] <= FROZEN_ICE).all() for some in (old, state)):
            water = state["wliq_soisno"][i, slow]
            change = water - old["wliq_soisno"][i, slow]
            arriving = (float(recharge[i]) + float(change.sum())) / seconds
            steady = steady_water(tiles, int(i), arriving)
            is_on_its_way = (np.abs(change) > MOVING * layer) & ((steady - water) * change > 0.0)
            most = MAX_WATER_CHANGE * layer
            further = np.clip(ahead(older["wliq_soisno"][i, slow], old["wliq_soisno"][i, slow], water), -most, most)
            does_not_decay = decay(old["wliq_soisno"][i, slow] - older["wliq_soisno"][i, slow], change) >= MAX_RATIO
            pores = tiles.porsl[i, FIRST_SLOW:] * layer
            new = np.where((arriving > 0.0) & does_not_decay & is_on_its_way, steady, water + further)
            water[:] = np.clip(new, MIN_SATURATION * pores, pores)
        # Over frozen ground neither recharge nor baseflow moves the table: it has no place to be taken to.
        if all(some["wice_soisno"][i, -1] <= FROZEN_ICE for some in (old, state)):
            state["zwt"][i] = table_of(float(recharge[i]) / seconds)


def steady_water(tiles: Tiles, tile: int, flux: float) -> FloatArray:
    """Water of a tile's deep layers that conducts a flux, kg m-2 s-1, down by gravity alone, kg m-2, (5,)."""
    share = max(flux, 0.0) / tiles.hksati[tile, FIRST_SLOW:]
    wetness = np.minimum(1.0, share) ** (1.0 / (2.0 * tiles.bsw[tile, FIRST_SLOW:] + 3.0))
    water: FloatArray = wetness * tiles.porsl[tile, FIRST_SLOW:] * RHO_WATER * SOIL_DZ[FIRST_SLOW:]
    return water


def ahead(older: FloatArray, old: FloatArray, new: FloatArray) -> FloatArray:
    """How far the new values of a column are from where their changes lead: r / (1 - r) times the last change."""
    change = new - old
    ratio = decay(old - older, change)
    if ratio >= 1.0:
        return np.zeros_like(change)
    ratio = min(ratio, MAX_RATIO)
    step: FloatArray = ratio / (1.0 - ratio) * change
    return step


@numba.njit(cache=True, nogil=True, error_model="numpy")
def decay(first: FloatArray, second: FloatArray) -> float:
    """The number that turns one year's changes into the next year's; 0 where none does, 1 and more where they grow."""
    top = 0.0
    bottom = 0.0
    other = 0.0
    for k in range(first.size):
        top += first[k] * second[k]
        bottom += first[k] * first[k]
        other += second[k] * second[k]
    if bottom <= 0.0 or top <= 0.0 or top < ALIGNED * math.sqrt(bottom * other):
        return 0.0
    return top / bottom


@numba.njit(cache=True, nogil=True, error_model="numpy")
def table_of(recharge: float) -> float:
    """Depth of the table, m, at which baseflow carries a recharge, kg m-2 s-1."""
    if recharge <= 0.0:
        return DEEPEST
    return min(DEEPEST, max(0.0, math.log(MAX_BASEFLOW / recharge) / BASEFLOW_DECAY))
