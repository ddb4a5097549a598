"""The same constant gain in every cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from landda_hpc.config.section import Fraction
from landda_hpc.methods.base.method_section import AnalysingRun

if TYPE_CHECKING:
    from landda_hpc.analysis.pointwise import Pointwise
    from landda_hpc.methods.base.context import MethodContext


class PointwiseRun(AnalysingRun):
    """x_a = x_b + K (y - H x_b), the same constant K in every cell."""

    method: Literal["pointwise"] = "pointwise"
    name: str = Field("pointwise", pattern=r"^[a-z][a-z0-9_]{0,39}$", description="name of the run")
    gain: Fraction = Field(9.0 / 13.0, description="K; the errors of [B26], 0.15 and 0.10, give 9/13")

    def build(self, context: MethodContext) -> Pointwise:
        """See ``AnalysingRun.build``."""
        from landda_hpc.analysis.pointwise import Pointwise

        return Pointwise(self.gain)
