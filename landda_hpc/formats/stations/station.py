"""Series of one sensor at a station: common output of all readers of in-situ data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from landda_hpc.constants import BoolArray, FloatArray, IntArray
from landda_hpc.errors import DataError, ShapeError
from landda_hpc.regridding.depth import DepthRange

TimeArray = npt.NDArray[np.datetime64]
TextArray = npt.NDArray[np.str_]


VALID_RANGE: Final = (-0.5, 1.5)
"""Possible values, m3 m-3, inclusive; wide, because flags mark sensors out of range. Other values are damage."""
SAME_PLACE_DEG: Final = 0.02
"""Latitudes and longitudes of one sensor may differ between files by less than this, because of rounding."""

_RANK: Final[dict[str, int]] = {"G": 0, "U": 1, "": 1, "D": 2, "C": 3, "M": 4}
"""Quality rank by the first letter of a flag: good, not checked, doubtful, beyond bounds (wrong), missing."""


@dataclass(frozen=True, eq=False)
class StationSeries:
    """Series of one sensor.

    Attributes
    ----------
    network, station, sensor : names in the provider's spelling.
    lat, lon : degrees_north, degrees_east.
    elevation_m : elevation above sea level; NaN if unknown.
    depth_m : top and bottom, equal for a sensor at one depth; negative above the ground.
    variable, units : ``soil_moisture`` and ``m3 m-3`` for all readers of this package.
    times : UTC, datetime64[s], shape (n,), strictly ascending.
    values : shape (n,); NaN is missing.
    flags : the provider's quality flags, joined by commas, empty if there are none, shape (n,).
    source : the file.
    dropped : number of rejected lines, by reason.
    """

    network: str
    station: str
    sensor: str
    lat: float
    lon: float
    elevation_m: float
    depth_m: DepthRange
    variable: str
    units: str
    times: TimeArray
    values: FloatArray
    flags: TextArray
    source: str
    dropped: tuple[tuple[str, int], ...] = ()

    def __post_init__(self) -> None:
        n = self.times.shape
        if len(n) != 1 or self.values.shape != n or self.flags.shape != n:
            raise ShapeError(
                f"series of {self.network} {self.station} has shapes {n}, {self.values.shape}, {self.flags.shape}; "
                "expected equal ones."
            )
        if np.any(np.diff(self.times) <= np.timedelta64(0)):
            raise ShapeError(f"times of {self.network} {self.station} do not ascend strictly.")

    def good(self, accept: Collection[str] = ("G",)) -> BoolArray:
        """Mask of values whose flags are all accepted, shape (n,); a value without flags has the flag ''."""
        known, where = np.unique(self.flags, return_inverse=True)
        is_accepted = np.array([all(f in accept for f in text.split(",")) for text in known.tolist()], dtype=np.bool_)
        chosen: BoolArray = is_accepted[where] & np.isfinite(self.values) if known.size else np.zeros(0, dtype=np.bool_)
        return chosen

    def selected(self, accept: Collection[str] = ("G",)) -> Self:
        """Return the series with NaN where a flag is not accepted."""
        return replace(self, values=np.where(self.good(accept), self.values, np.nan))

    def between(self, start: datetime, end: datetime) -> Self:
        """Return the series from one time to another, both included."""
        inside = (self.times >= np.datetime64(start, "s")) & (self.times <= np.datetime64(end, "s"))
        return replace(self, times=self.times[inside], values=self.values[inside], flags=self.flags[inside])


def quality_rank(flags: TextArray) -> IntArray:
    """Rank values by their flags: 0 good, 1 not checked, 2 doubtful, 3 wrong, 4 missing, shape (n,).

    The worst of several flags counts; unknown letters count as not checked.
    """
    known, where = np.unique(flags, return_inverse=True)
    ranks = [max(_RANK.get(flag.strip()[:1], 1) for flag in text.split(",")) for text in known.tolist()]
    return np.array(ranks, dtype=np.int64)[where] if known.size else np.zeros(0, dtype=np.int64)


def best_of_each_time(times: TimeArray, values: FloatArray, ranks: IntArray) -> IntArray:
    """Select one value per time.

    Parameters
    ----------
    times, values : shape (n,), in the order in which they were reported; NaN is missing.
    ranks : quality of each value, smaller is better, shape (n,).

    Returns
    -------
    Indices of the chosen values, times ascending. At each time valid values take precedence, then the best rank, then
    the value reported last, which corrects earlier ones.
    """
    if np.all(times[1:] > times[:-1]):
        return np.arange(times.size)
    order = np.lexsort((-np.arange(times.size), ranks, np.isnan(values), times))
    ordered = times[order]
    is_first = np.ones(ordered.size, dtype=np.bool_)
    is_first[1:] = ordered[1:] != ordered[:-1]
    return np.asarray(order[is_first])


@dataclass(frozen=True)
class Sensor:
    """Sensor of a series.

    Attributes
    ----------
    network, station, name : names in the provider's spelling.
    place : latitude, longitude, elevation (NaN if unknown).
    depth_m : top and bottom, m.
    """

    network: str
    station: str
    name: str
    place: tuple[float, float, float]
    depth_m: DepthRange


def make_series(
    sensor: Sensor,
    *,
    times: TimeArray,
    values: FloatArray,
    flags: TextArray,
    source: str,
    ranks: IntArray | None = None,
) -> StationSeries:
    """Create a series of soil moisture, m3 m-3, with ascending, unique times; impossible values become missing.

    Parameters
    ----------
    times, values, flags : as in the file, shape (n,); ``best_of_each_time`` selects among equal times.
    ranks : quality of the values, smaller is better, shape (n,); None: ``quality_rank`` of the flags.

    Raises
    ------
    DataError : an invalid place; a bottom above the top; only impossible values.
    """
    (lat, lon, elevation), depth_m, station = sensor.place, sensor.depth_m, sensor.station
    if not (-90.0 <= lat <= 90.0 and -180.0 <= lon <= 360.0):
        raise DataError(f"station {station} in '{source}' lies at latitude {lat}, longitude {lon}; expected degrees.")
    if not -50.0 <= depth_m[0] <= depth_m[1] <= 50.0:
        raise DataError(f"sensor of {station} in '{source}' is at {depth_m[0]} to {depth_m[1]} m; expected a depth.")
    low, high = VALID_RANGE
    is_possible = np.isnan(values) | ((values >= low) & (values <= high))
    if values.size and not is_possible.any():
        raise DataError(
            f"soil_moisture of {station} in '{source}' is {values[0]:g} and so on, nowhere within {low:g} to "
            f"{high:g} m3 m-3. Is it in other units?"
        )
    values = np.where(is_possible, values, np.nan)
    kept = best_of_each_time(times, values, quality_rank(flags) if ranks is None else ranks)
    counts = {
        "impossible value": int(np.count_nonzero(~is_possible)),
        "time given before": int(times.size - kept.size),
        "time out of order": int(np.count_nonzero(np.diff(times) < np.timedelta64(0))),
    }
    return StationSeries(
        network=sensor.network,
        station=station,
        sensor=sensor.name,
        lat=lat,
        lon=lon - 360.0 if lon >= 180.0 else lon,
        elevation_m=elevation,
        depth_m=depth_m,
        variable="soil_moisture",
        units="m3 m-3",
        times=times[kept],
        values=values[kept],
        flags=flags[kept],
        source=source,
        dropped=tuple((reason, n) for reason, n in counts.items() if n),
    )


def merge_series(
    series: Sequence[StationSeries], age: Callable[[StationSeries], tuple[str, ...]] | None = None
) -> list[StationSeries]:
    """Merge the series of each sensor, e.g. from files of consecutive or overlapping periods.

    Parameters
    ----------
    series : series of any sensors. Those with the same network, station, sensor name, depth, variable and place (within
        ``SAME_PLACE_DEG``) belong to one sensor.
    age : sort key of the series of one sensor, earlier reports first; None: already sorted.

    Returns
    -------
    One series per sensor, in the order of their first series. Among values of one time, a valid value is preferred,
    then the better flag (``quality_rank``), then the later series.
    """
    groups: dict[tuple[object, ...], list[list[StationSeries]]] = {}
    ordered: list[list[StationSeries]] = []
    for one in series:
        key = (one.network, one.station, one.sensor, one.depth_m, one.variable, one.units)
        known = groups.setdefault(key, [])
        group = next((group for group in known if _is_near(group[0], one)), None)
        if group is None:
            group = []
            known.append(group)
            ordered.append(group)
        group.append(one)
    return [group[0] if len(group) == 1 else _merged(sorted(group, key=age) if age else group) for group in ordered]


def _is_near(one: StationSeries, other: StationSeries) -> bool:
    turn = abs(one.lon - other.lon) % 360.0
    return abs(one.lat - other.lat) < SAME_PLACE_DEG and min(turn, 360.0 - turn) < SAME_PLACE_DEG


def _merged(group: Sequence[StationSeries]) -> StationSeries:
    times = np.concatenate([one.times for one in group])
    values = np.concatenate([one.values for one in group])
    flags = np.concatenate([one.flags for one in group])
    kept = best_of_each_time(times, values, quality_rank(flags))
    dropped = Counter({"time in another file": int(times.size - kept.size)})
    for one in group:
        dropped.update(dict(one.dropped))
    sources = dict.fromkeys(one.source for one in group)
    return replace(
        group[-1],
        times=times[kept],
        values=values[kept],
        flags=flags[kept],
        source="; ".join(sources),
        dropped=tuple((reason, n) for reason, n in dropped.items() if n),
    )
