"""Restart files: netCDF-4 files in CoLM's variable layout, one for every 65,536 tiles of a model instance.

A set is the folder ``<root>/<YYYY-DDD-SSSSS>/<instance>/`` with its files and ``manifest.json``, which is written
last. Without a manifest the set is incomplete. The number and the bytes of the files do not depend on the number of
ranks, and any number of ranks can read them: the manifest says which tiles are in which file, and ``global_index`` in
the file gives the position of each tile.

The layout is that of CoLM's time-varying restart: dimensions patch, snow, soilsnow, soil; CoLM's variable names;
float64, deflate level 1. Units, ``global_index``, ``cell`` and ``area_fraction`` are added.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import netCDF4
import numpy as np

from landda_hpc.config import parse_json
from landda_hpc.constants import FloatArray, IntArray
from landda_hpc.errors import ShapeError, StorageError
from landda_hpc.formats.colm.names import time_label
from landda_hpc.formats.colm.restart_files import MANIFEST
from landda_hpc.io.atomic import atomic_replacement, storage_errors, write_text
from landda_hpc.parallel.communicator import Communicator
from landda_hpc.parallel.together import together
from landda_hpc.state import Tiles, TileState
from landda_hpc.storage.collective import Extent, require_cover, step
from landda_hpc.storage.hashing import hash_file
from landda_hpc.variables import DIMENSIONS, SOIL_WATER_STATE, STATE

FORMAT: Final = "landda_hpc restart set"
FORMAT_VERSION: Final = 1
TILES_PER_FILE: Final = 65536
"""Largest number of tiles of a file; its variables then take 46 MB in memory."""
BYTES_PER_TILE: Final = sum(8 * int(np.prod(v.shape, dtype=np.int64)) for v in STATE.values()) + 24


@dataclass(frozen=True)
class RestartFile:
    """One file of a set: its name, first tile, number of tiles, and BLAKE2b hash of its bytes."""

    name: str
    first: int
    count: int
    blake2b: str


@dataclass(frozen=True)
class Manifest:
    """Description of a complete set of restart files; ``variables`` names the variables of the state."""

    case: str
    instance: str
    time: str
    n_tiles: int
    files: tuple[RestartFile, ...]
    variables: tuple[str, ...] = SOIL_WATER_STATE


def write_restart(
    root: Path,
    communicator: Communicator,
    case: str,
    instance: str,
    valid_time: datetime,
    state: TileState,
    tiles: Tiles,
) -> Path:
    """Write one model instance as a set of restart files. Collective over the ranks that hold the instance.

    Parameters
    ----------
    root : folder of all restart sets.
    communicator : the ranks that hold this instance (its member group), and no others.
    case : name of the campaign, used in file names.
    instance : name of the model instance.
    valid_time : time of the state, UTC.
    state : state of this rank's tiles.
    tiles : description of these tiles; global_index must be consecutive on each rank, 0..n_tiles over all ranks.

    Returns
    -------
    The folder of the set.

    Raises
    ------
    StorageError : (on every rank) a file could not be written; the set then has no manifest.
    ShapeError : (on every rank) the tiles do not cover the global vector.
    """
    label = time_label(valid_time)
    folder = root / label / instance
    with together(communicator, f"restart of '{instance}': checking this rank's part"):
        extent = _extent(instance, state, tiles)
    extents = communicator.all_gather(extent)
    n_tiles = max(stop for _, stop in extents)
    require_cover(f"restart of instance '{instance}'", extents, n_tiles)
    with step(communicator, folder, "preparing"):
        if communicator.rank == 0:
            folder.mkdir(parents=True, exist_ok=True)
            # From here until the new manifest is written, the set is incomplete.
            (folder / MANIFEST).unlink(missing_ok=True)
    written: list[RestartFile] = []
    n_files = -(-n_tiles // TILES_PER_FILE)
    for first in range(0, n_files, communicator.size):  # each rank writes one file at a time
        rows = _rows_of_file(communicator, extents, first, state, tiles)
        with step(communicator, folder, "writing restart files"):
            number = first + communicator.rank
            if number < n_files:
                name = f"{case}_restart_{label}_{number + 1:05d}of{n_files:05d}.nc"
                with atomic_replacement(folder / name, BYTES_PER_TILE * rows.n_tile) as temporary:
                    _write_file(temporary, case, instance, valid_time, n_tiles, rows)
                    written.append(RestartFile(name, rows.first, rows.n_tile, hash_file(temporary)))
    entries = communicator.gather(written)
    with step(communicator, folder, "writing the manifest"):
        if entries is not None:
            files = tuple(sorted((file for of_rank in entries for file in of_rank), key=lambda file: file.first))
            _write_manifest(folder, Manifest(case, instance, valid_time.isoformat(), n_tiles, files, state.names))
    return folder


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a set of restart files. Local.

    Raises
    ------
    StorageError : it is missing (the set is incomplete), damaged or of another version.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise StorageError(f"{folder}: no {MANIFEST}, so this set of restart files is incomplete. Use another time.")
    with storage_errors(path, "reading", "The manifest is damaged: use the restart of another time."):
        content: dict[str, Any] = parse_json(path.read_text())
        found = content.pop("format"), content.pop("format_version")
        if found != (FORMAT, FORMAT_VERSION):
            raise StorageError(f"{path}: is {found}, this software reads {(FORMAT, FORMAT_VERSION)}.")
        files = tuple(RestartFile(**entry) for entry in content.pop("files"))
        variables = tuple(content.pop("variables", SOIL_WATER_STATE))
        return Manifest(files=files, variables=variables, **content)


def read_restart(folder: Path, tile_slice: slice, tiles: Tiles | None = None) -> TileState:
    """Read tiles of a set of restart files, written by any number of ranks. Local; opens only the files needed.

    Parameters
    ----------
    folder : folder of the set (``write_restart`` returns it).
    tile_slice : slice of the global tile vector with start and stop.
    tiles : description of those tiles; if given, the files must have the same grid cells and area fractions.

    Returns
    -------
    The state, bitwise identical to the one that was written.

    Raises
    ------
    StorageError : the set is incomplete, or a file is missing or damaged (its checksum is verified).
    ShapeError : the set has other tiles.
    """
    manifest = read_manifest(folder)
    start, stop = tile_slice.start, tile_slice.stop
    if tile_slice.step not in (None, 1) or not 0 <= start <= stop <= manifest.n_tiles:
        raise ShapeError(
            f"{folder}: tiles {start} to {stop} were requested; the set has {manifest.n_tiles}. "
            "Was it written with another grid or tile configuration?"
        )
    if tiles is not None and len(tiles) != stop - start:
        raise ShapeError(f"{folder}: tiles describes {len(tiles)} tiles, the slice has {stop - start}.")
    values = {name: np.empty((stop - start, *STATE[name].shape)) for name in manifest.variables}
    filled = np.zeros(stop - start, dtype=np.bool_)
    for entry in manifest.files:
        if entry.first < stop and entry.first + entry.count > start:
            _read_file(folder / entry.name, entry, start, values, filled, tiles)
    if not filled.all():
        missing = start + int(np.argmin(filled))
        raise StorageError(f"{folder}: no file of the set holds tile {missing}. Use the restart of another time.")
    return TileState(values)


def _extent(instance: str, state: TileState, tiles: Tiles) -> Extent:
    if state.n_tile != len(tiles):
        raise ShapeError(f"restart of '{instance}': the state has {state.n_tile} tiles, tiles has {len(tiles)}.")
    if state.n_tile == 0:
        return 0, 0
    first = int(tiles.global_index[0])
    if not np.array_equal(tiles.global_index, np.arange(first, first + state.n_tile)):
        raise ShapeError(f"restart of '{instance}': global_index of a rank's tiles is not consecutive.")
    return first, first + state.n_tile


@dataclass(frozen=True, eq=False)
class _Rows:
    """Consecutive tiles of the global vector: the first, their state, flat cell index and area fraction, (n_tile,)."""

    first: int
    state: TileState
    cell: IntArray
    area_fraction: FloatArray

    @property
    def n_tile(self) -> int:
        return self.state.n_tile


def _rows_of_file(
    communicator: Communicator, extents: Sequence[Extent], first: int, state: TileState, tiles: Tiles
) -> _Rows:
    """The tiles of the file that this rank writes: number ``first`` plus its rank. Collective.

    Cells travel as float64, which holds integers up to 2^53 exactly.
    """
    widths = {name: int(np.prod(STATE[name].shape, dtype=np.int64)) for name in state.names}
    columns = [state[name].reshape(state.n_tile, width) for name, width in widths.items()]
    packed = np.column_stack([*columns, tiles.cell.astype(np.float64), tiles.area_fraction])
    n_tiles, begin = max(stop for _, stop in extents), extents[communicator.rank][0]
    outgoing = {}
    for rank in range(min(communicator.size, -(-n_tiles // TILES_PER_FILE) - first)):
        lo, hi = _overlap(extents[communicator.rank], first + rank)
        if lo < hi:
            outgoing[rank] = packed[lo - begin : hi - begin]
    cuts = sorted((*_overlap(extent, first + communicator.rank), rank) for rank, extent in enumerate(extents))
    incoming = {rank: (hi - lo) * packed.shape[1] for lo, hi, rank in cuts if lo < hi}
    lo, hi = _overlap((0, n_tiles), first + communicator.rank)
    rows = communicator.exchange(outgoing, incoming).reshape(hi - lo, packed.shape[1])
    values, at = {}, 0
    for name, width in widths.items():
        values[name] = rows[:, at : at + width].reshape(hi - lo, *STATE[name].shape)
        at += width
    return _Rows(lo, TileState(values), rows[:, at].astype(np.int64), rows[:, at + 1])


def _overlap(extent: Extent, number: int) -> Extent:
    """Part of an extent that lies in a file; empty at 0 without one."""
    lo, hi = max(extent[0], number * TILES_PER_FILE), min(extent[1], (number + 1) * TILES_PER_FILE)
    return (lo, hi) if lo < hi else (0, 0)


def _write_file(path: Path, case: str, instance: str, valid_time: datetime, n_tiles: int, rows: _Rows) -> None:
    state = rows.state
    with netCDF4.Dataset(path, "w", format="NETCDF4") as file:
        file.setncatts(
            {"case": case, "instance": instance, "time": valid_time.isoformat(), "n_tiles": np.int64(n_tiles)}
        )
        file.createDimension("patch", state.n_tile)
        for name, length in DIMENSIONS.items():
            file.createDimension(name, length)
        extra = (
            (
                "global_index",
                np.arange(rows.first, rows.first + rows.n_tile),
                "i8",
                "position in the global tile vector, from 0",
                "1",
            ),
            ("cell", rows.cell, "i8", "flat index of the grid cell, from 0, rows from south to north", "1"),
            ("area_fraction", rows.area_fraction, "f8", "fraction of the cell's area", "1"),
        )
        for name, array, kind, long_name, units in extra:
            variable = file.createVariable(name, kind, ("patch",), zlib=True, complevel=1, fill_value=False)
            variable.setncatts({"long_name": long_name, "units": units})
            variable[:] = array
        for entry in (STATE[name] for name in state.names):
            variable = file.createVariable(
                entry.name, "f8", ("patch", *entry.dims), zlib=True, complevel=1, fill_value=False
            )
            variable.setncatts({"long_name": entry.long_name, "units": entry.units})
            variable[:] = state[entry.name]


def _read_file(
    path: Path,
    entry: RestartFile,
    start: int,
    values: dict[str, np.ndarray[Any, np.dtype[np.float64]]],
    filled: np.ndarray[Any, np.dtype[np.bool_]],
    tiles: Tiles | None,
) -> None:
    if not path.is_file():
        raise StorageError(f"{path}: missing, though the manifest lists it. Use the restart of another time.")
    with storage_errors(path, "reading", "The file is damaged: use the restart of another time."):
        if hash_file(path) != entry.blake2b:
            raise StorageError(f"{path}: differs from its checksum in the manifest: damaged. Use another time.")
        with netCDF4.Dataset(path) as file:
            file.set_auto_mask(False)
            here = file["global_index"][:] - start
            inside = (here >= 0) & (here < filled.size)
            where = here[inside]
            if tiles is not None:
                _require_same_tiles(path, file, inside, where, tiles)
            for name, target in values.items():
                target[where] = file[name][:][inside]
            filled[where] = True


def _require_same_tiles(
    path: Path,
    file: netCDF4.Dataset,
    inside: np.ndarray[Any, np.dtype[np.bool_]],
    where: np.ndarray[Any, np.dtype[np.int64]],
    tiles: Tiles,
) -> None:
    for name in ("cell", "area_fraction"):
        if not np.array_equal(file[name][:][inside], getattr(tiles, name)[where]):
            raise ShapeError(
                f"{path}: {name} of its tiles is not that of this campaign. Was it written with another "
                "grid, land mask or tile configuration?"
            )


def _write_manifest(folder: Path, manifest: Manifest) -> None:
    content = {"format": FORMAT, "format_version": FORMAT_VERSION, **asdict(manifest)}
    write_text(folder / MANIFEST, json.dumps(content, indent=1) + "\n")
    listed = {entry.name for entry in manifest.files}
    for path in folder.glob("*_restart_*.nc"):
        # From an earlier write of the same time by another number of ranks.
        if path.name not in listed:
            path.unlink()
