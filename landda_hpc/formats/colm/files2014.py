"""Files of a CoLM2014 case; see ``CaseFiles``. A restart is one file, the case has one block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Final

from landda_hpc.constants import FloatArray
from landda_hpc.errors import MissingFileError
from landda_hpc.formats.colm.layout2014 import TIME_VARYING
from landda_hpc.formats.colm.names import RestartName, time_label
from landda_hpc.formats.colm.restart2014 import Case2014, read_state_2014, write_copy_2014
from landda_hpc.formats.colm.restart_files import RestartFile
from landda_hpc.variables import SOIL_WATER_STATE

VERSION: Final = "CoLM2014"


@dataclass(frozen=True)
class Files2014:
    """Files of a CoLM2014 case; implements ``CaseFiles``.

    Attributes
    ----------
    case : the case, whose restarts of all times are in one folder.
    landdata : dir_model_landdata of the namelist; None if it is unknown.
    """

    case: Case2014
    landdata: Path | None = None

    version: ClassVar[str] = VERSION
    variables: ClassVar[tuple[str, ...]] = tuple(a.name for a in TIME_VARYING if a.name in SOIL_WATER_STATE)
    written: ClassVar[tuple[str, ...]] = ("wliq_soisno",)
    lc_year: ClassVar[int | None] = None
    blocks: ClassVar[tuple[str, ...]] = ("all",)

    @property
    def name(self) -> str:
        return self.case.site

    @property
    def const(self) -> Path:
        return self.case.folder

    @property
    def restart(self) -> Path:
        return self.case.folder

    def times(self) -> list[datetime]:
        """See ``CaseFiles``."""
        return self.case.times()

    def own_folder(self, time: datetime) -> Path:  # noqa: ARG002 - one folder for all times
        """See ``CaseFiles``."""
        return self.case.folder

    def file_name(self, time: datetime, block: str) -> str:  # noqa: ARG002 - one block
        """See ``CaseFiles``."""
        return self.case.state_file(time).name

    def files(self, folder: Path, time: datetime) -> tuple[RestartFile, ...]:
        """See ``CaseFiles``."""
        if not folder.is_dir():
            raise MissingFileError(f"{folder}: no restart of {time.isoformat()}.")
        if self.missing(folder, time):
            return ()
        name = RestartName(self.case.site, time_label(time), 0, "")
        return (RestartFile(Path(self.file_name(time, "")), name),)

    def missing(self, folder: Path, time: datetime) -> list[str]:
        """See ``CaseFiles``."""
        name = self.file_name(time, "")
        return [] if (folder / name).is_file() else [name]

    def require_complete(self, folder: Path, time: datetime) -> tuple[RestartFile, ...]:
        """See ``CaseFiles``."""
        files = self.files(folder, time)
        if not files:
            raise MissingFileError(f"{folder}: no restart of {time.isoformat()} ({self.file_name(time, '')}).")
        return files

    def read(
        self,
        folder: Path,
        time: datetime,
        block: str,  # noqa: ARG002 - one block
        names: Sequence[str],
        n_patch: int,
    ) -> dict[str, FloatArray]:
        """See ``CaseFiles``."""
        return read_state_2014(replace(self.case, folder=folder), time, names, n_patch)

    def write_copy(self, source: Path, destination: Path, changed: Mapping[str, FloatArray]) -> None:
        """See ``CaseFiles``."""
        write_copy_2014(source, destination, changed)
