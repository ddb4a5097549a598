"""Tiles -> image: the horizontal part of the observation operator H."""

from __future__ import annotations

import numpy as np

from landda_hpc.compiled_code import compiled
from landda_hpc.constants import FROZEN_ICE, RHO_ICE, RHO_WATER, SOIL_DZ, BoolArray, FloatArray, IntArray
from landda_hpc.state import Tiles, TileState


def volumetric_water(state: TileState) -> FloatArray:
    """Total volumetric soil water of every tile and layer.

    Returns
    -------
    theta = wliq / (1000 dz) + wice / (917 dz), m3 m-3, shape (n_tile, n_soil) (docs/methods.md).
    """
    theta: FloatArray = state.soil("wliq_soisno") / (RHO_WATER * SOIL_DZ) + state.soil("wice_soisno") / (
        RHO_ICE * SOIL_DZ
    )
    return theta


def frozen_layers(state: TileState) -> BoolArray:
    """Layers with more ice than ``FROZEN_ICE``, shape (n_tile, n_soil)."""
    frozen: BoolArray = state.soil("wice_soisno") > FROZEN_ICE
    return frozen


def aggregate(tiles: Tiles, values: FloatArray) -> FloatArray:
    """Mean over the updatable tiles of each cell, weighted by area.

    Parameters
    ----------
    tiles : this rank's tiles, ordered by cell.
    values : per tile, shape (n_tile, n_values).

    Returns
    -------
    Shape (n_cells_local, n_values), in cell order; NaN for cells without an updatable tile.

    Notes
    -----
    Local: no communication. Sums run in tile order within a cell, and cells are never split across ranks, so
    the bits do not depend on the partition.
    """
    first = cell_starts(tiles.cell)
    means: FloatArray = _weighted_means(first, tiles.is_updatable, tiles.area_fraction, np.ascontiguousarray(values))
    return means


def cell_starts(cell: IntArray) -> IntArray:
    """First tile of each cell and the number of tiles, shape (n_cells_local + 1,)."""
    starts = np.flatnonzero(np.diff(cell, prepend=-1)).astype(np.int64)
    return np.concatenate((starts, [cell.size])).astype(np.int64)


@compiled(nogil=False, error_model="python")
def _weighted_means(first: IntArray, use: BoolArray, weight: FloatArray, values: FloatArray) -> FloatArray:
    n_cells = first.size - 1
    means = np.full((n_cells, values.shape[1]), np.nan)
    for c in range(n_cells):
        total = 0.0
        for t in range(first[c], first[c + 1]):
            if use[t]:
                total += weight[t]
        if total > 0.0:
            for v in range(values.shape[1]):
                mean = 0.0
                for t in range(first[c], first[c + 1]):
                    if use[t]:
                        mean += weight[t] * values[t, v]
                means[c, v] = mean / total
    return means
