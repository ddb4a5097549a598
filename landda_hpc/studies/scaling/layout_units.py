"""Work and communication of every rank, counted from the process layout without running anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from landda_hpc.constants import FloatArray, IntArray
from landda_hpc.parallel.partition import even_partition
from landda_hpc.parallel.process_layout import Layout
from landda_hpc.parallel.reduction import BLOCK

SERIAL: Final = ("root", "first", "calls", "partners")
"""Units of work that do not fall with the number of ranks in one member group."""


@dataclass(frozen=True)
class Size:
    """Numbers that determine the work of a campaign.

    Attributes
    ----------
    pixels : cells of the grid, with the ocean.
    members : images or states that the roots share in an analysis; 1 without.
    """

    pixels: int
    members: int


@dataclass(frozen=True, eq=False)
class Units:
    """Work and communication of every rank in a cycle, in units whose cost a fit finds, (n_ranks,) each.

    Attributes
    ----------
    layout : the process layout.
    work : ``tiles``: relative cost of tiles x instances; ``cells``: land cells x instances; ``state``: tiles x
        instances; ``members``: pixels x members on a root; ``files``: pixels of the files that a root writes;
        ``weather``: pixels of weather over the ranks that compute it together; ``alone``: the same of a rank that
        computes it in each cycle, because it is alone in its group; ``root``: pixels that every root treats;
        ``first``: pixels that rank 0 treats; ``calls``: instances; ``partners``: ranks with which a rank exchanges
        rows when the roots collect those of every instance, each counted for every instance.
    traffic : numbers of float64: ``collect``: of cells to the roots that own them; ``share``: between roots;
        ``scatter``: from roots to cells; ``pieces``: sums of members between roots; ``objects``: to all ranks;
        ``observation``: from rank 0 to roots.
    messages : the same, in messages.
    """

    layout: Layout
    work: Mapping[str, FloatArray]
    traffic: Mapping[str, FloatArray]
    messages: Mapping[str, FloatArray]


def count(layout: Layout, cell_cost: IntArray, size: Size) -> Units:
    """Count the units of a layout. Local.

    Parameters
    ----------
    cell_cost : relative cost of each land cell, (n_cells,).
    """
    n, n_roots = layout.n_ranks, layout.n_roots
    ranks = np.arange(n)
    is_root = (ranks < n_roots).astype(np.float64)
    first = (ranks == 0).astype(np.float64)
    group = np.searchsorted(layout.group_bounds, ranks, side="right") - 1
    held = np.diff(layout.instance_bounds)[group].astype(np.float64)
    in_group = np.diff(layout.group_bounds)[group].astype(np.float64)
    cells = np.concatenate([np.diff(bounds) for bounds in layout.cell_bounds]).astype(np.float64)
    tiles = np.concatenate([np.diff(bounds) for bounds in layout.tile_bounds]).astype(np.float64)
    summed = np.concatenate(([0], np.cumsum(cell_cost)))
    cost = np.concatenate([np.diff(summed[bounds]) for bounds in layout.cell_bounds]).astype(np.float64)
    blocks = np.zeros(n)
    n_blocks = -(-size.members // BLOCK)
    blocks[:n_roots] = np.diff(even_partition(n_blocks, n_roots))
    members = np.minimum(blocks * BLOCK, size.members)
    to_owners, owners, holders = _collected(layout, held)
    partners = owners * held
    partners[:n_roots] += holders
    everywhere = np.ones(n)
    work = {
        "tiles": cost * held,
        "cells": cells * held,
        "state": tiles * held,
        "members": members * size.pixels,
        "files": is_root * size.pixels / n_roots,
        "weather": size.pixels / in_group,
        "alone": size.pixels * (in_group == 1.0),
        "root": is_root * size.pixels,
        "first": first * size.pixels,
        "calls": everywhere * layout.n_instances,
        "partners": partners,
    }
    owned = np.zeros(n)
    owned[:n_roots] = np.diff(even_partition(layout.n_cells, n_roots))
    between = is_root * (n_roots - 1)
    traffic = {
        "collect": to_owners * held,
        "share": owned * between * layout.n_instances,
        "scatter": _scattered(layout, cells * held),
        "pieces": size.pixels * (blocks * (1.0 - 1.0 / n_roots) + between / n_roots),
        "objects": everywhere * (n - 1),
        "observation": first * size.pixels * (n_roots - 1),
    }
    messages = {
        "collect": owners * held,
        "share": between * layout.n_instances,
        "scatter": _scattered(layout, (cells > 0) * held),
        "pieces": between,
    }
    return Units(layout, work, traffic, messages)


def _collected(layout: Layout, held: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """What collecting needs.

    Parameters
    ----------
    held : instances of each rank, (n_ranks,).

    Returns
    -------
    Cells of each rank that others own, and how many others own them, (n_ranks,) each; how many others hold cells of
    each root, each counted for every instance that it holds, (n_roots,).
    """
    owned = even_partition(layout.n_cells, layout.n_roots)
    first = np.concatenate([bounds[:-1] for bounds in layout.cell_bounds])
    stop = np.concatenate([bounds[1:] for bounds in layout.cell_bounds])
    low, high = owned[:-1], owned[1:]
    overlap = np.minimum(stop[:, None], high) - np.maximum(first[:, None], low)
    overlap = np.maximum(overlap, 0)
    mine = np.arange(layout.n_roots)
    overlap[mine, mine] = 0  # a root keeps its own
    found = (overlap > 0).astype(np.float64)
    return overlap.sum(axis=1).astype(np.float64), found.sum(axis=1), held @ found


def _scattered(layout: Layout, amount: FloatArray) -> FloatArray:
    """What each root gives to the ranks that it serves, except itself, (n_ranks,)."""
    root = np.arange(layout.n_ranks) % layout.n_roots
    given = amount.copy()
    given[: layout.n_roots] = 0.0
    out = np.zeros(layout.n_ranks)
    out[: layout.n_roots] = np.bincount(root, weights=given, minlength=layout.n_roots)
    return out
