"""Errors that the run learns from its own innovations and increments."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from landda_hpc.errors import ConfigError, DataError
from landda_hpc.methods.base.error_section import ErrorSection, Purpose
from landda_hpc.methods.base.learning_section import LearningSection

if TYPE_CHECKING:
    from landda_hpc.analysis.frame_protocol import ImageFrame
    from landda_hpc.analysis.learned import LearnedErrors
    from landda_hpc.methods.base.context import MethodContext


class LearnedErrorsConfig(ErrorSection, LearningSection):
    """Errors learned from innovations and increments: during the run, as the method 'learned' does, or before."""

    kind: Literal["learned"] = "learned"
    file: Path | None = Field(
        None,
        description="file of 'landda errors' under data_root; every analysis uses its errors. If absent, the run "
        "learns them, and all keys apply; with a file only 'local' does",
    )

    @property
    def varies(self) -> bool:
        """See ``ErrorSection.varies``: they are those of a file if there is one."""
        return self.file is None

    def build(self, frame: ImageFrame, purpose: Purpose, context: MethodContext) -> LearnedErrors:
        """See ``ErrorSection.build``; DataError also for a file of another frame, or without an estimate of R."""
        import numpy as np

        from landda_hpc.analysis.learned import LearnedErrors, relative_variance
        from landda_hpc.analysis.mixing import WedgeGroups
        from landda_hpc.formats.own.learned_errors import read_learned_errors

        if self.file is None:
            raise ConfigError(f"errors that are learned during the run cannot be those of the {purpose} here.")
        path = context.data_root / self.file
        errors = read_learned_errors(path, frame, context.grid)
        if not (errors.is_learned or errors.errors_persist):
            raise DataError(
                f"'{path}' has an initial estimate of the {purpose} errors only: too few cells had three visits. "
                "Make it from a campaign with more analyses, or with shorter intervals between them."
            )
        groups, by_wedge = WedgeGroups(frame, "per_wedge"), errors.by_wedge
        variance = (by_wedge.background if purpose == "background" else by_wedge.observation).value
        unknown = int(np.count_nonzero(~np.isfinite(variance)))
        if unknown:
            raise DataError(
                f"'{path}' has no estimate of {purpose} errors in {unknown} of {variance.size} wedges. Make it from a "
                "campaign with more analyses."
            )
        density, white = groups.expand(variance), by_wedge.white_energy
        mean = float(np.average(variance, weights=white))
        cells = np.isfinite(errors.local_background)
        if purpose == "observation" or not self.local or not cells.any():
            return LearnedErrors(frame, density, np.full(frame.shape, np.sqrt(mean)), context.seed, purpose)
        local = np.where(cells, errors.local_background, 0.0)
        density = density * relative_variance(frame, groups, local, cells)
        deviation = np.sqrt(np.where(cells, local, local[cells].mean()))
        return LearnedErrors(frame, density, deviation, context.seed, purpose)
