"""The configuration of a campaign: typed, frozen, validated before any work starts.

Every field states its unit and meaning; ``landda schema`` prints them. Validation is pure and needs no MPI. All
sections stand in this one module, long as it is: it is the page on which to look a key up.
"""

from __future__ import annotations

import copy
import difflib
import types
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self, Union, get_args, get_origin

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    field_validator,
    model_validator,
)

from landda_hpc.errors import ConfigError, MissingFileError

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
NonNegative = Annotated[float, Field(ge=0.0)]

BUILT_IN_DEPTH_M = (0.0, 0.1)
"""Observed depth that the built-in vertical regression is for, m."""


class Section(BaseModel):
    """Base of all sections: frozen, unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)


class TimeConfig(Section):
    """Calendar of the campaign (UTC, standard calendar)."""

    start: datetime = Field(description="time of the initial state, ISO 8601, UTC")
    assimilation_end: datetime = Field(description="last analysis time, UTC; from here the forecast is free")
    end: datetime = Field(description="end of the free forecast, UTC")
    cycle_hours: int = Field(6, ge=1, le=24, description="hours between analyses; divides 24")

    @field_validator("start", "assimilation_end", "end", mode="after")
    @classmethod
    def _naive_utc(cls, value: datetime) -> datetime:
        if value.tzinfo is not None:
            raise ValueError("times are UTC and carry no offset: write 2022-06-02T00:00")
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

    def valid_time(self, cycle: int) -> datetime:
        """Time at the end of cycle number ``cycle`` (1 is the first)."""
        return self.start + cycle * self.cycle


class GridConfig(Section):
    """The model grid; a region by its edges, the globe by default."""

    kind: Literal["regular", "gaussian"] = Field("regular", description="latitudes: equally spaced or Gaussian")
    n_lat: int = Field(128, ge=17, le=3600, description="rows of the image")
    n_lon: int = Field(256, ge=17, le=7200, description="columns of the image")
    south: float = Field(-90.0, ge=-90.0, le=90.0, description="southern edge, degrees_north")
    north: float = Field(90.0, ge=-90.0, le=90.0, description="northern edge, degrees_north")
    west: float = Field(0.0, ge=-180.0, le=360.0, description="western edge, degrees_east")
    east: float = Field(360.0, ge=-180.0, le=540.0, description="eastern edge, degrees_east")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.south >= self.north or self.west >= self.east or self.east - self.west > 360.0 + 1e-9:
            raise ValueError("expected south < north and west < east with at most 360 degrees of longitude")
        if self.kind == "gaussian" and not self.is_global:
            raise ValueError("a Gaussian grid is global: leave south, north, west, east out")
        return self

    @property
    def is_global(self) -> bool:
        return (self.south, self.north) == (-90.0, 90.0) and self.east - self.west == 360.0


class TilesConfig(Section):
    """How many tiles a cell has."""

    max_soil_tiles: int = Field(2, ge=1, le=7, description="soil tiles of a cell at most, by soil class")
    min_fraction: Fraction = Field(
        0.20, description="share of the cell's soil that a further soil class needs for a tile of its own"
    )
    min_other_fraction: Fraction = Field(
        0.05, description="share of the cell that wetland, glacier or lake needs for a tile of its own"
    )
    min_land_fraction: Fraction = Field(0.40, description="share of land that makes a cell a land cell")


class ColumnModelConfig(Section):
    """The embedded column model."""

    kind: Literal["column"] = "column"
    physics: Literal["soil_water", "land_surface"] = Field(
        "soil_water",
        description="'soil_water' = soil water alone under prescribed temperature, cheap; 'land_surface' = energy "
        "balance, snow, canopy, freezing and ground water too (docs/column.md)",
    )
    timestep_s: int = Field(1800, ge=60, le=10800, description="time step, s; divides the forcing step")
    initial: Literal["climatology", "file", "spun_up"] = Field(
        "climatology",
        description="initial state: 'climatology' = equilibrium guess of soil water by climate class, "
        "'file' = volumetric soil water from initial_file, 'spun_up' = the whole state from 'landda spinup'",
    )
    initial_file: Path | None = Field(
        None, description="under data_root: netCDF with monthly swl1..3 (m3 m-3), or spinup.h5 of 'landda spinup'"
    )
    spinup_days: int = Field(
        30, ge=0, le=36500, description="days that the model runs before the campaign's start, under its own weather"
    )


class ForcingConfig(Section):
    """Near-surface weather from the seeded generator."""

    kind: Literal["stochastic"] = Field("stochastic", description="the seeded weather generator")
    step_hours: Literal[3, 6] = Field(3, description="hours between forcing times")
    storm_length_km: Positive = Field(450.0, description="correlation length of rain, km")
    storm_hours: Positive = Field(15.0, description="correlation time of rain, h")
    consistent: bool | None = Field(
        None,
        description="radiation, humidity, temperature, wind and pressure co-vary with rain as an energy balance needs "
        "it; if absent, with model.physics = land_surface only. Rain is the same either way",
    )

    @property
    def step_s(self) -> int:
        return self.step_hours * 3600


class ForcingVariable(Section):
    """Where a variable of the forcing is, and what its records mean; what is absent is as in the named dataset."""

    path: str | None = Field(
        None, description="file pattern with strftime codes, under folder, e.g. TPQW/clmforc.%Y-%m.nc"
    )
    name: str | None = Field(None, description="name of the variable in the file")
    units: str | None = Field(None, description="units to take instead of what the file's attribute says")
    meaning: Literal["instant", "mean", "amount", "amount_since_midnight"] | None = Field(
        None, description="what a record holds: a value at its time, or mean, amount over its interval, or since 00 UTC"
    )
    stamp: Literal["begin", "middle", "end"] | None = Field(
        None, description="where in its interval the time of a record lies; no matter for instants"
    )
    offset_minutes: float | None = Field(None, description="added to the file's times, minutes")
    interpolation: Literal["linear", "uniform", "sun"] | None = Field(
        None,
        description="in time: between instants or middles of intervals; the interval's value all through it; or that "
        "spread by the cosine of the sun's zenith angle",
    )


class NetcdfForcing(Section):
    """Near-surface weather from netCDF files as users of CoLM have them (docs/forcing.md)."""

    kind: Literal["netcdf"] = Field(description="read from files")
    dataset: Literal[
        "era5", "era5_cds", "era5_land", "era5_land_cds", "gswp3", "cruncep_v4", "cruncep_v7", "point", "custom"
    ] = Field(description="whose files; 'custom' is described in 'variables' alone")
    folder: Path = Field(description="folder of the dataset, under data_root")
    step_minutes: int = Field(30, ge=1, le=1440, description="length of a forcing step, minutes; divides a day")
    space: Literal["bilinear", "area"] = Field(
        "bilinear", description="between the places of the files, or means over the model's cells"
    )
    variables: dict[
        Literal[
            "shortwave", "longwave", "air_temperature", "specific_humidity", "dew_point", "surface_pressure",
            "wind_speed", "eastward_wind", "northward_wind", "precipitation",
        ],
        ForcingVariable,
    ] = Field({}, description="changes of the dataset, by variable; for 'custom' all of it")  # fmt: skip
    wind_height: Positive | None = Field(
        None, description="height of the wind above ground, m; the dataset's if absent"
    )
    scalar_height: Positive | None = Field(None, description="the same of temperature and humidity, m")
    utc_offset_hours: float | None = Field(
        None, ge=-14, le=14, description="point: local standard time less UTC, h; from the longitude if absent"
    )

    @model_validator(mode="after")
    def _whole_steps(self) -> Self:
        if 1440 % self.step_minutes:
            raise ValueError(f"step_minutes = {self.step_minutes} does not divide a day")
        return self

    @property
    def step_s(self) -> int:
        return self.step_minutes * 60


def _forcing_kind(value: Any) -> Any:
    """Tag of a forcing section; without a kind it is the generator's."""
    if isinstance(value, dict):
        return value.get("kind", "stochastic")
    return getattr(value, "kind", "stochastic")


Forcing = Annotated[
    Annotated[ForcingConfig, Tag("stochastic")] | Annotated[NetcdfForcing, Tag("netcdf")],
    Discriminator(_forcing_kind),
]


class TwinConfig(Section):
    """Nature run of a twin experiment: how it differs from the model that assimilates.

    Log-sigmas are standard deviations of the natural logarithm; every field is a correlated random field.
    """

    weather_correlation: Fraction = Field(0.8, description="correlation of the weather's latent fields")
    sand_sigma: NonNegative = Field(0.0, description="standard deviation of sand content, percent")
    log_b_sigma: NonNegative = Field(0.0, description="log-sigma of Campbell's b")
    log_psi_sigma: NonNegative = Field(0.0, description="log-sigma of saturated matric potential")
    log_ksat_sigma: NonNegative = Field(0.0, description="log-sigma of saturated conductivity")
    porosity_sigma: NonNegative = Field(0.0, le=0.2, description="standard deviation of porosity, m3 m-3")
    log_rain_sigma: NonNegative = Field(0.0, description="log-sigma of the rain's persistent bias")
    log_pet_sigma: NonNegative = Field(0.0, description="log-sigma of potential evaporation's persistent bias")
    vegetation_sigma: NonNegative = Field(0.0, description="standard deviation of vegetation fraction, 1")
    wetness_sigma: NonNegative = Field(0.0, description="standard deviation of initial relative wetness, 1")
    length_cells: Positive = Field(5.0, description="long correlation length of the fields, grid cells")
    long_share: Fraction = Field(0.7, description="share of variance at the long length; the rest is at one cell")


class TwinObservations(Section):
    """Observations drawn from the nature run."""

    kind: Literal["twin"] = "twin"
    depth_m: tuple[float, float] = Field((0.0, 0.1), description="top and bottom of the observed layer, m")
    error_std: Positive = Field(0.06, description="standard deviation of the white error put on the truth, m3 m-3")
    error_std_china: Positive | None = Field(
        None, description="the same inside China, m3 m-3, for [S24]'s Figs 6-7 (0.30 there, 0.01 outside); none: no map"
    )
    missing_fraction: Fraction = Field(0.0, description="share of land cells without observation, at random")


class GldasObservations(Section):
    """GLDAS-2.1 Noah files as the provider ships them."""

    kind: Literal["gldas"] = "gldas"
    path: str = Field(
        description="file pattern with strftime codes, under data_root, e.g. "
        "gldas/GLDAS_NOAH025_3H.A%Y%m%d.%H00.021.nc4"
    )
    depth_m: tuple[float, float] = Field((0.0, 0.1), description="top and bottom of the observed layer, m")
    error_std: Positive = Field(
        0.025,
        description="standard deviation of errors that quality control assumes, m3 m-3: values outside [0, porosity] "
        "by more than four of them are rejected",
    )
    missing: Literal["skip", "error"] = Field(
        "skip", description="what a missing analysis time is: counted, or an error"
    )


Observations = Annotated[TwinObservations | GldasObservations, Field(discriminator="kind")]


class FrameConfig(Section):
    """The curvelet frame."""

    backend: Literal["ours", "curvelops", "udct"] = Field(
        "ours", description="whose transform; the others need their packages (udct: angles_coarse 12, 24 ...)"
    )
    angles_coarse: int = Field(16, ge=4, multiple_of=4, description="angles at the coarsest directional scale")
    finest: Literal["curvelets", "wavelets"] = Field("curvelets", description="kind of the finest scale")
    scales: int | None = Field(None, ge=2, le=12, description="number of scales; by the image's size if absent")
    sizes: Literal["smooth", "curvelab"] = Field("smooth", description="wedge sizes: fast, or the reference's")
    boundary: Literal["none", "reflect", "double_fourier_sphere"] = Field(
        "none", description="what happens at the image's edges; 'none' is the papers' plain wrap"
    )

    @model_validator(mode="after")
    def _backend_can(self) -> Self:
        if self.backend == "udct" and self.finest != "curvelets":
            raise ValueError(
                "backend udct has curvelets at the finest scale only: with wavelets it is not a tight frame"
            )
        if self.backend == "udct" and self.angles_coarse % 12:
            raise ValueError(f"backend udct takes 12, 24 ... angles_coarse; found {self.angles_coarse}")
        if self.backend != "ours" and self.sizes != "smooth":
            raise ValueError(f"sizes: {self.sizes} is a choice of backend ours; backend {self.backend} has its own")
        return self


class ControlRun(Section):
    """Free model run without assimilation."""

    method: Literal["control"] = "control"
    name: str = Field("control", pattern=r"^[a-z][a-z0-9_]{0,39}$", description="name of the run")


class OverlapDepth(Section):
    """The increment goes to every layer that overlaps the observed depth, and to no other."""

    kind: Literal["overlap"] = "overlap"


class RegressionDepth(Section):
    """Layers below the observed depth take their climatological regression on it; those that overlap it all of it."""

    kind: Literal["regression"] = "regression"
    file: Path | None = Field(
        None,
        description="netCDF of slopes that 'landda regress' wrote, under data_root; if absent the built-in profile, "
        "one slope per layer, for an observed depth of 0-0.1 m",
    )
    share: Fraction = Field(1.0, description="share of the regression that the layers below take, 1")


Depth = Annotated[OverlapDepth | RegressionDepth, Field(discriminator="kind")]


class DriftConfig(Section):
    """Learning of the model's own drift from increments: kept per cell and time of day, added in every forecast.

    It goes to the layers that overlap the observed depth, also where increments go deeper by regression: slopes are
    of errors, and layers below do not drift with the surface.
    """

    share: Fraction = Field(
        0.05, description="share of each analysis increment that goes into the drift of its time of day, 1"
    )
    limit: Positive = Field(0.01, description="bound of the drift at the observed depth, m3 m-3 a cycle, either sign")
    per_time_of_day: bool = Field(True, description="a drift for every analysis time of the day; else one for all")
    settle_days: NonNegative = Field(
        2.0, description="days from the start whose increments teach nothing: they remove the initial error"
    )
    forecast_days: Positive = Field(
        10.0, description="time scale on which the drift fades by e in the free forecast, days"
    )


class AssimilatingRun(Section):
    """What every run that assimilates can do with its increments, whatever the method."""

    depth: Depth = Field(OverlapDepth(), description="how the increment of the observed depth goes down the soil")
    drift: DriftConfig | None = Field(None, description="learning of the model's drift; none if absent")


class PointwiseRun(AssimilatingRun):
    """x_a = x_b + K (y - H x_b), the same constant K in every cell."""

    method: Literal["pointwise"] = "pointwise"
    name: str = Field("pointwise", pattern=r"^[a-z][a-z0-9_]{0,39}$", description="name of the run")
    gain: Fraction = Field(9.0 / 13.0, description="K; 9/13 is what [B26]'s errors 0.15 and 0.10 give")


class AdaptivePointwiseRun(AssimilatingRun):
    """x_a = x_b + K (y - H x_b), K = B / (B + R) learned in each cell: B = max(0, mean square innovation - R)."""

    method: Literal["adaptive_pointwise"] = "adaptive_pointwise"
    name: str = Field("adaptive_pointwise", pattern=r"^[a-z][a-z0-9_]{0,39}$", description="name of the run")
    background_std: Positive = Field(0.15, description="first guess of background errors, m3 m-3")
    observation_std: Positive | Path = Field(
        0.10, description="observation errors, m3 m-3: a number, or a netCDF image of it under data_root"
    )
    prior_cycles: float = Field(4.0, gt=0.0, description="innovations that the first guess counts for")
    memory_cycles: float = Field(40.0, ge=1.0, description="innovations that the mean counts for at most")


class SmoothedRun(AssimilatingRun):
    """Increments smoothed by a Gaussian of distance on the sphere, over observed land."""

    method: Literal["smoothed"] = "smoothed"
    name: str = Field("smoothed", pattern=r"^[a-z][a-z0-9_]{0,39}$", description="name of the run")
    length_km: Positive = Field(200.0, description="L of the weight exp(-1/2 (d / L)^2), km")
    gain: Fraction = Field(9.0 / 13.0, description="K of the smoothed innovation where all cells around are observed")


class WhiteErrorsConfig(Section):
    """Errors that are independent from cell to cell."""

    kind: Literal["white"] = "white"
    std: Positive | Path = Field(
        description="standard deviation, m3 m-3: a number, or a netCDF image of it under data_root"
    )


class CorrelatedErrorsConfig(Section):
    """Errors with the correlation exp(-1/2 (d / L)^2), and a white part."""

    kind: Literal["correlated"] = "correlated"
    std: Positive | Path = Field(
        description="standard deviation of the correlated part, m3 m-3: a number, or a netCDF image under data_root"
    )
    length_km: Positive = Field(description="correlation length L along meridians, km")
    length_lon_km: Positive | None = Field(
        None, description="correlation length along parallels at the equator, km; as along meridians if absent"
    )
    white_std: NonNegative | Path = Field(
        0.0, description="standard deviation of the white part, m3 m-3: a number, or a netCDF image under data_root"
    )
    geometry: Literal["sphere", "plane"] = Field(
        "sphere",
        description="d: great-circle distance, or distance in cells (of a row's spacing) on the periodic image",
    )
    covariance: Literal["coefficients", "field"] = Field(
        "coefficients",
        description="missing: solve works with a covariance that is diagonal in the coefficients, or the field's own",
    )
    draws: int = Field(
        200, ge=10, le=10000, description="realisations that variances of coefficients come from, drawn once"
    )


class ClimatologicalErrorsConfig(Section):
    """Errors with one variance per wedge of the frame, from an archive."""

    kind: Literal["climatological"] = "climatological"
    file: Path = Field(description="CSV file under data_root: scale, wedge, variance in m6 m-6")


Errors = Annotated[WhiteErrorsConfig | CorrelatedErrorsConfig | ClimatologicalErrorsConfig, Field(discriminator="kind")]


class CurveletRun(AssimilatingRun):
    """What all methods with gains on curvelet coefficients have in common."""

    members: int = Field(50, ge=2, le=1000, description="perturbed images N")
    frame: FrameConfig = Field(default_factory=FrameConfig)
    missing: Literal["zero_fill", "inpaint", "variance", "solve"] = Field(
        "zero_fill",
        description="cells without observation: 'zero_fill' = no innovation there, 'inpaint' = innovation continued "
        "from the rim, 'variance' = gains from N images under the mask, 'solve' = the full system of observed cells",
    )
    inpaint_length_km: Positive | None = Field(
        500.0, description="inpaint: length over which a filling decays by e, km; null for plain Laplace, no decay"
    )
    solve_tolerance: float = Field(1e-4, gt=0.0, lt=1.0, description="solve: residual as a share of the innovation, 1")
    solve_max_iterations: int = Field(500, ge=1, description="solve: conjugate-gradient iterations at most")


class EnkfLikeRun(CurveletRun):
    """EnKF-like image analysis [B26, section 3.3]."""

    method: Literal["enkf_like"] = "enkf_like"
    name: str = Field("enkf_like", pattern=r"^[a-z][a-z0-9_]{0,39}$", description="name of the run")
    background_std: Positive = Field(0.15, description="standard deviation of background perturbations, m3 m-3")
    observation_std: Positive = Field(0.10, description="standard deviation of observation perturbations, m3 m-3")
    estimator: Literal["sampled", "exact"] = Field(
        "sampled", description="variances from N members drawn in every cycle, or the error models' own"
    )
    background_errors: Errors | None = Field(
        None, description="error model of the background; white with background_std if absent, as in [B26]"
    )
    observation_errors: Errors | None = Field(
        None, description="error model of the observations; white with observation_std if absent, as in [B26]"
    )


class GainRun(CurveletRun):
    """K = B / (B + R) from mean variances of groups of coefficients."""

    background_errors: Errors | None = Field(
        None,
        description="error model of the background; if absent B = max(0, E|d|^2 - R) is learned from innovations d",
    )
    observation_errors: Errors = Field(WhiteErrorsConfig(std=0.10), description="error model of the observations, R")
    memory_cycles: float = Field(20.0, ge=1.0, description="cycles that the running mean of |d|^2 counts for")


class PerScaleRun(GainRun):
    """One gain per scale: isotropic."""

    method: Literal["per_scale"] = "per_scale"
    name: str = Field("per_scale", pattern=r"^[a-z][a-z0-9_]{0,39}$", description="name of the run")


class PerWedgeRun(GainRun):
    """One gain per scale and direction."""

    method: Literal["per_wedge"] = "per_wedge"
    name: str = Field("per_wedge", pattern=r"^[a-z][a-z0-9_]{0,39}$", description="name of the run")


class Var3dRun(AssimilatingRun):
    """What the 3D-Var methods share [S24, Eq. 5]; B is diagonal."""

    background_std: Positive = Field(
        0.16, description="standard deviation of background errors without an archive, m3 m-3 (0.16: [S24]'s control)"
    )
    background_archive: Path | None = Field(
        None, description="netCDF of model-minus-observation statistics under data_root; gives B per cell and layer"
    )
    background_about: Literal["mean", "zero"] = Field(
        "mean", description="B from the archive: variance about the mean difference, or mean square (bias is error)"
    )
    background_floor: Positive = Field(
        0.01, description="least standard deviation of background errors from the archive, m3 m-3"
    )
    tolerance: Positive = Field(1e-9, description="norm of the cost function's gradient at which the minimisation ends")
    tolerance_is_relative: bool = Field(
        False, description="the tolerance is a share of the gradient at the start; absolute as [S24] prints it"
    )
    max_iterations: int = Field(1000, ge=1, le=100000, description="conjugate-gradient iterations at most")


class Var3dObservationTerm(Var3dRun):
    """J_O: the distance from the observation, cell by cell."""

    observation_std: Positive = Field(
        0.10, description="standard deviation of observation and operator errors that J_O assumes, m3 m-3"
    )
    observation_std_china: Positive | None = Field(
        None, description="the same inside China, m3 m-3, for [S24]'s Figs 6-7 (0.30 there, 0.01 outside); none: no map"
    )


class Var3dImageTerm(Var3dRun):
    """J_I: the distance from the observed image's largest curvelet coefficients."""

    keep_fraction: float = Field(
        0.5, gt=0.0, le=1.0, description="sigma: share of the observed image's coefficients that are compared, by rank"
    )
    image_std: Positive = Field(
        0.10, description="s, error of the image's coefficients, m3 m-3; 1 is [S24] Eq. 5 as printed: next to no update"
    )
    fill: Literal["mean", "zero", "harmonic"] = Field(
        "mean", description="what stands in cells outside the soil while coefficients are ranked"
    )
    gaps: Literal["zero_innovation", "excluded"] = Field(
        "zero_innovation", description="unobserved cells: the image is the background there, or they are not compared"
    )
    frame: FrameConfig = Field(default_factory=FrameConfig)


class Var3dPointRun(Var3dObservationTerm):
    """Conventional 3D-Var, J_B + J_O."""

    method: Literal["var3d_point"] = "var3d_point"
    name: str = Field("var3d_point", pattern=r"^[a-z][a-z0-9_]{0,39}$", description="name of the run")


class Var3dImageRun(Var3dImageTerm):
    """3D-Var with the image term in place of the observation term, J_B + J_I."""

    method: Literal["var3d_image"] = "var3d_image"
    name: str = Field("var3d_image", pattern=r"^[a-z][a-z0-9_]{0,39}$", description="name of the run")


class Var3dBothRun(Var3dObservationTerm, Var3dImageTerm):
    """3D-Var with both terms, J_B + J_O + J_I."""

    method: Literal["var3d_both"] = "var3d_both"
    name: str = Field("var3d_both", pattern=r"^[a-z][a-z0-9_]{0,39}$", description="name of the run")


Run = Annotated[
    ControlRun
    | PointwiseRun
    | AdaptivePointwiseRun
    | SmoothedRun
    | EnkfLikeRun
    | PerScaleRun
    | PerWedgeRun
    | Var3dPointRun
    | Var3dImageRun
    | Var3dBothRun,
    Field(discriminator="method"),
]


class ParallelConfig(Section):
    """Process layout; changes speed, never a bit of the result."""

    member_groups: int = Field(1, ge=1, description="groups of ranks that hold whole model instances")
    roots: int | None = Field(None, ge=1, description="ranks of the root group; default min(ranks, 10)")


class CheckpointConfig(Section):
    """When the cycle state is saved, and what is kept."""

    every_hours: int = Field(24, ge=1, description="hours of simulated time between checkpoints")
    keep_last: int = Field(2, ge=1, description="checkpoints kept")
    keep_every: int | None = Field(None, ge=1, description="also keep every n-th for good")
    mode: Literal["auto", "parallel", "serial"] = Field(
        "auto", description="parallel HDF5, gathered to one rank, or whichever h5py can do"
    )
    restarts: bool = Field(False, description="also write one CoLM-layout restart file per rank with each checkpoint")


class OutputConfig(Section):
    """What goes to CF netCDF files and pictures."""

    fields: tuple[
        Literal["background", "analysis", "increment", "innovation", "observation", "spread", "truth"], ...
    ] = Field(("background", "analysis", "increment", "innovation"), description="images written at output times")
    every_hours: int = Field(24, ge=1, description="hours of simulated time between image files")
    times: tuple[datetime, ...] = Field((), description="further times of image files, UTC, each the end of a cycle")
    layers: bool = Field(False, description="also write every scored layer, to images/<layer>/")
    profiles: tuple[tuple[float, float], ...] = Field(
        (),
        description="places (degrees_north, degrees_east): soil water of all layers of the nearest scored cell is "
        "recorded every cycle in profiles.jsonl",
    )
    figures: bool = Field(True, description="draw maps and score series at the end")


class VerificationConfig(Section):
    """Where and at which depths scores are taken."""

    depths_m: tuple[tuple[float, float], ...] = Field(
        ((0.0, 0.1), (0.1, 0.4), (0.4, 1.0)), description="layers that are scored: top and bottom, m"
    )
    min_soil_fraction: Fraction = Field(0.5, description="cells with more updatable soil than this are scored")
    discard_days: int = Field(
        0, ge=0, description="days from the start that count in no mean of the tables; [S24] leaves out 15"
    )

    @field_validator("depths_m")
    @classmethod
    def _layers(cls, value: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
        for top, bottom in value:
            if not 0.0 <= top < bottom <= 3.433:
                raise ValueError(f"layer {top}-{bottom} m: expected 0 <= top < bottom <= 3.433")
        return value


class CampaignConfig(Section):
    """A whole campaign: one nature run or real observations, and any number of runs beside each other."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$", description="name of the campaign")
    description: str = Field("", description="one line for people")
    seed: int = Field(1, ge=0, lt=2**63, description="seed of every random number")
    data_root: Path = Field(Path(), description="folder of external data; relative to the configuration file")
    time: TimeConfig
    grid: GridConfig = Field(default_factory=GridConfig)
    tiles: TilesConfig = Field(default_factory=TilesConfig)
    model: ColumnModelConfig = Field(default_factory=ColumnModelConfig)
    forcing: Forcing = Field(default_factory=ForcingConfig)
    twin: TwinConfig | None = Field(None, description="the nature run, if the campaign is a twin experiment")
    observations: Observations
    runs: tuple[Run, ...] = Field((ControlRun(), EnkfLikeRun()), min_length=1, description="runs beside each other")
    parallel: ParallelConfig = Field(default_factory=ParallelConfig)
    checkpoint: CheckpointConfig = Field(default_factory=CheckpointConfig)
    output: OutputConfig = Field(default_factory=OutputConfig)
    verification: VerificationConfig = Field(default_factory=VerificationConfig)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems: list[str] = []
        names = [run.name for run in self.runs]
        if len(set(names)) < len(names):
            problems.append(f"runs have the names {names}: give each run a name of its own")
        if "nature" in names:
            problems.append("'nature' is the name of the twin's truth: choose another name for the run")
        if self.observations.kind == "twin" and self.twin is None:
            problems.append("observations.kind = twin needs the section 'twin' (the nature run)")
        if self.model.initial != "climatology" and self.model.initial_file is None:
            problems.append(f"model.initial = {self.model.initial} needs model.initial_file")
        if self.model.initial == "spun_up" and self.model.physics != "land_surface":
            problems.append("model.initial = spun_up needs model.physics = land_surface")
        forcing_s = self.forcing.step_s
        if forcing_s % self.model.timestep_s:
            problems.append(
                f"model.timestep_s = {self.model.timestep_s} does not divide the forcing step of {forcing_s} s"
            )
        if self.forcing.kind == "netcdf" and self.twin is not None and self.twin.weather_correlation != 1.0:
            problems.append(
                f"twin.weather_correlation = {self.twin.weather_correlation}: with forcing.kind = netcdf the nature "
                "run has the weather of the files as well; write 1.0"
            )
        if (self.time.cycle_hours * 3600) % self.model.timestep_s:
            problems.append(
                f"model.timestep_s = {self.model.timestep_s} does not divide the cycle of {self.time.cycle_hours} h"
            )
        for key, hours in (("checkpoint", self.checkpoint.every_hours), ("output", self.output.every_hours)):
            if hours % self.time.cycle_hours:
                problems.append(
                    f"{key}.every_hours = {hours} is not a multiple of the {self.time.cycle_hours}-hour cycle"
                )
        ends = (self.time.valid_time(n) for n in range(1, self.time.n_cycles + 1))
        if strange := sorted(set(self.output.times) - set(ends)):
            problems.append(
                f"output.times: {', '.join(t.isoformat() for t in strange)} is not the end of a cycle of the campaign"
            )
        if self.scored_since > self.time.assimilation_end and self.verification.discard_days:
            problems.append(
                f"verification.discard_days = {self.verification.discard_days} leaves nothing of the assimilation "
                f"window, which ends at {self.time.assimilation_end.isoformat()}"
            )
        top, bottom = self.observations.depth_m
        if not 0.0 <= top < bottom <= 3.433:
            problems.append(f"observations.depth_m = ({top}, {bottom}): expected 0 <= top < bottom <= 3.433 m")
        for run in self.runs:
            depth = run.depth if isinstance(run, AssimilatingRun) else None
            if isinstance(depth, RegressionDepth) and depth.file is None and (top, bottom) != BUILT_IN_DEPTH_M:
                problems.append(
                    f"run '{run.name}': the built-in slopes are for a depth of 0-0.1 m, observed are {top}-{bottom} "
                    "m: make some with landda regress, name them in depth.file"
                )
            boundary = run.frame.boundary if isinstance(run, CurveletRun | Var3dImageTerm) else "none"
            if boundary == "double_fourier_sphere" and (not self.grid.is_global or self.grid.n_lon % 2):
                problems.append(
                    f"run '{run.name}': boundary double_fourier_sphere needs the globe and an even number of longitudes"
                )
            roots = self.parallel.roots or 1
            if isinstance(run, EnkfLikeRun) and run.estimator == "sampled" and roots > run.members:
                problems.append(f"run '{run.name}': parallel.roots = {roots} exceeds its {run.members} members")
        if problems:
            raise ValueError("\n".join(problems))
        return self

    @property
    def consistent_weather(self) -> bool:
        """Whether the generator's variables co-vary as an energy balance needs it."""
        if not isinstance(self.forcing, ForcingConfig):
            return False
        if self.forcing.consistent is None:
            return self.model.physics == "land_surface"
        return self.forcing.consistent

    @property
    def scored_since(self) -> datetime:
        """From here on scores count in the means of the tables."""
        return self.time.start + timedelta(days=self.verification.discard_days)

    @property
    def instance_names(self) -> tuple[str, ...]:
        """Model instances of the campaign: the nature run first, if there is one."""
        return (("nature",) if self.twin else ()) + tuple(run.name for run in self.runs)


def load_config(path: Path, overrides: dict[str, Any] | None = None) -> CampaignConfig:
    """Read, override, validate a YAML configuration.

    Parameters
    ----------
    path : YAML file. ``data_root`` is resolved against its folder.
    overrides : dotted keys and values, e.g. ``{"time.cycle_hours": 12, "runs.0.gain": 0.3}``.

    Raises
    ------
    MissingFileError : no such file.
    ConfigError : with every problem found, each naming its key.
    """
    if not path.is_file():
        raise MissingFileError(f"configuration '{path}' does not exist; ready ones are in experiments/.")
    raw = _read_yaml(path)
    raw = apply_overrides(raw, overrides or {})
    raw["data_root"] = str((path.parent / Path(str(raw.get("data_root", ".")))).resolve())
    return parse_config(raw)


def read_resolved(path: Path, overrides: dict[str, Any] | None = None) -> CampaignConfig:
    """Read the resolved configuration of a campaign folder; its paths are absolute already.

    Raises
    ------
    MissingFileError, ConfigError : as ``load_config``.
    """
    if not path.is_file():
        raise MissingFileError(f"'{path}' does not exist; a campaign's folder has one.")
    return parse_config(apply_overrides(_read_yaml(path), overrides or {}))


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"configuration '{path}' is not valid YAML: {error}") from error
    if not isinstance(raw, dict):
        raise ConfigError(f"configuration '{path}' holds {type(raw).__name__}; expected keys and values.")
    return raw


def apply_overrides(raw: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
    """A copy of plain configuration data with dotted keys replaced; ConfigError for a place that is not there."""
    changed = copy.deepcopy(raw)
    for key, value in overrides.items():
        _override(changed, key, value)
    return changed


def parse_config(raw: dict[str, Any]) -> CampaignConfig:
    """Validate a configuration given as plain data; raises ConfigError with every problem found."""
    try:
        return CampaignConfig.model_validate(raw)
    except ValidationError as error:
        raise ConfigError(problems_of(error)) from error


def dump_config(config: CampaignConfig) -> str:
    """The resolved configuration as YAML; ``parse_config`` of it gives the same object."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)


def _override(raw: dict[str, Any], dotted: str, value: Any) -> None:
    node: Any = raw
    *parents, last = dotted.split(".")
    try:
        for part in parents:
            node = node[int(part)] if isinstance(node, list) else node.setdefault(part, {})
        node[int(last) if isinstance(node, list) else last] = value
    except (ValueError, IndexError, TypeError, AttributeError) as error:
        raise ConfigError(f"--set {dotted}: no such place in the configuration") from error


def problems_of(error: ValidationError, root: Any = None) -> list[str]:
    """Every problem of a pydantic error, one line each, naming its key; suggestions for unknown keys.

    Parameters
    ----------
    root : the section, or union of sections, that was validated; a whole campaign by default.
    """
    sections: list[type[BaseModel]] = [CampaignConfig] if root is None else _sections(root)
    problems: list[str] = []
    for item in error.errors(include_url=False):
        location = list(item["loc"])
        where = ".".join(str(part) for part in location) or "configuration"
        if item["type"] == "extra_forbidden":
            known = _known_keys(location[:-1], sections)
            close = difflib.get_close_matches(str(location[-1]), known, n=1)
            hint = f" Did you mean '{close[0]}'?" if close else f" Known keys: {', '.join(known)}."
            problems.append(f"{where}: unknown key.{hint}")
        elif item["type"] == "value_error":
            problems.extend(f"{where}: {line}" for line in str(item["ctx"]["error"]).splitlines())
        else:
            found = "" if item["type"] == "missing" else f" (found {item['input']!r})"
            problems.append(f"{where}: {item['msg']}{found}")
    return problems


def _known_keys(location: list[Any], sections: list[type[BaseModel]]) -> list[str]:
    """Keys of the section at a pydantic error location (which names union branches by their tag)."""
    candidates = sections
    for part in location:
        following: list[type[BaseModel]] = []
        for model in candidates:
            if isinstance(part, str) and part in model.model_fields:
                following += _sections(model.model_fields[part].annotation)
            elif isinstance(part, int) or any(part == f.default for f in model.model_fields.values()):
                following.append(model)
        tagged = [
            m
            for m in candidates
            if any(f.default == part for n, f in m.model_fields.items() if n in ("kind", "method"))
        ]
        candidates = tagged or following or candidates
    return sorted({name for model in candidates for name in model.model_fields})


def _sections(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) in (Union, types.UnionType, tuple, dict, Annotated):
        return [model for arg in get_args(annotation) for model in _sections(arg)]
    return []
