"""Homogeneous Gaussian random fields on a periodic image, with distances in cells, as an FFT treats them."""

from __future__ import annotations

import ducc0
import numpy as np

from landda_hpc.constants import FloatArray
from landda_hpc.errors import ConfigError
from landda_hpc.random_fields.keyed import keyed_generator


def gaussian_power(shape: tuple[int, int], length_rows: float, length_columns: float) -> FloatArray:
    """Power E|X(k)|^2 of the unitary DFT for the correlation exp(-1/2 (d1^2 / L1^2 + d2^2 / L2^2)), in cells.

    Parameters
    ----------
    shape : (n_lat, n_lon) of the image; distances are the shortest on the torus.
    length_rows, length_columns : L1, L2, cells.

    Returns
    -------
    (n_lat, n_lon), order of np.fft.fft2, mean 1 (unit variance).
    """
    factors = []
    for n, length in zip(shape, (length_rows, length_columns), strict=True):
        if not 0.0 < length < np.inf:
            raise ConfigError(f"correlation length = {length} cells; expected a positive number.")
        distance = np.minimum(np.arange(n), n - np.arange(n))
        # Truncation of the Gaussian at half the image may give tiny negative power, which is not variance.
        factors.append(np.maximum(np.fft.fft(np.exp(-0.5 * (distance / length) ** 2)).real, 0.0))
    power = factors[0][:, None] * factors[1][None, :]
    unit: FloatArray = power / power.mean()
    return unit


def periodic_field(power: FloatArray, seed: int, *key: str | int) -> FloatArray:
    """Draw the field of a key, with zero mean and the given power; shape of ``power``.

    Local: no communication; the same bits on every rank.
    """
    return periodic_filter(keyed_generator(seed, *key).standard_normal(power.shape), np.sqrt(power))


def periodic_filter(image: FloatArray, response: FloatArray) -> FloatArray:
    """Multiply an image's DFT by an even, real response, (n_lat, n_lon), order of np.fft.fft2. Local."""
    spectrum = ducc0.fft.r2c(image, axes=(0, 1), nthreads=1)
    spectrum *= response[:, : spectrum.shape[1]]
    filtered: FloatArray = ducc0.fft.c2r(
        spectrum, axes=(0, 1), lastsize=image.shape[1], forward=False, inorm=2, nthreads=1
    )
    return filtered
