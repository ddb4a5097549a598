"""Restart files on one process; several ranks: tests/parallel."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import netCDF4
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from landda_hpc.errors import ShapeError, StorageError
from landda_hpc.formats.colm.names import time_label
from landda_hpc.formats.colm.restart_files import MANIFEST
from landda_hpc.parallel.communicator import SerialCommunicator
from landda_hpc.state import Tiles, TileState
from landda_hpc.storage.restart_set import read_manifest, read_restart, write_restart
from landda_hpc.variables import STATE

COMM = SerialCommunicator()
TIME = datetime(2010, 6, 2)
MakeState = Callable[[int, int], TileState]
MakeTiles = Callable[[int, int], Tiles]


def same(a: TileState, b: TileState) -> bool:
    return all(a[name].tobytes() == b[name].tobytes() for name in STATE)


def test_time_labels_are_colms() -> None:
    assert time_label(datetime(2010, 6, 2)) == "2010-153-00000"
    assert time_label(datetime(2008, 12, 31, 18)) == "2008-366-64800"


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])  # they make, and keep nothing
@given(n_tiles=st.integers(1, 60), seed=st.integers(0, 99), cuts=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_round_trip_of_any_bits(
    make_state: MakeState, make_tiles: MakeTiles, n_tiles: int, seed: int, cuts: tuple[float, float]
) -> None:
    state, tiles = make_state(n_tiles, seed), make_tiles(0, n_tiles)
    lo, hi = sorted(int(c * n_tiles) for c in cuts)
    with tempfile.TemporaryDirectory() as root:
        folder = write_restart(Path(root), COMM, "twin", "control", TIME, state, tiles)
        assert folder == Path(root) / "2010-153-00000" / "control"
        assert sorted(entry.name for entry in folder.iterdir()) == [
            MANIFEST,
            "twin_restart_2010-153-00000_00001of00001.nc",
        ]
        assert same(read_restart(folder, slice(lo, hi), make_tiles(lo, hi)), state.take(slice(lo, hi)))
        assert read_manifest(folder).n_tiles == n_tiles


def test_layout_is_colms(tmp_path: Path, make_tiles: MakeTiles, shared: Path) -> None:
    """Every variable has the dimensions, by name and length, that the real model writes."""
    folder = write_restart(tmp_path, COMM, "twin", "control", TIME, TileState.filled(7), make_tiles(0, 7))
    real = next((shared / "data/colm/restart/grid_4block_CoLM2014hydro_Campbell/2010-153-00000").glob("*.nc"))
    with netCDF4.Dataset(next(folder.glob("*.nc"))) as ours, netCDF4.Dataset(real) as theirs:
        assert (ours.time, ours.case) == ("2010-06-02T00:00:00", "twin")
        for name in STATE:
            assert ours[name].dimensions == theirs[name].dimensions
            assert ours[name].shape[1:] == theirs[name].shape[1:]
            assert ours[name].dtype == theirs[name].dtype
            assert ours[name].filters()["complevel"] == 1
        assert ours["global_index"][:].tolist() == list(range(7))
        assert {"cell", "area_fraction"} <= set(ours.variables)


def test_incomplete_damaged_and_foreign_sets(tmp_path: Path, make_state: MakeState, make_tiles: MakeTiles) -> None:
    folder = write_restart(tmp_path, COMM, "twin", "control", TIME, make_state(9, 0), make_tiles(0, 9))
    path, manifest = next(folder.glob("*.nc")), folder / MANIFEST
    content, text = path.read_bytes(), manifest.read_text()

    with pytest.raises(ShapeError, match="the set has 9"):
        read_restart(folder, slice(0, 10))
    moved = make_tiles(0, 9)
    for changed in (replace(moved, cell=moved.cell + 1), replace(moved, area_fraction=moved.area_fraction * 0.5)):
        with pytest.raises(ShapeError, match="another grid"):
            read_restart(folder, slice(0, 9), changed)

    for bad in (content[: len(content) // 2], content[:-1] + bytes([content[-1] ^ 1])):
        path.write_bytes(bad)
        with pytest.raises(StorageError, match=rf"{path.name}.*checksum"):
            read_restart(folder, slice(0, 9))
    path.unlink()
    with pytest.raises(StorageError, match="missing, though the manifest lists it"):
        read_restart(folder, slice(0, 9))
    path.write_bytes(content)
    entries = json.loads(text)
    manifest.write_text(json.dumps(entries | {"files": [], "n_tiles": 9}))
    with pytest.raises(StorageError, match="no file of the set holds tile 2"):
        read_restart(folder, slice(2, 9))
    manifest.write_text(json.dumps(entries | {"format_version": 7}))
    with pytest.raises(StorageError, match="this software reads"):
        read_manifest(folder)
    manifest.write_text(text[:50])
    with pytest.raises(StorageError, match="damaged"):
        read_manifest(folder)
    manifest.unlink()
    with pytest.raises(StorageError, match="incomplete"):
        read_restart(folder, slice(0, 9))


def test_tiles_that_are_not_the_global_vector(tmp_path: Path, make_tiles: MakeTiles) -> None:
    tiles = make_tiles(0, 5)
    jumped = replace(tiles, global_index=np.array([0, 1, 2, 4, 5]))
    for state, wrong in (
        (TileState.filled(4), tiles),
        (TileState.filled(5), jumped),
        (TileState.filled(5), make_tiles(1, 6)),
    ):
        with pytest.raises(ShapeError):
            write_restart(tmp_path, COMM, "twin", "control", TIME, state, wrong)
    assert list(tmp_path.iterdir()) == []


def test_full_disk(small_disk: Path, make_state: MakeState, make_tiles: MakeTiles) -> None:
    with pytest.raises(StorageError, match="MB free"):
        write_restart(small_disk, COMM, "twin", "control", TIME, make_state(3000, 0), make_tiles(0, 3000))
    assert not list(small_disk.rglob("*.nc"))
    assert not list(small_disk.rglob(MANIFEST))


LIMITED = """
import resource, sys
from datetime import datetime
from pathlib import Path
import numpy as np
from landda_hpc.errors import StorageError
from landda_hpc.parallel.communicator import SerialCommunicator
from landda_hpc.state import Tiles, TileState
from landda_hpc.storage.restart_set import write_restart
from landda_hpc.variables import STATE

n = 4000
rng, index, flat, layers = np.random.default_rng(0), np.arange(n), np.zeros(n), np.zeros((n, 10))
tiles = Tiles(index, index, flat, index, index, index, flat, flat, *[layers] * 5, flat, layers)
state = TileState({v.name: rng.normal(size=(n, *v.shape)) for v in STATE.values()})
resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, resource.RLIM_INFINITY))
try:
    write_restart(Path(sys.argv[1]), SerialCommunicator(), "twin", "control", datetime(2010, 6, 2), state, tiles)
except StorageError as error:
    print(error, flush=True)
    sys.exit(error.exit_code)
"""


def test_file_size_limit(tmp_path: Path) -> None:
    job = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert "writing failed" in job.stdout
    assert job.returncode == StorageError.exit_code
    assert not [entry for entry in tmp_path.rglob("*") if entry.is_file()]
