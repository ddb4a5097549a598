"""The embedded model at one site: forcing on local time, closed budgets, comparison from files."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from landda_hpc.constants import ZERO_CELSIUS
from landda_hpc.errors import ConfigError, DataError
from landda_hpc.formats.forcing.plumber import PointForcing, SiteRecord
from landda_hpc.land_experiments.site import SiteJob, compare_at_site, read_references, run_site
from landda_hpc.land_experiments.site_setup import SiteModel, SiteWeather, prepare_site
from landda_hpc.model.column.vegetation import root_shares

START = datetime(2008, 5, 1)


def forcing(days: int = 3, start: datetime = START) -> PointForcing:
    """Bright days, a shower at noon of the first."""
    n = 48 * days
    hour = np.arange(n) % 48 / 2.0
    sun = np.maximum(0.0, 800.0 * np.sin(np.pi * (hour - 6.0) / 12.0))
    rain = np.zeros(n)
    rain[24:28] = 2.0e-3
    values = {
        "shortwave": sun,
        "longwave": np.full(n, 320.0),
        "air_temperature": 288.0 - 6.0 * np.cos(2 * np.pi * (hour - 3.0) / 24.0),
        "specific_humidity": np.full(n, 6.0e-3),
        "surface_pressure": np.full(n, 99000.0),
        "wind_speed": np.full(n, 3.0),
        "precipitation": rain,
    }
    return PointForcing(Path("made.nc"), start, timedelta(minutes=30), 44.6, 123.5, 6.0, 6.0, values)


def site(igbp: int = 10) -> SiteRecord:
    """A meadow on loam."""
    ones = np.ones(10)
    return SiteRecord(
        Path("site.nc"),
        igbp,
        0.5,
        np.array([2008, 2009]),
        np.stack([np.full(12, 1.5), np.full(12, 0.5)]),
        np.full((2, 12), 0.4),
        {
            "porosity": 0.45 * ones,
            "suction": -300.0 * ones,
            "lambda": 0.17 * ones,
            "conductivity": 3.0e-3 * ones,
            "solids_heat_capacity": 1.2e6 * ones,
            "dry_conductivity": 0.2 * ones,
            "saturated_conductivity": 1.4 * ones,
        },
        {},
    )


def model(days: int = 3, start: datetime = START) -> SiteModel:
    """From a cold start."""
    return prepare_site(forcing(days, start), site(), None, None)


def test_weather_is_on_utc() -> None:
    weather = SiteWeather(forcing(), timedelta(hours=8))
    noon = weather.during(datetime(2008, 5, 1, 4, 0))  # 12:00 local
    assert noon.shortwave[0] == pytest.approx(800.0)
    assert noon.precipitation[0] == 2.0e-3
    assert weather.wind_height == 6.0
    with pytest.raises(DataError, match="no forcing at 2008-05-04"):
        weather.during(datetime(2008, 5, 4))
    with pytest.raises(DataError, match="utc-offset"):
        SiteWeather(forcing(), timedelta(hours=8, minutes=10))


@pytest.mark.verify
def test_budgets_close_and_the_day_has_its_course() -> None:
    series, budget = run_site(model(), START, START + timedelta(days=3))
    assert series.n_hour == 72
    assert budget.precipitation == pytest.approx(4 * 1800 * 2.0e-3)
    gain = budget.precipitation - budget.evapotranspiration - budget.runoff - budget.drainage
    assert budget.storage_change == pytest.approx(gain, abs=1e-9)
    assert budget.water_residual <= 1e-9
    assert budget.energy_residual <= 1e-3
    balance = sum(series.values[n] for n in ("latent", "sensible", "ground")) - series.values["net_radiation"]
    assert np.abs(balance).max() < 1e-3
    by_hour = series.values["net_radiation"].reshape(3, 24)
    assert (by_hour.argmax(axis=1) // 3 == 4).all()  # noon, local time
    assert np.isfinite(series.values["soil_temperature"]).all()


@pytest.mark.verify
def test_a_run_goes_on_where_another_stopped() -> None:
    whole, first = model(), model()
    day = timedelta(days=1)
    series, _ = run_site(whole, START, START + 2 * day)
    one, _ = run_site(first, START, START + day)
    two, _ = run_site(first, START + day, START + 2 * day)
    for name, values in series.values.items():
        np.testing.assert_array_equal(values, np.concatenate([one.values[name], two.values[name]]))


def test_spin_up_repeats_the_period() -> None:
    twice, once = model(), model()
    end = START + timedelta(days=2)
    run_site(once, START, end)
    expected, _ = run_site(once, START, end)
    found, _ = run_site(twice, START, end, spin_up=1)
    np.testing.assert_array_equal(found.values["soil_moisture"], expected.values["soil_moisture"])


def test_leaf_area_is_the_years_own() -> None:
    eve = datetime(2008, 12, 31)
    found = model(2, eve)
    series, _ = run_site(found, eve, eve + timedelta(days=2))
    bare = model(2, eve)
    bare = replace(bare, site=replace(bare.site, lai=np.full((2, 12), 1.5)))
    other, _ = run_site(bare, eve, eve + timedelta(days=2))
    np.testing.assert_array_equal(series.values["latent"][:24], other.values["latent"][:24])
    assert not np.array_equal(series.values["latent"][24:], other.values["latent"][24:])


def test_dead_leaves_of_a_cold_month_count_as_stems() -> None:
    warm = forcing(days=40, start=datetime(2008, 1, 1))
    air = np.where(np.arange(warm.n_time) < 48 * 31, ZERO_CELSIUS - 8.0, ZERO_CELSIUS + 7.0)
    found = prepare_site(replace(warm, values=warm.values | {"air_temperature": air}), site(), None, None)
    parameters = found.parameters_of(2008)
    assert parameters.lai[0, :2] == pytest.approx([0.0, 1.5])
    assert parameters.sai[0, :2] == pytest.approx([1.9, 0.4])
    np.testing.assert_allclose(parameters.lai + parameters.sai, 1.9)
    trees = prepare_site(replace(warm, values=warm.values | {"air_temperature": air}), site(4), None, None)
    assert (trees.parameters_of(2008).lai == 1.5).all()


def test_what_cannot_be_run_is_refused() -> None:
    with pytest.raises(DataError, match="land cover 17"):
        prepare_site(forcing(), site(17), None, None)
    with pytest.raises(DataError, match="does not describe the soil"):
        prepare_site(forcing(), replace(site(), soil={}), None, None)
    with pytest.raises(ConfigError, match="whole hours"):
        run_site(model(), START, START + timedelta(minutes=90))


def test_roots_sum_to_one_and_half_lie_above_d50() -> None:
    shares = root_shares(0.0906, -1.5)  # an interface of the soil layers, to 0.1 mm
    assert shares.sum() == pytest.approx(1.0)
    assert shares[:3].sum() == pytest.approx(0.5, abs=1e-3)


def test_references_need_names_of_their_own(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'tower' is used already"):
        read_references((f"tower={tmp_path / 'a.nc'}",))


def test_real_site_from_files(shared: Path, tmp_path: Path) -> None:
    folder = shared / "data" / "colm"
    sample = folder / "restart" / "singlepoint_CN-Cng"
    result = compare_at_site(
        SiteJob(
            forcing=next((folder / "Forcing").glob("*_Met.nc")),
            site=sample / "srfdata.nc",
            output=tmp_path / "out",
            initial=next((sample / "2008-001-00000").glob("*.nc")),
            site_soil=True,
            references=(f"colm={folder / 'restart/history/CN-Cng_hist_2008-01.nc'}",),
            observations=next((folder / "Observation").glob("*_Flux.nc")),
            end=datetime(2008, 1, 6),
            figures=False,
        )
    )
    assert result.budget.water_residual <= 1e-9
    with (tmp_path / "out" / "scores.csv").open() as file:
        rows = {(r["variable"], r["layer"], r["series"], r["against"]): r for r in csv.DictReader(file)}
    # The same initial state: deep soil stays with the reference, radiation follows the same sun.
    assert float(rows["soil_temperature", "9", "embedded", "colm"]["rmse"]) < 0.1
    assert float(rows["net_radiation", "0", "embedded", "colm"]["correlation"]) > 0.99
    assert float(rows["net_radiation", "0", "embedded", "tower"]["correlation"]) > 0.97
    with netCDF4.Dataset(tmp_path / "out" / "series.nc") as file:
        assert file["soil_moisture"].shape == (120, 10)
        assert netCDF4.num2date(file["time"][0], file["time"].units).isoformat() == "2007-12-31T16:30:00"
