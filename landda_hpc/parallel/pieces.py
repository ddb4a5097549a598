"""Computations in independent pieces, which the processes of a group share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from landda_hpc.constants import FloatArray
from landda_hpc.errors import ShapeError
from landda_hpc.parallel.communicator import Communicator, SerialCommunicator


@dataclass(frozen=True, eq=False)
class Piece:
    """A part of a computation that depends on no other part, and has the same bits on every process.

    Attributes
    ----------
    compute : returns ``n`` numbers, of any shape. Local.
    n : size of the result, which every process knows before.
    cost : expected time, relative to that of the other pieces.
    """

    compute: Callable[[], FloatArray]
    n: int
    cost: float = 1.0


class PieceSharing:
    """Deals pieces out to the processes of a group, and gives every process all results.

    Parameters
    ----------
    group : the processes, for example the root group.

    Notes
    -----
    Every piece is computed as a whole by one process, so the results do not depend on the number of processes.
    """

    def __init__(self, group: Communicator) -> None:
        self._group = group

    def results(self, pieces: Sequence[Piece]) -> list[FloatArray]:
        """Return the result of every piece, flat, in order. Collective: all processes pass the same pieces.

        Raises
        ------
        ShapeError : a piece has another size than stated; only on the process that computed it.
        """
        owners = dealt([piece.cost for piece in pieces], self._group.size)
        mine = [_checked(piece) for piece, owner in zip(pieces, owners, strict=True) if owner == self._group.rank]
        if self._group.size == 1:
            return mine
        counts = np.bincount(owners, weights=[piece.n for piece in pieces], minlength=self._group.size).astype(int)
        everyone, outgoing = range(self._group.size), np.concatenate([np.empty(0), *mine])
        received = self._group.exchange(dict.fromkeys(everyone, outgoing), dict(enumerate(counts.tolist())))
        start = (np.cumsum(counts) - counts).tolist()
        results = []
        for piece, owner in zip(pieces, owners, strict=True):
            results.append(received[start[owner] : start[owner] + piece.n])
            start[owner] += piece.n
        return results


ALONE = PieceSharing(SerialCommunicator())
"""One process computes all pieces."""


def dealt(costs: Sequence[float], n_processes: int) -> list[int]:
    """Return the process of each piece: the costliest piece first, always to the process with the least cost so far.

    The largest cost of a process is at most 4/3 of the smallest that is possible: Graham (1969), SIAM J. Appl. Math.,
    17, 416-429.
    """
    load = np.zeros(n_processes)
    owners = [0] * len(costs)
    for piece in sorted(range(len(costs)), key=lambda i: (-costs[i], i)):
        owners[piece] = int(load.argmin())
        load[owners[piece]] += costs[piece]
    return owners


def _checked(piece: Piece) -> FloatArray:
    result = np.ascontiguousarray(piece.compute(), dtype=np.float64).reshape(-1)
    if result.size != piece.n:
        raise ShapeError(f"a piece of a shared computation has {result.size} numbers; {piece.n} were expected.")
    return result
