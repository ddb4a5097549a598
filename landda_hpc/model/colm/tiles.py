"""Patches of a CoLM case as tiles of landda_hpc, on the grid of the case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from landda_hpc.constants import N_SOIL, FloatArray, IntArray
from landda_hpc.errors import DataError
from landda_hpc.formats.colm.case import ColmCase
from landda_hpc.formats.colm.mapping import read_block_map, read_mesh
from landda_hpc.formats.colm.restart import SoilConstants, read_constants
from landda_hpc.grid import Grid
from landda_hpc.state import PatchType, Tiles


@dataclass(frozen=True, eq=False)
class CaseTiles:
    """Tiles of a case and their positions in its restart files.

    Attributes
    ----------
    grid : the case's mesh around its elements, at least as large as requested.
    tiles : patches that the model computes, without ocean, sorted by cell, then in file order. Vegetation and climate
        class are 0, because CoLM's restarts lack them; soil class is 0, because the case has its own soil parameters.
    block : index of the tile's block in ``blocks``, (n_tile,).
    position : position among the patches of the block, (n_tile,).
    soil : hydraulic parameters, in the order of the tiles.
    blocks : names of the blocks.
    n_patch : number of patches of each block, including those that are not tiles.
    """

    grid: Grid
    tiles: Tiles
    block: IntArray
    position: IntArray
    soil: SoilConstants
    blocks: tuple[str, ...]
    n_patch: Mapping[str, int]

    def take(self, index: slice) -> CaseTiles:
        """The tiles selected by a slice."""
        return replace(
            self,
            tiles=self.tiles.take(index),
            block=self.block[index],
            position=self.position[index],
            soil=self.soil.take(index),
        )


def read_case_tiles(case: ColmCase, least_size: int = 1) -> CaseTiles:
    """Read the patches of all blocks.

    Parameters
    ----------
    case : the case.
    least_size : minimum number of rows and columns of the grid; cells without land are added around those of the case.

    Raises
    ------
    MissingFileError, DataError, ShapeError : a file is missing, damaged or of another case; no patch is land.

    Notes
    -----
    Local: no communication; identical on every rank. Cells are CoLM's elements.
    """
    mesh = read_mesh(case)
    grid, south_rows, west_columns = surrounded(mesh.grid, least_size)
    cells, fractions, types, blocks, positions, soils = [], [], [], [], [], []
    n_patch: dict[str, int] = {}
    for number, block in enumerate(case.blocks):
        place, constants = read_block_map(case, mesh, block), read_constants(case, block)
        if constants.n_patch != place.cell.size:
            raise DataError(
                f"block {block} of case {case.name} has {constants.n_patch} patches in its constant restart and "
                f"{place.cell.size} in landpatch. Do these files belong together?"
            )
        n_patch[block] = constants.n_patch
        known = np.isin(constants.patchtype, [int(kind) for kind in PatchType])
        kept = np.flatnonzero(known & constants.is_active).astype(np.int64)
        row, column = np.divmod(place.cell[kept], mesh.grid.lon.size)
        cells.append((row + south_rows) * grid.lon.size + column + west_columns)
        fractions.append(place.fraction[kept])
        types.append(constants.patchtype[kept])
        blocks.append(np.full(kept.size, number, dtype=np.int64))
        positions.append(kept)
        soils.append(constants.soil.take(kept))
    cell = np.concatenate(cells).astype(np.int64)
    if cell.size == 0:
        raise DataError(f"case {case.name} ({case.const}) has no land patch that the model computes.")
    order = np.argsort(cell, kind="stable")
    soil = SoilConstants.stack(soils).take(order)
    return CaseTiles(
        grid=grid,
        tiles=make_tiles(grid, cell[order], np.concatenate(fractions)[order], np.concatenate(types)[order], soil),
        block=np.concatenate(blocks)[order],
        position=np.concatenate(positions)[order],
        soil=soil,
        blocks=case.blocks,
        n_patch=n_patch,
    )


def surrounded(grid: Grid, least: int) -> tuple[Grid, int, int]:
    """Extend a grid to a minimum number of rows and columns, with cells of the size of the outermost ones.

    Returns
    -------
    The grid, and the numbers of rows added in the south and columns added in the west. Rows do not extend beyond a
    pole; rows without room on one side are added on the other. A periodic grid gets no columns.

    Raises
    ------
    DataError : the rows do not fit on the Earth.
    """
    n_lat, n_lon = grid.shape
    lat_edges, lon_edges = grid.lat_edges, grid.lon_edges
    missing_rows, missing_columns = max(0, least - n_lat), 0 if grid.is_periodic else max(0, least - n_lon)
    d_south, d_north = lat_edges[1] - lat_edges[0], lat_edges[-1] - lat_edges[-2]
    room_south, room_north = int((lat_edges[0] + 90.0) / d_south + 1e-6), int((90.0 - lat_edges[-1]) / d_north + 1e-6)
    if missing_rows > room_south + room_north:
        raise DataError(f"grid.least_size = {least}: so many rows of {d_south:g} degrees do not fit on the Earth.")
    south = min(room_south, max(missing_rows // 2, missing_rows - room_north))
    north = missing_rows - south
    west = missing_columns // 2
    east = missing_columns - west
    new_lat = _extended(lat_edges, south, north)
    new_lon = _extended(lon_edges, west, east)
    lat = np.concatenate((_middle(new_lat)[:south], grid.lat, _middle(new_lat)[south + n_lat :]))
    lon = np.concatenate((_middle(new_lon)[:west], grid.lon, _middle(new_lon)[west + n_lon :]))
    bigger = Grid(lat=lat, lon=lon, lat_edges=new_lat, lon_edges=new_lon, is_periodic=grid.is_periodic)
    return bigger, south, west


def _extended(edges: FloatArray, before: int, after: int) -> FloatArray:
    first, last = edges[1] - edges[0], edges[-1] - edges[-2]
    low = edges[0] - first * np.arange(before, 0, -1)
    high = edges[-1] + last * np.arange(1, after + 1)
    return np.concatenate((low, edges, high))


def _middle(edges: FloatArray) -> FloatArray:
    middle: FloatArray = 0.5 * (edges[1:] + edges[:-1])
    return middle


def make_tiles(grid: Grid, cell: IntArray, fraction: FloatArray, patchtype: IntArray, soil: SoilConstants) -> Tiles:
    """Tiles of a case; what its restarts lack is 0 (``CaseTiles``)."""
    n = cell.size
    nothing = np.zeros(n, dtype=np.int64)
    return Tiles(
        global_index=np.arange(n, dtype=np.int64),
        cell=cell,
        area_fraction=fraction,
        patchtype=patchtype,
        soil_class=nothing,
        climate_class=nothing,
        lat=grid.lat[cell // grid.lon.size],
        lon=grid.lon[cell % grid.lon.size],
        porsl=soil.porsl,
        psi0=soil.psi0,
        bsw=soil.bsw,
        hksati=soil.hksati,
        theta_r=soil.theta_r,
        vegetation_fraction=np.zeros(n),
        root_fraction=np.zeros((n, N_SOIL)),
    )
