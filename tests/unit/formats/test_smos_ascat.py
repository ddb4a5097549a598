"""SMOS of CATDS, and products in percent of saturation: real files, and files made in the providers' layouts."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from landda_hpc.config import PRODUCT_ENTRIES, FileObservations
from landda_hpc.errors import ConfigError, DataError
from landda_hpc.formats.products.dataset import make_dataset
from landda_hpc.formats.products.product import Product
from landda_hpc.formats.products.registry import PRODUCTS
from landda_hpc.grid import regular_grid
from landda_hpc.observation.files import ProductSource
from tests.unit.formats.horizontal_axes import LAT, LON, axes

SMOS_L3 = "SM_OPER_MIR_CLF31A_20150506T000000_20150506T235959_300_002_7.DBL.nc"
SMOS_L4 = "SM_OPER_MIR_CLF4RD_20200131T000000_20200131T235959_300_001_9.DBL.nc"


def product_of(**entry: object) -> Product:
    made = PRODUCT_ENTRIES[str(entry["product"])].model_validate({"path": "x%Y%m%d.nc", **entry})
    return made.build()  # type: ignore[attr-defined,no-any-return]  # a gridded entry


def make_file(path: Path, fields: dict[str, tuple[float, str]], time: str = "") -> Path:
    with netCDF4.Dataset(path, "w") as data:
        axes(data, "lat", "lon", LAT, LON)
        if time:
            data.createDimension("time", 1)
            clock = data.createVariable("time", "f8", ("time",))
            clock.units, clock[:] = time, [0.0]
        for name, (value, units) in fields.items():
            variable = data.createVariable(name, "f4", (*(("time",) if time else ()), "lat", "lon"), fill_value=-999.0)
            variable.units, variable[:] = units, value
    return path


def test_the_real_file_of_smos_l3(shared: Path) -> None:
    path = shared / "data" / "satellite" / "SMOS_L3" / SMOS_L3
    with netCDF4.Dataset(path) as raw, PRODUCTS["smos_l3"].opens(path) as file:
        assert file.times == (datetime(2015, 5, 6, 12),)
        profile = file.read(file.times[0])
        expected = np.ma.filled(raw["Soil_Moisture"][:].astype(np.float64), np.nan)
        seconds = np.ma.filled(raw["Mean_Acq_Time_Seconds"][:].astype(np.float64), np.nan)
    np.testing.assert_allclose(profile.values[0], expected, atol=1e-12)
    assert profile.depths_m == ((0.0, 0.05),) and profile.cell_seconds is not None
    # Ascending overpasses of Europe, about 6 h local time: seconds after noon, where the day is that of the file.
    known = np.isfinite(profile.cell_seconds) & np.isfinite(expected)
    np.testing.assert_allclose(profile.cell_seconds[known], seconds[known] - 43200.0)
    assert np.isfinite(profile.cell_seconds[np.isfinite(expected)]).mean() > 0.9


def test_smos_with_errors_and_interference_and_the_root_zone(tmp_path: Path) -> None:
    fields = {
        "Soil_Moisture": (0.2, "m3.m-3"), "Soil_Moisture_Dqx": (0.03, "m3.m-3"), "Rfi_Prob": (0.1, "1"),
        "Mean_Acq_Time_Days": (5604.0, "d"), "Mean_Acq_Time_Seconds": (21600.0, "s"),
    }  # fmt: skip
    path = make_file(tmp_path / SMOS_L3, fields)
    with netCDF4.Dataset(path, "a") as data:
        data["Rfi_Prob"][0, 0] = 0.4
        data["Soil_Moisture_Dqx"][0, 1] = 0.0
    with PRODUCTS["smos_l3"].opens(path) as file:
        profile = file.read(file.times[0])
    assert profile.error_std is not None and profile.cell_seconds is not None
    np.testing.assert_allclose(profile.error_std[0, -1, [0, 2]], 0.03, rtol=1e-6)
    assert np.isnan(profile.error_std[0, -1, 1]), "an error of zero is not an error"
    assert np.flatnonzero(profile.conditions["not_recommended"][-1]).tolist() == [0]
    np.testing.assert_allclose(profile.cell_seconds, -21600.0)
    with PRODUCTS["smos_l4"].opens(make_file(tmp_path / SMOS_L4, {"RZSM": (0.25, "m3.m-3")})) as file:
        assert file.times == (datetime(2020, 1, 31, 12),)
        root = file.read(file.times[0], (0.0, 1.0))
    assert root.depths_m == ((0.0, 1.0),)
    np.testing.assert_allclose(root.values, 0.25)
    with pytest.raises(DataError, match="has no valid day \\(it covers 20150501 to 20150510, not a day\\)"):
        name = "SM_OPER_MIR_CLF3MA_20150501T000000_20150510T235959_300_002_7.DBL.nc"
        PRODUCTS["smos_l3"].opens(make_file(tmp_path / name, fields))


def test_the_real_file_of_the_soil_water_index(shared: Path) -> None:
    path = next((shared / "data" / "satellite" / "CGLS_SWI1km_V1.0_img").glob("*.nc"))
    product = product_of(product="cgls_swi", depth_m=[0.0, 0.1], porosity=0.4)
    assert not product.is_saturation
    with netCDF4.Dataset(path) as raw, product.opens(path) as file:
        assert file.times == (datetime(2017, 6, 1, 12),)
        profile = file.read(file.times[0])
        raw.set_auto_maskandscale(False)
        stored = raw["SWI_005"][0, ::-1]
    # Half percent; codes from 241 on are masks of water, slopes and missing values.
    expected = np.where(stored <= 200, 0.005 * stored * 0.4, np.nan)
    np.testing.assert_allclose(profile.values[0], expected, atol=1e-9)
    assert np.isfinite(expected).sum() > 1000
    assert not profile.conditions["frozen"][np.isfinite(expected)].any()
    assert not profile.conditions["not_recommended"][np.isfinite(expected)].any(), "the quality is 98.5 %"


def test_saturation_becomes_water_with_the_porosity_of_the_model(tmp_path: Path) -> None:
    fields = {
        "surface_soil_moisture": (50.0, "percent"), "surface_soil_moisture_noise": (4.0, "percent"),
        "frozen_soil_probability": (0.0, "percent"), "snow_cover_probability": (0.0, "percent"),
    }  # fmt: skip
    path = make_file(tmp_path / "ascat_20220602.nc", fields, time="days since 2022-06-02 00:00:00")
    with netCDF4.Dataset(path, "a") as data:
        data["frozen_soil_probability"][0, 0] = 80.0
    entry = PRODUCT_ENTRIES["ascat"].model_validate({"product": "ascat", "path": "ascat_%Y%m%d.nc"})
    grid = regular_grid(4, 6, south=41.0, north=44.0, west=101.0, east=106.0)
    soil, porosity = np.ones(grid.shape, dtype=np.bool_), np.full(grid.shape, 0.4)
    porosity[0] = 0.5
    settings = FileObservations.model_validate({"depth_m": (0.0, 0.02), "errors": {"kind": "product"}})
    source = ProductSource(make_dataset("ascat", entry, tmp_path), settings, grid, soil, porosity=porosity)
    time = datetime(2022, 6, 2)
    assert [moment for moment, _ in source.survey([time]).found] == [time]
    found = source.at(time)
    assert found is not None and found.error_std is not None
    np.testing.assert_allclose(found.given[1:], 0.20, rtol=1e-6)
    np.testing.assert_allclose(found.given[0], 0.25, rtol=1e-6)
    np.testing.assert_allclose(found.error_std[1:], 0.016, rtol=1e-6)
    with product_of(product="ascat", porosity=0.45).opens(path) as file:
        profile = file.read(file.times[0])
    np.testing.assert_allclose(profile.values, 0.225, rtol=1e-6)
    assert profile.error_std is not None
    np.testing.assert_allclose(profile.error_std, 0.018, rtol=1e-6)
    assert profile.conditions["frozen"][-1].all() and not profile.conditions["frozen"][:-1].any()
    with pytest.raises(ConfigError, match="porosity: model, which is not known here"):
        ProductSource(make_dataset("ascat", entry, tmp_path), settings, grid, soil)
