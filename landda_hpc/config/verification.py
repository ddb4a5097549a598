"""What a campaign is compared with."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from landda_hpc.config.domain import RegionConfig
from landda_hpc.config.section import (
    THINNEST_M,
    Days,
    DepthM,
    Fraction,
    Minutes,
    Section,
    SoilWaterOrZero,
    UtcDay,
    Word,
)


class ReferenceConfig(Section):
    """A gridded product that finished campaigns are verified against, at its own depths."""

    entry: Word = Field(description="name of the product's entry in the section 'catalogue'")
    name: Word | None = Field(None, min_length=1, description="name in tables and figures; default that of the entry")
    depths_m: tuple[tuple[DepthM, DepthM], ...] | None = Field(
        None, description="layers that are compared, m; default the product's own down to the recorded depth"
    )
    regridding: Literal["bilinear", "conservative"] = Field(
        "bilinear", description="how the product comes to the model grid; 'bilinear' is the papers'"
    )
    averaging: Literal["instant", "day"] = Field(
        "instant",
        description="'instant': states nearest in time; 'day': means of model and product over UTC days (of esa_cci "
        "from noon to noon around 00 UTC), of which half of the model's times must be there",
    )
    tolerance_minutes: Minutes = Field(90.0, description="between the state and the product's time, if 'instant'")


class StationsConfig(Section):
    """Stations that finished campaigns are verified against."""

    entry: Word = Field(description="name of the stations' entry in the section 'catalogue'")
    accept: tuple[Word, ...] = Field(
        ("G",),
        max_length=100,
        description="flags of the provider that make a value usable; MAQU of the ISMN needs G and U",
    )
    sensor_depths_m: tuple[DepthM, DepthM] | None = Field(
        None,
        description="top and bottom, m, between which a sensor must lie to count, both included, as [0.08, 0.12] for "
        "sensors at 10 cm; a sensor of a layer (0-10 cm of cma_csv) must lie there as a whole; default all sensors",
    )

    @field_validator("sensor_depths_m")
    @classmethod
    def _depths(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and not 0.0 <= value[0] <= value[1] <= 50.0:
            raise ValueError(f"{value[0]:g} to {value[1]:g} m: expected 0 <= top <= bottom <= 50")
        return value


class TwinStationsConfig(Section):
    """Stations that are drawn from a twin's nature run: its cell means with errors of place and instrument."""

    per_region: int = Field(
        40,
        ge=1,
        le=10000,
        description="stations in each of verification.regions, or in the whole domain without regions, at random",
    )
    offset_std: SoilWaterOrZero = Field(
        0.06, description="standard deviation of a station's lasting difference from its cell, m3 m-3"
    )
    error_std: SoilWaterOrZero = Field(0.02, description="standard deviation of errors that are white in time, m3 m-3")
    missing_fraction: Fraction = Field(0.1, description="share of times without a value, at random")
    depth_m: tuple[DepthM, DepthM] = Field((0.1, 0.1), description="top and bottom of the sensor, m; equal for a point")


class AnomalyConfig(Section):
    """What anomalies of series are departures from."""

    kind: Literal["moving_window", "climatology"] = Field(
        "moving_window", description="mean around each time, or of all years around the day of the year (two at least)"
    )
    window_days: Days = Field(35.0, description="width of the window, days")


class VerificationConfig(Section):
    """Where and at which depths scores are taken, and what a finished campaign is verified against."""

    depths_m: tuple[tuple[DepthM, DepthM], ...] = Field(
        ((0.0, 0.1), (0.1, 0.4), (0.4, 1.0)), max_length=100, description="layers that are scored: top and bottom, m"
    )
    min_soil_fraction: Fraction = Field(0.5, description="cells with more updatable soil than this are scored")
    unobserved: bool = Field(
        False,
        description="also score, apart, the cells without observation at a time, against the truth of a twin",
    )
    discard_days: int = Field(
        0, ge=0, le=36500, description="days from the start that count in no mean of the tables; [S24] leaves out 15"
    )
    regions: tuple[RegionConfig, ...] = Field(
        (),
        max_length=100,
        description="regions with maps, means and figures of their own, next to those of the whole domain",
    )
    references: tuple[ReferenceConfig, ...] = Field(
        (), max_length=100, description="gridded products that landda score compares with"
    )
    stations: tuple[StationsConfig, ...] = Field(
        (), max_length=100, description="stations that landda score compares with"
    )
    twin_stations: TwinStationsConfig | None = Field(
        None, description="stations drawn from a twin's nature run; none if absent"
    )
    precipitation: Word | None = Field(
        None, description="catalogue entry of gridded precipitation for figures; default the rain that the model took"
    )
    place: Literal["nearest", "bilinear"] = Field(
        "nearest", description="cells that stand for a station: the nearest scored one, or the four around"
    )
    tolerance_minutes: Minutes = Field(30.0, description="between a state and a station's value")
    anomaly: AnomalyConfig = Field(default_factory=AnomalyConfig, description="anomalies that are correlated in time")
    min_pairs: int = Field(20, ge=4, le=1_000_000, description="fewer common times give a place no temporal scores")
    replicates: int = Field(
        500, ge=50, le=100_000, description="replicates of the bootstrap of means over networks and regions"
    )
    days: tuple[UtcDay, ...] = Field(
        (),
        max_length=1000,
        description="days whose anomaly maps are drawn, UTC; default the rainiest of the assimilation window",
    )
    drawn_stations: tuple[Word, ...] = Field(
        (),
        max_length=10000,
        description="stations whose series are drawn, 'network/station'; default three of each region by rule",
    )

    @field_validator("regions")
    @classmethod
    def _names(cls, value: tuple[RegionConfig, ...]) -> tuple[RegionConfig, ...]:
        names = [region.name for region in value]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"'{twice}' is the name of two regions")
        return value

    @field_validator("depths_m")
    @classmethod
    def _layers(cls, value: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
        for top, bottom in value:
            if not top + THINNEST_M <= bottom <= 3.433:
                raise ValueError(f"layer {top}-{bottom} m: expected 0 <= top < bottom <= 3.433, 1 mm at least")
        if len(set(value)) < len(value):
            raise ValueError("a layer is given twice")
        return value
