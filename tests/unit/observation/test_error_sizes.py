"""Sizes of observation errors: constant, from a map, the product's own, and what is added to all."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from landda_hpc.config import ConstantErrors, MapErrors, ProductErrors
from landda_hpc.errors import DataError, MissingFileError
from landda_hpc.formats.own.image_output import OutputField, write_images
from landda_hpc.grid import regular_grid
from landda_hpc.observation.error_std import ErrorSizes, read_error_map
from landda_hpc.observation.image_observation import ImageObservation

GRID = regular_grid(6, 12)


def observation(own: np.ndarray | None = None) -> ImageObservation:
    soil = np.ones(GRID.shape, dtype=bool)
    return ImageObservation.flagged(np.full(GRID.shape, 0.2), soil, datetime(2022, 6, 2), (0.0, 0.1), "test", own)


def test_constant_errors_do_not_ask_the_product_and_twins_do() -> None:
    own = np.full(GRID.shape, 0.03)
    np.testing.assert_array_equal(ErrorSizes(0.05, ConstantErrors(), 0.0, GRID, Path())(observation(own)), 0.05)
    np.testing.assert_array_equal(ErrorSizes(0.05, None, 0.0, GRID, Path())(observation(own)), 0.03)
    np.testing.assert_array_equal(ErrorSizes(0.05, None, 0.0, GRID, Path())(observation()), 0.05)


def test_representativeness_adds_in_squares() -> None:
    np.testing.assert_allclose(ErrorSizes(0.03, ConstantErrors(), 0.04, GRID, Path())(observation()), 0.05)


def test_the_products_own_errors_have_a_floor_and_gaps_take_the_constant() -> None:
    own = np.full(GRID.shape, 0.06)
    own[0], own[1] = 0.001, np.nan
    std = ErrorSizes(0.05, ProductErrors(minimum=0.02), 0.0, GRID, Path())(observation(own))
    np.testing.assert_array_equal(std[:3, 0], [0.02, 0.05, 0.06])
    with pytest.raises(DataError, match="reports no errors at"):
        ErrorSizes(0.05, ProductErrors(), 0.0, GRID, Path())(observation())


def test_a_map_is_read_and_regridded(tmp_path: Path) -> None:
    for name, grid in (("same.nc", GRID), ("fine.nc", regular_grid(12, 24))):
        values = 0.05 + 0.0002 * grid.lat[:, None] + np.zeros(grid.shape)
        write_images(tmp_path / name, grid, {"std": OutputField(values, {"units": "m3 m-3"})})
        std = ErrorSizes(9.0, MapErrors(file=Path(name)), 0.0, GRID, tmp_path)(observation())
        np.testing.assert_allclose(std, 0.05 + 0.0002 * GRID.lat[:, None] + np.zeros(GRID.shape), rtol=1e-12)


def test_maps_that_are_not_usable(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError):
        read_error_map(tmp_path / "none.nc", None, GRID)
    values = np.full(GRID.shape, 0.05)
    values[2, 2] = np.nan
    write_images(tmp_path / "gap.nc", GRID, {"std": OutputField(values, {"units": "m3 m-3"})})
    with pytest.raises(DataError, match="no value in 1 cells that test observes"):
        ErrorSizes(0.05, MapErrors(file=Path("gap.nc")), 0.0, GRID, tmp_path)(observation())
    values[2, 2] = 0.0
    write_images(tmp_path / "zero.nc", GRID, {"std": OutputField(values, {"units": "m3 m-3"})})
    with pytest.raises(DataError, match="zero or less"):
        read_error_map(tmp_path / "zero.nc", None, GRID)
