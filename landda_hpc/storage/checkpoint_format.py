"""Layout of a checkpoint in HDF5, and the tree of hashes that protects it.

::

    bytes 0 to 511                     plain text, see storage.checkpoint_preamble
    /header                            JSON text: description of the state
    /records                           JSON text: memory of methods, hashes of files, inventory of the records
    /instances/<name>/<variable>       float64, little-endian, contiguous, (n_tiles, ...)
    /checksums/<name>/<variable>       uint8 (n_chunks, 32): BLAKE2b of each chunk of 1024 tiles
    /roots                             uint8 (n_instances, n_variables, 32): BLAKE2b of each such table

Everything is allocated when the file is created, so that later steps only fill bytes in place. All metadata of HDF5
are at the beginning, before the arrays. The file does not contain the time of writing, so equal states and records give
files with equal bytes on any number of ranks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
import numpy.typing as npt

from landda_hpc.constants import FloatArray
from landda_hpc.errors import ShapeError, StorageError
from landda_hpc.io.atomic import storage_errors
from landda_hpc.storage import checkpoint_preamble as preamble
from landda_hpc.storage.hashing import HASH_BYTES, hash_array, hash_bytes, hash_rows
from landda_hpc.storage.method_memory import KEY
from landda_hpc.variables import LAND_STATE, STATE

CHUNK: Final = 1024
"""Number of tiles per checksum; part of the format and of the digest, independent of the number of ranks."""
LIBRARY_BOUNDS: Final = ("v108", "v108")
"""Format of HDF5 1.8: compact, with checksums of metadata, and readable by every later library."""

METADATA_BLOCK: Final = 65536
"""Minimum size of a block of metadata. HDF5 also leaves gaps between arrays, but only of a few kB."""

MODEL_FILES: Final = "model_files"
"""Key in the records: hashes of files outside the checkpoint that are part of the state and of its digest."""

GRID: Final = "grid"
"""Key in the records: description of the grid; not part of the digest."""

Bytes = npt.NDArray[np.uint8]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_WHAT_TO_DO = "Fall back to the previous checkpoint; remove this file or restore it from a copy."


@dataclass(frozen=True)
class CheckpointHeader:
    """Description of a checkpoint.

    Attributes
    ----------
    campaign : name of the campaign.
    cycle : number of the last finished cycle; 0 is the initial state.
    valid_time : time of the state, ISO 8601, UTC without offset.
    config_hash : hash of the configuration that produced it.
    n_tiles : number of tiles of the global vector.
    instances : names of the model instances, in the campaign's order.
    variables : names of the state's variables for the model's physics, in restart order.
    software_version : version of landda_hpc that wrote it.
    records : statistics of the campaign (e.g. counters) that JSON can represent; those of rank 0 are used.
    """

    campaign: str
    cycle: int
    valid_time: str
    config_hash: str
    n_tiles: int
    instances: tuple[str, ...]
    software_version: str
    records: dict[str, Any] = field(default_factory=dict, compare=False)
    variables: tuple[str, ...] = LAND_STATE

    @property
    def shapes(self) -> dict[str, list[int]]:
        """Shape of each variable after the tile dimension."""
        return {name: list(STATE[name].shape) for name in self.variables}

    def __post_init__(self) -> None:
        if self.cycle < 0 or self.n_tiles < 0:
            raise ShapeError(f"checkpoint of cycle {self.cycle}, {self.n_tiles} tiles: both must be 0 or more.")
        bad = [name for name in self.instances if not _NAME.fullmatch(name)]
        if bad or not self.instances or len(set(self.instances)) < len(self.instances):
            raise ShapeError(
                f"instance names {list(self.instances)}: expected at least one, all different, "
                "made of letters, digits, - and _."
            )
        try:
            datetime.fromisoformat(self.valid_time)
        except ValueError as error:
            raise ShapeError(f"valid_time {self.valid_time!r} is not an ISO 8601 time.") from error

    def to_json(self) -> str:
        """Canonical text of everything except the records."""
        return _canonical(
            {
                "campaign": self.campaign,
                "cycle": self.cycle,
                "valid_time": self.valid_time,
                "config_hash": self.config_hash,
                "n_tiles": self.n_tiles,
                "instances": list(self.instances),
                "software_version": self.software_version,
                "variables": self.shapes,
                "chunk": CHUNK,
            }
        )

    def records_json(self) -> str:
        """Canonical text of the records; StorageError if JSON cannot represent them."""
        try:
            return _canonical(self.records)
        except (TypeError, ValueError) as error:
            raise StorageError(
                f"checkpoint records cannot be written as JSON: {error}. Use plain numbers and text."
            ) from error


@dataclass(frozen=True)
class Index:
    """Verified index of a checkpoint: header, and root hash of every dataset, (n_inst, n_var, 32)."""

    header: CheckpointHeader
    roots: Bytes


@dataclass(frozen=True)
class ChunkOf:
    """One hashed chunk: rows start..stop of a variable of an instance."""

    instance: str
    variable: str
    start: int
    stop: int


def n_chunks(n_tiles: int) -> int:
    """Number of checksums of one dataset."""
    return -(-n_tiles // CHUNK)


def all_chunks(header: CheckpointHeader) -> list[ChunkOf]:
    """Every hashed chunk of a checkpoint, in the order of the digest."""
    starts = range(0, header.n_tiles, CHUNK)
    return [
        ChunkOf(instance, variable, start, min(start + CHUNK, header.n_tiles))
        for instance in header.instances
        for variable in header.variables
        for start in starts
    ]


def data_bytes(header: CheckpointHeader) -> int:
    """Number of bytes of all state arrays and their checksums."""
    per_tile = sum(8 * int(np.prod(shape, dtype=np.int64)) for shape in header.shapes.values())
    tables = n_chunks(header.n_tiles) * HASH_BYTES * len(header.variables)
    return len(header.instances) * (header.n_tiles * per_tile + tables)


def file_bytes(header: CheckpointHeader, records: str) -> int:
    """Upper estimate of the size of the file: data, text, and metadata of HDF5."""
    return data_bytes(header) + len(records) + metadata_bytes(header) + METADATA_BLOCK


def metadata_bytes(header: CheckpointHeader) -> int:
    """Space for all metadata of HDF5, in one block: several times what the datasets need."""
    return METADATA_BLOCK + 2 * len(header.instances) * len(header.variables) * 2048


def seal_of(header_text: bytes, records_text: bytes, roots: Bytes) -> bytes:
    """Hash that protects header, records and, through the roots, all arrays."""
    return hash_bytes(header_text, records_text, roots.tobytes())


def state_digest(index: Index) -> str:
    """Hex hash of cycle, time, instances, all variables, the memory of methods, and files that belong to the state.

    It depends neither on the software version nor on the folder.
    """
    header = index.header
    content: dict[str, Any] = {
        "cycle": header.cycle,
        "valid_time": datetime.fromisoformat(header.valid_time).isoformat(),
        "n_tiles": header.n_tiles,
        "instances": list(header.instances),
        "variables": header.shapes,
    }
    content |= {key: header.records[key] for key in (KEY, MODEL_FILES) if key in header.records}
    identity = _canonical(content)
    return hash_bytes(identity.encode(), index.roots.tobytes()).hex()


def create(path: Path, header: CheckpointHeader, records: str) -> None:
    """Create a file with all datasets allocated; only header and records are written. Local.

    The arrays are unset. A file that ``fill_checksums`` has not sealed never passes verification.
    """
    layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    layout.set_layout(h5py.h5d.CONTIGUOUS)
    layout.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    layout.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    header_text, records_text = header.to_json().encode(), records.encode()
    with h5py.File(
        path,
        "x",
        libver=LIBRARY_BOUNDS,
        locking=False,
        userblock_size=preamble.SIZE,
        meta_block_size=metadata_bytes(header),
    ) as file:
        for name, text in (("header", header_text), ("records", records_text)):
            file.create_dataset(name, data=np.bytes_(text), dcpl=layout.copy())
        # The functions of the library itself: h5py's own take twice as long.
        plain = layout.copy()
        plain.set_obj_track_times(False)
        table = h5py.h5s.create_simple((n_chunks(header.n_tiles), HASH_BYTES))
        for instance in header.instances:
            # Groups created implicitly with a dataset would store the time of day.
            groups = (file.require_group(parent).create_group(instance) for parent in ("instances", "checksums"))
            states, sums = (group.id for group in groups)
            for variable in (STATE[name] for name in header.variables):
                place, shape = variable.name.encode(), h5py.h5s.create_simple((header.n_tiles, *variable.shape))
                data = h5py.h5d.create(states, place, h5py.h5t.IEEE_F64LE, shape, plain)
                _write_text(data, b"long_name", variable.long_name)
                _write_text(data, b"units", variable.units)
                h5py.h5d.create(sums, place, h5py.h5t.STD_U8LE, table, plain)
        roots = (len(header.instances), len(header.variables), HASH_BYTES)
        file.create_dataset("roots", shape=roots, dtype="u1", dcpl=layout.copy())


def _write_text(data: h5py.h5d.DatasetID, name: bytes, text: str) -> None:
    """Write an attribute as ``h5py`` does."""
    kind = h5py.string_dtype()
    attribute = h5py.h5a.create(data, name, h5py.h5t.py_create(kind, logical=True), h5py.h5s.create(h5py.h5s.SCALAR))
    attribute.write(np.asarray(text, dtype=kind))


def fill_checksums(path: Path, header: CheckpointHeader, records: str, leaves: Bytes) -> Index:
    """Write the tree of hashes into a file whose arrays are complete. Local.

    Parameters
    ----------
    leaves : checksums in the order of ``all_chunks``, uint8, shape (n, 32).
    """
    tables = leaves.reshape(len(header.instances), len(header.variables), n_chunks(header.n_tiles), HASH_BYTES)
    roots = np.empty((len(header.instances), len(header.variables), HASH_BYTES), dtype=np.uint8)
    with h5py.File(path, "r+", libver=LIBRARY_BOUNDS, locking=False) as file:
        for i, instance in enumerate(header.instances):
            for v, variable in enumerate(header.variables):
                file[f"checksums/{instance}/{variable}"][...] = tables[i, v]
                roots[i, v] = np.frombuffer(hash_array(tables[i, v]), dtype=np.uint8)
        file["roots"][...] = roots
        metadata_end = _metadata_end(path, file)
    seal = seal_of(header.to_json().encode(), records.encode(), roots)
    preamble.write_preamble(path, metadata_end, seal)
    return Index(header, roots)


@contextmanager
def opened(path: Path) -> Iterator[tuple[h5py.File, Index]]:
    """Open a checkpoint for reading and verify header, records and roots. Local.

    Raises
    ------
    StorageError : the file is missing, truncated, damaged or of another version; also for errors inside the block.
    """
    if not path.is_file():
        raise StorageError(f"{path}: the checkpoint does not exist; its write was not completed. Use an earlier one.")
    with (
        storage_errors(path, "reading the checkpoint", f"The file is damaged or truncated. {_WHAT_TO_DO}"),
        _open_checked(path) as (file, seal),
    ):
        yield file, _load_index(path, file, seal)


def check_rows(path: Path, piece: ChunkOf, rows: FloatArray, expected: bytes) -> None:
    """Raise StorageError unless the rows of a chunk, shape (n_tiles of the chunk, ...), have the expected checksum."""
    if hash_rows(rows) != expected:
        tiles = f"tiles {piece.start} to {piece.stop - 1}"
        raise damaged(path, f"instance '{piece.instance}', {piece.variable}, {tiles}")


def checksums(path: Path, file: h5py.File, index: Index, instance: str, variable: str) -> Bytes:
    """Read and verify the table of checksums of one dataset, uint8, shape (n_chunks, 32)."""
    table: Bytes = file[f"checksums/{instance}/{variable}"][...]
    root = index.roots[index.header.instances.index(instance), index.header.variables.index(variable)]
    if hash_array(table) != root.tobytes():
        raise damaged(path, f"the checksums of instance '{instance}', {variable}")
    return table


def damaged(path: Path, what: str) -> StorageError:
    """Make the error for content that differs from its checksum."""
    return StorageError(f"{path}: {what}: content differs from its checksum: damaged. {_WHAT_TO_DO}")


@contextmanager
def _open_checked(path: Path) -> Iterator[tuple[h5py.File, str]]:
    seal = preamble.check_preamble(path, _WHAT_TO_DO)
    with h5py.File(path, "r", locking=False) as file:
        yield file, seal


def _metadata_end(path: Path, file: h5py.File) -> int:
    """Offset of the first array; StorageError unless all metadata lie before it."""
    arrays: list[h5py.Dataset] = []
    file.visititems(lambda _, item: arrays.append(item) if isinstance(item, h5py.Dataset) else None)
    places = sorted((a.id.get_offset(), a.id.get_storage_size()) for a in arrays if a.id.get_storage_size())
    gaps = [start - (before + size) for (before, size), (start, _) in pairwise(places)]
    gaps.append(path.stat().st_size - sum(places[-1]))
    if max(gaps) >= METADATA_BLOCK or min(gaps) < 0:
        raise StorageError(f"{path}: HDF5 {h5py.version.hdf5_version} laid metadata between arrays; report this.")
    return int(places[0][0])


def _load_index(path: Path, file: h5py.File, seal: str) -> Index:
    header_text, records_text = bytes(file["header"][()]), bytes(file["records"][()])
    roots: Bytes = file["roots"][...]
    if seal_of(header_text, records_text, roots).hex() != seal:
        raise damaged(path, "header, records or table of hashes")
    content = json.loads(header_text)
    shapes = content.pop("variables")
    # The keys of the header's JSON are sorted, so the order is taken from the registry.
    variables = tuple(name for name in STATE if name in shapes)
    here = {name: list(STATE[name].shape) for name in variables}
    if shapes != here or content.pop("chunk") != CHUNK:
        raise StorageError(
            f"{path}: its variables or their shapes are not those of this software "
            f"(written by landda_hpc {content['software_version']}). Use that version."
        )
    content["instances"] = tuple(content["instances"])
    return Index(CheckpointHeader(**content, variables=variables, records=json.loads(records_text)), roots)


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
