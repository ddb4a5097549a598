"""Format, its version and the writer of a netCDF file of results, as global attributes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from landda_hpc.io.provenance import software

ATTRIBUTES: Final = ("format", "format_version", "written_by")
"""Names of the global attributes."""


@dataclass(frozen=True)
class FileFormat:
    """Layout of one kind of file.

    Attributes
    ----------
    name : of the layout.
    version : rises with each change that readers must know.
    """

    name: str
    version: int

    def attributes(self) -> dict[str, Any]:
        """Global attributes of a new file."""
        return dict(zip(ATTRIBUTES, (self.name, np.int32(self.version), software()), strict=True))

    def objection(self, attribute: Callable[[str], str]) -> str | None:
        """Why a file is not read; None if it is, as files of earlier versions of this software, which have no format.

        Parameters
        ----------
        attribute : text of a global attribute of the file; empty if there is none.
        """
        name, version, writer = (attribute(key) for key in ATTRIBUTES)
        if (name, version) in (("", ""), (self.name, str(self.version))):
            return None
        return (
            f"has the format '{name}', version {version or 'unknown'}, this software reads '{self.name}', version "
            f"{self.version}. Read it with the software that wrote it: {writer or 'not stated'}."
        )
