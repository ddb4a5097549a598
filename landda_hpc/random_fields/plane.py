"""Homogeneous Gaussian random fields on an image that is periodic as in an FFT, with distances in cells."""

from __future__ import annotations

import numpy as np

from landda_hpc import fourier
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
        # Truncation of the Gaussian at half the image may give tiny negative power, which cannot be a variance.
        factors.append(np.maximum(np.fft.fft(np.exp(-0.5 * (distance / length) ** 2)).real, 0.0))
    power = factors[0][:, None] * factors[1][None, :]
    unit: FloatArray = power / power.mean()
    return unit


def periodic_field(power: FloatArray, seed: int, *key: str | int) -> FloatArray:
    """Draw the field of a key, with zero mean and the given power; shape of ``power``.

    Local: no communication; bitwise identical on every rank.
    """
    return periodic_filter(keyed_generator(seed, *key).standard_normal(power.shape), np.sqrt(power))


def periodic_filter(image: FloatArray, response: FloatArray) -> FloatArray:
    """Multiply an image's DFT by an even, real response, (n_lat, n_lon), order of np.fft.fft2. Local."""
    library = fourier.library()
    spectrum = library.r2c(image, (0, 1), norm=0)
    spectrum *= response[:, : spectrum.shape[1]]
    return library.c2r(spectrum, (0, 1), image.shape[1], norm=2)
