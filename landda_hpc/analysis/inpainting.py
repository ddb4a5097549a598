"""Filling of gaps in the innovation from their edges, by the (screened) Laplace equation on land cells."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

from landda_hpc.constants import EARTH_RADIUS, BoolArray, FloatArray, IntArray
from landda_hpc.grid import Grid


class HarmonicInpainting:
    """Solve laplacian u - u / L^2 = 0 in missing cells, with u given in observed cells and no flux through coasts.

    Parameters
    ----------
    grid : grid of the images.
    length_km : L, the e-folding length of the filled values, km. None: the Laplace equation, whose solution does not
        decay: a wide gap is then filled with about the mean of its edge.

    Notes
    -----
    Finite volumes: the flux between two neighbours is (length of their common edge / distance of their centres) times
    their difference. Local; the same bits on every rank.
    """

    def __init__(self, grid: Grid, length_km: float | None) -> None:
        self._grid = grid
        self._screening = 0.0 if length_km is None else (EARTH_RADIUS * 1.0e-3 / length_km) ** 2
        self._edges = _edges(grid)
        self._area = (grid.area / EARTH_RADIUS**2).reshape(-1)

    def __call__(self, values: FloatArray, observed: BoolArray, domain: BoolArray) -> FloatArray:
        """Return the field with its gaps filled.

        Parameters
        ----------
        values : field, (n_lat, n_lon), used in observed cells.
        observed : cells with a value, part of the domain.
        domain : cells to be filled. Connected parts without any observation become zero.

        Returns
        -------
        (n_lat, n_lon): ``values`` in observed cells, the solution in the rest of the domain, zero off the domain. The
        solution lies within the range of zero and the observed values.
        """
        filled = np.where(observed, values, 0.0)
        inside = domain.reshape(-1)
        known = observed.reshape(-1)
        first, second, weight = self._edges
        both = inside[first] & inside[second]
        first, second, weight = first[both], second[both], weight[both]
        unknown = inside & ~known & self._reached(first, second, known)
        n = int(np.count_nonzero(unknown))
        if n == 0:
            return filled
        number = np.full(inside.size, -1, dtype=np.int64)
        number[unknown] = np.arange(n)
        flat = filled.reshape(-1)
        diagonal = self._screening * self._area[unknown]
        source = np.zeros(n)
        for a, b in ((first, second), (second, first)):
            mine = unknown[a]
            diagonal += np.bincount(number[a[mine]], weights=weight[mine], minlength=n)
            given = mine & known[b]
            source += np.bincount(number[a[given]], weights=weight[given] * flat[b[given]], minlength=n)
        inner = unknown[first] & unknown[second]
        rows, columns = [number[first[inner]], number[second[inner]]], [number[second[inner]], number[first[inner]]]
        off = np.tile(-weight[inner], 2)
        matrix = sparse.coo_array((off, (np.concatenate(rows), np.concatenate(columns))), shape=(n, n))
        system = (matrix + sparse.diags_array(diagonal)).tocsc()
        flat[unknown] = splu(system).solve(source)
        return filled

    @staticmethod
    def _reached(first: IntArray, second: IntArray, known: BoolArray) -> BoolArray:
        """Return the cells that are connected to an observed cell."""
        graph = sparse.coo_array((np.ones(first.size), (first, second)), shape=(known.size, known.size))
        _, piece = connected_components(graph, directed=False)
        has = np.zeros(int(piece.max(initial=0)) + 1, dtype=np.bool_)
        has[piece[known]] = True
        reached: BoolArray = has[piece]
        return reached


def _edges(grid: Grid) -> tuple[IntArray, IntArray, FloatArray]:
    """Return pairs of neighbouring cells (flat indices) and edge length over distance, 1; (n_edges,) each."""
    n_lat, n_lon = grid.shape
    index: npt.NDArray[np.int64] = np.arange(n_lat * n_lon, dtype=np.int64).reshape(n_lat, n_lon)
    height, width = np.deg2rad(np.diff(grid.lat_edges)), np.deg2rad(np.diff(grid.lon_edges))
    lat, lon = np.deg2rad(grid.lat), np.deg2rad(grid.lon)
    east = np.divide.outer(height / np.cos(lat), np.diff(lon))
    north = np.multiply.outer(np.cos(np.deg2rad(grid.lat_edges[1:-1])) / np.diff(lat), width)
    parts = [(index[:, :-1], index[:, 1:], east), (index[:-1], index[1:], north)]
    if grid.is_periodic and n_lon > 2:
        gap = 2.0 * np.pi - (lon[-1] - lon[0])
        parts.append((index[:, -1:], index[:, :1], (height / np.cos(lat) / gap)[:, None]))
    return (
        np.concatenate([a.reshape(-1) for a, _, _ in parts]),
        np.concatenate([b.reshape(-1) for _, b, _ in parts]),
        np.concatenate([w.reshape(-1) for _, _, w in parts]),
    )
