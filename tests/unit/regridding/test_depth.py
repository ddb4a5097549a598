"""Depth operator: layers of docs/methods.md, sums, exactness."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landda_hpc.constants import SOIL_DZ, SOIL_ZI
from landda_hpc.errors import ConfigError, ShapeError
from landda_hpc.regridding.depth import depth_weights, layers_from_product, observe, range_from_product


def test_weights_of_the_surface_layer_are_overlaps() -> None:
    weights = depth_weights(0.0, 0.1)
    expected = np.zeros(10)
    expected[:3] = SOIL_DZ[:3] / 0.1
    expected[3] = (0.1 - SOIL_ZI[3]) / 0.1
    np.testing.assert_allclose(weights, expected, rtol=1e-14)
    assert np.count_nonzero(weights) == 4


@given(st.tuples(st.floats(0.0, 3.4), st.floats(0.0, 3.4)).filter(lambda t: t[1] - t[0] > 1e-6))
def test_weights_are_a_mean(depth: tuple[float, float]) -> None:
    weights = depth_weights(*depth)
    assert np.all(weights >= 0.0)
    assert weights.sum() == pytest.approx(1.0, abs=1e-12)
    # The mean of the (piecewise constant) node number over the range, by brute force.
    z = np.linspace(*depth, 20001)
    middle = 0.5 * (z[1:] + z[:-1])
    brute = np.mean(np.searchsorted(SOIL_ZI, middle, side="right") - 1.0)
    assert np.dot(weights, np.arange(10.0)) == pytest.approx(brute, abs=1e-3)


@pytest.mark.parametrize("depth", [(0.1, 0.1), (0.2, 0.1), (-0.1, 0.1), (0.0, 4.0), (np.nan, 0.1)])
def test_ranges_outside_the_soil_are_errors(depth: tuple[float, float]) -> None:
    with pytest.raises(ConfigError, match="depth range"):
        depth_weights(*depth)


def test_the_whole_column_is_a_valid_range() -> None:
    np.testing.assert_allclose(depth_weights(0.0, 3.433), SOIL_DZ / SOIL_ZI[-1], atol=1e-4)


def test_observing_is_independent_of_how_many_tiles_there_are() -> None:
    weights = depth_weights(0.0, 0.4)
    soil = np.random.default_rng(0).random((1000, 10))
    together = observe(soil, weights)
    np.testing.assert_allclose(together, soil @ weights, rtol=1e-14)
    for start, stop in ((0, 1), (0, 333), (333, 1000)):
        np.testing.assert_array_equal(observe(soil[start:stop], weights), together[start:stop])
    np.testing.assert_array_equal(observe(np.ascontiguousarray(soil.T), weights, axis=0), together)


def test_layers_without_weight_may_be_missing() -> None:
    soil = np.full((3, 10), 0.2)
    soil[:, 6:] = np.nan
    soil[1, 0] = np.nan
    seen = observe(soil, depth_weights(0.0, 0.1))
    np.testing.assert_array_equal(np.isnan(seen), [False, True, False])
    with pytest.raises(ShapeError, match="10 layers"):
        observe(soil[:, :5], depth_weights(0.0, 0.1))


def test_product_layers_reach_every_model_layer() -> None:
    weights = layers_from_product([(0.0, 0.07), (0.07, 0.28), (0.28, 1.0)])
    assert weights.shape == (10, 3)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, rtol=1e-14)
    np.testing.assert_allclose(weights[:2], [[1.0, 0.0, 0.0]] * 2, atol=1e-14)
    np.testing.assert_allclose(weights[8:], [[0.0, 0.0, 1.0]] * 2, atol=1e-14)
    # Water in a product layer that the model's layers resolve is kept.
    share = (0.07 - SOIL_ZI[2]) / SOIL_DZ[2]
    np.testing.assert_allclose(weights[2], [share, 1.0 - share, 0.0], atol=1e-12)
    with pytest.raises(ShapeError, match="contiguous"):
        layers_from_product([(0.0, 0.1), (0.2, 0.3)])


def test_a_range_of_a_product_must_be_covered() -> None:
    layers = [(0.0, 0.1), (0.1, 0.4)]
    np.testing.assert_allclose(range_from_product((0.0, 0.4), layers), [0.25, 0.75])
    np.testing.assert_allclose(range_from_product((0.05, 0.1), layers), [1.0, 0.0])
    with pytest.raises(ConfigError, match="not covered"):
        range_from_product((0.0, 1.0), layers)
