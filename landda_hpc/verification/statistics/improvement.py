"""Fraction of stations that a run improves, with its interval."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import ndtri

from landda_hpc.constants import IntArray
from landda_hpc.verification.statistics.intervals import Estimate
from landda_hpc.verification.statistics.sample_size import LEVEL

BETTER: Final[Mapping[str, float]] = {"r": 1.0, "anomaly_r": 1.0, "ubrmse": -1.0}
"""Metrics with a better direction: the sign of a difference that is an improvement."""


@dataclass(frozen=True)
class Improvement:
    """Stations that a run improves compared with the baseline.

    Attributes
    ----------
    n : stations with a difference.
    fraction, low, high : fraction of them that is better, with its interval; NaN without stations.
    n_clear, n_worse : stations whose interval of the difference excludes zero: better, and worse.
    """

    n: int
    fraction: float
    low: float
    high: float
    n_clear: int
    n_worse: int


def improvement(difference: Estimate, places: IntArray, sign: float) -> Improvement:
    """Count the stations that are better than the baseline. Local.

    Parameters
    ----------
    difference : paired differences from the baseline, of all stations.
    places : indices of the group.
    sign : 1 if larger is better, -1 if smaller is better (``BETTER``).

    Notes
    -----
    The interval is that of Wilson (1927), J. Am. Stat. Assoc., 22, 209-212. It counts stations as independent; stations
    with the same weather are not, so that it is a lower bound of the uncertainty.
    """
    value, low, high = (sign * part[places] for part in (difference.value, difference.low, difference.high))
    known = np.isfinite(value)
    n, better = int(known.sum()), int((value[known] > 0.0).sum())
    ends = np.minimum(low, high), np.maximum(low, high)
    n_clear, n_worse = int((ends[0] > 0.0).sum()), int((ends[1] < 0.0).sum())
    if n == 0:
        return Improvement(0, math.nan, math.nan, math.nan, n_clear, n_worse)
    fraction, z = better / n, float(ndtri(0.5 + 0.5 * LEVEL))
    middle = (fraction + z**2 / (2 * n)) / (1.0 + z**2 / n)
    half = z / (1.0 + z**2 / n) * math.sqrt(fraction * (1.0 - fraction) / n + z**2 / (4 * n**2))
    return Improvement(n, fraction, max(0.0, middle - half), min(1.0, middle + half), n_clear, n_worse)
