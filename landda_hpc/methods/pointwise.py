"""The same constant gain in every cell, or the gain that follows from two error models."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal, Self

from pydantic import Field, model_validator

from landda_hpc.config.frame import FrameConfig
from landda_hpc.config.section import Fraction
from landda_hpc.methods.base.error_section import Errors, ErrorsOfObservations
from landda_hpc.methods.base.errors_of_method import assumed_errors_of, learning_problems, with_errors
from landda_hpc.methods.base.method_section import AnalysingRun
from landda_hpc.methods.errors.white import WhiteErrorsConfig

if TYPE_CHECKING:
    from landda_hpc.analysis.assumed_errors import AssumedErrors
    from landda_hpc.analysis.frame_protocol import ImageFrame
    from landda_hpc.analysis.protocol import AnalysisMethod
    from landda_hpc.config import Observations, ParallelConfig
    from landda_hpc.methods.base.context import MethodContext


_STDS_OF_B26: Final = (0.15, 0.10)
"""Standard deviations of background and observation errors that give the default gain, m3 m-3."""


class PointwiseRun(AnalysingRun):
    """x_a = x_b + K (y - H x_b) cell by cell, with one constant K or with K = B / (B + R) from error models."""

    method: Literal["pointwise"] = "pointwise"
    name: str = Field("pointwise", pattern=r"^[a-z][a-z0-9_]{0,39}$", description="name of the run")
    gain: Fraction = Field(9.0 / 13.0, description="gain K; default 9/13, from the errors of [B26], 0.15 and 0.10")
    background_errors: Errors | None = Field(
        None,
        description="error model of the background; with observation_errors it gives K in each cell instead of 'gain'",
    )
    observation_errors: ErrorsOfObservations | None = Field(None, description="error model of the observations")

    @model_validator(mode="after")
    def _gain_or_errors(self) -> Self:
        given = self.background_errors is not None, self.observation_errors is not None
        if given[0] != given[1]:
            raise ValueError("K follows from background_errors and observation_errors: give both, or a gain")
        # A campaign stores every key, so that the default counts as absent.
        if all(given) and self.gain != type(self).model_fields["gain"].default:
            raise ValueError("give a gain, or background_errors and observation_errors; found all of them")
        return self

    @property
    def curvelet_frame(self) -> FrameConfig | None:
        """See ``AnyRun.curvelet_frame``: errors that are learned need one."""
        return FrameConfig() if self.background_errors is not None else None

    @property
    def static_background_std(self) -> float | None:
        """See ``AnyRun.static_background_std``."""
        return None if self.background_errors is None else self.background_errors.constant_std

    def problems(self, observations: Observations, parallel: ParallelConfig) -> list[str]:
        """See ``AnyRun.problems``."""
        problems = super().problems(observations, parallel)
        return problems + learning_problems(self.background_errors, self.observation_errors)

    def build(self, context: MethodContext) -> AnalysisMethod:
        """See ``AnalysingRun.build``."""
        from landda_hpc.analysis.pointwise import Pointwise, PointwiseOfErrors

        if self.background_errors is None or self.observation_errors is None:
            return Pointwise(self.gain)
        frame = context.frame(FrameConfig())
        return with_errors(PointwiseOfErrors, self.background_errors, self.observation_errors, frame, context)

    def assumed_errors(self, frame: ImageFrame, context: MethodContext) -> AssumedErrors:
        """See ``AnalysingRun.assumed_errors``: those of [B26] with its gain, and no B and R with another gain."""
        if self.background_errors is not None:
            return assumed_errors_of(self.background_errors, self.observation_errors, frame, context)
        is_default = self.gain == type(self).model_fields["gain"].default
        b, r = (WhiteErrorsConfig(std=std) if is_default else None for std in _STDS_OF_B26)
        return replace(assumed_errors_of(b, r, frame, context), gain=self.gain)
