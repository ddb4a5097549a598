"""Tiles from static fields: the package's own file, and made-up cells with known answers."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from landda_hpc.config import TilesConfig
from landda_hpc.data import SOIL_CLASSES, static_path
from landda_hpc.data.precipitation_climatology import KOPPEN_CLASSES
from landda_hpc.errors import DataError, MissingFileError
from landda_hpc.grid import gaussian_grid, regular_grid
from landda_hpc.model.column.mosaic import build_tiles
from landda_hpc.model.column.static_fields import cell_fields
from landda_hpc.model.column.vegetation import vegetation_types
from landda_hpc.state import PatchType

N_LAT, N_LON = 18, 36


def _write(path: Path, **changes: np.ndarray) -> Path:
    """Static fields on a 10-degree grid: land everywhere, medium soil, climate 14, by default."""
    shape = (N_LAT, N_LON)
    soil = np.zeros((len(SOIL_CLASSES), *shape))
    soil[1] = 1.0
    values = {
        "land_fraction": np.ones(shape),
        "lake_fraction": np.zeros(shape),
        "glacier_fraction": np.zeros(shape),
        "wetland_fraction": np.zeros(shape),
        "soil_class_fraction": soil,
        "climate_class": np.full(shape, 14.0),
        "high_vegetation_fraction": np.full(shape, 0.3),
        "low_vegetation_fraction": np.full(shape, 0.5),
        **changes,
    }
    with netCDF4.Dataset(path, "w") as out:
        out.createDimension("lat", N_LAT)
        out.createDimension("lon", N_LON)
        out.createDimension("bnds", 2)
        out.createDimension("soil_class", len(SOIL_CLASSES))
        for name, edges in (("lat", np.linspace(-90, 90, N_LAT + 1)), ("lon", np.linspace(0, 360, N_LON + 1))):
            out.createVariable(name, "f8", (name,))[:] = 0.5 * (edges[1:] + edges[:-1])
            out.createVariable(f"{name}_bnds", "f8", (name, "bnds"))[:] = np.stack([edges[:-1], edges[1:]], axis=1)
        for name, array in values.items():
            dims = ("soil_class", "lat", "lon") if array.ndim == 3 else ("lat", "lon")
            out.createVariable(name, "f8", dims)[:] = array
    return path


@pytest.fixture(scope="module")
def globe():
    grid = regular_grid(128, 256)
    return grid, build_tiles(grid, TilesConfig())


def test_shares_add_up_to_land_and_lake(globe) -> None:
    grid, tiles = globe
    cells = cell_fields(grid)
    total = np.zeros(grid.n_cells)
    np.add.at(total, tiles.cell, tiles.area_fraction)
    has_tiles = total > 0
    np.testing.assert_allclose(total[has_tiles], (cells.land + cells.lake)[has_tiles], rtol=1e-12)
    np.testing.assert_array_equal(has_tiles, cells.land >= TilesConfig().min_land_fraction)
    assert (tiles.area_fraction > 0).all()
    assert total.max() <= 1.0 + 1e-12


def test_size_of_the_default_mosaic(globe) -> None:
    _, tiles = globe
    n_cells = np.unique(tiles.cell).size
    assert 10500 < n_cells < 11500
    assert 1.3 < len(tiles) / n_cells < 1.7
    kinds = {kind: int((tiles.patchtype == kind).sum()) for kind in PatchType}
    assert kinds[PatchType.URBAN] == 0
    assert min(kinds[k] for k in (PatchType.SOIL, PatchType.WETLAND, PatchType.GLACIER, PatchType.LAKE)) > 100


def test_tiles_are_ordered_and_complete(globe) -> None:
    _, tiles = globe
    key = (tiles.cell * 10 + tiles.patchtype) * 10 + np.where(tiles.is_updatable, tiles.soil_class, 0)
    assert (np.diff(key) > 0).all()
    np.testing.assert_array_equal(tiles.global_index, np.arange(len(tiles)))
    soil = tiles.is_updatable
    assert (tiles.soil_class[soil] > 0).all()
    assert (tiles.soil_class[tiles.patchtype == PatchType.WETLAND] > 0).all()
    assert (tiles.soil_class[tiles.patchtype >= PatchType.GLACIER] == 0).all()
    assert (tiles.climate_class >= 1).all()
    assert (tiles.climate_class <= 30).all()
    assert (tiles.vegetation_fraction[~soil] == 0).all()
    np.testing.assert_allclose(tiles.root_fraction[tiles.vegetation_fraction > 0].sum(axis=1), 1.0, rtol=1e-12)
    for f in fields(tiles):
        assert np.isfinite(getattr(tiles, f.name)).all(), f.name


def test_known_places(globe) -> None:
    grid, tiles = globe

    def at(lat: float, lon: float) -> np.ndarray:
        cell = int(np.argmin(abs(grid.lat - lat))) * grid.lon.size + int(np.argmin(abs(grid.lon - lon)))
        return np.flatnonzero(tiles.cell == cell)

    assert (tiles.patchtype[at(75.0, 320.0)] == PatchType.GLACIER).all()  # Greenland
    assert (tiles.patchtype[at(-80.0, 60.0)] == PatchType.GLACIER).all()  # Antarctica
    assert at(30.0, 320.0).size == 0  # Atlantic
    sahara, amazon = at(23.0, 10.0), at(-4.0, 295.0)
    assert tiles.vegetation_fraction[sahara].max() < 0.15
    assert tiles.vegetation_fraction[amazon].max() > 0.85


@pytest.mark.parametrize(
    "grid", [regular_grid(64, 128), gaussian_grid(94, 192), regular_grid(32, 64, south=20, north=70, west=70, east=140)]
)
def test_other_grids(grid) -> None:
    tiles = build_tiles(grid, TilesConfig())
    assert len(tiles) > 500
    assert tiles.cell[-1] < grid.n_cells
    np.testing.assert_array_equal(tiles.lat, grid.lat[tiles.cell // grid.lon.size])


def test_global_land_area_does_not_depend_on_the_grid() -> None:
    areas = []
    for grid in (regular_grid(128, 256), regular_grid(90, 180, west=-180, east=180), gaussian_grid(64, 128)):
        cells = cell_fields(grid)
        areas.append(float((cells.land * grid.area.reshape(-1)).sum()) / 1e12)
    assert areas[0] == pytest.approx(148.0, abs=3.0)  # 10^6 km2, with ice sheets and shelves, without lakes
    np.testing.assert_allclose(areas, areas[0], rtol=1e-3)


def test_two_soils_and_their_thresholds(tmp_path: Path) -> None:
    soil = np.zeros((7, N_LAT, N_LON))
    soil[0], soil[1], soil[3] = 0.55, 0.30, 0.15
    path = _write(tmp_path / "s.nc", soil_class_fraction=soil)
    grid = regular_grid(N_LAT, N_LON)
    two = build_tiles(grid, TilesConfig(max_soil_tiles=2, min_fraction=0.25), path)
    assert len(two) == 2 * grid.n_cells
    np.testing.assert_array_equal(two.soil_class[:2], [1, 2])
    np.testing.assert_allclose(two.area_fraction[:2], [0.55 / 0.85, 0.30 / 0.85], rtol=1e-12)
    three = build_tiles(grid, TilesConfig(max_soil_tiles=3, min_fraction=0.1), path)
    np.testing.assert_array_equal(three.soil_class[:3], [1, 2, 4])
    one = build_tiles(grid, TilesConfig(max_soil_tiles=1), path)
    np.testing.assert_allclose(one.area_fraction, 1.0, rtol=1e-12)
    np.testing.assert_allclose(one.vegetation_fraction, 0.3 * 0.9 + 0.5 * 0.87, rtol=1e-12)


def test_small_shares_go_to_what_is_left(tmp_path: Path) -> None:
    shape = (N_LAT, N_LON)
    path = _write(
        tmp_path / "s.nc",
        land_fraction=np.full(shape, 0.7),
        lake_fraction=np.full(shape, 0.2),
        wetland_fraction=np.full(shape, 0.05),
        glacier_fraction=np.full(shape, 0.5),
    )
    tiles = build_tiles(regular_grid(*shape), TilesConfig(min_other_fraction=0.1), path)
    np.testing.assert_array_equal(tiles.patchtype[:3], [PatchType.SOIL, PatchType.GLACIER, PatchType.LAKE])
    kept = np.array([0.7 * 0.45, 0.7 * 0.5, 0.2])
    np.testing.assert_allclose(tiles.area_fraction[:3], kept * 0.9 / kept.sum(), rtol=1e-12)


def test_islands_are_dropped_and_oceans_are_an_error(tmp_path: Path) -> None:
    land = np.full((N_LAT, N_LON), 0.3)
    land[9, 7] = 0.4
    path = _write(tmp_path / "s.nc", land_fraction=land)
    tiles = build_tiles(regular_grid(N_LAT, N_LON), TilesConfig(min_land_fraction=0.35), path)
    assert tiles.cell.tolist() == [9 * N_LON + 7]
    with pytest.raises(DataError, match=r"land fraction of 0\.5 or more"):
        build_tiles(regular_grid(N_LAT, N_LON), TilesConfig(min_land_fraction=0.5), path)


def test_climate_is_the_one_of_most_land(tmp_path: Path) -> None:
    land, climate = np.full((N_LAT, N_LON), 0.8), np.full((N_LAT, N_LON), 3.0)
    climate[:, ::2] = 7.0
    land[:, ::2] = 0.9
    path = _write(tmp_path / "s.nc", land_fraction=land, climate_class=climate)
    cells = cell_fields(regular_grid(N_LAT // 2, N_LON // 2), path)
    assert (cells.climate_class == 7).all()


def test_bad_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"make_static\.py"):
        build_tiles(regular_grid(32, 64), TilesConfig(), tmp_path / "none.nc")
    path = _write(tmp_path / "s.nc")
    with netCDF4.Dataset(path, "a") as out:
        out.renameVariable("climate_class", "koeppen")
    with pytest.raises(DataError, match="lacks climate_class"):
        cell_fields(regular_grid(32, 64), path)


def test_same_bits_every_time() -> None:
    grid = regular_grid(32, 64)
    a, b = build_tiles(grid, TilesConfig()), build_tiles(grid, TilesConfig(), static_path())
    for f in fields(a):
        np.testing.assert_array_equal(getattr(a, f.name), getattr(b, f.name))


def test_the_types_of_vegetation_are_those_of_climate_and_trees() -> None:
    names = ("BWk", "BSk", "Dfa", "Dfa", "Dfc", "Af", "Csa")
    classes = np.array([0, *(KOPPEN_CLASSES.index(name) + 1 for name in names)])
    trees = np.array([1.0, 0.0, 0.1, 0.2, 0.9, 0.9, 1.0, 0.3])
    assert vegetation_types(classes, trees) == (
        "", "semi-desert", "steppe", "prairie", "cool forest", "boreal forest", "tropical forest", "mediterranean",
    )  # fmt: skip
