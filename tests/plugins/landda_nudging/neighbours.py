"""A quality check: observations that differ from their neighbours."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from landda_hpc.constants import BoolArray
from landda_hpc.observation.check_section import CheckContext, CheckInput, CheckSection, QualityCheck
from landda_hpc.observation.image_observation import ImageObservation


class NeighbourCheck(CheckSection):
    """Cells that differ from both neighbours on their parallel by more than some error standard deviations."""

    reason: ClassVar[str] = "differs from its neighbours"

    kind: Literal["neighbours"] = "neighbours"
    sigmas: float = Field(3.0, gt=0.0, le=100.0, description="error standard deviations of the difference, 1")

    def build(self, context: CheckContext) -> QualityCheck:
        """See ``CheckSection.build``."""

        def differs(observation: ImageObservation, given: CheckInput, /) -> BoolArray:
            values, limit = observation.values, self.sigmas * np.sqrt(2.0) * given.error_std
            west, east = (np.abs(values - np.roll(values, shift, axis=1)) for shift in (1, -1))
            far: BoolArray = (west > limit) & (east > limit)  # NaN is not larger
            return far

        return differs
