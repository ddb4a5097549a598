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
from landda_hpc.parallel.partition import even_partition
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
        rank, layout = self._world.rank, self._layout
        held = layout.cells_held(rank, instance)
        rows = np.empty((0, n_values)) if rows is None or held == 0 else rows
        if rows.shape != (held, n_values):
            raise ShapeError(f"rank {rank} gives rows of shape {rows.shape}; expected ({held}, {n_values}).")
        start = layout.cells_of(rank).start
        outgoing = [
            rows[max(0, int(lo) - start) : max(0, int(hi) - start)]
            for lo, hi in zip(self._owned[:-1], self._owned[1:], strict=True)
        ] + [rows[:0]] * (layout.n_ranks - layout.n_roots)
        incoming = [n_values * self._overlap(other, instance) for other in range(layout.n_ranks)]
        mine = np.concatenate(self._world.exchange(outgoing, incoming))
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
        n_values = owned.shape[1]
        counts = (np.diff(self._owned) * n_values).tolist()
        parts = self.root_group.exchange([np.ravel(owned)] * self._layout.n_roots, counts)
        return np.concatenate(parts).reshape(self._layout.n_cells, n_values)

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
        outgoing = [np.ravel(owned) if other == root else np.empty(0) for other in range(self._layout.n_roots)]
        counts = (np.diff(self._owned) * n_values).tolist() if here else [0] * self._layout.n_roots
        parts = self.root_group.exchange(outgoing, counts)
        return np.concatenate(parts).reshape(self._layout.n_cells, n_values) if here else None

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
        n_roots, bounds = self._layout.n_roots, self._owned
        outgoing: list[FloatArray] = [np.empty(0)] * n_roots
        if rows is not None:
            outgoing = [np.ravel(rows[int(lo) : int(hi)]) for lo, hi in pairwise(bounds)]
        n_owned = self.owned.stop - self.owned.start
        incoming = [n_owned * n_values if root == 0 else 0 for root in range(n_roots)]
        return np.concatenate(self.root_group.exchange(outgoing, incoming)).reshape(n_owned, n_values)

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
        outgoing: list[FloatArray] = [np.empty(0)] * layout.n_ranks
        if self.is_root:
            if rows is None or rows.shape != (layout.n_cells, n_values):
                found = None if rows is None else rows.shape
                raise ShapeError(f"root {rank} scatters {found}; expected {(layout.n_cells, n_values)}.")
            for other in range(rank, layout.n_ranks, layout.n_roots):
                if layout.cells_held(other, instance):
                    outgoing[other] = rows[layout.cells_of(other)]
        held = layout.cells_held(rank, instance)
        incoming = [0] * layout.n_ranks
        incoming[rank % layout.n_roots] = held * n_values
        mine = np.concatenate(self._world.exchange(outgoing, incoming))
        if layout.group_of(rank) != layout.group_of_instance(instance):
            return None
        return mine.reshape(held, n_values)

    def scatter_owned(self, instance: int, owned: FloatArray | None, n_values: int) -> FloatArray | None:
        """Give every rank that holds the instance its cells' rows, from the roots that own them. Collective.

        Parameters
        ----------
        owned : (n_owned, n_values) on roots; ignored elsewhere.

        Returns
        -------
        (n_cells_local, n_values), or None on ranks that do not hold the instance.
        """
        rank, layout = self._world.rank, self._layout
        outgoing: list[FloatArray] = [np.empty(0)] * layout.n_ranks
        if self.is_root:
            mine = self.owned
            if owned is None or owned.shape != (mine.stop - mine.start, n_values):
                found = None if owned is None else owned.shape
                raise ShapeError(f"root {rank} scatters {found}; expected {(mine.stop - mine.start, n_values)}.")
            for other in range(layout.n_ranks):
                if self._overlap(other, instance):
                    part = layout.cells_of(other)
                    first, last = max(int(part.start), mine.start), min(int(part.stop), mine.stop)
                    outgoing[other] = np.ravel(owned[first - mine.start : last - mine.start])
        held = layout.cells_held(rank, instance)
        incoming = [0] * layout.n_ranks
        if held:
            part = layout.cells_of(rank)
            for root in range(layout.n_roots):
                lo, hi = int(self._owned[root]), int(self._owned[root + 1])
                incoming[root] = n_values * max(0, min(int(part.stop), hi) - max(int(part.start), lo))
        received = np.concatenate(self._world.exchange(outgoing, incoming))
        if layout.group_of(rank) != layout.group_of_instance(instance):
            return None
        return received.reshape(held, n_values)

    def _overlap(self, other: int, instance: int) -> int:
        """Cells that rank ``other`` holds of the instance and this root owns."""
        if not self.is_root or not self._layout.cells_held(other, instance):
            return 0
        part = self._layout.cells_of(other)
        lo, hi = self._owned[self._world.rank], self._owned[self._world.rank + 1]
        return max(0, min(int(part.stop), int(hi)) - max(int(part.start), int(lo)))
