"""Latent weather: Gaussian fields in space and time that depend on the valid time alone.

At every step n (a fixed number of hours since 1970) there is one set of independent spherical-harmonic
coefficients eps_n, from a random generator keyed by its purpose and n. The latent field is their moving
average,

    z(t_n) = rotation by omega t_n of  sum over |k| <= K of w_k eps_(n+k),
    w_k ~ exp(-(k dt / T)^2),  sum of w_k^2 = 1,

so that z is stationary, has unit variance, and is correlated in time as exp(-1/2 (lag / T)^2) in a frame that
rotates eastward with the angular speed omega. A finite window needs no state: z at a time depends neither on
the start of a run, nor on its cycle length, nor on the rank that computes it.

In a twin, eps = rho eps_base + sqrt(1 - rho^2) eps_own; rho is then the correlation of the
latent fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from landda_hpc.constants import EARTH_RADIUS, FloatArray
from landda_hpc.errors import ConfigError
from landda_hpc.grid import Grid
from landda_hpc.random_fields.angular_spectra import Spectrum
from landda_hpc.random_fields.keyed import keyed_generator
from landda_hpc.random_fields.sphere import ComplexArray, order_and_degree, synthesise, white_coefficients

STEP: Final = timedelta(hours=3)
"""Time step of the latent weather; a forcing step is a multiple of it."""

EPOCH: Final = datetime(1970, 1, 1)

BASE_STREAM: Final = "base"
"""Name of the stream with which other streams are correlated."""

_WINDOW: Final = 2.6
"""Half width of the moving average in units of T: weights at its ends are exp(-2.6^2) = 1e-3 of the maximum."""


def step_number(time: datetime) -> int:
    """Number of the latent step that begins at a time.

    Raises
    ------
    ConfigError : no step begins at that time.
    """
    number, rest = divmod(time - EPOCH, STEP)
    if rest:
        raise ConfigError(
            f"a weather step was requested for {time:%Y-%m-%dT%H:%M}; "
            "steps begin at 00, 03, ... 21 UTC. Choose time.start and cycles at those hours."
        )
    return number


@dataclass(frozen=True, eq=False)
class LatentField:
    """Statistics of one latent field.

    Attributes
    ----------
    spectrum : correlation in space.
    correlation_hours : T above, h, in the frame that moves with the pattern.
    drift : eastward speed of the pattern at the equator, m s-1; at latitude phi it is drift cos(phi).
    """

    spectrum: Spectrum
    correlation_hours: float
    drift: float

    def weights(self) -> FloatArray:
        """w_k for k = -K .. K, shape (2 K + 1,)."""
        if not 0.0 < self.correlation_hours < np.inf:
            raise ConfigError(f"correlation time = {self.correlation_hours} h; expected a positive number.")
        unit = self.correlation_hours * timedelta(hours=1) / STEP
        half = int(np.ceil(_WINDOW * unit))
        weights = np.exp(-((np.arange(-half, half + 1) / unit) ** 2))
        normalised: FloatArray = weights / np.sqrt(np.sum(weights**2))
        return normalised

    def rotation(self, lag: timedelta) -> float:
        """Eastward rotation of the pattern during a lag, radians."""
        return self.drift / EARTH_RADIUS * lag.total_seconds()


class LatentWeather:
    """The latent fields of one stream.

    Parameters
    ----------
    grid : grid of the fields.
    fields : statistics by name; fields of different names are independent.
    seed : the campaign's seed.
    stream : name of the stream; runs that name the same stream have the same weather.
    correlation : rho, correlation with the stream ``BASE_STREAM``, 0..1; with 1 the stream equals the base stream.

    Raises
    ------
    ConfigError : correlation outside 0..1, or the base stream with a correlation other than 1.
    """

    def __init__(
        self, grid: Grid, fields: Mapping[str, LatentField], seed: int, stream: str, correlation: float
    ) -> None:
        if not 0.0 <= correlation <= 1.0:
            raise ConfigError(f"correlation of weather stream '{stream}' = {correlation}; expected 0..1.")
        if stream == BASE_STREAM and correlation != 1.0:
            raise ConfigError(f"weather stream '{BASE_STREAM}' has correlation 1 with itself, found {correlation}.")
        self._grid = grid
        self._fields = dict(fields)
        self._seed = seed
        self._shares = [
            (name, share)
            for name, share in ((BASE_STREAM, correlation), (stream, float(np.sqrt(1.0 - correlation**2))))
            if share > 0.0
        ]
        self._weights = {name: field.weights() for name, field in fields.items()}
        self._amplitude = {name: _amplitude(field.spectrum) for name, field in fields.items()}
        self._innovations: dict[str, dict[int, ComplexArray]] = {name: {} for name in fields}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the fields."""
        return tuple(self._fields)

    def at(self, step: int) -> dict[str, FloatArray]:
        """Return the fields at a step (see ``step_number``), each dimensionless with shape (n_lat, n_lon).

        Notes
        -----
        Local: no communication; every rank computes the whole image, bitwise identically.
        """
        return {name: self.one(name, step) for name in self._fields}

    def one(self, name: str, step: int) -> FloatArray:
        """Return one of the fields at a step; see ``at``."""
        field = self._fields[name]
        degree = field.spectrum.degree
        m, _ = order_and_degree(degree)
        # Reduced to one turn before the multiplication by m, because the rotation since 1970 is thousands of turns.
        turn = field.rotation(step * STEP) % (2.0 * np.pi)
        phase = np.exp(-1j * turn * np.arange(degree + 1))[m]
        return synthesise(self._average(name, step) * self._amplitude[name] * phase, degree, self._grid)

    def _average(self, name: str, step: int) -> ComplexArray:
        """Sum of w_k eps_(step + k), always in the order of k."""
        weights = self._weights[name]
        half = weights.size // 2
        held = self._innovations[name]
        window = range(step - half, step + half + 1)
        self._innovations[name] = kept = {n: held[n] if n in held else self._innovation(name, n) for n in window}
        total: ComplexArray = np.zeros_like(kept[step])
        for weight, n in zip(weights, window, strict=True):
            total += weight * kept[n]
        return total

    def _innovation(self, name: str, step: int) -> ComplexArray:
        time = (EPOCH + step * STEP).isoformat()
        degree = self._fields[name].spectrum.degree
        mixed: ComplexArray | None = None
        for stream, share in self._shares:
            drawn = white_coefficients(degree, keyed_generator(self._seed, "weather", stream, name, time))
            drawn *= share
            mixed = drawn if mixed is None else mixed + drawn
        assert mixed is not None
        return mixed


def _amplitude(spectrum: Spectrum) -> FloatArray:
    _, ell = order_and_degree(spectrum.degree)
    amplitude: FloatArray = np.sqrt(spectrum.power)[ell]
    return amplitude
