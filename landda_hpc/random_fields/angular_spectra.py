"""Angular power spectra of homogeneous isotropic random fields on the sphere, of unit variance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from landda_hpc.constants import EARTH_RADIUS, FloatArray
from landda_hpc.errors import ConfigError

_TAIL = 1.0e-6
"""Fraction of the variance that a smooth spectrum may lose to truncation."""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Power C_l per spherical-harmonic degree, with sum over l of (2 l + 1) C_l / (4 pi) = 1.

    Parameters
    ----------
    power : C_l >= 0, shape (degree + 1,), any scale; it is normalised to unit variance.

    Raises
    ------
    ConfigError : power is negative, not finite, or zero in all degrees.
    """

    power: FloatArray

    def __post_init__(self) -> None:
        if self.power.ndim != 1 or not np.all(np.isfinite(self.power)) or np.any(self.power < 0):
            raise ConfigError("a spectrum needs finite, non-negative power per degree, shape (degree + 1,).")
        variance = float(np.sum(_multiplicity(self.power.size) * self.power))
        if variance <= 0.0:
            raise ConfigError("a spectrum without power cannot have unit variance.")
        power = self.power / variance
        power.setflags(write=False)
        object.__setattr__(self, "power", power)

    @property
    def degree(self) -> int:
        """Highest degree l."""
        return int(self.power.size) - 1

    def correlation(self, distance_km: FloatArray) -> FloatArray:
        """Correlation at great-circle distances, km, any shape: sum over l of (2 l + 1) / (4 pi) C_l P_l(cos d / R)."""
        cosine = np.cos(distance_km * 1.0e3 / EARTH_RADIUS)
        weights = _multiplicity(self.power.size) * self.power
        return np.asarray(np.polynomial.legendre.legval(cosine, weights), dtype=np.float64)


def gaussian_spectrum(length_km: float) -> Spectrum:
    """Spectrum of the correlation exp(-1/2 (d / L)^2), L = ``length_km``.

    C_l is proportional to exp(-1/2 l (l + 1) (L / R)^2): the correlation is the heat kernel of the sphere,
    which equals the Gaussian of the distance up to terms of order (L / R)^2. The highest degree, beyond which 1e-6 of
    the variance lies, depends only on L. The field is therefore the same function of position on any grid.
    """
    s = _relative(length_km)
    # The tail beyond l contains about exp(-1/2 l (l + 1) s^2) of the variance.
    degree = max(1, int(np.ceil(np.sqrt(0.25 - 2.0 * np.log(_TAIL) / s**2) - 0.5)))
    ell = np.arange(degree + 1, dtype=np.float64)
    return Spectrum(np.exp(-0.5 * ell * (ell + 1.0) * s**2))


def mixed_spectrum(first: Spectrum, second: Spectrum, share: float) -> Spectrum:
    """Spectrum of sqrt(share) f + sqrt(1 - share) g for independent fields f and g of the two spectra."""
    if not 0.0 <= share <= 1.0:
        raise ConfigError(f"share of variance = {share}; expected 0..1.")
    power = np.zeros(max(first.power.size, second.power.size))
    power[: first.power.size] += share * first.power
    power[: second.power.size] += (1.0 - share) * second.power
    return Spectrum(power)


def _relative(length_km: float) -> float:
    if not 0.0 < length_km < np.inf:
        raise ConfigError(f"correlation length = {length_km} km; expected a positive number.")
    return float(length_km) * 1.0e3 / EARTH_RADIUS


def _multiplicity(n: int) -> FloatArray:
    """(2 l + 1) / (4 pi) for l = 0 .. n - 1."""
    return (2.0 * np.arange(n, dtype=np.float64) + 1.0) / (4.0 * np.pi)
