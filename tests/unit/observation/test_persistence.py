"""Errors that last from one time to the next."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest

from landda_hpc.constants import FloatArray
from landda_hpc.errors import DataError
from landda_hpc.grid import regular_grid
from landda_hpc.observation.persistence import Persistence, persistent_series
from landda_hpc.observation.twin_observations import TwinObservationSource

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


def test_a_series_is_the_process_and_a_longer_one_continues_it() -> None:
    white = np.random.default_rng(3).standard_normal(30)
    series, process = persistent_series(white, STEP, 50.0), Persistence(START, STEP, 50.0)
    for k in range(30):
        now = process(START + k * STEP, lambda time: white[[round((time - START) / STEP)]])
        assert series[k] == pytest.approx(now[0], abs=1e-15)
    np.testing.assert_array_equal(persistent_series(white[:12], STEP, 50.0), series[:12])


def test_correlated_errors_may_persist_while_white_ones_do_not() -> None:
    """The covariance of a cell's errors at two times is that of the correlated part alone."""
    grid, rho, n = regular_grid(16, 32), 0.9, 24
    soil, truth = np.ones(grid.shape, dtype=np.bool_), np.zeros(grid.shape)

    def errors(order: range) -> dict[int, FloatArray]:
        process = Persistence(START, STEP, 6.0 / -np.log(rho))
        source = TwinObservationSource(
            5, grid, soil, (0.0, 0.1), 0.03, 0.0, "random", 0.04, 1500.0, process, white_persists=False
        )
        return {k: source.at(START + k * STEP, truth).given for k in order}

    found = errors(range(n))
    series = np.array([found[k] for k in range(n)])
    weight = np.broadcast_to(grid.area / grid.area.sum() / n, series.shape)
    assert (weight * series**2).sum() == pytest.approx(0.03**2 + 0.04**2, rel=0.15)
    # Differences of successive errors: white 2 s^2, persistent 2 (1 - rho) s^2.
    steps = np.diff(series, axis=0)
    expected = 2 * 0.03**2 + 2 * (1 - rho) * 0.04**2
    assert (weight[1:] * n / (n - 1) * steps**2).sum() == pytest.approx(expected, rel=0.05)
    # A resumed campaign asks for the last times only, and gets the same bits.
    np.testing.assert_array_equal(errors(range(n - 1, n))[n - 1], found[n - 1])
