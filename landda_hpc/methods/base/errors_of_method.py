"""From the sections of two error models to a method that uses them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeGuard, TypeVar

from landda_hpc.methods.base.error_section import ErrorSection, Purpose
from landda_hpc.methods.errors.learned import LearnedErrorsConfig
from landda_hpc.methods.errors.reported import ReportedErrorsConfig

if TYPE_CHECKING:
    from landda_hpc.analysis.assumed_errors import AssumedErrors
    from landda_hpc.analysis.ensemble.errors import EnsembleErrors
    from landda_hpc.analysis.error_models import ErrorModel
    from landda_hpc.analysis.frame_protocol import ImageFrame
    from landda_hpc.analysis.learned import WithLearnedErrors
    from landda_hpc.analysis.protocol import AnalysisMethod
    from landda_hpc.analysis.reported_errors import WithReportedErrors
    from landda_hpc.constants import FloatArray
    from landda_hpc.methods.base.context import MethodContext

M = TypeVar("M", bound="AnalysisMethod")

_FEW_DRAWS: Final = 20
"""Realisations from which sums over wedges of variances are estimated: their error is a few percent."""


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

    b = _fixed(background, "background", frame, context)
    r = _fixed(observation, "observation", frame, context)

    of_std = _reported(observation, context)

    def with_background(model: ErrorModel, learned: ErrorModel | None) -> M | WithReportedErrors:
        if of_std is not None:
            return WithReportedErrors(lambda std: make(model, of_std(std)))
        other = r or learned
        assert other is not None, "an error model is fixed, reported or learned"
        return make(model, other)

    for section in (background, observation):
        if is_learning(section):
            errors = section.learned_errors(frame, context)
            return WithLearnedErrors(errors, lambda new_b, new_r: with_background(b or new_b, new_r), has_own_gain=True)
    assert b is not None, "errors of the background are fixed or learned"
    return with_background(b, None)


def ensemble_errors(observation: ErrorSection, frame: ImageFrame, context: MethodContext) -> EnsembleErrors:
    """What learns the innovation variance of an ensemble's mean, and R unless it is fixed or reported.

    Parameters
    ----------
    observation, frame, context : see ``with_errors``; errors as there.
    """
    from landda_hpc.analysis.ensemble.errors import EnsembleErrors

    learning = observation if is_learning(observation) else LearnedErrorsConfig()
    # Only the sums over groups are used: B in space is that of the members.
    learned = learning.model_copy(update={"local": False}).learned_errors(frame, context)
    fixed = _fixed(observation, "observation", frame, context)
    return EnsembleErrors(learned, fixed, _reported(observation, context))


def _reported(section: ErrorSection, context: MethodContext) -> Callable[[FloatArray], ErrorModel] | None:
    """From the standard deviations that an observation reports to its errors; None for other errors."""
    if isinstance(section, ReportedErrorsConfig):
        return lambda std: section.of(std, context)
    return None


def _fixed(section: ErrorSection, purpose: Purpose, frame: ImageFrame, context: MethodContext) -> ErrorModel | None:
    """The error model of a section; None where it changes from analysis to analysis."""
    return None if section.varies else section.build(frame, purpose, context)


def assumed_errors_of(
    background: ErrorSection | None, observation: ErrorSection | None, frame: ImageFrame, context: MethodContext
) -> AssumedErrors:
    """The errors that two sections assume, to be compared with innovations: nothing where they are learned or reported.

    Variances that need realisations are estimated from few of them, which is enough for sums over wedges.
    """
    from landda_hpc.analysis.assumed_errors import AssumedErrors

    def made(section: ErrorSection | None, purpose: Purpose) -> ErrorModel | None:
        if section is None:
            return None
        if "draws" in type(section).model_fields:
            section = section.model_copy(update={"draws": _FEW_DRAWS})
        return _fixed(section, purpose, frame, context)

    return AssumedErrors(made(background, "background"), made(observation, "observation"))


def learning_problems(background: ErrorSection | None, observation: ErrorSection | None) -> list[str]:
    """Problems of two sections together: both learn from the same innovations, so they must learn in the same way."""
    if not is_learning(background) or not is_learning(observation):
        return []
    names = [n for n in LearnedErrorsConfig.model_fields if getattr(background, n) != getattr(observation, n)]
    return [
        f"background_errors and observation_errors are learned from the same innovations; they differ in {name}: "
        f"{getattr(background, name)} and {getattr(observation, name)}. Give both the same value"
        for name in names
    ]


def is_learning(section: ErrorSection | None) -> TypeGuard[LearnedErrorsConfig]:
    """Whether a section learns errors from analysis to analysis."""
    return isinstance(section, LearnedErrorsConfig) and section.varies
