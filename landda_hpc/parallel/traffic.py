"""Communication of a process: bytes, messages, calls and CPU time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Traffic:
    """Communication of a process since its start; a communicator and all its parts share one.

    Attributes
    ----------
    n_bytes : bytes that this process gave to others, one copy for each receiver; trees and rings of the MPI library are
        not considered.
    n_messages : arrays that it gave to others, without empty ones.
    n_calls : collective calls, including those in which it gave nothing.
    cpu_s : CPU time within the calls, s: copying, and waiting if the library waits actively.

    Notes
    -----
    Parallel HDF5 communicates by itself, without these counts.
    """

    n_bytes: int = 0
    n_messages: int = 0
    n_calls: int = 0
    cpu_s: float = 0.0

    @contextmanager
    def call(self) -> Iterator[None]:
        """Count a collective call and its CPU time. Local."""
        began = time.process_time()
        try:
            yield
        finally:
            self.n_calls += 1
            self.cpu_s += time.process_time() - began

    def gave(self, n_bytes: int, n_receivers: int, n_messages: int = 0) -> None:
        """Count bytes that each of some processes receives from this one. Local."""
        self.n_bytes += n_bytes * n_receivers
        self.n_messages += n_messages
