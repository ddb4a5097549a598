"""Base section of methods that analyse an ensemble of model states."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from landda_hpc.config.frame import FrameConfig
from landda_hpc.config.runs import Depth, EnsembleDepth
from landda_hpc.config.section import Fraction, Section
from landda_hpc.errors import ConfigError
from landda_hpc.methods.base.error_section import ErrorsOfObservations
from landda_hpc.methods.base.method_section import AnalysingRun
from landda_hpc.methods.errors.learned import LearnedErrorsConfig

if TYPE_CHECKING:
    from landda_hpc.analysis.ensemble.inflation import Inflation
    from landda_hpc.analysis.ensemble.protocol import EnsembleMethod
    from landda_hpc.analysis.protocol import AnalysisMethod
    from landda_hpc.config import Observations, ParallelConfig
    from landda_hpc.methods.base.context import MethodContext


class InflationConfig(Section):
    """Inflation of the members' deviations from their mean."""

    kind: Literal["adaptive", "constant"] = Field(
        "adaptive",
        description="before the analysis: 'adaptive' = variances as innovations show them, C0 - R; 'constant' = times "
        "'factor'",
    )
    factor: float = Field(1.0, ge=0.1, le=100.0, description="constant: factor on variances; 1 = no inflation")
    relax_perturbations: Fraction = Field(
        0.0, description="after the analysis: fraction of the relaxation of deviations to those of the background"
    )
    relax_spread: Fraction = Field(
        0.0,
        description="after the analysis: fraction of the relaxation of the spread to that of the background, by scale "
        "in coefficient space, otherwise by cell and layer",
    )

    def build(self) -> Inflation:
        """The settings for an analysis."""
        from landda_hpc.analysis.ensemble.inflation import Inflation

        return Inflation(self.kind, self.factor, self.relax_perturbations, self.relax_spread)


class EnsembleRun(AnalysingRun):
    """Keys of all methods that analyse an ensemble. A subclass is a method, with ``build_ensemble``.

    A subclass has ``method: Literal["its_name"]``, a ``name`` with a default, and its own keys.
    """

    needs_ensemble: ClassVar[bool] = True

    depth: Depth = Field(
        EnsembleDepth(), description="vertical spreading of the increments; the grid-space filters analyse all layers"
    )
    observation_errors: ErrorsOfObservations = Field(
        default_factory=LearnedErrorsConfig, description="error model of the observations; default: learned"
    )
    inflation: InflationConfig = Field(default_factory=InflationConfig)
    frame: FrameConfig = Field(default_factory=FrameConfig)

    @abstractmethod
    def build_ensemble(self, context: MethodContext, n_members: int) -> EnsembleMethod:
        """See ``AnalysingRun.build_ensemble``."""

    def build(self, context: MethodContext) -> AnalysisMethod:
        """Not possible: ``problems`` reports a run without an ensemble before."""
        raise ConfigError(f"run '{self.name}': method {self.method} analyses an ensemble of model states.")

    @property
    def curvelet_frame(self) -> FrameConfig | None:
        """See ``AnyRun.curvelet_frame``."""
        return self.frame

    def problems(self, observations: Observations, parallel: ParallelConfig) -> list[str]:
        """See ``AnyRun.problems``."""
        problems = super().problems(observations, parallel)
        if self.ensemble is None:
            problems.append(f"method {self.method} analyses an ensemble of model states: add ensemble: {{members: 20}}")
        return problems
