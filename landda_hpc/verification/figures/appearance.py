"""Appearance of figures: colours, colour scales, labels and output, without changes of matplotlib's state."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal

import numpy as np
from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import BoundaryNorm, Colormap
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from landda_hpc.constants import FloatArray
from landda_hpc.io.atomic import write_bytes

LineStyle = Literal["-", "--"]

DPI: Final = 150
FONT: Final = 9.0
SMALL_FONT: Final = 7.5

OCEAN: Final = "#e9ebee"
NO_DATA: Final = "#bcbcbc"
INK: Final = "#333333"

MOISTURE_LEVELS: Final[FloatArray] = np.round(np.arange(0.0, 0.4801, 0.04), 2)
"""Bands of soil moisture, m3 m-3: the same in every map, so that maps can be compared."""

# Okabe & Ito (2008): distinguishable with any colour vision. Known runs keep their colour in every figure.
_RUN_STYLES: Final[dict[str, tuple[str, LineStyle]]] = {
    "control": ("#555555", "--"),
    "pointwise": ("#E69F00", "-"),
    "enkf_like": ("#0072B2", "-"),
}
_OTHER_COLOURS: Final = ("#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#F0E442", "#000000")


def moisture_scale(top: float | None = None) -> tuple[Colormap, BoundaryNorm]:
    """Return colours and bands of soil moisture, from pale (dry) to dark (wet); values above the last band are darkest.

    With ``top``, the same number of bands ends at that value, m3 m-3, as for standard deviations.
    """
    colours = colormaps["YlGnBu"].resampled(256)
    levels = MOISTURE_LEVELS if top is None else np.linspace(0.0, top, MOISTURE_LEVELS.size)
    return colours, BoundaryNorm(levels, colours.N, extend="max")


def difference_scale(values: Iterable[FloatArray]) -> tuple[Colormap, BoundaryNorm]:
    """Return colours and bands of differences: brown is drier, green is wetter, the middle band is white and about 0.

    There are eleven bands; their width is the smallest round number with which at most 2 % of the values lie outside.
    """
    present = np.concatenate([np.zeros(1), *(np.abs(v[np.isfinite(v)]).ravel() for v in values)])
    reach = float(np.quantile(present, 0.98))
    power = 10.0 ** math.floor(math.log10(max(reach, 1e-6) / 5.5))
    step = next(s * power for s in (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 20.0) if 5.5 * s * power >= reach)
    colours = colormaps["BrBG"].resampled(256)
    return colours, BoundaryNorm((np.arange(12) - 5.5) * step, colours.N, extend="both")


def run_styles(runs: Iterable[str]) -> dict[str, tuple[str, LineStyle]]:
    """Return the colour and line style of each run."""
    others = iter(_OTHER_COLOURS * 10)
    styles: dict[str, tuple[str, LineStyle]] = {}
    for run in dict.fromkeys(runs):
        styles[run] = _RUN_STYLES.get(run) or (next(others), "-")
    return styles


def new_figure(width: float, height: float, title: str = "") -> Figure:
    """Return a figure of a size in inches with a title and room for labels, outside pyplot's registry."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    if title:
        figure.suptitle(title, fontsize=FONT + 2)
    return figure


def tidy(ax: Axes) -> None:
    """Give an axis small labels, and a thin frame and grid."""
    ax.tick_params(labelsize=SMALL_FONT, length=2.5, width=0.6)
    ax.grid(visible=True, color="#cccccc", linewidth=0.4)
    ax.set_axisbelow(True)
    for spine in ax.spines.values():
        spine.set_linewidth(0.6)


def logarithmic_axis(ax: Axes, low: float, high: float) -> None:
    """Make the vertical axis logarithmic, with plain numbers."""
    ax.set_yscale("log")
    ax.set_ylim(low, high)
    ticks = [t for t in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0) if low <= t <= high]
    ax.set_yticks(ticks, [f"{t:g}" for t in ticks])
    ax.minorticks_off()


def save(figure: Figure, path: Path) -> None:
    """Write a figure atomically, and make its folder if it is missing; equal figures give equal bytes.

    Parameters
    ----------
    path : file of the figure; its suffix (.png, .pdf or .svg) gives the format.
    """
    kind = path.suffix.lstrip(".")
    # Drawn before the file is opened, so that errors of drawing are not reported as errors of the disk.
    content = io.BytesIO()
    with rc_context({"svg.hashsalt": "landda_hpc", "pdf.fonttype": 42}):
        figure.savefig(content, format=kind, dpi=DPI, metadata=_UNDATED[kind])
    write_bytes(path, content.getvalue(), make_folder=True)


_UNDATED: Final[dict[str, dict[str, str | None]]] = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
    "svg": {"Date": None, "Creator": None},
}
"""Metadata without time and version, by format."""


def longitude_label(value: float, _position: object = None) -> str:
    """Return the label of a longitude, for example "120°W"."""
    value = (value + 180.0) % 360.0 - 180.0
    hemisphere = "" if value in (0.0, -180.0) else "E" if value > 0 else "W"
    return f"{abs(value):g}°{hemisphere}"


def latitude_label(value: float, _position: object = None) -> str:
    """Return the label of a latitude, for example "30°N"."""
    return f"{abs(value):g}°" + ("" if value == 0.0 else "N" if value > 0 else "S")


def date_axis(axes: Axes) -> None:
    """Label an axis of days with three to eight dates in a short format."""
    locator = AutoDateLocator(minticks=3, maxticks=8)  # type: ignore[no-untyped-call]  # matplotlib.dates has no types
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]  # the same
