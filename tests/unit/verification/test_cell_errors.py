"""Errors and skill in every cell against closed forms; the file, and the section of the page."""

from __future__ import annotations

from pathlib import Path

import netCDF4
import numpy as np
import pytest

from landda_hpc.errors import ShapeError
from landda_hpc.formats.own.skill_file import NAMES, SkillFields, read_skill, write_skill
from landda_hpc.grid import regular_grid
from landda_hpc.verification.pages.skill_section import skill_table
from landda_hpc.verification.statistics.cell_errors import cell_errors, weighted_median

TIMES = np.arange(8.0)[:, None]


def test_errors_of_a_known_bias_and_oscillation() -> None:
    """Bias b and an oscillation of amplitude a: rmse^2 = a^2 + b^2; the skill of half of both is 0.5."""
    truth = 0.3 + 0.01 * TIMES * np.ones((8, 3))
    error = np.array([0.04, -0.03, 0.0]) + np.array([0.03, 0.0, 0.0]) * (-1.0) ** TIMES
    runs = {"control": truth + error, "half": truth + 0.5 * error, "worse": truth + 3.0 * error}
    truth[5:, 1] = np.nan
    found = cell_errors(runs, truth, "control", 2)
    np.testing.assert_array_equal(found.n, [8, 5, 8])
    np.testing.assert_allclose(found.bias["control"], [0.04, -0.03, 0.0], atol=1e-15)
    np.testing.assert_allclose(found.rmse["control"], [0.05, 0.03, 0.0], atol=1e-15)
    np.testing.assert_allclose(found.ubrmse["half"], [0.015, 0.0, 0.0], atol=1e-15)
    np.testing.assert_allclose(found.skill["half"][:2], 0.5)
    np.testing.assert_allclose(found.skill["worse"][:2], -2.0)
    assert np.isnan(found.skill["half"][2]), "no error, no skill"
    assert set(found.skill) == {"half", "worse"}
    few = cell_errors(runs, truth, None, 6)
    assert np.isnan(few.rmse["control"][1]) and np.isfinite(few.rmse["control"][0]) and not few.skill
    with pytest.raises(ShapeError):
        cell_errors(runs, truth[:4], "control")


def test_times_that_one_run_lacks_do_not_count() -> None:
    truth, late = np.zeros((8, 1)), np.full((8, 1), 0.2)
    late[:4] = np.nan
    found = cell_errors({"control": 0.1 * TIMES, "late": late}, truth, "control")
    assert found.n[0] == 4
    assert found.bias["control"][0] == pytest.approx(0.1 * (4 + 5 + 6 + 7) / 4)


def test_the_weighted_median() -> None:
    values = np.array([3.0, 1.0, 2.0])
    assert weighted_median(values, np.ones(3)) == 2.0
    assert weighted_median(values, np.array([0.1, 5.0, 0.1])) == 1.0


def test_what_is_written_is_read_and_summarised(tmp_path: Path) -> None:
    grid = regular_grid(2, 3, south=-10.0, north=10.0, west=0.0, east=30.0)
    n = np.full(grid.shape, 8.0)
    fields = {name: np.zeros((2, *grid.shape)) for name in NAMES}
    fields["rmse"][:] = np.array([0.04, 0.03])[:, None, None]
    fields["bias"][1] = [[-0.02, 0.02, 0.0], [np.nan, 0.0, 0.0]]
    fields["skill"][0], fields["skill"][1] = np.nan, [[-1.0, 0.25, 0.25], [0.25, 0.25, np.nan]]
    one = SkillFields("truth", "0-10 cm", "series", ("control", "pointwise"), "control", n, fields)
    path = tmp_path / "skill.nc"
    write_skill(path, grid, [one], {"title": "test"})
    (found,) = read_skill(path)
    assert (found.reference, found.layer, found.runs, found.baseline) == ("truth", "0-10 cm", one.runs, "control")
    np.testing.assert_allclose(found.of("skill", "pointwise"), fields["skill"][1])
    with netCDF4.Dataset(path) as file:
        assert file.Conventions.startswith("CF-") and file["rmse"].dimensions == ("reference", "run", "lat", "lon")
        assert file["skill"].units == "1" and file["rmse"].units == "m3 m-3"
    lines = skill_table(found, np.ones(grid.shape)).splitlines()
    assert lines[2:] == [
        "| control | 0.0400 | 0.0000 | 0.0000 | - | - |",
        "| pointwise | 0.0300 | 0.0000 | 0.0080 | +0.25 | 80 % |",
    ]
