"""Every gridded product: real files where there are some, else files made after the provider's description."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from landda_hpc.constants import FloatArray
from landda_hpc.errors import ConfigError, DataError, MissingFileError, MissingLayerError, ShapeError
from landda_hpc.formats.cf_layers import cf_product, open_cf_layers
from landda_hpc.formats.cldas import open_cldas
from landda_hpc.formats.ease2 import SHAPES, ease2_grid
from landda_hpc.formats.ecmwf import open_era5, open_era5_land
from landda_hpc.formats.esa_cci import open_esa_cci
from landda_hpc.formats.gldas import open_gldas, read_gldas
from landda_hpc.formats.grib import GribIndex
from landda_hpc.formats.product import CONDITIONS
from landda_hpc.formats.region import Region, locate
from landda_hpc.formats.registry import PRODUCTS, product_of
from landda_hpc.formats.smap import (
    open_smap_l2,
    open_smap_l3,
    open_smap_l3_pm,
    open_smap_l4,
    open_smap_l4_update,
)
from landda_hpc.grid import gaussian_grid, regular_grid

DAY = datetime(2016, 6, 1)
LAT = np.arange(45.0, 40.0, -0.25)
LON = np.arange(100.0, 107.5, 0.25)
SOIL = 0.1 + 0.3 * np.random.default_rng(1).random((4, 3, LAT.size, LON.size))
"""Layer, time, latitude (north first), longitude."""

Change = Callable[[netCDF4.Dataset], None]


def axes(data: netCDF4.Dataset, lat: str, lon: str, lat_values: FloatArray, lon_values: FloatArray) -> None:
    for name, values, units in ((lat, lat_values, "degrees_north"), (lon, lon_values, "degrees_east")):
        data.createDimension(name, values.size)
        axis = data.createVariable(name, "f8", (name,))
        axis.units = units
        axis[:] = values


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


def make_cci(path: Path) -> Path:
    """ESA CCI v08.1 COMBINED, cut to 30 x 40 cells."""
    lat, lon = np.arange(44.875, 37.4, -0.25), np.arange(-5.0 + 0.125, 5.0, 0.25)
    shape = (1, lat.size, lon.size)
    with netCDF4.Dataset(path, "w") as data:
        data.createDimension("time", None)
        axes(data, "lat", "lon", lat, lon)
        time = data.createVariable("time", "f8", ("time",))
        time.units, time.calendar = "days since 1970-01-01 00:00:00 UTC", "standard"
        time[:] = [16953.0]
        for name, kind, fill in (("sm", "f4", -9999.0), ("sm_uncertainty", "f4", -9999.0), ("flag", "i1", 127)):
            variable = data.createVariable(name, kind, ("time", "lat", "lon"), fill_value=fill)
            if kind == "f4":
                variable.units = "m3 m-3"
        seen = data.createVariable("t0", "f8", ("time", "lat", "lon"), fill_value=-9999.0)
        seen.units = "days since 1970-01-01 00:00:00 UTC"
        values = np.full(shape, 0.2)
        values[0, 0] = np.nan
        data["sm"][:] = np.ma.masked_invalid(values)
        data["sm_uncertainty"][:] = np.ma.masked_invalid(values * 0.1)
        flag = np.zeros(shape, dtype=np.int8)
        flag[0, 0], flag[0, 1, 0], flag[0, 1, 1], flag[0, 1, 2], flag[0, 1, 3] = 127, 1, 2, 64, 3
        flag[0, 1, 4] = 16
        data["flag"][:] = flag
        seen[:] = np.broadcast_to(16953.0 + np.where(np.arange(lon.size) < 20, -0.25, 0.25), shape)
    return path


def test_esa_cci_with_flags_errors_and_times(tmp_path: Path) -> None:
    with open_esa_cci(make_cci(tmp_path / "cci.nc")) as file:
        assert file.times == (datetime(2016, 6, 1),)
        profile = file.read(file.times[0])
    assert profile.depths_m == ((0.0, 0.05),)
    assert profile.error_std is not None
    np.testing.assert_allclose(profile.error_std[0, 0, 0], 0.02, rtol=1e-6)
    assert np.isnan(profile.values[0, -1]).all()
    # The second row from the north is the last but one from the south.
    row = {name: np.flatnonzero(image[-2]).tolist() for name, image in profile.conditions.items()}
    assert row == {"frozen": [0, 3], "dense_vegetation": [1, 3], "not_recommended": [4]}
    assert not any(image[-1].any() for image in profile.conditions.values())
    assert profile.cell_seconds is not None
    np.testing.assert_allclose(profile.cell_seconds[0, [0, -1]], [-21600.0, 21600.0])


def make_cldas(path: Path, layer: int, name: str) -> Path:
    lat, lon = np.arange(30.03125, 31.0, 0.0625), np.arange(110.03125, 111.5, 0.0625)
    with netCDF4.Dataset(path, "w") as data:
        axes(data, "LAT", "LON", lat, lon)
        sm = data.createVariable(name, "f4", ("LAT", "LON"), fill_value=-9999.0)
        sm.units = "mm3/mm3"
        sm[:] = 0.1 * (layer + 1)
    return path


def test_cldas_by_the_name_of_the_variable_or_of_the_file(tmp_path: Path) -> None:
    stem = "Z_NAFP_C_BABJ_20190801012056_P_CLDAS_RT_ASI_0P0625_HOR"
    for k, code in enumerate(("000005", "000010", "010040", "040100", "100200")):
        for variable in (f"SM{code}", "SVWC"):
            with open_cldas(make_cldas(tmp_path / f"{stem}-SM{code}-2019080100.nc", k, variable)) as file:
                assert file.times == (datetime(2019, 8, 1),)
                profile = file.read(file.times[0])
            assert profile.depths_m[0] == ((0, 0.05), (0, 0.1), (0.1, 0.4), (0.4, 1.0), (1.0, 2.0))[k]
            np.testing.assert_allclose(profile.values[0], 0.1 * (k + 1), rtol=1e-6)
    with pytest.raises(DataError, match="expected SM000005"):
        open_cldas(make_cldas(tmp_path / "x-2019080100.nc", 0, "SVWC"))
    with pytest.raises(DataError, match="its name does not end in an hour"):
        open_cldas(make_cldas(tmp_path / "x-20190801.nc", 0, "SM000005"))


def test_ease2_grids_are_equal_area_and_closed() -> None:
    for shape in SHAPES:
        grid = ease2_grid(*shape)
        assert grid.shape == shape
        assert grid.lat_edges[-1] == pytest.approx(85.0445664, abs=1e-6)
        np.testing.assert_allclose(grid.lat, -grid.lat[::-1], atol=1e-12)
        # Equal on the ellipsoid: on the sphere of authalic latitude; geodetic latitudes differ by 0.2 degrees at most.
        area = np.diff(np.sin(np.deg2rad(grid.lat_edges)))
        assert area.max() / area.min() < 1.02
    with pytest.raises(ShapeError, match="no EASE-Grid"):
        ease2_grid(10, 10)


def test_the_real_smap_half_orbit(shared: Path) -> None:
    path = next((shared / "data" / "satellite" / "SMAP_L2").rglob("*.h5"))
    with netCDF4.Dataset(path) as data, open_smap_l2(path) as file:
        group = data["Soil_Moisture_Retrieval_Data"]
        row, column = group["EASE_row_index"][:].astype(int), group["EASE_column_index"][:].astype(int)
        grid = ease2_grid(406, 964)
        np.testing.assert_allclose(grid.lat[::-1][row], group["latitude"][:], atol=1e-5)
        np.testing.assert_allclose(grid.lon[column], group["longitude"][:], atol=1e-5)
        assert file.times == (datetime(2015, 8, 11, 12),)
        profile = file.read(file.times[0])
        sm = np.ma.filled(group["soil_moisture"][:].astype(float), np.nan)
        np.testing.assert_array_equal(profile.values[0, ::-1][row, column], sm)
        assert np.isfinite(profile.values).sum() == np.isfinite(sm).sum() == 1152
        # Two bits of the retrieval flag, seen through the condition.
        refused = profile.conditions["not_recommended"][::-1][row, column]
        np.testing.assert_array_equal(refused, (group["retrieval_qual_flag"][:] & 1) > 0)
        assert profile.cell_seconds is not None
        first = profile.cell_seconds[::-1][row, column][0]
        assert str(group["tb_time_utc"][0]) == "2015-08-11T02:21:22.474Z"
        assert datetime(2015, 8, 11, 12) + timedelta(seconds=float(first)) == pytest.approx(
            datetime(2015, 8, 11, 2, 21, 22, 474000), abs=timedelta(seconds=0.01)
        )
        assert profile.error_std is None


def make_smap(path: Path, group: str, names: dict[str, float], shape: tuple[int, int] = (406, 964)) -> Path:
    with netCDF4.Dataset(path, "w") as data:
        inside = data.createGroup(group)
        inside.createDimension("y", shape[0])
        inside.createDimension("x", shape[1])
        for name, value in names.items():
            is_flag = "flag" in name
            kind = "u2" if is_flag else "f8" if "seconds" in name else "f4"
            variable = inside.createVariable(
                name, kind, ("y", "x"), zlib=True, fill_value=65534 if is_flag else -9999.0
            )
            variable[:] = value
            if not is_flag and "seconds" not in name:
                variable.units = "cm**3/cm**3" if "Retrieval" in group else "m3 m-3"
    return path


def test_smap_l3_morning_and_afternoon(tmp_path: Path) -> None:
    seconds = (datetime(2016, 6, 1, 22) - datetime(2000, 1, 1, 12)).total_seconds()
    for opens, group, suffix in (
        (open_smap_l3, "Soil_Moisture_Retrieval_Data_AM", ""),
        (open_smap_l3_pm, "Soil_Moisture_Retrieval_Data_PM", "_pm"),
    ):
        fields = {"soil_moisture": 0.25, "soil_moisture_error": 0.04, "surface_flag": 1024.0 + 16.0}
        fields |= {"retrieval_qual_flag": 8.0, "tb_time_seconds": seconds}
        path = tmp_path / f"SMAP_L3_SM_P_20160601_R18290_00{len(suffix)}.h5"
        with opens(make_smap(path, group, {name + suffix: value for name, value in fields.items()})) as file:
            assert file.times == (datetime(2016, 6, 1, 12),)
            profile = file.read(file.times[0], (0.0, 0.05), Region(15.0, 55.0, 70.0, 140.0))
        assert profile.grid.lat_edges[0] < 15.0 < 55.0 < profile.grid.lat_edges[-1]
        assert profile.error_std is not None
        np.testing.assert_allclose(profile.error_std, 0.04, rtol=1e-6)
        assert {name for name, image in profile.conditions.items() if image.all()} == {"dense_vegetation"}
        assert profile.cell_seconds is not None
        assert (profile.cell_seconds == 36000.0).all()
    with pytest.raises(DataError, match="Is it a file of SMAP L2"):
        open_smap_l2(path)
    with pytest.raises(DataError, match="tells no time"):
        open_smap_l4(path)
    renamed = tmp_path / "l3.h5"
    path.rename(renamed)
    with pytest.raises(DataError, match="tells no time"):
        open_smap_l3_pm(renamed)
    name, group = "SMAP_L3_SM_P_20160602_R1_001.h5", "Soil_Moisture_Retrieval_Data_AM"
    cut = make_smap(tmp_path / name, group, {"soil_moisture": 1.0}, shape=(10, 12))
    with pytest.raises(DataError, match=r"shape \(10, 12\); expected a global EASE-Grid"):
        open_smap_l3(cut)


def test_smap_l4(tmp_path: Path) -> None:
    path = tmp_path / "SMAP_L4_SM_gph_20160601T013000_Vv7032_001.h5"
    with open_smap_l4(make_smap(path, "Geophysical_Data", {"sm_surface": 0.2, "sm_rootzone": 0.3})) as file:
        assert file.times == (datetime(2016, 6, 1, 1, 30),)
        assert file.read(file.times[0], (0.0, 0.5)).depths_m == ((0.0, 1.0),)
        assert file.read(file.times[0], (0.0, 0.05)).depths_m == ((0.0, 0.05),)
    path = tmp_path / "SMAP_L4_SM_aup_20160601T030000_Vv7032_001.h5"
    fields = {"sm_surface_analysis": 0.2, "sm_surface_analysis_ensstd": 0.02}
    with open_smap_l4_update(make_smap(path, "Analysis_Data", fields)) as file:
        profile = file.read(file.times[0], (0.0, 0.05))
        assert profile.error_std is not None
        np.testing.assert_allclose(profile.error_std, 0.02, rtol=1e-6)
        with pytest.raises(MissingLayerError, match="sm_rootzone_analysis"):
            file.read(file.times[0], (0.0, 1.0))


def test_cf_files_of_other_models(shared: Path, tmp_path: Path) -> None:
    folder = shared / "data" / "satellite"
    path = next((folder / "cmip6").glob("mrsos*"))
    with netCDF4.Dataset(path) as raw, open_cf_layers(path, {"mrsos": (0.0, 0.1)}) as file:
        assert file.times[0] == datetime(1970, 1, 1, 12)
        assert len(file.times) == 31
        values = file.read(file.times[7]).values[0]
        np.testing.assert_allclose(values, np.ma.filled(raw["mrsos"][7].astype(float), np.nan) / 100.0, atol=1e-9)
    with open_cf_layers(next((folder / "SMOS_L3").glob("*06T*")), {"Soil_Moisture": (0.0, 0.05)}) as file:
        assert file.times == (datetime(2015, 5, 6),)
    with pytest.raises(DataError, match="expected 1-D coordinates of latitude"):
        open_cf_layers(next((folder / "lis_noahmp").rglob("*.nc")), {"SoilMoist_inst": (0.0, 0.1)})
    with pytest.raises(DataError, match="lacks sm; found"):
        open_cf_layers(path, {"sm": (0.0, 0.1)})


def test_an_image_of_a_cf_file_may_be_empty(tmp_path: Path) -> None:
    """A day without overpass must not end a campaign; values out of range do."""
    with netCDF4.Dataset(tmp_path / "m_20160601.nc", "w") as data:
        axes(data, "lat", "lon", np.array([10.0, 11.0]), np.array([20.0, 21.0, 22.0]))
        sm = data.createVariable("sm", "f4", ("lat", "lon"), fill_value=-9999.0)
        sm.units = "m3 m-3"
    with open_cf_layers(tmp_path / "m_20160601.nc", {"sm": (0.0, 0.1)}) as file:
        assert np.isnan(file.read(DAY).values).all()


def test_noleap_days_are_those_of_the_same_name(tmp_path: Path) -> None:
    with netCDF4.Dataset(tmp_path / "m.nc", "w") as data:
        axes(data, "lat", "lon", np.array([10.0, 11.0]), np.array([20.0, 21.0, 22.0]))
        data.createDimension("time", 3)
        time = data.createVariable("time", "f8", ("time",))
        time.units, time.calendar = "days since 2016-02-27", "noleap"
        time[:] = [0.0, 1.0, 2.0]
        sm = data.createVariable("sm", "f4", ("time", "lat", "lon"))
        sm.units = "m3 m-3"
        sm[:] = 0.2
    with open_cf_layers(tmp_path / "m.nc", {"sm": (0.0, 0.1)}) as file:
        assert file.times == (datetime(2016, 2, 27), datetime(2016, 2, 28), datetime(2016, 3, 1))


def test_a_time_off_the_middle_of_its_bounds_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A mean of 00 to 24 UTC may be stamped at its begin, middle or end; the reader keeps the stamp."""
    for hour, words in ((0, "12 h before the middle"), (12, ""), (24, "12 h after the middle")):
        path = tmp_path / f"{hour}.nc"
        with netCDF4.Dataset(path, "w") as data:
            axes(data, "lat", "lon", LAT, LON)
            data.createDimension("time", 1)
            data.createDimension("bnds", 2)
            time = data.createVariable("time", "f8", ("time",))
            time.units, time.bounds, time[:] = "hours since 2016-06-01", "time_bnds", hour
            data.createVariable("time_bnds", "f8", ("time", "bnds"))[:] = (0.0, 24.0)
            sm = data.createVariable("sm", "f4", ("time", "lat", "lon"))
            sm.units, sm[:] = "m3 m-3", 0.2
        caplog.clear()
        with open_cf_layers(path, {"sm": (0.0, 0.1)}) as file:
            assert file.times == (DAY + timedelta(hours=hour),)
        assert (words in caplog.text) if words else not caplog.text
    caplog.clear()
    opens = cf_product({"sm": (0.0, 0.1)}, timedelta(days=1)).opens
    for _ in range(3):
        opens(tmp_path / "0.nc").__exit__(None, None, None)
    assert len(caplog.records) == 1, "once for all files of a product"


def test_days_of_daily_products() -> None:
    begins = {key: product.day_begin for key, product in PRODUCTS.items()}
    assert begins.pop("esa_cci") == timedelta(hours=-12)
    assert set(begins.values()) == {timedelta(0)}


def test_the_registry_is_complete() -> None:
    assert {key for key, product in PRODUCTS.items() if product.tried} == {"gldas_noah", "era5", "era5_land", "smap_l2"}
    for key, product in PRODUCTS.items():
        assert product_of(key) is product
        assert product.key == key
        assert product.label
        assert product.time_convention
        assert product.reference
        assert timedelta(0) <= product.first < timedelta(days=1)
        for variable in product.variables:
            assert variable.depth_m is not None
            assert variable.depth_m[0] < variable.depth_m[1]
            assert variable.valid_range[0] < variable.valid_range[1]
            assert variable.units
            assert variable.standard_name
            # The whole range fits into m3 m-3.
            assert variable.valid_range[1] * variable.factor == pytest.approx(1.0)
    assert set(CONDITIONS) >= {"frozen", "snow", "dense_vegetation", "water", "not_recommended"}
    with pytest.raises(ConfigError, match="'gldas' is not known; there are gldas_noah"):
        product_of("gldas")


@pytest.mark.parametrize("is_flipped", [False, True])
@pytest.mark.parametrize(
    "region",
    [
        Region(15.0, 55.0, 70.0, 140.0),
        Region(-30.0, 10.0, -20.0, 30.0),
        Region(40.0, 60.0, 340.0, 380.0),
        Region(-90.0, 90.0, 0.0, 360.0),
        Region(80.0, 89.0, 10.0, 20.0),
        Region(-10.0, 10.0, 179.0, 181.0),
    ],
)
@pytest.mark.parametrize("west", [-180.0, 0.0])
def test_a_slab_is_the_region_and_its_margin(region: Region, is_flipped: bool, west: float) -> None:
    grid = regular_grid(36, 72, west=west, east=west + 360.0)
    field = np.add.outer(grid.lat * 1000.0, np.mod(grid.lon, 360.0))
    stored = field[::-1] if is_flipped else field
    slab = locate(grid, is_flipped, region)
    values = slab.read(lambda rows, columns: stored[rows, columns])
    assert values.shape == slab.grid.shape
    np.testing.assert_array_equal(values, np.add.outer(slab.grid.lat * 1000.0, np.mod(slab.grid.lon, 360.0)))
    np.testing.assert_allclose(np.diff(slab.grid.lon_edges), 5.0)
    # Interpolation at any point of the region finds a row and a column on both sides.
    assert slab.grid.lat[0] <= max(region.south, grid.lat[0])
    assert slab.grid.lat[-1] >= min(region.north, grid.lat[-1])
    if not slab.grid.is_periodic:
        assert any(slab.grid.lon[0] <= region.west + turn and slab.grid.lon[-1] >= region.east + turn
                   for turn in (-360.0, 0.0, 360.0))  # fmt: skip
        assert slab.grid.n_cells < grid.n_cells


def test_a_region_of_the_real_file_is_the_same_values(shared: Path) -> None:
    path = shared / "data" / "gldas" / "GLDAS_NOAH025_3H.A20160101.0300.021.nc4"
    whole, part = read_gldas(path), read_gldas(path, None, Region(35.0, 60.0, -15.0, 40.0))
    rows = np.searchsorted(whole.grid.lat, part.grid.lat[0])
    columns = np.searchsorted(whole.grid.lon, part.grid.lon[0])
    n_lat, n_lon = part.grid.shape
    np.testing.assert_array_equal(part.values, whole.values[:, rows : rows + n_lat, columns : columns + n_lon])
    assert part.values.size < 0.05 * whole.values.size
    with open_gldas(path) as file, pytest.raises(DataError, match="no time 2016-01-01T06"):
        file.read(datetime(2016, 1, 1, 6))
