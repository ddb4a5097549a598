"""Atomic writing of files: complete or not at all."""

from __future__ import annotations

import errno
import logging
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from landda_hpc.errors import LandDAError, StorageError
from landda_hpc.io.hdf5_locks import locking_fault

logger = logging.getLogger(__name__)

SPACE_MARGIN = 1 << 20
"""Bytes that must stay free besides the size of a file, for the folder's own blocks and small files next to it."""

_TEMPORARY = re.compile(r"\.(?P<final>.+)\.\d+-[0-9a-f]+\.tmp", re.DOTALL)

_ADVICE = {
    errno.ENOSPC: "The disk is full: free space or choose another output folder.",
    errno.EDQUOT: "The quota is used up: free space or choose another output folder.",
    errno.EFBIG: "The file exceeds a size limit: raise `ulimit -f` or choose another file system.",
    errno.EROFS: "The file system is read-only: choose another output folder.",
    errno.EACCES: "No permission: choose another output folder or change its rights.",
}


@contextmanager
def storage_errors(path: Path, doing: str, advice: str = "") -> Iterator[None]:
    """Turn what file libraries raise into StorageError with the file, the step and advice. Local.

    Parameters
    ----------
    path : file that the message names.
    doing : the step, e.g. "writing".
    advice : what to do, if the error itself does not say so (a full disk does).

    Notes
    -----
    h5py and netCDF4 report a failed read or write as any of the built-ins caught here.
    """
    try:
        yield
    except LandDAError:
        raise
    except (OSError, RuntimeError, ValueError, LookupError, TypeError) as error:
        locked = locking_fault(path, error)
        if locked is not None:
            raise StorageError(f"file '{path}' {locked} ({doing}: {error})") from error
        number = getattr(error, "errno", None)
        reason, what_to_do = str(error), advice
        if isinstance(number, int) and number in _ADVICE:
            reason, what_to_do = os.strerror(number), _ADVICE[number]
        raise StorageError(f"{path}: {doing} failed: {reason}. {what_to_do}".rstrip()) from error


def require_space(folder: Path, n_bytes: int) -> None:
    """Raise StorageError unless the folder's file system has room for ``n_bytes`` and a margin. Local."""
    with storage_errors(folder, "asking for free space"):
        free = shutil.disk_usage(folder).free
    if free < n_bytes + SPACE_MARGIN:
        raise StorageError(
            f"{folder}: {free / 1e6:.1f} MB free, {(n_bytes + SPACE_MARGIN) / 1e6:.1f} MB needed. "
            "Free space or choose another output folder."
        )


def reserve_space(path: Path, n_bytes: int) -> None:
    """Give a file its disk blocks now, so that writing inside it cannot meet a full disk. Local.

    The file is made if it does not exist; its content stays. macOS has no such call: there the file is only made.

    Raises
    ------
    StorageError if the blocks are not available.
    """
    with storage_errors(path, f"reserving {n_bytes} bytes"):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(descriptor, 0, n_bytes)
        except OSError as error:
            # A file system that cannot reserve is still one that can write; the read-back stays.
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                raise
            logger.debug("%s: the file system cannot reserve space (%s)", path, error)
        finally:
            os.close(descriptor)


def temporary_path(path: Path) -> Path:
    """A fresh hidden name in the same folder (rename is atomic only inside one file system)."""
    return path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")


def final_name(temporary: str) -> str | None:
    """Name of the file that a temporary of ``temporary_path`` was to become; None for any other name."""
    match = _TEMPORARY.fullmatch(temporary)
    return match["final"] if match else None


def remove_temporaries(folder: Path, is_ours: Callable[[str], bool] | None = None) -> int:
    """Remove what interrupted writes left in a folder; return how many files. Local.

    Only for the one job that holds the folder's lock: another job's temporary files are alive. Other files whose names
    end in ``.tmp``, and links, stay.

    Parameters
    ----------
    is_ours : whether a temporary of this name is removed; None: every name that ``temporary_path`` makes.
    """
    leftovers = [
        entry
        for entry in folder.glob(".*.tmp")
        if final_name(entry.name) and (is_ours is None or is_ours(entry.name))
        if entry.is_file() and not entry.is_symlink()
    ]
    for entry in leftovers:
        entry.unlink(missing_ok=True)
    if leftovers:
        logger.info("%s: removed %d temporary files of an interrupted write", folder, len(leftovers))
    return len(leftovers)


def sync_file(path: Path) -> None:
    """Force a file's content to the device. Local."""
    _sync(path, os.O_RDONLY)


def sync_folder(path: Path) -> None:
    """Force a folder's entries (creations, renames) to the device. Local."""
    try:
        _sync(path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        # Some network file systems cannot sync a folder; they order renames themselves.
        if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
            raise


def commit(temporary: Path, path: Path) -> None:
    """Sync the temporary file, give it its final name, sync the folder. Local.

    The order matters: after a power cut the final name must never lead to unwritten blocks.
    """
    with storage_errors(path, "committing"):
        sync_file(temporary)
        temporary.replace(path)
        sync_folder(path.parent)


@contextmanager
def atomic_replacement(path: Path, n_bytes: int = 0, *, make_folder: bool = False) -> Iterator[Path]:
    """Write a file under a temporary name and put it in place when the block succeeds. Local.

    Parameters
    ----------
    path : final name; an existing file stays untouched until the new one is complete.
    n_bytes : expected size; free space is checked first.
    make_folder : make the folder if it is missing.

    Yields
    ------
    Path to write to (does not exist yet), in the same folder. Its name ends in ``.tmp``: give the writer the format.

    Raises
    ------
    StorageError where space is short or writing fails; the temporary file is removed.
    """
    if make_folder:
        with storage_errors(path.parent, "making the folder"):
            path.parent.mkdir(parents=True, exist_ok=True)
    require_space(path.parent, n_bytes)
    temporary = temporary_path(path)
    try:
        with storage_errors(path, "writing"):
            yield temporary
        commit(temporary, path)
    finally:
        # Where nothing can be written nothing can be removed either, and the first error is the one to report.
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes, *, make_folder: bool = False) -> None:
    """Replace a file atomically; parameters and errors as ``atomic_replacement``. Local."""
    with atomic_replacement(path, len(content), make_folder=make_folder) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str, *, make_folder: bool = False) -> None:
    """Replace a text file (UTF-8) atomically; parameters and errors as ``atomic_replacement``. Local."""
    write_bytes(path, text.encode(), make_folder=make_folder)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
