"""What the tests of the curvelet frame share."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from landda_hpc.curvelet import Curvelet2D

# Odd, even, prime, square and not, from the smallest side that has two scales.
SIDES = st.sampled_from([17, 18, 19, 20, 23, 24, 31, 32, 33, 37, 45, 64])


@st.composite
def frames(draw: st.DrawFn, dtype: npt.DTypeLike = np.float64) -> Curvelet2D:
    shape = (draw(SIDES), draw(SIDES))
    boundaries = ["none", "reflect"] + ([] if shape[1] % 2 else ["double_fourier_sphere"])
    return Curvelet2D(
        shape,
        angles_coarse=draw(st.sampled_from([8, 16])),
        finest=draw(st.sampled_from(["curvelets", "wavelets"])),
        boundary=draw(st.sampled_from(boundaries)),
        dtype=dtype,
        real=draw(st.booleans()),
    )


def random_like(frame: Curvelet2D, seed: int, *shape: int) -> npt.NDArray[np.floating]:
    rng = np.random.default_rng(seed)
    values = rng.standard_normal(shape)
    if frame.real:
        return values.astype(frame.dtype)
    return (values + 1j * rng.standard_normal(shape)).astype(frame.coef_dtype)
