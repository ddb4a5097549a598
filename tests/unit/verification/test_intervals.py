"""Effective sample sizes in closed form; coverage of the intervals by simulation with fixed seeds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from landda_hpc.constants import FloatArray
from landda_hpc.errors import ShapeError
from landda_hpc.verification.statistics.autocorrelation import (
    autocorrelation,
    block_length,
    effective_size_of_correlation,
    effective_size_of_mean,
    effective_size_of_variance,
)
from landda_hpc.verification.statistics.intervals import (
    Estimate,
    estimate_bias,
    estimate_bias_difference,
    estimate_correlation,
    estimate_correlation_difference,
    estimate_mean,
    estimate_ubrmse,
    estimate_ubrmse_difference,
)


def ar1(n_time: int, n_place: int, rho: float, seed: int) -> FloatArray:
    """Stationary AR(1) series of unit variance."""
    rng = np.random.default_rng(seed)
    series = np.empty((n_time, n_place))
    series[0] = rng.normal(size=n_place)
    for t in range(1, n_time):
        series[t] = rho * series[t - 1] + math.sqrt(1.0 - rho**2) * rng.normal(size=n_place)
    return series


def coverage(estimate: Estimate, truth: float) -> float:
    known = np.isfinite(estimate.low)
    assert known.mean() > 0.95
    return float(np.mean((estimate.low[known] <= truth) & (truth <= estimate.high[known])))


def test_autocorrelation_is_the_plain_sum_over_present_pairs() -> None:
    series = ar1(60, 3, 0.6, 1)
    series[np.random.default_rng(2).random(series.shape) < 0.3] = np.nan
    rho, share = autocorrelation(series)
    for place in range(3):
        x = series[:, place] - np.nanmean(series[:, place])
        n = np.isfinite(x).sum()
        for lag in (0, 1, 7, 29):
            products = x[: 60 - lag] * x[lag:]
            assert share[lag, place] == pytest.approx(np.isfinite(products).sum() / n, abs=1e-12)
            assert rho[lag, place] == pytest.approx(np.nanmean(products) / np.nanmean(x**2), abs=1e-10)


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.8, 0.9])
def test_effective_sizes_of_ar1_series(rho: float) -> None:
    """n (1 - rho) / (1 + rho) for means, n (1 - rho^2) / (1 + rho^2) for variances and correlations."""
    n = 4000
    x, y = ar1(n, 40, rho, 3), ar1(n, 40, rho, 4)
    of_mean, of_pairs = n * (1.0 - rho) / (1.0 + rho), n * (1.0 - rho**2) / (1.0 + rho**2)
    assert np.median(effective_size_of_mean(x)) == pytest.approx(of_mean, rel=0.12)
    assert np.median(effective_size_of_variance(x)) == pytest.approx(of_pairs, rel=0.08)
    assert np.median(effective_size_of_correlation(x, y)) == pytest.approx(of_pairs, rel=0.08)


def test_gaps_cost_what_they_take() -> None:
    """Every second value of AR(1) is AR(1) with rho squared, half as many."""
    series = ar1(8000, 30, 0.8, 5)
    series[1::2] = np.nan
    thin = effective_size_of_mean(series[::2])
    np.testing.assert_allclose(np.median(effective_size_of_mean(series)), np.median(thin), rtol=0.05)
    assert np.median(thin) == pytest.approx(4000 * (1 - 0.64) / (1 + 0.64), rel=0.12)


def test_constant_and_empty_series_have_no_size() -> None:
    series = np.stack([np.full(50, 0.3), np.full(50, np.nan)], axis=1)
    assert np.isnan(effective_size_of_mean(series)).all()
    assert np.isnan(estimate_correlation(series, series).value).all()
    mean = estimate_mean(series)
    assert (mean.value[0], mean.low[0], mean.high[0]) == (pytest.approx(0.3), pytest.approx(0.3), pytest.approx(0.3))
    assert np.isnan(mean.value[1])


def test_series_without_times_have_no_size() -> None:
    rho, share = autocorrelation(np.empty((0, 3)))
    assert rho.shape == share.shape == (1, 3)
    assert np.isnan(rho).all() and not share.any()


def test_white_series_have_the_textbooks_intervals() -> None:
    """With n_eff = n: Fisher's z as scipy has it, but for Student's quantile; Student's mean."""
    n = 400
    x, noise = ar1(n, 1, 0.0, 6), ar1(n, 1, 0.0, 7)
    y = 0.5 * x + noise
    found = estimate_correlation(x, y)
    if found.n_eff[0] > 0.999 * n:
        book = stats.pearsonr(x[:, 0], y[:, 0]).confidence_interval(0.95)
        assert found.low[0] == pytest.approx(book.low, abs=2e-3)
        assert found.high[0] == pytest.approx(book.high, abs=2e-3)
    bias = estimate_bias(x, y)
    d = (x - y)[:, 0]
    half = stats.t.ppf(0.975, bias.n_eff[0] - 1) * d.std() / math.sqrt(bias.n_eff[0] - 1)
    assert bias.high[0] - bias.value[0] == pytest.approx(half, rel=1e-9)
    assert estimate_ubrmse(x, y).value[0] == pytest.approx(d.std(), rel=1e-12)


@pytest.mark.parametrize(
    ("n", "rho", "least"), [(240, 0.0, 0.93), (240, 0.8, 0.92), (240, 0.9, 0.88), (500, 0.9, 0.92)]
)
def test_coverage_of_scores_and_of_paired_differences(n: int, rho: float, least: float) -> None:
    """95 % intervals of AR(1) series with a fifth of the values missing; R = 0.7 and 0.4, errors partly shared."""
    y, shared, one, two = (ar1(n, 600, rho, seed) for seed in (11, 12, 13, 14))
    a = 0.7 * y + 0.5 * shared + math.sqrt(0.26) * one
    b = 0.4 * y + 0.5 * shared + math.sqrt(0.59) * two
    y = np.where(np.random.default_rng(15).random(y.shape) < 0.2, np.nan, y)
    std_a, std_b = math.sqrt(0.09 + 0.25 + 0.26), math.sqrt(0.36 + 0.25 + 0.59)
    for estimate, truth in (
        (estimate_correlation(a, y), 0.7),
        (estimate_bias(a, y), 0.0),
        (estimate_ubrmse(a, y), std_a),
        (estimate_correlation_difference(a, b, y), 0.3),
        (estimate_bias_difference(a, b, y), 0.0),
        (estimate_ubrmse_difference(a, b, y), std_a - std_b),
    ):
        assert least <= coverage(estimate, truth) <= 0.99


def test_intervals_that_forget_autocorrelation_would_be_far_too_narrow() -> None:
    y, e = ar1(240, 500, 0.9, 21), ar1(240, 500, 0.9, 22)
    x = 0.6 * y + 0.8 * e
    honest = estimate_correlation(x, y)
    z = np.arctanh(honest.value)
    naive = np.abs(z - math.atanh(0.6)) <= 1.96 / math.sqrt(240 - 3)
    assert naive.mean() < 0.6
    assert coverage(honest, 0.6) > 0.92


def test_a_run_does_not_differ_from_itself() -> None:
    y, x = ar1(100, 4, 0.5, 31), ar1(100, 4, 0.5, 32)
    for difference in (estimate_correlation_difference, estimate_bias_difference, estimate_ubrmse_difference):
        found = difference(x, x.copy(), y)
        for edge in (found.value, found.low, found.high):
            np.testing.assert_array_equal(edge, 0.0)


def test_shared_errors_make_differences_surer() -> None:
    y, shared = ar1(300, 200, 0.7, 41), ar1(300, 200, 0.7, 42)
    a, b = y + 0.8 * shared, 0.9 * y + 0.85 * shared
    paired = estimate_correlation_difference(a, b, y)
    one, two = estimate_correlation(a, y), estimate_correlation(b, y)
    apart = np.hypot(one.high - one.low, two.high - two.low)
    assert np.median((paired.high - paired.low) / apart) < 0.3


def test_block_length_grows_with_memory_and_stays_below_a_fifth() -> None:
    lengths = [block_length(ar1(240, 20, rho, 51)) for rho in (0.0, 0.5, 0.8, 0.95)]
    assert lengths == sorted(lengths)
    assert lengths[0] <= 4 and lengths[-1] <= 48
    # (3/2 (2 rho / (1 - rho^2))^2 n)^(1/3) with rho = 0.8, n = 2000: 38.9
    assert block_length(ar1(2000, 60, 0.8, 52)) == pytest.approx(38.9, rel=0.15)


def test_shapes_are_checked() -> None:
    with pytest.raises(ShapeError, match="n_time, n_place"):
        autocorrelation(np.zeros(5))
    with pytest.raises(ShapeError, match="one shape"):
        estimate_bias(np.zeros((5, 1)), np.zeros((6, 1)))
    with pytest.raises(ShapeError, match="same times"):
        effective_size_of_correlation(np.array([[1.0], [np.nan]]), np.ones((2, 1)))
