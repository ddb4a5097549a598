"""The configuration of a campaign: typed, frozen, validated before any work starts.

Every field states its unit and meaning; ``landda schema`` prints them. Validation is pure and needs no MPI. All
sections stand in this one module, long as it is: it is the page on which to look a key up.
"""

from __future__ import annotations

import copy
import difflib
import types
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, Union, get_args, get_origin

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    field_validator,
    model_validator,
)

from landda_hpc.constants import N_UPPER, SOIL_ZI
from landda_hpc.errors import ConfigError, MissingFileError
from landda_hpc.variables import STATE_OF_PHYSICS

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
NonNegative = Annotated[float, Field(ge=0.0)]


def _without_offset(value: datetime) -> datetime:
    if value.tzinfo is not None:
        raise ValueError("times are UTC and carry no offset: write 2022-06-02T00:00")
    return value


UtcTime = Annotated[datetime, AfterValidator(_without_offset)]
"""A time, UTC. One with an offset would never be equal to a time of the campaign."""

BUILT_IN_DEPTH_M = (0.0, 0.1)
"""Observed depth that the built-in vertical regression is for, m."""


FIRST_YEAR, LAST_YEAR = 1700, 9900
"""Years of a campaign: the standard calendar, with room for spin-up before and for what reckons with days after."""


class Section(BaseModel):
    """Base of all sections: frozen, unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)


def changed_fields(section: Section) -> set[str]:
    """Names of the fields that do not have their default value."""
    fields = type(section).model_fields
    return {name for name, f in fields.items() if getattr(section, name) != f.get_default(call_default_factory=True)}


class TimeConfig(Section):
    """Calendar of the campaign (UTC, standard calendar)."""

    start: UtcTime = Field(description="time of the initial state, ISO 8601, UTC")
    assimilation_end: UtcTime = Field(description="last analysis time, UTC; from here the forecast is free")
    end: UtcTime = Field(description="end of the free forecast, UTC")
    cycle_hours: int = Field(6, ge=1, le=24, description="hours between analyses; divides 24")

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

    def valid_time(self, cycle: int) -> datetime:
        """Time at the end of cycle number ``cycle`` (1 is the first)."""
        return self.start + cycle * self.cycle


class GridConfig(Section):
    """The model grid; a region by its edges, the globe by default."""

    kind: Literal["regular", "gaussian", "case"] = Field(
        "regular",
        description="latitudes: equally spaced or Gaussian; 'case' = the mesh of the section 'case', which also says "
        "how large it is",
    )
    n_lat: int = Field(128, ge=17, le=3600, description="rows of the image")
    n_lon: int = Field(256, ge=17, le=7200, description="columns of the image")
    least_size: int = Field(
        17,
        ge=2,
        le=3600,
        description="of kind case: rows and columns at least, made up by cells without land; curvelets need 17",
    )
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
        if self.kind == "case" and changed_fields(self) - {"kind", "least_size"}:
            raise ValueError("a case brings its own grid: leave n_lat, n_lon, south, north, west, east out")
        return self

    @property
    def is_global(self) -> bool:
        """Whether the keys say so; of a case only its files know."""
        return self.kind != "case" and (self.south, self.north) == (-90.0, 90.0) and self.east - self.west == 360.0


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


class CaseConfig(Section):
    """An existing CoLM202X case: its grid, its land, its patches as tiles, and its restarts to begin from."""

    namelist: Path = Field(description="the case's namelist, under data_root or absolute; template of every window")
    folder: Path | None = Field(
        None,
        description="folder of the case, with restart/ and landdata/; if absent DEF_dir_output/DEF_CASE_NAME of the "
        "namelist",
    )


def _number_as_text(value: Any) -> Any:
    # Not of yes, no, true: what YAML makes of them is not what was written.
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Variable = Annotated[str, BeforeValidator(_number_as_text)]
"""Value of an environment variable: OMP_NUM_THREADS: 8 is a number in YAML."""


class ColmModelConfig(Section):
    """The user's own CoLM, run as processes of its own; tiles and start come from the section 'case'."""

    kind: Literal["colm"] = "colm"
    executable: Path = Field(description="the model's program (colm.x), under data_root or absolute")
    launch: str = Field(
        "{exe} {namelist}",
        description="command that runs one window, e.g. 'mpirun -n 8 {exe} {namelist}' or 'srun --exact -n 8 {exe} "
        "{namelist}'; in braces: exe, namelist, nodes (see nodes), slot (number among those side by side, from 0)",
    )
    side_by_side: int = Field(1, ge=1, description="runs that each member group of ranks computes at a time")
    nodes: tuple[str, ...] = Field(
        (), description="text for {nodes} of each slot, e.g. 'n1,n2': disjoint sets of nodes; one for each slot"
    )
    timeout_minutes: Positive = Field(60.0, description="time that a window may take, min")
    tries: int = Field(2, ge=1, le=5, description="how often a window is tried before the campaign stops")
    environment: dict[str, Variable] = Field(
        {}, description="environment variables of the model, beside the campaign's; texts or numbers"
    )
    keep_restarts: int = Field(
        2, ge=1, description="newest restarts that stay in each run's folder; those of kept checkpoints stay anyhow"
    )
    keep_history: bool = Field(False, description="keep the model's history files, in a folder per window")

    OPERATION: ClassVar[frozenset[str]] = frozenset(
        {"launch", "side_by_side", "nodes", "timeout_minutes", "tries", "environment", "keep_restarts", "keep_history"}
    )
    """Keys that change how the model is run, never what it computes: a resume may change them."""

    @model_validator(mode="after")
    def _launchable(self) -> Self:
        if ("{nodes" in self.launch) != bool(self.nodes):
            raise ValueError("nodes and '{nodes}' in launch belong together: give both or neither")
        if self.nodes and len(self.nodes) < self.side_by_side:
            raise ValueError(f"nodes has {len(self.nodes)} sets; side_by_side = {self.side_by_side} needs one for each")
        if "{exe}" not in self.launch or "{namelist}" not in self.launch:
            raise ValueError("launch must name {exe} and {namelist}")
        return self


def _kind_of_model(value: Any) -> str:
    """Tag of a model's section; the embedded model where none is named."""
    kind = value.get("kind", "column") if isinstance(value, dict) else getattr(value, "kind", "column")
    return str(kind)


Model = Annotated[
    Annotated[ColumnModelConfig, Tag("column")] | Annotated[ColmModelConfig, Tag("colm")],
    Discriminator(_kind_of_model),
]


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

    weather_correlation: Fraction = Field(
        0.8, description="correlation of the weather's latent fields (the embedded model's; CoLM has one weather)"
    )
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


class SpikeCheck(Section):
    """Change of a cell's observation since the last one that was accepted; too large a change is not used.

    The next observation confirms it, if it agrees: then it was a step, and counts from there on.
    """

    max_rise: Positive = Field(0.30, description="largest increase between two observations, m3 m-3; rain is quick")
    max_fall: Positive = Field(0.15, description="largest decrease between two observations, m3 m-3; drying is slow")
    within_hours: Positive = Field(48.0, description="older observations are no comparison, h")


class InnovationCheck(Section):
    """Departure of an observation from the background (O-B) against the errors expected of both."""

    sigmas: Positive = Field(4.0, description="rejected where |O-B| exceeds so many sqrt(std_o^2 + background_std^2)")
    background_std: Positive = Field(0.15, description="standard deviation of background errors, m3 m-3")
    run: str | None = Field(
        None,
        description="whose background judges; none: an observation stays if it agrees with the background of any run "
        "(all runs of a campaign take the same observations)",
    )


Condition = Literal["not_recommended", "frozen", "snow", "dense_vegetation", "water"]
"""What a product's own flags may say of a pixel."""


class QualityConfig(Section):
    """Quality control: each check that is on gives its own counted reason; the first that fails is the reason."""

    range_sigmas: NonNegative | None = Field(
        4.0, description="values outside [0, porosity] by more error standard deviations are rejected; none: no check"
    )
    frozen_model: bool = Field(True, description="reject where the model has ice in the observed layers")
    frozen_temperature: Positive | None = Field(
        None, description="reject where the model's ground is colder, K, e.g. 273.15; none: no check"
    )
    snow_amount: NonNegative | None = Field(
        None, description="reject where the model has more snow, kg m-2, e.g. 1; none: no check"
    )
    vegetation_fraction: Fraction | None = Field(
        None, description="reject where the model's vegetation shades a larger share of the soil, 1; none: no check"
    )
    refuse: tuple[Condition, ...] = Field(
        ("not_recommended", "frozen", "snow", "dense_vegetation", "water"),
        description="pixels that the product flags so are left out before regridding",
    )
    spike: SpikeCheck | None = Field(None, description="temporal check; none: no check")
    innovation: InnovationCheck | None = Field(None, description="check against the background; none: no check")


class RegriddingConfig(Section):
    """How a product comes to the model grid."""

    method: Literal["bilinear", "conservative"] = Field(
        "bilinear", description="between cell centres, as both papers; or the mean over the cell's area (superobbing)"
    )
    min_valid_fraction: Fraction = Field(
        0.5, gt=0.0, description="share of a cell's weight that must come from valid pixels, else it is missing, 1"
    )
    cache: Path | None = Field(
        None, description="folder that keeps weights between runs, under data_root; none: made anew at every start"
    )


class ConstantErrors(Section):
    """Observation errors of one size: error_std."""

    kind: Literal["constant"] = "constant"


class MapErrors(Section):
    """Observation errors per cell from a file, bilinear on the model grid."""

    kind: Literal["map"] = "map"
    file: Path = Field(description="netCDF image of the standard deviation, m3 m-3, under data_root")
    variable: str | None = Field(None, description="its variable; none: the only image in the file")


class ProductErrors(Section):
    """Observation errors from the product's own uncertainty field, reduced as pixels are averaged."""

    kind: Literal["product"] = "product"
    correlation: Fraction = Field(
        1.0, description="correlation of the errors of pixels that are averaged, 1: 1 keeps their size, 0 divides by n"
    )
    minimum: Positive = Field(0.01, description="smallest standard deviation believed, m3 m-3")


ObservationErrors = Annotated[ConstantErrors | MapErrors | ProductErrors, Field(discriminator="kind")]


class NoBias(Section):
    """Observations as they are: the papers' default."""

    kind: Literal["none"] = "none"


class BiasConfig(Section):
    """What the treatments share."""

    file: Path = Field(description="climatologies of model and product, made by landda observations climatology")
    min_count: int = Field(20, ge=2, description="times that a cell's climatology needs; cells with fewer stay as is")


class MeanVarianceMatching(BiasConfig):
    """Mean and variance of each cell's observations become the model's."""

    kind: Literal["mean_variance"] = "mean_variance"
    max_scale: Positive = Field(4.0, ge=1.0, description="largest factor on anomalies (and its inverse), 1")


class CdfMatching(BiasConfig):
    """The distribution of each cell's observations becomes the model's."""

    kind: Literal["cdf"] = "cdf"


BiasTreatment = Annotated[NoBias | MeanVarianceMatching | CdfMatching, Field(discriminator="kind")]


Box = tuple[float, float, float, float]
"""South, north, west, east edges, degrees."""


class InstantWindow(Section):
    """The observation of the analysis time itself."""

    kind: Literal["instant"] = "instant"


class NearestWindow(Section):
    """The observation nearest to the analysis time; of overpasses, each cell that was seen near to it."""

    kind: Literal["nearest"] = "nearest"
    hours: float = Field(1.5, gt=0.0, le=24.0, description="farthest from the analysis time, h, either side")


class MeanWindow(Section):
    """The mean of the observations in a window."""

    kind: Literal["mean"] = "mean"
    hours: float = Field(24.0, gt=0.0, le=744.0, description="length of the window, h; its earlier end does not count")
    position: Literal["centred", "before"] = Field(
        "centred", description="the analysis time is in the middle of the window, or at its end"
    )
    min_share: Fraction = Field(
        0.5, description="share of the product's times in the window that a cell needs, 1; of overpasses one is enough"
    )


Window = Annotated[InstantWindow | NearestWindow | MeanWindow, Field(discriminator="kind")]


class WithheldConfig(Section):
    """Observations that pass every check and are yet not assimilated: for verification. Any of the rules is enough."""

    fraction: Fraction = Field(0.0, description="share of the blocks that is withheld, drawn by the campaign's seed")
    block_deg: NonNegative = Field(
        0.0, description="size of the blocks, degrees of latitude and longitude; 0: each cell by itself"
    )
    anew: bool = Field(False, description="draw anew for every time; else the same cells all through")
    boxes: tuple[Box, ...] = Field((), description="south, north, west, east of regions that are withheld, degrees")
    list_file: Path | None = Field(
        None, description="CSV under data_root with columns lat, lon, and time (ISO 8601, UTC; empty: always)"
    )
    times: tuple[UtcTime, ...] = Field((), description="analysis times whose observations are all withheld, UTC")

    @model_validator(mode="after")
    def _withholds(self) -> Self:
        for south, north, west, east in self.boxes:
            if not (-90.0 <= south < north <= 90.0 and west < east <= west + 360.0):
                raise ValueError(
                    f"box {south:g}, {north:g}, {west:g}, {east:g}: expected south < north and west < east, degrees, "
                    "east at most a turn beyond west"
                )
        if not (self.fraction or self.boxes or self.list_file or self.times):
            raise ValueError("withholds nothing: give fraction, boxes, list_file or times")
        return self


class ObservationUse(Section):
    """What is done with observations beside assimilating them."""

    withheld: WithheldConfig | None = Field(None, description="observations that are kept for verification; none")
    monitor_only: bool = Field(
        False, description="compare with the backgrounds (O-B), assimilate nothing: every run is a free run"
    )
    feedback: bool = Field(
        False,
        description="write every observation with its value, error, flag, backgrounds and analyses to feedback/, one "
        "CF netCDF file for each time",
    )


class TreatedObservations(ObservationUse):
    """What is done with the observations of every product; see docs/regridding_and_quality.md."""

    regridding: RegriddingConfig = Field(default_factory=RegriddingConfig)
    quality: QualityConfig = Field(default_factory=QualityConfig)
    errors: ObservationErrors = Field(default_factory=ConstantErrors)
    representativeness_std: NonNegative = Field(
        0.0, description="error of what the grid cell does not share with the pixels, added in squares, m3 m-3"
    )
    bias: BiasTreatment = Field(default_factory=NoBias)


class TwinObservations(ObservationUse):
    """Observations drawn from the nature run."""

    kind: Literal["twin"] = "twin"
    depth_m: tuple[float, float] = Field((0.0, 0.1), description="top and bottom of the observed layer, m")
    error_std: Positive = Field(0.06, description="standard deviation of the white error put on the truth, m3 m-3")
    error_std_china: Positive | None = Field(
        None, description="the same inside China, m3 m-3, for [S24]'s Figs 6-7 (0.30 there, 0.01 outside); none: no map"
    )
    correlated_std: NonNegative = Field(
        0.0, description="standard deviation of a spatially correlated error beside the white one, m3 m-3"
    )
    correlated_length_km: Positive = Field(250.0, description="L of its correlation exp(-1/2 (d / L)^2), km")
    missing_fraction: Fraction = Field(0.0, description="share of the cells without observation")
    gaps: Literal["random", "swaths", "blobs", "stripes"] = Field(
        "random",
        description="which ones: 'random' = every cell by itself, anew each time, 'swaths' = between slanted swaths "
        "that move, 'blobs' = patches, 'stripes' = meridional, about twelve cells wide; both always the same",
    )
    quality: QualityConfig = Field(default_factory=QualityConfig)


class FileObservations(TreatedObservations):
    """What observations from files have in common."""

    depth_m: tuple[float, float] = Field((0.0, 0.1), description="top and bottom of the observed layer, m")
    error_std: Positive = Field(
        0.025,
        description="standard deviation of errors that quality control assumes, m3 m-3: values outside [0, porosity] "
        "by more than four of them are rejected",
    )
    missing: Literal["skip", "error"] = Field(
        "skip", description="what a missing analysis time is: counted, or an error"
    )
    window: Window = Field(InstantWindow(), description="which of the product's times belong to an analysis")
    late: Literal["ignore", "use", "error"] = Field(
        "ignore",
        description="what a file is that was not there at the start: left out with a warning, so that the run is what "
        "landda check saw; used; or an error",
    )


class GldasObservations(FileObservations):
    """GLDAS-2.1 Noah files as the provider ships them; the short form of a catalogue with one entry."""

    kind: Literal["gldas"] = "gldas"
    path: str = Field(
        description="file pattern with strftime codes, under data_root, e.g. "
        "gldas/GLDAS_NOAH025_3H.A%Y%m%d.%H00.021.nc4"
    )
    damaged: Literal["error", "skip"] = Field(
        "error", description="what a file is that cannot be read: as in catalogue"
    )


class CatalogueObservations(FileObservations):
    """Observations of a product that the catalogue names."""

    kind: Literal["catalogue"] = "catalogue"
    entry: str = Field(description="name of the entry in the catalogue")


class CatalogueEntry(Section):
    """Data in files: a gridded product, or stations."""

    product: Literal[
        "gldas_noah", "era5", "era5_land", "cldas", "smap_l2", "smap_l3", "smap_l3_pm", "smap_l4", "smap_l4_update",
        "esa_cci", "cf", "ismn", "cma_csv",
    ] = Field(description="what the files hold; cf: any CF netCDF file whose variables are named")  # fmt: skip
    path: str = Field(
        min_length=1,
        description="under data_root: of a gridded product a pattern with strftime codes for the time, * for what "
        "cannot be known (versions; the last by name counts), {layer} where each layer has its file; of stations a "
        "folder, a zip archive or a file",
    )
    damaged: Literal["error", "skip"] = Field(
        "error", description="what a file is that cannot be read: an error, or skipped with a warning and counted"
    )
    variables: dict[str, tuple[float, float]] = Field(
        {}, description="for cf: variables of soil moisture (m3 m-3, or kg m-2 in the layer), top and bottom of each, m"
    )
    step_hours: Positive = Field(24.0, description="for cf: hours between two times; the files tell which times")
    utc_offset_hours: float = Field(
        0.0, ge=-12.0, le=14.0, description="for cma_csv: hours that the files' times are ahead of UTC; 8 for Beijing"
    )

    @model_validator(mode="after")
    def _named(self) -> Self:
        if (self.product == "cf") != bool(self.variables):
            raise ValueError(
                "product cf needs variables, each with top and bottom in m" if self.product == "cf" else
                f"variables are for product cf; {self.product} knows its own"
            )  # fmt: skip
        for name, (top, bottom) in self.variables.items():
            if not 0.0 <= top < bottom:
                raise ValueError(f"variable {name}, {top} to {bottom} m: expected 0 <= top < bottom")
        return self

    @property
    def is_gridded(self) -> bool:
        return self.product not in ("ismn", "cma_csv")


Observations = Annotated[TwinObservations | GldasObservations | CatalogueObservations, Field(discriminator="kind")]


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


class PerturbationConfig(Section):
    """How a run differs from the unperturbed one: a member of an ensemble. Fields are keyed by name and member."""

    member: int = Field(1, ge=1, description="number of the member: each has fields of its own")
    wetness_sigma: NonNegative = Field(0.0, description="standard deviation of initial relative wetness, 1")
    log_rain_sigma: NonNegative = Field(
        0.0, description="log-sigma of a persistent factor on rain: a correlated field of mean 1"
    )
    length_km: Positive = Field(300.0, description="correlation length of the fields, km")


class EnsembleConfig(PerturbationConfig):
    """One run as an ensemble: it becomes 'members' runs, <name>_001 and so on, each perturbed."""

    members: int = Field(ge=2, le=999, description="number of members")


class AnyRun(Section):
    """What every run can be, whatever its method."""

    perturbation: PerturbationConfig | None = Field(
        None, description="makes the run a perturbed member; none if absent"
    )
    ensemble: EnsembleConfig | None = Field(None, description="makes the run an ensemble of perturbed members")


class ControlRun(AnyRun):
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


class AssimilatingRun(AnyRun):
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
    holds: Literal["errors", "difference"] = Field(
        "errors",
        description="what the variances are of: 'errors' = these errors alone; 'difference' = model minus observation, "
        "B + R together",
    )
    other_std: NonNegative | None = Field(
        None,
        description="holds: difference: standard deviation of the other side's white errors, m3 m-3, taken off every "
        "wedge as a variance; if absent they stay in",
    )

    @model_validator(mode="after")
    def _holds_them(self) -> Self:
        if self.other_std is not None and self.holds != "difference":
            raise ValueError("other_std is taken off a difference of two: say holds: difference, or leave it out")
        return self


class ToldErrorsConfig(Section):
    """White errors of the size that each observation brings: observations.errors, bias treatment and all."""

    kind: Literal["told"] = "told"


Errors = Annotated[WhiteErrorsConfig | CorrelatedErrorsConfig | ClimatologicalErrorsConfig, Field(discriminator="kind")]
ErrorsOfObservations = Annotated[
    WhiteErrorsConfig | CorrelatedErrorsConfig | ClimatologicalErrorsConfig | ToldErrorsConfig,
    Field(discriminator="kind"),
]


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
    observation_errors: ErrorsOfObservations | None = Field(
        None, description="error model of the observations; white with observation_std if absent, as in [B26]"
    )


class GainRun(CurveletRun):
    """K = B / (B + R) from mean variances of groups of coefficients."""

    background_errors: Errors | None = Field(
        None,
        description="error model of the background; if absent B = max(0, E|d|^2 - R) is learned from innovations d",
    )
    observation_errors: ErrorsOfObservations = Field(
        WhiteErrorsConfig(std=0.10), description="error model of the observations, R; told needs background_errors"
    )
    memory_cycles: float = Field(20.0, ge=1.0, description="cycles that the running mean of |d|^2 counts for")

    @model_validator(mode="after")
    def _learns_with_known_r(self) -> Self:
        if self.background_errors is None and isinstance(self.observation_errors, ToldErrorsConfig):
            raise ValueError("observation_errors of kind told need background_errors: B is learned with a fixed R only")
        return self


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

    layers: Literal["observed", "upper_three"] = Field(
        "observed",
        description="what is analysed: 'observed' = the mean over the observed depth, one increment for its layers; "
        "'upper_three' = CoLM's layers 1-3 one by one, as [S24], each with its own B and increment, the observation "
        "taken for each of them",
    )
    background_std: Positive = Field(
        0.16, description="standard deviation of background errors without an archive, m3 m-3 (0.16: [S24]'s control)"
    )
    background_archive: Path | None = Field(
        None, description="netCDF of model-minus-observation statistics under data_root; gives B per cell and layer"
    )
    archive_holds: Literal["difference", "background"] = Field(
        "difference",
        description="what the archive's differences are errors of: 'difference' = model minus observation, so that "
        "their variance is B + R; 'background' = model minus truth, B alone",
    )
    archive_observation_std: NonNegative | Path | None = Field(
        None,
        description="archive_holds: difference: standard deviation of the observation errors R in it, m3 m-3, a number "
        "or a netCDF image under data_root, taken off as a variance; if absent R stays in B, as in [S24]",
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

    @model_validator(mode="after")
    def _archive_makes_sense(self) -> Self:
        if self.archive_observation_std is not None and self.background_archive is None:
            raise ValueError("archive_observation_std is about an archive: name one in background_archive")
        if self.archive_observation_std is not None and self.archive_holds == "background":
            raise ValueError(
                "archive_holds: background has no observation errors in it: leave archive_observation_std out"
            )
        return self


class Var3dObservationTerm(Var3dRun):
    """J_O: the distance from the observation, cell by cell."""

    observation_std: Positive = Field(
        0.10, description="standard deviation of observation and operator errors that J_O assumes, m3 m-3"
    )
    told_errors: bool = Field(
        False, description="J_O takes the errors that each observation brings (observations.errors) instead"
    )
    observation_std_china: Positive | None = Field(
        None, description="the same inside China, m3 m-3, for [S24]'s Figs 6-7 (0.30 there, 0.01 outside); none: no map"
    )

    @model_validator(mode="after")
    def _told_errors_are_of_one_layer(self) -> Self:
        if self.told_errors and self.layers == "upper_three":
            raise ValueError("told_errors are of the observed depth: with layers: upper_three give observation_std")
        return self


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


class SeriesConfig(Section):
    """Recording of soil water over time: ``series/<run>_<day>.nc``, every cycle, every cell with updatable soil."""

    to_depth_m: float = Field(1.0, gt=0.0, le=3.433, description="soil layers down to this depth are recorded, m")


class OutputConfig(Section):
    """What goes to CF netCDF files and pictures."""

    fields: tuple[
        Literal[
            "background", "analysis", "increment", "innovation", "innovation_layers", "observation", "spread", "truth"
        ],
        ...,
    ] = Field(
        ("background", "analysis", "increment", "innovation"),
        description="images written at output times; innovation_layers: observation minus each of CoLM's layers 1-3",
    )
    every_hours: int = Field(24, ge=1, description="hours of simulated time between image files")
    times: tuple[UtcTime, ...] = Field((), description="further times of image files, UTC, each the end of a cycle")
    layers: bool = Field(False, description="also write every scored layer, to images/<layer>/")
    profiles: tuple[tuple[float, float], ...] = Field(
        (),
        description="places (degrees_north, degrees_east): soil water of all layers of the nearest scored cell is "
        "recorded every cycle in profiles.jsonl",
    )
    figures: bool = Field(True, description="draw maps and score series at the end")
    series: SeriesConfig | None = Field(
        None, description="record soil water of all cells and the rain of every cycle, for verification; none if absent"
    )


class ReferenceConfig(Section):
    """A gridded product that finished campaigns are verified against, at its own depths."""

    entry: str = Field(description="name of the product's entry in the section 'catalogue'")
    name: str | None = Field(None, min_length=1, description="name in tables and figures; default that of the entry")
    depths_m: tuple[tuple[float, float], ...] | None = Field(
        None, description="layers that are compared, m; default the product's own down to the recorded depth"
    )
    regridding: Literal["bilinear", "conservative"] = Field(
        "bilinear", description="how the product comes to the model grid; 'bilinear' is the papers'"
    )
    averaging: Literal["instant", "day"] = Field(
        "instant",
        description="'instant': states nearest in time; 'day': means of model and product over UTC days, of which half "
        "of the model's times must be there",
    )
    tolerance_minutes: NonNegative = Field(90.0, description="between the state and the product's time, if 'instant'")


class StationsConfig(Section):
    """Stations that finished campaigns are verified against."""

    entry: str = Field(description="name of the stations' entry in the section 'catalogue'")
    accept: tuple[str, ...] = Field(
        ("G",), description="flags of the provider that make a value usable; MAQU of the ISMN needs G and U"
    )


class TwinStationsConfig(Section):
    """Stations that are drawn from a twin's nature run: its cell means with errors of place and instrument."""

    per_region: int = Field(40, ge=1, description="stations in each region (China, United States), drawn at random")
    offset_std: NonNegative = Field(
        0.06, description="standard deviation of a station's lasting difference from its cell, m3 m-3"
    )
    error_std: NonNegative = Field(0.02, description="standard deviation of errors that are white in time, m3 m-3")
    missing_fraction: Fraction = Field(0.1, description="share of times without a value, at random")
    depth_m: tuple[float, float] = Field((0.1, 0.1), description="top and bottom of the sensor, m; equal for a point")


class AnomalyConfig(Section):
    """What anomalies of series are departures from."""

    kind: Literal["moving_window", "climatology"] = Field(
        "moving_window", description="mean around each time, or of all years around the day of the year (two at least)"
    )
    window_days: Positive = Field(35.0, description="width of the window, days")


class VerificationConfig(Section):
    """Where and at which depths scores are taken, and what a finished campaign is verified against."""

    depths_m: tuple[tuple[float, float], ...] = Field(
        ((0.0, 0.1), (0.1, 0.4), (0.4, 1.0)), description="layers that are scored: top and bottom, m"
    )
    min_soil_fraction: Fraction = Field(0.5, description="cells with more updatable soil than this are scored")
    unobserved: bool = Field(
        False,
        description="also score, apart, the cells without observation at a time, against the truth of a twin",
    )
    discard_days: int = Field(
        0, ge=0, le=36500, description="days from the start that count in no mean of the tables; [S24] leaves out 15"
    )
    references: tuple[ReferenceConfig, ...] = Field((), description="gridded products that landda score compares with")
    stations: tuple[StationsConfig, ...] = Field((), description="stations that landda score compares with")
    twin_stations: TwinStationsConfig | None = Field(
        None, description="stations drawn from a twin's nature run; none if absent"
    )
    precipitation: str | None = Field(
        None, description="catalogue entry of gridded precipitation for figures; default the rain that the model took"
    )
    place: Literal["nearest", "bilinear"] = Field(
        "nearest", description="cells that stand for a station: the nearest scored one, or the four around"
    )
    tolerance_minutes: NonNegative = Field(30.0, description="between a state and a station's value")
    anomaly: AnomalyConfig = Field(default_factory=AnomalyConfig, description="anomalies that are correlated in time")
    min_pairs: int = Field(20, ge=4, description="fewer common times give a place no temporal scores")
    replicates: int = Field(500, ge=50, description="replicates of the bootstrap of means over networks and regions")
    days: tuple[date, ...] = Field(
        (), description="days whose anomaly maps are drawn, UTC; default the rainiest of the assimilation window"
    )
    drawn_stations: tuple[str, ...] = Field(
        (), description="stations whose series are drawn, 'network/station'; default three of each region by rule"
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
    case: CaseConfig | None = Field(
        None, description="a CoLM case whose patches are the tiles, for either model; grid.kind = case goes with it"
    )
    model: Model = Field(default_factory=ColumnModelConfig)
    forcing: Forcing = Field(default_factory=ForcingConfig)
    twin: TwinConfig | None = Field(None, description="the nature run, if the campaign is a twin experiment")
    catalogue: dict[str, CatalogueEntry] = Field(
        {}, description="data in files, each under a name: to assimilate, to verify against"
    )
    observations: Observations
    runs: tuple[Run, ...] = Field((ControlRun(), EnkfLikeRun()), min_length=1, description="runs beside each other")
    parallel: ParallelConfig = Field(default_factory=ParallelConfig)
    checkpoint: CheckpointConfig = Field(default_factory=CheckpointConfig)
    output: OutputConfig = Field(default_factory=OutputConfig)
    verification: VerificationConfig = Field(default_factory=VerificationConfig)

    @model_validator(mode="before")
    @classmethod
    def _spread_ensembles(cls, raw: Any) -> Any:
        """A run with the key 'ensemble' becomes its members, each with a name and a perturbation of its own."""
        if not isinstance(raw, dict) or not isinstance(raw.get("runs"), list | tuple):
            return raw
        runs: list[Any] = []
        for run in raw["runs"]:
            if not isinstance(run, dict) or run.get("ensemble") is None:
                runs.append(run)
                continue
            try:
                ensemble = EnsembleConfig.model_validate(run["ensemble"])
            except ValidationError as error:
                lines = problems_of(error, EnsembleConfig)
                raise ValueError("\n".join(f"runs.{len(runs)}.ensemble.{line}" for line in lines)) from error
            common = {key: value for key, value in run.items() if key != "ensemble"}
            name = common.get("name", common.get("method", "control"))
            spread = ensemble.model_dump(exclude={"members", "member"})
            runs += [
                {**common, "name": f"{name}_{number:03d}", "perturbation": {"member": number, **spread}}
                for number in range(1, ensemble.members + 1)
            ]
        return {**raw, "runs": runs}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems: list[str] = self._problems_of_model()
        names = [run.name for run in self.runs]
        if len(set(names)) < len(names):
            problems.append(f"runs have the names {names}: give each run a name of its own")
        if "nature" in names:
            problems.append("'nature' is the name of the twin's truth: choose another name for the run")
        if self.observations.kind == "twin" and self.twin is None:
            problems.append("observations.kind = twin needs the section 'twin' (the nature run)")
        if isinstance(self.observations, CatalogueObservations):
            entry = self.catalogue.get(self.observations.entry)
            if entry is None:
                problems.append(
                    f"observations.entry = {self.observations.entry} is not in the catalogue, which has "
                    f"{', '.join(self.catalogue) or 'no entry'}"
                )
            elif not entry.is_gridded:
                problems.append(
                    f"observations.entry = {self.observations.entry} is of stations ({entry.product}): they verify, a "
                    "gridded product is assimilated"
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
        withheld, analyses = self.observations.withheld, self.time.analyses
        if withheld is not None and (strange := sorted(set(withheld.times) - set(analyses))):
            problems.append(
                f"observations.withheld.times: {', '.join(t.isoformat() for t in strange)} is no analysis time"
            )
        if self.scored_since > self.time.assimilation_end and self.verification.discard_days:
            problems.append(
                f"verification.discard_days = {self.verification.discard_days} leaves nothing of the assimilation "
                f"window, which ends at {self.time.assimilation_end.isoformat()}"
            )
        top, bottom = self.observations.depth_m
        if not 0.0 <= top < bottom <= 3.433:
            problems.append(f"observations.depth_m = ({top}, {bottom}): expected 0 <= top < bottom <= 3.433 m")
        innovation = self.observations.quality.innovation
        if innovation is not None and innovation.run not in (None, *names):
            problems.append(f"observations.quality.innovation.run = '{innovation.run}': runs are {', '.join(names)}")
        for run in self.runs:
            depth = run.depth if isinstance(run, AssimilatingRun) else None
            if isinstance(depth, RegressionDepth) and depth.file is None and (top, bottom) != BUILT_IN_DEPTH_M:
                problems.append(
                    f"run '{run.name}': the built-in slopes are for a depth of 0-0.1 m, observed are {top}-{bottom} "
                    "m: make some with landda regress, name them in depth.file"
                )
            if isinstance(run, Var3dRun) and run.layers == "upper_three" and bottom > SOIL_ZI[N_UPPER]:
                problems.append(
                    f"run '{run.name}': layers: upper_three reach down to {SOIL_ZI[N_UPPER]:.4f} m, observed are "
                    f"{top}-{bottom} m: observe a depth within them, or analyse the observed depth (layers: observed)"
                )
            boundary = run.frame.boundary if isinstance(run, CurveletRun | Var3dImageTerm) else "none"
            if boundary == "double_fourier_sphere" and (not self.grid.is_global or self.grid.n_lon % 2):
                problems.append(
                    f"run '{run.name}': boundary double_fourier_sphere needs the globe and an even number of longitudes"
                )
            roots = self.parallel.roots or 1
            if isinstance(run, EnkfLikeRun) and run.estimator == "sampled" and roots > run.members:
                problems.append(f"run '{run.name}': parallel.roots = {roots} exceeds its {run.members} members")
        problems += self._verification_problems()
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _problems_of_model(self) -> list[str]:
        """What is wrong between the model's section and the others."""
        problems: list[str] = []
        if (self.grid.kind == "case") != (self.case is not None):
            problems.append("grid.kind = case and the section 'case' belong together: give both or neither")
        if isinstance(self.model, ColmModelConfig):
            if self.case is None:
                problems.append("model.kind = colm needs the section 'case' (the case that the model runs)")
            able = {"wetness_sigma", "log_rain_sigma", "length_cells", "long_share", "weather_correlation"}
            strange = (changed_fields(self.twin) if self.twin else set()) - able
            if strange:
                problems.append(
                    f"twin.{', twin.'.join(sorted(strange))}: the nature run of model.kind = colm can differ by "
                    "wetness_sigma and log_rain_sigma only (with length_cells and long_share)"
                )
            if changed_fields(self.forcing):
                problems.append(
                    "forcing is the embedded model's; CoLM has the weather of its own namelist: leave it out"
                )
            return problems
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
        return problems

    def _verification_problems(self) -> list[str]:
        asked, problems = self.verification, []
        if (asked.references or asked.stations or asked.twin_stations) and self.output.series is None:
            problems.append(
                "verification.references and .stations need the campaign's soil water over time: add output.series: {}"
            )
        if asked.twin_stations is not None and self.twin is None:
            problems.append("verification.twin_stations needs the section 'twin' (the nature run)")
        wanted = [("references", r.entry, True) for r in asked.references]
        wanted += [("stations", s.entry, False) for s in asked.stations]
        wanted += [("precipitation", asked.precipitation, True)] if asked.precipitation is not None else []
        for key, name, is_gridded in wanted:
            entry = self.catalogue.get(name)
            if entry is None or entry.is_gridded != is_gridded:
                found = "is not there" if entry is None else f"has product {entry.product}"
                problems.append(
                    f"verification.{key}: needs an entry of {'a gridded product' if is_gridded else 'stations'} in the "
                    f"catalogue; '{name}' {found} (entries: {', '.join(self.catalogue) or 'none'})"
                )
        return problems

    @property
    def physics(self) -> Literal["soil_water", "land_surface"]:
        """Which state the tiles have: the embedded model's physics; of the real model, its soil water."""
        return self.model.physics if isinstance(self.model, ColumnModelConfig) else "soil_water"

    @property
    def state_names(self) -> tuple[str, ...]:
        """Variables of the tiles' state, in restart order."""
        return STATE_OF_PHYSICS[self.physics]

    @property
    def consistent_weather(self) -> bool:
        """Whether the generator's variables co-vary as an energy balance needs it."""
        if not isinstance(self.forcing, ForcingConfig):
            return False
        if self.forcing.consistent is None:
            return self.physics == "land_surface"
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
    items = error.errors(include_url=False)
    for item in items:
        location = list(item["loc"])
        keys, last = _keys_on_the_way(location, sections), location[-1:]
        where = ".".join(str(part) for part, _ in keys) or "configuration"
        if item["type"] == "extra_forbidden":
            known = sorted({name for model in keys[-1][1] for name in model.model_fields})
            close = difflib.get_close_matches(str(last[0]), known, n=1)
            hint = f" Did you mean '{close[0]}'?" if close else f" Known keys: {', '.join(known)}."
            problems.append(f"{where}: unknown key.{hint}")
        elif item["type"] == "value_error":
            problems.extend(f"{where}: {line}" for line in str(item["ctx"]["error"]).splitlines())
        elif item["type"] == "too_short" and any(i["loc"][: len(location)] == item["loc"] != i["loc"] for i in items):
            continue  # only because of what is wrong with its parts
        else:
            found = "" if item["type"] == "missing" else f" (found {item['input']!r})"
            problems.append(f"{where}: {item['msg']}{found}")
    return problems


def _keys_on_the_way(location: list[Any], sections: list[type[BaseModel]]) -> list[tuple[Any, list[type[BaseModel]]]]:
    """Keys of a pydantic error location, each with the sections that may hold it.

    The location also names branches of unions by their tag, which is no key: these are left out.
    """
    candidates, keys = sections, list[tuple[Any, list[type[BaseModel]]]]()
    for part in location:
        tagged = [
            m
            for m in candidates
            if any(f.default == part for n, f in m.model_fields.items() if n in ("kind", "method"))
        ]
        if tagged and isinstance(part, str) and not any(part in m.model_fields for m in candidates):
            candidates = tagged
            continue
        keys.append((part, candidates))
        following: list[type[BaseModel]] = []
        for model in candidates:
            if isinstance(part, str) and part in model.model_fields:
                following += _sections(model.model_fields[part].annotation)
            elif isinstance(part, int):
                following.append(model)
        candidates = following or candidates
    return keys


def _sections(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) in (Union, types.UnionType, tuple, dict, Annotated):
        return [model for arg in get_args(annotation) for model in _sections(arg)]
    return []
