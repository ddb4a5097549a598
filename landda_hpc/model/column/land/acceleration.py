"""Acceleration of a spin-up: estimates the equilibrium of the slow components of a column.

One pass through the same forcing, of one or several years, maps the state to another state, and a spin-up searches for
the fixed point of this map. Fast components reach it after a year or two. The remaining difference decays geometrically
from pass to pass, with one ratio per column. Two successive passes therefore determine its limit: Aitken's
extrapolation, applied to water and heat of deep layers at the ends of passes, which have the same date.
Where water accumulates or drains below the roots, the decay is not geometric, because fronts move through dry soil for
decades. The limit is nevertheless known: the conductivity of a layer equals the mean recharge (``steady_water``). The
water table moves by centimetres per year; in equilibrium, baseflow equals the mean recharge of the pass. Permafrost
gains or loses ice at a steady rate for decades; the change is extrapolated at that rate, within the limits of pores
and ice (projective integration: Gear and Kevrekidis 2003, https://doi.org/10.1137/S1064827501388157).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from landda_hpc.compiled_code import compiled
from landda_hpc.constants import FROZEN_ICE, N_SNOW, N_SOIL, RHO_ICE, RHO_WATER, SOIL_DZ, T_FREEZE, FloatArray
from landda_hpc.model.column.land.groundwater import BASEFLOW_DECAY, DEEPEST, MAX_BASEFLOW
from landda_hpc.state import PatchType, Tiles, TileState

FIRST_SLOW: Final = 5
"""Index of the first layer that is extrapolated; layers above 0.29 m reach equilibrium within a year."""

MAX_RATIO: Final = 0.9
"""Upper bound of the decay ratio from pass to pass: an extrapolation spans at most nine changes of a pass."""

ALIGNED: Final = 0.95
"""Minimum cosine between two passes' changes that count as one decaying mode; other changes are not extrapolated."""

MAX_WATER_CHANGE: Final = 0.02
"""m3 m-3. Water in dry deep soil moves so slowly that an overshoot persists; too short a step is preferable."""

MAX_ICE_CHANGE: Final = 0.05
"""m3 m-3, of water and of ice in permafrost, where any overshoot ends when ice fills the pores."""

MAX_GROWTH: Final = 1.25
"""Largest growth, from pass to pass, of permafrost's changes that counts as steady."""

MAX_TABLE_CHANGE: Final = 0.5  # m, over permafrost
MAX_WARMTH_CHANGE: Final = 5.0  # K

MIN_SATURATION: Final = 0.02

MOVING: Final = 1.0e-4
"""m3 m-3 a-1. Layers that change faster are set to the water content at which they conduct the mean recharge."""

YEAR_SECONDS: Final = 365.0 * 86400.0


def extrapolate(
    tiles: Tiles,
    older: TileState,
    old: TileState,
    state: TileState,
    recharge: FloatArray,
    seconds: float,
    *,
    water_tolerance: float = 0.0,
    temperature_tolerance: float = 0.0,
) -> None:
    """Move the slow components of a state towards their equilibrium under repeated forcing, in place.

    Parameters
    ----------
    tiles : tiles of the states.
    older, old, state : states at the ends of three successive passes through the same forcing.
    recharge : drainage into the aquifer in the last pass, kg m-2, (n_tile,).
    seconds : length of a pass, which is one or several years.
    water_tolerance, temperature_tolerance : m3 m-3 and K. If no deep layer changed by more in the last pass, water and
        heat are in equilibrium and stay unchanged; a small change times nine would disturb them.

    Notes
    -----
    Local; the result of a tile depends only on that tile. Layers with ice at the end of one of the last two passes keep
    their water, unless the lowest layer has ice (permafrost).
    """
    for tile in np.flatnonzero(tiles.patchtype == PatchType.SOIL):
        i = int(tile)
        ends = (Deep.of(older, i), Deep.of(old, i), Deep.of(state, i))
        has_ice = (ends[1].ice > FROZEN_ICE) | (ends[2].ice > FROZEN_ICE)
        if has_ice[-1]:
            state["zwt"][i] = table_over_permafrost(older["zwt"][i], old["zwt"][i], state["zwt"][i])
        else:
            state["zwt"][i] = table_of(float(recharge[i]) / seconds)
        if ends[2].is_in_equilibrium(ends[1], water_tolerance, temperature_tolerance):
            continue
        move_warmth(*ends)
        if has_ice[-1]:
            move_permafrost(*ends, tiles.porsl[i, FIRST_SLOW:] * RHO_WATER * SOIL_DZ[FIRST_SLOW:])
        else:
            first_free = int(np.flatnonzero(has_ice)[-1]) + 1 if has_ice.any() else 0
            move_free_water(*ends, FreeSoil.of(tiles, i, first_free), float(recharge[i]), seconds)


@dataclass(frozen=True)
class Deep:
    """Water, ice and temperature of a column's layers below 0.29 m, each (5,); views of a state's arrays."""

    liquid: FloatArray  # kg m-2
    ice: FloatArray  # kg m-2
    warmth: FloatArray  # K

    @classmethod
    def of(cls, state: TileState, i: int) -> Deep:
        """The deep layers of tile i."""
        slow = slice(N_SNOW + FIRST_SLOW, N_SNOW + N_SOIL)
        return cls(state["wliq_soisno"][i, slow], state["wice_soisno"][i, slow], state["t_soisno"][i, slow])

    def is_in_equilibrium(self, before: Deep, water: float, warmth: float) -> bool:
        """Whether no layer changed by more than these amounts, m3 m-3 and K."""
        volume = (self.liquid - before.liquid) / RHO_WATER + (self.ice - before.ice) / RHO_ICE
        moves = (np.abs(volume) > water * SOIL_DZ[FIRST_SLOW:]) | (np.abs(self.warmth - before.warmth) > warmth)
        return not moves.any()


@dataclass(frozen=True)
class FreeSoil:
    """Soil of a column's lowest layers, each (n,), and the indices of these layers."""

    layers: slice
    thickness: FloatArray  # as mass of pure water, kg m-2
    pores: FloatArray  # as mass of water that fills them, kg m-2
    conductivity: FloatArray  # saturated, kg m-2 s-1
    b: FloatArray

    @classmethod
    def of(cls, tiles: Tiles, i: int, first: int = 0) -> FreeSoil:
        """The soil of tile i from a deep layer downwards."""
        rows = slice(FIRST_SLOW + first, N_SOIL)
        thickness = RHO_WATER * SOIL_DZ[rows]
        pores = tiles.porsl[i, rows] * thickness
        return cls(slice(first, None), thickness, pores, tiles.hksati[i, rows], tiles.bsw[i, rows])


def move_warmth(older: Deep, old: Deep, new: Deep) -> None:
    """Move temperatures to their limit, in place, unless a layer would thaw or freeze on the way."""
    change = new.warmth - old.warmth
    further = passes_to_come(decay(old.warmth - older.warmth, change)) * change
    goal = new.warmth + np.clip(further, -MAX_WARMTH_CHANGE, MAX_WARMTH_CHANGE)
    is_free = (new.ice <= FROZEN_ICE) & (goal > T_FREEZE)
    # The small amount of liquid water in cold ground adjusts to the temperature within a step.
    is_solid = (new.ice > FROZEN_ICE) & (goal < T_FREEZE)
    new.warmth[:] = np.where(is_free | is_solid, goal, new.warmth)


def move_free_water(older: Deep, old: Deep, new: Deep, soil: FreeSoil, recharge: float, seconds: float) -> None:
    """Move the water of the lowest layers, which have no ice, to its limit, in place.

    Parameters
    ----------
    older, old, new : states at the ends of passes.
    soil : soil of these layers.
    recharge, seconds : see ``extrapolate``.
    """
    water = new.liquid[soil.layers]
    change = water - old.liquid[soil.layers]
    ratio = decay(old.liquid[soil.layers] - older.liquid[soil.layers], change)
    most = MAX_WATER_CHANGE * soil.thickness
    goal = water + np.clip(passes_to_come(ratio) * change, -most, most)
    arriving = (recharge + float(change.sum())) / seconds
    if ratio >= MAX_RATIO and arriving > 0.0:
        steady = steady_water(soil, arriving)
        is_on_its_way = (np.abs(change) > MOVING * (seconds / YEAR_SECONDS) * soil.thickness) & (
            (steady - water) * change > 0.0
        )
        goal = np.where(is_on_its_way, steady, goal)
    water[:] = np.clip(goal, MIN_SATURATION * soil.pores, soil.pores)


def move_permafrost(older: Deep, old: Deep, new: Deep, pores: FloatArray) -> None:
    """Extrapolate water and ice at the last pass's rate, in place, limited by pore space, kg m-2, and available ice."""
    liquid = new.liquid - old.liquid
    ice = new.ice - old.ice
    before = np.concatenate([old.liquid - older.liquid, old.ice - older.ice])
    passes = passes_to_come(decay(before, np.concatenate([liquid, ice])), MAX_GROWTH)
    most = MAX_ICE_CHANGE * RHO_WATER * SOIL_DZ[FIRST_SLOW:]
    liquid = np.clip(passes * liquid, -most, most)
    ice = np.where(new.ice > FROZEN_ICE, np.clip(passes * ice, -most, most), 0.0)
    room = np.maximum(0.0, pores - new.liquid - new.ice * (RHO_WATER / RHO_ICE))
    filling = liquid + ice * (RHO_WATER / RHO_ICE)
    share = np.minimum.reduce([share_of(filling, room), share_of(-liquid, new.liquid), share_of(-ice, new.ice)])
    # The maximum removes the rounding error of a layer that loses all its water.
    new.liquid[:] = np.maximum(0.0, new.liquid + share * liquid)
    new.ice[:] = np.maximum(0.0, new.ice + share * ice)


def table_over_permafrost(older: float, old: float, new: float) -> float:
    """Extrapolate the depth of the water table, m, at its own rate, because permafrost prevents recharge."""
    change = new - old
    passes = passes_to_come(decay(np.array([old - older]), np.array([change])), MAX_GROWTH)
    return min(DEEPEST, max(0.0, new + min(MAX_TABLE_CHANGE, max(-MAX_TABLE_CHANGE, passes * change))))


def share_of(wanted: FloatArray, there: FloatArray) -> FloatArray:
    """Fraction of the requested amount that is available, 0..1; 1 if nothing is requested."""
    share: FloatArray = np.where(wanted > there, there / np.where(wanted > there, wanted, 1.0), 1.0)
    return share


def steady_water(soil: FreeSoil, flux: float) -> FloatArray:
    """Water content, kg m-2, of layers that conduct a flux, kg m-2 s-1, by gravity alone, (n,)."""
    wetness = np.minimum(1.0, max(flux, 0.0) / soil.conductivity) ** (1.0 / (2.0 * soil.b + 3.0))
    water: FloatArray = wetness * soil.pores
    return water


def passes_to_come(ratio: float, most: float = 1.0) -> float:
    """r + r^2 + ... = r / (1 - r): the remaining change of a geometric decay, in units of the last pass's change.

    0 if the ratio is ``most`` or more; otherwise at most the value for ``MAX_RATIO``.
    """
    if ratio >= most:
        return 0.0
    bounded = min(ratio, MAX_RATIO)
    return bounded / (1.0 - bounded)


@compiled()
def decay(first: FloatArray, second: FloatArray) -> float:
    """Ratio of one pass's changes to those of the pass before; 0 without changes, 1 or more for growth."""
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


@compiled()
def table_of(recharge: float) -> float:
    """Depth of the water table, m, at which baseflow equals a recharge, kg m-2 s-1."""
    if recharge <= 0.0:
        return DEEPEST
    return min(DEEPEST, max(0.0, math.log(MAX_BASEFLOW / recharge) / BASEFLOW_DECAY))
