"""Grids from cell centres alone."""

from __future__ import annotations

import numpy as np
import pytest

from landda_hpc.constants import EARTH_RADIUS
from landda_hpc.errors import ShapeError
from landda_hpc.grid import Grid, gaussian_grid, grid_from_centres, regular_grid

SPHERE = 4.0 * np.pi * EARTH_RADIUS**2


@pytest.mark.parametrize("grid", [regular_grid(18, 36), gaussian_grid(32, 64), gaussian_grid(47, 96)])
def test_global_centres_give_the_whole_sphere(grid: Grid) -> None:
    found = grid_from_centres(grid.lat, grid.lon)
    assert found.is_periodic
    assert found.same_points(grid)
    np.testing.assert_allclose(found.area.sum(), SPHERE, rtol=1e-12)
    # Half-way between Gaussian rows is not where their weights end: 3.5 % of a row off, next to the poles.
    np.testing.assert_allclose(found.lat_edges, grid.lat_edges, atol=0.04 * np.diff(grid.lat).max())
    np.testing.assert_allclose(found.lon_edges, grid.lon_edges, atol=1e-9)


def test_rows_on_the_poles_are_cut_there() -> None:
    found = grid_from_centres(np.linspace(-90.0, 90.0, 19), np.arange(0.0, 360.0, 10.0))
    assert (found.lat_edges[0], found.lat_edges[-1]) == (-90.0, 90.0)
    np.testing.assert_allclose(found.area.sum(), SPHERE, rtol=1e-12)


def test_far_rows_and_regions_do_not_reach_the_poles() -> None:
    lon = np.arange(0.0, 360.0, 10.0)
    belt = grid_from_centres(np.arange(-59.5, 90.0), lon)  # no row south of 60 S, as GLDAS
    assert (belt.lat_edges[0], belt.lat_edges[-1]) == (-60.0, 90.0)
    region = grid_from_centres(np.array([85.0, 87.0, 88.5]), lon[:9])
    assert not region.is_periodic
    assert region.lat_edges[-1] == pytest.approx(89.25)


def test_axes_that_are_none() -> None:
    with pytest.raises(ShapeError, match="at least 2 x 2"):
        grid_from_centres(np.array([1.0]), np.arange(4.0))
    with pytest.raises(ShapeError, match="ascend"):
        grid_from_centres(np.array([1.0, 0.0]), np.arange(4.0))
