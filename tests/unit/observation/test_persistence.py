"""Errors that last from one time to the next."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest

from landda_hpc.constants import FloatArray
from landda_hpc.errors import DataError
from landda_hpc.observation.persistence import Persistence

START, STEP = datetime(2022, 6, 1), timedelta(hours=6)


def draw(time: datetime) -> FloatArray:
    return np.random.default_rng(int((time - START) / STEP)).standard_normal((60, 80))


def test_variance_and_autocorrelation() -> None:
    errors = Persistence(START, STEP, 6.0 / -np.log(0.9))
    series = np.array([errors(START + k * STEP, draw) for k in range(40)])
    assert series.var() == pytest.approx(1.0, abs=0.03)
    for lag in (1, 5):
        correlation = np.mean(series[lag:] * series[:-lag]) / series.var()
        assert correlation == pytest.approx(0.9**lag, abs=0.03)


def test_the_order_of_the_times_does_not_matter() -> None:
    one, other = Persistence(START, STEP, 50.0), Persistence(START, STEP, 50.0)
    for k in range(8):
        expected = one(START + k * STEP, draw)
    np.testing.assert_array_equal(other(START + 7 * STEP, draw), expected)
    np.testing.assert_array_equal(other(START + 2 * STEP, draw), Persistence(START, STEP, 50.0)(START + 2 * STEP, draw))


@pytest.mark.parametrize("time", [START - STEP, START + 0.5 * STEP])
def test_other_times_are_refused(time: datetime) -> None:
    with pytest.raises(DataError, match="persistent errors are defined every"):
        Persistence(START, STEP, 50.0)(time, draw)
