"""Positions of CoLM202X's patches: the mesh of elements (grid cells) and the patches of each block."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from landda_hpc.constants import FloatArray, IntArray
from landda_hpc.errors import DataError, ShapeError
from landda_hpc.formats.colm.case import ColmCase
from landda_hpc.formats.colm.netcdf import open_colm_file, read_array
from landda_hpc.grid import Grid, half_way_edges, spans_circle

SITE_CELL_DEGREES = 0.5
"""Width of the one cell of a single point, degrees; no result depends on it."""


@dataclass(frozen=True, eq=False)
class Mesh:
    """Grid of a case: the smallest box of CoLM's mesh that contains all elements with patches.

    Attributes
    ----------
    grid : the box, rows south to north as everywhere in this package (CoLM counts from the north).
    n_lat_mesh, n_lon_mesh : size of CoLM's mesh.
    row_of_latitude : row of ``grid`` for each 0-based latitude index of CoLM; negative or >= n_lat outside the box.
    first_column : CoLM's 0-based longitude index of the first column of ``grid``.
    """

    grid: Grid
    n_lat_mesh: int
    n_lon_mesh: int
    row_of_latitude: IntArray
    first_column: int

    def cell_of(self, element: IntArray) -> IntArray:
        """Flat indices of the cells of CoLM's elements (eindex, from 1, west to east, then by latitude index).

        Raises
        ------
        DataError : an element is outside the box.
        """
        index = element - 1
        column = index % self.n_lon_mesh - self.first_column
        latitude = index // self.n_lon_mesh
        if np.any((index < 0) | (latitude >= self.n_lat_mesh)):
            raise DataError(
                f"element {int(element[(index < 0) | (latitude >= self.n_lat_mesh)][0])} is not on CoLM's mesh of "
                f"{self.n_lat_mesh} x {self.n_lon_mesh} cells. Do landpatch and mesh belong to the same case?"
            )
        row = self.row_of_latitude[latitude]
        n_lat, n_lon = self.grid.shape
        if np.any((row < 0) | (row >= n_lat) | (column < 0) | (column >= n_lon)):
            raise DataError("an element lies outside the box of the case's elements. Read the mesh again.")
        cell: IntArray = (row * n_lon + column).astype(np.int64)
        return cell


@dataclass(frozen=True, eq=False)
class BlockMap:
    """Patches of a block in the order of its restart files.

    Attributes
    ----------
    cell : flat index of the cell of the case's grid, shape (n_patch,).
    fraction : fraction of the element's area, shape (n_patch,); the fractions of an element sum to 1.
    """

    cell: IntArray
    fraction: FloatArray


def read_mesh(case: ColmCase) -> Mesh:
    """Read the grid of a case. Local; reads the element numbers of all blocks.

    A single point has one cell of half a degree around its site.

    Raises
    ------
    DataError : the mesh is not a latitude-longitude mesh (catchments, unstructured).
    """
    if case.is_single_point:
        return _site_mesh(case)
    path = case.landdata_file("mesh", "mesh.nc")
    with open_colm_file(path) as file:
        if "longitude" not in file.variables or "latitude" not in file.variables:
            raise DataError(
                f"{path}: has no longitudes and latitudes. Only GRIDBASED builds of CoLM can be assimilated into."
            )
        lon = read_array(file, path, "longitude", (None,)).astype(np.float64)
        lat = read_array(file, path, "latitude", (None,)).astype(np.float64)
    elements = np.unique(np.concatenate([_elements(case, block) for block in case.blocks]))
    if elements.size == 0 or elements[0] < 1 or elements[-1] > lat.size * lon.size:
        raise DataError(f"{path}: mesh of {lat.size} x {lon.size} cells, elements {elements[:1]} to {elements[-1:]}.")
    if lat.size < 2 or lon.size < 2:
        raise DataError(f"{path}: mesh of {lat.size} x {lon.size} cells; at least 2 x 2 are needed.")
    latitude, column = (elements - 1) // lon.size, (elements - 1) % lon.size
    ascends = bool(lat[1] > lat[0])
    rows = np.arange(lat.size, dtype=np.int64)
    south_up = rows if ascends else rows[::-1]
    row_of_latitude = south_up.copy()
    lat_up = lat if ascends else lat[::-1]
    occupied = row_of_latitude[latitude]
    first, last = int(occupied.min()), int(occupied.max())
    west, east = int(column.min()), int(column.max())
    lat_edges = np.clip(_edges(path, "latitude", lat_up), -90.0, 90.0)[first : last + 2]
    lon_edges = _edges(path, "longitude", lon)[west : east + 2]
    grid = Grid(
        lat=lat_up[first : last + 1].copy(),
        lon=lon[west : east + 1].copy(),
        lat_edges=lat_edges,
        lon_edges=lon_edges,
        is_periodic=spans_circle(lon_edges),
    )
    return Mesh(grid, lat.size, lon.size, row_of_latitude - first, west)


def read_block_map(case: ColmCase, mesh: Mesh, block: str) -> BlockMap:
    """Read cells and area fractions of a block's patches. Local.

    Raises
    ------
    DataError, ShapeError, MissingFileError : the mapping files are missing or inconsistent.
    """
    if case.is_single_point:
        n_patch = _n_patch(case, block)
        if n_patch != 1 or len(case.blocks) != 1:
            raise DataError(
                f"{case.const}: {len(case.blocks)} blocks, {n_patch} patches, but no landpatch folder with "
                "their positions. Set the landdata folder of the case."
            )
        return BlockMap(np.zeros(1, dtype=np.int64), np.ones(1))
    element = _elements(case, block)
    path = case.landdata_file("landpatch", f"patchfrac_elm_{block}.nc")
    with open_colm_file(path) as file:
        fraction = read_array(file, path, "patchfrac_elm", (element.size,)).astype(np.float64)
    if not np.all((fraction >= 0.0) & (fraction <= 1.0 + 1e-9)):
        raise DataError(f"{path}: area fractions are outside 0..1 or NaN.")
    if _n_patch(case, block) != element.size:
        raise ShapeError(
            f"{case.const_file(block)}: {_n_patch(case, block)} patches, landpatch has {element.size}. "
            "Do the folders belong to the same case?"
        )
    return BlockMap(mesh.cell_of(element), fraction)


def _elements(case: ColmCase, block: str) -> IntArray:
    path = case.landdata_file("landpatch", f"landpatch_{block}.nc")
    with open_colm_file(path) as file:
        return read_array(file, path, "eindex", (None,)).astype(np.int64)


def _n_patch(case: ColmCase, block: str) -> int:
    path = case.const_file(block)
    with open_colm_file(path) as file:
        if "patch" not in file.dimensions:
            raise DataError(f"{path}: has no dimension 'patch'. Is it a constant restart of CoLM?")
        return len(file.dimensions["patch"])


def _site_mesh(case: ColmCase) -> Mesh:
    path = case.const_file(case.blocks[0])
    with open_colm_file(path) as file:
        lon = float(np.rad2deg(read_array(file, path, "patchlonr", (None,))[0]))
        lat = float(np.rad2deg(read_array(file, path, "patchlatr", (None,))[0]))
    half = SITE_CELL_DEGREES / 2
    grid = Grid(
        lat=np.array([lat]),
        lon=np.array([lon]),
        lat_edges=np.clip(np.array([lat - half, lat + half]), -90.0, 90.0),
        lon_edges=np.array([lon - half, lon + half]),
        is_periodic=False,
    )
    return Mesh(grid, 1, 1, np.zeros(1, dtype=np.int64), 0)


def _edges(path: Path, axis: str, centres: FloatArray) -> FloatArray:
    if not np.all(np.diff(centres) > 0):
        raise DataError(f"{path}: {axis} is neither ascending nor descending.")
    return half_way_edges(centres)
