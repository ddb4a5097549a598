"""Error models of background and observation, from white noise to correlated errors.

An error model provides four properties of the errors e of an image: their standard deviation, one random realisation
per key, the variances E|C e|^2 of their curvelet coefficients, and the product of their covariance with an image. See
docs/methods.md, "EnKF-like analysis".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

import numpy as np

from landda_hpc.analysis.frame_protocol import ImageFrame
from landda_hpc.analysis.protocol import MemberSums
from landda_hpc.analysis.wedge_variances import WedgeSpectrum, ratio
from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.errors import DataError
from landda_hpc.grid import Grid
from landda_hpc.parallel.communicator import SerialCommunicator
from landda_hpc.parallel.reduction import MemberReduction
from landda_hpc.random_fields.angular_spectra import gaussian_spectrum
from landda_hpc.random_fields.anisotropic import anisotropic_field, anisotropic_power, variance_by_latitude
from landda_hpc.random_fields.keyed import keyed_generator
from landda_hpc.random_fields.plane import gaussian_power, periodic_field, periodic_filter
from landda_hpc.random_fields.sphere import random_field
from landda_hpc.random_fields.sphere_covariance import SphereCovariance

DRAWS = 200
"""Default number of realisations from which variances of coefficients are estimated."""

_FIXED = "every time"
"""Time key of realisations from which a variance is estimated once for all times."""


class ErrorModel(Protocol):
    """Errors of one kind, with zero mean. Units are m3 m-3 or its square; images are (n_lat, n_lon)."""

    def standard_deviation(self, domain: BoolArray) -> FloatArray:
        """Return the standard deviation per cell; zero off the domain."""
        ...

    def perturbation(self, domain: BoolArray, time_key: str, member: int) -> FloatArray:
        """Return one realisation, zero off the domain, which depends only on its key."""
        ...

    def variance(self, frame: ImageFrame, domain: BoolArray) -> FloatArray:
        """Return E|C e|^2 of errors on the cells of the domain, (n_var,). Collective over the root group."""
        ...

    def covariance_times(self, frame: ImageFrame, image: FloatArray, /) -> FloatArray:
        """Return the covariance of the errors times an image, in all cells; the caller applies the domain. Local."""
        ...


class WhiteErrors:
    """Errors that are independent from cell to cell, as in [B26].

    Parameters
    ----------
    std : standard deviation, m3 m-3; a number, or a map without NaN on the domain.
    seed : the campaign's seed.
    purpose : 'background' or 'observation'; keys the realisations with the seed.
    """

    def __init__(self, std: float | FloatArray, seed: int, purpose: str) -> None:
        self._std, self._seed, self._purpose = std, seed, purpose

    def standard_deviation(self, domain: BoolArray) -> FloatArray:
        """Local."""
        return np.where(domain, known_std(self._std, domain), 0.0)

    def perturbation(self, domain: BoolArray, time_key: str, member: int) -> FloatArray:
        """Local."""
        generator = keyed_generator(self._seed, f"{self._purpose} perturbation", time_key, member)
        return np.where(domain, known_std(self._std, domain) * generator.standard_normal(domain.shape), 0.0)

    def variance(self, frame: ImageFrame, domain: BoolArray) -> FloatArray:
        """Exact, in closed form. Local."""
        return frame.variance(np.where(domain, known_std(self._std, domain) ** 2, 0.0))

    def covariance_times(self, _frame: ImageFrame, image: FloatArray) -> FloatArray:
        """Local."""
        return np.where(np.isfinite(self._std), self._std, 0.0) ** 2 * image


class UnitField(Protocol):
    """A random field of zero mean and unit variance that is homogeneous along every row."""

    @property
    def power(self) -> FloatArray | None:
        """Power of the unitary DFT if the field is homogeneous on the periodic image; otherwise None."""
        ...

    def draw(self, seed: int, *key: str | int) -> FloatArray:
        """Return the realisation of a key, (n_lat, n_lon)."""
        ...

    def covariance_times(self, image: FloatArray, /) -> FloatArray:
        """Return the covariance of the field times an image without NaN; exact."""
        ...


class SphereField:
    """Random field with correlation exp(-1/2 (d / L)^2) at the great-circle distance d.

    Parameters
    ----------
    grid : grid of the images.
    length_km : L, km.
    length_lon_km : length along parallels, at the equator (see ``anisotropic_power``), km; None: ``length_km``.
    """

    def __init__(self, grid: Grid, length_km: float, length_lon_km: float | None = None) -> None:
        self._grid, self._lengths = grid, (length_km, length_km if length_lon_km is None else length_lon_km)
        self._spectrum = gaussian_spectrum(length_km)
        self._covariance: tuple[SphereCovariance, FloatArray] | None = None

    @property
    def power(self) -> FloatArray | None:
        return None

    def draw(self, seed: int, *key: str | int) -> FloatArray:
        """Local; the same bits on every rank."""
        if self._lengths[0] == self._lengths[1]:
            return random_field(self._grid, self._spectrum, seed, *key)
        return anisotropic_field(self._grid, *self._lengths, seed, *key)

    def covariance_times(self, image: FloatArray) -> FloatArray:
        """Local; the same bits on every rank."""
        if self._covariance is None:
            degree, power = anisotropic_power(*self._lengths)
            std = np.sqrt(variance_by_latitude(self._grid.lat, degree, power))[:, None]
            self._covariance = SphereCovariance(self._grid, degree, power), std
        covariance, std = self._covariance
        return covariance(image / std) / std


class PlaneField:
    """Random field with correlation exp(-1/2 (d / L)^2) at distance d in cells, periodic in both directions.

    Parameters
    ----------
    shape : shape of the images.
    length_rows, length_columns : L in latitude and in longitude, cells.
    """

    def __init__(self, shape: tuple[int, int], length_rows: float, length_columns: float | None = None) -> None:
        columns = length_rows if length_columns is None else length_columns
        self._power = gaussian_power(shape, length_rows, columns)

    @property
    def power(self) -> FloatArray | None:
        return self._power

    def draw(self, seed: int, *key: str | int) -> FloatArray:
        """Local; the same bits on every rank."""
        return periodic_field(self._power, seed, *key)

    def covariance_times(self, image: FloatArray) -> FloatArray:
        """Local; the same bits on every rank."""
        return periodic_filter(image, self._power)


class CorrelatedErrors:
    """e = a f + w: an amplitude a times a correlated field f of unit variance, and a white part w.

    Parameters
    ----------
    field : f.
    std : a, m3 m-3; a number, or a map without NaN on the domain.
    white_std : standard deviation of w, m3 m-3; a number or a map.
    seed, purpose : key the realisations, as for ``WhiteErrors``.
    draws : realisations of f from which the variances of coefficients are estimated if no closed form is known, and
        their distribution over the root group.
    covariance : covariance in ``covariance_times``. 'coefficients': diagonal in the frame's coefficients, like every
        gain, so that the spectrum of f is resolved by octaves; 'field': the covariance of f itself.

    Notes
    -----
    The variance of the white part is exact. That of the correlated part is exact if f is homogeneous on the periodic
    image, a is a number and no cell is masked. Otherwise it is estimated once per domain, from the same realisations in
    every cycle, and stored.
    """

    def __init__(
        self,
        field: UnitField,
        std: float | FloatArray,
        white_std: float | FloatArray,
        seed: int,
        purpose: str,
        draws: MemberSums,
        covariance: Literal["coefficients", "field"] = "coefficients",
    ) -> None:
        self._field, self._std, self._white = field, std, WhiteErrors(white_std, seed, purpose)
        self._seed, self._purpose, self._draws = seed, purpose, draws
        self._covariance = covariance
        self._variance: tuple[bytes, FloatArray] | None = None
        self._density: FloatArray | None = None

    def standard_deviation(self, domain: BoolArray) -> FloatArray:
        """Local."""
        return np.where(
            domain, np.sqrt(known_std(self._std, domain) ** 2 + self._white.standard_deviation(domain) ** 2), 0.0
        )

    def perturbation(self, domain: BoolArray, time_key: str, member: int) -> FloatArray:
        """Local."""
        return self._correlated(domain, time_key, member) + self._white.perturbation(domain, time_key, member)

    def variance(self, frame: ImageFrame, domain: BoolArray) -> FloatArray:
        """See ``ErrorModel.variance``. Collective over the root group in the first call for a domain."""
        key = domain.tobytes()
        if self._variance is None or self._variance[0] != key:
            self._variance = key, self._correlated_variance(frame, domain) + self._white.variance(frame, domain)
        return self._variance[1]

    def covariance_times(self, frame: ImageFrame, image: FloatArray) -> FloatArray:
        """Return (A C^T diag(beta) C A + W^2) times the image, or the same with the covariance of f between the two A.

        beta is that of ``_coefficient_density``. Collective in the first call, then local.
        """
        amplitude = np.where(np.isfinite(self._std), self._std, 0.0)
        white = self._white.covariance_times(frame, image)
        if self._covariance == "field":
            return amplitude * self._field.covariance_times(amplitude * image) + white
        if self._density is None:
            self._density = self._coefficient_density(frame)
        correlated: FloatArray = amplitude * frame.apply_gain(amplitude * image, self._density)
        return correlated + white

    def _correlated(self, domain: BoolArray, time_key: str, member: int) -> FloatArray:
        field = self._field.draw(self._seed, f"{self._purpose} perturbation, correlated", time_key, member)
        return np.where(domain, known_std(self._std, domain) * field, 0.0)

    def _correlated_variance(self, frame: ImageFrame, domain: BoolArray) -> FloatArray:
        power = self._field.power
        if power is not None and domain.all() and np.ndim(self._std) == 0:
            return frame.variance_from_spectrum(self._std**2 * power)
        return mean_energy(frame, self._draws, lambda member: self._correlated(domain, _FIXED, member))

    def _coefficient_density(self, frame: ImageFrame) -> FloatArray:
        """Return beta = E|C f|^2 / ||phi||^2, (n_var,): C^T diag(beta) C is 1 for white f and has the trace of any f.

        f is homogeneous along rows, and so is beta except at the edges of the image. The mean of beta along rows
        therefore keeps its structure and removes most of the sampling noise.
        """
        whole = np.ones(frame.shape, dtype=np.bool_)
        power = self._field.power
        if power is not None:
            energy = frame.variance_from_spectrum(power)
        else:
            name = f"{self._purpose} perturbation, correlated"
            energy = mean_energy(frame, self._draws, lambda member: self._field.draw(self._seed, name, _FIXED, member))
        atoms = frame.variance(whole.astype(np.float64))
        density = np.zeros(frame.n_var)
        for block in frame.blocks:
            shape = block.shape
            rows = [values[block.variances].reshape(shape).sum(axis=1) for values in (energy, atoms)]
            density[block.variances] = np.repeat(ratio(rows[0], rows[1]), shape[1])
        return density


class ClimatologicalErrors:
    """Errors with one variance per wedge: a few dozen numbers, from an archive of error images.

    Parameters
    ----------
    frame : frame that defines the wedges.
    spectrum : s of the errors themselves, without the effect of a mask (see ``WedgeSpectrum``).
    seed, purpose : key the realisations, as for ``WhiteErrors``.
    draws : realisations from which variances of coefficients are estimated, and their distribution over the root
        group; None: ``DRAWS`` realisations, all on this process.

    Raises
    ------
    DataError : the wedges of the spectrum are not those of the frame.

    Notes
    -----
    The covariance is C^T diag(s) C with s constant in each wedge. The standard deviation per cell is the mean over the
    image (exact without a boundary extension, where it is the same in all cells).

    On a domain with the mask P, the variances of coefficients are diag(C P C^T diag(s) C P C^T): wedges overlap, and
    the mask mixes them. These are s times the variances of white errors only if all s are equal. The part of the
    smallest s, which is white, is exact; the rest is estimated once per domain, from the same realisations in every
    cycle, and stored.
    """

    def __init__(
        self, frame: ImageFrame, spectrum: WedgeSpectrum, seed: int, purpose: str, draws: MemberSums | None = None
    ) -> None:
        spectrum.require(frame)
        self._frame, self._seed, self._purpose = frame, seed, purpose
        self._draws = MemberReduction(SerialCommunicator(), DRAWS) if draws is None else draws
        self._density = spectrum.expand(frame)
        self._std = float(np.sqrt(spectrum.total(frame)))
        self._variance: tuple[bytes, FloatArray] | None = None

    def standard_deviation(self, domain: BoolArray) -> FloatArray:
        """Local."""
        return np.where(domain, self._std, 0.0)

    def perturbation(self, domain: BoolArray, time_key: str, member: int) -> FloatArray:
        """Return C^T sqrt(s) xi on the domain, with independent xi of unit variance. Local."""
        return self._realisation(self._density, domain, time_key, member)

    def variance(self, frame: ImageFrame, domain: BoolArray) -> FloatArray:
        """See ``ErrorModel.variance``. Collective in the first call for a domain if realisations are distributed."""
        key = domain.tobytes()
        if self._variance is None or self._variance[0] != key:
            white = float(self._density.min())
            variance = white * frame.variance(domain.astype(np.float64))
            rest = self._density - white
            if rest.any():
                variance = variance + mean_energy(
                    frame, self._draws, lambda member: self._realisation(rest, domain, _FIXED, member)
                )
            self._variance = key, variance
        return self._variance[1]

    def covariance_times(self, frame: ImageFrame, image: FloatArray) -> FloatArray:
        """Local."""
        return frame.apply_gain(image, self._density)

    def _realisation(self, density: FloatArray, domain: BoolArray, time_key: str, member: int) -> FloatArray:
        generator = keyed_generator(self._seed, f"{self._purpose} perturbation, climatological", time_key, member)
        noise = generator.standard_normal(self._frame.n_coef)
        return np.where(domain, self._frame.inverse(self._frame.scale_by(noise, np.sqrt(density))), 0.0)


def known_std(std: float | FloatArray, domain: BoolArray) -> float | FloatArray:
    """Return ``std``; DataError if a map is missing or negative in a cell of the domain."""
    if isinstance(std, np.ndarray):
        bad = int(np.count_nonzero(~(std[domain] >= 0.0)))
        if bad:
            raise DataError(
                f"a map of error standard deviations is missing or negative in {bad} of the domain's "
                f"{int(np.count_nonzero(domain))} cells. Fill it there."
            )
    return std


def mean_energy(frame: ImageFrame, draws: MemberSums, draw: Callable[[int], FloatArray]) -> FloatArray:
    """Return the mean of |C x|^2 over realisations of a field, (n_var,). Collective over the root group."""

    def add(block: range, energy: FloatArray) -> None:
        for member in block:
            frame.accumulate_energy(draw(member), energy)

    return draws.sum_blocks(frame.n_var, add) / draws.n_members
