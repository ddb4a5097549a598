"""Errors that the run learns from its own innovations and increments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from landda_hpc.errors import ConfigError
from landda_hpc.methods.base.error_section import ErrorSection, Purpose
from landda_hpc.methods.base.learning_section import LearningSection

if TYPE_CHECKING:
    from landda_hpc.analysis.error_models import ErrorModel
    from landda_hpc.analysis.frame_protocol import ImageFrame
    from landda_hpc.methods.base.context import MethodContext


class LearnedErrorsConfig(ErrorSection, LearningSection):
    """Errors that the run learns from its own innovations and increments, as the method 'learned' does."""

    kind: Literal["learned"] = "learned"

    def build(self, frame: ImageFrame, purpose: Purpose, context: MethodContext) -> ErrorModel:
        """See ``ErrorSection.build``."""
        raise ConfigError(
            f"errors of kind 'learned' change from analysis to analysis; those of the {purpose} cannot be fixed here."
        )
