"""What runs have in common, whatever their method: perturbations, ensembles, depth of increments, drift."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal

from pydantic import Field

from landda_hpc.config.section import Count, Days, Fraction, LengthKm, LogSigma, Section, SoilWater
from landda_hpc.plugins import AnyOf, Registry

if TYPE_CHECKING:
    from landda_hpc.config.campaign import CampaignConfig

BUILT_IN_DEPTH_M = (0.0, 0.1)
"""Observed depth that the built-in vertical regression is for, m."""


class PerturbationConfig(Section):
    """How a run differs from the unperturbed one: a member of an ensemble. Fields are keyed by name and member."""

    member: Count = Field(1, description="number of the member: each has fields of its own")
    wetness_sigma: Fraction = Field(0.0, description="standard deviation of initial relative wetness, 1")
    log_rain_sigma: LogSigma = Field(
        0.0, description="log-sigma of a persistent factor on rain: a correlated field of mean 1"
    )
    length_km: LengthKm = Field(300.0, description="correlation length of the fields, km")


class EnsembleConfig(PerturbationConfig):
    """One run as an ensemble: it becomes 'members' runs, <name>_001 and so on, each perturbed."""

    members: int = Field(ge=2, le=999, description="number of members")


class AnyRun(Section):
    """What every run can be, whatever its method.

    A subclass of which a configuration can name the method has two fields more: ``method``, a literal, and ``name``.
    """

    assimilates: ClassVar[bool] = False
    """Whether the method makes analyses."""

    perturbation: PerturbationConfig | None = Field(
        None, description="makes the run a perturbed member; none if absent"
    )
    ensemble: EnsembleConfig | None = Field(None, description="makes the run an ensemble of perturbed members")

    if TYPE_CHECKING:
        # Fields of the subclasses: there they come after these.
        method: str
        name: str

    @property
    def shared_members(self) -> int | None:
        """Perturbed images that the root group shares in each analysis; None where there is no such number."""
        return None

    @property
    def n_analysed_layers(self) -> int:
        """Uppermost soil layers that are analysed one by one; 0 where the observed depth is analysed as a whole."""
        return 0

    def problems(self, campaign: CampaignConfig) -> list[str]:  # noqa: ARG002 - for methods that look at it
        """What does not fit between this run and the rest of its campaign, one line each."""
        return []


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
    limit: SoilWater = Field(0.01, description="bound of the drift at the observed depth, m3 m-3 a cycle, either sign")
    per_time_of_day: bool = Field(True, description="a drift for every analysis time of the day; else one for all")
    settle_days: float = Field(
        2.0,
        ge=0.0,
        le=36525.0,
        description="days from the start whose increments teach nothing: they remove the initial error",
    )
    forecast_days: Days = Field(10.0, description="time scale on which the drift fades by e in the free forecast, days")


class AssimilatingRun(AnyRun):
    """What every run that assimilates can do with its increments, whatever the method."""

    depth: Depth = Field(OverlapDepth(), description="how the increment of the observed depth goes down the soil")
    drift: DriftConfig | None = Field(None, description="learning of the model's drift; none if absent")

    assimilates: ClassVar[bool] = True

    def problems(self, campaign: CampaignConfig) -> list[str]:
        """See ``AnyRun.problems``."""
        (top, bottom), depth = campaign.observations.depth_m, self.depth
        if isinstance(depth, RegressionDepth) and depth.file is None and (top, bottom) != BUILT_IN_DEPTH_M:
            problem = (
                f"the built-in slopes are for a depth of 0-0.1 m, observed are {top}-{bottom} m: make some with landda "
                "regress, name them in depth.file"
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
