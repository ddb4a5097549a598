"""Files of learned errors: what is written is read, and other frames, grids and files are refused."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from landda_hpc.curvelet.frame import Curvelet2D
from landda_hpc.errors import DataError, MissingFileError, ShapeError
from landda_hpc.formats.own.learned_errors import (
    ErrorEstimates,
    Estimate,
    GroupErrors,
    read_learned_errors,
    write_learned_errors,
)
from landda_hpc.grid import Grid, regular_grid

GRID = regular_grid(64, 128)
FRAME = Curvelet2D(GRID.shape, angles_coarse=8)


def group_errors(n: int, seed: int) -> GroupErrors:
    rng = np.random.default_rng(seed)

    def estimate() -> Estimate:
        value = rng.uniform(0.01, 0.5, n)
        return Estimate(value, np.stack([0.9 * value, 1.1 * value], axis=1))

    plain = {f.name: rng.random(n) for f in fields(GroupErrors)[4:]}
    plain["assumed_gain"][0] = np.nan
    return GroupErrors(estimate(), estimate(), estimate(), estimate(), **plain)


def errors_of(frame: Curvelet2D, grid: Grid) -> ErrorEstimates:
    local = np.random.default_rng(3).random(grid.shape)
    local[:4] = np.nan
    return ErrorEstimates(
        grid=grid,
        scale=np.array([b.scale for b in frame.blocks]),
        wedge=np.array([b.wedge for b in frame.blocks]),
        coefficients=np.array([b.shape for b in frame.blocks]),
        direction=np.where(np.arange(len(frame.blocks)) > 0, 45.0, np.nan),
        frame={
            "backend": "ours",
            "boundary": frame.boundary,
            "angles_coarse": "8",
            "finest": frame.finest,
            "scales": str(frame.n_scales),
            "sizes": "smooth",
        },
        by_scale=group_errors(frame.n_scales, 1),
        by_wedge=group_errors(len(frame.blocks), 2),
        local_background=local,
        is_learned=True,
        errors_persist=False,
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "errors_learned.nc"
    write_learned_errors(path, errors_of(FRAME, GRID), {"title": "test"})
    return path


def test_what_is_written_is_read(file: Path) -> None:
    written, found = errors_of(FRAME, GRID), read_learned_errors(file, FRAME, GRID)
    for mine, other in ((found.by_scale, written.by_scale), (found.by_wedge, written.by_wedge)):
        for name in ("innovation", "observation", "background", "gain"):
            np.testing.assert_array_equal(getattr(mine, name).value, getattr(other, name).value)
            np.testing.assert_array_equal(getattr(mine, name).limits, getattr(other, name).limits)
        for f in fields(GroupErrors)[4:]:
            np.testing.assert_array_equal(getattr(mine, f.name), getattr(other, f.name))
    np.testing.assert_array_equal(found.local_background, written.local_background)
    np.testing.assert_array_equal(found.direction, written.direction)
    assert found.frame == written.frame
    assert (found.is_learned, found.errors_persist) == (True, False)


def test_the_file_says_what_it_holds(file: Path) -> None:
    with netCDF4.Dataset(file) as data:
        assert data.Conventions.startswith("CF-") and data.frame_boundary == "none"
        variable = data["observation_error_variance"]
        assert variable.dimensions == ("scale",) and variable.units == "m6 m-6"
        assert data["wedge_background_error_variance"].dimensions == ("wedge",)
        for name, one in data.variables.items():
            assert "units" in one.ncattrs() or name.endswith("_bnds")


@pytest.mark.parametrize(
    "other",
    [
        Curvelet2D(GRID.shape, angles_coarse=16),
        Curvelet2D(GRID.shape, angles_coarse=8, finest="wavelets"),
        Curvelet2D(GRID.shape, angles_coarse=8, boundary="reflect", scales=FRAME.n_scales),
        Curvelet2D(GRID.shape, angles_coarse=8, boundary="double_fourier_sphere", scales=FRAME.n_scales),
        Curvelet2D(GRID.shape, angles_coarse=8, scales=FRAME.n_scales + 1),
        Curvelet2D((64, 120), angles_coarse=8),
    ],
)
def test_another_frame_is_refused(file: Path, other: Curvelet2D) -> None:
    with pytest.raises(DataError, match=r"boundary: none.*the run's frame has \d+ wedges.*landda errors"):
        read_learned_errors(file, other)


def test_another_grid_is_refused(file: Path) -> None:
    with pytest.raises(DataError, match="the model is on"):
        read_learned_errors(file, FRAME, regular_grid(64, 128, south=20.0, north=40.0, west=73.0, east=103.0))


def test_another_file_is_refused(file: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingFileError):
        read_learned_errors(tmp_path / "none.nc")
    other = tmp_path / "other.nc"
    with netCDF4.Dataset(other, "w") as data:
        data.createDimension("lat", 2)
        data.createVariable("lat", "f8", ("lat",))[:] = 1.0, 2.0
    with pytest.raises(DataError, match=r"not a file of learned errors.*landda errors"):
        read_learned_errors(other)
    with netCDF4.Dataset(file, "a") as data:
        data["observation_error_variance"][1] = -1.0
    with pytest.raises(DataError, match="observation_error_variance is negative"):
        read_learned_errors(file)


def test_sizes_must_agree() -> None:
    whole = errors_of(FRAME, GRID)
    with pytest.raises(ShapeError, match="scales"):
        replace(whole, by_scale=group_errors(2, 1))
    with pytest.raises(ShapeError, match="map"):
        replace(whole, local_background=np.zeros((3, 4)))
    with pytest.raises(ShapeError, match="limits"):
        Estimate(np.zeros(3), np.zeros((2, 2)))
