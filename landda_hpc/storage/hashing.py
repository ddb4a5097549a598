"""Hash function for all stored data: BLAKE2b with 32 bytes (RFC 7693)."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

HASH_BYTES: Final = 32


def hash_bytes(*parts: bytes | memoryview) -> bytes:
    """BLAKE2b of parts, each preceded by its length, so that no two lists of parts collide."""
    state = hashlib.blake2b(digest_size=HASH_BYTES)
    for part in parts:
        state.update(len(part).to_bytes(8, "little"))
        state.update(part)
    return state.digest()


def hash_rows(rows: npt.NDArray[np.float64]) -> bytes:
    """Hash of some tiles of a variable, shape (n_tiles, ...): its little-endian float64 bytes in C order."""
    return hash_array(np.ascontiguousarray(rows, dtype="<f8"))


def hash_array(array: npt.NDArray[Any]) -> bytes:
    """Hash of an array's bytes in C order, as they are in memory."""
    return hash_bytes(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)


def hash_file(path: Path) -> str:
    """Hex hash of a file's bytes, read piece by piece."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=HASH_BYTES)).hexdigest()
