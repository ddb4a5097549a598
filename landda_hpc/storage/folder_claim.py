"""Check whether a campaign may start in a folder, and set-up of the folder, which may be killed at any time.

The mark of the folder is the first file in it. While it says "preparing", the content of the folder is irrelevant: the
next start, by ``run`` or ``resume``, removes it and begins again with the configuration stored in the mark.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from landda_hpc.config import parse_json, read_resolved
from landda_hpc.errors import ConfigError, MissingFileError, StorageError
from landda_hpc.io.atomic import final_name, storage_errors, sync_folder, write_text
from landda_hpc.storage.folder_contents import LOCK, is_ours, look_through, remove_ours, require_no_links
from landda_hpc.storage.folder_marker import MARKER, Marker, read_marker, write_marker
from landda_hpc.storage.provenance_log import read_events
from landda_hpc.storage.status import parse_status

logger = logging.getLogger(__name__)

_FOLDERS: Final = ("checkpoints", "restart", "images", "figures")
"""Subfolders made at the start; the others are made when they are needed."""


def is_marked(root: Path) -> bool:
    """Whether a folder is marked as a campaign's. Local.

    Raises
    ------
    StorageError : it is marked for something else, or the mark is damaged.
    """
    marker = read_marker(root)
    if marker is not None and marker.kind != "campaign":
        raise StorageError(f"{root} holds a {marker.kind}, not a campaign. Choose another folder.")
    return marker is not None


def is_campaign(root: Path) -> bool:
    """Whether a folder contains a campaign, with a mark or from a version without marks. Local.

    Raises
    ------
    StorageError : as for ``is_marked``.
    """
    return is_marked(root) or _is_of_an_earlier_version(root)


def has_begun(root: Path) -> bool:
    """Whether a new start would lose results: a checkpoint, a record of a cycle, or a stored spin-up. Local."""
    marker = read_marker(root)
    if marker is not None and marker.stage == "preparing":
        return False
    records, checkpoints = root / "cycles.jsonl", root / "checkpoints"
    names = [entry.name for entry in checkpoints.iterdir()] if checkpoints.is_dir() else []
    finished = any(is_ours(f"checkpoints/{name}") and final_name(name) is None for name in names)
    return finished or (root / "spinup.h5").is_file() or (records.is_file() and records.stat().st_size > 0)


def is_branch(root: Path) -> bool:
    """Whether a folder was set up as a branch of another campaign. Local.

    Raises
    ------
    StorageError : its provenance is damaged.
    """
    marker = read_marker(root)
    is_ready = marker is not None and marker.stage == "ready"
    return is_ready and any(event["event"] == "branch" for event in read_events(root))


def require_free(root: Path, overwrite: bool) -> None:
    """Raise StorageError unless a campaign may start in an existing folder. Local.

    Nothing is written, because the folder may belong to somebody else.
    """
    with storage_errors(root, "reading the folder"):
        names = sorted(entry.name for entry in root.iterdir())
    found = [name for name in names if name != LOCK and final_name(name) not in (LOCK, MARKER)]
    if not found or (is_marked(root) and (overwrite or not (has_begun(root) or is_branch(root)))):
        return
    some = some_of([name for name in found if name != MARKER])
    is_known = is_campaign(root)
    if not overwrite:
        known = "Resume that campaign with `landda resume`, choose another folder, or replace it with --overwrite."
        raise StorageError(
            f"Output folder {root} is not empty ({some}). {known if is_known else 'Choose another folder.'}"
        )
    if not is_known:
        raise StorageError(
            f"{root} holds {some} but no campaign of landda_hpc (it has no {MARKER}; a campaign of an earlier version "
            "has a valid config.yaml and status.json), so --overwrite does not touch it. Choose another folder."
        )


def lay_out(root: Path, config_text: str) -> None:
    """Set up an empty campaign in a locked folder; remove earlier files of this software. Local.

    Raises
    ------
    StorageError : a file cannot be removed or written, or is in the target of a link.
    """
    contents = look_through(root)
    require_no_links(root, contents)
    if contents.ours:
        interrupted = "an earlier start was interrupted before its first checkpoint: starting again"
        logger.info("%s: %s", root, "replacing the campaign" if has_begun(root) else interrupted)
    write_marker(root, Marker("campaign", "preparing", config_text))
    remove_ours(root, contents)
    if contents.unknown:
        n, some = len(contents.unknown), some_of(list(contents.unknown))
        logger.warning("%s: %d files or folders that landda_hpc did not write stay: %s", root, n, some)
    make_subfolders(root)
    write_text(root / "config.yaml", config_text)
    write_marker(root, Marker("campaign", "ready", config_text))
    with storage_errors(root, "creating the output folder"):
        sync_folder(root)


def make_subfolders(root: Path) -> None:
    """Make missing subfolders. Local."""
    with storage_errors(root, "making the subfolders"):
        for name in _FOLDERS:
            (root / name).mkdir(exist_ok=True)


def some_of(names: list[str]) -> str:
    """The first few names, for a message."""
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")


def _is_of_an_earlier_version(root: Path) -> bool:
    """Whether a folder contains a campaign of a version without marks: it has a valid configuration and status."""
    try:
        read_resolved(root / "config.yaml")
        parse_status(parse_json((root / "status.json").read_bytes()))
    except (ConfigError, MissingFileError, OSError, ValueError, RecursionError):
        return False
    return True
