"""Stations that are assimilated, and those of them that are withheld for verification."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from landda_hpc.config.quality import NoBias, QualityConfig
from landda_hpc.config.section import (
    Count,
    Fraction,
    Minutes,
    PersistenceHours,
    PersistentStd,
    Section,
    SoilWater,
    SoilWaterOrZero,
    Word,
)
from landda_hpc.config.verification import StationsConfig


class StationErrors(Section):
    """Keys of all assimilated stations."""

    # Until a configuration is read, quality checks need not be loaded.
    model_config = ConfigDict(defer_build=True)

    error_std: SoilWater = Field(0.02, description="standard deviation of the errors of a sensor, m3 m-3")
    representativeness_std: SoilWaterOrZero = Field(
        0.06,
        description="standard deviation of the difference between a station and its cell's mean, m3 m-3; in a twin "
        "this difference is constant in time",
    )
    withheld_fraction: Fraction = Field(
        0.3,
        description="fraction of the stations that are not assimilated but verify; drawn with the seed and the name of "
        "the station. Stations of one cell are withheld together",
    )
    quality: QualityConfig = Field(default_factory=QualityConfig)

    errors: ClassVar[None] = None
    bias: ClassVar[NoBias] = NoBias()
    added_std: ClassVar[float] = 0.0

    @property
    def total_std(self) -> float:
        """Standard deviation of a station's difference from the mean of its cell, m3 m-3."""
        total: float = (self.error_std**2 + self.representativeness_std**2) ** 0.5
        return total


class TwinStations(StationErrors):
    """Synthetic stations, whose values are drawn from the nature run."""

    kind: Literal["twin"] = "twin"
    number: Count = Field(200, description="number of stations, at random, each in another cell with soil")
    persistent_std: PersistentStd = 0.0
    persistence_hours: PersistenceHours = 240.0
    missing_fraction: Fraction = Field(0.1, description="fraction of times without a value, drawn at random")

    @property
    def total_std(self) -> float:
        """See ``StationErrors.total_std``."""
        return math.hypot(super().total_std, self.persistent_std)

    @property
    def catalogue_entry(self) -> None:
        """Name of the stations' entry of the catalogue: none."""
        return None


class CatalogueStations(StationErrors, StationsConfig):
    """Stations of an entry of the catalogue: the mean of those in a cell that have a value near the analysis time."""

    kind: Literal["stations"] = "stations"
    entry: Word = Field(description="name of the stations' entry in the section 'catalogue'")
    tolerance_minutes: Minutes = Field(
        90.0, description="maximum time between an analysis and a station's value, minutes"
    )

    @property
    def catalogue_entry(self) -> str:
        """Name of the stations' entry of the catalogue."""
        return self.entry


Stations = Annotated[TwinStations | CatalogueStations, Field(discriminator="kind")]
"""Stations whose values methods may assimilate."""
