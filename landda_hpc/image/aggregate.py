"""Tiles -> image: the horizontal part of the observation operator H."""

from __future__ import annotations

from landda_hpc.cell_means import cell_means
from landda_hpc.constants import FROZEN_ICE, BoolArray, FloatArray
from landda_hpc.state import Tiles, TileState, soil_moisture


def volumetric_water(state: TileState) -> FloatArray:
    """Total volumetric soil water of every tile and layer.

    Returns
    -------
    theta = wliq / (1000 dz) + wice / (917 dz), m3 m-3, shape (n_tile, n_soil) (docs/methods.md).
    """
    return soil_moisture(state.soil("wliq_soisno"), state.soil("wice_soisno"))


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
    return cell_means(tiles.cell, tiles.area_fraction, tiles.is_updatable, values)
