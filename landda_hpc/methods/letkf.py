"""Ensemble Kalman filters in grid space: the LETKF, and the filter of single columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from landda_hpc.config.section import LengthKm
from landda_hpc.methods.base.ensemble_section import EnsembleRun
from landda_hpc.methods.base.errors_of_method import ensemble_errors

if TYPE_CHECKING:
    from landda_hpc.analysis.ensemble.grid_filters import ColumnFilter, Letkf
    from landda_hpc.methods.base.context import MethodContext


class LetkfRun(EnsembleRun):
    """Local ensemble transform Kalman filter of all soil layers, with Gaspari-Cohn localisation."""

    method: Literal["letkf"] = "letkf"
    name: str = Field("letkf", pattern=r"^[a-z][a-z0-9_]{0,39}$", description="name of the run")
    cutoff_km: LengthKm = Field(
        1000.0, description="distance at which the weight of an observation vanishes (Gaspari-Cohn), km"
    )

    def build_ensemble(self, context: MethodContext, n_members: int) -> Letkf:
        """See ``EnsembleRun.build_ensemble``."""
        from landda_hpc.analysis.ensemble.grid_filters import Letkf

        errors = ensemble_errors(self.observation_errors, context.frame(self.frame), context)
        return Letkf(context.grid, self.cutoff_km, errors, self.inflation.build(), context.members(n_members))


class ColumnEnkfRun(EnsembleRun):
    """One-dimensional EnKF of each cell: all soil layers from the observation of the cell, perturbed observations."""

    method: Literal["column_enkf"] = "column_enkf"
    name: str = Field("column_enkf", pattern=r"^[a-z][a-z0-9_]{0,39}$", description="name of the run")

    def build_ensemble(self, context: MethodContext, n_members: int) -> ColumnFilter:
        """See ``EnsembleRun.build_ensemble``."""
        from landda_hpc.analysis.ensemble.grid_filters import ColumnFilter

        errors = ensemble_errors(self.observation_errors, context.frame(self.frame), context)
        return ColumnFilter(errors, self.inflation.build(), context.members(n_members))
