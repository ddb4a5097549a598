"""Communicator contract, root traffic, ordered sums and shared errors, on any number of ranks."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from landda_hpc.errors import DataError, ParallelError, ShapeError
from landda_hpc.parallel import mpi
from landda_hpc.parallel.cell_sums import CELL_BLOCK, CellTotals
from landda_hpc.parallel.communicator import Communicator, SerialCommunicator
from landda_hpc.parallel.mpi import launch
from landda_hpc.parallel.partition import even_partition
from landda_hpc.parallel.process_layout import make_layout
from landda_hpc.parallel.reduction import MemberReduction, tree_sum
from landda_hpc.parallel.roots import RootTraffic
from landda_hpc.parallel.together import together
from landda_hpc.verification.statistics.scores import Score, ScoredPair, score, score_pairs


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
    outgoing = {r: np.full((rank, r), 100.0 * rank + r) for r in range(size)}
    received = world.exchange(outgoing, {r: r * rank for r in reversed(range(size))})
    expected = [np.full(r * rank, 100.0 * r + rank) for r in reversed(range(size))]
    assert np.array_equal(received, np.concatenate(expected))
    assert world.exchange({}, {}).shape == (0,)
    even = world.split(0 if rank % 2 == 0 else None)
    assert (even is None) == (rank % 2 == 1)
    if even is not None:
        assert even.rank == rank // 2


@pytest.mark.mpi
def test_communication_is_counted_also_that_of_parts(world: Communicator) -> None:
    rank, size = world.rank, world.size
    begin = replace(world.traffic)
    outgoing = {size - 1: np.zeros(0), 0: np.zeros(3)}
    world.exchange(outgoing, dict.fromkeys(range(size), 3) if rank == 0 else {})
    sent = 0 if rank == 0 else 24
    assert world.traffic.n_bytes - begin.n_bytes == sent
    assert world.traffic.n_messages - begin.n_messages == int(rank > 0)
    part = world.split(0 if rank < 2 else None)
    if part is not None:
        part.exchange(dict.fromkeys(range(part.size), np.zeros(2)), dict.fromkeys(range(part.size), 2))
        sent += 16 * (part.size - 1)
    assert world.traffic.n_bytes - begin.n_bytes == sent
    world.all_gather("x")
    assert (world.traffic.n_bytes > begin.n_bytes + sent) == (size > 1)
    assert world.traffic.cpu_s >= begin.cpu_s and (world.traffic.n_calls >= begin.n_calls + 3) == (size > 1)


@pytest.mark.mpi
def test_long_arrays_travel_in_pieces(world: Communicator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mpi, "_PIECE", 4)
    rank, size = world.rank, world.size
    sent = np.arange(11.0).reshape(11, 1) + 100.0 * rank
    begin = replace(world.traffic)
    received = world.exchange({(rank + 1) % size: sent}, {(rank - 1) % size: 11})
    assert np.array_equal(received, np.arange(11.0) + 100.0 * ((rank - 1) % size))
    assert world.traffic.n_messages - begin.n_messages == int(size > 1)


@pytest.mark.mpi
def test_an_exchange_names_what_does_not_fit(world: Communicator) -> None:
    """Numbers that nobody expected are not taken for those of the next exchange."""
    rank, last = world.rank, world.size - 1
    with pytest.raises(ShapeError, match="names processes 0 to"):
        world.exchange({0: np.zeros(1), last + 1: np.zeros(1)}, {})
    with pytest.raises(ShapeError, match="2 numbers to itself but expects 0"):
        world.exchange({rank: np.zeros(2)}, {})
    if last == 0:
        return
    for n_sent in (2, 4):
        if rank == last:
            with pytest.raises(ParallelError, match=r"from process 0: |process 0 sent 2 numbers, 3 were"):
                world.exchange({}, {0: 3})
        else:
            world.exchange({last: np.zeros(n_sent)} if rank == 0 else {}, {})
    world.exchange({last: np.full(1, 1.0)} if rank == 0 else {}, {})  # not expected by the last
    received = world.exchange({last: np.full(1, 2.0)} if rank == 0 else {}, {0: 1} if rank == last else {})
    assert received.tolist() == ([2.0] if rank == last else [])


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
        one = layout.n_roots - 1
        whole = traffic.to_root(owned, one)
        assert (whole is not None) == (world.rank == one)
        assert whole is None or np.array_equal(whole, rows)
        if owned is not None:
            assert np.array_equal(traffic.from_first(rows if world.rank == 0 else None, 2), owned)


@pytest.mark.mpi
@pytest.mark.parametrize("n_cells", [0, 1, 2, 7, 64, 1000, 3 * CELL_BLOCK + 5])
@pytest.mark.parametrize("even", [True, False])
def test_sums_over_cells_have_the_serial_bits(world: Communicator, n_cells: int, even: bool) -> None:
    """For any cut: processes may have no cell, and a cut may go through a block."""
    rng = np.random.default_rng(n_cells)
    data = rng.normal(size=(n_cells, 3)) * np.exp(rng.normal(scale=20, size=(n_cells, 3)))
    cuts = even_partition(n_cells, world.size)[1:-1]
    if not even:
        cuts = np.sort(rng.integers(0, n_cells + 1, world.size - 1))
    totals = CellTotals(world, np.array([0, *cuts, n_cells]))
    mine = data[totals.owned]
    first, second = totals.sums([mine, mine[:, :1]])
    expected = tree_sum(data) if n_cells else np.zeros(3)
    assert first.tobytes() == expected.tobytes() and second.tobytes() == expected[:1].tobytes()
    largest = totals.largest(mine.max(axis=0, initial=-np.inf))
    assert np.array_equal(largest, data.max(axis=0, initial=-np.inf))
    blocks = list(totals.in_blocks(mine))
    for number, rows in blocks:
        assert np.array_equal(rows, data[number * CELL_BLOCK : (number + 1) * CELL_BLOCK])
    everyone = [number for of_rank in world.all_gather([number for number, _ in blocks]) for number in of_rank]
    assert everyone == list(range(-(-n_cells // CELL_BLOCK)))
    of_blocks = np.array([rows.sum(axis=0) for _, rows in blocks]).reshape(len(blocks), 3)
    (total,) = totals.sums_of_blocks([of_blocks])
    parts = [data[k : k + CELL_BLOCK].sum(axis=0) for k in range(0, n_cells, CELL_BLOCK)]
    assert total.tobytes() == (tree_sum(np.array(parts)) if parts else np.zeros(3)).tobytes()


def test_one_process_sums_over_cells_alike() -> None:
    for n_cells in (0, 1, 7, 1000, 3 * CELL_BLOCK + 5):
        test_sums_over_cells_have_the_serial_bits(SerialCommunicator(), n_cells, True)


@pytest.mark.mpi
@pytest.mark.parametrize("weighted", [True, False])
def test_scores_do_not_depend_on_the_processes(world: Communicator, weighted: bool) -> None:
    rng, n = np.random.default_rng(3), 2345
    image, reference, weights = rng.random((3, n))
    image[rng.random(n) < 0.1] = np.nan
    mask = rng.random(n) < 0.8

    def found(totals: CellTotals) -> Score:
        own = totals.owned
        pair = ScoredPair(image[own], reference[own], mask[own], weights[own] if weighted else None)
        return score_pairs([pair], totals)[0]

    shared = found(CellTotals(world, even_partition(n, world.size)))
    assert shared == found(CellTotals.of_one_process(n))
    local = score(image, reference, mask, weights=weights if weighted else None)
    assert (shared.n_cells, shared.n_missing) == (local.n_cells, local.n_missing)
    for name in ("scc", "rmse", "bias", "ubrmse", "std_image", "std_reference"):
        assert getattr(shared, name) == pytest.approx(getattr(local, name), rel=1e-12)
    image[5], mask[5] = np.inf, True
    with pytest.raises(DataError, match="image has infinite values"):
        found(CellTotals(world, even_partition(n, world.size)))


@pytest.mark.mpi
@pytest.mark.parametrize("n_members", [2, 5, 8, 33, 50, 676])
def test_member_sums_have_the_serial_bits(world: Communicator, n_members: int) -> None:
    data = np.random.default_rng(1).normal(size=(n_members, 101)) * np.exp(
        np.random.default_rng(2).normal(scale=20, size=(n_members, 101))
    )

    def total(reduction: MemberReduction) -> np.ndarray:
        def add(block: range, sums: np.ndarray) -> None:
            for member in block:
                sums += data[member]

        return reduction.sum_blocks(101, add)

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
