"""Scores of ensembles: CRPS, ranks, spread and effective size. Pure functions on local arrays."""

from __future__ import annotations

import numpy as np

from landda_hpc.constants import FloatArray, IntArray
from landda_hpc.errors import ShapeError


def crps(members: FloatArray, value: FloatArray) -> FloatArray:
    """Continuous ranked probability score of an ensemble, in the fair form, which does not depend on its size.

    Parameters
    ----------
    members : (n_members, ...).
    value : the truth, shape (...).

    Returns
    -------
    mean |x_i - y| - sum over pairs |x_i - x_j| / (2 N (N - 1)), shape (...), in the unit of the members; NaN where any
    value is NaN. The absolute error for one member.

    References
    ----------
    Ferro (2014), Q. J. R. Meteorol. Soc., 140, 1917-1923.
    """
    n = members.shape[0]
    if members.shape[1:] != value.shape:
        raise ShapeError(f"members have shape {members.shape}; expected (n_members, *{value.shape}).")
    error = np.zeros(value.shape)
    for member in members:
        error += np.abs(member - value)
    if n == 1:
        return error
    # The sum over pairs follows from the ordered members: x_(i) is added i times and subtracted n - 1 - i times.
    spread = np.zeros(value.shape)
    for i, member in enumerate(np.sort(members, axis=0)):
        spread += (2 * i + 1 - n) * member
    result: FloatArray = error / n - spread / (n * (n - 1))
    return result


def ranks(members: FloatArray, value: FloatArray, generator: np.random.Generator) -> IntArray:
    """Rank of each value among the members, 0..n_members; a rank among ties is drawn.

    Parameters
    ----------
    members : (n_members, n), without NaN.
    value : (n,).
    generator : of the draws.
    """
    below = np.zeros(value.size, dtype=np.int64)
    equal = np.zeros(value.size, dtype=np.int64)
    for member in members:
        below += member < value
        equal += member == value
    drawn: IntArray = below + generator.integers(0, equal + 1)
    return drawn


def rank_histogram(members: FloatArray, value: FloatArray, generator: np.random.Generator) -> IntArray:
    """Number of values at each rank, (n_members + 1,); flat for a reliable ensemble. See ``ranks``."""
    counts: IntArray = np.bincount(ranks(members, value, generator), minlength=members.shape[0] + 1)
    return counts


def effective_size(deviations: FloatArray) -> float:
    """Number of independent directions of an ensemble, (sum of l)^2 / sum of l^2 of its covariance's eigenvalues.

    Parameters
    ----------
    deviations : from the mean, (n_members, n), without NaN; at most n_members - 1 directions are independent. 0 if the
        members do not differ.

    References
    ----------
    Bretherton et al. (1999), J. Clim., 12, 1990-2009.
    """
    return effective_size_of(deviations @ deviations.T)


def effective_size_of(product: FloatArray) -> float:
    """The same from the products of the members' deviations, summed over places, (n_members, n_members)."""
    square = float(np.sum(product * product))
    return float(np.trace(product)) ** 2 / square if square > 0.0 else 0.0
