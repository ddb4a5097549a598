"""Listing, selection and removal of checkpoints, and removal of restart sets."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection
from datetime import datetime
from pathlib import Path

from landda_hpc.config import parse_json
from landda_hpc.errors import DataError, ShapeError, StorageError
from landda_hpc.formats.colm.names import is_label, parse_label
from landda_hpc.formats.colm.restart_files import MANIFEST
from landda_hpc.io.atomic import storage_errors, sync_folder
from landda_hpc.storage.checkpoint_format import CheckpointHeader
from landda_hpc.storage.checkpoint_read import verify

logger = logging.getLogger(__name__)

_NAME = re.compile(r"checkpoint_(\d{6,})_(\d{8}T\d{4})\.h5")

Objection = Callable[[CheckpointHeader], str | None]
"""Reason why a campaign cannot be resumed from an intact checkpoint; None if it can."""


def checkpoint_name(cycle: int, valid_time: datetime) -> str:
    """File name of a checkpoint; names sort in the order of cycles."""
    return f"checkpoint_{cycle:06d}_{valid_time:%Y%m%dT%H%M}.h5"


def list_checkpoints(folder: Path) -> list[tuple[int, Path]]:
    """Cycle, from the file name, and path of every finished checkpoint, oldest first. Local; opens no file."""
    if not folder.is_dir():
        return []
    found = ((_NAME.fullmatch(entry.name), entry) for entry in folder.iterdir())
    return sorted((int(match.group(1)), entry) for match, entry in found if match)


def checkpoint_times(folder: Path) -> list[datetime]:
    """Valid times of the finished checkpoints from their names, oldest first. Local; opens no file."""
    names = [_NAME.fullmatch(path.name) for _, path in list_checkpoints(folder)]
    return [datetime.strptime(name.group(2), "%Y%m%dT%H%M") for name in names if name]


def checkpoint_at(folder: Path, time: datetime) -> Path:
    """The finished checkpoint of a time. Local; opens no file.

    Raises
    ------
    StorageError : there is none; with the times of the others.
    """
    times = checkpoint_times(folder)
    if time not in times:
        known = ", ".join(found.isoformat(timespec="minutes") for found in times) or "none"
        raise StorageError(
            f"{folder} has no checkpoint of {time.isoformat(timespec='minutes')}. There are: {known}. Choose one of "
            "these times; the keys checkpoint.every_hours and checkpoint.keep_* determine which ones are kept."
        )
    return list_checkpoints(folder)[times.index(time)][1]


def latest_valid(folder: Path, objection: Objection | None = None) -> Path | None:
    """Newest checkpoint that passes verification; None if there are no checkpoints.

    Local: rank 0 calls it and sends the result to the others. A damaged checkpoint is skipped with a warning.

    Parameters
    ----------
    objection : further check of a checkpoint, e.g. for missing files next to it.

    Raises
    ------
    StorageError : there are checkpoints, but none is intact; only the user can decide to start again.
    """
    reasons = []
    for _, path in reversed(list_checkpoints(folder)):
        try:
            header = verify(path)
            reason = objection(header) if objection is not None else None
            if reason is not None:
                raise StorageError(f"{path}: {reason}")
        except StorageError as error:
            logger.warning("skipping a checkpoint: %s", error)
            reasons.append(str(error))
            continue
        logger.info("newest intact checkpoint: %s (cycle %d, %s)", path.name, header.cycle, header.valid_time)
        return path
    if reasons:
        raise StorageError(
            f"{folder}: none of the {len(reasons)} checkpoints is intact. Restore one from a copy, or "
            "start the campaign again in another folder.\n" + "\n".join(reasons)
        )
    return None


def apply_retention(
    folder: Path,
    keep_last: int,
    keep_every: int | None = None,
    cadence: int = 1,
    newest: int | None = None,
    is_kept: Callable[[datetime], bool] | None = None,
) -> list[Path]:
    """Remove checkpoints that need not be kept; return their paths. Local: rank 0.

    Parameters
    ----------
    folder : folder of the checkpoints.
    keep_last : number of newest checkpoints to keep, at least 1.
    keep_every : also keep every n-th checkpoint permanently (None: no others).
    cadence : number of cycles between checkpoints. Every n-th checkpoint has a cycle that is a multiple of
        ``keep_every * cadence``, regardless of earlier removals and resumes.
    newest : cycle of the newest valid checkpoint; later ones, which a resume skipped, stay and are not counted.
    is_kept : whether a checkpoint by cadence is kept permanently for its valid time, e.g. as the first of a month.
    """
    if keep_last < 1 or cadence < 1 or (keep_every is not None and keep_every < 1):
        raise ShapeError(f"keep_last={keep_last}, keep_every={keep_every}, cadence={cadence}: expected 1 or more.")
    removed = []
    found = zip(list_checkpoints(folder), checkpoint_times(folder), strict=True)
    older = [(cycle, path, time) for (cycle, path), time in found if newest is None or cycle <= newest][:-keep_last]
    for cycle, path, time in older:
        is_nth = keep_every is not None and cycle % (keep_every * cadence) == 0
        if not is_nth and not (is_kept is not None and cycle % cadence == 0 and is_kept(time)):
            path.unlink(missing_ok=True)
            removed.append(path)
    if removed:
        sync_folder(folder)
    return removed


def remove_later(folder: Path, cycle: int) -> None:
    """Remove checkpoints of later cycles, which a resume skipped, because the campaign has continued without them.

    Local: rank 0.
    """
    for found, path in list_checkpoints(folder):
        if found > cycle:
            logger.info("%s: removed, it was skipped at the resume", path.name)
            path.unlink(missing_ok=True)


def prune_restart_sets(root: Path, kept: Collection[datetime]) -> list[Path]:
    """Remove the restart sets of all but some times; return their folders. Local: rank 0.

    Parameters
    ----------
    root : folder of all sets, ``<root>/<YYYY-DDD-SSSSS>/<instance>/``.
    kept : valid times of the sets that stay.

    Notes
    -----
    Only files that a campaign wrote are removed: those in the manifest, and those with the names of restarts. The
    manifest is removed last, so that the next call completes a killed removal. A folder with other files stays.
    """
    removed = []
    for folder in sorted(root.iterdir()) if root.is_dir() else []:
        time = _time_of_set(folder)
        if time is None or time in kept:
            continue
        with storage_errors(folder, "removing an old restart set"):
            for instance in (entry for entry in folder.iterdir() if entry.is_dir() and not entry.is_symlink()):
                for path in (*_listed(instance), *instance.glob("*_restart_*.nc"), *instance.glob(".*.tmp")):
                    path.unlink(missing_ok=True)
                (instance / MANIFEST).unlink(missing_ok=True)
                _remove_empty(instance)
            _remove_empty(folder)
        removed.append(folder)
    return removed


def times_of_sets(root: Path) -> set[datetime]:
    """Valid times of the restart sets in a folder, complete or not. Local."""
    found = (_time_of_set(folder) for folder in (root.iterdir() if root.is_dir() else ()))
    return {time for time in found if time is not None}


def _time_of_set(folder: Path) -> datetime | None:
    """Time of the restart sets in a folder; None for any other folder."""
    if folder.is_symlink() or not folder.is_dir() or not is_label(folder.name):
        return None
    try:
        return parse_label(folder.name)
    except DataError:
        return None


def _listed(folder: Path) -> list[Path]:
    """Files in the manifest of a set, which has a list of entries with names or a mapping by name."""
    try:
        files = parse_json((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
        names = [str(entry["name"]) for entry in files] if isinstance(files, list) else list(files)
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return [folder / name for name in names if ".." not in Path(name).parts and not Path(name).is_absolute()]


def _remove_empty(folder: Path) -> None:
    """Remove a folder and its subfolders if they contain no file."""
    for path in sorted((p for p in folder.rglob("*") if p.is_dir() and not p.is_symlink()), reverse=True):
        if next(path.iterdir(), None) is None:
            path.rmdir()
    if next(folder.iterdir(), None) is None:
        folder.rmdir()
