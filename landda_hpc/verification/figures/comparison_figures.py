"""Figures of a comparison: dots with intervals, per method and layer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.axes import Axes

from landda_hpc.errors import DataError
from landda_hpc.verification.figures import appearance
from landda_hpc.verification.statistics.sample_size import LEVEL
from landda_hpc.verification.tables.comparison_table import SHOWN, TUNED, ComparisonRow
from landda_hpc.verification.tables.score_records import TRUTH, layer_depth
from landda_hpc.verification.tables.score_table import CONTROL, described

_SCORES: Final = (("scc", "SCC"), ("ubrmse", "ubRMSE (m³ m⁻³)"))

# Okabe & Ito (2008), and different shapes: distinguishable with any colour vision, and without colour.
_MARKERS: Final = {SHOWN[0]: ("#0072B2", "o"), SHOWN[1]: ("#777777", "D"), SHOWN[2]: ("#D55E00", "s")}
_LABELS: Final = {SHOWN[0]: "analysis", SHOWN[1]: "background", SHOWN[2]: "forecast, last day"}


def draw_comparison(
    rows: Sequence[ComparisonRow], path: Path, *, differences: bool = False, reference: str = TRUTH
) -> None:
    """Draw SCC and ubRMSE (rows) of each layer (columns), one line per method; one PNG.

    Parameters
    ----------
    rows : result of ``comparison_table.compare``.
    path : file of the PNG.
    differences : draw paired differences from the baseline instead of the scores. The control is omitted if there are
        other methods, because it is so far from them that they could not be distinguished.
    reference : reference of the scores.

    Raises
    ------
    DataError : there is nothing to draw.
    StorageError : the file cannot be written.
    """
    chosen = [r for r in rows if r.reference == reference and (r.window, r.stage) in SHOWN]
    if differences:
        chosen = [r for r in chosen if r.method != r.baseline]
        chosen = [r for r in chosen if r.method != CONTROL] or chosen
    if not chosen:
        raise DataError(f"no comparison against {described(reference)} to draw in '{path}'.")
    methods = list(dict.fromkeys(r.method for r in chosen))
    layers = sorted({r.layer for r in chosen}, key=layer_depth)
    tuned = {r.method for r in chosen if r.note == TUNED}
    figure = appearance.new_figure(2.0 + 2.6 * len(layers), 1.6 + 2 * (0.5 + 0.24 * len(methods)))
    axes = figure.subplots(len(_SCORES), len(layers), squeeze=False, sharey=True)
    for i, (score, label) in enumerate(_SCORES):
        for j, layer in enumerate(layers):
            here = [r for r in chosen if r.score == score and r.layer == layer]
            _draw_panel(axes[i, j], here, methods, differences)
            _dress(axes[i, j], f"Difference of {label}" if differences else label, layer if i == 0 else "")
    names = [f"{m} *" if m in tuned else m for m in methods]
    for axis in axes[:, 0]:
        axis.set_yticks(range(len(methods)), names)
        axis.set_ylim(len(methods) - 0.5, -0.5)
    figure.suptitle(_title(chosen, reference, bool(tuned), differences), fontsize=appearance.FONT)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=len(SHOWN), fontsize=appearance.SMALL_FONT, frameon=False
    )
    appearance.save(figure, path)


def _draw_panel(axis: Axes, rows: Sequence[ComparisonRow], methods: Sequence[str], differences: bool) -> None:
    """Draw one dot with its interval per method and state; states are slightly shifted."""
    for k, place in enumerate(SHOWN):
        here = [r for r in rows if (r.window, r.stage) == place]
        if not here:
            continue
        values = np.array([r.paired_difference if differences else r.mean for r in here])
        ends = np.array([(r.paired_low, r.paired_high) if differences else (r.low, r.high) for r in here])
        colour, marker = _MARKERS[place]
        heights = np.array([methods.index(r.method) for r in here]) + 0.22 * (k - 1)
        axis.errorbar(
            values,
            heights,
            xerr=np.nan_to_num(np.stack([values - ends[:, 0], ends[:, 1] - values])),
            fmt=marker,
            color=colour,
            markersize=3.6,
            elinewidth=1.1,
            capsize=1.8,
            label=_LABELS[place],
        )
    if differences:
        axis.axvline(0.0, color=appearance.INK, linewidth=0.8)


def _dress(axis: Axes, label: str, layer: str) -> None:
    axis.set_title(layer, fontsize=appearance.FONT)
    axis.set_xlabel(label, fontsize=appearance.SMALL_FONT)
    axis.tick_params(labelsize=appearance.SMALL_FONT, length=2.5, width=0.6)
    axis.grid(visible=True, axis="x", color="#888888", linewidth=0.3, alpha=0.5)
    axis.locator_params(axis="x", nbins=5)


def _title(rows: Sequence[ComparisonRow], reference: str, has_tuned: bool, differences: bool) -> str:
    n_seeds = max(r.n_seeds for r in rows)
    what = f"Paired differences from {rows[0].baseline}" if differences else "Scores"
    mean = f"mean of {n_seeds} seeds, {100 * LEVEL:g} % intervals" if n_seeds > 1 else "one seed"
    note = f"; * {TUNED}" if has_tuned else ""
    return f"{what} against {described(reference)}, {mean}{note}"
