"""Many pixels to one value: means, errors with correlation, refused pixels; the cells of points."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landda_hpc.config import RegriddingConfig
from landda_hpc.errors import DataError, ShapeError
from landda_hpc.grid import Grid, gaussian_grid, regular_grid
from landda_hpc.observation.image_observation import Flag, ImageObservation
from landda_hpc.observation.superobbing import cells_of_points, make_regridder, superobserve
from landda_hpc.regridding.regrid import Regridder

FINE, COARSE = regular_grid(8, 16), regular_grid(2, 4)
REGION = regular_grid(5, 7, south=23.0, north=30.0, west=-3.0, east=6.8)


def blocks(image: np.ndarray) -> np.ndarray:
    """Pixels of each coarse cell, (2, 4, 4, 4)."""
    return image.reshape(2, 4, 4, 4).swapaxes(1, 2)


def test_a_mean_of_valid_pixels_by_area() -> None:
    values = np.random.default_rng(0).random(FINE.shape)
    values[:3, :2] = np.nan
    result = superobserve(values, Regridder(FINE, COARSE, "conservative"), error_std=np.full(FINE.shape, 0.05))
    seen = np.isfinite(values)
    weight = blocks(FINE.area * seen)
    expected = (weight * np.nan_to_num(blocks(values))).sum(axis=(2, 3)) / weight.sum(axis=(2, 3))
    np.testing.assert_allclose(result.values, expected, rtol=1e-12)
    assert result.error_std is not None
    np.testing.assert_allclose(result.error_std, 0.05, rtol=1e-12)  # fully correlated by default
    assert result.refused == {}


@pytest.mark.parametrize("correlation", [0.0, 0.25, 1.0])
def test_errors_shrink_with_the_stated_correlation(correlation: float) -> None:
    std = np.random.default_rng(1).uniform(0.02, 0.08, FINE.shape)
    regrid = Regridder(FINE, COARSE, "conservative")
    result = superobserve(np.ones(FINE.shape), regrid, error_std=std, error_correlation=correlation)
    weight = blocks(FINE.area) / blocks(FINE.area).sum(axis=(2, 3), keepdims=True)
    scaled = (weight * blocks(std)).reshape(2, 4, 16)
    covariance = correlation + (1 - correlation) * np.eye(16)
    np.testing.assert_allclose(
        result.error_std, np.sqrt(np.einsum("abi,ij,abj->ab", scaled, covariance, scaled)), rtol=1e-12
    )


def test_refused_pixels_enter_no_mean_and_cells_without_enough_get_the_reason() -> None:
    values = np.full(FINE.shape, 0.2)
    snow, frozen, water = (np.zeros(FINE.shape, dtype=bool) for _ in range(3))
    snow[:4, :4] = True  # the whole first cell
    frozen[:4, 4:7] = True  # three quarters of the second
    frozen[:4, 0] = True
    water[4:, 12] = True  # a quarter of the last
    values[snow | frozen | water] = 0.9
    everything = {"snow": snow, "frozen": frozen, "water": water, "not_recommended": snow | frozen}
    regrid = Regridder(FINE, COARSE, "conservative")
    result = superobserve(values, regrid, conditions=everything)
    assert np.isnan(result.values[0, :2]).all()
    np.testing.assert_allclose(result.values[np.isfinite(result.values)], 0.2)
    assert np.isfinite(result.values).sum() == 6
    soil = np.ones(COARSE.shape, dtype=bool)
    obs = ImageObservation.flagged(result.values, soil, datetime(2022, 6, 2), (0.0, 0.1), "x", refused=result.refused)
    np.testing.assert_array_equal(obs.flags[0], [Flag.SNOW, Flag.FROZEN, Flag.USED, Flag.USED])
    assert obs.counts["snow"] == obs.counts["frozen soil"] == 1
    kept = superobserve(values, regrid, conditions=everything, refuse=("water",))
    np.testing.assert_allclose(kept.values[0, 0], 0.9)
    assert not any(mask.any() for mask in kept.refused.values())


def test_what_was_missing_anyway_is_not_the_flags_doing() -> None:
    values = np.full(FINE.shape, np.nan)
    values[4:] = 0.3
    everywhere = {"not_recommended": np.ones(FINE.shape, dtype=bool)}
    result = superobserve(values, Regridder(FINE, COARSE, "conservative"), conditions=everywhere)
    np.testing.assert_array_equal(result.refused[Flag.PRODUCT], [[False] * 4, [True] * 4])


def test_wrong_arguments() -> None:
    regrid = Regridder(FINE, COARSE)
    with pytest.raises(DataError, match="conditions fog"):
        superobserve(np.zeros(FINE.shape), regrid, conditions={"fog": np.zeros(FINE.shape, dtype=bool)})
    with pytest.raises(ShapeError, match="its grid is"):
        superobserve(np.zeros(COARSE.shape), regrid)


def test_the_configuration_makes_the_regridder(tmp_path: Path) -> None:
    config = RegriddingConfig(method="conservative", min_valid_fraction=0.8, cache=Path("weights"))
    regrid = make_regridder(FINE, COARSE, config, tmp_path)
    assert (regrid.method, regrid.min_weight) == ("conservative", 0.8)
    assert len(list((tmp_path / "weights").iterdir())) == 1
    assert regrid.serves(FINE)
    assert regrid.serves(regular_grid(8, 16))
    assert not regrid.serves(COARSE)


@pytest.mark.parametrize("grid", [COARSE, gaussian_grid(9, 20), REGION, regular_grid(6, 12, west=-180.0, east=180.0)])
@given(seed=st.integers(0, 2**20))
def test_points_find_the_cell_that_holds_them(grid: Grid, seed: int) -> None:
    generator = np.random.default_rng(seed)
    lat, lon = generator.uniform(-90.0, 90.0, 40), generator.uniform(-180.0, 360.0, 40)
    for place, cell in zip(zip(lat, lon, strict=True), cells_of_points(lat, lon, grid), strict=True):
        expected = -1
        for k in range(grid.n_cells):
            i, j = divmod(k, grid.lon.size)
            low, high = grid.lat_edges[i : i + 2]
            west, east = grid.lon_edges[j : j + 2]
            turned = (west <= place[1] + turn < east for turn in (-720.0, -360.0, 0.0, 360.0))
            if low <= place[0] < high and any(turned):
                expected = k
        assert cell == expected


def test_points_on_poles_seams_and_nowhere() -> None:
    grid = regular_grid(18, 36)
    lat = np.array([90.0, -90.0, 0.0, 0.0, np.nan, 5.0])
    lon = np.array([5.0, 5.0, 360.0, -1e-17, 5.0, np.inf])
    with np.errstate(invalid="ignore"):
        assert cells_of_points(lat, lon, grid).tolist() == [17 * 36, 0, 9 * 36, 9 * 36, -1, -1]
    assert cells_of_points(np.array([30.0, 29.9]), np.array([0.0, 6.8]), REGION).tolist() == [-1, -1]
