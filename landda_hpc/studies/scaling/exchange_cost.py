"""CPU time in which a root prepares an exchange with the ranks, measured without these ranks.

A rank names only the ranks to which it sends and from which it receives. A few ranks do not show what this costs a
root on thousands. The calls of MPI are not contained.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from statistics import median
from typing import Final

import numpy as np

from landda_hpc.constants import FloatArray
from landda_hpc.parallel.communicator import SerialCommunicator, check_exchange, exchange_buffers
from landda_hpc.parallel.process_layout import Layout, make_layout
from landda_hpc.parallel.roots import RootTraffic

_FEW, _MANY, _CELLS, _ROUNDS = 20, 2020, 4040, 15
_CELLS_OF_RANK: Final = 100


class _Alone(SerialCommunicator):
    """Rank 0 of a job of many ranks of which the others do not exist; what it exchanges comes back as zeros."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size, self.n_partners = size, 0

    def exchange(self, outgoing: Mapping[int, FloatArray], incoming: Mapping[int, int]) -> FloatArray:
        """Prepare the buffers as with MPI."""
        check_exchange(outgoing, incoming, self)
        flat, received, parts = exchange_buffers(outgoing, incoming)
        self.n_partners = len(flat) + len(parts)
        received[:] = 0.0
        return received


SHARE_OF_STEPS: Final = {"aggregate": 1.0, "distribute": 2.0}
"""Exchanges of an instance with the roots in a step."""


def cost_per_partner() -> float:
    """CPU seconds of the first root per rank from which it collects rows. Local."""
    few, many = (collect_cost(make_layout(n, 1, np.ones(_CELLS, dtype=np.int64))) for n in (_FEW, _MANY))
    return max(0.0, many[0] - few[0]) / (many[1] - few[1])


def collect_cost_of(ranks: int, groups: int) -> tuple[float, int]:
    """``collect_cost`` with so many ranks, in so many member groups of an instance each. Local."""
    cells = np.ones(_CELLS_OF_RANK * (ranks // groups), dtype=np.int64)
    return collect_cost(make_layout(ranks, groups, cells, groups))


def collect_cost(layout: Layout) -> tuple[float, int]:
    """CPU seconds in which the first root prepares to collect an instance, and the number of ranks named. Local."""
    world = _Alone(layout.n_ranks)
    traffic = RootTraffic(world, layout)
    rows, found = np.zeros((layout.cells_held(0, 0), 2)), []
    for _ in range(_ROUNDS):
        began = time.process_time()
        traffic.collect(0, rows, 2)
        found.append(time.process_time() - began)
    return median(found), world.n_partners
