"""Latitudes and longitudes for files that tests make."""

from __future__ import annotations

import netCDF4
import numpy as np

from landda_hpc.constants import FloatArray

LAT = np.arange(45.0, 40.0, -0.25)
LON = np.arange(100.0, 107.5, 0.25)


def axes(data: netCDF4.Dataset, lat: str, lon: str, lat_values: FloatArray, lon_values: FloatArray) -> None:
    for name, values, units in ((lat, lat_values, "degrees_north"), (lon, lon_values, "degrees_east")):
        data.createDimension(name, values.size)
        axis = data.createVariable(name, "f8", (name,))
        axis.units = units
        axis[:] = values
