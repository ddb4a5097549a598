"""Figures of curvelet frames and decompositions: the modes of an image ([B26] Fig. 1), the tiling of frequencies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, Colormap, to_rgb
from matplotlib.ticker import FuncFormatter, MultipleLocator

from landda_hpc.errors import ShapeError
from landda_hpc.verification.figures import appearance
from landda_hpc.verification.statistics.scores import score

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.projections.polar import PolarAxes

    from landda_hpc.constants import BoolArray, FloatArray, IntArray
    from landda_hpc.grid import Grid

_SCALE_COLOURS: Final = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#555555")


@dataclass(frozen=True, eq=False)
class Rose:
    """Energy of one scale by direction.

    Attributes
    ----------
    scale : its number, 0 the coarsest.
    directions : of the wavevectors, degrees in [0, 180) from east towards north, in grid units; features (a coast, a
        front) lie at right angles to them.
    shares : of the scale's energy, adding up to one.
    """

    scale: int
    directions: FloatArray
    shares: FloatArray


def draw_decomposition(
    image: FloatArray,
    modes: FloatArray,
    shares: FloatArray,
    grid: Grid,
    path: Path,
    roses: Sequence[Rose] = (),
    title: str = "Soil moisture",
) -> None:
    """Draw an image, its modes, and the sums of the first 1, 2 ... of them; write one PNG.

    Parameters
    ----------
    image : m3 m-3, (n_lat, n_lon); NaN where missing.
    modes : parts of the image in each scale, coarsest first, (J, n_lat, n_lon), m3 m-3; they sum to the image where
        it is known.
    grid : of the image.
    path : the PNG.
    shares : energy of each mode as a share of that of the image's deviations from its mean.
    roses : energy by direction, for scales with directions.
    title : of the figure.

    Raises
    ------
    ShapeError : the image or the modes do not have the grid's shape.
    StorageError : the file cannot be written.
    """
    if image.shape != grid.shape or modes.shape[1:] != grid.shape:
        raise ShapeError(f"image {image.shape} and modes {modes.shape} have other shapes than the grid {grid.shape}.")
    known = np.isfinite(image)
    n_modes = len(modes)
    # Modes above the first are differences from partial sums; the first holds the mean.
    scales = {False: appearance.moisture_scale(), True: appearance.difference_scale([m[known] for m in modes[1:]])}
    rows = n_modes + 1
    height = 5.2 * grid.shape[0] / grid.shape[1] + 0.35
    figure = appearance.new_figure(11.2, rows * height + 1.0)
    figure.suptitle(f"{title}: reconstruction from its first modes", fontsize=appearance.FONT + 2)
    places = figure.add_gridspec(rows, 2)
    left = [figure.add_subplot(places[row, 0]) for row in range(rows)]
    right = [figure.add_subplot(places[row, 1]) for row in range(1, rows)]
    _draw_map(left[0], image, known, grid, scales[False])
    left[0].set_title("(a) Image", loc="left", fontsize=appearance.FONT)
    if roses:
        _draw_roses(cast("PolarAxes", figure.add_subplot(places[0, 1], projection="polar")), roses)
    total = np.zeros(grid.shape)
    for number, mode in enumerate(modes):
        total = total + mode
        s = score(total, image, known)
        _draw_map(left[number + 1], total, known, grid, scales[False])
        name = "First mode" if number == 0 else f"Modes 1 to {number + 1}"
        left[number + 1].set_title(f"({'bcdefghijklm'[number]}) {name}", loc="left", fontsize=appearance.FONT)
        text = f"SCC {s.scc:.3f}, ubRMSE {s.ubrmse:.4f}"
        left[number + 1].set_title(text, loc="right", fontsize=appearance.SMALL_FONT, color=appearance.INK)
        shown = mode if number else mode - mode[known].mean()
        _draw_map(right[number], shown, known, grid, scales[True])
        name = "Mode 1 minus its mean" if number == 0 else f"Mode {number + 1}"
        right[number].set_title(name, loc="left", fontsize=appearance.FONT)
        text = f"{100.0 * shares[number]:.1f} % of the energy"
        right[number].set_title(text, loc="right", fontsize=appearance.SMALL_FONT, color=appearance.INK)
    _colour_bar(figure, left, scales[False], "Soil moisture")
    _colour_bar(figure, right, scales[True], "Part of one mode")
    appearance.save(figure, path)


def draw_tiling(
    scale_of: IntArray,
    wedge_of: IntArray,
    atoms: Sequence[tuple[str, FloatArray]],
    path: Path,
    title: str = "Curvelets",
) -> None:
    """Draw which curvelet window is largest at every wavenumber, and some curvelets; write one PNG.

    Parameters
    ----------
    scale_of, wedge_of : numbers of the window, (N1, N2), wavenumbers centred: row i is k1 = i - N1 // 2.
    atoms : name and image, (N1, N2), of single curvelets, whose cells around the peak are shown.
    path : the PNG.
    title : of the figure.

    Raises
    ------
    StorageError : the file cannot be written.
    """
    n1, n2 = scale_of.shape
    colours = np.array([to_rgb(_SCALE_COLOURS[s % len(_SCALE_COLOURS)]) for s in range(int(scale_of.max()) + 1)])
    picture = colours[scale_of]
    # Adjacent wedges differ in lightness, which shows their edges.
    picture = np.where((wedge_of % 2 == 1)[..., None], 0.45 + 0.55 * picture, picture)
    columns = 2
    rows = max(2, -(-len(atoms) // columns))
    figure = appearance.new_figure(5.2 + 2.6 * columns, 0.6 + max(4.6, 2.3 * rows))
    figure.suptitle(title, fontsize=appearance.FONT + 2)
    places = figure.add_gridspec(rows, 1 + columns, width_ratios=[2.2, *([1.0] * columns)])
    ax = figure.add_subplot(places[:, 0])
    extent = (-(n2 // 2) / n2 - 0.5 / n2, ((n2 - 1) // 2) / n2 + 0.5 / n2)
    extent1 = (-(n1 // 2) / n1 - 0.5 / n1, ((n1 - 1) // 2) / n1 + 0.5 / n1)
    ax.imshow(picture, origin="lower", extent=(*extent, *extent1), interpolation="nearest", aspect="equal")
    ax.set_xlabel("east-west, cycles per cell", fontsize=appearance.FONT)
    ax.set_ylabel("north-south, cycles per cell", fontsize=appearance.FONT)
    ax.set_title("The largest window at each wavenumber", loc="left", fontsize=appearance.FONT)
    ax.tick_params(labelsize=appearance.SMALL_FONT, length=2.5)
    for number, (name, atom) in enumerate(atoms):
        panel = figure.add_subplot(places[number // columns, 1 + number % columns])
        reach = float(np.abs(atom).max())
        row, column = _extent(atom)
        panel.imshow(
            atom[row, column], origin="lower", cmap="RdBu_r", vmin=-reach, vmax=reach, interpolation="nearest",
            extent=(column.start - 0.5, column.stop - 0.5, row.start - 0.5, row.stop - 0.5),
        )  # fmt: skip
        panel.set_title(name, loc="left", fontsize=appearance.SMALL_FONT)
        panel.tick_params(labelsize=appearance.SMALL_FONT - 1, length=2.0)
    appearance.save(figure, path)


def _extent(atom: FloatArray) -> tuple[slice, slice]:
    """Return the square of cells around an atom's peak in which it exceeds 2 % of it."""
    size = np.abs(atom)
    peak = np.unravel_index(int(np.argmax(size)), atom.shape)
    rows, columns = np.nonzero(size > 0.02 * size[peak])
    half = max(8, int(np.abs(rows - peak[0]).max()), int(np.abs(columns - peak[1]).max()))
    half = min(half, min(atom.shape) // 2)
    low = [min(max(0, int(p) - half), n - 2 * half) for p, n in zip(peak, atom.shape, strict=True)]
    return slice(low[0], low[0] + 2 * half), slice(low[1], low[1] + 2 * half)


def _draw_map(
    ax: Axes, image: FloatArray, known: BoolArray, grid: Grid, colours: tuple[Colormap, BoundaryNorm]
) -> None:
    ax.set_facecolor(appearance.OCEAN)
    ax.pcolormesh(
        grid.lon_edges,
        grid.lat_edges,
        np.ma.masked_where(~known, image),
        cmap=colours[0],
        norm=colours[1],
        rasterized=True,
    )
    ax.set_xlim(float(grid.lon_edges[0]), float(grid.lon_edges[-1]))
    ax.set_ylim(float(grid.lat_edges[0]), float(grid.lat_edges[-1]))
    span = float(grid.lon_edges[-1] - grid.lon_edges[0])
    ax.set_aspect("auto")
    ax.xaxis.set_major_locator(MultipleLocator(60.0 if span > 200.0 else 20.0 if span > 90.0 else 5.0))
    ax.yaxis.set_major_locator(MultipleLocator(30.0 if span > 200.0 else 10.0 if span > 30.0 else 5.0))
    ax.xaxis.set_major_formatter(FuncFormatter(appearance.longitude_label))
    ax.yaxis.set_major_formatter(FuncFormatter(appearance.latitude_label))
    ax.tick_params(labelsize=appearance.SMALL_FONT, length=2.5, width=0.6, color=appearance.INK)


def _draw_roses(ax: PolarAxes, roses: Sequence[Rose]) -> None:
    """Draw shares by direction, relative to a uniform distribution over directions, for both signs."""
    for rose in roses:
        angles = np.deg2rad(np.concatenate([rose.directions, rose.directions + 180.0, rose.directions[:1] + 360.0]))
        relative = rose.shares * rose.shares.size
        colour = _SCALE_COLOURS[rose.scale % len(_SCALE_COLOURS)]
        values = np.concatenate([relative, relative, relative[:1]])
        ax.plot(angles, values, color=colour, linewidth=1.2, label=f"mode {rose.scale + 1}")
    ax.set_ylim(bottom=0.0)
    ax.set_rlabel_position(60.0)
    ax.set_xticks(np.deg2rad(np.arange(0.0, 360.0, 45.0)), ["E", "NE", "N", "NW", "W", "SW", "S", "SE"])
    ax.tick_params(labelsize=appearance.SMALL_FONT)
    ax.set_title(
        "Energy by direction of variation\n(1: the mean over directions)", fontsize=appearance.FONT, loc="left"
    )
    ax.legend(fontsize=appearance.SMALL_FONT, loc="center left", bbox_to_anchor=(1.1, 0.5), frameon=False)


def _colour_bar(figure: Figure, axes: list[Axes], colours: tuple[Colormap, BoundaryNorm], label: str) -> None:
    ticks = colours[1].boundaries[::2]
    if colours[1].boundaries[0] < 0.0:  # in pairs about the middle band
        ticks = np.concatenate([colours[1].boundaries[:6:2], colours[1].boundaries[7::2]])
    bar = figure.colorbar(
        ScalarMappable(norm=colours[1], cmap=colours[0]),
        ax=axes, location="bottom", fraction=0.05, pad=0.01, aspect=34,
        ticks=ticks,
    )  # fmt: skip
    bar.ax.tick_params(labelsize=appearance.SMALL_FONT, length=2.0, width=0.6)
    bar.set_label(f"{label} (m$^3$ m$^{{-3}}$)", fontsize=appearance.FONT)
