"""One job at a time in a folder, also on file systems without locks.

The lock of the file system (flock) ends with its process and is reliable where it works. The lock file also names
the owner, which writes a heartbeat every few seconds (``folder_owner``, ``folder_hold``). A folder is taken only if the
lock is granted or not supported, and the last owner released the folder, is dead, or is silent. If an owner was
displaced nevertheless (e.g. its machine was suspended for minutes), it finds another owner in the file and stops.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from landda_hpc.errors import StorageError
from landda_hpc.io.atomic import storage_errors
from landda_hpc.io.hdf5_locks import NO_LOCKS
from landda_hpc.storage import folder_owner
from landda_hpc.storage.folder_hold import FolderHold, try_lock
from landda_hpc.storage.folder_owner import Life, Owner, read_owner

logger = logging.getLogger(__name__)

ATTEMPTS: Final = 5
PAUSE_S: Final = 0.05
"""Seconds between requests. A test by another job holds the lock briefly, so a refused request is repeated."""

SETTLE_S: Final = 1.0
"""Without locks, two jobs may take a folder at once; after this time the file names one, and the other gives up."""


@dataclass(frozen=True)
class Claim:
    """Options for taking a folder.

    Attributes
    ----------
    wait_s : seconds to wait for another job to end, or for certainty that it has ended.
    take_over : displace a job on another machine regardless of its heartbeat.
    only_if_unclear : do not wait for the end of a job that is known to be alive.
    """

    wait_s: float = 0.0
    take_over: bool = False
    only_if_unclear: bool = False


PATIENT: Final = Claim(wait_s=folder_owner.FRESH_S + 20.0, only_if_unclear=True)
"""For commands without such options: wait until it is clear whether an earlier job is alive."""


class FolderLock:
    """Exclusive hold of a folder; it ends with the process, regardless of how the process ends.

    Parameters
    ----------
    path : the lock file. It is kept and names the last owner, but does not block the folder after the owner's end.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._hold: FolderHold | None = None

    def acquire(self, claim: Claim | None = None) -> None:
        """Take the folder; do nothing if this object holds it. Local.

        Raises
        ------
        StorageError : another running process, or another object of this one, holds the folder or may hold it.
        """
        if self._hold is not None:
            return
        with storage_errors(self.path, "locking"):
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                has_locks = _Attempt(self.path, descriptor, claim or Claim()).take()
                hold = FolderHold(self.path, descriptor)
            except BaseException:
                os.close(descriptor)
                raise
            try:
                if not has_locks:
                    time.sleep(SETTLE_S)
                hold.require()
            except BaseException:
                hold.release()
                raise
        self._hold = hold

    def release(self) -> None:
        """Release the folder; do nothing if it is not held. Local."""
        if self._hold is not None:
            self._hold.release()
            self._hold = None

    def require_held(self) -> None:
        """Raise StorageError if another job has taken the folder in the meantime; do nothing if not held. Local."""
        if self._hold is not None:
            self._hold.require()

    def is_held_by_anyone(self) -> bool:
        """Whether this object or any running process holds the folder. Local."""
        return self.life() == "alive"

    def life(self) -> Life:
        """State of the owner: alive, dead, unknown (on another machine, without a recent heartbeat), or free. Local."""
        if self._hold is not None:
            return "alive"
        if not self.path.is_file():
            return "free"
        with storage_errors(self.path, "asking for the lock"):
            descriptor = os.open(self.path, os.O_RDONLY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return "alive"
            except OSError as error:
                if error.errno not in NO_LOCKS:
                    raise
            finally:
                os.close(descriptor)
            owner = read_owner(self.path)
        return "free" if owner is None else owner.life()

    def owner(self) -> Owner | None:
        """The job that holds the folder, or held it last; None if there was none. Local."""
        with storage_errors(self.path, "reading"):
            return read_owner(self.path)

    def gives_sign(self, seconds: float) -> bool:
        """Whether the heartbeat of the owner changes within this number of seconds. Local."""
        watch, deadline = _Watch(), time.monotonic() + seconds
        while True:
            owner = self.owner()
            if owner is None or owner.released:
                return False
            watch.look(owner)
            if watch.has_moved or time.monotonic() >= deadline:
                return watch.has_moved
            time.sleep(min(1.0, seconds / 10.0))


class _Watch:
    """Observed heartbeat of an owner; only its changes are used, so clocks may differ."""

    def __init__(self) -> None:
        self.has_moved = False
        self._seen: tuple[str, int] | None = None
        self._since = 0.0

    def look(self, owner: Owner) -> float:
        """Return the seconds without an observed change of the heartbeat."""
        seen = (owner.token, owner.beat)
        if seen != self._seen:
            self.has_moved = self._seen is not None
            self._seen, self._since = seen, time.monotonic()
        return time.monotonic() - self._since


@dataclass(frozen=True)
class _Refusal:
    """Reason why a folder cannot be taken now.

    Attributes
    ----------
    why : text that continues the folder's name.
    then : "ask" again at once, because the lock may be held only briefly; "watch" until it is clear whether the owner
        is alive; or "wait" if waiting was requested.
    is_certain : whether it is certain that a running job holds the folder.
    """

    why: str
    then: Literal["ask", "watch", "wait"]
    is_certain: bool = True


class _Attempt:
    """One attempt to take a folder: repeated until the folder is free, or is known to be in use."""

    def __init__(self, path: Path, descriptor: int, claim: Claim) -> None:
        self._path, self._descriptor, self._claim = path, descriptor, claim
        self._watch = _Watch()
        self._refused = 0

    def take(self) -> bool:
        """Wait until the folder is free and return whether the file system has locks. StorageError if it is in use."""
        deadline = time.monotonic() + self._claim.wait_s
        is_told = False
        while True:
            granted = try_lock(self._descriptor)
            refusal = self._refusal(granted)
            if refusal is None:
                return granted is not None
            if granted:  # by a file system that grants the lock to every job, or only per machine
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            is_over = time.monotonic() >= deadline or (refusal.is_certain and self._claim.only_if_unclear)
            if refusal.then == "wait" and is_over:
                raise StorageError(f"{self._path.parent} {refusal.why}")
            if refusal.then != "ask" and not is_told:
                logger.info("waiting: %s %s", self._path.parent, refusal.why)
                is_told = True
            time.sleep(PAUSE_S if refusal.then == "ask" else min(1.0, folder_owner.BEAT_S / 5.0))

    def _refusal(self, granted: bool | None) -> _Refusal | None:
        owner = read_owner(self._path)
        who = "which has not yet said who it is" if owner is None else owner.describe()
        in_use = f"is in use by another job ({who}). Wait for its end, stop it, or choose another folder."
        seen = "dead" if owner is None or owner.released else owner.process.life()
        if seen == "alive":
            return _Refusal(in_use, "wait")
        if self._claim.take_over and (granted is False or seen == "unknown"):
            logger.warning("%s: taken over from another job (%s)", self._path.parent, who)
            return None
        if granted is False:
            self._refused += 1
            return _Refusal(in_use, "ask" if self._refused < ATTEMPTS else "wait")
        if seen == "dead" or owner is None:
            return None
        quiet = self._watch.look(owner)
        is_recent = owner.is_fresh or self._watch.has_moved
        needed = folder_owner.FRESH_S if is_recent else folder_owner.WATCH_S
        if quiet >= needed:
            logger.warning("%s: its last job is considered dead (%s)", self._path.parent, who)
            return None
        if self._watch.has_moved:
            return _Refusal(in_use, "wait")
        may_be = (
            f"may be in use by another job ({who}), which runs on another machine and cannot be looked up. It is "
            f"considered dead after {needed - quiet:.0f} s without a heartbeat. Try again then, or "
            f"--wait {needed:.0f}. "
            "If you know that it is dead: --take-over."
        )
        return _Refusal(may_be, "wait" if is_recent else "watch", is_certain=False)
