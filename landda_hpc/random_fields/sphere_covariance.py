"""Product of an image with a covariance on the sphere that is diagonal in spherical harmonics."""

from __future__ import annotations

import numpy as np

from landda_hpc.constants import FloatArray
from landda_hpc.errors import ShapeError
from landda_hpc.grid import Grid
from landda_hpc.random_fields.harmonics import ring_analysis
from landda_hpc.random_fields.sphere import coefficient_count, synthesise


class SphereCovariance:
    """S diag(C_lm) S^T with the synthesis S at the grid's cells: covariance of sum a_lm Y_lm with E|a_lm|^2 = C_lm.

    Parameters
    ----------
    grid : grid whose longitudes are part of an equally spaced circle.
    degree, power : highest l, and C_lm in the order of ``order_and_degree``, (n_coef,).

    Raises
    ------
    ShapeError : the grid has other longitudes, or there is not one power per coefficient.

    Notes
    -----
    Local: no communication; one thread.
    """

    def __init__(self, grid: Grid, degree: int, power: FloatArray) -> None:
        spacing = np.diff(grid.lon)
        self._n_ring = round(360.0 / float(spacing[0]))
        if not np.allclose(spacing * self._n_ring, 360.0, rtol=1e-9, atol=0.0):
            raise ShapeError(
                f"covariances need longitudes that are a part of an equally spaced circle; found {grid.describe()}."
            )
        if power.shape != (coefficient_count(degree),):
            raise ShapeError(f"power has shape {power.shape}; degree {degree} has {coefficient_count(degree)} terms.")
        self._grid, self._degree, self._power = grid, degree, power

    def __call__(self, image: FloatArray) -> FloatArray:
        """Multiply the covariance by an image without NaN, (n_lat, n_lon)."""
        n_lat, n_lon = self._grid.shape
        if image.shape != (n_lat, n_lon):
            raise ShapeError(f"the image has shape {image.shape}; this covariance needs {self._grid.shape}.")
        ring = np.zeros((n_lat, self._n_ring))
        ring[:, :n_lon] = image
        coefficients = ring_analysis(
            ring, self._degree, np.deg2rad(90.0 - self._grid.lat), float(np.deg2rad(self._grid.lon[0] % 360.0))
        )
        return synthesise(coefficients * self._power, self._degree, self._grid)
