"""Checks of the restart files after a forecast window: completeness, time, shape and finite values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from landda_hpc.errors import DataError, ModelError, ShapeError
from landda_hpc.formats.colm.case import ColmCase
from landda_hpc.formats.colm.names import parse_state_file, time_label
from landda_hpc.formats.colm.netcdf import open_colm_file
from landda_hpc.formats.colm.restart import check_restart
from landda_hpc.formats.colm.restart_files import restart_files


def check_window_end(
    case: ColmCase, start_folder: Path, start: datetime, end: datetime, n_patch: Mapping[str, int]
) -> None:
    """Compare the restart at a window's end with the one at its start. Local.

    Parameters
    ----------
    case : the case whose restarts the window wrote.
    start_folder : folder of the restarts from which the model started.
    n_patch : number of patches of each block.

    Raises
    ------
    ModelError : a file is missing, cannot be read, or has other dimensions; the state is not finite everywhere.

    Notes
    -----
    At each time, a build of the model writes the same kinds of files (patches, plant functional types, urban ...) for
    the same blocks, with names that differ only in the time. Files without a time in their names are not expected.
    """
    folder = case.state_folder(end)
    if not folder.is_dir():
        others = ", ".join(time_label(time) for time in case.times() if time != start) or "none"
        raise ModelError(f"it wrote no restart of {end.isoformat()} ({folder.name}); it wrote those of: {others}")
    try:
        expected = _expected(case, start_folder, start, end)
        missing = sorted(str(name) for name in expected if not (folder / name).is_file())
        if missing:
            raise ModelError(
                f"the restart of {end.isoformat()} lacks {len(missing)} of {len(expected)} files, the first is "
                f"{missing[0]}{_other_land_cover(case, folder)}"
            )
        for name, before in sorted(expected.items()):
            if before.suffix == ".nc":
                _compare_dimensions(before, folder / name)
        check_restart(case, end, n_patch)
    except (DataError, ShapeError) as error:
        raise ModelError(str(error)) from error


def _expected(case: ColmCase, start_folder: Path, start: datetime, end: datetime) -> dict[Path, Path]:
    """Files that the model must have written, each with the corresponding file at the window's start."""
    files, label = restart_files(case, start, start_folder), time_label(start)
    return {
        file.path.with_name(file.path.name.replace(label, time_label(end))): start_folder / file.path
        for file in files
        if label in file.path.name
    }


def _other_land_cover(case: ColmCase, folder: Path) -> str:
    """Text for a message about files of another land-cover year, which a build with LULCC writes in a new year."""
    names = [parse_state_file(path.name) for path in folder.iterdir()]
    years = sorted({name.lc_year for name in names if name is not None and name.lc_year != case.lc_year})
    if not years:
        return ""
    return (
        f"; it has files of land-cover year {', '.join(map(str, years))} instead of {case.lc_year}. A build of CoLM "
        "with LULCC (land use that changes from year to year) cannot be used"
    )


def _compare_dimensions(before: Path, after: Path) -> None:
    with open_colm_file(before) as old, open_colm_file(after) as new:
        for name, dimension in old.dimensions.items():
            length = len(new.dimensions[name]) if name in new.dimensions else None
            if length != len(dimension):
                raise DataError(f"{after}: dimension '{name}' is {length}; at the window's start {len(dimension)}.")
        lost = sorted(set(old.variables) - set(new.variables))
        if lost:
            raise DataError(f"{after}: lacks {', '.join(lost[:5])}, which the restart at the window's start has.")
