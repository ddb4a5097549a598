"""Plain CF images: round trip, packed integers, either latitude order, real files, bad files."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from landda_hpc.errors import DataError, ShapeError, StorageError
from landda_hpc.formats.cf.image import read_image
from landda_hpc.formats.own.image_output import OutputField, write_images
from landda_hpc.grid import Grid, gaussian_grid, regular_grid

UNITS = {"units": "m3 m-3", "long_name": "soil moisture"}


def image_with_gaps(shape: tuple[int, int]) -> np.ndarray:
    values = np.random.default_rng(0).random(shape) * 0.5
    values[2:4] = np.nan
    return values


@pytest.mark.parametrize(
    "grid",
    [
        regular_grid(18, 36),
        gaussian_grid(32, 64),
        regular_grid(20, 30, south=20.0, north=40.0, west=73.0, east=103.0),
    ],
)
def test_what_is_written_is_read(tmp_path: Path, grid: Grid) -> None:
    values = image_with_gaps(grid.shape)
    time = datetime(2022, 6, 2, 6)
    path = tmp_path / "folder" / "image.nc"
    write_images(
        path,
        grid,
        {"sm": OutputField(values, UNITS)},
        time=time,
        make_folder=True,
    )
    image = read_image(path)
    np.testing.assert_array_equal(image.values, values)
    assert (image.variable, image.time) == ("sm", time)
    assert image.grid.same_points(grid)
    assert image.grid.is_periodic == grid.is_periodic
    np.testing.assert_allclose(image.grid.lat_edges[[0, -1]], grid.lat_edges[[0, -1]], atol=1e-6)
    assert [p.name for p in path.parent.iterdir()] == ["image.nc"]


def test_the_variable_must_be_named_where_there_are_several(tmp_path: Path) -> None:
    grid = regular_grid(18, 36)
    fields = {
        "a": OutputField(np.full(grid.shape, 0.1), UNITS),
        "b": OutputField(np.full(grid.shape, 0.2), UNITS),
    }
    write_images(tmp_path / "two.nc", grid, fields)
    with pytest.raises(DataError, match=r"two.nc' has 2 fields .*\(a, b; .*Name the one"):
        read_image(tmp_path / "two.nc")
    assert read_image(tmp_path / "two.nc", "b").values[0, 0] == 0.2
    assert read_image(tmp_path / "two.nc", "b").time is None
    with pytest.raises(DataError, match=r"'c' is not in .*two.nc'; found lat"):
        read_image(tmp_path / "two.nc", "c")
    write_images(tmp_path / "none.nc", grid, {})
    with pytest.raises(DataError, match="has 0 fields"):
        read_image(tmp_path / "none.nc")


def make_file(path: Path, kind: str = "f4", units: str | None = "m3/m3", extra: int = 1, value: float = 0.25) -> Path:
    """As people keep them: rows north to south, a time dimension, unusual names."""
    with netCDF4.Dataset(path, "w") as data:
        data.createDimension("valid_time", extra)
        data.createDimension("latitude", 5)
        data.createDimension("longitude", 6)
        axes = (
            ("latitude", np.arange(60.0, -61.0, -30.0), "degrees_north"),
            ("longitude", np.arange(0.0, 360.0, 60.0), "degrees_east"),
        )
        for name, axis, unit in axes:
            variable = data.createVariable(name, "f4", (name,))
            variable.units = unit
            variable[:] = axis
        options = {"fill_value": -32768} if kind == "i2" else {"fill_value": np.float32(np.nan)}
        variable = data.createVariable("swvl1", kind, ("valid_time", "latitude", "longitude"), **options)
        if units is not None:
            variable.units = units
        if kind == "i2":
            variable.scale_factor, variable.add_offset = 1e-5, 0.3
        values = np.ma.masked_array(np.full((extra, 5, 6), value), mask=False)
        values[:, 0, 0] = np.ma.masked
        values[:, -1, -1] = 0.4
        variable[:] = values
    return path


@pytest.mark.parametrize(("kind", "tolerance"), [("f4", 1e-7), ("f8", 0.0), ("i2", 1e-5)])
def test_packed_integers_fills_and_row_order(tmp_path: Path, kind: str, tolerance: float) -> None:
    image = read_image(make_file(tmp_path / "a.nc", kind))
    np.testing.assert_array_equal(image.grid.lat, np.arange(-60.0, 61.0, 30.0))
    assert np.isnan(image.values[-1, 0])
    assert np.isnan(image.values).sum() == 1
    assert image.values[0, -1] == pytest.approx(0.4, abs=tolerance)
    assert image.values[2, 2] == pytest.approx(0.25, abs=tolerance)


def test_bad_files_are_data_errors(tmp_path: Path) -> None:
    for name, message, change in (
        ("units.nc", "'swvl1' in .*units 'kg m-2'; expected 'm3 m-3'", {"units": "kg m-2"}),
        ("nounits.nc", "units ''; expected", {"units": None}),
        ("times.nc", "expected one image, so length 1 along valid_time", {"extra": 3}),
        ("huge.nc", r"outside \[-1, 2\] m3 m-3, the farthest 25", {"value": 25.0}),
        ("inf.nc", "the farthest inf", {"value": np.inf}),
    ):
        with pytest.raises(DataError, match=message) as caught:
            read_image(make_file(tmp_path / name, **change))
        assert name in str(caught.value)


def test_the_real_reanalysis_file_needs_one_time(shared: Path) -> None:
    path = shared / "data" / "era5" / "ERA5_China_2024_07_01_03.nc"
    with pytest.raises(DataError, match="length 1 along valid_time"):
        read_image(path, "swvl1")
    with pytest.raises(DataError, match="has 2 fields on latitude and longitude"):
        read_image(path)
    with pytest.raises(DataError, match="units 'K'"):
        read_image(shared / "data" / "era5" / "era5_1995-07-14T12.nc", "t2m")


def test_writing_fails_whole(tmp_path: Path) -> None:
    grid = regular_grid(18, 36)
    with pytest.raises(ShapeError, match="'sm' to write"):
        write_images(tmp_path / "x.nc", grid, {"sm": OutputField(np.zeros((3, 3)), UNITS)})
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="file: making the folder failed"):
        write_images(
            tmp_path / "file" / "x.nc", grid, {"sm": OutputField(np.zeros(grid.shape), UNITS)}, make_folder=True
        )
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("name", ["valid_time", "date"])
def test_the_time_of_an_image_whatever_its_name(tmp_path: Path, name: str) -> None:
    path = make_file(tmp_path / "image.nc")
    with netCDF4.Dataset(path, "a") as file:
        if name != "valid_time":
            file["swvl1"].coordinates = name
        variable = file.createVariable(name, "i4", ("valid_time",))
        variable.units = "HOURS SINCE 2016-06-01 00:00"
        variable[:] = 6
    assert read_image(path).time == datetime(2016, 6, 1, 6)
