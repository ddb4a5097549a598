"""Running statistics of past cycles, and the interface of methods that learn from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import numpy as np

from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.errors import ShapeError


@runtime_checkable
class MethodMemory(Protocol):
    """A method that learns from cycle to cycle. Its memory is part of the checkpoint.

    The arrays are the same on every process of the root group, and their shapes never change. Rank 0 writes them, and
    every process of the root group restores them. The memory of a new method is empty.
    """

    def state(self) -> dict[str, FloatArray]:
        """Return copies of all arrays on which later analyses depend. Local."""
        ...

    def restore(self, arrays: Mapping[str, FloatArray]) -> None:
        """Restore arrays returned by ``state``. Local.

        Raises
        ------
        ShapeError : the names or shapes of the arrays differ from those of ``state``.
        """
        ...


def running_mean(
    mean: FloatArray, count: FloatArray, value: FloatArray, where: BoolArray, memory: float
) -> tuple[FloatArray, FloatArray]:
    """Add one value to a running mean.

    Parameters
    ----------
    mean, count : mean so far and the number of values in it.
    value : new value; ignored (NaN allowed) where ``where`` is False.
    where : entries that have a new value.
    memory : largest number of values in the mean; later values reduce the older weights by the factor 1 - 1 / memory.

    Returns
    -------
    New mean and count: the arithmetic mean of up to ``memory`` values, an exponential mean afterwards.
    """
    grown = np.where(where, np.minimum(count + 1.0, memory), count)
    step = np.where(where, np.where(where, value, 0.0) - mean, 0.0)
    return mean + step / np.maximum(grown, 1.0), grown


def checked(arrays: Mapping[str, FloatArray], current: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """Return copies of the arrays of a memory; ShapeError unless names and shapes equal those of ``current``."""
    found = {name: np.shape(array) for name, array in arrays.items()}
    expected = {name: array.shape for name, array in current.items()}
    if found != expected:
        raise ShapeError(f"a method's memory has the arrays {found}; expected {expected} (same grid, same method).")
    return {name: np.array(array, dtype=np.float64) for name, array in arrays.items()}
