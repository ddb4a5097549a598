"""States and tiles that the storage tests share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from landda_hpc.state import Tiles, TileState
from landda_hpc.variables import STATE


def any_bits(n_tiles: int, seed: int) -> TileState:
    """Random bit patterns: NaN with payloads, infinities, subnormal numbers, minus zero."""
    rng = np.random.default_rng(seed)
    return TileState(
        {
            v.name: rng.integers(0, 2**64, size=(n_tiles, *v.shape), dtype=np.uint64).view(np.float64)
            for v in STATE.values()
        }
    )


@pytest.fixture
def make_state() -> Callable[[int, int], TileState]:
    return any_bits


@pytest.fixture
def make_tiles() -> Callable[..., Tiles]:
    def tiles(start: int, stop: int) -> Tiles:
        n = stop - start
        index = np.arange(start, stop, dtype=np.int64)
        flat, layers = np.zeros(n), np.zeros((n, 10))
        kinds = np.zeros(n, dtype=np.int64)
        return Tiles(
            index, index // 2 + 5, 0.5 + 0.25 * (index % 2), kinds, kinds, kinds, flat, flat,
            layers, layers, layers, layers, layers, flat, layers,
        )  # fmt: skip

    return tiles
