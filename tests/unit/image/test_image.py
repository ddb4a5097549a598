"""Aggregation, distribution, bounds and the water ledger."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landda_hpc.constants import N_SOIL, RHO_WATER, SOIL_DZ
from landda_hpc.errors import ShapeError
from landda_hpc.grid import regular_grid
from landda_hpc.image.aggregate import aggregate, volumetric_water
from landda_hpc.image.cells import LandCells
from landda_hpc.image.distribute import distribute
from landda_hpc.regridding.depth import depth_weights
from landda_hpc.state import PatchType, Tiles, TileState


def make_tiles(rng: np.random.Generator, n_cells: int) -> Tiles:
    counts = rng.integers(1, 4, n_cells)
    cell = np.repeat(np.sort(rng.choice(400, n_cells, replace=False)), counts).astype(np.int64)
    n = cell.size
    layers = (n, N_SOIL)
    return Tiles(
        global_index=np.arange(n, dtype=np.int64),
        cell=cell,
        area_fraction=rng.uniform(0.1, 0.3, n),
        patchtype=rng.choice([PatchType.SOIL, PatchType.SOIL, PatchType.WETLAND, PatchType.LAKE], n).astype(np.int64),
        soil_class=np.ones(n, dtype=np.int64),
        climate_class=np.ones(n, dtype=np.int64),
        lat=np.zeros(n),
        lon=np.zeros(n),
        porsl=np.broadcast_to(rng.uniform(0.35, 0.5, n)[:, None], layers).copy(),
        psi0=np.full(layers, -100.0),
        bsw=np.full(layers, 5.0),
        hksati=np.full(layers, 0.01),
        theta_r=np.zeros(layers),
        vegetation_fraction=np.full(n, 0.5),
        root_fraction=np.full(layers, 0.1),
    )


def make_state(rng: np.random.Generator, tiles: Tiles, low: float = 0.3, high: float = 0.7) -> TileState:
    state = TileState.filled(len(tiles))
    saturation = rng.uniform(low, high, (len(tiles), N_SOIL))
    state.soil("wliq_soisno")[:] = saturation * tiles.porsl * RHO_WATER * SOIL_DZ
    return state


ALL_LAYERS = np.ones(N_SOIL, dtype=np.bool_)


@given(st.integers(0, 10_000), st.integers(1, 30))
@settings(max_examples=50)
def test_h_d_is_the_identity_before_bounds(seed: int, n_cells: int) -> None:
    """H D = I for any observed depth (docs/methods.md, "State, layers and operators")."""
    rng = np.random.default_rng(seed)
    tiles = make_tiles(rng, n_cells)
    state = make_state(rng, tiles)
    weights = depth_weights(0.0, float(rng.uniform(0.02, 3.0)))
    column = np.zeros(N_SOIL)
    column[:] = weights
    before = aggregate(tiles, (volumetric_water(state) @ column)[:, None])[:, 0]
    increment = rng.uniform(-0.05, 0.05, before.size)
    distribute(tiles, state, np.repeat(increment[:, None], N_SOIL, axis=1), weights > 0)
    after = aggregate(tiles, (volumetric_water(state) @ column)[:, None])[:, 0]
    has_soil = np.isfinite(before)
    np.testing.assert_allclose((after - before)[has_soil], increment[has_soil], atol=1e-14)


@given(st.integers(0, 10_000))
@settings(max_examples=50)
def test_ledger_accounts_for_every_kilogram(seed: int) -> None:
    rng = np.random.default_rng(seed)
    tiles = make_tiles(rng, 20)
    state = make_state(rng, tiles, 0.0, 1.1)
    state.soil("wice_soisno")[:] = np.where(rng.random((len(tiles), N_SOIL)) < 0.2, 3.0, 0.0)
    old = state["wliq_soisno"].copy()
    n_cells = np.unique(tiles.cell).size
    ledger = distribute(tiles, state, rng.normal(0.0, 0.2, (n_cells, N_SOIL)), ALL_LAYERS)
    np.testing.assert_allclose(
        ledger.requested, ledger.applied + ledger.clipped_wet + ledger.clipped_dry + ledger.frozen, atol=1e-10
    )
    gained = aggregate(tiles, (state["wliq_soisno"] - old).sum(axis=1)[:, None])[:, 0]
    np.testing.assert_allclose(np.nan_to_num(gained), ledger.applied, atol=1e-10)
    assert np.all(ledger.clipped_wet >= -1e-12) and np.all(ledger.clipped_dry <= 1e-12)
    moved = state["wliq_soisno"] != old
    assert np.array_equal(moved[:, 5:], ledger.changed)
    assert not moved[~tiles.is_updatable].any()
    assert not moved[:, 5:][state.soil("wice_soisno") > 0.01].any()


def test_zero_and_missing_increments_change_no_bit() -> None:
    rng = np.random.default_rng(3)
    tiles = make_tiles(rng, 10)
    state = make_state(rng, tiles, -0.2, 1.4)  # values outside the bounds are left as they are
    old = {name: state[name].copy() for name in state}
    increment = np.zeros((10, N_SOIL))
    increment[::2] = np.nan
    increment[1] = -0.0
    ledger = distribute(tiles, state, increment, ALL_LAYERS)
    for name in state:
        assert state[name].tobytes() == old[name].tobytes()
    assert not ledger.changed.any() and not ledger.rows.any()


def test_bounds_limit_the_increment_but_never_repair() -> None:
    rng = np.random.default_rng(5)
    tiles = make_tiles(rng, 6)
    state = make_state(rng, tiles, 1.2, 1.2)  # above porosity already
    old = state["wliq_soisno"].copy()
    distribute(tiles, state, np.full((6, N_SOIL), 0.1), ALL_LAYERS)
    assert np.array_equal(state["wliq_soisno"], old)
    distribute(tiles, state, np.full((6, N_SOIL), -2.0), ALL_LAYERS)
    theta = state.soil("wliq_soisno") / (RHO_WATER * SOIL_DZ)
    soil = tiles.is_updatable
    np.testing.assert_allclose(theta[soil], 0.01 * tiles.porsl[soil], rtol=1e-12)


def test_aggregate_bits_do_not_depend_on_the_cut() -> None:
    rng = np.random.default_rng(7)
    tiles = make_tiles(rng, 50)
    values = rng.normal(size=(len(tiles), 3))
    whole = aggregate(tiles, values)
    starts = np.flatnonzero(np.diff(tiles.cell, prepend=-1))
    cuts = [0, int(starts[7]), int(starts[7]), int(starts[31]), len(tiles)]
    parts = [aggregate(tiles.take(slice(a, b)), values[a:b]) for a, b in itertools.pairwise(cuts)]
    assert np.concatenate(parts).tobytes() == whole.tobytes()


def test_land_cells_go_to_the_image_and_back() -> None:
    rng = np.random.default_rng(9)
    grid = regular_grid(20, 20)
    tiles = make_tiles(rng, 30)
    cells = LandCells.of(grid, tiles)
    assert len(cells) == 30 and cells.tiles_per_cell.sum() == len(tiles)
    values = rng.normal(size=30)
    assert np.array_equal(cells.from_image(cells.to_image(values)), values)
    assert cells.mask().sum() == np.count_nonzero(cells.soil_fraction)
    with pytest.raises(ShapeError, match="20, 20"):
        cells.from_image(np.zeros((3, 3)))
    with pytest.raises(ShapeError, match="belong together"):
        LandCells.of(regular_grid(17, 17), tiles)
