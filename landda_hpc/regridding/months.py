"""Monthly means at any time of the year."""

from __future__ import annotations

import calendar
import math
from datetime import datetime, timedelta

from landda_hpc.constants import FloatArray


def interpolate_months(monthly: FloatArray, time: datetime) -> FloatArray:
    """Interpolate monthly means between the middles of the months. Local.

    Parameters
    ----------
    monthly : shape (12, ...), January first, any unit; NaN is missing.
    time : UTC.

    Returns
    -------
    Shape (...), the same unit; in the middle of a month that month's mean. NaN where either month is missing.
    """
    first, second, share = between_months(time)
    mixed: FloatArray = (1.0 - share) * monthly[first] + share * monthly[second]
    return mixed


def between_months(time: datetime) -> tuple[int, int, float]:
    """Months (0..11) before and after a time, by their middles, and the share of the second, in [0, 1).

    The share grows evenly within each half of a month, by a half, however long the month is: the first of a month is
    half-way between two middles.
    """
    length = calendar.monthrange(time.year, time.month)[1]
    within = (time - datetime(time.year, time.month, 1)) / timedelta(days=length)
    position = time.month - 1 + within - 0.5
    first = math.floor(position)
    return first % 12, (first + 1) % 12, position - first
