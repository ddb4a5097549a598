"""Keys of all runs, independent of the method: perturbations, ensembles, depth of increments, drift."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal

from pydantic import Field

from landda_hpc.config.frame import FrameConfig
from landda_hpc.config.section import Count, Days, Fraction, LengthKm, LogSigma, Section, SoilWater
from landda_hpc.plugins import AnyOf, Registry

if TYPE_CHECKING:
    from landda_hpc.config.observations import Observations
    from landda_hpc.config.output import ParallelConfig

BUILT_IN_DEPTH_M = (0.0, 0.1)
"""Observed depth for which the built-in vertical regression is valid, m."""


class PerturbationConfig(Section):
    """Perturbations of a run, as a member of an ensemble. Random fields are keyed by name and member."""

    member: Count = Field(1, description="number of the member; each has its own random fields")
    wetness_sigma: Fraction = Field(0.0, description="standard deviation of initial relative wetness (dimensionless)")
    log_rain_sigma: LogSigma = Field(
        0.0,
        description="standard deviation of the logarithm of a persistent factor on rain, a correlated field "
        "with mean 1",
    )
    length_km: LengthKm = Field(300.0, description="correlation length of the fields, km")


class EnsembleConfig(PerturbationConfig):
    """An ensemble: the run becomes 'members' perturbed runs, <name>_001 and so on."""

    members: int = Field(ge=2, le=999, description="number of members")


class AnyRun(Section):
    """Keys of every run, independent of its method.

    A subclass whose method can be named in a configuration has two more fields: ``method``, a literal, and ``name``.
    """

    assimilates: ClassVar[bool] = False
    """Whether the method makes analyses."""

    perturbation: PerturbationConfig | None = Field(None, description="makes the run a perturbed member; default none")
    ensemble: EnsembleConfig | None = Field(None, description="makes the run an ensemble of perturbed members")

    if TYPE_CHECKING:
        # Fields of the subclasses come after these.
        method: str
        name: str

    @property
    def shared_members(self) -> int | None:
        """Perturbed images that the root group shares in each analysis; None if the method has no such number."""
        return None

    @property
    def n_analysed_layers(self) -> int:
        """Number of uppermost soil layers analysed separately; 0 if the observed depth is analysed as a whole."""
        return 0

    @property
    def slopes(self) -> RegressionDepth | None:
        """Slopes of the regression to layers below the observed depth; None without it."""
        return None

    @property
    def learned_drift(self) -> DriftConfig | None:
        """Settings of the drift that the run learns; None without it."""
        return None

    @property
    def uses_referee(self) -> bool:
        """Whether the run, or one of its error models, learns errors and lets a referee determine the gains."""
        sections = (self, *(getattr(self, name) for name in type(self).model_fields))
        learning = (section for section in sections if getattr(section, "varies", True))  # not from a file
        return any(getattr(section, "referee", False) is True for section in learning)

    @property
    def curvelet_frame(self) -> FrameConfig | None:
        """The frame of its curvelets; None for a method without curvelets."""
        return None

    def problems(self, observations: Observations, parallel: ParallelConfig) -> list[str]:
        """Conflicts within this run, and with other sections of its campaign, one line each."""
        return []


class OverlapDepth(Section):
    """Add the increment to the layers that overlap the observed depth, and to no others."""

    kind: Literal["overlap"] = "overlap"


class RegressionDepth(Section):
    """Add the increment to layers that overlap the observed depth, and its climatological regression to those below."""

    kind: Literal["regression"] = "regression"
    file: Path | None = Field(
        None,
        description="netCDF file of slopes from 'landda study regress', under data_root; default: the built-in "
        "profile, one slope per layer, for an observed depth of 0-0.1 m",
    )
    share: Fraction = Field(1.0, description="fraction of the regressed increment that is added to the layers below")


Depth = Annotated[OverlapDepth | RegressionDepth, Field(discriminator="kind")]


class DriftConfig(Section):
    """Estimation of the model's drift from increments, by cell and time of day; it is added in every forecast.

    The correction is added to the layers that overlap the observed depth, even if increments are spread deeper by
    regression, because the slopes describe errors, and deeper layers do not drift with the surface.
    """

    share: Fraction = Field(
        0.05, description="fraction of each analysis increment that is added to the drift of its time of day"
    )
    limit: SoilWater = Field(0.01, description="largest absolute drift at the observed depth, m3 m-3 per cycle")
    per_time_of_day: bool = Field(
        True, description="estimate a drift for every analysis time of the day; otherwise one for all"
    )
    settle_days: float = Field(
        2.0,
        ge=0.0,
        le=36525.0,
        description="initial days whose increments are not used, because these remove the initial error",
    )
    forecast_days: Days = Field(10.0, description="e-folding time of the drift correction in the free forecast, days")


class AssimilatingRun(AnyRun):
    """Keys of every assimilating run for its increments, independent of the method."""

    depth: Depth = Field(OverlapDepth(), description="vertical spreading of the increment")
    drift: DriftConfig | None = Field(None, description="estimation of the model's drift; default none")

    assimilates: ClassVar[bool] = True

    @property
    def slopes(self) -> RegressionDepth | None:
        """See ``AnyRun.slopes``."""
        return self.depth if self.depth.kind == "regression" else None

    @property
    def learned_drift(self) -> DriftConfig | None:
        """See ``AnyRun.learned_drift``."""
        return self.drift

    def problems(self, observations: Observations, parallel: ParallelConfig) -> list[str]:
        """See ``AnyRun.problems``."""
        (top, bottom), slopes = observations.depth_m, self.slopes
        if slopes is not None and slopes.file is None and (top, bottom) != BUILT_IN_DEPTH_M:
            problem = (
                f"the built-in slopes are for a depth of 0-0.1 m, observed are {top}-{bottom} m: make slopes for this "
                "depth with landda study regress, and name the file in depth.file"
            )
            return [problem]
        return []


METHODS: Final[Registry[AnyRun]] = Registry(
    "method",
    AnyRun,
    "method",
    "landda_hpc.methods",
    order=(
        "control",
        "pointwise",
        "adaptive_pointwise",
        "smoothed",
        "enkf_like",
        "per_scale",
        "per_wedge",
        "var3d_point",
        "var3d_image",
        "var3d_both",
    ),
)
"""Sections of runs by their ``method``."""

Run = Annotated[AnyRun, AnyOf(METHODS)]
"""A run with any method."""
