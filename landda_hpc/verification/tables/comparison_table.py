"""Comparison of methods over several seeds: means, confidence intervals, paired differences, tables."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Final

from rich import box
from rich.markup import escape
from rich.table import Table
from scipy.special import stdtrit

from landda_hpc.errors import DataError
from landda_hpc.io.csv_table import write_csv
from landda_hpc.io.markdown import table_lines
from landda_hpc.verification.statistics.bounds import RANGES, difference_range, interval_within
from landda_hpc.verification.statistics.sample_size import LEVEL, plus_minus, seed_warnings
from landda_hpc.verification.tables.score_records import ASSIMILATED_REFERENCE, SCORES, TRUTH, ScoreRecord, layer_depth
from landda_hpc.verification.tables.score_table import described, in_order_of_trust

PLACES: Final = (
    ("assimilation", "background"),
    ("assimilation", "analysis"),
    ("forecast", "forecast"),
    ("forecast, last day", "forecast"),
)
"""Window and stage of the rows, in the order of the tables; the state of a free run is background and analysis."""

SHOWN: Final = (("assimilation", "analysis"), ("assimilation", "background"), ("forecast, last day", "forecast"))
"""Window and stage of the rows in tables and figures, the most important first; the CSV file has all rows."""

TUNED: Final = "tuned on truth"
_HEADINGS: Final = ("SCC", "difference", "ubRMSE", "difference")


@dataclass(frozen=True)
class Interval:
    """Mean (NaN without values) with the half-width of its confidence interval (NaN with fewer than two values)."""

    mean: float
    half_width: float
    n: int


@dataclass(frozen=True)
class ComparisonRow:
    """One score of one method, layer, window and stage against one reference.

    Attributes
    ----------
    method, layer, window, stage, reference, score : names; windows and stages as in ``PLACES``.
    n_seeds : number of seeds in which the score is defined.
    n_times : largest number of times in the mean of a seed.
    first_time, last_time : first and last of these times.
    mean : mean over seeds of the means over times; dimensionless for SCC, otherwise m3 m-3.
    half_width : half-width of Student's interval, before it is limited to the range of the score.
    low, high : ends of the interval, within the range of the score; NaN with fewer than two seeds.
    baseline : method from which paired differences are taken.
    paired_difference, paired_half_width, paired_low, paired_high : the same for method minus baseline, seed by seed;
        NaN for the baseline itself.
    n_pairs : number of seeds in which both are defined.
    note : 'tuned on truth' or empty.
    """

    method: str
    layer: str
    window: str
    stage: str
    reference: str
    score: str
    n_seeds: int
    n_times: int
    first_time: datetime
    last_time: datetime
    mean: float
    half_width: float
    low: float
    high: float
    baseline: str
    paired_difference: float
    paired_half_width: float
    paired_low: float
    paired_high: float
    n_pairs: int
    note: str


@dataclass(frozen=True)
class _SeedMean:
    """Mean of a score over the times of one seed."""

    value: float
    n_times: int
    first: datetime
    last: datetime


def student_interval(values: Sequence[float]) -> Interval:
    """Return the mean and half-width of Student's 95 % interval, t s / sqrt(n) with n - 1 degrees of freedom.

    Parameters
    ----------
    values : one value per seed, independent of each other; NaN is ignored.
    """
    present = [v for v in values if not math.isnan(v)]
    n = len(present)
    if n == 0:
        return Interval(math.nan, math.nan, 0)
    mean = math.fsum(present) / n
    if n == 1:
        return Interval(mean, math.nan, 1)
    variance = math.fsum((v - mean) ** 2 for v in present) / (n - 1)
    quantile = float(stdtrit(n - 1, 0.5 + 0.5 * LEVEL))
    return Interval(mean, quantile * math.sqrt(variance / n), n)


def compare(
    records: Mapping[int, Sequence[ScoreRecord]],
    *,
    methods: Sequence[str],
    baseline: str,
    since: datetime,
    tuned: Collection[str] = (),
) -> list[ComparisonRow]:
    """Compare methods over seeds.

    Parameters
    ----------
    records : score records of the campaign of each seed.
    methods : names of the runs, in the order of the table.
    baseline : one of the methods.
    since : only times of the assimilation window after this one are used.
    tuned : methods with a parameter that was chosen with the truth.

    Returns
    -------
    Rows sorted by reference (the truth first, the assimilated reference last), layer from the top, place (``PLACES``),
    score and method. The last day of the forecast is its last 24 hours.

    Raises
    ------
    DataError : there are no records, a seed has no scores of a method, or the baseline is not one of the methods.
    """
    if baseline not in methods:
        raise DataError(f"baseline '{baseline}' is not among the methods compared: {', '.join(methods)}.")
    if not records:
        raise DataError("there are no seeds to compare; run at least one.")
    for seed, of_seed in records.items():
        missing = [m for m in methods if all(r.run != m for r in of_seed)]
        if missing:
            raise DataError(f"the scores of seed {seed} lack {', '.join(missing)}; that campaign had other runs.")
    wanted = [r for of_seed in records.values() for r in of_seed if r.run in methods]
    references = in_order_of_trust(r.reference for r in wanted)
    layers = sorted({r.layer for r in wanted}, key=layer_depth)
    means = {seed: _seed_means(of_seed, since) for seed, of_seed in records.items()}
    rows = []
    for reference in references:
        for layer in layers:
            for window, stage in PLACES:
                for score in SCORES:
                    for method in methods:
                        place = (reference, layer, window, stage, score)
                        found = {s: m[method, *place] for s, m in means.items() if (method, *place) in m}
                        against = {s: m[baseline, *place].value for s, m in means.items() if (baseline, *place) in m}
                        if found:
                            rows.append(_row(method, place, found, against, baseline, method in tuned))
    return rows


def _row(
    method: str,
    place: tuple[str, str, str, str, str],
    found: Mapping[int, _SeedMean],
    against: Mapping[int, float],
    baseline: str,
    is_tuned: bool,
) -> ComparisonRow:
    reference, layer, window, stage, score = place
    own = student_interval([m.value for m in found.values()])
    low, high = interval_within(own.mean, own.half_width, RANGES[score])
    both = [seed for seed in found if seed in against and method != baseline]
    paired = student_interval([found[seed].value - against[seed] for seed in both])
    paired_low = paired_high = math.nan
    if both:
        levels = (math.fsum(values) / len(both) for values in (
            [found[seed].value for seed in both], [against[seed] for seed in both]))  # fmt: skip
        paired_low, paired_high = interval_within(paired.mean, paired.half_width, difference_range(score, *levels))
    return ComparisonRow(
        method=method,
        layer=layer,
        window=window,
        stage=stage,
        reference=reference,
        score=score,
        n_seeds=own.n,
        n_times=max(m.n_times for m in found.values()),
        first_time=min(m.first for m in found.values()),
        last_time=max(m.last for m in found.values()),
        mean=own.mean,
        half_width=own.half_width,
        low=low,
        high=high,
        baseline=baseline,
        paired_difference=paired.mean,
        paired_half_width=paired.half_width,
        paired_low=paired_low,
        paired_high=paired_high,
        n_pairs=paired.n,
        note=TUNED if is_tuned else "",
    )


def _seed_means(records: Sequence[ScoreRecord], since: datetime) -> dict[tuple[str, ...], _SeedMean]:
    """Return means over times, by method, reference, layer, window, stage and score, if a score is defined at all."""
    last = max((r.time for r in records), default=since)
    series: dict[tuple[str, ...], list[tuple[datetime, float]]] = {}
    for record in sorted(records, key=lambda r: r.time):
        for window, stage in _places(record, since, last):
            for score in SCORES:
                value = float(getattr(record, score))
                if not math.isnan(value):
                    key = (record.run, record.reference, record.layer, window, stage, score)
                    series.setdefault(key, []).append((record.time, value))
    return {
        key: _SeedMean(math.fsum(v for _, v in found) / len(found), len(found), found[0][0], found[-1][0])
        for key, found in series.items()
    }


def _places(record: ScoreRecord, since: datetime, last: datetime) -> Iterator[tuple[str, str]]:
    """Yield window and stage of a record; a state without an analysis is both background and analysis."""
    if record.window == "forecast":
        yield "forecast", "forecast"
        if record.time > last - timedelta(days=1):
            yield "forecast, last day", "forecast"
    elif record.time > since:
        if record.stage in ("background", "forecast"):
            yield "assimilation", "background"
        if record.stage in ("analysis", "forecast"):
            yield "assimilation", "analysis"


# ---------------------------------------------------------------------- writing


def write_comparison_csv(rows: Sequence[ComparisonRow], path: Path) -> None:
    """Write the rows as CSV with one header line, atomically; NaN is empty, floats keep every bit.

    Columns are the fields of :class:`ComparisonRow`. The folder is made if it is missing.
    """
    names = [field.name for field in fields(ComparisonRow)]
    times = ("first_time", "last_time")
    plain = (asdict(row) | {name: getattr(row, name).isoformat() for name in times} for row in rows)
    write_csv(path, names, ([row[name] for name in names] for row in plain))


def comparison_tables(rows: Sequence[ComparisonRow]) -> list[Table]:
    """Lay out one table for the screen per reference; ``rich.console.Console().print`` shows them.

    Raises
    ------
    DataError : there are no rows.
    """
    if not rows:
        raise DataError("there are no scores to compare.")
    tables = []
    for reference, blocks in _by_reference(rows):
        table = Table(
            title=_title(reference),
            caption=_caption(rows),
            box=box.SIMPLE_HEAD,
            padding=0,
            show_edge=False,
            title_justify="left",
            caption_justify="left",
        )
        table.add_column("method", overflow="fold")
        for heading in _HEADINGS:
            table.add_column(heading, justify="right", no_wrap=True)
        for (layer, window, stage), lines in blocks:
            table.add_section()
            table.add_row(f"[bold]{escape(_place_name(layer, window, stage))}[/bold]")
            for line in lines:
                table.add_row(*(escape(text.replace(" [", "\n[")) for text in line))
        tables.append(table)
    return tables


def comparison_markdown(rows: Sequence[ComparisonRow]) -> str:
    """Lay out the same tables in Markdown."""
    lines: list[str] = []
    for reference, blocks in _by_reference(rows):
        texts = [
            (layer, _state_name(window, stage), *text) for (layer, window, stage), block in blocks for text in block
        ]
        table = table_lines(("layer", "state", "method", *_HEADINGS), texts, n_texts=3)
        lines += [f"## {_title(reference)}", "", *table, ""]
    return "\n".join([*lines, _caption(rows), ""])


def _by_reference(
    rows: Sequence[ComparisonRow],
) -> Iterator[tuple[str, list[tuple[tuple[str, str, str], list[tuple[str, ...]]]]]]:
    """Yield each reference with its blocks: (layer, window, stage) and lines of method and numbers."""
    for reference, of_reference in groupby(rows, key=lambda r: r.reference):
        blocks = []
        for layer, group in groupby(of_reference, key=lambda r: r.layer):
            of_layer = list(group)
            for place in SHOWN:
                here = [r for r in of_layer if (r.window, r.stage) == place]
                if here:
                    methods = list(dict.fromkeys(r.method for r in here))
                    by_score = {(r.method, r.score): r for r in here}
                    lines = [_line(m, by_score.get((m, "scc")), by_score.get((m, "ubrmse"))) for m in methods]
                    blocks.append(((layer, *place), lines))
        yield reference, blocks


def _line(method: str, scc: ComparisonRow | None, ubrmse: ComparisonRow | None) -> tuple[str, ...]:
    some = scc or ubrmse
    mark = "*" if some is not None and some.note == TUNED else ""
    numbers: list[str] = []
    for row, digits in ((scc, 3), (ubrmse, 4)):
        if row is None:
            numbers += ["-", "-"]
            continue
        numbers.append(plus_minus(row.mean, row.low, row.high, digits))
        is_baseline = row.method == row.baseline
        numbers.append(
            "" if is_baseline else plus_minus(row.paired_difference, row.paired_low, row.paired_high, digits, sign=True)
        )
    return (method + mark, *numbers)


def _title(reference: str) -> str:
    if reference == TRUTH:
        return "Methods against the truth (nature run)"
    if reference == ASSIMILATED_REFERENCE:
        return "Fit to the assimilated reference (not an independent check; do not rank methods by it)"
    return f"Methods against {described(reference)}"


def _state_name(window: str, stage: str) -> str:
    return stage if window == "assimilation" else "forecast end"


def _place_name(layer: str, window: str, stage: str) -> str:
    return f"{layer}, {_state_name(window, stage)}"


def _caption(rows: Sequence[ComparisonRow]) -> str:
    n_seeds = max(r.n_seeds for r in rows)
    seeds = f"{n_seeds} seed{'' if n_seeds == 1 else 's'}"
    texts = [f"SCC (dimensionless) and ubRMSE (m3 m-3): mean over times, then over {seeds}"]
    if n_seeds > 1:
        texts.append(
            f" with {100 * LEVEL:g} % intervals (Student; ± if both sides are equal) that stay within the range of "
            "the score."
        )
    else:
        texts.append(".")
    if any(r.method != r.baseline for r in rows):
        texts.append(f" Differences are from {rows[0].baseline}, paired seed by seed.")
    texts += [f" Warning: {warning}" for warning in seed_warnings(n_seeds)]
    counted = [r for r in rows if r.window == "assimilation"]
    if counted:
        first, last = min(r.first_time for r in counted), max(r.last_time for r in counted)
        texts.append(f" Background and analysis: {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC.")
    if any(r.window == PLACES[-1][0] for r in rows):
        texts.append(" Forecast end: its last day.")
    if any(r.note == TUNED for r in rows):
        texts.append(f" * {TUNED}: for comparison only.")
    return "".join(texts)
