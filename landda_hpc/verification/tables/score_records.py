"""Score records, the lines of the score table, and their files (JSON lines, CSV, CF netCDF)."""

from __future__ import annotations

import json
import logging
import math
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal, Self

import numpy as np

from landda_hpc.config import parse_json
from landda_hpc.errors import DataError, MissingFileError
from landda_hpc.io import csv_table
from landda_hpc.io.netcdf_writer import new_netcdf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    import xarray as xr

    from landda_hpc.verification.statistics.scores import Score

logger = logging.getLogger(__name__)

TRUTH: Final = "truth"
ASSIMILATED_REFERENCE: Final = "assimilated reference"
"""Name of the product whose images were assimilated: a score against it is a fit, not an independent check."""
UNOBSERVED_TRUTH: Final = "truth where nothing was observed"
WITHHELD_STATIONS: Final = "withheld stations"
ASSIMILATED_STATIONS: Final = "assimilated stations"
"""Stations in cells whose values the runs of the method 'hybrid' may assimilate: a fit for these runs."""


def product_reference(name: str, *, is_assimilated: bool) -> str:
    """Name of one of several products as a reference; an assimilated one shows a fit, not an independent check."""
    return f"{name}, assimilated" if is_assimilated else f"{name}, not assimilated"


STAGES: Final = ("background", "analysis", "forecast")
WINDOWS: Final = ("assimilation", "forecast")
SCORES: Final[dict[str, tuple[str, str]]] = {
    "scc": ("spatial correlation coefficient of soil moisture over scored cells", "1"),
    "rmse": ("root mean square difference of soil moisture from the reference", "m3 m-3"),
    "bias": ("mean difference of soil moisture from the reference", "m3 m-3"),
    "ubrmse": ("standard deviation of the difference of soil moisture from the reference", "m3 m-3"),
}
"""Long name and unit of each score."""


@dataclass(frozen=True)
class ScoreRecord:
    """Scores of one run's image of one layer at one time against one reference.

    Attributes
    ----------
    cycle : number of the cycle that ends at ``time``; 0 is the initial state.
    time : valid time, UTC, without offset.
    run : name of the run.
    reference : "truth", "assimilated reference", or the name of an independent product.
    layer : for example "0-10 cm".
    stage : "background" (before the analysis), "analysis", or "forecast" (no analysis at this time).
    window : "assimilation" or "forecast".
    scc : spatial correlation, 1; NaN where undefined.
    rmse, bias, ubrmse : m3 m-3; NaN without cells.
    n_cells : number of scored cells.
    """

    cycle: int
    time: datetime
    run: str
    reference: str
    layer: str
    stage: str
    window: str
    scc: float
    rmse: float
    bias: float
    ubrmse: float
    n_cells: int

    def __post_init__(self) -> None:
        if self.stage not in STAGES:
            raise DataError(f"score record has stage '{self.stage}'; expected one of {', '.join(STAGES)}.")
        if self.window not in WINDOWS:
            raise DataError(f"score record has window '{self.window}'; expected one of {', '.join(WINDOWS)}.")
        if self.time.tzinfo is not None:
            raise DataError(f"score record has time {self.time} with an offset; times are UTC without an offset.")
        if not (self.run and self.reference and self.layer):
            raise DataError("score record has an empty run, reference or layer.")
        if self.reference.lower() in ("observation", "observations", "obs"):
            raise DataError(
                f"score record has reference '{self.reference}'. The assimilated product is called "
                f"'{ASSIMILATED_REFERENCE}'; an independent product goes by its name."
            )

    @classmethod
    def from_score(cls, score: Score, **labels: Any) -> Self:
        """Return the record of a score; ``labels`` are the attributes from ``cycle`` to ``window``."""
        return cls(**labels, **{name: getattr(score, name) for name in SCORES}, n_cells=score.n_cells)

    def to_json(self) -> str:
        """Return one line of JSON without line end; NaN becomes null, floats keep every bit."""
        plain = asdict(self) | {"time": self.time.isoformat()}
        return json.dumps({k: None if isinstance(v, float) and math.isnan(v) else v for k, v in plain.items()})

    @property
    def key(self) -> tuple[datetime, str, str, str, str]:
        """Key of a record: (time, run, reference, layer, stage)."""
        return self.time, self.run, self.reference, self.layer, self.stage


_PARSE: Final[dict[str, Callable[[Any], Any]]] = {
    "cycle": int,
    "time": lambda text: _utc(str(text)),
    **dict.fromkeys(("run", "reference", "layer", "stage", "window"), str),
    **dict.fromkeys(SCORES, lambda value: math.nan if value in (None, "") else float(value)),
    "n_cells": int,
}


def read_json_lines(path: Path) -> list[ScoreRecord]:
    """Read a campaign's ``scores.jsonl``.

    An incomplete last line (the campaign was stopped while writing) is ignored with a warning. If a resumed campaign
    wrote a record again, the later one is used.

    Raises
    ------
    MissingFileError : the file does not exist.
    DataError : any other line, named by its number, is malformed.
    """
    return _last_of_each([_record(plain, where) for plain, where in parse_json_lines(path)], path)


def parse_json_lines(path: Path) -> list[tuple[dict[str, Any], str]]:
    """Read the objects of a JSON-lines file, each with "file, line n" for messages.

    The errors are those of :func:`read_json_lines`.
    """
    if not path.is_file():
        raise MissingFileError(f"'{path}' does not exist; a campaign writes it as it runs.")
    parsed: list[tuple[dict[str, Any], str]] = []
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            plain = parse_json(line)
        except ValueError as error:
            if number == len(lines):  # no line end follows: cut off
                logger.warning("%s is unfinished and left out", where)
                break
            raise DataError(f"{where}: not a line of JSON ({error}).") from error
        if not isinstance(plain, dict):
            raise DataError(f"{where}: found {type(plain).__name__}; expected an object.")
        parsed.append((plain, where))
    return parsed


def write_csv(records: Iterable[ScoreRecord], path: Path) -> None:
    """Write records as CSV with one header line, in time order, atomically.

    Columns are the fields of :class:`ScoreRecord`; times are ISO 8601 UTC, rmse, bias and ubrmse in m3 m-3; NaN is
    empty. The folder is made if it is missing.
    """
    names = [field.name for field in fields(ScoreRecord)]
    plain = (asdict(r) | {"time": r.time.isoformat()} for r in sorted(records, key=lambda r: r.time))
    csv_table.write_csv(path, names, ([row[name] for name in names] for row in plain))


@dataclass(frozen=True)
class ScoreArrays:
    """Scores as arrays over (reference, run, layer, stage, time): the content of ``scores.nc``.

    Attributes
    ----------
    axes : values of each dimension, in its order.
    variables : values and attributes by name, with the shape of all axes: scc, rmse, bias, ubrmse (NaN without a
        record), n_cells (0), window (flag; -1).
    cycles : number of the cycle that ends at each time, int64, shape (time,).
    """

    axes: dict[str, list[Any]]
    variables: dict[str, tuple[np.ndarray[Any, Any], dict[str, Any]]]
    cycles: np.ndarray[Any, Any]

    @classmethod
    def of(cls, records: Sequence[ScoreRecord]) -> Self:
        """Return the arrays of records.

        Raises
        ------
        DataError : there are no records, two records have the same key, or a time is in two cycles.
        """
        if not records:
            raise DataError("there are no score records; run or resume the campaign first.")
        if len({r.key for r in records}) < len(records):
            raise DataError("score records repeat a (time, run, reference, layer, stage).")
        axes: dict[str, list[Any]] = {
            "reference": _in_order(r.reference for r in records),
            "run": _in_order(r.run for r in records),
            "layer": sorted({r.layer for r in records}, key=layer_depth),
            "stage": [s for s in STAGES if any(r.stage == s for r in records)],
            "time": sorted({r.time for r in records}),
        }
        cycles: dict[datetime, int] = {}
        for r in records:
            if cycles.setdefault(r.time, r.cycle) != r.cycle:
                raise DataError(f"score records put {r.time} in cycles {cycles[r.time]} and {r.cycle}.")
        return cls(axes, _fill(records, axes), np.array([cycles[t] for t in axes["time"]], np.int64))


_WINDOW_ATTRIBUTES: Final[dict[str, Any]] = {
    "long_name": "window of the campaign, -1 where there is no score",
    "flag_values": np.array([0, 1], np.int8),
    "flag_meanings": " ".join(WINDOWS),
}
_AXIS_NAMES: Final = {
    "reference": "reference of the scores",
    "run": "name of the run",
    "layer": "soil layer",
    "stage": "place in the cycle",
}
_CYCLE_ATTRIBUTES: Final = {"long_name": "number of the cycle that ends at this time"}
_ATTRIBUTES: Final = {
    "title": "Scores of soil moisture images",
    "comment": f"A score against the '{ASSIMILATED_REFERENCE}' is a fit to what was assimilated.",
}


def _fill(
    records: Sequence[ScoreRecord], axes: Mapping[str, list[Any]]
) -> dict[str, tuple[np.ndarray[Any, Any], dict[str, Any]]]:
    index = {name: {value: i for i, value in enumerate(values)} for name, values in axes.items()}
    shape = tuple(len(values) for values in axes.values())
    arrays: dict[str, np.ndarray[Any, Any]] = {name: np.full(shape, np.nan) for name in SCORES}
    arrays["n_cells"] = np.zeros(shape, np.int64)
    arrays["window"] = np.full(shape, -1, np.int8)
    for r in records:
        at = tuple(index[name][getattr(r, name)] for name in axes)
        for name in (*SCORES, "n_cells"):
            arrays[name][at] = getattr(r, name)
        arrays["window"][at] = WINDOWS.index(r.window)
    attributes: dict[str, dict[str, Any]] = {
        name: {"long_name": long_name, "units": units} for name, (long_name, units) in SCORES.items()
    }
    attributes["n_cells"] = {"long_name": "number of scored cells", "units": "1"}
    attributes["window"] = _WINDOW_ATTRIBUTES
    return {name: (values, attributes[name]) for name, values in arrays.items()}


def to_dataset(records: Sequence[ScoreRecord]) -> xr.Dataset:
    """Return scores as a CF data set with the content of ``ScoreArrays``; errors as in ``ScoreArrays.of``."""
    import xarray as xr  # imported here: it takes a second

    scores = ScoreArrays.of(records)
    dims = tuple(scores.axes)
    variables = {name: (dims, values, attributes) for name, (values, attributes) in scores.variables.items()}
    coordinates: dict[str, Any] = {
        name: (name, np.array(scores.axes[name], dtype=object), {"long_name": long_name})
        for name, long_name in _AXIS_NAMES.items()
    }
    times = np.array(scores.axes["time"], dtype="datetime64[ns]")
    coordinates["time"] = ("time", times, {"standard_name": "time", "long_name": "valid time"})
    coordinates["cycle"] = ("time", scores.cycles, _CYCLE_ATTRIBUTES)
    return xr.Dataset(variables, coordinates, _ATTRIBUTES)


def write_netcdf(records: Sequence[ScoreRecord], path: Path) -> None:
    """Write the data set of ``to_dataset`` as netCDF-4, atomically; the folder is made if it is missing.

    Notes
    -----
    xarray is not used, because every process of a report would spend a second on loading it.
    """
    scores = ScoreArrays.of(records)
    dims = tuple(scores.axes)
    with new_netcdf(path, attributes=_ATTRIBUTES) as file:
        file.dimensions({name: len(values) for name, values in scores.axes.items()})
        for name, (values, attributes) in scores.variables.items():
            fill: float | Literal[False] = math.nan if name in SCORES else False
            file.write(name, dims, values, attributes | {"coordinates": "cycle"}, fill=fill, level=4)
        for name, long_name in _AXIS_NAMES.items():
            file.write_texts(name, name, scores.axes[name], {"long_name": long_name})
        times = np.array(scores.axes["time"], dtype="datetime64[s]").astype(np.int64)
        units = {
            "standard_name": "time",
            "long_name": "valid time",
            "units": "seconds since 1970-01-01 00:00:00",
            "calendar": "standard",
        }
        file.write("time", ("time",), times, units, fill=False)
        file.write("cycle", ("time",), scores.cycles, _CYCLE_ATTRIBUTES, fill=False)


def layer_depth(layer: str) -> tuple[float, str]:
    """Return the sorting key of a layer's name: its top, then the name ("10-40 cm" after "0-10 cm")."""
    head = layer.split("-")[0].strip()
    try:
        return float(head), layer
    except ValueError:
        return math.inf, layer


def last_stage(records: Iterable[ScoreRecord]) -> list[ScoreRecord]:
    """Choose, for each time, run, reference and layer, the state from which the run continues.

    This is the analysis, otherwise the forecast, otherwise the background.
    """
    rank = {"background": 0, "forecast": 1, "analysis": 2}
    best: dict[tuple[Any, ...], ScoreRecord] = {}
    for record in records:
        key = record.key[:-1]
        if key not in best or rank[record.stage] > rank[best[key].stage]:
            best[key] = record
    return list(best.values())


def _record(plain: Mapping[str, Any], where: str) -> ScoreRecord:
    missing = [name for name in _PARSE if name not in plain]
    unknown = [str(name) for name in plain if name not in _PARSE]
    if missing or unknown:
        raise DataError(
            f"{where}: "
            + "; ".join(
                f"{what} {', '.join(names)}" for what, names in (("missing", missing), ("unknown", unknown)) if names
            )
            + f". A score record has {', '.join(_PARSE)}."
        )
    values: dict[str, Any] = {}
    for name, parse in _PARSE.items():
        try:
            values[name] = parse(plain[name])
        except (TypeError, ValueError) as error:
            raise DataError(f"{where}: {name} is {plain[name]!r} ({error}).") from error
    try:
        return ScoreRecord(**values)
    except DataError as error:
        raise DataError(f"{where}: {error}") from error


def _utc(text: str) -> datetime:
    value = datetime.fromisoformat(text)
    return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value


def _last_of_each(records: list[ScoreRecord], path: Path) -> list[ScoreRecord]:
    unique = {record.key: record for record in records}
    if len(unique) < len(records):
        logger.info("%s repeats %d records; the later ones are used", path, len(records) - len(unique))
    return sorted(unique.values(), key=lambda r: r.time)


def _in_order(names: Iterable[str]) -> list[str]:
    """Return distinct names in order of appearance."""
    return list(dict.fromkeys(names))


def headline(scores: list[ScoreRecord], layer: str) -> str:
    """Return the scores of every run at a layer as one line, for progress and log."""
    reference = TRUTH if any(s.reference == TRUTH for s in scores) else ASSIMILATED_REFERENCE
    parts = [
        f"{s.run} {s.scc:.2f}/{s.ubrmse:.3f}"
        for s in last_stage(scores)
        if s.layer == layer and s.reference == reference
    ]
    return f"SCC/ubRMSE {layer} against {reference}: " + ", ".join(parts) if parts else "no reference at this time"
