"""Images of a campaign for figures, read from files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np

from landda_hpc.constants import FloatArray
from landda_hpc.errors import DataError, MissingFileError
from landda_hpc.grid import Grid, grid_from_centres
from landda_hpc.io.hdf5_locks import locking_fault

FIELDS: Final = ("control", "background", "analysis", "forecast", "observation", "truth")
DIFFERENCES: Final = ("increment", "innovation")
_IMAGE_NAMES: Final = (*FIELDS, *DIFFERENCES)


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
        background, analysis, forecast, observation, truth, increment, innovation (m3 m-3) with dimensions
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
    import xarray as xr  # imported here: it takes half a second, and campaigns without figures do not read images

    if not path.is_file():
        raise MissingFileError(f"image file '{path}' does not exist.")
    try:
        with xr.open_dataset(path, engine="netcdf4") as dataset:
            dataset.load()
    except (OSError, ValueError) as error:
        what = locking_fault(path, error) or "is not a readable netCDF file:"
        raise DataError(f"file '{path}' {what} {error}") from error
    missing = [name for name in ("lat", "lon", "time") if name not in dataset.variables]
    if missing or ("run" not in dataset.variables and "run" not in dataset.attrs):
        raise DataError(f"'{path}' lacks {', '.join(missing) or 'run (coordinate or global attribute)'}.")
    names = [name for name in _IMAGE_NAMES if name in dataset.data_vars]
    for name in names:
        dims = tuple(str(d) for d in dataset[name].dims)
        if dims[-2:] != ("lat", "lon") or not set(dims[:-2]) <= {"run", "time"}:
            raise DataError(f"'{path}': {name} has dimensions {dims}; expected ([run,] [time,] lat, lon).")
    grid = grid_from_centres(
        np.asarray(dataset["lat"].values, np.float64), np.asarray(dataset["lon"].values, np.float64)
    )
    runs = [
        str(r) for r in np.atleast_1d(dataset["run"].values if "run" in dataset.variables else dataset.attrs["run"])
    ]
    sets = []
    for i, run in enumerate(runs):
        for j, stamp in enumerate(np.atleast_1d(dataset["time"].values)):
            at = {"run": i, "time": j}
            images = {
                name: np.asarray(
                    dataset[name].isel({d: n for d, n in at.items() if d in dataset[name].dims}).values,
                    np.float64,
                )
                for name in names
            }
            time: datetime = np.datetime64(stamp, "us").astype(datetime)
            images = {name: image for name, image in images.items() if np.isfinite(image).any()}
            sets.append(ImageSet(run, time, grid, images))
    return sets
