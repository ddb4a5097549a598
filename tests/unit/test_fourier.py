"""Two libraries of Fourier transforms: the same results, an explicit choice, a clear error where one is missing."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from scipy.special import sph_harm_y

from landda_hpc import fourier
from landda_hpc.config import load_config
from landda_hpc.curvelet import Curvelet2D
from landda_hpc.errors import ConfigError
from landda_hpc.grid import gaussian_grid, regular_grid
from landda_hpc.instances.domain import make_domain
from landda_hpc.instances.trajectory import changed_trajectory
from landda_hpc.io.provenance import software
from landda_hpc.random_fields.angular_spectra import gaussian_spectrum
from landda_hpc.random_fields.harmonics import ring_analysis, ring_synthesis
from landda_hpc.random_fields.plane import gaussian_power, periodic_field
from landda_hpc.random_fields.smoothing import GaussianSmoother
from landda_hpc.random_fields.sphere import coefficient_count, order_and_degree, random_field, white_coefficients
from landda_hpc.random_fields.sphere_covariance import SphereCovariance


@pytest.fixture(autouse=True)
def _own_choice() -> Iterator[None]:
    with fourier.chosen_for("ducc0"):
        yield


@pytest.mark.parametrize("real", [True, False])
@pytest.mark.parametrize("boundary", ["none", "reflect", "double_fourier_sphere"])
@pytest.mark.parametrize("finest", ["curvelets", "wavelets"])
def test_curvelets_agree_to_round_off(finest, boundary, real) -> None:
    rng = np.random.default_rng(0)
    image = rng.standard_normal((33, 46)) + (0 if real else 1j * rng.standard_normal((33, 46)))
    frames = [
        Curvelet2D((33, 46), finest=finest, boundary=boundary, real=real, fft=name) for name in ("ducc0", "scipy")
    ]
    gain = rng.random(frames[0].n_var)
    sigma2, power = rng.random((33, 46)), np.ones((33, 46))
    found = []
    for frame in frames:
        c = frame.forward(image)
        kept = c.copy()
        back = frame.inverse(c)
        np.testing.assert_array_equal(c, kept)  # transforms in place touch no argument
        np.testing.assert_allclose(back, image, atol=1e-13)
        energy = np.zeros(frame.n_var)
        frame.accumulate_energy(image, energy)
        found.append(
            [c, back, energy, frame.apply_gain(image, gain), frame.variance(sigma2)]
            + ([] if boundary == "reflect" else [frame.variance_from_spectrum(power)])
        )
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-14 * np.abs(one).max())


def test_single_precision_stays_single() -> None:
    image = np.random.default_rng(0).standard_normal((40, 36)).astype(np.float32)
    one, other = (Curvelet2D((40, 36), dtype=np.float32, fft=name).forward(image) for name in ("ducc0", "scipy"))
    assert one.dtype == other.dtype == np.float32
    np.testing.assert_allclose(one, other, atol=2e-6)


def test_batches_and_threads_keep_the_bits_with_either() -> None:
    images = np.random.default_rng(1).standard_normal((5, 32, 48))
    frame = Curvelet2D((32, 48), boundary="double_fourier_sphere", fft="scipy")
    loop = np.stack([frame.forward(image) for image in images])
    np.testing.assert_array_equal(frame.forward(images, threads=3), loop)


@pytest.mark.parametrize(
    "grid",
    [
        gaussian_grid(32, 64),
        regular_grid(8, 12, south=20.0, north=60.0, west=70.0, east=130.0),
        regular_grid(5, 7, south=23.0, north=68.0, west=73.0, east=117.0),
    ],
)
def test_random_fields_agree_to_round_off(grid) -> None:
    spectrum = gaussian_spectrum(300.0)
    fields = []
    for name in ("ducc0", "scipy"):
        with fourier.chosen_for(name):
            fields.append(random_field(grid, spectrum, 1, "field"))
    np.testing.assert_allclose(*fields, atol=1e-11)


def test_smoothing_covariance_and_plane_agree_to_round_off() -> None:
    grid = gaussian_grid(16, 32)
    image = np.random.default_rng(2).standard_normal(grid.shape)
    power = np.exp(-np.arange(coefficient_count(20)) / 50.0)
    found = []
    for name in ("ducc0", "scipy"):
        with fourier.chosen_for(name):
            found.append(
                [
                    GaussianSmoother(grid, 800.0)(image),
                    SphereCovariance(grid, 20, power)(image),
                    periodic_field(gaussian_power((24, 31), 3.0, 4.0), 1, "plane"),
                ]
            )
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-11 * np.abs(one).max())


def test_own_harmonics_near_the_poles_at_high_degree() -> None:
    # P_mm underflows there (sin(1 degree)^400 = 1e-703), while P_lm of l sin(theta) > m does not.
    colatitude = np.deg2rad(np.array([1.0, 40.0, 90.0, 179.0]))
    degree, m, ell = 1200, 5, 1200
    rng = np.random.default_rng(0)
    for order, deg in ((m, ell), (15, 1100), (0, 1200), (1200, 1200)):
        coefficients = np.zeros(coefficient_count(degree), dtype=np.complex128)
        orders, degrees = order_and_degree(degree)
        coefficients[(orders == order) & (degrees == deg)] = 1.0
        with fourier.chosen_for("scipy"):
            field = ring_synthesis(coefficients, degree, colatitude, 0.3, 7)
        phi = 0.3 + np.arange(7) * 2.0 * np.pi / 7
        # scipy.special itself gives NaN where P_mm underflows on the way: rows where it does not.
        harmonic = sph_harm_y(deg, order, colatitude[:, None], phi[None, :]).real * (1.0 if order == 0 else 2.0)
        is_known = np.isfinite(harmonic)
        assert np.isfinite(field).all()
        np.testing.assert_allclose(field[is_known], harmonic[is_known], atol=1e-9)
    white = white_coefficients(2600, rng)
    both = []
    for name in ("ducc0", "scipy"):
        with fourier.chosen_for(name):
            both.append(ring_synthesis(white, 2600, colatitude, 0.0, 16))
    np.testing.assert_allclose(*both, atol=1e-9 * np.abs(both[0]).max())


def test_own_analysis_is_the_adjoint_of_the_synthesis() -> None:
    rng = np.random.default_rng(3)
    colatitude, degree = np.deg2rad(np.array([0.5, 30.0, 80.0, 120.0])), 40
    a, ring = white_coefficients(degree, rng), rng.standard_normal((4, 24))
    weight = np.where(order_and_degree(degree)[0] == 0, 1.0, 2.0)
    with fourier.chosen_for("scipy"):
        left = float(np.sum(ring * ring_synthesis(a, degree, colatitude, 0.7, 24)))
        right = float(np.sum(weight * (np.conj(a) * ring_analysis(ring, degree, colatitude, 0.7)).real))
    assert left == pytest.approx(right, rel=1e-12)


def test_choice_and_provenance(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fourier.chosen() == "ducc0" and "Fourier transforms by ducc0 " in software()
    with fourier.chosen_for("scipy"):
        assert Curvelet2D((32, 32)).fft == "scipy" and "Fourier transforms by scipy " in software()
    monkeypatch.setattr(fourier, "_choice", [])
    monkeypatch.setenv(fourier.VARIABLE, "scipy")
    assert fourier.library().name == "scipy"
    monkeypatch.setenv(fourier.VARIABLE, "fftw")
    with pytest.raises(ConfigError, match="LANDDA_FOURIER='fftw'; expected ducc0 or scipy"):
        fourier.chosen()


def test_a_missing_library_is_an_error_that_names_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, find=importlib.util.find_spec: None if name == "ducc0" else find(name)
    )
    fourier._loaded.cache_clear()
    try:
        with pytest.raises(
            ConfigError, match=r"need ducc0, which is not installed.*landda-hpc\[ducc0\].*fourier: scipy"
        ):
            Curvelet2D((32, 32), fft="ducc0")
        fourier.choose("scipy")  # and everything works without it
        assert Curvelet2D((32, 32)).fft == "scipy"
        random_field(gaussian_grid(8, 16), gaussian_spectrum(2000.0), 1, "x")
        with pytest.raises(ConfigError, match="not installed"):
            fourier.choose("ducc0")
        assert fourier.chosen() == "scipy"
    finally:
        fourier._loaded.cache_clear()


def test_a_campaign_decides_and_its_trajectory_has_the_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    file = Path(__file__).parents[2] / "experiments" / "smoke.yaml"
    small = {"grid.n_lat": 17, "grid.n_lon": 34}
    usual, other = load_config(file, small), load_config(file, small | {"fourier": "scipy"})
    assert usual.fourier == "ducc0" and changed_trajectory(usual, other) == ["fourier"]
    make_domain(other, 1)
    assert fourier.chosen() == "scipy"
    make_domain(usual, 1)
    assert fourier.chosen() == "ducc0"
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, find=importlib.util.find_spec: None)
    fourier._loaded.cache_clear()
    try:
        with pytest.raises(ConfigError, match="--set fourier=scipy"):
            make_domain(usual, 1)
    finally:
        fourier._loaded.cache_clear()
    with pytest.raises(ConfigError, match="fourier"):
        load_config(file, {"fourier": "fftw"})
