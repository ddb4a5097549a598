"""Traffic between the ranks that hold tiles and the root group that holds images.

Rows are values per land cell, shape (n_cells_local, n_values). Each root receives the rows of its own cells. A whole
field goes to the roots that need it: one of them writes it to a file, or all of them analyse it.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from landda_hpc.constants import FloatArray
from landda_hpc.errors import ShapeError
from landda_hpc.parallel.cell_sums import CellTotals
from landda_hpc.parallel.communicator import Communicator
from landda_hpc.parallel.partition import even_partition, overlaps
from landda_hpc.parallel.process_layout import Layout


class RootTraffic:
    """Gathers rows to the root group and scatters rows from it.

    Parameters
    ----------
    world : all ranks.
    layout : the process layout.
    """

    def __init__(self, world: Communicator, layout: Layout) -> None:
        if world.size != layout.n_ranks:
            raise ShapeError(f"layout is for {layout.n_ranks} ranks, the communicator has {world.size}.")
        self._world = world
        self._layout = layout
        self.root_group = world.split(0 if world.rank < layout.n_roots else None)
        """Communicator of the root group; None on ranks outside it."""
        self._owned = even_partition(layout.n_cells, layout.n_roots)
        self._group, self._cells = layout.group_of(world.rank), layout.cells_of(world.rank)
        self._owners = overlaps(self._owned, self._cells)
        """Roots that own cells of this rank, and which."""
        starts = layout.group_bounds[:-1].tolist()
        self._holders = [
            [(start + index, cells) for index, cells in overlaps(bounds, self.owned)]
            for start, bounds in zip(starts, layout.cell_bounds, strict=True)
        ]
        """Ranks of each member group that hold cells of this root, and which."""
        self._served = [
            [(other, layout.cells_of(other)) for other in range(start, stop) if other % layout.n_roots == world.rank]
            for start, stop in pairwise(layout.group_bounds.tolist())
        ]
        """Ranks of each member group to which this root scatters, and their cells; none on other ranks."""

    @property
    def is_root(self) -> bool:
        return self.root_group is not None

    @property
    def n_roots(self) -> int:
        """Number of roots."""
        return self._layout.n_roots

    @property
    def owned(self) -> slice:
        """Land cells that this root owns; empty on other ranks."""
        if not self.is_root:
            return slice(0, 0)
        return slice(int(self._owned[self._world.rank]), int(self._owned[self._world.rank + 1]))

    @property
    def totals(self) -> CellTotals:
        """Totals over all cells from those of each root; ShapeError on other ranks."""
        if self.root_group is None:
            raise ShapeError("totals over cells are computed on roots.")
        return CellTotals(self.root_group, self._owned)

    def gather(self, instance: int, rows: FloatArray | None, n_values: int) -> FloatArray | None:
        """Collect one instance's rows on every root. Collective over the world.

        Parameters
        ----------
        instance : index of the model instance.
        rows : this rank's cells, shape (n_cells_local, n_values); None if the rank does not hold the instance.
        n_values : numbers per cell.

        Returns
        -------
        (n_cells, n_values) on roots, None elsewhere.
        """
        return self.share(self.collect(instance, rows, n_values))

    def collect(self, instance: int, rows: FloatArray | None, n_values: int) -> FloatArray | None:
        """Collect one instance's rows on the roots that own the cells. Collective over the world.

        Parameters
        ----------
        instance, rows, n_values : see ``gather``.

        Returns
        -------
        (n_owned, n_values) on roots, for the cells of ``owned``; None elsewhere.
        """
        rank, group = self._world.rank, self._layout.group_of_instance(instance)
        held = _length(self._cells) if group == self._group else 0
        rows = np.empty((0, n_values)) if rows is None or held == 0 else rows
        if rows.shape != (held, n_values):
            raise ShapeError(f"rank {rank} gives rows of shape {rows.shape}; expected ({held}, {n_values}).")
        outgoing = {root: rows[_within(part, self._cells)] for root, part in self._owners} if held else {}
        incoming = {other: n_values * _length(part) for other, part in self._holders[group]}
        mine = self._world.exchange(outgoing, incoming)
        return mine.reshape(-1, n_values) if self.is_root else None

    def share(self, owned: FloatArray | None) -> FloatArray | None:
        """Give every root the rows of all cells, from those of its own cells. Collective over the root group.

        Parameters
        ----------
        owned : (n_owned, n_values) on roots; None elsewhere.

        Returns
        -------
        (n_cells, n_values) on roots, None elsewhere.
        """
        if self.root_group is None or owned is None:
            return None
        n_values, outgoing = owned.shape[1], dict.fromkeys(range(self._layout.n_roots), owned)
        whole = self.root_group.exchange(outgoing, self._counts(n_values))
        return whole.reshape(self._layout.n_cells, n_values)

    def to_root(self, owned: FloatArray | None, root: int) -> FloatArray | None:
        """Give one root the rows of all cells. Collective over the root group.

        Parameters
        ----------
        owned : (n_owned, n_values) on roots; None elsewhere.
        root : number of the root.

        Returns
        -------
        (n_cells, n_values) on that root, None elsewhere.
        """
        if self.root_group is None or owned is None:
            return None
        n_values, here = owned.shape[1], self._world.rank == root
        whole = self.root_group.exchange({root: owned}, self._counts(n_values) if here else {})
        return whole.reshape(self._layout.n_cells, n_values) if here else None

    def from_first(self, rows: FloatArray | None, n_values: int) -> FloatArray:
        """Give each root the rows of its own cells. Collective over the root group, called by roots.

        Parameters
        ----------
        rows : (n_cells, n_values) on the first root; None elsewhere.

        Returns
        -------
        (n_owned, n_values).
        """
        if self.root_group is None:
            raise ShapeError("rows of own cells go to roots.")
        outgoing: dict[int, FloatArray] = {}
        if rows is not None:
            outgoing = {root: rows[lo:hi] for root, (lo, hi) in enumerate(pairwise(self._owned.tolist()))}
        n_owned = _length(self.owned)
        return self.root_group.exchange(outgoing, {0: n_owned * n_values}).reshape(n_owned, n_values)

    def scatter(self, instance: int, rows: FloatArray | None, n_values: int) -> FloatArray | None:
        """Give every rank that holds the instance its cells' rows. Collective over the world.

        Parameters
        ----------
        rows : (n_cells, n_values), the same on every root; ignored elsewhere.

        Returns
        -------
        (n_cells_local, n_values), or None on ranks that do not hold the instance.

        Notes
        -----
        Rank r is served by root r mod G, so that roots share the sending.
        """
        rank, layout = self._world.rank, self._layout
        group, held = layout.group_of_instance(instance), _length(self._cells)
        outgoing: dict[int, FloatArray] = {}
        if self.is_root:
            if rows is None or rows.shape != (layout.n_cells, n_values):
                found = None if rows is None else rows.shape
                raise ShapeError(f"root {rank} scatters {found}; expected {(layout.n_cells, n_values)}.")
            outgoing = {other: rows[cells] for other, cells in self._served[group]}
        incoming = {rank % layout.n_roots: held * n_values} if group == self._group else {}
        mine = self._world.exchange(outgoing, incoming)
        return mine.reshape(held, n_values) if group == self._group else None

    def scatter_owned(self, instance: int, owned: FloatArray | None, n_values: int) -> FloatArray | None:
        """Give every rank that holds the instance its cells' rows, from the roots that own them. Collective.

        Parameters
        ----------
        owned : (n_owned, n_values) on roots; ignored elsewhere.

        Returns
        -------
        (n_cells_local, n_values), or None on ranks that do not hold the instance.
        """
        group, held = self._layout.group_of_instance(instance), _length(self._cells)
        outgoing: dict[int, FloatArray] = {}
        if self.is_root:
            expected = (_length(self.owned), n_values)
            if owned is None or owned.shape != expected:
                found = None if owned is None else owned.shape
                raise ShapeError(f"root {self._world.rank} scatters {found}; expected {expected}.")
            outgoing = {other: owned[_within(part, self.owned)] for other, part in self._holders[group]}
        incoming = {root: n_values * _length(part) for root, part in self._owners} if group == self._group else {}
        mine = self._world.exchange(outgoing, incoming)
        return mine.reshape(held, n_values) if group == self._group else None

    def _counts(self, n_values: int) -> dict[int, int]:
        """Numbers of every root with so many values in each of its cells."""
        return dict(enumerate((np.diff(self._owned) * n_values).tolist()))


def _length(part: slice) -> int:
    return int(part.stop) - int(part.start)


def _within(part: slice, whole: slice) -> slice:
    """A part of the cells as a slice of the rows of a whole that contains it."""
    return slice(part.start - whole.start, part.stop - whole.start)
