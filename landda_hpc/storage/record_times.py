"""Times in the names of a campaign's files."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Final

from landda_hpc.errors import DataError
from landda_hpc.formats.colm.names import parse_label
from landda_hpc.storage.folder_contents import look_through, require_no_links

_LABELLED: Final = re.compile(r"(?:restart|models/[^/]+/(?:restart|history|logs))/(\d{4}-\d{3}-\d{5})[./].*", re.DOTALL)
_STAMPED: Final = re.compile(r"(?:checkpoints|images|feedback)/(?:.+[_/])?(\d{8}T\d{2})(\d{2})?\.(?:nc|h5)", re.DOTALL)
_DAILY: Final = re.compile(r"series/.+_(\d{8})\.nc", re.DOTALL)


def time_of(relative: str) -> datetime | None:
    """Time of a file of a campaign, from its relative path; midnight for a file of a day; None without a time."""
    labelled, stamped, daily = (pattern.fullmatch(relative) for pattern in (_LABELLED, _STAMPED, _DAILY))
    try:
        if labelled:
            return parse_label(labelled[1])
        if stamped:
            return datetime.strptime(stamped[1] + (stamped[2] or "00"), "%Y%m%dT%H%M")
        if daily:
            return datetime.strptime(daily[1], "%Y%m%d")
    except (ValueError, DataError):
        return None
    return None


def files_after(root: Path, time: datetime) -> tuple[str, ...]:
    """Relative paths of the campaign's files of later times: checkpoints, the newest first, then all others. Local.

    The series file of the day of ``time`` and the files of records also hold later times; they are not listed.

    Raises
    ------
    StorageError : a subfolder is a link to files of the campaign, which are not searched.
    """
    contents = look_through(root)
    require_no_links(root, contents)
    found = [relative for relative in contents.ours if (of := time_of(relative)) is not None and of > time]
    checkpoints = sorted((name for name in found if name.startswith("checkpoints/")), reverse=True)
    return (*checkpoints, *(name for name in found if not name.startswith("checkpoints/")))
