"""Mark of an output folder: a small file that identifies a folder as filled by this software.

It is written before anything else in the folder. Nothing is replaced or deleted in a folder without it, regardless of
the names of its files: ``config.yaml``, ``images/`` and ``models/`` are common names.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, get_args

from landda_hpc import __version__
from landda_hpc.config import parse_json
from landda_hpc.errors import StorageError
from landda_hpc.io.atomic import storage_errors, write_text

MARKER: Final = ".landda.json"
FORMAT: Final = "landda_hpc output folder"
VERSION: Final = 1

Kind = Literal["campaign", "comparison", "reproduction", "spinup", "regression", "site", "threshold", "memory"]
Stage = Literal["preparing", "ready"]


@dataclass(frozen=True)
class Marker:
    """Content of the mark.

    Attributes
    ----------
    kind : kind of content of the folder.
    stage : preparing until the folder is set up; until then, all other content is from an earlier use.
    configuration : resolved configuration (YAML) of a campaign, with which an interrupted start can be repeated.
    software_version : version of landda_hpc that wrote the mark.
    created : time of creation, UTC, ISO 8601.
    """

    kind: Kind
    stage: Stage = "ready"
    configuration: str = ""
    software_version: str = __version__
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))


def write_marker(folder: Path, marker: Marker) -> None:
    """Mark a folder, atomically. Local.

    Raises
    ------
    StorageError : it cannot be written.
    """
    content = {"format": FORMAT, "format_version": VERSION, **asdict(marker)}
    write_text(folder / MARKER, json.dumps(content, indent=1) + "\n")


def read_marker(folder: Path) -> Marker | None:
    """Read the mark of a folder; None if it has none, or if the mark is a link. Local.

    Raises
    ------
    StorageError : it cannot be read, is damaged, or was written by a later version.
    """
    path = folder / MARKER
    if path.is_symlink() or not path.is_file():
        return None
    with storage_errors(path, "reading"):
        text = path.read_bytes()
    try:
        content = parse_json(text)
        found = content.pop("format"), content.pop("format_version")
        marker = Marker(**content)
        known = all(isinstance(value, str) for value in content.values())
        known = known and marker.kind in get_args(Kind) and marker.stage in get_args(Stage)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise StorageError(
            f"{path} is damaged: it is not the mark of a landda_hpc folder. Choose another folder."
        ) from error
    if found != (FORMAT, VERSION) or not known:
        raise StorageError(
            f"{path} is the mark of another version of landda_hpc ({marker.software_version}); this is {__version__}. "
            "Use that version, or choose another folder."
        )
    return marker
