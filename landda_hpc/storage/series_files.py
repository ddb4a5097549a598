"""Soil water of every land cell over time: one CF netCDF file per run and day, ``series/<run>_<YYYYMMDD>.nc``.

A file contains the times of one calendar day (UTC) and is replaced atomically whenever a time is added, so that a
killed campaign leaves complete files. A resume removes the times after its checkpoint; a time that is written again is
replaced.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import netCDF4
import numpy as np
import numpy.typing as npt

from landda_hpc.constants import SOIL_ZI, FloatArray, IntArray
from landda_hpc.errors import StorageError
from landda_hpc.grid import Grid
from landda_hpc.io.atomic import storage_errors
from landda_hpc.io.discovery import is_discovery
from landda_hpc.io.file_format import ATTRIBUTES, FileFormat
from landda_hpc.io.netcdf_writer import TIME_UNITS, NetcdfWriter, new_netcdf
from landda_hpc.storage.hashing import hash_array, hash_bytes

Float32Array = npt.NDArray[np.float32]

_NAME: Final = re.compile(r"(.+)_(\d{8})\.nc")
_EPOCH: Final = datetime(1970, 1, 1)
"""Epoch of ``TIME_UNITS``."""

SERIES: Final = FileFormat("landda_hpc series", 1)
"""Series and means, which have the same layout."""

_ROOM: Final = 65536
"""Maximum number of bytes of coordinates and attributes, except those of the cells."""

_FIELDS: Final[Mapping[str, tuple[tuple[str, ...], Mapping[str, str]]]] = {
    "soil_moisture": (
        ("time", "layer", "cell"),
        {
            "standard_name": "volume_fraction_of_condensed_water_in_soil",
            "long_name": "volumetric soil water, mean over the updatable tiles of the cell; after the analysis where "
            "there was one",
            "units": "m3 m-3",
            "cell_methods": "time: point layer: mean area: mean",
        },
    ),
    "sub_grid_std": (
        ("time", "depth", "cell"),
        {
            "long_name": "standard deviation of soil moisture among the updatable tiles of the cell, weighted by area",
            "units": "m3 m-3",
        },
    ),
    "precipitation": (
        ("time", "cell"),
        {
            "standard_name": "precipitation_amount",
            "long_name": "precipitation received by the model since the previous time",
            "units": "kg m-2",
            "cell_methods": "time: sum area: mean",
        },
    ),
    "frozen": (
        ("time", "cell"),
        {"long_name": "fraction of updatable tiles with ice in the observed depth", "units": "1"},
    ),
}

_FLUX_FIELDS: Final[Mapping[str, tuple[str, str, str]]] = {
    "evapotranspiration": ("water_evapotranspiration_flux", "evapotranspiration", "kg m-2 s-1"),
    "surface_runoff": ("surface_runoff_flux", "runoff at the surface", "kg m-2 s-1"),
    "drainage": ("subsurface_runoff_flux", "outflow at the lower end of the column", "kg m-2 s-1"),
    "sensible_heat": ("surface_upward_sensible_heat_flux", "sensible heat released to the atmosphere", "W m-2"),
    "latent_heat": ("surface_upward_latent_heat_flux", "latent heat released to the atmosphere", "W m-2"),
}
"""Standard name, long name and units of the fluxes, means over the time since the previous record."""

FLUXES: Final = tuple(_FLUX_FIELDS)
"""Names of the fluxes of a record."""

_ALL_FIELDS: Final[Mapping[str, tuple[tuple[str, ...], Mapping[str, str]]]] = {
    **_FIELDS,
    **{
        name: (
            ("time", "cell"),
            {
                "standard_name": standard,
                "long_name": f"{words}, mean over the updatable tiles of the cell and the time since the previous "
                "record",
                "units": units,
                "cell_methods": "time: mean area: mean",
            },
        )
        for name, (standard, words, units) in _FLUX_FIELDS.items()
    },
}


_OF_MEANS: Final[Mapping[str, tuple[str, str]]] = {
    "soil_moisture": ("mean over the period of the volumetric soil water", "time: mean layer: mean area: mean"),
    "sub_grid_std": ("mean over the period of the standard deviation among the updatable tiles", "time: mean"),
    "precipitation": ("precipitation received by the model in the period", "time: sum area: mean"),
    "frozen": ("mean over the period of the fraction of updatable tiles with ice", "time: mean"),
    **{
        name: (f"mean over the period of the {words}", "time: mean area: mean")
        for name, (_, words, _) in _FLUX_FIELDS.items()
    },
}
"""Long name and cell methods of the fields of means over a period."""

Period = Literal["daily", "monthly"]


@dataclass(frozen=True, eq=False)
class SeriesSlice:
    """Record of one run at one time; float32, NaN in cells without updatable soil.

    Attributes
    ----------
    soil_moisture : m3 m-3, (n_layers, n_cells), from the top down.
    sub_grid_std : m3 m-3, (n_depths, n_cells), for each scored depth.
    precipitation : kg m-2 since the previous time, (n_cells,).
    frozen : fraction of updatable tiles with ice in the observed depth, (n_cells,).
    evapotranspiration, surface_runoff, drainage : means since the previous time, kg m-2 s-1, (n_cells,); None if not
        recorded.
    sensible_heat, latent_heat : likewise, upward, W m-2; None also without an energy balance.
    """

    soil_moisture: Float32Array
    sub_grid_std: Float32Array
    precipitation: Float32Array
    frozen: Float32Array
    evapotranspiration: Float32Array | None = None
    surface_runoff: Float32Array | None = None
    drainage: Float32Array | None = None
    sensible_heat: Float32Array | None = None
    latent_heat: Float32Array | None = None

    def fields(self) -> dict[str, Float32Array]:
        """Recorded fields by name, in the order of a file."""
        return {name: values for name in _ALL_FIELDS if (values := getattr(self, name)) is not None}


class StoredSlices(Mapping[datetime, SeriesSlice]):
    """Records by time, each read when it is asked for, so that only one of them is in memory.

    Parameters
    ----------
    readers : what reads the record of each time, ascending.
    """

    def __init__(self, readers: Mapping[datetime, Callable[[], SeriesSlice]]) -> None:
        self._readers = dict(readers)

    def __getitem__(self, time: datetime) -> SeriesSlice:
        return self._readers[time]()

    def __iter__(self) -> Iterator[datetime]:
        return iter(self._readers)

    def __len__(self) -> int:
        return len(self._readers)


def with_last(slices: Mapping[datetime, SeriesSlice], time: datetime, values: SeriesSlice) -> StoredSlices:
    """The records of earlier times, which are read when they are asked for, and that of a time."""
    return StoredSlices({t: partial(slices.__getitem__, t) for t in slices if t < time} | {time: lambda: values})


@dataclass(frozen=True, eq=False)
class SeriesFrame:
    """Constant parts of a series.

    Attributes
    ----------
    shape : shape of the model grid.
    cell : flat index of the land cells, ascending, (n_cells,).
    lat, lon : coordinates of their centres, degrees.
    depths_m : depths of ``sub_grid_std``.
    step : time to the previous record, over which fluxes are means; None without fluxes.
    """

    shape: tuple[int, int]
    cell: IntArray
    lat: FloatArray
    lon: FloatArray
    depths_m: tuple[tuple[float, float], ...]
    step: timedelta | None = None

    @classmethod
    def of(cls, grid: Grid, cell: IntArray, depths_m: tuple[tuple[float, float], ...]) -> SeriesFrame:
        """Make the frame of a campaign's land cells."""
        row, column = np.divmod(cell, grid.shape[1])
        return cls(grid.shape, cell, grid.lat[row], grid.lon[column], depths_m)


@dataclass(frozen=True, eq=False)
class SeriesDay:
    """All times of one run and day.

    Attributes
    ----------
    frame : cells and depths.
    slices : records by time, UTC, ascending.
    attributes : attributes of the file.
    """

    frame: SeriesFrame
    slices: Mapping[datetime, SeriesSlice]
    attributes: Mapping[str, str]


def series_folder(campaign: Path) -> Path:
    """Folder of the series of a campaign."""
    return campaign / "series"


def series_file(folder: Path, run: str, day: date) -> Path:
    """File of a run and day."""
    return folder / f"{run}_{day:%Y%m%d}.nc"


def list_series(folder: Path) -> dict[str, dict[date, Path]]:
    """Files by run and day, oldest first; empty if there is no such folder."""
    found: dict[str, dict[date, Path]] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        match = _NAME.fullmatch(path.name)
        if match:
            found.setdefault(match.group(1), {})[datetime.strptime(match.group(2), "%Y%m%d").date()] = path
    return found


WrittenDay = tuple[Path, Mapping[datetime, SeriesSlice]]
"""The file of a run and day, and all of its times."""


DayWriting = Callable[[Path, str, SeriesDay], None]
"""Writes a day of a run, or has it written; see ``write_day``."""


class SeriesWriter:
    """Writer that adds times to the series of some runs. Local: one root.

    Parameters
    ----------
    folder : from ``series_folder``; made if it is missing.
    frame : cells and depths.
    attributes : attributes of the files.
    step : between times of the series.
    write : how a day is written; None: at once, by ``write_day``.

    Notes
    -----
    A day is written when it ends, or by ``flush``, and not at every time.
    """

    def __init__(
        self,
        folder: Path,
        frame: SeriesFrame,
        attributes: Mapping[str, str],
        step: timedelta,
        write: DayWriting | None = None,
    ) -> None:
        self._folder, self._frame, self._attributes, self._step = folder, frame, dict(attributes), step
        self._write_day = write or write_day
        self._day: dict[str, dict[datetime, SeriesSlice]] = {}
        self._unwritten: dict[str, Path] = {}
        with storage_errors(folder, "making the folder"):
            folder.mkdir(parents=True, exist_ok=True)

    def add(self, run: str, time: datetime, values: SeriesSlice) -> WrittenDay | None:
        """Add a time to a run's series; it replaces the same time and later times of the day.

        Returns
        -------
        The day, if it ends with this time and was written; None if it is kept in memory.

        Raises
        ------
        StorageError : the file cannot be written, or that day's file was written with other cells or layers.
        """
        path = series_file(self._folder, run, time.date())
        kept = self._day.get(run, {})
        if (not kept or next(iter(kept)).date() != time.date()) and path.is_file():
            kept = dict(read_day(path).slices)  # written by an earlier process, before a resume
        kept = {t: v for t, v in kept.items() if t < time and t.date() == time.date()} | {time: values}
        shapes = {(v.soil_moisture.shape, v.sub_grid_std.shape, *list(v.fields())[4:]) for v in kept.values()}
        if len(shapes) > 1:
            raise StorageError(
                f"{path} was begun with layers or cells other than the present ones, or other fluxes "
                f"({sorted(shapes)}). Resume with the output.series that the campaign began with."
            )
        self._day[run], self._unwritten[run] = kept, path
        return self._write(run) if (time + self._step).date() > time.date() else None

    def flush(self) -> list[WrittenDay]:
        """Write the days that have times in memory only, and return them. StorageError as ``add``."""
        return [self._write(run) for run in list(self._unwritten)]

    def _write(self, run: str) -> WrittenDay:
        path, times = self._unwritten[run], self._day[run]
        self._write_day(path, run, SeriesDay(self._frame, times, self._attributes))
        del self._unwritten[run]
        return path, times


def day_digest(slices: Mapping[datetime, SeriesSlice]) -> str:
    """Hex hash of times and values of one run and day; equal for data before writing and after reading."""
    parts: list[bytes] = []
    for time in sorted(slices):
        values = slices[time]
        parts += [time.isoformat().encode(), *(hash_array(array) for array in values.fields().values())]
    return hash_bytes(*parts).hex()


def cut_series(folder: Path, last: datetime) -> int:
    """Remove the times after ``last`` of every run and return their number. Local: rank 0.

    Used at a resume, which computes later times again.
    """
    dropped = 0
    for run, days in list_series(folder).items():
        for path in (path for day, path in days.items() if day >= last.date()):
            dropped += cut_file(path, run, last)
    return dropped


def cut_file(path: Path, run: str, last: datetime, period: Period | None = None) -> int:
    """Remove the times after ``last`` of one file, and the file if none is left; return their number. Local: rank 0."""
    day = read_day(path)
    kept = {time: values for time, values in day.slices.items() if time <= last}
    if not kept:
        with storage_errors(path, "removing"):
            path.unlink()
    elif len(kept) < len(day.slices):
        write_day(path, run, SeriesDay(day.frame, kept, day.attributes), period)
    return len(day.slices) - len(kept)


def write_day(path: Path, run: str, day: SeriesDay, period: Period | None = None) -> None:
    """Write one day of one run, or its means, atomically. Local.

    One record at a time is in memory, besides those that ``day`` holds: arrays that become longer with every record
    would fragment the memory of a process that writes them every day.

    Parameters
    ----------
    period : of which the values are means; each time is the end of one. None: values at a time.

    Raises
    ------
    StorageError : it cannot be written.
    """
    frame = day.frame
    hours = _hours(day.slices)
    first = day.slices[min(day.slices)]
    n_bytes = hours.size * sum(array.nbytes for array in first.fields().values()) + 24 * frame.cell.size + _ROOM
    stated = {**day.attributes, "run": run, **SERIES.attributes()}
    with new_netcdf(path, n_bytes, stated, make_folder=period is not None) as file:
        sizes = {
            "time": hours.size,
            "layer": first.soil_moisture.shape[0],
            "depth": len(frame.depths_m),
            "cell": frame.cell.size,
            "lat": frame.shape[0],
            "lon": frame.shape[1],
            "bnds": 2,
        }
        file.dimensions(sizes)
        if period is None:
            bounds = {} if frame.step is None else {"bounds": "time_bnds"}
            _write(file, "time", ("time",), hours, {**_TIME, **bounds})
            if frame.step is not None:
                begins = hours - frame.step / timedelta(hours=1)
                _write(file, "time_bnds", ("time", "bnds"), np.stack((begins, hours), axis=1), {})
        else:
            _write(file, "time", ("time",), hours, {**_TIME, "long_name": "end of the period", "bounds": "time_bnds"})
            begins = _hours(_begin_of(time, period) for time in day.slices)
            _write(file, "time_bnds", ("time", "bnds"), np.stack((begins, hours), axis=1), {})
        _write(file, "cell", ("cell",), frame.cell, {"long_name": "land cell of the grid", "compress": "lat lon"})
        _write(file, "cell_lat", ("cell",), frame.lat, {"standard_name": "latitude", "units": "degrees_north"})
        _write(file, "cell_lon", ("cell",), frame.lon, {"standard_name": "longitude", "units": "degrees_east"})
        interfaces = SOIL_ZI[: sizes["layer"] + 1]
        _write(file, "layer_bnds", ("layer", "bnds"), np.stack((interfaces[:-1], interfaces[1:]), axis=1), _DEPTH)
        _write(file, "depth_bnds", ("depth", "bnds"), np.array(frame.depths_m, np.float64).reshape(-1, 2), _DEPTH)
        fields = {}
        for name in first.fields():
            dims, attributes = _ALL_FIELDS[name]
            texts = {**attributes, "coordinates": "cell_lat cell_lon"}
            if period is not None:
                texts["long_name"], texts["cell_methods"] = _OF_MEANS[name]
            chunks = (1, *(max(1, sizes[dim]) for dim in dims[1:]))
            fields[name] = file.create(name, "f4", dims, texts, fill=np.nan, level=1, checksum=True, chunks=chunks)
        for number, values in enumerate(day.slices.values() if frame.cell.size else ()):
            for name, variable in fields.items():
                variable[number] = getattr(values, name)


def read_day(path: Path) -> SeriesDay:
    """Read one day of one run. Local.

    Raises
    ------
    StorageError : the file is missing, damaged, not written by ``write_day``, or of another version of the software.
    """
    with _opened(path) as file:
        day = _describe(file)
        arrays = {name: np.asarray(file[name][:], np.float32) for name in _ALL_FIELDS if name in file.variables}
    slices = {
        time: SeriesSlice(**{name: array[i] for name, array in arrays.items()}) for i, time in enumerate(day.slices)
    }
    return SeriesDay(day.frame, slices, day.attributes)


@contextmanager
def open_day(path: Path) -> Iterator[SeriesDay]:
    """Open one day of one run; its records are read when they are asked for, within the block. Local.

    Raises
    ------
    StorageError : as ``read_day``.
    """
    with _opened(path) as file:
        yield _describe(file)


@contextmanager
def _opened(path: Path) -> Iterator[netCDF4.Dataset]:
    with storage_errors(path, "reading", "Remove the file, or fetch it again."), netCDF4.Dataset(path) as file:
        file.set_auto_mask(False)
        objection = SERIES.objection(lambda name: str(file.getncattr(name)) if name in file.ncattrs() else "")
        if objection is not None:
            raise StorageError(f"{path} {objection}")
        yield file


def _describe(file: netCDF4.Dataset) -> SeriesDay:
    """An open file, with records that can be read until it is closed."""
    times = [_EPOCH + timedelta(hours=float(hours)) for hours in np.atleast_1d(file["time"][:])]
    frame = SeriesFrame(
        shape=(file.dimensions["lat"].size, file.dimensions["lon"].size),
        cell=np.asarray(file["cell"][:], np.int64),
        lat=np.asarray(file["cell_lat"][:], np.float64),
        lon=np.asarray(file["cell_lon"][:], np.float64),
        depths_m=tuple((float(top), float(bottom)) for top, bottom in file["depth_bnds"][:]),
        step=timedelta(hours=float(np.diff(file["time_bnds"][0])[0])) if "time_bnds" in file.variables else None,
    )
    apart = ("Conventions", "run", *ATTRIBUTES)
    own = [name for name in file.ncattrs() if name not in apart and not is_discovery(name)]
    attributes = {name: str(file.getncattr(name)) for name in own}
    slices = StoredSlices({time: partial(_read_slice, file, i) for i, time in enumerate(times)})
    return SeriesDay(frame, slices, attributes)


def _read_slice(file: netCDF4.Dataset, number: int) -> SeriesSlice:
    return SeriesSlice(
        **{name: np.asarray(file[name][number], np.float32) for name in _ALL_FIELDS if name in file.variables}
    )


_TIME: Final = {
    "standard_name": "time",
    "long_name": "valid time",
    "axis": "T",
    "units": TIME_UNITS,
    "calendar": "standard",
}
_DEPTH: Final = {"long_name": "top and bottom, below the surface", "units": "m"}


def _hours(times: Iterable[datetime]) -> FloatArray:
    return np.array([(time - _EPOCH) / timedelta(hours=1) for time in times])


def _begin_of(end: datetime, period: Period) -> datetime:
    """Begin of the day or month that ends at a midnight."""
    before = end - timedelta(days=1)
    return before if period == "daily" else before.replace(day=1)


def _write(
    file: NetcdfWriter, name: str, dims: tuple[str, ...], values: npt.NDArray[Any], attributes: Mapping[str, str]
) -> None:
    file.write(name, dims, values, attributes, fill=False)
