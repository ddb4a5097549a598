"""The complete state of a cycle in one HDF5 file, independent of the number of ranks that wrote it.

The order of the steps limits possible failures. One rank creates the file with every byte allocated, so that a
full disk is detected there and not inside a collective call. All ranks then fill it in place, by parallel HDF5 or
through rank 0. The hashes are computed from the file; then each rank compares its own rows with the file, because
a file system may lose data without an error. Only then does the file get its hashes and its name.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import h5py
import numpy as np

from landda_hpc.errors import ParallelError, ShapeError, StorageError
from landda_hpc.io.atomic import commit, require_space, reserve_space, sync_file, temporary_path
from landda_hpc.parallel.communicator import Communicator
from landda_hpc.parallel.together import together
from landda_hpc.storage import checkpoint_format as layout
from landda_hpc.storage.checkpoint_format import CheckpointHeader
from landda_hpc.storage.checkpoint_read import digest, read_header, read_instance, verify
from landda_hpc.storage.checkpoint_write import (
    NOTHING,
    Extents,
    LocalPart,
    Parts,
    compare_rows,
    hash_share,
    write_parallel,
    write_serial,
)
from landda_hpc.storage.collective import Extent, require_cover, step
from landda_hpc.storage.hashing import HASH_BYTES

__all__ = [
    "CheckpointHeader",
    "LocalPart",
    "Mode",
    "choose_mode",
    "digest",
    "filled_file",
    "read_header",
    "read_instance",
    "verify",
    "write_checkpoint",
]

logger = logging.getLogger(__name__)

Mode = Literal["auto", "parallel", "serial"]


def choose_mode(mode: Mode, communicator: Communicator) -> Literal["parallel", "serial"]:
    """Resolve 'auto': parallel if both h5py and the communicator support it. Local.

    Raises
    ------
    StorageError : 'parallel' is requested but not supported.
    """
    has_library, has_mpi = bool(h5py.get_config().mpi), communicator.native is not None
    if mode == "parallel" and not (has_library and has_mpi):
        raise StorageError(
            f"checkpoint mode 'parallel' needs h5py with MPI (here: {'yes' if has_library else 'no'}) and "
            f"a job under MPI (here: {'yes' if has_mpi else 'no'}). Choose 'auto' or 'serial'."
        )
    return "parallel" if has_library and has_mpi and mode != "serial" else "serial"


def write_checkpoint(
    path: Path,
    communicator: Communicator,
    header: CheckpointHeader,
    instances: Parts,
    mode: Mode = "auto",
) -> str:
    """Write the state of all model instances, atomically. Collective.

    Parameters
    ----------
    path : final name. An existing file is replaced only when the new one is complete.
    communicator : all ranks that hold a part of any instance.
    header : the same on all ranks, except ``records``: those of rank 0 are used.
    instances : this rank's parts, by instance name. The parts of all ranks cover each instance's tiles
        exactly once; an instance that this rank does not hold may be omitted.
    mode : 'parallel' (collective HDF5), 'serial' (rows go to rank 0 slab by slab), or 'auto'. The datasets
        do not depend on it.

    Returns
    -------
    Digest of the state (see ``digest``), on every rank.

    Raises
    ------
    StorageError : (on every rank) the disk is full, a write fails, or the read-back differs. Then no file with the
        final name appears, and an older one stays.
    ShapeError, ParallelError : (on every rank) the parts do not cover the tiles, or the headers differ.
    """
    began = time.perf_counter()
    with filled_file(path, communicator, header, instances, mode) as (temporary, records):
        with step(communicator, path, "hashing"):
            leaves = hash_share(temporary, communicator, header)
        with step(communicator, path, "reading back"):
            compare_rows(temporary, instances)
        gathered = communicator.gather(leaves)
        result: str | None = None
        with step(communicator, path, "committing"):
            if gathered is not None:
                result = _commit(temporary, path, header, records, b"".join(gathered))
                size, seconds = path.stat().st_size / 1e6, time.perf_counter() - began
                logger.info("checkpoint %s: %.1f MB in %.2f s", path.name, size, seconds)
    return communicator.broadcast(result)


@contextmanager
def filled_file(
    path: Path, communicator: Communicator, header: CheckpointHeader, instances: Parts, mode: Mode = "auto"
) -> Iterator[tuple[Path, str]]:
    """Write and synchronise the arrays of a checkpoint under a temporary name, without hashes. Collective.

    Parameters and errors as ``write_checkpoint``.

    Yields
    ------
    The temporary file, which is removed after the block unless it was renamed; and the text of the records, on rank 0.
    """
    chosen = choose_mode(mode, communicator)
    extents = _agree(communicator, header, instances)
    records = _records_of_root(communicator, header)
    temporary = _create_file(path, communicator, header, records)
    try:
        if chosen == "parallel":
            write_parallel(temporary, communicator, header, instances)
        else:
            write_serial(temporary, communicator, header, instances, extents)
        with step(communicator, path, "synchronising"):
            # On every rank, because fsync writes only the dirty pages of its own node.
            sync_file(temporary)
        yield temporary, records
    finally:
        if communicator.rank == 0:
            temporary.unlink(missing_ok=True)


def _agree(communicator: Communicator, header: CheckpointHeader, instances: Parts) -> Extents:
    """Check on every rank that headers agree and parts cover the tiles. Collective."""
    with together(communicator, "checkpoint: checking this rank's part"):
        unknown = sorted(set(instances) - set(header.instances))
        if unknown:
            raise ShapeError(f"instances {unknown} are not among the checkpoint's {list(header.instances)}.")
        mine = {n: _extent(n, instances.get(n, NOTHING), header.n_tiles, header.variables) for n in header.instances}
    everyone = communicator.all_gather((header.to_json(), mine))
    for rank, (text, _) in enumerate(everyone):
        if text != everyone[0][0]:
            raise ParallelError(f"checkpoint headers differ: rank 0: {everyone[0][0]}, rank {rank}: {text}.")
    extents = {name: [part[name] for _, part in everyone] for name in header.instances}
    for name, parts in extents.items():
        require_cover(f"checkpoint of instance '{name}'", parts, header.n_tiles)
    return extents


def _extent(name: str, part: LocalPart, n_tiles: int, variables: tuple[str, ...]) -> Extent:
    state, tiles = part
    if state is None:
        return 0, 0
    if tiles.step not in (None, 1) or not 0 <= tiles.start <= tiles.stop <= n_tiles:
        raise ShapeError(f"checkpoint of instance '{name}': {tiles} is not a slice of {n_tiles} tiles.")
    if state.n_tile != tiles.stop - tiles.start:
        raise ShapeError(f"checkpoint of instance '{name}': state of {state.n_tile} tiles, slice is {tiles}.")
    if state.names != variables:
        raise ShapeError(f"checkpoint of instance '{name}': state of {state.names}, header says {variables}.")
    return int(tiles.start), int(tiles.stop)


def _records_of_root(communicator: Communicator, header: CheckpointHeader) -> str:
    """Text of the records on rank 0; empty elsewhere, as it may be as large as many images. Collective."""
    text = ""
    with together(communicator, "checkpoint: records"):
        if communicator.rank == 0:
            text = header.records_json()
    return text


def _create_file(path: Path, communicator: Communicator, header: CheckpointHeader, records: str) -> Path:
    """Create the file with its disk space on rank 0; return its temporary name on every rank. Collective."""
    temporary: Path | None = temporary_path(path) if communicator.rank == 0 else None
    with step(communicator, path, "creating"):
        if temporary is not None:
            expected = layout.file_bytes(header, records)
            require_space(path.parent, expected)
            try:
                # Reserved before HDF5 opens the file, because a file that it fails to close may crash it later.
                reserve_space(temporary, expected)
                temporary.unlink()
                layout.create(temporary, header, records)
                reserve_space(temporary, temporary.stat().st_size)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
    shown: Path = communicator.broadcast(temporary)
    with step(communicator, path, "opening on every rank"):
        if not os.access(shown, os.R_OK | os.W_OK):
            raise StorageError(
                f"{path.parent}: rank {communicator.rank} does not see the file that rank 0 created. Choose an "
                "output folder that every node shares."
            )
    return shown


def _commit(temporary: Path, path: Path, header: CheckpointHeader, records: str, leaves: bytes) -> str:
    """Seal the file, check the seal as a reader would, and rename the file. Local: rank 0."""
    table = np.frombuffer(leaves, dtype=np.uint8).reshape(-1, HASH_BYTES)
    layout.fill_checksums(temporary, header, records, table)
    with layout.opened(temporary) as (file, index):
        for name in header.instances:
            for variable in header.variables:
                layout.checksums(temporary, file, index, name, variable)
        result = layout.state_digest(index)
    commit(temporary, path)
    return result
