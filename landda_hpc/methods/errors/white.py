"""Errors that are independent from cell to cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from landda_hpc.config.section import SoilWaterOrFile
from landda_hpc.methods.base.error_section import ErrorSection, Purpose

if TYPE_CHECKING:
    from landda_hpc.analysis.error_models import WhiteErrors
    from landda_hpc.analysis.frame_protocol import ImageFrame
    from landda_hpc.methods.base.context import MethodContext


class WhiteErrorsConfig(ErrorSection):
    """Errors that are independent from cell to cell."""

    kind: Literal["white"] = "white"
    std: SoilWaterOrFile = Field(
        description="standard deviation, m3 m-3: a number, or a netCDF image of it under data_root"
    )

    @property
    def constant_std(self) -> float | None:
        """See ``ErrorSection.constant_std``."""
        return self.std if isinstance(self.std, float) else None

    def build(self, frame: ImageFrame, purpose: Purpose, context: MethodContext) -> WhiteErrors:
        """See ``ErrorSection.build``."""
        from landda_hpc.analysis.error_models import WhiteErrors

        return WhiteErrors(context.std(self.std), context.seed, purpose)
