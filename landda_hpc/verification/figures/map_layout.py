"""Arrangement of the panels of a map figure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from landda_hpc.constants import FloatArray
    from landda_hpc.regions import Region

_TITLE: Final = 0.27
"""Height of a panel's title, inches; so are the numbers below."""
_LATITUDES: Final = 0.48
"""Width of labels of latitudes."""
_LONGITUDES: Final = 0.24
"""Height of labels of longitudes; half the width of one."""
_ROW_GAP: Final = 0.07
_COLUMN_GAP: Final = 0.48
_TOP: Final = 0.3
_REGION_NAMES: Final = 0.24
_LEGEND: Final = 0.3
_BAR: Final = 0.15
"""Thickness of a colour bar."""
_BAR_BELOW: Final = 0.7
_BAR_RIGHT: Final = 0.95
"""Room of a colour bar with its labels, below and right of the maps."""

Box = tuple[float, float, float, float]
"""Left, bottom, width and height, as fractions of the figure."""


Kind = Literal["field", "difference", "increment"]
"""Kinds of images; each has its own colour bar."""
KINDS: Final[tuple[Kind, ...]] = ("field", "difference", "increment")


@dataclass(frozen=True, eq=False)
class Panel:
    """One map: name, title, image of shape (n_lat, n_lon), and kind of colours."""

    name: str
    title: str
    image: FloatArray
    kind: Kind


@dataclass(frozen=True, eq=False)
class Layout:
    """An arrangement of panels, which gives the place of everything in the figure.

    Attributes
    ----------
    widths : widths of the maps in each column, inches.
    height_of_map : their height, inches.
    places : (row, column, panel, region), in the order of their letters.
    bars_below : whether colour bars are below the panels; otherwise they are to the right.
    is_by_region : whether each column is a region.
    """

    widths: list[float]
    height_of_map: float
    places: list[tuple[int, int, Panel, Region]]
    bars_below: bool
    is_by_region: bool = False

    @property
    def n_rows(self) -> int:
        """Number of rows of panels."""
        return 1 + max(row for row, _, _, _ in self.places)

    @property
    def width(self) -> float:
        """Width of the figure, inches."""
        right = _LONGITUDES + (0.0 if self.bars_below else _BAR_RIGHT)
        return _LATITUDES + sum(self.widths) + (len(self.widths) - 1) * self._column_gap + right

    @property
    def height(self) -> float:
        """Height of the figure, inches."""
        return self._top + self.n_rows * self._pitch - _ROW_GAP + self._bottom

    @property
    def is_narrow(self) -> bool:
        """Whether panels are too narrow for scores next to the title."""
        return min(self.widths) < 4.4

    def box(self, row: int, column: int) -> Box:
        """Return the place of a map."""
        left = _LATITUDES + sum(self.widths[:column]) + column * self._column_gap
        bottom = self.height - self._top - (row + 1) * self._pitch + _ROW_GAP
        return self._fractions(left, bottom, self.widths[column], self.height_of_map)

    def labelled_sides(self, row: int, column: int) -> tuple[bool, bool]:
        """Return whether longitudes are written below a map, and latitudes left of it: not between equal axes."""
        is_last = not any(r > row and c == column for r, c, _, _ in self.places)
        return is_last, column == 0 or self.is_by_region

    def box_of_bar(self, kind: Kind) -> Box:
        """Return the place of the colour bar of one kind: below its column, or right of its first rows."""
        mine = [(row, column) for row, column, panel, _ in self.places if panel.kind == kind]
        if self.bars_below:
            left, _, width, _ = self.box(*mine[0])
            number = self._n_bars - self._kinds_in(mine[0][1]).index(kind)
            bottom, height = (_LEGEND + number * _BAR_BELOW - _BAR) / self.height, _BAR / self.height
            return left + 0.04 * width, bottom, 0.92 * width, height
        first = last = mine[0][0]
        while (last + 1) in {row for row, _ in mine}:
            last += 1
        _, top, _, height = self.box(first, 0)
        _, bottom, _, _ = self.box(last, 0)
        left, length = self.width - _BAR_RIGHT, top + height - bottom
        return left / self.width, bottom + 0.02 * length, _BAR / self.width, 0.96 * length

    @property
    def _column_gap(self) -> float:
        return _COLUMN_GAP + (_LATITUDES - _LONGITUDES if self.is_by_region else 0.0)

    @property
    def _top(self) -> float:
        return _TOP + (_REGION_NAMES if self.is_by_region else 0.0)

    @property
    def _pitch(self) -> float:
        return _TITLE + self.height_of_map + _ROW_GAP

    @property
    def _bottom(self) -> float:
        return _LONGITUDES + _LEGEND + (self._n_bars * _BAR_BELOW if self.bars_below else 0.0)

    def _kinds_in(self, column: int) -> list[Kind]:
        found = {panel.kind for _, place, panel, _ in self.places if place == column}
        return [kind for kind in KINDS if kind in found]

    @property
    def _n_bars(self) -> int:
        """Largest number of colour bars below a column."""
        return max(len(self._kinds_in(column)) for column in range(len(self.widths)))

    def _fractions(self, left: float, bottom: float, width: float, height: float) -> Box:
        return left / self.width, bottom / self.height, width / self.width, height / self.height


def arrange_in_grid(panels: Sequence[Panel], region: Region, n_columns: int) -> Layout:
    """Arrange panels of one region row by row, with a fixed number per row; a change of kind begins a new row."""
    places: list[tuple[int, int, Panel, Region]] = []
    row, column = 0, 0
    for before, panel in zip([None, *panels], panels, strict=False):
        if before is not None and (column == n_columns or before.kind != panel.kind):
            row, column = row + 1, 0
        places.append((row, column, panel, region))
        column += 1
    width = 4.8 if aspect(region) > 1.2 else max(2.6, 3.2 * aspect(region))
    return Layout([width] * n_columns, width / aspect(region), places, bars_below=False)


def arrange(panels: Sequence[Panel], regions: Sequence[Region]) -> Layout:
    """Arrange panels of one region by kind, or of several regions with one column per region."""
    fields, differences, increments = ([panel for panel in panels if panel.kind == kind] for kind in KINDS)
    if len(regions) > 1:
        return _by_region([*fields, *differences, *increments], regions)
    if aspect(regions[0]) < 1.2:
        return _in_rows([kind for kind in (fields, differences, increments) if kind], regions[0])
    return _in_columns([column for column in (fields, [*differences, *increments]) if column], regions[0])


def _in_columns(columns: Sequence[Sequence[Panel]], region: Region) -> Layout:
    """Put fields in the left column, differences and increments in the right; letters run along rows."""
    places = [
        (row, column, panels[row], region)
        for row in range(max(map(len, columns)))
        for column, panels in enumerate(columns)
        if row < len(panels)
    ]
    width = 4.8
    return Layout([width] * len(columns), width / aspect(region), places, bars_below=True)


def _in_rows(kinds: Sequence[Sequence[Panel]], region: Region) -> Layout:
    """Use one row per kind, for regions that are about as high as wide."""
    n_columns = max(len(kind) for kind in kinds)
    places = [(row, column, panel, region) for row, kind in enumerate(kinds) for column, panel in enumerate(kind)]
    width = max(2.6, 3.2 * aspect(region))
    return Layout([width] * n_columns, width / aspect(region), places, bars_below=False)


def _by_region(panels: Sequence[Panel], regions: Sequence[Region]) -> Layout:
    """Use one row per panel and one column per region."""
    places = [(row, column, panel, region) for row, panel in enumerate(panels) for column, region in enumerate(regions)]
    ratios = [aspect(region) for region in regions]  # so that all panels have the same height
    height = 4.35 * len(regions) / sum(ratios)
    return Layout([height * ratio for ratio in ratios], height, places, bars_below=False, is_by_region=True)


def aspect(region: Region) -> float:
    """Return width over height of a region's panel."""
    return (region.east - region.west) / (region.north - region.south) * shrinking(region)


def shrinking(region: Region) -> float:
    """Return the factor of east-west distances at the region's middle latitude; 1 for maps of the whole globe."""
    if region.east - region.west > 200.0:
        return 1.0
    return max(0.3, math.cos(math.radians(0.5 * (region.south + region.north))))
