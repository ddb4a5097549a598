"""Lines of a file of records, read from its end, so that the time does not depend on the length of the file.

Every function here is local and meant for rank 0.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from landda_hpc.config import parse_json
from landda_hpc.io.atomic import storage_errors


def last_lines(path: Path, first_cycle: int, n_lines: int | None = None) -> list[bytes]:
    """Complete lines at the end of a file whose cycle is at least ``first_cycle``, oldest first; at most ``n_lines``.

    Raises
    ------
    StorageError : the file cannot be read, or one of these lines is damaged.
    """
    found = []
    with _mapped(path) as content:
        for begin, end in _from_end(content):
            line = bytes(content[begin:end])
            if cycle_of(line) < first_cycle:
                break
            found.append(line)
            if len(found) == n_lines:
                break
    return found[::-1]


def end_of_cycle(path: Path, last_cycle: int) -> int:
    """Number of bytes up to the last line whose cycle is at most ``last_cycle``; cycles do not decrease.

    Lines after it are not kept, whether they are damaged or not; the last line may be incomplete.

    Raises
    ------
    StorageError : the file cannot be read.
    """
    with _mapped(path) as content:
        for begin, end in _from_end(content):
            try:
                if cycle_of(bytes(content[begin:end])) <= last_cycle:
                    return end
            except ValueError:
                continue
    return 0


def cut(path: Path, n_bytes: int) -> int:
    """Keep the first bytes of a file and return the number of removed lines.

    A kill leaves the old or the new length; the next resume cuts the old one again.

    Raises
    ------
    StorageError : the file cannot be changed.
    """
    with storage_errors(path, "cutting"), path.open("r+b") as file:
        file.seek(n_bytes)
        removed = file.read()
        if removed:
            file.truncate(n_bytes)
            file.flush()
            os.fsync(file.fileno())
    return len(removed.splitlines())


def cycle_of(line: bytes) -> int:
    """Cycle of a line; ValueError if the line is not a record."""
    try:
        cycle = parse_json(line)["cycle"]
    except (ValueError, LookupError, TypeError):
        cycle = None
    if not isinstance(cycle, int) or not line.endswith(b"\n"):
        raise ValueError(f"a damaged line, {line[:40]!r}")
    return cycle


@contextmanager
def _mapped(path: Path) -> Iterator[mmap.mmap | bytes]:
    """Content of a file, read where it is looked at; empty if the file is missing."""
    with storage_errors(path, "reading"):
        if not path.is_file() or path.stat().st_size == 0:
            yield b""
            return
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            yield content


def _from_end(content: mmap.mmap | bytes) -> Iterator[tuple[int, int]]:
    """Begin and end of each complete line, the last line first."""
    end = content.rfind(b"\n") + 1
    while end > 0:
        begin = content.rfind(b"\n", 0, end - 1) + 1
        yield begin, end
        end = begin
