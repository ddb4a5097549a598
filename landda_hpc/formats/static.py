"""The static file that ships with the package, and any other of its layout."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import netCDF4
import numpy as np

from landda_hpc.constants import FloatArray
from landda_hpc.errors import DataError, MissingFileError
from landda_hpc.grid import Grid, grid_from_centres


def read_static(path: Path, names: Iterable[str]) -> tuple[Grid, dict[str, FloatArray]]:
    """Read fields of a static file.

    Parameters
    ----------
    path : netCDF file with coordinates lat and lon, ascending.
    names : variables.

    Returns
    -------
    The file's grid, and the variables as float64 in their own shapes and units, NaN where missing.

    Raises
    ------
    MissingFileError, DataError : no such file; a variable is not in it.
    """
    wanted = list(names)
    if not path.is_file():
        raise MissingFileError(f"file of static fields '{path}' does not exist; tools/make_static.py makes it.")
    with netCDF4.Dataset(path) as data:
        missing = [name for name in ("lat", "lon", *wanted) if name not in data.variables]
        if missing:
            raise DataError(
                f"file of static fields '{path}' lacks {', '.join(missing)}; make it again with tools/make_static.py."
            )
        fields = {
            name: np.ma.filled(data.variables[name][...].astype(np.float64), np.nan) for name in ("lat", "lon", *wanted)
        }
    return grid_from_centres(fields.pop("lat"), fields.pop("lon")), fields
