"""Running statistics of past cycles, and the methods that keep them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import numpy as np

from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.errors import ShapeError


@runtime_checkable
class MethodMemory(Protocol):
    """A method that learns from cycle to cycle. What it knows belongs in the checkpoint.

    The arrays are the same on every process of the root group, of shapes that never change: rank 0 writes them, and
    every root restores them. A method just made has the memory of no cycle at all.
    """

    def state(self) -> dict[str, FloatArray]:
        """Everything that later analyses depend on, as copies. Local."""
        ...

    def restore(self, arrays: Mapping[str, FloatArray]) -> None:
        """Take up what ``state`` gave. Local.

        Raises
        ------
        ShapeError : a name is missing, or an array has another shape.
        """
        ...


def running_mean(
    mean: FloatArray, count: FloatArray, value: FloatArray, where: BoolArray, memory: float
) -> tuple[FloatArray, FloatArray]:
    """Take one more value into a running mean.

    Parameters
    ----------
    mean, count : mean so far and how many values it counts for, any equal shapes.
    value : the new one; ignored (NaN allowed) where not ``where``.
    where : entries that have one.
    memory : most values that a mean counts for: older ones fade by 1 - 1 / memory a cycle.

    Returns
    -------
    New mean and count: the plain mean of up to ``memory`` values, an exponential one afterwards.
    """
    grown = np.where(where, np.minimum(count + 1.0, memory), count)
    step = np.where(where, np.where(where, value, 0.0) - mean, 0.0)
    return mean + step / np.maximum(grown, 1.0), grown


def checked(arrays: Mapping[str, FloatArray], current: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """Copies of the arrays of a memory; ShapeError unless names and shapes are those of the current one."""
    found = {name: np.shape(array) for name, array in arrays.items()}
    expected = {name: array.shape for name, array in current.items()}
    if found != expected:
        raise ShapeError(f"a method's memory has the arrays {found}; expected {expected} (same grid, same method).")
    return {name: np.array(array, dtype=np.float64) for name, array in arrays.items()}
