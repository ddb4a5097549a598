"""Single-site files: forcing, fluxes and site data of PLUMBER2."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from landda_hpc.errors import DataError, MissingFileError
from landda_hpc.formats.forcing.plumber import WEATHER, hourly, read_fluxes, read_forcing, read_site

STEP = 1800.0


def write_met(path: Path, n: int = 8, change: Callable[[netCDF4.Dataset], None] | None = None) -> Path:
    """A small "Met" file made here; value i of every variable is its index plus 250."""
    with netCDF4.Dataset(path, "w") as file:
        for name, length in (("time", n), ("y", 1), ("x", 1)):
            file.createDimension(name, length)
        time = file.createVariable("time", "f8", ("time",))
        time.units = "seconds since 2008-01-01 00:00:00"
        time[:] = STEP * np.arange(n)
        for variable, units in WEATHER.values():
            made = file.createVariable(variable, "f4", ("time", "y", "x"), fill_value=-9999.0)
            made.units = units[0]
            made[:] = 250.0 + np.arange(n)[:, None, None]
        for name, value in (("latitude", 44.6), ("longitude", 123.5)):
            file.createVariable(name, "f4", ("y", "x"))[:] = value
        file.createVariable("reference_height_v", "f4", ())[...] = 6.0
        if change:
            change(file)
    return path


def test_forcing_has_its_values_times_and_heights(tmp_path: Path) -> None:
    forcing = read_forcing(write_met(tmp_path / "met.nc"))
    assert forcing.start == datetime(2008, 1, 1)
    assert forcing.step == timedelta(minutes=30)
    assert forcing.end == datetime(2008, 1, 1, 4)
    assert set(forcing.values) == set(WEATHER)
    assert all(np.array_equal(v, 250.0 + np.arange(8)) for v in forcing.values.values())
    assert (forcing.wind_height, forcing.scalar_height) == (6.0, 6.0)  # one height given: it counts for both


def _missing(file: netCDF4.Dataset) -> None:
    file["Tair"][3] = -9999.0


def _units(file: netCDF4.Dataset) -> None:
    file["Tair"].units = "degC"


def _zone(file: netCDF4.Dataset) -> None:
    file["time"].units = "seconds since 2008-01-01 00:00:00 +8:00"


def _uneven(file: netCDF4.Dataset) -> None:
    file["time"][5] = 60.0 + 5 * STEP


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_missing, "'Tair'.* has 1 missing"),
        (_units, "units 'degC'"),
        (_uneven, "not evenly spaced"),
        (_zone, "expected no time zone"),
    ],
)
def test_forcing_that_no_model_can_use_is_refused(
    tmp_path: Path, change: Callable[[netCDF4.Dataset], None], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read_forcing(write_met(tmp_path / "met.nc", change=change))


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"none\.nc"):
        read_forcing(tmp_path / "none.nc")


def test_fluxes_count_where_they_were_measured(tmp_path: Path) -> None:
    path = tmp_path / "flux.nc"
    with netCDF4.Dataset(path, "w") as file:
        for name, length in (("time", 4), ("y", 1), ("x", 1)):
            file.createDimension(name, length)
        time = file.createVariable("time", "f8", ("time",))
        time.units = "seconds since 2008-01-01 00:00:00"
        time[:] = STEP * np.arange(4)
        made = file.createVariable("Qle", "f4", ("time", "y", "x"), fill_value=-9999.0)
        made[:] = np.array([10.0, 20.0, -9999.0, 40.0])[:, None, None]
        file.createVariable("Qle_qc", "f4", ("time", "y", "x"))[:] = np.array([0.0, 1.0, 0.0, 0.0])[:, None, None]
    fluxes = read_fluxes(path)
    assert list(fluxes.values) == ["latent"]
    np.testing.assert_array_equal(fluxes.values["latent"], [10.0, np.nan, np.nan, 40.0])


@pytest.mark.parametrize(("minutes", "first", "expected"), [(0, 0, [0.5, 2.5, 4.5]), (30, 1, [1.5, 3.5])])
def test_hourly_means_are_of_whole_hours_of_the_clock(minutes: int, first: int, expected: list[float]) -> None:
    start = datetime(2008, 1, 1, 0, minutes)
    begin, means = hourly(np.arange(6.0), start, timedelta(minutes=30))
    assert begin == datetime(2008, 1, 1, first)
    np.testing.assert_array_equal(means, expected)


def test_values_that_do_not_make_up_hours_are_refused() -> None:
    with pytest.raises(DataError, match="do not make up hours"):
        hourly(np.arange(6.0), datetime(2008, 1, 1), timedelta(hours=3))


def test_real_site(shared: Path) -> None:
    folder = shared / "data" / "colm"
    forcing = read_forcing(next((folder / "Forcing").glob("*_Met.nc")))
    assert forcing.step == timedelta(minutes=30)
    assert forcing.values["precipitation"].sum() * STEP == pytest.approx(665.7, abs=0.1)
    fluxes = read_fluxes(next((folder / "Observation").glob("*_Flux.nc")))
    assert 0.8 < np.isfinite(fluxes.values["latent"]).mean() < 0.9
    for path in (next((folder / "Sitedata").glob("*_site.nc")), folder / "restart/singlepoint_CN-Cng/srfdata.nc"):
        site = read_site(path)
        assert site.igbp == 10
        assert site.canopy_height == pytest.approx(0.69)
        lai, sai = site.leaf_area(2008)
        assert lai.max() == pytest.approx(1.8)
        assert sai.min() == pytest.approx(0.45)
        np.testing.assert_array_equal(site.leaf_area(1990)[0], lai)  # the nearest year
        assert site.soil["conductivity"][0] == pytest.approx(11.19954 * 10.0 / 86400.0)
