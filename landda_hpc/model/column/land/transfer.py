"""States of other tiles: from the nearest of their kind, through differences of soil."""

from __future__ import annotations

from typing import Final, Protocol

import numpy as np
from scipy.spatial import KDTree

from landda_hpc.constants import EARTH_RADIUS, FROZEN_ICE, RHO_WATER, SOIL_DZ, FloatArray, IntArray
from landda_hpc.errors import DataError
from landda_hpc.model.column.initial import MAX_WETNESS, MIN_WETNESS
from landda_hpc.state import PatchType, TileState

SAME_SOIL_WITHIN_KM: Final = 500.0
"""A column of the same soil class is preferred up to this distance: beyond, climate counts for more than soil."""

SOIL_COLUMNS: Final = (PatchType.SOIL, PatchType.URBAN)
"""Kinds whose water the land physics moves alike: it has no town of its own."""


class Columns(Protocol):
    """Where columns are and in what soil: ``Tiles`` are columns."""

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
    """The source's column that every tile takes after.

    Returns
    -------
    Index into the source, (n_tile,): of the same patch type, and of the same soil class where there is one within
    ``SAME_SOIL_WITHIN_KM``; the nearest of them. Urban tiles take after soil where the source has none.

    Raises
    ------
    DataError : the source has no column of a patch type that tiles have.

    Notes
    -----
    Local. Depends on each tile and the source alone.
    """
    there, here = _unit_vectors(source.lat, source.lon), _unit_vectors(tiles.lat, tiles.lon)
    chosen = np.full(tiles.lat.size, -1, dtype=np.int64)
    reach = 2.0 * np.sin(500.0 * SAME_SOIL_WITHIN_KM / EARTH_RADIUS)
    for kind in np.unique(tiles.patchtype):
        wanted = np.flatnonzero(tiles.patchtype == kind)
        usable = np.flatnonzero(source.patchtype == kind)
        if usable.size == 0 and kind == PatchType.URBAN:
            usable = np.flatnonzero(source.patchtype == PatchType.SOIL)
        if usable.size == 0:
            raise DataError(
                f"the spun-up state has no {PatchType(kind).name.lower()} tile, the campaign has {wanted.size}: spin "
                "up a domain that has some (landda spinup --year), or take model.initial: climatology."
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
    """Give a state of the source's soil the water that it has in the tiles' soil, in place.

    Parameters
    ----------
    state : of the source's columns, which are one for each tile.

    Notes
    -----
    Local. Soil without ice keeps its matric potential (Campbell's curve), which is what neighbouring soils share;
    frozen layers and wetlands keep the share of the pores that liquid and ice fill. Where parameters are equal nothing
    changes.
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


def _unit_vectors(lat: FloatArray, lon: FloatArray) -> FloatArray:
    """Places on the unit sphere, (n, 3)."""
    up, round_ = np.deg2rad(lat), np.deg2rad(lon)
    return np.stack([np.cos(up) * np.cos(round_), np.cos(up) * np.sin(round_), np.sin(up)], axis=1)
