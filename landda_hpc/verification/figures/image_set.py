"""Images of a campaign for figures, read from files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np

from landda_hpc.constants import FloatArray
from landda_hpc.errors import DataError
from landda_hpc.formats.cf.netcdf_file import read_times
from landda_hpc.formats.own.image_output import open_image
from landda_hpc.grid import Grid, grid_from_centres

FIELDS: Final = ("control", "background", "analysis", "forecast", "observation", "truth")
DIFFERENCES: Final = ("increment", "innovation")
REGIONS: Final = "regions"
"""Numbers of regions of coherent change, which are outlined on the increment."""
_IMAGE_NAMES: Final = (*FIELDS, *DIFFERENCES, REGIONS)


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images of one run at one time, by name, m3 m-3, (n_lat, n_lon); NaN is missing."""

    run: str
    time: datetime
    grid: Grid
    images: dict[str, FloatArray]


def read_images(path: Path) -> list[ImageSet]:
    """Read a CF netCDF file of images.

    Parameters
    ----------
    path : file with coordinates ``lat`` and ``lon`` (degrees, ascending), ``time`` (scalar or dimension) and
        ``run`` (dimension or scalar coordinate, or global attribute), and any of the variables control,
        background, analysis, forecast, observation, truth, increment, innovation (m3 m-3), regions (1) with dimensions
        among (run, time, lat, lon). A variable without ``run`` belongs to every run. Other variables are
        ignored.

    Returns
    -------
    One set per run and time, in the file's order.

    Raises
    ------
    MissingFileError : the file does not exist.
    DataError : the file is not readable, a coordinate is missing, or a variable has other dimensions.
    """
    with open_image(path) as file:
        missing = [name for name in ("lat", "lon", "time") if not file.has(name)]
        run = file.file_attribute("run")
        if missing or not (run or file.has("run")):
            raise DataError(f"'{path}' lacks {', '.join(missing) or 'run (coordinate or global attribute)'}.")
        dims = {name: tuple(file.dims(name)) for name in _IMAGE_NAMES if file.has(name)}
        for name, found in dims.items():
            if found[-2:] != ("lat", "lon") or not set(found[:-2]) <= {"run", "time"}:
                raise DataError(f"'{path}': {name} has dimensions {found}; expected ([run,] [time,] lat, lon).")
        grid = grid_from_centres(file.values("lat"), file.values("lon"))
        times, values = read_times(file, "time"), {name: file.values(name) for name in dims}
        runs = file.texts("run") if file.has("run") else [run]
    sets = []
    for i, run in enumerate(runs):
        for j, time in enumerate(times):
            at = {"run": i, "time": j}
            images = {name: values[name][tuple(at[dim] for dim in dims[name][:-2])] for name in dims}
            images = {name: image for name, image in images.items() if np.isfinite(image).any()}
            sets.append(ImageSet(run, time, grid, images))
    return sets
