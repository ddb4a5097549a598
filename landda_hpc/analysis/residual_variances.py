"""Variances of the errors of a background and of point observations, from residuals at pairs of points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import numpy as np
from scipy.sparse import csr_array

from landda_hpc.analysis.running_statistics import checked
from landda_hpc.constants import FloatArray

_PRIOR_PAIRS: Final = 30.0
"""Weight of the given background variance, as a sum of squared correlations of pairs, or as a number of residuals."""

_PRIOR_POINTS: Final = 100.0
"""Weight of the given observation errors, as a number of residuals."""

_FACTORS: Final = (1.0, 10.0)
"""Limits of the factor on the variances of the observation errors. Below 1 it would fall from analysis to analysis: the
background takes over a constant error of a station, which then no longer shows in the residuals."""


class ResidualVariances:
    """Background variance and a factor on the observation variances, after Hollingsworth and Lonnberg (1986).

    Residuals e of points have the covariance s^2 C + f R, where C are the correlations of background errors and R is
    diagonal. Errors of different observations are independent, so pairs of different points show s^2 alone:

        s^2 = sum C_ij e_i e_j / sum C_ij^2  (i != j),    f = (sum e_i^2 - s^2 sum C_ii) / sum R_ii.

    A constant error of a station, such as the difference of its soil from that of its cell, therefore counts as
    observation error. Pixels in some scales of an image have errors that depend on those of their neighbours; for them
    f is 1, and s^2 = (sum e_i^2 - sum R_ii) / sum C_ii.

    Parameters
    ----------
    background_std : given standard deviation of background errors, m3 m-3; the first estimate if it is learned.
    learned_from : 'pairs' = s and f; 'variance' = s from the variance of the residuals; None: s is given, and f is 1.
    memory : number of analyses in the exponential means of the sums.

    References
    ----------
    Hollingsworth and Lonnberg (1986), Tellus A, 38, 111-136.
    """

    def __init__(self, background_std: float, learned_from: Literal["pairs", "variance"] | None, memory: float) -> None:
        self._given, self._from, self._memory = background_std**2, learned_from, memory
        self._sums = np.zeros(6)

    @property
    def background(self) -> float:
        """s^2, m6 m-6."""
        products, weights, squares, diagonal, errors, _ = self._sums.tolist()
        if self._from == "variance":
            products, weights = squares - errors, diagonal
        return max(0.0, products + _PRIOR_PAIRS * self._given) / (weights + _PRIOR_PAIRS)

    @property
    def factor(self) -> float:
        """f, 1."""
        squares, diagonal, errors, count = self._sums[2:].tolist()
        if count == 0.0 or self._from == "variance":
            return 1.0
        prior = _PRIOR_POINTS * errors / count
        return float(np.clip((squares - self.background * diagonal + prior) / (errors + prior), *_FACTORS))

    def learn(self, correlation: csr_array, residual: FloatArray, variance: FloatArray) -> None:
        """Add the residuals of one analysis. Local.

        Parameters
        ----------
        correlation : C, (n, n), symmetric.
        residual : e, m3 m-3, (n,).
        variance : R_ii, m6 m-6, (n,).
        """
        if self._from is None or not residual.size:
            return
        diagonal = correlation.diagonal()
        products = np.sum(residual * (correlation @ residual)) - np.sum(diagonal * residual**2)
        weights = np.sum(correlation.data**2) - np.sum(diagonal**2)
        new = products, weights, np.sum(residual**2), np.sum(diagonal), np.sum(variance), float(residual.size)
        self._sums = (1.0 - 1.0 / self._memory) * self._sums + np.array(new)

    def state(self) -> dict[str, FloatArray]:
        """See ``MethodMemory.state``."""
        return {"residual_sums": self._sums.copy()}

    def restore(self, arrays: Mapping[str, FloatArray]) -> None:
        """See ``MethodMemory.restore``."""
        self._sums = checked(arrays, self.state())["residual_sums"]
