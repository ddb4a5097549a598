"""Locations of the files of a CoLM202X case."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from landda_hpc.errors import DataError, MissingFileError
from landda_hpc.formats.colm.names import (
    const_name,
    is_label,
    parse_const_name,
    parse_label,
    state_name,
    time_label,
)


@dataclass(frozen=True)
class ColmCase:
    """Folders and names of a case; only directory listings are read.

    Attributes
    ----------
    name : DEF_CASE_NAME of the namelist, the beginning of all file names.
    lc_year : DEF_LC_YEAR, the year of the land cover, which is part of file names.
    restart : folder of the time-varying restarts, with one sub-folder per time.
    const : folder of the constant restart.
    landdata : folder written by mksrfdata; None for a single point.
    history : folder of the history files; None if there is none.
    blocks : blocks of the constant restart, i.e. those with patches, in order of their names.
    """

    name: str
    lc_year: int
    restart: Path
    const: Path
    landdata: Path | None
    history: Path | None
    blocks: tuple[str, ...]

    @property
    def is_single_point(self) -> bool:
        """Whether the case has no grid of elements (a SinglePoint build): one patch, no mapping files."""
        return self.landdata is None or not (self.landdata / "landpatch").is_dir()

    def with_restart(self, restart: Path) -> ColmCase:
        """Return the case with its time-varying restarts in another folder (a member of an ensemble)."""
        return replace(self, restart=restart)

    def const_file(self, block: str | None) -> Path:
        """Path of a block of the constant restart; None: the file of scalars."""
        return self.const / const_name(self.name, self.lc_year, block)

    def state_folder(self, time: datetime) -> Path:
        """Folder of the time-varying restart at a time."""
        return self.restart / time_label(time)

    def state_file(self, time: datetime, block: str) -> Path:
        """Path of a block of the time-varying restart at a time."""
        return self.state_folder(time) / state_name(self.name, time_label(time), self.lc_year, block)

    def landdata_file(self, kind: str, name: str) -> Path:
        """Path of a mapping file, e.g. of kind ``landpatch`` and name ``patchfrac_elm_e110_n35.nc``."""
        if self.landdata is None:
            raise DataError(f"{self.restart}: the landdata folder is unknown. Set it (landdata).")
        return self.landdata / kind / f"{self.lc_year:04d}" / name

    def times(self) -> list[datetime]:
        """Times that have a restart folder, ascending; the restarts may be incomplete."""
        if not self.restart.is_dir():
            return []
        return sorted(parse_label(entry.name) for entry in self.restart.iterdir() if is_label(entry.name))


def find_case(
    folder: Path,
    *,
    name: str | None = None,
    lc_year: int | None = None,
    restart: Path | None = None,
    const: Path | None = None,
    landdata: Path | None = None,
    history: Path | None = None,
) -> ColmCase:
    """Find the files of a case. Local.

    Parameters
    ----------
    folder : ``<DEF_dir_output>/<DEF_CASE_NAME>``, with the folders restart, landdata and history.
    name, lc_year : required only if the constant restart has several.
    restart, const, landdata, history : folders elsewhere; relative paths do not refer to ``folder``.

    Raises
    ------
    MissingFileError : a folder or the constant restart is missing.
    DataError : the constant restart is not unique or not written in blocks.
    """
    restart = restart or folder / "restart"
    const = const or restart / "const"
    if not const.is_dir():
        raise MissingFileError(
            f"{const}: the folder does not exist. A CoLM case is <DEF_dir_output>/<DEF_CASE_NAME>, with restart/const "
            "from mkinidata.x; give the names of folders that are elsewhere."
        )
    landdata = _optional_folder(landdata, folder / "landdata")
    history = _optional_folder(history, folder / "history")
    entries = [entry.name for entry in const.iterdir()]
    found = [parsed for parsed in map(parse_const_name, entries) if parsed is not None]
    chosen = [f for f in found if name in (None, f.case) and lc_year in (None, f.lc_year)]
    if not chosen:
        wanted = f" of case '{name or '*'}', land cover {lc_year or '*'}" if found else ""
        hint = (
            "CoLM built with VectorInOneFile writes no blocks and is not supported; " if entries and not found else ""
        )
        raise MissingFileError(
            f"{const}: no block of a constant restart{wanted} (*_restart_const_lc<year>_<block>.nc). {hint}"
            f"Found: {', '.join(sorted(entries)[:3]) or 'nothing'}."
        )
    kinds = sorted({(f.case, f.lc_year) for f in chosen})
    if len(kinds) > 1:
        raise DataError(
            f"{const}: constant restarts of several cases: {_list_kinds(kinds)}. Choose one (name and lc_year)."
        )
    return ColmCase(
        name=kinds[0][0],
        lc_year=kinds[0][1],
        restart=restart,
        const=const,
        landdata=landdata,
        history=history,
        blocks=tuple(sorted(f.block for f in chosen)),
    )


def _optional_folder(given: Path | None, default: Path) -> Path | None:
    if given is not None:
        if not given.is_dir():
            raise MissingFileError(f"{given}: no such folder.")
        return given
    return default if default.is_dir() else None


def _list_kinds(kinds: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"'{case}' lc{year}" for case, year in kinds)
