"""Figures of the threshold study, as [S24] Figs 3 to 5."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib import colormaps

from landda_hpc.regions import GLOBE, Region
from landda_hpc.verification.figures import appearance
from landda_hpc.verification.figures.maps import Coastline, Ground, MapStyle, draw_maps

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from matplotlib.axes import Axes

    from landda_hpc.constants import BoolArray, FloatArray
    from landda_hpc.grid import Grid
    from landda_hpc.studies.distance_correlation import DistanceCorrelation
    from landda_hpc.studies.threshold_statistics import Recommendation, ReconstructionStudy


def draw_reconstructions(
    study: ReconstructionStudy,
    grid: Grid,
    land: BoolArray,
    last_time: datetime | None,
    path: Path,
    *,
    region: Region = GLOBE,
    coastline: Coastline | None = None,
) -> None:
    """Draw the mean original, the mean reconstructions and their mean errors as maps; one PNG, as [S24] Fig. 3.

    Parameters
    ----------
    study : the thresholds are the columns.
    last_time : of the series' last image, UTC; None if its images have no time.

    Raises
    ------
    ShapeError, DataError, StorageError : as ``maps.draw_maps``.
    """
    images = {"original": study.mean_original}
    labels = {"original": "Original"}
    for fraction, image in zip(study.fractions, study.mean_reconstruction, strict=True):
        images[f"sigma {fraction:g}"] = image
        labels[f"sigma {fraction:g}"] = f"Top {100 * fraction:g} % of coefficients"
    panels = [*images, *(f"{name} minus original" for name in images if name != "original")]
    draw_maps(
        images,
        Ground(grid, land, coastline),
        path,
        MapStyle(f"Mean of {study.n_images} images" + (" up to the last" if last_time else ""), last_time, labels),
        panels=panels,
        regions=(region,),
    )


def draw_error_densities(
    study: ReconstructionStudy, path: Path, *, recommendation: Recommendation | None = None
) -> None:
    """Draw the density of standardised errors at each threshold and the normal density; one PNG, as [S24] Fig. 5.

    Raises
    ------
    StorageError : the file cannot be written.
    """
    figure = appearance.new_figure(9.2, 4.6)
    ax = figure.subplots()
    colours = _colours(len(study.errors))
    for error, colour in zip(study.errors, colours, strict=True):
        if error.values.size:
            chosen = recommendation is not None and error.fraction == recommendation.fraction
            ax.plot(
                error.values,
                error.density,
                color=colour,
                linewidth=2.4 if chosen else 1.3,
                label=f"σ = {error.fraction:g}: {error.std:.4f}, {error.skewness:.2f}, {error.kurtosis:.2f}"
                + (" (recommended)" if chosen else ""),
            )
    x = np.linspace(-5.0, 5.0, 401)
    ax.plot(
        x,
        np.exp(-0.5 * x**2) / np.sqrt(2.0 * np.pi),
        color="#CC00CC",
        linestyle=(0, (5, 3)),
        linewidth=1.5,
        label="standard normal",
    )
    ax.set_xlim(-4.0, 4.0)
    ax.set_ylim(bottom=0.0)
    ax.set_xlabel("error of the reconstruction / its standard deviation", fontsize=appearance.FONT)
    ax.set_ylabel("probability density", fontsize=appearance.FONT)
    _finish(ax, f"Errors of {study.n_images} reconstructed images")
    ax.legend(
        loc="upper left",
        bbox_to_anchor=(1.01, 1.0),
        fontsize=appearance.SMALL_FONT,
        frameon=False,
        title="st. dev. (m$^3$ m$^{-3}$), skewness, excess kurtosis",
        title_fontsize=appearance.SMALL_FONT,
    )
    appearance.save(figure, path)


def draw_distance_correlation(result: DistanceCorrelation, path: Path) -> None:
    """Draw correlation against distance for bands (left) and cumulated bands (right); as [S24] Fig. 4.

    Raises
    ------
    StorageError : the file cannot be written.
    """
    figure = appearance.new_figure(10.5, 4.6)
    axes = figure.subplots(1, 2, sharey=True)
    colours = _colours(len(result.limits))
    lower = (0.0, *result.limits[:-1])
    parts: tuple[tuple[Axes, str, FloatArray, list[str]], ...] = (
        (axes[0], "(a) bands", result.bands, [f"{a:g} to {b:g}" for a, b in zip(lower, result.limits, strict=True)]),
        (axes[1], "(b) cumulative", result.cumulative, [f"up to {b:g}" for b in result.limits]),
    )
    for ax, title, curves, labels in parts:
        for curve, colour, label in zip(curves, colours, labels, strict=True):
            ax.plot(result.distances_km, curve, color=colour, linewidth=1.2, label=label)
        ax.plot(result.distances_km, result.original, color="black", linewidth=2.2, label="original")
        ax.axhline(0.0, color=appearance.INK, linewidth=0.6)
        ax.set_xlim(0.0, float(np.nanmax(result.distances_km)))
        ax.set_xlabel("distance between cells (km)", fontsize=appearance.FONT)
        _finish(ax, title)
        ax.legend(fontsize=appearance.SMALL_FONT - 1.0, frameon=False, ncols=2, title="share of coefficients by rank",
                  title_fontsize=appearance.SMALL_FONT)  # fmt: skip
    axes[0].set_ylabel("mean correlation over time", fontsize=appearance.FONT)
    appearance.save(figure, path)


def _colours(n: int) -> list[tuple[float, float, float, float]]:
    """Colours from the largest coefficients (dark) to the smallest."""
    scale = colormaps["viridis"]
    return [scale(0.92 * i / max(1, n - 1)) for i in range(n)]


def _finish(ax: Axes, title: str) -> None:
    ax.set_title(title, loc="left", fontsize=appearance.FONT)
    ax.tick_params(labelsize=appearance.SMALL_FONT, length=2.5, width=0.6)
    ax.grid(visible=True, color="#888888", linewidth=0.3, alpha=0.5)
