"""Time of the land model per tile and step, by kind of tile, compared with a bare kernel in the same run."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import statistics
import time
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np

from landda_hpc.compiled_code import compiled
from landda_hpc.config import parse_config
from landda_hpc.constants import SOIL_DZ, SOIL_Z, BoolArray, FloatArray, IntArray
from landda_hpc.instances.domain import Domain, make_domain
from landda_hpc.instances.embedded_models import EmbeddedSetup
from landda_hpc.land_experiments.column_split import split
from landda_hpc.model.column.column import ColumnModel
from landda_hpc.model.column.initial import initial_state, soil_water_by_climate
from landda_hpc.model.column.land.initial import land_initial_state
from landda_hpc.model.column.land.model import LandSurfaceModel
from landda_hpc.model.column.land.parameters import LandParameters, land_cover, land_parameters
from landda_hpc.model.column.temperature import AnnualWave
from landda_hpc.model.column.tile_climate import tile_climate
from landda_hpc.model.protocol import LandModel, Weather, WeatherSource
from landda_hpc.state import PatchType, TileState

WARM: Final = datetime(2022, 7, 1)
COLD: Final = datetime(2022, 1, 15)
STEPS_PER_DAY: Final = 48
BAR: Final = 5.6  # ratio of snow-free soil with all physics to the bare kernel
AIM: Final = 4.5
BAR_WATER: Final = 1.7  # ratio of physics soil_water to the bare kernel


class KeptWeather:
    """A day of weather, generated once, because the benchmark times the model and not the generator."""

    def __init__(self, source: WeatherSource, start: datetime, index: IntArray) -> None:
        self.step = source.step
        self.wind_height, self.scalar_height = source.wind_height, source.scalar_height
        self._kept: dict[datetime, Weather] = {}
        now = start
        while now < start + timedelta(days=1):
            whole = source.during(now)
            self._kept[now] = Weather(**{name: np.ascontiguousarray(v[index]) for name, v in vars(whole).items()})
            now += source.step

    def during(self, start: datetime) -> Weather:
        return self._kept[start]


def measure(n_lat: int = 64, rounds: int = 7) -> dict[str, Any]:
    """Time both physics on the tiles of a global grid, on one core.

    Parameters
    ----------
    n_lat : rows of the grid, twice as many columns.
    rounds : simulated days per result; results are medians.

    Returns
    -------
    A JSON-able dictionary. ``snow_free`` : snow-free soil, all physics; ``half_of_the_tiles`` : with half as many
    tiles; ``by_kind`` : soil without canopy, with canopy, under snow, wetland, glacier, lake; ``soil_water`` : physics
    soil_water. Each has ``tiles``, ``microseconds`` per tile and step, and ``ratio`` to the bare kernel (ten
    tridiagonal rows with two power laws each), which is timed alternately. ``split`` : microseconds per tile and step
    of the parts of a step of snow-free soil (``column_split``). ``sub_steps``, ``solves``, ``leaf_iterations`` in
    ``snow_free`` : means per tile and step.
    """
    config = parse_config(CONFIG | {"grid": {"n_lat": n_lat, "n_lon": 2 * n_lat}})
    domain = make_domain(config, 1)
    climate = tile_climate(domain.tiles, domain.climatology)
    source = EmbeddedSetup.of(config, domain).weather(domain.tiles)
    parameters = land_parameters(domain.tiles, land_cover(domain.tiles, domain.cell_cover, climate))
    bench = _Bench(domain, source, parameters, AnnualWave(climate.temperature), rounds)

    kind = domain.tiles.patchtype
    is_soil = kind == PatchType.SOIL
    warm = is_soil & (bench.temperature_at(WARM) > 278.0) & (climate.temperature.min(axis=1) > 255.0)
    leafy = parameters.vegetation_fraction * (parameters.lai[:, 6] + parameters.sai[:, 6]) >= 0.05
    freezing = is_soil & (bench.temperature_at(COLD) < 262.0)
    snow_free = bench.land(warm, WARM)
    return {
        "snow_free": snow_free,
        "split": bench.split(warm, WARM),
        "half_of_the_tiles": bench.land(_every_second(warm), WARM),
        "by_kind": {
            "soil with canopy": bench.land(warm & leafy, WARM),
            "soil without canopy": bench.land(warm & ~leafy, WARM),
            "soil under snow": bench.land(freezing, COLD, settle_days=20),
            "wetland": bench.land(kind == PatchType.WETLAND, WARM),
            "glacier": bench.land(kind == PatchType.GLACIER, COLD, settle_days=20),
            "lake": bench.land(kind == PatchType.LAKE, WARM),
        },
        "soil_water": bench.soil_water(warm, WARM),
        "rounds": rounds,
        "machine": {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()},
        "load": os.getloadavg()[0],
        "versions": {name: importlib.metadata.version(name) for name in ("numpy", "numba", "llvmlite")},
    }


class _Bench:
    def __init__(
        self, domain: Domain, source: WeatherSource, parameters: LandParameters, wave: AnnualWave, rounds: int
    ) -> None:
        self.domain, self.source, self.parameters, self.wave, self.rounds = domain, source, parameters, wave, rounds
        climate = tile_climate(domain.tiles, domain.climatology)
        self.theta = soil_water_by_climate(domain.tiles, climate)

    def temperature_at(self, when: datetime) -> FloatArray:
        return self.wave.at(when, 0.0)

    def land(self, use: BoolArray, start: datetime, settle_days: int = 1) -> dict[str, float]:
        if not use.any():
            return {"tiles": 0, "microseconds": float("nan"), "ratio": float("nan")}
        model, state = self._land_model(use, start)
        result = self._time(model, state, start, settle_days)
        report = model.forecast(state, start, start + timedelta(days=1))
        assert report.energy is not None, "the physics has an energy balance"
        per = 1.0 / (STEPS_PER_DAY * result["tiles"])
        return result | {
            "sub_steps": report.energy.n_steps * per,
            "solves": report.n_solves * per,
            "leaf_iterations": report.energy.n_leaf * per,
        }

    def soil_water(self, use: BoolArray, start: datetime) -> dict[str, float]:
        index = np.flatnonzero(use)
        tiles = self.domain.tiles.take(index)
        state = initial_state(self.domain.tiles, self.wave, start, self.theta).take(index)
        model = ColumnModel(tiles, KeptWeather(self.source, start, index), self.wave.take(index))
        return self._time(model, state, start, 1)

    def split(self, use: BoolArray, start: datetime) -> dict[str, float]:
        """Microseconds of the parts of a step, means over the forcing steps of a day with the states at their begin."""
        model, state = self._land_model(use, start)
        end = start + timedelta(days=1)
        model.forecast(state, start, end)
        found: list[dict[str, float]] = []
        now = start
        while now < end:
            found.append(split(*model.records(state, now), max(1, self.rounds // 2)))
            until = now + self.source.step
            model.forecast(state, now, until)
            now = until
        return {name: statistics.fmean(part[name] for part in found) for name in found[0]}

    def _land_model(self, use: BoolArray, start: datetime) -> tuple[LandSurfaceModel, TileState]:
        index = np.flatnonzero(use)
        tiles = self.domain.tiles.take(index)
        state = land_initial_state(self.domain.tiles, self.wave, start, self.theta).take(index)
        weather = KeptWeather(self.source, start, index)
        return LandSurfaceModel(tiles, weather, self.parameters.take(index)), state

    def _time(self, model: LandModel, state: TileState, start: datetime, settle_days: int) -> dict[str, float]:
        """Medians of a day, which is repeated, alternating with the bare kernel on as many columns."""
        end = start + timedelta(days=1)
        n = len(model.tiles)
        wetness = np.random.default_rng(0).uniform(0.3, 0.9, (n, SOIL_DZ.size))
        b, node = np.full_like(wetness, 6.0), np.diff(SOIL_Z)
        bare_kernel(wetness, b, SOIL_DZ, node, 1800.0, STEPS_PER_DAY)
        for _ in range(settle_days):
            model.forecast(state, start, end)
        found, bare = [], []
        for _ in range(self.rounds):
            begin = time.perf_counter()
            model.forecast(state, start, end)
            middle = time.perf_counter()
            bare_kernel(wetness, b, SOIL_DZ, node, 1800.0, STEPS_PER_DAY)
            found.append(middle - begin)
            bare.append(time.perf_counter() - middle)
        per = 1e6 / (STEPS_PER_DAY * n)
        return {
            "tiles": n,
            "microseconds": per * statistics.median(found),
            "bare_microseconds": per * statistics.median(bare),
            "ratio": statistics.median(a / b for a, b in zip(found, bare, strict=True)),
        }


@compiled()
def bare_kernel(
    wetness: FloatArray, b: FloatArray, dz: FloatArray, node: FloatArray, step: float, n_steps: int
) -> None:
    """Diffusion of water in columns with only Campbell's two power laws, (n_tile, n_soil), in place."""
    n = dz.size
    upper = np.zeros(n)
    right = np.zeros(n)
    conductance = np.zeros(n)
    for i in range(wetness.shape[0]):
        for _ in range(n_steps):
            for j in range(n):
                s = wetness[i, j]
                potential = 0.3 * s ** (-b[i, j])
                conductivity = 1.0e-6 * s ** (2.0 * b[i, j] + 3.0)
                conductance[j] = conductivity * b[i, j] * potential / s
            above = 0.0
            g_above = 0.0
            for j in range(n):
                g = 0.5 * (conductance[j] + conductance[j + 1]) / node[j] if j < n - 1 else 0.0
                diagonal = 0.45 * dz[j] / step + g + g_above - g_above * above
                from_above = g_above * right[j - 1] if j > 0 else 0.0
                right[j] = (0.45 * dz[j] / step * wetness[i, j] + from_above) / diagonal
                above = g / diagonal
                upper[j] = above
                g_above = g
            for j in range(n - 2, -1, -1):
                right[j] += upper[j] * right[j + 1]
            for j in range(n):
                wetness[i, j] = right[j]


def _every_second(use: BoolArray) -> BoolArray:
    half = use.copy()
    half[np.flatnonzero(use)[::2]] = False
    return half


CONFIG: Final[dict[str, Any]] = {
    "name": "bench",
    "time": {"start": "2022-01-01T00:00", "assimilation_end": "2022-01-02T00:00", "end": "2022-01-02T00:00"},
    "model": {"physics": "land_surface"},
    "twin": {},
    "observations": {"kind": "twin"},
    "runs": [{"method": "control"}],
}
