"""Benchmarks and the corresponding scores of a campaign."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from landda_hpc.io.markdown import table_lines
from landda_hpc.verification.tables.benchmarks import Benchmark, Metric, Statistic, Window
from landda_hpc.verification.tables.score_records import ScoreRecord, last_stage
from landda_hpc.verification.tables.score_table import described


@dataclass(frozen=True)
class ComparedRuns:
    """Names of the runs of a campaign that correspond to the experiments of a source of benchmarks."""

    control: str
    assimilation: str


@dataclass(frozen=True)
class ScoreOf:
    """Score of a campaign.

    Attributes
    ----------
    layer, window, score : as in a score record.
    assimilates : False for the control run.
    statistic : mean, first or last time of the window; 'onset': after the first analysis of the campaign.
    """

    layer: str
    window: Window
    score: Metric
    assimilates: bool
    statistic: Statistic = "mean"

    @classmethod
    def like(cls, benchmark: Benchmark) -> ScoreOf:
        """Return the score that corresponds to a benchmark."""
        b = benchmark
        return cls(b.layer, b.window, b.metric, b.assimilates, b.statistic)


def measure(
    records: Sequence[ScoreRecord],
    wanted: ScoreOf,
    compared: ComparedRuns,
    reference: str,
    since: datetime | None = None,
) -> float:
    """Return a score from a campaign's records; NaN if there is none.

    Parameters
    ----------
    records : score records.
    wanted : score to be found.
    compared : runs that correspond to the paper's.
    reference : reference of the score.
    since : means exclude earlier times; first times and the onset do not.

    Notes
    -----
    The state of a run at a time is its analysis, if it has one.
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
    """Return records of a score over its window, in order of time, for the states from which the run continues."""
    run = compared.assimilation if wanted.assimilates else compared.control
    chosen = [
        r
        for r in records
        if (r.run, r.reference, r.layer, r.window) == (run, reference, wanted.layer, wanted.window)
        and (wanted.statistic != "onset" or r.stage == "analysis")
    ]
    return sorted(last_stage(chosen), key=lambda r: r.time)


def side_by_side(
    benchmarks: Sequence[Benchmark],
    records: Sequence[ScoreRecord],
    compared: ComparedRuns,
    references: Sequence[str],
    since: datetime | None = None,
    forecast_from: datetime | None = None,
) -> str:
    """Lay out benchmarks and a campaign's own scores in one Markdown table, one column per reference.

    Parameters
    ----------
    benchmarks : benchmarks of kind ``images``.
    forecast_from : last analysis time; the table gives the day of a forecast value unless it is the benchmark's day.
    """
    columns = [f"here, against {described(reference)}" for reference in references]
    texts: list[Sequence[str]] = []
    for one in benchmarks:
        cells = [_cell(records, one, compared, reference, since, forecast_from) for reference in references]
        texts.append([one.place, one.what, one.text, *cells])
    return "\n".join([*table_lines(("where", "what", "published", *columns), texts, n_texts=2), ""])


def _cell(
    records: Sequence[ScoreRecord],
    benchmark: Benchmark,
    compared: ComparedRuns,
    reference: str,
    since: datetime | None,
    forecast_from: datetime | None,
) -> str:
    """Return a score as text, with its day if the benchmark is for another day of the forecast."""
    wanted = ScoreOf.like(benchmark)
    value = measure(records, wanted, compared, reference, since)
    if math.isnan(value):
        return "-"
    if benchmark.day is None or forecast_from is None:
        return f"{value:.3f}"
    day = (_series(records, wanted, compared, reference)[-1].time - forecast_from) / timedelta(days=1)
    return f"{value:.3f}" if day == benchmark.day else f"{value:.3f} (day {day:g})"
