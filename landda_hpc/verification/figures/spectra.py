"""Figure of error, increment and spread by scale."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.lines import Line2D

from landda_hpc.errors import DataError
from landda_hpc.verification.figures import appearance
from landda_hpc.verification.figures.error_spectra import scale_axis
from landda_hpc.verification.figures.score_series import legend_below
from landda_hpc.verification.run_styles import run_styles
from landda_hpc.verification.tables.spectra import AFTER, BEFORE, INCREMENT, QUANTITIES, SPREAD, Spectrum
from landda_hpc.verification.tables.summary import Part

_PANELS: Final = (("Error", (BEFORE, AFTER)), ("Increment", (INCREMENT,)), ("Spread of members", (SPREAD,)))


def plan_spectra(found: Callable[[], Sequence[Spectrum]], figures: Path) -> list[Part]:
    """Plan the figure of a campaign's spectra."""

    def draw(path: Path) -> str | None:
        known = [one for one in found() if one.window == "assimilation" and one.quantity in QUANTITIES.values()]
        if not known:
            return None
        draw_spectra(known, path)
        return (
            "Error before and after analyses (with a truth), increment, and spread of the members (of ensembles) by "
            "scale: root mean squares over the assimilation window."
        )

    path = figures / "spectra.png"
    return [Part(path, partial(draw, path), "spectra")]


def draw_spectra(found: Sequence[Spectrum], path: Path) -> None:
    """Draw the spectra of the assimilation window, a panel for each of error, increment and spread; one file.

    Parameters
    ----------
    found : spectra of all runs; runs with fewer scales have shorter curves.
    path : file of the figure; its suffix gives the format.

    Raises
    ------
    DataError : there is nothing to draw.
    StorageError : the file cannot be written.
    """
    mine = [one for one in found if one.window == "assimilation" and one.quantity in QUANTITIES.values()]
    panels = [
        (title, shown)
        for title, keys in _PANELS
        if (shown := [one for one in mine if one.quantity in {QUANTITIES[key] for key in keys}])
    ]
    if not panels:
        raise DataError(f"no error, increment or spread by scale to draw in '{path}'.")
    styles = run_styles(one.run for one in found)
    n_scales = max(one.values.size for one in mine)
    figure = appearance.new_figure(1.4 + 2.9 * len(panels), 3.6, "By scale, assimilation window", is_placed=True)
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    appearance.place_panels(figure, left=0.72, right=0.2, top=0.62, bottom=1.0, column_gap=0.55)
    for number, (ax, (title, shown)) in enumerate(zip(axes, panels, strict=True)):
        for one in shown:
            colour, dash, marker = styles[one.run]
            is_after = one.quantity == QUANTITIES[AFTER]
            look: dict[str, Any] = {"linewidth": 0.9, "markerfacecolor": "white"} if is_after else {"linewidth": 1.5}
            x = np.arange(one.values.size)
            ax.plot(x, one.values, color=colour, linestyle=dash, marker=marker, markersize=4.0, **look)
        appearance.panel_title(ax, f"({chr(ord('a') + number)}) {title}")
        ax.set_ylim(bottom=0.0)
        scale_axis(ax, n_scales)
    axes[0].set_ylabel("equivalent white errors (m$^3$ m$^{-3}$)", fontsize=appearance.FONT)
    runs = dict.fromkeys(one.run for one in mine)
    handles = [
        Line2D([], [], color=styles[run][0], linestyle=styles[run][1], marker=styles[run][2], markersize=4.0, label=run)
        for run in runs
    ]
    if any(one.quantity == QUANTITIES[AFTER] for one in mine):
        handles.append(
            Line2D([], [], color=appearance.INK, linewidth=0.9, marker="o", markersize=4.0, markerfacecolor="white",
                   label="open, thin: after the analysis")
        )  # fmt: skip
    legend_below(figure, handles)
    appearance.save(figure, path)
