"""Files that are read before they are needed: all bytes, no errors, no waiting."""

from __future__ import annotations

import os
from pathlib import Path

from landda_hpc.io.read_ahead import LARGEST, ReadAhead


def test_every_byte_is_read_and_errors_are_left_to_the_reader(tmp_path: Path) -> None:
    sizes = {"empty": 0, "small": 7, "large": 3 * 2**20 + 1}
    for name, size in sizes.items():
        (tmp_path / name).write_bytes(os.urandom(size))
    (tmp_path / "too large").touch()
    os.truncate(tmp_path / "too large", LARGEST + 1)
    ahead = ReadAhead()
    assert ahead.wait(0.0)
    ahead.begin([tmp_path / name for name in ("missing", "empty", "too large", "large", ".", "small")])
    assert ahead.wait(60.0) and ahead.n_bytes == sum(sizes.values())
    ahead.begin([])
    assert ahead.wait(0.0)


def test_a_file_system_that_hangs_keeps_nobody_waiting(tmp_path: Path) -> None:
    """A pipe without a writer stands for it."""
    os.mkfifo(tmp_path / "hangs")
    (tmp_path / "file").write_bytes(b"12345")
    ahead = ReadAhead()
    ahead.begin([tmp_path / "hangs"])
    ahead.begin([tmp_path / "file"])
    assert not ahead.wait(0.1) and ahead.n_bytes == 0
    with (tmp_path / "hangs").open("wb") as writer:
        writer.write(b"123")
    assert ahead.wait(60.0) and ahead.n_bytes == 3, "the second call was not queued"
    ahead.begin([tmp_path / "file"])
    assert ahead.wait(60.0) and ahead.n_bytes == 8
