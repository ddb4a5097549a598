"""Patches of a case: position, type and soil."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from landda_hpc.constants import BoolArray, FloatArray, IntArray
from landda_hpc.errors import DataError, ShapeError
from landda_hpc.formats.colm.case import ColmCase
from landda_hpc.formats.colm.mapping import Mesh, read_block_map, read_mesh
from landda_hpc.formats.colm.restart import BlockConstants, SoilConstants, read_constants


@dataclass(frozen=True, eq=False)
class Patches:
    """Patches of some blocks, sorted by grid cell and, within a cell, in the order of the restart file.

    Attributes
    ----------
    block : file of each patch, as index into ``ColmCase.blocks``, shape (n,).
    position : position in that file, (n,).
    cell : flat cell index in the case's grid, non-decreasing, (n,).
    fraction : fraction of the element's area; the fractions of an element sum to 1, (n,).
    patchtype : 0 soil, 1 urban, 2 wetland, 3 glacier, 4 lake, 99 ocean, (n,).
    patchclass : land-cover class, (n,).
    is_active : patches that the model computes, (n,).
    lat, lon : degrees_north, degrees_east, (n,).
    soil : hydraulic parameters of the n columns.
    """

    block: IntArray
    position: IntArray
    cell: IntArray
    fraction: FloatArray
    patchtype: IntArray
    patchclass: IntArray
    is_active: BoolArray
    lat: FloatArray
    lon: FloatArray
    soil: SoilConstants

    def __len__(self) -> int:
        return int(self.cell.size)

    def take(self, index: slice | IntArray) -> Patches:
        """The patches selected by a slice or an index array, in that order."""
        values: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        soil = values.pop("soil")
        return Patches(**{name: value[index] for name, value in values.items()}, soil=soil.take(index))

    def gather(self, case: ColmCase, values: Mapping[str, FloatArray]) -> FloatArray:
        """Collect values of these patches from one array per block, with patches in file order.

        Parameters
        ----------
        values : one array (n_patch of the block, ...) per block name; blocks without these patches may be missing.

        Returns
        -------
        Shape (n, ...).
        """
        inner = next(iter(values.values())).shape[1:] if values else ()
        result = np.empty((len(self), *inner))
        for index in np.unique(self.block):
            mine = self.block == index
            result[mine] = values[case.blocks[index]][self.position[mine]]
        return result


def read_patches(
    case: ColmCase,
    mesh: Mesh | None = None,
    blocks: Sequence[str] | None = None,
    constants: Mapping[str, BlockConstants] | None = None,
) -> Patches:
    """Read the patches of some blocks of a case (default: all) from its mapping and constant files. Local.

    Parameters
    ----------
    mesh : grid of the case, if already read.
    blocks : names of blocks.
    constants : constant restarts, if already read.

    Raises
    ------
    DataError : a block does not belong to this case, two blocks share a cell, or a reader raises it.
    """
    mesh = mesh or read_mesh(case)
    chosen = case.blocks if blocks is None else tuple(blocks)
    unknown = sorted(set(chosen) - set(case.blocks))
    if unknown or not chosen:
        raise DataError(f"{case.const}: blocks {unknown} do not belong to this case; it has {', '.join(case.blocks)}.")
    maps = [read_block_map(case, mesh, block) for block in chosen]
    parts = [constants[block] if constants else read_constants(case, block) for block in chosen]
    for block, where, part in zip(chosen, maps, parts, strict=True):
        if where.cell.size != part.n_patch:
            raise ShapeError(f"block {block}: {part.n_patch} patches in the restart, {where.cell.size} in landpatch.")
    block_of = np.concatenate(
        [np.full(m.cell.size, case.blocks.index(b), dtype=np.int64) for b, m in zip(chosen, maps, strict=True)]
    )
    cell = np.concatenate([m.cell for m in maps])
    order = np.argsort(cell, kind="stable")
    shared = (np.diff(cell[order]) == 0) & (np.diff(block_of[order]) != 0)
    if shared.any():
        raise DataError(f"{case.name}: a grid cell has patches in two blocks; each element of CoLM lies in one block.")
    patches = Patches(
        block=block_of,
        position=np.concatenate([np.arange(m.cell.size, dtype=np.int64) for m in maps]),
        cell=cell,
        fraction=np.concatenate([m.fraction for m in maps]),
        patchtype=np.concatenate([p.patchtype for p in parts]),
        patchclass=np.concatenate([p.patchclass for p in parts]),
        is_active=np.concatenate([p.is_active for p in parts]),
        lat=np.concatenate([p.lat for p in parts]),
        lon=np.concatenate([p.lon for p in parts]),
        soil=SoilConstants.stack([p.soil for p in parts]),
    )
    return patches.take(order)
