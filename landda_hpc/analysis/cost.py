"""The 3D-Var cost function of [S24, Eq. 5] in incremental form: value, gradient, Hessian, closed form."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.errors import DataError, ShapeError


class ThresholdFrame(Protocol):
    """Interface of the curvelet frames that 3D-Var uses: a Parseval frame, C^T C = I."""

    @property
    def shape(self) -> tuple[int, int]: ...

    def forward(self, x: FloatArray, /) -> FloatArray:
        """Return C x: flat coefficients whose dot product is the inner product of images."""
        ...

    def rank_mask(self, c: FloatArray, fraction: float, /) -> BoolArray:
        """Return True for the fraction of coefficients with the largest moduli, one entry per coefficient."""
        ...

    def apply_gain(self, x: FloatArray, gain: FloatArray, /) -> FloatArray:
        """Return C^T diag(gain) C x."""
        ...


@dataclass(frozen=True, eq=False)
class ImageTerm:
    """The weak constraint on image structure, J_I = 1/2 ||S C r||^2 / s^2 with r = y - H x.

    Attributes
    ----------
    frame : the transform C.
    kept : the diagonal of S, 1 for the coefficients that are compared and 0 for the others.
    std : s, m3 m-3.
    counted : cells whose residual is compared, (n_lat, n_lon); None: all. Residuals elsewhere are set to zero.

    Notes
    -----
    S is a projection and C^T the adjoint of C, so J_I = r . G r / 2 with G = C^T S C / s^2. Coefficients are not
    stored.
    """

    frame: ThresholdFrame
    kept: FloatArray
    std: float
    counted: BoolArray | None = None

    def weigh(self, residual: FloatArray) -> FloatArray:
        """Return G r, (n_lat, n_lon), m-3 m3."""
        if self.counted is None:
            return self.frame.apply_gain(residual, self.kept) / self.std**2
        seen = np.where(self.counted, residual, 0.0)
        weighed: FloatArray = np.where(self.counted, self.frame.apply_gain(seen, self.kept), 0.0) / self.std**2
        return weighed


@dataclass(frozen=True)
class CostTerms:
    """The terms of J, dimensionless."""

    background: float
    observation: float
    image: float

    @property
    def total(self) -> float:
        return self.background + self.observation + self.image


class CostFunction:
    """J(dx) = 1/2 dx^T B^-1 dx + 1/2 (d - H dx)^T R^-1 (d - H dx) + 1/2 ||S C (d - H dx)||^2 / s^2.

    The control vector has one value per layer and cell, dx = x - x_b; d = y - H x_b. C is linear, so
    C f - C H x = C (d - H dx): zeros in d in unobserved cells are equivalent to H x_b there in the observed image f.

    Parameters
    ----------
    innovation : d, m3 m-3, (n_lat, n_lon); zero in unobserved cells.
    background_variance : diagonal of B, m6 m-6, (n_layer, n_lat, n_lon); cells with zero are never changed.
    layer_weights : H, the weight of each layer in the observed depth, (n_layer,).
    observation_precision : diagonal of R^-1, m-6 m6, (n_lat, n_lon), zero in unobserved cells; None: no J_O.
    image : the image term; None: no J_I.

    Raises
    ------
    ShapeError : the shapes do not match.
    DataError : a value is not finite, or a variance or precision is negative.

    Notes
    -----
    Local: no communication. The paper prints x_b inside J_I; its gradient only makes sense with x (docs/methods.md,
    "3D-Var").

    References
    ----------
    Shen et al. (2024), Geosci. Model Dev., 17, 3447-3465, Eq. 5.
    """

    def __init__(
        self,
        innovation: FloatArray,
        background_variance: FloatArray,
        layer_weights: FloatArray,
        *,
        observation_precision: FloatArray | None = None,
        image: ImageTerm | None = None,
    ) -> None:
        expected = (layer_weights.size, *innovation.shape)
        if innovation.ndim != 2 or background_variance.shape != expected:
            raise ShapeError(
                f"innovation {innovation.shape}, background variance {background_variance.shape} and "
                f"{layer_weights.size} layer weights do not match; expected a variance of shape {expected}."
            )
        if observation_precision is not None and observation_precision.shape != innovation.shape:
            raise ShapeError(
                f"observation precision has shape {observation_precision.shape}; the innovation {innovation.shape}."
            )
        if image is not None and image.frame.shape != innovation.shape:
            raise ShapeError(f"the frame transforms images of {image.frame.shape}; the innovation {innovation.shape}.")
        for name, values, least in (
            ("innovation", innovation, -math.inf),
            ("background variance", background_variance, 0.0),
            ("observation precision", observation_precision, 0.0),
        ):
            if values is not None and not (np.isfinite(values).all() and (values >= least).all()):
                raise DataError(f"{name} has values that are not finite or are negative. Fill or mask them first.")
        self.innovation = innovation
        self.background_variance = background_variance
        self.layer_weights = layer_weights
        self.observation_precision = observation_precision
        self.image = image
        self._inverse_variance = np.divide(
            1.0, background_variance, out=np.zeros_like(background_variance), where=background_variance > 0.0
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the control vector, (n_layer, n_lat, n_lon)."""
        return self.background_variance.shape

    def observe(self, increment: FloatArray) -> FloatArray:
        """Return H dx, (n_lat, n_lon); layers are added from the top down."""
        observed = np.zeros(self.innovation.shape)
        for weight, layer in zip(self.layer_weights, increment, strict=True):
            observed += weight * layer
        return observed

    def spread_to_layers(self, image: FloatArray) -> FloatArray:
        """Return H^T r, (n_layer, n_lat, n_lon)."""
        return np.stack([weight * image for weight in self.layer_weights])

    def background_term(self, increment: FloatArray) -> float:
        """Return J_B; the increment must be zero where B is zero."""
        return 0.5 * float(np.sum(increment**2 * self._inverse_variance))

    def observation_term(self, increment: FloatArray) -> float:
        """Return J_O; 0 without an observation term."""
        if self.observation_precision is None:
            return 0.0
        residual = self.innovation - self.observe(increment)
        return 0.5 * float(np.sum(residual**2 * self.observation_precision))

    def value(self, increment: FloatArray) -> CostTerms:
        """Return the three terms of J; the increment must be zero where B is zero."""
        residual = self.innovation - self.observe(increment)
        image = 0.0 if self.image is None else 0.5 * float(np.sum(residual * self.image.weigh(residual)))
        return CostTerms(self.background_term(increment), self.observation_term(increment), image)

    def gradient(self, increment: FloatArray) -> FloatArray:
        """Return dJ/dx, (n_layer, n_lat, n_lon); zero where B is zero."""
        pull = self._weigh(self.innovation - self.observe(increment))
        return self._changeable(increment * self._inverse_variance - self.spread_to_layers(pull))

    def hessian(self, direction: FloatArray) -> FloatArray:
        """Return J'' dx = (B^-1 + H^T (R^-1 + G) H) dx, (n_layer, n_lat, n_lon); zero where B is zero."""
        weighed = self._weigh(self.observe(direction))
        return self._changeable(direction * self._inverse_variance + self.spread_to_layers(weighed))

    def _weigh(self, residual: FloatArray) -> FloatArray:
        """Return (R^-1 + C^T S C / s^2) r, (n_lat, n_lon)."""
        weighed = np.zeros(residual.shape)
        if self.observation_precision is not None:
            weighed += self.observation_precision * residual
        if self.image is not None:
            weighed += self.image.weigh(residual)
        return weighed

    def _changeable(self, field: FloatArray) -> FloatArray:
        return np.where(self.background_variance > 0.0, field, 0.0)
