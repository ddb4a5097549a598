"""Cell bounds of files: Gaussian rows, either order, the seam, and bounds that fit nothing."""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from landda_hpc.errors import DataError
from landda_hpc.formats.cf.image import read_image
from landda_hpc.formats.cf.netcdf_file import NetcdfFile, read_grid
from landda_hpc.formats.own.image_output import OutputField, write_images
from landda_hpc.formats.products.image_series import open_image_series
from landda_hpc.grid import Grid, gaussian_grid, regular_grid

CHINA = regular_grid(31, 32, south=23.0, north=23.0 + 31 * 1.40625, west=73.0, east=73.0 + 32 * 1.40625)


def write(path: Path, grid: Grid, time: datetime | None = None) -> Path:
    values = np.random.default_rng(0).random(grid.shape)
    write_images(path, grid, {"sm": OutputField(values, {"units": "m3 m-3"})}, time=time)
    return path


def write_axes(path: Path, lat: np.ndarray, lon: np.ndarray, **bounds: np.ndarray) -> Path:
    with netCDF4.Dataset(path, "w") as file:
        for name, values, units in (("lat", lat, "degrees_north"), ("lon", lon, "degrees_east")):
            file.createDimension(name, values.size)
            variable = file.createVariable(name, "f4", (name,))
            variable.units = units
            variable[:] = values
        file.createDimension("bnds", 2)
        for name, values in bounds.items():
            variable = file.createVariable(name, "f4", (name[:3], "bnds"))
            variable[:] = values
    return path


@pytest.mark.parametrize("grid", [gaussian_grid(32, 64), gaussian_grid(47, 96), regular_grid(18, 36), CHINA])
def test_written_grids_come_back_with_their_edges(tmp_path: Path, grid: Grid) -> None:
    path = write(tmp_path / "image.nc", grid, datetime(2022, 6, 2))
    for found in (read_image(path).grid, open_image_series([path], "sm").grid):
        np.testing.assert_array_equal(found.lat_edges, grid.lat_edges)
        np.testing.assert_array_equal(found.lon_edges, grid.lon_edges)
        assert found.is_periodic == grid.is_periodic
        np.testing.assert_allclose(found.area, grid.area, rtol=1e-13)


def test_rows_from_the_north_in_single_precision_and_a_cell_across_the_seam(tmp_path: Path) -> None:
    grid = gaussian_grid(32, 64)
    lat_bounds = np.stack((grid.lat_edges[1:], grid.lat_edges[:-1]), axis=1)[::-1]
    lon_bounds = np.stack((grid.lon_edges[:-1], grid.lon_edges[1:]), axis=1) % 360.0
    path = write_axes(tmp_path / "a.nc", grid.lat[::-1], grid.lon, lat_bnds=lat_bounds, lon_bnds=lon_bounds)
    with NetcdfFile(path) as file:
        found, is_flipped = read_grid(file, "lat", "lon")
    assert is_flipped
    assert found.is_periodic
    np.testing.assert_allclose(found.lat_edges, grid.lat_edges, atol=1e-5)
    np.testing.assert_allclose(found.lon_edges, grid.lon_edges, atol=1e-4)
    assert (found.lat_edges[0], found.lat_edges[-1]) == (-90.0, 90.0)


def test_bounds_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    grid = regular_grid(18, 36)
    good = np.stack((grid.lat_edges[:-1], grid.lat_edges[1:]), axis=1)
    gap, outside, unknown = good.copy(), good + 7.0, good.copy()
    gap[5, 1] -= 1.0
    unknown[3, 0] = np.nan
    for i, (bounds, problem) in enumerate(((gap, "1 degrees apart"), (outside, "outside"), (unknown, "missing"))):
        path = write_axes(tmp_path / f"{i}.nc", grid.lat, grid.lon, lat_bnds=bounds)
        with NetcdfFile(path) as file, pytest.raises(DataError, match=rf"bounds 'lat_bnds' of axis 'lat'.*{problem}"):
            read_grid(file, "lat", "lon")


def test_an_attribute_that_leads_nowhere_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    grid = regular_grid(18, 36)
    path = write_axes(tmp_path / "a.nc", grid.lat, grid.lon)
    with netCDF4.Dataset(path, "a") as file:
        file["lat"].bounds = "lat_vertices"
    with NetcdfFile(path) as file, caplog.at_level(logging.WARNING):
        found, _ = read_grid(file, "lat", "lon")
    assert "lat_vertices" in caplog.text
    np.testing.assert_allclose(found.lat_edges, grid.lat_edges, atol=1e-5)


def test_a_real_file_with_bounds(shared: Path) -> None:
    path = shared / "data/satellite/cmip6/mrsos_day_EC-Earth3-Veg_land-hist_r1i1p1f1_gr_19700101-19700131.nc"
    with NetcdfFile(path) as file:
        found, _ = read_grid(file, "lat", "lon")
        bounds = file.values("lat_bnds")
    np.testing.assert_allclose(found.lat_edges[1:-1], bounds[:-1, 1], atol=1e-9)
