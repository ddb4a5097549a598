"""Cell means of CoLM's restarts against histories: of the small case, and the real model's own."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import ModuleType

import h5py
import netCDF4
import numpy as np
import pytest
from typer.testing import CliRunner

from landda_hpc.commands.application import app
from landda_hpc.errors import DataError
from landda_hpc.formats.colm.case import ColmCase, find_case
from landda_hpc.formats.colm.mapping import read_block_map, read_mesh
from landda_hpc.model.colm.patches import read_patches
from landda_hpc.model.colm.verify import verify_case


def test_small_case_agrees(tmp_path: Path, colm_case: ModuleType) -> None:
    case = find_case(colm_case.write_case(tmp_path / "small", with_history=True).folder)
    comparisons = list(verify_case(case))
    assert {c.variable for c in comparisons} == {"f_wliq_soisno", "f_zwt", "f_t_grnd", "f_h2osoi"}
    assert {c.time for c in comparisons} == {colm_case.START}
    assert all(c.largest_relative < 1e-15 * 5 for c in comparisons)
    assert {c.n_values for c in comparisons if c.variable == "f_wliq_soisno"} == {16 * 15}


def test_the_command_prints_and_judges(tmp_path: Path, colm_case: ModuleType) -> None:
    small = colm_case.write_case(tmp_path / "small", with_history=True)
    result = CliRunner().invoke(app, ["colm", "verify", str(small.folder)])
    assert result.exit_code == 0, result.output
    assert "f_h2osoi" in result.output
    assert "largest relative difference" in result.output
    with netCDF4.Dataset(next((small.folder / "history").iterdir()), "r+") as file:
        file["f_zwt"][0, 2, 1] *= 1.0 + 1e-9
    result = CliRunner().invoke(app, ["colm", "verify", str(small.folder), "--times"])
    assert isinstance(result.exception, DataError)
    assert "f_zwt differ by 1.0e-09" in str(result.exception)
    assert "DIFFERS" in result.output


def test_a_mask_that_is_not_the_history_s(tmp_path: Path, colm_case: ModuleType) -> None:
    small = colm_case.write_case(tmp_path / "small", with_history=True)
    with netCDF4.Dataset(next((small.folder / "history").iterdir()), "r+") as file:
        file["f_t_grnd"][0, 2, 1] = -1.0e36
    with pytest.raises(DataError, match="in either the restart or the history"):
        list(verify_case(find_case(small.folder)))


def test_a_history_in_single_precision(tmp_path: Path, colm_case: ModuleType) -> None:
    """Whose missing value is not -1e36 any more, and whose clock has another unit."""
    small = colm_case.write_case(tmp_path / "small", with_history=True)
    path = next((small.folder / "history").iterdir())
    with netCDF4.Dataset(path) as file, netCDF4.Dataset(tmp_path / "single.nc", "w") as copy:
        file.set_auto_mask(False)
        for name, dimension in file.dimensions.items():
            copy.createDimension(name, dimension.size)
        for name, variable in file.variables.items():
            kind = "f8" if name == "time" else "f4"
            copy.createVariable(name, kind, variable.dimensions)[:] = variable[:] / (60.0 if name == "time" else 1.0)
        copy["time"].units = "hours since 1900-01-01T08:00+8:00"
    shutil.copy(tmp_path / "single.nc", path)
    comparisons = list(verify_case(find_case(small.folder)))
    assert comparisons and all(c.largest_relative < 1e-6 for c in comparisons)


def test_nothing_to_compare_is_an_error(tmp_path: Path, colm_case: ModuleType) -> None:
    small = colm_case.write_case(tmp_path / "small")
    with pytest.raises(DataError, match="DEF_HIST_FREQ = 'TIMESTEP'"):
        list(verify_case(find_case(small.folder)))


def test_hourly_means_are_not_taken_for_states(tmp_path: Path, colm_case: ModuleType) -> None:
    small = colm_case.write_case(tmp_path / "small", with_history=True)
    with netCDF4.Dataset(next((small.folder / "history").iterdir()), "r+") as file:
        minutes = int(file["time"][0])
        file["time"][:] = [minutes - 30, minutes + 30]
    with pytest.raises(DataError, match="no history of one time step"):
        list(verify_case(find_case(small.folder)))


def test_a_damaged_block_is_named(tmp_path: Path, colm_case: ModuleType) -> None:
    case = find_case(colm_case.write_case(tmp_path / "small", with_history=True).folder)
    with h5py.File(case.state_file(colm_case.START, "e115_n35"), "r+") as file:
        file["tleaf"][0] = np.inf
    with pytest.raises(DataError, match=r"e115_n35.*'tleaf'"):
        list(verify_case(case))


def test_patches_of_some_blocks(tmp_path: Path, colm_case: ModuleType) -> None:
    case = find_case(colm_case.write_case(tmp_path / "small").folder)
    mesh = read_mesh(case)
    every = read_patches(case, mesh)
    assert np.all(np.diff(every.cell) >= 0)
    parts = [read_patches(case, mesh, [block]) for block in case.blocks]
    assert sum(len(part) for part in parts) == len(every)
    for index, part in enumerate(parts):
        mine = every.block == index
        assert np.array_equal(every.cell[mine], part.cell)
        assert np.array_equal(every.soil.porsl[mine], part.soil.porsl)
        in_file = read_block_map(case, mesh, case.blocks[index]).fraction
        assert np.array_equal(part.gather(case, {case.blocks[index]: in_file}), part.fraction)
    with pytest.raises(DataError, match="e000_n00"):
        read_patches(case, mesh, ["e000_n00"])


def real_case(shared: Path, folder: Path) -> ColmCase:
    """The real sample laid out as the model had it."""
    samples = shared / "data" / "colm" / "restart"
    shutil.copytree(samples / "landdata_4block", folder / "landdata")
    shutil.copytree(samples / "grid_4block_VG_VSF" / "const", folder / "restart" / "const")
    for label in ("2010-154-01800", "2010-154-03600"):
        shutil.copytree(samples / "history" / label, folder / "restart" / label)
    (folder / "history").mkdir()
    shutil.copy(samples / "history" / "synthNC_hist_TIMESTEP_2010-06-03.nc", folder / "history")
    return find_case(folder)


@pytest.mark.verify
def test_the_real_model_s_own_history(shared: Path, tmp_path: Path) -> None:
    case = real_case(shared, tmp_path)
    comparisons = list(verify_case(case))
    assert len({c.variable for c in comparisons}) == 30
    assert len({c.time for c in comparisons}) == 2
    worst = max(comparisons, key=lambda c: c.largest_relative)
    assert worst.largest_relative <= 1e-12, worst
    mesh = read_mesh(case)
    assert mesh.grid.lat.tolist() == [39.625, 39.875, 40.125, 40.375]
    assert mesh.grid.lon.tolist() == [114.625, 114.875, 115.125, 115.375]
    assert len(read_patches(case, mesh)) == 141


def test_the_real_model_at_a_point(shared: Path) -> None:
    samples = shared / "data" / "colm" / "restart"
    point = samples / "singlepoint_CN-Cng"
    case = find_case(point, restart=point, history=samples / "history")
    assert case.is_single_point
    comparisons = list(verify_case(case))
    # The history has hourly means; only its instantaneous variables can be compared, at the five midnights.
    assert {c.variable for c in comparisons} == {"f_wa_inst", "f_wdsrf_inst", "f_wetwat_inst"}
    assert len(comparisons) == 15
    assert all(c.largest_difference == 0.0 for c in comparisons)
    grid = read_mesh(case).grid
    assert grid.shape == (1, 1)
    assert abs(grid.lat[0] - 44.5933) < 1e-3
    assert abs(grid.lon[0] - 123.5092) < 1e-3
