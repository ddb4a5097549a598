"""Plain CF images of soil moisture: one 2-D field on latitude and longitude in a netCDF file."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

import netCDF4
import numpy as np

from landda_hpc.errors import DataError, ShapeError, StorageError
from landda_hpc.formats.cf import (
    VOLUMETRIC_UNITS,
    NetcdfFile,
    axis_of,
    read_grid,
    read_times,
    require_range,
    require_units,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from landda_hpc.constants import FloatArray
    from landda_hpc.grid import Grid

PLAUSIBLE: Final = (-1.0, 2.0)
"""m3 m-3; an image with errors may leave [0, 1], by far less than this."""

_FILL: Final = netCDF4.default_fillvals["f8"]
_EPOCH: Final = datetime(1970, 1, 1)


@dataclass(frozen=True, eq=False)
class SoilMoistureImage:
    """One image of volumetric soil moisture.

    Attributes
    ----------
    values : m3 m-3, shape (n_lat, n_lon), rows south to north; NaN is missing.
    grid : the image's grid.
    variable : name in the file.
    time : valid time, UTC, or None where the file tells none.
    error_std : standard deviation of the errors, m3 m-3, same shape, NaN where unknown; or None.
    """

    values: FloatArray
    grid: Grid
    variable: str
    time: datetime | None = None
    error_std: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class OutputField:
    """A field to write: values (n_lat, n_lon), NaN is missing, and CF attributes (units, long_name, ...)."""

    values: FloatArray
    attributes: Mapping[str, str]


def read_image(path: Path, variable: str | None = None, error_variable: str | None = None) -> SoilMoistureImage:
    """Read one image of soil moisture.

    Parameters
    ----------
    path : netCDF file with 1-D latitude (either order) and longitude coordinates.
    variable : its name; None takes the only field on latitude and longitude, and complains if there are
        several.
    error_variable : name of the errors' standard deviation, if the file has one.

    Returns
    -------
    The image; packed integers unpacked, NaN where fill value, missing value or NaN.

    Raises
    ------
    MissingFileError : no such file.
    DataError : damaged file; no such variable, or not just one; more than one time or level; units other than
        m3 m-3; non-monotone axes; all missing; values outside [-1, 2] m3 m-3; an error standard deviation
        that is not positive.

    Notes
    -----
    Local: no communication.
    """
    with NetcdfFile(path) as file:
        name = variable if variable is not None else _only_image(file, error_variable)
        values, grid = _read_field(file, name)
        require_range(file, name, values, *PLAUSIBLE, "m3 m-3", grid)
        error_std = None
        if error_variable is not None:
            error_std, error_grid = _read_field(file, error_variable)
            if not grid.same_points(error_grid):
                raise DataError(f"variables '{name}' and '{error_variable}' in '{path}' are on different grids.")
            require_range(file, error_variable, error_std, np.finfo(np.float64).tiny, PLAUSIBLE[1], "m3 m-3", grid)
        times = read_times(file, "time") if _tells_time(file) else []
    if len(times) > 1:
        raise DataError(f"file '{path}' holds {len(times)} times; expected one image. Cut out the one that you mean.")
    return SoilMoistureImage(values, grid, name, times[0] if times else None, error_std)


def _tells_time(file: NetcdfFile) -> bool:
    """Whether there is a time coordinate; one without units (a mere index) tells nothing."""
    return file.has("time") and " since " in file.attribute("time", "units")


def _only_image(file: NetcdfFile, error_variable: str | None) -> str:
    images = [
        name
        for name in file.names()
        if name != error_variable
        and file.is_numeric(name)
        and axis_of(file, name, "latitude") is not None
        and axis_of(file, name, "longitude") is not None
    ]
    if len(images) != 1:
        raise DataError(
            f"file '{file.path}' has {len(images)} fields on latitude and longitude "
            f"({', '.join(images) or 'none'}; all "
            f"variables: {', '.join(file.names()) or 'none'}). Name the one to read."
        )
    return images[0]


def _read_field(file: NetcdfFile, name: str) -> tuple[FloatArray, Grid]:
    latitude, longitude = axis_of(file, name, "latitude"), axis_of(file, name, "longitude")
    dims = file.dims(name)
    if latitude is None or longitude is None:
        raise DataError(
            f"variable '{name}' in '{file.path}' has dimensions {dims}; expected 1-D coordinate variables "
            "of latitude (units degrees_north) and longitude (degrees_east) among them."
        )
    others = {dim: n for dim, n in dims.items() if dim not in (latitude, longitude)}
    if any(n != 1 for n in others.values()):
        raise DataError(
            f"variable '{name}' in '{file.path}' has dimensions {dims}; expected one image, so length 1 "
            f"along {', '.join(others)}. Cut out the time or level that you mean."
        )
    require_units(file, name, VOLUMETRIC_UNITS)
    grid, is_flipped = read_grid(file, latitude, longitude)
    order = list(dims)
    values = np.moveaxis(file.values(name), (order.index(latitude), order.index(longitude)), (-2, -1))
    values = values.reshape(grid.shape)
    return (values[::-1].copy() if is_flipped else values), grid


def write_image(
    path: Path,
    grid: Grid,
    fields: Mapping[str, OutputField],
    time: datetime | None = None,
    attributes: Mapping[str, str] | None = None,
) -> None:
    """Write images of one grid and time to a CF-1.8 netCDF file, whole or not at all.

    Parameters
    ----------
    path : the file; replaced if it exists.
    grid : rows are written south to north, with bounds.
    fields : by variable name, shape of the grid; written as float64 with a fill value for NaN.
    time : valid time, UTC, as a scalar coordinate.
    attributes : of the file.

    Raises
    ------
    ShapeError : a field's shape is not the grid's.
    StorageError : the file cannot be written.

    Notes
    -----
    Local: no communication. Writes ``<name>.part`` in the same folder, then renames.
    """
    for name, field in fields.items():
        if field.values.shape != grid.shape:
            raise ShapeError(f"field '{name}' to write has shape {field.values.shape}; the grid is {grid.describe()}.")
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with netCDF4.Dataset(part, mode="w", format="NETCDF4") as dataset:
            dataset.setncatts({"Conventions": "CF-1.8", **(attributes or {})})
            _write_grid(dataset, grid)
            if time is not None:
                variable = dataset.createVariable("time", "f8", ())
                variable.setncatts(
                    {
                        "standard_name": "time",
                        "units": "seconds since 1970-01-01 00:00:00",
                        "calendar": "proleptic_gregorian",
                    }
                )
                variable[...] = (time - _EPOCH).total_seconds()
            for name, field in fields.items():
                variable = dataset.createVariable(
                    name,
                    "f8",
                    ("lat", "lon"),
                    fill_value=_FILL,
                    compression="zlib",
                    complevel=1,
                    shuffle=True,
                    fletcher32=True,
                )
                variable.setncatts({**field.attributes, **({"coordinates": "time"} if time is not None else {})})
                variable[...] = np.where(np.isnan(field.values), _FILL, field.values)
        part.replace(path)
    except (OSError, RuntimeError, ValueError) as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise StorageError(f"image file '{path}' cannot be written [{type(error).__name__}: {error}]") from error


def _write_grid(dataset: netCDF4.Dataset, grid: Grid) -> None:
    dataset.createDimension("bounds", 2)
    for name, long_name, units, centres, edges in (
        ("lat", "latitude", "degrees_north", grid.lat, grid.lat_edges),
        ("lon", "longitude", "degrees_east", grid.lon, grid.lon_edges),
    ):
        dataset.createDimension(name, centres.size)
        variable = dataset.createVariable(name, "f8", (name,))
        variable.setncatts({"standard_name": long_name, "units": units, "bounds": f"{name}_bounds"})
        variable[...] = centres
        dataset.createVariable(f"{name}_bounds", "f8", (name, "bounds"))[...] = np.stack(
            (edges[:-1], edges[1:]), axis=1
        )
