"""EnKF-like analysis against its closed forms (docs/methods.md, "EnKF-like analysis")."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landda_hpc.analysis.enkf_like import EnkfLike, coefficient_gain
from landda_hpc.analysis.error_models import WhiteErrors
from landda_hpc.analysis.pointwise import Pointwise
from landda_hpc.analysis.protocol import ImagePair
from landda_hpc.curvelet import Curvelet2D
from landda_hpc.errors import ShapeError
from landda_hpc.parallel.communicator import SerialCommunicator
from landda_hpc.parallel.reduction import MemberReduction
from landda_hpc.random_fields.keyed import keyed_generator

K = 9.0 / 13.0


def pair(shape: tuple[int, int], seed: int = 0, land: float = 0.4, missing: float = 0.0) -> ImagePair:
    rng = np.random.default_rng(seed)
    domain = rng.random(shape) < land
    background = np.where(domain, rng.uniform(0.05, 0.45, shape), np.nan)
    observation = np.where(rng.random(shape) >= missing, rng.uniform(0.05, 0.45, shape), np.nan)
    return ImagePair(background, observation, domain, "2022-06-02T06:00:00")


def enkf(frame: Curvelet2D, estimator: str = "exact", members: int = 50, seed: int = 1) -> EnkfLike:
    background, observation = WhiteErrors(0.15, seed, "background"), WhiteErrors(0.10, seed, "observation")
    members_here = MemberReduction(SerialCommunicator(), members)
    return EnkfLike(frame, members_here, background, observation, estimator)  # type: ignore[arg-type]


@pytest.mark.parametrize("boundary", ["none", "reflect", "double_fourier_sphere"])
@pytest.mark.parametrize("finest", ["curvelets", "wavelets"])
@pytest.mark.parametrize("shape", [(32, 32), (33, 46), (17, 18)])
def test_exact_white_errors_give_the_pointwise_blend(shape: tuple[int, int], finest: str, boundary: str) -> None:
    """K = 9/13 to 1e-12 where there is variance, and the analysis is the blend, mask or no mask."""
    images = pair(shape)
    frame = Curvelet2D(shape, finest=finest, boundary=boundary)  # type: ignore[arg-type]
    b = frame.variance(np.where(images.domain, 0.15**2, 0.0))
    r = frame.variance(np.where(images.domain, 0.10**2, 0.0))
    gain = coefficient_gain(b, r)
    assert np.all((gain >= 0.0) & (gain <= 1.0))
    np.testing.assert_allclose(gain[b > 1e-3 * b.max()], K, rtol=0, atol=1e-12)
    analysis = enkf(frame).analyse(images)
    blend = Pointwise(K).analyse(images)
    np.testing.assert_allclose(analysis.increment, blend.increment, atol=1e-12)


def test_sampled_gain_has_the_published_mean_and_spread() -> None:
    """N = 50: mean 0.6906, std 0.043 of a complex coefficient; 0.6890, 0.061 of a real one (docs/methods.md)."""
    frame = Curvelet2D((64, 128), finest="wavelets")
    domain = np.ones((64, 128), dtype=np.bool_)
    method = enkf(frame, "sampled")
    gains = []
    for hour in range(6):
        b, _ = method._sampled_variance(method._background, domain, f"t{hour}")
        r, _ = method._sampled_variance(method._observation, domain, f"t{hour}")
        gains.append(coefficient_gain(b, r))
    stacked = np.array(gains)
    is_real = np.concatenate([np.full(k.var_size, k.is_real) for k in frame.blocks])
    for values, mean, std in ((stacked[:, ~is_real], 0.6906, 0.043), (stacked[:, is_real], 0.6890, 0.061)):
        assert values.mean() == pytest.approx(mean, abs=0.0015)
        assert values.std() == pytest.approx(std, abs=0.0015)


def test_sample_variance_equals_numpys_over_stored_coefficients() -> None:
    frame = Curvelet2D((32, 33))
    domain = np.random.default_rng(4).random((32, 33)) < 0.5
    method = enkf(frame, "sampled", members=13)
    variance, spread = method._sampled_variance(method._background, domain, "t")
    members = np.stack([method._background.perturbation(domain, "t", m) for m in range(13)])
    energy = frame.energy(frame.forward(members - members.mean(axis=0)))
    np.testing.assert_allclose(variance, energy.sum(axis=0) / 12, rtol=1e-11, atol=1e-18)
    np.testing.assert_allclose(spread[domain], members.std(axis=0, ddof=1)[domain], rtol=1e-12)


@given(st.integers(0, 1000), st.floats(0.0, 1.0))
@settings(max_examples=20, deadline=None)
def test_analysis_stays_on_its_domain(seed: int, missing: float) -> None:
    images = pair((24, 31), seed, missing=missing)
    analysis = enkf(Curvelet2D((24, 31)), "sampled", members=4).analyse(images)
    assert np.isfinite(analysis.increment).all()
    assert not analysis.increment[~images.domain].any()
    if not images.observed.any():
        assert not analysis.increment.any()


def test_perturbations_are_keyed_by_time_member_and_purpose() -> None:
    domain = np.ones((20, 20), dtype=np.bool_)
    one = WhiteErrors(0.15, 1, "background").perturbation(domain, "t1", 0)
    assert np.array_equal(one, WhiteErrors(0.15, 1, "background").perturbation(domain, "t1", 0))
    for other in (
        WhiteErrors(0.15, 1, "background").perturbation(domain, "t2", 0),
        WhiteErrors(0.15, 1, "background").perturbation(domain, "t1", 1),
        WhiteErrors(0.15, 1, "observation").perturbation(domain, "t1", 0),
        WhiteErrors(0.15, 2, "background").perturbation(domain, "t1", 0),
    ):
        assert not np.array_equal(one, other)


def test_white_errors_keep_the_bits_of_the_paper_s_method() -> None:
    """Key and formula of a perturbation are part of the definition of every result."""
    rng = np.random.default_rng(3)
    domain = rng.random((20, 24)) < 0.4
    draw = keyed_generator(7, "background perturbation", "t", 3).standard_normal((20, 24))
    expected = np.where(domain, 0.15 * draw, 0.0)
    assert WhiteErrors(0.15, 7, "background").perturbation(domain, "t", 3).tobytes() == expected.tobytes()


def test_zero_innovation_gives_exactly_zero() -> None:
    images = pair((32, 32))
    same = ImagePair(images.background, images.background.copy(), images.domain, "t")
    assert not enkf(Curvelet2D((32, 32)), "sampled", members=6).analyse(same).increment.any()
    assert not Pointwise(K).analyse(same).increment.any()


def test_images_of_different_shape_are_refused() -> None:
    with pytest.raises(ShapeError, match="one grid"):
        ImagePair(np.zeros((3, 4)), np.zeros((4, 4)), np.ones((3, 4), dtype=np.bool_), "t")
