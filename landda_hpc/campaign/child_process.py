"""A function of this program that runs in a separate process: requests go to it, replies, logs and errors come back.

``ChildProcess`` starts ``python -m landda_hpc.campaign.child_process`` and sends it the function and its requests
through a pipe. The process ends when the other end of the pipe closes, i.e. with its parent, however that ends. It is
a new program and not a fork, because MPI libraries do not survive a fork.
"""

from __future__ import annotations

import logging
import os
import pickle
import queue
import select
import signal
import struct
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Any, Final

from landda_hpc import errors
from landda_hpc.errors import LandDAError, StorageError
from landda_hpc.parallel.job_environment import own_environment

Work = Callable[[Iterator[Any]], Iterable[Any]]
"""What a child does: yields replies for the requests that it takes. A function of a module, so that it can be sent."""

_GRACE_S: Final = 2.0
"""Seconds between SIGTERM and SIGKILL. A child has nothing to save."""

_PIECE: Final = 1 << 20
_LENGTH: Final = struct.Struct("<Q")
_OF_JOBS: Final = (signal.SIGUSR1, signal.SIGTERM, signal.SIGINT)
"""Signals that a batch system sends to every process of a job."""


class ChildProcess:
    """A child, for its parent. Local.

    Parameters
    ----------
    work : what it does.
    name : of the process, for messages; also the last argument of its command line, where `ps` shows it.
    advice : what to do when it was ended from outside, for messages.
    heeds_signals : whether signals to the job end it; otherwise it ends with its parent only.

    Raises
    ------
    StorageError : the process cannot be started.
    """

    def __init__(self, work: Work, name: str, advice: str, *, heeds_signals: bool) -> None:
        self._name, self._advice, self._unread = name, advice, bytearray()
        try:
            with _signals_kept_back(heeds_signals):
                # A separate session, because we handle signals to our process group. Without the variables of the MPI
                # job, to which the process does not belong.
                self._process = subprocess.Popen(  # noqa: S603 - our own program
                    [sys.executable, "-m", __name__, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
                    env=own_environment(os.environ, {}), start_new_session=True,
                )  # fmt: skip
        except OSError as error:
            raise StorageError(f"{name} cannot be started: {error}") from error
        assert self._process.stdin is not None and self._process.stdout is not None, "both are pipes"
        self._in, self._out = self._process.stdin.fileno(), self._process.stdout.fileno()
        for end in (self._in, self._out):
            os.set_blocking(end, False)
        self._received: list[Any] = []
        self.send(work)

    def send(self, message: Any) -> None:
        """Send a request; returns when the child has taken it. Errors as ``receive``."""
        content = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
        for part in (_LENGTH.pack(len(content)), content):
            left = memoryview(part)
            while left:
                # It may be writing a reply, and read again only afterwards.
                readable, writable, _ = select.select([self._out], [self._in], [])
                if readable and not self._read():
                    self._raise_ended()
                if writable:
                    try:
                        left = left[os.write(self._in, left[:_PIECE]) :]
                    except BrokenPipeError:
                        self._read()
                        self._raise_ended()

    def receive(self, wait_s: float | None = 0.0) -> list[Any]:
        """Replies since the last call; log records are passed on.

        Parameters
        ----------
        wait_s : waits so long for the first one; None: without end.

        Raises
        ------
        The error of the child if it failed; StorageError if it was ended from outside.
        """
        while not self._received and select.select([self._out], [], [], wait_s)[0]:
            if not self._read():
                if self._process.wait() != 0:
                    self._raise_ended()
                break
        received, self._received = self._received, []
        return received

    @property
    def is_complete(self) -> bool:
        """Whether it has done its work. Replies may be left to receive."""
        return self._process.poll() == 0

    def end(self) -> None:
        """End it with SIGTERM, then SIGKILL, unless it has ended. Incomplete files do not appear."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None and not pipe.closed:
                pipe.close()
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_GRACE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()

    def _read(self) -> bool:
        """Read what the pipe holds; False at its end. Replies are kept, errors are raised."""
        try:
            piece = os.read(self._out, _PIECE)
        except BlockingIOError:
            return True
        self._unread += piece
        while len(self._unread) >= _LENGTH.size:
            end = _LENGTH.size + _LENGTH.unpack_from(self._unread)[0]
            if len(self._unread) < end:
                break
            kind, content = pickle.loads(bytes(self._unread[_LENGTH.size : end]))  # noqa: S301 - from our own child
            del self._unread[:end]
            if kind == "log":
                name, level, text = content
                logging.getLogger(name).log(level, "%s", text)
            elif kind == "error":
                raise getattr(errors, content[0])(content[1])
            elif kind == "bug":
                raise RuntimeError(f"{self._name} failed:\n{content}")
            else:
                self._received.append(content)
        return bool(piece)

    def _raise_ended(self) -> None:
        raise StorageError(f"{self._name} {_ending(self._process.wait())}; {self._advice}")


@contextmanager
def _signals_kept_back(heeds_signals: bool) -> Iterator[None]:
    """Block the signals of a job: a process that is started meanwhile has them blocked from its first moment."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, () if heeds_signals else _OF_JOBS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with code {code}"
    name = signal.Signals(-code).name
    return f"was ended by {name}" + (" (is there too little memory?)" if name == "SIGKILL" else "")


# ---------------------------------------------------------------------- the process


class _Forward(logging.Handler):
    """Passes log records on to the parent."""

    def __init__(self, replies: IO[bytes]) -> None:
        super().__init__()
        self._replies = replies

    def emit(self, record: logging.LogRecord) -> None:
        _send(self._replies, "log", [record.name, record.levelno, record.getMessage()])


def _send(replies: IO[bytes], kind: str, content: Any) -> None:
    packed = pickle.dumps((kind, content), pickle.HIGHEST_PROTOCOL)
    replies.write(_LENGTH.pack(len(packed)) + packed)
    replies.flush()


def _read_requests(into: queue.SimpleQueue[Any]) -> None:
    """Read requests as they come, so that the parent need not wait; end this process with its parent."""
    source = sys.stdin.buffer
    while len(head := source.read(_LENGTH.size)) == _LENGTH.size:
        content = source.read(_LENGTH.unpack(head)[0])
        into.put(content)
    os._exit(1)


def main(replies: IO[bytes]) -> None:
    """Do the work that the parent sends, and write the replies to it."""
    requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read_requests, args=(requests,), daemon=True).start()
    logging.captureWarnings(True)
    for name in ("landda_hpc", "py.warnings"):
        logging.getLogger(name).addHandler(_Forward(replies))
        logging.getLogger(name).propagate = False
    logging.getLogger("landda_hpc").setLevel(logging.INFO)
    received = (pickle.loads(content) for content in iter(requests.get, None))  # noqa: S301 - from our own parent
    try:
        work: Work = next(received)
        for reply in work(received):
            _send(replies, "reply", reply)
    except LandDAError as error:
        _send(replies, "error", (type(error).__name__, str(error)))
    except Exception:  # noqa: BLE001 - the parent reports it
        _send(replies, "bug", traceback.format_exc())


if __name__ == "__main__":
    # Output of libraries must not mix with the replies.
    with os.fdopen(os.dup(1), "wb") as _replies:
        os.dup2(2, 1)
        main(_replies)
        # Not by the interpreter's normal exit, which would wait for the thread that reads the standard input.
        os._exit(0)
