"""Detect averages over more than a product's step (months, dekads, weeks), which are not images of single times."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

import numpy as np

from landda_hpc.errors import AverageError
from landda_hpc.formats.cf.netcdf_file import NetcdfFile

_WORDS: Final[tuple[tuple[str, str, float], ...]] = (
    (
        "monthly",
        (
            r"monthly(mean)?|month[-_.]?mean|month(?=[-_.])|monmean|[lae]?mon(?=[-_.]|$)|M\.A\d{6}(?=\.)|MO(?=\.nc)|moda|"
            r"climatology|(?:tavg|inst|stat)[MU](?=_)|CL[FT]3M[AD]"
        ),
        28.0,
    ),
    ("dekadal", r"dekad(al)?|decadal|10[-_]?da(y|ily)|10[-_]?d(?=[-_.])|CL[FT]3T[AD]", 8.0),
    ("weekly", r"weekly|pentad|8[-_]?da(y|ily)|5[-_]?da(y|ily)", 5.0),
    ("seasonal", r"seasonal|seasmean", 80.0),
    ("yearly", r"yearly|annual|yearmean|YR(?=\.nc)", 350.0),
)
"""Word for messages, spellings in names, and minimum length of the period, days."""

_PATTERNS: Final = tuple(
    (word, re.compile(rf"(?:(?<=[^A-Za-z0-9])|^)(?:{text})(?![A-Za-z])", re.IGNORECASE), timedelta(days=days))
    for word, text, days in _WORDS
)
_MIXED: Final = re.compile(r"(?<=[A-Za-z])(Monthly|Dekadal|Weekly|Seasonal|Yearly|Annual)(?![a-z])")
_ISO: Final = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", re.I)
_PLAIN: Final = re.compile(r"(\d*)[ _-]*(month|mon|dekad|day|week|year|yr|hour|hr)(ly|s)?", re.IGNORECASE)
_DAYS: Final = {
    "month": 28.0, "mon": 28.0, "dekad": 8.0, "day": 1.0, "week": 7.0, "year": 365.0, "yr": 365.0, "hour": 1 / 24,
    "hr": 1 / 24,
}  # fmt: skip
_INTERVAL: Final = re.compile(r"time\s*:\s*mean[^:]*?\(\s*interval\s*:\s*(\d+)\s*(month|day|week|year|hour)s?", re.I)
_MEAN: Final = re.compile(r"\btime\s*:\s*(mean|sum|maximum|minimum|median)\b", re.IGNORECASE)
_OVER: Final = re.compile(r"time\s*:\s*\w+\s+(within\s+(months|years)|over\s+(days|months|years))", re.IGNORECASE)
_TITLE: Final = re.compile(
    r"\b(monthly|dekadal|weekly|seasonal|yearly|annual)[ -]+(mean|average|composite|climatolog)", re.IGNORECASE
)
_OPERATOR: Final = re.compile(r"\bcdo\b.*?[ ,-](y?mon|year|y?seas)(mean|avg)\b", re.IGNORECASE)
"""A CDO operator in a file's history that averages over times."""
_SPAN: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?: (\d{2}):\d{2}:\d{2})?")
"""``delta_t`` and ``avg_period`` as written by NOAA's Physical Sciences Laboratory: years, months, days, hours."""
_UNIT_DAYS: Final = {"s": 1 / 86400, "m": 1 / 1440, "h": 1 / 24, "d": 1.0}
_LONGEST: Final = timedelta(days=400)
"""Longer periods in attributes describe a whole record."""

_SLACK: Final = 1.5
"""An averaging period longer than this number of steps is not that of the product."""


def period_in_name(name: str) -> tuple[str, timedelta] | None:
    """Find the averaging period in a file's name: a word and the minimum length; None if there is none.

    Examples
    --------
    >>> period_in_name("C3S-SOILMOISTURE-L3S-SSMV-COMBINED-MONTHLY-20100601000000-ICDR-v201706.0.0.nc")[0]
    'monthly'
    """
    mixed = _MIXED.search(name)
    if mixed is not None:
        name = mixed.group(1)
    return next(((word, length) for word, pattern, length in _PATTERNS if pattern.search(name)), None)


def require_images(
    file: NetcdfFile, variables: Sequence[str], time: str | None, times: Sequence[datetime], step: timedelta
) -> None:
    """Raise AverageError if a file holds averages over more than a product's step.

    Parameters
    ----------
    variables : names of the soil layers.
    time : name of the time axis, if there is one.
    times : times in the file.
    step : interval between two images of the product.

    Notes
    -----
    Local: no communication. Averages are recognised by the bounds of the times, ``cell_methods``, attributes of time
    coverage and frequency, the file name, and the attribute ``id``, which keeps the original name of a renamed file.
    Names and coverage attributes are ignored if the file holds times at the product's step, because a month of hourly
    images is often called monthly. Any one sign suffices: C3S monthly means have ``time_coverage_resolution = P1D``.
    """
    spacing = min((b - a for a, b in pairwise(times)), default=None)
    signs = _signs_of_axis(file, variables, time, spacing, step)
    if spacing is None or spacing > _SLACK * step:
        signs += _signs_of_file(file, times, step)
        signs += _signs_of_tools(file, variables, time, step)
    if signs:
        raise AverageError(
            f"file '{file.path}' holds averages, not images of single times: {'; '.join(signs)}. The product's "
            f"images are {_hours(step)} apart. Use files of single times. To compare means, use product cf with "
            "step_hours equal to the averaging period."
        )


def _signs_of_axis(
    file: NetcdfFile, variables: Sequence[str], time: str | None, spacing: timedelta | None, step: timedelta
) -> list[str]:
    """Signs of averaging in the variables and their time axis."""
    signs: list[str] = []
    methods = [file.attribute(name, "cell_methods") for name in variables]
    if time is not None:
        length = _bounds_length(file, time)
        is_point = all(re.search(r"time\s*:\s*point", method) for method in methods)
        if length is not None and length > (max(_SLACK * step, timedelta(days=2)) if is_point else _SLACK * step):
            signs.append(f"the bounds of '{time}' span {_hours(length)}")
        if file.attribute(time, "climatology"):
            signs.append(f"'{time}' belongs to a climatology")
    for method in methods:
        match = _INTERVAL.search(method)
        is_long = match and timedelta(days=int(match.group(1)) * _DAYS[match.group(2).lower()]) > _SLACK * step
        if is_long or ((spacing is None or spacing > _SLACK * step) and _OVER.search(method)):
            signs.append(f"cell_methods say '{method}'")
        elif spacing is not None and spacing > _SLACK * step and _MEAN.search(method):
            signs.append(f"cell_methods say '{method}', and times are {_hours(spacing)} apart")
    return list(dict.fromkeys(signs))


def _signs_of_file(file: NetcdfFile, times: Sequence[datetime], step: timedelta) -> list[str]:
    """Signs of averaging in the name and attributes of a file without times at the product's step."""
    signs: list[str] = []
    for what, text in (("its name says", file.path.name), ("its attribute id says", file.file_attribute("id"))):
        period = period_in_name(text)
        if period is not None and period[1] > _SLACK * step:
            signs.append(f"{what} {period[0]}")
    for name in ("time_coverage_resolution", "frequency", "time_frequency", "temporal_resolution", "table_id"):
        length = _length_of(file.file_attribute(name))
        if length is not None and _SLACK * step < length <= _LONGEST:
            signs.append(f"{name} is {file.file_attribute(name)}")
    if len(times) == 1:
        least = max(_SLACK * step, timedelta(hours=36))
        length = _length_of(file.file_attribute("time_coverage_duration"))
        if length is not None and least < length <= _LONGEST:
            signs.append(f"time_coverage_duration is {file.file_attribute('time_coverage_duration')}")
        for first, last in (("time_coverage_start", "time_coverage_end"), ("RangeBeginningDate", "RangeEndingDate")):
            start, end = (_moment(file.file_attribute(name)) for name in (first, last))
            if start is not None and end is not None and least < end - start <= _LONGEST:
                signs.append(f"its time coverage is {_hours(end - start)}")
    if re.search(r'"stream": \["(moda|mnth|edmm|edmo|wamo|wamd)"\]', file.file_attribute("history")):
        signs.append("its history says that the stream is of monthly means")
    return signs


def _signs_of_tools(file: NetcdfFile, variables: Sequence[str], time: str | None, step: timedelta) -> list[str]:
    """Signs of averaging in titles and in attributes written by programs."""
    signs: list[str] = []
    texts = [("title", file.file_attribute("title")), ("LongName", file.file_attribute("LongName"))]
    texts += [(f"long_name of {name}", file.attribute(name, "long_name")) for name in variables]
    for what, text in texts:
        found = _TITLE.search(text)
        period = period_in_name(found.group(1)) if found else None
        if period is not None and period[1] > _SLACK * step:
            signs.append(f"its {what} is '{text[:80]}'")
    operator = _OPERATOR.search(file.file_attribute("history"))
    if operator is not None and step < timedelta(days=28):
        signs.append(f"its history has the operator {operator.group(1)}{operator.group(2)} of cdo")
    for name in ("delta_t", "avg_period") if time is not None else ():
        text = file.attribute(time or "", name)
        span = _SPAN.fullmatch(text)
        if span is not None:
            years, months, days, hours = (int(part or 0) for part in span.groups())
            length = timedelta(days=365 * years + 28 * months + days, hours=hours)
            if length > _SLACK * step:
                signs.append(f"{name} of '{time}' is {text}")
    return signs


def _bounds_length(file: NetcdfFile, time: str) -> timedelta | None:
    """Length of the longest interval in the bounds of a time axis; None without readable bounds."""
    name = file.attribute(time, "bounds")
    name = name or next((guess for guess in (f"{time}_bnds", f"{time}_bounds") if file.has(guess)), "")
    unit = file.attribute(time, "units").lower()
    if not name or not file.has(name) or not file.is_numeric(name) or " since " not in unit:
        return None
    days = next((days for begin, days in _UNIT_DAYS.items() if unit.startswith(begin)), None)
    bounds = file.values(name)
    if days is None or bounds.ndim not in (1, 2) or bounds.shape[-1] != 2 or not np.isfinite(bounds).any():
        return None
    bounds = bounds.reshape(-1, 2)
    if unit.startswith("mon"):
        days = 28.0
    length = float(np.nanmax(np.abs(bounds[:, 1] - bounds[:, 0]))) * days
    return timedelta(days=length) if math.isfinite(length) and length < 1e6 else None


def _length_of(text: str) -> timedelta | None:
    """Minimum length of the period that an attribute gives as an ISO 8601 duration or a word."""
    text = text.strip()
    match = _ISO.fullmatch(text)
    if match is not None and any(match.groups()):
        years, months, weeks, days, hours, minutes, seconds = (float(g or 0) for g in match.groups())
        total = years * 365 + months * 28 + weeks * 7 + days + hours / 24 + minutes / 1440 + seconds / 86400
        return timedelta(days=min(total, 1e6))
    plain = _PLAIN.fullmatch(text.removesuffix("Pt"))
    if plain is not None:
        return timedelta(days=min(float(plain.group(1) or 1) * _DAYS[plain.group(2).lower()], 1e6))
    named = period_in_name(f"_{text}_")
    return None if named is None else named[1]


def _moment(text: str) -> datetime | None:
    """Naive time from an attribute, e.g. 20131231T120000Z or 2013-12-31T12:00:00Z; None for any other form."""
    try:
        return datetime.fromisoformat(text.strip()).replace(tzinfo=None)
    except ValueError:
        return None


def _hours(length: timedelta) -> str:
    hours = length / timedelta(hours=1)
    return f"{hours:g} h" if hours < 48 else f"{hours / 24:.3g} days"
