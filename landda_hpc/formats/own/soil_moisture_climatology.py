"""Read the monthly climatology of soil moisture (SpeedyWeather's ``soil_moisture.nc``, from ERA-Interim, EUPL-1.2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.errors import DataError, ShapeError
from landda_hpc.formats.cf.clock import is_clock
from landda_hpc.formats.cf.netcdf_file import (
    NOLEAP_CALENDARS,
    STANDARD_CALENDARS,
    VOLUMETRIC_UNITS,
    NetcdfFile,
    read_grid,
    read_times,
    require_range,
    require_units,
)
from landda_hpc.grid import Grid
from landda_hpc.regridding.depth import DepthRange
from landda_hpc.regridding.months import interpolate_months
from landda_hpc.regridding.regrid import Regridder, fill_from_nearest

LAYERS: Final[dict[str, DepthRange]] = {"swl1": (0.0, 0.07), "swl2": (0.07, 0.28), "swl3": (0.28, 1.0)}
"""Variables and their depths, m: the upper layers of the land scheme of ERA-Interim."""

_DIMENSIONS: Final = ("time", "lat", "lon")

_SHORTEST: Final = timedelta(days=15)
"""Minimum interval between the times of two consecutive months."""


@dataclass(frozen=True, eq=False)
class SoilMoistureClimatology:
    """Monthly means of soil moisture.

    Attributes
    ----------
    values : m3 m-3, shape (12, n_layer, n_lat, n_lon), January first; NaN is missing.
    depths_m : top and bottom of each layer, m.
    grid : grid of the climatology.
    """

    values: FloatArray
    depths_m: tuple[DepthRange, ...]
    grid: Grid

    def __post_init__(self) -> None:
        if self.values.shape != (12, len(self.depths_m), *self.grid.shape):
            raise ShapeError(
                f"climatology has shape {self.values.shape}; expected 12 months, "
                f"{len(self.depths_m)} layers, {self.grid.describe()}."
            )

    def at(self, time: datetime) -> FloatArray:
        """Climatology of a date, interpolated between mid-months, shape (n_layer, n_lat, n_lon), m3 m-3."""
        return interpolate_months(self.values, time)

    def on_grid(self, time: datetime, target: Grid, fill: BoolArray | None = None) -> FloatArray:
        """Climatology of a date on another grid.

        Parameters
        ----------
        time : the date, UTC.
        target : the model grid.
        fill : mask of cells that must have a value, shape of the target; where the climatology has none (coasts,
            islands), the nearest value is used. None: no filling.

        Returns
        -------
        Shape (n_layer, n_lat, n_lon) of the target, m3 m-3; NaN where missing and not filled.
        """
        values = Regridder(self.grid, target, "bilinear")(self.at(time))
        return values if fill is None else fill_from_nearest(values, target, fill)


def read_soil_moisture_climatology(path: Path) -> SoilMoistureClimatology:
    """Read a monthly soil-moisture climatology. Local.

    Parameters
    ----------
    path : netCDF file with ``swl1``, ``swl2``, ``swl3`` (time = 12, lat, lon), volume fraction.

    Raises
    ------
    MissingFileError : the file does not exist.
    DataError : damaged file; missing variable; unexpected dimensions, units or axes; all values missing; values outside
        [0, 1]; times that are not in January to December, in order.
    """
    with NetcdfFile(path) as file:
        _require_months(file)
        grid, is_flipped = read_grid(file, "lat", "lon")
        values = np.empty((12, len(LAYERS), *grid.shape))
        for k, name in enumerate(LAYERS):
            dims = file.dims(name)
            if tuple(dims) != _DIMENSIONS or tuple(dims.values()) != (12, *grid.shape):
                raise DataError(
                    f"variable '{name}' in '{path}' has dimensions {dims}; expected time = 12, "
                    f"lat = {grid.shape[0]}, lon = {grid.shape[1]}."
                )
            require_units(file, name, VOLUMETRIC_UNITS)
            months = file.values(name)
            values[:, k] = months[:, ::-1] if is_flipped else months
            require_range(file.path, name, values[:, k], (0.0, 1.0), "m3 m-3", grid)
    return SoilMoistureClimatology(values=values, depths_m=tuple(LAYERS.values()), grid=grid)


def _require_months(file: NetcdfFile) -> None:
    """Raise DataError unless a file has one time per month, from January; a time axis without dates is not checked."""
    units = file.attribute("time", "units").lower() if file.has("time") else ""
    if not is_clock(units) or units.startswith("month"):
        return
    times = read_times(file, "time", (*STANDARD_CALENDARS, *NOLEAP_CALENDARS))
    months = [time.month for time in times]
    is_monthly = all(after - before >= _SHORTEST for before, after in pairwise(times))
    if months != list(range(1, 13)) or not is_monthly:
        raise DataError(
            f"'{file.path}' has {len(times)} times from {times[0].isoformat()} to {times[-1].isoformat()}, in the "
            f"months {', '.join(map(str, months[:12]))}; expected one in each month, January first."
        )
