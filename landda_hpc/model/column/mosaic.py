"""Tiles of a grid: soil by class, wetland, glacier and lake, but not ocean."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from landda_hpc.config import TilesConfig
from landda_hpc.constants import BoolArray, FloatArray, IntArray
from landda_hpc.data import SOIL_CLASSES
from landda_hpc.errors import DataError
from landda_hpc.grid import Grid
from landda_hpc.model.column.soil import all_layers, campbell_parameters
from landda_hpc.model.column.static_fields import CellFields, cell_fields
from landda_hpc.model.column.vegetation import tile_vegetation
from landda_hpc.state import PatchType, Tiles

_N_CLASS: Final = len(SOIL_CLASSES)
_MEDIUM: Final = 2
"""Soil class whose parameters fill the columns of tiles without soil; no computation uses them."""

# Kinds of tiles, in their order within a cell: patch type, then soil class.
_KINDS: Final = (
    *((PatchType.SOIL, k) for k in range(1, _N_CLASS + 1)),
    (PatchType.WETLAND, 0),
    (PatchType.GLACIER, 0),
    (PatchType.LAKE, 0),
)


def build_tiles(grid: Grid, config: TilesConfig, path: Path | None = None) -> Tiles:
    """Build all tiles of a grid.

    Parameters
    ----------
    grid : the model grid.
    config : criteria for the tiles of a cell.
    path : file of static fields; the file in the package by default.

    Returns
    -------
    The global tile vector, ordered by cell, patch type and soil class. Cells with less land than
    ``min_land_fraction`` have no tiles.

    Raises
    ------
    MissingFileError, DataError : the file is missing or not usable, or no cell has enough land.

    Notes
    -----
    Local: no communication; bitwise identical on every rank. Soil, wetland, glacier and lake get tiles if they cover
    ``min_other_fraction`` of the cell or are the largest of the four. The soil area is divided among the largest soil
    class and any other class that covers ``min_fraction`` of the soil, up to ``max_soil_tiles`` tiles in all. The area
    fractions are then scaled so that they sum to the cell's fraction of land and lake. Wetland tiles have the cell's
    most common soil class. Only soil tiles have vegetation, the same for all soil tiles of a cell.
    """
    cells = cell_fields(grid, path)
    is_land: BoolArray = (cells.land >= config.min_land_fraction) & (cells.land > 0.0)
    if not is_land.any():
        raise DataError(
            f"no cell of the grid ({grid.describe()}) has a land fraction of {config.min_land_fraction} or "
            "more; lower tiles.min_land_fraction or choose another region."
        )
    cell_of = np.flatnonzero(is_land)
    share = _shares(cells, is_land, config)
    # Row-major order of (cell, kind) is the order of tiles.
    row, kind = np.nonzero(share.T)
    cell = cell_of[row]
    patchtype = np.array([int(p) for p, _ in _KINDS])[kind]
    common_class = 1 + np.argmax(cells.soil[:, cell], axis=0)
    soil_class = np.array([k for _, k in _KINDS])[kind]
    soil_class = np.where(patchtype == PatchType.WETLAND, common_class, soil_class)

    n = cell.size
    porsl, psi0, bsw, hksati = campbell_parameters(np.where(soil_class > 0, soil_class, _MEDIUM))
    vegetation, roots = tile_vegetation(cells, cell, patchtype == PatchType.SOIL)
    return Tiles(
        global_index=np.arange(n, dtype=np.int64),
        cell=cell.astype(np.int64),
        area_fraction=share[kind, row],
        patchtype=patchtype.astype(np.int64),
        soil_class=soil_class.astype(np.int64),
        climate_class=cells.climate_class[cell],
        lat=grid.lat[cell // grid.lon.size],
        lon=grid.lon[cell % grid.lon.size],
        porsl=all_layers(porsl),
        psi0=all_layers(psi0),
        bsw=all_layers(bsw),
        hksati=all_layers(hksati),
        theta_r=all_layers(np.zeros(n)),
        vegetation_fraction=vegetation,
        root_fraction=roots,
    )


def _shares(cells: CellFields, is_land: BoolArray, config: TilesConfig) -> FloatArray:
    """Fraction of the cell's area of each kind of tile, 0 where it has none; shape (n_kind, n_land_cells)."""
    soil = cells.soil[:, is_land]
    total_soil = _sum_rows(soil)
    # Rank of each class within the cell's soil, largest first; the lower class wins a tie.
    order = np.argsort(-soil, axis=0, kind="stable")
    rank: IntArray = np.argsort(order, axis=0, kind="stable")
    keeps = (rank == 0) | ((rank < config.max_soil_tiles) & (soil >= config.min_fraction * total_soil))
    soil = np.where(keeps & (soil > 0.0), soil, 0.0)
    kept_soil = _sum_rows(soil)
    soil *= np.divide(total_soil, kept_soil, out=np.zeros_like(kept_soil), where=kept_soil > 0.0)

    groups = np.stack([total_soil, cells.wetland[is_land], cells.glacier[is_land], cells.lake[is_land]])
    stays = (groups >= config.min_other_fraction) | (np.arange(4)[:, None] == np.argmax(groups, axis=0))
    share = np.concatenate([np.where(stays[:1], soil, 0.0), np.where(stays[1:], groups[1:], 0.0)])
    wanted = cells.land[is_land] + cells.lake[is_land]
    scaled: FloatArray = share * (wanted / _sum_rows(share))
    return scaled


def _sum_rows(values: FloatArray) -> FloatArray:
    """Sum over the first axis, row by row."""
    total = np.zeros(values.shape[1])
    for row in values:
        total += row
    return total
