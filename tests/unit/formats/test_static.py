"""The reader of static fields: the file's own bounds, and bad files."""

from __future__ import annotations

import shutil
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from landda_hpc.config import TilesConfig
from landda_hpc.data import static_path
from landda_hpc.errors import DataError, MissingFileError
from landda_hpc.formats.own.static_file import read_static
from landda_hpc.grid import regular_grid
from landda_hpc.model.column.mosaic import build_tiles
from landda_hpc.model.forcing import load_climatology


def test_the_shipped_file() -> None:
    grid, fields = read_static(static_path(), ("land_fraction", "soil_class_fraction", "land_surface_temperature"))
    expected = regular_grid(360, 720)
    assert grid.is_periodic
    for name in ("lat", "lon", "lat_edges", "lon_edges"):
        np.testing.assert_array_equal(getattr(grid, name), getattr(expected, name))
    assert {name: field.shape for name, field in fields.items()} == {
        "land_fraction": (360, 720),
        "soil_class_fraction": (7, 360, 720),
        "land_surface_temperature": (12, 48, 96),
    }
    with netCDF4.Dataset(static_path()) as data:
        np.testing.assert_array_equal(fields["land_fraction"], np.ma.getdata(data["land_fraction"][:]))


def test_bounds_are_the_files_own(tmp_path: Path) -> None:
    path = tmp_path / "static.nc"
    write(path, lat_bnds=[[-80.0, -20.0], [-20.0, 35.0], [35.0, 50.0]])
    grid, fields = read_static(path, ["land_fraction"])
    np.testing.assert_array_equal(grid.lat_edges, [-80.0, -20.0, 35.0, 50.0])
    assert not grid.is_periodic
    assert np.isnan(fields["land_fraction"]).sum() == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lat_bnds": [[-90.0, -20.0], [-10.0, 20.0], [20.0, 90.0]]}, "gaps in 'lat_bnds'"),
        ({"lat_bnds": [[-20.0, -90.0], [20.0, -20.0], [90.0, 20.0]]}, "do not ascend"),
        ({"lat_bnds": [[np.nan, -20.0], [-20.0, 20.0], [20.0, 90.0]]}, "are missing"),
        ({"lat": [40.0, 0.0, -40.0]}, "cells of 'lat' in .* do not ascend"),
    ],
)
def test_bad_axes_are_data_errors(tmp_path: Path, change: dict[str, list[float]], message: str) -> None:
    write(tmp_path / "static.nc", **change)
    with pytest.raises(DataError, match=message):
        read_static(tmp_path / "static.nc", ["land_fraction"])


def test_a_file_cut_short_is_a_clear_error_to_everyone_who_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "static.nc"
    content = static_path().read_bytes()
    grid = regular_grid(20, 40)
    for share in (0.0, 0.3, 0.9):
        path.write_bytes(content[: int(share * len(content))])
        for read in (
            lambda: read_static(path, ["land_fraction"]),
            lambda: build_tiles(grid, TilesConfig(), path),
            lambda: load_climatology(grid, path),
        ):
            with pytest.raises(DataError, match=r"static\.nc"):
                read()


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"none\.nc' does not exist; tools/make_static\.py"):
        read_static(tmp_path / "none.nc", ["land_fraction"])
    shutil.copy(static_path(), tmp_path / "static.nc")
    with pytest.raises(DataError, match="lacks colour, taste; create it again"):
        read_static(tmp_path / "static.nc", ["land_fraction", "colour", "taste"])


def write(path: Path, **change: list[float] | list[list[float]]) -> None:
    """Three rows and four columns."""
    axes = {
        "lat": [-40.0, 0.0, 40.0],
        "lon": [5.0, 15.0, 25.0, 35.0],
        "lat_bnds": [[-90.0, -20.0], [-20.0, 20.0], [20.0, 90.0]],
        "lon_bnds": [[0.0, 10.0], [10.0, 20.0], [20.0, 30.0], [30.0, 40.0]],
    } | change
    with netCDF4.Dataset(path, "w") as data:
        for name, size in (("lat", 3), ("lon", 4), ("bnds", 2)):
            data.createDimension(name, size)
        for name in ("lat", "lon"):
            data.createVariable(name, "f8", (name,))[:] = axes[name]
            data.createVariable(f"{name}_bnds", "f8", (name, "bnds"))[:] = axes[f"{name}_bnds"]
        land = np.ma.masked_equal(np.arange(12.0).reshape(3, 4), 0.0)
        data.createVariable("land_fraction", "f4", ("lat", "lon"))[:] = land
