"""The first 512 bytes of a checkpoint: plain text that is checked before HDF5 opens the file.

::

    landda_hpc checkpoint
    version 1
    metadata <bytes> <BLAKE2b>      hash of the bytes from 512 to <bytes>: all metadata of HDF5
    seal <BLAKE2b>                  hash of header, records and the roots of the tree of hashes

HDF5 stores checksums of its metadata, but a damaged file can crash it (1.10.8: corrupted heap) before it
compares them. A program that searches for a checkpoint from which to resume must survive damaged ones.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from landda_hpc.errors import StorageError
from landda_hpc.storage.hashing import hash_bytes

FORMAT: Final = "landda_hpc checkpoint"
FORMAT_VERSION: Final = 1
SIZE: Final = 512
"""Bytes; HDF5 calls this the user block, and 512 is its minimum."""

_TEXT = re.compile(rb"version (\d+)\nmetadata (\d+) ([0-9a-f]{64})\nseal ([0-9a-f]{64})\n\x00*")


def write_preamble(path: Path, metadata_end: int, seal: bytes) -> None:
    """Fill the preamble of a file whose metadata are final. Local."""
    with path.open("r+b") as file:
        file.seek(SIZE)
        metadata = file.read(metadata_end - SIZE)
        file.seek(0)
        file.write(
            f"{FORMAT}\nversion {FORMAT_VERSION}\nmetadata {metadata_end} {hash_bytes(metadata).hex()}\n"
            f"seal {seal.hex()}\n".encode().ljust(SIZE, b"\0")
        )


def check_preamble(path: Path, what_to_do: str) -> str:
    """Verify the preamble and the metadata, so that HDF5 may open the file; return the seal, in hex. Local.

    Parameters
    ----------
    what_to_do : end of the message if the file is damaged.

    Raises
    ------
    StorageError : the file is not a checkpoint, or it is unfinished, of another version, truncated or damaged.
    """
    first_line = f"{FORMAT}\n".encode()
    with path.open("rb") as file:
        head = file.read(SIZE)
        if not head.startswith(first_line):
            reason = "is empty or unfinished" if not head.strip(b"\0") else f"does not begin with '{FORMAT}'"
            raise StorageError(f"{path}: not a checkpoint, or damaged: it {reason}. {what_to_do}")
        found = _TEXT.fullmatch(head, len(first_line))
        if found is None or len(head) < SIZE:
            raise StorageError(f"{path}: its first {SIZE} bytes are damaged. {what_to_do}")
        version, end = int(found[1]), int(found[2])
        if version != FORMAT_VERSION:
            raise StorageError(
                f"{path}: checkpoint format {version}, this software reads format {FORMAT_VERSION}. "
                "Use the version of landda_hpc that wrote it."
            )
        metadata = file.read(max(0, min(end, path.stat().st_size) - SIZE))
    if len(metadata) != end - SIZE or hash_bytes(metadata).hex() != found[3].decode():
        raise StorageError(f"{path}: the metadata of the file are damaged or truncated. {what_to_do}")
    return found[4].decode()
