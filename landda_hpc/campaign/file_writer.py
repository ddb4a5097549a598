"""Writing of the files of images, feedback, series and means: in this process, or in another one meanwhile.

A root describes a file with a ``Writing``, a function with its arguments. The order is kept. Both writers
call the same functions, so that the files have the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Final, Protocol

from landda_hpc import fourier
from landda_hpc.campaign.child_process import ChildProcess
from landda_hpc.storage.written_files import WrittenFile

Writing = Callable[[], Sequence[WrittenFile]]
"""Writes files and returns them. A ``partial`` of a function of a module, so that it can be sent to another process."""

AT_ONCE: Final = 2
"""Largest number of cycles whose files the other process holds; it has their fields in memory (``landda check``)."""


class FileWriter(Protocol):
    """Writes the files of one root, in order. Local."""

    def add(self, writings: Iterable[Writing]) -> None:
        """Add files to those that the next ``submit`` writes."""
        ...

    def submit(self) -> None:
        """Write the files that were added, now or soon.

        Raises
        ------
        StorageError, ShapeError : one of these files, or an earlier one, cannot be written.
        """
        ...

    def complete(self) -> None:
        """Write the files that were added, and wait until all are written. Errors as ``submit``."""
        ...

    def written(self) -> list[WrittenFile]:
        """The files that were written since the last call. Errors as ``submit``."""
        ...

    def end(self) -> None:
        """Give up what is not written yet. Complete files stay, incomplete ones do not appear."""
        ...


class WriterHere:
    """Writes files in this process."""

    def __init__(self) -> None:
        self._added: list[Iterable[Writing]] = []
        self._written: list[WrittenFile] = []

    def add(self, writings: Iterable[Writing]) -> None:
        self._added.append(writings)

    def submit(self) -> None:
        added, self._added = self._added, []
        for write in chain.from_iterable(added):
            self._written += write()

    def complete(self) -> None:
        self.submit()

    def written(self) -> list[WrittenFile]:
        found, self._written = self._written, []
        return found

    def end(self) -> None:
        return None


class WriterProcess:
    """Writes files in another process, which the first file starts, while this one continues.

    Notes
    -----
    If the process falls behind, ``submit`` waits until it holds the files of fewer than ``AT_ONCE`` cycles. Signals to
    the job do not end the process: the files of a cycle that is being completed are still needed.
    """

    def __init__(self) -> None:
        self._process: ChildProcess | None = None
        self._added: list[Iterable[Writing]] = []
        self._held: list[int] = []
        """Files of the last cycles that were submitted and not yet written, oldest first."""
        self._written: list[WrittenFile] = []

    def add(self, writings: Iterable[Writing]) -> None:
        self._added.append(writings)

    def submit(self) -> None:
        added, self._added = self._added, []
        for number, write in enumerate(chain.from_iterable(added)):
            if number == 0:
                self._wait_for(AT_ONCE - 1)
                self._held.append(0)
            self._started().send(write)
            self._held[-1] += 1

    def complete(self) -> None:
        self.submit()
        self._wait_for(0)

    def written(self) -> list[WrittenFile]:
        self._receive()
        found, self._written = self._written, []
        return found

    def end(self) -> None:
        if self._process is not None:
            self._process.end()
        self._process, self._held = None, []

    def _started(self) -> ChildProcess:
        if self._process is None:
            self._process = ChildProcess(
                write_files, "the process that writes files", "resume the campaign.", heeds_signals=False
            )
            self._process.send(fourier.chosen())
        return self._process

    def _wait_for(self, cycles: int) -> None:
        """Wait until the files of at most so many cycles are held."""
        self._receive()
        while len(self._held) > cycles:
            self._receive(wait_s=None)

    def _receive(self, wait_s: float | None = 0.0) -> None:
        if self._process is None:
            return
        for files in self._process.receive(wait_s):
            self._written += files
            self._held[0] -= 1
            if self._held[0] == 0:
                del self._held[0]


def write_files(requests: Iterator[Any]) -> Iterator[Sequence[WrittenFile]]:
    """Write files and reply with their marks; the work of the other process.

    Parameters
    ----------
    requests : first the library of Fourier transforms, which files name; then a ``Writing`` each.
    """
    fourier.choose(next(requests))
    for write in requests:
        yield write()
