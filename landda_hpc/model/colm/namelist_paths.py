"""Paths in CoLM's namelists: keys that contain a path, and the folders to which relative paths refer."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from landda_hpc.model.colm.namelist import Namelist

LONGEST: Final = 256
"""Longest text in CoLM's namelists, characters; the model truncates longer ones silently."""

_PATH_KEY: Final = re.compile(r"dir|file|namelist|fsitedata|mesh_data")
"""Parts of a key's last component, in lower case: DEF_dir_forcing, DEF_UnitCatchment_file, DEF_HIST_vars_namelist."""

_NO_PATH: Final = ("", "null", "none")
_BELOW_A_FOLDER: Final = "def_forcing%"
"""Prefix of keys whose texts are always relative to DEF_dir_forcing."""


def paths(namelist: Namelist) -> dict[str, str]:
    """Texts of all keys whose names indicate a path, except unused ones ('null')."""
    return {
        key: text
        for key, text in namelist.texts().items()
        if _PATH_KEY.search(key.rpartition("%")[2]) and text.lower() not in _NO_PATH
    }


def exists(path: Path) -> bool:
    """Whether a path exists; False for a name too long for any file. Local."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def with_absolute_paths(namelist: Namelist, *folders: Path) -> Namelist:
    """Make relative paths absolute if they exist. Local.

    Parameters
    ----------
    folders : folders to which relative paths may refer; the first one that contains the path counts. For CoLM, paths
        are relative to the folder in which it is started, which is that of the case's namelist.

    Notes
    -----
    A text counts as a path if its key indicates one ('forcing.nml') or if it contains a slash ('./forcing/ERA5.nml').
    Other texts, such as the name of a case or data set, may equal the name of a folder by chance. A trailing slash is
    kept, because CoLM appends some names to a folder without a slash.
    """
    known, absolute = paths(namelist), {}
    for key, text in namelist.texts().items():
        if Path(text).is_absolute() or key.startswith(_BELOW_A_FOLDER) or not (key in known or "/" in text):
            continue
        place = next((folder for folder in folders if text and exists(folder / text)), None)
        if place is not None:
            absolute[key] = str(place.absolute() / text) + ("/" if text.endswith("/") else "")
    return namelist.with_values(absolute)


def overlong(namelist: Namelist) -> list[str]:
    """Keys whose texts CoLM would truncate; see ``LONGEST``."""
    return [key for key, text in namelist.texts().items() if len(text.encode("utf-8", "surrogateescape")) > LONGEST]
