"""Benchmarks: published or otherwise known scores, which tables and figures show next to those of a campaign."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from landda_hpc.config import read_text, shorten
from landda_hpc.data import data_file
from landda_hpc.errors import DataError
from landda_hpc.verification.tables.score_records import SCORES, WINDOWS

Kind = Literal["images", "stations", "stations of a day", "product"]
Metric = Literal["scc", "rmse", "bias", "ubrmse", "r"]
Statistic = Literal["mean", "first", "onset", "last"]
Window = Literal["assimilation", "forecast"]

_CONTROL: Final = "control"
"""Method of benchmarks that correspond to a campaign's control run; all others correspond to an assimilation."""

_LAYER: Final = re.compile(r"\d+(\.\d+)?-\d+(\.\d+)? cm")


@dataclass(frozen=True)
class Benchmark:
    """One known score; a line of a file.

    Attributes
    ----------
    source : name of the source in tables and legends.
    method : ``control``, or the source's name of its method.
    window : window of the campaign to which it corresponds.
    layer : layer as in scores.csv, e.g. ``0-10 cm``.
    metric : name of the score; ``r`` is correlation in time.
    value : value, 1 or m3 m-3; the lower end if the source gives a range.
    upper : upper end of the range; None otherwise.
    statistic : mean, first or last time of the window; ``onset``: after the first analysis of the campaign.
    day : day of the value after the last analysis; None if it has none.
    kind : ``images``: pattern of images, as in scores.csv; ``stations``: mean over the stations of a region;
        ``stations of a day``: pattern of a day's anomalies at stations; ``product``: pattern, next to a gridded
        product.
    reference : reference of the campaign with which it is shown; empty: all references of its kind.
    against : reference data of the source's score, in words.
    region : name of the region; empty: all cells or stations.
    place : place in the source.
    what : description of the score, in words.
    """

    source: str
    method: str
    window: Window
    layer: str
    metric: Metric
    value: float
    upper: float | None = None
    statistic: Statistic = "mean"
    day: float | None = None
    kind: Kind = "images"
    reference: str = ""
    against: str = ""
    region: str = ""
    place: str = ""
    what: str = ""

    @property
    def assimilates(self) -> bool:
        """Whether it corresponds to an assimilation, not to a control run."""
        return self.method != _CONTROL

    @property
    def label(self) -> str:
        """Source and method."""
        return f"{self.source} {self.method}"

    @property
    def text(self) -> str:
        """The value or range as the source gives it."""
        return f"{self.value:g}" if self.upper is None else f"{self.value:g} to {self.upper:g}"

    @property
    def middle(self) -> float:
        """The value, or the middle of the range."""
        return self.value if self.upper is None else 0.5 * (self.value + self.upper)


def read_benchmarks(names: Sequence[Path], data_root: Path) -> tuple[Benchmark, ...]:
    """Read files of benchmarks: CSV, UTF-8, one header line with the names of ``Benchmark``'s attributes in any order.

    Parameters
    ----------
    names : paths under ``data_root``, or beginning with ``package:``.

    Raises
    ------
    MissingFileError, ConfigError : a file does not exist, or cannot be read.
    DataError : a column is missing or unknown, or a value is not valid; the message names line and column.
    """
    return tuple(one for name in names for one in _read(data_file(name, data_root)))


def of_images(benchmarks: Iterable[Benchmark], reference: str) -> list[Benchmark]:
    """Return the benchmarks of images of all cells that belong to a reference of the campaign."""
    return [b for b in benchmarks if b.kind == "images" and not b.region and b.reference in ("", reference)]


def by_label(benchmarks: Iterable[Benchmark]) -> dict[str, list[Benchmark]]:
    """Group benchmarks by source and method, in order of appearance."""
    groups: dict[str, list[Benchmark]] = {}
    for one in benchmarks:
        groups.setdefault(one.label, []).append(one)
    return groups


def known_means(benchmarks: Iterable[Benchmark], kind: Kind, metrics: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Return rows of means of one kind: source and method, and a text for each metric, '-' without a value."""
    rows = []
    for label, group in by_label(b for b in benchmarks if (b.kind, b.statistic) == (kind, "mean")).items():
        found = {str(b.metric): b.text for b in group}
        if set(found) & set(metrics):
            rows.append((label, [found.get(metric, "-") for metric in metrics]))
    return rows


def _word(text: str) -> str:
    if not 0 < len(text) <= 200:
        raise ValueError("a text of 1 to 200 characters")
    return text


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not abs(value) <= 1.0:
        raise ValueError("a number from -1 to 1")
    return value


def _day(text: str) -> float:
    if not re.fullmatch(r"\d{1,5}(\.\d+)?", text):
        raise ValueError("a number of days")
    return float(text)


def _layer(text: str) -> str:
    if not _LAYER.fullmatch(text):
        raise ValueError("top and bottom as in 0-10 cm")
    return text


def _one_of(*known: str) -> Callable[[str], str]:
    def take(text: str) -> str:
        if text not in known:
            raise ValueError(", ".join(known))
        return text

    return take


_COLUMNS: Final[dict[str, Callable[[str], Any]]] = {
    "source": _word,
    "method": _word,
    "window": _one_of(*WINDOWS),
    "layer": _layer,
    "metric": _one_of(*SCORES, "r"),
    "value": _number,
    "upper": _number,
    "statistic": _one_of("mean", "first", "onset", "last"),
    "day": _day,
    "kind": _one_of("images", "stations", "stations of a day", "product"),
    "reference": _word,
    "against": _word,
    "region": _word,
    "place": _word,
    "what": _word,
}
_REQUIRED: Final = ("source", "method", "window", "layer", "metric", "value")


def _read(path: Path) -> list[Benchmark]:
    where = f"benchmarks '{path}'"
    reader = csv.reader(io.StringIO(read_text(path, "benchmarks"), newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        _check_header(header, where)
        found = []
        for row in reader:
            if row:
                found.append(_benchmark(header, row, f"{where}, line {reader.line_num}"))
    except csv.Error as error:
        raise DataError(f"{where}, line {reader.line_num}: not CSV ({error}).") from error
    if not found:
        raise DataError(f"{where} has no line below its header.")
    return found


def _check_header(header: Sequence[str], where: str) -> None:
    unknown = [name for name in header if name not in _COLUMNS]
    missing = [name for name in _REQUIRED if name not in header]
    if unknown or missing or len(set(header)) < len(header):
        found = shorten(", ".join(header), 300) or "an empty line"
        raise DataError(
            f"{where}, line 1: columns {found}; expected {', '.join(_REQUIRED)} and any of "
            f"{', '.join(name for name in _COLUMNS if name not in _REQUIRED)}, each once."
        )


def _benchmark(header: Sequence[str], row: Sequence[str], where: str) -> Benchmark:
    if len(row) != len(header):
        raise DataError(f"{where}: {len(row)} values; expected {len(header)}, as the header has.")
    values: dict[str, Any] = {}
    for name, cell in zip(header, row, strict=True):
        text = cell.strip()
        if text or name in _REQUIRED:
            try:
                values[name] = _COLUMNS[name](text)
            except ValueError as error:
                raise DataError(f"{where}, column {name}: '{shorten(text)}'; expected {error}.") from error
    one = Benchmark(**values)
    if one.upper is not None and one.upper <= one.value:
        raise DataError(f"{where}, column upper: {one.upper:g}; expected more than the value, {one.value:g}.")
    if one.kind == "images" and one.metric not in SCORES:
        raise DataError(f"{where}, column metric: '{one.metric}'; expected {', '.join(SCORES)} of kind images.")
    return one
