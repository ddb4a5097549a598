"""Speed of the network and of the memory, as the ranks of a job find it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

import numpy as np

from landda_hpc.errors import ParallelError
from landda_hpc.parallel.communicator import Communicator

_SMALL, _LARGE = 1, 1 << 19  # float64: 8 bytes, 4 MiB
_COPIED: Final = 1 << 21  # float64 in an array that is copied: 16 MiB, larger than the share of a cache


@dataclass(frozen=True)
class Network:
    """Speed of communication and memory.

    Attributes
    ----------
    ranks : of the job.
    latency_s : one way of a message of 8 bytes between the first and the last rank.
    bytes_per_s : throughput of messages of 4 MiB between these two.
    allreduce_s : sum of 8 bytes over all ranks.
    exchange_s, exchange_cpu_s : an exchange in which every rank sends 8 numbers to the next one, and the CPU time of a
        rank, active waiting included; medians over the rounds, the mean of the ranks.
    dense_s, dense_cpu_s : the same numbers by a call of MPI with a count for every rank.
    memory_bytes_per_s : bytes read and written by copying arrays, per rank, while all ranks copy.
    """

    ranks: int
    latency_s: float
    bytes_per_s: float
    allreduce_s: float
    exchange_s: float
    exchange_cpu_s: float
    dense_s: float
    dense_cpu_s: float
    memory_bytes_per_s: float


def measure_network(world: Communicator, rounds: int = 200) -> Network:
    """Measure the medians over some rounds. Collective.

    Raises
    ------
    ParallelError : only one rank.
    """
    if world.size < 2:
        raise ParallelError("the network is measured between two ranks or more; this job has one.")
    latency = _ping_pong(world, _SMALL, rounds)
    large = _ping_pong(world, _LARGE, max(5, rounds // 10))
    comm: Any = world.native
    one, total = np.ones(1), np.empty(1)
    world.barrier()  # all begin together
    allreduce = _median(lambda: comm.Allreduce(one, total), rounds)
    exchange, dense = _exchanges(world, rounds)
    source, target = np.ones(_COPIED), np.empty(_COPIED)
    world.barrier()  # all copy at the same time
    copied = _median(lambda: np.copyto(target, source), 7)
    return Network(
        ranks=world.size,
        latency_s=world.broadcast(latency),
        bytes_per_s=8.0 * _LARGE / world.broadcast(large),
        allreduce_s=max(world.all_gather(allreduce)),
        exchange_s=exchange[0],
        exchange_cpu_s=exchange[1],
        dense_s=dense[0],
        dense_cpu_s=dense[1],
        memory_bytes_per_s=16.0 * _COPIED / max(world.all_gather(copied)),
    )


def _ping_pong(world: Communicator, n: int, rounds: int) -> float:
    """Seconds of one way between the first and the last rank, on these two; the others sleep meanwhile. Collective."""
    comm: Any = world.native
    data, found, last = np.zeros(n), 0.0, world.size - 1

    def there_and_back() -> None:
        comm.Send(data, last)
        comm.Recv(data, last)

    world.barrier()  # the last rank answers at once
    if world.rank == 0:
        found = 0.5 * _median(there_and_back, rounds)
    elif world.rank == last:
        for _ in range(rounds):
            comm.Recv(data, 0)
            comm.Send(data, 0)
    world.wait_asleep()
    return found


def _exchanges(world: Communicator, rounds: int) -> list[tuple[float, float]]:
    """Seconds and CPU seconds of exchanges with the next rank: of this project, and with counts for all. Collective."""
    comm: Any = world.native
    size, to, sender = world.size, (world.rank + 1) % world.size, (world.rank - 1) % world.size
    data = np.ones(8)

    def exchange() -> None:
        world.exchange({to: data}, {sender: data.size})

    def dense() -> None:
        given, expected = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
        given[to], expected[sender] = data.size, data.size
        offsets = [np.cumsum(counts) - counts for counts in (given, expected)]
        comm.Alltoallv([data, (given, offsets[0])], [np.empty(data.size), (expected, offsets[1])])

    taken: dict[Callable[[], None], list[tuple[float, float]]] = {exchange: [], dense: []}
    world.barrier()  # all begin together
    for _ in range(rounds + 1):
        for work, found in taken.items():  # in turns, so that other load affects both alike
            began, used = time.perf_counter(), time.process_time()
            work()
            found.append((time.perf_counter() - began, time.process_time() - used))
    mine = [np.median(found[1:], axis=0) for found in taken.values()]  # the first makes connections
    wall_and_cpu = np.mean(world.all_gather(mine), axis=0)
    return [(float(wall), float(cpu)) for wall, cpu in wall_and_cpu]


def _median(work: Callable[[], object], rounds: int) -> float:
    seconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return median(seconds)
