"""Common parts of the figures of a verification: map background, folder, data."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Literal

import numpy as np

from landda_hpc.config import VerificationConfig
from landda_hpc.constants import FloatArray
from landda_hpc.evaluation.rain import RainAmounts, bars_of_cell, rainiest_day
from landda_hpc.instances.domain import Domain
from landda_hpc.regions import Region
from landda_hpc.verification.figures.maps import Coastline, Ground
from landda_hpc.verification.figures.station_maps import DayPanel

Kind = Literal["scores at stations", "series at stations", "day", "patterns", "scores of cells", "skill of cells"]


@dataclass(frozen=True)
class Figure:
    """A written figure.

    Attributes
    ----------
    kind : kind of content.
    path : file of the figure.
    caption : caption of the figure.
    window, metric, layer, region, reference : subject of the figure; empty if it has several or none.
    """

    kind: Kind
    path: Path
    caption: str
    window: str = ""
    metric: str = ""
    layer: str = ""
    region: str = ""
    reference: str = ""


@dataclass(frozen=True, eq=False)
class Drawing:
    """Data needed for every figure.

    Attributes
    ----------
    asked : the section 'verification'.
    window : first scored time and end of the assimilation window.
    domain : domain of the campaign.
    baseline : run that others are compared with; None with a single run.
    rain : rain of every day; None if not available.
    ground : background of maps.
    folder : folder of the files.
    regions : regions with separate figures.
    judged : run whose effect selects the stations that are drawn; None: the last one.
    """

    asked: VerificationConfig
    window: tuple[datetime, datetime]
    domain: Domain
    baseline: str | None
    rain: RainAmounts | None
    ground: Ground
    folder: Path
    regions: Sequence[Region] = ()
    judged: str | None = None

    def area_of(self, region: Region) -> FloatArray:
        """Return the area of the region's scored cells, m2, (n_cells,); zero elsewhere."""
        cells, grid = self.domain.cells, self.domain.grid
        return np.where(cells.from_mask(region.mask(grid) & self.domain.is_scored), cells.from_image(grid.area), 0.0)

    def days(self, region: Region) -> tuple[date, ...]:
        """Return the days whose anomalies are drawn: the configured ones, or the region's rainiest."""
        rainiest = None if self.rain is None else rainiest_day(self.rain, self.area_of(region), *self.window)
        return self.asked.days or (() if rainiest is None else (rainiest,))

    def bars(self, weights: FloatArray) -> list[tuple[datetime, float]]:
        """Return the rain of each day, as weighted mean over the land cells; empty without rain."""
        return [] if self.rain is None else self.rain.bars(weights)

    def bars_of_cell(self, cell: int) -> list[tuple[datetime, float]]:
        """Return the rain of each day in one land cell; empty without rain."""
        return [] if self.rain is None else bars_of_cell(self.rain, cell)

    def rain_panel(self, day: date) -> DayPanel | None:
        """Return the map of a day's rain; None if unknown."""
        amounts = None if self.rain is None else self.rain.of(day)
        if self.rain is None or amounts is None or not np.isfinite(amounts).any():
            return None
        return DayPanel(capital(self.rain.name), image=self.domain.cells.to_image(amounts), is_rain=True)

    @property
    def rain_label(self) -> str:
        """Source of the rain; empty without rain."""
        return "" if self.rain is None else self.rain.label


def make_ground(domain: Domain) -> Ground:
    """Return the background of maps: land of the campaign and coastline."""
    return Ground(domain.grid, domain.is_land, Coastline.shipped())


def capital(text: str) -> str:
    """Return the text with a capital first letter."""
    return text[:1].upper() + text[1:]


def file_name(name: str) -> str:
    """Return the name of a region or reference in a form suitable for file names."""
    return re.sub(r"[^A-Za-z0-9.-]+", "_", name)
