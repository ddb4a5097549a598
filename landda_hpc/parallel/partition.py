"""The partition rule: contiguous parts of nearly equal cost."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from landda_hpc.constants import IntArray
from landda_hpc.errors import ShapeError


def partition(cost: IntArray, n_parts: int) -> IntArray:
    """Cut a sequence into contiguous parts of nearly equal cost.

    Parameters
    ----------
    cost : non-negative integer cost of each element, shape (n,); n may be 0 or less than n_parts.
    n_parts : number of parts, at least 1.

    Returns
    -------
    Bounds, int64, shape (n_parts + 1,): part p is elements bounds[p] to bounds[p + 1]. Parts may be empty.
    Element i falls in the part in which the middle of its cost lies, so no part exceeds the mean by more than
    one element's cost.
    """
    cost = np.asarray(cost, dtype=np.int64)
    if n_parts < 1 or np.any(cost < 0):
        raise ShapeError(f"cannot cut into {n_parts} parts or with negative costs.")
    total = int(cost.sum())
    if total == 0:
        return np.minimum(np.arange(n_parts + 1, dtype=np.int64) * -(-cost.size // n_parts), cost.size)
    twice_middle = 2 * np.cumsum(cost) - cost
    # Part p holds the elements with p * 2 total <= twice_middle * n_parts < (p + 1) * 2 total: integers only.
    edges = np.arange(n_parts + 1, dtype=np.int64) * 2 * total
    bounds = np.searchsorted(twice_middle * n_parts, edges, side="left").astype(np.int64)
    bounds[0], bounds[-1] = 0, cost.size
    return bounds


def even_partition(n: int, n_parts: int) -> IntArray:
    """``partition`` of n elements of equal cost."""
    return partition(np.ones(n, dtype=np.int64), n_parts)


def overlaps(bounds: IntArray, elements: slice) -> list[tuple[int, slice]]:
    """Parts of a partition that have some of the elements, in order: the number of each, and its elements among them.

    Parameters
    ----------
    bounds : of the parts, non-decreasing, (n_parts + 1,), from the first to the last of all elements.
    elements : contiguous, with start and stop.
    """
    start, stop = elements.start, elements.stop
    if start >= stop:
        return []
    first, last = np.searchsorted(bounds, start, side="right") - 1, np.searchsorted(bounds, stop, side="left")
    cuts = np.clip(bounds[first : last + 1], start, stop).tolist()
    return [(part, slice(lo, hi)) for part, (lo, hi) in enumerate(pairwise(cuts), start=int(first)) if lo < hi]


def even_share(n: int, rank: int, size: int) -> slice:
    """A rank's part of n elements of equal cost. Local."""
    cuts = even_partition(n, size)
    return slice(int(cuts[rank]), int(cuts[rank + 1]))
