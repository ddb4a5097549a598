"""Figures of innovations by scale (O-B and O-A, gain and chi-square over time, autocorrelation) and by direction."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from landda_hpc.constants import FloatArray
from landda_hpc.errors import DataError
from landda_hpc.formats.own.innovation_file import InnovationDiagnostics, read_innovation_diagnostics
from landda_hpc.verification.figures import appearance
from landda_hpc.verification.figures.score_series import as_dates, legend_below, time_axis
from landda_hpc.verification.run_styles import run_styles
from landda_hpc.verification.tables.summary import Part

_UNIT: Final = "(m$^3$ m$^{-3}$)"
_ROWS: Final = (f"O-B, O-A {_UNIT}", "applied gain", "chi-square", "autocorrelation")


def plan_innovations(files: Sequence[Path], figures: Path) -> list[Part]:
    """Plan figures of innovations by scale and by direction, from the files of the runs; none without a file.

    Runs with different numbers of scales are drawn in separate figures.
    """

    def groups() -> list[list[InnovationDiagnostics]]:
        found: dict[int, list[InnovationDiagnostics]] = {}
        for file in files:
            one = read_innovation_diagnostics(file)
            found.setdefault(one.sizes["scale"], []).append(one)
        return list(found.values())

    def draw(name: str, what: str, path: Path) -> str | None:
        function = draw_innovation_scales if name == "scales" else draw_innovation_directions
        shown = [runs for runs in groups() if name == "scales" or np.isfinite(runs[0].direction).any()]
        for number, runs in enumerate(shown, start=1):
            place = path if number == 1 else path.with_name(f"{path.stem}_{number}{path.suffix}")
            function(runs, place, title=f"Innovations by {what}")
        return f"O-B and O-A by {what}." if shown else None

    if not files:
        return []
    parts = []
    for name, what in (("scales", "scale"), ("directions", "direction")):
        path = figures / f"innovation_{name}.png"
        parts.append(Part(path, partial(draw, name, what, path), "spectra"))
    return parts


def draw_innovation_scales(runs: Sequence[InnovationDiagnostics], path: Path, *, title: str) -> None:
    """Draw O-B and O-A, gain, chi-square and autocorrelation of several runs; a column for each scale; one file.

    Parameters
    ----------
    runs : diagnostics of runs with the same number of scales.
    path : file of the figure; its suffix gives the format.
    title : title above the panels.

    Raises
    ------
    DataError : there is no run, or the numbers of scales differ.
    StorageError : the file cannot be written.
    """
    n_scales = _common_scales(runs, path)
    styles = run_styles(one.run for one in runs)
    has_lags = any(one.lag.size for one in runs)
    n_rows = len(_ROWS) if has_lags else len(_ROWS) - 1
    figure = appearance.new_figure(2.4 + 2.3 * n_scales, 1.0 + 1.75 * n_rows, title, is_placed=True)
    axes = figure.subplots(n_rows, n_scales, squeeze=False, sharey="row")
    appearance.place_panels(figure, left=0.68, right=0.3, top=0.5, bottom=0.7, column_gap=0.5, row_gap=0.4)
    span = min(one.times[0] for one in runs), max(one.times[-1] for one in runs)
    for scale in range(n_scales):
        for one in runs:
            colour, dash, _ = styles[one.run]
            line: dict[str, Any] = {"color": colour, "linestyle": dash, "linewidth": 1.2}
            dates = as_dates(one.times)
            axes[0, scale].plot(dates, one.innovation[:, scale], **line)
            axes[0, scale].plot(dates, one.residual[:, scale], **{**line, "linewidth": 0.7, "alpha": 0.7})
            axes[1, scale].plot(dates, one.gain[:, scale], **line)
            axes[2, scale].plot(dates, one.chi_square[:, scale], **line)
            if one.lag.size:
                axes[3, scale].plot(one.lag, one.autocorrelation[:, scale], marker="o", markersize=3.0, **line)
        for ax in axes[:3, scale]:
            time_axis(ax, span)
        for ax in axes[:2, scale]:  # the third row has the dates
            ax.tick_params(labelbottom=False)
            ax.xaxis.get_offset_text().set_visible(False)
        name = {0: "scale 0, coarsest", n_scales - 1: f"scale {scale}, finest"}.get(scale, f"scale {scale}")
        appearance.panel_title(axes[0, scale], name, loc="center")
        _bounds(axes[:, scale], has_lags=has_lags)
    _chi_square_axis(axes[2, 0], np.concatenate([one.chi_square.ravel() for one in runs]))
    for row, text in enumerate(_ROWS[:n_rows]):
        axes[row, 0].set_ylabel(text, fontsize=appearance.FONT)
    handles = [Line2D([], [], color=c, linestyle=d, linewidth=1.4, label=n) for n, (c, d, _) in styles.items()]
    handles.append(Line2D([], [], color=appearance.INK, linewidth=0.7, alpha=0.7, label="thin: O-A"))
    legend_below(figure, handles)
    appearance.save(figure, path)


def draw_innovation_directions(runs: Sequence[InnovationDiagnostics], path: Path, *, title: str) -> None:
    """Draw O-B and O-A by direction of the features, as means over time; a panel for each scale with directions.

    Parameters
    ----------
    runs, path, title : see ``draw_innovation_scales``.

    Raises
    ------
    DataError : there is no run, the numbers of scales differ, or no scale has directions.
    StorageError : the file cannot be written.
    """
    n_scales = _common_scales(runs, path)
    first = runs[0]
    shown = [s for s in range(n_scales) if np.isfinite(first.direction[first.scale == s]).any()]
    if not shown:
        raise DataError(f"no scale with directions to draw in '{path}'.")
    styles = run_styles(one.run for one in runs)
    figure = appearance.new_figure(1.6 + 2.9 * len(shown), 3.3, title, is_placed=True)
    axes = figure.subplots(1, len(shown), squeeze=False, sharey=True)[0]
    appearance.place_panels(figure, left=0.66, right=0.2, top=0.5, bottom=0.74, column_gap=0.25)
    for ax, scale in zip(axes, shown, strict=True):
        for one in runs:
            of_scale = one.scale == scale
            # Features lie at right angles to the wavevector.
            x = (one.direction[of_scale] + 90.0) % 180.0
            order = np.argsort(x)
            colour, dash, _ = styles[one.run]
            for values, width in ((one.innovation_by_wedge, 1.3), (one.residual_by_wedge, 0.7)):
                mean = _root_mean_square(values[:, of_scale])
                ax.plot(x[order], mean[order], color=colour, linestyle=dash, linewidth=width)
        appearance.panel_title(ax, f"scale {scale}", loc="center")
        ax.set_xlim(0.0, 180.0)
        ax.set_xticks([0, 45, 90, 135, 180])
        ax.set_xlabel("direction of features (°; 0 zonal, 90 meridional)", fontsize=appearance.FONT)
        appearance.tidy(ax)
    axes[0].set_ylim(bottom=0.0)
    axes[0].set_ylabel(_ROWS[0], fontsize=appearance.FONT)
    handles = [Line2D([], [], color=c, linestyle=d, linewidth=1.4, label=n) for n, (c, d, _) in styles.items()]
    handles.append(Line2D([], [], color=appearance.INK, linewidth=0.7, label="thin: O-A"))
    legend_below(figure, handles)
    appearance.save(figure, path)


def _common_scales(runs: Sequence[InnovationDiagnostics], path: Path) -> int:
    sizes = {one.sizes["scale"] for one in runs}
    if len(sizes) != 1:
        raise DataError(f"no runs, or runs with {sorted(sizes)} scales, to draw in '{path}'; expected one number.")
    return sizes.pop()


def _root_mean_square(values: FloatArray) -> FloatArray:
    """Return root mean squares over time, (n_time, n) -> (n,); NaN where there is no value."""
    known = np.isfinite(values)
    total = np.where(known, values, 0.0) ** 2
    n = known.sum(axis=0)
    mean: FloatArray = np.sqrt(np.divide(total.sum(axis=0), n, out=np.full(n.shape, np.nan), where=n > 0))
    return mean


def _bounds(axes: FloatArray, *, has_lags: bool) -> None:
    """Set ranges and reference lines of the panels of a scale."""
    deviations, gain, chi = axes[:3].tolist()
    deviations.set_ylim(bottom=0.0)
    gain.set_ylim(0.0, 1.0)
    chi.axhline(1.0, color=appearance.INK, linestyle=":", linewidth=0.9)
    if has_lags:
        lagged = axes[3]
        lagged.axhline(0.0, color=appearance.INK, linestyle=":", linewidth=0.9)
        lagged.set_xlabel("lag (h)", fontsize=appearance.FONT)
        lagged.set_xlim(left=0.0)
        appearance.tidy(lagged)


def _chi_square_axis(ax: Axes, values: FloatArray) -> None:
    """Make the axis logarithmic, with a range around the values."""
    known = values[np.isfinite(values) & (values > 0.0)]
    low, high = (min(0.4, 0.8 * known.min()), max(2.5, 1.25 * known.max())) if known.size else (0.4, 2.5)
    appearance.logarithmic_axis(ax, float(low), float(high))
