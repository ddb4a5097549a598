"""Time limit of a job's steps: a lost node, a stopped rank or a hung file system ends the job with a reason.

A process that waits for a lost one, or writes to a hung file system, does so without end. A thread of each rank
therefore watches the steps of its main thread (``watched``). If none begins or ends within the limit, the thread
writes the reason to the standard error and to the campaign's log, and aborts the job. A resume continues the campaign.
"""

from __future__ import annotations

import faulthandler
import os
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from landda_hpc.parallel.communicator import Communicator

EXIT_CODE: Final = 6
"""Exit code of a job that the watchdog ends; another leg resumes the campaign."""

_DEFAULT_S: Final = 3600.0
_FACTOR: Final = 10.0
"""Without a configured limit: an hour, or this many times the longest step so far if that is longer."""

_TICK_S: Final = 1.0
_GRACE_S: Final = 10.0
"""Seconds between the reason and the end: all ranks can write theirs, and the first to end would end the others."""

_FRAMES: Final = 6

OnExpiry = Callable[[str], None]
"""Called with the reason, in the watching thread."""


class Watchdog:
    """The watch over the steps of this process. Local.

    Parameters
    ----------
    world : all ranks of the job.

    Attributes
    ----------
    limit_s : longest time without the begin or end of a step, s; None for the default.
    log : file to which the reason is appended.
    on_expiry : called with the reason.
    """

    def __init__(self, world: Communicator) -> None:
        self._world, self._main = world, threading.get_ident()
        self._ended = threading.Event()
        self._steps: list[tuple[str, float]] = []
        self._changes = 0
        self.limit_s: float | None = None
        self.log: Path | None = None
        self.on_expiry: OnExpiry | None = None
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def end(self) -> None:
        """End the watch."""
        self._ended.set()

    @contextmanager
    def step(self, name: str, extra_s: float) -> Iterator[None]:
        """Name a block, which may take ``extra_s`` seconds longer than the limit."""
        self._steps.append((name, extra_s))
        self._changes += 1
        try:
            yield
        finally:
            self._steps.pop()
            self._changes += 1

    def _watch(self) -> None:
        """Count the seconds that this thread has lived through since the last change.

        Seconds in which the process did not run, because the batch system or the user suspended it, are not counted.
        """
        quiet, longest, seen, before = 0.0, 0.0, self._changes, time.monotonic()
        while not self._ended.wait(_TICK_S):
            now = time.monotonic()
            quiet += min(now - before, 2.0 * _TICK_S)
            before = now
            if self._changes != seen:
                longest, quiet, seen = max(longest, quiet), 0.0, self._changes
                continue
            steps = tuple(self._steps)
            limit = max(_DEFAULT_S, _FACTOR * longest) if self.limit_s is None else self.limit_s
            limit += sum(extra_s for _, extra_s in steps)
            if quiet > limit:
                self._expire([name for name, _ in steps], limit)
                quiet = 0.0

    def _expire(self, steps: Sequence[str], limit: float) -> None:
        """Write the reason and abort the job, unless its step ends before."""
        frame = sys._current_frames().get(self._main)
        places = [] if frame is None else traceback.extract_stack(frame)[-_FRAMES:]
        where = " < ".join(f"{place.name} ({Path(place.filename).name}:{place.lineno})" for place in reversed(places))
        reason = (
            f"rank {self._world.rank} of {self._world.size} on {socket.gethostname()}: no progress within {limit:.0f} "
            f"s (parallel.timeout_minutes) in {', '.join(steps) or 'the start'}; at {where}. This rank waits for the "
            f"file system or for another rank. The job ends with code {EXIT_CODE}; resume the campaign."
        )
        # Ends the process, from a thread without Python, if writing or the abort hangs as well.
        faulthandler.dump_traceback_later(2.0 * _GRACE_S, exit=True, file=os.open(os.devnull, os.O_WRONLY))
        before = self._changes
        self._write(reason)
        if self.on_expiry is not None:
            with suppress(OSError):  # the reason is in the standard error
                self.on_expiry(reason)
        if self._ended.wait(_GRACE_S) or self._changes != before:
            faulthandler.cancel_dump_traceback_later()
            self._write(f"rank {self._world.rank} of {self._world.size}: the step has ended; the job continues.")
        else:
            self._world.abort(EXIT_CODE)

    def _write(self, text: str) -> None:
        """Write a line to the standard error and to the log.

        Not by the logging module: the main thread may hang while it holds the lock of a log file.
        """
        line = f"{datetime.now().isoformat(timespec='seconds')} CRITICAL {__name__}: {text}\n".encode()
        os.write(2, line)
        if self.log is not None:
            with suppress(OSError), self.log.open("ab", buffering=0) as file:
                file.write(line)


_active: list[Watchdog] = []
"""The watchdog of this process, if it has one: like a signal handler it belongs to the process."""


@contextmanager
def watching(world: Communicator) -> Iterator[None]:
    """Watch the steps of the block. Local; every rank enters it."""
    watchdog = Watchdog(world)
    _active.append(watchdog)
    try:
        yield
    finally:
        _active.remove(watchdog)
        watchdog.end()


def set_watch(limit_minutes: float | None, log: Path, on_expiry: OnExpiry) -> None:
    """Set the limit and the records of the active watchdog, if there is one. Local.

    Parameters
    ----------
    limit_minutes, log, on_expiry : as the attributes of ``Watchdog``; the limit in minutes.
    """
    for watchdog in _active:
        watchdog.limit_s = None if limit_minutes is None else 60.0 * limit_minutes
        watchdog.log, watchdog.on_expiry = log, on_expiry


def watched(step: str, extra_s: float = 0.0) -> AbstractContextManager[None]:
    """Name a block as a step for the active watchdog, if there is one. Local.

    Parameters
    ----------
    step : description of the block, for the reason.
    extra_s : seconds that it may take in addition to the limit.
    """
    return _active[-1].step(step, extra_s) if _active else nullcontext()
