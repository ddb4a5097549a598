"""CurveLab's wrapping transform through `curvelops`: the reference implementation, if it is installed."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import numpy.typing as npt

from landda_hpc.curvelet.backends.external_frame import ComplexArray, ExternalFrame, FloatArray
from landda_hpc.curvelet.boundary import Boundary
from landda_hpc.curvelet.frame import Curvelet2D
from landda_hpc.curvelet.plan import Block
from landda_hpc.curvelet.windows import Finest
from landda_hpc.errors import ConfigError


class CurvelopsFrame(ExternalFrame):
    """CurveLab's transform of real images; it is complex, so the full set of wedges is stored.

    Parameters
    ----------
    shape, angles_coarse, finest, scales, boundary : as in `Curvelet2D`.

    Notes
    -----
    curvelops stores each wedge transposed; here it is L1 x L2, as everywhere. `Curvelet2D(sizes="curvelab",
    real=False)` is the same transform (to 1e-10) and provides the layout and the exact variances. An installed
    transform that differs from it is refused.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        angles_coarse: int = 16,
        finest: Finest = "curvelets",
        scales: int | None = None,
        boundary: Boundary = "none",
    ) -> None:
        self._twin = Curvelet2D(shape, angles_coarse, finest, scales, "curvelab", boundary, real=False)
        transformed = self._twin.transform_shape
        self._operator: Any = importlib.import_module("curvelops").FDCT2D(
            transformed,
            nbscales=self._twin.n_scales,
            nbangles_coarse=angles_coarse,
            allcurvelets=finest == "curvelets",
            dtype="complex128",
        )
        found = [tuple(int(n) for n in shape) for scale in self._operator.shapes for shape in scale]
        if found != [block.shape[::-1] for block in self._twin.blocks]:
            raise ConfigError(
                "The installed curvelops has other wedge sizes than CurveLab 2.1.3, so that the exact variances would "
                "not be those of its coefficients. Use backend='ours' with sizes='curvelab'."
            )
        blocks = tuple(
            Block(b.scale, b.wedge, b.shape, False, 2 * b.offset, 2 * b.size, b.var_offset, b.var_size, 1)
            for b in self._twin.blocks
        )
        super().__init__(shape, boundary, blocks, self._twin.n_scales)
        self._require_same_coefficients()

    def _require_same_coefficients(self) -> None:
        image = np.random.default_rng(1).standard_normal(self.shape)
        difference = np.abs(self._analyse(self._extended(image)) - self._twin.forward(image)).max()
        if not difference < 1e-9:
            raise ConfigError(
                f"The installed curvelops gives coefficients that differ by {difference:.1e} from CurveLab 2.1.3's, so "
                "that the exact variances would not be theirs. Use backend='ours' with sizes='curvelab'."
            )

    def _analyse(self, extended: FloatArray) -> ComplexArray:
        flat = np.asarray(self._operator @ extended.astype(np.complex128).reshape(-1)).reshape(-1)
        out = np.empty(self.n_var, dtype=np.complex128)
        for block in self.blocks:
            out[block.variances] = flat[block.variances].reshape(block.shape[::-1]).T.reshape(-1)
        return out

    def _synthesise(self, coefficients: ComplexArray) -> FloatArray:
        flat = np.empty_like(coefficients)
        for block in self.blocks:
            flat[block.variances] = coefficients[block.variances].reshape(block.shape).T.reshape(-1)
        image = np.asarray(self._operator.H @ flat).reshape(self.transform_shape)
        return np.ascontiguousarray(image.real)

    def variance(self, sigma2: npt.ArrayLike) -> FloatArray:
        """Return the exact E|c|^2 of errors that are independent from cell to cell, (n_var,)."""
        return self._twin.variance(sigma2)

    def variance_from_spectrum(self, power: npt.ArrayLike) -> FloatArray:
        """Return the exact E|c|^2 of errors that are homogeneous on the periodic grid, (n_var,)."""
        return self._twin.variance_from_spectrum(power)
