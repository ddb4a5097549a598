"""Ensemble Kalman filters in coefficient space, with perturbed observations or as a square root."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from landda_hpc.config.section import Fraction, LengthKm, Section
from landda_hpc.methods.base.curvelet_section import MissingSection
from landda_hpc.methods.base.ensemble_section import EnsembleRun
from landda_hpc.methods.base.errors_of_method import ensemble_errors

if TYPE_CHECKING:
    from landda_hpc.analysis.ensemble.coefficient_filter import CoefficientFilter
    from landda_hpc.config import Observations, ParallelConfig
    from landda_hpc.methods.base.context import MethodContext


class LocalConfig(Section):
    """LETKF of the observed depth whose increments are averaged with those in coefficient space (hybrid gain)."""

    weight: Fraction = Field(0.5, description="weight of the LETKF's increments")
    cutoff_km: LengthKm = Field(
        1000.0, description="distance at which the weight of an observation vanishes (Gaspari-Cohn), km"
    )


class CoefficientRun(EnsembleRun, MissingSection):
    """Keys of both filters."""

    shrinkage: bool = Field(
        True,
        description="whether variances of coefficients, from few members, are shrunk towards the mean of their wedge; "
        "otherwise they are used as they are",
    )
    local: LocalConfig | None = Field(
        None, description="average with a LETKF, which uses correlations between places that the members know"
    )

    HAS_PERTURBED_OBSERVATIONS: ClassVar[bool]

    def problems(self, observations: Observations, parallel: ParallelConfig) -> list[str]:
        """See ``AnyRun.problems``: strategies that compute their own gain do not fit every member's update."""
        problems = super().problems(observations, parallel)
        if self.missing == "variance":
            problems.append("missing = variance draws perturbed images, but there are members: choose inpaint or solve")
        if self.missing == "solve" and not self.HAS_PERTURBED_OBSERVATIONS:
            problems.append(
                "missing = solve computes its own gain, but deviations need 1 - sqrt(1 - K): choose inpaint or "
                "zero_fill, or the method curvelet_enkf"
            )
        if self.local is not None and self.inflation.relax_spread > 0.0:
            problems.append("relax_spread is by scale and cannot be used with 'local': use relax_perturbations")
        return problems

    def build_ensemble(self, context: MethodContext, n_members: int) -> CoefficientFilter:
        """See ``EnsembleRun.build_ensemble``."""
        from landda_hpc.analysis.ensemble.coefficient_filter import CoefficientFilter, LocalPart
        from landda_hpc.analysis.ensemble.local_transform import LocalTransform

        local = None
        if self.local is not None:
            local = LocalPart(LocalTransform(context.grid, self.local.cutoff_km), self.local.weight)
        frame = context.frame(self.frame)
        return CoefficientFilter(
            frame,
            context.members(n_members),
            ensemble_errors(self.observation_errors, frame, context),
            self.missing_strategy(context, n_members),
            self.inflation.build(),
            context.seed,
            has_perturbed_observations=self.HAS_PERTURBED_OBSERVATIONS,
            shrinks=self.shrinkage,
            local=local,
        )


class CurveletEnkfRun(CoefficientRun):
    """EnKF of curvelet coefficients with perturbed observations; B from the members."""

    method: Literal["curvelet_enkf"] = "curvelet_enkf"
    name: str = Field("curvelet_enkf", pattern=r"^[a-z][a-z0-9_]{0,39}$", description="name of the run")

    HAS_PERTURBED_OBSERVATIONS = True


class CurveletEnsrfRun(CoefficientRun):
    """Square-root filter of curvelet coefficients (deterministic, keeps the mean); B from the members."""

    method: Literal["curvelet_ensrf"] = "curvelet_ensrf"
    name: str = Field("curvelet_ensrf", pattern=r"^[a-z][a-z0-9_]{0,39}$", description="name of the run")

    HAS_PERTURBED_OBSERVATIONS = False
