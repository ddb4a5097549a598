"""The MPI communicator, and the only place where COMM_WORLD appears."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Sequence
from types import TracebackType
from typing import Any, TypeVar

import numpy as np
from mpi4py import MPI

from landda_hpc.constants import FloatArray
from landda_hpc.errors import ParallelError
from landda_hpc.parallel.communicator import Communicator, SerialCommunicator, check_exchange
from landda_hpc.parallel.traffic import Traffic

T = TypeVar("T")

_LOOK_EVERY_S = 0.01
"""Interval between checks of a process that waits asleep: a hundredth of the shortest run of a model."""


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

    def exchange(self, outgoing: Sequence[FloatArray], incoming: Sequence[int]) -> list[FloatArray]:
        check_exchange(outgoing, incoming, self.size)
        counts_out = np.array([a.size for a in outgoing], dtype=np.int64)
        counts_in = np.array(incoming, dtype=np.int64)
        send = np.concatenate([np.asarray(a, dtype=np.float64).reshape(-1) for a in outgoing])
        receive = np.empty(int(counts_in.sum()))
        with self._traffic.call():
            self._comm.Alltoallv(
                [send, (counts_out, _offsets(counts_out)), MPI.DOUBLE],
                [receive, (counts_in, _offsets(counts_in)), MPI.DOUBLE],
            )
        counts_out[self.rank] = 0
        self._traffic.gave(8 * int(counts_out.sum()), 1, int(np.count_nonzero(counts_out)))
        return np.split(receive, np.cumsum(counts_in)[:-1])

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

    def shared_bytes(self, n: int) -> memoryview:
        try:
            with self._traffic.call():
                window = MPI.Win.Allocate_shared(n if self.rank == 0 else 0, 1, comm=self._comm)
            memory, _ = window.Shared_query(0)
        except MPI.Exception as error:
            raise ParallelError(f"MPI cannot share memory: {error.Get_error_string()}") from error
        return memory.cast("B")

    def abort(self, code: int) -> None:
        self._comm.Abort(code)


def _offsets(counts: np.ndarray[Any, np.dtype[np.int64]]) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.concatenate(([0], np.cumsum(counts)[:-1]))


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
