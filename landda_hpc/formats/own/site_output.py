"""Write hourly series of a site to a CF netCDF file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from landda_hpc.constants import SOIL_DZ, SOIL_Z, SOIL_ZI, FloatArray
from landda_hpc.io.atomic import storage_errors
from landda_hpc.io.netcdf_writer import new_netcdf


def write_site_series(
    path: Path,
    start: datetime,
    utc_offset: timedelta,
    values: Mapping[str, tuple[FloatArray, str, str, str | None]],
    attributes: Mapping[str, str],
) -> None:
    """Write hourly means. Local.

    Parameters
    ----------
    start : beginning of the first hour, local standard time; times in the file are UTC.
    utc_offset : local standard time minus UTC.
    values : by name: array (n_hour,) or (n_hour, n_soil), unit, long name, and CF standard name or None.
    attributes : attributes of the file.

    Raises
    ------
    StorageError : the file cannot be written.
    """
    first = start - utc_offset
    n_hour = next(iter(values.values()))[0].shape[0]
    size = 8 * sum(v[0].size for v in values.values())
    of_time = {
        "units": f"hours since {first:%Y-%m-%d %H:%M:%S}", "calendar": "standard", "standard_name": "time",
        "bounds": "time_bounds",
    }  # fmt: skip
    of_depth = {"units": "m", "positive": "down", "standard_name": "depth", "bounds": "depth_bounds"}
    hours = np.arange(n_hour)
    with storage_errors(path, "writing"), new_netcdf(path, size, attributes) as file:
        file.dimensions({"time": n_hour, "depth": SOIL_Z.size, "bounds": 2})
        file.write("time", ("time",), hours + 0.5, of_time)
        file.write("time_bounds", ("time", "bounds"), hours[:, None] + np.array([0.0, 1.0]), {})
        file.write("depth", ("depth",), SOIL_Z, of_depth, dtype="f8")
        layers = np.stack([SOIL_ZI[:-1], SOIL_ZI[:-1] + SOIL_DZ], axis=1)
        file.write("depth_bounds", ("depth", "bounds"), layers, {}, dtype="f8")
        for name, (array, units, long_name, standard_name) in values.items():
            dims = ("time", "depth")[: array.ndim]
            texts = {"units": units, "long_name": long_name, "cell_methods": "time: mean"}
            if standard_name:
                texts["standard_name"] = standard_name
            file.write(name, dims, array, texts, dtype="f4", fill=np.nan, level=1)
