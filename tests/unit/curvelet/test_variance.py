"""Exact variances against brute force: sums of |atom|^2 sigma^2, and C P C^T for homogeneous errors."""

from __future__ import annotations

import numpy as np
import pytest

from landda_hpc.curvelet import Curvelet2D
from landda_hpc.errors import ShapeError

SHAPES = [(17, 23), (18, 20), (24, 17), (19, 22)]
BOUNDARIES = ["none", "reflect", "double_fourier_sphere"]


def brute_force(frame: Curvelet2D, root: np.ndarray) -> np.ndarray:
    """Return E|C e|^2 for e = root xi, xi white of unit variance; root is (cells, cells)."""
    columns = np.ascontiguousarray(root.T).reshape(-1, *frame.shape)
    return frame.energy(frame.forward(columns if not frame.real else columns.real)).sum(axis=0)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("finest", ["curvelets", "wavelets"])
@pytest.mark.parametrize("real", [True, False])
def test_diagonal_variance_equals_brute_force(shape, boundary, finest, real):
    if boundary == "double_fourier_sphere" and shape[1] % 2:
        with pytest.raises(ShapeError):
            Curvelet2D(shape, boundary=boundary)
        return
    frame = Curvelet2D(shape, finest=finest, boundary=boundary, real=real)
    sigma2 = np.random.default_rng(7).random(shape) ** 3
    expected = brute_force(frame, np.diag(np.sqrt(sigma2.ravel())))
    # Rounding of sums over all pairs of wavenumbers; measured 2e-14.
    assert np.allclose(frame.variance(sigma2), expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_variance_with_unobserved_cells(boundary):
    """Variance zero over most cells: small values come from cancelling sums, to rounding of the largest."""
    frame = Curvelet2D((20, 26), boundary=boundary)
    sigma2 = np.zeros(frame.shape)
    sigma2[:6, 3:9] = 0.01
    expected = brute_force(frame, np.diag(np.sqrt(sigma2.ravel())))
    v = frame.variance(sigma2)
    assert np.all(v >= 0.0)
    assert np.abs(v - expected).max() < 1e-14 * expected.max()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("finest", ["curvelets", "wavelets"])
@pytest.mark.parametrize("real", [True, False])
def test_spectral_variance_equals_brute_force(shape, boundary, finest, real):
    if boundary == "double_fourier_sphere" and shape[1] % 2:
        pytest.skip("the sphere needs an even number of longitudes")
    frame = Curvelet2D(shape, finest=finest, boundary=boundary, real=real)
    power = np.random.default_rng(8).random(shape) + 0.1
    if real:
        power = power + np.roll(power[::-1, ::-1], (1, 1), axis=(0, 1))
    n = shape[0] * shape[1]
    unit = np.eye(n).reshape(n, *shape)
    # e = F^H P^1/2 F xi, real for an even P.
    filtered = np.fft.ifft2(np.fft.fft2(unit) * np.sqrt(power))
    expected = brute_force(frame, filtered.reshape(n, n).T)
    assert np.allclose(frame.variance_from_spectrum(power), expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_white_noise_gives_atom_norms_either_way(boundary):
    frame = Curvelet2D((34, 40), finest="wavelets", boundary=boundary)
    white = np.full(frame.shape, 0.0225)
    assert np.allclose(frame.variance(white), frame.variance_from_spectrum(white), rtol=1e-12, atol=0)
    # trace of C C^T: the frame is Parseval
    assert np.isclose(frame.variance(white).sum(), white.sum(), rtol=1e-13)


def test_gain_of_white_errors_is_the_pointwise_one():
    frame = Curvelet2D((48, 64), boundary="double_fourier_sphere")
    land = (np.random.default_rng(0).random(frame.shape) < 0.4).astype(float)
    b, r = frame.variance(0.15**2 * land), frame.variance(0.10**2 * land)
    assert np.abs(b / (b + r) - 9.0 / 13.0).max() < 1e-14


def test_sample_variance_tends_to_the_exact_one():
    frame = Curvelet2D((32, 40), boundary="reflect")
    rng = np.random.default_rng(1)
    sigma = 0.05 + 0.1 * rng.random(frame.shape)
    sampled = np.zeros(frame.n_var)
    members = 400
    for _ in range(members):
        frame.accumulate_energy(sigma * rng.standard_normal(frame.shape), sampled)
    ratio = sampled / members / frame.variance(sigma**2)
    # Ratio of a mean of chi-square values: std about 1 / sqrt(400) for complex coefficients.
    assert abs(ratio.mean() - 1.0) < 0.01
    assert ratio.std() < 0.08


def test_single_precision_streams_into_double():
    frame = Curvelet2D((32, 32), dtype=np.float32)
    x = np.random.default_rng(0).standard_normal((32, 32)).astype(np.float32)
    out = np.zeros(frame.n_var)
    frame.accumulate_energy(x, out)
    assert np.allclose(out, frame.energy(frame.forward(x)), rtol=1e-6)
    assert frame.variance(np.ones((32, 32))).dtype == np.float32


def test_bad_maps():
    frame = Curvelet2D((20, 20))
    with pytest.raises(ShapeError, match="sigma2"):
        frame.variance(np.ones((20, 21)))
    with pytest.raises(ShapeError, match="missing"):
        frame.variance(np.full((20, 20), np.nan))
    lopsided = np.zeros((20, 20))
    lopsided[1, 2] = 1.0
    with pytest.raises(ShapeError, match="even"):
        frame.variance_from_spectrum(lopsided)


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_repeated_and_scaled_maps(boundary):
    """What is kept between calls changes no value, whatever the order of maps, and is not handed out."""
    rng = np.random.default_rng(5)
    maps = [rng.random((20, 22)) for _ in range(3)]
    maps.append(0.5 * maps[0])
    frame = Curvelet2D((20, 22), boundary=boundary)
    for i in (0, 0, 3, 1, 2, 0, 3, 2, 1):
        v = frame.variance(maps[i])
        assert np.array_equal(v, Curvelet2D((20, 22), boundary=boundary).variance(maps[i]))
        v[:] = np.nan
    assert np.array_equal(frame.variance(maps[3]), 0.5 * frame.variance(maps[0]))
    assert np.all(frame.variance(np.zeros((20, 22))) == 0.0)
