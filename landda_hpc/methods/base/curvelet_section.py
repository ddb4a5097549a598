"""Base section of methods with gains on curvelet coefficients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from pydantic import Field

from landda_hpc.config.frame import FrameConfig
from landda_hpc.config.section import LengthKm, Section
from landda_hpc.methods.base.method_section import AnalysingRun

if TYPE_CHECKING:
    from landda_hpc.analysis.missing import MissingStrategy
    from landda_hpc.methods.base.context import MethodContext


Missing = Literal["zero_fill", "inpaint", "variance", "solve"]

MISSING: Final = (
    "cells without observation: 'zero_fill' = zero innovation there, 'inpaint' = innovation extended "
    "from the edges of gaps, 'variance' = gains from N images under the mask, 'solve' = the full system of "
    "observed cells"
)
"""Description of the key ``missing``."""


class MissingSection(Section):
    """Keys for the treatment of cells without observation."""

    missing: Missing = Field("inpaint", description=MISSING)
    inpaint_length_km: LengthKm | None = Field(
        500.0, description="inpaint: e-folding length of filled values, km; null: Laplace equation, no decay"
    )
    solve_tolerance: float = Field(
        1e-4, ge=1e-15, lt=1.0, description="solve: residual as a fraction of the innovation, 1"
    )
    solve_max_iterations: int = Field(
        500, ge=1, le=100_000, description="solve: largest number of conjugate-gradient iterations"
    )

    def missing_strategy(self, context: MethodContext, members: int) -> MissingStrategy:
        """Treatment of cells without observation; ``members``: images of the strategy 'variance'."""
        from landda_hpc.analysis.inpainting import HarmonicInpainting
        from landda_hpc.analysis.missing import AdjustedVariance, Inpaint, Solve, ZeroFill

        if self.missing == "inpaint":
            return Inpaint(HarmonicInpainting(context.grid, self.inpaint_length_km))
        if self.missing == "variance":
            return AdjustedVariance(context.members(members))
        if self.missing == "solve":
            return Solve(self.solve_tolerance, self.solve_max_iterations)
        return ZeroFill()


class CurveletRun(AnalysingRun, MissingSection):
    """Keys of all methods of single images with gains on curvelet coefficients."""

    members: int = Field(50, ge=2, le=1000, description="number of perturbed images, N")
    frame: FrameConfig = Field(default_factory=FrameConfig)
    missing: Missing = Field("zero_fill", description=MISSING)

    @property
    def curvelet_frame(self) -> FrameConfig | None:
        """See ``AnyRun.curvelet_frame``."""
        return self.frame
