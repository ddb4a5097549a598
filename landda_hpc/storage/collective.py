"""Common parts of collective writes: steps that fail on all ranks together, and a check that parts cover the tiles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from landda_hpc.errors import ShapeError
from landda_hpc.io.atomic import storage_errors
from landda_hpc.parallel.communicator import Communicator
from landda_hpc.parallel.together import together

Extent = tuple[int, int]
"""First tile, and last tile + 1, of a part of the global tile vector; equal if the part is empty."""


@contextmanager
def step(communicator: Communicator, path: Path, doing: str) -> Iterator[None]:
    """Run one step of a write; StorageError on every rank if it fails on any rank. Collective.

    The block itself must not communicate (see ``together``).
    """
    with together(communicator, f"{path.name}: {doing}"), storage_errors(path, doing):
        yield


def require_cover(what: str, parts: Sequence[Extent], n_tiles: int) -> None:
    """Raise ShapeError unless the parts, in any order, cover tiles 0 to n_tiles once each. Local."""
    reached = 0
    for start, stop in sorted(part for part in parts if part[0] < part[1]):
        if start != reached:
            break
        reached = stop
    else:
        if reached == n_tiles:
            return
    raise ShapeError(
        f"{what}: the ranks' tiles {list(parts)} (first, last + 1) do not cover 0 to {n_tiles} once each; "
        f"the first gap or overlap is at tile {reached}."
    )
