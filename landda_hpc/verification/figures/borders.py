"""Borders of countries for maps, from Natural Earth (public domain).

They are not drawn unless ``output.figure_style.borders`` asks for them: Natural Earth shows borders as they are in
effect, several of which are disputed, and some publishers and authorities require others.
"""

from __future__ import annotations

import json
from functools import cache, lru_cache

import numpy as np

from landda_hpc.constants import FloatArray
from landda_hpc.data import borders_path
from landda_hpc.regions import Region


@cache
def _borders() -> tuple[FloatArray, ...]:
    lines = json.loads(borders_path().read_text(encoding="utf-8"))["lines"]
    return tuple(np.array(line, dtype=np.float64) for line in lines)


@lru_cache(maxsize=8)
def border_lines(region: Region) -> list[FloatArray]:
    """Return the borders that touch a region, as lines of (longitude, latitude) in the longitudes of the region."""
    found = []
    for line in _borders():
        south, north = line[:, 1].min(), line[:, 1].max()
        if north < region.south or south > region.north:
            continue
        for turn in (-360.0, 0.0, 360.0):
            lon = line[:, 0] + turn
            if lon.max() >= region.west and lon.min() <= region.east:
                found.append(np.column_stack([lon, line[:, 1]]))
    return found
