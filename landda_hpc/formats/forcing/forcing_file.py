"""Read one file of a forcing variable: times, units and positions of its records, and windows of its values."""

from __future__ import annotations

import calendar
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Final, Literal

import numpy as np

from landda_hpc.constants import FloatArray
from landda_hpc.errors import DataError
from landda_hpc.formats.cf.clock import NOLEAP_CALENDARS, STANDARD_CALENDARS
from landda_hpc.formats.cf.experiment_version import EXPVER, best_stream, expver_ranks
from landda_hpc.formats.cf.file_grid import coordinate_of, order_longitudes, read_matrices, require_degrees
from landda_hpc.formats.cf.netcdf_file import NetcdfFile, axis_of
from landda_hpc.formats.cf.time_axis import TimeAxis, find_clock, read_time_axis
from landda_hpc.formats.cf.units import canonical_unit
from landda_hpc.formats.forcing.forcing_sets import VariableFiles, units_of

_SCANNED_SIZE: Final = 2**26  # bytes; larger files are not searched for damage before they are opened
_MATRIX_AXES: Final = (("LATIXY", "LONGXY"), ("latitude", "longitude"), ("lat", "lon"))
_CLOCK_NAMES: Final = ("valid_time", "time")


@dataclass(frozen=True)
class Record:
    """A record of a file and its interval, UTC; for an instant, ``begin`` equals ``end``.

    ``begin`` and ``end`` are naive; ``index`` is the position in the file.
    """

    path: Path
    index: int
    begin: datetime
    end: datetime

    @property
    def node(self) -> datetime:
        """Time of an instant, or middle of the interval."""
        return self.begin + 0.5 * (self.end - self.begin)


@dataclass(frozen=True, eq=False)
class Places:
    """Positions of a file's values.

    Attributes
    ----------
    lat : degrees_north, strictly ascending, (n_lat,).
    lon : degrees_east, strictly ascending, (n_lon,).
    is_flipped : the file's rows run north to south.
    is_reversed : the file's columns run east to west.
    n_columns : number of columns in the file, one more than of longitudes if the first is repeated at the end.
    """

    lat: FloatArray
    lon: FloatArray
    is_flipped: bool
    is_reversed: bool
    n_columns: int


def open_forcing(path: Path) -> NetcdfFile:
    """Open a file of a dataset; a context manager."""
    scan = path.is_file() and path.stat().st_size <= _SCANNED_SIZE
    return NetcdfFile(path, scan=scan)


def variable_name(file: NetcdfFile, variable: VariableFiles) -> str:
    """First of the variable's names that is in the file; DataError if none is."""
    name = next((n for n in variable.names if file.has(n)), None)
    if name is None:
        raise DataError(
            f"'{file.path}' has no variable {' or '.join(variable.names)}; found {', '.join(file.names())}. "
            "Name it in forcing.variables."
        )
    return name


def conversion(file: NetcdfFile, name: str, quantity: str, variable: VariableFiles) -> tuple[float, float]:
    """Factor and offset to internal units (amounts: per interval, not yet per second); DataError for unknown units."""
    known = units_of(quantity, variable.meaning)
    if not known:
        raise DataError(f"'{quantity}' cannot be an amount: forcing.variables says it is '{variable.meaning}'.")
    units = variable.units or file.attribute(name, "units")
    wanted = canonical_unit(units).lower()
    found = next((value for spelling, value in known.items() if canonical_unit(spelling).lower() == wanted), None)
    if found is None:
        raise DataError(
            f"variable '{name}' in '{file.path}' has units '{units}'; as {variable.meaning} of '{quantity}' expected "
            f"{', '.join(known)}. If the attribute is wrong, give the true units in forcing.variables."
        )
    return found


def read_records(
    path: Path,
    variable: VariableFiles,
    clock: Literal["stamps", "records"],
    covers: tuple[datetime, datetime] | None,
    leap_days: bool,
) -> list[Record]:
    """Read the records of a file in order of time.

    Parameters
    ----------
    clock : see ``ForcingSet``.
    covers : beginning and end of the period given by the file name; None for all times.
    leap_days : if False, or if the times have the noleap calendar, 28 February of a leap year is repeated as the 29th.

    Raises
    ------
    MissingFileError : no such file.
    DataError : damaged file; the variable is missing, has no time, or has unevenly spaced times.
    """
    with open_forcing(path) as file:
        name = variable_name(file, variable)
        dims = _time_dimensions(file, name)
        if clock == "records":
            if covers is None:
                raise DataError(f"'{path}': records can be counted only where the file's name gives its year or month.")
            times, step = _counted(path, math.prod(dims.values()), covers, leap_days)
            indices = list(range(len(times)))
            stamp = "begin"
        else:
            axis = _time_axis(file, name)
            leap_days = leap_days and not _is_noleap(file, name)
            times = _whole_minutes(list(axis.times))
            indices = [_flat_index(place, dims) for place in axis.places]
            step = _step(path, times)
            stamp = variable.stamp
    shift = variable.offset
    if variable.meaning != "instant":
        shift += {"begin": timedelta(), "middle": -0.5 * step, "end": -step}[stamp]
    elif clock == "records":
        shift += 0.5 * step  # an instant with a counted record is the middle of the record's interval
    length = timedelta() if variable.meaning == "instant" else step
    records = [Record(path, i, t + shift, t + shift + length) for i, t in zip(indices, times, strict=True)]
    return records if leap_days else _with_leap_day(records)


def _clock_of(file: NetcdfFile, name: str) -> str | None:
    """Name of the time coordinate of a variable, which may extend along start and lead time."""
    return find_clock(file, name, _CLOCK_NAMES)


def _time_dimensions(file: NetcdfFile, name: str) -> dict[str, int]:
    """Time dimensions of a variable, in order, and their lengths."""
    dims = file.dims(name)
    clock = _clock_of(file, name)
    own = set(file.dims(clock)) if clock is not None else set()
    found = {dim: n for dim, n in dims.items() if dim in own or (not own and dim in _CLOCK_NAMES)}
    if not found:
        raise DataError(f"variable '{name}' in '{file.path}' has dimensions {dims}; expected one named time.")
    return found


def _time_axis(file: NetcdfFile, name: str) -> TimeAxis:
    """Times of a variable's records; of duplicate times, ERA5 takes precedence over ERA5T."""
    clock = _clock_of(file, name)
    if clock is None:
        raise DataError(f"variable '{name}' in '{file.path}' has dimensions {file.dims(name)}, and no time axis.")
    return read_time_axis(file, clock, (*STANDARD_CALENDARS, *NOLEAP_CALENDARS), expver_ranks(file, clock))


def _is_noleap(file: NetcdfFile, name: str) -> bool:
    """Whether the times of a variable have no 29 February in any year."""
    clock = _clock_of(file, name)
    return clock is not None and file.attribute(clock, "calendar").strip().lower() in NOLEAP_CALENDARS


def _flat_index(place: Mapping[str, int], dims: Mapping[str, int]) -> int:
    """Index of a record along all time dimensions, the last dimension varying fastest."""
    index = 0
    for dim, n in dims.items():
        index = index * n + place.get(dim, 0)
    return index


def _counted(
    path: Path, n_record: int, covers: tuple[datetime, datetime], leap_days: bool
) -> tuple[list[datetime], timedelta]:
    """Beginning of each record, spread evenly over a file's period, and their step."""
    begin, end = covers
    length = end - begin
    skips = not leap_days and calendar.isleap(begin.year) and begin <= datetime(begin.year, 2, 28) < end
    if skips:
        length -= timedelta(days=1)
    step = length / n_record
    if step.total_seconds() % 60.0 or timedelta(days=1) % step:
        raise DataError(
            f"'{path}' has {n_record} records for {length.days} days: {step} each; expected steps that divide a day. "
            "Is the file complete?"
        )
    times = [begin + i * step for i in range(n_record)]
    leap_day = datetime(begin.year, 2, 28) + timedelta(days=1)
    return [t + timedelta(days=1) if skips and t >= leap_day else t for t in times], step


def _whole_minutes(times: list[datetime]) -> list[datetime]:
    """Round times to minutes if that makes them more even: arithmetic on time axes may have added seconds."""
    rounded = [t.replace(second=0) + timedelta(minutes=round(t.second / 60.0)) for t in times]
    return rounded if _n_steps(rounded) < _n_steps(times) else times


def _n_steps(times: list[datetime]) -> int:
    return len({after - before for before, after in pairwise(times)})


def _step(path: Path, times: list[datetime]) -> timedelta:
    if len(times) < 2:
        raise DataError(f"'{path}' has {len(times)} record; its interval is not known. Expected at least 2.")
    step = times[1] - times[0]
    wrong = next((i for i in range(1, len(times)) if times[i] - times[i - 1] != step), None)
    # 29 February may be missing.
    while wrong is not None and times[wrong] - times[wrong - 1] == step + timedelta(days=1) and times[wrong].month == 3:
        wrong = next((i for i in range(wrong + 1, len(times)) if times[i] - times[i - 1] != step), None)
    if wrong is not None or step <= timedelta():
        at = wrong or 1
        raise DataError(
            f"times in '{path}' are not evenly spaced: {step} at first, {times[at] - times[at - 1]} before {times[at]}."
        )
    return step


def _with_leap_day(records: list[Record]) -> list[Record]:
    """Add a 29 February that repeats the 28th if a leap year lacks it."""
    day = timedelta(days=1)
    present = {record.begin for record in records}
    added = [
        Record(r.path, r.index, r.begin + day, r.end + day)
        for r in records
        if calendar.isleap(r.begin.year) and (r.begin.month, r.begin.day) == (2, 28) and r.begin + day not in present
    ]
    return sorted(records + added, key=lambda record: record.begin)


def read_places(path: Path, variable: VariableFiles) -> Places:
    """Read the latitudes and longitudes of a variable, 1-D or as matrices of a regular grid.

    Raises
    ------
    DataError : there are none, or they are not in order.
    """
    with open_forcing(path) as file:
        name = variable_name(file, variable)
        lat_dim, lon_dim = _space_dimensions(file, name)
        lat, lon = _axes(file, name, lat_dim, lon_dim)
        for what, axis, low, high in (("latitude", lat, -90.0, 90.0), ("longitude", lon, -180.0, 360.0)):
            step = np.diff(axis)
            is_ordered = what == "longitude" or np.all(step > 0) or np.all(step < 0)
            if not is_ordered or not (axis.min() >= low - 1e-3 and axis.max() <= high + 1e-3):
                raise DataError(
                    f"{what} of '{name}' in '{path}' runs from {axis[0]:g} to {axis[-1]:g} in {axis.size} places; "
                    f"expected degrees within {low:g} to {high:g} in order."
                )
        columns, ordered = order_longitudes(file, lon_dim, lon) if lon.size > 1 else (np.zeros(1, dtype=np.int64), lon)
    is_flipped = bool(lat.size > 1 and lat[0] > lat[-1])
    return Places(
        np.ascontiguousarray(lat[::-1]) if is_flipped else lat,
        ordered,
        is_flipped,
        bool(columns[0] > columns[-1]),
        lon.size,
    )


def _space_dimensions(file: NetcdfFile, name: str) -> tuple[str, str]:
    dims = list(file.dims(name))
    lat_dim, lon_dim = axis_of(file, name, "latitude"), axis_of(file, name, "longitude")
    if lat_dim is None or lon_dim is None:
        matrices = coordinate_of(file, name, "latitude"), coordinate_of(file, name, "longitude")
        if matrices[0] and matrices[1] and min(len(file.dims(matrix)) for matrix in matrices if matrix) >= 2:
            shape = [n for matrix in matrices if matrix for n in tuple(file.dims(matrix).values())[-2:]]
            if min(shape) > 1:
                return read_matrices(file, matrices[0], matrices[1])[0]
        guess = {d.lower(): d for d in dims}
        lat_dim = next((guess[n] for n in ("lat", "latitude", "y", "lsmlat") if n in guess), None)
        lon_dim = next((guess[n] for n in ("lon", "longitude", "x", "lsmlon") if n in guess), None)
    if lat_dim is None or lon_dim is None:
        raise DataError(f"variable '{name}' in '{file.path}' has dimensions {dims}; expected latitude and longitude.")
    return lat_dim, lon_dim


def _axes(file: NetcdfFile, name: str, lat_dim: str, lon_dim: str) -> tuple[FloatArray, FloatArray]:
    own = coordinate_of(file, name, "latitude"), coordinate_of(file, name, "longitude")
    for lat_name, lon_name in ((lat_dim, lon_dim), own, *_MATRIX_AXES):
        if lat_name is None or lon_name is None or not (file.has(lat_name) and file.has(lon_name)):
            continue
        require_degrees(file, lat_name, lon_name)
        lat_dims, lon_dims = list(file.dims(lat_name)), list(file.dims(lon_name))
        if (lat_dims, lon_dims) == ([lat_dim], [lon_dim]):
            return file.values(lat_name).ravel(), file.values(lon_name).ravel()
        if {lat_dim, lon_dim} <= set(lat_dims) and {lat_dim, lon_dim} <= set(lon_dims):
            if min(file.dims(lat_name)[lat_dim], file.dims(lat_name)[lon_dim]) > 1:
                return read_matrices(file, lat_name, lon_name)[1:]
            lat, lon = (np.moveaxis(file.values(n), list(file.dims(n)).index(lat_dim), 0) for n in (lat_name, lon_name))
            return lat[:, 0].ravel(), lon[0].ravel()
    dims = file.dims(name)
    if dims[lat_dim] == dims[lon_dim] == 1:
        return np.zeros(1), np.zeros(1)  # a single place serves all cells; its position does not matter
    raise DataError(f"'{file.path}' has no latitudes and longitudes of variable '{name}'.")


def read_window(
    path: Path,
    quantity: str,
    variable: VariableFiles,
    places: Places,
    records: slice,
    rows: slice,
    columns: slice,
) -> FloatArray:
    """Read some records in a window, in internal units, NaN where missing; (n_record, n_row, n_column).

    Parameters
    ----------
    places : positions of the file's values; rows count from the south, columns from the west.
    records : indices in the file, in the variable's order (with start and lead time, the lead time varies fastest).

    Notes
    -----
    Local: no communication; reads nothing outside the window. Amounts are per interval of the record.
    """
    with open_forcing(path) as file:
        name = variable_name(file, variable)
        factor, offset = conversion(file, name, quantity, variable)
        lat_dim, lon_dim = _space_dimensions(file, name)
        time_dims = _time_dimensions(file, name)
        dims = file.dims(name)
        other = {d: n for d, n in dims.items() if d not in (*time_dims, lat_dim, lon_dim)}
        is_on_places = (dims[lat_dim], dims[lon_dim]) == (places.lat.size, places.n_columns)
        if not is_on_places or any(n != 1 and d != EXPVER for d, n in other.items()):
            raise DataError(
                f"variable '{name}' in '{path}' has dimensions {dims}; expected time, {places.lat.size} latitudes and "
                f"{places.n_columns} longitudes, as in the dataset's first file."
            )
        n_lat, n_lon = places.lat.size, places.n_columns
        in_file = slice(n_lat - rows.stop, n_lat - rows.start) if places.is_flipped else rows
        of_file = slice(n_lon - columns.stop, n_lon - columns.start) if places.is_reversed else columns
        outer, *inner = time_dims
        # With start and lead time, all lead times of the needed starts are read.
        n_inner = math.prod(time_dims[dim] for dim in inner)
        starts = slice(records.start // n_inner, -(-records.stop // n_inner))
        values = file.values(name, {outer: starts, lat_dim: in_file, lon_dim: of_file})
        values = values.transpose([list(dims).index(d) for d in (*other, *time_dims, lat_dim, lon_dim)])
        streams = values.reshape(math.prod(other.values()), -1, *_shape(rows, columns))
        values = best_stream(file, name, streams)
        first = starts.start * n_inner
        values = values[records.start - first : records.stop - first]
    if places.is_flipped:
        values = values[:, ::-1]
    if places.is_reversed:
        values = values[:, :, ::-1]
    return factor * values + offset


def _shape(rows: slice, columns: slice) -> tuple[int, int]:
    return rows.stop - rows.start, columns.stop - columns.start
