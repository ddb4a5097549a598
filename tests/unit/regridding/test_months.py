"""Monthly means between the middles of the months."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landda_hpc.regridding.months import between_months, interpolate_months

TIMES = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1))


@given(TIMES)
def test_weights_join_neighbouring_months(time: datetime) -> None:
    earlier, later, share = between_months(time)
    assert (earlier + 1) % 12 == later
    assert 0.0 <= share < 1.0
    assert time.month - 1 in (earlier, later)


@given(TIMES)
def test_continuous_in_time(time: datetime) -> None:
    monthly = np.random.default_rng(0).random((12, 2))
    step = np.abs(interpolate_months(monthly, time + timedelta(hours=6)) - interpolate_months(monthly, time))
    # At most the largest monthly step, 1, in the shortest month, 28 days.
    assert step.max() <= 0.25 / 28.0


@given(TIMES)
def test_near_the_linear_interpolation_in_time(time: datetime) -> None:
    """Independent: np.interp over the middles of the months as times; months of unequal length differ by 0.026."""
    starts = [datetime(time.year + m // 12, m % 12 + 1, 1) for m in range(-1, 14)]
    middles = [(a + (b - a) / 2).timestamp() for a, b in itertools.pairwise(starts)]
    position = np.interp(time.timestamp(), middles, np.arange(-1.0, 13.0))
    earlier, later, share = between_months(time)
    found = (later if earlier == 11 and time.month == 1 else earlier + 1) + share - 1.0
    assert found == pytest.approx(position, abs=0.026)


def test_the_middle_of_a_month_is_its_mean() -> None:
    monthly = np.random.default_rng(1).random((12, 3))
    assert between_months(datetime(2016, 1, 16, 12)) == (0, 1, 0.0)
    assert between_months(datetime(2016, 2, 15, 12)) == (1, 2, 0.0)
    assert between_months(datetime(2022, 6, 16)) == (5, 6, 0.0)
    assert between_months(datetime(2022, 1, 1)) == (11, 0, 0.5)
    np.testing.assert_array_equal(interpolate_months(monthly, datetime(2016, 2, 15, 12)), monthly[1])
    np.testing.assert_allclose(interpolate_months(monthly, datetime(2022, 1, 1)), 0.5 * (monthly[11] + monthly[0]))


def test_missing_stays_missing() -> None:
    monthly = np.ones((12, 2))
    monthly[3, 0] = np.nan
    np.testing.assert_array_equal(interpolate_months(monthly, datetime(2022, 4, 3)), [np.nan, 1.0])
