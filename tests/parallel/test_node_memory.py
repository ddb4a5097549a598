"""Objects that the processes of a node hold once, on any number of ranks."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import pytest

from landda_hpc.constants import FloatArray
from landda_hpc.errors import DataError, ParallelError
from landda_hpc.parallel.communicator import Communicator
from landda_hpc.parallel.mpi import launch
from landda_hpc.parallel.node_memory import once_per_node


@pytest.fixture(scope="module")
def world() -> Communicator:
    return launch()


@dataclass
class Example:
    plain: FloatArray
    by_columns: FloatArray
    repeated: FloatArray
    empty: FloatArray
    name: str


def example() -> Example:
    numbers = np.arange(3000.0)
    return Example(
        numbers[1:], np.asfortranarray(numbers.reshape(30, 100)), np.broadcast_to(numbers[:, None], (3000, 500)),
        np.empty((0, 3)), "name",
    )  # fmt: skip


@pytest.mark.mpi
def test_every_rank_has_the_object_with_its_order_in_memory(world: Communicator) -> None:
    made = []
    got, expected = once_per_node(world, lambda: made.append(1) or example(), "making an example"), example()
    assert len(made) == (world.of_node().rank == 0)
    for name in ("plain", "by_columns", "repeated", "empty"):
        mine, theirs = getattr(got, name), getattr(expected, name)
        np.testing.assert_array_equal(mine, theirs)
        assert mine.size == 0 or mine.strides == theirs.strides
        assert mine.dtype == theirs.dtype
    assert got.name == "name"
    if world.of_node().size > 1:
        assert not got.plain.flags.writeable


@pytest.mark.mpi
def test_an_error_is_raised_on_every_rank(world: Communicator) -> None:
    def fail() -> Example:
        raise DataError("no such thing")

    with pytest.raises(DataError, match="no such thing"):
        once_per_node(world, fail, "making an example")


@pytest.mark.mpi
def test_without_room_every_rank_makes_its_own(
    world: Communicator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One rank lacks the room."""
    kind = type(world)
    plain = kind.shared_bytes

    def no_room(self: Communicator, n: int) -> memoryview:
        memory = plain(self, n)  # type: ignore[arg-type]
        if self.rank == self.size - 1:
            raise ParallelError("no room")
        return memory

    monkeypatch.setattr(kind, "shared_bytes", no_room)
    with caplog.at_level(logging.WARNING):
        got = once_per_node(world, example, "making an example")
    assert got.plain.flags.writeable
    np.testing.assert_array_equal(got.repeated, example().repeated)
    node = world.of_node()
    if node.size > 1 and node.rank == node.size - 1:
        assert "own copy" in caplog.text


@pytest.mark.mpi
def test_the_memory_of_a_node_is_one(world: Communicator) -> None:
    node = world.of_node()
    memory = node.shared_bytes(8)
    if node.rank == node.size - 1:
        memory[:] = b"12345678"
    node.barrier()
    assert bytes(memory) == b"12345678"
