"""Shrinkage of variances, vertical regression and bounds of an ensemble."""

from __future__ import annotations

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landda_hpc.analysis.ensemble.layers import LayerRegression, layer_slopes, moments_of, slopes_of, within_bounds
from landda_hpc.analysis.ensemble.shrinkage import degrees_of_freedom, shrunk_variance
from landda_hpc.analysis.mixing import WedgeGroups
from landda_hpc.constants import FloatArray
from landda_hpc.curvelet import Curvelet2D
from tests.unit.analysis.test_ensemble_filters import GRID, WEIGHTS, members, pair_of

FRAME = Curvelet2D((32, 64))
GROUPS = WedgeGroups(FRAME, "per_wedge")


def sampled(true: FloatArray, n_members: int, rng: np.random.Generator) -> FloatArray:
    """Sample variances of Gaussian coefficients: a chi-square distribution with their degrees of freedom."""
    dof = (n_members - 1) * degrees_of_freedom(FRAME)
    return true * rng.chisquare(dof) / dof


@pytest.mark.parametrize("n_members", [5, 10, 50])
@pytest.mark.parametrize("log_sigma", [0.0, 0.3, 1.0])
def test_shrinkage_is_close_to_the_best_weight(n_members: int, log_sigma: float) -> None:
    """The best constant weight of each group is known where the true variances are."""
    rng = np.random.default_rng(7)
    true = np.exp(log_sigma * rng.standard_normal(FRAME.n_var))
    white = np.ones(FRAME.n_var)
    losses = np.zeros((3, GROUPS.n))
    for _ in range(30):
        variance = sampled(true, n_members, rng)
        found, _ = shrunk_variance(FRAME, GROUPS, variance, white, n_members)
        target = GROUPS.expand(GROUPS.sums(variance) / GROUPS.sums(white))
        weights = np.linspace(0.0, 1.0, 41)
        tried = [GROUPS.sums(((1.0 - a) * variance + a * target - true) ** 2) for a in weights]
        losses += [GROUPS.sums((found - true) ** 2), np.min(tried, axis=0), tried[0]]
    ours, best, none = losses.sum(axis=1)
    assert ours <= 1.1 * best + 1e-3 * none  # best: chosen for each sample with the truth
    assert ours < (0.95 if log_sigma < 1.0 or n_members < 50 else 1.0) * none


def test_shrinkage_keeps_the_sum_of_each_group_and_positive_values() -> None:
    rng = np.random.default_rng(1)
    variance = rng.exponential(size=FRAME.n_var)
    found, weight = shrunk_variance(FRAME, GROUPS, variance, rng.uniform(0.5, 1.5, FRAME.n_var), 8)
    assert np.allclose(GROUPS.sums(found), GROUPS.sums(variance))
    assert found.min() >= 0.0
    assert weight.min() >= 0.0 and weight.max() <= 1.0


def test_the_observed_depth_of_the_layers_receives_its_increment() -> None:
    pair = pair_of(9)
    slopes = layer_slopes(pair)
    assert np.allclose(slopes @ WEIGHTS, 1.0)
    observed = np.random.default_rng(2).standard_normal((9, pair.cell.size))
    for length in (0.0, 800.0):
        regression = LayerRegression(GRID, length, members(9))
        assert np.allclose(regression.increments(pair, observed) @ WEIGHTS, observed)


def test_smoothed_slopes_are_less_noisy() -> None:
    """The slope of the deepest layer is 0.05^2 / (0.05^2 + 0.02^2 sum w^2) in every cell."""
    pair = pair_of(6)
    one = np.ones((6, pair.cell.size))
    true = 0.05**2 / (0.05**2 + 0.02**2 * np.sum(WEIGHTS**2))
    errors = [
        np.std(LayerRegression(GRID, length, members(6)).increments(pair, one)[0, :, 3] - true)
        for length in (0.0, 1500.0)
    ]
    assert errors[1] < 0.4 * errors[0]


def test_slopes_below_the_observed_depth_vanish_if_they_are_chance() -> None:
    rng = np.random.default_rng(4)
    pair = pair_of(10)
    pair.layers[:, :, 3] = 0.3 + 0.05 * rng.standard_normal(pair.layers.shape[:2])
    plain = np.mean([np.cov(pair.layers[:, c, 3], pair.observed[:, c])[0, 1] ** 2 for c in range(pair.cell.size)])
    kept = layer_slopes(pair)[:, 3] * pair.anomalies.var(axis=0, ddof=1)
    assert np.mean(kept**2) < 0.5 * plain


@pytest.mark.parametrize(("n_members", "most"), [(2, 0.0), (4, 0.8)])
def test_few_members_show_little_below_the_observed_depth(n_members: int, most: float) -> None:
    """Two members are always correlated, whatever their layers."""
    pair = pair_of(n_members)
    pair.layers[:, :, 3] = 0.3 + 0.05 * np.random.default_rng(4).standard_normal(pair.layers.shape[:2])
    slopes, plain = layer_slopes(pair)[:, 3], slopes_of(moments_of(pair), np.ones(4), n_members)[:, 3]
    assert np.mean(slopes**2) <= most * np.mean(plain**2)


SMALL = hnp.arrays(np.float64, (5, 3), elements=st.floats(-0.3, 0.3))
WATER = hnp.arrays(np.float64, (5, 3), elements=st.floats(0.05, 0.45))


@given(WATER, SMALL)
def test_bounds_keep_the_mean_that_is_possible(theta: FloatArray, increments: FloatArray) -> None:
    lower, upper = np.full(3, 0.05), np.full(3, 0.45)
    found = within_bounds(theta, increments, lower, upper)
    after = theta + found
    assert (after >= lower - 1e-12).all() and (after <= upper + 1e-12).all()
    wanted = np.clip((theta + increments).mean(axis=0), lower, upper)
    has_increment = (increments != 0.0).any(axis=0)
    assert np.allclose(after.mean(axis=0)[has_increment], wanted[has_increment], atol=1e-9)


def test_bounds_of_a_cell_do_not_depend_on_other_cells() -> None:
    rng = np.random.default_rng(8)
    theta, increments = rng.uniform(0.0, 0.5, (5, 300, 2)), rng.normal(0.0, 0.2, (5, 300, 2))
    lower, upper = rng.uniform(0.0, 0.1, (300, 2)), rng.uniform(0.4, 0.5, (300, 2))
    found = within_bounds(theta, increments, lower, upper)
    for c in range(0, 300, 23):
        one = slice(c, c + 1)
        assert np.array_equal(found[:, one], within_bounds(theta[:, one], increments[:, one], lower[one], upper[one]))


@given(WATER)
def test_a_zero_increment_changes_nothing_even_beyond_the_bounds(theta: FloatArray) -> None:
    zero = np.zeros_like(theta)
    assert np.array_equal(within_bounds(theta, zero, np.full(3, 0.2), np.full(3, 0.3)), zero)


def test_within_the_bounds_the_increments_keep_every_bit() -> None:
    rng = np.random.default_rng(0)
    theta, increments = rng.uniform(0.2, 0.3, (6, 4)), rng.uniform(-0.05, 0.05, (6, 4))
    assert np.array_equal(within_bounds(theta, increments, np.full(4, 0.05), np.full(4, 0.45)), increments)
