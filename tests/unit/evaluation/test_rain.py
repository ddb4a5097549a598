"""Rain of a product in intervals that its files support."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from landda_hpc.evaluation.rain import DAY, in_usual_intervals

HOUR = timedelta(hours=1)
START = datetime(2022, 6, 2)


def rain(hours: list[int], interval: timedelta = HOUR) -> tuple[dict[datetime, np.ndarray], dict[datetime, timedelta]]:
    """One mm in each of the hourly intervals that begin at these hours."""
    begins = [START + h * HOUR for h in hours]
    return {b: np.ones(2) for b in begins}, dict.fromkeys(begins, interval)


def test_hourly_files_give_hourly_amounts() -> None:
    found, longest = rain([0, 1, 2])
    amounts, step = in_usual_intervals(found, longest, HOUR, HOUR)
    assert step == HOUR and list(amounts) == list(found)


def test_six_hourly_files_give_no_hourly_amounts() -> None:
    """The amounts end at 06, 12, ... UTC: they were put in the hours before."""
    found, longest = rain([5, 11, 17, 23, 29], 6 * HOUR)
    amounts, step = in_usual_intervals(found, longest, HOUR, 6 * HOUR)
    assert step == 6 * HOUR
    assert list(amounts) == [START + h * HOUR for h in (0, 6, 12, 18, 24)]
    assert all((amount == 1.0).all() for amount in amounts.values())


def test_an_amount_since_midnight_is_no_hourly_one() -> None:
    """A campaign begins at 06 UTC with files of accumulated amounts."""
    found, longest = rain([5, 6, 7])
    longest[START + 5 * HOUR] = 6 * HOUR
    amounts, step = in_usual_intervals(found, longest, HOUR, HOUR)
    assert step == HOUR
    assert [bool(np.isnan(amount).all()) for amount in amounts.values()] == [True, False, False]


def test_intervals_that_do_not_divide_a_day_give_daily_amounts() -> None:
    found, longest = rain([4, 9, 14, 19, 24], 5 * HOUR)
    amounts, step = in_usual_intervals(found, longest, HOUR, 5 * HOUR)
    assert step == DAY and [float(amount[0]) for amount in amounts.values()] == [4.0, 1.0]
