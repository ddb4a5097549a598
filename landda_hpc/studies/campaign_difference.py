"""Differences of two campaigns: configuration, software, scores, states (``landda diff``)."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import numpy as np

from landda_hpc.constants import FloatArray
from landda_hpc.errors import ShapeError, StorageError
from landda_hpc.storage.checkpoint import CheckpointHeader, read_header, read_instance
from landda_hpc.storage.checkpoint_format import CHUNK
from landda_hpc.storage.provenance_log import read_events
from landda_hpc.storage.retention import checkpoint_at, checkpoint_times
from landda_hpc.variables import STATE
from landda_hpc.verification.tables.score_records import ScoreRecord

_SLAB: Final = 64 * CHUNK
"""Tiles that are compared at a time."""

_MACHINE: Final = ("event", "written", "cycle", "time", "command", "format_version", "identities")
"""Keys of an event that say nothing about the software."""

Difference = tuple[str, str, str]
"""A key and its two values, as text; '-' for a missing one."""


@dataclass(frozen=True)
class ScoreDifference:
    """Scores of one run, reference, layer and stage at the times that both campaigns have.

    Attributes
    ----------
    label : run, reference, layer, stage.
    n_times, n_different : common times, and times at which a score differs in any bit.
    ubrmse : means of both campaigns over the common times, m3 m-3; NaN if it is not defined.
    largest : largest difference of the ubRMSE at a time, m3 m-3.
    """

    label: tuple[str, str, str, str]
    n_times: int
    n_different: int
    ubrmse: tuple[float, float]
    largest: float


@dataclass(frozen=True)
class StateDifference:
    """Difference of one variable over all common instances.

    Attributes
    ----------
    variable, units : of the state.
    n_values, n_different : number of values, and of those that differ in any bit.
    largest : largest difference, B minus A, in ``units``; NaN if values differ only in being NaN.
    rms : root mean square of the differences, in ``units``.
    instance, tile, layer, values : where the largest difference is (empty and -1 without one), and both values there.
    """

    variable: str
    units: str
    n_values: int
    n_different: int
    largest: float
    rms: float
    instance: str
    tile: int
    layer: int
    values: tuple[float, float]


def configuration_differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Difference]:
    """Keys in which two configurations, as plain data, differ; entries of lists are compared by name. Local."""
    return mapping_differences(_named(a), _named(b))


def software_differences(a: Path, b: Path) -> list[Difference]:
    """Keys in which the newest jobs of two campaigns differ: versions, packages, hosts, ranks. Local."""
    newest = []
    for folder in (a, b):
        jobs = [event for event in read_events(folder) if event["event"] in ("start", "resume")]
        newest.append({name: value for name, value in (jobs[-1] if jobs else {}).items() if name not in _MACHINE})
    return mapping_differences(newest[0], newest[1])


def mapping_differences(a: Mapping[str, Any], b: Mapping[str, Any], place: str = "") -> list[Difference]:
    """Dotted keys in which two trees of plain data differ. Local."""
    found: list[Difference] = []
    for name in dict.fromkeys((*a, *b)):
        one, other, dotted = a.get(name, _MISSING), b.get(name, _MISSING), f"{place}{name}"
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            found += mapping_differences(one, other, f"{dotted}.")
        elif one != other:
            found.append((dotted, _text(one), _text(other)))
    return found


def score_differences(a: Iterable[ScoreRecord], b: Iterable[ScoreRecord]) -> list[ScoreDifference]:
    """Compare the scores of two campaigns at common times, in the order of ``a``. Local."""
    of_b = {record.key: record for record in b}
    pairs = [(record, of_b[record.key]) for record in a if record.key in of_b]
    order = list(dict.fromkeys(one.key[1:] for one, _ in pairs))
    pairs.sort(key=lambda pair: order.index(pair[0].key[1:]))
    found = []
    for label, same in groupby(pairs, key=lambda pair: pair[0].key[1:]):
        times = list(same)
        values = np.array([[one.ubrmse, other.ubrmse] for one, other in times])
        values = values[np.isfinite(values).all(axis=1)]
        means = (math.nan, math.nan) if values.size == 0 else (float(values[:, 0].mean()), float(values[:, 1].mean()))
        largest = 0.0 if values.size == 0 else float(np.abs(values[:, 1] - values[:, 0]).max())
        n_different = sum(_scores_of(one) != _scores_of(other) for one, other in times)
        found.append(ScoreDifference(label, len(times), n_different, means, largest))
    return found


def common_time(a: Path, b: Path, at: datetime | None = None) -> datetime:
    """Newest time at which both campaigns have a checkpoint, or ``at``, if both have one. Local.

    Parameters
    ----------
    a, b : folders of checkpoints.

    Raises
    ------
    StorageError : there is no such time.
    """
    if at is not None:
        checkpoint_at(a, at), checkpoint_at(b, at)
        return at
    times = [checkpoint_times(folder) for folder in (a, b)]
    common = set(times[0]) & set(times[1])
    if not common:
        shown = " and ".join(
            f"{folder} ({', '.join(t.isoformat(timespec='minutes') for t in found[-4:]) or 'none'})"
            for folder, found in zip((a, b), times, strict=True)
        )
        raise StorageError(f"no checkpoint of the same time in {shown}: states cannot be compared.")
    return max(common)


def state_differences(a: Path, b: Path) -> tuple[list[StateDifference], list[str]]:
    """Compare two checkpoints of the same time. Local; memory: some MB.

    Returns
    -------
    One entry for each variable of the state; and the names of instances that only one of them has.

    Raises
    ------
    StorageError : a checkpoint is damaged.
    ShapeError : they have other tiles or variables.
    """
    one, other = read_header(a), read_header(b)
    _require_comparable(a, b, one, other)
    shared = [name for name in one.instances if name in other.instances]
    apart = sorted(set(one.instances) ^ set(other.instances))
    tallies = {name: _Tally(name) for name in one.variables}
    for instance in shared:
        for start in range(0, one.n_tiles, _SLAB):
            tiles = slice(start, min(start + _SLAB, one.n_tiles))
            left, right = read_instance(a, instance, tiles), read_instance(b, instance, tiles)
            for name, tally in tallies.items():
                tally.add(instance, start, left[name], right[name])
    return [tally.difference() for tally in tallies.values()], apart


class _Tally:
    """Accumulates the differences of one variable."""

    def __init__(self, variable: str) -> None:
        self._variable, self._n, self._n_different, self._squares = variable, 0, 0, 0.0
        self._largest, self._place, self._values = math.nan, ("", -1, -1), (math.nan, math.nan)

    def add(self, instance: str, start: int, a: FloatArray, b: FloatArray) -> None:
        """Add some tiles of an instance, from global tile ``start``."""
        differs = a.view(np.int64) != b.view(np.int64)
        self._n, self._n_different = self._n + a.size, self._n_different + int(np.count_nonzero(differs))
        change = np.where(differs, b - a, np.nan)
        if np.isnan(change).all():
            return
        self._squares += float(np.nansum(change**2))
        flat = int(np.nanargmax(np.abs(change)))
        at = np.unravel_index(flat, change.shape)
        if not abs(float(change[at])) <= abs(self._largest):
            self._largest, self._values = float(change[at]), (float(a[at]), float(b[at]))
            self._place = instance, start + int(at[0]), int(at[1]) if len(at) > 1 else -1

    def difference(self) -> StateDifference:
        """The result."""
        rms = math.sqrt(self._squares / max(self._n, 1))
        largest = 0.0 if self._n_different == 0 else self._largest
        name = self._variable
        return StateDifference(
            name, STATE[name].units, self._n, self._n_different, largest, rms, *self._place, self._values
        )


def _require_comparable(a: Path, b: Path, one: CheckpointHeader, other: CheckpointHeader) -> None:
    if (one.n_tiles, one.variables) != (other.n_tiles, other.variables):
        raise ShapeError(
            f"{a} has {one.n_tiles} tiles of {len(one.variables)} variables, {b} has {other.n_tiles} tiles of "
            f"{len(other.variables)}: states of different grids, tiles or physics cannot be compared."
        )


_MISSING: Final = object()


def _text(value: Any) -> str:
    return "-" if value is _MISSING else value if isinstance(value, str) else json.dumps(value)


def _named(value: Any) -> Any:
    """Lists of sections with names as mappings by name."""
    if isinstance(value, dict):
        return {key: _named(entry) for key, entry in value.items()}
    if isinstance(value, list) and value and all(isinstance(entry, dict) and "name" in entry for entry in value):
        return {entry["name"]: _named(entry) for entry in value}
    return value


def _scores_of(record: ScoreRecord) -> tuple[str, ...]:
    return tuple(repr(value) for value in (record.scc, record.rmse, record.bias, record.ubrmse, record.n_cells))
