"""Localisation on the sphere: the function of Gaspari and Cohn (1999), and sparse correlations with it."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from landda_hpc.constants import EARTH_RADIUS, FloatArray
from landda_hpc.grid import chord_km


def gaspari_cohn(distance: FloatArray) -> FloatArray:
    """Compactly supported correlation, from distances in units of half the cutoff: 1 at 0, 0 from 2 on.

    References
    ----------
    Gaspari and Cohn (1999), Eq. 4.10.
    """
    r = np.abs(distance)
    near = 1.0 - 5.0 / 3.0 * r**2 + 5.0 / 8.0 * r**3 + 0.5 * r**4 - 0.25 * r**5
    s = np.clip(r, 1.0, 2.0)
    far = 4.0 - 5.0 * s + 5.0 / 3.0 * s**2 + 5.0 / 8.0 * s**3 - 0.5 * s**4 + s**5 / 12.0 - 2.0 / (3.0 * s)
    return np.where(r <= 1.0, near, np.where(r < 2.0, np.maximum(far, 0.0), 0.0))


def localised_correlation(first: FloatArray, second: FloatArray, cutoff_km: float) -> csr_array:
    """Correlations of Gaspari and Cohn between two sets of places.

    Parameters
    ----------
    first, second : unit vectors, (n, 3) and (m, 3), see ``grid.unit_vectors``.
    cutoff_km : great-circle distance at which the correlation vanishes, km.

    Returns
    -------
    (n, m), with entries for the pairs within the cutoff only; sorted, so that products have the same bits everywhere.

    Notes
    -----
    Local. With the great-circle distance the function remains positive definite (Gneiting 2013, Bernoulli, 19, 1327).
    """
    shape = first.shape[0], second.shape[0]
    if 0 in shape:
        return csr_array(shape)
    chord = 2.0 * np.sin(0.5 * min(1.0e3 * cutoff_km / EARTH_RADIUS, np.pi))
    pairs = cKDTree(first).sparse_distance_matrix(cKDTree(second), chord, output_type="ndarray")
    values = gaspari_cohn(2.0 * chord_km(pairs["v"]) / cutoff_km)
    matrix = csr_array((values, (pairs["i"], pairs["j"])), shape=shape)
    matrix.sort_indices()
    return matrix
