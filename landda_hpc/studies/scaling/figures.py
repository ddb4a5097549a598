"""Figures of a scaling study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from landda_hpc.campaign.timing import STEPS
from landda_hpc.verification.figures.appearance import (
    FONT,
    SMALL_FONT,
    new_figure,
    panel_title,
    save,
    tidy,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from landda_hpc.studies.scaling.layouts import LayoutNumbers
    from landda_hpc.studies.scaling.model import Prediction
    from landda_hpc.studies.scaling.results import Comparison

_COLOURS: Final = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442", "#777777", "#BBBBBB")
_FAINT: Final = "#999999"


def draw_scaling(
    compared: Sequence[Comparison],
    curve: Sequence[Prediction],
    layouts: Mapping[str, Sequence[LayoutNumbers]],
    floors: Mapping[str, tuple[int, int, float]],
    path: Path,
) -> None:
    """Draw CPU time, bytes sent, imbalance, and bytes of arrays over the number of ranks; one file.

    Parameters
    ----------
    compared, curve : runs and model of the campaign.
    layouts, floors : numbers of layouts, and bytes that every rank holds, by grid.
    """
    figure = new_figure(7.2, 5.6)
    (time, sent), (balance, arrays) = figure.subplots(2, 2)
    most = max(4 * max(one.measured.ranks for one in compared), 64)
    shown = [p for p in curve if p.ranks <= most]
    is_weak = len({one.measured.grid for one in compared}) > 1
    if not is_weak:
        ranks = [p.ranks for p in shown]
        time.plot(ranks, [p.compute for p in shown], color=_COLOURS[0], lw=1.2, label="model")
        first = shown[0].compute
        time.plot(ranks, [first / n for n in ranks], color=_FAINT, lw=0.8, ls=":", label="ideal")
        sent.plot(ranks[1:], [p.bytes_max / 1e6 for p in shown[1:]], color=_COLOURS[0], lw=1.2, label="model, busiest")
        sent.plot(ranks[1:], [p.bytes_mean / 1e6 for p in shown[1:]], color=_COLOURS[1], lw=1.2, label="model, mean")
    _points(time, compared, [one.compute for one in compared], _COLOURS[0], "runs, busiest rank")
    several = [one for one in compared if one.measured.ranks > 1]
    _points(sent, several, [one.bytes_max / 1e6 for one in several], _COLOURS[0], "runs, busiest")
    _points(sent, several, [one.bytes_mean / 1e6 for one in several], _COLOURS[1], "runs, mean")
    _points(
        balance,
        several,
        [100 * one.measured.imbalance("forecast") for one in several],
        "#000000",
        "runs: CPU, forecast",
    )
    for colour, (grid, numbers) in zip(_COLOURS, layouts.items(), strict=False):
        several_ranks = [n for n in numbers if n.ranks > 1 and n.imbalance > 0.0]
        balance.plot(
            [n.ranks for n in several_ranks],
            [100 * n.imbalance for n in several_ranks],
            color=colour,
            lw=1.0,
            label=grid,
        )
        arrays.plot(
            [n.ranks for n in numbers], [n.state_bytes / 1e6 for n in numbers], color=colour, lw=1.0, label=grid
        )
        arrays.axhline(floors[grid][2] / 1e6, color=colour, lw=0.8, ls="--")
    balance.axhline(5.0, color=_FAINT, lw=0.8, ls=":")
    _axis(time, "a  CPU time of computing", "s per cycle")
    _axis(sent, "b  Data sent by a rank", "MB per cycle")
    _axis(balance, "c  Imbalance (busiest / mean - 1)", "%")
    _axis(arrays, "d  States of the fullest rank (dashed: floor)", "MB")
    balance.set_ylim(bottom=0.01)
    save(figure, path)


def draw_cycle(curve: Sequence[Prediction], path: Path) -> None:
    """Draw the parts of a cycle's time in the model over the number of ranks; one file."""
    figure = new_figure(7.2, 3.0)
    seconds, shares = figure.subplots(1, 2)
    ranks = [p.ranks for p in curve]
    parts = {step: np.array([p.steps[step] for p in curve]) for step in STEPS}
    parts |= {"network": np.array([p.network for p in curve]), "files": np.array([p.files for p in curve])}
    total = np.sum(list(parts.values()), axis=0)
    for colour, (name, values) in zip(_COLOURS, parts.items(), strict=True):
        is_used = values > 0.0
        seconds.plot(np.array(ranks)[is_used], values[is_used], color=colour, lw=1.0, label=name)
    seconds.plot(ranks, total, color="#000000", lw=1.6, ls="--", label="cycle")
    shares.stackplot(
        ranks, [100 * values / total for values in parts.values()], colors=_COLOURS, labels=list(parts), lw=0.0
    )
    _axis(seconds, "a  Time of a cycle in the model", "s", legend=False)
    seconds.set_ylim(bottom=max(float(total.min()) * 1e-3, 1e-6))
    _axis(shares, "b  Share of the parts", "%", legend=False)
    shares.set_yscale("linear")
    shares.set_ylim(0.0, 100.0)
    shares.set_xlim(ranks[0], ranks[-1])
    handles, labels = seconds.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", fontsize=SMALL_FONT, frameon=False)
    save(figure, path)


def _points(ax: Axes, compared: Sequence[Comparison], values: Sequence[float], colour: str, label: str) -> None:
    """Measured values; hollow where the fit did not use them."""
    for is_held, face in ((False, colour), (True, "#ffffff")):
        chosen = [
            (one.measured.ranks, v) for one, v in zip(compared, values, strict=True) if one.is_held_back == is_held
        ]
        if chosen:
            ax.plot(
                *zip(*chosen, strict=True), ls="", marker="o", ms=4.5, mec=colour, mfc=face, zorder=3,
                label=f"{label}{', held back' if is_held else ''}",
            )  # fmt: skip


def _axis(ax: Axes, title: str, label: str, *, legend: bool = True) -> None:
    tidy(ax)
    panel_title(ax, title)
    ax.set_xscale("log")
    ax.set_yscale("log")
    low, high = ax.get_xlim()
    ticks = [t for t in (1, 2, 4, 8, 16, 32, 64, 256, 1024, 4096) if low <= t <= high]
    if high > 500:
        ticks = [t for t in (1, 10, 100, 1000, 10000) if low <= t <= high]
    ax.set_xticks(ticks, [f"{t:,}" for t in ticks])
    ax.minorticks_off()
    bottom, top = ax.get_ylim()
    if top / max(bottom, 1e-12) < 50.0:
        plain = [m * 10.0**e for e in range(-5, 6) for m in (1, 2, 5) if bottom <= m * 10.0**e <= top]
        ax.set_yticks(plain, [f"{t:g}" for t in plain])
    ax.set_xlabel("ranks", fontsize=FONT)
    ax.set_ylabel(label, fontsize=FONT)
    if legend:
        ax.legend(fontsize=SMALL_FONT - 1.0, frameon=False)
