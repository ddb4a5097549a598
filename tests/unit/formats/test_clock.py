"""The clock of all readers, against cftime and datetime: right, or refused."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import cftime
import netCDF4
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from landda_hpc.errors import DataError
from landda_hpc.formats.cf.clock import NOLEAP_CALENDARS, STANDARD_CALENDARS, decode_times, is_clock, parse_units
from landda_hpc.formats.products.cf_layers import cf_product
from landda_hpc.formats.products.dataset import Dataset
from landda_hpc.formats.products.image_series import open_image_series

PLACE = "time 'time' in 'file.nc'"
DAY = datetime(2010, 6, 1)
ALL = (*STANDARD_CALENDARS, *NOLEAP_CALENDARS)
SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}

MOMENTS = st.datetimes(datetime(1700, 1, 1), datetime(2200, 12, 31)).map(lambda t: t.replace(microsecond=0))
REFERENCES = st.datetimes(datetime(1, 1, 1), datetime(2100, 12, 31)).map(lambda t: t.replace(microsecond=0))


def decode(
    values: list[float] | np.ndarray,
    units: str,
    calendar: str = "",
    kind: type = np.float64,
    calendars: tuple[str, ...] = STANDARD_CALENDARS,
) -> list[datetime]:
    stored = np.asarray(values, dtype=kind)
    return decode_times(stored.astype(np.float64), stored.dtype, units, calendar, PLACE, calendars)


@settings(deadline=None)
@given(
    st.lists(MOMENTS, min_size=1, max_size=5),
    REFERENCES,
    st.sampled_from(list(SECONDS)),
    st.sampled_from(["standard", "gregorian", "proleptic_gregorian", "noleap", "365_day", ""]),
    st.sampled_from(["%d-%d-%d %d:%d:%d", "%04d-%02d-%02d %02d:%02d:%02d.0 UTC", "%04d-%02d-%02dT%02d:%02d:%02dZ"]),
)
def test_times_are_those_of_cftime(
    moments: list[datetime], first: datetime, unit: str, calendar: str, style: str
) -> None:
    """From any reference since the year 1; the standard calendar counts Julian days before 1582."""
    kind = calendar or "standard"
    if kind in NOLEAP_CALENDARS:
        assume(all((t.month, t.day) != (2, 29) for t in (first, *moments)))
    elif kind != "proleptic_gregorian":
        assume(not datetime(1582, 10, 4) < first < datetime(1582, 10, 16))
    moments = sorted({t.replace(second=0) for t in moments})
    units = f"{unit} since " + style % first.timetuple()[:6]
    dates = [cftime.datetime(*t.timetuple()[:6], calendar=kind) for t in moments]
    numbers = np.atleast_1d(cftime.date2num(dates, units, kind))
    assert decode(numbers, units, calendar, numbers.dtype.type, ALL) == moments


@settings(deadline=None)
@given(MOMENTS, MOMENTS, st.integers(-12 * 60, 14 * 60), st.sampled_from(["", " "]), st.integers(0, 3))
def test_time_zones_of_the_unit_are_those_of_the_standard_library(
    moment: datetime, first: datetime, minutes: int, gap: str, style: int
) -> None:
    zone = timezone(timedelta(minutes=minutes))
    sign, (hours, rest) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
    texts = [f"{sign}{hours}:{rest:02d}", f"{sign}{hours:02d}:{rest:02d}", f"{sign}{hours:02d}{rest:02d}"]
    texts.append(f"{sign}{hours}" if rest == 0 else f"{sign}{hours}{rest:02d}")
    truth = (first.replace(tzinfo=zone) + (moment - first)).astimezone(UTC).replace(tzinfo=None)
    seconds = round((moment - first).total_seconds())
    assert decode([seconds], f"seconds since {first:%Y-%m-%d %H:%M:%S}{gap}{texts[style]}", kind=np.int64) == [truth]


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        ("hours since 2010-06-01", DAY),
        ("hours since 2010-06-01 00:00", DAY),
        ("hours since 2010-6-1 0:0:0.0", DAY),
        ("Hours since 2010-06-01T00:00:00.000Z", DAY),
        ("hr since 2010-06-01 00:00:00 GMT", DAY),
        ("h since 2010-06-01 UTC", DAY),
        ("hours since 2010-06-01 08", DAY + timedelta(hours=8)),
        ("hours since 2010-06-01 08:00:00 +8:00", DAY),
        ("hours since 2010-06-01 08:00:00 +8", DAY),
        ("hours since 2010-06-01 08:00:00+0800", DAY),
        ("hours since 2010-06-01T08:00:00+08:00", DAY),
        ("hours since 2010-05-31 18:00 -6:00", DAY),
        ("hours since 2010-06-01 05:30 +5:30", DAY),
        ("hours since 2010-06-01 05:30 +530", DAY),
        (" hours  since  2010-06-01 ", DAY),
    ],
)
def test_units_that_are_understood(units: str, expected: datetime) -> None:
    assert decode([0, 6], units) == [expected, expected + timedelta(hours=6)]


@pytest.mark.parametrize(
    ("units", "message"),
    [
        ("hours since 2010-06-01 08:00:00 CST", "'CST' after the reference time"),
        ("hours since 2010-06-01 08:00:00 EST5EDT", "ambiguous"),
        ("hours since 2010-06-01 08:00:00 Asia/Shanghai", "ambiguous"),
        ("hours since 2010-06-01 08:00:00 UTC+8", "not understood"),
        ("hours since 2010-06-01 08:00:00 +8:00 UTC", "one time zone"),
        ("hours since 2010-06-01 -6:00", "not understood"),
        ("hours since 2010-06-01 08:00:00 +15:00", "a valid time of day and time zone"),
        ("hours since 2010-06-01 08:00:00 +8:75", "a valid time of day and time zone"),
        ("hours since 2010-06-01 24:00:00", "time of day"),
        ("hours since 2010-06-01 12:00 PM", "not understood"),
        ("hours since 2010-13-01", "years 1 to 9999"),
        ("hours since 2010-02-30", "years 1 to 9999"),
        ("hours since 1582-10-10", "years 1 to 9999"),
        ("hours since 0000-01-01", "no year 0"),
        ("days since 0000-00-00", "years 1 to 9999"),
        ("months since 2010-01-01", "unit of fixed length"),
        ("years since 2010-01-01", "unit of fixed length"),
        ("day as %Y%m%d.%f", "relative time axis"),
        ("hours since analysis", "expected '<unit> since"),
        ("hours since 06/01/2010", "expected '<unit> since"),
        ("minutes", "expected '<unit> since"),
        ("", "expected '<unit> since"),
    ],
)
def test_units_that_are_refused(units: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        decode([0, 6], units)
    assert "file.nc" in str(caught.value)


@pytest.mark.parametrize("calendar", ["360_day", "julian", "366_day", "all_leap", "none", "tai", "utc", "noleap"])
def test_other_calendars_are_refused(calendar: str) -> None:
    with pytest.raises(DataError, match=f"calendar '{calendar}'; expected standard"):
        decode([0], "days since 2010-06-01", calendar)


def test_epochs_before_1582(caplog: pytest.LogCaptureFixture) -> None:
    """725738 days since 1-1-1 are 1 January 1988 (dankelley/oce #738); ISO 8601 counts two days fewer."""
    caplog.set_level(logging.WARNING)
    assert decode([725738], "days since 1-1-1 00:00:0.0") == [datetime(1988, 1, 1)]
    assert "proleptic_gregorian" in caplog.text
    assert decode([725736], "days since 1-1-1", "proleptic_gregorian") == [datetime(1988, 1, 1)]
    assert decode([366], "days since 0000-01-01", "proleptic_gregorian") == [datetime(1, 1, 1)]
    assert decode([730000], "days since 0000-01-01", "noleap", calendars=ALL) == [datetime(2000, 1, 1)]
    assert decode([1], "days since 1582-10-04") == [datetime(1582, 10, 15)]
    with pytest.raises(DataError, match="since 15 October 1582"):
        decode([0], "days since 1582-10-04")
    with pytest.raises(DataError, match="years 1 to 9999"):
        decode([4_000_000], "days since 1-1-1", "proleptic_gregorian")


def test_noleap_days_have_the_same_name() -> None:
    assert decode([58.5, 59, 60], "days since 2016-01-01", "noleap", calendars=ALL) == [
        datetime(2016, 2, 28, 12), datetime(2016, 3, 1), datetime(2016, 3, 2),
    ]  # fmt: skip


@pytest.mark.parametrize("values", [[], [0.0, np.nan], [np.inf], [1e300]])
def test_values_that_are_no_times(values: list[float]) -> None:
    with pytest.raises(DataError, match="expected times"):
        decode(values, "hours since 2010-06-01")


# ---------------------------------------------------------------------- precision


def test_hours_in_single_precision_days() -> None:
    """Days since 1900 resolve 337 s: 01:00 is stored as 01:01:52."""
    truth = [DAY + timedelta(hours=h) for h in range(24)]
    days = np.array([(t - datetime(1900, 1, 1)) / timedelta(days=1) for t in truth])
    assert decode(days, "days since 1900-01-01", kind=np.float32) == truth
    assert decode(days.astype(np.float32), "days since 1900-01-01") == truth, "double precision that was single"
    assert decode(days[1:2], "days since 1900-01-01", kind=np.float32) == truth[1:2]
    with pytest.raises(DataError, match="single precision, from 40328 on: times known to 169 s"):
        decode([40328.0, 40328.0 + 5 / 1440], "days since 1900-01-01", kind=np.float32)
    with pytest.raises(DataError, match="known to 2700 s"):
        decode([733924.0, 733924.0 + 1 / 24, 733924.0 + 2 / 24], "days since 1-1-1", kind=np.float32)


def test_seconds_in_single_precision() -> None:
    truth = [DAY + timedelta(hours=h) for h in range(6)]
    seconds = np.array([(t - datetime(1970, 1, 1)).total_seconds() for t in truth])
    assert decode(seconds, "seconds since 1970-01-01", kind=np.float32) == truth
    assert decode(seconds.astype(np.float32), "seconds since 1970-01-01") == truth
    with pytest.raises(DataError, match="are unknown"):
        decode(seconds[0] + 60.0 * np.arange(4), "seconds since 1970-01-01", kind=np.float32)


def test_rounded_days() -> None:
    truth = [DAY + timedelta(hours=h) for h in range(24)]
    days = np.array([(t - datetime(1900, 1, 1)) / timedelta(days=1) for t in truth])
    for decimals in (2, 3, 4, 5, 6):
        assert decode(np.round(days, decimals), "days since 1900-01-01") == truth, decimals
    assert decode(np.round(days[1:2], 3), "days since 1900-01-01") == truth[1:2]
    with pytest.raises(DataError, match="2 decimals"):
        decode(np.round(days[1:3], 2), "days since 1900-01-01")
    assert decode(np.round(days[:24:6], 1), "days since 1900-01-01") == truth[::6]
    with pytest.raises(DataError, match="1 decimals"):
        decode(np.round(days[:18:6], 1), "days since 1900-01-01")
    hours = np.arange(0.0, 24.0, 1 / 3)
    assert decode(np.round(hours, 2), "hours since 2010-06-01") == [DAY + timedelta(minutes=20 * i) for i in range(72)]


def test_numbers_that_only_look_rounded_stay() -> None:
    assert decode([0.1, 0.2, 0.3], "days since 2010-06-01") == [DAY + timedelta(minutes=144 * i) for i in (1, 2, 3)]
    assert decode([0.5, 2.25, 9.0], "days since 2010-06-01") == [DAY + timedelta(hours=h) for h in (12, 54, 216)]
    assert decode([0.1, 0.2, 0.3], "hours since 2010-06-01") == [DAY + timedelta(minutes=m) for m in (6, 12, 18)]
    assert decode([0.05, 0.35, 0.4], "hours since 2010-06-01") == [DAY + timedelta(minutes=m) for m in (3, 21, 24)]
    assert decode([14761.5], "days since 1970-01-01", kind=np.float32) == [DAY + timedelta(hours=12)]
    assert decode([1275350400 + 3840], "seconds since 1970-01-01") == [DAY + timedelta(minutes=64)]
    assert decode([29], "seconds since 2010-06-01", kind=np.float32) == [DAY + timedelta(seconds=29)]


@settings(deadline=None)
@given(
    st.sampled_from([15, 30, 60, 180, 360, 720, 1440]),
    st.integers(0, 1000),
    st.integers(1, 48),
    st.integers(1850, 2100),
    st.sampled_from(list(SECONDS)),
    st.sampled_from(["single", "widened", *range(9)]),
)
def test_rounded_times_are_right_or_refused(
    step: int, begin: int, n: int, year: int, unit: str, rounding: str | int
) -> None:
    truth = [DAY + timedelta(minutes=step * (begin + i)) for i in range(n)]
    units = f"{unit} since {year}-01-01"
    exact = np.asarray(cftime.date2num(truth, units, "proleptic_gregorian"), dtype=np.float64)
    numbers = np.round(exact, rounding) if isinstance(rounding, int) else exact.astype(np.float32)
    # A few numbers may be rounded to other steps; without decimals they are exact as they are.
    assume(n >= 4 or rounding not in ("widened", 1, 2))
    assume(rounding != 0 or (numbers == exact).all())
    try:
        found = decode(numbers, units, "proleptic_gregorian", np.float32 if rounding == "single" else np.float64)
    except DataError:
        return
    assert found == truth


@settings(deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["seconds", "minutes", "hours"]), st.integers(1, 2100))
def test_integers_are_exact(number: int, unit: str, year: int) -> None:
    found = decode([number], f"{unit} since {year:04d}-01-01", "proleptic_gregorian", np.int64)
    assert found == [datetime(year, 1, 1) + timedelta(seconds=number * SECONDS[unit])]


@pytest.mark.parametrize(
    ("numbers", "kind", "units", "calendar"),
    [
        (725736 + 2 + (DAY - datetime(1988, 1, 1)).days + np.arange(4) / 24, "f8", "days since 1-1-1 00:00:0.0", None),
        (8.0 + np.arange(4), "f8", "hours since 2010-06-01 00:00:00 +8:00", "standard"),
        (np.arange(4) - 6.0, "f4", "hours since 2010-06-01 00:00:00 -6", "gregorian"),
        (40328 + np.arange(4) / 24, "f4", "days since 1900-01-01", "standard"),
    ],
    ids=["year 1", "ahead of UTC", "behind UTC", "single precision"],
)
def test_times_of_products_and_images(
    tmp_path: Path, numbers: np.ndarray, kind: str, units: str, calendar: str | None
) -> None:
    with netCDF4.Dataset(tmp_path / "a.nc", "w") as file:
        for axis, values, degrees in (("lat", [-45.0, 45.0], "degrees_north"), ("lon", [-90.0, 90.0], "degrees_east")):
            file.createDimension(axis, 2)
            file.createVariable(axis, "f8", (axis,)).units = degrees
            file[axis][:] = values
        file.createDimension("time", 4)
        time = file.createVariable("time", kind, ("time",))
        time.units = units
        if calendar is not None:
            time.calendar = calendar
        time[:] = numbers
        values = file.createVariable("sm", "f4", ("time", "lat", "lon"))
        values.units = "m3 m-3"
        values[:] = 0.3
    truth = [DAY + timedelta(hours=h) for h in range(4)]
    dataset = Dataset(cf_product({"sm": (0.0, 0.1)}, timedelta(hours=1)), tmp_path, "a.nc")
    assert dataset.times_between(DAY - timedelta(days=3), DAY + timedelta(days=3)) == truth
    assert dataset.read(truth[1], (0.0, 0.1)) is not None
    assert list(open_image_series([tmp_path / "a.nc"]).times) == truth


def test_what_is_a_clock() -> None:
    assert is_clock("days since 1970-01-01") and is_clock("day as %Y%m%d.%f")
    assert not is_clock("hours") and not is_clock("")
    assert parse_units("hours since 2010-06-01 08:00 +8", PLACE).zone_minutes == 480
    assert parse_units("hours since 2010-06-01 08:00", PLACE).zone_minutes is None
