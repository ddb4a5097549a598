"""Images as CF netCDF: fields on latitude and longitude, of one time and soil layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from landda_hpc.constants import BoolArray
from landda_hpc.errors import DataError, ShapeError
from landda_hpc.formats.cf.netcdf_file import NetcdfFile
from landda_hpc.grid import Grid
from landda_hpc.io.file_format import FileFormat
from landda_hpc.io.netcdf_writer import TIME_UNITS, NetcdfWriter, hours_since_1970, new_netcdf

_COORDINATE_BYTES: Final = 65536
"""Largest size of coordinates, attributes and HDF5 structures, bytes, on grids up to about 1000 rows."""


IMAGE: Final = FileFormat("landda_hpc image", 1)
"""Images of a campaign."""


@contextmanager
def open_image(path: Path) -> Iterator[NetcdfFile]:
    """Open an image of a campaign, or a file of the same layout without a format. Local.

    Raises
    ------
    MissingFileError, DataError : it is missing or damaged, or another version of the software wrote it.
    """
    with NetcdfFile(path) as file:
        objection = IMAGE.objection(file.file_attribute)
        if objection is not None:
            raise DataError(f"'{path}' {objection}")
        yield file


@dataclass(frozen=True, eq=False)
class OutputField:
    """A field to write.

    Attributes
    ----------
    values : shape (n_lat, n_lon), float32 or float64, written in this type; NaN where there is no value.
    attributes : CF attributes, among them ``units`` ('1' if the field is dimensionless).
    """

    values: npt.NDArray[np.floating[Any]]
    attributes: Mapping[str, Any]


def write_images(
    path: Path,
    grid: Grid,
    fields: Mapping[str, OutputField],
    *,
    time: datetime | None = None,
    depth_m: tuple[float, float] | None = None,
    is_land: BoolArray | None = None,
    attributes: Mapping[str, str] | None = None,
    make_folder: bool = False,
) -> None:
    """Write images of one grid to a CF netCDF file, atomically. Local.

    Parameters
    ----------
    path : the file; replaced if it exists.
    grid : cell centres and edges; rows are written south to north, with bounds.
    fields : by variable name; written with checksums, compressed, fill value NaN.
    time : valid time, UTC, written as a dimension of length 1. None: the fields have no time.
    depth_m : top and bottom of the soil layer over which the fields are means, m, written as a scalar coordinate.
    is_land : land mask, shape (n_lat, n_lon), written as ``land_mask``. The cell areas, m2, are then written as
        ``cell_area``, and the fields are declared as means over cells.
    attributes : attributes of the file.
    make_folder : create the folder if it is missing.

    Raises
    ------
    ShapeError : a field or the mask does not have the grid's shape, or a field is not float32 or float64 or has no
        units.
    StorageError : the file cannot be written.
    """
    for name, field in fields.items():
        _check(name, field, grid)
    if is_land is not None and is_land.shape != grid.shape:
        raise ShapeError(f"land mask has shape {is_land.shape}; expected {grid.shape}.")
    n_bytes = sum(field.values.nbytes for field in fields.values()) + 9 * grid.n_cells + _COORDINATE_BYTES
    with new_netcdf(path, n_bytes, attributes, make_folder=make_folder) as file:
        file.dimensions({"bnds": 2})
        write_grid(file, grid)
        common: dict[str, str] = {}
        methods = []
        if time is not None:
            _write_time(file, time)
        if depth_m is not None:
            _write_depth(file, depth_m)
            common["coordinates"] = "depth"
            methods.append("depth: mean")
        if is_land is not None:
            _write_land_mask(file, is_land)
            area = {"standard_name": "cell_area", "long_name": "area of the grid cell", "units": "m2"}
            _write(file, "cell_area", ("lat", "lon"), grid.area, area)
            common["cell_measures"] = "area: cell_area"
            methods.append("area: mean")
        if methods:
            common["cell_methods"] = " ".join(methods)
        for name, field in fields.items():
            _write_field(file, name, field.values, {**field.attributes, **common}, has_time=time is not None)


def _check(name: str, field: OutputField, grid: Grid) -> None:
    if field.values.shape != grid.shape or field.values.dtype not in (np.float32, np.float64):
        raise ShapeError(
            f"field '{name}' to write has shape {field.values.shape}, {field.values.dtype}; expected float32 or "
            f"float64 of the grid's shape {grid.shape}."
        )
    if "units" not in field.attributes:
        raise ShapeError(f"field '{name}' has no units. Set them in its attributes ('1' if it has no dimension).")


def write_grid(file: NetcdfWriter, grid: Grid) -> None:
    """Write latitudes and longitudes of a grid with their bounds; the dimension ``bnds`` must exist. Local."""
    for name, long_name, units, axis, centres, edges in (
        ("lat", "latitude", "degrees_north", "Y", grid.lat, grid.lat_edges),
        ("lon", "longitude", "degrees_east", "X", grid.lon, grid.lon_edges),
    ):
        file.dimensions({name: centres.size})
        attributes = {
            "standard_name": long_name,
            "long_name": long_name,
            "axis": axis,
            "units": units,
            "bounds": f"{name}_bnds",
        }
        _write(file, name, (name,), centres, attributes)
        _write(file, f"{name}_bnds", (name, "bnds"), np.stack((edges[:-1], edges[1:]), axis=1), {})


def _write_time(file: NetcdfWriter, time: datetime) -> None:
    hours = hours_since_1970([time])
    attributes = {
        "standard_name": "time",
        "long_name": "valid time",
        "axis": "T",
        "units": TIME_UNITS,
        "calendar": "standard",
        "units_metadata": "leap_seconds: none",
        "bounds": "time_bnds",
    }
    file.dimensions({"time": 1})
    _write(file, "time", ("time",), hours, attributes)
    _write(file, "time_bnds", ("time", "bnds"), np.stack((hours, hours), axis=1), {})


def _write_depth(file: NetcdfWriter, depth_m: tuple[float, float]) -> None:
    attributes = {
        "standard_name": "depth",
        "long_name": "depth below the surface",
        "units": "m",
        "positive": "down",
        "axis": "Z",
        "bounds": "depth_bnds",
    }
    _write(file, "depth", (), np.array(0.5 * (depth_m[0] + depth_m[1])), attributes)
    _write(file, "depth_bnds", ("bnds",), np.array(depth_m), {})


def _write_land_mask(file: NetcdfWriter, is_land: BoolArray) -> None:
    attributes = {
        "standard_name": "land_binary_mask",
        "long_name": "land mask",
        "units": "1",
        "flag_values": np.array([0, 1], dtype=np.int8),
        "flag_meanings": "sea land",
    }
    _write(file, "land_mask", ("lat", "lon"), is_land.astype(np.int8), attributes)


def _write_field(
    file: NetcdfWriter,
    name: str,
    image: npt.NDArray[np.floating[Any]],
    attributes: Mapping[str, Any],
    *,
    has_time: bool,
) -> None:
    dims = ("time", "lat", "lon") if has_time else ("lat", "lon")
    values = image[None] if has_time else image
    file.write(name, dims, values, attributes, fill=np.nan, level=1, checksum=True)


def _write(
    file: NetcdfWriter, name: str, dims: tuple[str, ...], values: npt.NDArray[Any], attributes: Mapping[str, Any]
) -> None:
    file.write(name, dims, values, attributes, fill=False, level=int(len(dims) == 2))
