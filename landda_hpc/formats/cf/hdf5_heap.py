"""Detect damaged global heaps, at which the HDF5 library hangs when it opens a netCDF-4 file.

The library walks through a heap object by object and trusts their sizes. A block of zeros in the heap (a hole left by
a failed transfer) has size 0, so the walk does not advance, and an MPI job hangs until its time limit. Seen with HDF5
2.2.0.
"""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Final

_SIGNATURE: Final = b"GCOL\x01\x00\x00\x00"
_HEADER: Final = 16
"""Bytes of the header of a collection and of each object in it, with netCDF's 8-byte lengths."""


def find_damaged_heap(path: Path) -> int | None:
    """Position of the first global heap collection whose objects do not fill it; None if all are sound.

    Parameters
    ----------
    path : any file; a file that is not HDF5 has no collections.

    Notes
    -----
    Local: no communication. HDF5 File Format Specification, section III.E.
    """
    if path.stat().st_size == 0:
        return None
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        start = content.find(_SIGNATURE)
        while start >= 0:
            size = int.from_bytes(content[start + 8 : start + _HEADER], "little")
            # A larger size is a coincidence in the data, or damage that the library reports itself.
            if start + size <= len(content) and not _is_sound(content[start : start + size]):
                return start
            start = content.find(_SIGNATURE, start + 1)
    return None


def _is_sound(collection: bytes) -> bool:
    """Whether a walk along the objects reaches the end of the collection."""
    at = _HEADER
    while at + _HEADER <= len(collection):
        index = int.from_bytes(collection[at : at + 2], "little")
        size = int.from_bytes(collection[at + 8 : at + _HEADER], "little")
        # Object 0 is the free space at the end, whose size includes its header; others are padded to 8 bytes.
        step = size if index == 0 else _HEADER + (size + 7) // 8 * 8
        if step == 0 or at + step > len(collection):
            return False
        at += step
    return True
