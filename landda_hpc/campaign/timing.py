"""Seconds and communication per step, per rank."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np

from landda_hpc.errors import DataError
from landda_hpc.parallel.communicator import Communicator
from landda_hpc.parallel.watchdog import watched
from landda_hpc.process_memory import peak_bytes

rank_log = logging.getLogger("landda_hpc.rank")
"""Logger of one line per cycle on every rank, in its own file if requested (--rank-logs)."""

STEPS = ("forecast", "aggregate", "observe", "analyse", "distribute", "checkpoint", "diagnostics")


@dataclass
class StepUse:
    """What one rank used in one step of a cycle.

    Attributes
    ----------
    wall, cpu : seconds.
    compute : CPU seconds outside of the calls of the communicator, in which a rank may wait actively.
    n_bytes, n_messages, n_calls : communication, see ``Traffic``.
    """

    wall: float = 0.0
    cpu: float = 0.0
    compute: float = 0.0
    n_bytes: float = 0.0
    n_messages: float = 0.0
    n_calls: float = 0.0


RankUse = dict[str, StepUse]
"""What one rank used in a cycle, by step."""


class StepClock:
    """Adds up seconds and communication of each step of a cycle on this rank.

    Parameters
    ----------
    world : all ranks.
    """

    def __init__(self, world: Communicator) -> None:
        self._world = world
        self._used = {step: StepUse() for step in STEPS}

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        before = self._counts()
        try:
            with watched(step):
                yield
        finally:
            used = self._used[step]
            for field, begin, end in zip(fields(StepUse), before, self._counts(), strict=True):
                setattr(used, field.name, getattr(used, field.name) + end - begin)

    def _counts(self) -> tuple[float, ...]:
        cpu, counts = time.process_time(), self._world.traffic
        sent = counts.n_bytes, counts.n_messages, counts.n_calls
        return (time.perf_counter(), cpu, cpu - counts.cpu_s, *sent)

    def collect(self) -> dict[str, dict[str, Any]]:
        """Records of a cycle since the last call, over all ranks. Collective.

        Returns
        -------
        ``seconds`` : per step, maximum and mean of wall, CPU and computing seconds. ``traffic`` : per step, maximum and
        mean of bytes and messages, and calls of rank 0. Both have all steps.
        """
        mine = np.array([astuple(self._used[step]) for step in STEPS])
        rank_log.info("%s", rank_line(self._used, peak_bytes()))
        self._used = {step: StepUse() for step in STEPS}
        everyone = np.array(self._world.all_gather(mine))
        most, mean = everyone.max(axis=0), everyone.mean(axis=0)
        seconds, traffic = {}, {}
        for i, step in enumerate(STEPS):
            pairs = [(round(float(m), 6), round(float(a), 6)) for m, a in zip(most[i], mean[i], strict=True)]
            names = [("max", "mean"), ("cpu_max", "cpu_mean"), ("compute_max", "compute_mean")]
            seconds[step] = {name: value for both, pair in zip(names, pairs[:3], strict=True)
                             for name, value in zip(both, pair, strict=True)}  # fmt: skip
            traffic[step] = {
                "bytes_max": int(most[i, 3]), "bytes_mean": pairs[3][1],
                "messages_max": int(most[i, 4]), "messages_mean": pairs[4][1], "calls": int(everyone[0, i, 5]),
            }  # fmt: skip
        return {"seconds": seconds, "traffic": traffic}


def rank_line(used: RankUse, peak: float) -> str:
    """One line of a rank's log: what it used in each step of a cycle, and its peak memory in bytes."""
    steps = (
        f"{step} {u.wall:.6f} s (CPU {u.cpu:.6f}, computing {u.compute:.6f}, {u.n_bytes:.0f} bytes in "
        f"{u.n_messages:.0f} messages, {u.n_calls:.0f} calls)"
        for step, u in used.items()
    )
    return f"{', '.join(steps)}; peak {peak / 1e6:.1f} MB"


_STEP: Final = re.compile(r"(\w+) (\S+) s \(CPU (\S+), computing (\S+), (\d+) bytes in (\d+) messages, (\d+) calls\)")
_PEAK: Final = re.compile(r"; peak (\d+\.\d) MB$")


def read_rank_log(path: Path) -> list[tuple[RankUse, float]]:
    """Cycles in a rank's log, oldest first: what the rank used in each step, and its peak memory in bytes.

    Raises
    ------
    DataError : the file has no such line.
    """
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        peak = _PEAK.search(line)
        if peak is not None:
            used = {name: StepUse(*(float(v) for v in values)) for name, *values in _STEP.findall(line)}
            found.append((used, 1e6 * float(peak.group(1))))
    if not found:
        raise DataError(f"{path} has no line of a cycle. Run the campaign with --rank-logs.")
    return found
