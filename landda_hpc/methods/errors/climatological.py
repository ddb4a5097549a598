"""Errors with one variance per wedge, from an archive."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from landda_hpc.config.section import SoilWaterOrZero
from landda_hpc.methods.base.error_section import ErrorSection, Purpose

if TYPE_CHECKING:
    from landda_hpc.analysis.error_models import ClimatologicalErrors
    from landda_hpc.analysis.frame_protocol import ImageFrame
    from landda_hpc.methods.base.context import MethodContext


class ClimatologicalErrorsConfig(ErrorSection):
    """Errors with one variance per wedge of the frame, from an archive."""

    kind: Literal["climatological"] = "climatological"
    file: Path = Field(
        description="CSV file under data_root: scale, wedge, variance in m6 m-6, of the errors themselves: what coasts "
        "and gaps of the archive do to a spectrum is taken out ('landda study archive --wedges' does)"
    )
    holds: Literal["errors", "difference"] = Field(
        "errors",
        description="content of the file: 'errors' = variances of these errors; 'difference' = variances of model "
        "minus observation, B + R",
    )
    other_std: SoilWaterOrZero | None = Field(
        None,
        description="holds: difference: standard deviation of the other white errors, m3 m-3; its square is "
        "subtracted in every wedge. If absent, nothing is subtracted",
    )
    draws: int = Field(
        200, ge=10, le=10000, description="number of realisations for the variances of coefficients, drawn once"
    )

    @model_validator(mode="after")
    def _holds_them(self) -> Self:
        if self.other_std is not None and self.holds != "difference":
            raise ValueError("other_std applies to differences only: set holds: difference, or remove other_std")
        return self

    def build(self, frame: ImageFrame, purpose: Purpose, context: MethodContext) -> ClimatologicalErrors:
        """See ``ErrorSection.build``."""
        import numpy as np

        from landda_hpc.analysis.error_models import ClimatologicalErrors
        from landda_hpc.analysis.wedge_variances import WedgeSpectrum
        from landda_hpc.formats.own.wedge_spectra import read_wedge_spectrum

        scale, wedge, variance = read_wedge_spectrum(context.data_root / self.file)
        if self.other_std is not None:
            # White errors have s = sigma^2 in every wedge, see WedgeSpectrum.
            variance = np.maximum(variance - self.other_std**2, 0.0)
        spectrum = WedgeSpectrum(scale, wedge, variance)
        return ClimatologicalErrors(frame, spectrum, context.seed, purpose, context.members(self.draws))
