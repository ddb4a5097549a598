"""Work of the forecast of each tile, from counters of the loops and from layers of ice and snow in its state."""

from __future__ import annotations

from typing import Final

import numpy as np

from landda_hpc.constants import N_SNOW, FloatArray, IntArray
from landda_hpc.model.column.records import Records
from landda_hpc.state import PatchType

_STEP: Final = {PatchType.SOIL: 950.0, PatchType.WETLAND: 1040.0, PatchType.GLACIER: 700.0, PatchType.LAKE: 900.0}
_SUNNY: Final = {PatchType.SOIL: 100.0, PatchType.GLACIER: 90.0}
_SNOW: Final = {PatchType.SOIL: 25.0, PatchType.WETLAND: 175.0, PatchType.GLACIER: 265.0, PatchType.LAKE: 130.0}
_SNOW_LAYER: Final = {PatchType.SOIL: 28.0, PatchType.WETLAND: 24.0, PatchType.GLACIER: 8.0}
_LEAF, _SOLVE, _BALANCE = 104.0, 280.0, 400.0
_ICE, _ICE_LAYER = 220.0, 44.0
"""Nanoseconds on the machine where they were measured; only their ratios matter. Of a model step by the kind of the
tile, with 200 ns for what a forecast does outside of the loop; more for a step with sun, with snow, and for each layer
of snow; of an iteration of the leaf temperature, a solution of the soil-water equation, and a further sub-step of the
energy balance; of a step of a soil tile with ice, and for each layer with ice. Least squares to the times of all tiles
in all forcing steps of two days in January and two in June, 64 x 128 (R2 of the daily sums of tiles 0.97)."""


def tile_work(patchtype: IntArray, n_steps: int, totals: Records, states: Records) -> FloatArray:
    """Relative cost of a forecast of each tile, (n_tile,). Local.

    Parameters
    ----------
    patchtype : of each tile, (n_tile,).
    n_steps : model steps of the forecast.
    totals, states : records ``TOTALS`` of the forecast, and ``STATE`` at its end, (n_tile,).
    """
    n_snow = np.count_nonzero(states["dz_sno"] > 0.0, axis=1)
    n_ice = np.count_nonzero(states["wice_soisno"][:, N_SNOW:] > 0.0, axis=1)
    step = _by_kind(_STEP, patchtype) + (n_snow > 0) * _by_kind(_SNOW, patchtype)
    step += n_snow * _by_kind(_SNOW_LAYER, patchtype)
    is_soil = patchtype == PatchType.SOIL
    step += is_soil * ((n_ice > 0) * _ICE + n_ice * _ICE_LAYER)
    work: FloatArray = n_steps * step + totals["n_sunny"] * _by_kind(_SUNNY, patchtype)
    further = np.maximum(totals["n_balances"] - n_steps, 0)
    work += totals["n_leaf"] * _LEAF + totals["n_solves"] * _SOLVE + further * _BALANCE
    return work


def _by_kind(values: dict[PatchType, float], patchtype: IntArray) -> FloatArray:
    found = np.zeros(patchtype.size)
    for kind, value in values.items():
        found[patchtype == kind] = value
    return found
