"""The EnKF-like image analysis of Bai et al. (2026)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from landda_hpc.config.section import SoilWater
from landda_hpc.methods.base.curvelet_section import CurveletRun
from landda_hpc.methods.base.error_section import Errors, ErrorSection, ErrorsOfObservations
from landda_hpc.methods.base.errors_of_method import assumed_errors_of, learning_problems, with_errors
from landda_hpc.methods.errors.white import WhiteErrorsConfig

if TYPE_CHECKING:
    from landda_hpc.analysis.assumed_errors import AssumedErrors
    from landda_hpc.analysis.enkf_like import EnkfLike
    from landda_hpc.analysis.frame_protocol import ImageFrame
    from landda_hpc.analysis.learned import WithLearnedErrors
    from landda_hpc.analysis.reported_errors import WithReportedErrors
    from landda_hpc.config import Observations, ParallelConfig
    from landda_hpc.methods.base.context import MethodContext


class EnkfLikeRun(CurveletRun):
    """EnKF-like image analysis [B26, section 3.3]."""

    method: Literal["enkf_like"] = "enkf_like"
    name: str = Field("enkf_like", pattern=r"^[a-z][a-z0-9_]{0,39}$", description="name of the run")
    background_std: SoilWater = Field(0.15, description="standard deviation of background perturbations, m3 m-3")
    observation_std: SoilWater = Field(0.10, description="standard deviation of observation perturbations, m3 m-3")
    estimator: Literal["sampled", "exact"] = Field(
        "sampled",
        description="'sampled' = variances of N members drawn in every cycle; 'exact' = variances of the "
        "error models themselves",
    )
    background_errors: Errors | None = Field(
        None, description="error model of the background; default: white with background_std, as in [B26]"
    )
    observation_errors: ErrorsOfObservations | None = Field(
        None, description="error model of the observations; default: white with observation_std, as in [B26]"
    )

    @property
    def shared_members(self) -> int | None:
        """See ``AnyRun.shared_members``."""
        return self.members

    def problems(self, observations: Observations, parallel: ParallelConfig) -> list[str]:
        """See ``AnyRun.problems``."""
        problems, roots = super().problems(observations, parallel), parallel.roots or 1
        if self.estimator == "sampled" and roots > self.members:
            problems.append(f"parallel.roots = {roots} exceeds its {self.members} members")
        return problems + learning_problems(self.background_errors, self.observation_errors)

    def build(self, context: MethodContext) -> EnkfLike | WithReportedErrors | WithLearnedErrors:
        """See ``AnalysingRun.build``."""
        from landda_hpc.analysis.enkf_like import EnkfLike

        frame, members, missing = (
            context.frame(self.frame),
            context.members(self.members),
            self.missing_strategy(context, self.members),
        )
        return with_errors(
            lambda b, r: EnkfLike(frame, members, b, r, self.estimator, missing), *self._errors, frame, context
        )

    def assumed_errors(self, frame: ImageFrame, context: MethodContext) -> AssumedErrors:
        """See ``AnalysingRun.assumed_errors``."""
        return assumed_errors_of(*self._errors, frame, context)

    @property
    def _errors(self) -> tuple[ErrorSection, ErrorSection]:
        """Errors of background and observation."""
        return (
            self.background_errors or WhiteErrorsConfig(std=self.background_std),
            self.observation_errors or WhiteErrorsConfig(std=self.observation_std),
        )
