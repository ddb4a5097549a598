"""Protocol for a version of CoLM: the files of a case (``CaseFiles``), and how a window of it is run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from landda_hpc.formats.colm.case_files import CaseFiles
from landda_hpc.model.colm.namelist import Namelist

NAMELIST_NAME: Final = "case.nml"
"""Namelist of a window, in the folder where the model runs."""


class ColmVersion(CaseFiles, Protocol):
    """A version of CoLM: ``Colm202X`` or ``Colm2014``.

    Attributes
    ----------
    reads_stdin : the program reads its namelist from standard input, not from the file of its first argument.
    completion : text in the program's output without which a run is not complete; empty: no such text is required.
    """

    @property
    def reads_stdin(self) -> bool: ...

    @property
    def completion(self) -> str: ...

    def lay_out(self, folder: Path, start_folder: Path, namelist: Namelist, start: datetime, end: datetime) -> None:
        """Make the folder where the model runs, with links to its input and the window's namelist. Local.

        Parameters
        ----------
        folder : the model's working folder, created here.
        start_folder : files of the restart of ``start``, with the analysis.
        namelist : template of the namelist.
        """
        ...

    def tidy(self, folder: Path, start: datetime, end: datetime) -> None:
        """Remove restarts between the window's start and end that the running model no longer needs. Local."""
        ...

    def check_end(
        self, folder: Path, start_folder: Path, start: datetime, end: datetime, n_patch: Mapping[str, int]
    ) -> None:
        """Check the restart at a window's end. Local.

        Parameters
        ----------
        n_patch : number of patches of each block.

        Raises
        ------
        ModelError : it is missing, incomplete or damaged, or its state is not finite.
        """
        ...

    def take_result(self, folder: Path, end: datetime) -> Path:
        """Return a folder with the restart of the window's end, and nothing else. Local."""
        ...

    def history(self, folder: Path) -> Path:
        """Folder of the history files that the model wrote."""
        ...
