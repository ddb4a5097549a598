"""The transform of the LETKF: each cell is analysed with the observations around it.

With Y the deviations of the members at these observations, d the innovations of the mean, and D the inverse error
covariance times a weight (Hunt et al. 2007),

    P = ((N - 1) 1 + Y^T D Y)^-1,    w = P Y^T D d,    W = ((N - 1) P)^(1/2),

the mean of every layer receives X w, and its deviations X become X W. The weight g is the function of Gaspari and Cohn
(1999) of the distance. Without correlations D = g / variance. With them D = G R^-1 G, where G has the roots of g on its
diagonal, so that D is positive.

References
----------
Hunt, Kostelich, Szunyogh (2007), Physica D, 230, 112-126; Gaspari and Cohn (1999), Q. J. R. Meteorol. Soc., 125,
723-757.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.spatial import cKDTree

from landda_hpc.analysis.ensemble.protocol import EnsemblePair
from landda_hpc.analysis.error_models import ErrorModel
from landda_hpc.analysis.frame_protocol import ImageFrame
from landda_hpc.analysis.localisation import gaspari_cohn
from landda_hpc.constants import EARTH_RADIUS, BoolArray, FloatArray, IntArray
from landda_hpc.grid import Grid, unit_vectors

_BATCH: Final = 256
"""Largest number of cells that are analysed at a time."""

_MOST_NUMBERS: Final = 2**22
"""Largest number of deviations, or of covariances, of the observations around these cells; 32 MB."""


class LocalTransform:
    """Analyses each cell with the observations around it.

    Parameters
    ----------
    grid : the model grid.
    cutoff_km : distance at which the weight of an observation vanishes, km.
    frame : of the error model, if correlations between observation errors are used. Their covariance must be the same
        everywhere on the periodic image, like that of errors with one variance per wedge of a frame without boundary
        extension. None: errors are independent.
    """

    def __init__(self, grid: Grid, cutoff_km: float, frame: ImageFrame | None = None) -> None:
        self._points = unit_vectors(grid.lat[:, None], grid.lon).reshape(-1, 3)
        self._cutoff = 1.0e3 * cutoff_km / EARTH_RADIUS
        self._chord = 2.0 * np.sin(0.5 * min(self._cutoff, np.pi))
        self._frame = frame
        self._soil: tuple[bytes, cKDTree, IntArray, int] | None = None

    def __call__(
        self, pair: EnsemblePair, errors: ErrorModel, anomalies: FloatArray, layers: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Analyse the cells of this process. Local.

        Parameters
        ----------
        errors : of the observations.
        anomalies : deviations at the observed depth, (n_members, n_cells).
        layers : deviations of any number of layers in the cells of this process, (n_members, n_owned, k).

        Returns
        -------
        Increments of the mean, (n_owned, k), and analysed deviations, (n_members, n_owned, k).
        """
        tree, soil, most = self._soil_of(pair)
        seen = pair.of_cells(pair.mean.observed)
        variance = pair.of_cells(errors.standard_deviation(pair.mean.observed)) ** 2
        precision = np.divide(1.0, variance, out=np.zeros_like(variance), where=seen & (variance > 0.0))
        innovation = pair.of_cells(pair.mean.innovation)
        covariance = None if self._frame is None else self._covariance(errors, self._frame)
        layers = layers.transpose(1, 0, 2)
        mean, analysed = np.empty((layers.shape[0], layers.shape[2])), np.empty_like(layers)
        width = pair.n_members if covariance is None else max(pair.n_members, most)
        batch = max(1, min(_BATCH, _MOST_NUMBERS // (width * most)))
        points = self._points[pair.cell[pair.owned]]
        for first in range(0, layers.shape[0], batch):
            part = slice(first, first + batch)
            cells, weight = self._around(points[part], tree, soil, most)
            observed = anomalies[:, cells].transpose(1, 0, 2)
            if covariance is None:
                scaled = observed * (weight * precision[cells])[:, None, :]
            else:
                scaled = _decorrelated(covariance, pair.cell[cells], np.where(seen[cells], weight, 0.0), observed)
            mean[part], analysed[part] = _transformed(layers[part], observed, scaled, innovation[cells])
        return mean, analysed.transpose(1, 0, 2)

    @staticmethod
    def _covariance(errors: ErrorModel, frame: ImageFrame) -> FloatArray:
        """Covariance of an error with that of the first cell, (n_lat, n_lon), m6 m-6."""
        first = np.zeros(frame.shape)
        first[0, 0] = 1.0
        return errors.covariance_times(frame, first)

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


def _decorrelated(covariance: FloatArray, cell: IntArray, weight: FloatArray, observed: FloatArray) -> FloatArray:
    """Y^T D with correlated errors, (n_cells, n_members, n_near).

    Parameters
    ----------
    covariance : as a function of the difference of rows and of columns, both periodic, (n_lat, n_lon).
    cell : position of the observations in the image, (n_cells, n_near).
    weight : 0..1; 0 without an observation, (n_cells, n_near).
    observed : Y^T, (n_cells, n_members, n_near).
    """
    n_lat, n_lon = covariance.shape
    row, column = np.divmod(cell, n_lon)
    r = covariance[(row[:, :, None] - row[:, None, :]) % n_lat, (column[:, :, None] - column[:, None, :]) % n_lon]
    used: BoolArray = weight > 0.0
    identity = covariance[0, 0] * np.eye(cell.shape[1])
    r = np.where(used[:, :, None] & used[:, None, :], r, identity)
    root = np.sqrt(weight)[:, :, None]
    solved: FloatArray = (root * np.linalg.solve(r, root * observed.transpose(0, 2, 1))).transpose(0, 2, 1)
    return solved


def _transformed(
    layers: FloatArray, observed: FloatArray, scaled: FloatArray, innovation: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """The LETKF of some cells.

    Parameters
    ----------
    layers : deviations of the layers, (n_cells, n_members, n_soil).
    observed : deviations at the observations around each cell, (n_cells, n_members, n_near).
    scaled : Y^T D, the same shape; 0 without an observation.
    innovation : of the mean, (n_cells, n_near).

    Returns
    -------
    Increments of the mean, (n_cells, n_soil), and analysed deviations, (n_cells, n_members, n_soil).
    """
    n_members = layers.shape[1]
    matrix = scaled @ observed.transpose(0, 2, 1) + (n_members - 1) * np.eye(n_members)
    values, vectors = np.linalg.eigh(matrix)
    pulled = scaled @ innovation[:, :, None]
    weights = vectors @ ((vectors.transpose(0, 2, 1) @ pulled) / values[:, :, None])
    transform = (vectors * np.sqrt((n_members - 1) / values)[:, None, :]) @ vectors.transpose(0, 2, 1)
    mean = (weights.transpose(0, 2, 1) @ layers)[:, 0]
    return mean, transform @ layers
