"""Folders for compiled code: the first writable one is used; old code is removed.

In this order: NUMBA_CACHE_DIR where it is set; __pycache__ of the package; the user's cache folder; a private folder
among the temporary files. Code in a folder of the package is read even if the folder is read-only, so a
container image may include it.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from numba import config

_DAY: Final = 86400.0
_UNUSED: Final = 7 * _DAY
"""Code that has not been used for this time is removed."""
_KEPT: Final = 5
"""Further old states of a module are removed a day after their last use."""
_OURS: Final = re.compile(r"(?P<module>[A-Za-z_][\w.]*)-[0-9a-f]{16}")
_FORMER: Final = re.compile(r"compiled-[0-9a-f]{16}")
"""Folders of earlier versions, in __pycache__ and in the user's cache folder."""


@dataclass(frozen=True)
class Folders:
    """Folders in which compiled code is written and read.

    Attributes
    ----------
    writable : None if no folder is writable.
    readable : all folders that are read, the writable one first.
    refused : the reason for each folder that cannot be used.
    """

    writable: Path | None
    readable: tuple[Path, ...]
    refused: tuple[str, ...]


@functools.cache
def find_folders(package: Path) -> Folders:
    """Find the folders for the compiled code of the package in a folder; once per process."""
    refused: list[str] = []
    read_only: list[Path] = []
    for folder, private in _candidates(package):
        try:
            _prepare(folder, private)
        except OSError as error:
            refused.append(f"{folder} ({error.strerror or error})")
            if not private and folder.is_dir():
                read_only.append(folder)
        else:
            return Folders(folder, (folder, *read_only), tuple(refused))
    return Folders(None, tuple(read_only), tuple(refused))


def mark_as_used(folder: Path) -> None:
    """Note that a module's folder is in use, once a day."""
    try:
        if time.time() - folder.stat().st_mtime > _DAY:
            os.utime(folder)
    except OSError:
        pass  # not there yet, or not ours to touch


def remove_unused(root: Path) -> None:
    """Remove folders of former states of the sources that no process uses any more; at most once a day.

    Processes that load from such a folder compile again if it vanishes, so no lock is needed.
    """
    mark = root / ".cleaned"
    try:
        if mark.exists() and time.time() - mark.stat().st_mtime < _DAY:
            return
        mark.touch()
        for folder in [*_old_states(root), *_former(root.parent)]:
            # Renamed first, so that no process writes into a folder that is being removed.
            apart = folder.with_name(f".removed-{uuid.uuid4().hex}")
            folder.rename(apart)
            shutil.rmtree(apart, ignore_errors=True)
    except OSError:
        pass  # another process removes it, or it is not ours to remove


def _candidates(package: Path) -> Iterator[tuple[Path, bool]]:
    """Folders in the order of preference, and whether each must be private to the user."""
    chosen = str(getattr(config, "CACHE_DIR", ""))  # NUMBA_CACHE_DIR
    if chosen:
        yield Path(chosen) / package.name, False
    yield package / "__pycache__" / "compiled", False
    for base in (os.environ.get("XDG_CACHE_HOME", ""), _home_cache()):
        if Path(base).is_absolute():
            yield Path(base) / package.name / "compiled", True
            break
    try:
        yield Path(tempfile.gettempdir()) / f"{package.name}-{os.geteuid()}", True
    except OSError:
        return  # no temporary folder at all


def _home_cache() -> str:
    try:
        home = Path.home()
    except RuntimeError:
        return ""  # no HOME, and no entry for this user id
    return str(home / ".cache") if home.is_dir() else ""


def _prepare(folder: Path, private: bool) -> None:
    """Create the folder and try to write into it; OSError gives the reason if it cannot be used."""
    folder.mkdir(mode=0o700 if private else 0o777, parents=True, exist_ok=True)
    if private:
        # Machine code is executed, so it must not come from another user.
        status = folder.lstat()
        if folder.is_symlink() or status.st_uid != os.geteuid() or status.st_mode & 0o022:
            raise PermissionError("not private to this user")
    tempfile.TemporaryFile(dir=folder).close()


def _old_states(root: Path) -> Iterator[Path]:
    now = time.time()
    modules: dict[str, list[tuple[float, Path]]] = {}
    for folder in root.iterdir():
        match = _OURS.fullmatch(folder.name)
        if match and folder.is_dir() and not folder.is_symlink():
            modules.setdefault(match["module"], []).append((folder.stat().st_mtime, folder))
    for states in modules.values():
        states.sort(reverse=True)
        for rank, (used, folder) in enumerate(states):
            if now - used > (_UNUSED if rank < _KEPT else _DAY):
                yield folder


def _former(parent: Path) -> Iterator[Path]:
    for folder in parent.iterdir():
        if not _FORMER.fullmatch(folder.name) or not folder.is_dir() or folder.is_symlink():
            continue
        if time.time() - folder.stat().st_mtime > _UNUSED:
            yield folder
