"""Read the static file of the package, and other files in its layout."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np

from landda_hpc.constants import FloatArray
from landda_hpc.errors import DataError, MissingFileError
from landda_hpc.formats.cf.netcdf_file import NetcdfFile
from landda_hpc.grid import Grid, spans_circle

_REMEDY: Final = "create it again with tools/make_static.py."


def read_static(path: Path, names: Iterable[str]) -> tuple[Grid, dict[str, FloatArray]]:
    """Read fields of a static file, and its fine grid with the cell bounds from the file. Local.

    Parameters
    ----------
    path : netCDF file with ascending coordinates lat and lon, and their bounds lat_bnds and lon_bnds.
    names : names of the variables.

    Returns
    -------
    The grid of lat and lon, and the unpacked variables as float64 in their own shapes and units, NaN where missing.
    Variables on (lat, lon) have the grid's shape as their last two axes.

    Raises
    ------
    MissingFileError : the file does not exist.
    DataError : damaged file; a variable is missing; axes or bounds have the wrong shape, do not ascend, or have gaps.
    """
    wanted = list(names)
    if not path.is_file():
        raise MissingFileError(f"file of static fields '{path}' does not exist; tools/make_static.py creates it.")
    with NetcdfFile(path) as file:
        missing = [name for name in ("lat", "lon", "lat_bnds", "lon_bnds", *wanted) if not file.has(name)]
        if missing:
            raise DataError(f"file of static fields '{path}' lacks {', '.join(missing)}; {_REMEDY}")
        (lat, lat_edges), (lon, lon_edges) = _axis(file, "lat"), _axis(file, "lon")
        fields = {name: file.values(name) for name in wanted}
    return Grid(lat, lon, lat_edges, lon_edges, is_periodic=spans_circle(lon_edges)), fields


def _axis(file: NetcdfFile, name: str) -> tuple[FloatArray, FloatArray]:
    """Read cell centres and edges, degrees, shapes (n,) and (n + 1,)."""
    centres, bounds = file.values(name), file.values(f"{name}_bnds")
    if centres.ndim != 1 or centres.size < 2 or bounds.shape != (centres.size, 2):
        raise DataError(
            f"'{name}' and '{name}_bnds' of '{file.path}' have shapes {centres.shape} and {bounds.shape}; expected "
            f"(n,) and (n, 2); {_REMEDY}"
        )
    edges = np.append(bounds[:, 0], bounds[-1, 1])
    is_inside = (edges[:-1] < centres) & (centres < edges[1:])
    if not is_inside.all() or not np.allclose(bounds[1:, 0], bounds[:-1, 1], rtol=0.0, atol=1e-6):
        raise DataError(
            f"cells of '{name}' in '{file.path}' do not ascend, are missing, or have gaps in '{name}_bnds'; {_REMEDY}"
        )
    return centres, edges
