"""Sampling errors of the observation variance by scale, on normal errors whose variances are known."""

from __future__ import annotations

import numpy as np
import pytest

from landda_hpc.analysis.visit_statistics import (
    N_LAGS,
    mean_covariance,
    sampled_variance,
    shrunk,
    tendency,
    white_share,
)
from landda_hpc.constants import FloatArray

COEFFICIENTS = np.array([12.0, 60.0, 240.0, 900.0])
THIRD, PHI = np.ones(4, dtype=np.bool_), np.ones((2, 4))


def covariances(r: FloatArray, eta: FloatArray, n: int, seed: int, persistent: float = 0.0) -> list[FloatArray]:
    """p of n analyses, each (lags, scales), of observation errors AR(1) and white errors of the tendency."""
    generator = np.random.default_rng(seed)
    found = [np.zeros((N_LAGS, 4)) for _ in range(n)]
    for scale, size in enumerate(COEFFICIENTS.astype(int)):
        error, differences = np.sqrt(r[scale]) * generator.standard_normal(size), []
        for analysis in range(n + N_LAGS - 1):
            new = np.sqrt(r[scale]) * generator.standard_normal(size)
            after = persistent * error + np.sqrt(1.0 - persistent**2) * new
            differences.insert(0, after - error + np.sqrt(eta[scale]) * generator.standard_normal(size))
            error = after
            if analysis >= N_LAGS - 1:
                p = [differences[0] @ differences[lag] / size for lag in range(N_LAGS)]
                found[analysis - N_LAGS + 1][:, scale] = p
    return found


def estimated(p: list[FloatArray]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """R, the variance of its error, and the covariance of the errors of the mean p."""
    mean = np.mean(p, axis=0)
    scatter = np.mean([(one - mean)[:, None] * (one - mean)[None, :] for one in p], axis=0)
    count = np.full(4, float(len(p)))
    covariance = mean_covariance(mean, scatter, COEFFICIENTS, count, count)
    return *sampled_variance(mean, PHI, THIRD, covariance), covariance


@pytest.mark.parametrize("r", [[1.0, 1.0, 1.0, 1.0], [6.0, 4.0, 2.0, 1.0]], ids=["white", "correlated"])
def test_the_sampling_error_is_that_of_repetitions(r: list[float]) -> None:
    found = [estimated(covariances(np.array(r), np.full(4, 0.3), 12, seed)) for seed in range(150)]
    actual = np.std([value for value, _, _ in found], axis=0)
    claimed = np.sqrt(np.mean([variance for _, variance, _ in found], axis=0))
    assert (claimed > 0.85 * actual).all()
    assert (claimed < 1.7 * actual).all()


@pytest.mark.parametrize("n", [3, 8])
@pytest.mark.parametrize(
    ("r", "eta"),
    [([1.0, 1.0, 1.0, 1.0], [4.0, 2.0, 1.0, 0.3]), ([6.0, 4.0, 2.0, 1.0], [8.0, 4.0, 1.0, 0.3])],
    ids=["white", "correlated"],
)
def test_finer_scales_help_where_there_are_few_samples(n: int, r: list[float], eta: list[float]) -> None:
    true = np.array(r)
    alone, helped = [], []
    for seed in range(150):
        value, variance, _ = estimated(covariances(true, np.array(eta), n, seed))
        alone.append(value / true - 1.0)
        helped.append(shrunk(value, variance, 1.2).value / true - 1.0)
    error_alone, error_helped = np.sqrt(np.mean(np.square([alone, helped]), axis=1))
    assert error_helped[0] < 0.95 * error_alone[0]
    assert (error_helped < 1.03 * error_alone).all()


def test_many_samples_are_left_alone() -> None:
    sampled = np.array([3.0, 2.0, 1.0])
    found = shrunk(sampled, np.full(3, 1e-8), 5.0)
    np.testing.assert_allclose(found.value, sampled, rtol=1e-6)
    np.testing.assert_allclose(found.std, 1e-4, rtol=1e-6)
    np.testing.assert_allclose(found.std_error_of_std, 0.5e-4 / np.sqrt(sampled), rtol=1e-3)


def test_the_prediction_without_samples() -> None:
    none = np.full(4, 1e12)
    np.testing.assert_allclose(shrunk(np.zeros(4), none, 2.0).value, 2.0, rtol=1e-6)
    growing = shrunk(np.array([0.0, 0.0, 2.0, 1.0]), np.array([1e12, 1e12, 1e-12, 1e-12]), 1.0).value
    np.testing.assert_allclose(growing, [8.0, 4.0, 2.0, 1.0], rtol=1e-6)


@pytest.mark.parametrize(
    ("second", "third", "expected"),
    [(-1.0, 0.0, 0.0), (1.0, 2.0, 1.0), (1.0, 0.4, 1.6), (1.0, -3.0, 2.0)],
    ids=["negative", "growing", "falling", "far below"],
)
def test_errors_of_the_tendency_are_extrapolated(second: float, third: float, expected: float) -> None:
    p = np.array([[9.0], [0.0], [second], [third]])
    eta, slopes = tendency(p, np.ones(1, dtype=np.bool_))
    assert eta[0] == pytest.approx(expected)
    for lag in range(N_LAGS):
        moved = p.copy()
        moved[lag] += 1e-6
        difference = tendency(moved, np.ones(1, dtype=np.bool_))[0] - eta
        assert slopes[lag, 0] == pytest.approx(difference[0] / 1e-6, abs=1e-6)


@pytest.mark.parametrize("persistent", [0.0, 0.5, 0.9])
def test_the_share_of_white_errors(persistent: float) -> None:
    p = covariances(np.ones(4), np.zeros(4), 30, 1, persistent)
    ratio, error = white_share(np.mean(p, axis=0), estimated(p)[2])
    assert (np.abs(ratio - (1.0 - persistent) ** 2 / 2.0) < 4.0 * error + 0.02).all()
    assert (np.diff(error) < 0.0).all()


def test_no_differences_no_share() -> None:
    ratio, error = white_share(np.zeros((N_LAGS, 1)), np.zeros((N_LAGS, N_LAGS, 1)))
    assert ratio[0] == 0.5 and error[0] == 0.0
