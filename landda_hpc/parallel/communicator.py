"""Protocol of the communicators, and its serial implementation."""

from __future__ import annotations

import gc
import os
import weakref
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

import numpy as np

from landda_hpc.constants import ByteArray, FloatArray
from landda_hpc.errors import ShapeError
from landda_hpc.parallel.traffic import Traffic

T = TypeVar("T")


class SharedMemory:
    """Memory that the processes of a node have in common, until it is freed. Made collectively.

    Parameters
    ----------
    owner : array of the memory, of which every view of it keeps this very object alive.
    free : gives the memory back to the system; collective over these processes.

    Attributes
    ----------
    n_bytes : size of the memory.
    free : as the parameter; only after no process uses the memory.
    """

    def __init__(self, owner: ByteArray, free: Callable[[], None]) -> None:
        self._owner = weakref.ref(owner)
        self.n_bytes = owner.nbytes
        self.free = free

    def is_used(self) -> bool:
        """Whether an array or another view of the memory exists in this process. Local."""
        if self._owner() is not None:
            gc.collect()  # views in reference cycles
        return self._owner() is not None


class Communicator(Protocol):
    """A group of processes. Objects are pickled (small metadata); arrays travel as buffers."""

    @property
    def rank(self) -> int: ...

    @property
    def size(self) -> int: ...

    @property
    def native(self) -> Any:
        """The mpi4py communicator, or None for the serial one (parallel HDF5 needs it)."""
        ...

    @property
    def traffic(self) -> Traffic:
        """Communication of this process since its start, in this communicator and all that were split from it."""
        ...

    def broadcast(self, value: T | None) -> T:
        """Value of process 0 on every process. Collective."""
        ...

    def gather(self, value: T) -> list[T] | None:
        """Values in rank order on process 0, None elsewhere. Collective."""
        ...

    def all_gather(self, value: T) -> list[T]:
        """Values in rank order on every process. Collective."""
        ...

    def exchange(self, outgoing: Mapping[int, FloatArray], incoming: Mapping[int, int]) -> FloatArray:
        """Send ``outgoing[r]`` to process r; receive ``incoming[r]`` numbers from process r. Collective.

        The cost of a process depends on the processes that it names, not on the number of all.

        Parameters
        ----------
        outgoing : an array of any shape for each process that receives something; empty ones are not sent.
        incoming : how many numbers come from each process that sends something.

        Returns
        -------
        All numbers received, in the order of ``incoming``, flat.

        Raises
        ------
        ShapeError : a process that does not exist, or this one sends itself other numbers than it expects.
        ParallelError : another process sent other numbers than expected.
        """
        ...

    def barrier(self) -> None:
        """Wait for all. Collective."""
        ...

    def wait_asleep(self) -> None:
        """Wait for all with occasional checks, so that other programs can use the core. Collective."""
        ...

    def split(self, colour: int | None) -> Communicator | None:
        """Processes of the same colour, in rank order; None for those that give None. Collective."""
        ...

    def of_node(self) -> Communicator:
        """Processes that can share memory with this one, in rank order. Collective."""
        ...

    def shared_bytes(self, n: int) -> tuple[memoryview, SharedMemory]:
        """Memory of n bytes, of the n of process 0, that all processes of a node write to and read from. Collective.

        The processes must be those of ``of_node``.

        Returns
        -------
        The memory, and what frees it. It must not be freed while a process uses it (``SharedMemory.is_used``); without
        that it stays until the end of the job.

        Raises
        ------
        ParallelError : there is no room; perhaps not on every process.
        """
        ...

    def abort(self, code: int) -> None:
        """End every process of the job now."""
        ...


class SerialCommunicator:
    """Communicator of a single process: laptops, unit tests, and runs without MPI."""

    rank = 0
    size = 1
    native = None

    def __init__(self) -> None:
        self.traffic = Traffic()

    def broadcast(self, value: T | None) -> T:
        return value  # type: ignore[return-value]  # process 0 always gives a value

    def gather(self, value: T) -> list[T] | None:
        return [value]

    def all_gather(self, value: T) -> list[T]:
        return [value]

    def exchange(self, outgoing: Mapping[int, FloatArray], incoming: Mapping[int, int]) -> FloatArray:
        check_exchange(outgoing, incoming, self)
        return np.array(outgoing.get(0, ()), dtype=np.float64).reshape(-1)

    def barrier(self) -> None:
        return None

    def wait_asleep(self) -> None:
        return None

    def split(self, colour: int | None) -> SerialCommunicator | None:
        return None if colour is None else self

    def of_node(self) -> SerialCommunicator:
        return self

    def shared_bytes(self, n: int) -> tuple[memoryview, SharedMemory]:
        owner = np.zeros(n, dtype=np.uint8)
        return owner.data, SharedMemory(owner, lambda: None)

    def abort(self, code: int) -> None:
        os._exit(code)


def check_exchange(outgoing: Mapping[int, FloatArray], incoming: Mapping[int, int], group: Communicator) -> None:
    """Raise ShapeError unless an exchange names processes of the group, and is consistent for this one itself."""
    rank, size = group.rank, group.size
    for named in (outgoing, incoming):
        if named and not (min(named) >= 0 and max(named) < size):
            raise ShapeError(f"an exchange names processes {min(named)} to {max(named)}; there are 0 to {size - 1}.")
    n_sent, n_expected = np.size(outgoing.get(rank, ())), incoming.get(rank, 0)
    if n_sent != n_expected:
        raise ShapeError(f"process {rank} sends {n_sent} numbers to itself but expects {n_expected}.")


def exchange_buffers(
    outgoing: Mapping[int, FloatArray], incoming: Mapping[int, int]
) -> tuple[dict[int, FloatArray], FloatArray, dict[int, FloatArray]]:
    """Return flat arrays to send, room for all that is received, and the part of it for each sender. Local."""
    flat = {to: np.asarray(values, dtype=np.float64, order="C").reshape(-1) for to, values in outgoing.items()}
    received, at = np.empty(sum(incoming.values())), 0
    parts = {}
    for sender, n in incoming.items():
        parts[sender] = received[at : at + n]
        at += n
    return flat, received, parts
