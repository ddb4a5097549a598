"""Objects that the processes of a node hold once, on any number of ranks."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from landda_hpc.campaign.start import resume_campaign, start_campaign
from landda_hpc.config import parse_config
from landda_hpc.constants import FloatArray
from landda_hpc.errors import DataError, ParallelError
from landda_hpc.instances.models.column import ColumnModelSection
from landda_hpc.parallel.communicator import Communicator, SharedMemory
from landda_hpc.parallel.mpi import launch
from landda_hpc.parallel.node_memory import once_per_node
from tests.spinup_case import StopAfter


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

    def make() -> Example:
        made.append(1)
        return example()

    got = once_per_node(world, make, "making an example").value
    expected = example()
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

    def no_room(self: Communicator, n: int) -> tuple[memoryview, SharedMemory]:
        shared = plain(self, n)
        if self.rank == self.size - 1:
            raise ParallelError("no room")
        return shared

    monkeypatch.setattr(kind, "shared_bytes", no_room)
    with caplog.at_level(logging.WARNING):
        shared = once_per_node(world, example, "making an example")
    got = shared.value
    assert got.plain.flags.writeable
    np.testing.assert_array_equal(got.repeated, example().repeated)
    node = world.of_node()
    if node.size > 1 and node.rank == node.size - 1:
        assert "own copy" in caplog.text
    assert shared.release()


@pytest.mark.mpi
def test_the_memory_of_a_node_is_one(world: Communicator) -> None:
    node = world.of_node()
    memory, shared = node.shared_bytes(8)
    if node.rank == node.size - 1:
        memory[:] = b"12345678"
    node.barrier()
    assert bytes(memory) == b"12345678"
    assert shared.is_used()
    del memory
    assert not shared.is_used()
    shared.free()


def shared_kilobytes() -> int:
    """Pages of shared memory that this process has touched."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssShmem"))


@pytest.mark.mpi
def test_the_memory_is_freed_when_no_process_uses_it(world: Communicator, caplog: pytest.LogCaptureFixture) -> None:
    """A slice of an array on one rank keeps it on all; an array in a reference cycle does not."""
    node = world.of_node()
    before = shared_kilobytes()
    for keeps in (False, True):
        shared = once_per_node(world, lambda: np.zeros(4_000_000), "making zeros")
        assert float(shared.value.sum()) == 0.0  # touches every page
        cycle: list[object] = [shared.value]
        cycle.append(cycle)
        part = shared.value[10:20] if keeps and node.rank == node.size - 1 else None
        del cycle
        caplog.clear()
        assert shared.release() == (not keeps or node.size == 1)
        if node.size > 1:
            assert ("making zeros" in caplog.text) == (part is not None)
            assert (shared_kilobytes() - before > 30_000) == keeps
        assert part is None or not part.any()


CONFIG = parse_config(
    {
        "name": "small", "seed": 7,
        "time": {"start": "2022-06-02T00:00", "assimilation_end": "2022-06-02T12:00", "end": "2022-06-02T12:00"},
        "grid": {"n_lat": 17, "n_lon": 20, "south": 20.0, "north": 60.0, "west": 60.0, "east": 120.0},
        "model": {"spinup_days": 0},
        "observations": {"kind": "twin"},
        "twin": {"sand_sigma": 20.0},
        "runs": [{"method": "control"}],
        "output": {"figures": False},
    }
)  # fmt: skip


@pytest.mark.mpi
def test_a_failure_of_one_rank_at_the_start_ends_it_on_all(
    world: Communicator, mpi_tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No rank waits for the others to free the climatology."""

    def fail(*_: object) -> None:
        raise DataError("no initial state")

    if world.rank == world.size - 1:
        monkeypatch.setattr(ColumnModelSection, "initial_state", fail)
    with pytest.raises(DataError, match="no initial state"):
        start_campaign(CONFIG, world, mpi_tmp_path / "failed")
    world.barrier()


@pytest.mark.mpi
def test_a_campaign_frees_the_climatology_after_start_and_resume(
    world: Communicator, mpi_tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for begins in (True, False):
        caplog.clear()
        with caplog.at_level(logging.INFO):
            path = mpi_tmp_path / "small"
            campaign = start_campaign(CONFIG, world, path) if begins else resume_campaign(path, world)
        node = world.of_node()
        assert ("reading the climatology: freed" in caplog.text) == (node.size > 1 and node.rank == 0)
        assert "reading the climatology: an array" not in caplog.text
        if begins:
            campaign.run(stop=StopAfter(1))
        campaign.folder.unlock()
        world.barrier()
