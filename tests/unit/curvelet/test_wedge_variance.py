"""Energies of independent errors by wedge, against the exact variances of single coefficients."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landda_hpc.curvelet.boundary import Boundary
from landda_hpc.curvelet.frame import Curvelet2D
from landda_hpc.curvelet.windows import Finest
from landda_hpc.errors import ShapeError

BOUNDARIES: tuple[Boundary, ...] = ("none", "reflect", "double_fourier_sphere")


def sums(frame: Curvelet2D, variance: np.ndarray) -> np.ndarray:
    return np.array([variance[block.variances].sum() for block in frame.blocks])


@settings(max_examples=30)
@given(
    boundary=st.sampled_from(BOUNDARIES),
    rows=st.integers(17, 40),
    half=st.integers(9, 24),
    finest=st.sampled_from(("curvelets", "wavelets")),
    seed=st.integers(0, 1000),
)
def test_sums_of_the_exact_variances(boundary: Boundary, rows: int, half: int, finest: Finest, seed: int) -> None:
    frame = Curvelet2D((rows, 2 * half), boundary=boundary, finest=finest)
    generator = np.random.default_rng(seed)
    sigma2 = generator.random(frame.shape) * (generator.random(frame.shape) < 0.6)
    np.testing.assert_allclose(frame.wedge_variance(sigma2), sums(frame, frame.variance(sigma2)), rtol=1e-10)


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_the_energy_of_all_wedges_is_that_of_the_image(boundary: Boundary) -> None:
    frame = Curvelet2D((32, 48), boundary=boundary)
    sigma2 = np.random.default_rng(1).random(frame.shape)
    assert frame.wedge_variance(sigma2).sum() == pytest.approx(sigma2.sum(), rel=1e-12)
    assert not frame.wedge_variance(np.zeros(frame.shape)).any()


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_a_complex_frame_has_every_wedge(boundary: Boundary) -> None:
    frame = Curvelet2D((20, 24), boundary=boundary, real=False)
    sigma2 = np.random.default_rng(2).random(frame.shape)
    np.testing.assert_allclose(frame.wedge_variance(sigma2), sums(frame, frame.variance(sigma2)), rtol=1e-10)


@pytest.mark.parametrize(
    ("boundary", "tolerance"), [("none", 1e-12), ("double_fourier_sphere", 0.02), ("reflect", 0.15)]
)
def test_local_variances_are_near_the_exact_ones(boundary: Boundary, tolerance: float) -> None:
    frame = Curvelet2D((64, 96), boundary=boundary)
    x, y = np.mgrid[0:1:64j, 0:1:96j]
    sigma2 = 1.5 + np.sin(5.0 * x) * np.cos(2.0 * np.pi * y)
    local, exact = frame.local_variance(sigma2), frame.variance(sigma2)
    np.testing.assert_allclose(sums(frame, local), sums(frame, exact), rtol=tolerance)
    assert np.corrcoef(local, exact)[0, 1] > 0.95
    of_block = frame.local_variances([np.ones(frame.shape), sigma2])
    for number, block in enumerate(frame.blocks):
        assert np.array_equal(of_block(number)[1], local[block.variances])


def test_negative_and_missing_variances_are_refused() -> None:
    frame = Curvelet2D((32, 48))
    for value in (-1.0, np.nan):
        sigma2 = np.ones(frame.shape)
        sigma2[3, 4] = value
        for of in (frame.wedge_variance, frame.local_variance):
            with pytest.raises(ShapeError, match="sigma2"):
                of(sigma2)
