"""Lines of a file of records, read from its end, so that the time does not depend on the length of the file.

Every function here is local and meant for rank 0.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from landda_hpc.config import parse_json
from landda_hpc.io.atomic import storage_errors

_BLOCK: Final = 1 << 18
"""Bytes that are read at a time."""


def last_lines(path: Path, first_cycle: int, n_lines: int | None = None) -> list[bytes]:
    """Complete lines at the end of a file whose cycle is at least ``first_cycle``, oldest first; at most ``n_lines``.

    Raises
    ------
    StorageError : the file cannot be read, or one of these lines is damaged.
    """
    found: list[bytes] = []
    with storage_errors(path, "reading"):
        for _, line in _from_end(path):
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
    with storage_errors(path, "reading"):
        for end, line in _from_end(path):
            try:
                if cycle_of(line) <= last_cycle:
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


def _from_end(path: Path) -> Iterator[tuple[int, bytes]]:
    """End, in bytes, and content of each complete line, the last line first; nothing if the file is missing."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        begin, carry, is_after = file.seek(0, os.SEEK_END), b"", True
        while begin > 0:
            n_bytes = min(_BLOCK, begin)
            begin = file.seek(begin - n_bytes)
            lines = (file.read(n_bytes) + carry).splitlines(keepends=True)
            if is_after and not lines[-1].endswith(b"\n"):
                lines.pop()  # the incomplete last line
            is_after = is_after and not lines
            end = begin + sum(map(len, lines))
            # The first line may begin in the block before.
            carry = lines.pop(0) if begin > 0 and lines else b""
            for line in reversed(lines):
                yield end, line
                end -= len(line)
