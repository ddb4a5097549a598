"""Recognition, by name, and removal of the files that this software wrote in a campaign's folder.

Only a marked folder is searched (``folder_marker``). Files with other names stay. Links are never followed: a link is
removed if it has the name of such a file, and its target stays.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from landda_hpc.config import parse_json
from landda_hpc.errors import StorageError
from landda_hpc.io.atomic import final_name, remove_temporaries, storage_errors
from landda_hpc.storage.folder_marker import MARKER

LOCK: Final = ".lock"
KEPT: Final = (LOCK, MARKER)
"""Files that a folder keeps when its content is replaced."""

REWOUND: Final = "rewound"
"""Subfolder of what was dropped when the campaign was rewound, in a folder per rewind with the same relative paths."""

BRANCHED_FROM: Final = "branched_from.h5"
"""Copy of the checkpoint of another campaign from which a campaign begins; the restarts of CoLM that it names are in
the folder of this name without the suffix."""

SUBFOLDERS: Final = (
    "checkpoints", "restart", "images", "figures", "series", "means", "verification", "feedback", "models", REWOUND,
    "branched_from",
)  # fmt: skip

_FORMATS: Final = r"\.(?:png|pdf|svg)"
_LABEL: Final = r"\d{4}-\d{3}-\d{5}"
_OURS: Final = re.compile(
    rf"(?:{REWOUND}/\d{{8}}T\d{{6}}\.\d{{6}}/)?(?:"
    + "|".join(
        (
            r"config\.yaml|status\.json|(?:cycles|scores|seconds|profiles|ensembles)\.jsonl|landda(?:\.rank\d+)?\.log",
            r"(?:observations(?:_[A-Za-z0-9_-]+)?|referee)\.json|provenance\.jsonl|released\.txt|spinup\.h5",
            r"cell_costs\.json",
            r"branched_from\.h5|summary\.md|report\.html|observations\.md|scores\.csv|scores\.nc|report\.json",
            r"checkpoints/checkpoint_\d{6,}_\d{8}T\d{4}\.h5",
            rf"restart/{_LABEL}/[^/]+/(?:manifest\.json|[^/]+_restart_[^/]+\.nc)",
            r"images/(?:[\d.]+-[\d.]+cm/)?[^/]+_\d{8}T\d{2}\.nc",
            r"feedback/\d{8}T\d{4}\.nc",
            r"series/[^/]+_\d{8}\.nc",
            r"means/[^/]+_(?:daily_\d{6}|monthly_\d{4})\.nc",
            rf"figures/(?:scores_[^/]+|innovations|minimisation|ensembles|spectra|skill(?:_\d+)?|errors_[a-z0-9_]+){_FORMATS}",
            rf"figures/(?:map|increments|regions)_[^/]+_\d{{8}}T\d{{2}}{_FORMATS}",
            rf"figures/innovation_(?:scales|directions)(?:_\d+)?{_FORMATS}",
            r"(?:innovations|errors)_[a-z0-9_]+\.nc|skill\.nc|(?:innovations|spectra)\.csv",
            r"verification/(?:verification\.md|verify\.yaml|stations\.nc|reference_[^/]+\.nc)",
            r"verification/(?:stations|station_groups|reference_patterns|reference_groups)\.csv",
            rf"verification/figures/(?:r|skill|scc|anomalies|stations|station_series|station_anomalies)_[^/]+{_FORMATS}",
            # Folders made for the model, which may write any file here.
            rf"models/[^/]+/(?:(?:restart|history)/{_LABEL}|work|forcing)/.+",
            rf"branched_from/[^/]+/restart/{_LABEL}/.+",
            rf"models/[^/]+/(?:forcing\.nml|logs/{_LABEL}\.try\d+\.log)",
        )
    )
    + ")",
    re.DOTALL,
)
"""Relative paths, with / between their parts."""


@dataclass(frozen=True)
class Contents:
    """Contents of a campaign's folder, by relative path.

    Attributes
    ----------
    ours : files and links that this software wrote.
    unknown : other files and links, and other folders at the top level, which are not searched.
    folders : the known subfolders and all folders in them, deepest first.
    linked : links in place of subfolders that lead to files of a campaign.
    """

    ours: tuple[str, ...]
    unknown: tuple[str, ...]
    folders: tuple[str, ...]
    linked: tuple[str, ...]


def is_ours(relative: str) -> bool:
    """Whether a relative path is that of a file that a campaign writes, or of its temporary file."""
    folder, _, name = relative.rpartition("/")
    final = final_name(name)
    if final is None:
        return _OURS.fullmatch(relative) is not None
    return (not folder and final in KEPT) or _OURS.fullmatch(f"{folder}/{final}" if folder else final) is not None


def look_through(root: Path) -> Contents:
    """Classify the contents of a campaign's folder. Local; links are not followed.

    Raises
    ------
    StorageError : a folder cannot be read.
    """
    ours: list[str] = []
    unknown: list[str] = []
    folders: list[str] = []
    linked: list[str] = []
    with storage_errors(root, "searching the folder"):
        listed = _listed_files(root)
        for relative, entry in _walk(root, ""):
            if relative in KEPT:
                continue
            if entry.is_dir(follow_symlinks=False):
                (folders if relative.partition("/")[0] in SUBFOLDERS else unknown).append(relative)
            elif is_ours(relative) or relative in listed:
                ours.append(relative)
            elif entry.is_symlink() and entry.is_dir() and _leads_to_ours(root, relative):
                linked.append(relative)
            else:
                unknown.append(relative)
    return Contents(tuple(ours), tuple(unknown), tuple(reversed(folders)), tuple(linked))


def require_no_links(root: Path, contents: Contents) -> None:
    """Raise StorageError if files of the campaign could only be deleted through a link. Local."""
    if contents.linked:
        name = contents.linked[0]
        raise StorageError(
            f"{root / name} is a link to {(root / name).resolve()}, where files of a campaign lie. Nothing is deleted "
            "through links: empty that folder yourself (the link may stay), or put it in place of the link."
        )


def remove_ours(root: Path, contents: Contents) -> None:
    """Remove the files that this software wrote, and subfolders that become empty. Local.

    Raises
    ------
    StorageError : a file cannot be removed.
    """
    emptied = {*SUBFOLDERS, *(relative.rpartition("/")[0] for relative in contents.ours)}
    with storage_errors(root, "removing the earlier content"):
        for relative in contents.ours:
            (root / relative).unlink(missing_ok=True)
        for relative in contents.folders:
            if (relative in emptied or relative.startswith("models/")) and not any(os.scandir(root / relative)):
                (root / relative).rmdir()
                emptied.add(relative.rpartition("/")[0])


def remove_left_temporaries(root: Path) -> None:
    """Remove the temporary files that a killed job left. Local.

    Only for the job that holds the folder, because temporary files of another job are in use. Subfolders that are links
    are also searched, because this campaign writes there; only its own temporary files are removed.
    """
    with storage_errors(root, "removing temporary files"):
        places = [root, *(root / name for name in SUBFOLDERS), root / "verification" / "figures"]
        for folder in [*places, *root.glob("images/*"), *root.glob("restart/*/*")]:
            if folder.is_dir():
                remove_temporaries(folder, partial(_is_ours_in, folder.relative_to(root)))


def _is_ours_in(folder: Path, name: str) -> bool:
    return is_ours((folder / name).as_posix())


def _listed_files(root: Path) -> set[str]:
    """Files in the manifests of restart sets; they may have any name."""
    found: set[str] = set()
    if (root / "restart").is_symlink():
        return found
    for path in (*root.glob("restart/*/*/manifest.json"), *root.glob(f"{REWOUND}/*/restart/*/*/manifest.json")):
        folder = path.parent.relative_to(root).as_posix()
        with suppress(OSError, ValueError, LookupError, TypeError, RecursionError):
            files = parse_json(path.read_bytes())["files"]
            found |= {f"{folder}/{one if isinstance(one, str) else one['name']}" for one in files}
    return found


def _leads_to_ours(root: Path, relative: str) -> bool:
    """Whether a link to a folder leads to files that a campaign would have written here."""
    for base, _, names in os.walk(root / relative):
        inside = Path(base).relative_to(root).as_posix()
        if any(is_ours(f"{inside}/{name}") for name in names):
            return True
    return False


def _walk(root: Path, relative: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Entries below a folder with their relative paths, parents first; only known top-level folders are searched."""
    with os.scandir(root / relative) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        name = f"{relative}/{entry.name}" if relative else entry.name
        yield name, entry
        if entry.is_dir(follow_symlinks=False) and (relative or entry.name in SUBFOLDERS):
            yield from _walk(root, name)
