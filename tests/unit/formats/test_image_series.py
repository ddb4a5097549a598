"""A series of images: one file with times, many files, products; read one at a time."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from landda_hpc.errors import DataError, MissingFileError, ShapeError
from landda_hpc.formats.cf.image import read_image
from landda_hpc.formats.products.gldas import read_gldas
from landda_hpc.formats.products.image_series import open_image_series, open_product_series
from landda_hpc.grid import Grid, regular_grid

GRID = regular_grid(18, 20, south=20.0, north=56.0, west=70.0, east=110.0)
VALUES = np.random.default_rng(0).uniform(0.05, 0.45, (6, *GRID.shape))


def write_series(
    path: Path,
    values: np.ndarray,
    hours: list[float] | None,
    grid: Grid = GRID,
    name: str = "sm",
    north_first: bool = False,
    extra: tuple[str, int] | None = None,
) -> Path:
    """Images (n, n_lat, n_lon) at hours since 2016-05-01, or without times."""
    with netCDF4.Dataset(path, "w") as file:
        for axis, centres, unit in (("lat", grid.lat, "degrees_north"), ("lon", grid.lon, "degrees_east")):
            file.createDimension(axis, centres.size)
            file.createVariable(axis, "f8", (axis,))[:] = centres[::-1] if axis == "lat" and north_first else centres
            file[axis].units = unit
        dims: tuple[str, ...] = ("time", "lat", "lon")
        file.createDimension("time", len(values))
        if hours is not None:
            file.createVariable("time", "f8", ("time",))[:] = hours
            file["time"].units = "hours since 2016-05-01 00:00"
        stored = values[:, ::-1] if north_first else values
        if extra is not None:
            file.createDimension(*extra)
            dims, stored = (extra[0], *dims), np.repeat(stored[None], extra[1], axis=0)
        variable = file.createVariable(
            name, "i2" if north_first else "f8", dims, fill_value=-999 if north_first else 1e20
        )
        variable.units = "m**3 m**-3"
        if north_first:
            variable.scale_factor = 1e-4
        variable[:] = np.ma.masked_invalid(stored)
        mask = file.createVariable("lsm", "f8", ("time", "lat", "lon"))
        mask.units, mask[:] = "(0 - 1)", 1.0
    return path


def test_one_file_with_times(tmp_path: Path) -> None:
    values = VALUES.copy()
    values[2, 3, 4] = np.nan
    with open_image_series([write_series(tmp_path / "a.nc", values, [0, 6, 12, 18, 24, 30])]) as series:
        assert len(series) == 6 and series.variable == "sm" and series.grid.same_points(GRID)
        assert series.times[1] == datetime(2016, 5, 1, 6)
        for i in (4, 0, 2):
            np.testing.assert_array_equal(series[i].values, values[i])
        assert [image.time for image in series[::2]] == [datetime(2016, 5, 1, 0), datetime(2016, 5, 1, 12),
                                                         datetime(2016, 5, 2, 0)]  # fmt: skip
        cut = series.between(datetime(2016, 5, 1, 6), datetime(2016, 5, 1, 18))
        assert len(cut) == 3 and cut[0].values[3, 4] == values[1, 3, 4]
        with pytest.raises(DataError, match="is between"):
            series.between(datetime(2017, 1, 1))


def test_many_files_are_brought_into_order_of_time(tmp_path: Path) -> None:
    for i in range(4):  # names against the order of time, rows from north to south, packed
        write_series(tmp_path / f"f{9 - i}.nc", VALUES[i : i + 1], [6.0 * i], north_first=True)
    with open_image_series([tmp_path]) as series:
        assert len(series) == 4
        for i, image in enumerate(series):
            assert image.time == datetime(2016, 5, 1, 6 * i)
            np.testing.assert_allclose(image.values, VALUES[i], atol=6e-5)


def test_files_without_times_keep_their_order(tmp_path: Path) -> None:
    paths = [write_series(tmp_path / f"{n}.nc", VALUES[i : i + 2], None) for i, n in ((0, "b"), (2, "a"))]
    with open_image_series(paths) as series:
        assert series.times == (None,) * 4
        np.testing.assert_array_equal(series[3].values, VALUES[3])
        with pytest.raises(DataError, match="has no time"):
            series.between(datetime(2016, 5, 1))


def test_a_dimension_of_length_one_may_stand_beside_time(tmp_path: Path) -> None:
    path = write_series(tmp_path / "a.nc", VALUES, [0, 1, 2, 3, 4, 5], extra=("level", 1))
    np.testing.assert_array_equal(open_image_series([path])[5].values, VALUES[5])


def test_columns_from_east_to_west_are_those_of_a_single_image(tmp_path: Path) -> None:
    path = write_series(tmp_path / "a.nc", VALUES, [0, 6, 12, 18, 24, 30])
    with netCDF4.Dataset(path, "a") as file:
        file["lon"][:] = file["lon"][::-1]
        file["sm"][:] = file["sm"][:, :, ::-1]
    with open_image_series([path]) as series:
        assert series.grid.same_points(GRID)
        np.testing.assert_array_equal(series[3].values, VALUES[3])
    with netCDF4.Dataset(write_series(tmp_path / "b.nc", VALUES[:1], None), "a") as file:
        file["lon"][:] = file["lon"][::-1]
    np.testing.assert_array_equal(read_image(tmp_path / "b.nc", "sm").values, VALUES[0, :, ::-1])
    np.testing.assert_array_equal(open_image_series([tmp_path / "b.nc"])[0].values, VALUES[0, :, ::-1])


def test_faults_are_named(tmp_path: Path) -> None:
    a = write_series(tmp_path / "a.nc", VALUES, [0, 6, 12, 18, 24, 30])
    with pytest.raises(MissingFileError, match="does not exist"):
        open_image_series([tmp_path / "none.nc"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingFileError, match="no netCDF file"):
        open_image_series([tmp_path / "empty"])
    with pytest.raises(DataError, match="units"):
        open_image_series([a], "lsm")
    with pytest.raises(DataError, match="two images of 2016-05-01 12:00:00"):
        open_image_series([a, write_series(tmp_path / "b.nc", VALUES[:1], [12.0])])
    with pytest.raises(ShapeError, match="began on"):
        other = regular_grid(18, 20)
        open_image_series([a, write_series(tmp_path / "c.nc", VALUES[:1], [99.0], other)])
    with pytest.raises(DataError, match="expected time, latitude and longitude"):
        open_image_series([write_series(tmp_path / "d.nc", VALUES, [0, 1, 2, 3, 4, 5], extra=("level", 2))])
    bad = VALUES.copy()
    bad[1] = 40.0
    series = open_image_series([write_series(tmp_path / "e.nc", bad, [0, 1, 2, 3, 4, 5])])
    with pytest.raises(DataError, match=r"e\.nc' at 2016-05-01 01:00:00 has values from 40"):
        series[1]
    with netCDF4.Dataset(a, "a") as file:
        file.createVariable("sm2", "f8", ("time", "lat", "lon")).units = "m3 m-3"
    with pytest.raises(DataError, match=r"2 fields of soil moisture.*sm, sm2"):
        open_image_series([a])


def test_real_hourly_era5(shared: Path) -> None:
    with open_image_series([shared / "data/era5/ERA5_China_2024_07_01_03.nc"]) as series:
        assert (len(series), series.variable, series.grid.shape) == (72, "swvl1", (21, 29))
        assert series.times[0] == datetime(2024, 7, 1) and series.times[-1] == datetime(2024, 7, 3, 23)
        assert all(0.0 < image.values.mean() < 0.5 for image in series)


def test_real_product(shared: Path) -> None:
    path = shared / "data/gldas/GLDAS_NOAH025_3H.A20160101.0300.021.nc4"
    series = open_product_series([path], read_gldas, (0.0, 0.1))
    assert series.times == (datetime(2016, 1, 1, 3),)
    np.testing.assert_array_equal(series[0].values, read_gldas(path, (0.0, 0.1)).values[0])
