"""Inflation of an ensemble's deviations, before and after an analysis.

Before an analysis, deviations are multiplied by the square root of a factor: a constant, or the ratio of the background
variance that innovations show, C0 - R, to the variance of the members, for each group of coefficients or for all of
them together. Afterwards, deviations are relaxed to those of the background (Zhang et al. 2004), or their standard
deviation to that of the background (Whitaker and Hamill 2012).

References
----------
Zhang, Snyder, Sun (2004), Mon. Weather Rev., 132, 1238-1253; Whitaker and Hamill (2012), Mon. Weather Rev., 140,
3078-3089; Miyoshi (2011), Mon. Weather Rev., 139, 1519-1535 (adaptive factors from innovations).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from landda_hpc.constants import FloatArray

_LIMITS: Final = (0.25, 16.0)
"""Bounds of an adaptive factor on variances."""


@dataclass(frozen=True)
class Inflation:
    """Settings of the inflation.

    Attributes
    ----------
    kind : 'adaptive': from innovations; 'constant': by ``factor``.
    factor : on variances, if constant.
    relax_perturbations, relax_spread : fractions of the relaxation to the deviations, and to the spread, of the
        background; 0..1.
    """

    kind: Literal["adaptive", "constant"] = "adaptive"
    factor: float = 1.0
    relax_perturbations: float = 0.0
    relax_spread: float = 0.0

    def before(self, shown: FloatArray, members: FloatArray) -> FloatArray:
        """Factors on the variances of the members, by group.

        Parameters
        ----------
        shown : background variance by group that innovations show, (n,).
        members : variance of the members by group, (n,), in the same units.
        """
        if self.kind == "constant":
            return np.full_like(members, self.factor)
        ratio = np.divide(shown, members, out=np.ones_like(members), where=(members > 0.0) & (shown > 0.0))
        return np.clip(ratio, *_LIMITS)

    def after(self, background: FloatArray, analysis: FloatArray) -> FloatArray:
        """Factors on analysed deviations that relax their spread, from standard deviations of any shape."""
        ratio = np.divide(background - analysis, analysis, out=np.zeros_like(analysis), where=analysis > 0.0)
        factor: FloatArray = 1.0 + self.relax_spread * ratio
        return factor

    def relaxed(self, background: FloatArray, analysis: FloatArray) -> FloatArray:
        """Relax analysed deviations, (n_members, ...), to those of the background."""
        share = self.relax_perturbations
        mixed: FloatArray = (1.0 - share) * analysis + share * background if share > 0.0 else analysis
        return mixed
