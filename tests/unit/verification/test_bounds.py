"""Intervals that stay within the range of their score."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from landda_hpc.verification.statistics.bounds import (
    CORRELATION,
    ERROR,
    RANGES,
    UNBOUNDED,
    difference_range,
    halves_of,
    interval_within,
)
from landda_hpc.verification.statistics.temporal import METRICS
from landda_hpc.verification.tables.comparison_table import student_interval
from landda_hpc.verification.tables.score_records import SCORES


def test_every_score_has_a_range() -> None:
    assert {*SCORES, *METRICS} <= set(RANGES)


@given(st.floats(-1.0, 1.0), st.floats(0.0, 100.0))
def test_correlations(mean: float, half: float) -> None:
    low, high = interval_within(mean, half, CORRELATION)
    assert -1.0 <= low <= mean <= high <= 1.0
    assert (low < mean < high) or half < 1e-12 or abs(mean) > 1.0 - 1e-9


@given(st.floats(0.0, 1.0), st.floats(0.0, 100.0))
def test_errors(mean: float, half: float) -> None:
    low, high = interval_within(mean, half, ERROR)
    assert 0.0 <= low <= mean <= high
    assert high == pytest.approx(mean + half), "no end above: Student's"
    assert low > 0.0 or mean < 1e-9 or half / mean > 700.0


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.floats(0.0, 10.0))
def test_differences_of_errors_imply_no_negative_error(error: float, baseline: float, half: float) -> None:
    low, high = interval_within(error - baseline, half, difference_range("ubrmse", error, baseline))
    assert low <= error - baseline <= high
    assert baseline + low >= -1e-12 and error - high >= -1e-12
    low, high = interval_within(error - baseline, half, difference_range("scc", error, baseline))
    assert -2.0 <= low <= high <= 2.0


def test_fishers_z_in_closed_form() -> None:
    half = 0.4
    low, high = interval_within(0.8, half, CORRELATION)
    z, width = math.atanh(0.8), half / (1.0 - 0.8**2)
    assert (low, high) == (pytest.approx(math.tanh(z - width)), pytest.approx(math.tanh(z + width)))
    below, above = halves_of(*(np.array([v]) for v in (0.8, low, high, -1.0, 1.0)))
    assert (below[0], above[0]) == (pytest.approx(half), pytest.approx(half)), "and back"
    assert interval_within(0.06, 0.03, ERROR)[0] == pytest.approx(0.06 * math.exp(-0.5))


def test_narrow_and_unbounded_intervals_are_students() -> None:
    for within in (CORRELATION, ERROR, UNBOUNDED):
        low, high = interval_within(0.3, 1e-4, within)
        assert (0.3 - low, high - 0.3) == (pytest.approx(1e-4, rel=1e-3), pytest.approx(1e-4, rel=1e-3))
        assert interval_within(0.3, 0.0, within) == (0.3, 0.3)
        assert all(math.isnan(edge) for edge in interval_within(0.3, math.nan, within))
        assert all(math.isnan(edge) for edge in interval_within(math.nan, 0.1, within))
    assert interval_within(-0.2, 5.0, UNBOUNDED) == (-5.2, 4.8)


@pytest.mark.parametrize("n", [2, 3, 5])
def test_coverage_of_a_mean_of_few_seeds(n: int) -> None:
    """Correlations that are normal on Fisher's scale: the bounded interval covers the mean as often as it says."""
    rng = np.random.default_rng(3)
    truth = float(np.tanh(rng.normal(math.atanh(0.9), 0.3, 200_000)).mean())
    hits = 0
    for values in np.tanh(rng.normal(math.atanh(0.9), 0.3, (2000, n))).tolist():
        own = student_interval(values)
        low, high = interval_within(own.mean, own.half_width, CORRELATION)
        hits += low <= truth <= high
    assert stats.binom.cdf(hits, 2000, 0.92) > 1e-3
