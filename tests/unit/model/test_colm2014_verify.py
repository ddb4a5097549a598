"""Cell means of CoLM2014's restarts against its flux files, written here as the program writes them."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy.io import FortranFile

from landda_hpc.errors import DataError
from landda_hpc.formats.colm.restart2014 import find_case_2014
from landda_hpc.model.colm.verify2014 import VARIABLES, verify_case_2014

MISSING = -1.0e36


def write_fluxes(path: Path, written: dict[str, np.ndarray[Any, Any]], n_levels: int = 15) -> None:
    """Rows as in the restart, here from north to south; means over patches up to glacier."""
    n_lat, n_lon = written["lats"].size, written["lons"].size
    weight = np.where(written["itypwat"] <= 3, written["wtxy_patch"], 0.0)
    with FortranFile(path, "w") as file:
        for axis in ("lons", "lats"):
            file.write_record(written[axis])
        file.write_record(np.zeros((n_lat, n_lon)))
        for name in VARIABLES:
            means = np.full((n_lat, n_lon, n_levels), MISSING)
            for j in range(n_lat):
                for i in range(n_lon):
                    here = (written["jxy_patch"] == j + 1) & (written["ixy_patch"] == i + 1)
                    if weight[here].sum() > 0.0:
                        values = written[name][here, :n_levels]
                        means[j, i] = (weight[here, None] * values).sum(axis=0) / weight[here].sum()
            file.write_record(means)
            file.write_record(np.zeros((n_lat, n_lon)))


def test_means_agree_and_differences_are_found(tmp_path: Path, colm_case: ModuleType) -> None:
    written = colm_case.write_case_2014(tmp_path)
    case = find_case_2014(tmp_path)
    fluxes = tmp_path / "small_2D_Fluxes_2010-151-86400"  # the end of a day, as the program names it
    write_fluxes(fluxes, written)
    found = list(verify_case_2014(case, tmp_path))
    assert [row.variable for row in found] == list(VARIABLES)
    assert all(row.agrees and row.n_values > 0 and row.time == colm_case.START for row in found)
    soil = written["itypwat"] == 0
    written["wliq_soisno"][soil, 6] *= 1.0 + 1e-9
    write_fluxes(fluxes, written)
    agrees = {row.variable: row.agrees for row in verify_case_2014(case, tmp_path)}
    assert agrees == {"t_soisno": True, "wliq_soisno": False, "wice_soisno": True}


def test_fluxes_of_another_kind_are_refused(tmp_path: Path, colm_case: ModuleType) -> None:
    written = colm_case.write_case_2014(tmp_path)
    case = find_case_2014(tmp_path)
    with pytest.raises(DataError, match=r"1 restarts in .* and 0 flux files"):
        list(verify_case_2014(case, tmp_path))
    write_fluxes(tmp_path / "small_2D_Fluxes_2010-06", written)  # a monthly mean
    with pytest.raises(DataError, match=r"1 flux files in .*, but none of the same time"):
        list(verify_case_2014(case, tmp_path))
    write_fluxes(tmp_path / "small_2D_Fluxes_2010-152-00000", written, n_levels=10)
    with pytest.raises(DataError, match="0 records of 720 bytes, expected 3"):
        list(verify_case_2014(case, tmp_path))
