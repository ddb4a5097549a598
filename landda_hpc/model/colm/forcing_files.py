"""Forcing files that CoLM202X opens in a period, derived from its forcing namelist (nl_colm_forcing).

The model reads the records before and after each time step. The file of a record depends on the data set, the prefix
of the variable, and the year and month of the record. If a file is missing, the model aborts at the first step that
needs it. The years stated in the namelist do not prevent this: outside these years the model only prints a warning.
"""

from __future__ import annotations

import re
from calendar import isleap
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from landda_hpc.errors import DataError, MissingFileError
from landda_hpc.formats.colm.netcdf import open_colm_file, read_array
from landda_hpc.model.colm.namelist import Namelist
from landda_hpc.model.colm.namelist_paths import exists

_YEAR_MONTH: Final = "{prefix}{year:04d}-{month:02d}.nc"
_COMPACT: Final = "{prefix}{year:04d}{month:02d}"
_UNDERSCORES: Final = "{prefix}_{year:04d}_{month:02d}"

_NAMES: Final[dict[str, str]] = {
    "PRINCETON": "{prefix}{year:04d}-{year:04d}.nc",
    **dict.fromkeys(("GSWP3", "QIAN", "CRUNCEPV4", "CRUNCEPV7", "WFDEI"), _YEAR_MONTH),
    **dict.fromkeys(("MSWX", "JRA3Q"), _UNDERSCORES + ".nc"),
    "WFDE5": _COMPACT + "_v2.1.nc",
    "CRUJRA": "{prefix}{year:04d}.365d.noc.nc",
    **dict.fromkeys(("JRA55", "CMFDv2", "TPMFD"), _COMPACT + ".nc"),
    **dict.fromkeys(("GDAS", "CMFD"), _COMPACT + ".nc4"),
    "CLDAS": "{prefix}-{year:04d}{month:02d}.nc",
    **dict.fromkeys(("CMIP6", "CRA40", "IsoGSM"), "{prefix}_{year:04d}.nc"),
}
"""File names by data set, as the model composes them."""

_NAMES_OF_VARIABLES: Final[dict[str, tuple[str, ...]]] = {
    "ERA5LAND": (
        "_2m_temperature.nc", "_specific_humidity.nc", "_surface_pressure.nc", "_total_precipitation_m_hr.nc",
        "_10m_u_component_of_wind.nc", "_10m_v_component_of_wind.nc", "_surface_solar_radiation_downwards_w_m2.nc",
        "_surface_thermal_radiation_downwards_w_m2.nc",
    ),
    "ERA5": (
        "_2m_temperature.nc4", "_q.nc4", "_surface_pressure.nc4", "_mean_total_precipitation_rate.nc4",
        "_10m_u_component_of_wind.nc4", "_10m_v_component_of_wind.nc4",
        "_mean_surface_downward_short_wave_radiation_flux.nc4", "_mean_surface_downward_long_wave_radiation_flux.nc4",
    ),
}  # fmt: skip
"""Suffixes of file names by variable, after ``_UNDERSCORES``."""

_MOST_VARIABLES: Final = 8

_DAYS_TO_MARCH: Final = 59
"""Days before March in a year without 29 February."""

DEFAULTS: Final = {
    "dtime": (21600, 21600, 21600, 21600, 0, 21600, 21600, 21600),
    "offset": (10800, 10800, 10800, 10800, 0, 10800, 0, 10800),
}
"""CoLM's default time steps and offsets, s, for keys that the namelist lacks."""

_UNIT: Final = re.compile(r"seconds since (\d{4})-(\d\d)-(\d\d).(\d\d):(\d\d):(\d\d)")


def stated_problems(forcing: Namelist, begin: datetime, end: datetime) -> list[str]:
    """Parts of a period that lie outside the years and months stated in the forcing namelist. Local.

    Missing keys (DEF_forcing%startyr, startmo, endyr, endmo) are not checked.
    """
    startyr, startmo, endyr, endmo = (
        forcing.number(f"DEF_forcing%{name}") for name in ("startyr", "startmo", "endyr", "endmo")
    )
    last = end - timedelta(seconds=1)
    problems = []
    where = f"forcing namelist '{forcing.source}'"
    if startyr is not None and (begin.year, begin.month) < (startyr, startmo or 1):
        problems.append(
            f"{where}: the forcing begins in {startyr:.0f}-{startmo or 1:02.0f} (DEF_forcing%startyr, startmo), the "
            f"campaign in {begin:%Y-%m}. Choose a period inside the forcing, or correct these keys."
        )
    if endyr is not None and (last.year, last.month) > (endyr, endmo or 12):
        problems.append(
            f"{where}: the forcing ends in {endyr:.0f}-{endmo or 12:02.0f} (DEF_forcing%endyr, endmo), the campaign in "
            f"{last:%Y-%m}. Choose a period inside the forcing, or correct these keys."
        )
    return problems


def file_problems(forcing: Namelist, begin: datetime, end: datetime, step: timedelta) -> list[str]:
    """Find forcing files of a period that the model would not find. Local; reads times only from point forcing.

    Parameters
    ----------
    begin, end : period of the campaign, UTC.
    step : time step of the model.

    Returns
    -------
    One line per problem. Empty if the file names of this data set are not known.
    """
    dataset, root = forcing.text_value("DEF_forcing%dataset") or "", forcing.text_value("DEF_dir_forcing")
    if root is None:
        return []
    if dataset == "POINT":
        return _point_problems(forcing, root, begin, end, step)
    if not exists(Path(root)):
        return [f"forcing namelist '{forcing.source}': DEF_dir_forcing = '{root}' does not exist."]
    missing = []
    for number in range(1, _MOST_VARIABLES + 1):
        names = [name for name, _ in variable_files(forcing, number, begin, end, step)]
        missing += [name for name in names if not exists(Path(f"{root}/{name}")) and name not in missing]
    if not missing:
        return []
    count = "1 file" if len(missing) == 1 else f"{len(missing)} files"
    problem = (
        f"forcing namelist '{forcing.source}': {count} that the model opens between {begin.isoformat()} and "
        f"{end.isoformat()} do not exist in {root}; the first is {missing[0]}. Add them, choose another period, or "
        "correct DEF_forcing."
    )
    return [problem]


def variable_files(
    forcing: Namelist, number: int, begin: datetime, end: datetime, step: timedelta
) -> list[tuple[str, datetime]]:
    """Files of one variable that the model opens in a period, below DEF_dir_forcing, in order of time. Local.

    Parameters
    ----------
    number : of the variable, from 1, as in ``DEF_forcing%vname``.
    begin, end, step : period, UTC, and the model's time step.

    Returns
    -------
    Each file's name and the beginning of the year or month that it covers, UTC. Empty if the variable has no files, or
    the file names of the data set are not known.
    """
    name, prefix = (forcing.element(f"DEF_forcing%{key}", number) for key in ("vname", "fprefix"))
    dataset, interval = forcing.text_value("DEF_forcing%dataset") or "", record_interval(forcing, number)
    if not isinstance(name, str) or not isinstance(prefix, str) or name.strip() == "NULL" or interval is None:
        return []
    if dataset in _NAMES_OF_VARIABLES:
        pattern = _UNDERSCORES + _NAMES_OF_VARIABLES[dataset][number - 1]
    elif dataset in _NAMES:
        pattern = _NAMES[dataset]
    else:
        return []
    first, last = _months_of_records(forcing, begin, end, step, *interval)
    by_year = forcing.text_value("DEF_forcing%groupby") == "year"
    months = [divmod(n, 12) for n in range(12 * first[0] + first[1] - 1, 12 * last[0] + last[1])]
    files = [
        (
            pattern.format(prefix=prefix.strip(), year=year, month=month + 1),
            datetime(year, 1 if by_year else month + 1, 1),
        )
        for year, month in months
    ]
    return list(dict.fromkeys(files))


def record_interval(forcing: Namelist, number: int) -> tuple[timedelta, timedelta] | None:
    """Time between a variable's records, and offset of the first one in a file; None if it has none. Local."""
    dtime, offset = (forcing.element(f"DEF_forcing%{key}", number) for key in ("dtime", "offset"))
    dtime, offset = (
        DEFAULTS[key][number - 1] if value is None else value for key, value in (("dtime", dtime), ("offset", offset))
    )
    if not isinstance(dtime, int | float) or not isinstance(offset, int | float) or dtime <= 0:
        return None
    return timedelta(seconds=dtime), timedelta(seconds=offset)


def record_time(forcing: Namelist, interval: tuple[timedelta, timedelta], begin: datetime, record: int) -> datetime:
    """Valid time that the model gives to a record of a file. Local.

    Parameters
    ----------
    interval : of the variable (``record_interval``).
    begin : beginning of the year or month that the file covers.
    record : from 0.

    Notes
    -----
    Files of a year without 29 February (``DEF_forcing%leapyear = .false.``) are shifted by one day after it.
    """
    time = begin + interval[1] + record * interval[0]
    by_year = forcing.text_value("DEF_forcing%groupby") == "year"
    if by_year and forcing.logical("DEF_forcing%leapyear") is False and isleap(begin.year):
        return time + timedelta(days=time - begin >= timedelta(days=_DAYS_TO_MARCH))
    return time


def _months_of_records(
    forcing: Namelist, begin: datetime, end: datetime, step: timedelta, dtime: timedelta, offset: timedelta
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Year and month of the files of the last record before the first step and the first after the last step.

    Records are at the period's beginning + offset + n dtime; the period is the time that one file covers.
    """
    period = begin.replace(hour=0, minute=0, second=0)
    groupby = forcing.text_value("DEF_forcing%groupby") or "month"
    if groupby in ("month", "year"):
        period = period.replace(day=1)
    if groupby == "year":
        period = period.replace(month=1)
    before = period + offset + ((begin - period - offset) // dtime) * dtime
    file_of_first = before
    if before < period or (before == period and offset):
        # The record is in the preceding file. If the forcing begins here, the first record is used instead.
        starts = forcing.number("DEF_forcing%startyr"), forcing.number("DEF_forcing%startmo") or 1
        begins_here = (begin.year, begin.month) == starts and begin.day == 1
        file_of_first = period if begins_here else period - timedelta(seconds=1)
    n_steps = max(0, (end - step - before) // dtime) + 1
    after = before + n_steps * dtime
    if offset and after == after.replace(hour=0, minute=0, second=0):
        after -= timedelta(seconds=1)  # midnight belongs to the preceding day
    return (file_of_first.year, file_of_first.month), (after.year, after.month)


def _point_problems(forcing: Namelist, root: str, begin: datetime, end: datetime, step: timedelta) -> list[str]:
    """Problems of the single file of point forcing, whose times must cover the whole period."""
    prefix, where = forcing.element("DEF_forcing%fprefix", 1), f"forcing namelist '{forcing.source}'"
    if not isinstance(prefix, str):
        return []
    # The model concatenates both, without a slash.
    path = Path(f"{root}{prefix.strip()}")
    if not exists(path):
        slash = "" if root.endswith("/") else " CoLM appends the file name to DEF_dir_forcing: end that with '/'."
        return [f"{where}: forcing file {path} does not exist.{slash}"]
    try:
        first, last = _times_of_point(path)
    except (DataError, MissingFileError) as error:
        return [f"{where}: {error}"]
    if begin < first or end > last + step:
        problem = (
            f"{where}: {path} has records from {first.isoformat()} to {last.isoformat()}, the campaign runs from "
            f"{begin.isoformat()} to {end.isoformat()}. Choose a period inside the forcing."
        )
        return [problem]
    return []


def _times_of_point(path: Path) -> tuple[datetime, datetime]:
    """First and last time in a file of point forcing."""
    with open_colm_file(path) as file:
        seconds = read_array(file, path, "time").astype(np.float64).reshape(-1)
        units = str(getattr(file["time"], "units", ""))
    match = _UNIT.match(units)
    if match is None or not seconds.size:
        raise DataError(
            f"{path}: {seconds.size} times in '{units}'; CoLM accepts only 'seconds since YYYY-MM-DD HH:MM:SS'."
        )
    year, month, day, hour, minute, second = (int(part) for part in match.groups())
    epoch = datetime(year, month, day, hour, minute, second)
    return epoch + timedelta(seconds=float(seconds[0])), epoch + timedelta(seconds=float(seconds[-1]))
