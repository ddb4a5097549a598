"""Anisotropic, planar and smoothed fields against closed forms and sums written out."""

from __future__ import annotations

import numpy as np
import pytest

from landda_hpc.constants import EARTH_RADIUS, FloatArray
from landda_hpc.errors import ConfigError, ShapeError
from landda_hpc.grid import Grid, gaussian_grid, grid_from_centres, regular_grid
from landda_hpc.random_fields.angular_spectra import gaussian_spectrum
from landda_hpc.random_fields.anisotropic import (
    anisotropic_field,
    anisotropic_power,
    two_scale_anisotropic_field,
    variance_by_latitude,
)
from landda_hpc.random_fields.plane import gaussian_power, periodic_field
from landda_hpc.random_fields.smoothing import GaussianSmoother
from landda_hpc.random_fields.sphere import order_and_degree, random_field, two_scale_field


def test_equal_lengths_are_the_isotropic_field() -> None:
    grid = regular_grid(16, 32)
    one = anisotropic_field(grid, 900.0, 900.0, 1, "x")
    np.testing.assert_allclose(one, random_field(grid, gaussian_spectrum(900.0), 1, "x"), atol=1e-12)


def test_variance_by_latitude_is_the_sum_over_degrees_where_isotropic() -> None:
    degree, power = anisotropic_power(700.0, 700.0)
    _, ell = order_and_degree(degree)
    expected = sum((2 * n + 1) / (4 * np.pi) * power[ell == n][0] for n in range(degree + 1))
    lat = np.array([-90.0, -89.0, -30.0, 0.0, 12.3, 90.0])
    np.testing.assert_allclose(variance_by_latitude(lat, degree, power), expected, rtol=1e-12)


def test_anisotropic_fields_have_unit_variance_and_the_lengths_asked_for() -> None:
    grid = regular_grid(30, 72)
    fields = np.stack([anisotropic_field(grid, 500.0, 1500.0, 3, "a", n) for n in range(300)])
    # 300 realisations x about 20 independent places along a row: 2 % of the variance.
    np.testing.assert_allclose((fields**2).mean(axis=(0, 2)), 1.0, atol=0.12)
    row = 15  # 3 degrees north
    zonal = (fields[:, row] * np.roll(fields[:, row], 2, axis=1)).mean()
    meridional = (fields[:, row] * fields[:, row + 1]).mean()
    step = np.deg2rad(1.0) * EARTH_RADIUS * 1e-3
    assert zonal == pytest.approx(np.exp(-0.5 * (10 * step * np.cos(np.deg2rad(3.0)) / 1500.0) ** 2), abs=0.04)
    assert meridional == pytest.approx(np.exp(-0.5 * (6 * step / 500.0) ** 2), abs=0.04)


def test_plane_power_is_the_transform_of_the_correlation() -> None:
    power = gaussian_power((12, 18), 1.5, 2.5)
    assert power.mean() == pytest.approx(1.0, abs=1e-14)
    correlation = np.fft.ifft2(power).real
    assert correlation[1, 0] == pytest.approx(np.exp(-0.5 / 1.5**2), abs=2e-3)
    assert correlation[0, 2] == pytest.approx(np.exp(-0.5 * 4 / 2.5**2), abs=2e-3)


def test_plane_fields_have_their_power() -> None:
    power = gaussian_power((9, 12), 1.0, 1.5)
    fields = np.stack([periodic_field(power, 5, "p", n) for n in range(4000)])
    found = (np.abs(np.fft.fft2(fields, norm="ortho")) ** 2).mean(axis=0)
    # A power of 4000 (complex: 1.6 %, real: 2.2 %) draws, largest of 108.
    np.testing.assert_allclose(found, power, rtol=0.1, atol=1e-9)


@pytest.mark.parametrize(
    "grid",
    [
        regular_grid(18, 36),
        gaussian_grid(16, 30),
        regular_grid(12, 17, south=23.0, north=68.0, west=73.0, east=73.0 + 17 * 3.0),
    ],
    ids=["global", "gaussian", "region"],
)
def test_smoothing_is_the_sum_over_all_cells(grid: Grid) -> None:
    length = 1200.0
    rng = np.random.default_rng(0)
    field = rng.standard_normal(grid.shape)
    lat, lon = np.deg2rad(np.meshgrid(grid.lat, grid.lon, indexing="ij"))
    points = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1).reshape(-1, 3)
    chord = np.linalg.norm(points[:, None] - points[None], axis=-1)
    distance = 2 * np.arcsin(np.minimum(0.5 * chord, 1.0)) * EARTH_RADIUS * 1e-3 / length
    kernel: FloatArray = np.where(distance <= 5.0, np.exp(-0.5 * distance**2), 0.0)
    expected = (kernel @ field.reshape(-1)).reshape(grid.shape)
    # The kernel is cut at 4e-6, and a distance at the cut may fall on either side.
    smoother = GaussianSmoother(grid, length)
    np.testing.assert_allclose(smoother(field), expected, atol=1e-4)
    assert np.array_equal(smoother(np.stack([2.0 * field, field, -field]))[1], smoother(field))


def test_bad_lengths_and_grids_are_refused() -> None:
    grid = regular_grid(16, 32)
    with pytest.raises(ConfigError):
        GaussianSmoother(grid, 0.0)
    with pytest.raises(ConfigError):
        gaussian_power((4, 4), -1.0, 1.0)
    with pytest.raises(ConfigError):
        anisotropic_power(100.0, float("inf"))
    with pytest.raises(ShapeError):
        GaussianSmoother(grid, 500.0)(np.zeros((3, 3)))
    with pytest.raises(ShapeError, match="equally spaced"):
        GaussianSmoother(grid_from_centres(np.array([0.0, 1.0]), np.array([0.0, 1.0, 5.0])), 500.0)


def test_a_two_scale_field_may_be_longer_along_parallels() -> None:
    grid = regular_grid(48, 96)
    equal = two_scale_anisotropic_field(grid, (900.0, 900.0), 300.0, 0.7, 3, "a", 1)
    assert np.array_equal(equal, two_scale_field(grid, 900.0, 300.0, 0.7, 3, "a", 1))
    fields = np.array([two_scale_anisotropic_field(grid, (800.0, 3200.0), 400.0, 0.7, 3, "a", k) for k in range(60)])
    tropics = fields[:, 18:30]
    assert float(np.mean(tropics**2)) == pytest.approx(1.0, abs=0.1)
    along_lon = float(np.mean(tropics * np.roll(tropics, 4, axis=2)))
    along_lat = float(np.mean(fields[:, 16:28] * fields[:, 20:32]))
    assert along_lon > along_lat + 0.2
