"""Near-surface weather of the embedded model: generated, or from files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from landda_hpc.config.section import FilePattern, Hours, LengthKm, Section, Word

Height = Annotated[float, Field(ge=0.1, le=1000.0)]
"""Height of a measurement above ground, m."""


class ForcingConfig(Section):
    """Near-surface weather from the seeded generator."""

    kind: Literal["stochastic"] = Field("stochastic", description="the seeded weather generator")
    step_hours: Literal[3, 6] = Field(3, description="hours between forcing times")
    storm_length_km: LengthKm = Field(450.0, description="correlation length of rain, km")
    storm_hours: Hours = Field(15.0, description="correlation time of rain, h")
    consistent: bool | None = Field(
        None,
        description="radiation, humidity, temperature, wind and pressure co-vary with rain, as an energy balance "
        "requires. Rain is the same in both cases. Default: true with model.physics = land_surface, otherwise false",
    )

    @property
    def step_s(self) -> int:
        return self.step_hours * 3600

    def co_varies(self, physics: str) -> bool:
        """Whether the generated variables co-vary as required by an energy balance."""
        return physics == "land_surface" if self.consistent is None else self.consistent


class ForcingVariable(Section):
    """Location and meaning of a forcing variable; keys that are absent are as in the named dataset."""

    path: FilePattern | None = Field(
        None, description="file pattern with strftime codes, under folder, e.g. TPQW/clmforc.%Y-%m.nc"
    )
    name: Word | None = Field(None, description="name of the variable in the file")
    units: Word | None = Field(None, description="units that replace the file's attribute")
    meaning: Literal["instant", "mean", "amount", "amount_since_midnight"] | None = Field(
        None,
        description="meaning of a record: value at its time, mean or amount over its interval, or amount since 00 UTC",
    )
    stamp: Literal["begin", "middle", "end"] | None = Field(
        None, description="position of a record's time in its interval; not used for instantaneous values"
    )
    offset_minutes: float | None = Field(None, ge=-44640.0, le=44640.0, description="minutes added to the file's times")
    interpolation: Literal["linear", "uniform", "sun"] | None = Field(
        None,
        description="interpolation in time: linear between instants or centres of intervals; constant over the "
        "interval; or distributed by the cosine of the solar zenith angle",
    )


class NetcdfForcing(Section):
    """Near-surface weather from netCDF files in the layouts that CoLM uses (docs/forcing.md)."""

    kind: Literal["netcdf"] = Field(description="read from files")
    dataset: Literal[
        "era5", "era5_cds", "era5_cds_split", "era5_land", "era5_land_cds", "era5_land_cds_split", "gswp3",
        "cruncep_v4", "cruncep_v7", "point", "custom",
    ] = Field(
        description="dataset of the files; 'split': the Climate Data Store's instantaneous and accumulated variables "
        "in two "
        "files; 'custom' is described completely in 'variables'"
    )  # fmt: skip
    files: str | None = Field(
        None,
        min_length=1,
        description="for the Climate Data Store: file pattern with strftime codes, under folder, for all "
        "variables, {type} for 'instant' or 'accum' if these are separate, e.g. "
        "%Y/%m/data_stream-oper_stepType-{type}.nc; default: that of the dataset",
    )
    folder: Path = Field(description="folder of the dataset, under data_root")
    step_minutes: int = Field(30, ge=1, le=1440, description="length of a forcing step, minutes; a divisor of a day")
    space: Literal["bilinear", "area"] = Field(
        "bilinear", description="interpolation between the grid points of the files, or means over the model's cells"
    )
    variables: dict[
        Literal[
            "shortwave", "longwave", "air_temperature", "specific_humidity", "dew_point", "surface_pressure",
            "wind_speed", "eastward_wind", "northward_wind", "precipitation",
        ],
        ForcingVariable,
    ] = Field({}, description="keys that differ from the dataset's, by variable; for 'custom' the complete "
        "description")  # fmt: skip
    wind_height: Height | None = Field(
        None, description="height of the wind above ground, m; default: that of the dataset"
    )
    scalar_height: Height | None = Field(None, description="height of temperature and humidity, m")
    utc_offset_hours: float | None = Field(
        None, ge=-14, le=14, description="point: local standard time minus UTC, h; default: from the longitude"
    )

    @model_validator(mode="after")
    def _whole_steps(self) -> Self:
        if 1440 % self.step_minutes:
            raise ValueError(f"step_minutes = {self.step_minutes} does not divide a day")
        if self.files is not None and "cds" not in self.dataset:
            raise ValueError(
                f"files: this key is for the Climate Data Store's datasets only; the file names of {self.dataset} "
                f"are fixed"
            )
        return self

    @property
    def step_s(self) -> int:
        return self.step_minutes * 60


def _forcing_kind(value: Any) -> Any:
    """Tag of a forcing section; the generator by default."""
    if isinstance(value, dict):
        return value.get("kind", "stochastic")
    return getattr(value, "kind", "stochastic")


Forcing = Annotated[
    Annotated[ForcingConfig, Tag("stochastic")] | Annotated[NetcdfForcing, Tag("netcdf")],
    Discriminator(_forcing_kind),
]
