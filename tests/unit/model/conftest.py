"""Tiles and weather that the column model's tests share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np
import pytest

from landda_hpc.constants import N_SOIL, FloatArray
from landda_hpc.model.column.soil import campbell_parameters
from landda_hpc.model.column.temperature import AnnualWave
from landda_hpc.model.column.vegetation import root_fraction
from landda_hpc.model.protocol import Weather
from landda_hpc.state import PatchType, Tiles

TileMaker = Callable[..., Tiles]


class PlainWeather:
    """Random but reproducible weather, a function of valid time and global tile index."""

    def __init__(self, tiles: Tiles, step_hours: int = 3, rain_scale: float = 1e-3) -> None:
        self.step = timedelta(hours=step_hours)
        self.wind_height = self.scalar_height = 10.0
        self.rain_scale = rain_scale
        self._index = tiles.global_index
        self._n_global = int(tiles.global_index.max(initial=-1)) + 1000
        self.calls: list[datetime] = []

    def during(self, start: datetime) -> Weather:
        self.calls.append(start)
        rng = np.random.default_rng(int(start.timestamp()) % 2**31)

        def draw() -> FloatArray:
            return rng.random(2000)[self._index]

        rain = np.maximum(draw() - 0.7, 0.0) * self.rain_scale
        day = max(0.0, np.sin(2.0 * np.pi * (start.hour - 6) / 24.0))
        return Weather(
            shortwave=900.0 * day * draw(),
            longwave=250.0 + 150.0 * draw(),
            air_temperature=260.0 + 45.0 * draw(),
            specific_humidity=0.001 + 0.01 * draw(),
            surface_pressure=7.0e4 + 3.3e4 * draw(),
            wind_speed=12.0 * draw(),
            precipitation=rain,
        )


@pytest.fixture(scope="session")
def make_tiles() -> TileMaker:
    """Tiles of all soil classes and patch types, each in its own cell."""

    def make(n: int, *, only_soil: bool = False, seed: int = 0) -> Tiles:
        rng = np.random.default_rng(seed)
        kinds = [PatchType.SOIL] if only_soil else [PatchType.SOIL] * 5 + list(PatchType)[2:]
        patchtype = np.array(rng.choice([int(k) for k in kinds], n), dtype=np.int64)
        soil_class = rng.integers(1, 8, n)
        climate = rng.integers(1, 31, n)
        parameters = [np.repeat(p[:, None], N_SOIL, axis=1) for p in campbell_parameters(soil_class)]
        vegetation = 0.95 * rng.random(n) * (patchtype == PatchType.SOIL)
        has_roots = (vegetation > 0.0)[:, None]
        return Tiles(
            global_index=np.arange(n, dtype=np.int64),
            cell=np.arange(n, dtype=np.int64),
            area_fraction=np.ones(n),
            patchtype=patchtype,
            soil_class=soil_class,
            climate_class=climate,
            lat=rng.uniform(-60.0, 80.0, n),
            lon=rng.uniform(0.0, 360.0, n),
            porsl=parameters[0],
            psi0=parameters[1],
            bsw=parameters[2],
            hksati=parameters[3],
            theta_r=np.zeros((n, N_SOIL)),
            vegetation_fraction=vegetation,
            root_fraction=np.where(has_roots, root_fraction(climate, rng.random(n)), 0.0),
        )

    return make


@pytest.fixture(scope="session")
def plain_weather() -> type[PlainWeather]:
    return PlainWeather


@pytest.fixture(scope="session")
def make_wave() -> Callable[[int], AnnualWave]:
    """Temperature waves between polar and tropical."""

    def make(n: int) -> AnnualWave:
        months = np.arange(12)
        mean = np.linspace(255.0, 300.0, n)[:, None]
        amplitude = np.linspace(25.0, 2.0, n)[:, None]
        return AnnualWave(mean - amplitude * np.cos(2.0 * np.pi * months / 12.0))

    return make
