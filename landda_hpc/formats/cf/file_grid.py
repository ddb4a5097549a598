"""The grid of a netCDF file: latitudes and longitudes, and the order of rows and columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from landda_hpc.errors import DataError
from landda_hpc.formats.cf.cell_bounds import with_bounds
from landda_hpc.grid import Grid, grid_from_centres

if TYPE_CHECKING:
    from landda_hpc.constants import FloatArray, IntArray
    from landda_hpc.formats.cf.netcdf_file import NetcdfFile

Kind = Literal["latitude", "longitude"]

_LATITUDE_UNITS: Final = ("degrees_north", "degree_north", "degree_n", "degrees_n", "degreen", "degreesn")
_LONGITUDE_UNITS: Final = ("degrees_east", "degree_east", "degree_e", "degrees_e", "degreee", "degreese")
_LATITUDES: Final = ("lat", "latitude", "xlat", "latixy", "nav_lat")
_LONGITUDES: Final = ("lon", "longitude", "long", "xlong", "longxy", "nav_lon")

_NO_DEGREES: Final = frozenset(
    {"rad", "radian", "radians", "m", "metre", "metres", "meter", "meters", "km", "kilometre", "kilometer"}
)

_CLOSE: Final = 0.01
"""Largest error of rows and columns of a coordinate matrix, as a fraction of a cell."""


@dataclass(frozen=True, eq=False)
class FileGrid:
    """Grid of a file, and the order in which its rows and columns are stored.

    Attributes
    ----------
    grid : rows from south to north, columns from west to east.
    dims : dimensions of latitude and longitude.
    is_flipped : the file's rows run north to south.
    is_reversed : the file's columns run east to west.
    n_columns : number of columns in the file, one more than in the grid if the first is repeated at the end.
    """

    grid: Grid
    dims: tuple[str, str]
    is_flipped: bool
    is_reversed: bool
    n_columns: int

    @property
    def is_plain(self) -> bool:
        """Whether file and grid have the same columns in the same order."""
        return not self.is_reversed and self.n_columns == self.grid.shape[1]

    def columns(self, wanted: slice) -> slice:
        """Positions of the grid's columns in the file."""
        if not self.is_reversed:
            return wanted
        return slice(self.n_columns - wanted.stop, self.n_columns - wanted.start)

    def west_to_east(self, values: FloatArray) -> FloatArray:
        """Values of ``columns`` in the grid's order; shape (..., n_columns)."""
        return values[..., ::-1] if self.is_reversed else values


def axis_of(file: NetcdfFile, name: str, kind: Kind) -> str | None:
    """Name of a variable's dimension that is a 1-D coordinate of latitude or longitude; None if there is none."""
    for dim in file.dims(name):
        if file.has(dim) and list(file.dims(dim)) == [dim] and _kind_of(file, dim) == kind:
            return dim
    return None


def coordinate_of(file: NetcdfFile, name: str, kind: Kind) -> str | None:
    """Name of the 1-D or 2-D variable with the latitudes or longitudes of another variable; None if there is none.

    Notes
    -----
    Coordinate variables take precedence, then those in the attribute ``coordinates``, then any other coordinate on
    dimensions of the variable.
    """
    axis = axis_of(file, name, kind)
    if axis is not None:
        return axis
    dims = file.dims(name)
    for other in dict.fromkeys((*file.attribute(name, "coordinates").split(), *file.names(name.rpartition("/")[0]))):
        if not file.has(other) or not file.is_numeric(other) or _kind_of(file, other) != kind:
            continue
        own = file.dims(other)
        if own and set(own) <= set(dims) and sum(n > 1 for n in own.values()) in (1, 2, 3):
            return other
    return None


def _kind_of(file: NetcdfFile, name: str) -> str:
    units, standard = file.attribute(name, "units").lower(), file.attribute(name, "standard_name")
    if units in _LATITUDE_UNITS or standard == "latitude":
        return "latitude"
    if units in _LONGITUDE_UNITS or standard == "longitude":
        return "longitude"
    plain = name.rpartition("/")[2].lower()
    return "latitude" if plain in _LATITUDES else "longitude" if plain in _LONGITUDES else ""


def read_grid(file: NetcdfFile, latitude: str, longitude: str) -> tuple[Grid, bool]:
    """Read a grid whose columns run from west to east in the file.

    Returns
    -------
    The grid, rows from south to north, and whether the file's rows run north to south (and must be flipped).

    Raises
    ------
    DataError : as for ``read_file_grid``; columns from east to west; the first column repeated at the end.
    """
    found = read_file_grid(file, latitude, longitude)
    if found.is_reversed:
        raise DataError(f"longitude axis '{longitude}' in '{file.path}' runs from east to west; expected it to ascend.")
    if not found.is_plain:
        raise DataError(
            f"longitude axis '{longitude}' in '{file.path}' spans more than 360 degrees with its cells; expected at "
            "most 360. Is the first column repeated at the end?"
        )
    return found.grid, found.is_flipped


def read_file_grid(file: NetcdfFile, latitude: str, longitude: str) -> FileGrid:
    """Read a grid from two coordinate variables.

    Parameters
    ----------
    latitude, longitude : 1-D, or matrices whose rows and columns are those of a latitude-longitude grid (as LIS writes
        them; coordinates that are missing, as over the sea, are filled in if the others are evenly spaced).

    Returns
    -------
    Edges are the file's bounds or, without bounds, the midpoints between centres; the outermost rows of a global grid
    reach the poles. Longitudes may begin anywhere on the circle and run in either direction. A first column that is
    repeated at the end is omitted there.

    Raises
    ------
    DataError : an axis is missing, not monotone, holds NaN, or exceeds the range of degrees; matrices that are not rows
        and columns; bounds that do not fit.
    """
    if len(file.dims(latitude)) == 1 and len(file.dims(longitude)) == 1:
        dims = next(iter(file.dims(latitude))), next(iter(file.dims(longitude)))
        lat, lon, has_bounds = _axis(file, latitude), _axis(file, longitude), True
    else:
        dims, lat, lon = read_matrices(file, latitude, longitude)
        has_bounds = False
    require_degrees(file, latitude, longitude)
    lat = _require_degrees(file, latitude, lat, -90.0, 90.0)
    lon = _require_degrees(file, longitude, lon, -180.0, 360.0)
    step = np.diff(lat)
    if not (np.all(step > 0.0) or np.all(step < 0.0)):
        raise _not_monotone(file, latitude, lat)
    is_flipped = bool(lat[0] > lat[-1])
    rows = np.arange(lat.size)[:: -1 if is_flipped else 1]
    columns, ordered = order_longitudes(file, longitude, lon)
    grid = grid_from_centres(lat[rows].copy(), ordered)
    if has_bounds:
        grid = with_bounds(file, latitude, longitude, grid, rows, columns)
    width = float(grid.lon_edges[-1] - grid.lon_edges[0])
    if width > 360.0 + 1e-3:
        raise DataError(
            f"longitude axis '{longitude}' in '{file.path}' spans {width:.3f} degrees with its cells; expected at "
            "most 360."
        )
    return FileGrid(grid, dims, is_flipped, bool(columns[0] > columns[-1]), lon.size)


def order_longitudes(file: NetcdfFile, name: str, lon: FloatArray) -> tuple[IntArray, FloatArray]:
    """Return a file's columns from west to east, without a repeated one, and their longitudes in [-180, 360).

    Raises
    ------
    DataError : the longitudes are not monotone, apart from one jump by 360 degrees.
    """
    step = np.diff(lon)
    is_reversed = np.count_nonzero(step < 0.0) > step.size / 2
    columns = np.arange(lon.size)[:: -1 if is_reversed else 1]
    ordered = lon[columns]
    breaks = np.flatnonzero(np.diff(ordered) <= 0.0)
    if breaks.size == 1:
        # 0 to 180 and then -180 to 0, or 350 to 10 across Greenwich: add 360 degrees after the break.
        turned = ordered.copy()
        turned[breaks[0] + 1 :] += 360.0
        gap = turned[breaks[0] + 1] - turned[breaks[0]]
        if 0.0 < gap <= 2.0 * np.median(np.abs(step)):
            ordered = turned
    if np.any(np.diff(ordered) <= 0.0):
        raise _not_monotone(file, name, lon)
    if ordered.size > 2 and abs(ordered[-1] - ordered[0] - 360.0) < 1e-3:
        columns, ordered = columns[:-1], ordered[:-1]
    if ordered[-1] >= 360.0 and ordered[0] >= 180.0:
        ordered = ordered - 360.0
    return columns, ordered.copy()


def _axis(file: NetcdfFile, name: str) -> FloatArray:
    dims = file.dims(name)
    if next(iter(dims.values())) < 2:
        raise DataError(f"axis '{name}' in '{file.path}' has dimensions {dims}; expected one with at least 2 points.")
    return file.values(name)


def require_degrees(file: NetcdfFile, *names: str) -> None:
    """Raise DataError if coordinates are in radians or lengths, whose numbers may look like degrees."""
    for name in names:
        units = file.attribute(name, "units")
        if units.lower() in _NO_DEGREES:
            raise DataError(
                f"coordinate '{name}' in '{file.path}' has units '{units}'; expected degrees. Convert it to "
                "degrees_north or degrees_east."
            )


def _require_degrees(file: NetcdfFile, name: str, axis: FloatArray, low: float, high: float) -> FloatArray:
    if not np.isfinite(axis).all():
        raise _not_monotone(file, name, axis)
    # Single precision has errors of a few 1e-5 degrees.
    if axis.min() < low - 1e-4 or axis.max() > high + 1e-4:
        raise DataError(
            f"axis '{name}' in '{file.path}' runs from {axis.min():g} to {axis.max():g}; expected {low:g} "
            f"to {high:g} degrees."
        )
    return np.clip(axis, low, high)


def _not_monotone(file: NetcdfFile, name: str, axis: FloatArray) -> DataError:
    return DataError(
        f"axis '{name}' in '{file.path}' is not strictly monotone (or has missing points): it starts "
        f"{axis[:3].tolist()} and ends {axis[-3:].tolist()}; expected ascending or descending degrees."
    )


def read_matrices(file: NetcdfFile, latitude: str, longitude: str) -> tuple[tuple[str, str], FloatArray, FloatArray]:
    """Read dimensions and axes of a grid whose coordinates are matrices.

    Raises
    ------
    DataError : the matrices are not rows and columns of a latitude-longitude grid.
    """
    (dims, lat), (other, lon) = _matrix(file, latitude), _matrix(file, longitude)
    if set(dims) != set(other):
        raise DataError(
            f"'{latitude}' and '{longitude}' in '{file.path}' have dimensions {dims} and {other}; expected the same "
            "two."
        )
    if dims != other:
        lon = lon.T
    for order in ((0, 1), (1, 0)):
        rows = _common(lat.transpose(order))
        columns = _common(lon.transpose(order[::-1]))
        if rows is not None and columns is not None:
            return (dims[order[0]], dims[order[1]]), rows, columns
    raise DataError(
        f"'{latitude}' and '{longitude}' in '{file.path}' are not rows and columns of a latitude-longitude grid: they "
        "vary along both dimensions, or too few places have coordinates. Regrid the file to latitudes and longitudes."
    )


def _matrix(file: NetcdfFile, name: str) -> tuple[tuple[str, str], FloatArray]:
    """Read a coordinate matrix and its dimensions; it must not vary along further dimensions (time)."""
    dims = file.dims(name)
    if len(dims) < 2:
        raise DataError(f"axis '{name}' in '{file.path}' has dimensions {dims}; expected one or two.")
    values = file.values(name)
    first, second = tuple(dims)[-2:]
    stack = values.reshape(-1, *values.shape[-2:])
    if any(not np.array_equal(stack[0], one, equal_nan=True) for one in stack[1:]):
        raise DataError(
            f"'{name}' in '{file.path}' has dimensions {dims} and changes along them; expected a fixed grid."
        )
    return (first, second), stack[0]


def _common(rows: FloatArray) -> FloatArray | None:
    """Constant value of each row of a matrix; None if a row varies, or an empty row cannot be interpolated."""
    known = np.isfinite(rows).any(axis=1)
    if np.count_nonzero(known) < 2 or rows.shape[0] < 2:
        return None
    places = np.flatnonzero(known)
    axis = np.full(rows.shape[0], np.nan)
    axis[known] = np.unwrap(np.nanmedian(rows[known], axis=1), period=360.0)
    slope = (axis[places[-1]] - axis[places[0]]) / (places[-1] - places[0])
    spread = np.nanmax(rows[known], axis=1) - np.nanmin(rows[known], axis=1)
    if slope == 0.0 or spread.max() > _CLOSE * abs(slope):
        return None
    if not known.all():
        line = axis[places[0]] + slope * (np.arange(axis.size) - places[0])
        if np.abs(axis - line)[known].max() > _CLOSE * abs(slope):
            return None
        axis[~known] = line[~known]
    return axis - 360.0 if axis.max() > 360.0 else axis
