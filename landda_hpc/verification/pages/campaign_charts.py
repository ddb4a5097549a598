"""Sections of a campaign's page that consist of charts of its records."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any, Final

from landda_hpc.formats.own.innovation_file import InnovationDiagnostics
from landda_hpc.verification.pages.charts import Line, bar_chart, day_number, legend, line_chart
from landda_hpc.verification.pages.markdown_html import markdown_html
from landda_hpc.verification.run_styles import RunStyle, run_styles
from landda_hpc.verification.tables.ensemble_table import ensemble_markdown, summarise_ensembles
from landda_hpc.verification.tables.score_records import ScoreRecord, last_stage, layer_depth
from landda_hpc.verification.tables.score_table import described, in_order_of_trust
from landda_hpc.verification.tables.spectra import (
    AFTER,
    BEFORE,
    INCREMENT,
    INNOVATION,
    QUANTITIES,
    RESIDUAL,
    SPREAD,
    Spectrum,
)

_UNIT: Final = "m³ m⁻³"
_SCORES: Final = (("ubrmse", "ubRMSE", _UNIT), ("scc", "SCC", ""))
_BEFORE: Final = ("background", "forecast")
Records = Sequence[Mapping[str, Any]]


def score_charts(records: Sequence[ScoreRecord]) -> str:
    """Scores over time against every reference: a chart for each layer and score."""
    styles = run_styles(r.run for r in records)
    parts = [legend(styles)]
    ends = [r.time for r in records if r.window == "assimilation"]
    if ends:
        parts.append(
            '<p class="rule">After an analysis, or without one the forecast. The assimilation window is shaded.</p>'
        )
    for reference in in_order_of_trust(r.reference for r in records):
        states = sorted(last_stage(r for r in records if r.reference == reference), key=lambda r: r.time)
        charts = []
        shaded = (day_number(states[0].time), day_number(max(ends))) if ends else None
        for layer in sorted({r.layer for r in states}, key=layer_depth):
            of_layer = [r for r in states if r.layer == layer]
            for score, name, unit in _SCORES:
                lines = [
                    Line(run, [(day_number(r.time), float(getattr(r, score))) for r in of_layer if r.run == run], style)
                    for run, style in styles.items()
                ]
                top = 1.0 if score == "scc" else None
                charts.append(line_chart(f"{name}, {layer}", lines, unit=unit, y_range=(None, top), shaded=shaded))
        parts.append(f"<h3>Against {escape(described(reference))}</h3>{_charts(charts)}")
    return "".join(parts)


def innovation_charts(cycles: Records) -> str:
    """Mean and standard deviation of innovations and residuals of every run; empty without observations."""
    known = [r for r in cycles if r.get("innovation_std") is not None]
    if not known:
        return ""
    styles = run_styles(str(r["run"]) for r in cycles)
    charts = []
    for name, title, level in (("std", "Standard deviation", None), ("mean", "Mean", 0.0)):
        lines = []
        for run, style in styles.items():
            of_run = [r for r in known if r["run"] == run]
            for key, role in ((f"innovation_{name}", ""), (f"residual_{name}", "O-A")):
                lines.append(Line(run, [(_day(r), _number(r.get(key))) for r in of_run], style, role))
        low = 0.0 if name == "std" else None
        charts.append(line_chart(title, lines, unit=_UNIT, y_range=(low, None), level=level))
    counts = [Line(run, [(_day(r), _number(r.get("n_observations"))) for r in known if r["run"] == run], style)
              for run, style in list(styles.items())[:1]]  # fmt: skip
    charts.append(line_chart("Observed cells", counts, unit="", y_range=(0.0, None)))
    lines_of = {"O-A": "observation minus analysis (otherwise minus background)"}
    return legend(styles, lines_of) + _charts(charts)


_BY_SCALE: Final = (
    ("applied_gain_by_scale", "Applied gain", "", 1.0),
    ("gain_by_scale", "Gain B / (B + R)", "", 1.0),
    ("background_std_by_scale", "Background error", _UNIT, None),
    ("observation_std_by_scale", "Observation error", _UNIT, None),
    ("chi_square_by_scale", "Chi-square", "", None),
    ("inflation_by_scale", "Inflation", "", None),
)


_SPECTRA: Final = (
    ("Innovations O-B, residuals O-A (dotted)", INNOVATION, RESIDUAL),
    ("Error before analyses, after (dotted)", QUANTITIES[BEFORE], QUANTITIES[AFTER]),
    ("Increment", QUANTITIES[INCREMENT], ""),
    ("Spread of members", QUANTITIES[SPREAD], ""),
)
"""Titles of charts, and the quantities in them: thick, and dotted."""


def scale_charts(cycles: Records, spectra: Sequence[Spectrum] = ()) -> str:
    """Spectra of every run, and gains and errors by scale of its last analysis; empty if none is recorded.

    Parameters
    ----------
    cycles : lines of ``cycles.jsonl``.
    spectra : of innovations, increments, errors and spread.
    """
    styles = run_styles(str(r["run"]) for r in cycles)
    last: dict[str, Mapping[str, Any]] = {}
    for record in cycles:
        if any(key in record for key, *_ in _BY_SCALE):
            last[str(record["run"])] = record
    of_window = [one for one in spectra if one.window == "assimilation"]
    if not last and not of_window:
        return ""
    charts = []
    for title, thick, dotted in _SPECTRA:
        chosen = [one for one in of_window if one.quantity in (thick, dotted)]
        lines = [
            Line(one.run, _points(one.values.tolist()), styles[one.run], dotted if one.quantity == dotted else "")
            for one in chosen
        ]
        n = max((one.values.size for one in chosen), default=0)
        charts.append(_by_scale(title, lines, n, _UNIT, (0.0, None)))
    for key, title, unit, top in _BY_SCALE:
        of_last = {run: record[key] for run, record in last.items() if record.get(key)}
        n = max((len(values) for values in of_last.values()), default=0)
        lines = [Line(run, _points(values), styles[run]) for run, values in of_last.items()]
        level = 1.0 if "chi" in key else None
        charts.append(_by_scale(title, lines, n, unit, (0.0, top), level))
    texts = ["Innovations, errors, increments and spread are root mean squares over the assimilation window."]
    if last:
        time = max(str(record["time"]) for record in last.values())
        texts.append(
            f"Gains and learned errors are of the last analysis, {datetime.fromisoformat(time):%Y-%m-%d %H:%M} UTC."
        )
    texts.append("Values of a scale are those of white errors that have the same energy in it.")
    note = f'<p class="rule">{" ".join(texts)}</p>'
    shown = {*last, *(one.run for one in of_window)}
    return legend({run: style for run, style in styles.items() if run in shown}) + note + _charts(charts)


def _by_scale(
    title: str,
    lines: Sequence[Line],
    n_scales: int,
    unit: str,
    y_range: tuple[float | None, float | None],
    level: float | None = None,
) -> str:
    ticks = [(float(i), str(i)) for i in range(n_scales)]
    axis = "scale; 0 is the coarsest"
    return line_chart(title, lines, unit=unit, y_range=y_range, times=False, x_title=axis, x_ticks=ticks, level=level)


def _points(values: Sequence[float | None]) -> list[tuple[float, float]]:
    return [(float(scale), _number(value)) for scale, value in enumerate(values)]


def ensemble_charts(ensembles: Records, layer: str, since: datetime | None) -> str:
    """Spread and error of the mean before analyses, rank histograms, and the table of ensembles; empty without them."""
    rows = ensemble_markdown(summarise_ensembles(ensembles, since))
    chosen = [r for r in ensembles if r["stage"] in _BEFORE and layer in r["layers"] and r["members"] > 1]
    if not chosen:
        return markdown_html(rows, name="ensembles") if rows else ""
    styles = run_styles(str(r["run"]) for r in ensembles)
    series, ranks = [], []
    for run in dict.fromkeys(str(r["run"]) for r in chosen):
        of_run = [r for r in chosen if r["run"] == run]
        lines = [
            Line(run, [(_day(r), _number(r["layers"][layer].get(key))) for r in of_run], styles[run], role)
            for key, role in (("rmse", ""), ("spread", "spread"))
        ]
        series.append(line_chart(f"{run}, {layer}", lines, unit=_UNIT, y_range=(0.0, None)))
        ranks.append(_ranks(run, of_run, styles[run]))
    key = {"spread": "spread (otherwise error of the ensemble mean)"}
    return (
        f"<h3>Spread and error of the mean, before analyses</h3>{legend(styles, key)}{_charts(series)}"
        f"<h3>Rank histograms</h3>{_charts(ranks)}<h3>Means over time</h3>{markdown_html(rows, name='ensembles')}"
    )


def _ranks(run: str, records: Records, style: RunStyle) -> str:
    counted = [r["rank_histogram"] for r in records if "rank_histogram" in r]
    if not counted:
        return ""
    total = [math.fsum(ranks) for ranks in zip(*counted, strict=True)]
    mean = math.fsum(total) / len(total)
    if not mean:
        return ""
    ranked = next(r["ranked"] for r in records if "ranked" in r)
    title = f"{run}: rank of the {ranked}"
    return bar_chart(title, [count / mean for count in total], style, x_title="rank; 1 is reliable", level=1.0)


def water_table(cycles: Records) -> str:
    """The water that all analyses of each run requested and added, by account, as Markdown; empty without analyses."""
    from landda_hpc.io.markdown import table_lines
    from landda_hpc.water_ledger import LEDGER_ACCOUNTS

    sums: dict[str, list[float]] = {}
    for record in cycles:
        water = record.get("water")
        if water:
            total = sums.setdefault(str(record["run"]), [0.0] * (len(LEDGER_ACCOUNTS) + 1))
            total[0] += 1
            for number, account in enumerate(LEDGER_ACCOUNTS, start=1):
                total[number] += _number(water.get(account))
    if not sums:
        return ""
    headings = ("run", "analyses", *(account.replace("_", " ") for account in LEDGER_ACCOUNTS))
    rows = [
        (run, f"{total[0]:.0f}", *(f"{value:+.3f}".replace("-", "\N{MINUS SIGN}") for value in total[1:]))
        for run, total in sums.items()
    ]
    return "\n".join(table_lines(headings, rows))


def region_table(innovations: Sequence[InnovationDiagnostics], *, by_scale: bool = False) -> str:
    """Innovations of every run by region of the campaign, as Markdown; empty if none are stored.

    With ``by_scale`` each region has a row for each scale.
    """
    from landda_hpc.io.markdown import table_lines

    def text(value: Any, form: str) -> str:
        if not math.isfinite(value):
            return "-"
        written = f"{value:{form}}"
        return written.lstrip("+-") if float(written) == 0.0 else written.replace("-", "\N{MINUS SIGN}")

    known = [(one, one.regions) for one in innovations if one.regions is not None]
    rows = []
    for number, name in enumerate(known[0][1].names if known else ()):
        for one, found in known:
            lag = f" ({one.lag[0]:g} h)" if one.lag.size else ""
            correlation = found.autocorrelation[0, number] if one.lag.size else math.nan
            parts: list[tuple[Any, ...]] = [
                ([], found.mean[number], found.std[number], found.normalised_std[number], correlation)
            ]
            if by_scale:
                columns = (found.scale_mean, found.scale_std, found.scale_normalised_std, found.scale_autocorrelation)
                values = zip(*(column[number] for column in columns), strict=True)
                parts = [([str(scale)], *of_scale) for scale, of_scale in enumerate(values)]
            for labels, mean, std, normalised, correlation in parts:
                rows.append(
                    (
                        name,
                        one.run,
                        *labels,
                        f"{found.count[number]:.0f}",
                        text(mean, "+.4f"),
                        text(std, ".4f"),
                        text(normalised, ".2f"),
                        text(correlation, "+.2f") + (lag if math.isfinite(correlation) else ""),
                    )
                )
    if not rows:
        return ""
    labels = ["scale"] if by_scale else []
    headings = ("region", "run", *labels, "values", "mean", "standard deviation", "normalised", "autocorrelation (lag)")
    return "\n".join(table_lines(headings, rows, n_texts=2 + len(labels)))


def _charts(charts: Sequence[str]) -> str:
    shown = [chart for chart in charts if chart]
    return f'<div class="charts">{"".join(shown)}</div>' if shown else ""


def _day(record: Mapping[str, Any]) -> float:
    return day_number(datetime.fromisoformat(str(record["time"])))


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)
