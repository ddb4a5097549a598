"""Read GRIB files, edition 1 or 2, of fields on latitude and longitude with ecCodes (an optional package)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

import numpy as np

from landda_hpc.constants import FloatArray
from landda_hpc.errors import (
    AverageError,
    ConfigError,
    DataError,
    MissingFileError,
    UnfitFileError,
)
from landda_hpc.formats.cf.netcdf_file import MAX_VALUES
from landda_hpc.formats.cf.units import is_one_of
from landda_hpc.formats.products.layered import in_own_unit, stacked, wanted_layers
from landda_hpc.formats.products.product import ProductVariable, SoilMoistureProfile
from landda_hpc.formats.products.region import Region, Slab, locate
from landda_hpc.grid import Grid, gaussian_grid, grid_from_centres
from landda_hpc.regridding.depth import DepthRange

MAX_MESSAGES: Final = 200_000
"""Largest number of messages in a file; a year of hourly fields of four layers has 35,040."""

PRELIMINARY: Final = 5
"""Experiment version (expver) of ERA5T, which ERA5 (1) replaces after some months."""

_MAGIC: Final = b"GRIB"
_MONTHLY: Final = ("moda", "mnth", "edmm", "edmo", "msmm", "wamo", "wamd")
"""ECMWF's streams of monthly means."""

_GRIDS: Final = ("regular_ll", "regular_gg")


def is_grib(path: Path) -> bool:
    """Whether a file begins with the GRIB signature."""
    with path.open("rb") as file:
        return file.read(4) == _MAGIC


def _eccodes() -> Any:
    import h5py  # noqa: F401 - first: the libldap of eccodes and that of a parallel HDF5 crash at exit otherwise

    try:
        import eccodes
    except (ImportError, RuntimeError) as error:
        raise ConfigError(
            f"GRIB files need ecCodes, which is not installed ({error}). Install landda-hpc[grib], or use netCDF files."
        ) from error
    return eccodes


@dataclass(frozen=True)
class Message:
    """One field of a file: position, parameter, valid time, first and last step in hours (equal: an instant), shape.

    ``version`` is ECMWF's experiment version: 1 is ERA5, 5 the preliminary ERA5T; 0 if there is none.
    """

    offset: int
    parameter: int
    time: datetime
    hours: tuple[int, int]
    shape: tuple[int, int]
    version: int = 0


class GribIndex:
    """Index of a GRIB file.

    Parameters
    ----------
    path : the file.
    parameters : names of the indexed variables by ECMWF's parameter numbers; other variables are ignored.

    Raises
    ------
    MissingFileError : the file does not exist.
    UnfitFileError : none of the parameters, or monthly means.
    DataError : not GRIB, truncated or damaged; a field that is not on a latitude-longitude or Gaussian grid; two fields
        of one time, parameter and experiment version.
    ConfigError : ecCodes is not installed.

    Notes
    -----
    Local: no communication. The index decodes only headers; values are read one message at a time.
    """

    def __init__(self, path: Path, parameters: Mapping[int, str]) -> None:
        if not path.is_file():
            raise MissingFileError(f"data file '{path}' does not exist; check the path in the configuration.")
        self.path = path
        self._codes = _eccodes()
        self._names = dict(parameters)
        found: dict[tuple[int, datetime], Message] = {}
        seen: set[str] = set()
        with path.open("rb") as file, self._library():
            for _ in range(MAX_MESSAGES):
                handle = self._codes.codes_grib_new_from_file(file, headers_only=True)
                if handle is None:
                    break
                try:
                    message = self._header(handle, file.tell(), seen)
                finally:
                    self._codes.codes_release(handle)
                if message is None:
                    continue
                key = message.parameter, message.time
                if key in found and found[key].version == message.version:
                    raise DataError(
                        f"file '{path}' has two fields '{self._names[message.parameter]}' of {message.time}; expected "
                        "each once."
                    )
                # Experiment version 1 is ERA5, 5 the preliminary ERA5T.
                if key not in found or message.version < found[key].version:
                    found[key] = message
            else:
                raise DataError(f"file '{path}' has more than {MAX_MESSAGES} GRIB messages; split it.")
        if not found:
            raise UnfitFileError(
                f"file '{path}' lacks {', '.join(self._names.values())}; found {', '.join(sorted(seen)) or 'no field'}."
            )
        self.messages = found
        self.times = tuple(sorted({time for _, time in found}))

    def grid_of(self, message: Message) -> tuple[Grid, bool]:
        """Grid of a field, and whether its rows run north to south."""
        with self._message(message) as handle:
            return self._grid(handle)

    def values(self, message: Message) -> FloatArray:
        """Values in the file's order and unit, shape of ``message``; NaN is missing."""
        with self._message(message) as handle:
            self._codes.codes_set(handle, "missingValue", 1e20)
            values: FloatArray = np.asarray(self._codes.codes_get_values(handle), dtype=np.float64)
            if values.size != message.shape[0] * message.shape[1]:
                raise DataError(
                    f"field '{self._names[message.parameter]}' of {message.time} in '{self.path}' has {values.size} "
                    f"values; expected {message.shape} by its grid."
                )
            if self._codes.codes_get(handle, "bitmapPresent"):
                values[values == 1e20] = np.nan
        return values.reshape(message.shape)

    def units(self, message: Message) -> str:
        """Unit of a field."""
        with self._message(message) as handle:
            return str(self._codes.codes_get(handle, "units"))

    # ------------------------------------------------------------------ parts

    @contextmanager
    def _library(self) -> Iterator[None]:
        try:
            yield
        except (DataError, ConfigError):
            raise
        except Exception as error:
            raise DataError(
                f"file '{self.path}' cannot be read as GRIB; is it complete (truncated download)? "
                f"[{type(error).__name__}: {error}]"
            ) from error

    @contextmanager
    def _message(self, message: Message) -> Iterator[Any]:
        with self._library(), self.path.open("rb") as file:
            file.seek(message.offset)
            handle = self._codes.codes_grib_new_from_file(file)
            if handle is None:
                raise DataError(f"file '{self.path}' ends before its field at byte {message.offset}; was it modified?")
            try:
                yield handle
            finally:
                self._codes.codes_release(handle)

    def _header(self, handle: Any, end: int, seen: set[str]) -> Message | None:
        get = self._codes.codes_get
        parameter = int(get(handle, "paramId"))
        seen.add(str(get(handle, "shortName")))
        if parameter not in self._names:
            return None
        name = self._names[parameter]
        stream = self._key(handle, "stream")
        if stream in _MONTHLY:
            raise AverageError(
                f"field '{name}' in '{self.path}' is of stream '{stream}', monthly means, not images of single times. "
                "Download hourly data."
            )
        kind = str(get(handle, "gridType"))
        if kind not in _GRIDS:
            raise DataError(
                f"field '{name}' in '{self.path}' is on a grid of type '{kind}'; expected {' or '.join(_GRIDS)}. "
                "Download it interpolated to latitudes and longitudes."
            )
        date, clock = int(get(handle, "validityDate")), int(get(handle, "validityTime"))
        try:
            time = datetime(date // 10000, date // 100 % 100, date % 100, clock // 100, clock % 100)
        except ValueError as error:
            raise DataError(f"field '{name}' in '{self.path}' is valid at {date} {clock}: {error}.") from error
        shape = int(get(handle, "Nj")), int(get(handle, "Ni"))
        if min(shape) < 2 or shape[0] * shape[1] > MAX_VALUES:
            raise DataError(f"field '{name}' in '{self.path}' has {shape} points; expected at least 2 x 2.")
        hours = int(get(handle, "startStep")), int(get(handle, "endStep"))
        offset = int(get(handle, "offset"))
        if not 0 <= offset < end:
            raise DataError(f"field '{name}' in '{self.path}' lies at byte {offset}; the file was read up to {end}.")
        version = self._key(handle, "expver")
        return Message(offset, parameter, time, hours, shape, int(version) if version.isdigit() else 0)

    def _key(self, handle: Any, name: str) -> str:
        """Value of a key; empty if the message lacks it, as messages of other centres may."""
        return str(self._codes.codes_get(handle, name)) if self._codes.codes_is_defined(handle, name) else ""

    def _grid(self, handle: Any) -> tuple[Grid, bool]:
        get = self._codes.codes_get
        if get(handle, "iScansNegatively") or get(handle, "jPointsAreConsecutive"):
            raise DataError(f"a field in '{self.path}' is stored column by column or from east to west.")
        n_lat, n_lon = int(get(handle, "Nj")), int(get(handle, "Ni"))
        first_lat = float(get(handle, "latitudeOfFirstGridPointInDegrees"))
        last_lat = float(get(handle, "latitudeOfLastGridPointInDegrees"))
        first_lon = float(get(handle, "longitudeOfFirstGridPointInDegrees"))
        last_lon = float(get(handle, "longitudeOfLastGridPointInDegrees"))
        if last_lon <= first_lon:
            last_lon += 360.0
        if last_lon >= 360.0 and first_lon > 0.0:
            # Across the Greenwich meridian, 350 to 370 is -10 to 10.
            first_lon, last_lon = first_lon - 360.0, last_lon - 360.0
        is_sound = -90.0 <= first_lat <= 90.0 and -90.0 <= last_lat <= 90.0 and first_lat != last_lat
        if not is_sound or not -360.0 <= first_lon < last_lon < 361.0:
            raise DataError(
                f"a field in '{self.path}' has latitudes {first_lat} to {last_lat}, longitudes {first_lon} to "
                f"{last_lon}; expected degrees."
            )
        lon = np.linspace(first_lon, last_lon, n_lon)
        if str(get(handle, "gridType")) == "regular_gg":
            whole = gaussian_grid(2 * int(get(handle, "N")), 4).lat
            low, high = min(first_lat, last_lat) - 0.01, max(first_lat, last_lat) + 0.01
            lat = whole[(whole >= low) & (whole <= high)]
            if lat.size != n_lat:
                raise DataError(f"a field in '{self.path}' has {n_lat} Gaussian rows; expected {lat.size}.")
        else:
            lat = np.linspace(min(first_lat, last_lat), max(first_lat, last_lat), n_lat)
        return grid_from_centres(lat, lon), first_lat > last_lat


class GribFile:
    """A ``ProductFile`` of soil moisture in GRIB messages.

    Parameters
    ----------
    path : the file.
    label : name of the product.
    variables : its soil layers.
    parameters : their names by ECMWF's parameter numbers.
    without_soil : values up to this mean that there is no soil; None for variables other than soil moisture.

    Raises
    ------
    MissingFileError, DataError, ConfigError : as for ``GribIndex``.

    Notes
    -----
    Local: no communication. A field is always decoded completely, because packed values cannot be read in part.
    """

    def __init__(
        self,
        path: Path,
        label: str,
        variables: Sequence[ProductVariable],
        parameters: Mapping[int, str],
        without_soil: float | None,
    ) -> None:
        self.path = path
        self._label, self._variables, self._without_soil = label, tuple(variables), without_soil
        self._index = GribIndex(path, parameters)
        numbers = {name: number for number, name in parameters.items()}
        self._number = {variable: numbers[variable.name] for variable in variables}

    @property
    def times(self) -> tuple[datetime, ...]:
        return self._index.times

    @property
    def is_preliminary(self) -> bool:
        """Whether all fields are preliminary (ERA5T)."""
        return all(message.version == PRELIMINARY for message in self._index.messages.values())

    def read(
        self, time: datetime, depth_m: DepthRange | None = None, region: Region | None = None
    ) -> SoilMoistureProfile:
        """Read one time; see ``ProductFile.read``."""
        present = [v for v in self._variables if (self._number[v], time) in self._index.messages]
        if not present:
            raise DataError(
                f"file '{self.path}' has no time {time.isoformat()}; it has {len(self.times)}, from "
                f"{self.times[0].isoformat()} to {self.times[-1].isoformat()}."
            )
        names = [f"{v.name} at {time.isoformat()}" for v in present]
        wanted = wanted_layers(self.path, self._variables, present, depth_m, names)
        first = self._index.messages[self._number[wanted[0]], time]
        grid, is_flipped = self._index.grid_of(first)
        slab = locate(grid, is_flipped, region)
        values = stacked([self._layer(variable, time, first, slab) for variable in wanted])
        depths = tuple(variable.depth_m for variable in wanted if variable.depth_m is not None)
        return SoilMoistureProfile(values, depths, slab.grid, time, self._label, self.path)

    def image(self, variable: ProductVariable, time: datetime, region: Region | None = None) -> tuple[FloatArray, Grid]:
        """Read one variable at one time and the grid of the part; see ``LayeredFile.image``."""
        message = self._index.messages.get((self._number[variable], time))
        if message is None:
            raise DataError(f"file '{self.path}' has no {variable.name} at {time.isoformat()}.")
        grid, is_flipped = self._index.grid_of(message)
        slab = locate(grid, is_flipped, region)
        return self._layer(variable, time, message, slab), slab.grid

    def _layer(self, variable: ProductVariable, time: datetime, like: Message, slab: Slab) -> FloatArray:
        message = self._index.messages[self._number[variable], time]
        units = self._index.units(message)
        if not is_one_of(units, variable.units):
            raise DataError(
                f"field '{variable.name}' in '{self.path}' has units '{units}'; expected "
                f"{' or '.join(repr(u) for u in variable.units)}."
            )
        if message.shape != like.shape:
            raise DataError(
                f"field '{variable.name}' in '{self.path}' has {message.shape} points; expected {like.shape}."
            )
        whole = self._index.values(message)
        field = np.array(slab.read(lambda rows, columns: whole[rows, columns]))
        no_soil = self._without_soil
        return in_own_unit(field, variable, variable.name, self.path, slab.grid, no_soil, no_soil is None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        return None
