"""The threshold study of [S24] on a series of images: statistics, figures, tables and a recommendation."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np

from landda_hpc.config import FrameConfig
from landda_hpc.constants import BoolArray, FloatArray, IntArray
from landda_hpc.curvelet.backends import Frame
from landda_hpc.errors import ConfigError, DataError
from landda_hpc.formats.products.image_series import ImageSeries
from landda_hpc.grid import Grid, regular_grid, spans_circle
from landda_hpc.io.atomic import write_text
from landda_hpc.io.csv_table import csv_text
from landda_hpc.io.markdown import MarkdownPage
from landda_hpc.methods.base.curvelet_frame import make_frame
from landda_hpc.regions import GLOBE, Region
from landda_hpc.regridding.regrid import Method as RegridMethod
from landda_hpc.regridding.regrid import Regridder
from landda_hpc.storage.output_folder import claim_folder
from landda_hpc.studies.distance_correlation import BAND_LIMITS, DistanceCorrelation, study_distances
from landda_hpc.studies.threshold_figures import (
    draw_distance_correlation,
    draw_error_densities,
    draw_reconstructions,
)
from landda_hpc.studies.threshold_statistics import (
    DENSITY_FRACTIONS,
    MAP_FRACTIONS,
    SMALL_ERROR,
    Recommendation,
    ReconstructionStudy,
    recommend,
    study_reconstructions,
)
from landda_hpc.verification.figures.maps import Coastline
from landda_hpc.verification.statistics.region_windows import window_of
from landda_hpc.verification.statistics.sample_size import FEWEST_TIMES

logger = logging.getLogger(__name__)

SHEN2024: Final = Region("Shen et al. (2024)", 23.0, 68.0, 73.0, 117.0)
"""Domain of [S24]; at 1.40625 degrees it contains the centres of 32 x 31 cells of the global grid."""

SMALLEST: Final = 17
"""Minimum number of cells along a side."""

FILES: Final = (
    "reconstructions.png", "error_densities.png", "distance_correlation.png", "distance_correlation.csv",
    "threshold.csv", "threshold.md",
)  # fmt: skip
"""Files of a study."""

MAX_BYTES: Final = 8e9
"""Largest memory of the distance correlation, bytes."""

_PUBLISHED: Final = (
    "[S24] finds for ERA5-Land in May 2016 at sigma = 0.5: SCC above 0.99, errors basically within 0.02 m3 m-3, "
    "skewness 0.00, excess kurtosis 0.38; the original's correlation stays above 0.5 to 200 km and above 0.4 to 300 km."
)


@dataclass(frozen=True)
class ThresholdSettings:
    """Settings of a study.

    Attributes
    ----------
    region : cells whose centres are inside; default: the whole grid.
    spacing : degrees; images are first regridded to a global grid of this spacing. None: unchanged.
    regrid : method of regridding.
    frame : the curvelet frame.
    fractions : thresholds sigma whose errors are compared.
    map_fractions : thresholds shown as maps.
    limits : upper limits of the bands of coefficients in the distance correlation; empty: omitted.
    min_scc : least mean spatial correlation of an acceptable threshold.
    """

    region: Region = GLOBE
    spacing: float | None = None
    regrid: RegridMethod = "bilinear"
    frame: FrameConfig = field(default_factory=FrameConfig)
    fractions: tuple[float, ...] = DENSITY_FRACTIONS
    map_fractions: tuple[float, ...] = MAP_FRACTIONS
    limits: tuple[float, ...] = BAND_LIMITS
    min_scc: float = 0.99


@dataclass(frozen=True, eq=False)
class ThresholdReport:
    """Results of the study, and its files."""

    grid: Grid
    study: ReconstructionStudy
    recommendation: Recommendation
    distances: DistanceCorrelation | None
    files: tuple[Path, ...]


def study_thresholds(
    series: ImageSeries, output: Path, settings: ThresholdSettings, *, is_known: bool = False
) -> ThresholdReport:
    """Study a series and write tables and figures, Figs 3 to 5 of [S24]. Local.

    Parameters
    ----------
    series : images of soil moisture, m3 m-3; read one by one, twice if distances are studied.
    output : folder for threshold.csv, threshold.md, distance_correlation.csv, reconstructions.png,
        error_densities.png, distance_correlation.png.
    is_known : whether the folder is in one of ours; otherwise files of these names are replaced only if it is marked.

    Raises
    ------
    DataError : no cell of the region has a value, or fewer than three images for the distances.
    ConfigError : a threshold is invalid, the region has too few cells for a curvelet frame, or the distance correlation
        would need too much memory.
    """
    cut = _Cut(series, settings)
    frame = make_frame(settings.frame, cut.grid)
    domain = _ever_known(cut)
    distances = None
    if settings.limits:
        _require_memory(len(series), int(np.count_nonzero(domain)), len(settings.limits))
    wanted = tuple(sorted({*settings.fractions, *settings.map_fractions}))
    whole = study_reconstructions(frame, cut, domain, wanted)
    compared = _part(whole, settings.fractions)
    recommendation = recommend(compared, settings.min_scc)
    if settings.limits:
        distances = study_distances(frame, cut, cut.grid, domain, sorted(settings.limits))
    claim_folder(output, "threshold", FILES, is_known=is_known)
    files = [output / name for name in FILES[:2]]
    draw_reconstructions(
        _part(whole, settings.map_fractions),
        cut.grid,
        domain,
        series.times[-1],
        files[0],
        coastline=Coastline.shipped(),
    )
    draw_error_densities(compared, files[1], recommendation=recommendation)
    if distances is not None:
        for warning in distance_warnings(whole.n_images):
            logger.warning("threshold study: %s", warning)
        files += [output / name for name in FILES[2:4]]
        draw_distance_correlation(distances, files[2])
        write_text(files[3], _distance_table(distances), make_folder=True)
    files += [output / name for name in FILES[4:]]
    write_text(files[-2], _error_table(whole, recommendation), make_folder=True)
    write_text(
        files[-1], _page(series, cut.grid, frame, whole, recommendation, distances, settings.region), make_folder=True
    )
    return ThresholdReport(cut.grid, whole, recommendation, distances, tuple(files))


class _Cut:
    """The images of a series on the cells of a region, one at a time; can be iterated repeatedly."""

    def __init__(self, series: ImageSeries, settings: ThresholdSettings) -> None:
        self._series, self._regridder = series, None
        full, spacing = series.grid, settings.spacing
        if spacing is not None:
            full = regular_grid(round(180.0 / spacing), round(360.0 / spacing))
        self.grid, self._index = cut_grid(full, settings.region)
        if min(self.grid.shape) < SMALLEST:
            raise ConfigError(
                f"region '{settings.region.name}' has {self.grid.shape[0]} x {self.grid.shape[1]} cells of the grid "
                f"({full.describe()}); curvelets need {SMALLEST} along each side. Choose a larger region, or a finer "
                "spacing."
            )
        if spacing is not None:
            self._regridder = Regridder(series.grid, self.grid, settings.regrid)

    def __iter__(self) -> Iterator[FloatArray]:
        for image in self._series:
            yield image.values[self._index] if self._regridder is None else self._regridder(image.values)


def cut_grid(grid: Grid, region: Region) -> tuple[Grid, tuple[IntArray, IntArray]]:
    """The cells of a grid whose centres lie in a region.

    Returns
    -------
    Their grid, and the index that extracts them from an image: ``image[index]``.

    Raises
    ------
    DataError : the region is outside the grid, or the grid's edge divides it.
    ConfigError : it contains no centre.
    """
    if region == GLOBE:
        return grid, (np.arange(grid.lat.size)[:, None], np.arange(grid.lon.size)[None, :])
    window = window_of(grid, region)
    rows = np.flatnonzero((window.lat >= region.south) & (window.lat <= region.north))
    columns = np.flatnonzero((window.lon >= region.west) & (window.lon <= region.east))
    if rows.size == 0 or columns.size == 0:
        raise ConfigError(f"region '{region.name}' contains no cell centre of the grid ({grid.describe()}).")
    lon_edges = window.lon_edges[columns[0] : columns[-1] + 2]
    cut = Grid(
        lat=window.lat[rows],
        lon=window.lon[columns],
        lat_edges=window.lat_edges[rows[0] : rows[-1] + 2],
        lon_edges=lon_edges,
        is_periodic=spans_circle(lon_edges),
    )
    return cut, (window.rows[rows][:, None], window.columns[columns][None, :])


def _ever_known(images: _Cut) -> BoolArray:
    """Cells with a value in any image."""
    known = np.zeros(images.grid.shape, dtype=np.bool_)
    for image in images:
        known |= np.isfinite(image)
    if not known.any():
        raise DataError("no image has a value in the region; check --region against the images' longitudes.")
    return known


def _require_memory(n_images: int, n_cells: int, n_bands: int) -> None:
    needed = 8.0 * 5.0 * n_bands * n_images * n_cells
    if needed > MAX_BYTES:
        raise ConfigError(
            f"the distance correlation of {n_images} images of {n_cells} cells in {n_bands} bands would need "
            f"{needed / 1e9:.0f} GB of memory. Use fewer images (--every), a region, a coarser --spacing, or omit it "
            "(--no-distances)."
        )


def _part(study: ReconstructionStudy, fractions: Sequence[float]) -> ReconstructionStudy:
    """The study with some of its thresholds."""
    at = [study.fractions.index(f) for f in sorted(set(fractions))]
    return replace(
        study,
        mean_reconstruction=study.mean_reconstruction[at],
        mean_error=study.mean_error[at],
        errors=tuple(study.errors[i] for i in at),
    )


def distance_warnings(n_images: int) -> list[str]:
    """Warning about correlations between cells over few images; empty with enough images."""
    if n_images >= FEWEST_TIMES:
        return []
    chance = 1.0 / math.sqrt(n_images - 1)
    return [
        (
            f"Correlations between cells are over {n_images} images: independent cells have a correlation of "
            f"{chance:.2f} (standard deviation) by chance. {FEWEST_TIMES} or more images are advisable."
        )
    ]


_COLUMNS: Final = (
    "fraction", "scc", "rmse_m3_m-3", "std_m3_m-3", "skewness", "excess_kurtosis", "share_within_0.02",
    "neighbour_correlation", "recommended",
)  # fmt: skip


def _error_rows(study: ReconstructionStudy, recommendation: Recommendation) -> list[tuple[float, ...]]:
    return [
        (e.fraction, e.scc, e.rmse, e.std, e.skewness, e.kurtosis, e.share_small, e.neighbour_correlation,
         int(e.fraction == recommendation.fraction))
        for e in study.errors
    ]  # fmt: skip


def _error_table(study: ReconstructionStudy, recommendation: Recommendation) -> str:
    return csv_text(_COLUMNS, _error_rows(study, recommendation))


def _distance_table(result: DistanceCorrelation) -> str:
    lower = (0.0, *result.limits[:-1])
    names = ["distance_km", "n_pairs", "original"]
    names += [f"band_{a:g}_{b:g}" for a, b in zip(lower, result.limits, strict=True)]
    names += [f"cumulative_{b:g}" for b in result.limits]
    columns = [result.distances_km, result.n_pairs, result.original, *result.bands, *result.cumulative]
    return csv_text(names, zip(*(column.tolist() for column in columns), strict=True))


def _page(
    series: ImageSeries,
    grid: Grid,
    frame: Frame,
    study: ReconstructionStudy,
    recommendation: Recommendation,
    distances: DistanceCorrelation | None,
    region: Region,
) -> str:
    first, last = series.times[0], series.times[-1]
    period = "" if first is None or last is None else f", {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"
    page = MarkdownPage("Threshold study")
    page.text(
        f"{study.n_images} images of `{series.variable}`{period}; {grid.describe()}; {frame.n_coef} stored numbers "
        f"in {len(frame.blocks)} wedges.",
        f"**Recommended: {recommendation.reason}**",
    )
    rows = [
        (
            f"{fraction:g}{' (recommended)' if chosen else ''}", f"{scc:.4f}", f"{rmse:.4f}", f"{std:.4f}",
            f"{skewness:.2f}", f"{kurtosis:.2f}", f"{100.0 * small:.1f} %", f"{near:.2f}",
        )
        for fraction, scc, rmse, std, skewness, kurtosis, small, near, chosen in _error_rows(study, recommendation)
    ]  # fmt: skip
    headings = ("sigma", "SCC", "RMSE", "st. dev.", "skewness", "excess kurtosis", "within 0.02", "neighbours")
    page.table(headings, rows, n_texts=0)
    page.text(
        "RMSE and standard deviation of the reconstruction's errors in m3 m-3; skewness and excess kurtosis are 0 "
        f"for a normal distribution; share of errors within {SMALL_ERROR} m3 m-3; correlation of errors in "
        "adjacent cells."
    )
    page.picture("reconstructions.png", "Mean original, reconstructions and errors")
    page.picture("error_densities.png", "Density of standardised errors")
    if distances is not None:
        reach = ", ".join(
            f"above {r:g} to {km:.0f} km" if (km := distances.reach_km(r)) == km else f"never above {r:g}"
            for r in (0.5, 0.4)
        )
        page.text(f"Correlation of the original between cells: {reach}.")
        page.text(*(f"Warning: {warning}" for warning in distance_warnings(study.n_images)))
        page.picture("distance_correlation.png", "Correlation against distance")
    if region == SHEN2024:
        page.text(_PUBLISHED)
    return page.content()
