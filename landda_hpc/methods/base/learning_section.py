"""Keys of everything that learns errors from innovations and increments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from landda_hpc.config.section import Section

if TYPE_CHECKING:
    from landda_hpc.analysis.frame_protocol import ImageFrame
    from landda_hpc.analysis.learned import ErrorsOfEachAnalysis
    from landda_hpc.methods.base.context import MethodContext


class LearningSection(Section):
    """How the errors of background and observation are learned during a run."""

    pooling: Literal["per_wedge", "per_scale"] = Field(
        "per_wedge", description="coefficients that share an innovation variance; R is pooled over scales"
    )
    local: bool = Field(True, description="whether background errors differ from place to place")
    memory_cycles: float = Field(10.0, ge=1.0, le=1e6, description="analyses in the mean of the innovation variance")
    max_gap_days: float = Field(
        5.0, gt=0.0, le=365.0, description="largest interval between compared observations of a cell, days"
    )

    referee: bool = Field(
        True, description="whether the campaign's referee, if it has one (section 'referee'), determines the gains"
    )

    def learned_errors(self, frame: ImageFrame, context: MethodContext) -> ErrorsOfEachAnalysis:
        """What learns the errors."""
        from landda_hpc.analysis.learned import ErrorsOfEachAnalysis
        from landda_hpc.analysis.referee import RefereedDifferences
        from landda_hpc.analysis.visit_differences import VisitDifferences

        kind = RefereedDifferences if self.referee and context.has_referee else VisitDifferences
        sharing = context.sharing()
        estimator = kind(frame, self.pooling, self.memory_cycles, max_gap_days=self.max_gap_days, sharing=sharing)
        return ErrorsOfEachAnalysis(frame, estimator, self.local, context.seed, sharing)
