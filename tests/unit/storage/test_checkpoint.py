"""Checkpoints on one process: round trips, damage, faults. Several ranks: tests/parallel."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landda_hpc.errors import ShapeError, StorageError
from landda_hpc.parallel.communicator import SerialCommunicator
from landda_hpc.state import TileState
from landda_hpc.storage import checkpoint
from landda_hpc.storage.checkpoint import (
    CheckpointHeader,
    LocalPart,
    digest,
    read_header,
    read_instance,
    verify,
    write_checkpoint,
)
from landda_hpc.storage.checkpoint_bench import measure
from landda_hpc.storage.checkpoint_format import CHUNK, LIBRARY_BOUNDS
from landda_hpc.storage.retention import apply_retention, checkpoint_name, latest_valid, list_checkpoints
from landda_hpc.variables import LAND_STATE, STATE

NAMES = ("nature", "control")
COMM = SerialCommunicator()


def same(a: TileState, b: TileState) -> bool:
    return all(a[name].tobytes() == b[name].tobytes() for name in STATE)


def bits(n_tiles: int, seed: int) -> TileState:
    rng = np.random.default_rng(seed)
    return TileState(
        {
            v.name: rng.integers(0, 2**64, size=(n_tiles, *v.shape), dtype=np.uint64).view(np.float64)
            for v in STATE.values()
        }
    )


def write(
    path: Path, n_tiles: int, names: tuple[str, ...] = NAMES, **changes: object
) -> tuple[dict[str, LocalPart], str]:
    header = CheckpointHeader("twin", 4, "2022-06-03T00:00:00", "c0ffee", n_tiles, names, "0.1.0", {"clipped": 0.1})
    parts = {name: LocalPart(bits(n_tiles, i), slice(0, n_tiles)) for i, name in enumerate(names)}
    return parts, write_checkpoint(path, COMM, replace(header, **changes), parts)  # type: ignore[arg-type]


@settings(max_examples=30)
@given(
    n_tiles=st.one_of(st.integers(0, 40), st.sampled_from([CHUNK - 1, CHUNK, CHUNK + 1, 8 * CHUNK + 3])),
    cuts=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_round_trip_of_any_bits_in_any_slice(n_tiles: int, cuts: tuple[float, float]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.h5"
        parts, written = write(path, n_tiles)
        lo, hi = sorted(int(c * n_tiles) for c in cuts)
        for name in NAMES:
            assert parts[name].state is not None
            assert same(read_instance(path, name, slice(lo, hi)), parts[name].state.take(slice(lo, hi)))
        assert digest(path) == written
        header = verify(path)
        assert header == read_header(path)
        assert header.instances == NAMES
        assert header.records == {"clipped": 0.1}
        assert [entry.name for entry in Path(folder).iterdir()] == ["a.h5"]


def test_digest_is_of_the_state_alone(tmp_path: Path) -> None:
    _, first = write(tmp_path / "a.h5", 30)
    same_state = {"software_version": "9.9", "config_hash": "beef", "campaign": "other", "records": {"seconds": 3.0}}
    assert write(tmp_path / "b.h5", 30, **same_state)[1] == first
    others = [
        write(tmp_path / "c.h5", 30, **change)[1]
        for change in ({"cycle": 5}, {"valid_time": "2022-06-03T06:00:00"}, {"names": ("nature", "pointwise")})
    ]
    others.append(write(tmp_path / "d.h5", 31)[1])
    header, parts = read_header(tmp_path / "a.h5"), write(tmp_path / "e.h5", 30)[0]
    assert parts["control"].state is not None
    parts["control"].state["zwt"].view(np.uint64)[29] ^= 1
    others.append(write_checkpoint(tmp_path / "f.h5", COMM, header, parts))
    assert len({first, *others}) == 6


def test_digest_from_an_independent_reading_of_the_file(tmp_path: Path) -> None:
    """The documented tree, computed with nothing but hashlib and plain HDF5 reads."""

    def blake(*items: bytes) -> bytes:
        return hashlib.blake2b(b"".join(len(i).to_bytes(8, "little") + i for i in items), digest_size=32).digest()

    n_tiles = CHUNK + 7
    _, written = write(tmp_path / "a.h5", n_tiles)
    starts = range(0, n_tiles, CHUNK)
    with h5py.File(tmp_path / "a.h5") as file:
        roots = b"".join(
            blake(b"".join(blake(file[f"instances/{i}/{v}"][s : s + CHUNK].tobytes()) for s in starts))
            for i in NAMES
            for v in STATE
        )
        assert all(file[f"instances/{i}/{v}"].chunks is None for i in NAMES for v in STATE)
    identity = {
        "cycle": 4,
        "valid_time": "2022-06-03T00:00:00",
        "n_tiles": n_tiles,
        "instances": list(NAMES),
        "variables": {v.name: list(v.shape) for v in STATE.values()},
    }
    text = json.dumps(identity, sort_keys=True, separators=(",", ":")).encode()
    assert blake(text, roots).hex() == written


def test_every_flipped_byte_of_the_numbers_is_found_and_named(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    write(path, 2 * CHUNK)
    with h5py.File(path) as file:
        offset = file["instances/control/t_soisno"].id.get_offset()
    content = bytearray(path.read_bytes())
    content[offset + 15 * 8 * (CHUNK + 3)] ^= 0x10
    path.write_bytes(content)
    with pytest.raises(StorageError, match=rf"a\.h5.*'control', t_soisno, tiles {CHUNK} to {2 * CHUNK - 1}.*previous"):
        verify(path)
    with pytest.raises(StorageError, match="t_soisno"):
        read_instance(path, "control", slice(CHUNK + 100, CHUNK + 101))
    with pytest.raises(StorageError):
        digest(path)
    read_instance(path, "control", slice(0, CHUNK))  # what is not damaged can still be read
    read_instance(path, "nature", slice(0, 2 * CHUNK))
    read_header(path)


@settings(max_examples=200)
@given(where=st.floats(0, 1, exclude_max=True), mask=st.integers(1, 255))
def test_a_flipped_byte_anywhere_is_an_error_or_harmless(small_file: bytes, where: float, mask: int) -> None:
    """Gaps that HDF5 leaves unused change nothing; everything else must be noticed."""
    content = bytearray(small_file)
    content[int(where * len(content))] ^= mask
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.h5"
        path.write_bytes(content)
        try:
            header = verify(path)
            state = read_instance(path, "control", slice(0, 3))
        except StorageError as error:
            assert "a.h5" in str(error)
        else:
            assert header == CheckpointHeader("twin", 4, "2022-06-03T00:00:00", "c0ffee", 3, NAMES, "0.1.0")
            assert header.records == {"clipped": 0.1}
            assert same(state, bits(3, 1))


@pytest.fixture(scope="module")
def small_file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("small") / "a.h5"
    write(path, 3)
    return path.read_bytes()


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_a_truncated_file_is_found(tmp_path: Path, share: float) -> None:
    path = tmp_path / "a.h5"
    write(path, 500)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(StorageError, match=r"a\.h5.*previous checkpoint"):
        verify(path)


def test_missing_foreign_and_newer_files(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="the checkpoint does not exist"):
        read_header(tmp_path / "none.h5")
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["x"] = 1.0
    with pytest.raises(StorageError, match="not a checkpoint"):
        read_header(tmp_path / "foreign.h5")
    write(tmp_path / "newer.h5", 3)
    content = (tmp_path / "newer.h5").read_bytes()
    (tmp_path / "newer.h5").write_bytes(content.replace(b"version 1\n", b"version 2\n", 1))
    with pytest.raises(StorageError, match="format 2, this software reads format 1"):
        read_header(tmp_path / "newer.h5")


def test_an_unsealed_file_does_not_verify(tmp_path: Path) -> None:
    header = CheckpointHeader("twin", 0, "2022-06-03T00:00:00", "c0ffee", 5, NAMES, "0.1.0")
    checkpoint.layout.create(tmp_path / "a.h5", header, "{}")
    with pytest.raises(StorageError, match="empty or unfinished"):
        verify(tmp_path / "a.h5")


def test_wrong_requests(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    parts, _ = write(path, 10)
    header = read_header(path)
    for name, tiles in (
        ("pointwise", slice(0, 10)),
        ("control", slice(0, 11)),
        ("control", slice(None)),
        ("control", slice(0, 10, 2)),
    ):
        with pytest.raises(ShapeError, match=r"a\.h5"):
            read_instance(path, name, tiles)
    short = LocalPart(bits(9, 0), slice(0, 9))
    for bad in ({**parts, "control": short}, {"nature": parts["nature"]}, {**parts, "other": short}):
        with pytest.raises(ShapeError):
            write_checkpoint(tmp_path / "b.h5", COMM, header, bad)
    with pytest.raises(ShapeError, match="state of 9 tiles"):
        write_checkpoint(tmp_path / "b.h5", COMM, header, {**parts, "control": LocalPart(bits(9, 0), slice(0, 10))})
    with pytest.raises(StorageError, match="records"):
        write_checkpoint(tmp_path / "b.h5", COMM, replace(header, records={"x": object()}), parts)
    with pytest.raises(StorageError, match="needs h5py with MPI"):
        write_checkpoint(tmp_path / "b.h5", COMM, header, parts, "parallel")
    with pytest.raises(StorageError):
        write_checkpoint(tmp_path / "nowhere" / "b.h5", COMM, header, parts)
    for change in (
        {"cycle": -1},
        {"instances": ("a/b",)},
        {"instances": ()},
        {"instances": ("a", "a")},
        {"valid_time": "soon"},
    ):
        with pytest.raises(ShapeError):
            replace(header, **change)
    assert [p.name for p in tmp_path.iterdir()] == ["a.h5"]


def test_lost_data_is_found_by_the_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that says yes and keeps nothing of some rows."""
    really_write = checkpoint.write_serial

    def lossy(temporary: Path, *rest: object) -> None:
        really_write(temporary, *rest)  # type: ignore[arg-type]
        with h5py.File(temporary, "r+", libver=LIBRARY_BOUNDS) as file:
            file["instances/control/wliq_soisno"][7:9] = 0.0

    monkeypatch.setattr(checkpoint, "write_serial", lossy)
    with pytest.raises(StorageError, match=r"read-back of /instances/control/wliq_soisno, tiles 0 to 29"):
        write(tmp_path / "a.h5", 30)
    assert list(tmp_path.iterdir()) == []


def test_full_disk(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StorageError, match="MB free"):
        write(small_disk / "a.h5", 2000)
    monkeypatch.setattr(checkpoint, "require_space", lambda folder, n_bytes: None)
    with pytest.raises(StorageError, match="The disk is full"):
        write(small_disk / "a.h5", 2000)
    assert list(small_disk.iterdir()) == []


LIMITED = """
import resource, sys
from pathlib import Path
import landda_hpc.storage.checkpoint as checkpoint
from landda_hpc.errors import StorageError
from landda_hpc.parallel.communicator import SerialCommunicator
from landda_hpc.state import TileState

def limit(*args):
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, resource.RLIM_INFINITY))

if sys.argv[2] == "inside":  # the disk had room when the file was made, and has none when it is filled
    write = checkpoint.write_serial
    checkpoint.write_serial = lambda *args: (limit(), write(*args))
else:
    limit()
header = checkpoint.CheckpointHeader("twin", 4, "2022-06-03", "c0ffee", 2000, ("control",), "0.1.0")
parts = {"control": checkpoint.LocalPart(TileState.filled(2000), slice(0, 2000))}
try:
    checkpoint.write_checkpoint(Path(sys.argv[1]), SerialCommunicator(), header, parts)
except StorageError as error:
    print(error)
    sys.exit(error.exit_code)
"""


@pytest.mark.parametrize("when", ["before", "inside"])
def test_file_size_limit(tmp_path: Path, when: str) -> None:
    path = tmp_path / "a.h5"
    job = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path), when], capture_output=True, text=True, timeout=60, check=False
    )
    assert job.returncode == StorageError.exit_code, job.stderr
    assert "File too large. The file exceeds a size limit" in job.stdout
    assert list(tmp_path.iterdir()) == []


ENDLESS = """
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from landda_hpc.parallel.communicator import SerialCommunicator
from landda_hpc.state import TileState
from landda_hpc.storage.checkpoint import CheckpointHeader, LocalPart, write_checkpoint
from landda_hpc.storage.retention import apply_retention, checkpoint_name

folder, cycle = Path(sys.argv[1]), int(sys.argv[2])
state = TileState.filled(4000)
header = CheckpointHeader("twin", 0, "2022-06-03T00:00:00", "c0ffee", 4000, ("control",), "0.1.0")
while True:
    cycle += 1
    state["zwt"][:] = cycle
    path = folder / checkpoint_name(cycle, datetime(2022, 6, 3))
    parts = {"control": LocalPart(state, slice(0, 4000))}
    write_checkpoint(path, SerialCommunicator(), replace(header, cycle=cycle), parts)
    apply_retention(folder, 2)
    print(cycle, flush=True)
"""


def test_kill_9_at_any_moment_leaves_the_last_state(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    last = 0
    for _ in range(4):
        job = subprocess.Popen(
            [sys.executable, "-c", ENDLESS, str(tmp_path), str(last)], stdout=subprocess.PIPE, text=True
        )
        assert job.stdout is not None
        reported = [int(job.stdout.readline())]  # it is at work
        time.sleep(float(rng.uniform(0.0, 0.1)))
        job.send_signal(signal.SIGKILL)
        reported += [int(line) for line in job.stdout.read().split()]
        job.wait()
        path = latest_valid(tmp_path)
        assert path is not None
        cycle = read_header(path).cycle
        assert cycle >= reported[-1] > last
        assert np.all(read_instance(path, "control", slice(0, 4000))["zwt"] == cycle)
        assert len(list_checkpoints(tmp_path)) <= 3
        last = cycle


def fill(folder: Path, cycles: range, make: Callable[[Path, int], object]) -> None:
    for cycle in cycles:
        make(folder / checkpoint_name(cycle, datetime(2022, 6, 2) + cycle * timedelta(hours=6)), cycle)


def test_newest_whole_checkpoint(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert latest_valid(tmp_path) is None
    assert latest_valid(tmp_path / "nowhere") is None
    fill(tmp_path, range(1, 4), lambda path, cycle: write(path, 20, cycle=cycle))
    (tmp_path / "checkpoint_notes.txt").touch()
    newest, middle = (path for _, path in list_checkpoints(tmp_path)[:0:-1])
    assert latest_valid(tmp_path) == newest
    newest.write_bytes(newest.read_bytes()[:-1000])
    assert latest_valid(tmp_path) == middle
    assert newest.name in caplog.text
    assert read_header(middle).cycle == 2
    for _, path in list_checkpoints(tmp_path):
        path.write_bytes(b"")
    with pytest.raises(StorageError, match="none of the 3 checkpoints is intact"):
        latest_valid(tmp_path)


@pytest.mark.parametrize(
    ("keep_last", "keep_every", "cadence", "left"),
    [
        (1, None, 1, [12]),
        (2, None, 1, [11, 12]),
        (2, 5, 1, [5, 10, 11, 12]),
        (2, 2, 3, [6, 11, 12]),
        (99, None, 1, range(1, 13)),
    ],
)
def test_retention(tmp_path: Path, keep_last: int, keep_every: int | None, cadence: int, left: list[int]) -> None:
    fill(tmp_path, range(1, 13), lambda path, cycle: path.touch())
    removed = apply_retention(tmp_path, keep_last, keep_every, cadence)
    assert [cycle for cycle, _ in list_checkpoints(tmp_path)] == list(left)
    assert len(removed) == 12 - len(left)
    with pytest.raises(ShapeError):
        apply_retention(tmp_path, 0)


def test_the_bench_times_a_state_and_leaves_no_file(tmp_path: Path) -> None:
    found = measure(tmp_path, COMM, n_tiles=50, n_instances=2, rounds=1)
    assert found.n_bytes == sum(bits(50, 0)[name].nbytes for name in LAND_STATE) * 2
    assert min(found.plain_s, found.filled_s, found.complete_s, found.ratio) > 0.0
    assert not list(tmp_path.iterdir())
