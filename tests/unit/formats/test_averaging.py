"""Means of months, dekads and weeks are recognised by several signs and never taken as the image of a day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from landda_hpc.errors import AverageError, DataError
from landda_hpc.formats.cf.averaging import period_in_name
from landda_hpc.formats.products.cf_layers import cf_product
from landda_hpc.formats.products.dataset import Dataset
from landda_hpc.formats.products.ecmwf import open_era5
from landda_hpc.formats.products.esa_cci import open_esa_cci
from landda_hpc.formats.products.precipitation import read_precipitation
from landda_hpc.formats.products.registry import PRODUCTS
from tests.unit.formats.images_of_time import DAY, cf_files, write_image

C3S = "C3S-SOILMOISTURE-L3S-SSMV-COMBINED-{}-20100601000000-ICDR-v201706.0.0.nc"
MONTHS = [datetime(2010, month, 1) for month in range(1, 7)]

SIGNS: dict[str, tuple[Callable[[Path], Path], str]] = {
    "name": (lambda f: write_image(f / C3S.format("MONTHLY"), 0.4, [DAY]), "its name says monthly"),
    "name of a dekad": (lambda f: write_image(f / C3S.format("DEKADAL"), 0.4, [DAY]), "its name says dekadal"),
    "renamed": (
        lambda f: write_image(f / "a.nc", 0.4, [DAY], attributes={"id": C3S.format("MONTHLY")}),
        "its attribute id says monthly",
    ),
    # As in the real files: the resolution is that of the images that were averaged.
    "duration": (
        lambda f: write_image(
            f / "a.nc", 0.4, [DAY], attributes={"time_coverage_resolution": "P1D", "time_coverage_duration": "P1M"}
        ),
        "time_coverage_duration is P1M",
    ),
    "coverage": (
        lambda f: write_image(
            f / "a.nc",
            0.4,
            [DAY],
            attributes={"time_coverage_start": "20100531T120000Z", "time_coverage_end": "2010-06-10T12:00:00Z"},
        ),
        "its time coverage is 10 days",
    ),
    "frequency": (lambda f: write_image(f / "a.nc", 0.4, [DAY], attributes={"frequency": "mon"}), "frequency is mon"),
    "title": (
        lambda f: write_image(f / "a.nc", 0.4, [DAY], attributes={"title": "Soil moisture, monthly average"}),
        "its title is",
    ),
    "days of the granule": (
        lambda f: write_image(
            f / "a.nc", 0.4, [DAY], attributes={"RangeBeginningDate": "2010-06-01", "RangeEndingDate": "2010-06-30"}
        ),
        "its time coverage is 29 days",
    ),
    "cdo": (
        lambda f: write_image(f / "a.nc", 0.4, [DAY], attributes={"history": "Mon Jan 3 2011: cdo -O -monmean a b"}),
        "the operator monmean of cdo",
    ),
    "bounds": (lambda f: write_image(f / "a.nc", 0.4, [DAY], bounds_days=30.0), "the bounds of 'time' span 30 days"),
}  # fmt: skip


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("opens", [open_esa_cci, cf_product({"sm": (0.0, 0.1)}, timedelta(days=1)).opens])
def test_every_sign_alone_is_enough(tmp_path: Path, sign: str, opens: Callable[[Path], object]) -> None:
    make, message = SIGNS[sign]
    with pytest.raises(AverageError, match=message):
        opens(make(tmp_path))


def test_counts_without_times_and_flags_are_the_layout_of_c3s_means(tmp_path: Path) -> None:
    path = write_image(tmp_path / "a.nc", 0.4, [DAY])
    with netCDF4.Dataset(path, "a") as data:
        data.createVariable("nobs", "i2", ("time", "lat", "lon"))[:] = 28
    with pytest.raises(AverageError, match="nobs"):
        open_esa_cci(path)
    with netCDF4.Dataset(path, "a") as data:
        data.createVariable("flag", "i1", ("time", "lat", "lon"))[:] = 0
    open_esa_cci(path).__exit__(None, None, None)


def test_signs_of_files_with_many_times(tmp_path: Path) -> None:
    means = write_image(tmp_path / "a.nc", [0.2] * 6, MONTHS, cell_methods="area: mean time: mean")
    daily = cf_product({"sm": (0.0, 0.1)}, timedelta(days=1))
    with pytest.raises(AverageError, match=r"cell_methods say .* times are 28 days apart"):
        daily.opens(means)
    # Asked for as means of months they are what is wanted.
    cf_product({"sm": (0.0, 0.1)}, timedelta(days=30)).opens(means).__exit__(None, None, None)
    # A month of hourly or daily images is often called monthly.
    days = [DAY + timedelta(days=k) for k in range(3)]
    monthly = write_image(
        tmp_path / "SM_monthly.nc", [0.1, 0.2, 0.3], days, attributes={"time_coverage_duration": "P1M"}
    )
    daily.opens(monthly).__exit__(None, None, None)
    hourly = write_image(tmp_path / "h.nc", [0.1, 0.2, 0.3], days, bounds_days=1.0)
    daily.opens(hourly).__exit__(None, None, None)
    with pytest.raises(AverageError, match="bounds of 'time' span 24 h"):
        cf_product({"sm": (0.0, 0.1)}, timedelta(hours=3)).opens(hourly)


def test_times_far_apart_are_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    middle = [month + timedelta(days=14) for month in MONTHS]
    opens = cf_product({"sm": (0.0, 0.1)}, timedelta(days=1)).opens
    for name in ("a.nc", "b.nc"):
        opens(write_image(tmp_path / name, [0.2] * 6, middle)).__exit__(None, None, None)
    assert [r.getMessage().split("': ")[1][:30] for r in caplog.records] == ["times are at least 672 h apart"]


def test_monthly_means_of_era5_have_no_sign_but_their_times(tmp_path: Path) -> None:
    path = write_image(tmp_path / "e.nc", [0.2] * 6, MONTHS, name="swvl1", units="m**3 m**-3")
    with pytest.raises(AverageError, match="6 times, all at 00 UTC on the first day of a month"):
        open_era5(path)
    rain = write_image(tmp_path / "r.nc", [0.002] * 6, MONTHS, name="tp", units="m")
    with pytest.raises(AverageError, match="first day of a month"):
        list(read_precipitation("era5", [rain]))
    days = [DAY + timedelta(days=k) for k in range(3)]
    daily = write_image(tmp_path / "d.nc", [0.002] * 3, days, name="tp", units="m")
    with pytest.raises(DataError, match="daily totals"):
        list(read_precipitation("era5", [daily]))
    # Of ERA5-Land the value of 00 UTC is the total of the day before.
    assert len(list(read_precipitation("era5_land", [daily]))) == 3
    one = write_image(
        tmp_path / "o.nc", 0.2, [DAY], name="swvl1", units="m**3 m**-3",
        attributes={"history": 'GRIB to CDM+CF via cfgrib with {"filter_by_keys": {"stream": ["moda"]}}'},
    )  # fmt: skip
    with pytest.raises(AverageError, match="stream is of monthly means"):
        open_era5(one)


def test_monthly_means_of_era5_in_grib(tmp_path: Path, shared: Path) -> None:
    eccodes = pytest.importorskip("eccodes")
    path = tmp_path / "m.grib"
    with (shared / "data" / "era5" / "soil-surface-level-mix.grib").open("rb") as raw, path.open("wb") as file:
        handle = eccodes.codes_grib_new_from_file(raw)
        eccodes.codes_set(handle, "paramId", 39)
        eccodes.codes_set(handle, "marsStream", "moda")
        eccodes.codes_write(handle, file)
        eccodes.codes_release(handle)
    with pytest.raises(AverageError, match="stream 'moda', monthly means"):
        open_era5(path)


def test_monthly_gldas(tmp_path: Path) -> None:
    for name, bounds in (("GLDAS_NOAH025_M.A201006.021.nc4", None), ("a.nc", 30.0)):
        path = write_image(
            tmp_path / name, 20.0, [DAY], name="SoilMoi0_10cm_inst", units="kg m-2", bounds_days=bounds,
            lat=np.arange(10.5, 14.0), lon=np.arange(20.5, 24.0), cell_methods="time: point",
        )  # fmt: skip
        with pytest.raises(AverageError, match=r"its name says monthly|bounds of 'time' span 30 days"):
            PRODUCTS["gldas_noah"].opens(path)


def test_a_wildcard_takes_the_day_and_leaves_the_mean_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for kind, value in (("DAILY", 0.1), ("DEKADAL", 0.3), ("MONTHLY", 0.4)):
        write_image(tmp_path / C3S.format(kind), value, [DAY])
    # One that is recognised by its content alone.
    write_image(tmp_path / C3S.format("MIXED"), 0.5, [DAY], attributes={"time_coverage_duration": "P1M"})
    dataset = Dataset(PRODUCTS["esa_cci"], tmp_path, "C3S-*-%Y%m%d000000-*.nc")
    for _ in range(2):
        profile = dataset.read(DAY)
        assert profile is not None
        np.testing.assert_allclose(np.nanmean(profile.values), 0.1, rtol=1e-6)
    left_out = [record.getMessage() for record in caplog.records]
    assert len(left_out) == 3, "each file once"
    assert sum("monthly mean according to its name" in text for text in left_out) == 1
    assert sum("time_coverage_duration is P1M" in text for text in left_out) == 1
    dataset.close()


def test_a_mean_alone_is_missing_under_a_wildcard_and_an_error_by_its_name(tmp_path: Path) -> None:
    write_image(tmp_path / C3S.format("MONTHLY"), 0.4, [DAY])
    wild = Dataset(PRODUCTS["esa_cci"], tmp_path, "C3S-*-%Y%m%d000000-*.nc")
    assert wild.times_between(DAY, DAY) == []
    assert wild.read(DAY) is None
    assert "MONTHLY" in wild.why_missing(DAY)
    assert "monthly mean according to its name" in wild.why_missing(DAY)
    for pattern in (C3S.format("MONTHLY").replace("20100601", "%Y%m%d"), "C3S-*-MONTHLY-%Y%m%d*.nc"):
        with pytest.raises(AverageError, match="its name says monthly"):
            Dataset(PRODUCTS["esa_cci"], tmp_path, pattern).read(DAY)


def test_cf_files_of_days_and_months_in_one_folder(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_image(tmp_path / "SM_day_20100601.nc", 0.1, [DAY])
    write_image(tmp_path / "SM_mon_20100601.nc", 0.4, [DAY])
    dataset = cf_files(tmp_path, "SM_*_%Y%m%d.nc", 24.0)
    assert dataset.times_between(DAY, DAY) == [DAY]
    profile = dataset.read(DAY)
    assert profile is not None
    np.testing.assert_allclose(profile.values, 0.1, rtol=1e-6)
    assert "SM_mon_20100601.nc' is skipped" in caplog.text


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("C3S-SOILMOISTURE-L3S-SSMV-COMBINED-DAILY-20100601000000-ICDR-v201706.0.0.nc", None),
        ("ESACCI-SOILMOISTURE-L3S-SSMV-COMBINED-20100601000000-fv08.1.nc", None),
        ("GLDAS_NOAH025_3H.A20160101.0300.021.nc4", None),
        ("GLDAS_NOAH025_M.A201601.021.nc4", "monthly"),
        ("SMAP_L3_SM_P_20150811_R18290_001.h5", None),
        ("mrsos_Lmon_EC-Earth3_historical.nc", "monthly"),
        ("mrsos_day_EC-Earth3-Veg_land-hist.nc", None),
        ("soilw.mon.mean.v2.nc", "monthly"),
        ("SMsurf_2010_GLEAM_v3.8a_MO.nc", "monthly"),
        ("demonstration_common_20100601.nc", None),
        ("SM_8day_2010.nc", "weekly"),
        ("MERRA2_300.tavgM_2d_lnd_Nx.201006.nc4", "monthly"),
        ("MERRA2_300.tavg1_2d_lnd_Nx.20100601.nc4", None),
        ("SM_RE07_MIR_CLF3MA_20100601T000000_20100630T235959_300_001_7.DBL.nc", "monthly"),
        ("SM_RE07_MIR_CLF31A_20100601T000000_20100601T235959_300_001_7.DBL.nc", None),
        ("SM_10d_20100601.nc", "dekadal"),
        ("SM_month_2010_06.nc", "monthly"),
        ("fcst_column.mon", "monthly"),
    ],
)
def test_words_in_names(name: str, word: str | None) -> None:
    found = period_in_name(name)
    assert (found and found[0]) == word


@pytest.mark.parametrize(
    ("attribute", "of_time", "text"),
    [
        ("delta_t", True, "0000-01-00 00:00:00"),
        ("avg_period", True, "0000-01-00"),
        ("cell_methods", False, "area: mean time: mean within months"),
        ("long_name", False, "Monthly mean of soil moisture"),
    ],
)
def test_attributes_of_variables_that_say_so(tmp_path: Path, attribute: str, of_time: bool, text: str) -> None:
    path = write_image(tmp_path / "a.nc", 0.4, [DAY])
    with netCDF4.Dataset(path, "a") as file:
        file["time" if of_time else "sm"].setncattr(attribute, text)
    with pytest.raises(AverageError, match=attribute):
        open_esa_cci(path)
