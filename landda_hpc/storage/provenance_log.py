"""Events in the life of a campaign, ``provenance.jsonl``: one line per start, resume, extension, rewind and branch.

A line states when and with which software the event happened. Lines are only added. Local: rank 0, which holds the
folder.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from landda_hpc.config import parse_json
from landda_hpc.errors import StorageError
from landda_hpc.io.atomic import storage_errors, write_bytes

NAME: Final = "provenance.jsonl"
FORMAT_VERSION: Final = 1

Event = Literal["start", "resume", "extend", "rewind", "branch"]

IDENTITIES: Final = "identities"
"""Key of an extension: hashes that checkpoints of the earlier calendar may have (``instances.trajectory``)."""


def add_event(folder: Path, event: Event, details: Mapping[str, Any]) -> None:
    """Add a line atomically; an incomplete last line is replaced.

    Parameters
    ----------
    folder : of the campaign.
    details : plain data.

    Raises
    ------
    StorageError : the file cannot be read or written.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    line = json.dumps({"format_version": FORMAT_VERSION, "event": event, "written": now, **details}) + "\n"
    write_bytes(folder / NAME, b"".join(_lines(folder / NAME)) + line.encode())


def read_events(folder: Path) -> list[dict[str, Any]]:
    """All events, oldest first; none for campaigns of earlier versions. An incomplete last line is ignored.

    Raises
    ------
    StorageError : a line is damaged, or was written by a later version.
    """
    events = []
    for number, line in enumerate(_lines(folder / NAME), start=1):
        try:
            event = parse_json(line)
            version = event["format_version"]
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise StorageError(
                f"{folder / NAME}, line {number} is damaged: it is not an event of a campaign. Restore the file from a "
                "copy; the checkpoints of an extended campaign need it."
            ) from error
        if version != FORMAT_VERSION:
            raise StorageError(
                f"{folder / NAME}, line {number} has format {version}, this software reads format {FORMAT_VERSION}. "
                "Use the version of landda_hpc that wrote it."
            )
        events.append(event)
    return events


def _lines(path: Path) -> list[bytes]:
    """Complete lines of the file."""
    if not path.is_file():
        return []
    with storage_errors(path, "reading"):
        return [line for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
