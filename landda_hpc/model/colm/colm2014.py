"""Windows of CoLM2014; see ``ColmVersion``.

::

    try1/case.nml                              the namelist, which the program reads from standard input
         restart/<site>-rstTimeConst -> the case's
         restart/<site>-rstTimeVar-2010-152-00000 -> ../../start/...
         restart/<site>-rstTimeVar-...         written by the program
         history/<site>_2D_Fluxes_...          written by the program
         end/                                  the restart of the window's end, on its way into the chain

The frequency of restarts is fixed when the program is compiled (WR_* in define.h). A program that writes one at every
time step (WR_HOURLY) serves any window; those before the window's end are removed. None is written at the end of a run.
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar, Final

from landda_hpc.errors import DataError, ModelError, ShapeError
from landda_hpc.formats.colm.files2014 import Files2014
from landda_hpc.formats.colm.names import time_label
from landda_hpc.formats.colm.restart2014 import Case2014, check_state_2014, find_case_2014
from landda_hpc.model.colm.namelist import Namelist, Value
from landda_hpc.model.colm.version import NAMELIST_NAME

GROUP: Final = "clmexp"
"""Group of the namelist."""

COMPLETION: Final = "CLM Execution Completed"
"""Last line of a complete run. A run that stops for want of forcing also ends with code 0."""

_CAMA: Final = b"camaini_"
"""Name of a routine that only a build with CaMa-Flood calls."""


@dataclass(frozen=True)
class Colm2014(Files2014):
    """A case of CoLM2014; implements ``ColmVersion``."""

    reads_stdin: ClassVar[bool] = True
    completion: ClassVar[str] = COMPLETION

    def lay_out(self, folder: Path, start_folder: Path, namelist: Namelist, start: datetime, end: datetime) -> None:
        """See ``ColmVersion``."""
        restart = folder / "restart"
        restart.mkdir(parents=True)
        (folder / "history").mkdir()
        (restart / self.case.const_file.name).symlink_to(self.case.const_file.absolute())
        name = self.file_name(start, "")
        (restart / name).symlink_to(Path("../..") / start_folder.name / name)
        (folder / NAMELIST_NAME).write_bytes(namelist.with_values(window_values_2014(start, end)).content)

    def tidy(self, folder: Path, start: datetime, end: datetime) -> None:
        """See ``ColmVersion``; the newest restart may be incomplete, and is kept like that of the end."""
        written = self._written(folder)
        for time in [t for t in written.times() if t != start][:-1]:
            if time != end:
                written.state_file(time).unlink(missing_ok=True)

    def check_end(
        self, folder: Path, start_folder: Path, start: datetime, end: datetime, n_patch: Mapping[str, int]
    ) -> None:
        """See ``ColmVersion``."""
        written = self._written(folder)
        if not written.state_file(end).is_file():
            others = ", ".join(time_label(time) for time in written.times() if time != start) or "none"
            raise ModelError(
                f"it wrote no restart of {end.isoformat()} ({time_label(end)}); it wrote those of: {others}. CoLM2014 "
                "writes restarts at a frequency that is fixed when it is compiled, and none at the end of a run. "
                f"Compile it with {' or '.join(frequencies(end))} in include/define.h"
            )
        before = (start_folder / self.file_name(start, "")).stat().st_size
        after = written.state_file(end).stat().st_size
        if before != after:
            raise ModelError(
                f"{written.state_file(end)} has {after} bytes, the restart at the window's start {before}. Was the "
                "disk full?"
            )
        try:
            check_state_2014(written, end, n_patch[self.blocks[0]])
        except (DataError, ShapeError) as error:
            raise ModelError(str(error)) from error

    def take_result(self, folder: Path, end: datetime) -> Path:
        """See ``ColmVersion``."""
        result, name = folder / "end", self.file_name(end, "")
        result.mkdir(exist_ok=True)
        (folder / "restart" / name).rename(result / name)
        return result

    def history(self, folder: Path) -> Path:
        """See ``ColmVersion``."""
        return folder / "history"

    def _written(self, folder: Path) -> Case2014:
        return replace(self.case, folder=folder / "restart")


def open_case_2014(namelist: Namelist, folder: Path) -> Colm2014:
    """Find the case of a namelist whose restarts are in a folder. Local.

    Raises
    ------
    MissingFileError, DataError : the namelist names no site, or the folder has no constant restart of it.
    """
    site = namelist.text_value("site")
    if not site:
        raise DataError(f"namelist '{namelist.source}' has no 'site', the name of the case.")
    landdata = namelist.text_value("dir_model_landdata")
    return Colm2014(find_case_2014(folder, site), None if landdata is None else Path(landdata))


def window_values_2014(start: datetime, end: datetime) -> dict[str, Value]:
    """Namelist values that a window replaces: folders and times.

    p_* is the end of the spin-up, before which the program writes neither restarts nor fluxes; it is set to the start.
    """
    values: dict[str, Value] = {"dir_output": "./history/", "dir_restart_hist": "./restart/"}
    for letter, time in (("s", start), ("e", end), ("p", start)):
        values[f"{letter}_year"] = time.year
        values[f"{letter}_julian"] = time.timetuple().tm_yday
        values[f"{letter}_seconds"] = time.hour * 3600 + time.minute * 60 + time.second
    return values


def namelist_time(namelist: Namelist, letter: str) -> datetime | None:
    """A time of the namelist: 's' start, 'e' end, 'p' end of the spin-up; None if it is not set or not valid."""
    parts = [namelist.number(f"{letter}_{part}") for part in ("year", "julian", "seconds")]
    if None in parts:
        return None
    year, day, seconds = (int(part or 0) for part in parts)
    try:
        return datetime(year, 1, 1) + timedelta(days=day - 1, seconds=seconds)
    except (ValueError, OverflowError):
        return None


def frequencies(end: datetime) -> list[str]:
    """Compile-time restart frequencies of CoLM2014 with which a restart of a time is written."""
    found = ["WR_HOURLY (every time step)"]
    if end.hour == end.minute == end.second == 0:
        found += ["WR_DAILY"] + ["WR_MONTHLY"] * (end.day == 1) + ["WR_YEARLY"] * (end.month == end.day == 1)
    return found


def program_problem(program: Path) -> str | None:
    """Why a compiled program cannot be used as CoLM2014; None if it can, or if it is a script. Local."""
    try:
        with program.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            if content[:4] != b"\x7fELF":
                return None
            if content.find(COMPLETION.encode()) < 0:
                return f"'{program}' is not CoLM2014's program (clm.x): it does not contain '{COMPLETION}'."
            if content.find(_CAMA) >= 0:
                return (
                    f"'{program}' is built with CaMa-Flood, which keeps rivers in separate restarts that a campaign "
                    "does not carry from window to window. Use a build without it."
                )
    except (OSError, ValueError):
        return None
    return None
