"""Values that soil cannot have."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from landda_hpc.constants import BoolArray
from landda_hpc.observation.check_section import CheckContext, CheckInput, CheckSection, QualityCheck
from landda_hpc.observation.image_observation import ImageObservation


class RangeCheck(CheckSection):
    """Values outside [0, porosity] by more than some standard deviations of their errors."""

    reason: ClassVar[str] = "out of range"

    kind: Literal["range"] = "range"
    sigmas: float = Field(4.0, ge=0.0, le=1000.0, description="error standard deviations, 1")

    def build(self, context: CheckContext) -> QualityCheck:
        """See ``CheckSection.build``."""

        def is_out_of_range(observation: ImageObservation, given: CheckInput, /) -> BoolArray:
            margin = self.sigmas * given.error_std
            in_range: BoolArray = (observation.given >= -margin) & (observation.given <= context.porosity + margin)
            return ~in_range

        return is_out_of_range
