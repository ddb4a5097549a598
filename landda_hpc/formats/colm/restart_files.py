"""Files of a restart of CoLM202X.

A restart consists of all files below its time folder, except those of another case or land-cover year according to
their names. Files with unknown names belong to it as well, so that nothing is lost. To continue from a restart, the
model also needs the constant restart and landdata of the case (``ColmCase.const``, ``ColmCase.landdata``), which do not
change with time.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from landda_hpc.errors import DataError, MissingFileError
from landda_hpc.formats.colm.case import ColmCase
from landda_hpc.formats.colm.names import RestartName, parse_const_file, parse_state_file, state_name, time_label
from landda_hpc.formats.colm.netcdf import open_colm_file, read_array

logger = logging.getLogger(__name__)

MANIFEST: Final = "manifest.json"
"""List of files that landda_hpc adds to its sets of restart files; it is not part of a restart."""

_KIND_OF_CONST: Final = {"urb": "urban"}
"""Kinds in the constant restart that have another name in the time-varying restart."""


@dataclass(frozen=True)
class RestartFile:
    """One file of a restart.

    Attributes
    ----------
    path : path relative to the restart's folder.
    name : information in the file name; None if the name does not have CoLM's form.
    """

    path: Path
    name: RestartName | None

    def at(self, label: str) -> Path:
        """Path of the file in the restart of another time, with that time's label in its name."""
        assert self.name is not None, "the name contains a time"
        return self.path.with_name(self.path.name.replace(self.name.label, label))


def restart_files(case: ColmCase, time: datetime, folder: Path | None = None) -> tuple[RestartFile, ...]:
    """List all files of a restart in order of their paths. Local: reads directories only.

    Parameters
    ----------
    folder : folder of the restart; None: the case's folder for the time.

    Raises
    ------
    MissingFileError : the folder does not exist.
    DataError : it contains a restart of another time, or an entry that is not a file (e.g. a dangling link).

    Notes
    -----
    Hidden files (remnants of copies and file systems), ``MANIFEST``, and files named as those of another case or
    land-cover year are omitted.
    """
    folder, label = folder or case.state_folder(time), time_label(time)
    if not folder.is_dir():
        raise MissingFileError(f"{folder}: no restart of {time.isoformat()}.")
    found = []
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if any(part.startswith(".") for part in relative.parts) or relative == Path(MANIFEST):
            continue
        if path.is_dir() and not path.is_symlink():
            continue
        if not path.is_file():
            raise DataError(f"{path}: is not a file, but is in the restart of {time.isoformat()}. Remove it.")
        name = parse_state_file(path.name)
        if name is not None and name.case != case.name:
            logger.info("%s: a file of case %s, not part of the restart of %s", path, name.case, case.name)
        elif name is not None and name.label != label:
            raise DataError(f"{path}: a restart of {name.label} in the folder of {label}. Remove it.")
        elif name is not None and name.lc_year != case.lc_year:
            logger.info("%s: of land cover %d, not of %d", path, name.lc_year, case.lc_year)
        else:
            found.append(RestartFile(relative, name))
    return tuple(found)


def missing_files(case: ColmCase, files: Iterable[RestartFile], time: datetime) -> list[str]:
    """Names of the files that a restart lacks; the case's constant restart gives kinds and blocks. Local.

    A case with plant functional types has files ``_restart_pft_const_`` in its constant restart and ``_restart_pft_``
    in every restart, for each block; likewise for urban tiles (``urb_const``, ``urban``) and biogeochemistry (``bgc``).
    """
    have, label = {file.path.name for file in files}, time_label(time)
    wanted = {("", block) for block in case.blocks}
    for entry in case.const.iterdir():
        name = parse_const_file(entry.name)
        if name is not None and (name.case, name.lc_year) == (case.name, case.lc_year) and name.block and name.kind:
            wanted.add((_KIND_OF_CONST.get(name.kind, name.kind), name.block))
    if case.is_single_point and not _is_soil(case):
        # At a point, CoLM writes the state of plant functional types only for soil, but their constants always.
        wanted = {(kind, block) for kind, block in wanted if kind != "pft"}
    names = (state_name(case.name, label, case.lc_year, block, kind) for kind, block in sorted(wanted))
    return [name for name in names if name not in have]


def require_complete(case: ColmCase, time: datetime, folder: Path | None = None) -> tuple[RestartFile, ...]:
    """List the files of a restart, which must be complete for its case. Local.

    Raises
    ------
    MissingFileError, DataError : as for ``restart_files``; files are missing.
    """
    files = restart_files(case, time, folder)
    missing = missing_files(case, files, time)
    if missing:
        others = sorted({name.lc_year for name in _names(folder or case.state_folder(time))} - {case.lc_year})
        hint = f" It has files of land cover {', '.join(map(str, others))}; DEF_LC_YEAR is {case.lc_year}."
        raise MissingFileError(
            f"{folder or case.state_folder(time)}: the restart of {time.isoformat()} lacks {len(missing)} "
            f"{'file' if len(missing) == 1 else 'files'} required by the case's constant restart ({case.const}); the "
            f"first is {missing[0]}.{hint if others else ''} Write this restart again, or copy it completely."
        )
    return files


def copy_restart(
    files: Iterable[RestartFile], source: Path, target: Path, *, without: Collection[str] = ()
) -> list[Path]:
    """Copy files of a restart from one folder into another. Local.

    Parameters
    ----------
    files : files of the restart in ``source``.
    target : created if missing; existing files are replaced.
    without : names of files that are not copied, because they are written otherwise.

    Returns
    -------
    Paths of the copies. The caller must sync them to disk.
    """
    copies = []
    for file in files:
        if file.path.name not in without:
            copy = target / file.path
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / file.path, copy)
            copies.append(copy)
    return copies


def _names(folder: Path) -> list[RestartName]:
    parsed = (parse_state_file(path.name) for path in folder.iterdir())
    return [name for name in parsed if name is not None]


def _is_soil(case: ColmCase) -> bool:
    path = case.const_file(case.blocks[0])
    with open_colm_file(path) as file:
        return not read_array(file, path, "patchtype").any()
