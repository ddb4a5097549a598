"""Rain and cloud as functions of one latent field and the monthly fraction of wet steps."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from scipy.special import log_ndtr, ndtri

from landda_hpc.constants import FloatArray

CLEAREST: Final = 0.1  # cloud cover far from rain
CLOUD_MARGIN: Final = 2.5  # the latent's distance below the rain threshold at which the sky is clearest


def rain_rate(latent: FloatArray, mean: FloatArray, wet_fraction: FloatArray) -> FloatArray:
    """Precipitation of a step, kg m-2 s-1; its expectation for a standard normal latent is ``mean``.

    Parameters
    ----------
    latent : standard normal, any shape; the other arguments broadcast to it.
    mean : climatological mean, kg m-2 s-1.
    wet_fraction : probability of rain, in (0, 1].
    """
    # ln Q(z) stays finite where Q(z) underflows.
    excess = np.maximum(np.log(wet_fraction) - log_ndtr(-latent), 0.0)
    rate: FloatArray = mean / wet_fraction * excess
    return rate


def cloud_cover(latent: FloatArray, wet_fraction: FloatArray) -> FloatArray:
    """Cloud cover, 0..1, shape of ``latent``.

    The sky is overcast where it rains; cloud decreases with the latent's distance from the threshold.
    """
    distance = (-ndtri(wet_fraction) - latent) / CLOUD_MARGIN
    x = 1.0 - np.minimum(np.maximum(distance, 0.0), 1.0)
    cover: FloatArray = CLEAREST + (1.0 - CLEAREST) * (x * x * (3.0 - 2.0 * x))
    return cover


def mean_cloud_cover(wet_fraction: FloatArray) -> FloatArray:
    """Expectation of ``cloud_cover`` for a standard normal latent, 0..1, to 1e-4.

    Parameters
    ----------
    wet_fraction : in (0, 1], any shape.
    """
    thresholds, means = _mean_cover_table()
    cover: FloatArray = np.interp(-ndtri(wet_fraction), thresholds, means)
    return cover


@lru_cache(maxsize=1)
def _mean_cover_table() -> tuple[FloatArray, FloatArray]:
    """Thresholds of the latent and the mean cover at each."""
    thresholds = np.linspace(-3.0, 4.0, 281)
    latent = np.linspace(-8.0, 8.0, 3201)
    weight = np.exp(-0.5 * latent * latent)
    weight /= weight.sum()
    x = 1.0 - np.clip((thresholds[:, None] - latent) / CLOUD_MARGIN, 0.0, 1.0)
    cover = CLEAREST + (1.0 - CLEAREST) * (x * x * (3.0 - 2.0 * x))
    return thresholds, np.sum(cover * weight, axis=1)
