"""The temporal check of observations, and its memory."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

import numpy as np

from landda_hpc.errors import ShapeError
from landda_hpc.observation.image_observation import Flag, ImageObservation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from landda_hpc.config import SpikeCheck
    from landda_hpc.constants import BoolArray, FloatArray

_EPOCH: Final = datetime(1970, 1, 1)


class SpikeMemory:
    """Rejects a value that departs too far from the cell's last accepted one, unless the next value confirms it.

    A rise above ``max_rise`` or a fall below ``-max_fall`` since the last accepted value (at most ``within_hours`` old)
    is suspicious. The value is rejected and kept as a candidate. The next suspicious value is accepted if it differs
    from a candidate of at most the same age by no more than the same limits: the soil moisture did change. A real step
    thus costs one observation, and a spike is rejected.

    Parameters
    ----------
    config : limits of the check.
    shape : (n_lat, n_lon).

    Notes
    -----
    Local: no communication. The check is causal, so that a campaign gives the same flags whether or not later files
    exist. Its arrays are part of the checkpoint (``state``, ``restore``): a resumed campaign rejects the same cells.
    """

    def __init__(self, config: SpikeCheck, shape: tuple[int, int]) -> None:
        self._config = config
        self._arrays = {
            name: np.full(shape, np.nan) for name in ("accepted", "accepted_hours", "candidate", "candidate_hours")
        }

    def state(self) -> dict[str, FloatArray]:
        """Copies of last accepted and candidate values, m3 m-3, and their times, h since 1970; NaN is missing."""
        return {name: array.copy() for name, array in self._arrays.items()}

    def restore(self, arrays: Mapping[str, FloatArray]) -> None:
        """Restore arrays returned by ``state``; ShapeError if a name is missing or an array has another shape."""
        found = {name: array.shape for name, array in arrays.items()}
        expected = {name: array.shape for name, array in self._arrays.items()}
        if found != expected:
            raise ShapeError(f"memory of the temporal check has the arrays {found}; expected {expected}.")
        self._arrays = {name: np.array(array, dtype=np.float64) for name, array in arrays.items()}

    def check(self, observation: ImageObservation) -> ImageObservation:
        """Flag spikes among the used cells and update the memory. Call it once per time, in order of time."""
        values, used = observation.given, observation.is_used
        now = (observation.time - _EPOCH).total_seconds() / 3600.0
        if values.shape != self._arrays["accepted"].shape:
            raise ShapeError(
                f"observation has shape {values.shape}; the temporal check remembers {self._arrays['accepted'].shape}."
            )
        suspicious = used & self._is_fresh("accepted", now) & ~self._agrees("accepted", values)
        confirmed = self._is_fresh("candidate", now) & self._agrees("candidate", values)
        rejected = suspicious & ~confirmed
        accepted = used & ~rejected
        for name, where, clear in (("accepted", accepted, None), ("candidate", rejected, accepted)):
            for key, new in ((name, values), (f"{name}_hours", np.full(values.shape, now))):
                kept = self._arrays[key] if clear is None else np.where(clear, np.nan, self._arrays[key])
                self._arrays[key] = np.where(where, new, kept)
        return observation.reject(rejected, Flag.SPIKE)

    def _is_fresh(self, name: str, now: float) -> BoolArray:
        age = now - self._arrays[f"{name}_hours"]
        fresh: BoolArray = (age > 0.0) & (age <= self._config.within_hours)
        return fresh

    def _agrees(self, name: str, values: FloatArray) -> BoolArray:
        change = values - self._arrays[name]
        near: BoolArray = (change <= self._config.max_rise) & (change >= -self._config.max_fall)
        return near
