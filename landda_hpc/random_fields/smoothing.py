"""Convolution with a Gaussian of great-circle distance on a latitude-longitude grid."""

from __future__ import annotations

import numpy as np

from landda_hpc import fourier
from landda_hpc.constants import EARTH_RADIUS, FloatArray
from landda_hpc.errors import ConfigError, ShapeError
from landda_hpc.grid import Grid

_REACH = 5.0
"""The kernel is truncated at this number of lengths, where it is 4e-6."""


class GaussianSmoother:
    """G f(x) = sum over cells x' of exp(-1/2 (d(x, x') / L)^2) f(x') with the great-circle distance d.

    The result is not normalised; divide it by G of the weights. The kernel depends only on the two rows and the
    difference of longitude, so each pair of rows is a circular convolution.

    Parameters
    ----------
    grid : grid with equally spaced longitudes; a regional field is extended by zeros.
    length_km : L, km.

    Raises
    ------
    ConfigError : L is not positive.
    ShapeError : longitudes are not part of an equally spaced circle.

    Notes
    -----
    Memory: rows x rows within reach / 2 x longitudes / 2 numbers. Local; bitwise identical on every rank.
    """

    def __init__(self, grid: Grid, length_km: float) -> None:
        if not 0.0 < length_km < np.inf:
            raise ConfigError(f"smoothing length = {length_km} km; expected a positive number.")
        spacing = np.diff(grid.lon)
        self._n_ring = round(360.0 / float(spacing[0]))
        if not np.allclose(spacing * self._n_ring, 360.0, rtol=1e-9, atol=0.0):
            raise ShapeError(
                f"smoothing needs longitudes that are a part of an equally spaced circle; found {grid.describe()}."
            )
        self.shape = grid.shape
        self._library = fourier.library()
        length = length_km * 1.0e3 / EARTH_RADIUS
        lat = np.deg2rad(grid.lat)
        turn = np.arange(self._n_ring) * (2.0 * np.pi / self._n_ring)
        across = np.sin(0.5 * turn) ** 2
        self._kernels: list[list[FloatArray]] = []
        for i in range(lat.size):
            row: list[FloatArray] = []
            for j in range(i, lat.size):
                if lat[j] - lat[i] > _REACH * length:
                    break
                # The haversine formula is accurate for the small distances that matter.
                half = np.sin(0.5 * (lat[j] - lat[i])) ** 2 + np.cos(lat[i]) * np.cos(lat[j]) * across
                distance = 2.0 * np.arcsin(np.sqrt(np.minimum(half, 1.0))) / length
                kernel = np.where(distance <= _REACH, np.exp(-0.5 * distance**2), 0.0)
                row.append(self._library.r2c(kernel, (0,), norm=0).real)
            self._kernels.append(row)

    def __call__(self, field: FloatArray) -> FloatArray:
        """Return G f of fields without NaN, (..., n_lat, n_lon); each has the bits that it has alone."""
        if field.shape[-2:] != self.shape:
            raise ShapeError(f"the field has shape {field.shape}; this smoother needs (..., {self.shape}).")
        n_lat, n_lon = self.shape
        fields = field.reshape(-1, n_lat, n_lon)
        ring = np.zeros((n_lat, self._n_ring))
        spectrum = np.empty((n_lat, fields.shape[0], self._n_ring // 2 + 1), dtype=np.complex128)
        for k, one in enumerate(fields):
            ring[:, :n_lon] = one
            spectrum[:, k] = self._library.r2c(ring, (1,), norm=0)
        smooth = np.zeros_like(spectrum)
        for i, row in enumerate(self._kernels):
            for offset, kernel in enumerate(row):
                smooth[i] += kernel * spectrum[i + offset]
                if offset:
                    smooth[i + offset] += kernel * spectrum[i]
        out = np.empty(fields.shape)
        for k in range(fields.shape[0]):
            back = self._library.c2r(np.ascontiguousarray(smooth[:, k]), (1,), self._n_ring, norm=2)
            out[k] = back[:, :n_lon]
        return out.reshape(field.shape)
