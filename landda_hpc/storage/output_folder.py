"""Folders of results other than campaigns: marked at first use, so that files of others are never replaced."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from pathlib import Path

from landda_hpc.errors import StorageError
from landda_hpc.io.atomic import storage_errors
from landda_hpc.storage.folder_contents import KEPT, SUBFOLDERS, look_through, remove_ours, require_no_links
from landda_hpc.storage.folder_marker import MARKER, Kind, Marker, read_marker, write_marker

logger = logging.getLogger(__name__)


def require_own(root: Path, kind: Kind, names: Iterable[str]) -> None:
    """Raise StorageError if results would replace files of others. Local; writes nothing.

    Parameters
    ----------
    root : folder of the results; may be missing. Other files in it do not matter.
    kind : kind of results.
    names : files that will be written; they are replaced if the folder is marked as one of this kind.
    """
    if root.exists() and not root.is_dir():
        raise StorageError(f"{root} is a file. Choose a folder for the output.")
    marker = read_marker(root)
    if marker is not None and marker.kind != kind:
        raise StorageError(f"{root} holds a {marker.kind}, not a {kind}. Choose another folder.")
    taken = [name for name in names if os.path.lexists(root / name)]
    if marker is None and taken:
        raise StorageError(
            f"{root} has {', '.join(taken)}, and no mark ({MARKER}) of landda_hpc, so nothing is replaced. "
            "Choose another folder, or move it away."
        )


def claim_folder(root: Path, kind: Kind, names: Iterable[str], *, is_known: bool = False) -> None:
    """Make a folder of results, or use an existing one, and mark it. Local: rank 0.

    Parameters
    ----------
    root, kind, names : see ``require_own``.
    is_known : whether a folder without a mark is known to be filled by an earlier version of this software.

    Raises
    ------
    StorageError : as for ``require_own``, or the folder cannot be written.
    """
    require_own(root, kind, () if is_known else names)
    with storage_errors(root, "making the folder"):
        root.mkdir(parents=True, exist_ok=True)
    if read_marker(root) is None:
        write_marker(root, Marker(kind))


def discard_campaign(root: Path) -> None:
    """Remove a campaign that is no longer needed, its mark last; do nothing without a mark. Local: rank 0.

    Raises
    ------
    StorageError : a file cannot be removed.
    """
    marker = read_marker(root) if root.is_dir() else None
    if marker is None or marker.kind != "campaign":
        return
    contents = look_through(root)
    require_no_links(root, contents)
    remove_ours(root, contents)
    with storage_errors(root, "removing the folder"):
        for name in SUBFOLDERS:
            if (root / name).is_dir() and not (root / name).is_symlink() and not any((root / name).iterdir()):
                (root / name).rmdir()
        for name in KEPT:
            (root / name).unlink(missing_ok=True)
        if not any(root.iterdir()):
            root.rmdir()
        else:
            logger.warning("%s: files that landda_hpc did not write stay", root)
