"""Nudging: the innovation relaxes the state with a time scale."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from landda_hpc.analysis.protocol import Analysis, ImagePair
from landda_hpc.methods.base.context import MethodContext
from landda_hpc.methods.base.method_section import AnalysingRun


@dataclass(frozen=True)
class Nudging:
    """Analysis increments are a constant share of the innovation."""

    share: float

    def analyse(self, pair: ImagePair) -> Analysis:
        """Local: no communication."""
        return Analysis(self.share * pair.innovation, diagnostics={"gain_mean": self.share, "gain_std": 0.0})


class NudgingRun(AnalysingRun):
    """x_a = x_b + (1 - exp(-6 h / tau)) (y - H x_b)."""

    method: Literal["nudging"] = "nudging"
    name: str = Field("nudging", description="name of the run")
    tau_hours: float = Field(24.0, gt=0.0, le=1e4, description="relaxation time scale, h")

    def build(self, context: MethodContext) -> Nudging:
        """See ``AnalysingRun.build``."""
        return Nudging(1.0 - math.exp(-6.0 / self.tau_hours))
