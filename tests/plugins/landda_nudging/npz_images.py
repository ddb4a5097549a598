"""A gridded product: one compressed numpy file per time."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, Self
from zipfile import BadZipFile

import numpy as np

from landda_hpc.errors import DataError, MissingFileError
from landda_hpc.formats.products.entry import GriddedEntry
from landda_hpc.formats.products.product import Product, ProductVariable, SoilMoistureProfile
from landda_hpc.formats.products.region import Region
from landda_hpc.grid import grid_from_centres
from landda_hpc.regridding.depth import DepthRange

SURFACE = ProductVariable(
    name="sm",
    long_name="soil moisture",
    standard_name="volume_fraction_of_condensed_water_in_soil",
    units=("m3 m-3",),
    valid_range=(0.0, 1.0),
    depth_m=(0.0, 0.1),
)


class NpzFile:
    """A file with the arrays time (text), lat, lon, and sm in m3 m-3; implements ``ProductFile``."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise MissingFileError(f"'{path}' does not exist.")
        try:
            with np.load(path) as file:
                self.times = (datetime.fromisoformat(str(file["time"])),)
                self._grid, self._values = grid_from_centres(file["lat"], file["lon"]), file["sm"]
        except (OSError, KeyError, ValueError, BadZipFile) as error:
            raise DataError(f"'{path}' is not an image with time, lat, lon and sm: {error}.") from error
        self._path = path

    def read(
        self, time: datetime, depth_m: DepthRange | None = None, region: Region | None = None
    ) -> SoilMoistureProfile:
        """See ``ProductFile.read``; the image is small, so all of it is read."""
        return SoilMoistureProfile(self._values[None], ((0.0, 0.1),), self._grid, time, "npz images", self._path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing is open."""


class NpzImages(GriddedEntry):
    """Images of 0-10 cm in compressed numpy files."""

    product: Literal["npz_images"]

    def build(self) -> Product:
        """See ``GriddedEntry.build``."""
        return Product(
            key=self.product,
            label="npz images",
            variables=(SURFACE,),
            time_convention="at the instant that the file states",
            stamp="instant",
            step=timedelta(hours=6),
            opens=NpzFile,
            many_times=False,
            may_be_empty=False,
            tried=True,
            reference="docs/plugins.md",
        )
