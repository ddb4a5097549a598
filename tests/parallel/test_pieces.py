"""Computations that the processes of a group share piece by piece, on any number of ranks."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landda_hpc.analysis.protocol import HearsIncrements, ImagePair
from landda_hpc.analysis.running_statistics import MethodMemory
from landda_hpc.config import METHODS
from landda_hpc.errors import ShapeError
from landda_hpc.grid import regular_grid
from landda_hpc.methods.base.assembly import make_method
from landda_hpc.parallel.communicator import Communicator, SerialCommunicator
from landda_hpc.parallel.mpi import launch
from landda_hpc.parallel.pieces import ALONE, Piece, PieceSharing, dealt

SHAPE = (24, 48)


@pytest.fixture(scope="module")
def world() -> Communicator:
    return launch()


@given(st.lists(st.floats(0.1, 100.0), min_size=1, max_size=40), st.integers(1, 12))
def test_no_process_has_much_more_than_the_others(costs: list[float], n: int) -> None:
    owners = dealt(costs, n)
    assert len(owners) == len(costs) and set(owners) <= set(range(n))
    load = np.bincount(owners, weights=costs, minlength=n)
    # The least possible is at least the mean, the costliest piece, and two of the n + 1 costliest pieces.
    ordered = sorted(costs, reverse=True)
    least = max(sum(costs) / n, ordered[0], ordered[n - 1] + ordered[n] if len(costs) > n else 0.0)
    assert load.max() <= (4.0 / 3.0) * least * (1.0 + 1e-12)


def test_a_piece_of_another_size_is_an_error() -> None:
    assert ALONE.results([]) == []
    with pytest.raises(ShapeError, match="2 numbers; 3 were expected"):
        ALONE.results([Piece(lambda: np.zeros(2), 3)])


@pytest.mark.mpi
def test_every_process_gets_all_results(world: Communicator) -> None:
    computed = []

    def piece(number: int) -> Piece:
        def compute() -> np.ndarray:
            computed.append(number)
            return np.arange(number * 2.0).reshape(2, number) + 0.1 * number

        return Piece(compute, 2 * number, float(number))

    results = PieceSharing(world).results([piece(number) for number in range(9)])
    for number, result in enumerate(results):
        assert np.array_equal(result, np.arange(number * 2.0) + 0.1 * number)
    everywhere = [number for part in world.all_gather(computed) for number in part]
    assert sorted(everywhere) == list(range(9))  # each was computed once


def _run(group: Communicator, has_referee: bool) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
    """Increments and memory of the learned analysis after six analyses with gaps."""
    section = METHODS["learned"].model_validate({"method": "learned", "frame": {"angles_coarse": 8}})
    method = make_method(section, regular_grid(*SHAPE), group, 3, has_referee=has_referee)
    assert isinstance(method, HearsIncrements) and isinstance(method, MethodMemory)
    domain = np.random.default_rng(1).random(SHAPE) < 0.8
    state, increments = np.full(SHAPE, 0.25), []
    for cycle in range(6):
        noise = np.random.default_rng([2, cycle]).standard_normal((3, *SHAPE))
        observation = np.where(noise[2] < 1.0, 0.27 + 0.04 * noise[0], np.nan)
        referee = np.where(noise[2] > -1.0, 0.26 + 0.03 * noise[1], np.nan) if has_referee else None
        time = (datetime(2022, 6, 1) + timedelta(hours=6 * cycle)).isoformat()
        analysis = method.analyse(ImagePair(state.copy(), observation, domain, time, referee=referee))
        method.applied(analysis.increment)
        state = state + analysis.increment
        increments.append(analysis.increment)
    return increments, method.state()


@pytest.mark.mpi
@pytest.mark.parametrize("has_referee", [False, True])
def test_learned_errors_do_not_depend_on_the_number_of_roots(world: Communicator, has_referee: bool) -> None:
    (shared, memory), (alone, own) = _run(world, has_referee), _run(SerialCommunicator(), has_referee)
    for a, b in zip(shared, alone, strict=True):
        assert a.tobytes() == b.tobytes()
    assert memory.keys() == own.keys()
    for name, values in own.items():
        assert values.tobytes() == memory[name].tobytes(), name
