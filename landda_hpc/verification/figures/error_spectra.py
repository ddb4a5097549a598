"""Figure of learned errors by scale and direction, next to those that a run assumed, with a map of B."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.lines import Line2D

from landda_hpc.regions import GLOBE
from landda_hpc.verification.figures import appearance
from landda_hpc.verification.figures.maps import Coastline, draw_image, frame_map, shown_region
from landda_hpc.verification.figures.score_series import legend_below
from landda_hpc.verification.statistics.region_windows import window_of

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from landda_hpc.constants import BoolArray, FloatArray
    from landda_hpc.formats.own.learned_errors import ErrorEstimates, Estimate, GroupErrors

BACKGROUND: Final = "#D55E00"
OBSERVATION: Final = "#0072B2"
INNOVATION: Final = "#555555"
_SCALE_COLOURS: Final = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")
_UNIT: Final = "(m$^3$ m$^{-3}$)"


def draw_error_spectra(
    errors: ErrorEstimates,
    path: Path,
    *,
    applied_gain: FloatArray,
    is_land: BoolArray,
    coastline: Coastline,
    title: str,
    note: str = "",
) -> None:
    """Draw standard deviations, gain and chi-square by scale, B by direction, and a map of B; one PNG, PDF or SVG.

    Parameters
    ----------
    errors : learned errors.
    path : file of the figure; its suffix gives the format.
    applied_gain : gain of the run's increments by scale, (n_scales,); NaN without analyses.
    is_land : land cells, (n_lat, n_lon).
    coastline : coastline of the map.
    title, note : texts above the panels, the note in small print.

    Raises
    ------
    StorageError : the file cannot be written.
    """
    figure = appearance.new_figure(10.0, 7.2, title)
    rows: Any = figure.subfigures(2, 1, height_ratios=(1.0, 1.06))
    if note:
        rows[0].suptitle(note, fontsize=appearance.SMALL_FONT, color=appearance.INK)
    upper = rows[0].subplots(1, 3)
    lower = rows[1].subplots(1, 2, width_ratios=(1.0, 2.05))
    _deviations(upper[0], errors.by_scale)
    _gains(upper[1], errors.by_scale, applied_gain)
    _chi_square(upper[2], errors.by_scale)
    _directions(lower[0], errors)
    _map(rows[1], lower[1], errors, is_land, coastline)
    for letter, ax in zip("abcde", (*upper, *lower), strict=True):
        ax.set_title(f"({letter}) {ax.get_title()}", loc="left", fontsize=appearance.FONT)
        ax.set_title("")
    handles: list[Any] = [
        _point(OBSERVATION, "observation error, R"),
        _point(BACKGROUND, "background error, B"),
        _point(INNOVATION, "innovation, B + R"),
        Line2D([], [], color=appearance.INK, linestyle="--", linewidth=1.0, label="assumed by the run"),
    ]
    legend_below(figure, handles)
    appearance.save(figure, path)


def scale_axis(ax: Axes, n_scales: int) -> None:
    """Give an axis the numbers of the scales, coarsest first."""
    names = [str(scale) for scale in range(n_scales)]
    names[0] += "\ncoarsest"
    names[-1] += "\nfinest"
    ax.set_xticks(range(n_scales), names)
    ax.set_xlim(-0.5, n_scales - 0.5)
    ax.set_xlabel("scale", fontsize=appearance.FONT)
    appearance.tidy(ax)


def _point(colour: str, label: str) -> Line2D:
    return Line2D([], [], color=colour, marker="o", markersize=4.0, linewidth=1.2, label=label)


def _half(value: FloatArray, limits: FloatArray) -> FloatArray:
    """Return the lengths of error bars below and above the values, (2, n); 0 without an interval."""
    bars: FloatArray = np.nan_to_num(np.abs(limits - value[:, None])).T
    return bars


def _bars(ax: Axes, estimate: Estimate, colour: str, shift: float, *, is_variance: bool) -> None:
    """Draw values by scale with their intervals; of variances, the square roots."""
    value, limits = estimate.value, estimate.limits
    if is_variance:
        value, limits = np.sqrt(value), np.sqrt(limits)
    x = np.arange(value.size) + shift
    half = _half(value, limits)
    ax.errorbar(
        x, value, yerr=half, color=colour, marker="o", markersize=4.0, linewidth=1.2, elinewidth=1.0, capsize=2.5
    )


def _levels(ax: Axes, values: FloatArray, colour: str) -> None:
    """Draw a dashed line across each scale."""
    for scale, value in enumerate(values):
        if np.isfinite(value):
            ax.plot([scale - 0.36, scale + 0.36], [value, value], color=colour, linestyle="--", linewidth=1.1)


def _deviations(ax: Axes, errors: GroupErrors) -> None:
    _bars(ax, errors.innovation, INNOVATION, 0.0, is_variance=True)
    _bars(ax, errors.observation, OBSERVATION, -0.1, is_variance=True)
    _bars(ax, errors.background, BACKGROUND, 0.1, is_variance=True)
    _levels(ax, np.sqrt(errors.assumed_observation), OBSERVATION)
    _levels(ax, np.sqrt(errors.assumed_background), BACKGROUND)
    ax.set_ylim(bottom=0.0)
    ax.set_title("Standard deviation")
    ax.set_ylabel(f"equivalent white errors {_UNIT}", fontsize=appearance.FONT)
    scale_axis(ax, errors.gain.value.size)


def _gains(ax: Axes, errors: GroupErrors, applied: FloatArray) -> None:
    _bars(ax, errors.gain, "#009E73", 0.0, is_variance=False)
    _levels(ax, errors.assumed_gain, appearance.INK)
    handles = [_point("#009E73", "B / (B + R), learned")]
    if np.isfinite(applied).any():
        ax.plot(
            np.arange(applied.size), applied, linestyle="none", marker="D", markersize=4.0, color=appearance.INK,
            markerfacecolor="white",
        )  # fmt: skip
        handles.append(
            Line2D(
                [], [], linestyle="none", marker="D", markersize=4.0, color=appearance.INK, markerfacecolor="white",
                label="of the run's increments",
            )
        )  # fmt: skip
    ax.set_ylim(0.0, 1.0)
    ax.set_title("Gain K")
    ax.legend(handles=handles, fontsize=appearance.SMALL_FONT, frameon=False)
    scale_axis(ax, errors.gain.value.size)


def _chi_square(ax: Axes, errors: GroupErrors) -> None:
    chi = errors.chi_square
    ax.set_title("Innovation variance / assumed B + R")
    scale_axis(ax, chi.size)
    if not np.isfinite(chi).any():
        ax.text(
            0.5,
            0.5,
            "this run does not assume B + R",
            transform=ax.transAxes,
            ha="center",
            fontsize=appearance.SMALL_FONT,
        )
        ax.set_yticks([])
        return
    ax.axhspan(0.5, 2.0, color="#f1f5f9", zorder=0)
    ax.axhline(1.0, color=appearance.INK, linestyle="--", linewidth=1.0)
    limits = errors.innovation.limits * (chi / errors.innovation.value)[:, None]
    ax.errorbar(
        np.arange(chi.size), chi, yerr=_half(chi, limits), color=INNOVATION, marker="o", markersize=4.0, linewidth=1.2,
        elinewidth=1.0, capsize=2.5,
    )  # fmt: skip
    low, high = min(0.4, 0.7 * float(np.nanmin(chi))), max(2.5, 1.4 * float(np.nanmax(chi)))
    appearance.logarithmic_axis(ax, low, high)


def _directions(ax: Axes, errors: ErrorEstimates) -> None:
    """Draw the standard deviation of background errors by direction of the features, one line per scale."""
    b = np.sqrt(errors.by_wedge.background.value)
    for scale in sorted(set(errors.scale.tolist())):
        of_scale = (errors.scale == scale) & np.isfinite(errors.direction)
        if not of_scale.any():
            continue
        order = np.argsort(errors.direction[of_scale])
        # Features lie at right angles to the wavevector.
        x = (errors.direction[of_scale][order] + 90.0) % 180.0
        again = np.argsort(x)
        colour = _SCALE_COLOURS[scale % len(_SCALE_COLOURS)]
        ax.plot(
            x[again], b[of_scale][order][again], color=colour, marker="o", markersize=2.5, linewidth=1.1,
            label=f"scale {scale}",
        )  # fmt: skip
    ax.set_title("Background error by direction")
    ax.set_xlim(0.0, 180.0)
    ax.set_xticks([0, 45, 90, 135, 180], ["0\nzonal", "45", "90\nmeridional", "135", "180\nzonal"])
    ax.set_ylim(bottom=0.0)
    ax.set_xlabel("direction of features (degrees from east towards north)", fontsize=appearance.FONT)
    ax.set_ylabel(f"equivalent white errors {_UNIT}", fontsize=appearance.FONT)
    if ax.get_legend_handles_labels()[0]:
        ax.legend(fontsize=appearance.SMALL_FONT, frameon=False)
    appearance.tidy(ax)


def _map(figure: Any, ax: Axes, errors: ErrorEstimates, is_land: BoolArray, coastline: Coastline) -> None:
    """Draw a map of the local standard deviation of background errors."""
    grid, deviation = errors.grid, np.sqrt(errors.local_background)
    known = deviation[np.isfinite(deviation)]
    top = float(np.quantile(known, 0.99)) if known.size else 0.1
    step = next(s for s in (0.002, 0.005, 0.01, 0.02, 0.05, 0.1) if 12 * s >= top or s == 0.1)
    colours, norm = appearance.moisture_scale(12 * step)
    region = shown_region(GLOBE, grid, np.isfinite(deviation))
    window = window_of(grid, region)
    land = is_land[window.index]
    draw_image(ax, window, land, np.ma.masked_invalid(deviation[window.index]), colours, norm)
    frame_map(ax, region, coastline)
    ax.set_title("Local background error")
    bar = figure.colorbar(ScalarMappable(norm=norm, cmap=colours), ax=ax, fraction=0.03, pad=0.01)
    bar.set_label(f"standard deviation {_UNIT}", fontsize=appearance.FONT)
    bar.ax.tick_params(labelsize=appearance.SMALL_FONT)
