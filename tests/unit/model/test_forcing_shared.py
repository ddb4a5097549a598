"""Ranks that share the computation of latent images have the weather of one that computes all of them."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest

from landda_hpc.config import ForcingConfig
from landda_hpc.model.forcing import StochasticWeather
from landda_hpc.model.protocol import Weather
from landda_hpc.parallel.communicator import Communicator
from tests.unit.campaign.fakes import on_ranks
from tests.unit.model.test_forcing_stochastic import CLIMATOLOGY, GRID, START, make_tiles

HOUR = timedelta(hours=1)


def make_source(cells: np.ndarray, *, consistent: bool) -> StochasticWeather:
    tiles = make_tiles(GRID, cells)
    return StochasticWeather(GRID, tiles, ForcingConfig(), 1, "base", 1.0, CLIMATOLOGY, consistent)


@pytest.mark.parametrize("consistent", [False, True])
def test_the_weather_is_that_of_one_rank(consistent: bool) -> None:
    """In the first steps, after a jump over blocks, and at a step that was not prepared; also without cells."""
    size = 3
    cuts = np.linspace(0, GRID.n_cells, size).astype(int)
    parts = [np.arange(first, last) for first, last in pairwise(cuts)] + [np.arange(0)]
    computed: list[tuple[str, int]] = []

    def work(group: Communicator) -> list[Weather]:
        source = make_source(parts[group.rank], consistent=consistent)
        source.share(group, parts)
        latents, one = source._latents, source._latents.one

        def counted(name: str, step: int) -> np.ndarray:
            computed.append((name, step))
            return one(name, step)

        latents.one = counted  # type: ignore[method-assign]
        found = []
        for begin in (START, START + 12 * HOUR, START + 3000 * HOUR):
            source.prepare(begin, begin + 6 * HOUR)
            found += [source.during(begin), source.during(begin + 3 * HOUR)]
        return [*found, source.during(START + 600 * HOUR)]

    shared = on_ranks(size, work)
    alone = make_source(np.arange(GRID.n_cells), consistent=consistent)
    times = [START + hours * HOUR for hours in (0, 3, 12, 15, 3000, 3003, 600)]
    for time, *of_ranks in zip(times, *shared, strict=True):
        for name, values in vars(alone.during(time)).items():
            assert np.array_equal(values, np.concatenate([getattr(part, name) for part in of_ranks])), name
    # Each image by one rank; those of the step that was not prepared by the two ranks with cells.
    assert set(Counter(computed).values()) == {1, 2}
