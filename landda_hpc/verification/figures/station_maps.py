"""Maps of stations: scores, and anomalies of a day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, Colormap, to_rgb
from matplotlib.lines import Line2D

from landda_hpc.constants import BoolArray, FloatArray, IntArray
from landda_hpc.errors import DataError, ShapeError
from landda_hpc.formats.own.skill_file import SkillFields
from landda_hpc.regions import Region
from landda_hpc.verification.figures import appearance
from landda_hpc.verification.figures.map_layout import aspect
from landda_hpc.verification.figures.maps import Ground, frame_map
from landda_hpc.verification.statistics.cell_errors import weighted_median
from landda_hpc.verification.statistics.region_windows import window_of

_LAND: Final = "#f4f2ec"


@dataclass(frozen=True, eq=False)
class ScorePanel:
    """One row of a figure of scores.

    Attributes
    ----------
    title : title of the row.
    values : scores at the stations, (n_place,); NaN is not drawn.
    is_difference : whether the values are run minus baseline, or a skill.
    is_sure : for differences, stations whose interval excludes zero; None for scores.
    words : text in the corner of a map; empty: the mean.
    """

    title: str
    values: FloatArray
    is_difference: bool
    is_sure: BoolArray | None = None
    words: str = ""


def draw_station_scores(
    places: tuple[FloatArray, FloatArray] | IntArray,
    panels: Sequence[ScorePanel],
    ground: Ground,
    path: Path,
    *,
    metric: str,
    regions: Sequence[Region],
    title: str,
    label: str,
) -> None:
    """Draw a score of stations or cells, one row per panel, one column per region, and write one PNG.

    The mean over the region's stations, or area-weighted over its cells, is shown in the lower right corner of a map.

    Parameters
    ----------
    places : latitudes and longitudes of stations, degrees, (n_place,) each; or flat indices of cells, (n_place,).
    metric : determines colours and bands: "r", "anomaly_r", "ubrmse", "bias", or "rmse", whose differences are skills.
    regions : result of ``station_regions``.
    title, label : title of the figure, and label of the colour bar of scores, with the unit.

    Raises
    ------
    DataError : there is no panel or no region.
    StorageError : the file cannot be written.
    """
    if not panels or not regions:
        raise DataError(f"no score at any station to draw in '{path}'.")
    ratios = [aspect(region) for region in regions]
    # All rows have the same height, which the largest width of a figure limits.
    width = min(11.0, max(5.2, 2.9 * sum(ratios)))
    row = (width - 1.9) / sum(ratios)
    figure = appearance.new_figure(width, len(panels) * (row + 0.42) + 0.9, title)
    axes = figure.subplots(len(panels), len(regions), squeeze=False, width_ratios=ratios)
    scales = {
        False: _score_scale(metric, [p.values for p in panels if not p.is_difference]),
        True: _difference_scale(metric, [p.values for p in panels if p.is_difference]),
    }
    bars: dict[bool, list[Axes]] = {False: [], True: []}
    for i, panel in enumerate(panels):
        colours, norm = scales[panel.is_difference]
        for j, region in enumerate(regions):
            ax: Axes = axes[i, j]
            _background(ax, ground, region)
            if isinstance(places, tuple):
                lat, lon = places
                inside = region.holds(lat, lon) & np.isfinite(panel.values)
                _dots(ax, lat, lon, panel, inside, region, colours, norm)
            else:
                image = np.full(ground.grid.n_cells, np.nan)
                image[places] = panel.values
                _mesh(ax, image.reshape(ground.grid.shape), ground, region, colours, norm)
                inside = region.mask(ground.grid).reshape(-1)[places] & np.isfinite(panel.values)
            frame_map(ax, region, ground.coastline)
            letter = chr(ord("a") + i * len(regions) + j)
            ax.set_title(f"({letter}) {panel.title}", loc="left", fontsize=appearance.FONT)
            if i == 0 and len(regions) > 1:
                ax.annotate(
                    region.name, (0.5, 1.0), (0, 18), xycoords="axes fraction", textcoords="offset points", ha="center",
                    fontsize=appearance.FONT + 1, fontweight="bold",
                )  # fmt: skip
            weights = np.ones(inside.size) if isinstance(places, tuple) else ground.grid.area.reshape(-1)[places]
            _corner(ax, panel.words or _mean_words(panel, inside, weights))
            bars[panel.is_difference].append(ax)
    for is_difference, members in bars.items():
        if members:
            text = ("Skill" if metric == "rmse" else f"Difference in {label}") if is_difference else label
            _bar(figure, members, *scales[is_difference], text)
    if isinstance(places, tuple) and any(p.is_sure is not None for p in panels):
        handles = [
            Line2D([], [], marker="o", linestyle="", markersize=5, markerfacecolor="white", markeredgecolor=colour,
                   markeredgewidth=width, label=text)
            for colour, width, text in (
                ("black", 1.1, "95 % interval excludes zero"),
                ("#999999", 0.4, "95 % interval includes zero"),
            )
        ]  # fmt: skip
        figure.legend(
            handles=handles, loc="outside lower center", ncols=2, fontsize=appearance.SMALL_FONT, frameon=False
        )
    appearance.save(figure, path)


@dataclass(frozen=True, eq=False)
class DayPanel:
    """One map of a day.

    Attributes
    ----------
    title : title of the map.
    stations : values at the stations, (n_place,), or None.
    image : image, (n_lat, n_lon), drawn below the stations, or None.
    is_rain : whether the image is rain, mm, not an anomaly.
    note : text in the corner, or empty.
    """

    title: str
    stations: FloatArray | None = None
    image: FloatArray | None = None
    is_rain: bool = False
    note: str = ""


def draw_day(
    panels: Sequence[DayPanel],
    ground: Ground,
    path: Path,
    *,
    lat: FloatArray,
    lon: FloatArray,
    region: Region,
    day: date,
    title: str,
) -> None:
    """Draw anomalies of soil moisture of a day and its rain, and write one PNG.

    Parameters
    ----------
    panels : maps, drawn two per row.
    lat, lon : coordinates of the stations, degrees.
    region : region to be shown.

    Raises
    ------
    ShapeError : an image does not have the grid's shape.
    DataError : there are no panels.
    StorageError : the file cannot be written.
    """
    if not panels:
        raise DataError(f"no map of {day} to draw in '{path}'.")
    for panel in panels:
        if panel.image is not None and panel.image.shape != ground.grid.shape:
            raise ShapeError(f"image '{panel.title}' has shape {panel.image.shape}; the grid {ground.grid.shape}.")
    n_rows = -(-len(panels) // 2)
    width = min(4.7, 3.4 * aspect(region))
    figure = appearance.new_figure(
        2.0 * width + 1.0, n_rows * (width / aspect(region) + 0.45) + 1.2, f"{title}, {day.day} {day:%B %Y}"
    )
    placed = figure.subplots(n_rows + 1, 2, squeeze=False, height_ratios=[*([1.0] * n_rows), 0.05])
    axes, below = placed[:-1].ravel(), placed[-1]
    for ax in (*axes[len(panels) :], *below):
        ax.set_visible(False)
    inside = region.holds(lat, lon)
    part = region.mask(ground.grid)
    anomalies = [p.stations[inside] for p in panels if p.stations is not None and not p.is_rain]
    anomalies += [p.image[part] for p in panels if p.image is not None and not p.is_rain]
    rains = [p.image[part] for p in panels if p.image is not None and p.is_rain]
    scales = {False: appearance.difference_scale(anomalies), True: _rain_scale(rains)}
    for number, (ax, panel) in enumerate(zip(axes, panels, strict=False)):
        colours, norm = scales[panel.is_rain]
        _background(ax, ground, region)
        if panel.image is not None:
            _mesh(ax, panel.image, ground, region, colours, norm)
        if panel.stations is not None:
            values = ScorePanel(panel.title, panel.stations, False)
            _dots(ax, lat, lon, values, inside & np.isfinite(panel.stations), region, colours, norm)
        frame_map(ax, region, ground.coastline)
        ax.set_title(f"({chr(ord('a') + number)}) {panel.title}", loc="left", fontsize=appearance.FONT)
        if panel.note:
            _corner(ax, panel.note)
    for is_rain, label in ((False, "Anomaly (m$^3$ m$^{-3}$)"), (True, "Precipitation (mm d$^{-1}$)")):
        if any(panel.is_rain == is_rain for panel in panels):
            below[int(is_rain)].set_visible(True)
            _bar(figure, below[int(is_rain)], *scales[is_rain], label)
    appearance.save(figure, path)


def _background(ax: Axes, ground: Ground, region: Region) -> None:
    window = window_of(ground.grid, region)
    surface = np.where(ground.land[window.index][..., None], to_rgb(_LAND), to_rgb(appearance.OCEAN))
    ax.pcolormesh(window.lon_edges, window.lat_edges, surface, rasterized=True)


def _dots(
    ax: Axes,
    lat: FloatArray,
    lon: FloatArray,
    panel: ScorePanel,
    inside: BoolArray,
    region: Region,
    colours: Colormap,
    norm: BoundaryNorm,
) -> None:
    """Draw stations as dots, smaller if there are many; those with a sure difference last, with a dark outline."""
    number = int(inside.sum())
    size = float(np.clip(3000.0 / max(1, number), 7.0, 42.0))
    x = np.mod(lon - region.west, 360.0) + region.west
    sure = np.zeros(lat.size, dtype=np.bool_) if panel.is_sure is None else panel.is_sure
    for chosen, rim, width in ((inside & ~sure, "#999999", 0.3), (inside & sure, "black", 0.9)):
        if chosen.any():
            ax.scatter(
                x[chosen], lat[chosen], c=panel.values[chosen], s=size, cmap=colours, norm=norm, edgecolors=rim,
                linewidths=width, zorder=4,
            )  # fmt: skip


def _mesh(ax: Axes, image: FloatArray, ground: Ground, region: Region, colours: Colormap, norm: BoundaryNorm) -> None:
    """Draw an image over land."""
    window = window_of(ground.grid, region)
    shown = np.ma.masked_invalid(np.where(ground.land[window.index], image[window.index], np.nan))
    ax.pcolormesh(window.lon_edges, window.lat_edges, shown, cmap=colours, norm=norm, rasterized=True)


def _mean_words(panel: ScorePanel, inside: BoolArray, weights: FloatArray) -> str:
    n = int(inside.sum())
    if n == 0:
        return "nothing"
    value = float((weights[inside] * panel.values[inside]).sum() / weights[inside].sum())
    mean = f"{value:{'+' if panel.is_difference else ''}.3f}".replace("-", "\N{MINUS SIGN}")
    return f"mean {mean} (n = {n})"


def _corner(ax: Axes, text: str) -> None:
    box = {"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": "#888888", "linewidth": 0.4, "alpha": 0.9}
    ax.text(0.985, 0.03, text, transform=ax.transAxes, ha="right", fontsize=appearance.SMALL_FONT, bbox=box, zorder=6)


def _score_scale(metric: str, values: Sequence[FloatArray]) -> tuple[Colormap, BoundaryNorm]:
    if metric in ("r", "anomaly_r"):
        colours = colormaps["RdYlBu"].resampled(256)
        return colours, BoundaryNorm(np.linspace(-0.9, 0.9, 13), colours.N, extend="both")
    if metric == "bias":
        return appearance.difference_scale(values)
    return appearance.error_scale(values)


def _difference_scale(metric: str, values: Sequence[FloatArray]) -> tuple[Colormap, BoundaryNorm]:
    """Return a scale on which green is better: a larger correlation or skill, a smaller error."""
    if metric == "rmse":
        return appearance.skill_scale()
    colours, norm = appearance.difference_scale(values)
    return (colormaps["BrBG_r"].resampled(256) if metric == "ubrmse" else colours), norm


def _rain_scale(values: Sequence[FloatArray]) -> tuple[Colormap, BoundaryNorm]:
    colours = colormaps["Blues"].resampled(256)
    most = max((float(np.nanmax(v)) for v in values if np.isfinite(v).any()), default=1.0)
    levels = [0.1, 1.0, 2.5, 5.0, 10.0, 15.0, 25.0, 40.0, 60.0, 100.0]
    n = max(4, next((i + 1 for i, level in enumerate(levels) if level >= most), len(levels)))
    return colours, BoundaryNorm(np.array([0.0, *levels[:n]]), colours.N, extend="max")


def _bar(figure: Any, where: Axes | Sequence[Axes], colours: Colormap, norm: BoundaryNorm, label: str) -> None:
    """Draw a colour bar to the right of several axes, or horizontally in a separate axis."""
    is_beside = isinstance(where, Sequence)
    place: dict[str, Any] = (
        {"ax": list(where), "location": "right", "fraction": 0.04, "pad": 0.015, "aspect": 22}
        if isinstance(where, Sequence)
        else {"cax": where, "orientation": "horizontal"}
    )
    edges = norm.boundaries
    mappable = ScalarMappable(norm=norm, cmap=colours)
    width = float(np.min(np.diff(edges)))
    digits = next(n for n in range(8) if n == 7 or np.allclose(np.round(edges, n), edges, atol=0.01 * width))
    # Horizontal bars have room for short labels only.
    ticks = edges if is_beside or digits < 3 else edges[::2]
    bar = figure.colorbar(mappable, ticks=ticks, extendfrac=0.04, **place)

    def words(value: float, _: object) -> str:
        text = f"{value:.{digits}f}"
        return text.lstrip("-") if float(text) == 0.0 else text.replace("-", "\N{MINUS SIGN}")

    (bar.ax.yaxis if is_beside else bar.ax.xaxis).set_major_formatter(words)
    bar.ax.tick_params(labelsize=appearance.SMALL_FONT, length=2.0, width=0.6)
    bar.set_label(label, fontsize=appearance.FONT)


def draw_skill(found: SkillFields, ground: Ground, path: Path, *, region: Region, title: str) -> None:
    """Draw the RMSE of the baseline in every cell and the skill of each other run; one file.

    Parameters
    ----------
    found : errors of the runs; without a baseline the RMSE of each run is drawn.
    region : result of ``drawn_region``.
    """
    cells = np.arange(ground.grid.n_cells)
    panels = []
    for run in found.runs:
        is_skill = bool(found.baseline) and run != found.baseline
        values = found.of("skill" if is_skill else "rmse", run).reshape(-1)
        words = ""
        if is_skill:
            skill, area = values[np.isfinite(values)], ground.grid.area.reshape(-1)[np.isfinite(values)]
            if skill.size:
                median, better = weighted_median(skill, area), 100.0 * float(area[skill > 0.0].sum() / area.sum())
                words = appearance.with_minus_signs(f"median {median:+.2f}, better in {better:.0f} % of the area")
        name = f"{run}: 1 \N{MINUS SIGN} RMSE / RMSE of {found.baseline}" if is_skill else f"{run}: RMSE"
        panels.append(ScorePanel(name, values, is_skill, words=words))
    label = "RMSE (m$^3$ m$^{-3}$)"
    draw_station_scores(cells, panels, ground, path, metric="rmse", regions=[region], title=title, label=label)


def score_rows(
    scores: Mapping[str, FloatArray],
    differences: Mapping[str, tuple[FloatArray, FloatArray, FloatArray]],
    baseline: str,
) -> list[ScorePanel]:
    """Return the rows of a figure: each run, then each difference (value, low, high) from the baseline."""
    rows = [ScorePanel(run, values, False) for run, values in scores.items()]
    for run, (value, low, high) in differences.items():
        with np.errstate(invalid="ignore"):
            sure = (low > 0.0) | (high < 0.0)
        rows.append(ScorePanel(f"{run} minus {baseline}", value, True, sure))
    return rows
