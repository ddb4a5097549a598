"""Calendar, grid, tiles, and the domain of a CoLM case."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from landda_hpc.config.section import (
    DataFile,
    Fraction,
    Latitude,
    Longitude,
    Section,
    SoilWater,
    UtcTime,
    Word,
    changed_fields,
)

FIRST_YEAR, LAST_YEAR = 1700, 9900
"""Allowed years: standard calendar, with a margin for spin-up before and for days after."""
FINEST_DEG = 0.0001
"""Minimum size of a grid cell, degrees."""
MAX_CYCLES = 200_000
"""Largest number of cycles: 136 years of six-hour cycles, or 22 years of one-hour cycles."""


class TimeConfig(Section):
    """Calendar of the campaign (UTC, standard calendar)."""

    start: UtcTime = Field(description="time of the initial state (ISO 8601, UTC)")
    assimilation_end: UtcTime = Field(description="last analysis time, UTC; the free forecast begins here")
    end: UtcTime = Field(description="end of the free forecast, UTC")
    cycle_hours: int = Field(6, ge=1, le=24, description="hours between analyses; a divisor of 24")

    @field_validator("start", "assimilation_end", "end", mode="after")
    @classmethod
    def _whole_hours(cls, value: datetime) -> datetime:
        if not FIRST_YEAR <= value.year <= LAST_YEAR:
            raise ValueError(f"{value} is outside the years {FIRST_YEAR} to {LAST_YEAR}")
        if value.minute or value.second or value.microsecond:
            raise ValueError(f"{value} is not a whole hour")
        return value

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if 24 % self.cycle_hours:
            raise ValueError(f"cycle_hours = {self.cycle_hours} does not divide 24; use 1, 2, 3, 4, 6, 8, 12 or 24")
        if not self.start <= self.assimilation_end <= self.end or self.start == self.end:
            raise ValueError("expected start <= assimilation_end <= end, and start before end")
        for name, value in (("assimilation_end", self.assimilation_end), ("end", self.end)):
            if (value - self.start) % timedelta(hours=self.cycle_hours):
                raise ValueError(f"{name} is not a whole number of {self.cycle_hours}-hour cycles after start")
        if self.n_cycles > MAX_CYCLES:
            raise ValueError(
                f"{self.n_cycles} cycles of {self.cycle_hours} h from {self.start} to {self.end}; expected at most "
                f"{MAX_CYCLES}: divide the campaign"
            )
        return self

    @property
    def cycle(self) -> timedelta:
        return timedelta(hours=self.cycle_hours)

    @property
    def n_cycles(self) -> int:
        return (self.end - self.start) // self.cycle

    @property
    def n_analyses(self) -> int:
        return (self.assimilation_end - self.start) // self.cycle

    @property
    def analyses(self) -> tuple[datetime, ...]:
        """Analysis times."""
        return tuple(self.valid_time(n) for n in range(1, self.n_analyses + 1))

    def ends_cycle(self, time: datetime) -> bool:
        """Whether a cycle of the campaign ends at a time."""
        return self.start < time <= self.end and not (time - self.start) % self.cycle

    def cycle_of(self, time: datetime) -> int:
        """Number of the last cycle that ends at or before a time."""
        return (time - self.start) // self.cycle

    def valid_time(self, cycle: int) -> datetime:
        """Time at the end of cycle number ``cycle`` (1 is the first)."""
        return self.start + cycle * self.cycle


class GridConfig(Section):
    """The model grid: a region given by its edges, or the globe (default)."""

    kind: Literal["regular", "gaussian", "case"] = Field(
        "regular",
        description="latitudes: equally spaced or Gaussian; 'case' = the mesh of the section 'case', which also "
        "defines its size",
    )
    n_lat: int = Field(128, ge=17, le=3600, description="rows of the image")
    n_lon: int = Field(256, ge=17, le=7200, description="columns of the image")
    least_size: int = Field(
        17,
        ge=2,
        le=3600,
        description="with kind case: minimum number of rows and of columns, reached by adding cells without land; "
        "curvelets need 17",
    )
    south: float = Field(-90.0, ge=-90.0, le=90.0, description="southern edge, degrees_north")
    north: float = Field(90.0, ge=-90.0, le=90.0, description="northern edge, degrees_north")
    west: float = Field(0.0, ge=-180.0, le=360.0, description="western edge, degrees_east")
    east: float = Field(360.0, ge=-180.0, le=540.0, description="eastern edge, degrees_east")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.south >= self.north or self.west >= self.east or self.east - self.west > 360.0 + 1e-9:
            raise ValueError("expected south < north and west < east with at most 360 degrees of longitude")
        rows, columns = (self.north - self.south) / self.n_lat, (self.east - self.west) / self.n_lon
        if self.kind != "case" and min(rows, columns) < FINEST_DEG:
            raise ValueError(
                f"cells of {rows:.3g} by {columns:.3g} degrees; expected at least {FINEST_DEG}, which is 11 m"
            )
        if self.kind == "gaussian" and not self.is_global:
            raise ValueError("a Gaussian grid is global: remove south, north, west, east")
        if self.kind == "case" and changed_fields(self) - {"kind", "least_size"}:
            raise ValueError("a case has its own grid: remove n_lat, n_lon, south, north, west, east")
        return self

    @property
    def is_global(self) -> bool:
        """Whether the keys describe a global grid; that of a case is known only from its files."""
        return self.kind != "case" and (self.south, self.north) == (-90.0, 90.0) and self.east - self.west == 360.0


class TilesConfig(Section):
    """Criteria for the tiles of a cell."""

    max_soil_tiles: int = Field(2, ge=1, le=7, description="maximum number of soil tiles in a cell, one per soil class")
    min_fraction: Fraction = Field(
        0.20, description="minimum fraction of the cell's soil for a tile of a second or further soil class"
    )
    min_other_fraction: Fraction = Field(
        0.05, description="minimum fraction of the cell for a tile of wetland, glacier or lake"
    )
    min_land_fraction: Fraction = Field(0.40, description="minimum fraction of land in a land cell")


class CaseConfig(Section):
    """An existing case of CoLM202X or CoLM2014: grid, land, patches as tiles, and initial restarts."""

    namelist: Path = Field(
        description="the case's namelist (case.nml of CoLM202X, timeloop.stdin of CoLM2014), under data_root or "
        "absolute; the template for the namelist of every window"
    )
    folder: Path | None = Field(
        None,
        description="folder of the case, with restart/ and landdata/; default DEF_dir_output/DEF_CASE_NAME of the "
        "namelist; of CoLM2014 the folder of its restarts, default dir_restart_hist",
    )


Box = tuple[Latitude, Latitude, Longitude, Longitude]
"""South, north, west, east edges, degrees."""


def check_boxes(boxes: tuple[Box, ...]) -> None:
    """Raise ValueError for a box without extent."""
    for south, north, west, east in boxes:
        if not (-90.0 <= south < north <= 90.0 and west < east <= west + 360.0):
            raise ValueError(
                f"box {south:g}, {north:g}, {west:g}, {east:g}: expected south < north and west < east <= west + "
                f"360, degrees"
            )


class RegionConfig(Section):
    """A named region: boxes, or the polygons of a file."""

    name: Word = Field(min_length=1, description="name of the region in tables and figures")
    boxes: tuple[Box, ...] = Field(
        (), max_length=1000, description="south, north, west, east of the boxes that make up the region, degrees"
    )
    file: DataFile | None = Field(
        None,
        description="instead of boxes: GeoJSON file with the region's polygons in longitude and latitude, under "
        "data_root, or package:papers/china.geojson",
    )

    @model_validator(mode="after")
    def _has_extent(self) -> Self:
        if bool(self.boxes) == (self.file is not None):
            raise ValueError(f"region '{self.name}': give either boxes or a file")
        check_boxes(self.boxes)
        return self


class RegionStd(RegionConfig):
    """A region with separate observation errors."""

    std: SoilWater = Field(description="standard deviation of the errors in the region, m3 m-3")
