"""Table of ensembles: spread, error of the mean, reliability and CRPS, as means over time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from landda_hpc.io.markdown import table_lines
from landda_hpc.verification.tables.comparison_table import Interval, student_interval
from landda_hpc.verification.tables.score_records import layer_depth

_STAGES: Final = ("background", "analysis", "forecast")
_HEADINGS: Final = ("run and stage", "layer", "spread", "RMSE of the mean", "spread / skill", "CRPS")


@dataclass(frozen=True)
class EnsembleRow:
    """Means over the times of one run, stage and layer; NaN without a truth.

    Attributes
    ----------
    run, stage, layer : names.
    members : number of members.
    spread : root of the mean square of the standard deviation of the members, m3 m-3.
    rmse : of the ensemble mean, m3 m-3, likewise.
    ratio : spread sqrt((N + 1) / N) / rmse; 1 for a reliable ensemble.
    crps : continuous ranked probability score, m3 m-3.
    """

    run: str
    stage: str
    layer: str
    members: int
    spread: float
    rmse: float
    ratio: float
    crps: float


def summarise_ensembles(
    records: Sequence[Mapping[str, Any]], since: datetime | None = None, until: datetime | None = None
) -> list[EnsembleRow]:
    """Summarise the records of ``ensembles.jsonl``.

    Parameters
    ----------
    records : lines of the file.
    since, until : times before the first and after the last are not counted.
    """
    groups: dict[tuple[str, str, str], list[tuple[int, Mapping[str, float]]]] = {}
    for record in records:
        time = datetime.fromisoformat(str(record["time"]))
        if (since is not None and time < since) or (until is not None and time > until):
            continue
        for layer, values in record["layers"].items():
            groups.setdefault((record["run"], record["stage"], layer), []).append((record["members"], values))
    order = list(dict.fromkeys(str(record["run"]) for record in records))
    keys = sorted(groups, key=lambda k: (order.index(k[0]), _STAGES.index(k[1]), layer_depth(k[2])))
    return [_row(key, groups[key]) for key in keys]


def _row(key: tuple[str, str, str], found: Sequence[tuple[int, Mapping[str, float]]]) -> EnsembleRow:
    members = found[0][0]
    spread, rmse = (_root_mean_square([v.get(name) for _, v in found]) for name in ("spread", "rmse"))
    ratio = spread * math.sqrt((members + 1.0) / members) / rmse if rmse > 0.0 and members > 1 else math.nan
    crps = [v["crps"] for _, v in found if v.get("crps") is not None]
    return EnsembleRow(*key, members, spread, rmse, ratio, math.fsum(crps) / len(crps) if crps else math.nan)


def _root_mean_square(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return math.sqrt(math.fsum(v * v for v in known) / len(known)) if known else math.nan


def ensemble_markdown(rows: Sequence[EnsembleRow]) -> str:
    """The table as Markdown; empty without rows."""
    if not rows:
        return ""
    cells = [
        (
            f"{row.run} ({row.members}) {row.stage}",
            row.layer,
            *(_text(value) for value in (row.spread, row.rmse)),
            _text(row.ratio, 2),
            _text(row.crps),
        )
        for row in rows
    ]
    lines = [
        "Ensembles of model states (number of members), m3 m-3. Spread over skill is 1 for a reliable ensemble.",
        "",
        *table_lines(_HEADINGS, cells, n_texts=2),
    ]
    return "\n".join(lines)


@dataclass(frozen=True)
class EnsembleComparison:
    """Means over seeds of one run, place and layer, with half-widths of Student's 95 % intervals.

    Attributes
    ----------
    run, place, layer : names; the place is a window and stage.
    members : number of members.
    ratio, crps : spread over skill, 1, and CRPS, m3 m-3, of each seed's means over time.
    """

    run: str
    place: str
    layer: str
    members: int
    ratio: Interval
    crps: Interval


def compare_ensembles(
    records: Mapping[int, Sequence[Mapping[str, Any]]], since: datetime, assimilation_end: datetime, end: datetime
) -> list[EnsembleComparison]:
    """Compare ensembles, and runs with one state, over seeds: analyses since a time, and the last day of the forecast.

    Parameters
    ----------
    records : lines of ``ensembles.jsonl`` by seed. Of a run with analyses the times without one do not count.
    since, assimilation_end, end : first time that counts; ends of both windows.
    """
    places = {"analysis": (since, assimilation_end)}
    if end > assimilation_end:
        places["forecast, last day"] = (max(assimilation_end, end - timedelta(days=1)) + timedelta(seconds=1), end)
    found: dict[tuple[str, str, str], list[EnsembleRow]] = {}
    for lines in records.values():
        for place, span in places.items():
            rows = summarise_ensembles(lines, *span)
            analysed = {row.run for row in rows if row.stage == "analysis"} if place == "analysis" else set()
            for row in rows:
                if row.stage == ("analysis" if row.run in analysed else "forecast"):
                    found.setdefault((row.run, place, row.layer), []).append(row)
    order = list(dict.fromkeys(str(line["run"]) for lines in records.values() for line in lines))
    keys = sorted(found, key=lambda k: (list(places).index(k[1]), layer_depth(k[2]), order.index(k[0])))
    return [
        EnsembleComparison(
            *key,
            found[key][0].members,
            student_interval([row.ratio for row in found[key]]),
            student_interval([row.crps for row in found[key]]),
        )
        for key in keys
    ]


def comparison_of_ensembles_markdown(rows: Sequence[EnsembleComparison]) -> str:
    """The table of a comparison as Markdown; empty without rows."""
    if not rows:
        return ""
    cells = [
        (row.run, str(row.members), row.place, row.layer, _interval(row.ratio, 2), _interval(row.crps, 4))
        for row in rows
    ]
    headings = ("run", "members", "window and stage", "layer", "spread / skill", "CRPS, m3 m-3")
    return "\n".join(table_lines(headings, cells, n_texts=4))


def _interval(found: Interval, digits: int) -> str:
    if math.isnan(found.mean):
        return ""
    width = "" if math.isnan(found.half_width) else f" ± {found.half_width:.{digits}f}"
    return f"{found.mean:.{digits}f}{width}"


def _text(value: float, digits: int = 4) -> str:
    return "" if math.isnan(value) else f"{value:.{digits}f}"
