"""Figure of ensembles: spread and error of the mean over time, and rank histograms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.lines import Line2D

from landda_hpc.errors import DataError
from landda_hpc.verification.figures import appearance
from landda_hpc.verification.figures.score_series import as_dates, legend_below, time_axis
from landda_hpc.verification.run_styles import run_styles

_BACKGROUNDS = ("background", "forecast")
"""Stages before an analysis, or without one."""


def draw_ensembles(records: Sequence[Mapping[str, Any]], path: Path, *, layer: str) -> None:
    """Draw spread and RMSE of the mean of each ensemble over time, and its rank histogram, before analyses.

    Parameters
    ----------
    records : lines of ``ensembles.jsonl``.
    path : file of the figure; its suffix gives the format.
    layer : name of the layer of the series; rank histograms are those of the observed depth.

    Raises
    ------
    DataError : there is no record.
    StorageError : the file cannot be written.
    """
    chosen = [r for r in records if r["stage"] in _BACKGROUNDS and layer in r["layers"] and r["members"] > 1]
    if not chosen:
        raise DataError(f"no record of an ensemble for {layer} to draw in '{path}'.")
    runs = list(dict.fromkeys(str(r["run"]) for r in chosen))
    styles = run_styles(runs)
    times = {run: [datetime.fromisoformat(r["time"]) for r in chosen if r["run"] == run] for run in runs}
    span = min(t[0] for t in times.values()), max(t[-1] for t in times.values())
    columns = max(len(runs), 2)
    figure = appearance.new_figure(1.2 + 2.2 * columns, 5.2, f"Ensembles, {layer}", is_placed=True)
    axes = figure.subplots(2, columns, squeeze=False, sharey="row")
    appearance.place_panels(figure, left=0.7, right=0.25, top=0.62, bottom=0.75, column_gap=0.25, row_gap=0.75)
    for column, run in enumerate(runs):
        of_run = [r for r in chosen if r["run"] == run]
        colour = styles[run][0]
        dates, values = as_dates(times[run]), [r["layers"][layer] for r in of_run]
        series, ranks = axes[0, column], axes[1, column]
        if all(v.get("rmse") is not None for v in values):
            series.plot(dates, [v["rmse"] for v in values], color=colour, linewidth=1.4)
        series.plot(dates, [v["spread"] for v in values], color=colour, linestyle="--", linewidth=1.4)
        time_axis(series, span, most_ticks=5)
        series.set_ylim(bottom=0.0)
        appearance.panel_title(series, f"({chr(ord('a') + column)}) {run}", fontweight="bold")
        counts = [np.array(r["rank_histogram"], dtype=np.float64) for r in of_run if "rank_histogram" in r]
        if counts:
            total = np.sum(counts, axis=0)
            share = total * total.size / total.sum()
            ranks.bar(np.arange(total.size), share, color=colour, width=0.9)
            ranks.axhline(1.0, color=appearance.INK, linewidth=0.8)
            ranked = next(r["ranked"] for r in of_run if "ranked" in r)
            ranks.set_xlabel(f"rank of the {ranked} among the members", fontsize=appearance.SMALL_FONT)
        appearance.tidy(ranks)
    for ax in axes[:, len(runs) :].ravel():
        ax.set_visible(False)
    axes[0, 0].set_ylabel("m$^3$ m$^{-3}$", fontsize=appearance.FONT)
    axes[1, 0].set_ylabel("frequency (1: reliable)", fontsize=appearance.FONT)
    mean = Line2D([], [], color=appearance.INK, linestyle="-", label="RMSE of the ensemble mean")
    legend_below(figure, [mean, Line2D([], [], color=appearance.INK, linestyle="--", label="spread")])
    appearance.save(figure, path)
