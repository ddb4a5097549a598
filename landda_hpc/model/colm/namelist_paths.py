"""Paths in CoLM's namelists: which keys hold one, and what a relative one counts from."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from landda_hpc.model.colm.namelist import Namelist

LONGEST: Final = 256
"""Characters of a text in CoLM's namelists; the model cuts longer ones without a word."""

_PATH_KEY: Final = re.compile(r"dir|file|namelist|fsitedata|mesh_data")
"""In the last component of a key, small letters: DEF_dir_forcing, DEF_UnitCatchment_file, DEF_HIST_vars_namelist ..."""

_NO_PATH: Final = ("", "null", "none")
_BELOW_A_FOLDER: Final = "def_forcing%"
"""Beginning of keys whose texts count from DEF_dir_forcing, whatever they look like."""


def paths(namelist: Namelist) -> dict[str, str]:
    """Every key that holds a path by its name, with its text; without those that name nothing ('null')."""
    return {
        key: text
        for key, text in namelist.texts().items()
        if _PATH_KEY.search(key.rpartition("%")[2]) and text.lower() not in _NO_PATH
    }


def exists(path: Path) -> bool:
    """Whether something lies at a path; not at one that no file can have (a name that is too long). Local."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def with_absolute_paths(namelist: Namelist, *folders: Path) -> Namelist:
    """The namelist, relative paths made absolute where something lies there. Local.

    Parameters
    ----------
    folders : what relative paths may count from, the first one that holds the path wins. CoLM's count from the folder
        in which it is started, which is that of the case's namelist.

    Notes
    -----
    Paths are texts of keys that hold a path by their name ('forcing.nml'), and of other keys where they have a slash
    ('./forcing/ERA5.nml'): the name of a case or data set may be that of a folder by chance. A slash at the end stays,
    since CoLM puts some names behind a folder without one.
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
    """Keys whose text CoLM would cut, see ``LONGEST``."""
    return [key for key, text in namelist.texts().items() if len(text.encode("utf-8", "surrogateescape")) > LONGEST]
