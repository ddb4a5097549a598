"""A case's patches as tiles, and a run of the real model as the campaign holds it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from landda_hpc.constants import SOIL_DZ
from landda_hpc.errors import DataError
from landda_hpc.formats.colm.case import find_case
from landda_hpc.formats.colm.files202x import Files202X
from landda_hpc.formats.colm.restart import read_constants
from landda_hpc.grid import regular_grid
from landda_hpc.image.distribute import distribute
from landda_hpc.model.colm.model import ColmModel, pack, packed_width, unpack
from landda_hpc.model.colm.soil_water import SoilWaterScheme
from landda_hpc.model.colm.tiles import CaseTiles, read_case_tiles, surrounded
from landda_hpc.model.colm.write_back import SoilWater, apply_increment
from landda_hpc.model.column.colm_tiles import with_static_fields
from landda_hpc.model.column.soil import with_perturbed_parameters
from landda_hpc.state import TileState

START = datetime(2010, 6, 1)
WRITTEN = Files202X.written
ALL_LAYERS = np.ones(10, dtype=np.bool_)


@pytest.fixture
def tiles(tmp_path: Path, colm_case: ModuleType) -> CaseTiles:
    colm_case.write_case(tmp_path / "small", name="small")
    return read_case_tiles(find_case(tmp_path / "small"))


def test_every_tile_knows_its_place_in_the_files(tmp_path: Path, colm_case: ModuleType, tiles: CaseTiles) -> None:
    case = find_case(tmp_path / "small")
    assert tiles.grid.shape == (4, 4) and (np.diff(tiles.tiles.cell) >= 0).all()
    assert sum(tiles.n_patch.values()) > len(tiles.tiles)  # the masked patch is not a tile
    for number, block in enumerate(tiles.blocks):
        constants = read_constants(case, block)
        mine = np.flatnonzero(tiles.block == number)
        where = tiles.position[mine]
        assert constants.is_active[where].all()
        assert np.array_equal(tiles.tiles.patchtype[mine], constants.patchtype[where])
        assert np.array_equal(tiles.tiles.porsl[mine], constants.soil.porsl[where])
        assert np.allclose(tiles.tiles.lat[mine], constants.lat[where], atol=0.6)
        assert np.allclose(tiles.tiles.lon[mine], constants.lon[where], atol=0.6)
    part = tiles.take(slice(5, 9))
    assert np.array_equal(part.soil.psi0, tiles.tiles.psi0[5:9]) and part.tiles.global_index[0] == 5


def test_a_small_grid_gets_cells_without_land_around_it(tmp_path: Path, tiles: CaseTiles) -> None:
    bigger = read_case_tiles(find_case(tmp_path / "small"), least_size=17)
    assert bigger.grid.shape == (17, 17)
    assert np.array_equal(bigger.tiles.lat, tiles.tiles.lat) and np.array_equal(bigger.tiles.lon, tiles.tiles.lon)
    assert np.array_equal(bigger.position, tiles.position)
    row, column = np.divmod(bigger.tiles.cell, 17)
    assert np.array_equal(bigger.grid.lat[row], tiles.tiles.lat)
    assert np.array_equal(bigger.grid.lon[column], tiles.tiles.lon)


def test_no_row_beyond_a_pole_and_no_column_round_the_earth_twice() -> None:
    polar = regular_grid(2, 3, south=80.0, north=90.0, west=0.0, east=15.0)
    grid, south, west = surrounded(polar, 6)
    assert grid.shape == (6, 6) and (south, west) == (4, 1) and grid.lat_edges[-1] == 90.0
    assert np.allclose(np.diff(grid.lat_edges), 5.0) and np.allclose(np.diff(grid.lon_edges), 5.0)
    globe = regular_grid(18, 36)
    grid, south, west = surrounded(globe, 18)
    assert grid.shape == (18, 36) and (south, west) == (0, 0)
    with pytest.raises(DataError, match=r"rows of .* do not fit"):
        surrounded(globe, 19)


def test_what_follows_is_what_a_write_back_gives(tmp_path: Path, tiles: CaseTiles) -> None:
    case = find_case(tmp_path / "small")
    model = ColmModel(tiles, SoilWaterScheme.VSF, Files202X(case))
    state = model.read(case.state_folder(START), START)
    before = state.copy()
    model.diagnose(state)
    for name in state:
        assert np.array_equal(state[name], before[name], equal_nan=True), name

    cells = np.unique(tiles.tiles.cell).size
    increment = np.random.default_rng(3).normal(0.0, 0.05, (cells, 10))
    distribute(model.tiles, state, increment, ALL_LAYERS)
    model.diagnose(state)
    soil_water = SoilWater.of_restart({name: before[name] for name in before})
    of_tile = increment[np.unique(tiles.tiles.cell, return_inverse=True)[1]]
    expected, _ = apply_increment(
        tiles.soil, tiles.tiles.is_updatable, soil_water, of_tile, SoilWaterScheme.VSF
    )  # fmt: skip
    soil = tiles.tiles.is_updatable
    assert (state.soil("wliq_soisno") != before.soil("wliq_soisno")).any()
    assert np.allclose(state.soil("wliq_soisno"), expected.wliq, rtol=1e-13)
    # A small difference of water is a large one of potential where the curve is steep.
    assert np.allclose(state["smp"][soil], expected.smp[soil], rtol=1e-9)
    assert np.allclose(state["hk"][soil], expected.hk[soil], rtol=1e-9)
    assert np.array_equal(state["zwt"], expected.zwt)

    # A change that is taken back leaves the bits of the model's own state.
    state.soil("wliq_soisno")[:] = before.soil("wliq_soisno")
    model.diagnose(state)
    for name in WRITTEN:
        assert np.array_equal(state[name], before[name], equal_nan=True), name


def test_rock_takes_no_increment(tmp_path: Path, tiles: CaseTiles) -> None:
    rock = np.zeros_like(tiles.tiles.porsl, dtype=np.bool_)
    rock[:, 6:] = True
    porsl = np.where(rock, 0.04, tiles.tiles.porsl)
    here = replace(tiles, tiles=replace(tiles.tiles, porsl=porsl), soil=tiles.soil._replace(porsl=porsl))
    case = find_case(tmp_path / "small")
    model = ColmModel(here, SoilWaterScheme.VSF, Files202X(case))
    state = model.read(case.state_folder(START), START)
    before = state.copy()
    cells = np.unique(tiles.tiles.cell).size
    for sign in (1.0, -1.0):
        ledger = distribute(model.tiles, state, np.full((cells, 10), 0.02 * sign), ALL_LAYERS)
        assert np.array_equal(state.soil("wliq_soisno")[:, 6:], before.soil("wliq_soisno")[:, 6:])
        assert np.allclose(ledger.requested, ledger.rows[:, 1:].sum(axis=1))


def test_packing_is_exact_also_of_nothing() -> None:
    state = TileState.filled(4)
    for name in WRITTEN:
        state[name][:] = np.random.default_rng(1).normal(size=state[name].shape)
    index = np.array([2, 0], dtype=np.int64)
    for names in (WRITTEN, ("wliq_soisno",)):
        rows = pack(state, index, names)
        assert rows.shape == (2, packed_width(names))
        assert tuple(unpack(rows, names)) == names
        for name, values in unpack(rows, names).items():
            assert np.array_equal(values, state[name][index])
        assert pack(state, index[:0], names).shape == (0, packed_width(names))


def test_the_real_case(shared: Path) -> None:
    root = shared / "data" / "colm" / "restart"
    sample = root / "grid_4block_VG_VSF"
    case = find_case(sample, restart=sample, const=sample / "const", landdata=root / "landdata_4block")
    tiles = read_case_tiles(case, 17)
    assert len(tiles.tiles) == 141 and tiles.grid.shape == (17, 17)
    model = ColmModel(tiles, SoilWaterScheme.VSF, Files202X(case))
    state = model.read(case.state_folder(datetime(2010, 6, 5)), datetime(2010, 6, 5))
    before = state.copy()
    cells = np.unique(tiles.tiles.cell).size
    surface = np.arange(10) < 4
    ledger = distribute(model.tiles, state, np.full((cells, 10), 0.02), surface)
    model.diagnose(state)
    assert np.allclose(ledger.applied, 0.02 * 1000.0 * SOIL_DZ[:4].sum(), rtol=0.2)
    changed = state.soil("wliq_soisno") != before.soil("wliq_soisno")
    assert changed[:, :4].any() and not changed[:, 4:].any() and not changed[~tiles.tiles.is_updatable].any()
    assert np.array_equal(state["smp"] != before["smp"], changed)


def test_the_embedded_model_takes_the_cases_soil(tiles: CaseTiles) -> None:
    own = with_static_fields(tiles.tiles, tiles.grid)
    soil = own.is_updatable
    for name in ("porsl", "psi0", "bsw", "hksati"):
        assert np.array_equal(getattr(own, name)[soil], getattr(tiles.tiles, name)[soil])
    assert (own.vegetation_fraction[~soil] == 0.0).all() and np.isfinite(own.porsl).all()
    moved = with_perturbed_parameters(own, sand=10.0, log_b=0.1)
    inside = (own.porsl[soil] > 0.3) & (own.porsl[soil] < 0.85)
    assert np.allclose((moved.porsl[soil] - own.porsl[soil])[inside], -0.0126)
    assert np.allclose(moved.bsw[soil], np.clip(own.bsw[soil] * np.exp(0.1), 1.5, 20.0))
