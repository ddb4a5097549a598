"""Build options of CoLM's program, detected by texts that only these options add to it."""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from pathlib import Path
from typing import Final

LULCC: Final = "LULCC"
"""Land use that changes from year to year."""

CAMA: Final = "CaMa_Flood"
"""River routing by CaMa-Flood."""

_OF_COLM: Final = b"CoLM Execution Completed"
_TEXTS: Final[Mapping[str, bytes]] = {
    LULCC: b"The LULCC data is provided for years",
    CAMA: b"CMF::RESTART_WRITE",
}


def build_options(program: Path) -> frozenset[str] | None:
    """Return the options (LULCC, CAMA) of a program, or None if the file is not CoLM's compiled program. Local.

    The result is also None for a script that starts the model and for a file that cannot be read.
    """
    try:
        with program.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            if content[:4] != b"\x7fELF" or content.find(_OF_COLM) < 0:
                return None
            return frozenset(option for option, text in _TEXTS.items() if content.find(text) >= 0)
    except (OSError, ValueError):
        return None
