"""A constant gain, and increments that are smoothed on the sphere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from landda_hpc.config.section import Fraction, LengthKm
from landda_hpc.methods.base.method_section import AnalysingRun

if TYPE_CHECKING:
    from landda_hpc.analysis.smoothed import Smoothed
    from landda_hpc.methods.base.context import MethodContext


class SmoothedRun(AnalysingRun):
    """Increments smoothed by a Gaussian of distance on the sphere, over observed land."""

    method: Literal["smoothed"] = "smoothed"
    name: str = Field("smoothed", pattern=r"^[a-z][a-z0-9_]{0,39}$", description="name of the run")
    length_km: LengthKm = Field(200.0, description="smoothing length L of the weight exp(-1/2 (d / L)^2), km")
    gain: Fraction = Field(
        9.0 / 13.0, description="gain K for the smoothed innovation where all surrounding cells are observed"
    )

    def build(self, context: MethodContext) -> Smoothed:
        """See ``AnalysingRun.build``."""
        from landda_hpc.analysis.smoothed import Smoothed

        return Smoothed(context.grid, self.length_km, self.gain)
