"""Sums whose bits do not depend on the number of processes.

Members are summed in fixed blocks of five, each block by one process; the block sums are added in a fixed
binary tree in index order. No floating-point MPI reduction is used, because the library chooses its order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from landda_hpc.constants import FloatArray
from landda_hpc.parallel.communicator import Communicator
from landda_hpc.parallel.partition import even_partition

BLOCK = 5
"""Members per block; part of the definition of the result's bits."""

_PART: Final = 2**22
"""Numbers of a sum that are exchanged at a time, so that the copies stay at 32 MB for each subtree of a process."""


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


@dataclass(frozen=True)
class _Node:
    """The sum of the blocks below one node of the tree: number ``index`` of ``level``; level 0 holds the blocks."""

    level: int
    index: int
    total: FloatArray


class BlockTree:
    """Adds terms one after another, in the tree of ``tree_sum``.

    Only the sums of complete subtrees are kept, at most about log2 of the number of terms.

    Parameters
    ----------
    n_terms : number of terms of the whole sum.
    """

    def __init__(self, n_terms: int) -> None:
        self._n_terms = n_terms
        self._nodes: list[_Node] = []

    @property
    def totals(self) -> list[FloatArray]:
        """Sums of the subtrees that cover the added terms, in order; a single one if all terms were added."""
        return [node.total for node in self._nodes]

    @property
    def places(self) -> list[tuple[int, int]]:
        """Level and index of each of these subtrees."""
        return [(node.level, node.index) for node in self._nodes]

    def add(self, term: FloatArray, index: int, level: int = 0) -> None:
        """Add the next term, or the sum of the next subtree. The array is kept, and may be changed.

        Parameters
        ----------
        term : any shape.
        index, level : its place in the tree, which follows that of the last one.
        """
        node = _Node(level, index, term)
        while True:
            before = self._nodes[-1] if self._nodes else None
            if node.index % 2 and before is not None and (before.level, before.index) == (node.level, node.index - 1):
                self._nodes.pop()
                np.add(before.total, node.total, out=before.total)
                node = _Node(node.level + 1, node.index // 2, before.total)
            elif 0 < node.index == -(-self._n_terms // 2**node.level) - 1 and not node.index % 2:
                node = _Node(node.level + 1, node.index // 2, node.total)
            else:
                break
        self._nodes.append(node)


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

    def sum_blocks(self, n: int, add: Callable[[range, FloatArray], None]) -> FloatArray:
        """Sum over all members on every process, the same bits for any number of processes. Collective.

        Parameters
        ----------
        n : length of the sum.
        add : adds the terms of the members of a block, in order, to an array (n,) of zeros; called for each block of
            this process in turn. Local.

        Returns
        -------
        Shape (n,).

        Notes
        -----
        A process holds the sums of about log2 of its number of blocks, not of every block.
        """
        mine = BlockTree(self._n_blocks)
        for number, block in enumerate(self.blocks, start=int(self._bounds[self._group.rank])):
            term = np.zeros(n)
            add(block, term)
            mine.add(term, number)
        if self._group.size == 1:
            return mine.totals[0]
        result, totals = np.empty(n), mine.totals
        places = [self._places(r) for r in range(self._group.size)]
        for start in range(0, n, _PART):
            part = slice(start, min(start + _PART, n))
            result[part] = self._add_up(part.stop - part.start, [total[part] for total in totals], places)
        return result

    def _add_up(self, n: int, mine: list[FloatArray], places: list[list[tuple[int, int]]]) -> FloatArray:
        """Sum over all processes of the subtrees of each. Collective.

        Parameters
        ----------
        n, mine : sums of this process's subtrees, (n,) each.
        places : places of every process's subtrees.
        """
        size, rank = self._group.size, self._group.rank
        pieces = even_partition(n, size)
        width = np.diff(pieces)
        outgoing = {r: np.array([total[pieces[r] : pieces[r + 1]] for total in mine]) for r in range(size)}
        incoming = {r: len(found) * int(width[rank]) for r, found in enumerate(places)}
        every = [place for found in places for place in found]
        rows = self._group.exchange(outgoing, incoming).reshape(len(every), int(width[rank]))
        whole = BlockTree(self._n_blocks)
        for row, (level, index) in zip(rows, every, strict=True):
            whole.add(row, index, level)
        return self._group.exchange(dict.fromkeys(range(size), whole.totals[0]), dict(enumerate(width.tolist())))

    def _places(self, rank: int) -> list[tuple[int, int]]:
        """Places of the subtrees that a process sends."""
        tree = BlockTree(self._n_blocks)
        for number in range(int(self._bounds[rank]), int(self._bounds[rank + 1])):
            tree.add(np.zeros(0), number)
        return tree.places

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
        outgoing = {r: rows[:, cells[r] : cells[r + 1]] for r in range(size)}
        width = int(cells[rank + 1] - cells[rank])
        received = self._group.exchange(outgoing, {r: n * width for r, n in enumerate(members)})
        return received.reshape(self.n_members, width)

    def of_all_cells(self, owned: FloatArray, n_cells: int) -> FloatArray:
        """Values of all cells, (n_cells, ...), from those that each process owns (see ``by_cell``). Collective."""
        size, width = self._group.size, int(np.prod(owned.shape[1:]))
        counts = (np.diff(even_partition(n_cells, size)) * width).tolist()
        received = self._group.exchange(dict.fromkeys(range(size), owned), dict(enumerate(counts)))
        return received.reshape(n_cells, *owned.shape[1:])
