"""Files of one or more images of soil moisture on a coarse global grid, for tests of times and names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import netCDF4
import numpy as np

from landda_hpc.constants import FloatArray
from landda_hpc.formats.products.cf_layers import cf_product
from landda_hpc.formats.products.dataset import Dataset

LAT, LON = np.arange(-85.0, 90.0, 10.0), np.arange(-175.0, 180.0, 10.0)
DAY = datetime(2010, 6, 1)


def write_image(
    path: Path,
    value: float | Sequence[float],
    times: Sequence[datetime] = (),
    *,
    name: str = "sm",
    units: str = "m3 m-3",
    attributes: Mapping[str, str] | None = None,
    bounds_days: float | None = None,
    lat: FloatArray = LAT,
    lon: FloatArray = LON,
    **of_variable: str,
) -> Path:
    """One value all over the globe, at each time; without times no time axis."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with netCDF4.Dataset(path, "w") as data:
        data.setncatts(dict(attributes or {}))
        for dim, values, unit in (("lat", lat, "degrees_north"), ("lon", lon, "degrees_east")):
            data.createDimension(dim, values.size)
            axis = data.createVariable(dim, "f8", (dim,))
            axis.units, axis[:] = unit, values
        if times:
            data.createDimension("time", len(times))
            time = data.createVariable("time", "f8", ("time",))
            time.units = "days since 1970-01-01"
            days = np.array([(t - datetime(1970, 1, 1)) / timedelta(days=1) for t in times])
            time[:] = days
            if bounds_days is not None:
                time.bounds = "time_bnds"
                data.createDimension("bnds", 2)
                data.createVariable("time_bnds", "f8", ("time", "bnds"))[:] = np.stack((days, days + bounds_days), 1)
        sm = data.createVariable(name, "f4", (("time",) if times else ()) + ("lat", "lon"), fill_value=-9999.0)
        sm.units = units
        sm.setncatts(of_variable)
        sm[:] = np.reshape(value, (-1, 1, 1)) if times else value
    return path


def cf_files(root: Path, pattern: str, hours: float = 6.0, **settings: str) -> Dataset:
    """The files of a pattern, as product cf."""
    return Dataset(cf_product({"sm": (0.0, 0.1)}, timedelta(hours=hours)), root, pattern, **settings)
