"""Figures of scores over time, and of innovation statistics over the cycles."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import date2num
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from landda_hpc.errors import DataError
from landda_hpc.verification.figures import appearance
from landda_hpc.verification.run_styles import coincidence_note, coincidences, marked_points, run_styles
from landda_hpc.verification.tables.benchmarks import Benchmark, by_label, of_images
from landda_hpc.verification.tables.score_records import ScoreRecord, last_stage, layer_depth, parse_json_lines
from landda_hpc.verification.tables.score_table import CONTROL, described

WINDOW_SHADE: Final = "#f1f5f9"
_SCORES: Final = (("scc", "SCC"), ("ubrmse", "ubRMSE (m$^3$ m$^{-3}$)"))


def draw_score_series(
    records: Iterable[ScoreRecord],
    path: Path,
    *,
    reference: str,
    benchmarks: Sequence[Benchmark] = (),
) -> None:
    """Draw SCC and ubRMSE over time, one row per layer, and write one PNG.

    Parameters
    ----------
    records : score records; those against ``reference`` are drawn.
    path : file of the PNG.
    reference : "truth", "assimilated reference" or a product's name.
    benchmarks : known means over the assimilation window, drawn as thin dashed lines; ranges are bands.

    Raises
    ------
    DataError : there is no record to draw.
    StorageError : the file cannot be written.

    Notes
    -----
    Curves that coincide are named in the panel; markers of the runs lie at different times.
    The line of a run passes through its analysis if there is one, otherwise through its forecast or background. Thin
    pale lines are the scores of the background, before each analysis.
    """
    chosen = [r for r in records if r.reference == reference]
    if not chosen:
        raise DataError(f"no score record against '{reference}' to draw in '{path}'.")
    order = _control_first(r.run for r in chosen)
    styles = run_styles(order)
    layers = sorted({r.layer for r in chosen}, key=layer_depth)
    window_end = max((r.time for r in chosen if r.window == "assimilation"), default=None)
    span = min(r.time for r in chosen), max(r.time for r in chosen)
    known = [b for b in of_images(benchmarks, reference) if (b.window, b.statistic) == ("assimilation", "mean")]
    known = [b for b in known if b.layer in layers and b.metric in dict(_SCORES)]

    title = f"Soil moisture against {described(reference)}"
    figure = appearance.new_figure(10.0, 1.2 + 2.0 * len(layers), title, is_placed=True)
    axes = figure.subplots(len(layers), 2, squeeze=False, sharex=True, sharey="col")
    appearance.place_panels(figure, left=0.6, right=0.3, top=0.54, bottom=0.7, column_gap=0.84, row_gap=0.33)
    for row, layer in enumerate(layers):
        of_layer = [r for r in chosen if r.layer == layer]
        for column, (score, label) in enumerate(_SCORES):
            ax: Axes = axes[row, column]
            curves: dict[str, list[tuple[float, float]]] = {}
            for number, run in enumerate(order):
                of_run = [r for r in of_layer if r.run == run]
                colour, dash, marker = styles[run]
                states = sorted(last_stage(of_run), key=lambda r: r.time)
                curves[run] = [
                    (d, float(getattr(r, score))) for d, r in zip(as_dates(r.time for r in states), states, strict=True)
                ]
                if any(r.stage == "analysis" for r in of_run):
                    before = [r for r in of_run if r.stage == "background"]
                    _line(ax, before, score, color=colour, linewidth=0.7, alpha=0.5)
                marked = {
                    "marker": marker,
                    "markersize": 3.2,
                    "markevery": marked_points(len(states), number, len(order)),
                }
                _line(
                    ax,
                    states,
                    score,
                    color=colour,
                    linestyle=dash,
                    linewidth=1.5,
                    **(marked if len(states) > 3 else {}),
                )
            _note_coincidences(ax, coincidence_note(coincidences(curves)))
            if window_end is not None:
                _benchmark_lines(ax, [b for b in known if (b.layer, b.metric) == (layer, score)], span[0], window_end)
            mark_window(ax, span, window_end, with_text=row == 0)
            time_axis(ax, span)
            ax.set_ylabel(label, fontsize=appearance.FONT)
            title = f"({chr(ord('a') + 2 * row + column)}) {layer}"
            appearance.panel_title(ax, title, fontweight="bold")
    for column, (score, _) in enumerate(_SCORES):
        drawn = [ax.dataLim for ax in axes[:, column]]
        _limits(axes[0, column], score, [float(d.ymin) for d in drawn], [float(d.ymax) for d in drawn])
    handles: list[Any] = [
        Line2D([], [], color=c, linestyle=d, marker=m, markersize=3.2, linewidth=1.5, label=run)
        for run, (c, d, m) in ((run, styles[run]) for run in order)
    ]
    if any(r.stage == "analysis" for r in chosen):
        handles.append(
            Line2D([], [], color="#888888", linewidth=0.7, alpha=0.7, label="background, before the analysis")
        )
    handles += [
        Line2D([], [], label=label, **_benchmark_style(group[0]))
        for label, group in by_label(known if window_end is not None else ()).items()
    ]
    legend_below(figure, handles)
    appearance.save(figure, path)


@dataclass(frozen=True)
class InnovationRecord:
    """Innovation statistics of one analysis, over the observed cells.

    Attributes
    ----------
    cycle, time, run : as in a score record.
    innovation_mean, innovation_std : mean and standard deviation of observation minus background, m3 m-3.
    residual_mean, residual_std : the same of observation minus analysis, m3 m-3; NaN without an analysis.
    n_observations : number of observed cells.
    """

    cycle: int
    time: datetime
    run: str
    innovation_mean: float
    innovation_std: float
    residual_mean: float
    residual_std: float
    n_observations: int


def read_innovations(path: Path) -> list[InnovationRecord]:
    """Read innovation statistics from a campaign's ``cycles.jsonl``.

    Lines without ``innovation_mean`` (cycles of the free forecast) and other keys are ignored; of several lines of a
    time and run the last is used.

    Raises
    ------
    MissingFileError, DataError : the file does not exist; a line, named by its number, is malformed.
    """
    names = [field.name for field in fields(InnovationRecord)]
    unique: dict[tuple[datetime, str], InnovationRecord] = {}
    for plain, where in parse_json_lines(path):
        if "innovation_mean" not in plain:
            continue
        missing = [name for name in names if name not in plain]
        if missing:
            raise DataError(f"{where}: innovation statistics lack {', '.join(missing)}.")
        try:
            record = InnovationRecord(
                cycle=int(plain["cycle"]),
                time=datetime.fromisoformat(str(plain["time"])).replace(tzinfo=None),
                run=str(plain["run"]),
                n_observations=int(plain["n_observations"]),
                **{n: math.nan if plain[n] is None else float(plain[n]) for n in names[3:7]},
            )
        except (TypeError, ValueError) as error:
            raise DataError(f"{where}: innovation statistics are malformed ({error}).") from error
        unique[record.time, record.run] = record
    return sorted(unique.values(), key=lambda r: (r.time, r.run))


def draw_innovations(records: Iterable[InnovationRecord], path: Path) -> None:
    """Draw mean and standard deviation of O-B and O-A, and the number of observations, over the cycles.

    Raises
    ------
    DataError : there are no records.
    StorageError : the file cannot be written.
    """
    records = sorted(records, key=lambda r: r.time)
    if not records:
        raise DataError(f"no innovation statistics to draw in '{path}'.")
    order = _control_first(r.run for r in records)
    styles = run_styles(order)
    span = records[0].time, records[-1].time
    figure = appearance.new_figure(8.0, 6.4, "Innovation statistics", is_placed=True)
    axes = figure.subplots(3, 1, sharex=True, height_ratios=(1.0, 1.0, 0.6))
    appearance.place_panels(figure, left=0.76, right=0.3, top=0.52, bottom=0.7, row_gap=0.33)
    for run in order:
        of_run = [r for r in records if r.run == run]
        times = as_dates(r.time for r in of_run)
        colour = styles[run][0]
        for ax, statistic in zip(axes[:2], ("mean", "std"), strict=True):
            for kind, dash in (("innovation", "-"), ("residual", ":")):
                values = [getattr(r, f"{kind}_{statistic}") for r in of_run]
                ax.plot(times, values, color=colour, linestyle=dash, linewidth=1.3, **_markers(len(values)))
        axes[2].plot(times, [r.n_observations for r in of_run], color=colour, linewidth=1.3, **_markers(len(of_run)))
    axes[0].axhline(0.0, color=appearance.INK, linewidth=0.6)
    texts = (
        ("Mean", "m$^3$ m$^{-3}$"),
        ("Standard deviation", "m$^3$ m$^{-3}$"),
        ("Observed cells", "number"),
    )
    for letter, ax, (name, unit) in zip("abc", axes, texts, strict=True):
        appearance.panel_title(ax, f"({letter}) {name}", fontweight="bold")
        ax.set_ylabel(unit, fontsize=appearance.FONT)
        time_axis(ax, span)
    for ax in axes[1:]:
        ax.set_ylim(bottom=0.0)
        ax.margins(y=0.12)
        ax.set_ylim(0.0, 1.08 * max(1e-9, float(ax.dataLim.ymax) if np.isfinite(ax.dataLim.ymax) else 1.0))
    handles = [Line2D([], [], color=styles[run][0], linewidth=1.5, label=run) for run in order]
    handles += [
        Line2D([], [], color=appearance.INK, linestyle="-", linewidth=1.2, label="observation minus background"),
        Line2D([], [], color=appearance.INK, linestyle=":", linewidth=1.2, label="observation minus analysis"),
    ]
    legend_below(figure, handles)
    appearance.save(figure, path)


def _benchmark_style(one: Benchmark) -> dict[str, Any]:
    colour = "#1B9FDE" if one.assimilates else "#111111"
    return {"color": colour, "linestyle": (0, (6, 3)), "linewidth": 0.9}


def _benchmark_lines(ax: Axes, benchmarks: Iterable[Benchmark], start: datetime, end: datetime) -> None:
    span = as_dates((start, end))
    for one in benchmarks:
        style = _benchmark_style(one)
        if one.upper is not None:
            ax.fill_between(span, one.value, one.upper, color=style["color"], alpha=0.12, linewidth=0.0, zorder=2.4)
        ax.plot(span, [one.middle, one.middle], zorder=2.5, **style)


def _line(ax: Axes, records: Iterable[ScoreRecord], score: str, **style: Any) -> None:
    ordered = sorted(records, key=lambda r: r.time)
    values = np.array([getattr(r, score) for r in ordered], dtype=np.float64)
    if np.isfinite(values).any():
        ax.plot(as_dates(r.time for r in ordered), values, **_markers(len(values)), **style)


def _note_coincidences(ax: Axes, note: str) -> None:
    """Name curves that lie on others, in small letters within the panel."""
    if note:
        ax.text(0.01, 0.02, note, transform=ax.transAxes, fontsize=appearance.SMALL_FONT - 1.0, color=appearance.INK)


def _markers(n: int) -> dict[str, Any]:
    """Return markers if a line has too few points to be seen."""
    return {"marker": "o", "markersize": 3.0} if n < 4 else {}


def mark_window(ax: Axes, span: tuple[datetime, datetime], end: datetime | None, *, with_text: bool) -> None:
    """Shade the assimilation window and mark its end."""
    if end is None:
        return
    start, edge, last = as_dates((span[0], end, span[1]))
    ax.axvspan(start, edge, color=WINDOW_SHADE, zorder=0)
    if edge < last:
        ax.axvline(edge, color=appearance.INK, linestyle="--", linewidth=0.8)
    if with_text:
        for left, right, text in ((start, edge, "assimilation"), (edge, last, "free forecast")):
            if right - left > 0.12 * (last - start):
                ax.annotate(
                    text,
                    (right, 1.0),
                    (-2, 3),
                    xycoords=("data", "axes fraction"),
                    textcoords="offset points",
                    ha="right",
                    fontsize=appearance.SMALL_FONT,
                    color=appearance.INK,
                )


def time_axis(ax: Axes, span: tuple[datetime, datetime], most_ticks: int = 8) -> None:
    """Give an axis dates from the first time to the last, and a grid; with few ticks for a narrow panel."""
    appearance.date_axis(ax, most_ticks)
    first, last = as_dates(span)
    if last > first:
        ax.set_xlim(first, last)
    appearance.tidy(ax)
    ax.xaxis.get_offset_text().set_fontsize(appearance.SMALL_FONT)


def _limits(ax: Axes, score: str, lowest: Sequence[float], highest: Sequence[float]) -> None:
    """Set round limits around all layers; those of a correlation end at 1, those of an error are not below 0."""
    lowest = [v for v in lowest if math.isfinite(v)]
    highest = [v for v in highest if math.isfinite(v)]
    if not lowest or not highest:
        return
    step = 0.1 if score == "scc" else 0.02
    bottom = step * math.floor(min(lowest) / step - 0.2)
    top = step * math.ceil(max(highest) / step + 0.2)
    ax.set_ylim((bottom, 1.0) if score == "scc" else (max(0.0, bottom), top))


def legend_below(figure: Figure, handles: list[Any]) -> None:
    """Put a figure's legend below its panels."""
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=len(handles) if len(handles) < 6 else (len(handles) + 1) // 2,
        fontsize=appearance.SMALL_FONT + 0.5,
        frameon=False,
        handlelength=2.6,
    )


def _control_first(runs: Iterable[str]) -> list[str]:
    names = list(dict.fromkeys(runs))
    return sorted(names, key=lambda run: run != CONTROL)


def as_dates(times: Iterable[datetime]) -> list[float]:
    """Convert times to matplotlib's days."""
    return [float(date2num(time)) for time in times]  # type: ignore[no-untyped-call]  # matplotlib.dates has no types
