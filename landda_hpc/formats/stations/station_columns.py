"""Identify the columns of station tables: place, time, values, and units in column names."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from landda_hpc.errors import DataError
from landda_hpc.formats.cf.units import soil_moisture_unit
from landda_hpc.formats.stations.text import MISSING_WORDS
from landda_hpc.regridding.depth import DepthRange

LAYER_M: Final = 0.1
"""Thickness, m, of the layer that ends at the depth in a column name: 010 is 0-10 cm, 020 10-20 cm, 100 90-100 cm."""

_SOIL: Final = re.compile(r"(?:v71105|svwc|vwc|soil_?vwc)_?0*(\d{1,3})(?:_?cm)?")
_SOIL_QUALITY: Final = re.compile(r"q_?(?:71105|v71105|svwc|vwc|soil_?vwc)_?0*(\d{1,3})(?:_?cm)?")
_STATION: Final = ("station_id_c", "station_id", "station_id_d", "v01301", "station")
_LATITUDE: Final = ("lat", "v05001", "latitude")
_LONGITUDE: Final = ("lon", "v06001", "longitude")
_ELEVATION: Final = ("alti", "v07001", "elevation")
_STAMP: Final = ("datetime", "d_datetime", "time", "date_time", "timestamp")
_LOCAL: Final = ("local_time", "datetime_local", "time_local", "lst")
_CLOCK: Final = (("year", "v04001"), ("mon", "month", "v04002"), ("day", "v04003"), ("hour", "v04004"))
_MINUTE: Final = ("min", "minute", "v04005")

_BRACKET: Final = re.compile(r"(.*?)[\s_]*[\[(\uff08\u3010](.*)[\])\uff09\u3011]")
"""A name followed by text in brackets, which may be full-width."""

_CHINESE: Final = {"百分率": "%", "百分比": "%"}
"""Chinese words for units."""

_BEIJING: Final = 8.0
_ZONES: Final[dict[float, tuple[str, ...]]] = {
    0.0: ("utc", "gmt", "z", "utc+0", "世界时"),
    _BEIJING: ("bjt", "bj", "beijing", "cst", "utc+8", "utc+08:00", "北京时间", "北京时", "北京"),
}
"""Names of time zones after a column name, by their offset from UTC in hours."""

_PLAIN_STAMP: Final = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(?:(\d\d)(\d\d)?)?")
_STAMP_TEXT: Final = re.compile(
    r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:T| +)(\d{1,2})(?::(\d\d)(?::(\d\d)(?:\.0*)?)?)?\s*(Z|UTC|[+-]\d\d:?\d\d)?"
)

_YEARS: Final = range(1900, 2101)


@dataclass(frozen=True)
class Column:
    """A column of values.

    Attributes
    ----------
    place : index of the column.
    depth_m : top and bottom of the layer, m.
    quality : index of the column with its quality codes.
    divisor : number by which values are divided to give m3 m-3, from the unit in the header; None without a unit.
    """

    place: int
    depth_m: DepthRange
    quality: int | None
    divisor: float | None


@dataclass(frozen=True)
class Columns:
    """Columns of a table.

    Attributes
    ----------
    station, lat, lon, elevation : indices of columns.
    time : returns the UTC time of a row; raises ValueError without a valid time.
    values : columns of soil moisture.
    """

    station: int
    lat: int
    lon: int
    elevation: int | None
    time: Callable[[Sequence[str]], datetime]
    values: tuple[Column, ...]

    def with_units(self, row: Sequence[str]) -> Columns | None:
        """Return the columns with units from a row of units; None if the row has values."""
        if any(c.isdigit() for c in row[self.lat]) or any(row[c.place].lower() in MISSING_WORDS for c in self.values):
            return None
        try:
            found = [replace(c, divisor=_divisor(row[c.place], c.depth_m)) for c in self.values]
        except ValueError:
            return None
        return replace(self, values=tuple(found))


def find_columns(header: Sequence[str], offset: timedelta, source: str) -> Columns:
    """Identify the columns of a table.

    Parameters
    ----------
    header : names of the columns; a unit or a time zone may follow in brackets.
    offset : offset of the table's times from UTC, if neither column nor value has a time zone.

    Raises
    ------
    DataError : a required column is missing or occurs twice; an unknown unit; a time zone that contradicts ``offset``.
    """
    plain = [_split(name)[0] for name in header]

    def find(names: Collection[str]) -> int | None:
        return next((plain.index(name) for name in names if name in plain), None)

    station, lat, lon = find(_STATION), find(_LATITUDE), find(_LONGITUDE)
    time = _stamp_column(header, offset, source)
    clock = [find(names) for names in _CLOCK]
    if station is None or lat is None or lon is None or (time is None and None in clock):
        raise DataError(
            f"station table '{source}' has the columns {', '.join(header)[:200] or 'none'}; expected Station_Id_C, "
            "Lat, Lon, and Datetime or Year, Mon, Day, Hour."
        )
    if time is None:
        time = _by_clock([place for place in clock if place is not None], find(_MINUTE), offset)
    return Columns(station, lat, lon, find(_ELEVATION), time, _value_columns(header, plain, source))


def _split(name: str) -> tuple[str, str]:
    """Split a column name into the name in lower case and the text in brackets."""
    name = name.strip().lower()
    match = _BRACKET.fullmatch(name)
    return (match[1], match[2]) if match else (name, "")


def _value_columns(header: Sequence[str], plain: Sequence[str], source: str) -> tuple[Column, ...]:
    codes = {m[1]: k for k, name in enumerate(plain) if (m := _SOIL_QUALITY.fullmatch(name))}
    found = []
    for k, name in enumerate(plain):
        if (m := _SOIL.fullmatch(name)) is not None:
            bottom = int(m[1]) / 100
            depth = round(max(0.0, bottom - LAYER_M), 4), bottom
            found.append(replace(_column(header, k, depth, source), quality=codes.get(m[1])))
    if not found:
        raise DataError(
            f"station table '{source}' has no column of soil_moisture; found {', '.join(header)[:200]}. Expected "
            "SVWC_010CM or V71105_010 and so on."
        )
    names: dict[DepthRange, str] = {}
    for column in found:
        if column.depth_m in names:
            raise DataError(
                f"columns '{names[column.depth_m]}' and '{header[column.place]}' of station table '{source}' have "
                "the same depth; expected one of them. Remove the other from the table."
            )
        names[column.depth_m] = header[column.place]
    return tuple(found)


def _column(header: Sequence[str], place: int, depth_m: DepthRange, source: str) -> Column:
    """Describe a column of values with the unit in its name, without its quality codes."""
    text = _split(header[place])[1]
    try:
        return Column(place, depth_m, None, _divisor(text, depth_m) if text else None)
    except ValueError as error:
        raise DataError(f"column '{header[place]}' of station table '{source}' has {error}.") from error


def _divisor(unit: str, depth_m: DepthRange) -> float:
    """Divisor that converts values in a unit to m3 m-3; ValueError for an unknown unit."""
    text = _CHINESE.get(unit.strip(), unit).replace("\uff05", "%").replace("%", " % ")
    try:
        return soil_moisture_unit(text, depth_m, "volumetric water content").full
    except ZeroDivisionError:
        raise ValueError(f"units '{unit}' at a depth without thickness; expected m3 m-3 or percent") from None


def _stamp_column(header: Sequence[str], offset: timedelta, source: str) -> Callable[[Sequence[str]], datetime] | None:
    """Return a function that reads the time from one column, preferably of UTC; None without a time column."""
    hours = offset.total_seconds() / 3600.0
    found: dict[float | None, int] = {}
    for k, name in enumerate(header):
        is_time, ahead = _zone(name)
        if is_time:
            found.setdefault(ahead, k)
    if not found:
        return None
    if 0.0 in found and (hours == 0.0 or len(found) > 1):
        return _by_stamp(found[0.0], timedelta(0))
    chosen = found.get(hours, found.get(None))
    if chosen is not None:
        return _by_stamp(chosen, offset)
    ahead, k = next(iter(found.items()))
    raise DataError(
        f"times in column '{header[k]}' of station table '{source}' are {ahead:g} h ahead of UTC by its name, "
        f"{hours:g} h by the configuration; set utc_offset_hours: {ahead:g}."
    )


def _zone(name: str) -> tuple[bool, float | None]:
    """Whether a column has times according to its name, and their offset from UTC, h; None if unknown."""
    plain, bracket = _split(name)
    for ahead, zones in _ZONES.items():
        names = {f"{base}_{zone}" for base in _STAMP for zone in zones}
        names |= {f"{zone}_{base}" for base in _STAMP for zone in zones} | {zones[0]}
        if plain in names or (plain in _STAMP and bracket in zones):
            return True, ahead
    return plain in _STAMP or plain in _LOCAL, None


def _by_stamp(place: int, offset: timedelta) -> Callable[[Sequence[str]], datetime]:
    return lambda row: parse_stamp(row[place], offset)


def _by_clock(places: Sequence[int], minute: int | None, offset: timedelta) -> Callable[[Sequence[str]], datetime]:
    def time(row: Sequence[str]) -> datetime:
        year, month, day, hour = (_whole(row[place]) for place in places)
        return _time(year, month, day, hour, 0 if minute is None else _whole(row[minute])) - offset

    return time


def parse_stamp(text: str, offset: timedelta) -> datetime:
    """Parse a time such as 2016060108, 201606010800, 2016-06-01 08:00:00, 2016/6/1 8:00, 2016-06-01T08:00Z; UTC.

    Parameters
    ----------
    offset : offset of the text from UTC if it has no time zone.

    Raises
    ------
    ValueError : an unknown format, an invalid time, or a time zone that contradicts a non-zero ``offset``.
    """
    # Some programs write fractions of seconds, or 2016060108.0 in columns with empty cells.
    text = re.sub(r"\.0*$", "", text)
    match = _PLAIN_STAMP.fullmatch(text) or _STAMP_TEXT.fullmatch(text)
    if match is None:
        raise ValueError(f"time '{text[:40]}'")
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    zone = match[7] if match.re is _STAMP_TEXT else None
    if zone is not None:
        stated = timedelta(0)
        if zone not in ("Z", "UTC"):
            stated = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:])) * (-1 if zone[0] == "-" else 1)
        if offset not in (timedelta(0), stated):
            raise ValueError(f"time '{text}' has another zone than utc_offset_hours, {offset}")
        offset = stated
    return _time(year, month, day, hour, minute, second) - offset


def _time(year: int, month: int, day: int, hour: int, minute: int = 0, second: int = 0) -> datetime:
    # Some tables count hours from 1 to 24.
    if year not in _YEARS or not (0 <= hour <= 24 and 0 <= minute < 60 and 0 <= second < 60):
        raise ValueError(f"time {year}-{month}-{day} {hour}:{minute:02d}")
    return datetime(year, month, day) + timedelta(hours=hour, minutes=minute, seconds=second)


def _whole(text: str) -> int:
    value = float(text)
    if value != int(value):
        raise ValueError(f"'{text}' in a date")
    return int(value)
