"""Annual precipitation between the borders of dry climates, from the map of Köppen-Geiger classes."""

from __future__ import annotations

from typing import Final

import numpy as np

from landda_hpc.constants import EARTH_RADIUS, BoolArray, FloatArray, IntArray
from landda_hpc.data.precipitation_climatology import KOPPEN_CLASSES, annual_precipitation, aridity_threshold
from landda_hpc.grid import Grid, chord_km, unit_vectors

DECAY_KM: Final = 200.0
"""Distance from a border over which rain approaches that of the interior by a factor e; see ``precipitation_map``."""

DESERT_CORE: Final = 0.03
"""Precipitation of the interior of deserts, relative to the aridity threshold: 10 to 20 mm a-1."""

_FARTHEST_KM: Final = 1.0e-3 * np.pi * EARTH_RADIUS  # stands for the distance from a border that does not exist


def precipitation_map(climate_class: IntArray, annual_mean: FloatArray, grid: Grid) -> FloatArray:
    """Annual precipitation that meets the definition of dry climates at their borders, mm.

    Parameters
    ----------
    climate_class : Köppen-Geiger class 1..30, 0 for no land, shape (n_lat, n_lon).
    annual_mean : annual mean temperature near the surface, K, (n_lat, n_lon).
    grid : regular global grid of both.

    Returns
    -------
    Shape (n_lat, n_lon); NaN without land.

    Notes
    -----
    Local: no communication. By definition (Peel et al. 2007, Hydrol. Earth Syst. Sci., 11, 1633-1644) precipitation is
    half of the aridity threshold A where desert and steppe meet, and A where steppe meets other climates. With the
    great-circle distance d from the border,

        desert: (0.03 + 0.47 exp(-d / 200 km)) A,
        steppe: linear between both borders, by the ratio of distances,
        others: P + (A - P) exp(-d / 200 km), where P is the amount of the class, and then scaled to keep the mean of P
        over the area of each class.

    The two numbers are fitted to annual rain over land of Recommendation ITU-R P.837-7 in every other strip of 20
    degrees of longitude (docs/forcing.md).
    """
    letters = np.array(["", *(name[:2] for name in KOPPEN_CLASSES)])[climate_class]
    desert, steppe = letters == "BW", letters == "BS"
    other = (climate_class > 0) & ~desert & ~steppe
    points = unit_vectors(grid.lat[:, None], grid.lon[None, :])
    half_cell = 0.5e-3 * EARTH_RADIUS * np.deg2rad(grid.lat[1] - grid.lat[0])

    def distance(start: BoolArray, end: BoolArray) -> FloatArray:
        """Distance of the cells of ``start`` from the border of ``end``, km."""
        from scipy.spatial import cKDTree  # imported here: a tenth of the time to load

        if not end.any():
            return np.full(int(start.sum()), _FARTHEST_KM)
        chord = cKDTree(points[end & _has_neighbour(~end)]).query(points[start])[0]
        from_border: FloatArray = np.maximum(chord_km(chord) - half_cell, 0.5 * half_cell)
        return from_border

    amount = annual_precipitation(climate_class, annual_mean)
    border = aridity_threshold(climate_class, annual_mean)
    amount[desert] = border[desert] * (
        DESERT_CORE + (0.5 - DESERT_CORE) * np.exp(-distance(desert, steppe | other) / DECAY_KM)
    )
    from_desert, from_other = distance(steppe, desert), distance(steppe, other)
    amount[steppe] = border[steppe] * (1.0 - 0.5 * from_other / (from_desert + from_other))
    near = np.exp(-distance(other, desert | steppe) / DECAY_KM)
    changed = amount.copy()
    changed[other] += near * (border[other] - amount[other])
    area = np.broadcast_to(np.cos(np.deg2rad(grid.lat))[:, None], amount.shape)
    for k in np.unique(climate_class[other]):
        inside = climate_class == k
        changed[inside] *= (area * amount)[inside].sum() / (area * changed)[inside].sum()
    return changed


def _has_neighbour(mask: BoolArray) -> BoolArray:
    """Cells with one of the four neighbours in a mask; periodic in longitude."""
    found = np.roll(mask, 1, axis=1) | np.roll(mask, -1, axis=1)
    found[1:] |= mask[:-1]
    found[:-1] |= mask[1:]
    return found
