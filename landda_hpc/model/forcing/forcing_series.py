"""Time series of one forcing variable at a rank's cells, from a gridded dataset or a site."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Literal, Protocol

import numpy as np

from landda_hpc.constants import FloatArray, IntArray
from landda_hpc.errors import DataError
from landda_hpc.formats.forcing.forcing_file import Record, read_places, read_window
from landda_hpc.formats.forcing.forcing_sets import POSSIBLE, VariableFiles
from landda_hpc.formats.forcing.plumber import WEATHER, PointForcing
from landda_hpc.grid import Grid
from landda_hpc.model.forcing.timeline import Timeline
from landda_hpc.regridding.point_weights import point_weights

_BLOCK_VALUES: Final = 2**22
"""Maximum number of values read at once; a small window is read for many records."""

_BLOCK_RECORDS: Final = 24

_LARGEST_FALL: Final = {"precipitation": 0.1}
"""Largest decrease of an amount since 00 UTC between records (due to packing), kg m-2."""
_LARGEST_FALL_OF_ENERGY: Final = 2.0e4
"""Largest decrease of the other amounts, J m-2."""


class Series(Protocol):
    """Time series of one variable at the rank's cells."""

    @property
    def interpolation(self) -> Literal["linear", "uniform", "sun"]:
        """Method of interpolation in time."""
        ...

    @property
    def timeline(self) -> Timeline:
        """Records of the variable."""
        ...

    def values(self, record: Record) -> FloatArray:
        """Value of a record, or mean over its interval, in the units of ``Weather``, (n_cell,)."""
        ...


class FileSeries:
    """A variable of a gridded dataset, read on demand.

    Parameters
    ----------
    quantity : see ``forcing_sets.QUANTITIES``.
    variable : files of the variable.
    timeline : records of the variable.
    first : a time within the files; its record determines which places are valid.
    grid, cells : the model grid and the rank's cells.
    space : method of interpolation in space.
    """

    def __init__(
        self,
        quantity: str,
        variable: VariableFiles,
        timeline: Timeline,
        first: datetime,
        grid: Grid,
        cells: IntArray,
        space: Literal["bilinear", "area"],
    ) -> None:
        self.timeline = timeline
        self.interpolation = variable.interpolation
        self._quantity = quantity
        self._variable = variable
        path = timeline.path(first)
        self._places = read_places(path, variable)
        whole = slice(0, self._places.lat.size), slice(0, self._places.lon.size)
        index = timeline.records(first)[0].index
        image = read_window(path, quantity, variable, self._places, slice(index, index + 1), *whole)[0]
        self._weights = point_weights(self._places.lat, self._places.lon, np.isfinite(image), grid, cells, space)
        self._grid, self._cells = grid, cells
        self._held: dict[tuple[Path, int], FloatArray] = {}

    def values(self, record: Record) -> FloatArray:
        """See ``Series``. DataError: a valid place has no value."""
        meaning = self._variable.meaning
        if meaning in ("instant", "mean"):
            return self._read(record)
        amount = self._read(record)
        if meaning == "amount_since_midnight" and record.begin.time() != datetime.min.time():
            before = self.timeline.preceding(record)
            if before is None:
                raise DataError(
                    f"'{record.path}': the amount since 00 UTC of {record.end} also needs that of {record.begin}, "
                    "which is missing. Begin with a file that starts at 00 UTC."
                )
            # Packing may leave an hour with a slightly negative amount.
            amount = amount - self._read(before)
            if amount.size and amount.min() < -_LARGEST_FALL.get(self._quantity, _LARGEST_FALL_OF_ENERGY):
                raise DataError(
                    f"'{self._quantity}' in '{record.path}' falls by {-amount.min():.3g} from {record.begin} to "
                    f"{record.end}; expected amounts accumulated from 00 UTC. Are they hourly amounts, as in ERA5?"
                )
            amount = np.maximum(amount, 0.0)
        return amount / (record.end - record.begin).total_seconds()

    def _read(self, record: Record) -> FloatArray:
        key = (record.path, record.index)
        if key not in self._held:
            self._load(record)
        return self._held[key]

    def _load(self, record: Record) -> None:
        """Read the file's block of records that contains this one; the previous block stays cached."""
        rows, columns = self._weights.rows, self._weights.columns
        area = (rows.stop - rows.start) * (columns.stop - columns.start)
        n_record = max(1, min(_BLOCK_RECORDS, _BLOCK_VALUES // area))
        first = record.index // n_record * n_record
        chosen = slice(first, min(first + n_record, self.timeline.n_records(record.path)))
        block = read_window(record.path, self._quantity, self._variable, self._places, chosen, rows, columns)
        if self._variable.meaning in ("instant", "mean"):
            require_possible(block, self._quantity, record.path)
        while len(self._held) > 2 * n_record + 2:
            del self._held[next(iter(self._held))]
        for k, window in enumerate(block):
            values = self._weights(window)
            if not np.isfinite(values).all():
                self._complain(values, record.path, chosen.start + k)
            self._held[record.path, chosen.start + k] = values

    def _complain(self, values: FloatArray, path: Path, index: int) -> None:
        cell = int(self._cells[np.flatnonzero(~np.isfinite(values))[0]])
        row, column = divmod(cell, self._grid.shape[1])
        raise DataError(
            f"'{self._quantity}' in '{path}', record {index + 1}, is missing near latitude {self._grid.lat[row]:.2f}, "
            f"longitude {self._grid.lon[column]:.2f}, where the dataset's first record has a value."
        )


def require_possible(values: FloatArray, quantity: str, path: Path) -> None:
    """Raise DataError if values (other than NaN) are outside a quantity's range; interpolation would hide them."""
    low, high = POSSIBLE[quantity]
    wrong = values[(values < low) | (values > high)]
    if wrong.size:
        raise DataError(
            f"'{quantity}' in '{path}' has {wrong.size} values outside {low:g} to {high:g}, e.g. {wrong[0]:g}. Is this "
            "an undeclared fill value, or another unit?"
        )


class PointSeries:
    """A variable of a PLUMBER2 site, the same for all cells."""

    interpolation: Literal["linear", "uniform", "sun"] = "uniform"

    def __init__(self, timeline: Timeline, values: FloatArray, n_cell: int) -> None:
        self.timeline = timeline
        self._values = values
        self._n_cell = n_cell

    def values(self, record: Record) -> FloatArray:
        """See ``Series``."""
        return np.full(self._n_cell, self._values[record.index])


def point_timeline(forcing: PointForcing, utc_offset: timedelta) -> Timeline:
    """Records of a site's weather; ``utc_offset``: local standard time minus UTC."""
    first = forcing.start - utc_offset
    records = [
        Record(forcing.path, i, first + i * forcing.step, first + (i + 1) * forcing.step) for i in range(forcing.n_time)
    ]
    names = tuple(name for name, _ in WEATHER.values())
    files = VariableFiles(forcing.path.name, names, "mean", "begin", PointSeries.interpolation)
    return Timeline.of_records(forcing.path.parent, files, records)
