"""Weights with which the land model counts the work of its tiles, fitted to the times of single tiles."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from statistics import median
from typing import Any, Final

import numpy as np
from scipy.optimize import nnls

from landda_hpc.config import parse_config
from landda_hpc.constants import FloatArray, IntArray
from landda_hpc.instances.domain import make_domain
from landda_hpc.instances.embedded_models import EmbeddedSetup
from landda_hpc.land_experiments.column_bench import CONFIG, STEPS_PER_DAY, KeptWeather
from landda_hpc.model.column.initial import soil_water_by_climate
from landda_hpc.model.column.land.initial import land_initial_state
from landda_hpc.model.column.land.model import LandSurfaceModel
from landda_hpc.model.column.land.parameters import land_cover, land_parameters
from landda_hpc.model.column.land.records import TILE, Records, new_records
from landda_hpc.model.column.land.step import advance_tiles
from landda_hpc.model.column.land.work import WEIGHTS, work_counts
from landda_hpc.model.column.records import TOTALS
from landda_hpc.model.column.temperature import AnnualWave
from landda_hpc.model.column.tile_climate import tile_climate
from landda_hpc.state import PatchType, TileState

_DAYS: Final = (datetime(2022, 1, 15), datetime(2022, 1, 16), datetime(2022, 6, 15), datetime(2022, 6, 16))
_MODEL_STEP: Final = timedelta(minutes=30)
_SETTLE: Final = 20
"""Repetitions of a day before it, in which snow and ice form."""

_SAMPLE: Final = {PatchType.SOIL: 300, PatchType.WETLAND: 60, PatchType.GLACIER: 60, PatchType.LAKE: 60}
_COPIES: Final = 24
"""Copies of a tile that are advanced together, so that the call takes little of the time."""


def measure(n_lat: int = 64, rounds: int = 7) -> dict[str, Any]:
    """Fit the weights to a random sample of tiles, in all forcing steps of some days. Local.

    Parameters
    ----------
    n_lat : rows of the grid, twice as many columns.
    rounds : repetitions of a forcing step; the shortest counts, because others were disturbed.

    Returns
    -------
    A JSON-able dictionary. ``weights`` : nanoseconds ``measured`` and ``in_use``, and how often a tile does it in a
    day; the measured ones are >= 0, and those of a step contain ``outside``: nanoseconds of a forecast per tile and
    step outside of the loop over tiles. ``r2``, ``r2_in_use`` : of the times of a tile in a day by the weights, without
    ``outside``; those in use are scaled to the mean time.
    """
    config = parse_config(CONFIG | {"grid": {"n_lat": n_lat, "n_lon": 2 * n_lat}})
    domain = make_domain(config, 1)
    climate = tile_climate(domain.tiles, domain.climatology)
    source = EmbeddedSetup.of(config, domain).weather(domain.tiles)
    parameters = land_parameters(domain.tiles, land_cover(domain.tiles, domain.cell_cover, climate))
    wave, theta = AnnualWave(climate.temperature), soil_water_by_climate(domain.tiles, climate)
    index = _sample(domain.tiles.patchtype)
    tiles = domain.tiles.take(index)
    found, taken, outside = [], [], []
    for day in _DAYS:
        weather = KeptWeather(source, day, index)
        model = LandSurfaceModel(tiles, weather, parameters.take(index))
        state = land_initial_state(domain.tiles, wave, day, theta).take(index)
        for _ in range(_SETTLE):
            model.forecast(state, day, day + timedelta(days=1))
        began = time.process_time()
        model.forecast(state.copy(), day, day + timedelta(days=1))
        used = time.process_time() - began
        counts, seconds, within = _day(model, weather.step, state, day, rounds)
        found.append(counts)
        taken.append(seconds)
        outside.append(1e9 * (used - within) / (STEPS_PER_DAY * len(tiles)))
    counts, nanoseconds = np.concatenate(found), 1e9 * np.concatenate(taken)
    weights = _fit(counts.reshape(-1, len(WEIGHTS)), nanoseconds.ravel())
    beyond = max(0.0, median(outside))
    in_use = np.array(list(WEIGHTS.values()))
    of_days, per_day = counts.sum(axis=1), nanoseconds.sum(axis=1)
    said = of_days @ in_use
    return {
        "tiles": len(tiles),
        "days": len(_DAYS),
        "outside": beyond,
        "r2": _r2(per_day, of_days @ weights),
        "r2_in_use": _r2(per_day, said * (per_day.mean() / said.mean())),
        "weights": {
            name: {
                "measured": float(weight) + (beyond if name.startswith("step, ") else 0.0),
                "in_use": WEIGHTS[name],
                "per_day": float(often),
            }
            for name, weight, often in zip(WEIGHTS, weights, of_days.mean(axis=0), strict=True)
        },
    }


def _sample(patchtype: IntArray) -> IntArray:
    random = np.random.default_rng(0)
    parts = []
    for kind, n in _SAMPLE.items():
        every = np.flatnonzero(patchtype == kind)
        parts.append(random.choice(every, min(n, every.size), replace=False))
    found: IntArray = np.sort(np.concatenate(parts))
    return found


def _day(
    model: LandSurfaceModel, step: timedelta, state: TileState, day: datetime, rounds: int
) -> tuple[FloatArray, FloatArray, float]:
    """Advance the state by a day, and time it.

    Returns
    -------
    Counts of each tile in every forcing step, (n_tile, n_steps, n_weights), and its CPU seconds, (n_tile, n_steps);
    CPU seconds of all tiles together.
    """
    n_parts, work = step // _MODEL_STEP, new_records(TILE, 1)
    counts, seconds, together, now = [], [], 0.0, day
    while now < day + timedelta(days=1):
        forcing, columns, states = model.records(state, now)
        suns, totals, after = model.suns, new_records(TOTALS, len(columns)), states.copy()

        def timed(forcing: Records, columns: Records, states: Records, totals: Records, suns: Records = suns) -> float:
            began = time.process_time()
            advance_tiles(
                _MODEL_STEP.total_seconds(), 0, n_parts, n_parts, suns, forcing, columns, states, totals, work
            )
            return time.process_time() - began

        together += timed(forcing, columns, after, totals)
        counts.append(np.stack(list(work_counts(model.tiles.patchtype, n_parts, totals, after).values()), axis=1))
        of_tiles, ignored = [], new_records(TOTALS, _COPIES)
        for i in range(len(columns)):
            copies = np.full(_COPIES, i)
            same = forcing[copies], columns[copies]
            of_tiles.append(min(timed(*same, states[copies], ignored) for _ in range(rounds)) / _COPIES)
        seconds.append(np.array(of_tiles))
        model.forecast(state, now, now + step)
        now += step
    return np.stack(counts, axis=1), np.stack(seconds, axis=1), together


def _fit(counts: FloatArray, nanoseconds: FloatArray) -> FloatArray:
    """Weights >= 0 by least squares."""
    scale = np.sqrt((counts**2).sum(axis=0))
    scale[scale == 0.0] = 1.0
    found, _ = nnls(counts / scale, nanoseconds)
    weights: FloatArray = found / scale
    return weights


def _r2(values: FloatArray, said: FloatArray) -> float:
    return float(1.0 - np.sum((values - said) ** 2) / np.sum((values - values.mean()) ** 2))
