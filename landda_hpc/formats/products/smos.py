"""SMOS soil moisture of CATDS, netCDF on the 25 km EASE grid: daily maps of the surface (L3) and the root zone (L4)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.errors import DataError
from landda_hpc.formats.products.layered import Field, LayeredFile, Layout
from landda_hpc.formats.products.product import Product, ProductVariable, volumetric_layer

MOST_INTERFERENCE: Final = 0.3
"""Probability of radio-frequency interference above which a value is not recommended."""

_UNITS: Final = ("m3 m-3", "m3/m3", "m3.m-3")
_L3: Final = (volumetric_layer("Soil_Moisture", (0.0, 0.05), _UNITS),)
_L4: Final = (volumetric_layer("RZSM", (0.0, 1.0), _UNITS),)
_ERRORS: Final = ("Soil_Moisture_Dqx", "Soil_Moisture_DQX")
_INTERFERENCE: Final = ("Rfi_Prob", "RFI_Prob")
_NOON: Final = timedelta(hours=12)
_EPOCH: Final = datetime(2000, 1, 1)
"""Days of acquisition count from here."""

_DAY: Final = re.compile(r"_MIR_CLF[34][A-Z0-9]+_(\d{8})T\d{6}_(\d{8})T\d{6}_")


class SmosFile(LayeredFile):
    """A map of one day, with errors, interference and the time of each cell, if the file has them."""

    def extras(
        self,
        values: FloatArray,  # noqa: ARG002 - for other products
        field: Field,
        time: datetime,
    ) -> tuple[FloatArray | None, Mapping[str, BoolArray], FloatArray | None]:
        """See ``LayeredFile.extras``."""

        def first(names: tuple[str, ...]) -> FloatArray | None:
            return next((found for name in names if (found := field(name)) is not None), None)

        std, interference = first(_ERRORS), first(_INTERFERENCE)
        if std is not None:
            std = np.where(std > 0.0, std, np.nan)[None]
        conditions: dict[str, BoolArray] = {}
        if interference is not None:
            # Stored as a fraction or in percent.
            most = MOST_INTERFERENCE * (100.0 if np.nanmax(interference, initial=0.0) > 1.0 else 1.0)
            conditions["not_recommended"] = np.nan_to_num(interference) > most
        day, second = field("Mean_Acq_Time_Days"), field("Mean_Acq_Time_Seconds")
        if day is None or second is None:
            return std, conditions, None
        seconds = (day - (time - _EPOCH) / timedelta(days=1)) * 86400.0 + second
        # An offset of days is damage, or an undeclared fill value.
        return std, conditions, np.where(np.abs(seconds) <= 2 * 86400.0, seconds, np.nan)


def day_of_name(path: Path) -> datetime:
    """Noon of the day in the name of a file of CATDS.

    Raises
    ------
    DataError : another name, or a period of more than a day.

    Examples
    --------
    >>> day_of_name(Path("SM_OPER_MIR_CLF31A_20150506T000000_20150506T235959_300_002_7.DBL.nc"))
    datetime.datetime(2015, 5, 6, 12, 0)
    """
    found = _DAY.search(path.name)
    try:
        if found is None:
            raise ValueError("no period")
        if found.group(1) != found.group(2):
            raise ValueError(f"it covers {found.group(1)} to {found.group(2)}, not a day")
        return datetime.strptime(found.group(1), "%Y%m%d") + _NOON
    except ValueError as error:
        raise DataError(
            f"the name of '{path}' has no valid day ({error}); expected the provider's format, e.g. "
            "SM_OPER_MIR_CLF31A_20150506T000000_20150506T235959_300_002_7.DBL.nc."
        ) from error


def open_smos(path: Path, variables: tuple[ProductVariable, ...] = _L3, label: str = "SMOS L3") -> SmosFile:
    """Open a daily file of CATDS.

    Raises
    ------
    MissingFileError : the file does not exist.
    DataError : damaged file; a name without a day; axes or units differ from the provider's.

    Notes
    -----
    Local. ``Soil_Moisture_Dqx`` is the error standard deviation of the retrieval.
    """
    layout = Layout(
        label=label,
        variables=variables,
        latitude=("lat", "latitude"),
        longitude=("lon", "longitude"),
        time=("time",),
        one_time=True,
        may_be_empty=True,
        time_of_name=day_of_name,
    )
    return SmosFile(path, layout)


def _product(key: str, label: str, variables: tuple[ProductVariable, ...], tried: bool, reference: str) -> Product:
    return Product(
        key=key,
        label=label,
        variables=variables,
        time_convention="overpasses of the UTC day in the file's name; the image is of noon",
        stamp="overpasses",
        step=timedelta(days=1),
        opens=partial(open_smos, variables=variables, label=label),
        many_times=False,
        may_be_empty=True,
        tried=tried,
        reference=reference,
        first=_NOON,
    )


SMOS: Final = (
    _product("smos_l3", "SMOS L3", _L3, True, "CATDS L3SM (MIR_CLF31A, MIR_CLF31D); Al Bitar et al. (2017), "
             "doi:10.5194/essd-9-293-2017"),
    _product("smos_l4", "SMOS L4 root zone", _L4, False, "CATDS L4SM RZSM (MIR_CLF4RA, MIR_CLF4RD), 0-1 m"),
)  # fmt: skip
