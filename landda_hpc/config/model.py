"""The land model: the embedded one, or the user's own CoLM."""

from __future__ import annotations

import shlex
from datetime import timedelta
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from landda_hpc.config.section import Count, Section, Word, changed_fields
from landda_hpc.plugins import AnyOf, Registry

if TYPE_CHECKING:
    from landda_hpc.config.domain import CaseConfig, TimeConfig
    from landda_hpc.config.forcing import Forcing
    from landda_hpc.config.twin import TwinConfig


class AnyModel(Section):
    """A land model. A subclass has ``kind``, a literal, and its own keys.

    ``instances.model_section.ModelSection`` says how its instances are computed.
    """

    begins_from_checkpoint: ClassVar[bool] = False
    """Whether ``initial: checkpoint`` and ``initial_file`` begin from a checkpoint of another campaign."""
    OPERATION: ClassVar[frozenset[str]] = frozenset()
    """Keys that affect how the model runs but not its results; a resume may change them."""
    runs_here: ClassVar[bool] = True
    """Whether the model computes in the campaign's processes, with the weather of the section ``forcing``."""
    perturbs_weather: ClassVar[bool] = True
    """Whether nature and members can have other weather than the remaining runs."""

    if TYPE_CHECKING:
        kind: str

    @property
    def tile_physics(self) -> Literal["soil_water", "land_surface"]:
        """Which variables the state of a tile has (``variables.STATE_OF_PHYSICS``)."""
        return "soil_water"

    @property
    def embedded(self) -> ColumnModelConfig | None:
        """The section itself where it is the embedded column model; None for any other model."""
        return None

    @property
    def spinup(self) -> timedelta:
        """Duration of the model run before the campaign's start: the key ``spinup_days``, if the section has it."""
        days = getattr(self, "spinup_days", 0)
        return timedelta(days=days if isinstance(days, int) else 0)

    def problems(
        self, time: TimeConfig, forcing: Forcing, case: CaseConfig | None, twin: TwinConfig | None
    ) -> list[str]:
        """Conflicts within this section, and with other sections of its campaign, one line each."""
        return []


class ColumnModelConfig(AnyModel):
    """The embedded column model."""

    begins_from_checkpoint: ClassVar[bool] = True

    kind: Literal["column"] = "column"
    physics: Literal["soil_water", "land_surface"] = Field(
        "soil_water",
        description="'soil_water' = soil water alone with prescribed temperature, at low cost; 'land_surface' = also "
        "energy balance, snow, canopy, freezing and ground water (docs/column.md)",
    )
    timestep_s: int = Field(1800, ge=60, le=10800, description="time step, s; a divisor of the forcing step")
    saturated_fraction: Literal["colm", "topmodel"] = Field(
        "colm",
        description="decay of the saturated fraction of the ground with the depth of the water table: 'colm' = 0.25 "
        "m-1, as in CoLM2014; 'topmodel' = 1.25 m-1, in agreement with the baseflow's decay (docs/column.md)",
    )
    interface_conductivity: Literal["mean", "upstream"] = Field(
        "mean",
        description="conductivity between two soil layers: 'mean' = at their mean saturation, as in CoLM2014, "
        "'upstream' = that of the layer which the water leaves (docs/column.md)",
    )
    initial: Literal["climatology", "file", "spun_up", "restart", "checkpoint"] = Field(
        "climatology",
        description="initial state: 'climatology' = soil water estimated by climate class, 'file' = volumetric soil "
        "water from a monthly climatology in initial_file, 'spun_up' = the complete state of a spun-up model "
        "(land_surface only), by default that of the package, 'restart' = the restart sets of another campaign, "
        "'checkpoint' = a checkpoint of another campaign; runs of the same name also continue what their methods have "
        "learned",
    )
    initial_file: Path | None = Field(
        None,
        description="under data_root (by default the configuration's folder): netCDF with monthly swl1..3 (m3 m-3); "
        "with spun_up, output of 'landda land spinup': the file of its --year (any tiles and time of the year), or "
        "spinup.h5 (the same tiles, and a model start within 31 days of the spin-up's day of the year); "
        "with restart, the folder restart/YYYY-DDD-SSSSS of a time, with checkpoint, the file (the same tiles, and a "
        "model start at that time)",
    )
    spinup_days: int = Field(
        30,
        ge=0,
        le=36500,
        description="days that the model runs before the campaign's start, with the weather of those days",
    )

    @property
    def embedded(self) -> ColumnModelConfig:
        """The section itself: this model computes in the campaign's processes."""
        return self

    @property
    def tile_physics(self) -> Literal["soil_water", "land_surface"]:
        """See ``AnyModel.tile_physics``."""
        return self.physics

    def problems(
        self, time: TimeConfig, forcing: Forcing, case: CaseConfig | None, twin: TwinConfig | None
    ) -> list[str]:
        """See ``AnyModel.problems``."""
        problems: list[str] = []
        if self.initial in ("file", "restart", "checkpoint") and self.initial_file is None:
            problems.append(f"model.initial = {self.initial} needs model.initial_file")
        if self.initial == "climatology" and self.initial_file is not None:
            problems.append(
                "model.initial_file is not used with model.initial = climatology; set initial: file or spun_up"
            )
        if self.initial == "spun_up" and self.physics != "land_surface":
            problems.append("model.initial = spun_up needs model.physics = land_surface")
        steps = {
            f"forcing step of {forcing.step_s} s": forcing.step_s,
            f"cycle of {time.cycle_hours} h": time.cycle_hours * 3600,
        }
        undivided = [step for step, seconds in steps.items() if seconds % self.timestep_s]
        return problems + [f"model.timestep_s = {self.timestep_s} does not divide the {step}" for step in undivided]

    def file_of(self, initial: Literal["file", "spun_up", "restart", "checkpoint"]) -> Path | None:
        """Path that ``initial_file`` names, if the model starts from such a file; else None."""
        return self.initial_file if self.initial == initial else None


def _number_as_text(value: Any) -> Any:
    # Not for yes, no, true, which YAML converts to other values than written.
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Variable = Annotated[str, Field(max_length=32768), BeforeValidator(_number_as_text)]
"""Value of an environment variable: OMP_NUM_THREADS: 8 is a number in YAML."""


class ColmProgramConfig(AnyModel):
    """The user's CoLM of either version, run as separate processes."""

    kind: Literal["colm", "colm2014"]
    executable: Path = Field(description="the model's program, under data_root or absolute")
    initial: Literal["case", "checkpoint"] = Field(
        "case",
        description="initial state: 'case' = the case's restart of the campaign's start, 'checkpoint' = a checkpoint "
        "of another campaign of the same case, with the restarts that it names; runs of the same name also continue "
        "what their methods have learned",
    )
    initial_file: Path | None = Field(
        None,
        description="with initial: checkpoint, its file, under data_root, in the folder of its campaign",
    )
    launch: str = Field(max_length=4096, description="command that runs one window")
    side_by_side: Count = Field(1, description="number of runs that each member group computes simultaneously")
    nodes: tuple[Annotated[str, Field(max_length=4096)], ...] = Field(
        (),
        max_length=100_000,
        description="compute nodes of each slot, which replace {nodes} in launch, e.g. 'n1,n2'; the sets must be "
        "disjoint",
    )
    timeout_minutes: float = Field(60.0, ge=0.001, le=527040.0, description="time limit of a window, min")
    tries: int = Field(2, ge=1, le=5, description="number of attempts per window before the campaign stops")
    environment: dict[Word, Variable] = Field(
        {},
        max_length=1000,
        description="additional environment variables of the model; texts or numbers",
    )
    keep_restarts: Count = Field(
        2, description="number of recent restarts kept in each run's folder, besides those of kept checkpoints"
    )
    keep_history: bool = Field(False, description="keep the model's history files, in a folder per window")

    OPERATION: ClassVar[frozenset[str]] = frozenset(
        {"launch", "side_by_side", "nodes", "timeout_minutes", "tries", "environment", "keep_restarts", "keep_history"}
    )
    """Keys that affect how the model runs but not its results; a resume may change them."""

    runs_here: ClassVar[bool] = False
    begins_from_checkpoint: ClassVar[bool] = True
    NEEDED_IN_LAUNCH: ClassVar[tuple[str, ...]] = ("exe",)
    """Names that ``launch`` must have in braces."""

    def problems(
        self, time: TimeConfig, forcing: Forcing, case: CaseConfig | None, twin: TwinConfig | None
    ) -> list[str]:
        """See ``AnyModel.problems``."""
        problems: list[str] = []
        if case is None:
            problems.append(f"model.kind = {self.kind} needs the section 'case' (the case that the model runs)")
        if (self.initial == "checkpoint") != (self.initial_file is not None):
            problems.append("model.initial = checkpoint and model.initial_file are used together: give both or neither")
        ways = ["wetness_sigma", "log_rain_sigma"] if self.perturbs_weather else ["wetness_sigma"]
        able = {*ways, "weather_correlation", "length_cells", "length_lon_cells", "long_share"}
        strange = (changed_fields(twin) if twin else set()) - able
        if strange:
            problems.append(
                f"twin.{', twin.'.join(sorted(strange))}: the nature run of model.kind = {self.kind} can differ by "
                f"{' and '.join(ways)} only (with length_cells, length_lon_cells and long_share)"
            )
        if changed_fields(forcing):
            problems.append(
                "remove the section forcing, which is for the embedded model; CoLM's namelist names its forcing"
            )
        return problems

    @model_validator(mode="after")
    def _launchable(self) -> Self:
        if ("{nodes" in self.launch) != bool(self.nodes):
            raise ValueError("nodes and '{nodes}' in launch are used together: give both or neither")
        if self.nodes and len(self.nodes) < self.side_by_side:
            raise ValueError(f"nodes has {len(self.nodes)} sets; side_by_side = {self.side_by_side} needs one for each")
        try:
            shlex.split(self.launch)
            parts = list(Formatter().parse(self.launch))
        except ValueError as error:
            raise ValueError(f"launch: {error}") from error
        named = [name for _, name, _, _ in parts if name is not None]
        if any(spec or conversion for _, _, spec, conversion in parts) or set(named) - {
            "exe",
            "namelist",
            "nodes",
            "slot",
        }:
            raise ValueError("launch: only exe, namelist, nodes and slot are allowed in braces")
        lacking = [f"{{{name}}}" for name in self.NEEDED_IN_LAUNCH if f"{{{name}}}" not in self.launch]
        if lacking:
            raise ValueError(f"launch must name {' and '.join(lacking)}")
        return self


class ColmModelConfig(ColmProgramConfig):
    """The user's CoLM202X, run as separate processes; tiles and initial restart come from the section 'case'."""

    kind: Literal["colm"] = "colm"
    executable: Path = Field(description="the model's program (colm.x), under data_root or absolute")
    launch: str = Field(
        "{exe} {namelist}",
        max_length=4096,
        description="command that runs one window, e.g. 'mpirun -n 8 {exe} {namelist}' or 'srun --exact -n 8 {exe} "
        "{namelist}'; in braces: exe, namelist, nodes (see nodes), slot (number of the run among simultaneous ones, "
        "from 0)",
    )

    NEEDED_IN_LAUNCH: ClassVar[tuple[str, ...]] = ("exe", "namelist")


class Colm2014ModelConfig(ColmProgramConfig):
    """The user's CoLM2014, run as separate processes; tiles and initial restart come from the section 'case'."""

    kind: Literal["colm2014"] = "colm2014"
    executable: Path = Field(
        description="the model's program (clm.x), under data_root or absolute; compiled with WR_HOURLY, so that it "
        "writes a restart at every time step"
    )
    launch: str = Field(
        "{exe}",
        max_length=4096,
        description="command that runs one window, e.g. 'srun --exact -n 1 -c 8 {exe}'; the program reads the namelist "
        "from standard input; in braces: exe, namelist (the file), nodes (see nodes), slot (number of the run among "
        "simultaneous ones, from 0)",
    )

    perturbs_weather: ClassVar[bool] = False


MODELS: Final[Registry[AnyModel]] = Registry(
    "model",
    "landda_hpc.instances.model_section:ModelSection",
    "kind",
    "landda_hpc.instances.models",
    ("column", "colm", "colm2014"),
    group="landda_hpc.models",
)
"""Land models by the ``kind`` of their section."""

Model = Annotated[AnyModel, AnyOf(MODELS, default="column")]
"""A land model of any kind; the embedded one where none is named."""
