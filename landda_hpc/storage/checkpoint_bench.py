"""Time to write a checkpoint, next to a plain parallel write of the same bytes with fsync."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np

from landda_hpc.constants import FloatArray
from landda_hpc.io.atomic import storage_errors
from landda_hpc.parallel.communicator import Communicator
from landda_hpc.parallel.partition import even_partition
from landda_hpc.parallel.together import together
from landda_hpc.state import TileState
from landda_hpc.storage.checkpoint import CheckpointHeader, LocalPart, Mode, filled_file, write_checkpoint
from landda_hpc.storage.checkpoint_write import Parts
from landda_hpc.variables import LAND_STATE, STATE

BAR: Final = 0.7
"""Throughput before the read-back, relative to the plain write."""


@dataclass(frozen=True)
class CheckpointTiming:
    """Medians over the rounds; the writes of a round follow each other.

    Attributes
    ----------
    n_bytes : of the arrays.
    plain_s : of the plain write: every rank writes its part of one file and synchronises it.
    filled_s : of the checkpoint before the read-back: all arrays are in the file, and synchronised.
    complete_s : of the whole checkpoint, with hashes and read-back.
    ratio : of the throughput of ``filled_s`` to that of ``plain_s`` in the same round.
    """

    n_bytes: int
    plain_s: float
    filled_s: float
    complete_s: float
    ratio: float


def measure(
    folder: Path, world: Communicator, n_tiles: int, n_instances: int, rounds: int, mode: Mode = "auto"
) -> CheckpointTiming:
    """Time the writes in turns, in files that are removed. Collective.

    Parameters
    ----------
    folder : existing folder of the file system to measure.
    n_tiles, n_instances : size of the state, with the variables of the complete land model.
    mode : as ``write_checkpoint``.

    Raises
    ------
    StorageError : (on every rank) a file cannot be written.
    """
    names = tuple(f"run{k}" for k in range(n_instances))
    header = CheckpointHeader("bench", 0, "2000-01-01T00:00:00", "", n_tiles, names, "")
    bounds = even_partition(n_tiles, world.size)
    mine = slice(int(bounds[world.rank]), int(bounds[world.rank + 1]))
    parts = {name: LocalPart(_state(mine.stop - mine.start, k), mine) for k, name in enumerate(names)}
    path = folder / "landda_bench.h5"

    def fill() -> None:
        with filled_file(path, world, header, parts, mode):
            stops.append(time.perf_counter())

    def complete() -> None:
        write_checkpoint(path, world, header, parts, mode)
        stops.append(time.perf_counter())
        with together(world, "removing the file"):
            if world.rank == 0:
                path.unlink()

    def plain() -> None:
        _write_plain(path, world, parts)
        stops.append(time.perf_counter())
        with together(world, "removing the file"):
            if world.rank == 0:
                path.unlink()

    seconds: dict[Callable[[], None], list[float]] = {plain: [], fill: [], complete: []}
    stops: list[float] = []
    for _ in range(rounds):
        for write, found in seconds.items():
            world.barrier()
            began = time.perf_counter()
            write()
            found.append(max(world.all_gather(stops[-1] - began)))
    n_bytes = n_instances * n_tiles * sum(8 * int(np.prod(STATE[name].shape, dtype=np.int64)) for name in LAND_STATE)
    ratio = median(p / f for p, f in zip(seconds[plain], seconds[fill], strict=True))
    plain_s, filled_s, complete_s = (median(found) for found in seconds.values())
    return CheckpointTiming(n_bytes, plain_s, filled_s, complete_s, ratio)


def _state(n_tiles: int, seed: int) -> TileState:
    random = np.random.default_rng(seed)
    return TileState({name: random.random((n_tiles, *STATE[name].shape)) for name in LAND_STATE})


def _write_plain(path: Path, world: Communicator, parts: Parts) -> None:
    """Every rank writes its arrays one after the other into its own range of one file, and synchronises. Collective."""
    arrays: list[FloatArray] = [s[name] for s, _ in parts.values() if s is not None for name in s.names]
    sizes = world.all_gather(sum(array.nbytes for array in arrays))
    with together(world, "making the file"):
        if world.rank == 0:
            with storage_errors(path, "making"):
                path.touch()
    with together(world, "writing"), storage_errors(path, "writing"), path.open("r+b", buffering=0) as file:
        file.seek(sum(sizes[: world.rank]))
        for array in arrays:
            file.write(np.ascontiguousarray(array).data)
        os.fsync(file.fileno())
