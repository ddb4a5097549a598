"""Table of ensembles: spread, error of the mean, reliability and CRPS, as means over time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from landda_hpc.io.markdown import table_lines
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


def summarise_ensembles(records: Sequence[Mapping[str, Any]], since: datetime | None = None) -> list[EnsembleRow]:
    """Summarise the records of ``ensembles.jsonl``.

    Parameters
    ----------
    records : lines of the file.
    since : earlier times are not counted.
    """
    groups: dict[tuple[str, str, str], list[tuple[int, Mapping[str, float]]]] = {}
    for record in records:
        if since is not None and datetime.fromisoformat(str(record["time"])) < since:
            continue
        for layer, values in record["layers"].items():
            groups.setdefault((record["run"], record["stage"], layer), []).append((record["members"], values))
    order = list(dict.fromkeys(str(record["run"]) for record in records))
    keys = sorted(groups, key=lambda k: (order.index(k[0]), _STAGES.index(k[1]), layer_depth(k[2])))
    return [_row(key, groups[key]) for key in keys]


def _row(key: tuple[str, str, str], found: Sequence[tuple[int, Mapping[str, float]]]) -> EnsembleRow:
    members = found[0][0]
    spread, rmse = (_root_mean_square([v.get(name) for _, v in found]) for name in ("spread", "rmse"))
    ratio = spread * math.sqrt((members + 1.0) / members) / rmse if rmse > 0.0 else math.nan
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


def _text(value: float, digits: int = 4) -> str:
    return "" if math.isnan(value) else f"{value:.{digits}f}"
