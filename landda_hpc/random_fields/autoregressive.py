"""Random fields on the sphere that are AR(1) in time and depend on the time alone, never on the start of a run.

The coefficients of a field follow z_n = a z_(n-1) + sqrt(1 - a^2) eps_n, where eps_n is drawn from a generator keyed by
n. A run may start at any step: at every ``_ANCHOR``-th step the recursion begins again with the finite sum

    z_n = sum over k < K of w_k eps_(n-k),    w_k ~ a^k,    sum of w_k^2 = 1,    a^K < 1e-3,

which differs from the recursion by less than 1e-3 of the standard deviation. The fields therefore need no stored
state, and a resume has the bits of an uninterrupted run.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from landda_hpc.constants import FloatArray
from landda_hpc.errors import ConfigError
from landda_hpc.grid import Grid
from landda_hpc.random_fields.angular_spectra import Spectrum
from landda_hpc.random_fields.keyed import keyed_generator
from landda_hpc.random_fields.sphere import ComplexArray, order_and_degree, synthesise, white_coefficients

_ANCHOR: Final = 120
"""Number of steps between two finite sums."""

_TAIL: Final = 1e-3
"""Weight of the first innovation that a finite sum omits, relative to that of the last."""


class AutoregressiveField:
    """A Gaussian field of zero mean and unit variance, AR(1) in time, homogeneous and isotropic on the sphere.

    Parameters
    ----------
    grid : grid of the field.
    spectrum : correlation in space.
    correlation_steps : e-folding time of the autocorrelation, steps.
    seed, key : the same seed and key give the same field.

    Raises
    ------
    ConfigError : the correlation time is not positive.
    """

    def __init__(self, grid: Grid, spectrum: Spectrum, correlation_steps: float, seed: int, *key: str | int) -> None:
        if not 0.0 < correlation_steps < np.inf:
            raise ConfigError(f"correlation time = {correlation_steps} steps; expected a positive number.")
        self._grid, self._spectrum, self._seed, self._key = grid, spectrum, seed, key
        self._a = float(np.exp(-1.0 / correlation_steps))
        weights = self._a ** np.arange(int(np.ceil(-np.log(_TAIL) * correlation_steps)) + 1)
        self._weights = weights / np.sqrt(np.sum(weights**2))
        _, degree = order_and_degree(spectrum.degree)
        self._amplitude = np.sqrt(spectrum.power)[degree]
        self._step: int | None = None
        self._coefficients: ComplexArray = np.empty(0, dtype=np.complex128)

    def at(self, step: int) -> FloatArray:
        """Return the field of a step, (n_lat, n_lon). Local; the same bits whichever steps were requested before."""
        self._move_to(step)
        return synthesise(self._coefficients * self._amplitude, self._spectrum.degree, self._grid)

    def _move_to(self, step: int) -> None:
        anchor = step - step % _ANCHOR
        if self._step is None or not anchor <= self._step <= step:
            self._coefficients = self._sum_at(anchor)
            self._step = anchor
        for n in range(self._step + 1, step + 1):
            self._coefficients = self._a * self._coefficients + np.sqrt(1.0 - self._a**2) * self._innovation(n)
        self._step = step

    def _sum_at(self, step: int) -> ComplexArray:
        total: ComplexArray = np.zeros(self._amplitude.size, dtype=np.complex128)
        for k, weight in enumerate(self._weights):
            total += weight * self._innovation(step - k)
        return total

    def _innovation(self, step: int) -> ComplexArray:
        return white_coefficients(self._spectrum.degree, keyed_generator(self._seed, *self._key, step))
