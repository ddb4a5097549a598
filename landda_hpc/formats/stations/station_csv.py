"""Read station tables of the China Meteorological Administration with one line per station and hour."""

from __future__ import annotations

import csv
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Literal

import numpy as np

from landda_hpc.constants import FloatArray
from landda_hpc.errors import DataError
from landda_hpc.formats.stations.station import Sensor, StationSeries, make_series
from landda_hpc.formats.stations.station_columns import Columns, find_columns
from landda_hpc.formats.stations.station_rows import Rows
from landda_hpc.formats.stations.station_units import detect_unit
from landda_hpc.formats.stations.text import Numbers
from landda_hpc.formats.stations.text_archive import list_files
from landda_hpc.regridding.depth import DepthRange

logger = logging.getLogger(__name__)

SUFFIXES: Final = (".csv", ".txt")

TableUnits = Literal["detect", "percent", "fraction"]

QUALITY: Final[dict[str, str]] = {
    "0": "G", "1": "D", "2": "C", "3": "G", "4": "G", "7": "M", "8": "M", "9": "U", "": "U",
}  # fmt: skip
"""Flags of quality codes: right, doubtful, wrong, revised by the station, revised later, not observed, missing, not
checked. Other codes count as not checked."""

_RANK: Final = {"3": 0, "4": 0, "0": 1, "1": 3, "2": 4, "7": 5, "8": 5}
"""Rank of quality codes among several values of one time: revised, right, (not checked), doubtful, wrong, missing."""

_RANK_UNCHECKED: Final = 2

_WRONG: Final = 4
"""Values of this rank or worse are not used to determine a unit."""

_MISSING_FROM: Final = 900.0
"""Values from here on are missing: codes are 999.9, 9999, 32744, 32766, 999998, 999999; percentages are smaller."""
_DIVISOR: Final = {"percent": 100.0, "fraction": 1.0}
"""Divisors that give m3 m-3."""

SAME_PLACE_DEG: Final = 0.1
"""Largest difference of positions of one station, which may be moved by a few kilometres, degrees."""


@dataclass
class _Sensor:
    """Data of one sensor: values in the unit of the table, and their quality."""

    place: tuple[float, float, float]
    depth_m: DepthRange
    times: list[datetime] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    ranks: list[int] = field(default_factory=list)
    divisors: list[float | None] = field(default_factory=list)

    def add(self, other: _Sensor) -> None:
        self.times += other.times
        self.values += other.values
        self.flags += other.flags
        self.ranks += other.ranks
        self.divisors += other.divisors


Sensors = dict[tuple[str, "DepthRange"], _Sensor]


def read_station_csv(
    path: Path,
    *,
    utc_offset_hours: float = 0.0,
    on_bad: Literal["error", "skip"] = "error",
    units: TableUnits = "detect",
) -> list[StationSeries]:
    """Read tables of soil moisture at stations of the network CMA, in percent by volume or m3 m-3.

    Parameters
    ----------
    path : a .csv or .txt file, or a folder or zip archive of such files.
    utc_offset_hours : offset of the files' times from UTC; 8 for Beijing time.
    on_bad : an unreadable file is an error, or is skipped with a warning.
    units : unit of soil moisture if column names give none; "detect": from all values (``station_units``).

    Returns
    -------
    One series per station and depth, in order of station and depth, with flags by ``QUALITY``. Among values of one
    time, valid values take precedence, then by quality code: revised (3 and 4), right (0), not checked, doubtful (1),
    wrong (2); then the later line, tables in order of their names.

    Raises
    ------
    MissingFileError : the path does not exist.
    DataError : no file; a table without columns for station, latitude, longitude, time and soil moisture; a line that
        cannot be parsed; one station at two places; ambiguous units.

    Notes
    -----
    Local: no communication. For encodings see ``text``, for separators and quotes ``station_rows``. Column names are
    Station_Id_C, Lat, Lon, Alti, Datetime or Year, Mon, Day, Hour (Min); SVWC_010CM ... or V71105_010 ... for soil
    moisture, with the prefix Q_ for quality codes; a unit or time zone may follow in brackets. All numbers of a table
    have decimal points, or all have commas. The format follows descriptions of the administration's data interface.
    """
    files = list_files(path, lambda name: name.lower().endswith(SUFFIXES))
    if not files:
        raise DataError(f"'{path}' has no table ({' or '.join(SUFFIXES)}).")
    sensors: Sensors = {}
    bad = 0
    for name, content in files:
        try:
            found = _read_table(content(), name, timedelta(hours=utc_offset_hours))
            for key, sensor in found.items():
                if key in sensors:
                    _require_same_place(key[0], sensors[key].place, sensor.place, name)
        except DataError as error:
            if on_bad == "error":
                raise
            bad += 1
            logger.warning("skipped: %s", error)
            continue
        for key, sensor in found.items():
            sensors.setdefault(key, _Sensor(sensor.place, sensor.depth_m)).add(sensor)
    if bad:
        logger.warning("%s: %d of %d station tables skipped", path, bad, len(files))
    divisor = _divisor(sensors, units, str(path))
    ordered = sorted(sensors.items(), key=lambda item: item[0])
    return [_series(station, sensor, divisor, str(path)) for (station, _), sensor in ordered]


def _divisor(sensors: Mapping[tuple[str, DepthRange], _Sensor], units: str, source: str) -> float:
    """Divisor of values in columns without a unit."""
    if units != "detect":
        return _DIVISOR[units]
    unstated: dict[str, FloatArray] = {}
    for (station, depth), sensor in sensors.items():
        is_unstated = np.array([divisor is None for divisor in sensor.divisors], dtype=np.bool_)
        values, ranks = np.array(sensor.values, np.float64)[is_unstated], np.array(sensor.ranks)[is_unstated]
        is_good = (ranks < _WRONG) & (values > 0.0)
        unstated[f"station {station} at {100 * depth[0]:g}-{100 * depth[1]:g} cm"] = values[is_good]
    if not any(values.size for values in unstated.values()):
        for name, (_, sensor) in zip(unstated, sensors.items(), strict=True):
            unstated[name] = np.array([v for v, d in zip(sensor.values, sensor.divisors, strict=True) if d is None])
    return _DIVISOR[detect_unit(unstated, source)]


def _series(station: str, sensor: _Sensor, divisor: float, source: str) -> StationSeries:
    divisors = np.array([stated or divisor for stated in sensor.divisors], np.float64)
    return make_series(
        Sensor("CMA", station, "", sensor.place, sensor.depth_m),
        times=np.array(sensor.times, dtype="datetime64[s]"),
        values=np.array(sensor.values, np.float64) / divisors,
        flags=np.array(sensor.flags, dtype=np.str_),
        source=source,
        ranks=np.array(sensor.ranks, dtype=np.int64),
    )


def _read_table(content: bytes, source: str, offset: timedelta) -> Sensors:
    rows: Rows | None = None
    sensors: Sensors = {}
    numbers = Numbers()
    try:
        rows = Rows(content, source)
        columns = find_columns(rows.header, offset, source)
        is_first = True
        for row in rows:
            with_units = columns.with_units(row) if is_first else None
            is_first = False
            if with_units is not None:
                columns = with_units
            else:
                _take(row, columns, sensors, numbers, source)
    except (csv.Error, ValueError, IndexError, OverflowError) as error:
        if isinstance(error, DataError):
            raise
        line, header = (1, []) if rows is None else (rows.number, rows.header)
        raise DataError(
            f"line {line} of station table '{source}' cannot be parsed ({error}); expected the columns "
            f"{', '.join(header)[:200] or 'in its first line'}."
        ) from error
    return sensors


def _take(row: list[str], columns: Columns, sensors: Sensors, numbers: Numbers, source: str) -> None:
    time = columns.time(row)
    station = row[columns.station].removesuffix(".0")
    lat, lon = numbers.read(row[columns.lat]), numbers.read(row[columns.lon])
    for column in columns.values:
        key = station, column.depth_m
        sensor = sensors.get(key)
        if sensor is None:
            height = math.nan if columns.elevation is None else numbers.read(row[columns.elevation])
            sensor = sensors[key] = _Sensor((lat, lon, height if abs(height) < 9000.0 else math.nan), column.depth_m)
        _require_same_place(station, sensor.place, (lat, lon, math.nan), source)
        code = "" if column.quality is None else row[column.quality].removesuffix(".0")
        sensor.times.append(time)
        value = numbers.read(row[column.place])
        sensor.values.append(value if abs(value) < _MISSING_FROM else math.nan)
        sensor.flags.append(QUALITY.get(code, "U"))
        sensor.ranks.append(_RANK.get(code, _RANK_UNCHECKED))
        sensor.divisors.append(column.divisor)


def _require_same_place(
    station: str, place: tuple[float, float, float], other: tuple[float, float, float], source: str
) -> None:
    if place[:2] == other[:2]:
        return
    turn = abs(place[1] - other[1]) % 360.0
    if abs(place[0] - other[0]) > SAME_PLACE_DEG or min(turn, 360.0 - turn) > SAME_PLACE_DEG:
        raise DataError(
            f"station {station} in '{source}' lies at {place[0]:g} N {place[1]:g} E and at {other[0]:g} N {other[1]:g} "
            "E. Are these two stations with one number, or are cells shifted?"
        )
