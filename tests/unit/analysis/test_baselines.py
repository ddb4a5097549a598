"""Smoothed increments and adaptive gains per cell against closed forms."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landda_hpc.analysis.pointwise import AdaptivePointwise, Pointwise, adaptive_gain
from landda_hpc.analysis.protocol import ImagePair
from landda_hpc.analysis.running_statistics import MethodMemory
from landda_hpc.analysis.smoothed import Smoothed
from landda_hpc.errors import ShapeError
from landda_hpc.grid import regular_grid

PairOf = Callable[..., ImagePair]
GRID = regular_grid(24, 48)
SHAPE = GRID.shape


def scene(seed: int, missing: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    domain = rng.random(SHAPE) < 0.5
    return rng.standard_normal(SHAPE), domain & (rng.random(SHAPE) >= missing), domain


def test_a_constant_innovation_comes_through_coasts_and_all(pair_of: PairOf) -> None:
    """Normalised over land: K times the constant in every cell, though half of the neighbours are sea."""
    _, _, domain = scene(0, 0.0)
    analysis = Smoothed(GRID, 1500.0, 0.4).analyse(pair_of(np.full(SHAPE, 0.1), domain, domain))
    np.testing.assert_allclose(analysis.increment, np.where(domain, 0.04, 0.0), atol=1e-14)


def test_no_length_at_all_is_the_pointwise_blend(pair_of: PairOf) -> None:
    innovation, observed, domain = scene(1, 0.3)
    pair = pair_of(innovation, observed, domain)
    np.testing.assert_allclose(
        Smoothed(GRID, 1.0, 0.4).analyse(pair).increment, Pointwise(0.4).analyse(pair).increment, atol=1e-13
    )


def test_gain_in_a_gap_is_that_of_the_observed_share(pair_of: PairOf) -> None:
    """K(w) = w K / (w K + 1 - K): the exact analysis of a constant from a share w of the observations."""
    _, observed, domain = scene(2, 0.5)
    method = Smoothed(GRID, 1500.0, 0.4)
    increment = method.analyse(pair_of(np.full(SHAPE, 0.1), observed, domain)).increment
    gain = increment[domain] / 0.1
    share = gain * 0.6 / (0.4 * (1.0 - gain))
    assert np.all((share > 0.0) & (share <= 1.0 + 1e-12))
    area = GRID.area / GRID.area.max()
    expected = method._smooth(np.where(observed, area, 0.0)) / method._smooth(np.where(domain, area, 0.0))
    np.testing.assert_allclose(share, expected[domain], rtol=1e-9)


@given(st.integers(0, 50), st.floats(0.0, 1.0), st.sampled_from([0.0, 0.3, 1.0]))
@settings(max_examples=25, deadline=None)
def test_smoothed_increments_stay_within_the_innovations(seed: int, missing: float, gain: float) -> None:
    innovation, observed, domain = scene(seed, missing)
    background = np.where(domain, 0.25, np.nan)
    pair = ImagePair(background, np.where(observed, 0.25 + innovation, np.nan), domain, "t")
    increment = Smoothed(GRID, 800.0, gain).analyse(pair).increment
    assert np.isfinite(increment).all() and not increment[~domain].any()
    largest = float(np.abs(pair.innovation).max(initial=0.0))
    assert np.abs(increment).max() <= gain * largest + 1e-9


def test_smoothed_increments_end_where_data_are_far(pair_of: PairOf) -> None:
    domain = np.ones(SHAPE, dtype=np.bool_)
    observed = np.zeros(SHAPE, dtype=np.bool_)
    observed[12, 24] = True
    increment = Smoothed(GRID, 900.0, 0.5).analyse(pair_of(np.ones(SHAPE), observed, domain)).increment
    assert increment[12, 24] > 0.05
    assert increment[12, 24 + 4] < 1e-2 * increment[12, 24]  # 3,300 km
    assert not increment[12, :16].any()


def test_images_of_another_grid_are_refused(pair_of: PairOf) -> None:
    small = np.ones((4, 4), dtype=np.bool_)
    with pytest.raises(ShapeError):
        Smoothed(GRID, 900.0, 0.5).analyse(pair_of(np.zeros((4, 4)), small, small))


# ---------------------------------------------------------------------- adaptive gains


def test_first_gain_is_that_of_the_first_guess(pair_of: PairOf) -> None:
    innovation, observed, domain = scene(3, 0.2)
    method = AdaptivePointwise(SHAPE, 0.15, 0.10, 4.0, 40.0)
    pair = pair_of(innovation, observed, domain)
    np.testing.assert_allclose(method.analyse(pair).increment, Pointwise(9 / 13).analyse(pair).increment, rtol=1e-12)


def test_each_cell_learns_its_own_gain(pair_of: PairOf) -> None:
    """Background errors of 0.02 and 0.10 in two halves: K tends to B / (B + R) in each."""
    domain = np.ones(SHAPE, dtype=np.bool_)
    std = np.where(np.arange(SHAPE[1]) < 24, 0.02, 0.10)[None, :] * np.ones(SHAPE)
    rng = np.random.default_rng(4)
    method = AdaptivePointwise(SHAPE, 0.15, 0.05, 2.0, 500.0)
    for n in range(400):
        innovation = np.hypot(std, 0.05) * rng.standard_normal(SHAPE)
        method.analyse(pair_of(innovation, domain, domain, f"t{n}"))
    gain = adaptive_gain(method._mean_square, np.full(SHAPE, 0.05**2))
    expected = std**2 / (std**2 + 0.05**2)
    # B = max(0, ...) of 400 innovations is biased where B is small: mean of the positive part of a noise of 0.07 R.
    for half, tolerance in ((slice(0, 24), 0.04), (slice(24, 48), 0.02)):
        assert gain[:, half].mean() == pytest.approx(expected[0, half].mean(), abs=tolerance)
    assert np.all((gain >= 0.0) & (gain < 1.0))


def test_adaptive_memory_is_kept_to_the_bit_and_only_observed_cells_learn(pair_of: PairOf) -> None:
    pairs = [pair_of(*scene(n, 0.4)[:2], np.ones(SHAPE, dtype=np.bool_), f"t{n}") for n in range(6)]
    whole, first = (AdaptivePointwise(SHAPE, 0.15, 0.05, 2.0, 3.0) for _ in range(2))
    expected = [whole.analyse(p).increment.tobytes() for p in pairs]
    found = [first.analyse(p).increment.tobytes() for p in pairs[:3]]
    before = first.state()
    second = AdaptivePointwise(SHAPE, 0.15, 0.05, 2.0, 3.0)
    assert isinstance(second, MethodMemory)
    second.restore(before)
    found += [second.analyse(p).increment.tobytes() for p in pairs[3:]]
    assert found == expected
    never = ~np.any([p.observed for p in pairs], axis=0)
    assert np.all(whole.state()["count"][never] == 2.0)


def test_an_unknown_observation_error_gets_no_weight() -> None:
    r = np.array([0.01, np.nan])
    np.testing.assert_allclose(adaptive_gain(np.array([0.02, 0.02]), r), [0.5, 0.0])
