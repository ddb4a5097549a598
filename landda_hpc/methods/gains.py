"""Gains from mean variances: one per scale, or one per scale and direction."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from landda_hpc.methods.base.curvelet_section import CurveletRun
from landda_hpc.methods.base.error_section import Errors, ErrorsOfObservations
from landda_hpc.methods.base.errors_of_method import assumed_errors_of, learning_problems, with_errors
from landda_hpc.methods.errors.white import WhiteErrorsConfig

if TYPE_CHECKING:
    from landda_hpc.analysis.assumed_errors import AssumedErrors
    from landda_hpc.analysis.frame_protocol import ImageFrame
    from landda_hpc.analysis.gains import GivenSpectra, InnovationSpectra
    from landda_hpc.analysis.learned import WithLearnedErrors
    from landda_hpc.analysis.reported_errors import WithReportedErrors
    from landda_hpc.config import Observations, ParallelConfig
    from landda_hpc.methods.base.context import MethodContext


class GainRun(CurveletRun):
    """K = B / (B + R) from mean variances of groups of coefficients."""

    background_errors: Errors | None = Field(
        None,
        description="error model of the background; default: B = max(0, E|d|^2 - R), learned from innovations d",
    )
    observation_errors: ErrorsOfObservations = Field(
        WhiteErrorsConfig(std=0.10),
        description="error model of the observations, R; 'reported' needs background_errors",
    )
    memory_cycles: float = Field(20.0, ge=1.0, le=1e6, description="number of cycles in the running mean of |d|^2")

    POOLING: ClassVar[Literal["per_scale", "per_wedge"]]
    """Group of coefficients that share a gain."""

    @model_validator(mode="after")
    def _learns_with_known_r(self) -> Self:
        if self.background_errors is None and self.observation_errors.varies:
            raise ValueError(
                "observation_errors of kind reported or learned need background_errors, because B alone is learned "
                "only with a fixed R. Method 'learned' learns both"
            )
        return self

    def problems(self, observations: Observations, parallel: ParallelConfig) -> list[str]:
        """See ``AnyRun.problems``."""
        problems = super().problems(observations, parallel)
        return problems + learning_problems(self.background_errors, self.observation_errors)

    def build(
        self, context: MethodContext
    ) -> GivenSpectra | InnovationSpectra | WithReportedErrors | WithLearnedErrors:
        """See ``AnalysingRun.build``."""
        from landda_hpc.analysis.gains import GivenSpectra, InnovationSpectra

        frame, missing, errors = (
            context.frame(self.frame),
            self.missing_strategy(context, self.members),
            self.observation_errors,
        )
        if self.background_errors is not None:
            return with_errors(
                lambda b, r: GivenSpectra(frame, self.POOLING, b, r, missing),
                self.background_errors,
                errors,
                frame,
                context,
            )
        observation = errors.build(frame, "observation", context)
        return InnovationSpectra(
            frame, self.POOLING, observation, self.memory_cycles, context.members, context.seed, missing
        )

    def assumed_errors(self, frame: ImageFrame, context: MethodContext) -> AssumedErrors:
        """See ``AnalysingRun.assumed_errors``."""
        return assumed_errors_of(self.background_errors, self.observation_errors, frame, context)


class PerScaleRun(GainRun):
    """One gain per scale: isotropic."""

    method: Literal["per_scale"] = "per_scale"
    name: str = Field("per_scale", pattern=r"^[a-z][a-z0-9_]{0,39}$", description="name of the run")

    POOLING = "per_scale"


class PerWedgeRun(GainRun):
    """One gain per scale and direction."""

    method: Literal["per_wedge"] = "per_wedge"
    name: str = Field("per_wedge", pattern=r"^[a-z][a-z0-9_]{0,39}$", description="name of the run")

    POOLING = "per_wedge"
