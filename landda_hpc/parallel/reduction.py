"""Sums whose bits do not depend on the number of processes.

Members are summed in fixed blocks of five, each block by one process; the block sums are added in a fixed
binary tree in index order. No floating-point MPI reduction is used, because the library chooses its order.
"""

from __future__ import annotations

import numpy as np

from landda_hpc.constants import FloatArray
from landda_hpc.parallel.communicator import Communicator
from landda_hpc.parallel.partition import even_partition

BLOCK = 5
"""Members per block; part of the definition of the result's bits."""


def tree_sum(parts: FloatArray) -> FloatArray:
    """Sum over axis 0 in a fixed binary tree: neighbours first, an odd last one carried up.

    Parameters
    ----------
    parts : shape (n_parts, ...), n_parts >= 1.
    """
    level = [parts[i] for i in range(parts.shape[0])]
    while len(level) > 1:
        paired = [level[i] + level[i + 1] for i in range(0, len(level) - 1, 2)]
        level = paired + ([level[-1]] if len(level) % 2 else [])
    return np.array(level[0])


class MemberReduction:
    """Distributes an ensemble's members over processes and sums over them in a fixed order.

    Parameters
    ----------
    group : the processes that share the members (the root group).
    n_members : members of the ensemble.
    """

    def __init__(self, group: Communicator, n_members: int) -> None:
        self._group = group
        self.n_members = n_members
        self._n_blocks = -(-n_members // BLOCK)
        self._bounds = even_partition(self._n_blocks, group.size)

    @property
    def blocks(self) -> tuple[range, ...]:
        """Member numbers of the blocks that this process computes."""
        first, last = self._bounds[self._group.rank], self._bounds[self._group.rank + 1]
        return tuple(range(b * BLOCK, min((b + 1) * BLOCK, self.n_members)) for b in range(int(first), int(last)))

    def sum_blocks(self, block_sums: FloatArray) -> FloatArray:
        """Sum of all blocks on every process, the same bits for any number of processes. Collective.

        Parameters
        ----------
        block_sums : one row per block of this process, shape (len(self.blocks), n).

        Returns
        -------
        Shape (n,).
        """
        size, rank = self._group.size, self._group.rank
        n = block_sums.shape[1]
        pieces = even_partition(n, size)
        width = np.diff(pieces)
        counts = np.diff(self._bounds)
        outgoing = [block_sums[:, pieces[r] : pieces[r + 1]] for r in range(size)]
        received = self._group.exchange(outgoing, [int(counts[r] * width[rank]) for r in range(size)])
        rows = np.concatenate([part.reshape(int(counts[r]), int(width[rank])) for r, part in enumerate(received)])
        piece = tree_sum(rows)
        return np.concatenate(self._group.exchange([piece] * size, width.tolist()))

    def by_cell(self, rows: FloatArray) -> FloatArray:
        """Exchange rows of whole members for those of all members in this process's part of the cells. Collective.

        Parameters
        ----------
        rows : of the members of this process's blocks, in order, shape (n_members here, n_cells).

        Returns
        -------
        (n_members, n_owned): the cells of process r are part r of ``even_partition``.
        """
        size, rank = self._group.size, self._group.rank
        cells = even_partition(rows.shape[1], size)
        members = np.diff(np.minimum(self._bounds * BLOCK, self.n_members)).tolist()
        outgoing = [np.ravel(rows[:, cells[r] : cells[r + 1]]) for r in range(size)]
        width = int(cells[rank + 1] - cells[rank])
        received = self._group.exchange(outgoing, [n * width for n in members])
        return np.concatenate([part.reshape(n, width) for part, n in zip(received, members, strict=True)])

    def of_all_cells(self, owned: FloatArray, n_cells: int) -> FloatArray:
        """Values of all cells, (n_cells, ...), from those that each process owns (see ``by_cell``). Collective."""
        size, width = self._group.size, int(np.prod(owned.shape[1:]))
        counts = (np.diff(even_partition(n_cells, size)) * width).tolist()
        parts = self._group.exchange([np.ravel(owned)] * size, counts)
        return np.concatenate(parts).reshape(n_cells, *owned.shape[1:])
