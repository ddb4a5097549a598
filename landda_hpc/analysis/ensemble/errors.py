"""Errors for the analysis of an ensemble: R, and the background variance that the innovations show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from landda_hpc.analysis.ensemble.inflation import Inflation
from landda_hpc.analysis.ensemble.protocol import EnsemblePair, covariance
from landda_hpc.analysis.error_models import ErrorModel
from landda_hpc.analysis.learned import ErrorsOfEachAnalysis, applied_gain
from landda_hpc.analysis.mixing import WedgeGroups
from landda_hpc.analysis.protocol import ImagePair
from landda_hpc.analysis.reported_errors import reported_std
from landda_hpc.constants import FloatArray

OBSERVATION_STD: Final = "observation_error_std"
"""Key of the diagnostics: standard deviation of the observation errors that the analysis assumed, m3 m-3."""

_LEAST: Final = 0.02
"""Smallest background variance as a fraction of the innovation variance, if R is given."""


@dataclass(frozen=True, eq=False)
class ErrorsNow:
    """Errors of one analysis.

    Attributes
    ----------
    observation : error model of the observation.
    background : background variance by group of coefficients, C0 - R, as sums over the observed cells, m6 m-6, (n,).
    white : the same sums for white errors of unit variance, (n,).
    diagnostics : for the cycle record.
    """

    observation: ErrorModel
    background: FloatArray
    white: FloatArray
    diagnostics: dict[str, float | list[float]]

    def common_factor(self, pair: EnsemblePair, inflation: Inflation) -> float:
        """Inflation factor on variances, one for all cells."""
        observed = pair.of_cells(pair.mean.observed)
        if not observed.any():
            return 1.0
        variance = covariance(pair.anomalies, pair.anomalies)
        shown = np.array([self.background.sum() / max(self.white.sum(), np.finfo(np.float64).tiny)])
        return float(inflation.before(shown, np.array([variance[observed].mean()]))[0])


class EnsembleErrors:
    """Learns the innovation variance of an ensemble mean, and R unless it is given or reported.

    Parameters
    ----------
    learning : learns from innovations and increments of the mean.
    given : error model of the observations; None if it is learned or reported.
    reported : makes the error model from the standard deviations that an observation reports; None otherwise.
    """

    def __init__(
        self,
        learning: ErrorsOfEachAnalysis,
        given: ErrorModel | None = None,
        reported: Callable[[FloatArray], ErrorModel] | None = None,
    ) -> None:
        self._learning, self._given, self._reported = learning, given, reported
        self._scales = WedgeGroups(learning.frame, "per_scale")
        self._innovation: FloatArray = np.zeros(learning.frame.shape)
        self._said = False

    @property
    def groups(self) -> WedgeGroups:
        """Groups of coefficients with a common background variance."""
        return self._learning.estimator.groups

    def now(self, pair: ImagePair) -> ErrorsNow:
        """Learn from the innovation of the mean. Collective over the root group.

        Raises
        ------
        DataError : the errors are those that the observation reports, and it reports none, or not where it observes.
        """
        frame, groups = self._learning.frame, self.groups
        self._innovation = pair.innovation
        _, learned, diagnostics = self._learning.learn(pair)
        found = self._learning.estimator.variances()
        if self._given is None and self._reported is None:
            return ErrorsNow(learned, found.background, found.white, diagnostics | _mean_std(learned, pair))
        model: ErrorModel | None = self._given
        if self._reported is not None:
            model = self._reported(reported_std(pair))
        assert model is not None, "R is given, reported or learned"
        r = groups.sums(model.variance(frame, pair.observed))
        background = np.maximum(found.innovation - r, _LEAST * found.innovation)
        return ErrorsNow(model, background, found.white, diagnostics | _mean_std(model, pair))

    def warning(self, diagnostics: Mapping[str, float | list[float]]) -> tuple[str, ...]:
        """Why R could not be learned, once in a job; empty if it was, or is given."""
        if self._given is not None or self._reported is not None or diagnostics["is_learned"] or self._said:
            return ()
        persists = bool(diagnostics["errors_persist"])
        text = self._learning.persistence_warning() if persists else self._learning.estimator.first_guess_warning()
        self._said = bool(text)
        return (text,) if text else ()

    def applied(self, increment: FloatArray) -> None:
        """See ``HearsIncrements.applied``, of the mean."""
        self._learning.estimator.was_applied(applied_gain(self._scales, self._innovation, increment)[0])
        self._learning.estimator.applied(increment)

    def state(self) -> dict[str, FloatArray]:
        """See ``MethodMemory.state``."""
        return self._learning.estimator.state()

    def restore(self, arrays: Mapping[str, FloatArray]) -> None:
        """See ``MethodMemory.restore``."""
        self._learning.estimator.restore(arrays)


class LearnsErrors:
    """Base of filters with ``EnsembleErrors``, which are their memory and learn from increments of the mean."""

    _errors: EnsembleErrors

    def applied(self, increment: FloatArray) -> None:
        """See ``HearsIncrements.applied``, of the mean."""
        self._errors.applied(increment)

    def state(self) -> dict[str, FloatArray]:
        """See ``MethodMemory.state``."""
        return self._errors.state()

    def restore(self, arrays: Mapping[str, FloatArray]) -> None:
        """See ``MethodMemory.restore``."""
        self._errors.restore(arrays)


def _mean_std(model: ErrorModel, pair: ImagePair) -> dict[str, float | list[float]]:
    """Root-mean-square of the standard deviation of the observation errors over the observed cells."""
    variance = model.standard_deviation(pair.observed)[pair.observed] ** 2
    return {OBSERVATION_STD: float(np.sqrt(variance.mean()))} if variance.size else {}
