"""Observation errors that differ between a country and the rest, for the experiment of [S24] Figs 6 and 7."""

from __future__ import annotations

from typing import Final

import numpy as np

from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.grid import Grid

CHINA_OUTLINE: Final[tuple[tuple[float, float], ...]] = (
    (73.6, 39.4), (74.9, 40.5), (76.9, 41.0), (80.2, 42.0), (80.2, 43.0), (80.8, 44.9), (82.5, 45.2), (83.0, 47.2),
    (85.5, 47.1), (85.8, 48.4), (87.8, 49.2), (90.3, 47.7), (91.0, 46.0), (90.7, 45.2), (93.5, 44.9), (95.4, 44.2),
    (96.4, 42.7), (101.8, 42.5), (105.0, 41.6), (109.2, 42.5), (111.8, 43.7), (111.9, 45.1), (113.5, 44.8),
    (116.0, 45.7), (116.3, 46.4), (119.9, 46.7), (118.0, 48.0), (115.6, 47.7), (116.7, 49.8), (119.3, 50.1),
    (120.1, 52.6), (121.0, 53.3), (123.6, 53.5), (126.0, 52.6), (127.6, 49.8), (130.6, 48.9), (131.0, 47.7),
    (134.7, 48.4), (133.1, 45.1), (131.0, 44.9), (131.2, 43.4), (130.6, 42.4), (128.2, 42.0), (126.0, 41.0),
    (124.3, 39.9), (121.6, 38.8), (121.0, 40.8), (118.0, 39.0), (119.0, 37.3), (122.6, 37.2), (119.3, 35.0),
    (121.0, 32.5), (122.2, 30.0), (120.4, 27.2), (118.5, 24.5), (114.2, 22.3), (110.4, 20.3), (108.0, 21.5),
    (106.7, 22.0), (105.3, 23.3), (102.2, 22.5), (101.2, 21.2), (99.2, 22.1), (97.6, 24.0), (98.7, 25.9), (97.4, 28.3),
    (93.0, 28.0), (91.6, 27.9), (89.0, 27.6), (85.9, 28.0), (81.5, 30.2), (78.8, 31.3), (78.5, 32.6), (79.0, 34.0),
    (77.8, 35.5), (75.5, 37.0), (74.9, 38.5),
)  # fmt: skip
"""Mainland China, degrees_east and degrees_north, to about a degree: an outline for coarse cells, not a border."""


def outline_mask(grid: Grid, outline: tuple[tuple[float, float], ...] = CHINA_OUTLINE) -> BoolArray:
    """Return the cells whose centre lies inside a closed outline, (n_lat, n_lon).

    Parameters
    ----------
    outline : corners, degrees_east and degrees_north, in either sense, not across the meridian 180 degrees off its
        own middle; sides are straight on the latitude-longitude plane.
    """
    corners = np.array(outline)
    middle = 0.5 * (corners[:, 0].min() + corners[:, 0].max())
    x = (np.mod(grid.lon - middle + 180.0, 360.0) + middle - 180.0)[None, :]
    y = grid.lat[:, None]
    inside = np.zeros(grid.shape, dtype=np.bool_)
    for (x1, y1), (x2, y2) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if y1 == y2:
            continue
        crosses = (y >= min(y1, y2)) & (y < max(y1, y2)) & (x < x1 + (y - y1) * (x2 - x1) / (y2 - y1))
        inside ^= crosses
    return inside


def china_error_map(grid: Grid, inside_std: float = 0.30, outside_std: float = 0.01) -> FloatArray:
    """Standard deviation of observation errors, m3 m-3, (n_lat, n_lon): large inside China, negligible outside.

    The paper gives no values; see docs/methods.md, "Choices that the papers leave open".
    """
    return np.where(outline_mask(grid), inside_std, outside_std)
