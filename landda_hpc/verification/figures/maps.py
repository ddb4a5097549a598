"""Maps of soil moisture images."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
from contourpy import contour_generator
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import BoundaryNorm, Colormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.markers import TICKDOWN, TICKLEFT, MarkerStyle
from matplotlib.patches import Patch

from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.data import static_path
from landda_hpc.errors import DataError, ShapeError
from landda_hpc.formats.own.static_file import read_static
from landda_hpc.grid import Grid
from landda_hpc.regions import GLOBE, Region
from landda_hpc.verification.figures import appearance
from landda_hpc.verification.figures.borders import border_lines
from landda_hpc.verification.figures.figure_style import current_style
from landda_hpc.verification.figures.image_set import DIFFERENCES, FIELDS, REGIONS
from landda_hpc.verification.figures.map_layout import KINDS, Kind, Panel, arrange, arrange_in_grid, shrinking
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
    reach : size of the differences and of the increments that their bands hold, m3 m-3, for figures that are compared
        (:func:`reach_of`); kinds that it lacks are fitted to the figure.
    """

    title: str = "Soil moisture"
    time: datetime | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    columns: int | None = None
    quantity: str = "Soil moisture"
    top: float | None = None
    reach: Mapping[Kind, float] = field(default_factory=dict)


def default_panels(images: Mapping[str, FloatArray]) -> tuple[str, ...]:
    """Choose panels for a set of images.

    These are the available fields, then each minus the observation (or the truth), the state minus the truth, and the
    increment.
    """
    present = [name for name in FIELDS if name in images]
    reference = next((name for name in ("observation", "truth") if name in images), None)
    differences = [
        f"{name}{_MINUS}{reference}" for name in present if name not in ("observation", "truth") and reference
    ]
    state = next((name for name in ("analysis", "forecast", "background") if name in images), None)
    if reference == "observation" and "truth" in images and state is not None:
        differences.append(f"{state}{_MINUS}truth")
    differences += [name for name in DIFFERENCES if name in images and not (name == "innovation" and differences)]
    return (*present, *differences)


def reach_of(
    images: Mapping[str, FloatArray], land: BoolArray, panels: Sequence[str] | None = None
) -> dict[Kind, float]:
    """Return the size that 98 % of the differences, and of the increments, of a figure do not exceed, m3 m-3.

    Kinds without a panel are missing (see :func:`draw_maps`).
    """
    chosen = [_panel(name, images, LABELS) for name in (panels if panels is not None else default_panels(images))]
    found: dict[Kind, float] = {}
    for kind in KINDS[1:]:
        of_kind = [panel.image[land] for panel in chosen if panel.kind == kind]
        if of_kind:
            found[kind] = appearance.difference_reach(of_kind)
    return found


def common_reach(reaches: Iterable[Mapping[Kind, float]]) -> dict[Kind, float]:
    """Return one size by kind of those that :func:`reach_of` found for several figures.

    It is the largest of the differences and the median of the increments. Those of the first analyses correct the
    initial state and can be ten times as large as later ones, which the largest size would show in the middle band.
    """
    sizes: dict[Kind, list[float]] = {}
    for reach in reaches:
        for kind, size in reach.items():
            sizes.setdefault(kind, []).append(size)
    return {kind: median(found) if kind == "increment" else max(found) for kind, found in sizes.items()}


def draw_maps(
    images: Mapping[str, FloatArray],
    ground: Ground,
    path: Path,
    style: MapStyle | None = None,
    *,
    panels: Sequence[str] | None = None,
    regions: Sequence[Region] = (GLOBE,),
) -> None:
    """Draw images as maps in one figure.

    Parameters
    ----------
    images : images by name ("control", "background", "analysis", "forecast", "observation", "truth", "increment",
        "innovation"), m3 m-3, (n_lat, n_lon). NaN is missing and grey over land. "regions", the numbers of regions of
        coherent change, are outlined on the increment.
    ground : grid, land and coast, and the cells whose scores are shown with the difference panels (in the region).
    path : file of the figure (:func:`appearance.save`).
    style : texts and arrangement.
    panels : names of images, or "a minus b"; default :func:`default_panels`.
    regions : one region gives two columns, fields and the rest; several regions give one column each.

    Raises
    ------
    ShapeError : an image, ``ground.land`` or ``ground.scored`` does not have the grid's shape.
    DataError : a panel names a missing image, there is no panel or region, or a region lies off the grid.
    StorageError : the file cannot be written.

    Notes
    -----
    Local. Soil moisture has the same colour bands in every figure. Differences, and increments, have separate bands
    that are fitted to the figure, or those of ``style.reach``.
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
    shown = [
        shown_region(region, grid, land & np.any([np.isfinite(p.image) for p in chosen], axis=0)) for region in regions
    ]
    seen = np.any([region.mask(grid) for region in shown], axis=0) & land
    scales = {kind: _scale(kind, [p.image[seen] for p in chosen if p.kind == kind], style) for kind in KINDS}
    in_grid = style.columns if len(shown) == 1 else None
    layout = arrange_in_grid(chosen, shown[0], in_grid) if in_grid else arrange(chosen, shown)
    zoom = current_style().zoom  # larger letters: the same figure with smaller maps, enlarged
    layout = replace(
        layout, widths=[width / zoom for width in layout.widths], height_of_map=layout.height_of_map / zoom
    )

    when = "" if style.time is None else f", {style.time.day} {style.time:%B %Y, %H:%M} UTC"
    figure = appearance.new_figure(zoom * layout.width, zoom * layout.height, style.title + when, is_placed=True)
    has_gaps = False
    for letter, (row, column, panel, region) in zip(_letters(), layout.places, strict=False):
        ax = figure.add_axes(layout.box(row, column))
        window = window_of(grid, region)
        image, is_land = panel.image[window.index], land[window.index]
        draw_image(ax, window, is_land, np.ma.masked_invalid(image), *scales[panel.kind])
        frame_map(ax, region, coast, *layout.labelled_sides(row, column))
        if panel.name == "increment" and REGIONS in images:
            lines = _outlines(images[REGIONS][window.index], window)
            ax.add_collection(LineCollection(lines, colors=appearance.INK, linewidths=0.9), autolim=False)
        has_gaps |= bool(np.any(np.isnan(image) & is_land))
        appearance.panel_title(ax, f"({letter}) {panel.title}")
        if row == 0 and layout.is_by_region:
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
        if panel.kind != "field":
            text = _score_text(panel, images, score_mask & region.mask(grid))
            _annotate(ax, text, inside=layout.is_narrow or bool(in_grid))
    for kind in (kind for kind in KINDS if any(panel.kind == kind for panel in chosen)):
        ax = figure.add_axes(layout.box_of_bar(kind))
        label = style.quantity if kind == "field" else kind.capitalize()
        _colour_bar(ax, *scales[kind], label, is_horizontal=layout.bars_below)
    _surface_legend(figure, has_gaps)
    appearance.save(figure, path)


def _scale(kind: Kind, images: Sequence[FloatArray], style: MapStyle) -> tuple[Colormap, BoundaryNorm]:
    if kind == "field":
        return appearance.moisture_scale(style.top)
    return appearance.difference_scale(images, style.reach.get(kind))


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
        return Panel(name, f"{titles[0]} minus {second}", images[parts[0]] - images[parts[1]], _kind(name))
    return Panel(name, titles[0], images[name], _kind(name))


def _kind(name: str) -> Kind:
    if name in ("increment", f"analysis{_MINUS}background"):
        return "increment"
    return "difference" if _MINUS in name or name in DIFFERENCES else "field"


def _score_text(panel: Panel, images: Mapping[str, FloatArray], mask: BoolArray) -> str:
    if _MINUS in panel.name:
        first, second = panel.name.split(_MINUS)
        s = score(images[first], images[second], mask)
        if s.n_cells:
            return appearance.with_minus_signs(f"SCC {s.scc:.2f}, ubRMSE {s.ubrmse:.3f}, bias {s.bias:+.3f}")
        return "no common cells"
    present = panel.image[mask & np.isfinite(panel.image)]
    if present.size:
        return appearance.with_minus_signs(
            f"mean {round(float(np.mean(present)), 3) + 0.0:+.3f}, st. dev. {np.std(present):.3f}"
        )
    return "no cells"


def _annotate(ax: Axes, text: str, *, inside: bool) -> None:
    """Write scores above a panel on the right, or inside it if panels are narrow."""
    if inside:
        box = {"boxstyle": "round,pad=0.2", "facecolor": "white", "edgecolor": "none", "alpha": 0.85}
        ax.text(0.015, 0.025, text, transform=ax.transAxes, fontsize=appearance.SMALL_FONT, bbox=box, zorder=5)
    else:
        appearance.panel_title(ax, text, loc="right", fontsize=appearance.SMALL_FONT, color=appearance.INK)


def draw_image(
    ax: Axes,
    window: Window,
    is_land: BoolArray,
    image: np.ma.MaskedArray[Any, Any],
    colours: Colormap,
    norm: BoundaryNorm,
) -> None:
    """Draw an image of a window, (rows, columns), over land without data and ocean."""
    colour = colours(norm(np.ma.filled(image, 0.0)))[..., :3]
    colour[np.ma.getmaskarray(image)] = to_rgb(appearance.NO_DATA)
    colour[~is_land] = to_rgb(appearance.OCEAN)
    ax.pcolorfast(window.lon_edges, window.lat_edges, np.uint8(np.rint(255.0 * colour)))


def _outlines(regions: FloatArray, window: Window) -> list[list[tuple[float, float]]]:
    """Return the edges between cells of different regions, as lines of (longitude, latitude)."""
    lat, lon = window.lat_edges.tolist(), window.lon_edges.tolist()
    number = np.pad(np.nan_to_num(regions), 1)
    inside = number > 0
    lines: list[list[tuple[float, float]]] = []
    for axis in (0, 1):
        one, other = np.moveaxis(number, axis, 0)[:-1], np.moveaxis(number, axis, 0)[1:]
        any_inside = np.moveaxis(inside, axis, 0)[:-1] | np.moveaxis(inside, axis, 0)[1:]
        for edge, cell in np.argwhere((one != other) & any_inside).tolist():
            if axis == 0:
                lines.append([(lon[cell - 1], lat[edge]), (lon[cell], lat[edge])])
            else:
                lines.append([(lon[edge], lat[cell - 1]), (lon[edge], lat[cell])])
    return lines


def frame_map(
    ax: Axes, region: Region, coast: Coastline, with_longitudes: bool = True, with_latitudes: bool = True
) -> None:
    """Give an axis the limits of a region, degree labels below and on the left if wanted, grid lines and the coast.

    Borders of countries are drawn if the style of figures asks for them.
    """
    lines = LineCollection(coast_lines(coast, region), colors=appearance.INK, linewidths=0.55)
    ax.add_collection(lines, autolim=False)
    if current_style().borders:
        style: dict[str, Any] = {"colors": "#555555", "linewidths": 0.45, "linestyles": [(0, (4.0, 2.0))]}
        ax.add_collection(LineCollection(border_lines(region), **style), autolim=False)
    ax.set_xlim(region.west, region.east)
    ax.set_ylim(region.south, region.north)
    ax.set_aspect(1.0 / shrinking(region))
    span = max(region.east - region.west, 2.0 * (region.north - region.south))
    spacing = 60.0 if span > 200.0 else 20.0 if span > 90.0 else 10.0 if span > 30.0 else 5.0
    x = _multiples(spacing, region.west, region.east)
    y = _multiples(30.0 if spacing == 60.0 else min(spacing, 10.0), region.south, region.north)
    grid = [[(at, region.south), (at, region.north)] for at in x] + [[(region.west, at), (region.east, at)] for at in y]
    ax.add_collection(LineCollection(grid, colors="#888888", linewidths=0.3, alpha=0.5), autolim=False)
    # Not by matplotlib's axes, whose ticks would take most of the time of a map.
    ax.xaxis.set_visible(False)
    ax.yaxis.set_visible(False)
    below, left = ax.get_xaxis_transform(), ax.get_yaxis_transform()
    style = {"linestyle": "", "color": appearance.INK, "markersize": 2.5, "markeredgewidth": 0.6}
    ax.add_line(Line2D(x, [0.0] * len(x), marker=MarkerStyle(TICKDOWN), transform=below, clip_on=False, **style))
    ax.add_line(Line2D([0.0] * len(y), y, marker=MarkerStyle(TICKLEFT), transform=left, clip_on=False, **style))
    style = {"textcoords": "offset points", "fontsize": appearance.SMALL_FONT}
    for at in x if with_longitudes else ():
        ax.annotate(appearance.longitude_label(at), (at, 0.0), (0, -6), below, ha="center", va="top", **style)
    for at in y if with_latitudes else ():
        ax.annotate(appearance.latitude_label(at), (0.0, at), (-6, 0), left, ha="right", va="center_baseline", **style)
    for spine in ax.spines.values():
        spine.set_linewidth(0.6)


def _multiples(spacing: float, first: float, last: float) -> list[float]:
    return [spacing * n for n in range(math.ceil(first / spacing), math.floor(last / spacing) + 1)]


@lru_cache(maxsize=8)
def coast_lines(coast: Coastline, region: Region) -> list[FloatArray]:
    """Return the coast in and around a region, as lines of (longitude, latitude)."""
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
    if min(fraction.shape) < 2:
        return []
    lines: Any = contour_generator(lon, window.lat, fraction).lines(0.5)
    return list(lines)


def _colour_bar(ax: Axes, colours: Colormap, norm: BoundaryNorm, label: str, *, is_horizontal: bool) -> None:
    ticks = norm.boundaries
    edge = float(np.min(np.abs(ticks[np.abs(ticks) > 1e-9])))  # half a band for differences, else one
    digits = next(n for n in range(2, 12) if abs(round(edge, n) - edge) < 1e-9)
    figure = ax.get_figure(root=True)
    assert figure is not None, "axes of a figure"
    width, height = ax.get_position().size * figure.get_size_inches()
    letter = current_style().zoom * appearance.SMALL_FONT / 72.0
    room, needed = (width, 0.6 * (digits + 3) * letter) if is_horizontal else (height, 1.4 * letter)
    if room < ticks.size * needed:  # every second label; in pairs about 0
        ticks = ticks[::2] if ticks[0] >= 0.0 else np.concatenate([ticks[:6:2], ticks[7::2]])
    label += " (m$^3$ m$^{-3}$)"
    appearance.colour_bar(ax, colours, norm, ticks, f".{digits}f", label, is_horizontal=is_horizontal)


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
