"""Contents of files with many times, and selection among several files that match one name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from landda_hpc.errors import DataError, UnfitFileError
from landda_hpc.formats.products.file_versions import LeftOut
from landda_hpc.formats.products.product import ProductFile

Stamp = tuple[int, int]


@dataclass(frozen=True)
class Contents:
    """Contents of a file.

    Attributes
    ----------
    path : the file.
    times : UTC, ascending.
    is_preliminary : all data are preliminary (ERA5T).
    """

    path: Path
    times: tuple[datetime, ...]
    is_preliminary: bool


class FileContents:
    """Reader of the contents of files, cached until the files change.

    Parameters
    ----------
    opens : opens a file of the product.
    check : raises DataError if a file's times contradict its name.
    skip : counts a file that cannot be read, or raises.
    left_out : reports unused files.

    Notes
    -----
    Local: no communication. Files whose times overlap are versions, of which the best is used: final before
    preliminary data, then the newest by name. Other files are parts, which are all used.
    """

    def __init__(
        self,
        opens: Callable[[Path], ProductFile],
        check: Callable[[Path, Sequence[datetime]], None],
        skip: Callable[[Path, DataError], None],
        left_out: LeftOut,
    ) -> None:
        self._opens, self._check, self._skip, self._left_out = opens, check, skip, left_out
        self._known: dict[Path, tuple[Stamp, Contents | UnfitFileError]] = {}

    def of(self, paths: Sequence[Path]) -> list[Contents]:
        """Contents of the best versions and of all parts among files that match a name; ``paths`` ends with the newest.

        Raises
        ------
        DataError : a file cannot be read, and that is an error; no file holds images of the product.
        """
        found: list[Contents] = []
        unfit: list[tuple[Path, UnfitFileError]] = []
        for path in reversed(paths):
            contents = self._look(path)
            if isinstance(contents, UnfitFileError):
                unfit.append((path, contents))
            elif contents is not None and contents.times:
                found.append(contents)
        for path, reason in unfit:
            if found:
                self._left_out.warn_unfit(path, str(reason))
            else:
                self._skip(path, reason)
        kept: list[Contents] = []
        for one in sorted(found, key=lambda contents: contents.is_preliminary):
            better = next((k for k in kept if k.times[0] <= one.times[-1] and one.times[0] <= k.times[-1]), None)
            if better is None:
                kept.append(one)
            else:
                self._left_out.supersede(one.path, better.path)
        return kept

    def _look(self, path: Path) -> Contents | UnfitFileError | None:
        """Contents of a file, or the reason why it is unfit for the product; None if damaged and skipped."""
        try:
            stamp = stamp_of(path)
            known = self._known.get(path)
            if known is None or known[0] != stamp:
                known = stamp, self._open(path)
                self._known[path] = known
        except DataError as error:
            self._skip(path, error)
            return None
        return known[1]

    def _open(self, path: Path) -> Contents | UnfitFileError:
        try:
            with self._opens(path) as file:
                contents = Contents(path, file.times, bool(getattr(file, "is_preliminary", False)))
        except UnfitFileError as error:
            return error
        self._check(path, contents.times)
        return contents


def stamp_of(path: Path) -> Stamp:
    """Stamp that changes when a file is rewritten.

    Raises
    ------
    DataError : the file has been removed.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise DataError(f"file '{path}' has been removed: {error}.") from error
    return status.st_mtime_ns, status.st_size
