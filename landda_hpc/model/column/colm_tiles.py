"""Add static fields that a CoLM case does not provide to its tiles, for the embedded model."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from landda_hpc.constants import N_SOIL
from landda_hpc.grid import Grid
from landda_hpc.model.column.soil import campbell_parameters
from landda_hpc.model.column.static_fields import cell_fields
from landda_hpc.model.column.vegetation import tile_vegetation
from landda_hpc.state import PatchType, Tiles

_MEDIUM: Final = np.array([2])
"""Soil class whose parameters fill the columns of tiles without soil; they are not used in any computation."""


def with_static_fields(tiles: Tiles, grid: Grid) -> Tiles:
    """Return the tiles with climate, vegetation and roots from the package's static fields.

    Parameters
    ----------
    tiles : tiles of the domain, with the case's own soil parameters (porsl, psi0, bsw, hksati); soil class 0.
    grid : the domain's grid.

    Raises
    ------
    MissingFileError, DataError : the static fields are missing or not usable.

    Notes
    -----
    Local: no communication. Soil parameters change only in tiles without soil. The embedded model uses Campbell's
    curve; for a van Genuchten case it uses psi0 and bsw, which CoLM's restart also contains.
    """
    cells = cell_fields(grid)
    is_soil = tiles.patchtype == PatchType.SOIL
    has_soil = is_soil | (tiles.patchtype == PatchType.WETLAND)
    vegetation, roots = tile_vegetation(cells, tiles.cell, is_soil)
    medium = dict(zip(("porsl", "psi0", "bsw", "hksati"), campbell_parameters(_MEDIUM), strict=True))
    parameters = {
        name: np.where(has_soil[:, None], getattr(tiles, name), np.full(N_SOIL, value[0]))
        for name, value in medium.items()
    }
    return replace(
        tiles,
        climate_class=cells.climate_class[tiles.cell],
        vegetation_fraction=vegetation,
        root_fraction=roots,
        theta_r=np.where(has_soil[:, None], tiles.theta_r, 0.0),
        **parameters,
    )
