"""Soil temperature prescribed as the damped annual wave of the climatology.

Used by the model without energy balance: T(z, t) = mean + sum over harmonics k = 1, 2 of the climatological surface
wave, damped by exp(-z sqrt(k) / d) and delayed by the phase z sqrt(k) / d, without daily cycle or weather.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Final

import numpy as np

from landda_hpc.constants import SECONDS_PER_DAY, SOIL_Z, FloatArray, IntArray
from landda_hpc.errors import ShapeError
from landda_hpc.model.column.tile_climate import MID_MONTH_DAY
from landda_hpc.state import TileState

THERMAL_DIFFUSIVITY: Final = 5.0e-7  # m2 s-1, moist mineral soil (Campbell and Norman 1998, section 8.3)
YEAR_S: Final = 365.25 * SECONDS_PER_DAY
DAMPING_DEPTH: Final = math.sqrt(THERMAL_DIFFUSIVITY * YEAR_S / math.pi)  # m, of the annual wave
N_HARMONICS: Final = 2


class AnnualWave:
    """Temperature of soil and surface as a function of the valid time.

    Parameters
    ----------
    monthly : climatological surface temperature, K, shape (n_tile, 12).

    Notes
    -----
    Local: no communication. The temperature of a tile does not depend on other tiles.
    """

    def __init__(self, monthly: FloatArray) -> None:
        if monthly.ndim != 2 or monthly.shape[1] != 12:
            raise ShapeError(f"monthly temperatures have shape {monthly.shape}; expected (n_tile, 12).")
        self.mean: FloatArray = _mean_over_months(monthly, np.ones(12))
        angle = 2.0 * np.pi * MID_MONTH_DAY / 365.25
        self._cosine: list[FloatArray] = []
        self._sine: list[FloatArray] = []
        for k in range(1, N_HARMONICS + 1):
            self._cosine.append(2.0 * _mean_over_months(monthly, np.cos(k * angle)))
            self._sine.append(2.0 * _mean_over_months(monthly, np.sin(k * angle)))

    def __len__(self) -> int:
        return int(self.mean.size)

    def take(self, index: slice | IntArray) -> AnnualWave:
        """The waves of the tiles selected by a slice or an index array."""
        part = object.__new__(AnnualWave)
        part.mean = self.mean[index]
        part._cosine = [c[index] for c in self._cosine]
        part._sine = [s[index] for s in self._sine]
        return part

    def at(self, time: datetime, depth: float) -> FloatArray:
        """Temperature at a depth, K, shape (n_tile,).

        Parameters
        ----------
        time : UTC, naive.
        depth : m below the surface.
        """
        year_start = datetime(time.year, 1, 1)
        angle = 2.0 * math.pi * (time - year_start).total_seconds() / YEAR_S
        temperature = self.mean.copy()
        for k, (cosine, sine) in enumerate(zip(self._cosine, self._sine, strict=True), start=1):
            damping = math.sqrt(k) * depth / DAMPING_DEPTH
            phase = k * angle - damping
            temperature += math.exp(-damping) * (math.cos(phase) * cosine + math.sin(phase) * sine)
        return temperature

    def prescribe(self, state: TileState, time: datetime) -> None:
        """Set t_soisno of the soil layers, t_grnd and tleaf to their values at the valid time, in place."""
        if len(self) != state.n_tile:
            raise ShapeError(f"temperature climatology has {len(self)} tiles, the state has {state.n_tile}.")
        soil = state.soil("t_soisno")
        for j, depth in enumerate(SOIL_Z):
            soil[:, j] = self.at(time, float(depth))
        surface = self.at(time, 0.0)
        state["t_grnd"][:] = surface
        state["tleaf"][:] = surface


def _mean_over_months(monthly: FloatArray, weight: FloatArray) -> FloatArray:
    """Weighted mean over months, summed month by month to fix the order of additions."""
    total = np.zeros(monthly.shape[0])
    for m in range(12):
        total += weight[m] * monthly[:, m]
    return total / 12.0
