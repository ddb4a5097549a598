"""Interpolation in time: weights of straight lines and of the sun, against quadrature; gaps in files."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import netCDF4
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landda_hpc.errors import DataError
from landda_hpc.formats.forcing.forcing_file import Record
from landda_hpc.formats.forcing.forcing_sets import VariableFiles
from landda_hpc.model.forcing.sun import SOLAR_CONSTANT, daily_insolation, mean_cosine_zenith, mean_sun_height, sun_at
from landda_hpc.model.forcing.timeline import Timeline, find_gaps, line_weights

START = datetime(2020, 1, 1)
HOUR = timedelta(hours=1)


@given(st.integers(0, 400), st.integers(1, 300), st.sampled_from([60, 180, 360]))
def test_line_weights_are_the_mean_of_the_lines(first: int, minutes: int, step: int) -> None:
    nodes = [START + timedelta(minutes=i * step) for i in range(14)]
    begin = START + timedelta(minutes=first)
    end = begin + timedelta(minutes=minutes)
    weights = np.array(line_weights(nodes, begin, end))
    assert weights.sum() == pytest.approx(1.0, rel=1e-12)
    assert (weights >= 0.0).all()
    x = np.array([(n - START).total_seconds() / 60.0 for n in nodes])
    assert weights @ x == pytest.approx(first + 0.5 * minutes, rel=1e-12)  # exact for a straight line
    values = np.sin(0.01 * x)
    fine = first + (np.arange(4000) + 0.5) / 4000 * minutes
    assert weights @ values == pytest.approx(np.interp(fine, x, values).mean(), abs=2e-6)


def test_values_hold_beyond_the_nodes() -> None:
    assert line_weights([START], START + HOUR, START + 2 * HOUR) == [1.0]
    assert line_weights([START, START + HOUR], START - HOUR, START) == [1.0, 0.0]
    assert line_weights([START, START + HOUR], START + 0.25 * HOUR, START + 0.25 * HOUR) == pytest.approx([0.75, 0.25])


@given(
    st.floats(-90.0, 90.0), st.floats(-180.0, 360.0), st.floats(-0.41, 0.41), st.floats(-9.0, 9.0), st.floats(0.01, 8)
)
def test_sun_height_in_closed_form(lat: float, lon: float, declination: float, begin: float, length: float) -> None:
    where = np.array([lat]), np.array([lon])
    sun = np.sin(declination), np.cos(declination)
    found = mean_sun_height(*where, *sun, begin, begin + length)[0]
    angle = begin + (np.arange(20000) + 0.5) / 20000 * length + np.deg2rad(lon)
    height = np.sin(np.deg2rad(lat)) * sun[0] + np.cos(np.deg2rad(lat)) * sun[1] * np.cos(angle)
    assert found == pytest.approx(np.maximum(height, 0.0).mean(), abs=2e-7)
    # Parts add up.
    cut = begin + 0.3 * length
    parts = (
        0.3 * mean_sun_height(*where, *sun, begin, cut)[0] + 0.7 * mean_sun_height(*where, *sun, cut, begin + length)[0]
    )
    assert parts == pytest.approx(found, abs=1e-13)


def test_sun_height_is_that_of_the_other_functions() -> None:
    lat, lon = np.array([-35.0, 0.0, 44.0, 72.0]), np.array([10.0, 200.0, 123.0, 355.0])
    sun = sun_at(START + 12 * HOUR)
    day = mean_sun_height(lat, lon, np.sin(sun.declination), np.cos(sun.declination), 0.3, 0.3 + 2.0 * np.pi)
    np.testing.assert_allclose(SOLAR_CONSTANT * sun.distance_factor * day, daily_insolation(lat, sun), rtol=1e-12)
    np.testing.assert_allclose(mean_cosine_zenith(lat, lon, START, 24 * HOUR), day, rtol=1e-12)


def write(
    path: Path, hours: list[float], units: str = "hours since 2020-01-01", calendar: str = "standard", kind: str = "f8"
) -> None:
    with netCDF4.Dataset(path, "w") as file:
        for name, n in (("time", None), ("lat", 1), ("lon", 1)):
            file.createDimension(name, n)
        time = file.createVariable("time", kind, ("time",))
        time.units, time.calendar = units, calendar
        time[:] = hours
        values = file.createVariable("T", "f4", ("time", "lat", "lon"))
        values.units = "K"
        values[:] = 280.0


MONTHLY = VariableFiles("T.%Y-%m.nc", ("T",), "mean", "begin", "uniform")


def test_records_of_neighbouring_files_join(tmp_path: Path) -> None:
    write(tmp_path / "T.2020-01.nc", [3.0 * i for i in range(248)])
    write(tmp_path / "T.2020-02.nc", [744 + 3.0 * i for i in range(232)])
    timeline = Timeline(tmp_path, MONTHLY, "stamps", leap_days=True)
    end_of_january = datetime(2020, 2, 1)
    parts = timeline.overlapping(end_of_january - 2 * HOUR, end_of_january + 4 * HOUR)
    assert [(p.end - p.begin) / HOUR for p in parts] == [2.0, 3.0, 1.0]
    assert [p.record.index for p in parts] == [247, 0, 1]
    assert [r.node for r in timeline.bracket(end_of_january, end_of_january + HOUR)] == [
        end_of_january - 1.5 * HOUR, end_of_january + 1.5 * HOUR,
    ]  # fmt: skip
    # At the very beginning the first record stands alone.
    assert timeline.bracket(START, START + HOUR)[0].index == 0
    assert find_gaps(timeline, START, datetime(2020, 3, 1), as_line=False) == []
    assert find_gaps(timeline, START, datetime(2020, 3, 1), as_line=True) == []
    with pytest.raises(DataError, match=r"T.2020-03.nc' does not exist"):
        timeline.overlapping(datetime(2020, 2, 29, 23), datetime(2020, 3, 1, 1))


def test_gaps_are_named(tmp_path: Path) -> None:
    write(tmp_path / "T.2020-01.nc", [3.0 * i for i in range(248) if i < 100])
    timeline = Timeline(tmp_path, MONTHLY, "stamps", leap_days=True)
    [short] = find_gaps(timeline, START, datetime(2020, 1, 20), as_line=False)
    assert "no values" in short
    [missing] = find_gaps(timeline, START, datetime(2020, 2, 20), as_line=False)
    assert "T.2020-02.nc' does not exist" in missing
    write(tmp_path / "T.2020-01.nc", [3.0 * i for i in range(248) if i != 100])
    timeline = Timeline(tmp_path, MONTHLY, "stamps", leap_days=True)
    [uneven] = find_gaps(timeline, START, datetime(2020, 1, 20), as_line=False)
    assert "not evenly spaced: 3:00:00 at first, 6:00:00 before 2020-01-13 15:00:00" in uneven


@pytest.mark.parametrize(("clock", "leap_days"), [("stamps", False), ("stamps", True), ("records", False)])
def test_years_without_leap_day(tmp_path: Path, clock: str, leap_days: bool) -> None:
    write(tmp_path / "T.2020-02.nc", [0.25 * i for i in range(112)], "days since 2020-02-01", "noleap")
    write(tmp_path / "T.2020-03.nc", [0.25 * i for i in range(124)], "days since 2020-03-01", "noleap")
    timeline = Timeline(tmp_path, MONTHLY, clock, leap_days)  # type: ignore[arg-type]
    assert find_gaps(timeline, datetime(2020, 2, 1), datetime(2020, 3, 31), as_line=True) == []
    [twin] = timeline.overlapping(datetime(2020, 2, 29, 7), datetime(2020, 2, 29, 8))
    [original] = timeline.overlapping(datetime(2020, 2, 28, 7), datetime(2020, 2, 28, 8))
    assert twin.record.index == original.record.index == 109
    [march] = timeline.overlapping(datetime(2020, 3, 1), datetime(2020, 3, 1, 1))
    assert (march.record.path.name, march.record.index) == ("T.2020-03.nc", 0)


@pytest.mark.parametrize(
    ("days", "kind", "units"),
    [
        (np.arange(248) / 8.0 + 1 / 24, "f8", "days since 2020-01-01 08:00:00 +8:00"),
        (43829 + np.arange(248) / 8.0 + 1 / 24, "f4", "days since 1900-01-01"),
        (737426 + np.arange(248) / 8.0 + 1 / 24, "f8", "days since 1-1-1"),
        (np.round(43829 + np.arange(248) / 8.0 + 1 / 24, 3), "f8", "days since 1900-01-01"),
        (np.arange(248) / 8.0 + 1 / 24 + np.arange(248) % 3 / 86400, "f8", "days since 2020-01-01"),
    ],
    ids=["time zone", "single precision", "year 1", "three decimals", "seconds of arithmetic"],
)
def test_stamps_are_read_by_the_one_clock(tmp_path: Path, days: np.ndarray, kind: str, units: str) -> None:
    write(tmp_path / "T.2020-01.nc", list(days), units, kind=kind)
    variable = VariableFiles("T.%Y-%m.nc", ("T",), "instant", "begin", "linear")
    records = Timeline(tmp_path, variable, "stamps", leap_days=True).records(START)
    assert [record.begin for record in records] == [START + (3 * i + 1) * HOUR for i in range(248)]


def test_a_named_time_zone_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "T.2020-01.nc", [0.0, 3.0], "hours since 2020-01-01 08:00:00 CST")
    with pytest.raises(DataError, match="'CST' after the reference time is not understood"):
        Timeline(tmp_path, MONTHLY, "stamps", leap_days=True).records(START)


def test_counted_records_do_not_read_the_clock(tmp_path: Path) -> None:
    write(tmp_path / "T.2020-01.nc", [7.0] * 124)
    timeline = Timeline(tmp_path, MONTHLY, "records", leap_days=True)
    [part] = timeline.overlapping(START + 6 * HOUR, START + 7 * HOUR)
    assert part.record == Record(tmp_path / "T.2020-01.nc", 1, START + 6 * HOUR, START + 12 * HOUR)
    write(tmp_path / "T.2020-01.nc", [7.0] * 123)
    timeline = Timeline(tmp_path, MONTHLY, "records", leap_days=True)
    with pytest.raises(DataError, match="123 records for 31 days"):
        timeline.records(START)
