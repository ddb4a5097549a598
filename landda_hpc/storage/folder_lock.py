"""One job at a time in a folder: a lock that dies with its process."""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import socket
import time
from datetime import UTC, datetime
from pathlib import Path

from landda_hpc.errors import StorageError
from landda_hpc.formats.atomic import storage_errors

logger = logging.getLogger(__name__)

ATTEMPTS = 5
PAUSE_S = 0.05
"""Who asks whether the lock is held holds it for an instant; so a refusal is tried again."""

_UNSUPPORTED = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


class FolderLock:
    """An exclusive advisory lock on a file (flock); it ends with the process, however that ends.

    Parameters
    ----------
    path : the lock file; it stays behind and says who held it last, which is no obstacle.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock; a no-operation where this object holds it. Local.

        Raises
        ------
        StorageError where another living process, or another object of this one, holds it.
        """
        if self._descriptor is not None:
            return
        with storage_errors(self.path, "locking"):
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                self._take(descriptor)
                os.ftruncate(descriptor, 0)
                os.write(descriptor, _who().encode())
            except BaseException:
                os.close(descriptor)
                raise
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back; a no-operation where it is not held. Local."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def is_held_by_anyone(self) -> bool:
        """Whether this object, or any living process, holds the lock. Local."""
        if self._descriptor is not None:
            return True
        if not self.path.is_file():
            return False
        with storage_errors(self.path, "asking for the lock"):
            descriptor = os.open(self.path, os.O_RDONLY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            except OSError as error:
                if error.errno not in _UNSUPPORTED:
                    raise
            finally:
                os.close(descriptor)
        return False

    def _take(self, descriptor: int) -> None:
        for _ in range(ATTEMPTS):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(PAUSE_S)
            except OSError as error:
                if error.errno not in _UNSUPPORTED:
                    raise
                logger.warning(
                    "%s: the file system has no locks (%s). Take care that no second job runs here.",
                    self.path.parent,
                    error.strerror,
                )
                return
            else:
                return
        raise StorageError(
            f"{self.path.parent} is in use by another job ({self._holder()}). Wait for its end, stop it, or "
            "choose another folder."
        )

    def _holder(self) -> str:
        try:
            who = json.loads(self.path.read_text())
            return f"process {who['pid']} on {who['host']} since {who['since']}"
        except (OSError, ValueError, KeyError, TypeError):
            return "which has not yet said who it is"


def _who() -> str:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": since}) + "\n"
