"""Anomalies of series: departures from a moving mean, from a climatology, or from the mean of the period."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import numpy as np

from landda_hpc.constants import FloatArray, IntArray
from landda_hpc.errors import DataError, ShapeError

AnomalyKind = Literal["moving_window", "climatology"]

_FEWEST_SHARE: Final = 0.25
"""Minimum fraction of a window's times for its mean."""

_FEWEST_YEARS: Final = 2
_DAYS: Final = 366


@dataclass(frozen=True)
class AnomalyRule:
    """Reference from which anomalies are computed.

    Attributes
    ----------
    kind : ``moving_window``: the mean over ``window_days`` around each time, cut at the ends of the series;
        ``climatology``: the mean over all years, over ``window_days`` around the day of the year.
    window_days : width of the window, days.
    """

    kind: AnomalyKind = "moving_window"
    window_days: float = 35.0

    def describe(self) -> str:
        """Describe the rule for tables and titles."""
        if self.kind == "climatology":
            return f"departures from the mean of all years over {self.window_days:g} days around the day of the year"
        return f"departures from the mean over {self.window_days:g} days around each time"


def anomalies(series: FloatArray, times: Sequence[datetime], rule: AnomalyRule) -> FloatArray:
    """Return the anomalies of columns.

    Parameters
    ----------
    series : values, (n_time, n_place); NaN is missing.
    times : times, ascending, UTC; gaps are allowed.
    rule : reference of the anomalies.

    Returns
    -------
    Same shape. NaN where the series is NaN, where a window has less than a quarter of the times of a full window of
    this series, and, for a climatology, on days of the year that occur in fewer than two years.

    Raises
    ------
    ShapeError : the numbers of times and rows differ.
    DataError : times do not ascend.
    """
    if series.ndim != 2 or series.shape[0] != len(times):
        raise ShapeError(f"series have shape {series.shape} and {len(times)} times; expected one row per time.")
    seconds = np.array([(time - datetime(1970, 1, 1)).total_seconds() for time in times])
    if np.any(np.diff(seconds) <= 0.0):
        raise DataError("times of a series must be strictly ascending; sort them and remove duplicates.")
    if series.shape[0] == 0:
        return series.copy()
    if rule.kind == "climatology":
        return _from_climatology(series, times, rule.window_days)
    return series - _moving_mean(series, seconds, 43200.0 * rule.window_days)


def period_anomalies(series: FloatArray) -> FloatArray:
    """Return departures from the mean of the whole series, as in [B26] Fig. 12."""
    present = np.isfinite(series)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(present, series, 0.0).sum(axis=0) / present.sum(axis=0)
    return np.asarray(series - mean)


def _moving_mean(series: FloatArray, seconds: FloatArray, half: float) -> FloatArray:
    first = np.searchsorted(seconds, seconds - half - 1.0, side="left")
    last = np.searchsorted(seconds, seconds + half + 1.0, side="right")
    total, count = _window_sums(series, first, last)
    step = float(np.median(np.diff(seconds))) if seconds.size > 1 else 1.0
    reach = np.minimum(seconds + half, seconds[-1]) - np.maximum(seconds - half, seconds[0])
    possible = np.maximum(1.0, reach / step)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(count >= _FEWEST_SHARE * possible, total / count, np.nan))


def _window_sums(series: FloatArray, first: IntArray, last: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return, for each row, sums and numbers of present values in rows first..last-1."""
    present = np.isfinite(series)
    # Departures from the column's mean: cumulative sums of small numbers lose no significant digits.
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(present.any(axis=0), np.where(present, series, 0.0).sum(axis=0) / present.sum(axis=0), 0.0)
    total = np.zeros((series.shape[0] + 1, series.shape[1]))
    count = np.zeros_like(total)
    np.cumsum(np.where(present, series - mean, 0.0), axis=0, out=total[1:])
    np.cumsum(present, axis=0, out=count[1:])
    n = count[last] - count[first]
    return np.asarray(total[last] - total[first] + n * mean), np.asarray(n)


def _from_climatology(series: FloatArray, times: Sequence[datetime], window_days: float) -> FloatArray:
    day = np.array([time.timetuple().tm_yday - 1 for time in times])
    year = np.array([time.year for time in times])
    years = np.unique(year)
    present = np.isfinite(series)
    total = np.zeros((_DAYS, series.shape[1]))
    count, seen = np.zeros_like(total), np.zeros_like(total)
    filled = np.where(present, series, 0.0)
    half = int(window_days // 2)
    for one in years:
        here = year == one
        of_year, n_of_year = np.zeros_like(total), np.zeros_like(total)
        np.add.at(of_year, day[here], filled[here])
        np.add.at(n_of_year, day[here], present[here].astype(np.float64))
        around = [(np.arange(_DAYS) + shift) % _DAYS for shift in range(-half, half + 1)]
        n_around = sum(n_of_year[days] for days in around)
        total += sum(of_year[days] for days in around)
        count += n_around
        seen += n_around > 0.0
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(seen >= _FEWEST_YEARS, total / count, np.nan)
    return np.asarray(series - mean[day])
