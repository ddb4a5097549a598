"""Appearance of figures: colours, colour scales, labels and output, without changes of matplotlib's state."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, Colormap
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.text import Text
from PIL import Image

from landda_hpc.constants import FloatArray
from landda_hpc.errors import ConfigError
from landda_hpc.io.atomic import write_bytes
from landda_hpc.io.experiment_label import current_label
from landda_hpc.verification.figures.figure_style import FONT_SIZE, current_style

FONT: Final = FONT_SIZE
SMALL_FONT: Final = 7.5

OCEAN: Final = "#e9ebee"
NO_DATA: Final = "#bcbcbc"
INK: Final = "#333333"

MOISTURE_LEVELS: Final[FloatArray] = np.round(np.arange(0.0, 0.4801, 0.04), 2)
"""Bands of soil moisture, m3 m-3: the same in every map, so that maps can be compared."""


def moisture_scale(top: float | None = None) -> tuple[Colormap, BoundaryNorm]:
    """Return colours and bands of soil moisture, from pale (dry) to dark (wet); values above the last band are darkest.

    With ``top``, the same number of bands ends at that value, m3 m-3, as for standard deviations.
    """
    colours = colormaps["YlGnBu"].resampled(256)
    levels = MOISTURE_LEVELS if top is None else np.linspace(0.0, top, MOISTURE_LEVELS.size)
    return colours, BoundaryNorm(levels, colours.N, extend="max")


def difference_reach(values: Iterable[FloatArray]) -> float:
    """Return the size that 98 % of the differences do not exceed; 0 if there are none. NaN is left out."""
    present = np.concatenate([np.zeros(1), *(np.abs(v[np.isfinite(v)]).ravel() for v in values)])
    return float(np.quantile(present, 0.98))


def difference_scale(values: Iterable[FloatArray], reach: float | None = None) -> tuple[Colormap, BoundaryNorm]:
    """Return colours and bands of differences: brown is drier, green is wetter, the middle band is white and about 0.

    There are eleven bands; their width is the smallest round number with which at most 2 % of the values lie outside.
    With ``reach``, in the unit of the values, the bands hold differences of this size, whatever the values are.
    """
    reach = difference_reach(values) if reach is None else reach
    power = 10.0 ** math.floor(math.log10(max(reach, 1e-6) / 5.5))
    step = next(s * power for s in (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 20.0) if 5.5 * s * power >= reach)
    colours = colormaps["BrBG"].resampled(256)
    return colours, BoundaryNorm((np.arange(12) - 5.5) * step, colours.N, extend="both")


def error_scale(values: Iterable[FloatArray]) -> tuple[Colormap, BoundaryNorm]:
    """Return colours and ten bands of errors, from zero; larger errors are darker.

    The width of the bands is the smallest round number with at most 2 % of the values outside. NaN is left out.
    """
    present = np.concatenate([np.zeros(1), *(v[np.isfinite(v)].ravel() for v in values)])
    reach = max(float(np.quantile(present, 0.98)), 1e-4)
    power = 10.0 ** math.floor(math.log10(reach / 10.0))
    step = next(s * power for s in (1.0, 2.0, 2.5, 4.0, 5.0, 10.0, 20.0) if 10.0 * s * power >= reach)
    colours = colormaps["YlOrRd"].resampled(256)
    return colours, BoundaryNorm(np.arange(11) * step, colours.N, extend="max")


def skill_scale() -> tuple[Colormap, BoundaryNorm]:
    """Return colours and bands of skills: green is better than the baseline, brown is worse, white is about equal."""
    colours = colormaps["BrBG"].resampled(256)
    return colours, BoundaryNorm((np.arange(12) - 5.5) * 0.15, colours.N, extend="both")


def new_figure(width: float, height: float, title: str = "", *, is_placed: bool = False) -> Figure:
    """Return a figure of a size in inches with a title, outside pyplot's registry.

    Parameters
    ----------
    is_placed : whether the caller gives all axes their place, with room for labels; otherwise it is made when the
        figure is drawn, which takes as much time again.
    """
    figure = Figure(figsize=(width, height), layout=None if is_placed else "constrained")
    FigureCanvasAgg(figure)
    if title:
        place = {"y": 1.0 - 0.07 / height} if is_placed else {}
        figure.suptitle(title, fontsize=FONT + 2, **place)
    return figure


def place_panels(
    figure: Figure,
    *,
    left: float,
    right: float,
    top: float,
    bottom: float,
    column_gap: float = 0.0,
    row_gap: float = 0.0,
) -> None:
    """Give subplots their place: margins of the figure and gaps between panels, inches for letters of usual size."""
    zoom = current_style().zoom
    left, right, top, bottom = zoom * left, zoom * right, zoom * top, zoom * bottom
    column_gap, row_gap = zoom * column_gap, zoom * row_gap
    width, height = figure.get_size_inches()
    place = figure.axes[0].get_subplotspec()
    assert place is not None, "made by subplots"
    n_rows, n_columns = place.get_gridspec().get_geometry()
    panel = (width - left - right - (n_columns - 1) * column_gap) / n_columns
    panel_height = (height - top - bottom - (n_rows - 1) * row_gap) / n_rows
    figure.subplots_adjust(
        left=left / width,
        right=1.0 - right / width,
        top=1.0 - top / height,
        bottom=bottom / height,
        wspace=column_gap / panel,
        hspace=row_gap / panel_height,
    )


def panel_title(ax: Axes, text: str, **style: Any) -> None:
    """Write a title above the top left corner of a panel; its place does not depend on what else is drawn."""
    ax.set_title(text, **{"loc": "left", "fontsize": FONT, "y": 1.0, **style})


def tidy(ax: Axes) -> None:
    """Give an axis small labels, and a thin frame and grid."""
    ax.tick_params(labelsize=SMALL_FONT, length=2.5, width=0.6, grid_color="#cccccc", grid_linewidth=0.4)
    ax.grid(visible=True)
    ax.set_axisbelow(True)
    for spine in ax.spines.values():
        spine.set_linewidth(0.6)


def colour_bar(
    ax: Axes,
    colours: Colormap,
    norm: BoundaryNorm,
    ticks: FloatArray,
    form: str,
    label: str,
    *,
    is_horizontal: bool,
) -> None:
    """Fill an axis with a colour bar; its triangles lie within the axis."""
    figure = ax.get_figure(root=True)
    assert figure is not None, "axes of a figure"
    width, height = ax.get_position().size * figure.get_size_inches()
    bar = figure.colorbar(
        ScalarMappable(norm=norm, cmap=colours),
        cax=ax,
        orientation="horizontal" if is_horizontal else "vertical",
        extendfrac=1.2 * min(width, height) / max(width, height),
    )
    bar.set_ticks(ticks.tolist(), labels=[with_minus_signs(format(tick, form)) for tick in ticks])
    bar.ax.tick_params(labelsize=SMALL_FONT, length=2.0, width=0.6)
    bar.set_label(label, fontsize=FONT)


def with_minus_signs(text: str) -> str:
    """Return a text of numbers with minus signs instead of hyphens."""
    return text.replace("-", "\N{MINUS SIGN}")


def logarithmic_axis(ax: Axes, low: float, high: float) -> None:
    """Make the vertical axis logarithmic, with plain numbers."""
    ax.set_yscale("log")
    ax.set_ylim(low, high)
    ticks = [t for t in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0) if low <= t <= high]
    ax.set_yticks(ticks, [f"{t:g}" for t in ticks])
    ax.minorticks_off()


def save(figure: Figure, path: Path) -> None:
    """Write a figure in the style that is in effect; equal figures give equal bytes.

    Each file is written atomically, and its folder is made if it is missing. The label of the experiment, if it has
    one, is in the lower right corner.

    Parameters
    ----------
    path : file of the figure; the formats of the style replace its suffix.
    """
    style, label = current_style(), current_label()
    if label:
        width, height = figure.get_size_inches()
        place: dict[str, Any] = {"ha": "right", "va": "bottom"}
        figure.text(
            1.0 - 0.04 / width, 0.03 / height, label, fontsize=FONT, fontweight="bold", color="#B03000", **place
        )
    figure.set_dpi(style.dpi)
    if style.font or style.font_size != FONT_SIZE:
        _set_letters(figure, style.font, style.zoom)
    _fit_title(figure)
    for axis in (axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)):
        if not axis.get_label_text():
            axis.set_label_coords(0.0, 0.0)  # or the place for a label, which depends on all ticks, is looked for
    # Drawn before a file is opened, so that errors of drawing are not reported as errors of the disk. A PNG is written
    # last: where it exists, the other formats do.
    for kind in sorted(style.formats, key=lambda kind: kind == "png"):
        write_bytes(path.with_suffix(f".{kind}"), _drawn(figure, kind, style.dpi), make_folder=True)


def _drawn(figure: Figure, kind: str, dpi: int) -> bytes:
    """Return the content of a figure's file."""
    content = io.BytesIO()
    if kind == "png":
        canvas = FigureCanvasAgg(figure)
        canvas.draw()  # type: ignore[no-untyped-call]  # matplotlib's backends have no types
        # Nothing shines through. A higher level of compression takes twice as long and saves a twentieth.
        opaque = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])  # type: ignore[no-untyped-call]  # the same
        opaque.save(content, format="png", dpi=(dpi, dpi), compress_level=3)
    else:
        with rc_context({"svg.hashsalt": "landda_hpc", "pdf.fonttype": 42}):
            figure.savefig(content, format=kind, dpi=dpi, metadata=_UNDATED[kind])
    return content.getvalue()


def _set_letters(figure: Figure, font: str, zoom: float) -> None:
    """Give all letters of a figure a family, if it is not empty, and ``zoom`` times their size."""
    figure.draw_without_rendering()  # makes the labels of all ticks
    for text in figure.findobj(Text):
        assert isinstance(text, Text), "by findobj"
        if font:
            text.set_fontfamily(font)
        text.set_fontsize(zoom * float(text.get_fontsize()))


def _fit_title(figure: Figure) -> None:
    """Reduce the letters of a figure's title if it would be wider than the figure."""
    for title in figure.texts:
        room, width = 0.98 * figure.bbox.width, title.get_window_extent().width
        if title.get_text() == figure.get_suptitle() and width > room:
            title.set_fontsize(float(title.get_fontsize()) * room / width)


def require_font(font: str, where: str) -> None:
    """Raise ConfigError if matplotlib does not find a font; an empty name is that of matplotlib."""
    known = sorted({entry.name for entry in fontManager.ttflist})
    if font and font not in known:
        raise ConfigError(f"{where}: {font}: matplotlib does not find this font. Found: {', '.join(known)}.")


_UNDATED: Final[dict[str, dict[str, str | None]]] = {
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


_OFFSETS: Final = ["UTC", "%Y UTC", "%Y-%b UTC", "%Y-%b-%d UTC", "%Y-%b-%d UTC", "%Y-%b-%d %H:%M UTC"]
"""Formats of the date at the end of an axis of times, by the unit of its ticks."""


def date_axis(axes: Axes, most_ticks: int = 8) -> None:
    """Label an axis of days with two to eight dates, or at most the given number, in a short format."""
    locator = AutoDateLocator(minticks=min(3, most_ticks - 1), maxticks=most_ticks)  # type: ignore[no-untyped-call]  # matplotlib.dates has no types
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, offset_formats=_OFFSETS))  # type: ignore[no-untyped-call]  # the same
