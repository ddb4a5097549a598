"""Anomalies and temporal scores against plain loops."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest

from landda_hpc.errors import DataError, ShapeError
from landda_hpc.regions import GLOBE
from landda_hpc.verification.statistics.anomalies import AnomalyRule, anomalies, period_anomalies
from landda_hpc.verification.statistics.daily import DailyAnomalies, daily_means, days_of
from landda_hpc.verification.statistics.temporal import temporal_scores

START = datetime(2022, 6, 2)


def six_hourly(n: int) -> list[datetime]:
    return [START + timedelta(hours=6 * i) for i in range(n)]


def test_moving_window_is_the_plain_mean_around_each_time() -> None:
    rng = np.random.default_rng(1)
    times = six_hourly(240)
    series = rng.normal(0.3, 0.1, size=(240, 3))
    series[rng.random(series.shape) < 0.3] = np.nan
    found = anomalies(series, times, AnomalyRule("moving_window", 35.0))
    half = timedelta(days=17.5)
    for i in (0, 3, 100, 239):
        inside = [abs(t - times[i]) <= half for t in times]
        expected = series[i] - np.nanmean(series[inside], axis=0)
        np.testing.assert_allclose(found[i], expected, atol=1e-13)
    assert (np.isnan(found) == np.isnan(series)).all()


def test_a_lonely_value_has_no_window() -> None:
    series = np.full((240, 1), np.nan)
    series[[0, 200], 0] = 0.2, 0.3
    assert np.isnan(anomalies(series, six_hourly(240), AnomalyRule())).all()


def test_climatology_takes_the_annual_cycle_away() -> None:
    times = [datetime(2019, 1, 1) + timedelta(days=i) for i in range(4 * 365 + 1)]
    day = np.array([t.timetuple().tm_yday for t in times])
    cycle = 0.2 + 0.1 * np.cos(2.0 * np.pi * day / 366.0)
    shift = np.array([{2019: -0.02, 2020: 0.0, 2021: 0.01, 2022: 0.01}[t.year] for t in times])
    found = anomalies((cycle + shift)[:, None], times, AnomalyRule("climatology", 35.0))[:, 0]
    # What the window smooths of the cycle: less than 2 % of its amplitude.
    np.testing.assert_allclose(found, shift - np.average(shift), atol=2.5e-3)
    one_year = anomalies(cycle[:365, None], times[:365], AnomalyRule("climatology", 35.0))
    assert np.isnan(one_year).all()


def test_scores_are_taken_where_all_runs_and_the_reference_have_values() -> None:
    rng = np.random.default_rng(2)
    times = six_hourly(80)
    reference = rng.normal(size=(80, 2))
    runs = {"control": reference + rng.normal(size=(80, 2)), "image": reference + 0.5 * rng.normal(size=(80, 2))}
    runs["control"][:10, 0] = np.nan
    reference[70:, 1] = np.nan
    found = temporal_scores(runs, reference, times, baseline="control", min_pairs=71)
    assert found.n.tolist() == [70, 70]
    assert np.isnan(found.scores["image"]["r"].value).all(), "fewer than min_pairs"
    found = temporal_scores(runs, reference, times, baseline="control", min_pairs=20)
    kept = slice(10, 80)
    assert found.scores["image"]["r"].value[0] == pytest.approx(
        np.corrcoef(runs["image"][kept, 0], reference[kept, 0])[0, 1], abs=1e-12
    )
    difference = found.differences["image"]["ubrmse"].value[0]
    expected = np.std((runs["image"] - reference)[kept, 0]) - np.std((runs["control"] - reference)[kept, 0])
    assert difference == pytest.approx(expected, abs=1e-12)
    assert "control" not in found.differences and found.baseline == "control"


def test_bad_series_are_refused() -> None:
    with pytest.raises(ShapeError, match="one row per time"):
        anomalies(np.zeros((3, 1)), six_hourly(4), AnomalyRule())
    with pytest.raises(DataError, match="ascend"):
        anomalies(np.zeros((2, 1)), [START, START], AnomalyRule())


def test_period_anomalies() -> None:
    series = np.array([[0.1, np.nan], [0.3, 0.2]])
    np.testing.assert_allclose(period_anomalies(series), [[-0.1, np.nan], [0.1, 0.0]])


def test_anomalies_of_a_day() -> None:
    times = [START + timedelta(hours=h) for h in (0, 12, 24, 36, 72)]
    run = np.array([[0.1, 0.2, 0.3], [0.3, 0.2, 0.3], [0.4, 0.3, 0.3], [np.nan, 0.3, 0.3], [0.3, 0.1, 0.6]])
    assert days_of(times) == tuple(START + timedelta(days=n) for n in range(4))
    means = daily_means(run, times, days_of(times))
    np.testing.assert_allclose(means, [[0.2, 0.2, 0.3], [0.4, 0.3, 0.3], [np.nan] * 3, [0.3, 0.1, 0.6]])
    found = DailyAnomalies({"control": run}, 2.0 * run, times)
    everywhere = np.ones(3, dtype=np.bool_)
    day = found.of(START.date() + timedelta(days=1), GLOBE, everywhere)
    assert day is not None
    np.testing.assert_allclose(day.runs["control"], [0.1, 0.1, -0.1], atol=1e-12)
    np.testing.assert_allclose(day.reference, [0.2, 0.2, -0.2], atol=1e-12)
    assert day.scores["control"].scc == pytest.approx(1.0)
    assert found.of(START.date() + timedelta(days=2), GLOBE, everywhere) is None, "a day without values"
    assert found.of(START.date() + timedelta(days=9), GLOBE, everywhere) is None, "another day"
    outside = found.of(START.date(), GLOBE, np.array([True, False, False]))
    assert outside is not None and np.isnan(outside.reference[1:]).all()
