"""ERA5 and ERA5-Land: netCDF of both stores and GRIB, real files and files made after the provider's description."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from landda_hpc.errors import DataError, MissingFileError
from landda_hpc.formats.products.cf_layers import open_cf_layers
from landda_hpc.formats.products.ecmwf import open_era5, open_era5_land
from landda_hpc.formats.products.grib import GribIndex
from landda_hpc.formats.products.region import Region
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


HOURS = (DAY - datetime(1970, 1, 1)) // timedelta(hours=1)


def make_cfgrib(
    path: Path,
    dims: dict[str, int],
    time: tuple[tuple[str, ...], object],
    step: tuple[tuple[str, ...], object] = ((), 0),
    valid: tuple[tuple[str, ...], object] | None = None,
    land: tuple[tuple[str, ...], object] | None = None,
) -> Path:
    """As cfgrib and xarray write it: hours of time, step and valid_time on some of the dimensions; SOIL in order."""
    with netCDF4.Dataset(path, "w") as data:
        axes(data, "latitude", "longitude", LAT, LON)
        for dim, n in dims.items():
            data.createDimension(dim, n)
        for name, (on, hours), units in (
            ("time", time, "hours since 1970-01-01"), ("step", step, "hours"),
            *([("valid_time", valid, "hours since 1970-01-01")] if valid is not None else []),
        ):  # fmt: skip
            clock = data.createVariable(name, "i8", on)
            clock.units = units
            clock[...] = np.asarray(hours) + (HOURS if "since" in units else 0)
        for name in ("number", "surface"):
            data.createVariable(name, "f8", ())[...] = 0
        for k in range(4):
            sm = data.createVariable(f"swvl{k + 1}", "f4", (*dims, "latitude", "longitude"), fill_value=np.nan)
            sm.units = "m**3 m**-3"
            sm[...] = SOIL[k, : int(np.prod(list(dims.values())))].reshape(sm.shape)
        if land is not None:
            data.createVariable("lsm", "f4", land[0])[...] = land[1]
    return path


CFGRIB: dict[str, tuple[dict[str, int], dict[str, object], list[int]]] = {
    "time and valid_time on it": (
        {"time": 3}, {"time": (("time",), [0, 1, 2]), "valid": (("time",), [0, 1, 2])}, [0, 1, 2],
    ),
    "a fixed step": (
        {"time": 3}, {"time": (("time",), [0, 6, 12]), "step": ((), 6), "valid": (("time",), [6, 12, 18])}, [6, 12, 18],
    ),
    "time and step": (
        {"time": 1, "step": 3},
        {"time": (("time",), [0]), "step": (("step",), [1, 2, 3]), "valid": (("time", "step"), [[1, 2, 3]])},
        [1, 2, 3],
    ),
    "step alone": (
        {"step": 3},
        {"time": ((), 0), "step": (("step",), [0, 3, 6]), "valid": (("step",), [0, 3, 6])},
        [0, 3, 6],
    ),
    "one time": ({"time": 1}, {"time": (("time",), [0]), "valid": (("time",), [0])}, [0]),
    "one time, squeezed": ({}, {"time": ((), 0), "valid": ((), 0)}, [0]),
    "one time, valid_time single": (
        {"time": 1}, {"time": (("time",), [0]), "step": ((), 6), "valid": ((), 6)}, [6],
    ),
    "no valid_time and no step": ({"time": 3}, {"time": (("time",), [0, 1, 2])}, [0, 1, 2]),
    "a member": (
        {"number": 1, "time": 3}, {"time": (("time",), [0, 1, 2]), "valid": (("time",), [0, 1, 2])}, [0, 1, 2],
    ),
}  # fmt: skip


@pytest.mark.parametrize("layout", CFGRIB)
def test_layouts_of_cfgrib_and_xarray(tmp_path: Path, layout: str) -> None:
    dims, clocks, hours = CFGRIB[layout]
    path = make_cfgrib(tmp_path / "e.nc", dims, **clocks)
    with open_era5(path) as file:
        assert file.times == tuple(DAY + timedelta(hours=h) for h in hours)
        for k, time in enumerate(file.times):
            np.testing.assert_allclose(file.read(time).values, SOIL[:, k, ::-1], atol=1e-7)
            part = file.read(time, (0.0, 0.07), Region(41.0, 43.0, 101.0, 104.0))
            assert part.grid.n_cells < SOIL[0, 0].size / 2
            assert np.isin(part.values, SOIL[0, k].astype(np.float32)).all()
    with open_cf_layers(path, {"swvl2": (0.07, 0.28)}) as file:
        assert file.times == tuple(DAY + timedelta(hours=h) for h in hours)
        np.testing.assert_allclose(file.read(file.times[-1]).values[0], SOIL[1, len(hours) - 1, ::-1], atol=1e-7)


def test_runs_that_interleave_are_brought_into_order(tmp_path: Path) -> None:
    """Start and lead time give the valid times, whichever of the two varies faster."""
    dims = {"step": 2, "time": 1}
    clocks = {"time": (("time",), [0]), "step": (("step",), [6, 3]), "valid": (("step", "time"), [[6], [3]])}
    with open_era5(make_cfgrib(tmp_path / "e.nc", dims, **clocks)) as file:
        assert [t.hour for t in file.times] == [3, 6]
        np.testing.assert_allclose(file.read(file.times[0]).values, SOIL[:, 1, ::-1], atol=1e-7)


@pytest.mark.parametrize(
    ("clocks", "message"),
    [
        ({"time": (("time",), [0, 6, 12]), "step": ((), 6)}, "is the start of forecasts, with lead times in 'step'"),
        ({"time": (("time",), [0, 1, 2]), "valid": (("time",), [0, 1, 1])}, "'valid_time' .* do not ascend"),
    ],
)
def test_forecasts_without_their_valid_times(tmp_path: Path, clocks: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        open_era5(make_cfgrib(tmp_path / "e.nc", {"time": 3}, **clocks))


@pytest.mark.parametrize(
    ("on", "shape"),
    [(("latitude", "longitude"), ()), (("time", "latitude", "longitude"), (3,)), (("longitude", "latitude"), ())],
)
def test_a_land_sea_mask_with_and_without_time(tmp_path: Path, on: tuple[str, ...], shape: tuple[int, ...]) -> None:
    mask = np.ones((LAT.size, LON.size))
    mask[0] = 0.2
    mask = mask.T if on[0] == "longitude" else np.broadcast_to(mask, (*shape, *mask.shape))
    clocks = {"time": (("time",), [0, 1, 2]), "valid": (("time",), [0, 1, 2])}
    with open_era5(make_cfgrib(tmp_path / "e.nc", {"time": 3}, **clocks, land=(on, mask))) as file:
        for time in file.times:
            values = file.read(time).values
            assert np.isnan(values[:, -1]).all()
            assert np.isfinite(values[:, :-1]).all()


def test_a_land_sea_mask_that_was_merged_in_for_one_time(tmp_path: Path) -> None:
    """Merging datasets leaves the mask missing at the other times; it does not change."""
    mask = np.full((3, LAT.size, LON.size), np.nan)
    mask[1] = 1.0
    mask[1, 0] = 0.2
    clocks = {"time": (("time",), [0, 1, 2])}
    land = (("time", "latitude", "longitude"), mask)
    with open_era5(make_cfgrib(tmp_path / "e.nc", {"time": 3}, **clocks, land=land)) as file:
        for time in file.times:
            assert np.isnan(file.read(time).values).sum() == 4 * LON.size


@pytest.mark.parametrize("order", [(1, 5), (5, 1)])
@pytest.mark.parametrize("kind", ["i4", str])
def test_era5_counts_and_not_era5t_whatever_the_order_of_streams(
    tmp_path: Path, order: tuple[int, int], kind: type[str] | str
) -> None:
    def both(data: netCDF4.Dataset) -> None:
        version = data.createVariable("expver", kind, ("expver",))
        version[:] = np.array([f"{n:04d}" for n in order], dtype=object) if kind is str else order
        for k in range(4):
            values = data[f"swvl{k + 1}"]
            final, preliminary = order.index(1), order.index(5)
            values[:, final], values[:, preliminary] = SOIL[k], 0.5
            values[2, final] = np.nan

    with open_era5(make_era5(tmp_path / "e.nc", "old with two streams", both)) as file:
        for k, time in enumerate(file.times):
            expected = SOIL[:, k, ::-1] if k < 2 else np.full_like(SOIL[:, k], 0.5)
            np.testing.assert_allclose(file.read(time).values, expected, atol=1e-7)


def test_streams_that_nothing_names_must_not_overlap(tmp_path: Path) -> None:
    path = make_era5(tmp_path / "e.nc", "old with two streams", _set("swvl1", slice(None), 0.3))
    with (
        pytest.raises(DataError, match="2 streams along expver, and the file does not show which"),
        open_era5(path) as file,
    ):
        file.read(DAY)


def test_a_time_of_both_versions_on_the_time_axis(tmp_path: Path) -> None:
    """Files of two downloads, one behind the other: the last two hours are of ERA5T and of ERA5."""

    def twice(data: netCDF4.Dataset) -> None:
        hour = 3600
        start = HOURS * hour
        data["valid_time"][:] = [start, start + hour, start]
        data["expver"][:] = np.array(["0005", "0005", "0001"], dtype=object)

    with open_era5(make_era5(tmp_path / "e.nc", change=twice)) as file:
        assert [t.hour for t in file.times] == [0, 1]
        np.testing.assert_allclose(file.read(file.times[0]).values, SOIL[:, 2, ::-1], atol=1e-7)
        np.testing.assert_allclose(file.read(file.times[1]).values, SOIL[:, 1, ::-1], atol=1e-7)
        assert not file.is_preliminary


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
