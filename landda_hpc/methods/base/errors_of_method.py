"""From the sections of two error models to a method that uses them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from landda_hpc.methods.base.error_section import ErrorSection
from landda_hpc.methods.errors.learned import LearnedErrorsConfig
from landda_hpc.methods.errors.reported import ReportedErrorsConfig

if TYPE_CHECKING:
    from landda_hpc.analysis.error_models import ErrorModel
    from landda_hpc.analysis.frame_protocol import ImageFrame
    from landda_hpc.analysis.learned import WithLearnedErrors
    from landda_hpc.analysis.protocol import AnalysisMethod
    from landda_hpc.analysis.reported_errors import WithReportedErrors
    from landda_hpc.methods.base.context import MethodContext

M = TypeVar("M", bound="AnalysisMethod")


def with_errors(
    make: Callable[[ErrorModel, ErrorModel], M],
    background: ErrorSection,
    observation: ErrorSection,
    frame: ImageFrame,
    context: MethodContext,
) -> M | WithReportedErrors | WithLearnedErrors:
    """Make a method whose errors are fixed, reported by each observation, or learned from one analysis to the next.

    Parameters
    ----------
    make : errors of the background, errors of the observation -> the method. If errors are reported or learned it is
        called for every analysis, and the method must not keep anything from one analysis to the next.
    background, observation : sections of the error models.
    frame : of the coefficients.
    context : grid, root group, seed and data.

    Raises
    ------
    MissingFileError, DataError, ConfigError : as ``ErrorSection.build``.
    """
    from landda_hpc.analysis.learned import WithLearnedErrors
    from landda_hpc.analysis.reported_errors import WithReportedErrors

    def fixed(section: ErrorSection, purpose: Any) -> ErrorModel | None:
        varies = isinstance(section, LearnedErrorsConfig | ReportedErrorsConfig)
        return None if varies else section.build(frame, purpose, context)

    b, r = fixed(background, "background"), fixed(observation, "observation")

    def with_background(model: ErrorModel, learned: ErrorModel | None) -> M | WithReportedErrors:
        if isinstance(observation, ReportedErrorsConfig):
            return WithReportedErrors(lambda std: make(model, observation.of(std, context)))
        other = r or learned
        assert other is not None, "an error model is fixed, reported or learned"
        return make(model, other)

    for section in (background, observation):
        if isinstance(section, LearnedErrorsConfig):
            errors = section.learned_errors(frame, context.seed)
            return WithLearnedErrors(errors, lambda new_b, new_r: with_background(b or new_b, new_r))
    assert b is not None, "errors of the background are fixed or learned"
    return with_background(b, None)


def learning_problems(background: ErrorSection | None, observation: ErrorSection | None) -> list[str]:
    """Problems of two sections together: both learn from the same innovations, so they must learn in the same way."""
    if not isinstance(background, LearnedErrorsConfig) or not isinstance(observation, LearnedErrorsConfig):
        return []
    names = [n for n in LearnedErrorsConfig.model_fields if getattr(background, n) != getattr(observation, n)]
    return [
        f"background_errors and observation_errors are learned from the same innovations; they differ in {name}: "
        f"{getattr(background, name)} and {getattr(observation, name)}. Give both the same value"
        for name in names
    ]
