"""Filling of gaps in the innovation from their edges, by the (screened) Laplace equation on land cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import SuperLU, splu

from landda_hpc.constants import EARTH_RADIUS, BoolArray, FloatArray, IntArray
from landda_hpc.grid import Grid


@dataclass(frozen=True, eq=False)
class _Gaps:
    """The equations of the missing cells of one mask.

    Attributes
    ----------
    unknown : cells that are filled, (n_lat * n_lon,).
    system : factors of their matrix; None without any such cell.
    sources : edges from observed cells, in two groups: number of the missing cell, weight, flat index of the observed.
    """

    unknown: BoolArray
    system: SuperLU | None
    sources: tuple[tuple[IntArray, FloatArray, IntArray], ...] = ()


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
    their difference. The equations of the latest mask are kept, for the members of an ensemble. Local; the same bits on
    every rank.
    """

    def __init__(self, grid: Grid, length_km: float | None) -> None:
        self._grid = grid
        self._screening = 0.0 if length_km is None else (EARTH_RADIUS * 1.0e-3 / length_km) ** 2
        self._edges = _edges(grid)
        self._area = (grid.area / EARTH_RADIUS**2).reshape(-1)
        self._latest: tuple[bytes, bytes, _Gaps] | None = None

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
        gaps = self._gaps(observed, domain)
        if gaps.system is not None:
            flat = filled.reshape(-1)
            source = np.zeros(int(np.count_nonzero(gaps.unknown)))
            for number, weight, given in gaps.sources:
                source += np.bincount(number, weights=weight * flat[given], minlength=source.size)
            flat[gaps.unknown] = gaps.system.solve(source)
        return filled

    def _gaps(self, observed: BoolArray, domain: BoolArray) -> _Gaps:
        keys = observed.tobytes(), domain.tobytes()
        if self._latest is None or self._latest[:2] != keys:
            self._latest = *keys, self._make_gaps(observed.reshape(-1), domain.reshape(-1))
        return self._latest[2]

    def _make_gaps(self, known: BoolArray, inside: BoolArray) -> _Gaps:
        if not (inside & ~known).any():
            return _Gaps(inside & ~known, None)
        first, second, weight = self._edges
        both = inside[first] & inside[second]
        first, second, weight = first[both], second[both], weight[both]
        unknown = inside & ~known & self._reached(first, second, known)
        n = int(np.count_nonzero(unknown))
        if n == 0:
            return _Gaps(unknown, None)
        number = np.full(inside.size, -1, dtype=np.int64)
        number[unknown] = np.arange(n)
        diagonal = self._screening * self._area[unknown]
        sources = []
        for a, b in ((first, second), (second, first)):
            mine = unknown[a]
            diagonal += np.bincount(number[a[mine]], weights=weight[mine], minlength=n)
            given = mine & known[b]
            sources.append((number[a[given]], weight[given], b[given]))
        inner = unknown[first] & unknown[second]
        rows, columns = [number[first[inner]], number[second[inner]]], [number[second[inner]], number[first[inner]]]
        off = np.tile(-weight[inner], 2)
        matrix = sparse.coo_array((off, (np.concatenate(rows), np.concatenate(columns))), shape=(n, n))
        return _Gaps(unknown, splu((matrix + sparse.diags_array(diagonal)).tocsc()), tuple(sources))

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
