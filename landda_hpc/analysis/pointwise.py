"""The pointwise blend: the same constant gain in every cell."""

from __future__ import annotations

from landda_hpc.analysis.protocol import Analysis, ImagePair


class Pointwise:
    """x_a = x_b + K (y - H x_b) where observed; the baseline of every image method.

    Parameters
    ----------
    gain : K, 0..1. 9/13 is 0.15^2 / (0.15^2 + 0.10^2), what white errors of [B26] give (METHODS.md section 3).
    """

    def __init__(self, gain: float) -> None:
        self._gain = gain

    def analyse(self, pair: ImagePair) -> Analysis:
        """Local: no communication."""
        return Analysis(
            increment=self._gain * pair.innovation,
            diagnostics={"gain_mean": self._gain, "gain_std": 0.0},
        )
