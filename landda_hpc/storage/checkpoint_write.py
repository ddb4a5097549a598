"""Writing of a prepared checkpoint file in place, by all ranks at once or through rank 0."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any, Final, NamedTuple

import h5py
import numpy as np

from landda_hpc.constants import FloatArray
from landda_hpc.errors import StorageError
from landda_hpc.io.atomic import storage_errors
from landda_hpc.parallel.communicator import Communicator
from landda_hpc.parallel.partition import even_partition
from landda_hpc.state import TileState
from landda_hpc.storage import checkpoint_format as layout
from landda_hpc.storage.checkpoint_format import CheckpointHeader
from landda_hpc.storage.collective import Extent, step
from landda_hpc.storage.hashing import hash_rows
from landda_hpc.variables import STATE

logger = logging.getLogger(__name__)

SLAB: Final = 8 * layout.CHUNK
"""Number of tiles that rank 0 receives at a time; it limits memory (5.5 MB) and does not affect the file."""


INDEPENDENT_BYTES: Final = 1 << 14
"""Mean number of bytes of a variable per rank from which ranks write independently."""


class LocalPart(NamedTuple):
    """One rank's part of a model instance: its tiles, or None and an empty slice."""

    state: TileState | None
    tiles: slice


Parts = Mapping[str, LocalPart]
Extents = Mapping[str, list[Extent]]
"""Tiles of every rank, by instance."""

NOTHING: Final = LocalPart(None, slice(0, 0))


def write_parallel(temporary: Path, communicator: Communicator, header: CheckpointHeader, instances: Parts) -> None:
    """Write this rank's rows by parallel HDF5. Collective.

    Notes
    -----
    Large parts are written independently, because ranks that wait for each other at every variable lose time. Small
    ones are written collectively: MPI-IO then joins them.

    If a collective call fails on one rank, HDF5 does not return on the others (it skips a collective change of the
    file view there), so a failure ends the job. The disk space was reserved beforehand.
    """
    with _inside_collective(communicator, temporary, "opening with parallel HDF5"):
        file = h5py.File(temporary, "r+", driver="mpio", comm=communicator.native, libver=layout.LIBRARY_BOUNDS)
    transfer = h5py.h5p.create(h5py.h5p.DATASET_XFER)
    for name in header.instances:
        part = instances.get(name, NOTHING)
        for variable in header.variables:
            is_small = 8 * _size(variable) * header.n_tiles < INDEPENDENT_BYTES * communicator.size
            transfer.set_dxpl_mpio(h5py.h5fd.MPIO_COLLECTIVE if is_small else h5py.h5fd.MPIO_INDEPENDENT)
            with _inside_collective(communicator, temporary, f"writing {variable} of '{name}'"):
                rows = None if part.state is None else part.state[variable]
                _write(_dataset(file, name, variable), rows, part.tiles.start, transfer)
    with _inside_collective(communicator, temporary, "flushing and closing"):
        file.flush()
        file.close()


def write_serial(
    temporary: Path, communicator: Communicator, header: CheckpointHeader, instances: Parts, extents: Extents
) -> None:
    """Rank 0 writes its rows, and those of the others slab by slab, all variables of a slab at once. Collective."""
    is_writer, rank = communicator.rank == 0, communicator.rank
    width = sum(_size(name) for name in header.variables)
    file = None
    with step(communicator, temporary, "opening"):
        if is_writer:
            file = h5py.File(temporary, "r+", libver=layout.LIBRARY_BOUNDS, locking=False)
    try:
        for name in header.instances:
            with step(communicator, temporary, f"writing instance '{name}'"):
                part = instances.get(name, NOTHING)
                if file is not None and part.state is not None:
                    for variable in header.variables:
                        _write(_dataset(file, name, variable), part.state[variable], part.tiles.start)
            others = {r: extent for r, extent in enumerate(extents[name]) if r > 0 and extent[0] < extent[1]}
            if not others:
                continue
            for start in range(0, header.n_tiles, SLAB):
                cuts = {r: _overlap(extent, start, start + SLAB) for r, extent in others.items()}
                outgoing = {0: _pack(part, *cuts[rank])} if rank in cuts else {}
                counts = {r: (hi - lo) * width for r, (lo, hi) in cuts.items()} if is_writer else {}
                received = communicator.exchange(outgoing, counts)
                with step(communicator, temporary, f"writing instance '{name}'"):
                    if file is not None:
                        blocks = np.split(received, np.cumsum(list(counts.values()))[:-1])
                        for (lo, hi), block in zip(cuts.values(), blocks, strict=True):
                            _unpack(file, name, header.variables, block, lo, hi)
        with step(communicator, temporary, "closing"):
            if file is not None:
                file.close()
    finally:
        if file is not None:
            file.close()


def hash_share(temporary: Path, communicator: Communicator, header: CheckpointHeader) -> bytes:
    """Checksums of the chunks that this rank hashes, in the order of ``all_chunks``. Local."""
    chunks = layout.all_chunks(header)
    share = even_partition(len(chunks), communicator.size)
    mine = chunks[int(share[communicator.rank]) : int(share[communicator.rank + 1])]
    hashes: list[bytes] = []
    with h5py.File(temporary, "r", locking=False) as file:
        for (instance, variable), same in groupby(mine, key=lambda chunk: (chunk.instance, chunk.variable)):
            dataset = file[f"instances/{instance}/{variable}"]
            of_dataset = list(same)
            for first in range(0, len(of_dataset), SLAB // layout.CHUNK):
                some = of_dataset[first : first + SLAB // layout.CHUNK]
                start = some[0].start
                rows = dataset[start : some[-1].stop]
                hashes += [hash_rows(rows[c.start - start : c.stop - start]) for c in some]
    return b"".join(hashes)


def compare_rows(temporary: Path, instances: Parts) -> None:
    """Compare this rank's rows with the file, byte by byte. Local.

    Called after all ranks have hashed: data lost later differ from their checksum; data lost before are found here.

    Raises
    ------
    StorageError : the file differs from what was written.
    """
    with h5py.File(temporary, "r", locking=False) as file:
        for name, (state, tiles) in instances.items():
            if state is not None:
                for variable in state.names:
                    _compare(temporary, file[f"instances/{name}/{variable}"], state[variable], tiles)


@contextmanager
def _inside_collective(communicator: Communicator, temporary: Path, doing: str) -> Iterator[None]:
    """Protect one collective HDF5 call: a failure or interruption ends the job, because the other ranks wait inside."""
    try:
        with storage_errors(temporary, doing):
            yield
    except BaseException as error:
        if communicator.size > 1:
            logger.critical(
                "rank %d of %d: %s The other ranks cannot leave the collective call, so the job ends here. "
                "The last finished checkpoint is untouched: resume from it.",
                communicator.rank,
                communicator.size,
                error,
            )
            temporary.unlink(missing_ok=True)
            communicator.abort(StorageError.exit_code)
        raise


def _write(dataset: h5py.h5d.DatasetID, rows: FloatArray | None, start: int, transfer: Any = None) -> None:
    """Write rows to the tiles from ``start``; a rank without rows takes part in a collective transfer."""
    target = dataset.get_space()
    if rows is None or rows.shape[0] == 0:
        rows = np.empty((1,))
        source = h5py.h5s.create_simple(rows.shape)
        source.select_none()
        target.select_none()
    else:
        source = h5py.h5s.create_simple(rows.shape)
        target.select_hyperslab((start, *(0,) * (rows.ndim - 1)), rows.shape)
    dataset.write(source, target, np.ascontiguousarray(rows), dxpl=transfer)


def _dataset(file: h5py.File, instance: str, variable: str) -> h5py.h5d.DatasetID:
    return h5py.h5d.open(file.id, f"instances/{instance}/{variable}".encode())


def _overlap(extent: Extent, start: int, stop: int) -> Extent:
    lo, hi = max(extent[0], start), min(extent[1], stop)
    return (lo, hi) if lo < hi else (0, 0)


def _pack(part: LocalPart, lo: int, hi: int) -> FloatArray:
    """Pack tiles lo..hi (global indices) into a flat array, variable by variable."""
    if part.state is None or lo == hi:
        return np.empty(0)
    rows = slice(lo - part.tiles.start, hi - part.tiles.start)
    return np.concatenate([part.state[name][rows].reshape(-1) for name in part.state.names])


def _unpack(file: h5py.File, instance: str, names: tuple[str, ...], block: FloatArray, lo: int, hi: int) -> None:
    """Write what ``_pack`` packed."""
    if lo == hi:
        return
    position = 0
    for name in names:
        n = (hi - lo) * _size(name)
        rows = block[position : position + n].reshape(hi - lo, *STATE[name].shape)
        _write(_dataset(file, instance, name), rows, lo)
        position += n


def _size(name: str) -> int:
    """Number of values of a variable per tile."""
    return int(np.prod(STATE[name].shape, dtype=np.int64))


def _compare(temporary: Path, dataset: h5py.Dataset, rows: FloatArray, tiles: slice) -> None:
    for start in range(tiles.start, tiles.stop, SLAB):
        stop = min(start + SLAB, tiles.stop)
        if not _same_bits(dataset[start:stop], rows[start - tiles.start : stop - tiles.start]):
            raise StorageError(
                f"{temporary}: read-back of {dataset.name}, tiles {start} to {stop - 1}, differs from what "
                "was written: the file system lost data without an error (a full disk? with Open MPI 4 set "
                "OMPI_MCA_io=romio321). This checkpoint is discarded; earlier ones are unchanged."
            )


def _same_bits(a: FloatArray, b: FloatArray) -> bool:
    """Whether two arrays are bitwise equal: NaN equals the same NaN, and -0 differs from 0."""
    left, right = np.ascontiguousarray(a), np.ascontiguousarray(b)
    return bool(np.array_equal(left.view(np.int64), right.view(np.int64)))
