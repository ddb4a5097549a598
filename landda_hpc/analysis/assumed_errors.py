"""Errors that a run assumes, by group of coefficients, for comparison with its innovations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from landda_hpc.analysis.error_models import ErrorModel
from landda_hpc.analysis.frame_protocol import ImageFrame
from landda_hpc.analysis.mixing import WedgeGroups
from landda_hpc.constants import BoolArray, FloatArray


@dataclass(frozen=True, eq=False)
class AssumedErrors:
    """Errors that a method assumes; None for errors that it learns, does not need, or takes from each observation.

    Attributes
    ----------
    background, observation : error models.
    gain : gain common to all cells and scales, 1; None: the gain follows from the error models.
    """

    background: ErrorModel | None = None
    observation: ErrorModel | None = None
    gain: float | None = None

    def innovation_std(self, domain: BoolArray) -> FloatArray | None:
        """Return sqrt(B + R) of each cell, m3 m-3, (n_lat, n_lon), zero off the domain; None if one is unknown."""
        if self.background is None or self.observation is None:
            return None
        return np.hypot(self.background.standard_deviation(domain), self.observation.standard_deviation(domain))

    def variances(
        self, frame: ImageFrame, groups: WedgeGroups, domain: BoolArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return B, R (variances of white errors with the same energy, m6 m-6) and gain by group; NaN if unknown.

        Shape (n,) each. Collective over the root group if an error model draws realisations.
        """
        white = groups.white(domain)
        unknown = np.full(groups.n, np.nan)

        def of(model: ErrorModel | None) -> FloatArray:
            if model is None:
                return unknown
            energy = groups.sums(model.variance(frame, domain))
            return np.divide(energy, white, out=np.zeros_like(energy), where=white > 0.0)

        b, r = of(self.background), of(self.observation)
        if self.gain is not None:
            return b, r, np.full(groups.n, self.gain)
        total = b + r
        gain = np.divide(b, total, out=np.full(groups.n, np.nan), where=total > 0.0)
        return b, r, gain
