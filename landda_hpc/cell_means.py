"""Means over the tiles or patches of each cell, weighted by area."""

from __future__ import annotations

import numpy as np

from landda_hpc.compiled_code import compiled
from landda_hpc.constants import BoolArray, FloatArray, IntArray


def cell_starts(cell: IntArray) -> IntArray:
    """First member of each cell, and the number of members; int64, shape (n_cells + 1,).

    Parameters
    ----------
    cell : cell of each member, non-decreasing, shape (n,).
    """
    starts = np.flatnonzero(np.diff(cell, prepend=-1)).astype(np.int64)
    return np.concatenate((starts, [cell.size])).astype(np.int64)


def cell_means(
    cell: IntArray, weight: FloatArray, takes_part: BoolArray, values: FloatArray, missing: float = np.nan
) -> FloatArray:
    """Means over the members of each cell that take part.

    Parameters
    ----------
    cell : cell of each member, non-decreasing, shape (n,).
    weight : fraction of the cell's area, (n,).
    takes_part : members that count, (n,).
    values : (n, n_values).
    missing : a value that adds nothing, though its member's weight counts, as in CoLM's history; NaN: none.

    Returns
    -------
    Shape (number of cells with members, n_values), in cell order; NaN without a member that counts or without a value.

    Notes
    -----
    Local: no communication. Sums run in the order of the members.
    """
    means: FloatArray = _means(
        cell_starts(cell), takes_part, weight, np.ascontiguousarray(values, dtype=np.float64), missing
    )
    return means


@compiled(nogil=False, error_model="python")
def _means(
    first: IntArray, takes_part: BoolArray, weight: FloatArray, values: FloatArray, missing: float
) -> FloatArray:
    n_cells = first.size - 1
    means = np.full((n_cells, values.shape[1]), np.nan)
    for c in range(n_cells):
        total = 0.0
        for i in range(first[c], first[c + 1]):
            if takes_part[i]:
                total += weight[i]
        if total <= 0.0:
            continue
        for v in range(values.shape[1]):
            mean = 0.0
            is_known = False
            for i in range(first[c], first[c + 1]):
                if takes_part[i] and values[i, v] != missing:
                    mean += weight[i] * values[i, v]
                    is_known = True
            if is_known:
                means[c, v] = mean / total
    return means
