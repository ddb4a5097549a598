"""States of new tiles: taken from the nearest tile of the same kind and adapted to the new soil."""

from __future__ import annotations

from typing import Final, Protocol

import numpy as np

from landda_hpc.constants import EARTH_RADIUS, FROZEN_ICE, RHO_WATER, SOIL_DZ, FloatArray, IntArray
from landda_hpc.errors import DataError
from landda_hpc.grid import unit_vectors
from landda_hpc.model.column.initial import MAX_WETNESS, MIN_WETNESS
from landda_hpc.state import PatchType, TileState

SAME_SOIL_WITHIN_KM: Final = 500.0
"""A column of the same soil class is preferred up to this distance; beyond it, climate matters more than soil."""

SOIL_COLUMNS: Final = (PatchType.SOIL, PatchType.URBAN)
"""Patch types whose water is treated alike, because there is no urban physics."""


class Columns(Protocol):
    """Position, kind and soil of columns; ``Tiles`` implement it."""

    @property
    def lat(self) -> FloatArray: ...
    @property
    def lon(self) -> FloatArray: ...
    @property
    def patchtype(self) -> IntArray: ...
    @property
    def soil_class(self) -> IntArray: ...
    @property
    def porsl(self) -> FloatArray: ...
    @property
    def psi0(self) -> FloatArray: ...
    @property
    def bsw(self) -> FloatArray: ...


def nearest_of_kind(source: Columns, tiles: Columns) -> IntArray:
    """Find the source column of every tile.

    Returns
    -------
    Index into the source, (n_tile,): the nearest column of the same patch type, with the same soil class if there is
    one within ``SAME_SOIL_WITHIN_KM``. Urban tiles use soil columns if the source has no urban ones.

    Raises
    ------
    DataError : the source lacks a patch type of the tiles.

    Notes
    -----
    Local. The result for a tile depends only on that tile and the source.
    """
    from scipy.spatial import KDTree  # imported here, because it takes a tenth of the total import time

    there, here = unit_vectors(source.lat, source.lon), unit_vectors(tiles.lat, tiles.lon)
    chosen = np.full(tiles.lat.size, -1, dtype=np.int64)
    reach = 2.0 * np.sin(500.0 * SAME_SOIL_WITHIN_KM / EARTH_RADIUS)
    for kind in np.unique(tiles.patchtype):
        wanted = np.flatnonzero(tiles.patchtype == kind)
        usable = np.flatnonzero(source.patchtype == kind)
        if usable.size == 0 and kind == PatchType.URBAN:
            usable = np.flatnonzero(source.patchtype == PatchType.SOIL)
        if usable.size == 0:
            raise DataError(
                f"the spun-up state has no {PatchType(kind).name.lower()} tile; the campaign has {wanted.size}. Spin "
                "up a domain that has some (landda land spinup --year), or set model.initial: climatology."
            )
        chosen[wanted] = usable[KDTree(there[usable]).query(here[wanted])[1]]
        for soil in np.unique(tiles.soil_class[wanted]):
            same_here = wanted[tiles.soil_class[wanted] == soil]
            same_there = usable[source.soil_class[usable] == soil]
            if same_there.size:
                distance, index = KDTree(there[same_there]).query(here[same_here])
                is_near = distance <= reach
                chosen[same_here[is_near]] = same_there[index[is_near]]
    return chosen


def in_other_soil(state: TileState, source: Columns, tiles: Columns) -> None:
    """Adapt the soil water of a state to the soil of the tiles, in place.

    Parameters
    ----------
    state : state of the source columns, one for each tile.

    Notes
    -----
    Local. Soil without ice keeps its matric potential (Campbell's curve), which is similar in neighbouring soils.
    Frozen layers and wetlands keep the fraction of the pores filled with liquid and ice. Nothing changes where
    parameters are equal.
    """
    is_other = (source.porsl != tiles.porsl) | (source.psi0 != tiles.psi0) | (source.bsw != tiles.bsw)
    liquid, ice = state.soil("wliq_soisno"), state.soil("wice_soisno")
    layer = RHO_WATER * SOIL_DZ
    wetness = np.clip(liquid / (layer * source.porsl), MIN_WETNESS, 1.0)
    with np.errstate(over="ignore"):
        other = (source.psi0 / tiles.psi0 * wetness**-source.bsw) ** (-1.0 / tiles.bsw)
    by_potential = layer * tiles.porsl * np.clip(other, MIN_WETNESS, MAX_WETNESS)
    by_share = liquid * (tiles.porsl / source.porsl)
    is_free = np.isin(tiles.patchtype, SOIL_COLUMNS)[:, None] & (ice <= FROZEN_ICE)
    is_porous = np.isin(tiles.patchtype, (*SOIL_COLUMNS, PatchType.WETLAND))[:, None]
    changed = np.where(is_free, by_potential, by_share)
    liquid[:] = np.where(is_other & is_porous, changed, liquid)
    ice[:] = np.where(is_other & is_porous & ~is_free, ice * (tiles.porsl / source.porsl), ice)
