"""Land cells: the cells of the grid that have tiles, in flat-index order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from landda_hpc.constants import BoolArray, FloatArray, IntArray
from landda_hpc.errors import ShapeError
from landda_hpc.grid import Grid
from landda_hpc.state import Tiles


@dataclass(frozen=True, eq=False)
class LandCells:
    """The vector of land cells of an image.

    Attributes
    ----------
    grid : the model grid.
    cell : flat index of every land cell, ascending, int64, shape (n_cells,).
    tiles_per_cell : int64, (n_cells,).
    soil_fraction : fraction of the cell's area in updatable tiles, (n_cells,).
    porosity : mean porosity of the top layer over updatable tiles, m3 m-3; NaN without updatable tiles.
    """

    grid: Grid
    cell: IntArray
    tiles_per_cell: IntArray
    soil_fraction: FloatArray
    porosity: FloatArray

    @classmethod
    def of(cls, grid: Grid, tiles: Tiles) -> LandCells:
        """Land cells of the global tile vector."""
        if len(tiles) and (tiles.cell[0] < 0 or tiles.cell[-1] >= grid.n_cells):
            raise ShapeError(
                f"tiles name cells {tiles.cell[0]} to {tiles.cell[-1]}; the grid has {grid.n_cells} cells "
                f"({grid.describe()}). Do tiles and grid belong together?"
            )
        cell, counts = np.unique(tiles.cell, return_counts=True)
        # bincount adds in the order of tiles: the bits of a loop over them.
        owner, use = np.repeat(np.arange(cell.size), counts), tiles.is_updatable
        area = tiles.area_fraction[use]
        soil = np.bincount(owner[use], weights=area, minlength=cell.size).astype(np.float64)
        pores = np.bincount(owner[use], weights=area * tiles.porsl[use, 0], minlength=cell.size)
        porosity = np.divide(pores, soil, out=np.full(cell.size, np.nan), where=soil > 0.0)
        return cls(grid, cell.astype(np.int64), counts.astype(np.int64), soil, porosity)

    def __len__(self) -> int:
        return int(self.cell.size)

    def to_image(self, values: FloatArray, fill: float = np.nan) -> FloatArray:
        """Put values per land cell, shape (n_cells,), into an image (n_lat, n_lon); ``fill`` elsewhere."""
        image = np.full(self.grid.n_cells, fill)
        image[self.cell] = values
        return image.reshape(self.grid.shape)

    def from_image(self, image: FloatArray) -> FloatArray:
        """Values of an image (n_lat, n_lon) at the land cells, shape (n_cells,)."""
        if image.shape != self.grid.shape:
            raise ShapeError(f"image has shape {image.shape}, the grid {self.grid.shape}.")
        values: FloatArray = image.reshape(-1)[self.cell]
        return values

    def from_mask(self, mask: BoolArray) -> BoolArray:
        """Land cells that lie in a mask (n_lat, n_lon), shape (n_cells,)."""
        if mask.shape != self.grid.shape:
            raise ShapeError(f"mask has shape {mask.shape}, the grid {self.grid.shape}.")
        inside: BoolArray = mask.reshape(-1)[self.cell]
        return inside

    def mask(self, min_soil_fraction: float = 0.0) -> BoolArray:
        """Cells with more updatable soil than the given fraction of the cell's area, shape (n_lat, n_lon)."""
        return self.to_image(self.soil_fraction, fill=-1.0) > min_soil_fraction
