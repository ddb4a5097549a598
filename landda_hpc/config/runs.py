"""Runs and methods that need no 3D-Var: control, gains, image analyses; ensembles, depth, drift."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from landda_hpc.config.errors import Errors, ErrorsOfObservations, FrameConfig, ToldErrorsConfig, WhiteErrorsConfig
from landda_hpc.config.section import Fraction, NonNegative, Positive, Section

BUILT_IN_DEPTH_M = (0.0, 0.1)
"""Observed depth that the built-in vertical regression is for, m."""


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
