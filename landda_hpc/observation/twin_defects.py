"""Defects of a twin's observations that they do not report: biases, and noise that changes in time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

import numpy as np

from landda_hpc.config.observations import NoiseChange, TwinBias
from landda_hpc.constants import FloatArray
from landda_hpc.grid import Grid
from landda_hpc.regions import Region

_DAYS_PER_YEAR: Final = 365.25


@dataclass(frozen=True, eq=False)
class Defects:
    """Errors of a twin's observations besides those that are drawn.

    Attributes
    ----------
    changes : times in ascending order, UTC, and the factor of the drawn errors from each time on.
    constant : bias, m3 m-3, (n_lat, n_lon).
    annual : biases with an annual cycle: amplitude, m3 m-3, (n_lat, n_lon), and the day of the year of the maximum.
    """

    changes: tuple[tuple[datetime, float], ...]
    constant: FloatArray
    annual: tuple[tuple[FloatArray, float], ...]

    @classmethod
    def of(cls, changes: Sequence[NoiseChange], biases: Sequence[TwinBias], grid: Grid) -> Self | None:
        """Those of a configuration; None if there are none. Biases add up where regions overlap. Local."""
        if not changes and not biases:
            return None
        constant, annual = np.zeros(grid.shape), []
        for one in biases:
            inside = np.ones(grid.shape, dtype=np.bool_)
            if one.boxes:
                parts = [Region("of a bias", *box) for box in one.boxes]
                inside = Region.union("of a bias", parts).mask(grid)
            constant += np.where(inside, one.bias, 0.0)
            if one.annual_amplitude:
                annual.append((np.where(inside, one.annual_amplitude, 0.0), one.day_of_maximum))
        return cls(tuple((change.time, change.factor) for change in changes), constant, tuple(annual))

    def applied(self, error: FloatArray, time: datetime) -> FloatArray:
        """Return the whole error at a time, m3 m-3, of one that was drawn, (n_lat, n_lon)."""
        factor = 1.0
        for begin, value in self.changes:
            if time >= begin:
                factor = value
        day = time.timetuple().tm_yday
        total: FloatArray = factor * error + self.constant
        for amplitude, maximum in self.annual:
            total = total + math.cos(2.0 * math.pi * (day - maximum) / _DAYS_PER_YEAR) * amplitude
        return total
