"""Random fields on the sphere: harmonics, variance, correlation, keys, grids."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import sph_harm_y

from landda_hpc.constants import EARTH_RADIUS
from landda_hpc.errors import ConfigError, ShapeError
from landda_hpc.grid import Grid, gaussian_grid, regular_grid
from landda_hpc.random_fields.angular_spectra import Spectrum, gaussian_spectrum, mixed_spectrum
from landda_hpc.random_fields.keyed import keyed_generator
from landda_hpc.random_fields.sphere import (
    coefficient_count,
    grid_spacing_km,
    order_and_degree,
    random_field,
    synthesise,
    two_scale_field,
    white_coefficients,
)


def uneven_grid() -> Grid:
    lon = np.array([10.0, 11.0, 13.5, 20.0])
    lat = np.array([-30.0, -12.0, 40.0])
    return Grid(lat, lon, np.array([-40.0, -20.0, 0.0, 60.0]), np.array([9.0, 10.5, 12.0, 15.0, 25.0]), False)


@pytest.mark.parametrize(
    "grid",
    [
        regular_grid(12, 24),
        regular_grid(12, 24, west=-180.0, east=180.0),
        gaussian_grid(10, 20),
        regular_grid(8, 12, south=20.0, north=60.0, west=70.0, east=130.0),
        regular_grid(5, 7, south=23.0, north=68.0, west=73.0, east=117.0),
        uneven_grid(),
    ],
    ids=["regular", "from -180", "gaussian", "region on rings", "region off rings", "uneven"],
)
def test_synthesis_equals_the_sum_of_harmonics(grid: Grid) -> None:
    degree = 15  # more than the coarse grids resolve: their values are samples all the same
    coefficients = white_coefficients(degree, np.random.default_rng(3))
    m, ell = order_and_degree(degree)
    theta, phi = np.meshgrid(np.deg2rad(90.0 - grid.lat), np.deg2rad(grid.lon), indexing="ij")
    expected = np.zeros(grid.shape)
    for a, order, deg in zip(coefficients, m, ell, strict=True):
        expected += (1.0 if order == 0 else 2.0) * (a * sph_harm_y(deg, order, theta, phi)).real
    # Twelve digits of values of order 5; the summation's rounding.
    np.testing.assert_allclose(synthesise(coefficients, degree, grid), expected, atol=5e-11)


def test_coefficients_do_not_depend_on_truncation() -> None:
    low, high = (white_coefficients(degree, keyed_generator(1, "x")) for degree in (9, 25))
    m, ell = order_and_degree(9)
    m_high, ell_high = order_and_degree(25)
    position = {(int(a), int(b)): i for i, (a, b) in enumerate(zip(m_high, ell_high, strict=True))}
    np.testing.assert_array_equal(low, high[[position[int(a), int(b)] for a, b in zip(m, ell, strict=True)]])


def test_white_coefficients_have_unit_variance() -> None:
    draws = np.stack([white_coefficients(4, keyed_generator(1, "w", i)) for i in range(4000)])
    power = np.mean(np.abs(draws) ** 2, axis=0)
    np.testing.assert_allclose(power, 1.0, atol=5.0 * np.sqrt(2.0 / 4000))  # 5 sigma of the real ones
    assert np.all(draws[:, :5].imag == 0.0)
    cross = np.mean(draws.real[:, 5:] * draws.imag[:, 5:], axis=0)
    np.testing.assert_allclose(cross, 0.0, atol=5.0 * 0.5 / np.sqrt(4000))
    distinct = np.unique(np.concatenate([draws[0].real, draws[0].imag[5:]]))
    assert distinct.size == 25  # every normal is used once


def exponential_spectrum(length_km: float, degree: int) -> Spectrum:
    """Spectrum of exp(-d / L): (1 + l (l + 1) (L / R)^2)^(-3/2), rough; truncation smooths it."""
    ell = np.arange(degree + 1, dtype=np.float64)
    return Spectrum((1.0 + ell * (ell + 1.0) * (length_km * 1.0e3 / EARTH_RADIUS) ** 2) ** -1.5)


@given(st.floats(40.0, 30000.0), st.floats(40.0, 5000.0), st.floats(0.0, 1.0), st.integers(1, 200))
def test_spectra_have_unit_variance(length: float, other: float, share: float, degree: int) -> None:
    for spectrum in (
        gaussian_spectrum(length),
        exponential_spectrum(length, degree),
        mixed_spectrum(gaussian_spectrum(length), gaussian_spectrum(other), share),
    ):
        ell = np.arange(spectrum.degree + 1)
        assert np.sum((2 * ell + 1) * spectrum.power) / (4 * np.pi) == pytest.approx(1.0, abs=1e-12)
        assert spectrum.correlation(np.array([0.0]))[0] == pytest.approx(1.0, abs=1e-10)


@pytest.mark.parametrize("length", [150.0, 450.0, 1500.0])
def test_gaussian_spectrum_has_the_stated_correlation(length: float) -> None:
    distance = np.linspace(0.0, 5.0 * length, 60)
    stated = np.exp(-0.5 * (distance / length) ** 2)
    # Curvature enters with (L / R)^2 = 0.055 at 1500 km; the truncated tail with 1e-6.
    tolerance = 0.2 * (length * 1e3 / EARTH_RADIUS) ** 2 + 2e-6
    np.testing.assert_allclose(gaussian_spectrum(length).correlation(distance), stated, atol=tolerance)


def test_exponential_spectrum_has_the_stated_correlation() -> None:
    distance = np.linspace(200.0, 3000.0, 30)
    correlation = exponential_spectrum(800.0, 1000).correlation(distance)
    np.testing.assert_allclose(correlation, np.exp(-distance / 800.0), atol=0.02)


@given(st.floats(0.0, 1.0))
def test_mixed_spectrum_mixes_correlations(share: float) -> None:
    long, short = gaussian_spectrum(2000.0), gaussian_spectrum(300.0)
    distance = np.linspace(0.0, 4000.0, 9)
    np.testing.assert_allclose(
        mixed_spectrum(long, short, share).correlation(distance),
        share * long.correlation(distance) + (1 - share) * short.correlation(distance),
        atol=1e-10,
    )


def test_variance_and_correlation_by_monte_carlo() -> None:
    grid = regular_grid(24, 48)
    spectrum = gaussian_spectrum(1500.0)
    fields = np.stack([random_field(grid, spectrum, 5, "monte carlo", i) for i in range(600)])
    # About 16 independent patches on the circle at the equator, fewer towards the poles, 600 fields each.
    by_row = np.mean(fields**2, axis=(0, 2))
    np.testing.assert_allclose(by_row[[0, -1]], 1.0, atol=5 * np.sqrt(2.0 / 600))
    np.testing.assert_allclose(by_row[6:-6], 1.0, atol=5 * np.sqrt(2.0 / (600 * 8)))
    assert abs(np.mean(fields[:, 6:-6])) < 0.02
    row, km_per_column = 12, 2 * np.pi * EARTH_RADIUS * 1e-3 / 48 * np.cos(np.deg2rad(grid.lat[12]))
    for shift in range(5):
        zonal = np.mean(fields[:, row] * np.roll(fields[:, row], shift, axis=1))
        meridional = np.mean(fields[:, 10] * fields[:, 10 + shift])
        assert zonal == pytest.approx(np.exp(-0.5 * (shift * km_per_column / 1500.0) ** 2), abs=0.06)
        step = np.deg2rad(180.0 / 24) * EARTH_RADIUS * 1e-3
        assert meridional == pytest.approx(np.exp(-0.5 * (shift * step / 1500.0) ** 2), abs=0.06)


def test_no_seam_at_date_line_and_poles() -> None:
    grid = regular_grid(64, 128)
    fields = np.stack([random_field(grid, gaussian_spectrum(1200.0), 7, "seam", i) for i in range(30)])

    def rms(x: np.ndarray) -> float:
        return float(np.sqrt(np.mean(x**2)))

    seam = rms(fields[:, 20:44, 0] - fields[:, 20:44, -1])
    inside = rms(fields[:, 20:44, 1:] - fields[:, 20:44, :-1])
    assert seam == pytest.approx(inside, rel=0.25)
    # Across the pole lie the row's own points, one row spacing away.
    across = rms(fields[:, -1, :64] - fields[:, -1, 64:])
    along = rms(fields[:, -20] - fields[:, -21])
    assert across == pytest.approx(along, rel=0.35)


def test_large_scales_do_not_depend_on_resolution() -> None:
    fine, coarse = regular_grid(128, 256), regular_grid(64, 128)
    smooth = gaussian_spectrum(1500.0)
    blocks = random_field(fine, smooth, 2, "same").reshape(64, 2, 128, 2).mean(axis=(1, 3))
    # The mean over 2 x 2 fine cells differs from the coarse centre by curvature alone.
    np.testing.assert_allclose(blocks, random_field(coarse, smooth, 2, "same"), atol=0.02)
    # A rough field, truncated where each grid ends, keeps its large scales too.
    rough = [random_field(grid, exponential_spectrum(2000.0, grid.lat.size - 1), 2, "same") for grid in (fine, coarse)]
    blocks = rough[0].reshape(64, 2, 128, 2).mean(axis=(1, 3))
    assert np.corrcoef(blocks.ravel(), rough[1].ravel())[0, 1] > 0.98


def test_region_is_a_window_of_the_globe() -> None:
    globe = random_field(regular_grid(64, 128), gaussian_spectrum(600.0), 1, "window")
    region = regular_grid(16, 20, south=0.0, north=45.0, west=90.0, east=146.25)
    window = random_field(region, gaussian_spectrum(600.0), 1, "window")
    np.testing.assert_allclose(window, globe[32:48, 32:52], atol=1e-10)


def test_key_decides_the_bits() -> None:
    grid, spectrum = regular_grid(32, 64), gaussian_spectrum(500.0)
    first = random_field(grid, spectrum, 1, "sand", 3)
    random_field(grid, spectrum, 1, "clay")
    np.testing.assert_array_equal(first, random_field(grid, spectrum, 1, "sand", 3))
    for other in ((2, "sand", 3), (1, "sand", 4), (1, "clay", 3)):
        correlation = np.corrcoef(first.ravel(), random_field(grid, spectrum, *other).ravel())[0, 1]
        assert abs(correlation) < 0.3


def test_bits_do_not_depend_on_memory_alignment() -> None:
    grid = regular_grid(24, 48)
    coefficients = white_coefficients(30, np.random.default_rng(0))
    expected = synthesise(coefficients, 30, grid)
    store = np.empty(16 * coefficients.size + 64, dtype=np.uint8)
    for offset in range(0, 64, 8):
        moved = store[offset : offset + 16 * coefficients.size].view(np.complex128)
        moved[:] = coefficients
        np.testing.assert_array_equal(synthesise(moved, 30, grid), expected)


def test_two_scale_field_has_both_scales() -> None:
    grid = regular_grid(32, 64)
    pure = two_scale_field(grid, 2000.0, 200.0, 1.0, 1, "f")
    mixed = np.stack([two_scale_field(grid, 2000.0, 200.0, 0.7, 1, "f", i) for i in range(100)])
    assert np.mean((pure[:, 1:] - pure[:, :-1]) ** 2) < 0.2
    # Neighbouring columns at the equator are 626 km apart: the short share is uncorrelated there.
    expected = 0.7 * np.exp(-0.5 * (626.0 / 2000.0) ** 2) + 0.3 * np.exp(-0.5 * (626.0 / 200.0) ** 2)
    measured = np.mean(mixed[:, 15:17] * np.roll(mixed[:, 15:17], 1, axis=2))
    assert measured == pytest.approx(expected, abs=0.06)


def test_grid_measures() -> None:
    assert grid_spacing_km(regular_grid(128, 256)) == pytest.approx(156.4, abs=0.1)


def test_bad_input_is_named() -> None:
    for length in (0.0, -5.0, np.nan, np.inf):
        with pytest.raises(ConfigError, match="correlation length"):
            gaussian_spectrum(length)
    with pytest.raises(ConfigError, match="share"):
        mixed_spectrum(gaussian_spectrum(500.0), gaussian_spectrum(100.0), 1.5)
    with pytest.raises(ConfigError, match="non-negative"):
        Spectrum(np.array([1.0, -1.0]))
    with pytest.raises(ConfigError, match="without power"):
        Spectrum(np.zeros(3))
    with pytest.raises(ShapeError, match=rf"\({coefficient_count(4)},\)"):
        synthesise(np.zeros(3, dtype=np.complex128), 4, regular_grid(4, 8))
