"""Error models that a run learns from its own innovations and increments, and analyses that use them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from landda_hpc.analysis.enkf_like import coefficient_gain, gain_statistics
from landda_hpc.analysis.frame_protocol import ImageFrame
from landda_hpc.analysis.missing import GainSetting, MissingStrategy
from landda_hpc.analysis.mixing import WedgeGroups
from landda_hpc.analysis.protocol import Analysis, AnalysisMethod, ImagePair
from landda_hpc.analysis.visit_differences import LearnedVariances, VisitDifferences
from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.parallel.pieces import ALONE, Piece, PieceSharing
from landda_hpc.random_fields.keyed import keyed_generator

_SMOOTHING_CELLS = 1.5
"""Standard deviation of the Gaussian that smooths the map of background variance, cells."""

_LEAST_SHARE = 0.05
"""Smallest local background variance, as a fraction of the mean."""


class LearnedErrors:
    """Errors with one variance per coefficient, an ``ErrorModel``: covariance C^T diag(density) C.

    Parameters
    ----------
    frame : the curvelet frame.
    density : variance of independent sources of the coefficients, (n_var,), m6 m-6; s for white errors of variance s.
    std : standard deviation per cell, (n_lat, n_lon), m3 m-3.
    seed, purpose : key the realisations.
    """

    def __init__(self, frame: ImageFrame, density: FloatArray, std: FloatArray, seed: int, purpose: str) -> None:
        self._frame, self.density, self._std = frame, density, std
        self._seed, self._purpose = seed, purpose

    def standard_deviation(self, domain: BoolArray) -> FloatArray:
        """Local."""
        return np.where(domain, self._std, 0.0)

    def perturbation(self, domain: BoolArray, time_key: str, member: int) -> FloatArray:
        """Local."""
        generator = keyed_generator(self._seed, f"{self._purpose} perturbation, learned", time_key, member)
        noise = generator.standard_normal(self._frame.n_coef)
        return np.where(domain, self._frame.inverse(self._frame.scale_by(noise, np.sqrt(self.density))), 0.0)

    def variance(self, frame: ImageFrame, domain: BoolArray) -> FloatArray:
        """Return the density times the variance of white errors; leakage between wedges is not resolved. Local."""
        variance: FloatArray = self.density * frame.local_variance(domain.astype(np.float64))
        return variance

    def covariance_times(self, frame: ImageFrame, image: FloatArray) -> FloatArray:
        """Local."""
        return frame.apply_gain(image, self.density)


class ErrorsOfEachAnalysis:
    """Error models of background and observation, learned before each analysis.

    Parameters
    ----------
    frame : the curvelet frame.
    estimator : estimates R and the innovation variance by group of coefficients.
    local : whether B varies in space within a group, with the mean square of the innovation.
    seed : keys the realisations.
    sharing : distribution of the transforms over the processes of the root group.
    """

    def __init__(
        self,
        frame: ImageFrame,
        estimator: VisitDifferences,
        local: bool,
        seed: int,
        sharing: PieceSharing = ALONE,
    ) -> None:
        self.frame, self.estimator = frame, estimator
        self._local, self._seed, self._sharing = local, seed, sharing
        self._weight: tuple[BoolArray, FloatArray] | None = None

    def learn(self, pair: ImagePair) -> tuple[LearnedErrors, LearnedErrors, dict[str, float | list[float]]]:
        """Learn from the innovation; return errors of background and observation, and numbers for the record.

        Collective over the processes that share the transforms. Both errors have zero variance if nothing has been
        observed yet.
        """
        estimator, frame, groups = self.estimator, self.frame, self.estimator.groups
        estimator.observe(pair)
        found = estimator.variances()
        white = np.maximum(found.white, np.finfo(np.float64).tiny)
        b, r = groups.expand(found.background / white), groups.expand(found.observation / white)
        deviation = np.full(frame.shape, _cell_std(found.background, found.white))
        if self._local and pair.observed.any():
            local, factor = self._local_variance(pair, found)
            b *= factor
            deviation = np.sqrt(local)
        std = np.full(frame.shape, _cell_std(found.observation, found.white))
        return (
            LearnedErrors(frame, b, deviation, self._seed, "background"),
            LearnedErrors(frame, r, std, self._seed, "observation"),
            self._diagnostics(found),
        )

    def persistence_warning(self) -> str:
        """Return a warning that the errors of the observations persist from visit to visit. Local."""
        ratio, error = self.estimator.white_share()
        return (
            "the fine detail of this product cannot be trusted: its errors seem to persist from one observation to "
            f"the next. The differences of observations at the finest scale are {2.0 * max(ratio, 0.0):.0%} of the "
            f"value for errors that are white in time (standard error {2.0 * error:.0%}), so the gain is limited. A "
            "second product or stations show the right gain (section 'referee')"
        )

    def _local_variance(self, pair: ImagePair, found: LearnedVariances) -> tuple[FloatArray, FloatArray]:
        """Return background variance by cell, m6 m-6, and by coefficient relative to its group's mean, (n_var,)."""
        frame, groups = self.frame, self.estimator.groups
        square, known = self.estimator.mean_square()
        known = known & pair.domain
        smooth = self._smoothed(square, known)
        noise = _cell_std(found.usual, found.white) ** 2
        excess = np.where(known, smooth - noise, 0.0)
        mean = float(excess[known].mean())
        if mean <= 0.0:
            # The squares show no background error, so they cannot show where it is larger.
            return np.full(frame.shape, _cell_std(found.background, found.white) ** 2), np.ones(frame.n_var)
        local = np.where(known, np.maximum(excess, _LEAST_SHARE * mean), mean)
        local_errors = np.where(pair.observed, local, 0.0)
        return local, relative_variance(frame, groups, local_errors, pair.observed, self._sharing)

    def _smoothed(self, values: FloatArray, known: BoolArray) -> FloatArray:
        """Return the Gaussian-weighted mean of known cells around each cell; periodic along latitude circles."""
        total = _gaussian(np.where(known, values, 0.0))
        if self._weight is None or not np.array_equal(self._weight[0], known):
            self._weight = known, _gaussian(known.astype(np.float64))
        weight = self._weight[1]
        smooth: FloatArray = np.divide(total, weight, out=np.zeros_like(total), where=weight > 1e-9)
        return smooth

    def _diagnostics(self, found: LearnedVariances) -> dict[str, float | list[float]]:
        scales, estimate = self.estimator.groups.by_scale, self.estimator.estimate()
        white = np.maximum(scales(found.white), np.finfo(np.float64).tiny)
        numbers: dict[str, float | list[float]] = {}
        if estimate is not None:
            c0 = scales(found.innovation) / white
            numbers["observation_std_error_by_scale"] = estimate.std_error_of_std.tolist()
            unbounded = c0 / np.maximum(np.maximum(c0, estimate.sampled), np.finfo(np.float64).tiny)
            numbers["chi_square_unbounded_by_scale"] = unbounded.tolist()
        ratio, error = self.estimator.white_share()
        return (
            numbers
            | {
                "chi_square_by_scale": self.estimator.chi_square().tolist(),
                "white_share": ratio,
                "white_share_error": error,
                "observation_std_by_scale": np.sqrt(scales(found.observation) / white).tolist(),
                "background_std_by_scale": np.sqrt(np.maximum(scales(found.background), 0.0) / white).tolist(),
                "is_learned": float(found.is_learned),
                "errors_persist": float(self.estimator.persists),
            }
            | self.estimator.diagnostics()
        )


class LearnedGain:
    """K = B / (B + R) per coefficient of two learned error models, for one analysis.

    Parameters
    ----------
    frame : the curvelet frame.
    background, observation : error models.
    missing : treatment of cells without observation.
    """

    def __init__(
        self, frame: ImageFrame, background: LearnedErrors, observation: LearnedErrors, missing: MissingStrategy
    ) -> None:
        self._frame, self._background, self._observation = frame, background, observation
        self._missing = missing

    def analyse(self, pair: ImagePair) -> Analysis:
        """See ``AnalysisMethod.analyse``. Local, except the strategy for missing cells."""
        frame, background, observation = self._frame, self._background, self._observation
        gain = coefficient_gain(background.density, observation.density)
        update = self._missing.update(GainSetting(frame, background, observation, gain), pair)
        spread = np.where(pair.domain, background.standard_deviation(pair.domain), np.nan)
        numbers = gain_statistics(gain, None, frame.blocks)
        return Analysis(update.increment, spread, numbers | update.diagnostics)


class WithLearnedErrors:
    """A method that is built for each analysis, with the error models that the run has learned so far.

    Parameters
    ----------
    errors : learns B and R.
    make : function from the errors of background and observation to the method. The method must not keep anything from
        one analysis to the next. Parts that do not depend on the errors should be built once.
    has_own_gain : whether the gain of the method may differ from the learned one, for example with one fixed error
        model or with one gain for all scales; the gain is then computed from the increments.
    """

    def __init__(
        self,
        errors: ErrorsOfEachAnalysis,
        make: Callable[[LearnedErrors, LearnedErrors], AnalysisMethod],
        *,
        has_own_gain: bool = False,
    ) -> None:
        self._errors, self._make = errors, make
        self._said: set[str] = set()
        self._has_own_gain = has_own_gain
        self._scales = WedgeGroups(errors.frame, "per_scale")
        self._innovation: FloatArray = np.zeros(errors.frame.shape)

    def analyse(self, pair: ImagePair) -> Analysis:
        """Collective over the root group."""
        self._innovation = pair.innovation
        background, observation, learned = self._errors.learn(pair)
        analysis = self._make(background, observation).analyse(pair)
        warnings = analysis.warnings + self._new_warnings(learned)
        return replace(analysis, diagnostics=analysis.diagnostics | learned, warnings=warnings)

    def _new_warnings(self, learned: Mapping[str, float | list[float]]) -> tuple[str, ...]:
        """Return the reason why errors could not be learned; each reason once in a job."""
        if learned["is_learned"]:
            return ()
        is_persistent = bool(learned["errors_persist"])
        reason = "persistence" if is_persistent else "first guess"
        text = self._errors.persistence_warning() if is_persistent else self._errors.estimator.first_guess_warning()
        if not text or reason in self._said:
            return ()
        self._said.add(reason)
        return (text,)

    def applied(self, increment: FloatArray) -> None:
        """See ``HearsIncrements.applied``."""
        if self._has_own_gain:
            self._errors.estimator.was_applied(applied_gain(self._scales, self._innovation, increment)[0])
        self._errors.estimator.applied(increment)

    def state(self) -> dict[str, FloatArray]:
        """See ``MethodMemory.state``."""
        return self._errors.estimator.state()

    def restore(self, arrays: Mapping[str, FloatArray]) -> None:
        """See ``MethodMemory.restore``."""
        self._errors.estimator.restore(arrays)


def relative_variance(
    frame: ImageFrame, groups: WedgeGroups, local: FloatArray, cells: BoolArray, sharing: PieceSharing = ALONE
) -> FloatArray:
    """Return the variance of each coefficient relative to its group's mean, (n_var,), for errors that vary in space.

    Collective over the processes that share the transforms.

    Parameters
    ----------
    groups : groups of coefficients; the energy of each group does not change.
    local : error variance of each cell, m6 m-6, (n_lat, n_lon); zero off ``cells``.
    cells : cells with errors.
    sharing : distribution of the wedges over processes.
    """
    if not local.any():
        return np.ones(frame.n_var)
    of_block = frame.local_variances([local, cells.astype(np.float64)])
    sizes = [math.prod(block.shape) for block in frame.blocks]
    pieces = [Piece(partial(of_block, number), 2 * size, size) for number, size in enumerate(sizes)]
    of_wedges = [found.reshape(2, -1) for found in sharing.results(pieces)]
    totals = np.zeros((groups.n, 2))
    for group, (v, w) in zip(groups.of_block.tolist(), of_wedges, strict=True):
        totals[group] += v.sum(), w.sum()
    # Shares of the group's variance, wedge by wedge, so that they stay in the cache.
    for group, both in zip(groups.of_block.tolist(), of_wedges, strict=True):
        both /= np.where(totals[group] > 0.0, totals[group], 1.0)[:, None]
    least = 1e-12 * max(float(w.max(initial=0.0)) for _, w in of_wedges)
    return np.concatenate([np.divide(v, w, out=np.ones_like(v), where=w > least) for v, w in of_wedges])


def applied_gain(
    scales: WedgeGroups, innovation: FloatArray, increment: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the regression of an increment on the innovation by scale, with numerator and denominator; (n_scales,)."""
    energy = scales.energy(innovation)
    product = scales.product(increment, innovation) if increment.any() else np.zeros(scales.n)
    gain = np.divide(product, energy, out=np.zeros_like(product), where=energy > 0.0)
    return gain, product, energy


def _cell_std(variance: FloatArray, white: FloatArray) -> float:
    """Return the standard deviation of a cell from sums over all groups."""
    return float(np.sqrt(max(float(variance.sum()), 0.0) / max(float(white.sum()), np.finfo(np.float64).tiny)))


def _gaussian(image: FloatArray) -> FloatArray:
    from scipy.ndimage import gaussian_filter

    smooth: FloatArray = gaussian_filter(image, _SMOOTHING_CELLS, mode=("nearest", "wrap"))
    return smooth
