"""Sets of analysed restart files of the real model: every file of a restart, and a manifest.

A set is the folder ``<root>/<YYYY-DDD-SSSSS>/<instance>/`` with the files as CoLM reads them, and ``manifest.json``,
which is written last. Without it the set is incomplete. The manifest lists each file with its hash. It also names the
constant restart and landdata of the case, which the model needs, too, but which are not copied.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from landda_hpc.config import parse_json
from landda_hpc.errors import StorageError
from landda_hpc.formats.colm.case_files import CaseFiles
from landda_hpc.formats.colm.files202x import VERSION
from landda_hpc.formats.colm.restart_files import MANIFEST
from landda_hpc.io.atomic import storage_errors, write_text
from landda_hpc.storage.hashing import hash_file

FORMAT: Final = "landda_hpc CoLM restart set"
FORMAT_VERSION: Final = 1


@dataclass(frozen=True)
class ColmRestartSet:
    """Description of a set of restart files of the real model.

    Attributes
    ----------
    case : DEF_CASE_NAME (CoLM2014: site), with which the file names begin.
    lc_year : DEF_LC_YEAR; None for CoLM2014.
    instance : name of the model instance.
    time : valid time, ISO 8601, UTC.
    const : folder of the constant restart.
    landdata : folder of the mapping files; None if the case has none.
    files : hex BLAKE2b hash of the bytes of each file, by path in the set.
    version : of the model.
    """

    case: str
    lc_year: int | None
    instance: str
    time: str
    const: str
    landdata: str | None
    files: dict[str, str]
    version: str = VERSION


def open_set(folder: Path) -> None:
    """Make the folder of a set; an existing set becomes incomplete. Local: one process.

    Raises
    ------
    StorageError : the folder cannot be made.
    """
    with storage_errors(folder, "making the folder"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MANIFEST).unlink(missing_ok=True)


def close_set(folder: Path, case: CaseFiles, instance: str, time: datetime, hashes: Mapping[str, str]) -> None:
    """Write the manifest of a set, which completes it. Local: one process.

    Parameters
    ----------
    case : the case that all instances share.
    hashes : hash of every file of the set (``hash_file``), by path in the set.

    Raises
    ------
    StorageError : the set lacks a file that the case requires, or the manifest cannot be written.
    """
    require_files(folder, case, time)
    landdata = None if case.landdata is None else str(case.landdata.absolute())
    const = str(case.const.absolute())
    content = ColmRestartSet(
        case.name, case.lc_year, instance, time.isoformat(), const, landdata, dict(hashes), case.version
    )
    lines = {"format": FORMAT, "format_version": FORMAT_VERSION, **asdict(content)}
    write_text(folder / MANIFEST, json.dumps(lines, indent=1) + "\n")


def require_files(folder: Path, case: CaseFiles, time: datetime) -> None:
    """Raise StorageError unless a folder contains every file of a restart of the case. Local."""
    missing = case.missing(folder, time)
    if missing:
        raise StorageError(
            f"{folder}: this set of restart files lacks {len(missing)} of the restart's files, the first is "
            f"{missing[0]}. Use the set of another time."
        )


def is_colm_set(folder: Path) -> bool:
    """Whether a folder contains a complete set of restart files of the real model. Local; reads only the manifest."""
    path = folder / MANIFEST
    if not path.is_file():
        return False
    try:
        content = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.get("format") == FORMAT


def read_colm_set(folder: Path) -> ColmRestartSet:
    """Compare every file of a set with its hash and return the manifest. Local.

    Raises
    ------
    StorageError : the set is incomplete, of another version, or a file is missing or damaged.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise StorageError(f"{folder}: no {MANIFEST}, so this set of restart files is incomplete. Use another time.")
    with storage_errors(path, "reading", "The list is damaged: use the set of another time."):
        content: dict[str, Any] = parse_json(path.read_text(encoding="utf-8"))
        found = content.pop("format"), content.pop("format_version")
        if found != (FORMAT, FORMAT_VERSION):
            raise StorageError(f"{path}: is {found}, expected {(FORMAT, FORMAT_VERSION)}.")
        listed = ColmRestartSet(**content)
    for name, expected in listed.files.items():
        file = folder / name
        if not file.is_file():
            raise StorageError(f"{file}: missing, but listed in {MANIFEST}. Use the set of another time.")
        with storage_errors(file, "reading"):
            if hash_file(file) != expected:
                raise StorageError(
                    f"{file}: differs from its hash in {MANIFEST}: damaged. Use the set of another time."
                )
    return listed
