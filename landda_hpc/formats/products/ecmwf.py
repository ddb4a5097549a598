"""Soil moisture of ERA5 and ERA5-Land: GRIB, and netCDF from the old and the new Climate Data Store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.errors import AverageError, DataError, MissingFileError
from landda_hpc.formats.products.grib import GribFile, is_grib
from landda_hpc.formats.products.layered import Field, LayeredFile, Layout
from landda_hpc.formats.products.product import Product, ProductFile, ProductVariable, volumetric_layer

UNITS: Final = ("m**3 m**-3", "m3 m-3", "m^3 m^-3")

STEP: Final = timedelta(hours=1)

NO_SOIL: Final = 1e-4
"""Upper limit of values without soil, m3 m-3: ERA5 has zero over the sea, to packing precision."""


def _layer(name: str, top: float, bottom: float) -> ProductVariable:
    # Packing errors are about -2.7e-6, in old 16-bit netCDF a few 1e-4.
    return volumetric_layer(name, (top, bottom), UNITS, slack=1e-3)


VARIABLES: Final = (
    _layer("swvl1", 0.0, 0.07),
    _layer("swvl2", 0.07, 0.28),
    _layer("swvl3", 0.28, 1.0),
    _layer("swvl4", 1.0, 2.89),
)

PARAMETERS: Final = {39: "swvl1", 40: "swvl2", 41: "swvl3", 42: "swvl4"}
"""ECMWF's numbers of the variables in GRIB messages."""


def require_no_months(path: Path, times: Sequence[datetime]) -> None:
    """Raise AverageError if at least two times are all 00 UTC on the first day of a month.

    Notes
    -----
    Monthly means of the Climate Data Store have such times; files of the old store have no other sign.
    """
    if len(times) > 1 and all((time.day, time.hour, time.minute) == (1, 0, 0) for time in times):
        raise AverageError(
            f"file '{path}' has {len(times)} times, all at 00 UTC on the first day of a month: monthly means, not "
            "images of single times. Download hourly data; if these are hourly values, read them as product cf with "
            "step_hours: 744."
        )


def layout(label: str) -> Layout:
    """Layout of netCDF files from the old and the new Climate Data Store, which name the time axis differently."""
    return Layout(
        label=label,
        variables=VARIABLES,
        latitude=("latitude", "lat"),
        longitude=("longitude", "lon"),
        time=("valid_time", "time"),
        step=STEP,
        check_times=require_no_months,
        constant=("lsm",),
        without_soil=NO_SOIL,
    )


class EcmwfFile(LayeredFile):
    """A netCDF file; cells are missing where its land fraction is below one half."""

    def extras(
        self,
        values: FloatArray,
        field: Field,
        time: datetime,  # noqa: ARG002 - for other products
    ) -> tuple[FloatArray | None, Mapping[str, BoolArray], FloatArray | None]:
        """See ``LayeredFile.extras``."""
        land = field("lsm")
        if land is not None:
            values[:, land < 0.5] = np.nan
        return None, {}, None


def _open(path: Path, label: str) -> ProductFile:
    if not path.is_file():
        raise MissingFileError(f"data file '{path}' does not exist; check the path in the configuration.")
    if is_grib(path):
        return GribFile(path, label, VARIABLES, PARAMETERS, NO_SOIL)
    with path.open("rb") as file:
        if file.read(4) == b"PK\x03\x04":
            raise DataError(
                f"file '{path}' is a zip archive of the Climate Data Store; unpack it and configure its files."
            )
    return EcmwfFile(path, layout(label))


def open_era5(path: Path) -> ProductFile:
    """Open a file of ERA5, netCDF or GRIB, with any number of times.

    Raises
    ------
    MissingFileError : the file does not exist.
    DataError : damaged file; none of swvl1..4; axes or times differ from the provider's; a zip archive.
    ConfigError : a GRIB file, and ecCodes is not installed.

    Notes
    -----
    Local. If an old file has ERA5 and the preliminary ERA5T (``expver`` 1 and 5) along a dimension, ERA5 is used where
    it has a value. Hersbach et al. (2020), doi:10.1002/qj.3803.
    """
    return _open(path, "ERA5")


def open_era5_land(path: Path) -> ProductFile:
    """Open a file of ERA5-Land, see ``open_era5``. Munoz-Sabater et al. (2021), doi:10.5194/essd-13-4349-2021."""
    return _open(path, "ERA5-Land")


ERA5: Final = Product(
    key="era5",
    label="ERA5",
    variables=VARIABLES,
    time_convention="at the instant of the time axis; hourly",
    stamp="instant",
    step=STEP,
    opens=open_era5,
    many_times=True,
    may_be_empty=False,
    tried=True,
    reference="Hersbach et al. (2020), doi:10.1002/qj.3803; Climate Data Store, reanalysis-era5-single-levels",
)

ERA5_LAND: Final = replace(
    ERA5,
    key="era5_land",
    label="ERA5-Land",
    opens=open_era5_land,
    reference="Munoz-Sabater et al. (2021), doi:10.5194/essd-13-4349-2021; Climate Data Store, reanalysis-era5-land",
)
