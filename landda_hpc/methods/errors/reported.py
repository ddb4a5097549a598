"""White errors of the size that each observation reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from landda_hpc.errors import ConfigError
from landda_hpc.methods.base.error_section import ErrorSection, Purpose

if TYPE_CHECKING:
    from landda_hpc.analysis.error_models import WhiteErrors
    from landda_hpc.analysis.frame_protocol import ImageFrame
    from landda_hpc.constants import FloatArray
    from landda_hpc.methods.base.context import MethodContext


class ReportedErrorsConfig(ErrorSection):
    """White errors with the standard deviation that each observation reports (``observations.errors``)."""

    kind: Literal["reported"] = "reported"

    @property
    def varies(self) -> bool:
        """See ``ErrorSection.varies``."""
        return True

    def build(self, frame: ImageFrame, purpose: Purpose, context: MethodContext) -> WhiteErrors:
        """See ``ErrorSection.build``."""
        raise ConfigError(
            f"errors of kind 'reported' come with each observation; they cannot be those of the {purpose}."
        )

    def of(self, std: FloatArray, context: MethodContext) -> WhiteErrors:
        """The errors of one observation, which reports their standard deviation, m3 m-3, (n_lat, n_lon)."""
        from landda_hpc.analysis.error_models import WhiteErrors

        return WhiteErrors(std, context.seed, "observation")
