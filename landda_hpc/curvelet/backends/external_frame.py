"""Base class of frames on the transforms of other packages: boundaries, layout, gains, energies."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from landda_hpc.curvelet import operations
from landda_hpc.curvelet.boundary import Boundary, extend, extended_shape, fold
from landda_hpc.curvelet.plan import Block
from landda_hpc.errors import ConfigError, ShapeError

FloatArray = npt.NDArray[np.float64]
ComplexArray = npt.NDArray[np.complex128]

# Rounding and truncated windows of these packages stay far below this value; transforms that are not tight exceed it.
TIGHT = 1e-6


class ExternalFrame(ABC):
    """A frame of real float64 images whose coefficients are complex throughout, one member at a time.

    Parameters
    ----------
    shape, boundary : of the images; E of boundary.py extends them before the external transform.
    blocks : layout; `offset` and `size` count real numbers, two per coefficient.
    n_scales : number of scales.
    """

    def __init__(self, shape: tuple[int, int], boundary: Boundary, blocks: tuple[Block, ...], n_scales: int) -> None:
        self.shape = shape
        self.boundary: Boundary = boundary
        self.transform_shape = extended_shape(shape, boundary)
        self.blocks = blocks
        self.n_scales = n_scales
        self.n_var = sum(b.var_size for b in blocks)
        self.n_coef = 2 * self.n_var
        self._require_tight()

    @abstractmethod
    def _analyse(self, extended: FloatArray) -> ComplexArray:
        """Coefficients of an extended image, (n_var,), in the order of the blocks, each wedge L1 x L2."""

    @abstractmethod
    def _synthesise(self, coefficients: ComplexArray) -> FloatArray:
        """Adjoint of `_analyse` on real images."""

    def _require_tight(self) -> None:
        """Raise ConfigError if a random image does not keep its energy or is not reconstructed."""
        image = np.random.default_rng(0).standard_normal(self.transform_shape)
        coefficients = self._analyse(image)
        energy = float(np.vdot(coefficients, coefficients).real / np.sum(image**2))
        error = float(np.abs(self._synthesise(coefficients) - image).max())
        if not (abs(energy - 1.0) < TIGHT and error < TIGHT):
            n1, n2 = self.transform_shape
            raise ConfigError(
                f"{type(self).__name__} is not a Parseval frame of {n1} x {n2} images with {self.n_scales} scales: "
                f"random noise keeps {energy:.6f} of its energy and is reconstructed with an error of {error:.1e}. Use "
                "sides that are multiples of a power of two, or backend='ours', which accepts any."
            )

    # ------------------------------------------------------------------ transforms

    def forward(self, x: npt.ArrayLike) -> FloatArray:
        """Return the coefficients C x, (..., n_coef), of images (..., N1, N2)."""
        images = self._real(x, self.shape, "image")
        batch = images.shape[:-2]
        out = np.empty((math.prod(batch), self.n_coef))
        for row, image in zip(out, images.reshape(-1, *self.shape), strict=True):
            row[:] = self._analyse(self._extended(image)).view(np.float64)
        return out.reshape(*batch, self.n_coef)

    def adjoint(self, c: npt.ArrayLike) -> FloatArray:
        """Return C^T c, (..., N1, N2), of coefficients (..., n_coef)."""
        coefficients = self._real(c, (self.n_coef,), "coefficient array")
        batch = coefficients.shape[:-1]
        out = np.empty((math.prod(batch), *self.shape))
        for image, row in zip(out, coefficients.reshape(-1, self.n_coef), strict=True):
            fold(self._synthesise(row.view(np.complex128)), self.boundary, image)
        return out.reshape(*batch, *self.shape)

    def inverse(self, c: npt.ArrayLike) -> FloatArray:
        """Return the image whose coefficients are c: the adjoint, as C^T C = 1."""
        return self.adjoint(c)

    def apply_gain(self, x: npt.ArrayLike, gain: npt.ArrayLike) -> FloatArray:
        """Return C^T diag(gain) C x."""
        return self.adjoint(self.scale_by(self.forward(x), gain))

    # ------------------------------------------------------------------ variance layout

    def energy(self, c: npt.ArrayLike) -> FloatArray:
        """Return |c|^2, (..., n_var)."""
        coefficients = self._real(c, (self.n_coef,), "coefficient array")
        squares: FloatArray = coefficients[..., ::2] ** 2 + coefficients[..., 1::2] ** 2
        return squares

    def accumulate_energy(self, x: npt.ArrayLike, out: npt.NDArray[Any]) -> None:
        """Add |C x|^2 of one image to `out`, (n_var,)."""
        if np.shape(x) != self.shape:
            raise ShapeError(f"accumulate_energy needs one image of shape {self.shape}; found {np.shape(x)}.")
        if out.shape != (self.n_var,):
            raise ShapeError(f"out is {out.shape}; expected ({self.n_var},).")
        out += self.energy(self.forward(x))

    def scale_by(self, c: npt.ArrayLike, gain: npt.ArrayLike) -> FloatArray:
        """Return diag(gain) c."""
        coefficients = self._real(c, (self.n_coef,), "coefficient array")
        return coefficients * np.repeat(self._real(gain, (self.n_var,), "gain"), 2)

    @abstractmethod
    def variance(self, sigma2: npt.ArrayLike) -> FloatArray:
        """Return the exact E|c|^2 of errors that are independent from cell to cell, (n_var,)."""

    def wedge_variance(self, sigma2: npt.ArrayLike) -> FloatArray:
        """Return the sum of `variance` over each block, (len(blocks),)."""
        variance = self.variance(sigma2)
        return np.array([variance[block.variances].sum() for block in self.blocks])

    def local_variance(self, sigma2: npt.ArrayLike) -> FloatArray:
        """Return `variance`, (n_var,)."""
        return self.variance(sigma2)

    def local_variances(self, maps: Sequence[npt.ArrayLike]) -> Callable[[int], FloatArray]:
        """Return `variance` of several maps as a function of the number of a block: (number of maps, its size)."""
        whole = np.stack([self.variance(sigma2) for sigma2 in maps])
        return lambda number: whole[:, self.blocks[number].variances]

    @abstractmethod
    def variance_from_spectrum(self, power: npt.ArrayLike) -> FloatArray:
        """Return the exact E|c|^2 of errors that are homogeneous on the periodic grid, (n_var,)."""

    def rank_mask(self, c: npt.ArrayLike, fraction: float) -> npt.NDArray[np.bool_]:
        """Return which coefficients are in the top fraction by modulus of the full set, variance layout."""
        return operations.rank_mask(self, self._real(c, (self.n_coef,), "coefficient array"), fraction)

    # ------------------------------------------------------------------ checks

    def _extended(self, image: FloatArray) -> FloatArray:
        return extend(image, self.boundary, np.empty(self.transform_shape))

    def _real(self, values: npt.ArrayLike, shape: tuple[int, ...], what: str) -> FloatArray:
        array = np.asarray(values)
        if np.iscomplexobj(array) or array.shape[array.ndim - len(shape) :] != shape:
            expected = ", ".join(str(n) for n in shape)
            raise ShapeError(f"The {what} is {array.shape} {array.dtype}; expected real (..., {expected}).")
        return np.ascontiguousarray(array, dtype=np.float64)
