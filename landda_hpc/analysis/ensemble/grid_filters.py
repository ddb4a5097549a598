"""Ensemble Kalman filters in grid space: the LETKF, and the filter of single columns.

The LETKF (Hunt et al. 2007) analyses each cell with the observations around it. Their errors are independent, and their
inverse variances are multiplied by the function of Gaspari and Cohn (1999) of the distance. With Y the deviations of
the members at the observations, D the weighted inverse variances and d the innovations of the mean,

    P = ((N - 1) 1 + Y^T D Y)^-1,    w = P Y^T D d,    W = ((N - 1) P)^(1/2),

the mean of every layer receives X w, and its deviations X become X W.

The column filter uses the observation of the cell alone, with perturbed observations: layer k of member i receives
cov(x_k, H x) / (var(H x) + R) (y + e_i - H x_i), the one-dimensional EnKF of land data assimilation systems.

References
----------
Hunt, Kostelich, Szunyogh (2007), Physica D, 230, 112-126; Gaspari and Cohn (1999), Q. J. R. Meteorol. Soc., 125,
723-757; Reichle, McLaughlin, Entekhabi (2002), J. Hydrometeorol., 3, 103-115.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.spatial import cKDTree

from landda_hpc.analysis.ensemble.errors import EnsembleErrors, ErrorsNow, LearnsErrors
from landda_hpc.analysis.ensemble.inflation import Inflation
from landda_hpc.analysis.ensemble.layers import layer_slopes
from landda_hpc.analysis.ensemble.protocol import (
    EnsembleAnalysis,
    EnsemblePair,
    Members,
    covariance,
    deviations,
    ordered_mean,
    spread_image,
)
from landda_hpc.analysis.localisation import gaspari_cohn
from landda_hpc.analysis.protocol import Analysis
from landda_hpc.constants import EARTH_RADIUS, FloatArray, IntArray
from landda_hpc.grid import Grid
from landda_hpc.regridding.depth import observe

_BATCH: Final = 256
"""Largest number of cells that are analysed at a time."""

_MOST_NUMBERS: Final = 2**22
"""Largest number of deviations at the observations around these cells, for all members; 32 MB."""


class _GridFilter(LearnsErrors):
    """What both filters share: errors, inflation of all cells by one factor, the record.

    Parameters
    ----------
    errors : R, and the background variance that innovations show.
    inflation : before and after the analysis.
    members : distribution of the members over the root group.
    """

    def __init__(self, errors: EnsembleErrors, inflation: Inflation, members: Members) -> None:
        self._errors, self._inflation, self._members = errors, inflation, members

    def _factor(self, pair: EnsemblePair, now: ErrorsNow) -> float:
        """Inflation factor on variances, one for all cells."""
        observed = pair.of_cells(pair.mean.observed)
        if not observed.any():
            return 1.0
        variance = covariance(pair.anomalies, pair.anomalies)
        shown = np.array([now.background.sum() / max(now.white.sum(), np.finfo(np.float64).tiny)])
        return float(self._inflation.before(shown, np.array([variance[observed].mean()]))[0])

    def _inflated(self, pair: EnsemblePair, factor: float) -> tuple[FloatArray, FloatArray]:
        """Inflated deviations: at the observed depth, (n_members, n_cells), and of the layers, (n_members, n_owned, k).

        Layers are inflated by the part that follows from the observed depth. Inflation of the whole profile would grow
        without limit in deep layers, which observations hardly constrain.
        """
        growth = np.sqrt(factor) - 1.0
        layers = np.nan_to_num(deviations(pair.layers))
        below = layer_slopes(pair) * pair.anomalies[:, pair.owned, None]
        return (1.0 + growth) * pair.anomalies, layers + growth * below

    def _finish(
        self, pair: EnsemblePair, now: ErrorsNow, factor: float, mean: FloatArray, analysed: FloatArray
    ) -> EnsembleAnalysis:
        """Analysis from the increments of the mean, (n_owned, n_soil), and the analysed deviations of all layers."""
        background = deviations(pair.layers)
        analysed = self._inflation.relaxed(background, analysed)
        if self._inflation.relax_spread > 0.0:
            stds = [np.sqrt(covariance(part, part)) for part in (background, analysed)]
            analysed = self._inflation.after(*stds) * analysed
        increments = np.nan_to_num(mean[None] + (analysed - background))
        of_depth = observe(ordered_mean(increments), pair.weights)
        image = pair.image(self._members.of_all_cells(of_depth, pair.cell.size))
        image = np.where(pair.mean.domain, image, 0.0)
        diagnostics = now.diagnostics | {"inflation": factor}
        warnings = self._errors.warning(now.diagnostics)
        return EnsembleAnalysis(Analysis(image, spread_image(pair), diagnostics, warnings=warnings), layers=increments)


class Letkf(_GridFilter):
    """Local ensemble transform Kalman filter.

    Parameters
    ----------
    grid : the model grid.
    cutoff_km : distance at which the weight of an observation vanishes, km.
    errors, inflation, members : see ``_GridFilter``.

    Notes
    -----
    An adaptive inflation factor is one number for all cells. Correlations between observation errors are ignored.
    """

    def __init__(
        self, grid: Grid, cutoff_km: float, errors: EnsembleErrors, inflation: Inflation, members: Members
    ) -> None:
        super().__init__(errors, inflation, members)
        lon, lat = np.meshgrid(np.deg2rad(grid.lon), np.deg2rad(grid.lat))
        points = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)
        self._points, self._cutoff = points.reshape(-1, 3), 1.0e3 * cutoff_km / EARTH_RADIUS
        self._chord = 2.0 * np.sin(0.5 * min(self._cutoff, np.pi))
        self._soil: tuple[bytes, cKDTree, IntArray, int] | None = None

    def analyse(self, pair: EnsemblePair) -> EnsembleAnalysis:
        """See ``EnsembleMethod.analyse``. Collective over the root group."""
        now = self._errors.now(pair.mean)
        factor = self._factor(pair, now)
        tree, soil, most = self._soil_of(pair)
        seen = pair.of_cells(pair.mean.observed)
        variance = pair.of_cells(now.observation.standard_deviation(pair.mean.observed)) ** 2
        precision = np.divide(1.0, variance, out=np.zeros_like(variance), where=seen & (variance > 0.0))
        innovation = pair.of_cells(pair.mean.innovation)
        anomalies, layers = self._inflated(pair, factor)
        layers = layers.transpose(1, 0, 2)
        mean, analysed = np.empty((layers.shape[0], layers.shape[2])), np.empty_like(layers)
        batch = max(1, min(_BATCH, _MOST_NUMBERS // (pair.n_members * most)))
        points = self._points[pair.cell[pair.owned]]
        for first in range(0, layers.shape[0], batch):
            part = slice(first, first + batch)
            cells, weight = self._around(points[part], tree, soil, most)
            mean[part], analysed[part] = _transformed(
                layers[part],
                anomalies[:, cells].transpose(1, 0, 2),
                weight * precision[cells],
                innovation[cells],
            )
        return self._finish(pair, now, factor, mean, analysed.transpose(1, 0, 2))

    def _soil_of(self, pair: EnsemblePair) -> tuple[cKDTree, IntArray, int]:
        """Tree of the soil cells, their numbers among the land cells, and the largest number around any of them.

        Kept for one domain. The number of neighbours is the same on every process, so that its bits are, too.
        """
        key = pair.is_soil.tobytes()
        if self._soil is None or self._soil[0] != key:
            soil = np.flatnonzero(pair.is_soil)
            tree = cKDTree(self._points[pair.cell[soil]])
            most = int(tree.query_ball_point(tree.data, self._chord, return_length=True).max())
            self._soil = key, tree, soil, most
        return self._soil[1:]

    def _around(self, points: FloatArray, tree: cKDTree, soil: IntArray, most: int) -> tuple[IntArray, FloatArray]:
        """Soil cells around some points, (n, most), and their weights; 0 beyond the cutoff."""
        distance, index = tree.query(points, k=np.arange(1, most + 1), distance_upper_bound=self._chord)
        is_near = np.isfinite(distance)
        angle = 2.0 * np.arcsin(np.clip(0.5 * np.where(is_near, distance, 2.0), 0.0, 1.0))
        weight = np.where(is_near, gaspari_cohn(2.0 * angle / self._cutoff), 0.0)
        return soil[np.minimum(index, soil.size - 1)], weight


def _transformed(
    layers: FloatArray, observed: FloatArray, precision: FloatArray, innovation: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """The LETKF of some cells.

    Parameters
    ----------
    layers : deviations of the layers, (n_cells, n_members, n_soil).
    observed : deviations at the observations around each cell, (n_cells, n_members, n_near).
    precision : weighted inverse variances of the observations, (n_cells, n_near); 0 without an observation.
    innovation : of the mean, (n_cells, n_near).

    Returns
    -------
    Increments of the mean, (n_cells, n_soil), and analysed deviations, (n_cells, n_members, n_soil).
    """
    n_members = layers.shape[1]
    scaled = observed * precision[:, None, :]
    matrix = scaled @ observed.transpose(0, 2, 1) + (n_members - 1) * np.eye(n_members)
    values, vectors = np.linalg.eigh(matrix)
    pulled = scaled @ innovation[:, :, None]
    weights = vectors @ ((vectors.transpose(0, 2, 1) @ pulled) / values[:, :, None])
    transform = (vectors * np.sqrt((n_members - 1) / values)[:, None, :]) @ vectors.transpose(0, 2, 1)
    mean = (weights.transpose(0, 2, 1) @ layers)[:, 0]
    return mean, transform @ layers


class ColumnFilter(_GridFilter):
    """One-dimensional ensemble Kalman filter of each cell, with perturbed observations."""

    def analyse(self, pair: EnsemblePair) -> EnsembleAnalysis:
        """See ``EnsembleMethod.analyse``. Collective over the root group."""
        now = self._errors.now(pair.mean)
        factor = self._factor(pair, now)
        domain, key = pair.mean.domain, pair.mean.time_key
        seen = pair.of_cells(pair.mean.observed)[pair.owned]
        std = pair.of_cells(now.observation.standard_deviation(pair.mean.observed))[pair.owned]
        drawn = [
            pair.of_cells(now.observation.perturbation(domain, f"{key} member", m))[pair.owned]
            for m in range(pair.n_members)
        ]
        noise = deviations(np.array(drawn))
        anomalies, layers = self._inflated(pair, factor)
        observed = anomalies[:, pair.owned]
        total = covariance(observed, observed) + std**2
        cross = covariance(layers, observed[:, :, None])
        gain = np.divide(cross, total[:, None], out=np.zeros_like(cross), where=(seen & (total > 0.0))[:, None])
        innovation = pair.of_cells(pair.mean.innovation)[pair.owned]
        analysed = layers + gain * (noise - observed)[:, :, None]
        return self._finish(pair, now, factor, gain * innovation[:, None], analysed)
