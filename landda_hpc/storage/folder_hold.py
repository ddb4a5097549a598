"""Hold of a folder: heartbeat while the process works, and check whether another process has taken the folder."""

from __future__ import annotations

import fcntl
import logging
import os
import threading
from pathlib import Path

from landda_hpc.errors import StorageError
from landda_hpc.io.atomic import storage_errors
from landda_hpc.io.hdf5_locks import NO_LOCKS
from landda_hpc.storage import folder_owner
from landda_hpc.storage.folder_owner import Owner, read_owner, write_owner

logger = logging.getLogger(__name__)


class FolderHold:
    """A folder that this process holds; a separate thread writes a heartbeat until ``release``.

    Parameters
    ----------
    path : the lock file.
    descriptor : descriptor of the lock file, locked if the file system has locks; ``release`` closes it.

    Notes
    -----
    The thread runs during forecasts, compilation, spin-up and reports, and does not wait for locks of MPI or HDF5.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path, self._descriptor = path, descriptor
        self._owner = Owner.new().after()
        self._guard = threading.Lock()
        self._ended = threading.Event()
        write_owner(descriptor, self._owner)
        threading.Thread(target=self._give_signs, name="signs of life", daemon=True).start()

    def require(self) -> None:
        """Raise StorageError if another job has taken the folder in the meantime. Local."""
        with storage_errors(self._path, "reading"):
            found = read_owner(self._path)
        if found is not None and found.token != self._owner.token:
            raise StorageError(_displaced(self._path.parent, found))

    def release(self) -> None:
        """Release the folder. Local."""
        self._ended.set()
        with self._guard:
            try:
                found = read_owner(self._path)
                if found is not None and found.token == self._owner.token:
                    write_owner(self._descriptor, self._owner.after(released=True))
            except OSError as error:
                logger.warning("%s: cannot record that the folder is free: %s", self._path, error)
            os.close(self._descriptor)

    def _give_signs(self) -> None:
        while not self._ended.wait(folder_owner.BEAT_S):
            with self._guard:
                if self._ended.is_set() or not self._path.parent.is_dir():
                    return
                try:
                    found = read_owner(self._path)
                    if found is not None and found.token != self._owner.token:
                        logger.error("%s", _displaced(self._path.parent, found))
                        return
                    if found is None and not self._path.exists():
                        self._make_again()
                    self._owner = self._owner.after()
                    write_owner(self._descriptor, self._owner)
                except OSError as error:
                    logger.warning("%s: the heartbeat cannot be written: %s", self._path, error)

    def _make_again(self) -> None:
        """Restore a lock file that was removed, so that other jobs see that the folder is in use."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        os.close(self._descriptor)
        self._descriptor = descriptor
        try_lock(descriptor)


def try_lock(descriptor: int) -> bool | None:
    """Request the lock of the file system; return whether it is granted, or None if there are no locks. Local."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in NO_LOCKS:
            return None
        raise
    return True


def _displaced(folder: Path, by: Owner) -> str:
    return (
        f"{folder} was taken by another job ({by.process.describe()}) while this one worked there. This job stops "
        "and writes nothing more, because only one job can work in a folder."
    )
