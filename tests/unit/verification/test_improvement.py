"""Fraction of stations that a run improves."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from landda_hpc.verification.statistics.improvement import improvement
from landda_hpc.verification.statistics.intervals import Estimate
from landda_hpc.verification.tables.station_table import improvement_markdown


def differences(value: list[float], half: float) -> Estimate:
    middle = np.array(value)
    return Estimate(middle, middle - half, middle + half, np.full(middle.size, 20.0), middle, is_difference=True)


def test_the_interval_is_that_of_wilson() -> None:
    estimate = differences([-0.01] * 9 + [0.02] * 3 + [np.nan], 0.015)
    found = improvement(estimate, np.arange(13), -1.0)
    expected = binomtest(9, 12).proportion_ci(0.95, method="wilson")
    assert (found.n, found.fraction) == (12, 0.75)
    assert (found.low, found.high) == (pytest.approx(expected.low), pytest.approx(expected.high))
    assert (found.n_clear, found.n_worse) == (0, 3), "a change of 0.01 is within its interval"
    assert improvement(estimate, np.arange(13), 1.0).fraction == 0.25
    assert improvement(estimate, np.array([12]), 1.0).n == 0


def test_the_table_has_a_row_for_each_run_and_metric() -> None:
    found = {
        ("all stations", "0-10 cm", "learned", "r"): improvement(differences([0.1, 0.2, -0.1], 0.05), np.arange(3), 1.0)
    }
    text = improvement_markdown("assimilation", found)
    assert "| all stations | 0-10 cm | learned | R | 3 | 67 % [21, 94] | 2 | 1 |" in text
    assert improvement_markdown("assimilation", {}) == ""
