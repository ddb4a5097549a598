"""Stations as tables with one line per station and hour, in the manner of the China Meteorological Administration."""

from __future__ import annotations

import csv
import io
import logging
import math
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from landda_hpc.errors import ConfigError, DataError
from landda_hpc.formats.archive import list_files
from landda_hpc.formats.station import VARIABLES, StationSeries, StationVariable, make_series

if TYPE_CHECKING:
    from pathlib import Path

    from landda_hpc.fields.depth import DepthRange

logger = logging.getLogger(__name__)

SUFFIXES: Final = (".csv", ".txt")

QUALITY: Final[dict[str, str]] = {"0": "G", "1": "D", "2": "C", "3": "G", "4": "G", "8": "M", "9": "U", "": "U"}
"""Quality codes as flags: right, doubtful, wrong, revised by the station, revised since, missing, not checked."""

LAYER_M: Final = 0.1
"""Thickness of the layer that a depth in a column's name ends: 010 is 0-10 cm, 020 10-20 cm, 100 90-100 cm."""

_MISSING_FROM: Final = 900.0
"""Codes of missing values: 9999, 32744, 32766, 999998, 999999; no percentage and no hourly rain in mm reaches them."""

_TRACE: Final = 999990.0
"""Rain too little to measure."""

_SOIL: Final = re.compile(r"^(?:v71105|svwc|vwc|soil_?vwc)_?0*(\d{1,3})(?:_?cm)?$")
_SOIL_QUALITY: Final = re.compile(r"^q_?(?:71105|v71105|svwc|vwc|soil_?vwc)_?0*(\d{1,3})(?:_?cm)?$")
_RAIN: Final = ("pre_1h", "v13019", "pre")
_RAIN_QUALITY: Final = ("q_pre_1h", "q13019", "q_pre")
_STATION: Final = ("station_id_c", "station_id", "station_id_d", "v01301", "station")
_LATITUDE: Final = ("lat", "v05001", "latitude")
_LONGITUDE: Final = ("lon", "v06001", "longitude")
_ELEVATION: Final = ("alti", "v07001", "elevation")
_STAMP: Final = ("datetime", "d_datetime", "time")
_CLOCK: Final = (("year", "v04001"), ("mon", "month", "v04002"), ("day", "v04003"), ("hour", "v04004"))
_STAMP_FORMATS: Final = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y%m%d%H%M%S", "%Y%m%d%H")


@dataclass
class _Sensor:
    """What has been read of one sensor."""

    place: tuple[float, float, float]
    depth_m: DepthRange
    times: list[datetime] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Column:
    """A column of values: its place, the depth, the place of its quality codes."""

    place: int
    depth_m: DepthRange
    quality: int | None


def read_station_csv(
    path: Path,
    variable: str = "soil_moisture",
    *,
    network: str = "CMA",
    utc_offset_hours: float = 0.0,
    on_bad: Literal["error", "skip"] = "error",
) -> list[StationSeries]:
    """Read tables of station observations.

    Parameters
    ----------
    path : a .csv or .txt file, a folder or a zip archive of such.
    variable : soil_moisture (percent by volume in the files) or precipitation (mm in the hour before).
    network : name for the series.
    utc_offset_hours : of the files' times; 8 where they are of Beijing.
    on_bad : what an unreadable file is: an error, or passed over with a warning.

    Returns
    -------
    One series per station and depth, in order of station and depth. Flags are ``QUALITY``.

    Raises
    ------
    ConfigError : another variable.
    MissingFileError : no such path.
    DataError : no file; a table without the columns for station, latitude, longitude, time and the variable; a line
        that cannot be understood.

    Notes
    -----
    Local: no communication. Separators are commas, tabs, semicolons or blanks, by the first line; text is UTF-8 or
    GB 18030. Column names: Station_Id_C, Lat, Lon, Alti, Datetime or Year, Mon, Day, Hour; SVWC_010CM ... or V71105_010
    ... for soil moisture, PRE_1h for rain, with Q_ before for quality codes. Written after descriptions of the
    administration's data interface.
    """
    if variable not in ("soil_moisture", "precipitation"):
        raise ConfigError(f"station tables hold soil_moisture and precipitation; found '{variable}'.")
    quantity = VARIABLES[variable]
    files = list_files(path, lambda name: name.lower().endswith(SUFFIXES))
    if not files:
        raise DataError(f"'{path}' has no table ({' or '.join(SUFFIXES)}).")
    sensors: dict[tuple[str, DepthRange], _Sensor] = {}
    bad = 0
    for name, content in files:
        try:
            found = _read_table(content(), name, quantity, timedelta(hours=utc_offset_hours))
        except DataError as error:
            if on_bad == "error":
                raise
            bad += 1
            logger.warning("passed over: %s", error)
            continue
        for key, sensor in found.items():
            known = sensors.setdefault(key, _Sensor(sensor.place, sensor.depth_m))
            known.times += sensor.times
            known.values += sensor.values
            known.flags += sensor.flags
    if bad:
        logger.warning("%s: %d of %d station tables passed over", path, bad, len(files))
    ordered = sorted(sensors.items(), key=lambda item: item[0])
    return [_series(network, station, sensor, quantity, str(path)) for (station, _), sensor in ordered]


def _series(network: str, station: str, sensor: _Sensor, variable: StationVariable, source: str) -> StationSeries:
    return make_series(
        network=network,
        station=station,
        sensor="",
        place=sensor.place,
        depth_m=sensor.depth_m,
        variable=variable,
        times=np.array(sensor.times, dtype="datetime64[s]"),
        values=np.array(sensor.values, dtype=np.float64),
        flags=np.array(sensor.flags, dtype=np.str_),
        source=source,
    )


def _read_table(
    content: bytes, source: str, variable: StationVariable, offset: timedelta
) -> dict[tuple[str, DepthRange], _Sensor]:
    text = _decode(content, source)
    lines = io.StringIO(text.replace("\r\n", "\n").replace("\r", "\n"))
    first = text.split("\n", 1)[0].split("\r", 1)[0]
    separator = max(",\t;", key=first.count)
    reader = csv.reader(lines, delimiter=separator if separator in first else " ", skipinitialspace=True)
    sensors: dict[tuple[str, DepthRange], _Sensor] = {}
    try:
        header = [cell.strip().lower() for cell in next(reader, [])]
        places = _places(header, source)
        columns = _columns(header, variable, source)
        for row in reader:
            if any(cell.strip() for cell in row):
                _take(row, places, columns, variable, offset, sensors)
    except (csv.Error, ValueError, IndexError, OverflowError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"line {reader.line_num} of station table '{source}' cannot be understood ({error}); expected the columns "
            f"{', '.join(header)[:200]}."
        ) from error
    return sensors


def _decode(content: bytes, source: str) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise DataError(f"station table '{source}' is neither UTF-8 nor GB 18030 text.")


Places = tuple[int, int, int, int | None, Callable[[list[str]], datetime]]
"""Columns of station, latitude, longitude, elevation; what gives a line's time."""


def _places(header: list[str], source: str) -> Places:
    def find(names: Collection[str]) -> int | None:
        return next((header.index(name) for name in names if name in header), None)

    station, lat, lon = find(_STATION), find(_LATITUDE), find(_LONGITUDE)
    stamp, clock = find(_STAMP), [find(names) for names in _CLOCK]
    if station is None or lat is None or lon is None or (stamp is None and None in clock):
        raise DataError(
            f"station table '{source}' has the columns {', '.join(header)[:200] or 'none'}; expected Station_Id_C, "
            "Lat, Lon, and Datetime or Year, Mon, Day, Hour."
        )
    if stamp is not None:
        at = stamp
        return station, lat, lon, find(_ELEVATION), lambda row: _parse_stamp(row[at].strip())
    parts = [place for place in clock if place is not None]

    def by_clock(row: list[str]) -> datetime:
        year, month, day, hour = (int(float(row[place])) for place in parts)
        # Some tables count hours from 1 to 24.
        return (
            datetime(year, month, day) + timedelta(hours=hour) if 0 <= hour <= 24 else datetime(year, month, day, hour)
        )

    return station, lat, lon, find(_ELEVATION), by_clock


def _parse_stamp(text: str) -> datetime:
    for pattern in _STAMP_FORMATS:
        try:
            return datetime.strptime(text, pattern)
        except ValueError:
            continue
    raise ValueError(f"time '{text}'")


def _columns(header: list[str], variable: StationVariable, source: str) -> list[_Column]:
    if variable.name == "precipitation":
        place = next((header.index(name) for name in _RAIN if name in header), None)
        quality = next((header.index(name) for name in _RAIN_QUALITY if name in header), None)
        found = [] if place is None else [_Column(place, (0.0, 0.0), quality)]
    else:
        codes = {m.group(1): k for k, name in enumerate(header) if (m := _SOIL_QUALITY.match(name))}
        found = [
            _Column(k, (max(0.0, int(m.group(1)) / 100 - LAYER_M), int(m.group(1)) / 100), codes.get(m.group(1)))
            for k, name in enumerate(header)
            if (m := _SOIL.match(name))
        ]
    if not found:
        raise DataError(
            f"station table '{source}' has no column of {variable.name}; found {', '.join(header)[:200]}. Expected "
            "SVWC_010CM or V71105_010 and so on, or PRE_1h."
        )
    return found


def _take(
    row: list[str],
    places: Places,
    columns: list[_Column],
    variable: StationVariable,
    offset: timedelta,
    sensors: dict[tuple[str, DepthRange], _Sensor],
) -> None:
    station, lat, lon, elevation, time_of = places
    time = time_of(row) - offset
    for column in columns:
        depth = (round(column.depth_m[0], 4), round(column.depth_m[1], 4))
        key = row[station].strip(), depth
        sensor = sensors.get(key)
        if sensor is None:
            height = math.nan if elevation is None or not row[elevation].strip() else float(row[elevation])
            place = float(row[lat]), float(row[lon]), height if abs(height) < 9000.0 else math.nan
            sensor = sensors[key] = _Sensor(place, depth)
        code = "" if column.quality is None else row[column.quality].strip().removesuffix(".0")
        sensor.times.append(time)
        sensor.values.append(_value(row[column.place].strip(), variable))
        sensor.flags.append(QUALITY.get(code, "U"))


def _value(text: str, variable: StationVariable) -> float:
    value = float(text) if text else math.nan
    if variable.name == "precipitation" and value == _TRACE:
        return 0.0
    if not math.isfinite(value) or value >= _MISSING_FROM or value <= -_MISSING_FROM:
        return math.nan
    return value if variable.name == "precipitation" else value / 100.0
