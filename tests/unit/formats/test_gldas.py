"""GLDAS: the real file, files made after the provider's layout, and every way in which one can be bad."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from landda_hpc.errors import DataError, MissingFileError
from landda_hpc.formats.products.gldas import read_gldas
from landda_hpc.grid import regular_grid
from landda_hpc.regridding.regrid import Regridder

NAME = "GLDAS_NOAH025_3H.A20160101.0300.021.nc4"
LAYERS = {
    "SoilMoi0_10cm_inst": 100.0,
    "SoilMoi10_40cm_inst": 300.0,
    "SoilMoi40_100cm_inst": 600.0,
    "SoilMoi100_200cm_inst": 1000.0,
}


def make_file(path: Path, change: Callable[[netCDF4.Dataset], None] | None = None, degree: float = 1.0) -> Path:
    """A small file as the provider lays it out: 20 x 40 degrees of the 1 degree grid, four layers."""
    n_lat, n_lon = int(20 / degree), int(40 / degree)
    with netCDF4.Dataset(path, "w") as data:
        data.createDimension("time", None)
        data.createDimension("lat", n_lat)
        data.createDimension("lon", n_lon)
        time = data.createVariable("time", "f8", ("time",))
        time.units = " minutes since 2000-01-01 03:00:00"
        time[:] = [8415360.0]
        lat = data.createVariable("lat", "f4", ("lat",), fill_value=np.float32(-9999.0))
        lat.units = "degrees_north"
        lat[:] = 10.0 + (0.5 + np.arange(n_lat)) * degree
        lon = data.createVariable("lon", "f4", ("lon",), fill_value=np.float32(-9999.0))
        lon.units = "degrees_east"
        lon[:] = -20.0 + (0.5 + np.arange(n_lon)) * degree
        for name, full in LAYERS.items():
            sm = data.createVariable(name, "f4", ("time", "lat", "lon"), fill_value=np.float32(-9999.0), zlib=True)
            sm.units = "kg m-2"
            values = full * (0.1 + 0.3 * np.linspace(0.0, 1.0, n_lat * n_lon).reshape(n_lat, n_lon))
            values[:2] = -9999.0
            sm[0] = np.ma.masked_equal(values, -9999.0)
        if change is not None:
            change(data)
    return path


def test_the_real_file(shared: Path) -> None:
    profile = read_gldas(shared / "data" / "gldas" / NAME)
    assert profile.depths_m == ((0.0, 0.1), (0.1, 0.4))
    assert profile.time == datetime(2016, 1, 1, 3)
    assert profile.grid.shape == (600, 1440)
    assert (profile.grid.lat[0], profile.grid.lat_edges[0], profile.grid.lat_edges[-1]) == (
        -59.875,
        -60.0,
        90.0,
    )
    assert profile.grid.is_periodic
    for layer in profile.values:
        assert np.isfinite(layer).sum() == 243_883
    # vmin, vmax of the file's attributes, over 1000 kg m-3 times the thickness.
    assert np.nanmin(profile.values[0]) == pytest.approx(0.02, abs=1e-8)
    assert np.nanmax(profile.values[0]) == pytest.approx(0.47596, abs=1e-8)
    assert np.nanmin(profile.values[1]) == pytest.approx(6.450927 / 300.0, abs=1e-8)
    assert np.nanmax(profile.values[1]) == pytest.approx(142.71292 / 300.0, abs=1e-8)


def test_the_real_file_on_the_model_grid(shared: Path) -> None:
    profile = read_gldas(shared / "data" / "gldas" / NAME, (0.0, 0.1))
    assert profile.depths_m == ((0.0, 0.1),)
    target = regular_grid(128, 256)
    bilinear = Regridder(profile.grid, target)(profile.values[0])
    conservative = Regridder(profile.grid, target, "conservative")(profile.values[0])
    both = np.isfinite(bilinear) & np.isfinite(conservative)
    # Land without Antarctica and Greenland; the two methods differ at coasts alone.
    assert 7500 < np.isfinite(bilinear).sum() < 7900
    assert both.sum() > 0.97 * np.isfinite(bilinear).sum()
    assert np.nanmin(bilinear) >= np.nanmin(profile.values) - 1e-12
    assert np.nanmax(bilinear) <= np.nanmax(profile.values) + 1e-12
    assert np.corrcoef(bilinear[both], conservative[both])[0, 1] > 0.97
    # No value where the product has none: south of 60 S, and in the middle of the Atlantic.
    assert np.isnan(bilinear[target.lat < -60.5]).all()
    assert np.isnan(bilinear[64, 234])


def test_the_real_file_lacks_deeper_layers_and_says_so(shared: Path) -> None:
    with pytest.raises(DataError, match=r"lacks SoilMoi40_100cm_inst for depths 0-1 m; found .*SoilMoi0_10cm_inst"):
        read_gldas(shared / "data" / "gldas" / NAME, (0.0, 1.0))


@pytest.mark.parametrize("degree", [0.25, 1.0])
def test_a_region_with_all_layers(tmp_path: Path, degree: float) -> None:
    profile = read_gldas(make_file(tmp_path / "g.nc4", degree=degree))
    assert profile.values.shape == (4, int(20 / degree), int(40 / degree))
    assert profile.time == datetime(2016, 1, 1, 3)
    assert not profile.grid.is_periodic
    for layer in profile.values:
        assert np.isnan(layer[:2]).all()
        assert layer[-1, -1] == pytest.approx(0.4, rel=1e-6)


def test_rows_from_north_to_south_are_turned(tmp_path: Path) -> None:
    def turn(data: netCDF4.Dataset) -> None:
        data["lat"][:] = data["lat"][:][::-1]
        for name in LAYERS:
            data[name][0] = data[name][0][::-1]

    plain = read_gldas(make_file(tmp_path / "a.nc4"))
    turned = read_gldas(make_file(tmp_path / "b.nc4", turn))
    np.testing.assert_array_equal(plain.grid.lat, turned.grid.lat)
    np.testing.assert_array_equal(plain.values, turned.values)


def _set(name: str, index: object, value: float) -> Callable[[netCDF4.Dataset], None]:
    def change(data: netCDF4.Dataset) -> None:
        data[name][index] = value

    return change


def _attribute(name: str, attribute: str, value: str) -> Callable[[netCDF4.Dataset], None]:
    return lambda data: data[name].setncattr(attribute, value)


def _without_fill(data: netCDF4.Dataset) -> None:
    data.renameVariable("SoilMoi0_10cm_inst", "old")
    new = data.createVariable("SoilMoi0_10cm_inst", "f4", ("time", "lat", "lon"))
    new.units = "kg m-2"
    new[:] = np.ma.filled(data["old"][:], -9999.0)


def _no_latitude(data: netCDF4.Dataset) -> None:
    data["lat"].units = "m"
    data.renameVariable("lat", "y")


def _text(data: netCDF4.Dataset) -> None:
    data.renameVariable("SoilMoi0_10cm_inst", "old")
    data.createVariable("SoilMoi0_10cm_inst", str, ("time", "lat", "lon")).units = "kg m-2"


def _two_times(data: netCDF4.Dataset) -> None:
    data["time"][1] = 8415540.0


SURFACE = "SoilMoi0_10cm_inst"
BAD = {
    "missing variable": (
        lambda data: data.renameVariable(SURFACE, "soil_moisture"),
        rf"lacks {SURFACE}.*found .*soil_moisture",
    ),
    "missing axis": (_no_latitude, "'lat' is not in"),
    "missing time": (lambda data: data.renameVariable("time", "t"), "'time' is not in"),
    "text": (_text, "does not hold numbers"),
    "volumetric units": (_attribute(SURFACE, "units", "m3 m-3"), "units 'm3 m-3'; expected 'kg m-2'"),
    "no time units": (_attribute("time", "units", "minutes"), "units 'minutes'; expected"),
    "noleap": (_attribute("time", "calendar", "noleap"), "calendar 'noleap'; expected standard"),
    "two times": (_two_times, "holds 2 times; expected 1"),
    "time missing": (_set("time", 0, np.nan), "missing values; expected times"),
    "time too large": (_set("time", 0, 1e300), "years 1 to 9999"),
    "latitude not monotone": (_set("lat", 5, 11.0), "'lat' .*not strictly monotone"),
    "latitude NaN": (_set("lat", 5, np.nan), "'lat' .*not strictly monotone"),
    "latitude out of range": (_set("lat", slice(None), np.arange(80.5, 100.5)), "expected -90 to 90"),
    "longitude out of range": (_set("lon", slice(None), np.arange(350.5, 390.5)), "expected -180 to 360"),
    "shifted grid": (_set("lat", slice(None), np.arange(10.7, 30.7)), "expected GLDAS cell centres"),
    "coarse grid": (_set("lon", slice(None), np.arange(0.0, 80.0, 2.0)), "expected GLDAS cell centres"),
    "all missing": (_set(SURFACE, slice(None), np.nan), "is missing everywhere"),
    "all fill": (_set(SURFACE, slice(None), -9999.0), "is missing everywhere"),
    "huge": (
        _set(SURFACE, (0, 5, 5), 1e30),
        r"1 values outside \[0, 100\] kg m-2, the farthest 1e\+30 at latitude 15.5",
    ),
    "infinite": (_set(SURFACE, (0, 5, 5), np.inf), "the farthest inf"),
    "negative": (_set(SURFACE, (0, 5, 5), -0.5), "the farthest -0.5"),
    "fill without attribute": (_without_fill, "the farthest -9999"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files_are_data_errors_that_name_file_variable_and_expectation(tmp_path: Path, case: str) -> None:
    change, message = BAD[case]
    path = make_file(tmp_path / "bad.nc4", change)
    with pytest.raises(DataError, match=message) as caught:
        read_gldas(path, (0.0, 0.1))
    assert "bad.nc4" in str(caught.value)


def test_files_that_are_not_there_or_not_netcdf(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"no\.nc4' does not exist"):
        read_gldas(tmp_path / "no.nc4")
    for content in (b"", b"text\n" * 100, b"\x89HDF\r\n\x1a\n", b"CDF\x01"):
        (tmp_path / "x.nc4").write_bytes(content)
        with pytest.raises(DataError, match="cannot be opened as netCDF"):
            read_gldas(tmp_path / "x.nc4")
    with pytest.raises(MissingFileError):
        read_gldas(tmp_path)


@pytest.mark.parametrize("seed", range(60))
def test_damaged_files_give_data_errors_or_a_sound_read(tmp_path: Path, seed: int) -> None:
    generator = random.Random(seed)
    content = bytearray(make_file(tmp_path / "sound.nc4").read_bytes())
    kind = ("truncate", "flip", "zero")[seed % 3]
    if kind == "truncate":
        content = content[: generator.randrange(len(content))]
    elif kind == "flip":
        for _ in range(generator.randrange(1, 20)):
            content[generator.randrange(len(content))] ^= 1 << generator.randrange(8)
    else:
        start = generator.randrange(len(content))
        stop = min(len(content), start + generator.randrange(1, 4096))
        content[start:stop] = bytes(stop - start)
    # A new name: the HDF5 library remembers damaged files by their inode.
    damaged = tmp_path / f"damaged_{seed}.nc4"
    damaged.write_bytes(content)
    try:
        profile = read_gldas(damaged)
    except DataError as error:
        assert "damaged_" in str(error)
        return
    assert np.nanmin(profile.values) >= 0.0
    assert np.nanmax(profile.values) <= 1.0


def test_a_hole_in_the_heap_is_found_before_the_library_hangs_on_it(tmp_path: Path) -> None:
    content = bytearray(make_file(tmp_path / "sound.nc4").read_bytes())
    start = content.index(b"GCOL")
    content[start + 200 : start + 1000] = bytes(800)
    (tmp_path / "hole.nc4").write_bytes(content)
    with pytest.raises(DataError, match=f"heap at byte {start} is damaged"):
        read_gldas(tmp_path / "hole.nc4")
