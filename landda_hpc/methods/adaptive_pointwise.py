"""A gain that each cell learns from its innovations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from landda_hpc.config.section import SoilWater, SoilWaterOrFile
from landda_hpc.methods.base.errors_of_method import assumed_errors_of
from landda_hpc.methods.base.method_section import AnalysingRun
from landda_hpc.methods.errors.white import WhiteErrorsConfig

if TYPE_CHECKING:
    from landda_hpc.analysis.assumed_errors import AssumedErrors
    from landda_hpc.analysis.frame_protocol import ImageFrame
    from landda_hpc.analysis.pointwise import AdaptivePointwise
    from landda_hpc.methods.base.context import MethodContext


class AdaptivePointwiseRun(AnalysingRun):
    """x_a = x_b + K (y - H x_b), K = B / (B + R) learned in each cell: B = max(0, mean square innovation - R)."""

    method: Literal["adaptive_pointwise"] = "adaptive_pointwise"
    name: str = Field("adaptive_pointwise", pattern=r"^[a-z][a-z0-9_]{0,39}$", description="name of the run")
    background_std: SoilWater = Field(
        0.15, description="initial estimate of the standard deviation of background errors, m3 m-3"
    )
    observation_std: SoilWaterOrFile = Field(
        0.10, description="standard deviation of observation errors, m3 m-3: a number or a netCDF image under data_root"
    )
    prior_cycles: float = Field(
        4.0, ge=0.001, le=1e6, description="weight of the initial estimate, as a number of innovations"
    )
    memory_cycles: float = Field(40.0, ge=1.0, le=1e6, description="maximum number of innovations in the mean")

    def build(self, context: MethodContext) -> AdaptivePointwise:
        """See ``AnalysingRun.build``."""
        from landda_hpc.analysis.pointwise import AdaptivePointwise

        observation_std = context.std(self.observation_std)
        return AdaptivePointwise(
            context.grid.shape, self.background_std, observation_std, self.prior_cycles, self.memory_cycles
        )

    def assumed_errors(self, frame: ImageFrame, context: MethodContext) -> AssumedErrors:
        """See ``AnalysingRun.assumed_errors``: R alone, because B is learned."""
        return assumed_errors_of(None, WhiteErrorsConfig(std=self.observation_std), frame, context)
