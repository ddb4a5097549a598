"""Interface of the curvelet frames that analyses use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol

from landda_hpc.constants import FloatArray

Pooling = Literal["per_scale", "per_wedge"]
"""Group of coefficients with a common number: a scale or a wedge."""


class FrameBlock(Protocol):
    """One wedge of a frame."""

    @property
    def scale(self) -> int: ...

    @property
    def wedge(self) -> int: ...

    @property
    def shape(self) -> tuple[int, int]:
        """Number of coefficients of the wedge in latitude and in longitude."""
        ...

    @property
    def coefficients(self) -> slice:
        """Position of the wedge in a coefficient array."""
        ...

    @property
    def variances(self) -> slice:
        """Position of the wedge in a variance or gain array."""
        ...


class ImageFrame(Protocol):
    """A Parseval frame of images of one shape: ||C x|| = ||x||, C^T C = 1."""

    @property
    def shape(self) -> tuple[int, int]: ...

    @property
    def n_coef(self) -> int:
        """Number of stored numbers; the dot product of two coefficient arrays equals that of the images."""
        ...

    @property
    def n_var(self) -> int:
        """Number of coefficients; a complex coefficient counts once."""
        ...

    @property
    def blocks(self) -> Sequence[FrameBlock]:
        """Wedges in storage order, coarsest scale first."""
        ...

    def forward(self, x: FloatArray) -> Any: ...

    def inverse(self, c: Any) -> FloatArray: ...

    def apply_gain(self, x: FloatArray, gain: FloatArray) -> FloatArray:
        """Return C^T diag(gain) C x."""
        ...

    def energy(self, c: Any) -> FloatArray:
        """Return |c|^2 of coefficients in the variance layout, (n_var,)."""
        ...

    def accumulate_energy(self, x: FloatArray, out: FloatArray) -> None:
        """Add |C x|^2 of one image to ``out``, shape (n_var,)."""
        ...

    def variance(self, sigma2: FloatArray) -> FloatArray:
        """Return E|C e|^2 of independent errors of variance sigma2(x), shape (n_var,)."""
        ...

    def wedge_variance(self, sigma2: FloatArray) -> FloatArray:
        """Return the sum of ``variance`` over each block, (n_blocks,), at the cost of one transform."""
        ...

    def local_variance(self, sigma2: FloatArray) -> FloatArray:
        """Return ``variance`` without the cross terms of a boundary extension, (n_var,); costs a few FFTs per block."""
        ...

    def local_variances(self, maps: Sequence[FloatArray]) -> Callable[[int], FloatArray]:
        """Return ``local_variance`` of several maps as a function of the number of a block: (n_maps, its size)."""
        ...

    def variance_from_spectrum(self, power: FloatArray) -> FloatArray:
        """Return E|C e|^2 of errors that are homogeneous on the periodic image, shape (n_var,)."""
        ...

    def scale_by(self, c: Any, gain: FloatArray) -> Any:
        """Multiply coefficients by a real gain in the variance layout."""
        ...
