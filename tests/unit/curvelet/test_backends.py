"""One contract for every backend that is installed; and what is said of those that are not, or cannot."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landda_hpc.analysis.enkf_like import coefficient_gain
from landda_hpc.config import FrameConfig, parse_config
from landda_hpc.curvelet import Curvelet2D
from landda_hpc.curvelet.backends import BACKENDS, Backend, Frame, is_installed, make_frame
from landda_hpc.errors import ConfigError, ShapeError
from landda_hpc.grid import regular_grid
from landda_hpc.methods.base.curvelet_frame import make_frame as make_configured_frame

ANGLES = {"ours": 16, "curvelops": 16, "udct": 12}
BOUNDARIES = ["none", "reflect", "double_fourier_sphere"]
CHEAP_FIRST = [BOUNDARIES[0], *(pytest.param(name, marks=pytest.mark.verify) for name in BOUNDARIES[1:])]


def framed(backend: Backend, shape: tuple[int, int] = (32, 64), boundary: str = "none") -> Frame:
    if not is_installed(backend):
        pytest.skip(f"backend {backend} is not installed")
    return make_frame(shape, backend, angles_coarse=ANGLES[backend], boundary=boundary, scales=3)  # type: ignore[arg-type]


@pytest.fixture(params=BACKENDS, scope="module")
def backend(request: pytest.FixtureRequest) -> Backend:
    if not is_installed(request.param):
        pytest.skip(f"backend {request.param} is not installed")
    return request.param


@pytest.mark.parametrize("boundary", BOUNDARIES)
@settings(max_examples=5)
@given(seed=st.integers(0, 2**31))
def test_parseval_adjoint_and_reconstruction(backend: Backend, boundary: str, seed: int) -> None:
    frame = framed(backend, boundary=boundary)
    rng = np.random.default_rng(seed)
    x, d = rng.standard_normal(frame.shape), rng.standard_normal(frame.n_coef)
    c = frame.forward(x)
    assert c.shape == (frame.n_coef,)
    assert c.dtype == np.float64
    assert abs(np.sum(c * c) / np.sum(x * x) - 1.0) < 1e-13
    assert abs(np.dot(c, d) - np.sum(x * frame.adjoint(d))) < 1e-13 * np.linalg.norm(x) * np.linalg.norm(d)
    assert np.abs(frame.inverse(c) - x).max() < 1e-13 * np.abs(x).max()


def test_layout_energy_and_gains(backend: Backend) -> None:
    frame = framed(backend)
    rng = np.random.default_rng(1)
    x, gain = rng.standard_normal((2, *frame.shape)), rng.random(frame.n_var)
    c = frame.forward(x)
    assert np.array_equal(c[1], frame.forward(x[1]))
    assert sum(b.size for b in frame.blocks) == frame.n_coef
    assert sum(b.var_size for b in frame.blocks) == frame.n_var
    assert [b.scale for b in frame.blocks] == sorted(b.scale for b in frame.blocks)
    energy = frame.energy(c)
    for block in frame.blocks:
        mine = np.sum(c[..., block.coefficients] ** 2, axis=-1)
        assert np.allclose(mine, energy[..., block.variances].sum(axis=-1), rtol=1e-13)
    streamed = np.zeros(frame.n_var)
    for image in x:
        frame.accumulate_energy(image, streamed)
    assert np.allclose(streamed, energy.sum(axis=0), rtol=1e-14)
    assert np.allclose(frame.apply_gain(x, gain), frame.inverse(frame.scale_by(c, gain)), rtol=0, atol=1e-15)
    assert np.allclose(frame.energy(frame.scale_by(c, gain)), gain**2 * energy, rtol=1e-13)
    mask = frame.rank_mask(c[0], 0.3)
    assert mask.shape == (frame.n_var,)
    assert energy[0][mask].sum() > 0.3 * energy[0].sum()


@pytest.mark.parametrize("boundary", CHEAP_FIRST)
def test_exact_variances_equal_brute_force(backend: Backend, boundary: str) -> None:
    frame = framed(backend, (20 if backend == "ours" else 32, 32), boundary)
    n1, n2 = frame.shape
    unit = np.eye(n1 * n2).reshape(-1, n1, n2)
    sigma2 = np.random.default_rng(2).random(frame.shape) ** 3
    direct = frame.energy(frame.forward(np.sqrt(sigma2).ravel()[:, None, None] * unit)).sum(axis=0)
    assert np.allclose(frame.variance(sigma2), direct, rtol=1e-12, atol=1e-14 * direct.max())
    power = np.random.default_rng(3).random(frame.shape) + 0.1
    power = power + np.roll(power[::-1, ::-1], (1, 1), axis=(0, 1))
    coloured = np.fft.ifft2(np.fft.fft2(unit) * np.sqrt(power)).real
    direct = frame.energy(frame.forward(coloured)).sum(axis=0)
    assert np.allclose(frame.variance_from_spectrum(power), direct, rtol=1e-12, atol=0)


def test_same_analysis_on_each(backend: Backend) -> None:
    """White errors: K = 9/13 in every frame, so the image analysis is the pointwise one; sampled, it is near it."""
    frame = framed(backend)
    rng = np.random.default_rng(4)
    land = rng.random(frame.shape) < 0.5
    innovation = np.where(land, 0.1 * rng.standard_normal(frame.shape), 0.0)
    exact = coefficient_gain(frame.variance(0.15**2 * land), frame.variance(0.10**2 * land))
    assert np.abs(frame.apply_gain(innovation, exact) - 9.0 / 13.0 * innovation).max() < 1e-12
    sums = []
    for std in (0.15, 0.10):
        members = std * land * rng.standard_normal((200, *frame.shape))
        total = np.zeros(frame.n_var)
        for member in members - members.mean(axis=0):
            frame.accumulate_energy(member, total)
        sums.append(total / 199)
    gain = coefficient_gain(*sums)
    difference = frame.apply_gain(innovation, gain) - 9.0 / 13.0 * innovation
    # The gain's sampling error at 200 members is 0.02 to 0.03.
    assert np.std(difference) < 0.04 * np.std(innovation)


def test_ours_is_the_default() -> None:
    assert isinstance(make_frame((20, 22)), Curvelet2D)
    assert is_installed("ours")


@pytest.mark.parametrize("backend", ["curvelops", "udct"])
def test_missing_package_is_a_clear_error(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name.startswith("curvel") else find(name, *rest)
    )
    with pytest.raises(ConfigError, match="which is not installed"):
        make_frame((32, 32), backend)
    with pytest.raises(ConfigError, match="which is not installed"):
        make_configured_frame(FrameConfig(backend=backend, angles_coarse=12), regular_grid(32, 64))
    assert isinstance(make_configured_frame(FrameConfig(), regular_grid(32, 64)), Curvelet2D)


def test_what_udct_cannot_is_refused() -> None:
    framed("udct")
    with pytest.raises(ConfigError, match="not a tight frame"):
        make_frame((64, 64), "udct", angles_coarse=12, finest="wavelets")
    with pytest.raises(ConfigError, match="a multiple of 12"):
        make_frame((64, 64), "udct")
    with pytest.raises(ConfigError, match="not a Parseval frame of 64 x 90"):
        make_frame((64, 90), "udct", angles_coarse=12)
    with pytest.raises(ConfigError, match="scales"):
        make_frame((32, 32), "udct", angles_coarse=12, scales=9)
    frame = framed("udct")
    with pytest.raises(ShapeError, match="image"):
        frame.forward(np.zeros((32, 63)))
    with pytest.raises(ShapeError, match="real"):
        frame.forward(np.zeros((32, 64), dtype=complex))
    with pytest.raises(ShapeError, match="gain"):
        frame.scale_by(np.zeros(frame.n_coef), np.zeros(3))
    with pytest.raises(ShapeError, match="one image"):
        frame.accumulate_energy(np.zeros((2, 32, 64)), np.zeros(frame.n_var))
    with pytest.raises(ShapeError, match="even"):
        frame.variance_from_spectrum(np.random.default_rng(0).random((32, 64)))


def test_unknown_backend() -> None:
    with pytest.raises(ConfigError, match="expected one of ours"):
        make_frame((32, 32), "theirs")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ({"backend": "udct"}, "12, 24"),
        ({"backend": "udct", "angles_coarse": 12, "finest": "wavelets"}, "tight"),
        ({"backend": "curvelops", "sizes": "curvelab"}, "backend ours"),
        ({"backend": "mine"}, "backend"),
    ],
)
def test_configuration_refuses_what_a_backend_cannot(frame: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config({"runs": [{"method": "enkf_like", "frame": frame}]})
    assert any(message in p and "frame" in p for p in caught.value.problems)
