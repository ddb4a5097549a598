"""Gains from a referee, on errors whose variances are known."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from landda_hpc.analysis.learned import ErrorsOfEachAnalysis, LearnedGain, WithLearnedErrors
from landda_hpc.analysis.missing import ZeroFill
from landda_hpc.analysis.mixing import WedgeGroups
from landda_hpc.analysis.protocol import ImagePair
from landda_hpc.analysis.referee import GainReferee, RefereedDifferences
from landda_hpc.constants import FloatArray
from landda_hpc.curvelet.frame import Curvelet2D
from landda_hpc.errors import ShapeError
from landda_hpc.random_fields.plane import gaussian_power, periodic_field

SHAPE = (64, 128)
SHORT, LONG = gaussian_power(SHAPE, 1.5, 1.5), gaussian_power(SHAPE, 6.0, 6.0)
SPECTRUM_B = 0.02**2 * SHORT + 0.03**2 * LONG
SPECTRUM_R = 0.05**2 + 0.033**2 * LONG


def frame() -> Curvelet2D:
    return Curvelet2D(SHAPE, angles_coarse=8)


def new_background_error(cycle: int) -> FloatArray:
    return 0.02 * periodic_field(SHORT, 1, "short", cycle) + 0.03 * periodic_field(LONG, 1, "long", cycle)


def new_observation_error(cycle: int) -> FloatArray:
    white = np.random.default_rng([3, cycle]).standard_normal(SHAPE)
    return 0.05 * white + 0.033 * periodic_field(LONG, 2, "observation", cycle)


def pairs(n: int, **options: object) -> Iterator[ImagePair]:
    """Pairs of n analyses, without the truth."""
    return (pair for pair, _ in cases(n, **options))


def cases(
    n: int, *, share: float = 1.0, persistent: float = 0.0, bias: float | FloatArray = 0.0, mean: float = 0.0
) -> Iterator[tuple[ImagePair, FloatArray]]:
    """Pairs of n analyses, and the error of the background, which lasts; that of the observation may persist."""
    cells = np.random.default_rng(5).random(SHAPE) < share
    e, o = new_background_error(0), new_observation_error(0)
    for cycle in range(1, n + 1):
        e = 0.7 * e + np.sqrt(1.0 - 0.7**2) * new_background_error(cycle)
        o = persistent * o + np.sqrt(1.0 - persistent**2) * new_observation_error(cycle)
        second = 0.25 + e + 0.05 * np.random.default_rng([7, cycle]).standard_normal(SHAPE) + bias
        pair = ImagePair(
            np.full(SHAPE, 0.25 - mean),
            0.25 + e + o,
            np.ones(SHAPE, dtype=np.bool_),
            f"2022-06-{1 + cycle // 24:02d}T{cycle % 24:02d}:00",
            referee=np.where(cells, second, np.nan),
        )
        yield pair, e + mean


def judged(**options: object) -> tuple[FloatArray, FloatArray, GainReferee]:
    """Mean gain by scale of the later analyses, the best gain according to the truth, and the referee."""
    scales = WedgeGroups(frame(), "per_scale")
    referee, found = GainReferee(frame(), scales), []
    regression, energy = np.zeros(scales.n), np.zeros(scales.n)
    for number, (pair, error) in enumerate(cases(40, **options)):
        referee.observe(pair)
        regression, energy = (
            regression + scales.product(error, pair.innovation),
            energy + scales.energy(pair.innovation),
        )
        if number >= 15:
            gain = referee.gain()
            assert gain is not None
            found.append(gain)
    return np.mean(found, axis=0), np.clip(regression / energy, 0.02, 0.98), referee


def expected_gain() -> FloatArray:
    scales = WedgeGroups(frame(), "per_scale")
    b = scales.sums(frame().variance_from_spectrum(SPECTRUM_B))
    r = scales.sums(frame().variance_from_spectrum(SPECTRUM_R))
    return np.clip(b / (b + r), 0.02, 0.98)


def test_the_gain_of_errors_that_are_correlated_in_space() -> None:
    found, best, _ = judged()
    np.testing.assert_allclose(found, best, atol=0.02)
    np.testing.assert_allclose(found, expected_gain(), atol=0.03)


def test_the_gain_of_errors_that_persist() -> None:
    found, best, _ = judged(persistent=0.9)
    np.testing.assert_allclose(found, best, atol=0.02)


def test_a_tenth_of_the_cells_is_enough() -> None:
    found, best, _ = judged(share=0.1)
    np.testing.assert_allclose(found, best, atol=0.02)


def test_one_cell_in_a_hundred_shows_the_gain_of_the_finer_scales_roughly() -> None:
    found, best, _ = judged(share=0.01)
    np.testing.assert_allclose(found, best, atol=0.06)


@pytest.mark.parametrize("persistent", [0.0, 0.9])
def test_a_bias_of_the_referee_that_all_cells_share(persistent: float) -> None:
    found, best, _ = judged(bias=0.05, mean=0.02, persistent=persistent)
    np.testing.assert_allclose(found, best, atol=0.03)


def test_a_bias_that_differs_from_cell_to_cell() -> None:
    found, best, _ = judged(bias=0.06 * np.random.default_rng(9).standard_normal(SHAPE))
    np.testing.assert_allclose(found, best, atol=0.02)


def test_triple_collocation_by_scale() -> None:
    found = judged()[2].triple_collocation()
    scales = WedgeGroups(frame(), "per_scale")
    white = scales.white(np.ones(SHAPE, dtype=np.bool_))
    exact_b = scales.sums(frame().variance_from_spectrum(SPECTRUM_B)) / white
    exact_r = scales.sums(frame().variance_from_spectrum(SPECTRUM_R)) / white
    assert found is not None
    np.testing.assert_allclose(found.background[:2], exact_b[:2], rtol=0.2)
    np.testing.assert_allclose(found.observation, exact_r, rtol=0.2)
    np.testing.assert_allclose(found.referee[1:], 0.05**2, rtol=0.1)
    np.testing.assert_allclose(found.referee[0], 0.05**2, rtol=0.4)  # few coefficients


def test_few_values_do_not_decide() -> None:
    referee = GainReferee(frame(), WedgeGroups(frame(), "per_wedge"))
    for pair in pairs(5, share=0.001):
        referee.observe(pair)
    assert referee.gain() is None
    assert referee.diagnostics()["referee_decides"] == 0.0


def test_a_referee_that_ends_no_longer_decides() -> None:
    referee = GainReferee(frame(), WedgeGroups(frame(), "per_scale"))
    for pair in pairs(5):
        referee.observe(pair)
    assert referee.gain() is not None
    silent = ImagePair(pair.background, pair.observation, pair.domain, pair.time_key)
    for _ in range(41):
        referee.observe(silent)
    assert referee.gain() is None


def test_what_a_referee_showed_before_a_long_pause_is_forgotten() -> None:
    own = Curvelet2D((32, 48), angles_coarse=8)
    referee, everywhere = GainReferee(own, WedgeGroups(own, "per_scale")), np.ones(own.shape, dtype=np.bool_)

    def observe(cycle: int, std: float, *, is_seen: bool = True) -> None:
        e, o, o2 = np.random.default_rng([1, cycle]).standard_normal((3, *own.shape))
        second = 0.25 + 0.03 * e + 0.05 * o2 if is_seen else None
        background = np.full(own.shape, 0.25)
        pair = ImagePair(background, background + 0.03 * e + std * o, everywhere, "2022-06-01T00:00", referee=second)
        referee.observe(pair)

    for cycle in range(10):
        observe(cycle, 0.02)
    for cycle in range(10, 51):
        observe(cycle, 0.09, is_seen=False)
    for cycle in range(51, 61):
        observe(cycle, 0.09)
        assert (gain := referee.gain()) is None or (gain < 0.25).all()  # 0.1 is right, 0.7 was before
    np.testing.assert_allclose(referee.gain(), 0.1, atol=0.05)


def test_a_change_of_the_bias_is_followed() -> None:
    """The two products differ by 0.05 in all cells since 400 visits; the background is 0.03 too dry."""
    own = Curvelet2D((24, 32), angles_coarse=8)
    referee, everywhere = GainReferee(own, WedgeGroups(own, "per_scale")), np.ones(own.shape, dtype=np.bool_)
    referee.restore(referee.state() | {"visits": np.full(own.shape, 400.0)})  # without a difference
    for cycle in range(400):
        e, o, o2 = np.random.default_rng([1, cycle]).standard_normal((3, *own.shape))
        truth = 0.25 + 0.03 + 0.03 * e
        background = np.full(own.shape, 0.25)
        second = truth + 0.05 * o2 + 0.05
        referee.observe(ImagePair(background, truth + 0.05 * o, everywhere, "2022-06-01T00:00", referee=second))
    found = referee.triple_collocation()
    assert found is not None
    white = referee.state()["white"][0]
    np.testing.assert_allclose(found.background[0], 0.03**2 + 0.03**2 * own.shape[0] * own.shape[1] / white, rtol=0.4)


def method() -> WithLearnedErrors:
    own = frame()
    errors = ErrorsOfEachAnalysis(own, RefereedDifferences(own), True, 1)
    return WithLearnedErrors(errors, lambda b, r: LearnedGain(own, b, r, ZeroFill()))


def test_the_method_takes_the_gain_of_its_referee() -> None:
    refereed = method()
    for pair in pairs(20, persistent=0.9):
        analysis = refereed.analyse(pair)
        refereed.applied(np.zeros(SHAPE))  # the background's errors are given, not those of a cycled model
    assert analysis.diagnostics["is_learned"] == analysis.diagnostics["referee_decides"] == 1.0
    np.testing.assert_allclose(
        analysis.diagnostics["gain_by_scale"], expected_gain(), atol=0.08
    )  # a mean of ten analyses


def test_the_variances_are_those_of_the_referee_also_when_the_noise_jumps() -> None:
    own = Curvelet2D((32, 48), angles_coarse=8)
    estimator, everywhere = RefereedDifferences(own), np.ones(own.shape, dtype=np.bool_)
    for cycle in range(8):
        e, o, o2 = np.random.default_rng([1, cycle]).standard_normal((3, *own.shape))
        noise = 0.03 if cycle < 7 else 0.15
        background, time = np.full(own.shape, 0.25), f"2022-06-01T{cycle:02d}:00"
        pair = ImagePair(background, 0.25 + 0.03 * e + noise * o, everywhere, time, referee=0.25 + 0.03 * e + 0.03 * o2)
        estimator.observe(pair)
        found = estimator.variances()
    assert estimator.state()["jump"][0] > 2.0 and found.is_learned
    np.testing.assert_array_equal(found.innovation, estimator.state()["innovation"])
    np.testing.assert_array_equal(found.usual, found.observation)


def test_a_restored_memory_gives_the_same_bits() -> None:
    first, second = method(), method()
    *before, last = pairs(6)
    for pair in before:
        first.applied(first.analyse(pair).increment)
    second.restore(first.state())
    np.testing.assert_array_equal(second.analyse(last).increment, first.analyse(last).increment)
    with pytest.raises(ShapeError, match="memory"):
        second.restore({name: array for name, array in first.state().items() if name != "referee.visits"})


def test_a_referee_of_another_shape_is_refused() -> None:
    image = np.zeros(SHAPE)
    with pytest.raises(ShapeError, match="referee"):
        ImagePair(image, image, image == 0.0, "2022-06-01T00:00", referee=np.zeros((2, 2)))
