"""Read history files of CoLM202X: values over time, on the history's grid or at a point."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import netCDF4
import numpy as np

from landda_hpc.constants import FloatArray
from landda_hpc.errors import DataError
from landda_hpc.formats.cf.clock import decode_times
from landda_hpc.formats.colm.case import ColmCase
from landda_hpc.formats.colm.netcdf import open_colm_file, read_array, read_values
from landda_hpc.grid import Grid

EPOCH: Final = datetime(1900, 1, 1)


@dataclass(frozen=True, eq=False)
class HistoryFile:
    """A history file.

    Attributes
    ----------
    path : the file.
    stamps : time stamps, not necessarily ascending. CoLM stamps single time steps at their end, but hourly (30 min),
        daily, monthly and yearly means at their centre.
    variables : names that begin with ``f_``.
    """

    path: Path
    stamps: tuple[datetime, ...]
    variables: tuple[str, ...]

    @property
    def offset(self) -> timedelta | None:
        """End of the averaging interval minus stamp; None if there are fewer than two distinct stamps."""
        if len(self.stamps) < 2:
            return None
        step = min(b - a for a, b in zip(self.stamps, self.stamps[1:], strict=False))
        for length, shift in ((timedelta(hours=1), timedelta(minutes=30)), (timedelta(days=1), timedelta(hours=12))):
            if step == length:
                midway = all((stamp - EPOCH) % length == shift for stamp in self.stamps)
                return shift if midway else timedelta(0)
        return timedelta(0) if step < timedelta(days=1) else None


def list_history(case: ColmCase) -> Iterator[HistoryFile]:
    """History files of a case, in order of their names. Local."""
    if case.history is None:
        return
    for path in sorted(case.history.glob(f"{case.name}_hist*.nc")):
        with open_colm_file(path) as file:
            if "time" not in file.variables:
                continue
            stamps = _stamps(file, path)
            yield HistoryFile(path, stamps, tuple(name for name in file.variables if name.startswith("f_")))


def _stamps(file: netCDF4.Dataset, path: Path) -> tuple[datetime, ...]:
    stored = read_array(file, path, "time", (None,))
    units, calendar = (str(getattr(file["time"], name, "")) for name in ("units", "calendar"))
    return tuple(decode_times(stored.astype(np.float64), stored.dtype, units, calendar, f"time in '{path}'"))


def read_history(history: HistoryFile, name: str, step: int, grid: Grid) -> FloatArray:
    """Read one variable at one time, as cells x levels.

    Parameters
    ----------
    history : the file.
    name : variable, (time, [levels ...,] lat, lon) or at a point (time, patch [, levels ...]).
    step : index of the time.
    grid : grid of the case, whose rows and columns must be on the history's grid.

    Returns
    -------
    Shape (n_cells, n_levels), rows south to north; NaN where the history has no value.

    Raises
    ------
    DataError : the history's grid does not contain the cells.
    """
    with open_colm_file(history.path) as file:
        variable = file.variables[name]
        array = read_values(file, history.path, name, step)
        dimensions = variable.dimensions[1:]
        if dimensions[-2:] == ("lat", "lon"):
            lat = read_array(file, history.path, "lat", (None,)).astype(np.float64)
            lon = read_array(file, history.path, "lon", (None,)).astype(np.float64)
            rows, columns = _places(history.path, grid.lat, lat), _places(history.path, grid.lon, lon)
            levels = array.reshape(-1, lat.size, lon.size)[:, rows][:, :, columns]
            values = levels.reshape(levels.shape[0], -1).T.copy()
        elif dimensions[:1] == ("patch",) and array.shape[0] == 1 and grid.n_cells == 1:
            values = array.reshape(1, -1).copy()
        else:
            raise DataError(f"{history.path}: '{name}' lies on {dimensions}; expected lat and lon, or one patch.")
    return values


def _places(path: Path, wanted: FloatArray, axis: FloatArray) -> list[int]:
    # The history's axes have single precision.
    places = [int(np.argmin(np.abs(axis - value))) for value in wanted]
    if any(abs(axis[p] - value) > 1e-4 for p, value in zip(places, wanted, strict=True)):
        raise DataError(
            f"{path}: its grid does not contain the case's cells. Write the history on the grid of the elements "
            "(DEF_HIST_lon_res, DEF_HIST_lat_res), into one file (DEF_HIST_mode = 'one')."
        )
    return places
