"""Hourly series of a site as a CF netCDF file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import netCDF4
import numpy as np

from landda_hpc.constants import SOIL_DZ, SOIL_Z, SOIL_ZI
from landda_hpc.io.atomic import atomic_replacement, storage_errors

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta
    from pathlib import Path

    from landda_hpc.constants import FloatArray


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
    attributes : of the file.

    Raises
    ------
    StorageError : the file cannot be written.
    """
    first = start - utc_offset
    n_hour = next(iter(values.values()))[0].shape[0]
    size = 8 * sum(v[0].size for v in values.values())
    with (
        atomic_replacement(path, size, make_folder=True) as temporary,
        storage_errors(path, "writing"),
        netCDF4.Dataset(temporary, "w", format="NETCDF4") as file,
    ):
        file.setncatts({"Conventions": "CF-1.10", **attributes})
        file.createDimension("time", n_hour)
        file.createDimension("depth", SOIL_Z.size)
        file.createDimension("bounds", 2)
        time = file.createVariable("time", "f8", ("time",))
        time.setncatts({
            "units": f"hours since {first:%Y-%m-%d %H:%M:%S}", "calendar": "standard",
            "standard_name": "time", "bounds": "time_bounds",
        })  # fmt: skip
        time[:] = np.arange(n_hour) + 0.5
        file.createVariable("time_bounds", "f8", ("time", "bounds"))[:] = np.arange(n_hour)[:, None] + [0.0, 1.0]
        depth = file.createVariable("depth", "f8", ("depth",))
        depth.setncatts({
            "units": "m", "positive": "down", "standard_name": "depth", "bounds": "depth_bounds",
        })  # fmt: skip
        depth[:] = SOIL_Z
        file.createVariable("depth_bounds", "f8", ("depth", "bounds"))[:] = np.stack(
            [SOIL_ZI[:-1], SOIL_ZI[:-1] + SOIL_DZ], axis=1
        )
        for name, (array, units, long_name, standard_name) in values.items():
            dims = ("time", "depth")[: array.ndim]
            variable = file.createVariable(name, "f4", dims, zlib=True, complevel=1, fill_value=np.float32(np.nan))
            variable.setncatts({"units": units, "long_name": long_name, "cell_methods": "time: mean"})
            if standard_name:
                variable.setncattr("standard_name", standard_name)
            variable[:] = array
