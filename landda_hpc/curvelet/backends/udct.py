"""The uniform discrete curvelet transform of the package `curvelets`.

References
----------
Nguyen, Chauris (2010), *Uniform Discrete Curvelet Transform*, IEEE Trans. Signal Process. 58(7), 3618-3634.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from landda_hpc.curvelet import variance
from landda_hpc.curvelet.backends.external_frame import ComplexArray, ExternalFrame, FloatArray
from landda_hpc.curvelet.boundary import Boundary, extended_shape
from landda_hpc.curvelet.plan import Block
from landda_hpc.curvelet.windows import Finest, Window, check_scales, default_scales, window_of
from landda_hpc.errors import ConfigError


@dataclass(frozen=True, eq=False)
class _Windows:
    """The windows in the form that `variance.WindowedFrame` needs."""

    shape: tuple[int, int]
    windows: tuple[Window, ...]
    blocks: tuple[Block, ...]
    n_var: int


class UdctFrame(ExternalFrame):
    """UDCT of real images, in its real mode: wedges of one half plane, complex coefficients.

    Parameters
    ----------
    shape, scales, boundary : as in `Curvelet2D`.
    angles_coarse : wedges at the coarsest directional scale, counted over the full plane: 12, 24 ... (with 24
        or more the package's windows overlap too far, and reconstruction is exact to 1e-7 only). They double
        at each finer scale.
    finest : `curvelets`; with wavelets the package's transform is not a tight frame (noise has 1.86 times its
        energy in coefficients, and the inverse is not the adjoint), so it is not suitable for analyses.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        angles_coarse: int = 12,
        finest: Finest = "curvelets",
        scales: int | None = None,
        boundary: Boundary = "none",
    ) -> None:
        if finest != "curvelets":
            raise ConfigError(
                f"backend='udct' with finest={finest!r}: that transform is not a tight frame (its inverse is not its "
                "adjoint), so coefficient variances and gains have no meaning. Use finest='curvelets', or "
                "backend='ours', which has both."
            )
        if angles_coarse < 12 or angles_coarse % 12:
            raise ConfigError(
                f"backend='udct' with angles_coarse={angles_coarse}; expected a multiple of 12, for example 12."
            )
        transformed = extended_shape(shape, boundary)
        n_scales = default_scales(transformed) if scales is None else int(scales)
        check_scales(transformed, n_scales)
        try:
            self._transform: Any = importlib.import_module("curvelets.numpy").UDCT(
                transformed, num_scales=n_scales, wedges_per_direction=angles_coarse // 4, transform_kind="real"
            )
        except (ValueError, IndexError, ZeroDivisionError) as error:
            raise ConfigError(
                f"The package 'curvelets' cannot transform {transformed[0]} x {transformed[1]} images with "
                f"{n_scales} scales: {error}. Use fewer scales, or backend='ours'."
            ) from error
        windows, blocks = [], []
        offset = 0
        for scale, directions in enumerate(self._transform.windows):
            sparse = [w for direction in directions for w in direction]
            for wedge, window in enumerate(sparse):
                l1, l2 = (int(n) for n in window.out_shape)
                k1, k2 = np.unravel_index(window.indices, transformed)
                windows.append(window_of(transformed, scale, wedge, k1, k2, window.values))
                # Wedges hold one half plane of a real image's spectrum, scaled by sqrt 2; scale 0 holds all of it.
                blocks.append(
                    Block(
                        scale, wedge, (l1, l2), False, 2 * offset, 2 * l1 * l2, offset, l1 * l2, 1 if scale == 0 else 2
                    )
                )
                offset += l1 * l2
        super().__init__(shape, boundary, tuple(blocks), n_scales)
        self._windows = _Windows(transformed, tuple(windows), self.blocks, self.n_var)
        self._diagonal_variance = variance.DiagonalVariance(self._windows, boundary)

    def _analyse(self, extended: FloatArray) -> ComplexArray:
        nested = self._transform.forward(extended)
        return np.concatenate([wedge.reshape(-1) for scale in nested for direction in scale for wedge in direction])

    def _synthesise(self, coefficients: ComplexArray) -> FloatArray:
        wedges = iter(self.blocks)
        nested = [
            [[self._wedge(coefficients, next(wedges)) for _ in direction] for direction in scale]
            for scale in self._transform.windows
        ]
        image: FloatArray = self._transform.backward(nested)
        return image

    @staticmethod
    def _wedge(coefficients: ComplexArray, block: Block) -> ComplexArray:
        return coefficients[block.variances].reshape(block.shape)

    def variance(self, sigma2: npt.ArrayLike) -> FloatArray:
        """Return the exact E|c|^2 of errors that are independent from cell to cell, (n_var,)."""
        return self._diagonal_variance(variance.checked_map(sigma2, self.shape, "sigma2"))

    def variance_from_spectrum(self, power: npt.ArrayLike) -> FloatArray:
        """Return the exact E|c|^2 of errors that are homogeneous on the periodic grid, (n_var,)."""
        spectrum = variance.even_spectrum(variance.checked_map(power, self.shape, "power"))
        if self.boundary == "reflect":
            return variance.sum_over_modes(self, spectrum, real=True)
        return variance.spectral_variance(self._windows, self.boundary, spectrum)
