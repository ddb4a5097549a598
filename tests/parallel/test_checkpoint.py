"""Checkpoints by several ranks: the same file whatever number writes it, and one error for all."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from landda_hpc.errors import LandDAError, ParallelError, ShapeError, StorageError
from landda_hpc.parallel.communicator import Communicator, SerialCommunicator
from landda_hpc.parallel.mpi import launch
from landda_hpc.parallel.partition import even_partition, partition
from landda_hpc.parallel.process_layout import make_layout
from landda_hpc.state import TileState
from landda_hpc.storage import checkpoint
from landda_hpc.storage.checkpoint import (
    CheckpointHeader,
    LocalPart,
    Mode,
    choose_mode,
    digest,
    read_instance,
    verify,
    write_checkpoint,
)
from landda_hpc.storage.checkpoint_format import CHUNK, LIBRARY_BOUNDS
from landda_hpc.variables import STATE

NAMES = ("nature", "control", "enkf_like")
MODES: tuple[Mode, ...] = ("serial", "parallel") if h5py.get_config().mpi else ("serial",)

pytestmark = pytest.mark.mpi


@pytest.fixture(scope="module")
def world() -> Communicator:
    return launch()


def usable(mode: Mode, world: Communicator) -> Mode:
    if mode == "parallel" and world.native is None:
        pytest.skip("parallel HDF5 needs more than one rank")
    return mode


def any_bits(n_tiles: int, seed: int) -> TileState:
    rng = np.random.default_rng(seed)
    return TileState(
        {
            v.name: rng.integers(0, 2**64, size=(n_tiles, *v.shape), dtype=np.uint64).view(np.float64)
            for v in STATE.values()
        }
    )


def same(a: TileState, b: TileState) -> bool:
    return all(a[name].tobytes() == b[name].tobytes() for name in STATE)


def header_of(n_tiles: int) -> CheckpointHeader:
    return CheckpointHeader("twin", 4, "2022-06-03T00:00:00", "c0ffee", n_tiles, NAMES, "0.1.0", {"clipped": 0.1})


def even_parts(world: Communicator, n_tiles: int) -> dict[str, LocalPart]:
    bounds = even_partition(n_tiles, world.size)
    mine = slice(int(bounds[world.rank]), int(bounds[world.rank + 1]))
    return {name: LocalPart(any_bits(n_tiles, i).take(mine), mine) for i, name in enumerate(NAMES)}


def error_everywhere(world: Communicator, call: Callable[[], object]) -> list[tuple[str, str]]:
    """Class and message of the error that every rank met; fails on every rank if one met none."""
    try:
        call()
        met = ("none", "")
    except LandDAError as error:
        met = (type(error).__name__, str(error))
    return world.all_gather(met)


@contextmanager
def limited_files(n_bytes: int, here: bool) -> Iterator[None]:
    """No file may grow beyond a size on this rank: what a full disk does, without one."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    if here:
        resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("n_tiles", [1, 3, CHUNK + 1, 9 * CHUNK - 5])
@pytest.mark.parametrize("cut", ["even", "first has none", "last has all"])
def test_the_file_does_not_know_who_wrote_it(
    world: Communicator, mpi_tmp_path: Path, mode: Mode, n_tiles: int, cut: str
) -> None:
    mode = usable(mode, world)
    cost = np.ones(n_tiles, dtype=np.int64)
    if cut != "even" and n_tiles > 1:
        cost[:-1], cost[-1] = (1, 2 * n_tiles) if cut == "first has none" else (0, 1)
    bounds = partition(cost, world.size)
    mine = slice(int(bounds[world.rank]), int(bounds[world.rank + 1]))
    whole = [any_bits(n_tiles, i) for i in range(len(NAMES))]
    parts = {name: LocalPart(state.take(mine), mine) for name, state in zip(NAMES, whole, strict=True)}
    path = mpi_tmp_path / "a.h5"
    written = write_checkpoint(path, world, header_of(n_tiles), parts, mode)
    assert world.all_gather(written) == [written] * world.size

    alone = mpi_tmp_path / f"alone_{world.rank}.h5"
    uncut = {name: LocalPart(state, slice(0, n_tiles)) for name, state in zip(NAMES, whole, strict=True)}
    assert write_checkpoint(alone, SerialCommunicator(), header_of(n_tiles), uncut) == written
    assert digest(path) == written
    assert path.read_bytes() == alone.read_bytes()
    assert verify(path).records == {"clipped": 0.1}
    for n_readers in (1, 2, 3, 5):  # any number of ranks reads
        cuts = even_partition(n_tiles, n_readers)
        tiles = slice(int(cuts[world.rank % n_readers]), int(cuts[world.rank % n_readers + 1]))
        for name, state in zip(NAMES, whole, strict=True):
            assert same(read_instance(path, name, tiles), state.take(tiles))
    world.barrier()  # nobody cleans the folder while others read
    left = [entry.name for entry in mpi_tmp_path.iterdir() if not entry.name.startswith("alone")]
    assert left == ["a.h5"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("groups", [2, 3])
def test_instances_of_different_member_groups(world: Communicator, mpi_tmp_path: Path, mode: Mode, groups: int) -> None:
    """Also more groups than this job has ranks, and ranks of a group without a tile."""
    mode = usable(mode, world)
    layout = make_layout(world.size, len(NAMES), np.array([2, 1, 40, 1]), groups)
    whole = [any_bits(layout.n_tiles, i) for i in range(len(NAMES))]
    mine = layout.tiles_of(world.rank)
    held = layout.instances_of(world.rank)
    parts = {
        name: LocalPart(whole[i].take(mine), mine) if i in held else LocalPart(None, slice(0, 0))
        for i, name in enumerate(NAMES)
    }
    path = mpi_tmp_path / "a.h5"
    written = write_checkpoint(path, world, header_of(layout.n_tiles), parts, mode)
    only_held = {name: part for name, part in parts.items() if part.state is not None}
    assert write_checkpoint(path, world, header_of(layout.n_tiles), only_held, mode) == written
    for i, name in enumerate(NAMES):
        assert same(read_instance(path, name, slice(0, layout.n_tiles)), whole[i])
    world.barrier()


def test_auto_takes_what_there_is(world: Communicator) -> None:
    able = bool(h5py.get_config().mpi) and world.native is not None
    assert choose_mode("auto", world) == ("parallel" if able else "serial")
    assert choose_mode("serial", world) == "serial"


def test_disagreements_are_errors_on_every_rank(world: Communicator, mpi_tmp_path: Path) -> None:
    n_tiles, last = 20, world.size - 1
    path, header, parts = mpi_tmp_path / "a.h5", header_of(20), even_parts(world, n_tiles)

    def write(header: CheckpointHeader, parts: dict[str, LocalPart]) -> list[tuple[str, str]]:
        return error_everywhere(world, lambda: write_checkpoint(path, world, header, parts))

    if world.size > 1:
        other = replace(header, cycle=5) if world.rank == last else header
        assert {kind for kind, _ in write(other, parts)} == {ParallelError.__name__}
    missing = {**parts, "control": LocalPart(None, slice(0, 0))} if world.rank == last else parts
    assert {kind for kind, _ in write(header, missing)} == {ShapeError.__name__}
    assert all("'control'" in text and "do not cover" in text for _, text in write(header, missing))
    short = {**parts, "control": LocalPart(any_bits(1, 0), slice(0, 2))} if world.rank == last else parts
    assert {kind for kind, _ in write(header, short)} == {ShapeError.__name__}
    unwritable = replace(header, records={"x": object()})
    assert {kind for kind, _ in write(unwritable, parts)} == {StorageError.__name__}
    assert list(mpi_tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", MODES)
def test_no_room_is_an_error_on_every_rank_and_leaves_the_old_file(
    world: Communicator, mpi_tmp_path: Path, mode: Mode
) -> None:
    mode = usable(mode, world)
    path, parts = mpi_tmp_path / "a.h5", even_parts(world, 2000)
    before = write_checkpoint(path, world, header_of(2000), parts, mode)
    newer = replace(header_of(2000), cycle=5)
    with limited_files(500_000, here=world.rank == 0):
        met = error_everywhere(world, lambda: write_checkpoint(path, world, newer, parts, mode))
    assert {kind for kind, _ in met} == {StorageError.__name__}
    assert all("File too large" in text for _, text in met)
    assert digest(path) == before
    world.barrier()
    assert [entry.name for entry in mpi_tmp_path.iterdir()] == ["a.h5"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("is_checked", [True, False])
def test_full_disk_is_an_error_on_every_rank(
    world: Communicator, mpi_tmp_path: Path, mode: Mode, is_checked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real one of 1 MB; also when the check of free space saw room that another job took."""
    mode = usable(mode, world)
    mounted = False
    if world.rank == 0 and os.geteuid() == 0:
        command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(mpi_tmp_path)]
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    if not world.broadcast(mounted):
        pytest.skip("needs root and the right to mount a tmpfs")
    if not is_checked:
        monkeypatch.setattr(checkpoint, "require_space", lambda folder, n_bytes: None)
    try:
        parts = even_parts(world, 2000)
        met = error_everywhere(
            world, lambda: write_checkpoint(mpi_tmp_path / "a.h5", world, header_of(2000), parts, mode)
        )
        left = list(mpi_tmp_path.iterdir())
    finally:
        world.barrier()
        if world.rank == 0:
            subprocess.run(["umount", "-l", str(mpi_tmp_path)], check=True)
    assert {kind for kind, _ in met} == {StorageError.__name__}
    assert all(("MB free" if is_checked else "The disk is full") in text for _, text in met)
    assert left == []


@pytest.mark.parametrize("mode", MODES)
def test_silent_loss_is_found_by_the_read_back(
    world: Communicator, mpi_tmp_path: Path, mode: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system that says yes and keeps nothing of one row of the last rank."""
    mode = usable(mode, world)
    name = "write_parallel" if mode == "parallel" else "write_serial"
    really_write = getattr(checkpoint, name)

    def lossy(temporary: Path, *rest: object) -> None:
        really_write(temporary, *rest)
        world.barrier()
        if world.rank == 0:
            with h5py.File(temporary, "r+", libver=LIBRARY_BOUNDS, locking=False) as file:
                file["instances/control/smp"][2999] = 0.0
        world.barrier()

    monkeypatch.setattr(checkpoint, name, lossy)
    parts = even_parts(world, 3000)
    met = error_everywhere(world, lambda: write_checkpoint(mpi_tmp_path / "a.h5", world, header_of(3000), parts, mode))
    assert {kind for kind, _ in met} == {StorageError.__name__}
    assert all("read-back of /instances/control/smp" in text for _, text in met)
    world.barrier()
    assert list(mpi_tmp_path.iterdir()) == []
