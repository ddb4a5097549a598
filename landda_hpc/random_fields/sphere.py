"""Homogeneous isotropic Gaussian random fields on the sphere, of zero mean and unit variance.

A field is a sum of spherical harmonics with independent Gaussian coefficients, so it has no seam at the date
line and no pole problem, and its covariance depends only on great-circle distance. Coefficients are drawn
degree by degree: a higher truncation adds small scales and does not change the large ones. The same key gives
bitwise identical fields on any rank, because every rank synthesises the whole image with one thread.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from landda_hpc.constants import EARTH_RADIUS, FloatArray, IntArray
from landda_hpc.errors import ShapeError
from landda_hpc.grid import Grid
from landda_hpc.random_fields.angular_spectra import Spectrum, gaussian_spectrum, mixed_spectrum
from landda_hpc.random_fields.harmonics import point_synthesis, ring_synthesis
from landda_hpc.random_fields.keyed import keyed_generator

ComplexArray = npt.NDArray[np.complex128]


def coefficient_count(degree: int) -> int:
    """Return the number of coefficients a_lm with 0 <= m <= l <= degree."""
    return (degree + 1) * (degree + 2) // 2


@lru_cache(maxsize=32)
def order_and_degree(degree: int) -> tuple[IntArray, IntArray]:
    """Return m and l of every coefficient, each of shape (n_coef,), read-only; m-major, for the synthesis."""
    m = np.repeat(np.arange(degree + 1), np.arange(degree + 1, 0, -1))
    ell = np.concatenate([np.arange(first, degree + 1) for first in range(degree + 1)])
    for array in (m, ell):
        array.setflags(write=False)
    return m, ell


@lru_cache(maxsize=32)
def _draw_positions(degree: int) -> tuple[IntArray, IntArray]:
    """Positions of the real and the imaginary part of each coefficient among the (degree + 1)^2 normals."""
    m, ell = order_and_degree(degree)
    return ell**2 + np.maximum(2 * m - 1, 0), ell**2 + 2 * m


def white_coefficients(degree: int, generator: np.random.Generator) -> ComplexArray:
    """Draw independent coefficients with E|a_lm|^2 = 1, real for m = 0; shape (n_coef,).

    They are drawn degree by degree, so coefficients up to l do not depend on ``degree``.
    """
    normals = generator.standard_normal((degree + 1) ** 2)
    real, imaginary = _draw_positions(degree)
    coefficients = np.empty(real.size, dtype=np.complex128)
    half = np.sqrt(0.5)
    coefficients.real = half * normals[real]
    coefficients.imag = half * normals[imaginary]
    # m = 0 comes first: degree + 1 real coefficients with the full variance.
    zonal = slice(0, degree + 1)
    coefficients.real[zonal] = normals[real[zonal]]
    coefficients.imag[zonal] = 0.0
    return coefficients


def synthesise(coefficients: ComplexArray, degree: int, grid: Grid) -> FloatArray:
    """Evaluate the real field sum a_lm Y_lm at the grid's cell centres.

    Parameters
    ----------
    coefficients : a_lm for m >= 0, orthonormal harmonics, order of ``order_and_degree``, shape (n_coef,).
    degree : highest l. If the grid does not resolve it, the values are still samples of the field.
    grid : any grid; if its longitudes are not part of an equally spaced circle, a slower algorithm is used.

    Returns
    -------
    Shape (n_lat, n_lon).

    Notes
    -----
    Local: no communication; one thread.

    References
    ----------
    Reinecke and Seljebotn (2013), Astron. Astrophys. 554, A112 (libsharp, now in ducc0).
    """
    if coefficients.shape != (coefficient_count(degree),):
        raise ShapeError(
            f"coefficients have shape {coefficients.shape}; degree {degree} needs ({coefficient_count(degree)},)."
        )
    n_lon = grid.shape[1]
    colatitude = np.deg2rad(90.0 - grid.lat)
    spacing = np.diff(grid.lon)
    n_ring = round(360.0 / float(spacing[0])) if n_lon > 1 else 1
    if n_lon <= n_ring and np.allclose(spacing * n_ring, 360.0, rtol=1e-9, atol=0.0):
        image = ring_synthesis(coefficients, degree, colatitude, float(np.deg2rad(grid.lon[0] % 360.0)), n_ring)
        return np.ascontiguousarray(image[:, :n_lon])
    return np.ascontiguousarray(point_synthesis(coefficients, degree, colatitude, np.deg2rad(grid.lon % 360.0)))


def random_field(grid: Grid, spectrum: Spectrum, seed: int, *key: str | int) -> FloatArray:
    """Draw the field of a key, with zero mean and unit variance.

    Parameters
    ----------
    grid : grid of the field.
    spectrum : spectrum of the field, which determines its correlation.
    seed, key : see ``keyed_generator``; the same key gives the same field, sampled on any grid.

    Returns
    -------
    Shape (n_lat, n_lon), 1. The expected variance is 1 everywhere; that of the sample may differ.

    Notes
    -----
    Local: no communication; bitwise identical on every rank.
    """
    white = white_coefficients(spectrum.degree, keyed_generator(seed, *key))
    _, ell = order_and_degree(spectrum.degree)
    return synthesise(white * np.sqrt(spectrum.power)[ell], spectrum.degree, grid)


def two_scale_field(
    grid: Grid, long_km: float, short_km: float, long_share: float, seed: int, *key: str | int
) -> FloatArray:
    """Draw a field with two correlation lengths.

    Parameters
    ----------
    long_km, short_km : lengths L of correlations exp(-1/2 (d / L)^2), km.
    long_share : fraction of the variance with the long length, 0..1.
    grid, seed, key : see ``random_field``.

    Returns
    -------
    Shape (n_lat, n_lon), 1; zero mean, unit variance.
    """
    spectrum = mixed_spectrum(gaussian_spectrum(long_km), gaussian_spectrum(short_km), long_share)
    return random_field(grid, spectrum, seed, *key)


def grid_spacing_km(grid: Grid) -> float:
    """Mean distance between neighbouring rows, km: the unit of a correlation length in cells."""
    span = float(grid.lat[-1] - grid.lat[0]) / (grid.lat.size - 1)
    return float(np.deg2rad(span)) * EARTH_RADIUS * 1.0e-3
