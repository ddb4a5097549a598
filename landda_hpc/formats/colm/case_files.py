"""Protocol for the files of a case, the same for CoLM202X (``files202x``) and CoLM2014 (``files2014``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from landda_hpc.constants import FloatArray
from landda_hpc.formats.colm.restart_files import RestartFile


class CaseFiles(Protocol):
    """Files of a case: its own restarts, and those of a campaign, which have one folder per time.

    Attributes
    ----------
    version : of the model, as in the manifest of a set of restart files.
    variables : names of the state that a restart contains, of ``variables.SOIL_WATER_STATE``.
    written : those that an analysis may change.
    """

    @property
    def version(self) -> str: ...

    @property
    def variables(self) -> tuple[str, ...]: ...

    @property
    def written(self) -> tuple[str, ...]: ...

    @property
    def name(self) -> str:
        """Name of the case, with which the file names begin."""
        ...

    @property
    def lc_year(self) -> int | None:
        """Year of the land cover, if it is part of the file names."""
        ...

    @property
    def const(self) -> Path:
        """Folder of the constant restart."""
        ...

    @property
    def landdata(self) -> Path | None:
        """Folder of the surface data, if it is known."""
        ...

    @property
    def restart(self) -> Path:
        """Folder of the case's own restarts."""
        ...

    @property
    def blocks(self) -> tuple[str, ...]:
        """Blocks of patches, each with one file per restart."""
        ...

    def times(self) -> list[datetime]:
        """Times of the case's own restarts, ascending; they may be incomplete."""
        ...

    def own_folder(self, time: datetime) -> Path:
        """Folder that holds the case's own restart of a time."""
        ...

    def file_name(self, time: datetime, block: str) -> str:
        """Name of a block's file in the restart of a time."""
        ...

    def files(self, folder: Path, time: datetime) -> tuple[RestartFile, ...]:
        """List the files of the restart of a time in a folder, in order of their paths. Local.

        Raises
        ------
        MissingFileError, DataError : there is no such folder, or it has files that cannot belong to it.
        """
        ...

    def missing(self, folder: Path, time: datetime) -> list[str]:
        """Names of the files that the restart of a time in a folder lacks. Local."""
        ...

    def require_complete(self, folder: Path, time: datetime) -> tuple[RestartFile, ...]:
        """As ``files``; MissingFileError if files are missing."""
        ...

    def read(
        self, folder: Path, time: datetime, block: str, names: Sequence[str], n_patch: int
    ) -> dict[str, FloatArray]:
        """Read variables of a block of the restart in a folder, patches in file order. Local.

        Raises
        ------
        MissingFileError, DataError, ShapeError : the file is missing, damaged or of another case or time.
        """
        ...

    def write_copy(self, source: Path, destination: Path, changed: Mapping[str, FloatArray]) -> None:
        """Copy a file of a restart, with new values of some variables; atomic. Local.

        A copy without changed bits equals the source byte for byte.

        Raises
        ------
        DataError, ShapeError, StorageError : values do not fit the file, or the copy cannot be written.
        """
        ...
