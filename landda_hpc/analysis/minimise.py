"""Conjugate gradients for a quadratic cost function, with a record of cost and gradient of every iteration."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from landda_hpc.analysis.cost import CostFunction, CostTerms
from landda_hpc.constants import FloatArray
from landda_hpc.errors import ConfigError

Operator = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True)
class StoppingRule:
    """Criterion that ends the minimisation, and the control variable.

    Attributes
    ----------
    tolerance : largest norm of the gradient at the end.
    is_relative : whether the tolerance is a fraction of the gradient's norm at the start; it is absolute in [S24].
    max_iterations : largest number of iterations.
    is_preconditioned : minimise in v = B^-1/2 dx, in which the Hessian's smallest eigenvalue is 1; otherwise in dx.
        The norm of the gradient is that in the same variable.
    """

    tolerance: float = 1e-9
    is_relative: bool = False
    max_iterations: int = 500
    is_preconditioned: bool = True

    def __post_init__(self) -> None:
        if not (self.tolerance > 0.0 and self.max_iterations >= 1):
            raise ConfigError(
                f"stopping rule: tolerance {self.tolerance}, {self.max_iterations} iterations at most; expected a "
                "positive tolerance and at least one iteration."
            )


@dataclass(frozen=True, eq=False)
class Minimum:
    """Result of a minimisation, and its history.

    Attributes
    ----------
    increment : x_a - x_b, m3 m-3, (n_layer, n_lat, n_lon).
    costs : terms of J at the start and after every iteration, n_iterations + 1.
    gradient_norms : norm of the gradient at the same points.
    gradient_norm : norm at the end, evaluated directly (the recurrence of conjugate gradients accumulates errors).
    converged : whether the directly evaluated gradient meets the tolerance.
    """

    increment: FloatArray
    costs: tuple[CostTerms, ...]
    gradient_norms: tuple[float, ...]
    gradient_norm: float
    converged: bool

    @property
    def n_iterations(self) -> int:
        return len(self.costs) - 1


def minimise(cost: CostFunction, rule: StoppingRule) -> Minimum:
    """Minimise J from the background, dx = 0.

    Returns
    -------
    Minimum : not converged if ``max_iterations`` is reached or rounding errors prevent convergence; the caller decides
        how to proceed.

    Notes
    -----
    Local: no communication. J is quadratic, so its value at v follows from the gradient alone:
    J(v) = J(0) + v . (g(0) + g(v)) / 2.
    """
    variance = cost.background_variance
    root = np.sqrt(variance) if rule.is_preconditioned else (variance > 0.0).astype(np.float64)

    def gradient(v: FloatArray) -> FloatArray:
        return root * cost.gradient(root * v)

    def hessian(v: FloatArray) -> FloatArray:
        return root * cost.hessian(root * v)

    start = np.zeros(cost.shape)
    first = cost.value(start)
    g0 = gradient(start)
    costs, norms = [first], [_norm(g0)]

    def record(v: FloatArray, g: FloatArray) -> None:
        total = first.total + 0.5 * _dot(v, g0 + g)
        background, observation = cost.background_term(root * v), cost.observation_term(root * v)
        image = 0.0 if cost.image is None else max(0.0, total - background - observation)
        costs.append(CostTerms(background, observation, image))
        norms.append(_norm(g))

    tolerance = rule.tolerance * (norms[0] if rule.is_relative else 1.0)
    v, norm = conjugate_gradients(gradient, hessian, start, g0, tolerance, rule.max_iterations, record)
    return Minimum(root * v, tuple(costs), tuple(norms), norm, norm <= tolerance)


def conjugate_gradients(
    gradient: Operator,
    hessian: Operator,
    start: FloatArray,
    start_gradient: FloatArray,
    tolerance: float,
    max_iterations: int,
    record: Callable[[FloatArray, FloatArray], None],
) -> tuple[FloatArray, float]:
    """Minimise a convex quadratic function.

    Parameters
    ----------
    gradient, hessian : gradient and Hessian of the function; the Hessian is symmetric and positive on all gradients.
    start, start_gradient : first point and its gradient, any shape.
    tolerance : largest norm of the gradient at the end.
    max_iterations : largest number of iterations.
    record : called after every iteration with the point and its gradient from the recurrence.

    Returns
    -------
    The point, and the norm of its directly evaluated gradient. The norm exceeds the tolerance if ``max_iterations`` is
    reached or rounding errors stop the descent. If the recurrence meets the tolerance but the gradient itself does not,
    the search restarts from that point until a restart no longer halves the gradient.

    References
    ----------
    Hestenes and Stiefel (1952), J. Res. Natl. Bur. Stand., 49, 409-436.
    """
    point, residual = start.copy(), -start_gradient
    norm, n_done = _norm(residual), 0
    while norm > tolerance and n_done < max_iterations:
        direction, energy = residual.copy(), _dot(residual, residual)
        while math.sqrt(energy) > tolerance and n_done < max_iterations:
            curved = hessian(direction)
            step = energy / _dot(direction, curved)
            point += step * direction
            residual -= step * curved
            n_done += 1
            record(point, -residual)
            following = _dot(residual, residual)
            direction = residual + (following / energy) * direction
            energy = following
        residual = -gradient(point)
        previous, norm = norm, _norm(residual)
        if norm > 0.5 * previous:
            break
    return point, norm


def _dot(a: FloatArray, b: FloatArray) -> float:
    """Return the dot product by numpy's pairwise sum; the order of a BLAS sum may depend on the number of threads."""
    return float(np.sum(a * b))


def _norm(a: FloatArray) -> float:
    return math.sqrt(_dot(a, a))
