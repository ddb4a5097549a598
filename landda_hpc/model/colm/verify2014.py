"""Verification that a CoLM2014 case is read as the model does: cell means of restarts against its flux files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from landda_hpc.cell_means import cell_means
from landda_hpc.constants import CoLM_MISSING, FloatArray
from landda_hpc.errors import DataError
from landda_hpc.formats.colm.files2014 import Files2014
from landda_hpc.formats.colm.fortran import scan_records
from landda_hpc.formats.colm.layout2014 import SIZES
from landda_hpc.formats.colm.names import is_label, parse_label
from landda_hpc.formats.colm.restart2014 import Case2014, check_case_2014, read_constants_2014
from landda_hpc.model.colm.tiles2014 import read_case_tiles_2014
from landda_hpc.model.colm.verify import Comparison, compare_means

VARIABLES: Final = ("t_soisno", "wliq_soisno", "wice_soisno")
"""Variables of soil and snow layers in a flux file, in this order: its only records with 15 levels."""

_LAST_TYPE: Final = 3
"""Means of these variables include patches up to this type (glacier)."""


def verify_case_2014(case: Case2014, fluxes: Path) -> Iterator[Comparison]:
    """Compare every restart of a case with the fluxes of its time step (a program with WO_HOURLY). Local.

    Parameters
    ----------
    fluxes : folder of the files ``<site>_2D_Fluxes_YYYY-DDD-SSSSS`` (dir_output of the namelist).

    Yields
    ------
    One comparison per variable and time.

    Raises
    ------
    DataError : there is nothing to compare; a file is damaged, or of another grid.
    """
    begin, times = f"{case.site}_2D_Fluxes_", set(case.times())
    labels = {path.name[len(begin) :]: path for path in sorted(fluxes.glob(f"{begin}*"))}
    files = {parse_label(label): path for label, path in labels.items() if is_label(label)}
    both = sorted(times & set(files))
    if not both:
        raise DataError(
            f"{case.site}: {len(times)} restarts in {case.folder} and {len(labels)} flux files in {fluxes}, but none "
            "of the same time. Run two steps or more of a program with WR_HOURLY and WO_HOURLY."
        )
    n_patch, shape = check_case_2014(case, both)
    tiles = read_case_tiles_2014(Files2014(case), n_patch, shape)
    lats = read_constants_2014(case, n_patch).values["lats"]
    takes_part = tiles.tiles.patchtype <= _LAST_TYPE
    for time in both:
        state = Files2014(case).read(case.folder, time, "all", VARIABLES, n_patch)
        for name, theirs in _read_means(files[time], shape, is_southward=bool(lats[0] > lats[-1])).items():
            values = state[name][tiles.position]
            means = cell_means(tiles.tiles.cell, tiles.tiles.area_fraction, takes_part, values, missing=CoLM_MISSING)
            yield compare_means(files[time], name, time, means, theirs[np.unique(tiles.tiles.cell)])


def _read_means(path: Path, shape: tuple[int, int], *, is_southward: bool) -> dict[str, FloatArray]:
    """Cell means (cells from the south, levels) by variable; NaN where the model has none."""
    file, size = scan_records(path), shape[0] * shape[1] * SIZES["soilsnow"] * 8
    records = [record for record in file.records if record.size == size]
    if len(records) != len(VARIABLES):
        raise DataError(
            f"{path}: {len(records)} records of {size} bytes, expected {len(VARIABLES)}: soil and snow layers on "
            f"{shape[0]} x {shape[1]} cells."
        )
    found = {}
    with path.open("rb") as stream:
        for name, record in zip(VARIABLES, records, strict=True):
            values = np.frombuffer(record.read(stream, 0, size), f"{file.byte_order}f8").astype(np.float64)
            rows = values.reshape(*shape, SIZES["soilsnow"])[:: -1 if is_southward else 1]
            found[name] = np.where(rows == CoLM_MISSING, np.nan, rows).reshape(-1, SIZES["soilsnow"])
    return found
