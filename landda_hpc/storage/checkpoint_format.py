"""The checkpoint's layout in HDF5, and the tree of hashes that guards it.

::

    /header                            JSON text: what the state is
    /records                           JSON text: statistics of the campaign
    /instances/<name>/<variable>       float64, little-endian, contiguous, (n_tiles, ...)
    /checksums/<name>/<variable>       uint8 (n_chunks, 32): BLAKE2b of each 1024 tiles
    /roots                             uint8 (n_instances, n_variables, 32): BLAKE2b of each such table
    /seal                              uint8 (32,): BLAKE2b of header, records and roots

Everything is allocated when the file is made, so that later steps only fill bytes in place. HDF5's own
metadata carry checksums (format 1.8 or later): a damaged one is an error, not a wrong answer.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
import numpy.typing as npt

from landda_hpc.constants import FloatArray
from landda_hpc.errors import ShapeError, StorageError
from landda_hpc.storage.atomic import storage_errors
from landda_hpc.variables import STATE

FORMAT: Final = "landda_hpc checkpoint"
FORMAT_VERSION: Final = 1
CHUNK: Final = 1024
"""Tiles per checksum; part of the format and of the digest, whatever the number of ranks."""
HASH_BYTES: Final = 32
LIBRARY_BOUNDS: Final = ("v108", "v108")
"""HDF5 1.8's format: metadata with checksums, readable by every later library."""

Bytes = npt.NDArray[np.uint8]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_WHAT_TO_DO = "Fall back to the previous checkpoint; remove this file or restore it from a copy."


@dataclass(frozen=True)
class CheckpointHeader:
    """What a checkpoint holds.

    Attributes
    ----------
    campaign : name of the campaign.
    cycle : number of the last finished cycle; 0 is the initial state.
    valid_time : time of the state, ISO 8601, UTC without offset.
    config_hash : hash of the configuration that produced it.
    n_tiles : tiles of the global vector.
    instances : names of the model instances, in the campaign's order.
    software_version : version of landda_hpc that wrote it.
    records : statistics of the campaign (counters and the like), anything that JSON can hold; rank 0's count.
    """

    campaign: str
    cycle: int
    valid_time: str
    config_hash: str
    n_tiles: int
    instances: tuple[str, ...]
    software_version: str
    records: dict[str, Any] = field(default_factory=dict, compare=False)

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
        """Canonical text of everything but the records."""
        return _canonical(
            {
                "campaign": self.campaign,
                "cycle": self.cycle,
                "valid_time": self.valid_time,
                "config_hash": self.config_hash,
                "n_tiles": self.n_tiles,
                "instances": list(self.instances),
                "software_version": self.software_version,
                "variables": {v.name: list(v.shape) for v in STATE.values()},
                "chunk": CHUNK,
            }
        )

    def records_json(self) -> str:
        """Canonical text of the records; StorageError if JSON cannot hold them."""
        try:
            return _canonical(self.records)
        except (TypeError, ValueError) as error:
            raise StorageError(
                f"checkpoint records cannot be written as JSON: {error}. Use plain numbers and text."
            ) from error


@dataclass(frozen=True)
class Index:
    """The verified index of a checkpoint: header, and the root hash of every dataset, (n_inst, n_var, 32)."""

    header: CheckpointHeader
    roots: Bytes


@dataclass(frozen=True)
class ChunkOf:
    """One hashed piece: rows start..stop of a variable of an instance."""

    instance: str
    variable: str
    start: int
    stop: int


def n_chunks(n_tiles: int) -> int:
    """Checksums of one dataset."""
    return -(-n_tiles // CHUNK)


def all_chunks(header: CheckpointHeader) -> list[ChunkOf]:
    """Every hashed piece of a checkpoint, in the order of the digest."""
    starts = range(0, header.n_tiles, CHUNK)
    return [
        ChunkOf(instance, variable, start, min(start + CHUNK, header.n_tiles))
        for instance in header.instances
        for variable in STATE
        for start in starts
    ]


def data_bytes(header: CheckpointHeader) -> int:
    """Bytes of all state arrays and their checksums."""
    per_tile = sum(8 * int(np.prod(v.shape, dtype=np.int64)) for v in STATE.values())
    tables = n_chunks(header.n_tiles) * HASH_BYTES * len(STATE)
    return len(header.instances) * (header.n_tiles * per_tile + tables)


def file_bytes(header: CheckpointHeader, records: str) -> int:
    """Generous estimate of the size of the file: data, text, and HDF5's metadata per dataset."""
    n_datasets = 2 * len(header.instances) * len(STATE) + 4
    return data_bytes(header) + len(records) + 1024 * n_datasets + 65536


def hash_bytes(*parts: bytes | memoryview) -> bytes:
    """BLAKE2b of parts, each preceded by its length, so that no two lists of parts collide."""
    state = hashlib.blake2b(digest_size=HASH_BYTES)
    for part in parts:
        state.update(len(part).to_bytes(8, "little"))
        state.update(part)
    return state.digest()


def hash_rows(rows: FloatArray) -> bytes:
    """Checksum of some tiles of a variable: BLAKE2b of the little-endian float64 bytes in C order."""
    return hash_bytes(np.ascontiguousarray(rows, dtype="<f8").reshape(-1).view(np.uint8).data)


def seal_of(header_text: bytes, records_text: bytes, roots: Bytes) -> bytes:
    """Hash that guards header, records and, through the roots, every number."""
    return hash_bytes(header_text, records_text, np.ascontiguousarray(roots).tobytes())


def state_digest(index: Index) -> str:
    """Hex hash of cycle, time, instance names and all variables; not of software, folder or statistics."""
    header = index.header
    identity = _canonical(
        {
            "cycle": header.cycle,
            "valid_time": datetime.fromisoformat(header.valid_time).isoformat(),
            "n_tiles": header.n_tiles,
            "instances": list(header.instances),
            "variables": {v.name: list(v.shape) for v in STATE.values()},
        }
    )
    return hash_bytes(identity.encode(), np.ascontiguousarray(index.roots).tobytes()).hex()


def create(path: Path, header: CheckpointHeader, records: str) -> None:
    """Make a file with all its datasets allocated and unset, but header and records written. Local.

    Numbers are unset until ``fill_checksums`` seals the file: an unsealed file never passes verification.
    """
    layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    layout.set_layout(h5py.h5d.CONTIGUOUS)
    layout.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    layout.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    header_text, records_text = header.to_json().encode(), records.encode()
    with h5py.File(path, "x", libver=LIBRARY_BOUNDS, locking=False) as file:
        file.attrs["format"] = FORMAT
        file.attrs["format_version"] = FORMAT_VERSION
        for name, text in (("header", header_text), ("records", records_text)):
            file.create_dataset(name, data=np.bytes_(text), dcpl=layout.copy())
        table = (n_chunks(header.n_tiles), HASH_BYTES)
        for instance in header.instances:
            # Groups made on the way to a dataset would carry the time of day.
            states, sums = (file.require_group(parent).create_group(instance) for parent in ("instances", "checksums"))
            for variable in STATE.values():
                shape = (header.n_tiles, *variable.shape)
                data = states.create_dataset(variable.name, shape=shape, dtype="<f8", dcpl=layout.copy())
                data.attrs["long_name"] = variable.long_name
                data.attrs["units"] = variable.units
                sums.create_dataset(variable.name, shape=table, dtype="u1", dcpl=layout.copy())
        roots = (len(header.instances), len(STATE), HASH_BYTES)
        file.create_dataset("roots", shape=roots, dtype="u1", dcpl=layout.copy())
        file.create_dataset("seal", shape=(HASH_BYTES,), dtype="u1", dcpl=layout.copy())


def fill_checksums(path: Path, header: CheckpointHeader, records: str, leaves: Bytes) -> Index:
    """Write the tree of hashes into a file whose numbers are complete. Local.

    Parameters
    ----------
    leaves : checksums in the order of ``all_chunks``, uint8, shape (n, 32).
    """
    tables = leaves.reshape(len(header.instances), len(STATE), n_chunks(header.n_tiles), HASH_BYTES)
    roots = np.empty((len(header.instances), len(STATE), HASH_BYTES), dtype=np.uint8)
    with h5py.File(path, "r+", libver=LIBRARY_BOUNDS, locking=False) as file:
        for i, instance in enumerate(header.instances):
            for v, variable in enumerate(STATE):
                file[f"checksums/{instance}/{variable}"][...] = tables[i, v]
                roots[i, v] = np.frombuffer(_root_of(tables[i, v]), dtype=np.uint8)
        file["roots"][...] = roots
        seal = seal_of(header.to_json().encode(), records.encode(), roots)
        file["seal"][...] = np.frombuffer(seal, dtype=np.uint8)
    return Index(header, roots)


@contextmanager
def opened(path: Path) -> Iterator[tuple[h5py.File, Index]]:
    """Open a checkpoint for reading and verify header, records and roots. Local.

    Raises
    ------
    StorageError, also for what fails inside the block: missing, truncated, damaged, of another version.
    """
    if not path.is_file():
        raise StorageError(f"{path}: no such checkpoint; its write did not reach the end. Use an earlier one.")
    with (
        storage_errors(path, "reading the checkpoint", f"The file is damaged or truncated. {_WHAT_TO_DO}"),
        h5py.File(path, "r", locking=False) as file,
    ):
        yield file, _load_index(path, file)


def check_rows(path: Path, piece: ChunkOf, rows: FloatArray, expected: bytes) -> None:
    """Raise StorageError unless the rows have the checksum that the file recorded for them."""
    if hash_rows(rows) != expected:
        tiles = f"tiles {piece.start} to {piece.stop - 1}"
        raise damaged(path, f"instance '{piece.instance}', {piece.variable}, {tiles}")


def checksums(path: Path, file: h5py.File, index: Index, instance: str, variable: str) -> Bytes:
    """The verified table of checksums of one dataset, uint8, shape (n_chunks, 32)."""
    table: Bytes = file[f"checksums/{instance}/{variable}"][...]
    root = index.roots[index.header.instances.index(instance), list(STATE).index(variable)]
    if _root_of(table) != root.tobytes():
        raise damaged(path, f"the checksums of instance '{instance}', {variable}")
    return table


def damaged(path: Path, what: str) -> StorageError:
    """The error for content that differs from its checksum."""
    return StorageError(f"{path}: {what}: content differs from its checksum: damaged. {_WHAT_TO_DO}")


def _load_index(path: Path, file: h5py.File) -> Index:
    found, version = file.attrs.get("format"), file.attrs.get("format_version")
    if found != FORMAT:
        raise StorageError(f"{path}: not a checkpoint: attribute 'format' is {found!r}, expected {FORMAT!r}.")
    if version != FORMAT_VERSION:
        raise StorageError(
            f"{path}: checkpoint format {version}, this software reads format {FORMAT_VERSION}. "
            "Use the version of landda_hpc that wrote it."
        )
    header_text, records_text = bytes(file["header"][()]), bytes(file["records"][()])
    roots: Bytes = file["roots"][...]
    if seal_of(header_text, records_text, roots) != file["seal"][...].tobytes():
        raise damaged(path, "header, records or table of hashes")
    content = json.loads(header_text)
    here = {v.name: list(v.shape) for v in STATE.values()}
    if content.pop("variables") != here or content.pop("chunk") != CHUNK:
        raise StorageError(
            f"{path}: its variables or their shapes are not those of this software "
            f"(written by landda_hpc {content['software_version']}). Use that version."
        )
    content["instances"] = tuple(content["instances"])
    return Index(CheckpointHeader(**content, records=json.loads(records_text)), roots)


def _root_of(table: Bytes) -> bytes:
    return hash_bytes(np.ascontiguousarray(table).tobytes())


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
