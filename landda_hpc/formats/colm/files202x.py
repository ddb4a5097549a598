"""Files of a CoLM202X case; see ``CaseFiles``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Final

from landda_hpc.constants import FloatArray
from landda_hpc.formats.colm.case import ColmCase
from landda_hpc.formats.colm.names import state_name, time_label
from landda_hpc.formats.colm.restart import read_variables, write_restart_copy
from landda_hpc.formats.colm.restart_files import RestartFile, missing_files, require_complete, restart_files
from landda_hpc.variables import SOIL_WATER_STATE

VERSION: Final = "CoLM202X"


@dataclass(frozen=True)
class Files202X:
    """Files of a CoLM202X case; implements ``CaseFiles``.

    Attributes
    ----------
    case : the case.
    """

    case: ColmCase

    version: ClassVar[str] = VERSION
    variables: ClassVar[tuple[str, ...]] = SOIL_WATER_STATE
    written: ClassVar[tuple[str, ...]] = ("wliq_soisno", "smp", "hk", "zwt")

    @property
    def name(self) -> str:
        return self.case.name

    @property
    def lc_year(self) -> int | None:
        return self.case.lc_year

    @property
    def const(self) -> Path:
        return self.case.const

    @property
    def landdata(self) -> Path | None:
        return self.case.landdata

    @property
    def restart(self) -> Path:
        return self.case.restart

    @property
    def blocks(self) -> tuple[str, ...]:
        return self.case.blocks

    def times(self) -> list[datetime]:
        """See ``CaseFiles``."""
        return self.case.times()

    def own_folder(self, time: datetime) -> Path:
        """See ``CaseFiles``."""
        return self.case.state_folder(time)

    def file_name(self, time: datetime, block: str) -> str:
        """See ``CaseFiles``."""
        return state_name(self.case.name, time_label(time), self.case.lc_year, block)

    def files(self, folder: Path, time: datetime) -> tuple[RestartFile, ...]:
        """See ``CaseFiles``."""
        return restart_files(self.case, time, folder)

    def missing(self, folder: Path, time: datetime) -> list[str]:
        """See ``CaseFiles``."""
        return missing_files(self.case, self.files(folder, time), time)

    def require_complete(self, folder: Path, time: datetime) -> tuple[RestartFile, ...]:
        """See ``CaseFiles``."""
        return require_complete(self.case, time, folder)

    def read(
        self, folder: Path, time: datetime, block: str, names: Sequence[str], n_patch: int
    ) -> dict[str, FloatArray]:
        """See ``CaseFiles``."""
        # The folder of a restart is named by its time.
        return read_variables(self.case.with_restart(folder.parent), time, block, names, n_patch)

    def write_copy(self, source: Path, destination: Path, changed: Mapping[str, FloatArray]) -> None:
        """See ``CaseFiles``."""
        write_restart_copy(source, destination, changed)
