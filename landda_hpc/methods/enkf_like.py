"""The EnKF-like image analysis of Bai et al. (2026)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from landda_hpc.config.section import SoilWater
from landda_hpc.methods.base.curvelet_section import CurveletRun
from landda_hpc.methods.base.error_section import Errors, ErrorsOfObservations
from landda_hpc.methods.errors.reported import ReportedErrorsConfig
from landda_hpc.methods.errors.white import WhiteErrorsConfig

if TYPE_CHECKING:
    from landda_hpc.analysis.enkf_like import EnkfLike
    from landda_hpc.analysis.error_models import ErrorModel
    from landda_hpc.analysis.reported_errors import WithReportedErrors
    from landda_hpc.config.campaign import CampaignConfig
    from landda_hpc.methods.base.context import MethodContext


class EnkfLikeRun(CurveletRun):
    """EnKF-like image analysis [B26, section 3.3]."""

    method: Literal["enkf_like"] = "enkf_like"
    name: str = Field("enkf_like", pattern=r"^[a-z][a-z0-9_]{0,39}$", description="name of the run")
    background_std: SoilWater = Field(0.15, description="standard deviation of background perturbations, m3 m-3")
    observation_std: SoilWater = Field(0.10, description="standard deviation of observation perturbations, m3 m-3")
    estimator: Literal["sampled", "exact"] = Field(
        "sampled", description="variances from N members drawn in every cycle, or exact variances of the error models"
    )
    background_errors: Errors | None = Field(
        None, description="error model of the background; white with background_std if absent, as in [B26]"
    )
    observation_errors: ErrorsOfObservations | None = Field(
        None, description="error model of the observations; white with observation_std if absent, as in [B26]"
    )

    @property
    def shared_members(self) -> int | None:
        """See ``AnyRun.shared_members``."""
        return self.members

    def problems(self, campaign: CampaignConfig) -> list[str]:
        """See ``AnyRun.problems``."""
        problems, roots = super().problems(campaign), campaign.parallel.roots or 1
        if self.estimator == "sampled" and roots > self.members:
            problems.append(f"parallel.roots = {roots} exceeds its {self.members} members")
        return problems

    def build(self, context: MethodContext) -> EnkfLike | WithReportedErrors:
        """See ``AnalysingRun.build``."""
        from landda_hpc.analysis.enkf_like import EnkfLike
        from landda_hpc.analysis.reported_errors import WithReportedErrors

        frame, members = context.frame(self.frame), context.members(self.members)
        background = (self.background_errors or WhiteErrorsConfig(std=self.background_std)).build(
            frame, "background", context
        )
        missing = self.missing_strategy(context)

        def make(observation: ErrorModel) -> EnkfLike:
            return EnkfLike(frame, members, background, observation, self.estimator, missing)

        errors = self.observation_errors or WhiteErrorsConfig(std=self.observation_std)
        if isinstance(errors, ReportedErrorsConfig):
            return WithReportedErrors(lambda std: make(errors.of(std, context)))
        return make(errors.build(frame, "observation", context))
