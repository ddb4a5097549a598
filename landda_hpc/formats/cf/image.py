"""Read one image of soil moisture from a CF netCDF file: a 2-D field on latitude and longitude."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np

from landda_hpc.constants import FloatArray
from landda_hpc.errors import DataError
from landda_hpc.formats.cf.clock import is_clock
from landda_hpc.formats.cf.file_grid import FileGrid, coordinate_of, read_file_grid
from landda_hpc.formats.cf.netcdf_file import (
    STANDARD_CALENDARS,
    VOLUMETRIC_UNITS,
    NetcdfFile,
    require_range,
    require_units,
)
from landda_hpc.formats.cf.time_axis import find_clock, read_time_axis
from landda_hpc.grid import Grid

PLAUSIBLE: Final = (-1.0, 2.0)
"""Plausible range, m3 m-3; an image with errors may exceed [0, 1], but by far less than this."""


@dataclass(frozen=True, eq=False)
class SoilMoistureImage:
    """One image of volumetric soil moisture.

    Attributes
    ----------
    values : m3 m-3, shape (n_lat, n_lon), rows south to north; NaN is missing.
    grid : the image's grid.
    variable : name of the variable in the file.
    time : valid time, UTC, or None if the file has none.
    """

    values: FloatArray
    grid: Grid
    variable: str
    time: datetime | None = None


def read_image(path: Path, variable: str | None = None) -> SoilMoistureImage:
    """Read one image of soil moisture. Local.

    Parameters
    ----------
    path : netCDF file with coordinates of latitude and longitude, 1-D or matrices of a regular grid, in any order.
    variable : name of the variable; None for the only field on latitude and longitude, an error if there are several.

    Returns
    -------
    The unpacked image; NaN where fill value, missing value or NaN.

    Raises
    ------
    MissingFileError : the file does not exist.
    DataError : damaged file; no such variable, or several; more than one time or level; units other than m3 m-3;
        non-monotone axes; all values missing; values outside [-1, 2] m3 m-3.
    """
    with NetcdfFile(path) as file:
        name = variable if variable is not None else only_image(file)
        places = find_places(file, name)
        dims, grid = file.dims(name), places.grid
        others = {dim: n for dim, n in dims.items() if dim not in places.dims}
        if any(n != 1 for n in others.values()):
            raise DataError(
                f"variable '{name}' in '{path}' has dimensions {dims}; expected one image, so length 1 along "
                f"{', '.join(others)}. Extract the intended time or level."
            )
        values = read_field(file, name, places)
        require_range(path, name, values, PLAUSIBLE, "m3 m-3", grid)
        clock = find_clock(file, name, [one for one in _time_names(file, name) if is_time(file, one)])
        times = [] if clock is None else read_time_axis(file, clock, STANDARD_CALENDARS).times
    if len(times) > 1:
        raise DataError(f"file '{path}' holds {len(times)} times; expected one image. Extract the intended one.")
    return SoilMoistureImage(values, grid, name, times[0] if times else None)


def _time_names(file: NetcdfFile, variable: str) -> list[str]:
    """Candidate names for a variable's time coordinate, the usual ones first."""
    coordinates = file.attribute(variable, "coordinates").split()
    return [
        name for name in dict.fromkeys(("valid_time", "time", *file.dims(variable), *coordinates)) if file.has(name)
    ]


def only_image(file: NetcdfFile, unit: Callable[[str], bool] | None = None) -> str:
    """Name of the only field on latitude and longitude whose unit passes the check ``unit``; None: any unit.

    Raises
    ------
    DataError : there is no such field, or several.
    """
    images = [
        name
        for name in file.names()
        if file.is_numeric(name)
        and (unit is None or unit(file.attribute(name, "units")))
        and len(file.dims(name)) > 1
        and coordinate_of(file, name, "latitude") not in (None, name)
        and coordinate_of(file, name, "longitude") not in (None, name)
    ]
    if len(images) != 1:
        raise DataError(
            f"file '{file.path}' has {len(images)} fields {'' if unit is None else 'of soil moisture '}on latitude and "
            f"longitude ({', '.join(images) or 'none'}; all variables: {', '.join(file.names()) or 'none'}). Name the "
            "one to read."
        )
    return images[0]


def find_places(file: NetcdfFile, name: str) -> FileGrid:
    """Grid of a field of soil moisture, m3 m-3; DataError without coordinates or with another unit."""
    latitude, longitude = coordinate_of(file, name, "latitude"), coordinate_of(file, name, "longitude")
    if latitude is None or longitude is None:
        raise DataError(
            f"variable '{name}' in '{file.path}' has dimensions {file.dims(name)}; expected coordinate variables of "
            "latitude (units degrees_north) and longitude (degrees_east) on them."
        )
    require_units(file, name, VOLUMETRIC_UNITS)
    return read_file_grid(file, latitude, longitude)


def read_field(file: NetcdfFile, name: str, places: FileGrid, at: Mapping[str, int] | None = None) -> FloatArray:
    """Read one image, shape of the grid, rows south to north, columns west to east.

    Parameters
    ----------
    places : from ``find_places``.
    at : index along each other dimension that is longer than 1.
    """
    order = list(file.dims(name))
    columns = places.columns(slice(0, places.grid.shape[1]))
    values = file.values(name, {**(at or {}), places.dims[1]: columns})
    values = np.moveaxis(values, [order.index(dim) for dim in places.dims], (-2, -1)).reshape(places.grid.shape)
    values = places.west_to_east(values)
    return np.ascontiguousarray(values[::-1] if places.is_flipped else values)


def is_time(file: NetcdfFile, name: str) -> bool:
    """Whether a variable is a time coordinate; one without units (a mere index) is not."""
    return file.has(name) and is_clock(file.attribute(name, "units"))
