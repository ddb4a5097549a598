"""Drift learning: the running mean, its bound, its times of day, and what it does to a drifting model."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from landda_hpc.analysis.drift import DriftMemory
from landda_hpc.analysis.running_statistics import MethodMemory
from landda_hpc.config import DriftConfig
from landda_hpc.errors import ShapeError

START = datetime(2022, 6, 2)
END = START + timedelta(days=30)
ALL = np.ones(3, dtype=np.bool_)


def drift_of(**changes: Any) -> DriftMemory:
    options = {
        "share": 0.25, "limit": 1.0, "per_time_of_day": True, "settle_days": 0.0, "forecast_days": 5.0,
    }  # fmt: skip
    return DriftMemory(3, 6, START, END, DriftConfig(**(options | changes)))


def test_an_analysis_that_closes_the_gap_learns_the_drift_of_each_time_of_day() -> None:
    """Model loses b(hour) a cycle; the analysis puts it right: the increment is b - m, and m goes to b by share."""
    drift = drift_of()
    loss = {0: 0.02, 6: -0.01, 12: 0.0, 18: 0.04}
    for n in range(1, 4 * 20 + 1):
        time = START + timedelta(hours=6 * n)
        drift.learn(time, np.full(3, loss[time.hour]) - drift.correction(time), ALL)
    for hour, value in loss.items():
        found = drift.correction(END.replace(hour=hour) - timedelta(days=1))
        np.testing.assert_allclose(found, value * (1.0 - 0.75**20), rtol=1e-12)


def test_one_mean_for_all_times_of_day() -> None:
    drift = drift_of(per_time_of_day=False)
    drift.learn(START + timedelta(hours=6), np.full(3, 0.04), ALL)
    np.testing.assert_array_equal(drift.correction(START + timedelta(hours=12)), np.full(3, 0.01))


def test_it_fades_in_the_free_forecast_only() -> None:
    drift = drift_of()
    drift.learn(END, np.full(3, 0.04), ALL)
    assert np.all(drift.correction(END - timedelta(days=1)) == 0.01)
    np.testing.assert_allclose(drift.correction(END + timedelta(days=5)), 0.01 * math.exp(-1.0))


def test_bound_mask_and_settling() -> None:
    drift = drift_of(limit=0.005, settle_days=1.0)
    drift.learn(START + timedelta(days=1), np.full(3, 0.04), ALL)
    assert not drift.correction(START).any()
    observed = np.array([True, False, True])
    drift.learn(START + timedelta(days=2), np.array([0.4, 0.4, np.nan]), observed)
    np.testing.assert_array_equal(drift.correction(START), [0.005, 0.0, 0.0])
    drift.learn(START + timedelta(days=3), np.array([-4.0, 0.0, 0.0]), observed)
    np.testing.assert_array_equal(drift.correction(START), [-0.005, 0.0, 0.0])


def test_memory_goes_to_a_checkpoint_and_back() -> None:
    drift = drift_of()
    assert isinstance(drift, MethodMemory)
    drift.learn(START + timedelta(hours=6), np.array([0.1, 0.2, 0.3]), ALL)
    other = drift_of()
    other.restore(drift.state())
    for n in range(4):
        time = START + timedelta(hours=6 * n)
        assert drift.correction(time).tobytes() == other.correction(time).tobytes()
    with pytest.raises(ShapeError):
        drift_of(per_time_of_day=False).restore(drift.state())
