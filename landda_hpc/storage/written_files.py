"""Files of images, feedback, series and means that were written, with the marks by which the inventory knows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Self

from landda_hpc.io.atomic import storage_errors
from landda_hpc.storage.hashing import hash_file
from landda_hpc.storage.mean_files import MeanWriter
from landda_hpc.storage.series_files import SeriesDay, SeriesSlice, day_digest, write_day


@dataclass(frozen=True)
class FileMark:
    """A file that no longer changes: its cycle, size and hash."""

    cycle: int
    n_bytes: int
    blake2b: str

    @classmethod
    def of(cls, path: Path, cycle: int) -> Self:
        """Mark of a file that was written. StorageError if it cannot be read back."""
        with storage_errors(path, "reading back"):
            return cls(cycle, path.stat().st_size, hash_file(path))


@dataclass(frozen=True)
class DayMark:
    """A file of series or means that still grows: last cycle, number of times and digest of their content."""

    cycle: int
    n_times: int
    digest: str

    @classmethod
    def of(cls, times: Mapping[datetime, SeriesSlice], cycle: int) -> Self:
        """Mark of a file with these times, the last of them at the end of a cycle."""
        return cls(cycle, len(times), day_digest(times))


@dataclass(frozen=True)
class WrittenFile:
    """A file that was written, for the inventory.

    Attributes
    ----------
    path : of the file.
    mark : of its content.
    final : of a file that still grows, the last day on which it does; None: it does not change.
    """

    path: Path
    mark: FileMark | DayMark
    final: date | None = None


def mark_file(cycle: int, write: Callable[[], Path]) -> list[WrittenFile]:
    """Write a complete file of a cycle, and mark it. StorageError as ``write``, or if it cannot be read back."""
    path = write()
    return [WrittenFile(path, FileMark.of(path, cycle))]


def mark_series(cycle: int, path: Path, run: str, day: SeriesDay) -> list[WrittenFile]:
    """Write a day of series, and mark it. StorageError as ``write_day``."""
    write_day(path, run, day)
    return [WrittenFile(path, DayMark.of(day.slices, cycle), max(day.slices).date())]


def mark_means(cycle: int, means: MeanWriter, run: str, time: datetime, now: SeriesSlice) -> list[WrittenFile]:
    """Write the means that are due at a time, and mark their files. Parameters and errors as ``MeanWriter.add``."""
    added = means.add(run, time, now)
    return [WrittenFile(file.path, DayMark.of(times, cycle), file.final) for file, times in added]
