"""File names of CoLM202X: time labels, blocks, constant and time-varying restarts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from landda_hpc.constants import SECONDS_PER_DAY
from landda_hpc.errors import DataError

_LABEL: Final = re.compile(r"(\d{4})-(\d{3})-(\d{5})")
_BLOCK: Final = r"[ew]\d{3}_[ns]\d{2}"
_STATE_FILE: Final = re.compile(
    rf"(.+)_restart_(?:([A-Za-z]\w*?)_)?(\d{{4}}-\d{{3}}-\d{{5}})_lc(\d{{4}})(?:_({_BLOCK}))?\.nc"
)
_CONST_FILE: Final = re.compile(rf"(.+)_restart_(?:([A-Za-z]\w*?)_)?const_lc(\d{{4}})(?:_({_BLOCK}))?\.nc")


@dataclass(frozen=True)
class RestartName:
    """Information in the name of a restart file.

    Attributes
    ----------
    case : DEF_CASE_NAME of the namelist.
    label : time, YYYY-DDD-SSSSS; empty for a constant restart.
    lc_year : DEF_LC_YEAR, the year of the land cover.
    block : south-western corner of the block, e.g. ``e110_n35``; empty for a file that holds all blocks.
    kind : part of the state: empty for the patches, else ``pft``, ``urban`` (``urb`` in the constant restart), ``bgc``,
        ``gridriver``, ``basin``, ``DA`` or a kind of another model version.
    """

    case: str
    label: str
    lc_year: int
    block: str
    kind: str = ""


def time_label(time: datetime) -> str:
    """CoLM's label of a time, YYYY-DDD-SSSSS: year, day of the year, second of the day.

    Raises
    ------
    DataError : the time is not a whole second.
    """
    if time.microsecond:
        raise DataError(f"{time}: CoLM names its restarts by whole seconds.")
    seconds = time.hour * 3600 + time.minute * 60 + time.second
    return f"{time.year:04d}-{time:%j}-{seconds:05d}"


def parse_label(label: str) -> datetime:
    """Parse a label YYYY-DDD-SSSSS to a time of the model's clock, without time zone.

    As in CoLM's calendar, 86400 seconds is the beginning of the next day.

    Raises
    ------
    DataError : the label is not valid, or its day or second does not exist.
    """
    match = _LABEL.fullmatch(label)
    if match is None:
        raise DataError(f"'{label}' is not a time of a CoLM restart; expected YYYY-DDD-SSSSS, e.g. 2010-153-00000.")
    year, day, seconds = (int(part) for part in match.groups())
    if year < 1 or not 1 <= day <= days_in_year(year) or seconds > SECONDS_PER_DAY:
        raise DataError(f"'{label}': no such day of the year or second of the day.")
    return datetime(year, 1, 1) + timedelta(days=day - 1, seconds=seconds)


def days_in_year(year: int) -> int:
    """Number of days in a year of CoLM's calendar, which is Gregorian."""
    return (datetime(year, 12, 31) - datetime(year, 1, 1)).days + 1


def is_label(name: str) -> bool:
    """Whether a folder name has the form of a time label."""
    return _LABEL.fullmatch(name) is not None


def parse_state_file(name: str) -> RestartName | None:
    """Parse the file name of a time-varying restart of any kind, in blocks or not; None for other files."""
    match = _STATE_FILE.fullmatch(name)
    return RestartName(match[1], match[3], int(match[4]), match[5] or "", match[2] or "") if match else None


def parse_const_file(name: str) -> RestartName | None:
    """Parse the file name of a constant restart of any kind, in blocks or not; None for other files."""
    match = _CONST_FILE.fullmatch(name)
    return RestartName(match[1], "", int(match[3]), match[4] or "", match[2] or "") if match else None


def parse_const_name(name: str) -> RestartName | None:
    """Parse the file name of a block of the patches' constant restart; None for other files."""
    found = parse_const_file(name)
    return found if found is not None and found.block and not found.kind else None


def state_name(case: str, label: str, lc_year: int, block: str, kind: str = "") -> str:
    """File name of a time-varying restart; with an empty block, of a file that holds all blocks."""
    part = f"{kind}_" if kind else ""
    return f"{case}_restart_{part}{label}_lc{lc_year:04d}" + (f"_{block}" if block else "") + ".nc"


def const_name(case: str, lc_year: int, block: str | None) -> str:
    """File name of a block of the constant restart; without a block, of the file of scalars."""
    return f"{case}_restart_const_lc{lc_year:04d}" + (f"_{block}" if block else "") + ".nc"
