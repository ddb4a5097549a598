"""Gridded products without a real file here, and the registry: files made after the provider's description."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from landda_hpc.config import PRODUCT_ENTRIES, STATION_ENTRIES
from landda_hpc.errors import ConfigError, DataError
from landda_hpc.formats.products.cf_layers import cf_product, open_cf_layers
from landda_hpc.formats.products.cldas import open_cldas
from landda_hpc.formats.products.entry import product_of_entry
from landda_hpc.formats.products.esa_cci import open_esa_cci
from landda_hpc.formats.products.product import CONDITIONS
from landda_hpc.formats.products.registry import PRODUCTS
from tests.unit.formats.horizontal_axes import LAT, LON, axes

DAY = datetime(2016, 6, 1)


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
    with pytest.raises(DataError, match="lacks sm; found"):
        open_cf_layers(path, {"sm": (0.0, 0.1)})


def test_the_real_files_of_lis(shared: Path) -> None:
    """Coordinates are matrices, missing over the sea; layers lie along a dimension."""
    path = next((shared / "data" / "satellite" / "lis_noahmp").rglob("*0330*.nc"))
    layers = {"SoilMoist_inst[0]": (0.0, 0.1), "SoilMoist_inst[1]": (0.1, 0.4)}
    with netCDF4.Dataset(path) as raw, open_cf_layers(path, layers) as file:
        assert file.times == (datetime(2017, 3, 30),)
        profile = file.read(file.times[0])
        assert profile.depths_m == tuple(layers.values())
        np.testing.assert_array_equal(
            profile.values, np.ma.filled(raw["SoilMoist_inst"][:2].astype(np.float64), np.nan)
        )
        lat, lon = (np.ma.filled(raw[name][:].astype(np.float64), np.nan) for name in ("lat", "lon"))
    # SOUTH_WEST_CORNER_LAT and DY of the file: the rows without a coordinate are filled in.
    np.testing.assert_array_equal(profile.grid.lat, 29.875 + 0.25 * np.arange(lat.shape[0]))
    np.testing.assert_array_equal(
        np.broadcast_to(profile.grid.lat[:, None], lat.shape)[np.isfinite(lat)], lat[np.isfinite(lat)]
    )
    np.testing.assert_array_equal(np.broadcast_to(profile.grid.lon, lon.shape)[np.isfinite(lon)], lon[np.isfinite(lon)])
    for name, message in (
        ("SoilMoist_inst", r"Select one level along SoilMoist_profiles, e.g. SoilMoist_inst\[0\]"),
        ("SoilMoist_inst[4]", "has dimensions"),
        ("lat[0]", "units"),
    ):
        with pytest.raises(DataError, match=message), open_cf_layers(path, {name: (0.0, 0.1)}) as file:
            file.read(file.times[0])


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
    tried = {key for key, product in PRODUCTS.items() if product.tried}
    assert tried == {"gldas_noah", "era5", "era5_land", "smap_l2", "esa_cci", "smos_l3"}
    for key, product in PRODUCTS.items():
        assert product_of_entry("mine", PRODUCT_ENTRIES.make(key, path="x")) is product
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
    assert set(PRODUCT_ENTRIES) == {*PRODUCTS, "ascat", "cgls_swi", "cf"}
    with pytest.raises(ConfigError, match="'gldas' is not known; there are gldas_noah"):
        PRODUCT_ENTRIES.make("gldas", path="x")
    with pytest.raises(ConfigError, match=r"catalogue\.mine: product ismn is of stations; expected a gridded product"):
        product_of_entry("mine", STATION_ENTRIES.make("ismn", path="x"))
