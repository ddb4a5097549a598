"""Image analysis whose errors are learned during the run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from landda_hpc.methods.base.curvelet_section import CurveletRun

if TYPE_CHECKING:
    from landda_hpc.analysis.learned import Learned
    from landda_hpc.methods.base.context import MethodContext


class LearnedRun(CurveletRun):
    """K = B / (B + R) per curvelet coefficient; R and B are learned from innovations and increments of the run."""

    method: Literal["learned"] = "learned"
    name: str = Field("learned", pattern=r"^[a-z][a-z0-9_]{0,39}$", description="name of the run")
    pooling: Literal["per_wedge", "per_scale"] = Field(
        "per_wedge", description="coefficients that share an innovation variance; R is pooled over scales"
    )
    local: bool = Field(True, description="whether background errors differ from place to place")
    memory_cycles: float = Field(10.0, ge=1.0, le=1e6, description="analyses in the mean of the innovation variance")
    max_gap_days: float = Field(
        5.0, gt=0.0, le=365.0, description="largest interval between compared observations of a cell, days"
    )

    def build(self, context: MethodContext) -> Learned:
        """See ``AnalysingRun.build``."""
        from landda_hpc.analysis.learned import Learned
        from landda_hpc.analysis.visit_differences import VisitDifferences

        frame = context.frame(self.frame)
        estimator = VisitDifferences(frame, self.pooling, self.memory_cycles, max_gap_days=self.max_gap_days)
        return Learned(frame, estimator, self.local, context.seed, self.missing_strategy(context))
