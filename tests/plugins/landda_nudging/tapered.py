"""White errors that are smaller in high latitudes."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from landda_hpc.analysis.error_models import WhiteErrors
from landda_hpc.analysis.frame_protocol import ImageFrame
from landda_hpc.methods.base.context import MethodContext
from landda_hpc.methods.base.error_section import ErrorSection, Purpose


class TaperedErrors(ErrorSection):
    """Standard deviation falls with the cosine of latitude."""

    kind: Literal["tapered"] = "tapered"
    equator_std: float = Field(gt=0.0, le=1.0, description="standard deviation at the equator, m3 m-3")

    def build(self, frame: ImageFrame, purpose: Purpose, context: MethodContext) -> WhiteErrors:
        """See ``ErrorSection.build``."""
        rows = 0.2 + 0.8 * np.cos(np.radians(context.grid.lat))
        std = self.equator_std * np.repeat(rows[:, None], context.grid.shape[1], axis=1)
        return WhiteErrors(std, context.seed, purpose)
