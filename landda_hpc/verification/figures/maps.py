"""Maps of soil moisture images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, Colormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MultipleLocator

from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.data import static_path
from landda_hpc.errors import DataError, ShapeError
from landda_hpc.formats.own.static_file import read_static
from landda_hpc.grid import Grid
from landda_hpc.regions import GLOBE, Region
from landda_hpc.verification.figures import appearance
from landda_hpc.verification.figures.image_set import DIFFERENCES, FIELDS
from landda_hpc.verification.figures.map_layout import Layout, Panel, arrange, arrange_in_grid, shrinking
from landda_hpc.verification.statistics.region_windows import Window, window_of
from landda_hpc.verification.statistics.scores import score

LABELS: Final[dict[str, str]] = {
    "control": "Control",
    "background": "Background",
    "analysis": "Analysis",
    "forecast": "Forecast",
    "observation": "Observation",
    "truth": "Truth",
    "increment": "Increment",
    "innovation": "Innovation",
}
"""Panel titles by image name; callers may replace them."""

_MINUS: Final = " minus "


@dataclass(frozen=True, eq=False)
class Coastline:
    """Coastline: the 0.5 contour of a land fraction, on the model grid or a finer one."""

    grid: Grid
    land_fraction: FloatArray

    @classmethod
    def shipped(cls) -> Coastline:
        """Return the coastline of the static fields in the package, with lakes as land."""
        grid, static = read_static(static_path(), ("land_fraction", "lake_fraction"))
        return cls(grid, static["land_fraction"] + static["lake_fraction"])

    def __post_init__(self) -> None:
        if self.land_fraction.shape != self.grid.shape:
            raise ShapeError(f"land fraction has shape {self.land_fraction.shape}; its grid has {self.grid.shape}.")


@dataclass(frozen=True, eq=False)
class Ground:
    """Background of a map below the images.

    Attributes
    ----------
    grid : grid of the images.
    land : True over land, (n_lat, n_lon); the rest is ocean.
    coast : coastline; None: the contour of ``land``.
    scored : cells whose scores are shown, (n_lat, n_lon); None: all land.
    """

    grid: Grid
    land: BoolArray
    coast: Coastline | None = None
    scored: BoolArray | None = None

    @property
    def coastline(self) -> Coastline:
        """The coastline to be drawn."""
        return self.coast or Coastline(self.grid, self.land.astype(np.float64))


@dataclass(frozen=True)
class MapStyle:
    """Texts and arrangement of a figure of maps.

    Attributes
    ----------
    title : first part of the figure's title; the time follows.
    time : valid time, UTC; None: the title has no time.
    labels : panel titles by image name, in place of :data:`LABELS`.
    columns : number of panels per row, in the given order, for a single region; None: panels are arranged by kind.
    quantity : name of the fields, for their colour bar.
    top : upper end of the fields' bands, m3 m-3; None: the bands of soil moisture.
    """

    title: str = "Soil moisture"
    time: datetime | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    columns: int | None = None
    quantity: str = "Soil moisture"
    top: float | None = None


def default_panels(images: Mapping[str, FloatArray]) -> tuple[str, ...]:
    """Choose panels for a set of images.

    These are the available fields, then each minus the observation (or the truth), and the increment.
    """
    present = [name for name in FIELDS if name in images]
    reference = next((name for name in ("observation", "truth") if name in images), None)
    differences = [
        f"{name}{_MINUS}{reference}" for name in present if name not in ("observation", "truth") and reference
    ]
    differences += [name for name in DIFFERENCES if name in images and not (name == "innovation" and differences)]
    return (*present, *differences)


def draw_maps(
    images: Mapping[str, FloatArray],
    ground: Ground,
    path: Path,
    style: MapStyle | None = None,
    *,
    panels: Sequence[str] | None = None,
    regions: Sequence[Region] = (GLOBE,),
) -> None:
    """Draw images as maps and write one PNG.

    Parameters
    ----------
    images : images by name ("control", "background", "analysis", "forecast", "observation", "truth", "increment",
        "innovation"), m3 m-3, (n_lat, n_lon). NaN is missing and grey over land.
    ground : grid, land and coast, and the cells whose scores are shown with the difference panels (in the region).
    path : file of the PNG.
    style : texts and arrangement.
    panels : names of images, or "a minus b"; default :func:`default_panels`.
    regions : one region gives two columns, fields and differences; several regions give one column each.

    Raises
    ------
    ShapeError : an image, ``ground.land`` or ``ground.scored`` does not have the grid's shape.
    DataError : a panel names a missing image, there is no panel or region, or a region lies off the grid.
    StorageError : the file cannot be written.

    Notes
    -----
    Local. Soil moisture has the same colour bands in every figure; differences have bands fitted to the figure.
    """
    style, grid, land = style or MapStyle(), ground.grid, ground.land
    score_mask = land if ground.scored is None else ground.scored
    for name, array in {**images, "land": land, "score_mask": score_mask}.items():
        if array.shape != grid.shape:
            raise ShapeError(f"image '{name}' has shape {array.shape}; the grid has {grid.shape}.")
    names = LABELS | dict(style.labels)
    chosen = [_panel(name, images, names) for name in (panels if panels is not None else default_panels(images))]
    if not chosen or not regions:
        raise DataError(
            f"nothing to draw in '{path}': no panels or regions; images given: {', '.join(images) or 'none'}."
        )
    coast = ground.coastline
    fields = [p for p in chosen if not p.is_difference]
    differences = [p for p in chosen if p.is_difference]
    shown = [
        shown_region(region, grid, land & np.any([np.isfinite(p.image) for p in chosen], axis=0)) for region in regions
    ]
    seen = np.any([region.mask(grid) for region in shown], axis=0) & land
    scales = {
        False: appearance.moisture_scale(style.top),
        True: appearance.difference_scale([p.image[seen] for p in differences]),
    }
    in_grid = style.columns if len(shown) == 1 else None
    layout = arrange_in_grid(chosen, shown[0], in_grid) if in_grid else arrange(fields, differences, shown)

    when = "" if style.time is None else f", {style.time.day} {style.time:%B %Y, %H:%M} UTC"
    figure = appearance.new_figure(layout.width, layout.height, style.title + when)
    axes = figure.subplots(layout.n_rows, len(layout.width_ratios), squeeze=False, width_ratios=layout.width_ratios)
    for ax in axes.flat:
        ax.set_visible(False)
    bars: dict[bool, list[Axes]] = {False: [], True: []}
    has_gaps = False
    for letter, (row, column, panel, region) in zip(_letters(), layout.places, strict=False):
        ax = axes[row, column]
        ax.set_visible(True)
        window = window_of(grid, region)
        _draw_panel(ax, panel, window, region, land, coast, *scales[panel.is_difference])
        has_gaps |= bool(np.any(np.isnan(panel.image[window.index]) & land[window.index]))
        ax.set_title(f"({letter}) {panel.title}", loc="left", fontsize=appearance.FONT)
        if row == 0 and len(shown) > 1:
            ax.annotate(
                region.name,
                (0.5, 1.0),
                (0, 20),
                xycoords="axes fraction",
                textcoords="offset points",
                ha="center",
                fontsize=appearance.FONT + 1,
                fontweight="bold",
            )
        if panel.is_difference:
            _annotate(
                ax, _score_text(panel, images, score_mask & region.mask(grid)), inside=layout.is_narrow or bool(in_grid)
            )
        bars[panel.is_difference].append(ax)
    for is_difference, members in bars.items():
        if members:
            along = axes[layout.beside(is_difference)].ravel().tolist() if len(shown) == 1 and not in_grid else members
            if in_grid:
                rows = sorted({row for row, _, panel, _ in layout.places if panel.is_difference == is_difference})
                along = axes[rows].ravel().tolist()
            _colour_bar(figure, along, *scales[is_difference], is_difference, layout, style.quantity)
    _surface_legend(figure, has_gaps)
    appearance.save(figure, path)


def shown_region(region: Region, grid: Grid, has_data: BoolArray) -> Region:
    """Return the part of a region within the grid; of the globe, without the rows south of 60S if they have no data."""
    if region == GLOBE and not grid.is_periodic:  # the whole of a regional grid, wherever it lies
        lat, lon = grid.lat_edges, grid.lon_edges
        return Region(region.name, float(lat[0]), float(lat[-1]), float(lon[0]), float(lon[-1]))
    window = window_of(grid, region)
    south = max(region.south, float(window.lat_edges[0]))
    if region == GLOBE and south < -60.0 and not has_data[grid.lat < -60.0].any():
        south = -60.0
    west, east = float(window.lon_edges[0]), float(window.lon_edges[-1])
    if region != GLOBE:
        west, east = max(region.west, west), min(region.east, east)
    return Region(region.name, south, min(region.north, float(window.lat_edges[-1])), west, min(east, west + 360.0))


def _panel(name: str, images: Mapping[str, FloatArray], labels: Mapping[str, str]) -> Panel:
    parts = name.split(_MINUS)
    missing = [part for part in parts if part not in images]
    if missing or len(parts) > 2:
        raise DataError(f"map panel '{name}' needs {', '.join(missing) or name}; given {', '.join(images) or 'none'}.")
    titles = [labels.get(part, part) for part in parts]
    if len(parts) == 2:
        # "Background minus observation", but "Background minus GLDAS 0-10 cm"
        second = titles[1][0].lower() + titles[1][1:] if titles[1].split()[0].istitle() else titles[1]
        return Panel(name, f"{titles[0]} minus {second}", images[parts[0]] - images[parts[1]], True)
    return Panel(name, titles[0], images[name], name in DIFFERENCES)


def _score_text(panel: Panel, images: Mapping[str, FloatArray], mask: BoolArray) -> str:
    if _MINUS in panel.name:
        first, second = panel.name.split(_MINUS)
        s = score(images[first], images[second], mask)
        if s.n_cells:
            return _with_minus_signs(f"SCC {s.scc:.2f}, ubRMSE {s.ubrmse:.3f}, bias {s.bias:+.3f}")
        return "no common cells"
    present = panel.image[mask & np.isfinite(panel.image)]
    if present.size:
        return _with_minus_signs(f"mean {np.mean(present):+.3f}, st. dev. {np.std(present):.3f}")
    return "no cells"


def _annotate(ax: Axes, text: str, *, inside: bool) -> None:
    """Write scores above a panel on the right, or inside it if panels are narrow."""
    if inside:
        box = {"boxstyle": "round,pad=0.2", "facecolor": "white", "edgecolor": "none", "alpha": 0.85}
        ax.text(0.015, 0.025, text, transform=ax.transAxes, fontsize=appearance.SMALL_FONT, bbox=box, zorder=5)
    else:
        ax.set_title(text, loc="right", fontsize=appearance.SMALL_FONT, color=appearance.INK)


def _with_minus_signs(text: str) -> str:
    return text.replace("-", "\N{MINUS SIGN}")


def _draw_panel(
    ax: Axes,
    panel: Panel,
    window: Window,
    region: Region,
    land: BoolArray,
    coast: Coastline,
    colours: Colormap,
    norm: BoundaryNorm,
) -> None:
    image, is_land = panel.image[window.index], land[window.index]
    draw_image(ax, window, is_land, np.ma.masked_where(~is_land | np.isnan(image), image), colours, norm)
    frame_map(ax, region, coast)


def draw_image(
    ax: Axes,
    window: Window,
    is_land: BoolArray,
    image: np.ma.MaskedArray[Any, Any],
    colours: Colormap,
    norm: BoundaryNorm,
) -> None:
    """Draw an image of a window, (rows, columns), over land without data and ocean."""
    surface = np.where(is_land[..., None], to_rgb(appearance.NO_DATA), to_rgb(appearance.OCEAN))
    ax.pcolormesh(window.lon_edges, window.lat_edges, surface, rasterized=True)
    ax.pcolormesh(window.lon_edges, window.lat_edges, image, cmap=colours, norm=norm, rasterized=True)


def frame_map(ax: Axes, region: Region, coast: Coastline) -> None:
    """Give an axis the limits of a region, degree labels, grid lines and the coast."""
    _draw_coast(ax, coast, region)
    ax.set_xlim(region.west, region.east)
    ax.set_ylim(region.south, region.north)
    ax.set_aspect(1.0 / shrinking(region))
    span = max(region.east - region.west, 2.0 * (region.north - region.south))
    spacing = 60.0 if span > 200.0 else 20.0 if span > 90.0 else 10.0 if span > 30.0 else 5.0
    ax.xaxis.set_major_locator(MultipleLocator(spacing))
    ax.yaxis.set_major_locator(MultipleLocator(30.0 if spacing == 60.0 else min(spacing, 10.0)))
    ax.xaxis.set_major_formatter(FuncFormatter(appearance.longitude_label))
    ax.yaxis.set_major_formatter(FuncFormatter(appearance.latitude_label))
    ax.tick_params(labelsize=appearance.SMALL_FONT, length=2.5, width=0.6, color=appearance.INK)
    ax.grid(visible=True, color="#888888", linewidth=0.3, alpha=0.5)
    for spine in ax.spines.values():
        spine.set_linewidth(0.6)


def _draw_coast(ax: Axes, coast: Coastline, region: Region) -> None:
    margin = 3.0 * float(np.max(np.diff(coast.grid.lon_edges)))
    around = (
        Region(
            region.name,
            max(-90.0, region.south - margin),
            min(90.0, region.north + margin),
            region.west - margin,
            region.east + margin,
        )
        if region.east - region.west + 2 * margin < 360.0
        else Region(region.name, -90.0, 90.0, region.west, region.west + 360.0)
    )
    try:
        window = window_of(coast.grid, around)
    except DataError:  # the margin reaches over the edge of a regional grid
        window = window_of(coast.grid, region)
    fraction, lon = coast.land_fraction[window.index], window.lon
    if coast.grid.is_periodic and fraction.shape[1] == coast.grid.lon.size:
        fraction = np.concatenate([fraction[:, -1:], fraction, fraction[:, :1]], axis=1)
        lon = np.concatenate([lon[-1:] - 360.0, lon, lon[:1] + 360.0])
    if fraction.min() < 0.5 <= fraction.max() and min(fraction.shape) >= 2:
        ax.contour(lon, window.lat, fraction, levels=[0.5], colors=[appearance.INK], linewidths=0.55)


def _colour_bar(
    figure: Figure,
    axes: list[Any],
    colours: Colormap,
    norm: BoundaryNorm,
    is_difference: bool,
    layout: Layout,
    quantity: str,
) -> None:
    horizontal, ticks = layout.bars_below, norm.boundaries
    edge = abs(float(ticks[len(ticks) // 2] if is_difference else ticks[1]))  # half a band for differences, else one
    digits = next(n for n in range(2, 12) if abs(round(edge, n) - edge) < 1e-9)
    if horizontal and digits > 2:  # room for every second label; in pairs about 0
        ticks = np.concatenate([ticks[:6:2], ticks[7::2]])
    bar = figure.colorbar(
        ScalarMappable(norm=norm, cmap=colours),
        ax=list(axes),
        location="bottom" if horizontal else "right",
        ticks=ticks,
        extendfrac=0.05 if horizontal else 0.12 / max(2, len(axes)),
        fraction=0.05,
        pad=0.02,
        shrink=0.92 if horizontal else 0.96,
        aspect=34 if horizontal else max(14, 9 * len(axes) / len(layout.width_ratios)),
    )
    (bar.ax.xaxis if horizontal else bar.ax.yaxis).set_major_formatter(
        FuncFormatter(lambda value, _: _with_minus_signs(f"{value:.{digits}f}"))
    )
    bar.ax.tick_params(labelsize=appearance.SMALL_FONT, length=2.0, width=0.6)
    bar.set_label(("Difference" if is_difference else quantity) + " (m$^3$ m$^{-3}$)", fontsize=appearance.FONT)


def _surface_legend(figure: Figure, has_gaps: bool) -> None:
    handles = [Patch(facecolor=appearance.OCEAN, edgecolor=appearance.INK, linewidth=0.4, label="water")]
    if has_gaps:
        handles.append(Patch(facecolor=appearance.NO_DATA, edgecolor=appearance.INK, linewidth=0.4, label="no data"))
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=len(handles),
        fontsize=appearance.SMALL_FONT,
        frameon=False,
        handlelength=1.4,
        handleheight=0.8,
    )


def _letters() -> list[str]:
    return [chr(ord("a") + i) for i in range(26)] + [f"a{chr(ord('a') + i)}" for i in range(26)]
