"""Files written in a separate process: order, bounded number, errors, and the end of the process."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from landda_hpc.campaign.file_writer import AT_ONCE, WriterHere, WriterProcess
from landda_hpc.errors import StorageError
from landda_hpc.storage.series_files import read_day
from landda_hpc.storage.written_files import FileMark, WrittenFile, mark_file

LIMIT_S = 60.0


@pytest.fixture
def writer() -> Iterator[WriterProcess]:
    chosen = WriterProcess()
    yield chosen
    chosen.end()


def copies(folder: Path, cycle: int, number: int) -> list[partial[list[WrittenFile]]]:
    source = folder / "source"
    if not source.exists():
        source.write_bytes(b"x" * 100)
    names = [folder / f"{cycle}_{i}" for i in range(number)]
    return [partial(mark_file, cycle, partial(shutil.copyfile, source, name)) for name in names]


def process_of(writer: WriterProcess) -> int:
    assert writer._process is not None
    return writer._process._process.pid


def test_files_come_back_in_order_as_from_this_process(tmp_path: Path, writer: WriterProcess) -> None:
    found = []
    for chosen in (writer, WriterHere()):
        for cycle in (1, 2, 3, 4):
            chosen.add(copies(tmp_path, cycle, 2))
            chosen.submit()
        chosen.complete()
        found.append(chosen.written())
        assert chosen.written() == []
    assert found[0] == found[1]
    assert [file.path.name for file in found[0]] == [f"{cycle}_{i}" for cycle in (1, 2, 3, 4) for i in (0, 1)]
    assert found[0][0].mark == FileMark.of(tmp_path / "1_0", 1)


def test_without_files_no_process_is_started(writer: WriterProcess) -> None:
    writer.add([])
    writer.complete()
    assert writer.written() == [] and writer._process is None


def test_it_waits_if_the_process_falls_behind(tmp_path: Path, writer: WriterProcess) -> None:
    """No more than the files of two cycles are held, however slow the file system is."""
    hung = tmp_path / "hung"
    os.mkfifo(hung)
    writer.add([partial(mark_file, 1, partial(Path, hung)), *copies(tmp_path, 1, 1)])
    writer.submit()
    writer.add(copies(tmp_path, 2, 1))
    writer.submit()
    writer.add(copies(tmp_path, 3, 1))
    third = threading.Thread(target=writer.submit, daemon=True)
    third.start()
    third.join(0.2)
    assert third.is_alive() and len(writer._held) == AT_ONCE
    hung.write_bytes(b"x")  # what the process waits to read back
    third.join(LIMIT_S)
    writer.complete()
    assert [file.path.name for file in writer.written()] == ["hung", "1_0", "2_0", "3_0"]


def test_its_error_is_raised_here_with_its_class(tmp_path: Path, writer: WriterProcess) -> None:
    writer.add([partial(read_day, tmp_path / "missing.nc"), *copies(tmp_path, 1, 1)])
    writer.submit()
    with pytest.raises(StorageError, match=r"missing\.nc: reading failed"):
        writer.complete()
    assert not (tmp_path / "1_0").exists()


def test_a_killed_process_is_an_error(tmp_path: Path, writer: WriterProcess) -> None:
    writer.add(copies(tmp_path, 1, 1))
    writer.complete()
    os.kill(process_of(writer), signal.SIGKILL)
    with pytest.raises(StorageError, match=r"that writes files was ended by SIGKILL .* resume the campaign"):
        for cycle in range(2, 9):
            writer.add(copies(tmp_path, cycle, 1))
            writer.complete()


def test_signals_to_the_job_do_not_end_it_but_its_parent_does(tmp_path: Path, writer: WriterProcess) -> None:
    writer.add(copies(tmp_path, 1, 1))
    writer.submit()
    number = process_of(writer)
    for sent in (signal.SIGUSR1, signal.SIGTERM, signal.SIGINT):
        os.kill(number, sent)
    writer.complete()
    assert len(writer.written()) == 1
    assert writer._process is not None
    process = writer._process._process
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(LIMIT_S) == 1
