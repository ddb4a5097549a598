"""ERA5 and ERA5-Land: netCDF of both stores and GRIB, real files and files made after the provider's description."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from landda_hpc.errors import DataError, MissingFileError
from landda_hpc.formats.ecmwf import open_era5, open_era5_land
from landda_hpc.formats.grib import GribIndex
from landda_hpc.grid import gaussian_grid
from tests.unit.formats.horizontal_axes import LAT, LON, axes

DAY = datetime(2016, 6, 1)
SOIL = 0.1 + 0.3 * np.random.default_rng(1).random((4, 3, LAT.size, LON.size))
"""Layer, time, latitude (north first), longitude."""

Change = Callable[[netCDF4.Dataset], None]


def make_era5(path: Path, layout: str = "new", change: Change | None = None) -> Path:
    """As the Climate Data Store writes it: since 2024 ('new'), before ('old', 'old with two streams')."""
    with netCDF4.Dataset(path, "w") as data:
        axes(data, "latitude", "longitude", LAT, LON)
        if layout == "new":
            data.createDimension("valid_time", 3)
            time = data.createVariable("valid_time", "i8", ("valid_time",))
            time.units, time.calendar = "seconds since 1970-01-01", "proleptic_gregorian"
            time[:] = [int((DAY - datetime(1970, 1, 1)).total_seconds()) + 3600 * k for k in range(3)]
            data.createVariable("number", "i8", ())[...] = 0
            data.createVariable("expver", str, ("valid_time",))[:] = np.array(["0001"] * 3, dtype=object)
        else:
            data.createDimension("time", 3)
            time = data.createVariable("time", "i4", ("time",))
            time.units, time.calendar = "hours since 1900-01-01 00:00:00.0", "gregorian"
            time[:] = [(DAY - datetime(1900, 1, 1)) // timedelta(hours=1) + k for k in range(3)]
        for k in range(4):
            name, units = f"swvl{k + 1}", "m**3 m**-3"
            if layout == "new":
                sm = data.createVariable(name, "f4", ("valid_time", "latitude", "longitude"), fill_value=np.nan)
                sm[:] = SOIL[k]
            elif layout == "old":
                sm = data.createVariable(name, "i2", ("time", "latitude", "longitude"), fill_value=-32767)
                sm.scale_factor, sm.add_offset = 0.5 / 65000, 0.25
                sm[:] = SOIL[k]
            else:
                data.dimensions.get("expver") or data.createDimension("expver", 2)
                sm = data.createVariable(name, "f4", ("time", "expver", "latitude", "longitude"), fill_value=np.nan)
                sm[:, 0], sm[:, 1] = np.nan, SOIL[k]
                sm[:2, 0], sm[:2, 1] = SOIL[k][:2], np.nan
            sm.units = units
        if change is not None:
            change(data)
    return path


@pytest.mark.parametrize("layout", ["new", "old", "old with two streams"])
def test_era5_netcdf_of_the_old_and_the_new_store(tmp_path: Path, layout: str) -> None:
    with open_era5(make_era5(tmp_path / "e.nc", layout)) as file:
        assert file.times == tuple(DAY + timedelta(hours=k) for k in range(3))
        for k, time in enumerate(file.times):
            profile = file.read(time)
            assert profile.depths_m == ((0.0, 0.07), (0.07, 0.28), (0.28, 1.0), (1.0, 2.89))
            np.testing.assert_allclose(profile.values, SOIL[:, k, ::-1], atol=1e-5)
        with pytest.raises(DataError, match="has no time 2016-07-01"):
            file.read(datetime(2016, 7, 1))


def test_era5_zero_over_the_sea_and_negative_rounding(tmp_path: Path) -> None:
    def sea(data: netCDF4.Dataset) -> None:
        data["swvl1"][0, 0, :3] = [0.0, -2.7e-6, 2e-5]
        mask = data.createVariable("lsm", "f4", ("valid_time", "latitude", "longitude"))
        mask[:] = 1.0
        mask[:, 1, 0] = 0.3

    with open_era5_land(make_era5(tmp_path / "e.nc", change=sea)) as file:
        top = file.read(DAY, (0.0, 0.07)).values[0]
    assert np.isnan(top[-1, :3]).all()
    assert np.isnan(top[-2, 0])
    assert np.isfinite(top).sum() == top.size - 4


def test_the_real_era5_files(shared: Path) -> None:
    folder = shared / "data" / "era5"
    for name, n_times, shape in (
        ("ERA5_China_2024_07_01_03.nc", 72, (21, 29)),
        ("ERA5_Uruguay_2020_01_01_14.nc", 336, (9, 17)),
    ):
        with netCDF4.Dataset(folder / name) as raw, open_era5(folder / name) as file:
            assert len(file.times) == n_times
            profile = file.read(file.times[5])
            assert profile.grid.shape == shape
            expected = np.where(raw["lsm"][5] < 0.5, np.nan, raw["swvl1"][5])[::-1]
            np.testing.assert_array_equal(profile.values[0], expected)


def test_the_real_grib_file_keeps_layers_and_flips_rows(shared: Path) -> None:
    eccodes = pytest.importorskip("eccodes")
    path = shared / "data" / "era5" / "soil-surface-level-mix.grib"
    with open_era5(path) as file:
        assert file.times == (datetime(2022, 1, 1),)
        profile = file.read(file.times[0])
        assert profile.depths_m[3] == (1.0, 2.89)
        assert (profile.grid.lat[0], profile.grid.lat[-1], profile.grid.lon[-1]) == (40.0, 50.0, 10.0)
        part = file.read(file.times[0], (0.0, 0.28))
        assert part.depths_m == ((0.0, 0.07), (0.07, 0.28))
    with path.open("rb") as raw:
        fields = {}
        while (handle := eccodes.codes_grib_new_from_file(raw)) is not None:
            fields[eccodes.codes_get(handle, "shortName")] = eccodes.codes_get_values(handle).reshape(6, 6)
            eccodes.codes_release(handle)
    for k in range(4):
        field = np.where(fields[f"swvl{k + 1}"] <= 1e-4, np.nan, fields[f"swvl{k + 1}"])
        np.testing.assert_array_equal(profile.values[k], field[::-1])
    with pytest.raises(DataError, match="lacks swvl1, swvl2, swvl3, swvl4; found 2t"):
        open_era5(shared / "data" / "era5" / "era5-single-level-scalar-time.grib")


def test_a_real_gaussian_grid_in_grib(shared: Path) -> None:
    pytest.importorskip("eccodes")
    index = GribIndex(shared / "data" / "ncep" / "flxf2006040100.grb", {167: "2t"})
    (message,) = index.messages.values()
    grid, is_flipped = index.grid_of(message)
    assert (index.times, is_flipped, grid.is_periodic) == ((datetime(2006, 4, 1),), True, True)
    assert grid.same_points(gaussian_grid(94, 192))
    warmest = np.unravel_index(np.argmax(index.values(message)[::-1]), grid.shape)
    assert abs(grid.lat[warmest[0]]) < 30.0


def test_grib_and_archives_that_cannot_be_read(tmp_path: Path, shared: Path) -> None:
    content = (shared / "data" / "era5" / "soil-surface-level-mix.grib").read_bytes()
    path = tmp_path / "cut.grib"
    path.write_bytes(content[: len(content) - 50])
    with pytest.raises(DataError, match="cannot be read as GRIB"):
        open_era5(path)
    path.write_bytes(content + content)
    with pytest.raises(DataError, match="two fields 'swvl1' of 2022-01-01"):
        open_era5(path)
    (tmp_path / "data.zip").write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(DataError, match="zip archive"):
        open_era5(tmp_path / "data.zip")
    with pytest.raises(MissingFileError):
        open_era5(tmp_path / "no.nc")


def _set(name: str, index: object, value: object) -> Change:
    def change(data: netCDF4.Dataset) -> None:
        data[name][index] = value

    return change


def _units(name: str, units: str) -> Change:
    return lambda data: data[name].setncattr("units", units)


BAD: dict[str, tuple[Change, str]] = {
    "time twice": (_set("valid_time", 2, 1464742800), "'valid_time' .* do not ascend: 2016-06-01T01:00:00 follows"),
    "time back": (_set("valid_time", 0, 1464749999), "do not ascend"),
    "percent": (_units("swvl1", "%"), r"'swvl1' .* has units '%'; expected 'm\*\*3 m\*\*-3'"),
    "in percent": (_set("swvl1", slice(None), 33.0), r"values outside \[0, 1\] m\*\*3 m\*\*-3, the farthest 33"),
    "huge": (_set("swvl1", (0, 3, 3), 1e20), r"1 values outside .* the farthest 1e\+20 at latitude 44.250"),
    "all missing": (_set("swvl1", slice(None), np.nan), "missing everywhere"),
    "axis not monotone": (_set("latitude", 3, 60.0), "'latitude' .* not strictly monotone"),
    "axis of indices": (_set("longitude", slice(None), np.arange(350.0, 380.0)), "expected -180 to 360"),
    "layers gone": (lambda data: [data.renameVariable(f"swvl{k}", f"x{k}") for k in range(1, 5)], "lacks swvl1"),
    "one layer gone": (lambda data: data.renameVariable("swvl1", "top"), "lacks swvl1 for depths 0-0.07 m; found"),
    "noleap": (lambda data: data["valid_time"].setncattr("calendar", "noleap"), "calendar 'noleap'; expected standard"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_era5_is_a_data_error_with_file_variable_and_expectation(tmp_path: Path, case: str) -> None:
    change, message = BAD[case]
    path = make_era5(tmp_path / "bad.nc", change=change)
    with pytest.raises(DataError, match=message) as caught, open_era5(path) as file:
        file.read(file.times[0], (0.0, 0.07))
    assert "bad.nc" in str(caught.value)
