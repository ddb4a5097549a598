"""Process layout: member groups x tile ranks, and the root group.

The world of P ranks is divided into member groups; each group holds whole model instances and distributes
their tiles over its ranks. The root group is the first G ranks of the world, whatever their member group.
Every rank computes the same layout from the same few numbers, so no communication is needed to know it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from landda_hpc.constants import IntArray
from landda_hpc.parallel.partition import even_partition, partition

DEFAULT_MAX_ROOTS = 10


@dataclass(frozen=True, eq=False)
class Layout:
    """Process layout of a campaign.

    Attributes
    ----------
    n_ranks : ranks of the world.
    n_instances : model instances of the campaign.
    n_roots : ranks of the root group.
    group_bounds : first rank of each member group, shape (n_groups + 1,).
    instance_bounds : first instance of each member group, shape (n_groups + 1,).
    cell_bounds : per group, first *land cell* of each of its ranks, shape (ranks of the group + 1,).
    tile_bounds : the same cuts in tiles.
    """

    n_ranks: int
    n_instances: int
    n_roots: int
    group_bounds: IntArray
    instance_bounds: IntArray
    cell_bounds: tuple[IntArray, ...]
    tile_bounds: tuple[IntArray, ...]

    @property
    def n_cells(self) -> int:
        """Land cells of the grid."""
        return int(self.cell_bounds[0][-1])

    @property
    def n_tiles(self) -> int:
        return int(self.tile_bounds[0][-1])

    def group_of(self, rank: int) -> int:
        return int(np.searchsorted(self.group_bounds, rank, side="right") - 1)

    def group_of_instance(self, instance: int) -> int:
        return int(np.searchsorted(self.instance_bounds, instance, side="right") - 1)

    def instances_of(self, rank: int) -> range:
        """Instances that the rank's group holds."""
        group = self.group_of(rank)
        return range(int(self.instance_bounds[group]), int(self.instance_bounds[group + 1]))

    def tiles_of(self, rank: int) -> slice:
        """The rank's slice of the global tile vector."""
        group = self.group_of(rank)
        return _part(self.tile_bounds[group], rank - int(self.group_bounds[group]))

    def cells_of(self, rank: int) -> slice:
        """The rank's slice of the global vector of land cells."""
        group = self.group_of(rank)
        return _part(self.cell_bounds[group], rank - int(self.group_bounds[group]))

    def cells_held(self, rank: int, instance: int) -> int:
        """Land cells of an instance that the rank holds; 0 if another group holds the instance."""
        if self.group_of(rank) != self.group_of_instance(instance):
            return 0
        part = self.cells_of(rank)
        return int(part.stop) - int(part.start)

    def describe(self) -> str:
        """One line for the log."""
        sizes = np.diff(self.group_bounds).tolist()
        return (
            f"{self.n_ranks} rank{'' if self.n_ranks == 1 else 's'}: member groups of {sizes} ranks hold "
            f"{np.diff(self.instance_bounds).tolist()} of "
            f"{self.n_instances} instances; root group of {self.n_roots}; {self.n_tiles} tiles in {self.n_cells} cells"
        )


_UNDIVIDED: Final = 0.1
"""Cost of an instance that the ranks of a group do not share, relative to its forecast: perturbed weather."""


def choose_groups(n_ranks: int, n_instances: int) -> int:
    """Number of member groups with the smallest load of a rank, for many instances of equal cost. Local.

    A group of p ranks with m instances takes the time m (1 / p + ``_UNDIVIDED``). Of equal loads the smaller number is
    chosen.
    """
    numbers = range(1, min(n_ranks, n_instances) + 1)
    return min(numbers, key=lambda g: (-(-n_instances // g) * (1.0 / (n_ranks // g) + _UNDIVIDED), g))


def make_layout(
    n_ranks: int,
    n_instances: int,
    tiles_per_cell: IntArray,
    member_groups: int | None = 1,
    n_roots: int | None = None,
    max_roots: int | None = None,
    cell_cost: IntArray | None = None,
) -> Layout:
    """Distribute a campaign over ranks.

    Parameters
    ----------
    n_ranks : ranks of the world.
    n_instances : model instances.
    tiles_per_cell : tiles of each land cell, in cell order, shape (n_cells,). Cells are never cut.
    member_groups : groups wanted; no more than ranks or instances are made. None: ``choose_groups``.
    n_roots : size of the root group; default min(ranks, 10).
    max_roots : upper limit for the root group (members of the smallest ensemble), or None.
    cell_cost : relative cost of each land cell, non-negative integers; its number of tiles by default.

    Notes
    -----
    Local: no communication. The layout changes who computes, never what is computed.
    """
    wanted = choose_groups(n_ranks, n_instances) if member_groups is None else member_groups
    n_groups = max(1, min(wanted, n_ranks, n_instances))
    group_bounds = even_partition(n_ranks, n_groups)
    instance_bounds = even_partition(n_instances, n_groups)
    first_tile = np.concatenate(([0], np.cumsum(tiles_per_cell))).astype(np.int64)
    cost = np.asarray(tiles_per_cell if cell_cost is None else cell_cost, dtype=np.int64)
    cell_bounds = tuple(partition(cost, int(n)) for n in np.diff(group_bounds))
    roots = min(n_ranks, DEFAULT_MAX_ROOTS if n_roots is None else n_roots)
    return Layout(
        n_ranks=n_ranks,
        n_instances=n_instances,
        n_roots=roots if max_roots is None else min(roots, max_roots),
        group_bounds=group_bounds,
        instance_bounds=instance_bounds,
        cell_bounds=cell_bounds,
        tile_bounds=tuple(first_tile[bounds] for bounds in cell_bounds),
    )


def _part(bounds: IntArray, index: int) -> slice:
    return slice(int(bounds[index]), int(bounds[index + 1]))
