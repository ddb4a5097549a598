"""CLDAS v2 (China Meteorological Administration): hourly, 0.0625 degrees, five layers, netCDF."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from landda_hpc.errors import DataError
from landda_hpc.formats.cf.netcdf_file import NetcdfFile
from landda_hpc.formats.products.layered import LayeredFile, Layout
from landda_hpc.formats.products.product import Product, ProductVariable, volumetric_layer

UNITS: Final = ("mm3/mm3", "m3/m3", "m3 m-3", "mm3 mm-3", "m^3/m^3", "m^3 m^-3", "1", "")
"""An empty unit is accepted, because values are checked against 0 to 1, which percentages would exceed."""


def _layer(code: str, top: float, bottom: float) -> ProductVariable:
    return volumetric_layer(f"SM{code}", (top, bottom), UNITS, slack=1e-4)


VARIABLES: Final = (
    _layer("000005", 0.0, 0.05),
    _layer("000010", 0.0, 0.1),
    _layer("010040", 0.1, 0.4),
    _layer("040100", 0.4, 1.0),
    _layer("100200", 1.0, 2.0),
)

LATITUDE: Final = ("LAT", "lat", "latitude")
LONGITUDE: Final = ("LON", "lon", "longitude")

_HOUR: Final = re.compile(r"-(\d{10})(?=\.[A-Za-z0-9]+$)")
_LAYER: Final = re.compile(r"SM(\d{6})")


def _time_of_name(path: Path) -> datetime:
    found = _HOUR.search(path.name)
    try:
        return datetime.strptime(found.group(1) if found else "", "%Y%m%d%H")
    except ValueError as error:
        raise DataError(
            f"file '{path}' has no time axis, and its name does not end in an hour; expected "
            "..._HOR-SM000010-YYYYMMDDHH.nc."
        ) from error


_LAYOUT: Final = Layout(
    label="CLDAS-V2.0",
    variables=VARIABLES,
    latitude=LATITUDE,
    longitude=LONGITUDE,
    time=("TIME", "time"),
    one_time=True,
    time_of_name=_time_of_name,
    step=timedelta(hours=1),
)


def open_cldas(path: Path) -> LayeredFile:
    """Open a file of one hour, with one layer, as the provider delivers it, or several.

    Parameters
    ----------
    path : e.g. ``Z_NAFP_C_BABJ_20190801012056_P_CLDAS_RT_ASI_0P0625_HOR-SM000005-2019080100.nc``.

    Raises
    ------
    MissingFileError : the file does not exist.
    DataError : damaged file; no field that can be identified as a layer; unexpected axes or units.

    Notes
    -----
    Local. The name of a variable gives its layer. If the file has only one field, of another name, the file name gives
    the layer. Shi et al. (2011), doi:10.1007/s11430-010-4160-3.
    """
    with NetcdfFile(path) as file:
        known = {name for variable in VARIABLES for name in variable.names}
        if any(name in known for name in file.names()):
            return LayeredFile(path, _LAYOUT)
        fields = [
            name
            for name in file.names()
            if file.is_numeric(name) and set(file.dims(name)) & set(LATITUDE) and set(file.dims(name)) & set(LONGITUDE)
            if len(file.dims(name)) >= 2
        ]
        found = _LAYER.search(path.name)
        layer = next((v for v in VARIABLES if found and v.name == found.group(0)), None)
        if len(fields) != 1 or layer is None:
            raise DataError(
                f"file '{path}' has the fields {', '.join(fields) or 'none'}; expected "
                f"{', '.join(v.name for v in VARIABLES)}, or one field in a file whose name gives the layer."
            )
    # The layer keeps its position among the layers, so that depths are selected as usual.
    variables = tuple(replace(v, aliases=(fields[0],)) if v is layer else v for v in VARIABLES)
    return LayeredFile(path, replace(_LAYOUT, variables=variables))


CLDAS: Final = Product(
    key="cldas",
    label="CLDAS-V2.0",
    variables=VARIABLES,
    time_convention="at the instant of the file's name; hourly",
    stamp="instant",
    step=timedelta(hours=1),
    opens=open_cldas,
    many_times=False,
    may_be_empty=False,
    tried=False,
    reference="Shi et al. (2011), doi:10.1007/s11430-010-4160-3; China Meteorological Data Service",
)
