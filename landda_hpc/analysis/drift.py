"""Drift of the model, learned from the analysis increments that correct it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta

import numpy as np

from landda_hpc.analysis.running_statistics import checked
from landda_hpc.config import DriftConfig
from landda_hpc.constants import BoolArray, FloatArray


class DriftMemory:
    """Correction of the model's drift in a cycle: a running mean per cell and time of day (a ``MethodMemory``).

    Parameters
    ----------
    n_cells : number of land cells.
    cycle_hours : hours between analyses; divides 24.
    start : start of the campaign, UTC.
    assimilation_end : last analysis time, UTC.
    config : weight (``share``) of a new value in the mean, bound of the mean, use of times of day, start of learning,
        decay in the free forecast.

    Notes
    -----
    The model's error over a cycle is the increment a plus the correction m that its forecast already received:
    m <- m + share ((a + m) - m) = m + share a, within the bound. The correction converges when the mean increment
    vanishes. This is the online bias estimation of Dee and Todling (2000, Mon. Wea. Rev. 128, 3268) for the bias of one
    cycle, per time of day.
    """

    def __init__(
        self, n_cells: int, cycle_hours: int, start: datetime, assimilation_end: datetime, config: DriftConfig
    ) -> None:
        self._cycle_hours, self._end, self._config = cycle_hours, assimilation_end, config
        self._from = start + timedelta(days=config.settle_days)
        self._mean = np.zeros((24 // cycle_hours if config.per_time_of_day else 1, n_cells))

    def correction(self, time: datetime) -> FloatArray:
        """Return the correction of the forecast that ends at ``time``, m3 m-3 at the observed depth, (n_cells,). Local.

        In the free forecast it decays with the time since the last analysis.
        """
        lead = max(0.0, (time - self._end) / timedelta(days=1))
        fading: FloatArray = self._mean[self._slot(time)] * math.exp(-lead / self._config.forecast_days)
        return fading

    def learn(self, time: datetime, increment: FloatArray, observed: BoolArray) -> None:
        """Learn from the increment of the analysis at ``time``, m3 m-3, (n_cells,), in observed cells. Local."""
        if time <= self._from:
            return
        slot = self._slot(time)
        old = self._mean[slot]
        new = np.clip(old + self._config.share * increment, -self._config.limit, self._config.limit)
        self._mean[slot] = np.where(observed & np.isfinite(increment), new, old)

    def state(self) -> dict[str, FloatArray]:
        """Return the corrections, m3 m-3 per cycle, (times of day, n_cells). Local."""
        return {"mean": self._mean.copy()}

    def restore(self, arrays: Mapping[str, FloatArray]) -> None:
        """Restore arrays returned by ``state``; ShapeError if a shape differs. Local."""
        self._mean = checked(arrays, self.state())["mean"]

    def _slot(self, time: datetime) -> int:
        return (time.hour // self._cycle_hours) % self._mean.shape[0]
