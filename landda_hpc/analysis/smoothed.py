"""Increments smoothed with a Gaussian: the simplest method that uses neighbouring cells."""

from __future__ import annotations

import numpy as np

from landda_hpc.analysis.protocol import Analysis, ImagePair
from landda_hpc.constants import FloatArray
from landda_hpc.errors import ShapeError
from landda_hpc.grid import Grid
from landda_hpc.random_fields.smoothing import GaussianSmoother


class Smoothed:
    """Increment = K(w) times the mean of the surrounding innovations, weighted by exp(-1/2 (d / L)^2) and cell area.

    The mean is over observed land cells only, so coasts and gaps do not reduce it. w is the observed fraction of the
    surrounding land, with the same weights, and K(w) = w K / (w K + 1 - K): the gain of a mean over a fraction w of the
    observations for which K holds. The increment therefore vanishes with w away from observations (for K = 1, perfect
    observations, in proportion to w).

    Parameters
    ----------
    grid : grid of the images.
    length_km : L, km.
    gain : K if all surrounding land is observed, 0..1.
    """

    def __init__(self, grid: Grid, length_km: float, gain: float) -> None:
        self._area = grid.area / float(grid.area.max())
        self._smooth = GaussianSmoother(grid, length_km)
        self._gain = gain
        self._land: tuple[bytes, FloatArray] | None = None

    def analyse(self, pair: ImagePair) -> Analysis:
        """Local: no communication."""
        if pair.domain.shape != self._area.shape:
            raise ShapeError(f"the images have shape {pair.domain.shape}; this method's grid {self._area.shape}.")
        key = pair.domain.tobytes()
        if self._land is None or self._land[0] != key:
            self._land = key, self._smooth(np.where(pair.domain, self._area, 0.0))
        weight = self._smooth(np.where(pair.observed, self._area, 0.0))
        total = self._smooth(self._area * pair.innovation)
        # Rounding errors of the convolution's FFT, 1e-16 of the largest weight, do not count as weights.
        reached = pair.domain & (weight > 1e-12 * float(weight.max(initial=0.0)))
        share = np.divide(weight, self._land[1], out=np.zeros_like(weight), where=reached)
        share = np.minimum(share, 1.0)
        gain = share * self._gain / (share * self._gain + 1.0 - self._gain) if self._gain < 1.0 else share
        mean = np.divide(total, weight, out=np.zeros_like(total), where=reached)
        used = gain[pair.domain]
        return Analysis(
            increment=gain * mean,
            diagnostics={
                "gain_mean": float(used.mean()) if used.size else 0.0,
                "gain_std": float(used.std()) if used.size else 0.0,
            },
        )
