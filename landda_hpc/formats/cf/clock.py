"""Convert numbers of a CF time coordinate to times, UTC, for all readers.

The rules are those of CF (4.4, time coordinate) and UDUNITS-2: numbers, ``<unit> since <reference>``, calendar.
Cases that these rules leave open (names of time zones, months, lost digits) are errors.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import cftime
import numpy as np

from landda_hpc.constants import FloatArray
from landda_hpc.errors import DataError
from landda_hpc.formats.cf.decoding import is_first

STANDARD_CALENDARS: Final = ("standard", "gregorian", "proleptic_gregorian")
NOLEAP_CALENDARS: Final = ("noleap", "365_day")

logger = logging.getLogger(__name__)

_NAMES: Final = {
    ("nanosecond", "nanoseconds", "nanosec", "nanosecs", "nsec", "nsecs", "ns"): 1e-9,
    ("microsecond", "microseconds", "microsec", "microsecs", "usec", "usecs", "us"): 1e-6,
    ("millisecond", "milliseconds", "millisec", "millisecs", "msec", "msecs", "ms"): 1e-3,
    ("second", "seconds", "sec", "secs", "s"): 1.0,
    ("minute", "minutes", "min", "mins"): 60.0,
    ("hour", "hours", "hr", "hrs", "h"): 3600.0,
    ("day", "days", "d"): 86400.0,
}
_SECONDS: Final = {name: seconds for names, seconds in _NAMES.items() for name in names}

_UNITS: Final = re.compile(r"(?P<unit>[a-z_]+)\s+since\s+(?P<reference>.+)", re.IGNORECASE)
_REFERENCE: Final = re.compile(
    r"(?P<year>\d{1,4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})"
    r"(?:[T ] *(?P<hour>\d{1,2})(?::(?P<minute>\d{1,2})(?::(?P<second>\d{1,2}(?:\.\d*)?))?)?"
    r"(?: *(?P<offset>[+-](?:\d{1,2}:\d{2}|\d{3,4}|\d{1,2})))?)?"
    r"(?: *(?P<utc>Z|UTC|GMT))?(?P<rest>.*)",
    re.IGNORECASE,
)

_JULIAN_DAY: Final = 1721425
"""Julian day number of a day minus its Python ordinal."""
_FIRST_GREGORIAN: Final = datetime(1582, 10, 15)

_STEPS: Final = np.array([60, 300, 600, 900, 1800, 3600, 10800, 21600, 43200, 86400], dtype=np.float64)
"""Usual steps of time axes, s; each divides a day."""
_EVEN: Final = ((3600.0, 1.0), (86400.0, 3600.0), (86400.0, 8640.0))
"""A usual step divides the first number of seconds and is a multiple of the second."""
_HALF_SECOND: Final = 0.5
_CLOSE: Final = 10.0
"""Times known to this accuracy, s, are used unchanged if they are not multiples of a step."""
_ROUGH: Final = 45.0
"""Above this error, s, numbers that look rounded are treated as rounded only if there are several of them."""
_LONGEST: Final = 1e12
"""Seconds, 31,700 years: larger numbers are not times."""
_EXACT: Final = 0.01
"""Times that differ by less than this, s, are equal: days since the year 1 in double precision err by 1e-5 s."""


@dataclass(frozen=True)
class Reference:
    """Unit and reference of a time coordinate.

    Attributes
    ----------
    seconds : length of the unit, s.
    date : year, month and day of the reference in the variable's calendar.
    second_of_day : time of day of the reference, s.
    zone_minutes : offset of the reference from UTC, positive east, minutes; None if the unit has no time zone.
    """

    seconds: float
    date: tuple[int, int, int]
    second_of_day: float
    zone_minutes: int | None


def is_clock(units: str) -> bool:
    """Whether a unit denotes times: ``<unit> since <time>``, or an absolute ``day as %Y%m%d.%f``."""
    text = units.lower()
    return " since " in text or " as %" in text


def parse_units(units: str, place: str) -> Reference:
    """Read the unit of a time coordinate.

    Parameters
    ----------
    units : ``<unit> since Y-M-D[ h[:m[:s]][ zone]]``; T may precede the hour. The zone is Z, UTC, GMT, or hours
        (and minutes) ahead of UTC: +8, +08, +8:00, +0800.
    place : the variable and its file, for messages.

    Raises
    ------
    DataError : any other form; a unit without fixed length (month, year); a named time zone; numbers out of range.
    """
    found = _UNITS.fullmatch(units.strip())
    name = found["unit"].lower() if found else ""
    reference = _REFERENCE.fullmatch(found["reference"].strip()) if found else None
    if reference is None:
        hint = " Write a relative time axis (for example with cdo -r copy)." if " as %" in units else ""
        raise DataError(f"{place} has units '{units}'; expected '<unit> since <year>-<month>-<day> <time>'.{hint}")
    if name not in _SECONDS:
        raise DataError(
            f"{place} has units '{units}'; expected a unit of fixed length: seconds, minutes, hours or days."
        )
    if reference["rest"].strip():
        raise DataError(
            f"{place} has units '{units}'; '{reference['rest'].strip()}' after the reference time is not understood. "
            "Expected nothing, or a time zone: Z, UTC, or an offset such as +08:00. Names such as CST are ambiguous."
        )
    hour, minute = int(reference["hour"] or 0), int(reference["minute"] or 0)
    second = float(reference["second"] or 0.0)
    offset = _minutes(reference["offset"]) if reference["offset"] else None
    if offset is not None and reference["utc"]:
        raise DataError(f"{place} has units '{units}'; expected one time zone, an offset or UTC.")
    zone = 0 if reference["utc"] else offset
    if hour > 23 or minute > 59 or second >= 60.0 or (zone is not None and abs(zone) > 14 * 60):
        raise DataError(f"{place} has units '{units}'; expected a valid time of day and time zone.")
    date = int(reference["year"]), int(reference["month"]), int(reference["day"])
    return Reference(_SECONDS[name], date, 3600.0 * hour + 60.0 * minute + second, zone)


def _minutes(offset: str) -> int:
    """Offset from UTC in minutes: +8, +08, +8:00, +800 or +0800; invalid minutes give a value beyond all time zones."""
    digits = offset[1:].replace(":", "")
    hours, minutes = (int(digits), 0) if len(digits) <= 2 else (int(digits[:-2]), int(digits[-2:]))
    if minutes > 59:
        return 24 * 60
    return (-1 if offset[0] == "-" else 1) * (60 * hours + minutes)


def decode_times(
    values: FloatArray,
    kind: np.dtype[Any],
    units: str,
    calendar: str,
    place: str,
    calendars: Sequence[str] = STANDARD_CALENDARS,
) -> list[datetime]:
    """Convert the numbers of a time coordinate to times, to the second, naive UTC.

    Parameters
    ----------
    values : numbers, (n_time,).
    kind : data type in the file, which limits the precision.
    units : as for ``parse_units``.
    calendar : the attribute; empty is the standard calendar: Julian until 4 October 1582, Gregorian since the 15th.
    place : the variable and its file, for messages.
    calendars : allowed calendars. Dates of the noleap calendar are kept.

    Raises
    ------
    DataError : a calendar that is not allowed; an invalid unit; no values, or missing values; a reference that is not a
        day of its calendar; times before 15 October 1582 in the standard calendar, or outside the years 1 to 9999;
        times that are unknown because digits were lost.

    Notes
    -----
    Local: no communication. Numbers in single precision, numbers converted from single to double precision, and days or
    hours rounded to a few decimals differ from the times that they represent: days since 1900 in single precision give
    01:01:52 for 01:00. If all times of the coordinate lie within the rounding error of multiples of a step (1, 5, 10,
    15 or 30 minutes, 1, 3, 6 or 12 hours, a day; at least twice the resolution), these multiples are used. Otherwise
    the times are used unchanged if they are known to 10 s, and rejected if not.
    """
    counted = calendar.strip().lower() or "standard"
    if counted not in calendars:
        raise DataError(f"{place} has calendar '{counted}'; expected {' or '.join(calendars)}.")
    reference = parse_units(units, place)
    if not values.size or not np.isfinite(values).all():
        raise DataError(f"{place} has {'missing values' if values.size else 'no values'}; expected times.")
    if np.abs(values).max() * reference.seconds > _LONGEST:
        raise DataError(
            f"{place} has units '{units}' and values up to {np.abs(values).max():g}; expected times of the years 1 to "
            "9999."
        )
    read = values * reference.seconds + reference.second_of_day  # since midnight in the reference's time zone
    rounding = _rounding_of(values, kind, reference.seconds)
    seconds, step = _without_rounding(read, values, rounding)
    if seconds is None:
        on_steps = f", and not evenly on steps of {step / 60.0:g} minutes" if step is not None else ""
        raise DataError(
            f"{place} has units '{units}' and {rounding.reason}, from {values[0]:.12g} on: times known to "
            f"{rounding.error:.0f} s{on_steps}. The times that they represent are unknown. Write them in double "
            "precision with all decimals, or as integers in seconds or minutes."
        )
    shift = -60.0 * (reference.zone_minutes or 0)
    try:
        if counted in NOLEAP_CALENDARS:
            first = cftime.datetime(*reference.date, calendar="noleap")
            return [_as_python(first + timedelta(seconds=round(s + shift))) for s in seconds.tolist()]
        is_mixed = counted != "proleptic_gregorian"
        if is_mixed and reference.date[0] == 0:
            raise ValueError("the standard calendar has no year 0")
        day = cftime.datetime(*reference.date, calendar="standard" if is_mixed else counted).toordinal() - _JULIAN_DAY
        times = [_of_ordinal(day, round(s + shift)) for s in seconds.tolist()]
    except (ValueError, OverflowError) as error:
        raise DataError(
            f"{place} has units '{units}', calendar '{counted}' and values from {values.min():.17g} to "
            f"{values.max():.17g}; expected times of the years 1 to 9999 [{error}]."
        ) from error
    if is_mixed and min(times) < _FIRST_GREGORIAN:
        raise DataError(
            f"{place} has units '{units}' and times from {min(times)} on; expected times since 15 October 1582, when "
            "the standard calendar became Gregorian."
        )
    if is_mixed and not calendar and reference.date < (1582, 10, 15) and is_first("epoch", units):
        logger.warning(
            "%s has units '%s' and no calendar: taken as the standard one by CF, with Julian dates before 15 October "
            "1582; the first time is %s. If that is two days off, set the attribute calendar to proleptic_gregorian",
            place, units, times[0],
        )  # fmt: skip
    return times


def _of_ordinal(day: int, seconds: int) -> datetime:
    days, rest = divmod(seconds, 86400)
    return datetime.fromordinal(day + days) + timedelta(seconds=rest)


def _as_python(moment: cftime.datetime) -> datetime:
    return datetime(moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second)


# ---------------------------------------------------------------------- precision


@dataclass(frozen=True)
class _Rounding:
    """Rounding error of the numbers of a time axis.

    Attributes
    ----------
    error : half of the resolution, s; 0 if the numbers are exact.
    is_certain : the numbers cannot be more precise; otherwise they look rounded but may be exact.
    minutes_tell : whether times at whole minutes are likely exact; False for numbers in minutes and multiples of 0.1
        hours or 0.1 days, which are always whole minutes, and of 0.01 days, every fifth of which is.
    reason : for messages.
    """

    error: float
    is_certain: bool = False
    minutes_tell: bool = False
    reason: str = ""


def _rounding_of(values: FloatArray, kind: np.dtype[Any], unit: float) -> _Rounding:
    """Rounding error of stored numbers; ``unit`` is the length of their unit, s."""
    if kind.kind != "f":
        return _Rounding(0.0)
    is_single, single = kind.itemsize <= 4, values.astype(np.float32)
    largest = np.abs(single).max()
    is_whole = bool((values == np.floor(values)).all())
    # Double precision converted from single: one fraction shows it, whole numbers only if there are several.
    is_widened = bool((single == values).all()) and (not is_whole or (values.size >= 4 and largest >= 2.0**24))
    spacing = float(np.spacing(largest if is_single or is_widened else np.float64(largest)))
    decimals = _decimals(values, spacing) if unit >= 3600.0 else None
    error = 0.5 * spacing * unit
    if decimals is not None:
        error += 0.5 * 10.0**-decimals * unit
        return _Rounding(error, False, error < 100.0, f"numbers with {decimals} decimals")
    return _Rounding(error, is_single or not is_whole, unit != 60.0, "numbers in single precision")


def _decimals(values: FloatArray, spacing: float) -> int | None:
    """Number of decimals of rounded numbers whose type can hold more; None if they are whole or not rounded."""
    for n in range(7):
        if 10.0**-n <= 4.0 * spacing:
            return None
        if (np.abs(values - np.round(values, n)) <= 2.0 * spacing).all():
            return n or None
    return None


def _without_rounding(
    seconds: FloatArray, values: FloatArray, rounding: _Rounding
) -> tuple[FloatArray | None, float | None]:
    """Return the seconds that rounded numbers represent (None if unknown) and the step that was tried.

    Parameters
    ----------
    seconds : seconds since a midnight, (n_time,).
    values : numbers in the file.
    """
    error = rounding.error
    if error < _HALF_SECOND:
        return seconds, None
    if np.unique(values).size < values.size:
        return None, None  # two times that cannot be distinguished
    is_far = error > _CLOSE
    if is_far and not rounding.is_certain and _may_be_exact(seconds, rounding):
        return seconds, None
    step = next((float(step) for step in _STEPS if step >= 4.0 * error), None)
    if step is not None:
        snapped: FloatArray = step * np.round(seconds / step)
        fits = bool((np.abs(seconds - snapped) <= error + 1e-3).all())
        if fits and (error <= _ROUGH or rounding.is_certain or (values.size >= 4 and _is_even(snapped))):
            return snapped, step
    return (None if is_far else seconds), step


def _may_be_exact(seconds: FloatArray, rounding: _Rounding) -> bool:
    """Whether numbers that look rounded are likely exact: whole minutes, quarters of an hour, or a usual even step."""
    if not _are_multiples(seconds, 60.0):
        return False
    return rounding.minutes_tell or _are_multiples(seconds, 900.0) or _is_even(seconds)


def _are_multiples(seconds: FloatArray, step: float) -> bool:
    return bool((np.abs(seconds - step * np.round(seconds / step)) <= _EXACT).all())


def _is_even(seconds: FloatArray) -> bool:
    """Whether times ascend by one step that divides an hour, or divides a day and is a multiple of 1 h or 2.4 h."""
    steps = np.diff(seconds)
    if not steps.size:
        return True
    if np.ptp(steps) > _EXACT or steps[0] < 1.0:
        return False
    step = steps[:1]
    return any(_are_multiples(whole / step, 1.0) and _are_multiples(step, part) for whole, part in _EVEN)
