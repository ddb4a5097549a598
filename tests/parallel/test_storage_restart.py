"""Restart files by several ranks: written on n, read by m, one error for all."""

from __future__ import annotations

import resource
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from landda_hpc.errors import LandDAError, ShapeError, StorageError
from landda_hpc.parallel.communicator import Communicator, SerialCommunicator
from landda_hpc.parallel.mpi import launch
from landda_hpc.parallel.partition import even_partition
from landda_hpc.state import Tiles, TileState
from landda_hpc.storage import restart_set
from landda_hpc.storage.restart_set import MANIFEST, read_manifest, read_restart, write_restart
from landda_hpc.variables import STATE

pytestmark = pytest.mark.mpi
TIME = datetime(2022, 6, 3, 6)


@pytest.fixture(scope="module")
def world() -> Communicator:
    return launch()


def any_bits(n_tiles: int) -> TileState:
    rng = np.random.default_rng(n_tiles)
    return TileState(
        {
            v.name: rng.integers(0, 2**64, size=(n_tiles, *v.shape), dtype=np.uint64).view(np.float64)
            for v in STATE.values()
        }
    )


def tiles_of(part: slice) -> Tiles:
    index = np.arange(part.start, part.stop, dtype=np.int64)
    flat, layers, kinds = np.zeros(index.size), np.zeros((index.size, 10)), np.zeros(index.size, dtype=np.int64)
    return Tiles(index, index // 3, flat + 0.5, kinds, kinds, kinds, flat, flat, *[layers] * 5, flat, layers)


def same(a: TileState, b: TileState) -> bool:
    return all(a[name].tobytes() == b[name].tobytes() for name in STATE)


def part_of(world: Communicator, n_tiles: int) -> slice:
    bounds = even_partition(n_tiles, world.size)
    return slice(int(bounds[world.rank]), int(bounds[world.rank + 1]))


@pytest.mark.parametrize("n_tiles", [1, 3, 50])
@pytest.mark.parametrize("per_file", [7, 65536])
def test_written_on_n_ranks_read_by_any_number(
    world: Communicator, mpi_tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_tiles: int, per_file: int
) -> None:
    monkeypatch.setattr(restart_set, "TILES_PER_FILE", per_file)
    whole, mine = any_bits(n_tiles), part_of(world, n_tiles)
    folder = write_restart(mpi_tmp_path, world, "twin", "control", TIME, whole.take(mine), tiles_of(mine))
    assert folder == mpi_tmp_path / "2022-154-21600" / "control"
    files = [entry.name for entry in read_manifest(folder).files]
    assert len(files) == -(-n_tiles // per_file), "whatever the number of ranks"
    assert sorted([*files, MANIFEST]) == sorted(entry.name for entry in folder.iterdir())
    for n_readers in (1, 2, 3, 5):
        cuts = even_partition(n_tiles, n_readers)
        part = slice(int(cuts[world.rank % n_readers]), int(cuts[world.rank % n_readers + 1]))
        assert same(read_restart(folder, part, tiles_of(part)), whole.take(part))
    world.barrier()
    if world.rank == 0:  # the same time again by another number of ranks
        before = {path.name: path.read_bytes() for path in folder.iterdir()}
        write_restart(mpi_tmp_path, SerialCommunicator(), "twin", "control", TIME, whole, tiles_of(slice(0, n_tiles)))
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == before, "the same bytes"
    world.barrier()
    assert same(read_restart(folder, mine, tiles_of(mine)), whole.take(mine))
    world.barrier()


def test_one_rank_without_room_leaves_no_manifest(
    world: Communicator, mpi_tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restart_set, "TILES_PER_FILE", 4000)  # each rank writes one
    n_tiles, last = 4000 * world.size, world.size - 1
    whole, mine = any_bits(n_tiles), part_of(world, n_tiles)
    write_restart(mpi_tmp_path, world, "twin", "control", TIME, whole.take(mine), tiles_of(mine))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    if world.rank == last:
        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, before[1]))
    met = "none"
    try:
        write_restart(mpi_tmp_path, world, "twin", "control", TIME, whole.take(mine), tiles_of(mine))
    except LandDAError as error:
        met = type(error).__name__
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert world.all_gather(met) == [StorageError.__name__] * world.size
    with pytest.raises(StorageError, match="incomplete"):
        read_restart(mpi_tmp_path / "2022-154-21600" / "control", mine)
    world.barrier()


def test_tiles_that_do_not_cover_are_an_error_on_every_rank(world: Communicator, mpi_tmp_path: Path) -> None:
    mine = part_of(world, 40)
    if world.rank == 0:
        mine = slice(mine.start, mine.stop - 1)
    met = "none"
    try:
        write_restart(mpi_tmp_path, world, "twin", "control", TIME, any_bits(mine.stop - mine.start), tiles_of(mine))
    except LandDAError as error:
        met = type(error).__name__
    # One rank alone cannot know how many tiles there should be.
    assert world.all_gather(met) == [ShapeError.__name__ if world.size > 1 else "none"] * world.size
