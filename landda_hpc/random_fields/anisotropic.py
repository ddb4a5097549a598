"""Gaussian random fields on the sphere whose correlation is longer along parallels than along meridians."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from landda_hpc.constants import EARTH_RADIUS, FloatArray
from landda_hpc.errors import ConfigError
from landda_hpc.grid import Grid
from landda_hpc.random_fields.angular_spectra import gaussian_spectrum
from landda_hpc.random_fields.keyed import keyed_generator
from landda_hpc.random_fields.sphere import (
    order_and_degree,
    random_field,
    synthesise,
    two_scale_field,
    white_coefficients,
)


def anisotropic_power(length_lat_km: float, length_lon_km: float) -> tuple[int, FloatArray]:
    """Highest degree, and C_lm of every coefficient in the order of ``order_and_degree``, any scale.

    C_lm = exp(-1/2 [s_lat^2 (l (l + 1) - m^2) + s_lon^2 m^2]) with s = length / R. At latitude phi, the correlation is
    close to a Gaussian of length L_lat along the meridian and sqrt(L_lon^2 cos^2 phi + L_lat^2 sin^2 phi) along the
    parallel. It has the requested lengths at the equator, is isotropic at the poles, and varies smoothly with
    latitude. Equal lengths give ``gaussian_spectrum``.
    """
    degree = gaussian_spectrum(min(length_lat_km, length_lon_km)).degree
    s_lat, s_lon = (length * 1.0e3 / EARTH_RADIUS for length in (length_lat_km, length_lon_km))
    if not s_lat < np.inf or not s_lon < np.inf:
        raise ConfigError(f"correlation lengths {length_lat_km} and {length_lon_km} km; expected positive numbers.")
    m, ell = order_and_degree(degree)
    return degree, np.exp(-0.5 * (s_lat**2 * (ell * (ell + 1.0) - m**2.0) + s_lon**2 * m**2.0))


def variance_by_latitude(lat: FloatArray, degree: int, power: FloatArray) -> FloatArray:
    """Variance of sum a_lm Y_lm at latitudes, for independent a_lm with E|a_lm|^2 = ``power``; shape of ``lat``.

    Parameters
    ----------
    lat : degrees_north.
    degree, power : from ``anisotropic_power``.

    Notes
    -----
    Sum of C_lm |Y_lm|^2, counted twice for m > 0, with the stable recursion of orthonormal Legendre functions in l.
    """
    x, s = np.sin(np.deg2rad(lat)), np.cos(np.deg2rad(lat))
    total = np.zeros(lat.shape)
    sectoral = np.full(lat.shape, np.sqrt(0.25 / np.pi))
    start = 0
    for m in range(degree + 1):
        if m > 0:
            sectoral = np.sqrt((2.0 * m + 1.0) / (2.0 * m)) * s * sectoral
        weight = 1.0 if m == 0 else 2.0
        older, newer = np.zeros(lat.shape), sectoral
        for ell in range(m, degree + 1):
            if ell > m:
                ratio = ((ell - 1.0) ** 2 - m**2) / (4.0 * (ell - 1.0) ** 2 - 1.0)
                scale = np.sqrt((4.0 * ell**2 - 1.0) / (ell**2 - m**2))
                older, newer = newer, scale * (x * newer - np.sqrt(ratio) * older)
            total += weight * power[start + ell - m] * newer**2
        start += degree + 1 - m
    return total


@lru_cache(maxsize=8)
def _normalised(length_lat_km: float, length_lon_km: float, lat: bytes) -> tuple[int, FloatArray, FloatArray]:
    """Degree, square root of C_lm, and standard deviation at each latitude, (n_lat, 1)."""
    degree, power = anisotropic_power(length_lat_km, length_lon_km)
    variance = variance_by_latitude(np.frombuffer(lat), degree, power)
    return degree, np.sqrt(power), np.sqrt(variance)[:, None]


def anisotropic_field(grid: Grid, length_lat_km: float, length_lon_km: float, seed: int, *key: str | int) -> FloatArray:
    """Draw the field of a key, with zero mean and unit variance.

    Parameters
    ----------
    grid : grid of the field.
    length_lat_km, length_lon_km : correlation lengths along the meridian and along the equator, km.
    seed, key : see ``keyed_generator``.

    Returns
    -------
    Shape (n_lat, n_lon), 1; the expected variance is 1 everywhere.

    Notes
    -----
    Local: no communication; bitwise identical on every rank.
    """
    degree, amplitude, std = _normalised(float(length_lat_km), float(length_lon_km), grid.lat.tobytes())
    white = white_coefficients(degree, keyed_generator(seed, *key))
    return synthesise(white * amplitude, degree, grid) / std


def two_scale_anisotropic_field(
    grid: Grid, long_km: tuple[float, float], short_km: float, long_share: float, seed: int, *key: str | int
) -> FloatArray:
    """Draw a field like ``two_scale_field`` whose long-scale part may be anisotropic.

    Parameters
    ----------
    long_km : lengths of the long-scale part along the meridian and along the equator, km. With equal lengths the field
        is that of ``two_scale_field``.
    grid, short_km, long_share, seed, key : see ``two_scale_field``.

    Returns
    -------
    Shape (n_lat, n_lon), 1; zero mean, unit variance.
    """
    if long_km[0] == long_km[1]:
        return two_scale_field(grid, long_km[0], short_km, long_share, seed, *key)
    long = anisotropic_field(grid, *long_km, seed, *key, "long")
    short = random_field(grid, gaussian_spectrum(short_km), seed, *key, "short")
    both: FloatArray = np.sqrt(long_share) * long + np.sqrt(1.0 - long_share) * short
    return both
