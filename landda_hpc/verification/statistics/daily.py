"""Daily means, and departures of a day from the mean of a window, as in [B26] Fig. 12."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np

from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.regions import Region
from landda_hpc.verification.statistics.anomalies import period_anomalies
from landda_hpc.verification.statistics.scores import Score, score


def days_of(times: Sequence[datetime]) -> tuple[datetime, ...]:
    """Return the starts of the UTC days from the first time to the last, without gaps; empty without times."""
    if not times:
        return ()
    first, last = (datetime(t.year, t.month, t.day) for t in (times[0], times[-1]))
    return tuple(first + timedelta(days=i) for i in range((last - first).days + 1))


def daily_means(
    values: FloatArray, times: Sequence[datetime], days: Sequence[datetime], n_needed: float = 1.0
) -> FloatArray:
    """Return means of UTC days over the times with a value.

    Parameters
    ----------
    values : (n_time, n_place); NaN is missing.
    times : times of the rows, each within one of the days.
    days : starts of the days.
    n_needed : minimum number of values for the mean of a day.

    Returns
    -------
    Means, (n_days, n_place); NaN on days with fewer values.
    """
    number = {day.date(): i for i, day in enumerate(days)}
    total, count = np.zeros((len(days), values.shape[1])), np.zeros((len(days), values.shape[1]))
    for time, row in zip(times, values, strict=True):
        known = np.isfinite(row)
        total[number[time.date()]] += np.where(known, row, 0.0)
        count[number[time.date()]] += known
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(count >= n_needed, total / count, np.nan))


@dataclass(frozen=True, eq=False)
class DayAnomalies:
    """Anomalies of one day in one region, and the agreement of runs and reference.

    Attributes
    ----------
    day, region : day and region of the anomalies.
    runs : anomalies by run, m3 m-3, (n_place,); NaN outside the region and where missing.
    reference : anomalies of stations or of a gridded reference, same shape.
    scores : scores of each run's anomalies against the reference's over the region's places.
    """

    day: date
    region: Region
    runs: Mapping[str, FloatArray]
    reference: FloatArray
    scores: Mapping[str, Score]


class DailyAnomalies:
    """Departures of daily means from their mean over a window.

    Parameters
    ----------
    runs : series by run, m3 m-3, (n_time, n_place); NaN is missing.
    reference : series of the reference, same shape.
    times : times of the window, ascending, UTC.
    """

    def __init__(self, runs: Mapping[str, FloatArray], reference: FloatArray, times: Sequence[datetime]) -> None:
        days = days_of(times)
        self._number = {day.date(): i for i, day in enumerate(days)}
        self._runs = {name: period_anomalies(daily_means(field, times, days)) for name, field in runs.items()}
        self._reference = period_anomalies(daily_means(reference, times, days))

    def of(self, day: date, region: Region, inside: BoolArray) -> DayAnomalies | None:
        """Return the anomalies of a day in a region with the places ``inside``, (n_place,); None without reference."""
        number = self._number.get(day)
        if number is None or not np.isfinite(self._reference[number][inside]).any():
            return None
        reference = np.where(inside, self._reference[number], np.nan)
        runs = {name: np.where(inside, values[number], np.nan) for name, values in self._runs.items()}
        scores = {name: score(values, reference, inside) for name, values in runs.items()}
        return DayAnomalies(day, region, runs, reference, scores)
