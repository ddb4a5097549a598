"""Windows of CoLM202X; see ``ColmVersion``.

::

    try1/case.nml
         <CASE>/landdata -> the case's      <CASE>/restart/const -> the case's
         <CASE>/restart/2010-152-00000 -> ../../../start
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from landda_hpc.formats.colm.files202x import Files202X
from landda_hpc.formats.colm.names import time_label
from landda_hpc.model.colm.end_checks import check_window_end
from landda_hpc.model.colm.namelist import Namelist, Value
from landda_hpc.model.colm.version import NAMELIST_NAME


@dataclass(frozen=True)
class Colm202X(Files202X):
    """A case of CoLM202X; implements ``ColmVersion``."""

    reads_stdin: ClassVar[bool] = False
    completion: ClassVar[str] = ""

    def lay_out(self, folder: Path, start_folder: Path, namelist: Namelist, start: datetime, end: datetime) -> None:
        """See ``ColmVersion``."""
        restart = folder / self.name / "restart"
        restart.mkdir(parents=True)
        (restart / "const").symlink_to(self.const.absolute())
        (restart / time_label(start)).symlink_to(Path("../../..") / start_folder.name)
        if self.landdata is not None:
            (folder / self.name / "landdata").symlink_to(self.landdata.absolute())
        (folder / NAMELIST_NAME).write_bytes(namelist.with_values(window_values(start, end)).content)

    def tidy(self, folder: Path, start: datetime, end: datetime) -> None:
        """See ``ColmVersion``; this version writes a restart at the end only."""

    def check_end(
        self, folder: Path, start_folder: Path, start: datetime, end: datetime, n_patch: Mapping[str, int]
    ) -> None:
        """See ``ColmVersion``."""
        written = self.case.with_restart(folder / self.name / "restart")
        check_window_end(written, start_folder, start, end, n_patch)

    def take_result(self, folder: Path, end: datetime) -> Path:
        """See ``ColmVersion``."""
        return folder / self.name / "restart" / time_label(end)

    def history(self, folder: Path) -> Path:
        """See ``ColmVersion``."""
        return folder / self.name / "history"


def window_values(start: datetime, end: datetime) -> dict[str, Value]:
    """Namelist values that a window replaces: folders and times, but no settings of the model physics."""
    values: dict[str, Value] = {"DEF_dir_output": "./", "DEF_WRST_FREQ": "YEARLY"}
    for name, time in (("start", start), ("end", end)):
        seconds = time.hour * 3600 + time.minute * 60 + time.second
        parts = {"year": time.year, "month": time.month, "day": time.day, "sec": seconds}
        values |= {f"DEF_simulation_time%{name}_{part}": value for part, value in parts.items()}
    # The template's spin-up ends before the campaign; a spin-up year before any start switches it off.
    values |= {"DEF_simulation_time%spinup_year": 0, "DEF_simulation_time%spinup_repeat": 0}
    return values
