"""Removal of images, series and feedback that are not kept: the newest, and the first of a month or year stay.

``released.txt`` lists the removed files, so that they do not count as missing at earlier checkpoints. Local: rank 0.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Final

from landda_hpc.config import KeepConfig, OutputConfig
from landda_hpc.io.atomic import storage_errors
from landda_hpc.storage.record_times import time_of
from landda_hpc.storage.series_files import series_folder

NAME: Final = "released.txt"

_DAY: Final = timedelta(days=1)


def is_first(time: datetime, step: timedelta, *, monthly: bool, yearly: bool) -> bool:
    """Whether a time is the first of its month or year, among times with a constant step."""
    before = time - step
    is_of_year = before.year != time.year
    return (yearly and is_of_year) or (monthly and (is_of_year or before.month != time.month))


def not_kept(times: Collection[datetime], keep: KeepConfig, step: timedelta | None = None) -> set[datetime]:
    """The times that a rule does not keep.

    Parameters
    ----------
    times : all times.
    keep : the rule.
    step : between times. None: they are irregular, and the first that exists of a month or year is kept. That stays the
        same when the others are removed.
    """
    every = sorted(set(times))
    steps = [step] * len(every) if step is not None else [b - a for a, b in pairwise([datetime.min, *every])]
    older = zip(every[: -keep.last], steps, strict=False)
    return {time for time, gap in older if not is_first(time, gap, monthly=keep.monthly, yearly=keep.yearly)}


def prune_records(
    folder: Path, output: OutputConfig, now: datetime, checkpoints: Collection[datetime]
) -> tuple[str, ...]:
    """Remove images, series and feedback files that are not kept; return their relative paths.

    Parameters
    ----------
    folder : of the campaign.
    output : its section: rules, and times of images that are always kept.
    now : time of the newest checkpoint; later files are not considered.
    checkpoints : valid times of the kept checkpoints. The series of their days stay, because a resume continues them;
        also that of the day before ``now``, of which daily means are made.

    Raises
    ------
    StorageError : a file cannot be removed.
    """
    dropped: list[str] = []
    if output.keep_images is not None:
        images = _by_time(folder, (*folder.glob("images/*.nc"), *folder.glob("images/*/*.nc")), now)
        times = not_kept(images, output.keep_images, timedelta(hours=output.every_hours)) - set(output.times)
        dropped += [name for time in sorted(times) for name in images[time]]
    if output.series is not None and output.series.keep is not None:
        days = _by_time(folder, series_folder(folder).glob("*.nc"), now)
        needed = {time.date() for time in (*checkpoints, now, now - _DAY)}
        old = {day for day in not_kept(days, output.series.keep, _DAY) if day.date() not in needed}
        dropped += [name for day in sorted(old) for name in days[day]]
    if output.keep_feedback is not None:
        feedback = _by_time(folder, folder.glob("feedback/*.nc"), now)
        dropped += [name for time in sorted(not_kept(feedback, output.keep_feedback)) for name in feedback[time]]
    if dropped:
        _remember(folder, dropped)
        with storage_errors(folder, "removing files that are not kept"):
            for name in dropped:
                (folder / name).unlink(missing_ok=True)
    return tuple(dropped)


def read_released(folder: Path) -> frozenset[str]:
    """Relative paths of all files that were removed by these rules."""
    path = folder / NAME
    if not path.is_file():
        return frozenset()
    with storage_errors(path, "reading"):
        return frozenset(path.read_text(encoding="utf-8").splitlines())


def _by_time(folder: Path, paths: Iterable[Path], now: datetime) -> dict[datetime, list[str]]:
    found: dict[datetime, list[str]] = {}
    for path in sorted(paths):
        name = path.relative_to(folder).as_posix()
        time = time_of(name)
        if time is not None and time <= now:
            found.setdefault(time, []).append(name)
    return found


def _remember(folder: Path, names: Iterable[str]) -> None:
    """Add lines to the list, on disk before any file is removed; one after an incomplete line of a kill."""
    known = read_released(folder)
    text = "".join(f"{name}\n" for name in names if name not in known)
    with storage_errors(folder / NAME, "appending"), (folder / NAME).open("a", encoding="utf-8") as file:
        file.write(f"\n{text}")
        file.flush()
        os.fsync(file.fileno())
