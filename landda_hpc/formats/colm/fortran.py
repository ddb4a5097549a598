"""Fortran unformatted sequential files: records between length markers, in either byte order.

Markers have 4 bytes, the default of gfortran and ifort. A record beyond 2 GiB is a chain of subrecords: a negative
leading marker says that another subrecord follows, a negative trailing marker that another precedes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from landda_hpc.errors import DataError, MissingFileError

MARKER: Final = 4


@dataclass(frozen=True)
class Record:
    """Positions of one record's bytes in the file.

    Attributes
    ----------
    pieces : (offset in the file, length in bytes) of each subrecord.
    """

    pieces: tuple[tuple[int, int], ...]

    @property
    def size(self) -> int:
        """Bytes of the record without markers."""
        return sum(length for _, length in self.pieces)

    def spans(self, start: int, length: int) -> Iterator[tuple[int, int]]:
        """Positions in the file, (offset, length), of the bytes ``start`` to ``start + length`` of the record."""
        if start < 0 or length < 0 or start + length > self.size:
            raise DataError(f"bytes {start} to {start + length} of a record of {self.size} bytes were requested.")
        begin = 0
        for offset, size in self.pieces:
            first, last = max(start, begin), min(start + length, begin + size)
            if first < last:
                yield offset + first - begin, last - first
            begin += size

    def read(self, file: BinaryIO, start: int, length: int) -> bytes:
        """Read some bytes of the record."""
        parts = []
        for offset, size in self.spans(start, length):
            file.seek(offset)
            parts.append(file.read(size))
        content = b"".join(parts)
        if len(content) != length:
            raise DataError(f"{file.name}: ends within a record; it was truncated while being read.")
        return content

    def write(self, file: BinaryIO, start: int, content: bytes) -> None:
        """Overwrite some bytes of the record in place."""
        done = 0
        for offset, size in self.spans(start, len(content)):
            file.seek(offset)
            file.write(content[done : done + size])
            done += size


@dataclass(frozen=True)
class FortranFile:
    """Byte order and records of an unformatted file.

    Attributes
    ----------
    path : the file.
    byte_order : ``<`` little-endian, ``>`` big-endian.
    records : records in order.
    """

    path: Path
    byte_order: str
    records: tuple[Record, ...]


def scan_records(path: Path) -> FortranFile:
    """Find the records of a file and its byte order. Local; reads the markers only.

    Raises
    ------
    MissingFileError : the file does not exist.
    DataError : record markers are inconsistent in both byte orders: the file is truncated, damaged, or not an
        unformatted sequential file with 4-byte markers.
    """
    if not path.is_file():
        raise MissingFileError(f"{path}: no such file.")
    problems = []
    with path.open("rb") as file:
        size = path.stat().st_size
        for byte_order in ("<", ">"):
            records, problem = _scan(file, size, byte_order)
            if problem is None:
                return FortranFile(path, byte_order, tuple(records))
            problems.append((len(records), problem))
    raise DataError(
        f"{path}: not a complete Fortran unformatted file: {max(problems)[1]}. Is it truncated, or written with "
        "record markers of other than 4 bytes?"
    )


def _scan(file: BinaryIO, size: int, byte_order: str) -> tuple[list[Record], str | None]:
    records: list[Record] = []
    pieces: list[tuple[int, int]] = []
    position = 0
    if size == 0:
        return records, "it is empty"
    while position < size:
        leading = _marker(file, position, size, byte_order)
        if leading is None:
            return records, f"it ends in the marker at byte {position}"
        length = abs(leading)
        trailing = _marker(file, position + MARKER + length, size, byte_order)
        if trailing is None:
            return records, f"the record at byte {position} should have {length} bytes, the file has {size}"
        if trailing != (-length if pieces else length):
            return records, f"the markers of the record at byte {position} differ: {leading} and {trailing}"
        pieces.append((position + MARKER, length))
        position += length + 2 * MARKER
        if leading >= 0:
            records.append(Record(tuple(pieces)))
            pieces = []
    return records, "its last record is not finished" if pieces else None


def _marker(file: BinaryIO, position: int, size: int, byte_order: str) -> int | None:
    if position + MARKER > size:
        return None
    file.seek(position)
    value: int = struct.unpack(byte_order + "i", file.read(MARKER))[0]
    return value
