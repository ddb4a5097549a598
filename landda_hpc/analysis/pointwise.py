"""Analyses cell by cell: one constant gain, or a gain that each cell learns from its innovations."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from landda_hpc.analysis.enkf_like import coefficient_gain
from landda_hpc.analysis.error_models import ErrorModel
from landda_hpc.analysis.protocol import Analysis, ImagePair
from landda_hpc.analysis.running_statistics import checked, running_mean
from landda_hpc.constants import FloatArray


class Pointwise:
    """x_a = x_b + K (y - H x_b) in observed cells; the baseline of every image method.

    Parameters
    ----------
    gain : K, 0..1. The white errors of [B26] give 9/13 = 0.15^2 / (0.15^2 + 0.10^2) (docs/methods.md, "EnKF-like
        analysis").
    """

    def __init__(self, gain: float) -> None:
        self._gain = gain

    def analyse(self, pair: ImagePair) -> Analysis:
        """Local: no communication."""
        return Analysis(
            increment=self._gain * pair.innovation,
            diagnostics={"gain_mean": self._gain, "gain_std": 0.0},
        )


class PointwiseOfErrors:
    """x_a = x_b + K (y - H x_b), K = B / (B + R) in each cell from the standard deviations of two error models.

    Parameters
    ----------
    background, observation : error models, which may change in time; their correlations are not used.
    """

    def __init__(self, background: ErrorModel, observation: ErrorModel) -> None:
        self._background, self._observation = background, observation

    def analyse(self, pair: ImagePair) -> Analysis:
        """Local: no communication."""
        b, r = (model.standard_deviation(pair.domain) ** 2 for model in (self._background, self._observation))
        gain = coefficient_gain(b, r)
        return Analysis(gain * pair.innovation, np.where(pair.domain, np.sqrt(b), np.nan), _gain_of_cells(gain, pair))


class AdaptivePointwise:
    """K = B / (B + R) in each cell, B = max(0, E d^2 - R) from the cell's past innovations d, R given.

    Parameters
    ----------
    shape : (n_lat, n_lon).
    background_std : initial estimate of the standard deviation of background errors, m3 m-3.
    observation_std : standard deviation of observation errors, m3 m-3; a number, or a map, which may be NaN in cells
        without observations (K is 0 there).
    prior_cycles : weight of the initial estimate, as a number of innovations.
    memory : maximum number of innovations in the mean of a cell, including the initial estimate.

    Notes
    -----
    The gain does not depend on the innovation that it multiplies, so K d is linear in d. A mean innovation (bias)
    counts as background error.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        background_std: float,
        observation_std: float | FloatArray,
        prior_cycles: float,
        memory: float,
    ) -> None:
        self._r = np.broadcast_to(np.asarray(observation_std, dtype=np.float64) ** 2, shape)
        self._memory = memory
        self._mean_square = background_std**2 + np.where(np.isfinite(self._r), self._r, 0.0)
        self._count = np.full(shape, min(prior_cycles, memory))

    def analyse(self, pair: ImagePair) -> Analysis:
        """Local: no communication."""
        gain = adaptive_gain(self._mean_square, self._r)
        observed, innovation = pair.observed, pair.innovation
        self._mean_square, self._count = running_mean(
            self._mean_square, self._count, innovation**2, observed, self._memory
        )
        return Analysis(np.where(observed, gain, 0.0) * innovation, diagnostics=_gain_of_cells(gain, pair))

    def state(self) -> dict[str, FloatArray]:
        """Return the mean square innovation per cell, m6 m-6, and the number of innovations in it. Local."""
        return {"mean_square_innovation": self._mean_square.copy(), "count": self._count.copy()}

    def restore(self, arrays: Mapping[str, FloatArray]) -> None:
        """See ``MethodMemory.restore``."""
        known = checked(arrays, self.state())
        self._mean_square, self._count = known["mean_square_innovation"], known["count"]


def _gain_of_cells(gain: FloatArray, pair: ImagePair) -> dict[str, float | list[float]]:
    used = gain[pair.observed]
    return {
        "gain_mean": float(used.mean()) if used.size else 0.0,
        "gain_std": float(used.std()) if used.size else 0.0,
    }


def adaptive_gain(mean_square: FloatArray, r: FloatArray) -> FloatArray:
    """Return K = B / (B + R) with B = max(0, E d^2 - R), in [0, 1]; 0 where R is unknown (NaN)."""
    known = np.isfinite(r)
    variance = np.where(known, r, 1.0)
    return coefficient_gain(np.where(known, np.maximum(0.0, mean_square - variance), 0.0), variance)
