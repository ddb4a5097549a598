"""Correlation between cells as a function of distance, for bands of curvelet coefficients: [S24] Fig. 4."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from landda_hpc.errors import DataError, ShapeError
from landda_hpc.grid import chord_km, unit_vectors
from landda_hpc.studies.threshold_statistics import reconstruct

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from landda_hpc.constants import BoolArray, FloatArray, IntArray
    from landda_hpc.grid import Grid
    from landda_hpc.studies.threshold_statistics import CurveletFrame

BAND_LIMITS: Final = (0.01, 0.03, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Upper limits of the bands of [S24]; each band begins at the end of the previous one, the first at 0."""

DISTANCES_KM: Final[FloatArray] = np.arange(0.0, 3001.0, 100.0)
"""Edges of the distance bins, km."""

_BLOCK: Final = 256


@dataclass(frozen=True, eq=False)
class DistanceCorrelation:
    """Mean temporal correlation between pairs of cells by their great-circle distance.

    Attributes
    ----------
    distances_km : mean distance of the pairs in each bin, (n_bin,); NaN in empty bins.
    n_pairs : pairs in each bin, (n_bin,).
    limits : upper limits of the bands, (n_band,).
    original : of the images themselves, (n_bin,); NaN in empty bins, as all below.
    bands : of coefficients between a limit and the previous one, (n_band, n_bin).
    cumulative : of coefficients above a limit in rank, (n_band, n_bin).
    """

    distances_km: FloatArray
    n_pairs: IntArray
    limits: tuple[float, ...]
    original: FloatArray
    bands: FloatArray
    cumulative: FloatArray

    def reach_km(self, correlation: float) -> float:
        """Distance up to which the original's mean correlation stays above a value, km; NaN if it never does."""
        above = self.original > correlation
        if not above[0]:
            return float("nan")
        first = int(np.argmin(above)) if not above.all() else above.size
        return float(self.distances_km[first - 1])


def study_distances(
    frame: CurveletFrame,
    images: Iterable[FloatArray],
    grid: Grid,
    domain: BoolArray,
    limits: Sequence[float] = BAND_LIMITS,
    edges_km: FloatArray = DISTANCES_KM,
) -> DistanceCorrelation:
    """Correlate cells over time, for the images and for their reconstructions from bands of coefficients.

    Parameters
    ----------
    frame : the curvelet frame.
    images : a time series, any unit, (n_lat, n_lon), NaN missing; cells of the domain with missing values at any time
        are excluded.
    grid, domain : grid of the images; cells that are used.
    limits : ascending shares of the coefficients, 0 < limit <= 1.
    edges_km : ascending edges of the distance bins.

    Raises
    ------
    ShapeError : grid, domain, images or limits are inconsistent.
    DataError : fewer than three times, or fewer than two complete cells.

    Notes
    -----
    Local. Memory: bands x times x cells. Pairs beyond the last edge are computed and discarded; cells in which a
    band is constant are excluded from the band's means.

    References
    ----------
    Shen et al. (2024), section 3.3.2; Daley (1991), Atmospheric Data Analysis.
    """
    if frame.shape != grid.shape or domain.shape != grid.shape:
        raise ShapeError(f"frame {frame.shape}, domain {domain.shape}: expected the grid's shape {grid.shape}.")
    if not limits or np.any(np.diff(limits) <= 0.0) or not 0.0 < limits[0] <= limits[-1] <= 1.0:
        raise ShapeError(f"limits of bands {list(limits)}: expected ascending shares above 0 up to 1.")
    originals, series = [], []
    for image in images:
        if image.shape != grid.shape:
            raise ShapeError(f"image has shape {image.shape}; the grid {grid.shape}.")
        originals.append(image[domain])
        series.append(reconstruct(frame, image, limits)[:, domain])
    if len(originals) < 3:
        raise DataError(f"{len(originals)} images: a correlation over time needs three or more.")
    original = np.array(originals)
    complete = np.isfinite(original).all(axis=0)
    if np.count_nonzero(complete) < 2:
        raise DataError("fewer than two cells of the domain have a value in every image.")
    cumulative = np.moveaxis(np.array(series), 1, 0)[:, :, complete]
    original = original[:, complete]
    bands = np.diff(cumulative, axis=0, prepend=np.zeros((1, *cumulative.shape[1:])))
    least = 1e-10 * float(original.std(axis=0).max())
    points = unit_vectors(grid.lat[:, None], grid.lon)[domain][complete]
    distances, n_pairs, means = correlate_by_distance(
        [original, *bands, *cumulative], points, edges_km, least_std=least
    )
    n = len(limits)
    return DistanceCorrelation(distances, n_pairs, tuple(limits), means[0], means[1 : n + 1], means[n + 1 :])


def correlate_by_distance(
    series: Sequence[FloatArray], points: FloatArray, edges_km: FloatArray, *, least_std: float = 0.0
) -> tuple[FloatArray, IntArray, FloatArray]:
    """Average correlations of pairs of cells in bins of distance.

    Parameters
    ----------
    series : one or more, each (n_time, n_cell), finite.
    points : unit vectors of the cells, (n_cell, 3).
    edges_km : ascending edges of the distance bins; a bin includes its lower edge.
    least_std : cells with at most this standard deviation have no correlation.

    Returns
    -------
    distances_km : mean distance of the pairs in each bin, (n_bin,), NaN where empty.
    n_pairs : (n_bin,).
    means : (n_series, n_bin), NaN where no pair has a correlation.
    """
    n_bin, n_cell = edges_km.size - 1, points.shape[0]
    standardised, varies = zip(*(_standardised(s, least_std) for s in series), strict=True)
    n_pairs, sum_km = np.zeros(n_bin), np.zeros(n_bin)
    sums, counts = np.zeros((len(series), n_bin)), np.zeros((len(series), n_bin))
    for rows, pairs, bins, km in _pairs(points, edges_km):
        n_pairs += np.bincount(bins, minlength=n_bin)
        sum_km += np.bincount(bins, weights=km, minlength=n_bin)
        for i, (z, valid) in enumerate(zip(standardised, varies, strict=True)):
            correlation = (z[:, rows].T @ z[:, rows.start :]).ravel()[pairs]
            sums[i] += np.bincount(bins, weights=correlation, minlength=n_bin)
            if valid.all():
                counts[i] += np.bincount(bins, minlength=n_bin)
            else:
                both = (valid[rows, None] & valid[None, rows.start :]).ravel()[pairs]
                counts[i] += np.bincount(bins, weights=both.astype(np.float64), minlength=n_bin)
    assert n_pairs.sum() <= n_cell * (n_cell - 1) / 2
    nan = np.full((len(series), n_bin), np.nan)
    distances = np.divide(sum_km, n_pairs, out=nan[0].copy(), where=n_pairs > 0)
    return distances, n_pairs.astype(np.int64), np.divide(sums, counts, out=nan, where=counts > 0)


def _standardised(series: FloatArray, least_std: float) -> tuple[FloatArray, BoolArray]:
    """Columns with mean 0 and sum of squares 1, zero where constant; and a mask of those that vary."""
    anomaly = series - series.mean(axis=0)
    std = np.sqrt((anomaly**2).mean(axis=0))
    varies = std > least_std
    scale = np.divide(1.0, std, out=np.zeros_like(std), where=varies)
    return anomaly * scale / np.sqrt(series.shape[0]), varies


def _pairs(points: FloatArray, edges_km: FloatArray) -> Iterator[tuple[slice, IntArray, IntArray, FloatArray]]:
    """Each pair of cells once, in blocks of rows: (rows, flat index into rows x cells from the first row on, bin, km).

    Only pairs within the edges.
    """
    n_cell = points.shape[0]
    for start in range(0, n_cell, _BLOCK):
        rows = slice(start, min(start + _BLOCK, n_cell))
        # Half chords instead of cosines, to keep the precision of small distances.
        chord = np.zeros((rows.stop - start, n_cell - start))
        for axis in range(3):
            chord += (points[rows, axis][:, None] - points[None, start:, axis]) ** 2
        km = chord_km(np.sqrt(chord))
        bins = np.searchsorted(edges_km, km.ravel(), side="right") - 1
        later = np.arange(n_cell - start)[None, :] > np.arange(rows.stop - start)[:, None]
        chosen = np.flatnonzero(later.ravel() & (bins >= 0) & (bins < edges_km.size - 1))
        yield rows, chosen, bins[chosen], km.ravel()[chosen]
