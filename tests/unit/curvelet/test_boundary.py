"""Extensions: exact adjoints, energy kept, and what they are for: no leakage into fine scales."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landda_hpc.curvelet import Curvelet2D, extend, extended_shape, fold


@given(
    n1=st.integers(1, 20),
    n2=st.integers(1, 20),
    boundary=st.sampled_from(["none", "reflect", "double_fourier_sphere"]),
    seed=st.integers(0, 2**31),
)
def test_adjoint_and_energy(n1, n2, boundary, seed):
    n2 = 2 * n2 if boundary == "double_fourier_sphere" else n2
    big = extended_shape((n1, n2), boundary)
    rng = np.random.default_rng(seed)
    x, z = rng.standard_normal((n1, n2)), rng.standard_normal(big)
    extended = extend(x, boundary, np.empty(big))
    folded = fold(z, boundary, np.empty((n1, n2)))
    assert abs(np.sum(extended * z) - np.sum(x * folded)) < 1e-13 * max(1.0, np.abs(z).sum())
    assert abs(np.sum(extended**2) - np.sum(x**2)) < 1e-13 * np.sum(x**2)
    assert np.allclose(fold(extended, boundary, np.empty((n1, n2))), x, rtol=1e-15, atol=0)


def test_sphere_continues_meridians_beyond_the_pole():
    x = np.arange(12.0).reshape(3, 4)
    z = extend(x, "double_fourier_sphere", np.empty((6, 4))) * np.sqrt(2.0)
    assert np.allclose(z[3], np.roll(x[2], 2))
    assert np.allclose(z[5], np.roll(x[0], 2))


def monomials_on_sphere() -> np.ndarray:
    """Return 1, x, y, z, xy, yz, xz, xx, zz of the Cartesian coordinates at 128 x 256 centres: smooth."""
    latitude = np.deg2rad(-90.0 + (np.arange(128) + 0.5) * 180.0 / 128)[:, None]
    longitude = np.deg2rad((np.arange(256) + 0.5) * 360.0 / 256)[None, :]
    x, y = np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude)
    z = np.sin(latitude) * np.ones_like(longitude)
    return np.stack([np.ones_like(z), x, y, z, x * y, y * z, x * z, x * x, z * z])


def finest_share(frame: Curvelet2D, x: np.ndarray) -> float:
    energies = frame.wedge_energies(frame.forward(x))
    finest = [i for i, b in enumerate(frame.blocks) if b.scale == frame.n_scales - 1]
    return float(energies[finest].sum() / energies.sum())


@pytest.mark.parametrize("finest", ["curvelets", "wavelets"])
def test_leakage_of_a_smooth_field_into_the_finest_scale(finest):
    terms = monomials_on_sphere()
    raw = Curvelet2D((128, 256), finest=finest)
    reflected = Curvelet2D((128, 256), finest=finest, boundary="reflect")
    sphere = Curvelet2D((128, 256), finest=finest, boundary="double_fourier_sphere")
    contrast = terms[3] + 0.75 * terms[4]  # z + 3/4 x y: the poles differ, so the raw grid has a jump of 2
    assert finest_share(raw, contrast) == pytest.approx(0.0095, abs=5e-5)
    assert finest_share(reflected, contrast) < 1e-6
    assert finest_share(sphere, contrast) < 1e-25
    for seed in range(5):
        weights = np.random.default_rng(seed).standard_normal(len(terms))
        assert finest_share(sphere, np.tensordot(weights, terms, axes=1)) < 1e-25
