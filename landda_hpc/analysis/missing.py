"""Treatment of cells without observation in an image analysis; see docs/methods.md, "Transform and missing cells".

Every strategy computes an increment on the whole domain from the same input (innovation, gain, error models). Far from
observations the increment vanishes: it decays over the correlation length of the background errors, or over the length
of the inpainting.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from landda_hpc.analysis.error_models import ErrorModel, WhiteErrors
from landda_hpc.analysis.frame_protocol import ImageFrame
from landda_hpc.analysis.inpainting import HarmonicInpainting
from landda_hpc.analysis.minimise import conjugate_gradients
from landda_hpc.analysis.protocol import ImagePair, MemberSums
from landda_hpc.constants import FloatArray
from landda_hpc.errors import DataError

Pool = Callable[[FloatArray], FloatArray]
"""Variances per coefficient -> their sums over the coefficients with a common gain; (n_var,) -> (n_var,)."""

_LEAST_SHARE = 0.05
"""Observed fraction of an atom's energy below which a sampled gain is noise; the limit hardly affects other errors."""


@dataclass(frozen=True, eq=False)
class GainSetting:
    """A diagonal gain in coefficient space, and its error models.

    Attributes
    ----------
    frame : the transform C.
    background, observation : error models from which the gain is computed.
    gain : K = B / (B + R) for an image without gaps, (n_var,), 0..1.
    pool : sums over the coefficients with a common gain; None if each coefficient has its own.
    """

    frame: ImageFrame
    background: ErrorModel
    observation: ErrorModel
    gain: FloatArray
    pool: Pool | None = None


@dataclass(frozen=True, eq=False)
class Update:
    """Increment on the domain, m3 m-3, (n_lat, n_lon), and numbers for the cycle record."""

    increment: FloatArray
    diagnostics: dict[str, float | list[float]]


class MissingStrategy(Protocol):
    """Treatment of gaps: an increment from an innovation with gaps."""

    def update(self, setting: GainSetting, pair: ImagePair) -> Update:
        """Collective over the root group."""
        ...


class Filling(ABC):
    """Extend the innovation into gaps before the transform; linear in the innovation."""

    @abstractmethod
    def filled(self, image: FloatArray, pair: ImagePair) -> FloatArray:
        """Extend an image from the observed cells to the domain; zero elsewhere. Local."""

    def update(self, setting: GainSetting, pair: ImagePair) -> Update:
        """Local."""
        return Update(_increment(setting.frame, pair, self.filled(pair.innovation, pair), setting.gain), {})


class ZeroFill(Filling):
    """Set the innovation of missing cells to zero, as in the papers (the default of most methods)."""

    def filled(self, image: FloatArray, pair: ImagePair) -> FloatArray:
        """See ``Filling.filled``."""
        return np.where(pair.observed, image, 0.0)


class Inpaint(Filling):
    """Extend the innovation from the edges of the gaps."""

    def __init__(self, fill: HarmonicInpainting) -> None:
        self._fill = fill

    def filled(self, image: FloatArray, pair: ImagePair) -> FloatArray:
        """See ``Filling.filled``."""
        return self._fill(image, pair.observed, pair.domain)


class AdjustedVariance:
    """Zero fill with the diagonal gain that is optimal for the mask of this analysis.

    Let M be the mask of observed cells. The coefficients of the innovation M (e_o - e_b) have the variances B_M + R_M.
    Their covariance with the coefficients of the background error on the whole domain is X = (B + B_M - B_U) / 2, where
    B_U is the variance of errors on unobserved cells. The gain is the regression X / (B_M + R_M), at least zero. White
    errors keep their K; with correlated errors the gain exceeds 1 where the mask removes more of a coefficient's signal
    than of its noise. Sampling noise must not create increments far from observations: if each coefficient has its own
    gain, it is reduced by ``chance_factor``, and zero for atoms with less than 5 % of their energy on observed cells.

    Parameters
    ----------
    members : realisations from which variances are estimated; the variances of white errors have a closed form.
    """

    def __init__(self, members: MemberSums) -> None:
        self._members = members

    def update(self, setting: GainSetting, pair: ImagePair) -> Update:
        """Collective over the root group."""
        gain = setting.gain
        if not np.array_equal(pair.observed, pair.domain):
            gain = self._masked_gain(setting, pair)
        return Update(_increment(setting.frame, pair, pair.innovation, gain), {"gain_masked_mean": float(gain.mean())})

    def _masked_gain(self, setting: GainSetting, pair: ImagePair) -> FloatArray:
        frame, background, observation = setting.frame, setting.background, setting.observation
        if isinstance(background, WhiteErrors) and isinstance(observation, WhiteErrors):
            b = background.variance(frame, pair.observed)
            innovation = b + observation.variance(frame, pair.observed)
            pooled = setting.pool or (lambda values: values)
            return regression(pooled(b), pooled(innovation))
        signal, innovation, covariance = self._sampled(setting, pair)
        if setting.pool is not None:
            return regression(setting.pool(covariance), setting.pool(innovation))
        factor = chance_factor(signal, innovation, covariance, self._members.n_members)
        seen, whole = (frame.variance(cells.astype(np.float64)) for cells in (pair.observed, pair.domain))
        return np.where(seen >= _LEAST_SHARE * whole, factor * regression(covariance, innovation), 0.0)

    def _sampled(self, setting: GainSetting, pair: ImagePair) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return B, B_M + R_M and X from the members, (n_var,) each. Collective."""
        frame, observed, n = setting.frame, pair.observed, setting.frame.n_var

        def add(block: range, energy: FloatArray) -> None:
            whole, seen, unseen, noise = energy.reshape(4, n)
            for member in block:
                error = setting.background.perturbation(pair.domain, pair.time_key, member)
                frame.accumulate_energy(error, whole)
                frame.accumulate_energy(np.where(observed, error, 0.0), seen)
                frame.accumulate_energy(np.where(observed, 0.0, error), unseen)
                other = setting.observation.perturbation(pair.domain, pair.time_key, member)
                frame.accumulate_energy(np.where(observed, other, 0.0), noise)

        sums = self._members.sum_blocks(4 * n, add).reshape(4, n) / self._members.n_members
        return sums[0], sums[1] + sums[3], 0.5 * (sums[0] + sums[1] - sums[2])


def regression(covariance: FloatArray, variance: FloatArray) -> FloatArray:
    """Return the coefficient covariance / variance, at least zero; 0 where the variance vanishes."""
    gain = np.divide(covariance, variance, out=np.zeros_like(covariance), where=variance > 0.0)
    return np.maximum(gain, 0.0)


def chance_factor(first: FloatArray, second: FloatArray, covariance: FloatArray, n_members: int) -> FloatArray:
    """Return the fraction of a squared correlation not due to chance, (n rho^2 - 1) / ((n - 1) rho^2), in [0, 1].

    Parameters
    ----------
    first, second, covariance : sample variances of two quantities of zero mean, and their covariance, any shape.
    n_members : n.

    Notes
    -----
    Without correlation the mean of n rho^2 is 1: Wherry (1931), Ann. Math. Stat., 2, 440-457.
    """
    both = first * second
    rho2 = np.divide(covariance**2, both, out=np.zeros_like(both), where=both > 0.0)
    kept = np.clip((n_members * rho2 - 1.0) / (n_members - 1.0), 0.0, 1.0)
    return np.minimum(np.divide(kept, rho2, out=np.zeros_like(rho2), where=rho2 > 0.0), 1.0)


class Solve:
    """Full analysis with the error models and the mask: P H^T (H P H^T + R)^-1 d.

    P and R are the covariances of the error models, C^T diag(beta) C, and H selects the observed cells: the update of a
    Kalman filter with the real mask, whose B is diagonal in coefficient space. The system of the observed cells is
    solved by conjugate gradients, scaled by the variance of each cell's innovation.

    Parameters
    ----------
    tolerance : largest norm of the residual, as a fraction of the norm of the innovation.
    max_iterations : largest number of iterations.
    """

    def __init__(self, tolerance: float = 1e-4, max_iterations: int = 500) -> None:
        self._tolerance, self._max_iterations = tolerance, max_iterations

    def update(self, setting: GainSetting, pair: ImagePair) -> Update:
        """Local, except for a first call of the error models.

        Raises
        ------
        DataError : the residual exceeds the tolerance after ``max_iterations``.
        """
        frame, background, observation = setting.frame, setting.background, setting.observation
        observed, innovation = pair.observed, pair.innovation
        total = background.standard_deviation(observed) ** 2 + observation.standard_deviation(observed) ** 2
        root = np.sqrt(np.divide(1.0, total, out=np.zeros_like(total), where=total > 0.0))
        iterations = 0

        def system(v: FloatArray) -> FloatArray:
            z = root * v
            product: FloatArray = root * (
                background.covariance_times(frame, z) + observation.covariance_times(frame, z)
            )
            return product

        def count(_point: FloatArray, _gradient: FloatArray) -> None:
            nonlocal iterations
            iterations += 1

        scaled = root * innovation
        tolerance = self._tolerance * float(np.sqrt(np.sum(scaled**2)))
        solution, residual = conjugate_gradients(
            lambda v: system(v) - scaled, system, np.zeros(frame.shape), -scaled, tolerance, self._max_iterations, count
        )
        if residual > tolerance:
            raise DataError(
                f"the solve at {pair.time_key} left a residual of {residual:.2e} after {iterations} iterations; "
                f"expected at most {tolerance:.2e}. Allow more iterations or a larger tolerance (solve.*)."
            )
        increment = np.where(pair.domain, background.covariance_times(frame, root * solution), 0.0)
        return Update(increment, {"solve_iterations": float(iterations)})


def _increment(frame: ImageFrame, pair: ImagePair, innovation: FloatArray, gain: FloatArray) -> FloatArray:
    """Return C^T K C d on the domain."""
    return np.where(pair.domain, frame.apply_gain(innovation, gain), 0.0)
