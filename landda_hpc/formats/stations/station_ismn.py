"""Read downloads of the International Soil Moisture Network: header+values and CEOP files (.stm)."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from landda_hpc.errors import DataError
from landda_hpc.formats.stations.ismn_names import MISSING, SUFFIX, identify, parse_file_name
from landda_hpc.formats.stations.station import Sensor, StationSeries, make_series, merge_series
from landda_hpc.formats.stations.text import MISSING_WORDS, decode_text, is_number, word_splitter
from landda_hpc.formats.stations.text_archive import list_files

logger = logging.getLogger(__name__)

CODE: Final = "sm"
"""Code of soil moisture in file names."""
Period = tuple[datetime, datetime]
"""First and last time, UTC."""


def read_ismn(
    path: Path, *, on_bad: Literal["error", "skip"] = "error", period: Period | None = None
) -> list[StationSeries]:
    """Read all soil-moisture sensors of a download.

    Parameters
    ----------
    path : a folder with .stm files at any depth, a zip archive as downloaded, or one .stm file.
    on_bad : an unreadable file is an error, or is skipped with a warning and counted.
    period : only values from one time to another, both included; None: all. Sensors without values in the period have
        empty series.

    Returns
    -------
    One series per sensor, in order of file names. Times are UTC; flags are all those of the network, joined by commas.
    Among values of one time, the best flag takes precedence, then the file whose period ends last (``merge_series``).

    Raises
    ------
    MissingFileError : the path does not exist.
    DataError : no file of soil moisture; an unsafe archive; an unreadable file with ``on_bad`` "error".

    Notes
    -----
    Local: no communication. For encodings and line ends see ``formats.stations.text``. File names must have the form
    ``<network>_<network>_<station>_<variable>_<from>_<to>_<sensor>_<start>_<end>.stm``; other files are not read.
    """
    files = list_files(path, lambda name: name.lower().endswith(SUFFIX))
    wanted = [(name, content) for name, content in files if _is_of_soil_moisture(name)]
    if not wanted:
        raise DataError(
            f"'{path}' has no file of soil_moisture (..._{CODE}_...{SUFFIX}) among {len(files)} files. Is it "
            f"a download in header+values or CEOP format?{_archives_in(path)}"
        )
    series: list[StationSeries] = []
    bad = 0
    for name, content in wanted:
        try:
            series.append(parse_stm(content(), name, period))
        except DataError as error:
            if on_bad == "error":
                raise
            bad += 1
            logger.warning("skipped: %s", error)
    if bad:
        logger.warning("%s: %d of %d station files skipped", path, bad, len(wanted))
    # The download that ends last is the newest and corrects earlier ones.
    return merge_series(series, age=_period_of)


def _period_of(series: StationSeries) -> tuple[str, str, str]:
    """Last and first day in the file name, and the name."""
    name = parse_file_name(series.source)
    return ("", "", series.source) if name is None else (name.last, name.first, series.source)


def _archives_in(folder: Path) -> str:
    """Hint for a message if a folder has archives that are not unpacked."""
    found = list_files(folder, lambda name: name.lower().endswith(".zip")) if folder.is_dir() else []
    return (
        f" It has {len(found)} zip archives: name one of them, e.g. '{found[0][0]}', or unpack them." if found else ""
    )


def parse_stm(content: bytes, source: str, period: Period | None = None) -> StationSeries:
    """Read one file.

    Parameters
    ----------
    content : content of the file.
    source : name of the file, for messages.
    period : as for ``read_ismn``. Errors in lines of days outside the period are not detected, and ``dropped`` counts
        only lines of days in the period.

    Raises
    ------
    DataError : neither header+values nor CEOP; a line in the wrong format; no lines.
    """
    text = decode_text(content, source)
    lines, words_of = text.split("\n"), word_splitter(text)
    if period is None:
        return _parse(lines, words_of, source)
    try:
        found = _parse(_lines_of(lines, period), words_of, source)
    except DataError:
        # E.g. only impossible values on these days; the complete file shows whether it can be used.
        found = _parse(lines, words_of, source)
    return found.between(*period)


def _lines_of(lines: list[str], period: Period) -> list[str]:
    """Blank the lines of days outside the period, except the first line; line numbers are kept."""
    first, last = (f"{time:%Y/%m/%d}" for time in period)
    begin = next((k for k, line in enumerate(lines) if line.strip()), 0) + 1
    kept = [line if line[4:5] != "/" or first <= line[:10] <= last else "" for line in lines[begin:]]
    return lines[:begin] + kept


def _parse(lines: list[str], words_of: Callable[[str], list[str]], source: str) -> StationSeries:
    rows = [(number, words) for number, line in enumerate(lines, start=1) if line and (words := words_of(line))]
    if not rows:
        raise DataError(f"station file '{source}' is empty.")
    first = rows[0][1]
    if _is_date(first[0]) and len(first) >= 13 and _is_date(first[2]):
        return _ceop(rows, source)
    if _is_date(first[0]) or len(first) < 9:
        raise DataError(
            f"station file '{source}' begins '{' '.join(first)[:80]}'; expected the header network, network, station, "
            "latitude, longitude, elevation, depth from, depth to, sensor, or CEOP lines."
        )
    return _header_values(rows, source)


def _is_of_soil_moisture(source: str) -> bool:
    name = parse_file_name(source)
    return name is not None and name.code == CODE


def _is_date(text: str) -> bool:
    return len(text) == 10 and text[4] == text[7] == "/"


def _header_values(rows: list[tuple[int, list[str]]], source: str) -> StationSeries:
    """Parse a header line, then lines of date, time, value, flags of the network, flags of the provider."""
    header = rows[0][1]
    found = identify(header, source)
    # Concatenated files have the header again.
    times, values, flags = _columns([row for row in rows[1:] if row[1] != header], 0, 2, source)
    sensor = Sensor(found.network, found.station, " ".join(header[found.n_words :]), found.place, found.depth_m)
    return make_series(sensor, times=times, values=values, flags=flags, source=source)


def _ceop(rows: list[tuple[int, list[str]]], source: str) -> StationSeries:
    """Parse lines of nominal date and time, actual date and time, names, place, depth, value, flags."""
    first = rows[0][1]
    found = identify(first[4:], source, _is_value_with_flags)
    value = 4 + found.n_words
    named = first[4:value]
    strange = next((number for number, row in rows if row[4:value] != named), None)
    if strange is not None:
        raise DataError(
            f"line {strange} of station file '{source}' is of another sensor than the first; expected "
            f"'{' '.join(named)}'."
        )
    times, values, flags = _columns(rows, 0, value, source)
    name = parse_file_name(source)
    sensor = Sensor(found.network, found.station, name.sensor if name else "", found.place, found.depth_m)
    return make_series(sensor, times=times, values=values, flags=flags, source=source)


def _is_value_with_flags(words: Sequence[str]) -> bool:
    """Whether words can follow the depth in a CEOP line: a value, then flags, the first of which is not a number."""
    return bool(words) and is_number(words[0]) and not any(map(is_number, words[1:2]))


def _columns(rows: list[tuple[int, list[str]]], date: int, value: int, source: str) -> tuple[Any, Any, Any]:
    """Times, values and flags of lines, shape (n,)."""
    short = next((number for number, row in rows if len(row) <= value), None)
    if short is not None:
        raise DataError(f"line {short} of station file '{source}' ends before its value; is the file complete?")
    stamps = [f"{row[date].replace('/', '-')}T{row[date + 1]}" for _, row in rows]
    try:
        if not all(_is_clock(stamp) for stamp in stamps):
            raise ValueError("a time of another form")
        times = np.array(stamps, dtype="datetime64[s]")
        texts = [row[value] for _, row in rows]
        try:
            values = np.array(texts, dtype=np.float64)
        except ValueError:
            values = np.array([_value(text) for text in texts], dtype=np.float64)
    except ValueError:
        number = next(number for number, row in rows if not _is_sound(row, date, value))
        raise DataError(
            f"line {number} of station file '{source}' is not of the format; expected yyyy/mm/dd HH:MM, a "
            "number, flags."
        ) from None
    if np.isnat(times).any():
        raise DataError(f"station file '{source}' has a line without time.")
    values = np.where(values <= MISSING, np.nan, values)
    values[~np.isfinite(values)] = np.nan
    flags = np.array([row[value + 1] if len(row) > value + 1 else "" for _, row in rows], dtype=np.str_)
    return times, values, flags


def _value(text: str) -> float:
    return math.nan if text.lower() in MISSING_WORDS else float(text)


def _is_clock(stamp: str) -> bool:
    """Whether a time has the form yyyy-mm-ddTHH:MM, with or without seconds, without an offset from UTC."""
    return len(stamp) == 16 or (len(stamp) == 19 and stamp[16] == ":")


def _is_sound(row: list[str], date: int, value: int) -> bool:
    stamp = f"{row[date].replace('/', '-')}T{row[date + 1]}"
    if not _is_clock(stamp):
        return False
    try:
        np.datetime64(stamp, "s")
        _value(row[value])
    except ValueError:
        return False
    return True
