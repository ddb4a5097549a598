"""Published scores of a paper and those of a campaign."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from landda_hpc.io.markdown import table_lines
from landda_hpc.verification.tables.score_records import last_stage
from landda_hpc.verification.tables.score_table import described

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from landda_hpc.verification.tables.published import PublishedFigure, ScoreOf
    from landda_hpc.verification.tables.score_records import ScoreRecord


@dataclass(frozen=True)
class ComparedRuns:
    """Runs of a campaign that correspond to the paper's experiments."""

    control: str
    assimilation: str


def measure(
    records: Sequence[ScoreRecord],
    wanted: ScoreOf,
    compared: ComparedRuns,
    reference: str,
    since: datetime | None = None,
) -> float:
    """Find a score in a campaign's records; NaN where it has none.

    Parameters
    ----------
    records : scores.
    wanted : which.
    compared : the runs that correspond to the paper's.
    reference : against which.
    since : means leave out earlier times; first times and the onset do not.

    Notes
    -----
    A run's state at a time is its analysis, where it has one.
    """
    series = _series(records, wanted, compared, reference)
    if wanted.statistic == "mean" and since is not None:
        series = [r for r in series if r.time >= since]
    values = [float(getattr(r, wanted.score)) for r in series]
    if not values:
        return math.nan
    if wanted.statistic in ("first", "onset"):
        return values[0]
    if wanted.statistic == "last":
        return values[-1]
    present = [v for v in values if not math.isnan(v)]
    return math.fsum(present) / len(present) if present else math.nan


def _series(
    records: Sequence[ScoreRecord], wanted: ScoreOf, compared: ComparedRuns, reference: str
) -> list[ScoreRecord]:
    """Records of a score over its window, in order of time, each of the state from which the run continues."""
    run = compared.assimilation if wanted.assimilates else compared.control
    chosen = [
        r
        for r in records
        if (r.run, r.reference, r.layer, r.window) == (run, reference, wanted.layer, wanted.window)
        and (wanted.statistic != "onset" or r.stage == "analysis")
    ]
    return sorted(last_stage(chosen), key=lambda r: r.time)


def side_by_side(
    figures: Sequence[PublishedFigure],
    records: Sequence[ScoreRecord],
    compared: ComparedRuns,
    references: Sequence[str],
    since: datetime | None = None,
    forecast_from: datetime | None = None,
) -> str:
    """Lay out published values and a campaign's own in one Markdown table, one column per reference.

    Parameters
    ----------
    forecast_from : last analysis time: the day of a forecast's value is said where it is not that of the paper's.
    """
    columns = [f"here, against {described(reference)}" for reference in references]
    texts: list[Sequence[str]] = []
    for figure in figures:
        cells = [_cell(records, figure.ours, compared, reference, since, forecast_from) for reference in references]
        texts.append([figure.place, figure.what, figure.text, *cells])
    return "\n".join([*table_lines(("where", "what", "published", *columns), texts, n_texts=2), ""])


def _cell(
    records: Sequence[ScoreRecord],
    wanted: ScoreOf,
    compared: ComparedRuns,
    reference: str,
    since: datetime | None,
    forecast_from: datetime | None,
) -> str:
    """A score; with its day where the published value is of another day of the forecast."""
    value = measure(records, wanted, compared, reference, since)
    if math.isnan(value):
        return "-"
    if wanted.paper_day is None or forecast_from is None:
        return f"{value:.3f}"
    day = (_series(records, wanted, compared, reference)[-1].time - forecast_from) / timedelta(days=1)
    return f"{value:.3f}" if day == wanted.paper_day else f"{value:.3f} (day {day:g})"
