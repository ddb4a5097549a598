"""Keys of all runs, independent of the method: perturbation, ensemble, depth of increments, drift."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal

import yaml
from pydantic import Field

from landda_hpc.config.ensemble import EnsembleConfig, PerturbationConfig
from landda_hpc.config.frame import FrameConfig
from landda_hpc.config.section import Days, Fraction, Section, SoilWater
from landda_hpc.plugins import AnyOf, Registry

if TYPE_CHECKING:
    from landda_hpc.config.observations import Observations
    from landda_hpc.config.output import ParallelConfig

OPERATIONAL_STD: Final = 0.05
"""Static background error of the soil layers in operational land analyses, m3 m-3, which baselines use."""

BUILT_IN_DEPTH_M = (0.0, 0.1)
"""Observed depth for which the built-in vertical regression is valid, m."""


def settings_text(settings: Mapping[str, Any]) -> str:
    """Return settings in one line of YAML; "defaults" if there are none."""
    if not settings:
        return "defaults"
    return yaml.safe_dump(dict(settings), default_flow_style=True, width=math.inf, sort_keys=False).strip()


def member_name(run: str, member: int) -> str:
    """Name of a member's model trajectory."""
    return f"{run}_{member:03d}"


class AnyRun(Section):
    """Keys of every run, independent of its method.

    A subclass whose method can be named in a configuration has two more fields: ``method``, a literal, and ``name``.
    """

    assimilates: ClassVar[bool] = False
    """Whether the method makes analyses."""

    needs_ensemble: ClassVar[bool] = False
    """Whether the method analyses an ensemble of model states."""

    perturbation: PerturbationConfig | None = Field(None, description="makes the run a perturbed member; default none")
    ensemble: EnsembleConfig | None = Field(None, description="makes the run an ensemble of model states")

    if TYPE_CHECKING:
        # Fields of the subclasses come after these.
        method: str
        name: str

    @property
    def instance_names(self) -> tuple[str, ...]:
        """Names of the run's model trajectories: its own, or those of its members."""
        if self.ensemble is None:
            return (self.name,)
        return tuple(member_name(self.name, number) for number in range(1, self.ensemble.members + 1))

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
    def increments_by_fraction(self) -> bool:
        """Whether a layer receives the increment times the fraction of it that lies within the observed depth."""
        return False

    @property
    def members_smoothing_km(self) -> float | None:
        """Smoothing length of the regression of layers on the members, km; None if increments do not follow from it."""
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
    def static_background_std(self) -> float | None:
        """Standard deviation of background errors if the method analyses each cell with one number; None otherwise."""
        return None

    @property
    def uses_stations(self) -> bool:
        """Whether the run assimilates the campaign's stations."""
        return False

    @property
    def finds_regions(self) -> bool:
        """Whether the method identifies regions of coherent change."""
        return False

    @property
    def is_checked_by_building(self) -> bool:
        """Whether some problems of the section show only when its method is built, on the campaign's grid."""
        return False

    @property
    def curvelet_frame(self) -> FrameConfig | None:
        """The frame of its curvelets; None for a method without curvelets."""
        return None

    def problems(self, observations: Observations, parallel: ParallelConfig) -> list[str]:
        """Conflicts within this run, and with other sections of its campaign, one line each."""
        return []

    def changed_settings(self) -> dict[str, Any]:
        """Settings other than the default, as plain data; sections always with their kind."""
        whole = self.model_dump(mode="json")
        changed = self.model_dump(mode="json", exclude_defaults=True, exclude={"name", "method"})
        return {
            key: {"kind": whole[key]["kind"], **value} if isinstance(value, dict) and "kind" in whole[key] else value
            for key, value in changed.items()
        }


class OverlapDepth(Section):
    """Add the increment to the layers that overlap the observed depth, and to no others."""

    kind: Literal["overlap"] = "overlap"


class FractionDepth(Section):
    """Add the increment to the layers that overlap the observed depth, times the fraction of the layer within it.

    The water of the increments is then that of the observed depth, while ``overlap`` moves whole layers. The mean over
    the observed depth changes by less than the increment: for 0-0.1 m by 0.92 of it.
    """

    kind: Literal["fraction"] = "fraction"


class RegressionDepth(Section):
    """Add the increment to layers that overlap the observed depth, and its climatological regression to those below."""

    kind: Literal["regression"] = "regression"
    file: Path | None = Field(
        None,
        description="netCDF file of slopes from 'landda study regress', under data_root; default: the built-in "
        "profile, one slope per layer, for an observed depth of 0-0.1 m",
    )
    share: Fraction = Field(1.0, description="fraction of the regressed increment that is added to the layers below")


class EnsembleDepth(Section):
    """Add the increment to all layers, with the regression on the observed depth that the members show in each cell."""

    kind: Literal["ensemble"] = "ensemble"
    smoothing_km: float = Field(
        500.0, ge=0.0, le=20040.0, description="length over which covariances of the members are averaged, km; 0: none"
    )


Depth = Annotated[OverlapDepth | FractionDepth | RegressionDepth | EnsembleDepth, Field(discriminator="kind")]


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
    def increments_by_fraction(self) -> bool:
        """See ``AnyRun.increments_by_fraction``."""
        return self.depth.kind == "fraction"

    @property
    def members_smoothing_km(self) -> float | None:
        """See ``AnyRun.members_smoothing_km``."""
        return self.depth.smoothing_km if self.depth.kind == "ensemble" else None

    @property
    def learned_drift(self) -> DriftConfig | None:
        """See ``AnyRun.learned_drift``."""
        return self.drift

    def problems(self, observations: Observations, parallel: ParallelConfig) -> list[str]:
        """See ``AnyRun.problems``."""
        (top, bottom), slopes = observations.depth_m, self.slopes
        if self.ensemble is not None and self.n_analysed_layers:
            return ["layers are analysed separately for a run with one state only: with 'ensemble' analyse the depth"]
        if self.increments_by_fraction and self.n_analysed_layers:
            return [
                "depth.kind = fraction is for one increment of the observed depth, but layers are analysed separately"
            ]
        if self.depth.kind == "ensemble" and self.ensemble is None:
            return ["depth.kind = ensemble needs the members of an ensemble: add 'ensemble', or choose another depth"]
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
        "curvelet_enkf",
        "curvelet_ensrf",
        "letkf",
        "column_enkf",
        "hybrid",
    ),
)
"""Sections of runs by their ``method``."""

Run = Annotated[AnyRun, AnyOf(METHODS)]
"""A run with any method."""
