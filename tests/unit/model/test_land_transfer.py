"""States for other tiles: the nearest of their kind, and what water means in another soil."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from landda_hpc.constants import RHO_WATER, SOIL_DZ
from landda_hpc.errors import DataError
from landda_hpc.formats.own.spun_up import SpunUpColumns
from landda_hpc.model.column.land.initial import fitted
from landda_hpc.model.column.land.transfer import SAME_SOIL_WITHIN_KM, in_other_soil, nearest_of_kind
from landda_hpc.state import PatchType, TileState
from landda_hpc.variables import LAND_STATE


def great_circle_km(a, i, b):
    """From tile i of a to all of b."""
    p, q = np.deg2rad([a.lat[i], a.lon[i]]), np.deg2rad([b.lat, b.lon])
    h = np.sin((p[0] - q[0]) / 2) ** 2 + np.cos(p[0]) * np.cos(q[0]) * np.sin((p[1] - q[1]) / 2) ** 2
    return 2 * 6371.22 * np.arcsin(np.sqrt(h))


def test_own_tiles_take_their_own_state(make_tiles):
    tiles = make_tiles(200, seed=1)
    np.testing.assert_array_equal(nearest_of_kind(tiles, tiles), np.arange(200))


def test_the_nearest_of_the_same_soil_within_reach_else_of_the_same_kind(make_tiles):
    source, tiles = make_tiles(3000, seed=2), make_tiles(60, seed=3)
    found = nearest_of_kind(source, tiles)
    preferred = 0
    for i, j in enumerate(found):
        distance = great_circle_km(tiles, i, source)
        same_kind = source.patchtype == tiles.patchtype[i]
        same_soil = same_kind & (source.soil_class == tiles.soil_class[i]) & (distance <= SAME_SOIL_WITHIN_KM)
        candidates = np.flatnonzero(same_soil if same_soil.any() else same_kind)
        assert j == candidates[np.argmin(distance[candidates])]
        preferred += bool(same_soil.any())
    assert 0 < preferred < 60


def test_a_kind_that_the_source_lacks_is_named(make_tiles):
    source = make_tiles(20, only_soil=True, seed=4)
    tiles = replace(source, patchtype=np.full(20, int(PatchType.LAKE)))
    with pytest.raises(DataError, match="no lake tile; the campaign has 20"):
        nearest_of_kind(source, tiles)


def test_towns_take_after_the_nearest_soil_and_its_water_fits_their_pores(make_tiles):
    source = make_tiles(300, seed=10)
    tiles = replace(make_tiles(40, only_soil=True, seed=11), patchtype=np.full(40, int(PatchType.URBAN)))
    found = nearest_of_kind(source, tiles)
    as_soil = nearest_of_kind(source, replace(tiles, patchtype=np.full(40, int(PatchType.SOIL))))
    np.testing.assert_array_equal(found, as_soil)
    assert (source.patchtype[found] == PatchType.SOIL).all()
    state = TileState.filled(300, LAND_STATE)
    pores = RHO_WATER * SOIL_DZ * source.porsl
    state.soil("wliq_soisno")[:] = pores
    taken = state.take(found)
    in_other_soil(
        taken, SpunUpColumns(**{n.name: getattr(source, n.name) for n in fields(SpunUpColumns)}).take(found), tiles
    )
    state = fitted(taken, tiles, np.zeros(40))
    water = state.soil("wliq_soisno") / (RHO_WATER * SOIL_DZ * tiles.porsl)
    assert water.min() >= 0.02 - 1e-12 and water.max() <= 0.98 + 1e-12
    # Towns of the source's own count first.
    towns = replace(source, patchtype=np.where(np.arange(300) < 150, int(PatchType.URBAN), source.patchtype))
    assert (nearest_of_kind(towns, tiles) < 150).all()


def test_unfrozen_soil_keeps_its_potential_and_frozen_soil_its_share(make_tiles):
    source, tiles = make_tiles(50, only_soil=True, seed=5), make_tiles(50, only_soil=True, seed=6)
    state = TileState.filled(50, LAND_STATE)
    rng = np.random.default_rng(7)
    wetness = rng.uniform(0.4, 0.9, (50, 10))
    layer = RHO_WATER * SOIL_DZ
    state.soil("wliq_soisno")[:] = wetness * source.porsl * layer
    state.soil("wice_soisno")[25:] = 0.05 * layer
    before = state.copy()
    in_other_soil(state, source, tiles)
    after = state.soil("wliq_soisno") / layer / tiles.porsl
    potential = tiles.psi0[:25] * after[:25] ** -tiles.bsw[:25]
    is_bound = (after[:25] <= 0.02 + 1e-9) | (after[:25] >= 0.98 - 1e-9)
    wanted = source.psi0[:25] * wetness[:25] ** -source.bsw[:25]
    np.testing.assert_allclose(potential[~is_bound], wanted[~is_bound], rtol=1e-9)
    np.testing.assert_allclose(after[25:], wetness[25:], rtol=1e-12)
    ice = state.soil("wice_soisno")[25:] / tiles.porsl[25:]
    np.testing.assert_allclose(ice, before.soil("wice_soisno")[25:] / source.porsl[25:], rtol=1e-12)


def test_the_same_soil_changes_no_bit(make_tiles):
    tiles = make_tiles(80, seed=8)
    state = TileState.filled(80, LAND_STATE)
    state.soil("wliq_soisno")[:] = np.random.default_rng(9).uniform(0.0, 300.0, (80, 10))
    before = state.copy()
    in_other_soil(state, tiles, tiles)
    for name in state:
        np.testing.assert_array_equal(state[name], before[name])
