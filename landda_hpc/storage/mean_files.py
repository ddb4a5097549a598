"""Daily and monthly means of the series, CF netCDF: ``means/<run>_daily_<YYYYMM>.nc`` and ``<run>_monthly_<YYYY>.nc``.

One file holds the days of a month, or the months of a year. The layout is that of a series (``series_files``), with
bounds of time; a time is the end of its period. Only complete days and months are written. They are computed on rank 0
from the float32 values of the series, so that they have the same bits on any number of ranks and after a resume.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from landda_hpc.constants import FloatArray
from landda_hpc.storage.series_files import (
    Period,
    SeriesDay,
    SeriesFrame,
    SeriesSlice,
    cut_file,
    open_day,
    read_day,
    series_file,
    series_folder,
    with_last,
    write_day,
)

_NAME: Final = re.compile(r"(.+)_(?:(daily)_(\d{6})|(monthly)_(\d{4}))\.nc")
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True)
class MeanFile:
    """A file of means.

    Attributes
    ----------
    path, run, period : its path, and what it holds.
    final : day on which its last mean ends; later it does not change.
    """

    path: Path
    run: str
    period: Period
    final: date


def means_folder(campaign: Path) -> Path:
    """Folder of the means of a campaign."""
    return campaign / "means"


def list_means(folder: Path) -> list[MeanFile]:
    """Files of means, by name; empty if there is no such folder."""
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        match = _NAME.fullmatch(path.name)
        if match and match[2]:
            found.append(_daily(folder, match[1], datetime.strptime(match[3], "%Y%m").date()))
        elif match:
            found.append(_monthly(folder, match[1], int(match[5])))
    return found


def is_due(time: datetime) -> bool:
    """Whether a day, and perhaps a month, ends at a time."""
    return time.time() == datetime.min.time()


class MeanWriter:
    """Writer that adds means to the files of some runs. Local: one root.

    Parameters
    ----------
    campaign : its folder, with the series of the days.
    frame, attributes : of the files.
    n_per_day : records of a complete day; a day with fewer has no mean.
    """

    def __init__(self, campaign: Path, frame: SeriesFrame, attributes: Mapping[str, str], n_per_day: int) -> None:
        self._series, self._folder = series_folder(campaign), means_folder(campaign)
        self._frame, self._attributes, self._n_per_day = frame, attributes, n_per_day

    def add(
        self, run: str, time: datetime, now: SeriesSlice
    ) -> Iterator[tuple[MeanFile, Mapping[datetime, SeriesSlice]]]:
        """Write the mean of the day that ends at a time, and of the month that ends.

        Parameters
        ----------
        run : the run.
        time : end of a cycle, UTC; nothing is done unless it is midnight.
        now : the record of ``time``, which belongs to the day that ends.

        Yields
        ------
        Each file, with all its means by the end of their period; they can be read until the next file is asked for.

        Raises
        ------
        StorageError : a file cannot be read or written.
        """
        if not is_due(time):
            return
        day = (time - _DAY).date()
        path = series_file(self._series, run, day)
        records = [v for t, v in (read_day(path).slices if path.is_file() else {}).items() if t > time - _DAY]
        if len(records) + 1 != self._n_per_day:
            return
        month = _daily(self._folder, run, day)
        self._put(month, time, _mean([*records, now]))
        with open_day(month.path) as days:
            yield month, days.slices
            if time.day > 1 or len(days.slices) < monthrange(day.year, day.month)[1]:
                return
            of_month = _mean(days.slices.values())
        year = _monthly(self._folder, run, day.year)
        self._put(year, time, of_month)
        with open_day(year.path) as months:
            yield year, months.slices

    def _put(self, file: MeanFile, time: datetime, mean: SeriesSlice) -> None:
        """Add a mean to its file, which is replaced."""
        if file.path.is_file():
            with open_day(file.path) as before:
                self._write(file, with_last(before.slices, time, mean))
        else:
            self._write(file, {time: mean})

    def _write(self, file: MeanFile, means: Mapping[datetime, SeriesSlice]) -> None:
        write_day(file.path, file.run, SeriesDay(self._frame, means, self._attributes), file.period)


def cut_means(folder: Path, last: datetime) -> None:
    """Remove the means of periods that end after ``last``; used at a resume. Local: rank 0."""
    for file in list_means(folder):
        if file.final >= last.date():
            cut_file(file.path, file.run, last, file.period)


def _daily(folder: Path, run: str, day: date) -> MeanFile:
    """File of the month of a day."""
    final = day.replace(day=1) + timedelta(days=monthrange(day.year, day.month)[1])
    return MeanFile(folder / f"{run}_daily_{day:%Y%m}.nc", run, "daily", final)


def _monthly(folder: Path, run: str, year: int) -> MeanFile:
    return MeanFile(folder / f"{run}_monthly_{year:04d}.nc", run, "monthly", date(year + 1, 1, 1))


def _mean(records: Iterable[SeriesSlice]) -> SeriesSlice:
    """Mean of records, in float64 and in their order; the sum of precipitation. One of them is in memory at a time."""
    total: dict[str, FloatArray] = {}
    n = 0
    for n, record in enumerate(records, start=1):
        for name, values in record.fields().items():
            total[name] = total[name] + values if n > 1 else values.astype(np.float64)
    means = {name: values if name == "precipitation" else values / n for name, values in total.items()}
    return SeriesSlice(**{name: values.astype(np.float32) for name, values in means.items()})
