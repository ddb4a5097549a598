"""Image files of a campaign, one per run and output time: their names and fields."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from landda_hpc.constants import N_UPPER, BoolArray
from landda_hpc.formats.cf.netcdf_file import NetcdfFile
from landda_hpc.formats.own.image_output import IMAGE, OutputField, write_images
from landda_hpc.grid import Grid

Attributes = Mapping[str, Any]
Field = tuple[npt.NDArray[np.floating[Any]], Attributes]
"""An image, shape (n_lat, n_lon), float32 or float64, NaN without value; and its attributes."""

_WATER: Final = {"standard_name": "volume_fraction_of_condensed_water_in_soil", "units": "m3 m-3"}


def layer_innovation_name(layer: int) -> str:
    """Name of the image of observation minus background of a soil layer; 1 is the uppermost."""
    return f"innovation_{layer}"


def member_image_name(member: int) -> str:
    """Name of the image of a chosen member of an ensemble."""
    return f"member_{member:03d}"


REGIONS: Final = "regions"
"""Name of the image of the regions of coherent change."""

FIELD_ATTRIBUTES: Final[Mapping[str, Attributes]] = {
    "background": {"long_name": "background soil moisture", **_WATER},
    "analysis": {"long_name": "analysed soil moisture", **_WATER},
    "observation": {"long_name": "observed soil moisture", **_WATER},
    "forecast": {"long_name": "forecast soil moisture, no analysis at this time", **_WATER},
    "truth": {"long_name": "soil moisture of the nature run", **_WATER},
    "increment": {"long_name": "analysis minus background", "units": "m3 m-3"},
    "innovation": {"long_name": "observation minus background", "units": "m3 m-3"},
    **{
        layer_innovation_name(k): {"long_name": f"observation minus background of soil layer {k}", "units": "m3 m-3"}
        for k in range(1, N_UPPER + 1)
    },
    REGIONS: {"long_name": "region of coherent change of the image increment, 0 outside", "units": "1"},
    "spread": {"long_name": "standard deviation of the background members", "units": "m3 m-3"},
}
"""Attributes of the known fields; those of the caller are added."""


_MEMBER: Final = re.compile(r"member_(\d{3})")


def _attributes(name: str) -> Attributes:
    """Attributes of a known field, or of a member's image; empty for others."""
    member = _MEMBER.fullmatch(name)
    if member is None:
        return FIELD_ATTRIBUTES.get(name, {})
    return {"long_name": f"soil moisture of member {int(member.group(1))}", **_WATER}


@dataclass(frozen=True)
class Provenance:
    """Global attributes that CF recommends.

    Attributes
    ----------
    title : description of the content.
    history : processing steps, one line each, with times.
    source : model and method, with versions.
    references : papers or pages that describe model and method.
    """

    title: str
    history: str
    source: str
    references: str


def image_name(run: str, valid_time: datetime) -> str:
    """File name: ``<run>_YYYYMMDDTHH.nc``."""
    return f"{run}_{valid_time:%Y%m%dT%H}.nc"


def list_images(folder: Path, run: str) -> dict[datetime, Path]:
    """Image files of a run by valid time, oldest first."""
    pattern = re.compile(re.escape(run) + r"_(\d{8}T\d{2})\.nc")
    found = ((pattern.fullmatch(entry.name), entry) for entry in folder.iterdir())
    return dict(sorted((datetime.strptime(match.group(1), "%Y%m%dT%H"), path) for match, path in found if match))


def holds(file: NetcdfFile, name: str) -> bool:
    """Whether a field of an open image file has any value; all files of a run have the same variables."""
    return file.has(name) and bool(np.isfinite(file.values(name)).any())


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
) -> Path:
    """Write the images of one run and time as a CF netCDF file, atomically. Local: one rank.

    Parameters
    ----------
    folder : existing folder.
    run : name of the run, first part of the file name.
    grid : cell centres and edges; rows from south to north.
    valid_time : UTC.
    fields : name -> (image, attributes). Names in ``FIELD_ATTRIBUTES`` need no attributes; others need ``units``.
    provenance : global attributes.
    depth_m : top and bottom of the soil layer, m.
    is_land : land mask, shape (n_lat, n_lon).

    Returns
    -------
    Path of the file.

    Raises
    ------
    ShapeError : a field is not an image of the grid or has no units.
    StorageError : the file cannot be written.
    """
    path = folder / image_name(run, valid_time)
    stated = {key: value for key, value in vars(provenance).items() if value}
    write_images(
        path,
        grid,
        {name: OutputField(image, {**_attributes(name), **attributes}) for name, (image, attributes) in fields.items()},
        time=valid_time,
        depth_m=depth_m,
        is_land=is_land,
        attributes={**IMAGE.attributes(), "run": run, **stated},
    )
    return path
