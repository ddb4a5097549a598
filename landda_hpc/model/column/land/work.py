"""Work of the forecast of each tile, from counters of the loops and from layers of ice and snow in its state."""

from __future__ import annotations

from typing import Final

import numpy as np

from landda_hpc.constants import N_SNOW, FloatArray, IntArray
from landda_hpc.model.column.records import Records
from landda_hpc.state import PatchType

WEIGHTS: Final[dict[str, float]] = {
    "step, soil": 950.0,
    "step, wetland": 1040.0,
    "step, glacier": 700.0,
    "step, lake": 900.0,
    "with sun, soil": 100.0,
    "with sun, glacier": 90.0,
    "with snow, soil": 25.0,
    "with snow, wetland": 175.0,
    "with snow, glacier": 265.0,
    "with snow, lake": 130.0,
    "snow layer, soil": 28.0,
    "snow layer, wetland": 24.0,
    "snow layer, glacier": 8.0,
    "with ice, soil": 220.0,
    "layer with ice, soil": 44.0,
    "iteration of leaf temperature": 104.0,
    "solution of soil water": 280.0,
    "further energy balance": 400.0,
}
"""Nanoseconds on the machine where they were measured; only their ratios matter. Of a model step by the kind of the
tile, with 200 ns for what a forecast does outside of the loop; more for a step with sun, with snow, and for each layer
of snow; of a step of a soil tile with ice, and for each layer with ice; of an iteration, a solution, and a further
sub-step. Least squares to the times of all tiles in all forcing steps of two days in January and two in June, 64 x 128
(R2 of the daily sums of tiles 0.97). ``landda bench column --work`` measures them again, from a sample of tiles."""

_KINDS: Final = {kind.name.lower(): kind for kind in PatchType}


def tile_work(patchtype: IntArray, n_steps: int, totals: Records, states: Records) -> FloatArray:
    """Relative cost of a forecast of each tile, (n_tile,). Local.

    Parameters
    ----------
    patchtype, n_steps, totals, states : see ``work_counts``.
    """
    work: FloatArray = np.zeros(patchtype.size)
    for name, count in work_counts(patchtype, n_steps, totals, states).items():
        work += WEIGHTS[name] * count
    return work


def work_counts(patchtype: IntArray, n_steps: int, totals: Records, states: Records) -> dict[str, FloatArray]:
    """How often each tile did what ``WEIGHTS`` names, in this order, (n_tile,) each. Local.

    Parameters
    ----------
    patchtype : of each tile, (n_tile,).
    n_steps : model steps of the forecast.
    totals, states : records ``TOTALS`` of the forecast, and ``STATE`` at its end, (n_tile,).
    """
    n_snow = np.count_nonzero(states["dz_sno"] > 0.0, axis=1)
    n_ice = np.count_nonzero(states["wice_soisno"][:, N_SNOW:] > 0.0, axis=1)
    of_steps = {
        "step": np.full(patchtype.size, n_steps),
        "with sun": totals["n_sunny"],
        "with snow": n_steps * (n_snow > 0),
        "snow layer": n_steps * n_snow,
        "with ice": n_steps * (n_ice > 0),
        "layer with ice": n_steps * n_ice,
    }
    counts = {
        "iteration of leaf temperature": totals["n_leaf"],
        "solution of soil water": totals["n_solves"],
        "further energy balance": np.maximum(totals["n_balances"] - n_steps, 0),
    }
    for name in WEIGHTS:
        if name not in counts:
            what, kind = name.split(", ")
            counts[name] = of_steps[what] * (patchtype == _KINDS[kind])
    return {name: np.asarray(counts[name], dtype=np.float64) for name in WEIGHTS}
