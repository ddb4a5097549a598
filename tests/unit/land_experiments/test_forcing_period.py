"""The years that a spin-up repeats: whole days without gaps, leap days where the calendar has them."""

from __future__ import annotations

import calendar
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landda_hpc.errors import ConfigError
from landda_hpc.land_experiments.forcing_period import ForcingPeriod

STARTS = st.datetimes(datetime(1750, 1, 1), datetime(2200, 1, 1)).map(
    lambda t: t.replace(minute=0, second=0, microsecond=0)
)


@given(STARTS, st.integers(1, 50))
def test_the_months_of_all_years_are_the_period(start: datetime, years: int) -> None:
    period = ForcingPeriod(start, years)
    parts = [part for year in range(years) for part in period.months(year)]
    assert len(parts) == 12 * years and parts[0][0] == start and parts[-1][1] == period.end
    assert all(one[1] == other[0] for one, other in pairwise(parts))
    assert all(timedelta(days=29) <= last - first <= timedelta(days=32) for first, last in parts)
    assert all((first - start) % timedelta(days=1) == timedelta() for first, _ in parts)
    assert period.seconds == sum((last - first).total_seconds() for first, last in parts)


@given(STARTS, st.integers(2, 50))
def test_several_years_have_the_leap_days_of_the_calendar(start: datetime, years: int) -> None:
    period = ForcingPeriod(start, years)
    leap_days = [
        datetime(y, 2, 29) for y in range(start.year, start.year + years + 1) if calendar.isleap(y)
    ]  # fmt: skip
    within = sum(start.date() <= day.date() < period.end.date() for day in leap_days)
    assert period.seconds == 86400.0 * (365 * years + within)
    assert (period.end.month, period.end.day) in ((start.month, start.day), (3, 1))


@pytest.mark.parametrize(
    ("start", "years", "end"),
    [
        ("2019-01-01", 3, "2022-01-01"), ("2024-01-01", 1, "2024-12-31"), ("2023-01-01", 1, "2024-01-01"),
        ("2020-02-29", 3, "2023-03-01"), ("2020-02-29", 4, "2024-02-29"), ("1896-03-01", 8, "1904-03-01"),
    ],
)  # fmt: skip
def test_ends(start: str, years: int, end: str) -> None:
    assert ForcingPeriod(datetime.fromisoformat(start), years).end == datetime.fromisoformat(end)


@pytest.mark.parametrize("years", [0, 9000])
def test_impossible_periods_are_refused(years: int) -> None:
    with pytest.raises(ConfigError, match=rf"--period-years {years} from 2019-01-01: expected at least 1 year"):
        ForcingPeriod(datetime(2019, 1, 1), years)
