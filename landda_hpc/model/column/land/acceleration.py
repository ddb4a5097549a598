"""Shortening a spin-up: where repeated years would take the slow parts of a column.

A year of the same weather is a map of the state onto itself, and a spin-up looks for its fixed point. Fast parts are
there after a year or two. What is left decays like a power of one number per column, so that two successive years tell
where it goes: Aitken's extrapolation, for the water and the warmth of the deep layers each. The water table has no
memory of its own: it stands where baseflow carries what the year's mean recharge brings.
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

MIN_SATURATION: Final = 0.02


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
    for i in np.flatnonzero(tiles.patchtype == PatchType.SOIL):
        warmth = ahead(older["t_soisno"][i, slow], old["t_soisno"][i, slow], state["t_soisno"][i, slow])
        # Towards freezing point only: what lies beyond takes a change of phase.
        is_free = (state["wice_soisno"][i, slow] <= FROZEN_ICE) & (state["t_soisno"][i, slow] + warmth > T_FREEZE)
        is_solid = (state["wliq_soisno"][i, slow] <= 0.0) & (state["t_soisno"][i, slow] + warmth < T_FREEZE)
        state["t_soisno"][i, slow] += np.where(is_free | is_solid, warmth, 0.0)
        if (state["wice_soisno"][i, slow] <= FROZEN_ICE).all():
            water = state["wliq_soisno"][i, slow]
            most = MAX_WATER_CHANGE * RHO_WATER * SOIL_DZ[FIRST_SLOW:]
            water += np.clip(ahead(older["wliq_soisno"][i, slow], old["wliq_soisno"][i, slow], water), -most, most)
            pores = tiles.porsl[i, FIRST_SLOW:] * RHO_WATER * SOIL_DZ[FIRST_SLOW:]
            np.clip(water, MIN_SATURATION * pores, pores, out=water)
        state["zwt"][i] = table_of(float(recharge[i]) / seconds)


def ahead(older: FloatArray, old: FloatArray, new: FloatArray) -> FloatArray:
    """How far the new values of a column are from where their changes lead: r / (1 - r) times the last change."""
    change = new - old
    ratio = decay(old - older, change)
    step: FloatArray = ratio / (1.0 - ratio) * change
    return step


@numba.njit(cache=True, nogil=True, error_model="numpy")
def decay(first: FloatArray, second: FloatArray) -> float:
    """The number that turns one year's changes into the next year's, within 0 and ``MAX_RATIO``."""
    top = 0.0
    bottom = 0.0
    other = 0.0
    for k in range(first.size):
        top += first[k] * second[k]
        bottom += first[k] * first[k]
        other += second[k] * second[k]
    if bottom <= 0.0 or other >= bottom or top < ALIGNED * math.sqrt(bottom * other):
        return 0.0
    return min(MAX_RATIO, max(0.0, top / bottom))


@numba.njit(cache=True, nogil=True, error_model="numpy")
def table_of(recharge: float) -> float:
    """Depth of the table, m, at which baseflow carries a recharge, kg m-2 s-1."""
    if recharge <= 0.0:
        return DEEPEST
    return min(DEEPEST, max(0.0, math.log(MAX_BASEFLOW / recharge) / BASEFLOW_DECAY))
