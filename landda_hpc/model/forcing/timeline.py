"""Records of a forcing variable in time: selection of the records that a step needs, and their weights."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Final, Literal, Self

from landda_hpc.errors import DataError, LandDAError, MissingFileError
from landda_hpc.formats.forcing.forcing_file import Record, read_records
from landda_hpc.formats.forcing.forcing_sets import VariableFiles

Period = Literal["all", "year", "month", "day", "hour"]


@dataclass(frozen=True)
class Part:
    """The part of a step, from ``begin`` to ``end``, for which a record is valid."""

    record: Record
    begin: datetime
    end: datetime


class Timeline:
    """Records of one variable; the times of a file are read when they are needed.

    Parameters
    ----------
    folder : folder of the dataset.
    variable : location and names of the variable.
    clock, leap_days : see ``ForcingSet``.
    """

    def __init__(
        self, folder: Path, variable: VariableFiles, clock: Literal["stamps", "records"], leap_days: bool
    ) -> None:
        self._folder = folder
        self._variable = variable
        self._clock = clock
        self._leap_days = leap_days
        self._period = _period_of(variable.path)
        self._known: dict[datetime, list[Record]] = {}
        self._counts: dict[Path, int] = {}

    @classmethod
    def of_records(cls, folder: Path, variable: VariableFiles, records: list[Record]) -> Self:
        """Make a timeline of given records."""
        timeline = cls(folder, variable, "stamps", True)
        timeline._period = "all"
        timeline._known = {_floor(records[0].begin, "all"): records}
        return timeline

    def path(self, time: datetime) -> Path:
        """File that contains a time according to its name."""
        return self._folder / time.strftime(self._variable.path)

    def bracket(self, begin: datetime, end: datetime) -> list[Record]:
        """Records whose nodes (instants or midpoints) enclose [begin, end], in order; fewer at the edge of the files.

        Raises
        ------
        DataError : the nearest node is more than an interval away.
        """
        records = self._around(begin, end)
        first = max((i for i, r in enumerate(records) if r.node <= begin), default=0)
        last = min((i for i, r in enumerate(records) if r.node >= end), default=len(records) - 1)
        found = records[first : last + 1]
        if not found:
            raise self._missing(begin, end)
        step = _spacing(records)
        gap = max((b.node - a.node for a, b in pairwise(found)), default=timedelta())
        if found[0].node - begin > step or end - found[-1].node > step or gap > step:
            raise self._missing(begin, end)
        return found

    def overlapping(self, begin: datetime, end: datetime) -> list[Part]:
        """Parts of [begin, end), each within the interval of one record, in order.

        Raises
        ------
        DataError : the records do not cover the period.
        """
        records = self._around(begin, end)
        parts = [Part(r, max(begin, r.begin), min(end, r.end)) for r in records if r.begin < end and r.end > begin]
        now = begin
        for part in parts:
            if part.begin > now:
                break
            now = part.end
        if now < end:
            raise self._missing(begin, end)
        return parts

    def preceding(self, record: Record) -> Record | None:
        """The record whose interval ends where that of ``record`` begins; None if no file contains it."""
        records = self._around(record.begin, record.begin)
        return next((r for r in records if r.end == record.begin), None)

    def records(self, time: datetime) -> list[Record]:
        """All records of the file that contains a time according to its name.

        Raises
        ------
        MissingFileError, DataError : see ``read_records``.
        """
        start = _floor(time, self._period)
        if start not in self._known:
            while len(self._known) >= 4:
                del self._known[next(iter(self._known))]
            covers = None if self._period == "all" else (start, _following(start, self._period))
            records = read_records(self.path(time), self._variable, self._clock, covers, self._leap_days)
            self._known[start] = records
            self._counts[self.path(time)] = max(r.index for r in records) + 1
        return self._known[start]

    def n_records(self, path: Path) -> int:
        """Number of records of a file whose times have been read."""
        return self._counts[path]

    def files(self, begin: datetime, end: datetime) -> list[datetime]:
        """One time for each file that covers a part of [begin, end) according to its name."""
        start = _floor(begin, self._period)
        times = [start]
        while self._period != "all" and _following(times[-1], self._period) < end:
            times.append(_following(times[-1], self._period))
        return times

    def _around(self, begin: datetime, end: datetime) -> list[Record]:
        """Records from before begin to after end, from the files of the period and, if necessary, adjacent files."""
        times = self.files(begin, end)
        own = [r for t in times for r in self.records(t)]
        spare = 2 * _spacing(own)
        if self._period != "all":
            preceding, following = times[0] - timedelta(seconds=1), _following(times[-1], self._period)
            if own[0].begin > begin - spare and self.path(preceding).is_file():
                own = self.records(preceding) + own
            if own[-1].end < end + spare and self.path(following).is_file():
                own = own + self.records(following)
        first = bisect_left(own, begin - spare, key=lambda r: r.begin)
        last = bisect_left(own, end + spare, key=lambda r: r.begin)
        # At the edge of the files, the first or last record must be kept.
        return own[min(first, len(own) - 1) : max(last, 1)]

    def _missing(self, begin: datetime, end: datetime) -> DataError:
        return DataError(
            f"forcing variable {' or '.join(self._variable.names)} has no values for {begin} to {end} in "
            f"'{self.path(begin)}' and the adjacent files."
        )


def line_weights(nodes: list[datetime], begin: datetime, end: datetime) -> list[float]:
    """Weights of nodal values in the mean of their linear interpolation over [begin, end); they sum to 1.

    Values are constant before the first and after the last node. ``begin`` == ``end`` gives the value at that time.
    """
    x = [(node - begin).total_seconds() for node in nodes]
    length = (end - begin).total_seconds()
    weights = [0.0] * len(x)
    if length == 0.0:
        _add_line(weights, x, 0.0, 1.0)
        return weights
    cuts = [0.0, *(t for t in x if 0.0 < t < length), length]
    for low, high in pairwise(cuts):
        # The mean of a straight line is its value at the centre.
        _add_line(weights, x, 0.5 * (low + high), (high - low) / length)
    return weights


def _add_line(weights: list[float], x: list[float], at: float, share: float) -> None:
    if at <= x[0]:
        weights[0] += share
        return
    if at >= x[-1]:
        weights[-1] += share
        return
    k = next(i for i in range(1, len(x)) if x[i] >= at)
    part = (at - x[k - 1]) / (x[k] - x[k - 1])
    weights[k - 1] += share * (1.0 - part)
    weights[k] += share * part


def find_gaps(timeline: Timeline, begin: datetime, end: datetime, *, as_line: bool) -> list[str]:
    """Find problems of a variable's files in a period, one line each: missing files, wrong times, gaps."""
    problems = []
    for time in timeline.files(begin, end):
        try:
            timeline.records(time)
        except MissingFileError:
            problems.append(f"'{timeline.path(time)}' does not exist. Check data_root, folder and the dataset's name.")
        except LandDAError as error:
            problems.append(str(error))
    if problems:
        return problems
    files = timeline.files(begin, end)
    starts = [begin, *(t for t in files[1:] if begin < t < end)]
    for start, stop in zip(starts, [*starts[1:], end], strict=True):
        try:
            if as_line:
                timeline.bracket(start, stop)
            else:
                timeline.overlapping(start, stop)
        except LandDAError as error:
            problems.append(str(error))
    return problems


def _spacing(records: list[Record]) -> timedelta:
    if len(records) < 2:
        return records[0].end - records[0].begin
    return records[1].node - records[0].node


_CODES: Final[tuple[tuple[Period, tuple[str, ...]], ...]] = (
    ("hour", ("%H",)),
    ("day", ("%d", "%j")),
    ("month", ("%m", "%b", "%B")),
    ("year", ("%Y", "%y")),
)


def _period_of(pattern: str) -> Period:
    """Period that one file covers, from the finest strftime code in its pattern."""
    return next((period for period, codes in _CODES if any(code in pattern for code in codes)), "all")


def _floor(time: datetime, period: Period) -> datetime:
    if period == "all":
        return datetime(1, 1, 1)
    midnight = datetime(
        time.year, 1 if period == "year" else time.month, 1 if period in ("year", "month") else time.day
    )
    return midnight.replace(hour=time.hour) if period == "hour" else midnight


def _following(start: datetime, period: Period) -> datetime:
    if period == "year":
        return datetime(start.year + 1, 1, 1)
    if period == "month":
        return datetime(start.year + start.month // 12, start.month % 12 + 1, 1)
    return start + (timedelta(days=1) if period == "day" else timedelta(hours=1))
