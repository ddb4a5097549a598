"""Sums over cells whose bits do not depend on the number of processes that share the cells.

The cells are added in one fixed binary tree: neighbours first, an odd last one carried up, as in
``reduction.tree_sum``. A process adds the complete branches in its part of the cells; the few numbers that remain
travel to all processes, which add them alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final, Self

import numpy as np

from landda_hpc.constants import FloatArray, IntArray
from landda_hpc.errors import ShapeError
from landda_hpc.parallel.communicator import Communicator, SerialCommunicator
from landda_hpc.parallel.partition import overlaps

CELL_BLOCK: Final = 512
"""Cells per block; part of the definition of the bits of what is computed by block."""


class TreeSum:
    """Sums over elements that processes share in contiguous parts.

    Parameters
    ----------
    group : the processes.
    bounds : first element of each process, and the number of elements, (size + 1,).
    """

    def __init__(self, group: Communicator, bounds: IntArray) -> None:
        self._group, self._n = group, int(bounds[-1])
        self._first, self._n_here = int(bounds[group.rank]), int(bounds[group.rank + 1] - bounds[group.rank])
        self._branches = [_branches(int(lo), int(hi)) for lo, hi in pairwise(bounds)]

    def __call__(self, parts: Iterable[FloatArray]) -> list[FloatArray]:
        """Sums of each part over all elements, the same on every process. Collective.

        Parameters
        ----------
        parts : values of this process's elements, (n_here, n_values) each; they are used one after the other.

        Returns
        -------
        (n_values,) of each part.
        """
        mine = []
        for part in parts:
            if part.ndim != 2 or part.shape[0] != self._n_here:
                raise ShapeError(f"values have shape {part.shape}; this process has {self._n_here} elements.")
            mine.append(_add_branches(part, self._first))
        if not mine:
            return []
        flat = np.concatenate(mine, axis=1)
        width = flat.shape[1]
        everyone, counts = range(self._group.size), [len(branches) * width for branches in self._branches]
        received = self._group.exchange(dict.fromkeys(everyone, flat), dict(enumerate(counts)))
        places = [place for branches in self._branches for place in branches]
        found: dict[int, dict[int, FloatArray]] = {}
        for (level, index), row in zip(places, received.reshape(len(places), width), strict=True):
            found.setdefault(level, {})[index] = row
        total = _join(found, self._n, width)
        return np.split(total, np.cumsum([part.shape[1] for part in mine])[:-1])


def _branches(lo: int, hi: int) -> list[tuple[int, int]]:
    """Level and index of the largest complete branches of a part of the elements, in the order of computation."""
    found, level = [], 0
    while lo < hi:
        if lo % 2:
            found.append((level, lo))
            lo += 1
        if hi % 2 and lo < hi:
            found.append((level, hi - 1))
            hi -= 1
        lo, hi, level = lo // 2, hi // 2, level + 1
    return found


def _add_branches(values: FloatArray, lo: int) -> FloatArray:
    """Sums of the branches of ``_branches``, in its order, (n_branches, n_values)."""
    found, hi = [], lo + values.shape[0]
    while lo < hi:
        if lo % 2:
            found.append(values[0])
            values, lo = values[1:], lo + 1
        if hi % 2 and lo < hi:
            found.append(values[-1])
            values, hi = values[:-1], hi - 1
        values, lo, hi = values[0::2] + values[1::2], lo // 2, hi // 2
    return np.array(found, dtype=np.float64).reshape(len(found), values.shape[1])


def _join(found: dict[int, dict[int, FloatArray]], n: int, width: int) -> FloatArray:
    """The sum of all branches, by level and index, of a tree of n elements."""
    if n == 0:
        return np.zeros(width)
    level = 0
    while n > 1:
        now, above = found.get(level, {}), found.setdefault(level + 1, {})
        for index, row in now.items():
            if index + 1 in now and index % 2 == 0:
                above[index // 2] = row + now[index + 1]
            elif index == n - 1 and index % 2 == 0:
                above[index // 2] = row
        n, level = -(-n // 2), level + 1
    return found[level][0]


class CellTotals:
    """Totals over the land cells, which the roots share.

    Parameters
    ----------
    group : the processes.
    bounds : first cell of each process, and the number of cells, (size + 1,).
    """

    def __init__(self, group: Communicator, bounds: IntArray) -> None:
        self._group = group
        self._bounds = np.asarray(bounds, dtype=np.int64)
        self._blocks = -(-self._bounds // CELL_BLOCK)
        self._aligned = np.minimum(self._blocks * CELL_BLOCK, self._bounds[-1])
        self.sums = TreeSum(group, self._bounds)
        """Sums over cells, from values in this process's cells."""
        self.sums_of_blocks = TreeSum(group, self._blocks)
        """Sums over blocks of cells, from values of the blocks of ``in_blocks``."""

    @classmethod
    def of_one_process(cls, n_cells: int) -> Self:
        """Totals of a process that has all cells."""
        return cls(SerialCommunicator(), np.array([0, n_cells], dtype=np.int64))

    @property
    def owned(self) -> slice:
        """Cells of this process."""
        return slice(int(self._bounds[self._group.rank]), int(self._bounds[self._group.rank + 1]))

    def largest(self, values: FloatArray) -> FloatArray:
        """The largest of the processes' values, element by element; NaN counts as larger. Collective."""
        everyone = range(self._group.size)
        received = self._group.exchange(dict.fromkeys(everyone, values), dict.fromkeys(everyone, values.size))
        result: FloatArray = np.max(received.reshape(self._group.size, *values.shape), axis=0)
        return result

    def in_blocks(self, rows: FloatArray) -> Iterator[tuple[int, FloatArray]]:
        """Number and rows of each block of ``CELL_BLOCK`` cells that begins in this process's cells. Collective.

        Parameters
        ----------
        rows : of this process's cells, (n_owned, n_values).

        Returns
        -------
        Rows (n_block, n_values), in order; only the last block of all may have fewer cells.

        Notes
        -----
        The rows of a block whose cells belong to several processes travel to the first of them.
        """
        rank, start, width = self._group.rank, self.owned.start, rows.shape[1]
        aligned = slice(int(self._aligned[rank]), int(self._aligned[rank + 1]))
        outgoing = {
            reader: rows[part.start - start : part.stop - start] for reader, part in overlaps(self._aligned, self.owned)
        }
        incoming = {owner: width * (part.stop - part.start) for owner, part in overlaps(self._bounds, aligned)}
        mine = self._group.exchange(outgoing, incoming).reshape(-1, width)
        first = int(self._blocks[rank])
        blocks = range(int(self._blocks[rank + 1]) - first)
        return iter([(first + k, mine[k * CELL_BLOCK : (k + 1) * CELL_BLOCK]) for k in blocks])
