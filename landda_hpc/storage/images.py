"""Images of soil moisture as CF netCDF files, one per run and output time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import netCDF4
import numpy as np
import numpy.typing as npt

from landda_hpc.constants import BoolArray
from landda_hpc.errors import ShapeError
from landda_hpc.grid import Grid
from landda_hpc.formats.atomic import atomic_replacement

CONVENTIONS: Final = "CF-1.11"
TIME_UNITS: Final = "hours since 1970-01-01 00:00:00"

Attributes = Mapping[str, Any]
Field = tuple[npt.NDArray[np.floating[Any]], Attributes]
"""An image, shape (n_lat, n_lon), float32 or float64, NaN where there is no value; and its attributes."""

_WATER: Final = {"standard_name": "volume_fraction_of_condensed_water_in_soil", "units": "m3 m-3"}

FIELD_ATTRIBUTES: Final[Mapping[str, Attributes]] = {
    "background": {"long_name": "background soil moisture", **_WATER},
    "analysis": {"long_name": "analysed soil moisture", **_WATER},
    "observation": {"long_name": "observed soil moisture", **_WATER},
    "forecast": {"long_name": "forecast soil moisture, no analysis at this time", **_WATER},
    "truth": {"long_name": "soil moisture of the nature run", **_WATER},
    "increment": {"long_name": "analysis minus background", "units": "m3 m-3"},
    "innovation": {"long_name": "observation minus background", "units": "m3 m-3"},
    "spread": {"long_name": "standard deviation of the analysed members", "units": "m3 m-3"},
}
"""What the known fields are; attributes that the caller gives come on top."""


@dataclass(frozen=True)
class Provenance:
    """Global attributes that CF recommends.

    Attributes
    ----------
    title : what is in the file.
    history : how it came about, one line per step, with times.
    source : the model and method, with versions.
    references : papers or pages that describe them.
    institution : where it was made; may be empty.
    """

    title: str
    history: str
    source: str
    references: str
    institution: str = ""


def image_name(run: str, valid_time: datetime) -> str:
    """File name: ``<run>_YYYYMMDDTHH.nc``."""
    return f"{run}_{valid_time:%Y%m%dT%H}.nc"


def list_images(folder: Path, run: str) -> dict[datetime, Path]:
    """Image files of a run by valid time, oldest first."""
    pattern = re.compile(re.escape(run) + r"_(\d{8}T\d{2})\.nc")
    found = ((pattern.fullmatch(entry.name), entry) for entry in folder.iterdir())
    return dict(sorted((datetime.strptime(match.group(1), "%Y%m%dT%H"), path) for match, path in found if match))


def write_image(
    folder: Path,
    run: str,
    grid: Grid,
    valid_time: datetime,
    fields: Mapping[str, Field],
    provenance: Provenance,
    *,
    depth_m: tuple[float, float],
    is_land: BoolArray,
    time_bounds: tuple[datetime, datetime] | None = None,
) -> Path:
    """Write the images of one run and time as a CF-1.11 netCDF file, atomically. Local: one rank.

    Parameters
    ----------
    folder : exists.
    run : name of the run, first part of the file name.
    grid : cell centres and edges; rows from south to north.
    valid_time : UTC.
    fields : name -> (image, attributes). Names as in ``FIELD_ATTRIBUTES`` need none; others need ``units``.
    provenance : global attributes.
    depth_m : top and bottom of the soil layer, m.
    is_land : land mask, shape (n_lat, n_lon).
    time_bounds : period that the fields stand for; None: the instant.

    Returns
    -------
    Path of the file.

    Raises
    ------
    ShapeError where a field is not an image of the grid or has no units.
    StorageError where it could not be written.
    """
    for name, (image, attributes) in fields.items():
        _check(name, image, attributes, grid)
    if is_land.shape != grid.shape:
        raise ShapeError(f"land mask has shape {is_land.shape}, the grid {grid.shape}.")
    path = folder / image_name(run, valid_time)
    n_bytes = sum(image.nbytes for image, _ in fields.values()) + 16 * is_land.size + 65536
    with (
        atomic_replacement(path, n_bytes) as temporary,
        netCDF4.Dataset(temporary, "w", format="NETCDF4") as file,
    ):
        file.Conventions = CONVENTIONS
        file.run = run
        file.setncatts({key: value for key, value in vars(provenance).items() if value})
        _write_coordinates(file, grid, valid_time, time_bounds or (valid_time, valid_time), depth_m)
        _write_static(file, grid, is_land)
        for name, (image, attributes) in fields.items():
            _write_field(file, name, image, {**FIELD_ATTRIBUTES.get(name, {}), **attributes})
    return path


def _check(name: str, image: npt.NDArray[Any], attributes: Attributes, grid: Grid) -> None:
    if image.shape != grid.shape or image.dtype not in (np.float32, np.float64):
        raise ShapeError(
            f"image '{name}' has shape {image.shape}, {image.dtype}; expected {grid.shape}, float32 or float64."
        )
    if "units" not in {**FIELD_ATTRIBUTES.get(name, {}), **attributes}:
        raise ShapeError(f"image '{name}' has no units. Give them in its attributes ('1' if it has no dimension).")


def _write_coordinates(
    file: netCDF4.Dataset,
    grid: Grid,
    valid_time: datetime,
    time_bounds: tuple[datetime, datetime],
    depth_m: tuple[float, float],
) -> None:
    for name, length in (("time", 1), ("lat", grid.lat.size), ("lon", grid.lon.size), ("bnds", 2)):
        file.createDimension(name, length)
    hours = [netCDF4.date2num(t, TIME_UNITS, calendar="standard") for t in (valid_time, *time_bounds)]
    _variable(
        file,
        "time",
        ("time",),
        np.array(hours[:1], dtype=np.float64),
        {
            "standard_name": "time",
            "long_name": "valid time",
            "axis": "T",
            "units": TIME_UNITS,
            "calendar": "standard",
            "units_metadata": "leap_seconds: none",
            "bounds": "time_bnds",
        },
    )
    _variable(file, "time_bnds", ("time", "bnds"), np.array([hours[1:]], dtype=np.float64), {})
    for name, long_name, units, axis, centres, edges in (
        ("lat", "latitude", "degrees_north", "Y", grid.lat, grid.lat_edges),
        ("lon", "longitude", "degrees_east", "X", grid.lon, grid.lon_edges),
    ):
        attributes = {
            "standard_name": long_name,
            "long_name": long_name,
            "axis": axis,
            "units": units,
            "bounds": f"{name}_bnds",
        }
        _variable(file, name, (name,), centres, attributes)
        _variable(file, f"{name}_bnds", (name, "bnds"), np.stack((edges[:-1], edges[1:]), axis=1), {})
    _variable(
        file,
        "depth",
        (),
        np.array(0.5 * (depth_m[0] + depth_m[1])),
        {
            "standard_name": "depth",
            "long_name": "depth below the surface",
            "units": "m",
            "positive": "down",
            "axis": "Z",
            "bounds": "depth_bnds",
        },
    )
    _variable(file, "depth_bnds", ("bnds",), np.array(depth_m), {})


def _write_static(file: netCDF4.Dataset, grid: Grid, is_land: BoolArray) -> None:
    area = {"standard_name": "cell_area", "long_name": "area of the grid cell", "units": "m2"}
    _variable(file, "cell_area", ("lat", "lon"), grid.area, area)
    land = {
        "standard_name": "land_binary_mask",
        "long_name": "land mask",
        "units": "1",
        "flag_values": np.array([0, 1], dtype=np.int8),
        "flag_meanings": "sea land",
    }
    _variable(file, "land_mask", ("lat", "lon"), is_land.astype(np.int8), land)


def _write_field(file: netCDF4.Dataset, name: str, image: npt.NDArray[Any], attributes: Attributes) -> None:
    variable = file.createVariable(
        name, image.dtype, ("time", "lat", "lon"), zlib=True, complevel=1, fill_value=image.dtype.type(np.nan)
    )
    variable.setncatts(
        {
            **attributes,
            "coordinates": "depth",
            "cell_measures": "area: cell_area",
            "cell_methods": "depth: mean area: mean",
        }
    )
    variable[0] = image


def _variable(
    file: netCDF4.Dataset, name: str, dims: tuple[str, ...], values: npt.NDArray[Any], attributes: Attributes
) -> None:
    variable = file.createVariable(name, values.dtype, dims, zlib=len(dims) == 2, complevel=1, fill_value=False)
    variable.setncatts(attributes)
    variable[...] = values
