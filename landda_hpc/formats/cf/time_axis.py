"""Valid times of a variable in a netCDF file, and the position of each time along its dimensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final

import numpy as np

from landda_hpc.errors import DataError
from landda_hpc.formats.cf.netcdf_file import NetcdfFile, read_times

_LEADS: Final = ("step", "leadtime", "lead_time", "forecast_period")
"""Names of the time since a forecast's start."""


@dataclass(frozen=True)
class TimeAxis:
    """Times of a file.

    Attributes
    ----------
    name : name of the coordinate; None if the file has none and the time is in its name.
    dims : dimensions of the coordinate: none for a single time, or several (start and lead time of forecasts).
    times : UTC, ascending.
    places : index of each time along ``dims``.
    """

    name: str | None
    dims: tuple[str, ...]
    times: tuple[datetime, ...]
    places: tuple[Mapping[str, int], ...]

    @classmethod
    def single(cls, time: datetime) -> TimeAxis:
        """Time axis of a file without a time coordinate."""
        return cls(None, (), (time,), ({},))


def find_clock(file: NetcdfFile, variable: str, names: Sequence[str]) -> str | None:
    """Find the coordinate of a variable's valid times.

    Parameters
    ----------
    variable : a variable of the file.
    names : possible names of the coordinate, the usual one first.

    Returns
    -------
    The first name with most of the variable's dimensions (cfgrib: ``valid_time`` on start and lead time). If none
    varies with the variable, the first with a single time, otherwise the first in the file, or None.
    """
    dims = file.dims(variable)
    present = [name for name in names if file.has(name)]
    lengths = {
        name: sum(dims[dim] > 1 for dim in file.dims(name)) for name in present if set(file.dims(name)) <= set(dims)
    }
    if lengths and max(lengths.values()):
        return next(name for name in lengths if lengths[name] == max(lengths.values()))
    single = [name for name in present if all(n == 1 for n in file.dims(name).values())]
    return next(iter(single or present), None)


def read_time_axis(
    file: NetcdfFile, name: str, calendars: Sequence[str], ranks: Sequence[int] | None = None
) -> TimeAxis:
    """Read the times of a coordinate.

    Parameters
    ----------
    name : name of the coordinate: a single time, 1-D, or along start and lead time.
    calendars : allowed calendars.
    ranks : ranks of the records of a 1-D coordinate; of duplicate times, the one with the lower rank is used (ERA5
        before ERA5T). None: each time must occur once.

    Raises
    ------
    DataError : times that cannot be read, do not ascend, or repeat; start times of forecasts without valid times.
    """
    dims = file.dims(name)
    _require_valid_times(file, name)
    times = read_times(file, name, calendars)
    places: list[Mapping[str, int]] = [
        dict(zip(dims, map(int, index), strict=True)) for index in np.ndindex(*dims.values())
    ]
    if len(dims) > 1 or ranks is not None:
        rank_of = ranks if ranks is not None else [0] * len(times)
        kept: list[int] = []
        for k in sorted(range(len(times)), key=lambda k: (times[k], rank_of[k])):
            if not kept or times[kept[-1]] != times[k] or rank_of[kept[-1]] == rank_of[k]:
                kept.append(k)
        times, places = [times[k] for k in kept], [places[k] for k in kept]
    for one, other in pairwise(times):
        if other <= one:
            raise DataError(
                f"times '{name}' in '{file.path}' do not ascend: {other.isoformat()} follows {one.isoformat()}. "
                "Expected each time once, in order."
            )
    return TimeAxis(name, tuple(dims), tuple(times), tuple(places))


def _require_valid_times(file: NetcdfFile, name: str) -> None:
    """Raise DataError if a coordinate is the start of forecasts with lead times, and not the valid time."""
    if name == "valid_time":
        return
    lead = next((lead for lead in _LEADS if file.has(lead) and file.is_numeric(lead)), None)
    is_start = file.attribute(name, "standard_name") == "forecast_reference_time"
    has_lead = lead is not None and bool(np.any(np.nan_to_num(file.values(lead), nan=1.0) != 0.0))
    if has_lead or (is_start and lead is None):
        leads = f", with lead times in '{lead}'" if has_lead else ""
        raise DataError(
            f"time '{name}' in '{file.path}' is the start of forecasts{leads}, and there is no valid_time. Write the "
            "valid times into the file (cfgrib does)."
        )
