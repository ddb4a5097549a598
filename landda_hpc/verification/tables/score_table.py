"""Score table: means over windows of control and assimilation, with benchmarks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from rich import box
from rich.markup import escape
from rich.table import Table

from landda_hpc.errors import DataError
from landda_hpc.io.markdown import table_lines
from landda_hpc.verification.tables.benchmarks import Benchmark, Metric, Statistic, by_label, of_images
from landda_hpc.verification.tables.score_records import (
    ASSIMILATED_REFERENCE,
    ASSIMILATED_STATIONS,
    STAGES,
    TRUTH,
    UNOBSERVED_TRUTH,
    WINDOWS,
    WITHHELD_STATIONS,
    ScoreRecord,
    layer_depth,
)

CONTROL: Final = "control"
FITTED: Final = "The analyses were fitted to the assimilated reference, so these scores are not an independent check."


@dataclass(frozen=True)
class SummaryRow:
    """Scores of one run, layer, window and stage, over the times of the window.

    Attributes
    ----------
    scc, rmse, bias, ubrmse : means over the times at which the score is defined; NaN if it never is.
    scc_first, scc_last, ubrmse_first, ubrmse_last : scores at the first and last time.
    n_times : number of times in the window.
    n_cells : smallest number of scored cells.
    last_day : days from the last time of the assimilation window to the row's last time; NaN without such a window.
    """

    reference: str
    layer: str
    window: str
    run: str
    stage: str
    scc: float
    rmse: float
    bias: float
    ubrmse: float
    scc_first: float
    scc_last: float
    ubrmse_first: float
    ubrmse_last: float
    n_times: int
    n_cells: int
    last_day: float = math.nan


def summarise(records: Iterable[ScoreRecord], since: datetime | None = None) -> list[SummaryRow]:
    """Summarise scores by reference, layer, window, run and stage.

    Parameters
    ----------
    records : score records.
    since : earlier times are excluded.

    Returns
    -------
    Rows sorted by reference (the truth first, the assimilated reference last), layer (from the top), window, run
    ("control" first, then in order of appearance) and stage.
    """
    records = list(records)
    analysed_until = max((r.time for r in records if r.window == "assimilation"), default=None)
    records = [r for r in records if since is None or r.time >= since]
    references = in_order_of_trust(r.reference for r in records)
    runs = list(dict.fromkeys(r.run for r in records))
    if CONTROL in runs:
        runs = [CONTROL, *(run for run in runs if run != CONTROL)]

    def group(r: ScoreRecord) -> tuple[int, tuple[float, str], int, int, int]:
        return (
            references.index(r.reference),
            layer_depth(r.layer),
            WINDOWS.index(r.window),
            runs.index(r.run),
            STAGES.index(r.stage),
        )

    rows = []
    for _, members in groupby(sorted(records, key=lambda r: (group(r), r.time)), key=group):
        series = list(members)
        first, last = series[0], series[-1]
        rows.append(
            SummaryRow(
                reference=first.reference,
                layer=first.layer,
                window=first.window,
                run=first.run,
                stage=first.stage,
                scc=_mean([r.scc for r in series]),
                rmse=_mean([r.rmse for r in series]),
                bias=_mean([r.bias for r in series]),
                ubrmse=_mean([r.ubrmse for r in series]),
                scc_first=first.scc,
                scc_last=last.scc,
                ubrmse_first=first.ubrmse,
                ubrmse_last=last.ubrmse,
                n_times=len(series),
                n_cells=min(r.n_cells for r in series),
                last_day=math.nan if analysed_until is None else (last.time - analysed_until) / timedelta(days=1),
            )
        )
    return rows


_NUMBERS: Final = ("SCC", "first → last", "ubRMSE", "first → last", "RMSE", "bias")


def _numbers(row: SummaryRow) -> tuple[str, ...]:
    """Return the scores of a row as texts, '-' where undefined."""
    return (
        _text(row.scc),
        _span(row.scc_first, row.scc_last),
        _text(row.ubrmse, 4),
        _span(row.ubrmse_first, row.ubrmse_last),
        _text(row.rmse, 4),
        _text(row.bias, 4, sign=True),
    )


def _benchmark_rows(
    benchmarks: Sequence[Benchmark], reference: str, layer: str, window: str, *, with_ranges: bool
) -> list[tuple[Benchmark, tuple[str, ...]]]:
    """Return rows of benchmarks: the first benchmark of each row, and texts in the columns of :func:`_numbers`."""
    here = [b for b in of_images(benchmarks, reference) if (b.layer, b.window) == (layer, window)]
    rows: list[tuple[Benchmark, tuple[str, ...]]] = []
    for group in by_label(here).values():
        of = {(b.metric, b.statistic): b.text if with_ranges else f"{b.middle:.3g}" for b in group}
        numbers = (
            of.get(("scc", "mean"), ""),
            _range(of, "scc"),
            of.get(("ubrmse", "mean"), ""),
            _range(of, "ubrmse"),
            of.get(("rmse", "mean"), ""),
            of.get(("bias", "mean"), ""),
        )
        if any(numbers):
            rows.append((group[0], numbers))
    return rows


def _range(of: Mapping[tuple[Metric, Statistic], str], metric: Metric) -> str:
    first, last = of.get((metric, "first"), ""), of.get((metric, "last"), "")
    return f"{first} → {last}".strip() if first or last else ""


def summary_tables(rows: Sequence[SummaryRow], benchmarks: Sequence[Benchmark] = ()) -> list[Table]:
    """Lay out one table for the screen per reference, 80 columns wide.

    ``rich.console.Console().print`` shows them.

    Parameters
    ----------
    benchmarks : known scores, shown below the rows of their layer and window; of ranges, the middle.

    Raises
    ------
    DataError : there are no rows.
    """
    if not rows:
        raise DataError("there are no scores to show; run or resume the campaign first.")
    tables = []
    for reference, members in groupby(rows, key=lambda r: r.reference):
        of_reference = list(members)
        table = Table(
            title=f"Soil moisture against {described(reference)}, m3 m-3",
            caption=note(of_reference, benchmarks) or None,
            box=box.SIMPLE_HEAD,
            padding=0,
            show_edge=False,
            title_justify="left",
            caption_justify="left",
        )
        table.add_column("run and stage, means")
        for name in _NUMBERS:
            table.add_column(name, justify="right")
        for (layer, window), block in groupby(of_reference, key=lambda r: (r.layer, r.window)):
            table.add_section()
            table.add_row(f"[bold]{escape(layer)}, {window}[/bold]")
            for row in block:
                table.add_row(escape(f"{row.run} {row.stage}"), *_numbers(row))
            for one, numbers in _benchmark_rows(benchmarks, reference, layer, window, with_ranges=False):
                table.add_row(escape(one.label), *numbers, style="dim")
        tables.append(table)
    return tables


def markdown_tables(rows: Sequence[SummaryRow], benchmarks: Sequence[Benchmark] = ()) -> str:
    """Lay out the same tables in Markdown."""
    lines: list[str] = []
    for reference, of_reference in groupby(rows, key=lambda r: r.reference):
        texts: list[Sequence[str]] = []
        for (layer, window), block in groupby(of_reference, key=lambda r: (r.layer, r.window)):
            texts += [
                (layer, window, row.run, row.stage, *_numbers(row), str(row.n_times), str(row.n_cells)) for row in block
            ]
            texts += [
                (layer, window, one.source, one.method, *numbers, "", "")
                for one, numbers in _benchmark_rows(benchmarks, reference, layer, window, with_ranges=True)
            ]
        headings = ("layer", "window", "run", "stage", *_NUMBERS, "times", "cells")
        lines += [f"## Scores against {described(reference)}", "", *table_lines(headings, texts, n_texts=4), ""]
    units = "SCC is dimensionless; ubRMSE, RMSE and bias are in m3 m-3. Values are means over the times of the window."
    return "\n".join([*lines, f"{units} {note(rows, benchmarks)}".strip(), ""])


def note(rows: Sequence[SummaryRow], benchmarks: Sequence[Benchmark] = ()) -> str:
    """Return notes on the rows of a table: on benchmarks, and on an assimilated reference."""
    shown = {
        b: row
        for row in rows
        for b in of_images(benchmarks, row.reference)
        if (b.layer, b.window) == (row.layer, row.window) and b.statistic != "onset"
    }
    texts = [f"{source}: scores against {against}." for source, against in dict.fromkeys(
        (b.source, b.against) for b in shown if b.against)]  # fmt: skip
    days = sorted({b.day for b in shown if b.day is not None})
    if days:
        here = max(row.last_day for row in shown.values() if row.window == "forecast")
        last = "" if math.isnan(here) or [here] == days else f"; here the last time is of day {here:g}"
        texts.append(f"Those of the forecast are of day {' and '.join(f'{day:g}' for day in days)}{last}.")
    fitted = [row for row in rows if row.reference == ASSIMILATED_REFERENCE]
    if any(row.stage == "analysis" for row in fitted):
        texts.append(FITTED)
    elif fitted:
        texts.append("These scores contain no analysis: the 'assimilated reference' is the observation.")
    return " ".join(texts)


def in_order_of_trust(references: Iterable[str]) -> list[str]:
    """List distinct references: the truth, independent products in order of appearance, the assimilated reference."""
    rank = {TRUTH: 0, ASSIMILATED_STATIONS: 2, ASSIMILATED_REFERENCE: 3}
    return sorted(dict.fromkeys(references), key=lambda name: rank.get(name, 1))


def described(reference: str) -> str:
    """Return the name of a reference for titles."""
    if reference == TRUTH:
        return "the truth (nature run)"
    named = (ASSIMILATED_REFERENCE, UNOBSERVED_TRUTH, WITHHELD_STATIONS, ASSIMILATED_STATIONS)
    return f"the {reference}" if reference in named else reference


def _mean(values: Sequence[float]) -> float:
    present = [v for v in values if not math.isnan(v)]
    return math.fsum(present) / len(present) if present else math.nan


def _text(value: float, digits: int = 3, *, sign: bool = False) -> str:
    return "-" if math.isnan(value) else f"{value:{'+' if sign else ''}.{digits}f}"


def _span(first: float, last: float) -> str:
    return f"{_text(first)} → {_text(last)}"
