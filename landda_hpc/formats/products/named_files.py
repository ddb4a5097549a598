"""Find files under a folder by a name pattern, a time and a version; give reasons for missing files."""

from __future__ import annotations

import os
import re
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Final

from landda_hpc.formats.products.file_versions import newest_last
from landda_hpc.formats.products.name_pattern import NamePattern

MAX_ENUMERATED: Final = 400
"""Names are generated for up to this number of times; for more times, folders are listed."""

_UNITS: Final = {
    "hour": timedelta(hours=1), "minute": timedelta(minutes=1), "second": timedelta(seconds=1),
}  # fmt: skip
_LISTED: Final = 2000
"""Largest number of files that are inspected for a message."""


class NamedFiles:
    """Files whose names follow a pattern.

    Parameters
    ----------
    root : folder of the data.
    pattern : file names under ``root``, see ``NamePattern``.
    layer : placeholder in the pattern for the name of a layer; it is kept in names, and parsed as ``*``.

    Attributes
    ----------
    pattern : pattern of the names.
    root : folder of the data.

    Notes
    -----
    Local: no communication. No file is opened.
    """

    def __init__(self, root: Path, pattern: str, layer: str) -> None:
        self.root, self.pattern = root, NamePattern(pattern.replace(layer, "*"))
        self._text, self._layer = pattern, layer
        self._listings: dict[Path, list[str]] | None = None

    def at(self, time: datetime) -> str:
        """Name of the files for a time, including wildcards."""
        return time.strftime(self._text)

    def keep_listings(self, kept: bool) -> None:
        """List each folder only once from now on, or again at each call."""
        self._listings = {} if kept else None

    def matches(self, text: str) -> list[Path]:
        """Files that match a name from ``at``, the newest version last."""
        if "*" not in text:
            path = self.root / text
            return [path] if path.is_file() else []
        folders = [self.root]
        *parents, last = PurePosixPath(text).parts
        for part in parents:
            folders = [folder / name for folder in folders for name in self._matching(folder, part)]
        found = [folder / name for folder in folders for name in self._matching(folder, last)]
        return newest_last([path for path in found if path.is_file()], self.root)

    def names_between(self, start: datetime, end: datetime) -> list[str]:
        """Names, as from ``at``, for times from start to end, both included."""
        unit = _UNITS.get(self.pattern.level or "", timedelta(days=1))
        first = datetime.min + (start - datetime.min) // unit * unit
        n = (end - first) // unit + 1
        if unit >= timedelta(days=1) or n <= MAX_ENUMERATED:
            times = [first + k * unit for k in range(max(0, n))]
        else:
            found = self.pattern.find(self.root, self.listed, start, end)
            times = [period.begin for _, period in found if period is not None]
        return list(dict.fromkeys(self.at(time) for time in times))

    def name_before(self, time: datetime) -> str | None:
        """Name of the file that precedes the file for a time; None if there is none.

        Names with hours or finer parts are searched for among the existing files of the preceding 24 hours.
        """
        level = self.pattern.level
        if level is None:
            return None
        if level in _UNITS:
            unit = _UNITS[level]
            own = datetime.min + (time - datetime.min) // unit * unit
            start = own - timedelta(days=1)
            if level == "hour":
                earlier = (self.at(own - k * unit) for k in range(1, 25))
                return next((text for text in earlier if self.matches(text.replace(self._layer, "*"))), None)
            found = self.pattern.find(self.root, self.listed, start, own - timedelta(microseconds=1))
            begins = [period.begin for _, period in found if period is not None and period.begin < own]
            return self.at(max(begins)) if begins else None
        begin = time.replace(hour=0, minute=0, second=0, microsecond=0)
        if level in ("month", "year"):
            begin = begin.replace(day=1)
        if level == "year":
            begin = begin.replace(month=1)
        return self.at(begin - timedelta(seconds=1))

    def describe(self, time: datetime, text: str) -> str:
        """Reason why no file is found for a time, with an existing similar file."""
        place = self.root / text
        margin = timedelta(days=40)
        near = list(islice(self.pattern.find(self.root, self.listed, time - margin, time + margin), _LISTED))
        if not near:
            near = list(islice(self.pattern.find(self.root, self.listed), _LISTED))
        stated = [(abs(period.begin - time), period, path) for path, period in near if period is not None]
        if stated:
            _, period, path = min(stated, key=lambda one: one[:2])
            return (
                f"'{place}' does not exist; of the files that match the pattern the nearest is '{path}', of "
                f"{period.begin.isoformat()}"
            )
        if near:
            return f"'{place}' does not exist; '{near[0][0]}' matches the pattern, but its name has no valid time"
        folder = place.parent
        while not folder.is_dir() and folder != self.root and self.root in folder.parents:
            folder = folder.parent
        names = self.listed(folder)
        if not folder.is_dir():
            return f"'{place}' does not exist, nor does the folder '{folder}'"
        if not names:
            return f"'{place}' does not exist: the folder '{folder}' is empty"
        where = f", nor does the folder '{place.parent}'" if folder != place.parent else ""
        few = ", ".join(f"'{name}'" for name in names[:3]) + (" and others" if len(names) > 3 else "")
        return f"'{place}' does not exist{where}, and no file matches the pattern; '{folder}' has {few}"

    def listed(self, folder: Path) -> list[str]:
        """Names in a folder, sorted, without hidden files; empty if the folder cannot be read."""
        if self._listings is not None and folder in self._listings:
            return self._listings[folder]
        try:
            names = sorted(entry.name for entry in os.scandir(folder) if not entry.name.startswith("."))
        except OSError:
            names = []
        if self._listings is not None:
            self._listings[folder] = names
        return names

    def _matching(self, folder: Path, part: str) -> list[str]:
        if "*" not in part:
            return [part]
        pattern = re.compile(".*".join(re.escape(piece) for piece in part.split("*")))
        return [name for name in self.listed(folder) if pattern.fullmatch(name)]
