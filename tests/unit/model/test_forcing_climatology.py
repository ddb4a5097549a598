"""The climatology on the model grid: a made-up planet with known answers, and the file that ships."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from landda_hpc.config import ForcingConfig
from landda_hpc.data.precipitation_climatology import KOPPEN_CLASSES, monthly_precipitation, wet_fraction
from landda_hpc.errors import DataError, MissingFileError
from landda_hpc.grid import Grid, gaussian_grid, regular_grid
from landda_hpc.model.forcing import Climatology, StochasticWeather, load_climatology
from landda_hpc.state import Tiles

CFB = 1 + KOPPEN_CLASSES.index("Cfb")
BWH = 1 + KOPPEN_CLASSES.index("BWh")
DFC = 1 + KOPPEN_CLASSES.index("Dfc")


def write_planet(path: Path, climate: np.ndarray, *, without: str = "") -> Path:
    """A file of static fields: land where there is a class, 290 K at 100 m, all land 600 m high."""
    ny, nx = climate.shape
    lat, lon = 180.0 / ny * (np.arange(ny) + 0.5) - 90.0, 360.0 / nx * (np.arange(nx) + 0.5)
    coarse_lat, coarse_lon = 15.0 * (np.arange(12) + 0.5) - 90.0, 15.0 * np.arange(24)
    land = (climate > 0).astype(np.float64)
    fields = {
        "lat": (("lat",), lat),
        "lon": (("lon",), lon),
        "lat_bnds": (("lat", "bnds"), lat[:, None] + np.array([-90.0, 90.0]) / ny),
        "lon_bnds": (("lon", "bnds"), lon[:, None] + np.array([-180.0, 180.0]) / nx),
        "lat_coarse": (("lat_coarse",), coarse_lat),
        "lon_coarse": (("lon_coarse",), coarse_lon),
        "land_fraction": (("lat", "lon"), 0.75 * land),
        "lake_fraction": (("lat", "lon"), 0.25 * land),
        "elevation": (("lat", "lon"), 600.0 * land),
        "climate_class": (("lat", "lon"), climate.astype(np.float64)),
        "land_surface_temperature": (("month", "lat_coarse", "lon_coarse"), np.full((12, 12, 24), 290.0)),
        "elevation_coarse": (("lat_coarse", "lon_coarse"), np.full((12, 24), 100.0)),
    }
    sizes = {"lat": ny, "lon": nx, "bnds": 2, "month": 12, "lat_coarse": 12, "lon_coarse": 24}
    with netCDF4.Dataset(path, "w") as data:
        for name, size in sizes.items():
            data.createDimension(name, size)
        for name, (dims, values) in fields.items():
            if name != without:
                data.createVariable(name, "f8", dims)[:] = values
    return path


def halves() -> np.ndarray:
    """A continent of two climates in the northern hemisphere, ocean south of the equator."""
    climate = np.zeros((90, 180), dtype=np.int64)
    climate[45:, :90], climate[45:, 90:] = CFB, BWH
    return climate


@pytest.mark.parametrize(
    "grid",
    [
        regular_grid(32, 64),
        gaussian_grid(32, 64),
        regular_grid(20, 30, south=20.0, north=60.0, west=60.0, east=130.0),
    ],
    ids=["regular", "gaussian", "region"],
)
def test_inside_a_class_its_climatology_is_met(tmp_path: Path, grid: Grid) -> None:
    climate = np.where(halves() == BWH, DFC, halves())  # a dry climate would change the other's precipitation
    found = load_climatology(grid, write_planet(tmp_path / "planet.nc", climate))
    row, column = int(np.argmin(abs(grid.lat - 40.0))), int(np.argmin(abs(grid.lon - 90.0)))
    temperature = 290.0 - 0.0065 * 500.0
    np.testing.assert_allclose(found.elevation[row, column], 600.0)
    np.testing.assert_allclose(found.air_temperature[:, row, column], temperature)
    expected = monthly_precipitation(CFB, temperature, 40.0, np.arange(1, 13)) / 86400.0
    np.testing.assert_allclose(found.precipitation[:, row, column], expected, rtol=1e-6)
    share = wet_fraction(CFB) * expected / expected.mean()
    np.testing.assert_allclose(found.wet_fraction[:, row, column], share, rtol=1e-6)


def test_ocean_is_missing_and_borders_are_slopes(tmp_path: Path) -> None:
    grid = regular_grid(90, 180)
    found = load_climatology(grid, write_planet(tmp_path / "planet.nc", halves()))
    assert np.all(np.isnan(found.precipitation[:, :45]))
    assert np.all(np.isfinite(found.precipitation[:, 45:]))
    assert np.all(np.isfinite(found.air_temperature))
    across = found.precipitation[6, 60, 84:96]  # 12 cells over the border
    assert np.all(np.diff(across) <= 1e-12)
    assert np.max(-np.diff(across)) < 0.35 * (across[0] - across[-1])
    # The coast is not a border: ocean has no weight.
    inland, coast = found.precipitation[6, 70, 45], found.precipitation[6, 46, 45]
    assert coast == pytest.approx(inland, rel=0.02)


def test_a_bad_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"nowhere\.nc"):
        load_climatology(regular_grid(20, 40), tmp_path / "nowhere.nc")
    path = write_planet(tmp_path / "planet.nc", halves(), without="climate_class")
    with pytest.raises(DataError, match="climate_class"):
        load_climatology(regular_grid(20, 40), path)


@pytest.fixture(scope="module")
def shipped() -> tuple[Grid, Climatology]:
    grid = regular_grid(64, 128)
    return grid, load_climatology(grid)


def at(grid: Grid, lat: float, lon: float) -> tuple[int, int]:
    return int(np.argmin(abs(grid.lat - lat))), int(np.argmin(abs(grid.lon - lon % 360.0)))


def test_shipped_climatology_knows_the_earth(shipped: tuple[Grid, Climatology]) -> None:
    grid, found = shipped
    year = found.precipitation.mean(axis=0) * 86400.0 * 365.25
    for place, lat, lon, low, high in (
        ("Amazon", -4.0, -63.0, 1500.0, 3000.0),
        ("Sahara", 23.0, 10.0, 5.0, 150.0),
        ("Germany", 51.0, 10.0, 500.0, 1200.0),
        ("Georgia", 33.5, -84.0, 1000.0, 1500.0),
        ("Yakutia", 62.0, 130.0, 150.0, 450.0),
    ):
        assert low < year[at(grid, lat, lon)] < high, place
    # Monsoon of West Africa.
    monsoon = found.precipitation[(slice(None), *at(grid, 11.0, 0.0))]
    assert monsoon.argmax() in (6, 7)
    assert monsoon.max() > 4.0 * monsoon.min()
    assert 225.0 < found.air_temperature[(0, *at(grid, 62.0, 105.0))] < 255.0
    assert found.air_temperature[(6, *at(grid, 23.0, 10.0))] > 300.0
    assert found.elevation[at(grid, 33.0, 88.0)] > 4000.0
    assert np.nanmin(found.precipitation) > 0.0


@pytest.mark.verify
@pytest.mark.slow
def test_long_run_has_the_shipped_climatology_by_class(shipped: tuple[Grid, Climatology]) -> None:
    grid, found = shipped
    cell = np.flatnonzero(np.isfinite(found.elevation).ravel())
    n = cell.size
    whole, real, profile = np.ones(n, dtype=np.int64), np.zeros(n), np.zeros((n, 10))
    row, column = np.divmod(cell, grid.shape[1])
    tiles = Tiles(
        np.arange(n), cell, real + 1.0, 0 * whole, whole, whole, grid.lat[row], grid.lon[column], profile,
        profile, profile, profile, profile, real, profile,
    )  # fmt: skip
    source = StochasticWeather(grid, tiles, ForcingConfig(), 4, "base", 1.0, found)
    year = found.precipitation.mean(axis=0).ravel()[cell] * 86400.0 * 365.25
    classes = np.digitize(year, [100.0, 300.0, 600.0, 1000.0, 1500.0])
    local = found.take(cell)
    rain, expected = [], []
    for i in range(365):
        time = datetime(2022, 1, 1) + i * timedelta(days=1, hours=3)
        amount, mean = source.during(time).precipitation, local.at(time + timedelta(hours=1.5)).precipitation
        rain.append([amount[classes == k].mean() for k in range(6)])
        expected.append([mean[classes == k].mean() for k in range(6)])
    difference = np.array(rain) - np.array(expected)
    error = difference.std(axis=0) / np.sqrt(len(rain))
    assert np.all(error < 0.1 * np.mean(expected, axis=0))
    assert np.all(np.abs(difference.mean(axis=0)) < 4.0 * error)
