"""Arrangement of the panels of a map figure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from landda_hpc.constants import FloatArray
    from landda_hpc.regions import Region

_TITLE = 0.42
"""Height of a panel's title and tick labels, inches."""


@dataclass(frozen=True, eq=False)
class Panel:
    """One map: name, title, image of shape (n_lat, n_lon), and kind of colours."""

    name: str
    title: str
    image: FloatArray
    is_difference: bool


@dataclass(frozen=True, eq=False)
class Layout:
    """An arrangement of panels.

    Attributes
    ----------
    n_rows : number of rows of panels.
    width_ratios : relative widths of the columns.
    width, height : size of the figure, inches.
    places : (row, column, panel, region), in the order of their letters.
    bars_below : whether colour bars are below the panels; otherwise they are to the right.
    has_fields : whether the first column (bars below) or row contains fields, not differences.
    """

    n_rows: int
    width_ratios: list[float]
    width: float
    height: float
    places: list[tuple[int, int, Panel, Region]]
    bars_below: bool
    has_fields: bool

    @property
    def is_narrow(self) -> bool:
        """Whether panels are too narrow for scores next to the title."""
        return min(self.width_ratios) / sum(self.width_ratios) * self.width < 5.0

    def beside(self, is_difference: bool) -> tuple[slice, int] | tuple[int, slice]:
        """Return the index of the column or row of panels to which the colour bar of one kind belongs."""
        number = 1 if is_difference and self.has_fields else 0
        return (slice(None), number) if self.bars_below else (number, slice(None))


def arrange_in_grid(panels: Sequence[Panel], region: Region, n_columns: int) -> Layout:
    """Arrange panels of one region row by row, with a fixed number per row; a change of kind begins a new row."""
    places: list[tuple[int, int, Panel, Region]] = []
    row, column = 0, 0
    for before, panel in zip([None, *panels], panels, strict=False):
        if before is not None and (column == n_columns or before.is_difference != panel.is_difference):
            row, column = row + 1, 0
        places.append((row, column, panel, region))
        column += 1
    n_rows = row + 1
    panel_width = 4.8 if aspect(region) > 1.2 else max(2.6, 3.2 * aspect(region))
    height = n_rows * (panel_width / aspect(region) + _TITLE) + 0.9
    return Layout(n_rows, [1.0] * n_columns, (panel_width + 0.5) * n_columns + 1.5, height, places, False, True)


def arrange(fields: Sequence[Panel], differences: Sequence[Panel], regions: Sequence[Region]) -> Layout:
    """Arrange panels of one region by kind, or of several regions with one column per region."""
    if len(regions) > 1:
        return _by_region([*fields, *differences], regions)
    kinds = [kind for kind in (fields, differences) if kind]
    return (_in_rows if aspect(regions[0]) < 1.2 else _in_columns)(kinds, regions[0], bool(fields))


def _in_columns(kinds: Sequence[Sequence[Panel]], region: Region, has_fields: bool) -> Layout:
    """Put fields in the left column and differences in the right; letters run along rows."""
    n_rows = max(len(kind) for kind in kinds)
    places = [
        (row, column, panels[row], region)
        for row in range(n_rows)
        for column, panels in enumerate(kinds)
        if row < len(panels)
    ]
    height = n_rows * (4.8 / aspect(region) + _TITLE) + 1.3
    return Layout(n_rows, [1.0] * len(kinds), 5.4 * len(kinds), height, places, True, has_fields)


def _in_rows(kinds: Sequence[Sequence[Panel]], region: Region, has_fields: bool) -> Layout:
    """Put fields in the upper row and differences in the lower, for regions that are about as high as wide."""
    n_columns = max(len(kind) for kind in kinds)
    places = [(row, column, panel, region) for row, kind in enumerate(kinds) for column, panel in enumerate(kind)]
    panel_width = max(2.6, 3.2 * aspect(region))
    height = len(kinds) * (panel_width / aspect(region) + _TITLE) + 0.9
    width = (panel_width + 0.5) * n_columns + 1.2
    return Layout(len(kinds), [1.0] * n_columns, width, height, places, False, has_fields)


def _by_region(panels: Sequence[Panel], regions: Sequence[Region]) -> Layout:
    """Use one row per panel and one column per region."""
    places = [(row, column, panel, region) for row, panel in enumerate(panels) for column, region in enumerate(regions)]
    ratios = [aspect(region) for region in regions]  # so that all panels have the same height
    height = len(panels) * (4.15 * len(regions) / sum(ratios) + _TITLE) + 1.1
    return Layout(len(panels), ratios, 5.0 * len(regions) + 1.0, height, places, False, True)


def aspect(region: Region) -> float:
    """Return width over height of a region's panel."""
    return (region.east - region.west) / (region.north - region.south) * shrinking(region)


def shrinking(region: Region) -> float:
    """Return the factor of east-west distances at the region's middle latitude; 1 for maps of the whole globe."""
    if region.east - region.west > 200.0:
        return 1.0
    return max(0.3, math.cos(math.radians(0.5 * (region.south + region.north))))
