"""Named regions of the Earth: boxes, or the polygons of a GeoJSON file, and which places lie in them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from landda_hpc.config.documents import read_text, shorten
from landda_hpc.data import data_file
from landda_hpc.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from landda_hpc.config.domain import RegionConfig, RegionStd
    from landda_hpc.constants import BoolArray, FloatArray
    from landda_hpc.grid import Grid

Ring = tuple[tuple[float, float], ...]
"""Corners of a closed line, degrees_east and degrees_north; the last one joins the first."""


@dataclass(frozen=True)
class Region:
    """A named region: a latitude-longitude box, a polygon, or several of them.

    Attributes
    ----------
    name : in tables and figures.
    south, north, west, east : box around the region, degrees; west < east, at most 360 degrees wide.
    rings : outer boundary of a polygon, then its holes; empty for a box. Sides are straight on the latitude-longitude
        plane.
    parts : boxes and polygons whose union the region is; empty for a single one.
    """

    name: str
    south: float
    north: float
    west: float
    east: float
    rings: tuple[Ring, ...] = ()
    parts: tuple[Region, ...] = ()

    def __post_init__(self) -> None:
        if not (-90.0 <= self.south < self.north <= 90.0 and 0.0 < self.east - self.west <= 360.0):
            raise DataError(
                f"region '{self.name}' spans latitude {self.south} to {self.north}, longitude {self.west} to "
                f"{self.east}; expected south < north and west < east, at most 360 degrees."
            )

    @classmethod
    def polygon(cls, name: str, rings: Sequence[Ring]) -> Region:
        """Return the region within an outer ring and outside of the other ones."""
        lon, lat = zip(*rings[0], strict=True)
        return cls(name, min(lat), max(lat), min(lon), max(lon), tuple(rings))

    @classmethod
    def union(cls, name: str, parts: Sequence[Region]) -> Region:
        """Return the union of one or more regions."""
        if len(parts) == 1:
            return replace(parts[0], name=name)
        west, east = _span([(part.west, part.east) for part in parts])
        south, north = min(part.south for part in parts), max(part.north for part in parts)
        return cls(name, south, north, west, east, parts=tuple(parts))

    def holds(self, lat: FloatArray, lon: FloatArray) -> BoolArray:
        """Which places (degrees) lie in the region; in the broadcast shape of both."""
        if self.parts:
            return np.asarray(np.any([part.holds(lat, lon) for part in self.parts], axis=0))
        if self.rings:
            return self._is_enclosed(lat, lon)
        rows = (lat >= self.south) & (lat <= self.north)
        return np.asarray(rows & (np.mod(lon - self.west, 360.0) <= self.east - self.west))

    def mask(self, grid: Grid) -> BoolArray:
        """Whether the centre of each cell lies in the region, shape (n_lat, n_lon)."""
        return self.holds(grid.lat[:, None], grid.lon[None, :])

    def _is_enclosed(self, lat: FloatArray, lon: FloatArray) -> BoolArray:
        """Whether a line to the west crosses the rings an odd number of times."""
        middle = 0.5 * (self.west + self.east)
        x, y = np.mod(lon - middle + 180.0, 360.0) + middle - 180.0, lat
        inside = np.zeros(np.broadcast_shapes(lat.shape, lon.shape), dtype=np.bool_)
        for ring in self.rings:
            for (x1, y1), (x2, y2) in zip(ring, (*ring[1:], ring[0]), strict=True):
                if y1 != y2:
                    inside ^= (y >= min(y1, y2)) & (y < max(y1, y2)) & (x < x1 + (y - y1) * (x2 - x1) / (y2 - y1))
        return inside


GLOBE: Final = Region("Globe", -90.0, 90.0, -180.0, 180.0)


def named_regions(asked: Sequence[RegionConfig], data_root: Path) -> tuple[Region, ...]:
    """Return the regions of a configuration. Local.

    Parameters
    ----------
    data_root : folder of their files.

    Raises
    ------
    MissingFileError, ConfigError : no such file, or it cannot be read.
    DataError : it is not GeoJSON, or holds no polygon.
    """
    return tuple(_region(one, data_root) for one in asked)


def std_by_region(grid: Grid, elsewhere: float, asked: Sequence[RegionStd], data_root: Path) -> float | FloatArray:
    """Return the standard deviation of errors, m3 m-3: a number, or a map (n_lat, n_lon) if it varies by region.

    Raises
    ------
    MissingFileError, ConfigError, DataError : as ``named_regions``.
    """
    if not asked:
        return elsewhere
    std = np.full(grid.shape, elsewhere)
    for one, region in zip(asked, named_regions(asked, data_root), strict=True):
        std[region.mask(grid)] = one.std
    return std


def _region(asked: RegionConfig, data_root: Path) -> Region:
    if asked.file is None:
        parts = [Region(asked.name, *box) for box in asked.boxes]
    else:
        parts = read_polygons(data_file(asked.file, data_root), asked.name)
    return Region.union(asked.name, parts)


def read_polygons(path: Path, name: str = "") -> list[Region]:
    """Read all polygons of a GeoJSON file, RFC 7946.

    Parameters
    ----------
    name : of the region, for messages.

    Raises
    ------
    MissingFileError, ConfigError : no such file, or it cannot be read.
    DataError : it is not GeoJSON, or holds no polygon.
    """
    where = f"region '{name}', outline '{path}'"
    text = read_text(path, f"region '{name}': outline")
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"{where}, line {error.lineno}, column {error.colno}: not JSON ({error.msg}).") from error
    except (RecursionError, ValueError) as error:
        raise DataError(f"{where}: not JSON that can be read ({error}).") from error
    found = [
        Region.polygon(name, _rings(rings, f"{where}, polygon {number}"))
        for number, rings in enumerate(_polygons(content, where), start=1)
    ]
    if not found:
        raise DataError(f"{where}: there is no Polygon or MultiPolygon in it.")
    return found


def _polygons(node: Any, where: str) -> Iterator[Any]:
    """Coordinates of every polygon of a GeoJSON object; points and lines are left out."""
    kind = node.get("type") if isinstance(node, dict) else None
    below = {"FeatureCollection": "features", "GeometryCollection": "geometries", "Feature": "geometry"}
    if kind == "Polygon":
        yield node.get("coordinates")
    elif kind in ("MultiPolygon", *below):
        items = node.get("coordinates" if kind == "MultiPolygon" else below[kind])
        items = [items] if kind == "Feature" else items
        if not isinstance(items, list):
            raise DataError(f"{where}: {kind} without a list; expected GeoJSON (RFC 7946).")
        for item in items:
            if kind == "MultiPolygon":
                yield item
            elif item is not None:
                yield from _polygons(item, where)
    elif kind not in ("Point", "MultiPoint", "LineString", "MultiLineString"):
        raise DataError(f"{where}: object of type {shorten(str(kind))}; expected GeoJSON (RFC 7946).")


def _rings(found: Any, where: str) -> list[Ring]:
    """Check the rings of one polygon."""
    if not isinstance(found, list) or not found:
        raise DataError(f"{where}: expected a list of rings.")
    rings = []
    for number, ring in enumerate(found, start=1):
        corners = [_corner(point, f"{where}, ring {number}") for point in ring] if isinstance(ring, list) else []
        if len(corners) > 1 and corners[0] == corners[-1]:
            corners.pop()
        if len(set(corners)) < 3:
            raise DataError(f"{where}, ring {number}: {len(corners)} corners; expected 3 at least.")
        rings.append(tuple(corners))
    return rings


def _corner(point: Any, where: str) -> tuple[float, float]:
    numbers = [v for v in point if isinstance(v, int | float) and math.isfinite(v)] if isinstance(point, list) else []
    if len(numbers) < 2 or len(numbers) != len(point) or abs(numbers[0]) > 360.0 or abs(numbers[1]) > 90.0:
        raise DataError(f"{where}: {shorten(str(point))} is not a position; expected [degrees_east, degrees_north].")
    return float(numbers[0]), float(numbers[1])


def _span(spans: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return the shortest span of longitudes that holds several, degrees; it begins in [-180, 180)."""
    turned = sorted((west % 360.0, east - west) for west, east in spans)
    # A span that reaches past the first begin plus 360 degrees may cover it.
    begin, reach, largest = turned[0][0], max(west + width for west, width in turned) - 360.0, -math.inf
    for west, width in [*turned, (turned[0][0] + 360.0, 0.0)]:
        if west - reach > largest:  # the span begins behind the largest gap
            largest, begin = west - reach, west
        reach = max(reach, west + width)
    west = (begin + 180.0) % 360.0 - 180.0
    return (west, west + 360.0 - largest) if largest > 0.0 else (-180.0, 180.0)
