"""Image analysis whose errors are learned during the run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from landda_hpc.methods.base.curvelet_section import MISSING, CurveletRun, Missing
from landda_hpc.methods.base.learning_section import LearningSection

if TYPE_CHECKING:
    from landda_hpc.analysis.learned import WithLearnedErrors
    from landda_hpc.methods.base.context import MethodContext


class LearnedRun(CurveletRun, LearningSection):
    """K = B / (B + R) per curvelet coefficient; R and B are learned from innovations and increments of the run."""

    method: Literal["learned"] = "learned"
    missing: Missing = Field("inpaint", description=MISSING)
    name: str = Field("learned", pattern=r"^[a-z][a-z0-9_]{0,39}$", description="name of the run")

    def build(self, context: MethodContext) -> WithLearnedErrors:
        """See ``AnalysingRun.build``."""
        from landda_hpc.analysis.learned import LearnedGain, WithLearnedErrors

        frame, missing = context.frame(self.frame), self.missing_strategy(context, self.members)
        return WithLearnedErrors(self.learned_errors(frame, context), lambda b, r: LearnedGain(frame, b, r, missing))
