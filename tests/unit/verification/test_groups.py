"""Means over places: how far places err together, and intervals that know it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landda_hpc.errors import ShapeError
from landda_hpc.verification.statistics.autocorrelation import block_length
from landda_hpc.verification.statistics.block_bootstrap import dependence_ratios, draw_blocks, resampled_scores
from landda_hpc.verification.statistics.groups import group_mean
from landda_hpc.verification.statistics.intervals import (
    estimate_bias,
    estimate_correlation,
    estimate_correlation_difference,
    estimate_ubrmse,
    estimate_ubrmse_difference,
)
from tests.unit.verification.test_intervals import ar1


def test_scores_of_replicates_are_those_of_the_drawn_times() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(30, 2)), rng.normal(size=(30, 2)) + 0.3
    x[4, 1] = y[4, 1] = np.nan
    counts = draw_blocks(30, 7, 5, np.random.default_rng(2))
    assert counts.shape == (5, 30) and (counts.sum(axis=1) == 5).all()
    scores, replicates = resampled_scores(x, y, counts, 7)
    assert scores["r"][0] == pytest.approx(np.corrcoef(x[:, 0], y[:, 0])[0, 1], abs=1e-12)
    for row in range(5):
        starts = np.repeat(np.arange(30), counts[row].astype(int))
        drawn = (starts[:, None] + np.arange(7)).ravel() % 30
        for place in range(2):
            a, b = x[drawn, place], y[drawn, place]
            known = np.isfinite(a)
            assert replicates["r"][row, place] == pytest.approx(np.corrcoef(a[known], b[known])[0, 1], abs=1e-10)
            assert replicates["bias"][row, place] == pytest.approx(np.mean((a - b)[known]), abs=1e-10)
            assert replicates["ubrmse"][row, place] == pytest.approx(np.std((a - b)[known]), abs=1e-10)


def test_dependence_of_equal_and_of_independent_places() -> None:
    reference, one = ar1(400, 1, 0.5, 3), ar1(400, 1, 0.5, 4)
    equal = np.repeat(reference + one, 16, axis=1)
    apart = ar1(400, 16, 0.5, 5)
    references = np.concatenate([np.repeat(reference, 16, axis=1), ar1(400, 16, 0.5, 6)], axis=1)
    ratios = dependence_ratios(
        {"run": np.concatenate([equal, apart], axis=1)},
        references,
        {"equal": np.arange(16), "apart": np.arange(16, 32)},
        length=8,
        n_replicates=400,
        generator=np.random.default_rng(7),
    )
    for score in ("r", "ubrmse", "bias"):
        assert ratios["equal", "run", score, False] == pytest.approx(1.0, abs=1e-9)
        assert ratios["apart", "run", score, False] == pytest.approx(0.25, abs=0.08)


def test_coverage_of_a_networks_mean() -> None:
    """Ten stations under one weather: the mean R of 120 such networks lies in its interval about 95 times in 100."""
    hits = {"r": 0, "ubrmse": 0}
    for seed in range(120):
        reference = np.repeat(ar1(240, 1, 0.8, 1000 + seed), 10, axis=1)
        run = 0.7 * reference + math.sqrt(0.51) * ar1(240, 10, 0.8, 3000 + seed)
        length = block_length(run - reference)
        ratios = dependence_ratios(
            {"run": run},
            reference,
            {"all": np.arange(10)},
            length=length,
            n_replicates=200,
            generator=np.random.default_rng(seed),
        )
        for score, estimate, truth in (
            ("r", estimate_correlation(run, reference), 0.7),
            ("ubrmse", estimate_ubrmse(run, reference), math.sqrt(0.09 + 0.51)),
        ):
            mean = group_mean(estimate, np.arange(10), ratios["all", "run", score, False])
            hits[score] += mean.low <= truth <= mean.high
    assert 0.88 <= hits["r"] / 120 <= 1.0
    assert 0.88 <= hits["ubrmse"] / 120 <= 1.0


def test_means_are_weighted_and_count_who_has_a_score() -> None:
    x, y = ar1(100, 3, 0.2, 8), ar1(100, 3, 0.2, 9)
    y[:, 2] = np.nan
    estimate = estimate_correlation(x, y)
    mean = group_mean(estimate, np.arange(3), 1.0, np.array([3.0, 1.0, 5.0]))
    assert mean.n_places == 2
    assert mean.value == pytest.approx((3.0 * estimate.value[0] + estimate.value[1]) / 4.0)
    # Widths are averaged on Fisher's scale: the mean of the places' own half-widths to first order.
    own = np.average(estimate.high[:2] - estimate.value[:2], weights=[3, 1])
    assert mean.high - mean.value == pytest.approx(own, rel=1e-3)
    assert math.isnan(group_mean(estimate, np.array([2]), 1.0).value)
    narrow = group_mean(estimate, np.arange(3), 0.5)
    wide = group_mean(estimate, np.arange(3), 1.0)
    assert narrow.high - narrow.low == pytest.approx(0.5 * (wide.high - wide.low), rel=0.02)


def test_one_place_alone_keeps_its_own_interval() -> None:
    x, y = ar1(30, 5, 0.6, 18), ar1(30, 5, 0.6, 19)
    for estimate in (
        estimate_correlation(0.2 * x + y, y),
        estimate_ubrmse(x, y),
        estimate_correlation_difference(0.2 * x + y, x, y),
        estimate_ubrmse_difference(0.2 * x + y, x, y),
        estimate_bias(x, y),
    ):
        for place in range(5):
            mean = group_mean(estimate, np.array([place]), 1.0)
            assert (mean.low, mean.high) == (pytest.approx(estimate.low[place]), pytest.approx(estimate.high[place]))


@given(st.integers(0, 10_000), st.floats(0.0, 1.0), st.floats(0.01, 3.0))
@settings(max_examples=60, deadline=None)
def test_intervals_of_means_stay_within_the_range_of_the_score(seed: int, dependence: float, noise: float) -> None:
    """Few and strongly correlated values, one run very near the reference and one that is not."""
    y, e, f = (ar1(12, 6, 0.5, 3 * seed + i) for i in range(3))
    near, far = y + 0.01 * noise * e, noise * f
    places, weights = np.arange(6), np.linspace(1.0, 5.0, 6)
    r, other = (group_mean(estimate_correlation(run, y), places, dependence, weights) for run in (near, far))
    change = group_mean(estimate_correlation_difference(near, far, y), places, dependence, weights)
    errors = [group_mean(estimate_ubrmse(run, y), places, dependence, weights) for run in (near, far)]
    lower = group_mean(estimate_ubrmse_difference(near, far, y), places, dependence, weights)
    for mean in (r, other):
        assert math.isnan(mean.low) or -1.0 <= mean.low <= mean.value <= mean.high <= 1.0
    assert math.isnan(change.low) or -2.0 <= change.low <= change.value <= change.high <= 2.0
    for mean in errors:
        assert math.isnan(mean.low) or 0.0 < mean.low <= mean.high
    if not math.isnan(lower.low):
        assert -errors[1].value * (1 + 1e-9) <= lower.low <= lower.value <= lower.high <= errors[0].value * (1 + 1e-9)


def test_blocks_and_series_must_belong_together() -> None:
    with pytest.raises(ShapeError, match="20 times were drawn"):
        resampled_scores(np.zeros((30, 1)), np.zeros((30, 1)), np.zeros((2, 20)), 3)
