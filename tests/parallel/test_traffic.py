"""Communicator contract, root traffic, ordered sums and shared errors, on any number of ranks."""

from __future__ import annotations

import time

import numpy as np
import pytest

from landda_hpc.errors import DataError, ParallelError
from landda_hpc.parallel.communicator import Communicator, SerialCommunicator
from landda_hpc.parallel.mpi import launch
from landda_hpc.parallel.partition import even_partition
from landda_hpc.parallel.process_layout import make_layout
from landda_hpc.parallel.reduction import MemberReduction
from landda_hpc.parallel.roots import RootTraffic
from landda_hpc.parallel.together import together


@pytest.fixture(scope="module")
def world() -> Communicator:
    return launch()


@pytest.mark.mpi
def test_waiting_asleep_uses_no_core_and_agrees_on_errors(world: Communicator) -> None:
    def wait(fails: bool) -> float:
        began = time.process_time()
        with together(world, "a program", asleep=True):
            if world.rank == 0:
                time.sleep(0.5)
                if fails:
                    raise DataError("the program failed")
        return time.process_time() - began

    assert wait(False) < 0.25
    with pytest.raises(DataError, match="the program failed"):
        wait(True)
    assert world.all_gather(1) == [1] * world.size


@pytest.mark.mpi
def test_communicator_contract(world: Communicator) -> None:
    rank, size = world.rank, world.size
    assert world.broadcast("x" if rank == 0 else None) == "x"
    assert world.all_gather(rank * 10) == [r * 10 for r in range(size)]
    gathered = world.gather(rank)
    assert gathered == (list(range(size)) if rank == 0 else None)
    outgoing = [np.full((rank, r), 100.0 * rank + r) for r in range(size)]
    received = world.exchange(outgoing, [r * rank for r in range(size)])
    for r, part in enumerate(received):
        assert part.shape == (r * rank,) and np.all(part == 100.0 * r + rank)
    even = world.split(0 if rank % 2 == 0 else None)
    assert (even is None) == (rank % 2 == 1)
    if even is not None:
        assert even.rank == rank // 2


def test_serial_twin_keeps_the_contract() -> None:
    test_communicator_contract(SerialCommunicator())


@pytest.mark.mpi
@pytest.mark.parametrize("groups", [1, 2, 3])
@pytest.mark.parametrize("roots", [None, 1, 2])
@pytest.mark.parametrize("n_cells", [0, 1, 3, 57])
def test_gather_and_scatter_carry_every_row_home(
    world: Communicator, groups: int, roots: int | None, n_cells: int
) -> None:
    rng = np.random.default_rng(n_cells)
    layout = make_layout(world.size, 3, rng.integers(1, 4, n_cells), groups, roots)
    traffic = RootTraffic(world, layout)
    for instance in range(3):
        rows = np.random.default_rng(instance).normal(size=(n_cells, 2))
        held = instance in layout.instances_of(world.rank)
        mine = rows[layout.cells_of(world.rank)] if held else None
        whole = traffic.gather(instance, mine, 2)
        assert (whole is not None) == (world.rank < layout.n_roots)
        if whole is not None:
            assert np.array_equal(whole, rows)
        back = traffic.scatter(instance, rows if traffic.is_root else None, 2)
        assert (back is not None) == held
        if back is not None and mine is not None:
            assert np.array_equal(back, mine)
        owned = traffic.collect(instance, mine, 2)
        assert (owned is not None) == traffic.is_root
        if owned is not None:
            assert np.array_equal(owned, rows[traffic.owned])
        returned = traffic.scatter_owned(instance, owned, 2)
        assert (returned is not None) == held
        if returned is not None and mine is not None:
            assert np.array_equal(returned, mine)
        shared = traffic.share(owned)
        assert shared is None or np.array_equal(shared, rows)


@pytest.mark.mpi
@pytest.mark.parametrize("n_members", [2, 5, 8, 50])
def test_member_sums_have_the_serial_bits(world: Communicator, n_members: int) -> None:
    data = np.random.default_rng(1).normal(size=(n_members, 101)) * np.exp(
        np.random.default_rng(2).normal(scale=20, size=(n_members, 101))
    )

    def total(reduction: MemberReduction) -> np.ndarray:
        sums = np.array([data[list(block)].cumsum(axis=0)[-1] for block in reduction.blocks])
        return reduction.sum_blocks(sums.reshape(len(reduction.blocks), 101))

    parts = world.all_gather([list(b) for b in MemberReduction(world, n_members).blocks])
    members = [m for part in parts for block in part for m in block]
    assert members == list(range(n_members))
    serial = total(MemberReduction(SerialCommunicator(), n_members))
    assert total(MemberReduction(world, n_members)).tobytes() == serial.tobytes()


@pytest.mark.mpi
@pytest.mark.parametrize("n_members", [2, 5, 8, 50])
@pytest.mark.parametrize("n_cells", [1, 57])
def test_members_become_cells(world: Communicator, n_members: int, n_cells: int) -> None:
    """Every process has some members in all cells, then all members in some cells."""
    data = np.random.default_rng(1).normal(size=(n_members, n_cells))
    reduction = MemberReduction(world, n_members)
    mine = [m for block in reduction.blocks for m in block]
    bounds = even_partition(n_cells, world.size)
    owned = slice(int(bounds[world.rank]), int(bounds[world.rank + 1]))
    assert np.array_equal(reduction.by_cell(data[mine].reshape(len(mine), n_cells)), data[:, owned])
    assert np.array_equal(reduction.of_all_cells(data[0, owned], n_cells), data[0])


@pytest.mark.mpi
def test_an_error_on_one_rank_is_raised_on_all(world: Communicator) -> None:
    with together(world, "doing well"):
        pass
    bad = world.size - 1
    with pytest.raises(DataError, match="broken file") as caught, together(world, "reading"):
        if world.rank == bad:
            raise DataError("broken file")
    assert caught.value.agreed
    assert world.rank == bad or f"rank {bad} failed" in str(caught.value)
    expected = KeyError if world.rank == bad else ParallelError
    with pytest.raises(expected), together(world, "looking"):
        if world.rank == bad:
            raise KeyError("a bug")
