"""Ensemble Kalman filters in grid space: the LETKF, and the filter of single columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from landda_hpc.config.section import LengthKm
from landda_hpc.methods.base.ensemble_section import EnsembleRun
from landda_hpc.methods.base.errors_of_method import ensemble_errors, is_learning

if TYPE_CHECKING:
    from landda_hpc.analysis.ensemble.grid_filters import ColumnFilter, Letkf
    from landda_hpc.config import Observations, ParallelConfig
    from landda_hpc.methods.base.context import MethodContext


class LetkfRun(EnsembleRun):
    """Local ensemble transform Kalman filter of all soil layers, with Gaspari-Cohn localisation."""

    method: Literal["letkf"] = "letkf"
    name: str = Field("letkf", pattern=r"^[a-z][a-z0-9_]{0,39}$", description="name of the run")
    cutoff_km: LengthKm = Field(
        1000.0, description="distance at which the weight of an observation vanishes (Gaspari-Cohn), km"
    )

    error_correlations: bool = Field(
        False,
        description="whether the correlations between learned observation errors are used; otherwise they are ignored",
    )

    def problems(self, observations: Observations, parallel: ParallelConfig) -> list[str]:
        """See ``AnyRun.problems``: correlations are known if R is learned by wedge of a periodic image."""
        problems = super().problems(observations, parallel)
        if self.error_correlations and not (is_learning(self.observation_errors) and self.frame.boundary == "none"):
            problems.append(
                "error_correlations needs observation_errors: {kind: learned} and frame: {boundary: none}; found "
                f"{self.observation_errors!r} and boundary: {self.frame.boundary}"
            )
        return problems

    def build_ensemble(self, context: MethodContext, n_members: int) -> Letkf:
        """See ``EnsembleRun.build_ensemble``."""
        from landda_hpc.analysis.ensemble.grid_filters import Letkf
        from landda_hpc.analysis.ensemble.local_transform import LocalTransform

        frame = context.frame(self.frame)
        errors = ensemble_errors(self.observation_errors, frame, context)
        transform = LocalTransform(context.grid, self.cutoff_km, frame if self.error_correlations else None)
        return Letkf(transform, errors, self.inflation.build(), context.members(n_members))


class ColumnEnkfRun(EnsembleRun):
    """One-dimensional EnKF of each cell: all soil layers from the observation of the cell, perturbed observations."""

    method: Literal["column_enkf"] = "column_enkf"
    name: str = Field("column_enkf", pattern=r"^[a-z][a-z0-9_]{0,39}$", description="name of the run")

    def build_ensemble(self, context: MethodContext, n_members: int) -> ColumnFilter:
        """See ``EnsembleRun.build_ensemble``."""
        from landda_hpc.analysis.ensemble.grid_filters import ColumnFilter

        errors = ensemble_errors(self.observation_errors, context.frame(self.frame), context)
        return ColumnFilter(errors, self.inflation.build(), context.members(n_members))
