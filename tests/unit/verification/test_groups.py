"""Means over places: how far places err together, and intervals that know it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from landda_hpc.errors import ShapeError
from landda_hpc.verification.autocorrelation import block_length
from landda_hpc.verification.block_bootstrap import dependence_ratios, draw_blocks, resampled_scores
from landda_hpc.verification.groups import group_mean
from landda_hpc.verification.intervals import estimate_correlation, estimate_ubrmse
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
    assert mean.high - mean.value == pytest.approx(np.average(estimate.high[:2] - estimate.value[:2], weights=[3, 1]))
    assert math.isnan(group_mean(estimate, np.array([2]), 1.0).value)
    narrow = group_mean(estimate, np.arange(3), 0.5)
    wide = group_mean(estimate, np.arange(3), 1.0)
    assert narrow.high - narrow.low == pytest.approx(0.5 * (wide.high - wide.low))


def test_blocks_and_series_must_belong_together() -> None:
    with pytest.raises(ShapeError, match="20 times were drawn"):
        resampled_scores(np.zeros((30, 1)), np.zeros((30, 1)), np.zeros((2, 20)), 3)
