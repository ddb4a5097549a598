"""The MPI communicator, and the only place where COMM_WORLD appears."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Final, TypeVar

import numpy as np
from mpi4py import MPI

from landda_hpc.constants import ByteArray, FloatArray
from landda_hpc.errors import ParallelError
from landda_hpc.parallel.communicator import (
    Communicator,
    SerialCommunicator,
    SharedMemory,
    check_exchange,
    exchange_buffers,
)
from landda_hpc.parallel.traffic import Traffic

T = TypeVar("T")

_LOOK_EVERY_S = 0.01
"""Interval between checks of a process that waits asleep: a hundredth of the shortest run of a model."""

_TAGS: Final = 32768
"""Tags that every MPI library has. Successive exchanges have different ones, so that numbers which nobody expected in
one are not taken for those of the next."""

_PIECE: Final = 2**27
"""Numbers in a message: 1 GB. Longer arrays travel in several, because counts of MPI have 32 bits."""


class MpiCommunicator:
    """``Communicator`` over an mpi4py intracommunicator.

    Parameters
    ----------
    native : the communicator of mpi4py.
    traffic : counts to continue, of the communicator from which this one was split.
    """

    def __init__(self, native: MPI.Intracomm, traffic: Traffic | None = None) -> None:
        self._comm = native
        self._traffic = Traffic() if traffic is None else traffic
        self._n_exchanges = 0

    @property
    def rank(self) -> int:
        return int(self._comm.Get_rank())

    @property
    def size(self) -> int:
        return int(self._comm.Get_size())

    @property
    def native(self) -> MPI.Intracomm:
        return self._comm

    @property
    def traffic(self) -> Traffic:
        return self._traffic

    def broadcast(self, value: T | None) -> T:
        packed = MPI.pickle.dumps(value) if self.rank == 0 else None
        self._traffic.gave(len(packed or b""), self.size - 1)
        with self._traffic.call():
            packed = self._comm.bcast(packed, root=0)
        result: T = MPI.pickle.loads(packed)
        return result

    def gather(self, value: T) -> list[T] | None:
        packed = MPI.pickle.dumps(value)
        self._traffic.gave(len(packed), 0 if self.rank == 0 else 1)
        with self._traffic.call():
            found = self._comm.gather(packed, root=0)
        return None if found is None else [MPI.pickle.loads(one) for one in found]

    def all_gather(self, value: T) -> list[T]:
        packed = MPI.pickle.dumps(value)
        self._traffic.gave(len(packed), self.size - 1)
        with self._traffic.call():
            found = self._comm.allgather(packed)
        return [MPI.pickle.loads(one) for one in found]

    def exchange(self, outgoing: Mapping[int, FloatArray], incoming: Mapping[int, int]) -> FloatArray:
        check_exchange(outgoing, incoming, self)
        rank, comm, tag = self.rank, self._comm, self._n_exchanges % _TAGS
        self._n_exchanges += 1
        flat, received, parts = exchange_buffers(outgoing, incoming)
        own = flat.pop(rank, None)
        sent = [values.size for values in flat.values() if values.size]
        requests: list[tuple[MPI.Request, int, int]] = []
        with self._traffic.call():
            for sender, part in parts.items():
                if sender == rank and own is not None:
                    part[:] = own
                else:
                    requests += [(comm.Irecv([p, MPI.DOUBLE], sender, tag), sender, p.size) for p in _pieces(part)]
            gone = [comm.Isend([p, MPI.DOUBLE], to, tag) for to, values in flat.items() for p in _pieces(values)]
            # One by one: Waitall of Open MPI 4 does not return if a message is longer than expected.
            for request, sender, n in requests:
                _wait(request, sender, n)
            for request in gone:
                request.Wait()
        self._traffic.gave(8 * sum(sent), 1, len(sent))
        return received

    def barrier(self) -> None:
        with self._traffic.call():
            self._comm.Barrier()

    def wait_asleep(self) -> None:
        with self._traffic.call():
            request = self._comm.Ibarrier()
            while not request.Test():
                time.sleep(_LOOK_EVERY_S)

    def split(self, colour: int | None) -> MpiCommunicator | None:
        with self._traffic.call():
            part = self._comm.Split(MPI.UNDEFINED if colour is None else colour, self.rank)
        if not isinstance(part, MPI.Intracomm) or part == MPI.COMM_NULL:
            return None
        return MpiCommunicator(part, self._traffic)

    def of_node(self) -> MpiCommunicator:
        with self._traffic.call():
            node = self._comm.Split_type(MPI.COMM_TYPE_SHARED, self.rank)
        assert isinstance(node, MPI.Intracomm), "part of an intracommunicator"
        return MpiCommunicator(node, self._traffic)

    def shared_bytes(self, n: int) -> tuple[memoryview, SharedMemory]:
        try:
            with self._traffic.call():
                window = MPI.Win.Allocate_shared(n if self.rank == 0 else 0, 1, comm=self._comm)
            memory, _ = window.Shared_query(0)
        except MPI.Exception as error:
            raise ParallelError(f"MPI cannot share memory: {error.Get_error_string()}") from error
        owner: ByteArray = np.frombuffer(memory.cast("B"), dtype=np.uint8)

        def free() -> None:
            with self._traffic.call():
                window.Free()

        return owner.data, SharedMemory(owner, free)

    def abort(self, code: int) -> None:
        self._comm.Abort(code)


def _pieces(values: FloatArray) -> Iterator[FloatArray]:
    return (values[start : start + _PIECE] for start in range(0, values.size, _PIECE))


def _wait(request: MPI.Request, sender: int, n: int) -> None:
    """Complete the receipt of n numbers; ParallelError if others came."""
    status = MPI.Status()
    try:
        request.Wait(status)
    except MPI.Exception as error:
        raise ParallelError(f"receiving {n} numbers from process {sender}: {error.Get_error_string()}") from error
    if (found := status.Get_count(MPI.DOUBLE)) != n:
        raise ParallelError(f"process {sender} sent {found} numbers, {n} were expected.")


def launch() -> Communicator:
    """The communicator of the job: MPI where more than one process runs, else the serial twin.

    COMM_WORLD is duplicated once; from here on every part of the program receives its communicator. An
    exception that is not caught aborts the job, so that no process waits for a dead one. Collective.
    """
    if MPI.COMM_WORLD.Get_size() == 1:
        return SerialCommunicator()
    world = MpiCommunicator(MPI.COMM_WORLD.Dup())
    _abort_on_uncaught(world)
    return world


def mpi_library() -> str:
    """First line of the MPI library's version, for logs."""
    return str(MPI.Get_library_version()).splitlines()[0].strip().rstrip("\x00")


def _abort_on_uncaught(world: MpiCommunicator) -> None:
    def hook(kind: type[BaseException], value: BaseException, trace: TracebackType | None) -> None:
        traceback.print_exception(kind, value, trace)
        sys.stderr.flush()
        world.abort(1)

    sys.excepthook = hook
    threading.excepthook = lambda args: hook(args.exc_type, args.exc_value or args.exc_type(), args.exc_traceback)
