"""Verification of a campaign: references, stations, scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from landda_hpc.config.domain import RegionConfig
from landda_hpc.config.section import (
    THINNEST_M,
    DataFile,
    Days,
    DepthM,
    Fraction,
    Minutes,
    PersistenceHours,
    PersistentStd,
    Section,
    SoilWaterOrZero,
    UtcDay,
    Word,
)


class ReferenceConfig(Section):
    """A gridded product for the verification of finished campaigns, at the product's depths."""

    entry: Word = Field(description="name of the product's entry in the section 'catalogue'")
    name: Word | None = Field(None, min_length=1, description="name in tables and figures; default: name of the entry")
    depths_m: tuple[tuple[DepthM, DepthM], ...] | None = Field(
        None,
        description="compared layers (top and bottom), m; default: the product's layers down to the recorded depth",
    )
    regridding: Literal["bilinear", "conservative"] = Field(
        "bilinear", description="method of regridding to the model grid; both papers use 'bilinear'"
    )
    averaging: Literal["instant", "day"] = Field(
        "instant",
        description="'instant' = states nearest in time; 'day' = means of model and product over UTC days (for "
        "esa_cci from noon to noon, around 00 UTC) with at least half of the model's times",
    )
    tolerance_minutes: Minutes = Field(90.0, description="for 'instant': maximum time between state and product")


class StationsConfig(Section):
    """Stations for the verification of finished campaigns."""

    entry: Word = Field(description="name of the stations' entry in the section 'catalogue'")
    accept: tuple[Word, ...] = Field(
        ("G",),
        max_length=100,
        description="provider's flags of usable values; network MAQU of the ISMN needs G and U",
    )
    sensor_depths_m: tuple[DepthM, DepthM] | None = Field(
        None,
        description="depth range of the sensors used, m, including its bounds, e.g. [0.08, 0.12] for sensors at 10 "
        "cm. A sensor that represents a layer (0-10 cm in cma_csv) must lie completely within the range. "
        "Default: all sensors",
    )

    @field_validator("sensor_depths_m")
    @classmethod
    def _depths(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and not 0.0 <= value[0] <= value[1] <= 50.0:
            raise ValueError(f"{value[0]:g} to {value[1]:g} m: expected 0 <= top <= bottom <= 50")
        return value


class TwinStationsConfig(Section):
    """Synthetic stations from a twin's nature run: its cell means plus representativeness and instrument errors."""

    per_region: int = Field(
        40,
        ge=1,
        le=10000,
        description="number of stations, at random places, in each of verification.regions, or in the whole domain "
        "if there are no regions",
    )
    offset_std: SoilWaterOrZero = Field(
        0.06, description="standard deviation of the constant difference between a station and its cell, m3 m-3"
    )
    error_std: SoilWaterOrZero = Field(
        0.02, description="standard deviation of the errors that are white in time, m3 m-3"
    )
    persistent_std: PersistentStd = 0.0
    persistence_hours: PersistenceHours = 240.0
    missing_fraction: Fraction = Field(0.1, description="fraction of times without a value, drawn at random")
    depth_m: tuple[DepthM, DepthM] = Field(
        (0.1, 0.1), description="top and bottom of the sensor, m; equal for a point sensor"
    )


class AnomalyConfig(Section):
    """Climatology from which anomalies of series are computed."""

    kind: Literal["moving_window", "climatology"] = Field(
        "moving_window",
        description="mean around each time, or over all years (at least two) around the day of the year",
    )
    window_days: Days = Field(35.0, description="width of the window, days")


class VerificationConfig(Section):
    """Cells and depths of the scores, and the data for the verification of a finished campaign."""

    depths_m: tuple[tuple[DepthM, DepthM], ...] = Field(
        ((0.0, 0.1), (0.1, 0.4), (0.4, 1.0)), max_length=100, description="scored layers: top and bottom, m"
    )
    min_soil_fraction: Fraction = Field(0.5, description="minimum fraction of updatable soil in a scored cell")
    unobserved: bool = Field(
        False,
        description="also compute scores of those cells that have no observation at a time, against the truth of a "
        "twin",
    )
    discard_days: int = Field(
        0,
        ge=0,
        le=36500,
        description="initial days that are excluded from the means in tables",
    )
    regions: tuple[RegionConfig, ...] = Field(
        (),
        max_length=100,
        description="regions that get their own maps, means and figures, in addition to those of the whole domain",
    )
    benchmarks: tuple[DataFile, ...] = Field(
        (),
        max_length=100,
        description="CSV file, or a list of them, of published or otherwise known scores, which tables and figures "
        "show next to the campaign's. Columns: source, method, window, layer, metric, value, and any of upper, "
        "statistic, "
        "day, kind, reference, against, region, place, what (docs/verification.md)",
    )
    references: tuple[ReferenceConfig, ...] = Field(
        (), max_length=100, description="gridded products for the verification by landda score"
    )
    stations: tuple[StationsConfig, ...] = Field(
        (), max_length=100, description="stations for the verification by landda score"
    )
    twin_stations: TwinStationsConfig | None = Field(
        None, description="synthetic stations drawn from a twin's nature run; default none"
    )
    precipitation: Word | None = Field(
        None, description="catalogue entry of gridded precipitation for figures; default: the model's rain"
    )
    place: Literal["nearest", "bilinear"] = Field(
        "nearest", description="cells that are compared with a station: the nearest scored cell, or the four around it"
    )
    place_of_days: Literal["nearest", "bilinear"] | None = Field(
        None, description="the same for anomaly maps of single days, as [B26] Fig. 12 (bilinear); default: 'place'"
    )
    tolerance_minutes: Minutes = Field(30.0, description="maximum time between a state and a station's value")
    anomaly: AnomalyConfig = Field(
        default_factory=AnomalyConfig, description="climatology of the anomalies for temporal correlation"
    )
    min_pairs: int = Field(
        20, ge=4, le=1_000_000, description="minimum number of common times for temporal scores at a place"
    )
    replicates: int = Field(
        500, ge=50, le=100_000, description="number of bootstrap replicates for means over networks and regions"
    )
    days: tuple[UtcDay, ...] = Field(
        (),
        max_length=1000,
        description="days of anomaly maps, UTC; default: the days with most rain in the assimilation window",
    )
    drawn_stations: tuple[Word, ...] = Field(
        (),
        max_length=10000,
        description="stations whose series are drawn, as 'network/station'; default: three from each region, chosen "
        "by rule",
    )

    @field_validator("benchmarks", mode="before")
    @classmethod
    def _files(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str | Path) else value

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
                raise ValueError(f"layer {top}-{bottom} m: expected 0 <= top < bottom <= 3.433, at least 1 mm thick")
        if len(set(value)) < len(value):
            raise ValueError("a layer is given twice")
        return value
