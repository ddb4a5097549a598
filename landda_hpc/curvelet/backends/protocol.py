"""Protocol of the backends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from landda_hpc.curvelet.plan import Block

AnyArray = npt.NDArray[Any]


class Frame(Protocol):
    """A Parseval frame of real images: ||C x|| = ||x||, C^T C = 1, <C x, c> = <x, C^T c>.

    Coefficients are flat arrays of real numbers, complex ones as (re, im) pairs, so that their dot product equals that
    of the images. Variances and gains have one real number per coefficient. The methods are those of `Curvelet2D`.
    """

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of the images, (N1, N2)."""
        ...

    @property
    def n_scales(self) -> int: ...

    @property
    def n_coef(self) -> int:
        """Entries of a coefficient array (last axis)."""
        ...

    @property
    def n_var(self) -> int:
        """Entries of a variance or gain array."""
        ...

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Position of each wedge, coarsest scale first."""
        ...

    def forward(self, x: npt.ArrayLike) -> AnyArray:
        """Images (..., N1, N2) to coefficients (..., n_coef)."""
        ...

    def adjoint(self, c: npt.ArrayLike) -> AnyArray:
        """Coefficients (..., n_coef) to images (..., N1, N2): C^T."""
        ...

    def inverse(self, c: npt.ArrayLike) -> AnyArray:
        """The adjoint."""
        ...

    def apply_gain(self, x: npt.ArrayLike, gain: npt.ArrayLike) -> AnyArray:
        """C^T diag(gain) C x."""
        ...

    def energy(self, c: npt.ArrayLike) -> AnyArray:
        """|c|^2, (..., n_var)."""
        ...

    def accumulate_energy(self, x: npt.ArrayLike, out: AnyArray) -> None:
        """Add |C x|^2 of one image to `out`, (n_var,)."""
        ...

    def scale_by(self, c: npt.ArrayLike, gain: npt.ArrayLike) -> AnyArray:
        """diag(gain) c."""
        ...

    def variance(self, sigma2: npt.ArrayLike) -> AnyArray:
        """Exact E|C e|^2 of independent errors of variance sigma2(x), (n_var,)."""
        ...

    def wedge_variance(self, sigma2: npt.ArrayLike) -> AnyArray:
        """Sum of `variance` over each block, (len(blocks),)."""
        ...

    def local_variance(self, sigma2: npt.ArrayLike) -> AnyArray:
        """`variance` without the cross terms of a boundary extension, (n_var,)."""
        ...

    def local_variances(self, maps: Sequence[npt.ArrayLike]) -> Callable[[int], AnyArray]:
        """`local_variance` of several maps as a function of the number of a block: (number of maps, its size)."""
        ...

    def variance_from_spectrum(self, power: npt.ArrayLike) -> AnyArray:
        """Exact E|C e|^2 of homogeneous errors of power P(k), (n_var,)."""
        ...

    def rank_mask(self, c: npt.ArrayLike, fraction: float) -> npt.NDArray[np.bool_]:
        """True for the coefficients in the top fraction by modulus, variance layout."""
        ...
