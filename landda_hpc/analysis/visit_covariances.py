"""Mean covariances of visit differences by lag and scale, with their scatter and those of the latest analyses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from landda_hpc.analysis.running_statistics import checked, running_mean
from landda_hpc.analysis.visit_statistics import N_LAGS, mean_covariance, per_white, sampled_variance
from landda_hpc.constants import BoolArray, FloatArray

_RECENT: Final = 8.0
"""Number of latest analyses whose covariances show a change of the errors."""

_AFTER: Final = 2.0
"""Weight of these covariances after a change, as a number of analyses."""

_OUTLIER: Final = 2.0
"""Largest departure of one analysis from the mean covariances that counts as scatter, standard deviations."""

_CHANGE: Final = (0.25, 4.0)
"""R has changed if its recent and earlier values differ by this fraction of R and by this many standard errors."""


class VisitCovariances:
    """Covariances of visit differences by lag and scale.

    Parameters
    ----------
    n_scales : number of scales.
    memory : largest number of analyses in the means.
    follows_changes : whether earlier covariances are discarded if R of the latest analyses differs significantly.
    """

    def __init__(self, n_scales: int, memory: float, follows_changes: bool) -> None:
        self._memory, self._follows_changes = memory, follows_changes
        shape = (N_LAGS, n_scales)
        names = ("covariance", "covariance_white", "covariance_count", "recent", "recent_white", "recent_count")
        self._kept: dict[str, FloatArray] = {name: np.zeros(shape) for name in names} | {
            "scatter": np.zeros((N_LAGS, *shape)),
            "scatter_count": np.zeros(n_scales),
        }

    @property
    def has_pairs(self) -> bool:
        """Whether every scale has pairs of differences one visit apart."""
        return bool((self._kept["covariance_count"][1] > 0.0).all())

    @property
    def p(self) -> FloatArray:
        """Covariances per unit of white energy, (N_LAGS, n_scales), m6 m-6."""
        return per_white(self._kept["covariance"], self._kept["covariance_white"])

    def sampling(self, most: float = np.inf) -> FloatArray:
        """Return the sampling covariance of ``p`` for at most ``most`` analyses, (N_LAGS, N_LAGS, n_scales)."""
        kept = self._kept
        count = np.minimum(kept["covariance_count"][1], most)
        return mean_covariance(self.p, kept["scatter"], kept["covariance_white"][0], kept["scatter_count"], count)

    def sampled(self, phi: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return R by scale and the variance of its sampling error; phi: phi_0 and phi_1, (2, n_scales)."""
        return sampled_variance(self.p, phi, self._has_third, self.sampling())

    @property
    def _has_third(self) -> BoolArray:
        return np.asarray(self._kept["covariance_count"][3] > 0.0)

    def add(self, product: FloatArray, white: FloatArray, phi: FloatArray) -> None:
        """Add the covariances of an analysis. Local.

        Parameters
        ----------
        product, white : covariances and white energies by lag and scale, (N_LAGS, n_scales); zero without enough cells.
        phi : phi_0 and phi_1, (2, n_scales).
        """
        kept, known = self._kept, white > 0.0
        # A change of the errors is not scatter, so outliers are limited.
        bound = _OUTLIER * np.sqrt(np.einsum("kks->ks", self.sampling(1.0)))
        residual = np.where(known, np.clip(per_white(product, white) - self.p, -bound, bound), 0.0)
        kept["scatter"], kept["scatter_count"] = running_mean(
            kept["scatter"],
            kept["scatter_count"],
            residual[:, None] * residual[None, :],
            np.asarray((known & (kept["covariance_count"] > 0.0)).all(axis=0)),
            self._memory,
        )
        for name, memory in (("covariance", self._memory), ("recent", _RECENT)):
            count = kept[f"{name}_count"]
            kept[name], kept[f"{name}_count"] = running_mean(kept[name], count, product, known, memory)
            kept[f"{name}_white"], _ = running_mean(kept[f"{name}_white"], count, white, known, memory)
        if self._follows_changes:
            self._follow(phi)

    def _follow(self, phi: FloatArray) -> None:
        """Discard earlier covariances of scales in which R has changed, or of all scales if the finest has changed."""
        kept = self._kept
        settled = kept["covariance_count"][1] >= _RECENT
        if not settled.any():
            return
        before, now = self.p, per_white(kept["recent"], kept["recent_white"])
        r_before, _ = self.sampled(phi)
        r_now, variance = sampled_variance(now, phi, self._has_third, self.sampling(_RECENT))
        share, errors = _CHANGE
        difference = np.abs(r_now - r_before)
        changed = settled & (difference > share * np.abs(r_before)) & (difference > errors * np.sqrt(variance))
        changed |= settled & changed[-1]
        kept["scatter"] = np.where(changed, per_white(now[0], before[0]) ** 2, 1.0) * kept["scatter"]
        kept["scatter_count"] = np.where(changed, np.minimum(kept["scatter_count"], _RECENT), kept["scatter_count"])
        for part in ("", "_white"):
            kept[f"covariance{part}"] = np.where(changed, kept[f"recent{part}"], kept[f"covariance{part}"])
        # Some of the latest analyses were before the change, so their weight is small.
        count = kept["covariance_count"]
        kept["covariance_count"] = np.where(changed, np.minimum(count, _AFTER), count)

    def state(self) -> dict[str, FloatArray]:
        """See ``MethodMemory.state``."""
        return {name: array.copy() for name, array in self._kept.items()}

    def restore(self, arrays: Mapping[str, FloatArray]) -> None:
        """See ``MethodMemory.restore``."""
        self._kept = checked(arrays, self.state())
