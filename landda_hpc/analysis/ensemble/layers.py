"""From the observed depth to the soil layers of every member, and within the bounds of the soil."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from landda_hpc.analysis.ensemble.protocol import EnsemblePair, Members, covariance, deviations
from landda_hpc.analysis.missing import chance_factor
from landda_hpc.constants import FloatArray
from landda_hpc.grid import Grid
from landda_hpc.random_fields.smoothing import GaussianSmoother

_ROUNDS: Final = 50
"""Largest number of steps of the search for a common shift; each step is exact until another member meets its bound."""

_CELLS: Final = 512
"""Cells that are computed at a time: arrays of all members and layers stay small."""

_TOLERANCE: Final = 1e-12
"""Error of a mean increment that ends the search, m3 m-3."""


class Moments(NamedTuple):
    """Covariances of the layers with the observed depth, its variance, and variances of the layers.

    Shapes (n_owned, n_soil), (n_owned, 1) and (n_owned, n_soil); m6 m-6, 0 without soil.
    """

    cross: FloatArray
    variance: FloatArray
    total: FloatArray


def moments_of(pair: EnsemblePair) -> Moments:
    """Moments of the members in the cells of this process. Local."""
    _, n_owned, n_soil = pair.layers.shape
    moments = Moments(*(np.empty((n_owned, n)) for n in (n_soil, 1, n_soil)))
    every_observed = pair.observed[:, pair.owned]
    for first in range(0, n_owned, _CELLS):
        part = slice(first, first + _CELLS)
        observed, layers = deviations(every_observed[:, part])[:, :, None], deviations(pair.layers[:, part])
        moments.cross[part] = covariance(layers, observed)
        moments.variance[part] = covariance(observed, observed)
        moments.total[part] = covariance(layers, layers)
    return Moments(*(np.nan_to_num(part) for part in moments))


def slopes_of(moments: Moments, weights: FloatArray, n_members: int) -> FloatArray:
    """Regression of the soil layers on the observed depth, (n_owned, n_soil), 1.

    Layers that overlap the observed depth have the plain slope cov(x_k, H x) / var(H x), so that H of the increments is
    the increment of the observed depth. Below it the slope is multiplied by the fraction of the squared correlation
    that is not due to chance (``chance_factor``). 0 where the members do not differ.
    """
    cross, variance, total = moments
    slopes = np.divide(cross, variance, out=np.zeros_like(cross), where=variance > 0.0)
    # The mean of the members is taken out, which costs a degree of freedom; two members are always correlated.
    kept = chance_factor(total, variance, cross, n_members - 1) if n_members > 2 else np.zeros_like(cross)
    whole: FloatArray = np.where(weights > 0.0, slopes, kept * slopes)
    return whole


def layer_slopes(pair: EnsemblePair) -> FloatArray:
    """Regression in each cell by itself, see ``slopes_of``. Local."""
    return slopes_of(moments_of(pair), pair.weights, pair.n_members)


class LayerRegression:
    """Regression of the soil layers on the observed depth, with moments that are smoothed in space.

    Covariances of few members are noisy, and those of neighbouring cells alike. Covariances and variances are averaged
    with the weight exp(-1/2 (d / L)^2) over the surrounding soil; their quotients keep H of the increments.

    Parameters
    ----------
    grid : the model grid.
    length_km : L, km; 0: each cell by itself.
    members : distribution of the members over the root group.
    """

    def __init__(self, grid: Grid, length_km: float, members: Members) -> None:
        self._members = members
        self._smooth = GaussianSmoother(grid, length_km) if length_km > 0.0 else None

    def increments(self, pair: EnsemblePair, observed: FloatArray) -> FloatArray:
        """Increments of all layers, (n_members, n_owned, n_soil), from those of the observed depth. Collective.

        Where the members do not differ, every layer that overlaps the observed depth gets its increment.

        Parameters
        ----------
        observed : increments of the observed depth, m3 m-3, (n_members, n_owned).
        """
        moments = moments_of(pair)
        if self._smooth is not None:
            moments = Moments(
                *(self._smoothed(pair, part) for part in (moments.cross, moments.variance, moments.total))
            )
        slopes = slopes_of(moments, pair.weights, pair.n_members)
        without = ~slopes.any(axis=1)
        slopes[without] = (pair.weights > 0.0).astype(np.float64)
        increments: FloatArray = observed[:, :, None] * slopes
        return increments

    def _smoothed(self, pair: EnsemblePair, owned: FloatArray) -> FloatArray:
        """Weighted sums over the surrounding soil, (n_owned, k); not normalised, because only quotients are used."""
        assert self._smooth is not None, "the caller smooths"
        every = self._members.of_all_cells(owned, pair.cell.size)
        soil = pair.is_soil[:, None]
        images = np.stack([pair.image(column) for column in np.where(soil, every, 0.0).T])
        return np.stack([pair.of_cells(image)[pair.owned] for image in self._smooth(images)], axis=1)


def within_bounds(theta: FloatArray, increments: FloatArray, lower: FloatArray, upper: FloatArray) -> FloatArray:
    """Change increments so that no member crosses a bound and the mean increment is kept.

    A member that would cross a bound stays at it, and all members are shifted by a common amount, so that the mean of
    the analysis is the requested one. Only if the requested mean itself is beyond a bound, the mean ends there. Simple
    clipping would make the mean of dry soil too wet and that of wet soil too dry, in every cycle.

    Parameters
    ----------
    theta : soil water, m3 m-3, (n_members, n_cells, ...).
    increments : m3 m-3, the same shape.
    lower, upper : bounds, m3 m-3, shape (n_cells, ...). A member that is beyond a bound may stay where it is.

    Returns
    -------
    Increments; bitwise the given ones where no member would cross a bound, and where all are zero.
    """
    changed = increments.copy()
    for first in range(0, theta.shape[1], _CELLS):
        part = slice(first, first + _CELLS)
        _limit(theta[:, part], changed[:, part], lower[part], upper[part])
    return changed


def _limit(theta: FloatArray, increments: FloatArray, lower: FloatArray, upper: FloatArray) -> None:
    """``within_bounds`` of some cells, in place."""
    low, high = np.minimum(theta, lower), np.maximum(theta, upper)
    wanted = theta + increments
    crossing = ((wanted < low) | (wanted > high)).any(axis=0) & (increments != 0.0).any(axis=0)
    if not crossing.any():
        return
    low, high, wanted = low[:, crossing], high[:, crossing], wanted[:, crossing]
    n = theta.shape[0]
    target = np.clip(_sum(wanted), _sum(low), _sum(high))
    shift = np.zeros(wanted.shape[1])
    for _ in range(_ROUNDS):
        moved = wanted + shift
        lack = target - _sum(np.clip(moved, low, high))
        # Members that can follow a shift in the direction that is needed.
        free = np.where(lack > 0.0, (moved < high) & (high > low), (moved > low) & (high > low)).sum(axis=0)
        if (np.abs(lack) <= n * _TOLERANCE).all():
            break
        shift = shift + np.where(np.abs(lack) > n * _TOLERANCE, lack / np.maximum(free, 1), 0.0)
    increments[:, crossing] = np.clip(wanted + shift, low, high) - theta[:, crossing]


def _sum(members: FloatArray) -> FloatArray:
    total = np.zeros(members.shape[1:])
    for values in members:
        total += values
    return total
