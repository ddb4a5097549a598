"""Optimal interpolation of point observations, with localised correlations of the background errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.sparse import csr_array

from landda_hpc.analysis.ensemble.protocol import covariance
from landda_hpc.analysis.localisation import localised_correlation
from landda_hpc.analysis.minimise import conjugate_gradients
from landda_hpc.constants import BoolArray, FloatArray, IntArray
from landda_hpc.errors import DataError
from landda_hpc.grid import Grid, unit_vectors

_TOLERANCE: Final = 1e-10
"""Largest norm of the residual of the solution, relative to the start."""

_MOST_ITERATIONS: Final = 2000


@dataclass(frozen=True, eq=False)
class Points:
    """Point observations, at most one in a cell.

    Attributes
    ----------
    cell : flat index of the cells in an image, ascending, (n,).
    residual : observation minus background, m3 m-3, (n,).
    variance : of the observation errors, m6 m-6, (n,); errors of different points are independent.
    """

    cell: IntArray
    residual: FloatArray
    variance: FloatArray


@dataclass(frozen=True, eq=False)
class Correlations:
    """Correlations of the background errors of all cells of the domain with those of the points.

    Attributes
    ----------
    cell : flat index of the domain's cells, (n_cells,).
    point : number of each point's cell among them, (n_points,).
    matrix : (n_cells, n_points), sparse.
    """

    cell: IntArray
    point: IntArray
    matrix: csr_array

    @property
    def among_points(self) -> csr_array:
        """(n_points, n_points), sparse."""
        return self.matrix[self.point]

    def within(self, labels: IntArray) -> Correlations:
        """Return the same without correlations between cells of different regions, and of cells outside of all.

        Parameters
        ----------
        labels : number of each cell's region, 0 outside, (n_lat, n_lon).
        """
        of_cell = labels.reshape(-1)[self.cell]
        return self._times(lambda i, j: ((of_cell[i] == of_cell[j]) & (of_cell[i] > 0)).astype(np.float64))

    def of_members(self, anomalies: FloatArray) -> Correlations:
        """Return the Schur product with the members' covariance, divided by its mean variance over the cells.

        Parameters
        ----------
        anomalies : deviations of the members from their mean in the domain's cells, (n_members, n_cells).
        """
        mean = float(np.mean(covariance(anomalies, anomalies)))
        return self if mean <= 0.0 else self._times(lambda i, j: covariance(anomalies[:, i], anomalies[:, j]) / mean)

    def _times(self, factor: Callable[[IntArray, IntArray], FloatArray]) -> Correlations:
        """Multiply the entries by a function of the numbers of both cells."""
        old = self.matrix
        rows = np.repeat(np.arange(old.shape[0]), np.diff(old.indptr))
        values = old.data * factor(rows, self.point[old.indices])
        return Correlations(self.cell, self.point, csr_array((values, old.indices, old.indptr), shape=old.shape))


class PointUpdate:
    """Optimal interpolation: dx = s^2 C_cp (s^2 C_pp + R)^-1 e, with localised correlations C of cells and points.

    Parameters
    ----------
    grid : the model grid.
    cutoff_km : distance at which correlations vanish, km.
    """

    def __init__(self, grid: Grid, cutoff_km: float) -> None:
        self._places = unit_vectors(grid.lat[:, None], grid.lon[None, :]).reshape(-1, 3)
        self._cutoff_km = cutoff_km
        self._known: tuple[bytes, Correlations] | None = None

    def correlations(self, points: IntArray, domain: BoolArray) -> Correlations:
        """Return the correlations of Gaspari and Cohn of the domain with points in it. Local.

        Parameters
        ----------
        points : flat index of the points' cells, (n_points,).
        domain : cells that an analysis may change, (n_lat, n_lon).

        Notes
        -----
        Those of the last call are kept, because stations seldom change.
        """
        key = points.tobytes() + domain.tobytes()
        if self._known is None or self._known[0] != key:
            cell = np.flatnonzero(domain)
            matrix = localised_correlation(self._places[cell], self._places[points], self._cutoff_km)
            self._known = key, Correlations(cell, np.searchsorted(cell, points), matrix)
        return self._known[1]

    def increment(
        self, points: Points, correlations: Correlations, background: float, shape: tuple[int, int]
    ) -> FloatArray:
        """Return the increment, m3 m-3, (n_lat, n_lon); zero where no point is near. Local.

        Parameters
        ----------
        background : s^2, variance of the background errors, m6 m-6.

        Raises
        ------
        DataError : conjugate gradients do not converge.
        """
        image = np.zeros(shape)
        if not points.cell.size or background <= 0.0:
            return image
        among = background * correlations.among_points
        root = 1.0 / np.sqrt(among.diagonal() + points.variance)
        scaled = root * points.residual

        def system(v: FloatArray) -> FloatArray:
            z = root * v
            product: FloatArray = root * (among @ z + points.variance * z)
            return product

        def forget(_point: FloatArray, _gradient: FloatArray) -> None:
            """The steps are not recorded."""

        tolerance = _TOLERANCE * float(np.sqrt(np.sum(scaled**2)))
        start = np.zeros_like(scaled)
        solution, left = conjugate_gradients(
            lambda v: system(v) - scaled, system, start, -scaled, tolerance, _MOST_ITERATIONS, forget
        )
        if left > tolerance:
            raise DataError(
                f"the point update of {points.cell.size} points left a residual of {left:.2e} after at most "
                f"{_MOST_ITERATIONS} iterations; expected {tolerance:.2e}. Are the errors of the points too small "
                "(observation_std), or is points.cutoff_km too long?"
            )
        image.reshape(-1)[correlations.cell] = background * (correlations.matrix @ (root * solution))
        return image
