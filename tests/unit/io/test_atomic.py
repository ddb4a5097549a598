"""Files are written atomically."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from landda_hpc.errors import ShapeError, StorageError
from landda_hpc.io import atomic


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_replaces_the_old_file_only_when_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    path.write_text("old")
    with atomic.atomic_replacement(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
        assert temporary.parent == path.parent
    assert path.read_text() == "new"
    assert names(tmp_path) == ["status.json"]


@pytest.mark.parametrize(
    "error", [RuntimeError("NetCDF: HDF error"), OSError("broken"), ShapeError("wrong"), KeyboardInterrupt()]
)
def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "status.json"
    path.write_text("old")
    expected = StorageError if isinstance(error, RuntimeError | OSError) else type(error)
    with pytest.raises(expected), atomic.atomic_replacement(path) as temporary:
        temporary.write_text("ne")
        raise error
    assert path.read_text() == "old"
    assert names(tmp_path) == ["status.json"]


def test_text_round_trip(tmp_path: Path) -> None:
    atomic.write_text(tmp_path / "a", "Bodenfeuchte m³ m⁻³\n")
    assert (tmp_path / "a").read_text() == "Bodenfeuchte m³ m⁻³\n"


def test_missing_folder_is_a_storage_error_or_made(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "deep" / "a"
    with pytest.raises(StorageError, match="nowhere"):
        atomic.write_text(path, "x")
    assert names(tmp_path) == []
    atomic.write_text(path, "x", make_folder=True)
    atomic.write_bytes(path, b"y", make_folder=True)
    assert path.read_text() == "y"
    with pytest.raises(StorageError, match=r"a: making the folder failed: .*exists"):
        atomic.write_text(path / "below_a_file", "x", make_folder=True)
    assert names(path.parent) == ["a"]


def test_a_file_system_that_is_read_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There the temporary file can be neither written nor removed."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(StorageError, match="read-only: choose another output folder"):
        atomic.write_text(tmp_path / "a.txt", "text")


def test_space_that_no_disk_has(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"MB free, .* MB needed\. Free space or choose another"):
        atomic.require_space(tmp_path, 10**18)


def test_full_disk_while_reserving_and_while_writing(small_disk: Path) -> None:
    with pytest.raises(StorageError, match="The disk is full"):
        atomic.reserve_space(small_disk / "a", 2**21)
    (small_disk / "a").unlink(missing_ok=True)
    (small_disk / "b").write_bytes(bytes(2**19))
    path = small_disk / "c"
    with pytest.raises(StorageError, match="MB free"):
        atomic.write_text(path, "x" * 2**20)
    with pytest.raises(OSError, match="No space left"):
        (small_disk / "d").write_bytes(bytes(2**21))
    assert not path.exists()


def test_full_disk_that_the_estimate_did_not_see(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atomic, "SPACE_MARGIN", 0)
    path = small_disk / "c"
    with pytest.raises(StorageError, match="The disk is full"), atomic.atomic_replacement(path) as temporary:
        temporary.write_bytes(bytes(2**21))
    assert names(small_disk) == []


def test_reserving_keeps_content(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    atomic.reserve_space(path, 10000)
    assert path.read_bytes() == b"abc" + bytes(9997)


def test_reserving_without_the_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of macOS."""
    monkeypatch.delattr(os, "posix_fallocate")
    atomic.reserve_space(tmp_path / "a", 10000)
    assert (tmp_path / "a").read_bytes() == b""


def test_leftovers_are_removed_and_nothing_else(tmp_path: Path) -> None:
    atomic.temporary_path(tmp_path / "a.h5").touch()
    (tmp_path / ".hidden").touch()
    (tmp_path / "a.tmp").touch()
    assert atomic.remove_temporaries(tmp_path) == 1
    assert names(tmp_path) == [".hidden", "a.tmp"]
