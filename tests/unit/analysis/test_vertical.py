"""Vertical regression: closed forms from synthetic pairs, the shrinkage, the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landda_hpc.analysis.vertical import (
    VerticalRegression,
    built_in_regression,
    layer_factors,
    pair_moments,
    read_regression,
    regress,
    write_regression,
)
from landda_hpc.constants import N_SOIL, FloatArray
from landda_hpc.errors import ConfigError, DataError, ShapeError
from landda_hpc.formats.own.image_output import OutputField, write_images
from landda_hpc.grid import regular_grid
from landda_hpc.regridding.depth import depth_weights

WEIGHTS = depth_weights(0.0, 0.1)
OBSERVED = WEIGHTS > 0.0
GRID = regular_grid(20, 24)


def moments_of(slopes: FloatArray, n_pairs: int, n_times: int, seed: int = 1) -> FloatArray:
    """Pairs whose layers differ by exactly slope times the surface's difference."""
    rng = np.random.default_rng(seed)
    pairs = []
    for _ in range(n_pairs):
        total = np.zeros((slopes.shape[0], N_SOIL + 2))
        for _ in range(n_times):
            surface = rng.normal(0.0, 0.05, slopes.shape[0])
            total += pair_moments(np.where(OBSERVED, 1.0, slopes) * surface[:, None], WEIGHTS)
        pairs.append(total)
    return np.array(pairs)


def test_exact_slopes_come_back() -> None:
    rng = np.random.default_rng(2)
    truth = rng.uniform(0.1, 0.9, (7, N_SOIL))
    slopes, pooled = regress(moments_of(truth, 3, 5), WEIGHTS, prior_pairs=1e-9, limits=(0.0, 1.0))
    np.testing.assert_allclose(slopes[:, ~OBSERVED], truth[:, ~OBSERVED], rtol=1e-7)
    assert np.all(slopes[:, OBSERVED] == 1.0) and np.all(pooled[OBSERVED] == 1.0)
    assert np.all((pooled >= truth.min(axis=0) - 1e-12) | OBSERVED)


@given(st.floats(0.01, 100.0), st.integers(1, 6), st.integers(1, 4))
def test_shrinkage_is_the_stated_formula(prior: float, n_pairs: int, n_times: int) -> None:
    rng = np.random.default_rng(3)
    moments = moments_of(rng.uniform(-0.5, 1.5, (5, N_SOIL)), n_pairs, n_times)
    slopes, _ = regress(moments, WEIGHTS, prior_pairs=prior, limits=(-9.0, 9.0))
    mean = moments[..., :-1] / n_times
    v = mean[..., -1].sum(axis=0)
    for k in np.flatnonzero(~OBSERVED):
        c = mean[..., k].sum(axis=0)
        expected = (c + prior * v.sum() / (n_pairs * 5) * c.sum() / v.sum()) / (v + prior * v.sum() / (n_pairs * 5))
        np.testing.assert_allclose(slopes[:, k], expected, rtol=1e-10)


def test_a_strong_prior_gives_the_pooled_slope_and_limits_hold() -> None:
    moments = moments_of(np.random.default_rng(4).uniform(-2.0, 3.0, (6, N_SOIL)), 2, 3)
    slopes, pooled = regress(moments, WEIGHTS, prior_pairs=1e12, limits=(-5.0, 5.0))
    np.testing.assert_allclose(slopes, np.broadcast_to(pooled, slopes.shape), rtol=1e-9)
    slopes, _ = regress(moments, WEIGHTS, prior_pairs=0.1, limits=(0.2, 0.6))
    assert slopes[:, ~OBSERVED].min() >= 0.2 and slopes[:, ~OBSERVED].max() <= 0.6


def test_independent_errors_have_no_slope() -> None:
    """Least squares on white layers: |slope| stays within a few of its standard errors."""
    rng = np.random.default_rng(5)
    moments = np.zeros((1, 40, N_SOIL + 2))
    for _ in range(2000):
        moments[0] += pair_moments(rng.normal(0.0, 0.05, (40, N_SOIL)), WEIGHTS)
    slopes, _ = regress(moments, WEIGHTS, prior_pairs=1e-9, limits=(-1.0, 1.0))
    assert np.abs(slopes[:, ~OBSERVED]).max() < 5.0 / np.sqrt(2000 * float((WEIGHTS**2).sum()))


def test_cells_without_soil_have_none_and_take_the_pooled_slope() -> None:
    difference = np.full((3, N_SOIL), 0.02)
    difference[1] = np.nan
    moments = pair_moments(difference, WEIGHTS)
    assert not moments[1].any()
    slopes, pooled = regress(moments[None], WEIGHTS, prior_pairs=1.0, limits=(0.0, 1.0))
    assert np.isnan(slopes[1]).all() and np.isfinite(slopes[[0, 2]]).all()
    whole = VerticalRegression(slopes.T.reshape(N_SOIL, 1, 3), pooled, (0.0, 0.1)).complete
    assert np.array_equal(whole[:, 0, 1], pooled)


def test_equal_runs_and_wrong_shapes_are_refused() -> None:
    with pytest.raises(DataError, match="do not differ"):
        regress(np.zeros((2, 4, N_SOIL + 2)), WEIGHTS, prior_pairs=1.0, limits=(0.0, 1.0))
    with pytest.raises(ShapeError, match="expected"):
        pair_moments(np.zeros((4, 3)), WEIGHTS)


def test_observed_layers_take_the_whole_increment() -> None:
    factors = layer_factors(np.full((2, N_SOIL), 0.5), OBSERVED, 0.4)
    assert np.all(factors[:, OBSERVED] == 1.0)
    np.testing.assert_allclose(factors[:, ~OBSERVED], 0.2)
    built_in = built_in_regression(GRID, (0.0, 0.1))
    assert np.all(built_in.complete[OBSERVED] == 1.0)
    assert np.all(np.diff(built_in.pooled) <= 0.0) and built_in.pooled[-1] > 0.0


def test_the_file_gives_back_what_it_took(tmp_path: Path) -> None:
    slopes = np.random.default_rng(6).uniform(0.0, 1.0, (N_SOIL, *GRID.shape))
    slopes[OBSERVED] = 1.0
    slopes[:, 3, 4] = np.nan
    pooled = np.where(OBSERVED, 1.0, np.linspace(0.9, 0.3, N_SOIL))
    path = tmp_path / "vertical.nc"
    write_regression(path, GRID, VerticalRegression(slopes, pooled, (0.0, 0.1)), "test")
    found = read_regression(path, GRID, (0.0, 0.1))
    np.testing.assert_array_equal(found.slopes, slopes)
    np.testing.assert_array_equal(found.pooled, pooled)
    with pytest.raises(ConfigError, match=r"0-0\.1 m; the campaign observes 0-0\.05"):
        read_regression(path, GRID, (0.0, 0.05))
    with pytest.raises(ShapeError, match="the model is on"):
        read_regression(path, regular_grid(20, 30), (0.0, 0.1))
    slopes[0] = 0.5
    write_regression(path, GRID, VerticalRegression(slopes, pooled, (0.0, 0.1)), "test")
    with pytest.raises(DataError, match="not 1 where"):
        read_regression(path, GRID, (0.0, 0.1))
    write_images(path, GRID, {"sm": OutputField(slopes[0], {"units": "1"})})
    with pytest.raises(DataError, match="landda study regress"):
        read_regression(path, GRID, (0.0, 0.1))
