"""CPU time that a root spends per rank of the job in each exchange, measured without these ranks."""

from __future__ import annotations

import time
from collections.abc import Sequence
from statistics import median
from typing import Final

import numpy as np

from landda_hpc.constants import FloatArray
from landda_hpc.parallel.communicator import SerialCommunicator, check_exchange
from landda_hpc.parallel.process_layout import make_layout
from landda_hpc.parallel.roots import RootTraffic

_FEW, _MANY, _CELLS, _ROUNDS = 20, 2020, 4040, 5


class _Alone(SerialCommunicator):
    """Rank 0 of a job of many ranks of which the others do not exist; what it exchanges comes back as zeros."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def exchange(self, outgoing: Sequence[FloatArray], incoming: Sequence[int]) -> list[FloatArray]:
        """Prepare and take apart the buffers as with MPI."""
        check_exchange(outgoing, incoming, self.size)
        counts = np.array(incoming, dtype=np.int64)
        sent = np.concatenate([np.asarray(a, dtype=np.float64).reshape(-1) for a in outgoing])
        assert sent.size == sum(a.size for a in outgoing), "all arrays"
        return np.split(np.zeros(int(counts.sum())), np.cumsum(counts)[:-1])


SHARE_OF_STEPS: Final = {"aggregate": 1.0, "distribute": 2.0}
"""Exchanges of an instance with the roots in a step."""


def cost_per_rank() -> float:
    """CPU seconds of the root group's first rank per rank of the job and exchange. Local."""
    return (_seconds(_MANY) - _seconds(_FEW)) / (_MANY - _FEW)


def _seconds(ranks: int) -> float:
    layout = make_layout(ranks, 1, np.ones(_CELLS, dtype=np.int64))
    traffic = RootTraffic(_Alone(ranks), layout)
    rows, found = np.zeros((layout.cells_held(0, 0), 2)), []
    for _ in range(_ROUNDS):
        began = time.process_time()
        traffic.collect(0, rows, 2)
        found.append(time.process_time() - began)
    return median(found)
