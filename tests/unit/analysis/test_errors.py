"""Error models: closed forms, covariances written out, keys, spectra per wedge."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from landda_hpc.analysis.error_models import (
    ClimatologicalErrors,
    CorrelatedErrors,
    ErrorModel,
    PlaneField,
    SphereField,
    WhiteErrors,
)
from landda_hpc.analysis.protocol import MemberSums
from landda_hpc.analysis.wedge_variances import WedgeSpectrum, archive_spectrum, block_sums
from landda_hpc.constants import EARTH_RADIUS, FloatArray
from landda_hpc.curvelet import Curvelet2D
from landda_hpc.errors import DataError, MissingFileError, ShapeError
from landda_hpc.formats.own.wedge_spectra import read_wedge_spectrum, write_wedge_spectrum
from landda_hpc.grid import regular_grid
from landda_hpc.random_fields.angular_spectra import gaussian_spectrum

Share = Callable[[int], MemberSums]
SHAPE = (20, 24)
WHOLE = np.ones(SHAPE, dtype=np.bool_)


def dense(frame: Curvelet2D, errors: ErrorModel) -> FloatArray:
    """Covariance matrix by columns."""
    n = SHAPE[0] * SHAPE[1]
    return np.stack([errors.covariance_times(frame, np.eye(n)[i].reshape(SHAPE)).reshape(-1) for i in range(n)], axis=1)


def test_plane_errors_have_a_closed_form_that_draws_confirm(members: Share) -> None:
    frame = Curvelet2D(SHAPE, angles_coarse=8)
    errors = CorrelatedErrors(PlaneField(SHAPE, 2.0), 0.1, 0.03, 1, "background", members(10))
    exact = errors.variance(frame, WHOLE)
    energy = np.zeros(frame.n_var)
    for member in range(600):
        frame.accumulate_energy(errors.perturbation(WHOLE, "t", member), energy)
    # Variances of single coefficients of 600 draws: 4 to 6 %; sums over wedges much less.
    np.testing.assert_allclose(
        block_sums(energy, frame.blocks) / 600, block_sums(exact, frame.blocks), rtol=0.08, atol=1e-9
    )
    assert exact.sum() == pytest.approx((0.1**2 + 0.03**2) * WHOLE.size, rel=1e-12)


def test_white_power_gives_white_variances(members: Share) -> None:
    """A correlation of no length at all is white noise, in every formula."""
    frame = Curvelet2D(SHAPE, angles_coarse=8)
    short = CorrelatedErrors(PlaneField(SHAPE, 1e-3), 0.1, 0.0, 1, "background", members(10))
    white = WhiteErrors(0.1, 1, "background")
    np.testing.assert_allclose(short.variance(frame, WHOLE), white.variance(frame, WHOLE), rtol=1e-10)
    image = np.random.default_rng(1).standard_normal(SHAPE)
    np.testing.assert_allclose(
        short.covariance_times(frame, image), white.covariance_times(frame, image), rtol=1e-10, atol=1e-14
    )


@pytest.mark.parametrize("boundary", ["none", "double_fourier_sphere", "reflect"])
def test_masked_variance_is_estimated_once_and_near_the_mean_energy(members: Share, boundary: str) -> None:
    grid = regular_grid(*SHAPE)
    frame = Curvelet2D(SHAPE, angles_coarse=8, boundary=boundary)  # type: ignore[arg-type]
    domain = np.random.default_rng(2).random(SHAPE) < 0.5
    std = np.where(domain, np.random.default_rng(3).uniform(0.05, 0.15, SHAPE), np.nan)
    errors = CorrelatedErrors(SphereField(grid, 1500.0), std, 0.02, 1, "background", members(150))
    variance = errors.variance(frame, domain)
    assert errors.variance(frame, domain.copy()) is variance
    # tr of the variances is the variance of the image: the frame is tight. 150 draws of few degrees of freedom.
    expected = (std[domain] ** 2 + 0.02**2).sum()
    assert variance.sum() == pytest.approx(expected, rel=0.1)
    np.testing.assert_allclose(errors.standard_deviation(domain)[domain], np.sqrt(std[domain] ** 2 + 0.02**2))


def test_a_field_s_own_covariance_is_its_correlation(members: Share) -> None:
    """Great-circle Gaussian on the sphere, torus Gaussian on the plane; unit variance where anisotropic."""
    frame, grid = Curvelet2D(SHAPE, angles_coarse=8), regular_grid(*SHAPE)
    std = np.random.default_rng(1).uniform(0.05, 0.15, SHAPE)
    unit = np.zeros(SHAPE)
    unit[11, 5] = 1.0
    lat, lon = np.deg2rad(np.meshgrid(grid.lat, grid.lon, indexing="ij"))
    cosine = np.sin(lat) * np.sin(lat[11, 5]) + np.cos(lat) * np.cos(lat[11, 5]) * np.cos(lon - lon[11, 5])
    km = np.arccos(np.clip(cosine, -1.0, 1.0)) * EARTH_RADIUS * 1e-3
    sphere = CorrelatedErrors(SphereField(grid, 2000.0), std, 0.03, 1, "b", members(10), "field")
    expected = std * std[11, 5] * gaussian_spectrum(2000.0).correlation(km) + 0.03**2 * unit
    np.testing.assert_allclose(sphere.covariance_times(frame, unit), expected, atol=1e-14)
    rows, columns = np.indices(SHAPE)
    dy, dx = np.minimum((rows - 11) % 20, (11 - rows) % 20), np.minimum((columns - 5) % 24, (5 - columns) % 24)
    plane = CorrelatedErrors(PlaneField(SHAPE, 1.5), 0.1, 0.0, 1, "b", members(10), "field")
    np.testing.assert_allclose(
        plane.covariance_times(frame, unit), 0.01 * np.exp(-0.5 * (dy**2 + dx**2) / 1.5**2), atol=1e-5
    )
    stretched = CorrelatedErrors(SphereField(grid, 1500.0, 4000.0), 1.0, 0.0, 1, "b", members(10), "field")
    column = stretched.covariance_times(frame, unit)
    assert column[11, 5] == pytest.approx(1.0, abs=1e-12)
    # 30 degrees east and 18 degrees north, near the equator: exp(-1/2 (3325 / 4000)^2), exp(-1/2 (2002 / 1500)^2).
    assert column[11, 7] == pytest.approx(0.708, abs=0.02)
    assert column[13, 5] == pytest.approx(0.410, abs=0.03)


@pytest.mark.parametrize("boundary", ["none", "double_fourier_sphere"])
def test_covariance_is_symmetric_positive_and_has_the_right_trace(members: Share, boundary: str) -> None:
    frame = Curvelet2D(SHAPE, angles_coarse=8, boundary=boundary)  # type: ignore[arg-type]
    grid = regular_grid(*SHAPE)
    for errors in (
        CorrelatedErrors(SphereField(grid, 2000.0), 0.1, 0.03, 1, "background", members(100)),
        CorrelatedErrors(PlaneField(SHAPE, 2.0), 0.1, 0.03, 1, "background", members(10)),
    ):
        matrix = dense(frame, errors)
        np.testing.assert_allclose(matrix, matrix.T, atol=1e-14)
        assert np.linalg.eigvalsh(matrix).min() > 0.9 * 0.03**2
        assert np.trace(matrix) == pytest.approx((0.1**2 + 0.03**2) * WHOLE.size, rel=0.1)


def test_climatological_perturbations_have_their_covariance() -> None:
    frame = Curvelet2D(SHAPE, angles_coarse=8)
    s = np.random.default_rng(5).uniform(0.0, 0.02, len(frame.blocks))
    errors = ClimatologicalErrors(frame, WedgeSpectrum.of(frame, s), 1, "background")
    expected = dense(frame, errors)
    np.testing.assert_allclose(np.diag(expected), errors.standard_deviation(WHOLE).reshape(-1) ** 2, rtol=1e-9)
    draws = np.stack([errors.perturbation(WHOLE, "t", m).reshape(-1) for m in range(4000)])
    found = draws.T @ draws / 4000
    assert np.abs(found - expected).max() < 0.1 * expected.max()


def test_one_variance_for_all_wedges_is_white_noise() -> None:
    frame = Curvelet2D(SHAPE, angles_coarse=8, boundary="double_fourier_sphere")
    flat = WedgeSpectrum.of(frame, np.full(len(frame.blocks), 0.01))
    errors, white = ClimatologicalErrors(frame, flat, 1, "background"), WhiteErrors(0.1, 1, "background")
    domain = np.random.default_rng(2).random(SHAPE) < 0.5
    np.testing.assert_allclose(errors.variance(frame, domain), white.variance(frame, domain), rtol=1e-12)
    np.testing.assert_allclose(errors.covariance_times(frame, 1.0 * domain), 0.01 * domain, atol=1e-15)
    assert flat.total(frame) == pytest.approx(0.01, rel=1e-12)


@pytest.mark.parametrize("about_mean", [True, False])
def test_spectrum_of_a_white_archive_is_its_variance(about_mean: bool) -> None:
    """On any mask, that changes from image to image; a constant bias counts only if it is kept, at the coarsest scale.

    Seen through holes at random, a constant has energy at all scales: 0.05^2 x 0.52 of it, which is taken out.
    """
    frame = Curvelet2D((32, 40))
    rng = np.random.default_rng(1)
    domain = rng.random((32, 40)) < 0.6
    images = [
        np.where(rng.random((32, 40)) < 0.8, 0.1 * rng.standard_normal((32, 40)) + 0.05, np.nan) for _ in range(40)
    ]
    spectrum = archive_spectrum(frame, images, domain, about_mean)
    fine = spectrum.variance[spectrum.scale == frame.n_scales - 1]
    assert fine.mean() == pytest.approx(0.01, rel=0.04)
    # Single wedges overlap, which makes their numbers less certain than their mean.
    np.testing.assert_allclose(fine, 0.01, rtol=0.25)
    assert bool(spectrum.variance[0] > 1.8 * fine.mean()) is not about_mean


def test_spectra_of_other_frames_and_bad_values_are_refused() -> None:
    frame, other = Curvelet2D((32, 40)), Curvelet2D((32, 40), angles_coarse=8)
    spectrum = WedgeSpectrum.of(frame, np.ones(len(frame.blocks)))
    with pytest.raises(DataError, match="same frame"):
        ClimatologicalErrors(other, spectrum, 1, "background")
    with pytest.raises(DataError, match="non-negative"):
        WedgeSpectrum.of(frame, -np.ones(len(frame.blocks)))
    with pytest.raises(ShapeError):
        WedgeSpectrum.of(frame, np.ones(3))
    with pytest.raises(DataError, match="archive"):
        archive_spectrum(frame, [], np.ones((32, 40), dtype=np.bool_))
    with pytest.raises(DataError, match="no image"):
        archive_spectrum(frame, [np.full((32, 40), np.nan)] * 2, np.ones((32, 40), dtype=np.bool_))


def test_a_spectrum_file_says_what_it_holds(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Older files hold the ratio of energies, with the archive's mask in it: they are read, and reported."""
    new, old = tmp_path / "new.csv", tmp_path / "old.csv"
    write_wedge_spectrum(new, np.array([0, 1]), np.array([0, 0]), np.array([0.5, 0.25]))
    lines = new.read_text().splitlines()
    assert lines[0].startswith("# variances of the errors themselves") and lines[1] == "scale,wedge,variance_m6_m-6"
    old.write_text("\n".join(lines[1:]) + "\n")
    assert [a.tolist() for a in read_wedge_spectrum(new)] == [[0, 1], [0, 0], [0.5, 0.25]]
    assert not caplog.text
    assert [a.tolist() for a in read_wedge_spectrum(old)] == [[0, 1], [0, 0], [0.5, 0.25]]
    assert "create it again" in caplog.text
    old.write_text("# a note\n" + "\n".join(lines[1:]) + "\n0,1\n")
    with pytest.raises(DataError, match="line 5"):
        read_wedge_spectrum(old)


def test_spectrum_file_is_read_back_to_the_bit(tmp_path: Path) -> None:
    frame = Curvelet2D((32, 40))
    spectrum = WedgeSpectrum.of(frame, np.random.default_rng(1).random(len(frame.blocks)))
    path = tmp_path / "b.csv"
    write_wedge_spectrum(path, spectrum.scale, spectrum.wedge, spectrum.variance)
    again = WedgeSpectrum(*read_wedge_spectrum(path))
    again.require(frame)
    assert again.variance.tobytes() == spectrum.variance.tobytes()


@pytest.mark.parametrize(
    "text", ["", "scale,wedge\n0,0\n", "scale,wedge,variance_m6_m-6\n", "scale,wedge,variance_m6_m-6\n0,0,-1\n",
             "scale,wedge,variance_m6_m-6\n0,x,1\n", "scale,wedge,variance_m6_m-6\n0,0,1,2\n"],
)  # fmt: skip
def test_damaged_spectrum_files_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "b.csv"
    path.write_text(text)
    with pytest.raises(DataError):
        read_wedge_spectrum(path)


def test_a_missing_spectrum_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"b\.csv"):
        read_wedge_spectrum(tmp_path / "b.csv")


def test_a_map_of_errors_must_cover_the_domain() -> None:
    std = np.full(SHAPE, 0.1)
    std[3, 4] = np.nan
    errors = WhiteErrors(std, 1, "background")
    with pytest.raises(DataError, match="1 of the domain"):
        errors.standard_deviation(WHOLE)
    partial = WHOLE.copy()
    partial[3, 4] = False
    assert np.isfinite(errors.perturbation(partial, "t", 0)).all()
    assert errors.standard_deviation(partial)[3, 4] == 0.0


def test_realisations_depend_on_their_key_alone(members: Share) -> None:
    grid = regular_grid(*SHAPE)
    frame = Curvelet2D(SHAPE, angles_coarse=8)
    flat = WedgeSpectrum.of(frame, np.full(len(frame.blocks), 0.01))

    def models(seed: int, purpose: str) -> list[ErrorModel]:
        return [
            CorrelatedErrors(SphereField(grid, 1500.0), 0.1, 0.03, seed, purpose, members(10)),
            CorrelatedErrors(SphereField(grid, 1500.0, 3000.0), 0.1, 0.0, seed, purpose, members(10)),
            CorrelatedErrors(PlaneField(SHAPE, 2.0), 0.1, 0.03, seed, purpose, members(10)),
            ClimatologicalErrors(frame, flat, seed, purpose),
        ]

    for first, same, seed, purpose in zip(
        models(1, "background"), models(1, "background"), models(2, "background"), models(1, "observation"), strict=True
    ):
        one = first.perturbation(WHOLE, "t", 0)
        assert one.tobytes() == same.perturbation(WHOLE, "t", 0).tobytes()
        for other in (
            first.perturbation(WHOLE, "t", 1), first.perturbation(WHOLE, "u", 0), seed.perturbation(WHOLE, "t", 0),
            purpose.perturbation(WHOLE, "t", 0),
        ):  # fmt: skip
            assert not np.array_equal(one, other)
