"""Read restarts of CoLM2014, Fortran unformatted files, and copy them with changed values.

``<site>-rstTimeConst`` has two records, ``<site>-rstTimeVar-YYYY-DDD-SSSSS`` one (``layout2014``). The files do not
contain their sizes: the numbers of patches, rows and columns follow from the lengths of the records and are checked
against their content.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from landda_hpc.constants import FloatArray
from landda_hpc.errors import DataError, MissingFileError, ShapeError, StorageError
from landda_hpc.formats.colm.fortran import FortranFile, scan_records
from landda_hpc.formats.colm.layout2014 import (
    CONSTANT_MAP,
    CONSTANT_SOIL,
    SIZES,
    TIME_VARYING,
    Array,
    record_type,
)
from landda_hpc.formats.colm.names import is_label, parse_label, time_label
from landda_hpc.io.atomic import atomic_replacement

_STATE: Final = "-rstTimeVar-"
_CONST: Final = "-rstTimeConst"


@dataclass(frozen=True)
class Case2014:
    """A CoLM2014 case: folder of its restarts (dir_restart_hist) and its name (site) in the namelist."""

    folder: Path
    site: str

    @property
    def const_file(self) -> Path:
        """Path of the constant restart."""
        return self.folder / f"{self.site}{_CONST}"

    def state_file(self, time: datetime) -> Path:
        """Path of the time-varying restart at a time."""
        return self.folder / f"{self.site}{_STATE}{time_label(time)}"

    def times(self) -> list[datetime]:
        """Times that have a restart, ascending; the restarts may be incomplete."""
        begin = f"{self.site}{_STATE}"
        names = [entry.name[len(begin) :] for entry in self.folder.iterdir() if entry.name.startswith(begin)]
        return sorted(parse_label(name) for name in names if is_label(name))


@dataclass(frozen=True, eq=False)
class Constants2014:
    """Both records of the constant restart.

    Attributes
    ----------
    values : arrays by the model's names (``layout2014``), in native byte order; ``spatch_xy`` and ``epatch_xy`` have
        the shape (lat, lon).
    n_patch, n_lat, n_lon : sizes.
    """

    values: dict[str, npt.NDArray[Any]]
    n_patch: int
    n_lat: int
    n_lon: int


def find_case_2014(folder: Path, site: str | None = None) -> Case2014:
    """Find the restarts of a CoLM2014 case in a folder.

    Raises
    ------
    MissingFileError : there is no constant restart. DataError : there are several, and no site is given.
    """
    if not folder.is_dir():
        raise MissingFileError(f"{folder}: the folder does not exist (dir_restart_hist of CoLM2014's namelist).")
    sites = sorted(entry.name[: -len(_CONST)] for entry in folder.iterdir() if entry.name.endswith(_CONST))
    chosen = [s for s in sites if site in (None, s)]
    if not chosen:
        raise MissingFileError(
            f"{folder}: no constant restart {site or '<site>'}{_CONST}; there are: {', '.join(sites) or 'none'}."
        )
    if len(chosen) > 1:
        raise DataError(f"{folder}: constant restarts of several cases: {', '.join(chosen)}. Choose one (site).")
    return Case2014(folder, chosen[0])


def is_folder_of_2014(folder: Path) -> bool:
    """Whether a folder has a constant restart of CoLM2014. Local."""
    return folder.is_dir() and any(entry.name.endswith(_CONST) for entry in folder.iterdir())


def count_patches_2014(case: Case2014, time: datetime) -> int:
    """Number of patches of a time-varying restart, from the length of its record. Local.

    Raises
    ------
    MissingFileError, DataError : the file is missing or damaged.
    """
    return _state_sizes(scan_records(case.state_file(time)))["patch"]


def read_constants_2014(case: Case2014, n_patch: int) -> Constants2014:
    """Read the constant restart. Local.

    Parameters
    ----------
    n_patch : number of patches (``count_patches_2014``, or numpatch of the namelist).

    Raises
    ------
    MissingFileError, DataError : the file is missing, damaged or has a different number of patches.
    """
    path = case.const_file
    file = scan_records(path)
    if len(file.records) != 2:
        raise DataError(f"{path}: {len(file.records)} records, expected 2. Is it a constant restart of CoLM2014?")
    for n_lat, n_lon in _grid_sizes(file, n_patch):
        sizes = {**SIZES, "patch": n_patch, "lat": n_lat, "lon": n_lon}
        values = {**_read(file, 0, CONSTANT_MAP, sizes), **_read(file, 1, CONSTANT_SOIL, sizes)}
        if _is_consistent(values, n_lat, n_lon):
            return Constants2014(values, n_patch, n_lat, n_lon)
    raise DataError(
        f"{path}: its records of {file.records[0].size} and {file.records[1].size} bytes are not those of {n_patch} "
        "patches on a grid of rows and columns. Is the time-varying restart of the same case?"
    )


def read_state_2014(case: Case2014, time: datetime, names: Sequence[str], n_patch: int) -> dict[str, FloatArray]:
    """Read variables of a time-varying restart, e.g. ``wliq_soisno``, shape (n_patch, 15). Local.

    Raises
    ------
    MissingFileError, DataError, ShapeError : the file is missing or damaged; its time or number of patches differs.
    """
    path = case.state_file(time)
    file = scan_records(path)
    sizes = _state_sizes(file)
    if sizes["patch"] != n_patch:
        raise ShapeError(f"{path}: {sizes['patch']} patches; the case has {n_patch}.")
    unknown = sorted(set(names) - {array.name for array in TIME_VARYING})
    if unknown:
        raise DataError(f"{path}: CoLM2014's restarts have no variables {', '.join(unknown)}.")
    values = _read(file, 0, TIME_VARYING, sizes, ("id", *names))
    year, day, second = (int(x) for x in values.pop("id"))
    if time_label(time) != f"{year:04d}-{day:03d}-{second:05d}":
        raise DataError(
            f"{path}: its record is of {year:04d}-{day:03d}-{second:05d}, but its name gives {time_label(time)}. "
            "Was the file renamed?"
        )
    return values


def check_state_2014(case: Case2014, time: datetime, n_patch: int) -> None:
    """Check that a time-varying restart is complete and finite, and has the expected time and patches. Local.

    Raises
    ------
    As for ``read_state_2014``; DataError if a value is not finite, or water negative beyond rounding.
    """
    names = [array.name for array in TIME_VARYING if array.name != "id"]
    for name, values in read_state_2014(case, time, names, n_patch).items():
        if not np.isfinite(values).all():
            raise DataError(
                f"{case.state_file(time)}: '{name}' is not a number everywhere. The model failed; the state of an "
                "earlier time is the last good one."
            )
        if name in ("wliq_soisno", "wice_soisno") and (values < -1e-3).any():
            raise DataError(
                f"{case.state_file(time)}: '{name}' is {values.min():.3g} kg m-2 at its minimum; water must not be "
                "negative."
            )


def check_case_2014(
    case: Case2014, times: Sequence[datetime], folder: Path | None = None
) -> tuple[int, tuple[int, int]]:
    """Check restarts of a case, and that they have the patches of the constant restart. Local.

    Parameters
    ----------
    times : at least one time.
    folder : folder of the time-varying restarts; None: that of the case.

    Returns
    -------
    The number of patches, and the numbers of rows and columns.

    Raises
    ------
    As for ``read_constants_2014`` and ``check_state_2014``.
    """
    states = case if folder is None else replace(case, folder=folder)
    n_patch = count_patches_2014(states, times[0])
    constants = read_constants_2014(case, n_patch)
    for time in times:
        check_state_2014(states, time, n_patch)
    return n_patch, (constants.n_lat, constants.n_lon)


def write_copy_2014(source: Path, destination: Path, changed: Mapping[str, FloatArray]) -> None:
    """Copy a time-varying restart and overwrite some arrays in the copy, in the byte order of the file. Local.

    Parameters
    ----------
    source : the file to copy; it is not changed.
    destination : written atomically (temporary name, read-back, fsync, rename).
    changed : new values by variable. If nothing changes, the copy equals the source byte for byte.

    Raises
    ------
    MissingFileError, DataError, ShapeError, StorageError : as for ``restart.write_restart_copy``.
    """
    file = scan_records(source)
    layout = record_type(TIME_VARYING, _state_sizes(file), file.byte_order)
    parts: list[tuple[int, bytes]] = []
    for name, values in changed.items():
        if name not in (layout.names or ()):
            raise DataError(f"{source}: has no variable '{name}' to change.")
        kind, start = _field(layout, name)
        if values.shape != kind.shape:
            raise ShapeError(f"{source}: '{name}' is {kind.shape}; the new values are {values.shape}.")
        parts.append((start, values.astype(kind.base).tobytes()))
    with atomic_replacement(destination, source.stat().st_size, make_folder=True) as temporary:
        shutil.copyfile(source, temporary)
        record = file.records[0]
        with temporary.open("r+b") as copy:
            for start, content in parts:
                record.write(copy, start, content)
        with temporary.open("rb") as copy:
            if any(record.read(copy, start, len(content)) != content for start, content in parts):
                raise StorageError(f"{destination}: reads back differently from what was written. Check the disk.")


def _state_sizes(file: FortranFile) -> dict[str, int]:
    fixed = record_type(TIME_VARYING, {**SIZES, "patch": 0}).itemsize
    per_patch = record_type(TIME_VARYING, {**SIZES, "patch": 1}).itemsize - fixed
    if len(file.records) != 1 or (file.records[0].size - fixed) % per_patch or file.records[0].size <= fixed:
        lengths = ", ".join(str(record.size) for record in file.records)
        raise DataError(
            f"{file.path}: records of {lengths} bytes; expected one of {fixed} + {per_patch} x patches. "
            "Is it a time-varying restart of CoLM2014 with 10 soil layers, in double precision?"
        )
    return {**SIZES, "patch": (file.records[0].size - fixed) // per_patch}


def _grid_sizes(file: FortranFile, n_patch: int) -> list[tuple[int, int]]:
    """Candidates for (n_lat, n_lon), whose product and sum follow from the lengths of the records."""
    none = {**SIZES, "patch": n_patch, "lat": 0, "lon": 0}
    area, area_rest = divmod(file.records[0].size - record_type(CONSTANT_MAP, none).itemsize, 8)
    total, total_rest = divmod(file.records[1].size - record_type(CONSTANT_SOIL, none).itemsize, 8)
    square = total * total - 4 * area
    if area_rest or total_rest or area < 1 or total < 2 or square < 0 or math.isqrt(square) ** 2 != square:
        return []
    short, long = (total - math.isqrt(square)) // 2, (total + math.isqrt(square)) // 2
    return [(short, long), (long, short)] if short * long == area else []


def _is_consistent(values: Mapping[str, npt.NDArray[Any]], n_lat: int, n_lon: int) -> bool:
    row, column = values["jxy_patch"], values["ixy_patch"]
    if row.min() < 1 or row.max() > n_lat or column.min() < 1 or column.max() > n_lon:
        return False
    near_lat = np.abs(values["lats"][row - 1] - np.rad2deg(values["dlat"])) < 1e-4
    away = np.abs(values["lons"][column - 1] - np.rad2deg(values["dlon"])) % 360.0
    return bool(near_lat.all() and np.all(np.minimum(away, 360.0 - away) < 1e-4))


def _field(layout: np.dtype[np.void], name: str) -> tuple[np.dtype[Any], int]:
    """Type of a field, including its shape, and position of its first byte in the record."""
    assert layout.fields is not None, "a record has fields"
    kind, start = layout.fields[name][:2]
    return kind, start


def _read(
    file: FortranFile, index: int, record: Sequence[Array], sizes: Mapping[str, int], names: Sequence[str] = ()
) -> dict[str, npt.NDArray[Any]]:
    """Read arrays of a record by name, in native byte order; all if ``names`` is empty."""
    layout = record_type(record, sizes, file.byte_order)
    values = {}
    with file.path.open("rb") as stream:
        for name in names or layout.names or ():
            kind, start = _field(layout, name)
            content = file.records[index].read(stream, start, kind.itemsize)
            values[name] = np.frombuffer(content, kind.base).reshape(kind.shape).astype(kind.base.newbyteorder("="))
    return values
