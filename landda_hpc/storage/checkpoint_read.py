"""Reading of checkpoints: any rank, any slice of the tiles, with every chunk checked against its hash."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from landda_hpc.errors import ShapeError
from landda_hpc.state import TileState
from landda_hpc.storage.checkpoint_format import (
    CHUNK,
    CheckpointHeader,
    ChunkOf,
    all_chunks,
    check_rows,
    checksums,
    opened,
    state_digest,
)
from landda_hpc.variables import STATE


def read_header(path: Path) -> CheckpointHeader:
    """Read and verify header and records of a checkpoint, but not the state. Local.

    Raises
    ------
    StorageError : the file is missing, damaged or of another version.
    """
    with opened(path) as (_, index):
        return index.header


def read_instance(path: Path, name: str, tile_slice: slice) -> TileState:
    """Read one rank's tiles of one model instance; the number of ranks that wrote them does not matter. Local.

    Parameters
    ----------
    path : the checkpoint.
    name : model instance.
    tile_slice : slice of the global tile vector with start and stop; may be empty.

    Returns
    -------
    The state, bitwise identical to the one that was written.

    Raises
    ------
    ShapeError : the file has no such instance or tiles.
    StorageError : the file is missing or damaged; each chunk of 1024 tiles that is read is verified.
    """
    with opened(path) as (file, index):
        header = index.header
        if name not in header.instances:
            raise ShapeError(f"{path}: no model instance '{name}'; it holds {', '.join(header.instances)}.")
        start, stop = _bounds(path, tile_slice, header.n_tiles)
        values = {name: np.empty((stop - start, *STATE[name].shape)) for name in header.variables}
        for variable, target in values.items():
            data = file[f"instances/{name}/{variable}"]
            table = checksums(path, file, index, name, variable)
            for first in range(start - start % CHUNK, stop, CHUNK):
                piece = ChunkOf(name, variable, first, min(first + CHUNK, header.n_tiles))
                rows = data[piece.start : piece.stop]
                check_rows(path, piece, rows, table[first // CHUNK].tobytes())
                lo, hi = max(start, piece.start), min(stop, piece.stop)
                target[lo - start : hi - start] = rows[lo - piece.start : hi - piece.start]
    return TileState(values)


def verify(path: Path) -> CheckpointHeader:
    """Read a whole checkpoint and check every chunk against its hash. Local; memory: one chunk.

    Returns
    -------
    The header.

    Raises
    ------
    StorageError : the file is damaged; the message names the file and the first damaged chunk.
    """
    header, _ = _verified(path)
    return header


def digest(path: Path) -> str:
    """Hex hash of the state; it does not depend on the number of ranks or on the mode of writing. Local.

    It covers cycle, valid time, instance names and all variables; not timings, versions, statistics or paths.
    The whole file is also verified.
    """
    return _verified(path)[1]


def _verified(path: Path) -> tuple[CheckpointHeader, str]:
    with opened(path) as (file, index):
        table, held = None, ("", "")
        for piece in all_chunks(index.header):
            if table is None or held != (piece.instance, piece.variable):
                held = (piece.instance, piece.variable)
                table = checksums(path, file, index, *held)
            rows = file[f"instances/{piece.instance}/{piece.variable}"][piece.start : piece.stop]
            check_rows(path, piece, rows, table[piece.start // CHUNK].tobytes())
        return index.header, state_digest(index)


def _bounds(path: Path, tile_slice: slice, n_tiles: int) -> tuple[int, int]:
    start, stop = tile_slice.start, tile_slice.stop
    if tile_slice.step not in (None, 1) or start is None or stop is None or not 0 <= start <= stop <= n_tiles:
        raise ShapeError(
            f"{path}: tiles {start} to {stop} were requested; the checkpoint has {n_tiles}. "
            "Was it written with another grid or tile configuration?"
        )
    return int(start), int(stop)
