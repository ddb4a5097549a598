"""Seconds per step, per rank."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from landda_hpc.parallel.communicator import Communicator
from landda_hpc.parallel.watchdog import watched

rank_log = logging.getLogger("landda_hpc.rank")
"""Logger of one line per cycle on every rank, in its own file if requested (--rank-logs)."""

STEPS = ("forecast", "aggregate", "observe", "analyse", "distribute", "checkpoint", "diagnostics")


class StepClock:
    """Adds up wall and CPU seconds of each step of a cycle on this rank."""

    def __init__(self) -> None:
        self._wall = dict.fromkeys(STEPS, 0.0)
        self._cpu = dict.fromkeys(STEPS, 0.0)

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            with watched(step):
                yield
        finally:
            self._wall[step] += time.perf_counter() - wall
            self._cpu[step] += time.process_time() - cpu

    def collect(self, world: Communicator) -> dict[str, dict[str, float]]:
        """Seconds per step since the last call, over ranks: max, mean, and CPU mean. Collective."""
        mine = np.array([[self._wall[s], self._cpu[s]] for s in STEPS])
        rank_log.info("%s", ", ".join(f"{s} {self._wall[s]:.3f} s (CPU {self._cpu[s]:.3f})" for s in STEPS))
        self._wall = dict.fromkeys(STEPS, 0.0)
        self._cpu = dict.fromkeys(STEPS, 0.0)
        everyone = np.array(world.all_gather(mine))
        return {
            step: {
                "max": round(float(everyone[:, i, 0].max()), 6),
                "mean": round(float(everyone[:, i, 0].mean()), 6),
                "cpu_max": round(float(everyone[:, i, 1].max()), 6),
                "cpu_mean": round(float(everyone[:, i, 1].mean()), 6),
            }
            for i, step in enumerate(STEPS)
        }
