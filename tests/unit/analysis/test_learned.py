"""Errors learned from visit differences, on sequences whose errors are known."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest

from landda_hpc.analysis.inpainting import HarmonicInpainting
from landda_hpc.analysis.learned import ErrorsOfEachAnalysis, LearnedGain, WithLearnedErrors
from landda_hpc.analysis.missing import Inpaint, Solve, ZeroFill
from landda_hpc.analysis.pointwise import PointwiseOfErrors
from landda_hpc.analysis.protocol import Analysis, HearsIncrements, ImagePair
from landda_hpc.analysis.running_statistics import MethodMemory
from landda_hpc.analysis.visit_differences import Recession, VisitDifferences
from landda_hpc.constants import FloatArray
from landda_hpc.curvelet.frame import Curvelet2D
from landda_hpc.errors import ShapeError
from landda_hpc.grid import regular_grid
from landda_hpc.random_fields.plane import gaussian_power, periodic_field

SHAPE = (40, 48)
START = datetime(2022, 6, 1)
KEEPS_ALL = Recession(1.0, 0.0)


class Sequence:
    """A state that changes by a known tendency, observed with errors: the simplest model of a cycling run."""

    def __init__(self, method: WithLearnedErrors, std: float, correlated: float = 0.0, persistent: float = 0.0) -> None:
        self.method, self.std, self.correlated, self.persistent = method, std, correlated, persistent
        self.truth, self.state = np.full(SHAPE, 0.25), np.full(SHAPE, 0.25)
        self.state = self.state + 0.05 * periodic_field(gaussian_power(SHAPE, 4.0, 4.0), 5, "first guess")
        self.error: FloatArray = np.zeros(SHAPE)
        self.cycle = 0

    def pair(self, observed: np.ndarray | None = None) -> ImagePair:
        self.cycle += 1
        generator = np.random.default_rng([7, self.cycle])
        power = gaussian_power(SHAPE, 5.0, 5.0)
        new = self.std * generator.standard_normal(SHAPE)
        new = new + self.correlated * periodic_field(power, 11, "observation", self.cycle)
        self.error = self.persistent * self.error + np.sqrt(1.0 - self.persistent**2) * new
        # The tendencies of truth and model differ a little, which renews the background error.
        self.state = self.state + 0.01 * periodic_field(gaussian_power(SHAPE, 4.0, 4.0), 13, "model", self.cycle)
        values = self.truth + self.error
        if observed is not None:
            values = np.where(observed, values, np.nan)
        time = START + timedelta(hours=6 * self.cycle)
        return ImagePair(self.state.copy(), values, np.ones(SHAPE, dtype=np.bool_), time.isoformat())

    def step(self, observed: np.ndarray | None = None) -> Analysis:
        analysis = self.method.analyse(self.pair(observed))
        self.state = self.state + analysis.increment
        self.method.applied(analysis.increment)
        return analysis


def make(local: bool = False, missing: object = None, **options: object) -> WithLearnedErrors:
    frame = Curvelet2D(SHAPE, angles_coarse=8)
    estimator = VisitDifferences(frame, recession=KEEPS_ALL, **options)
    errors = ErrorsOfEachAnalysis(frame, estimator, local, 1)
    return WithLearnedErrors(errors, lambda b, r: LearnedGain(frame, b, r, missing or ZeroFill()))


def observation_std(analysis: Analysis) -> FloatArray:
    return np.array(analysis.diagnostics["observation_std_by_scale"])


def test_white_errors_are_found_at_every_scale() -> None:
    run = Sequence(make(), 0.04)
    for _ in range(40):
        analysis = run.step()
    assert analysis.diagnostics["is_learned"] == 1.0
    np.testing.assert_allclose(observation_std(analysis)[1:], 0.04, rtol=0.05)
    np.testing.assert_allclose(observation_std(analysis)[0], 0.04, rtol=0.2)  # few coefficients


def test_errors_that_are_correlated_in_space_are_found_by_scale() -> None:
    run = Sequence(make(), 0.02, correlated=0.04)
    for _ in range(60):
        analysis = run.step()
    frame = Curvelet2D(SHAPE, angles_coarse=8)
    exact = frame.variance_from_spectrum(0.02**2 + 0.04**2 * gaussian_power(SHAPE, 5.0, 5.0))
    white = frame.variance(np.ones(SHAPE))
    scales = np.array([block.scale for block in frame.blocks])
    for scale in range(1, scales.max() + 1):
        mine = [block.variances for block in frame.blocks if block.scale == scale]
        expected = np.sqrt(sum(exact[m].sum() for m in mine) / sum(white[m].sum() for m in mine))
        assert observation_std(analysis)[scale] == pytest.approx(expected, rel=0.15)


def test_the_analysis_beats_both_its_sources() -> None:
    run = Sequence(make(), 0.04)
    after = []
    for _ in range(40):
        run.step()
        after.append(float(np.sqrt(np.mean((run.state - run.truth) ** 2))))
    assert max(after[-10:]) < 0.02  # observations 0.04; the first guess is off by 0.05


def test_a_first_analysis_is_cautious() -> None:
    analysis = Sequence(make(), 0.04).step()
    gains = np.array(analysis.diagnostics["gain_by_scale"])
    assert analysis.diagnostics["is_learned"] == 0.0
    assert ((gains > 0.1 - 1e-9) & (gains < 0.9 + 1e-9)).all()


def test_without_observations_nothing_changes() -> None:
    run = Sequence(make(), 0.04)
    run.step()
    before = run.method.state()
    analysis = run.method.analyse(run.pair(np.zeros(SHAPE, dtype=np.bool_)))
    assert not analysis.increment.any()
    after = run.method.state()
    for name, array in before.items():
        np.testing.assert_array_equal(after[name], array)


@pytest.mark.parametrize("missing", ["zero_fill", "inpaint", "solve"])
def test_moving_gaps(missing: str) -> None:
    grid = regular_grid(*SHAPE)
    strategies = {"zero_fill": None, "inpaint": Inpaint(HarmonicInpainting(grid, 500.0)), "solve": Solve(1e-3)}
    run = Sequence(make(missing=strategies[missing]), 0.04)
    for cycle in range(50):
        columns = (np.arange(SHAPE[1]) + 7 * cycle) % SHAPE[1] < SHAPE[1] // 2
        analysis = run.step(np.broadcast_to(columns, SHAPE))
    np.testing.assert_allclose(observation_std(analysis)[1:], 0.04, rtol=0.1)
    assert float(np.sqrt(np.mean((run.state - run.truth) ** 2))) < 0.035


def test_visits_too_far_apart_are_not_compared() -> None:
    run = Sequence(make(max_gap_days=0.2), 0.04)
    for _ in range(5):
        analysis = run.step()
    assert analysis.diagnostics["is_learned"] == 0.0


def test_a_restored_memory_gives_the_same_bits() -> None:
    run = Sequence(make(local=True), 0.04)
    for _ in range(8):
        run.step()
    assert isinstance(run.method, MethodMemory) and isinstance(run.method, HearsIncrements)
    other = make(local=True)
    other.restore(run.method.state())
    pair = run.pair()
    np.testing.assert_array_equal(other.analyse(pair).increment, run.method.analyse(pair).increment)
    with pytest.raises(ShapeError, match="memory"):
        other.restore({"accumulated": np.zeros(SHAPE)})


def test_background_errors_differ_from_place_to_place() -> None:
    run = Sequence(make(local=True), 0.02)
    for _ in range(15):
        run.state[:, : SHAPE[1] // 2] += 0.03 * np.random.default_rng(run.cycle).standard_normal((SHAPE[0], 24))
        analysis = run.step()
    assert analysis.spread is not None
    west, east = analysis.spread[:, 3:21].mean(), analysis.spread[:, 27:45].mean()
    assert west > 1.5 * east


@pytest.mark.parametrize("kind", [PointwiseOfErrors, LearnedGain])
def test_background_errors_stay_known_when_the_noise_jumps(kind: type) -> None:
    """The squares of the last analyses hold less noise than the observation now has; they still show B."""
    frame = Curvelet2D(SHAPE, angles_coarse=8)
    errors = ErrorsOfEachAnalysis(frame, VisitDifferences(frame, recession=KEEPS_ALL), True, 1)
    makes = {PointwiseOfErrors: PointwiseOfErrors, LearnedGain: lambda b, r: LearnedGain(frame, b, r, ZeroFill())}
    run = Sequence(WithLearnedErrors(errors, makes[kind]), 0.04)
    for _ in range(12):
        before = run.step()
    run.std *= 3.0
    after = run.step()
    assert observation_std(after)[-1] == pytest.approx(0.12, rel=0.1)
    assert before.spread is not None and after.spread is not None
    assert (after.spread > 0.2 * before.spread.mean()).all()
    assert after.diagnostics["gain_mean"] > 0.0


def test_increments_recede() -> None:
    share = Recession()
    assert share(0.0) == 1.0
    assert share(6.0) == pytest.approx(0.88, abs=0.002)
    assert share(12.0) == pytest.approx(0.815, abs=0.002)


def persistence(persistent: float, cycles: int, **options: float) -> list[Analysis]:
    run = Sequence(make(), 0.04, persistent=persistent, **options)
    return [run.step() for _ in range(cycles)]


def test_errors_that_persist_are_noticed_and_said_once() -> None:
    analyses = persistence(0.9, 20)
    found = [analysis.diagnostics["errors_persist"] for analysis in analyses]
    assert all(found[5:])
    assert [len(analysis.warnings) for analysis in analyses].count(1) == 1
    (text,) = analyses[found.index(1.0)].warnings
    assert "fine detail of this product cannot be trusted" in text
    gains = np.array(analyses[-1].diagnostics["gain_by_scale"])
    assert (gains < 0.6 + 1e-9).all()
    assert gains[-1] < 0.1


@pytest.mark.parametrize(("gap", "cells"), [(0.2, 1.0), (5.0, 0.01)])
def test_a_first_guess_that_lasts_is_said_once(gap: float, cells: float) -> None:
    """Visits too far apart, and an observation of too few cells, give no differences."""
    run = Sequence(make(max_gap_days=gap), 0.04)
    observed = np.random.default_rng(3).random(SHAPE) < cells
    analyses = [run.step(observed) for _ in range(7)]
    assert [len(analysis.warnings) for analysis in analyses] == [0, 0, 0, 0, 1, 0, 0]
    assert f"at most {gap:g} days after the one before. Raise max_gap_days" in analyses[4].warnings[0]


@pytest.mark.parametrize("correlated", [0.0, 0.04])
def test_white_errors_are_not_said_to_persist(correlated: float) -> None:
    for analysis in persistence(0.0, 20, correlated=correlated):
        assert analysis.diagnostics["errors_persist"] == 0.0 and not analysis.warnings
    assert analysis.diagnostics["white_share"] == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_a_change_of_noise_is_followed(factor: float) -> None:
    run = Sequence(make(), 0.04)
    for _ in range(40):
        run.step()
    run.std *= factor
    for _ in range(20):
        analysis = run.step()
    np.testing.assert_allclose(observation_std(analysis)[1:], 0.04 * factor, rtol=0.15)


def test_chi_square_is_one_unless_errors_change() -> None:
    run = Sequence(make(), 0.04)
    for _ in range(40):
        analysis = run.step()
    np.testing.assert_allclose(np.array(analysis.diagnostics["chi_square_by_scale"])[1:], 1.0, atol=0.1)
    np.testing.assert_allclose(np.array(analysis.diagnostics["chi_square_unbounded_by_scale"])[1:], 1.0, atol=0.05)
    error = np.array(analysis.diagnostics["observation_std_error_by_scale"])
    assert (error > 0.0).all() and (error < 0.01).all()
    run.std *= 2.0
    after = run.step()
    assert np.array(after.diagnostics["chi_square_by_scale"])[-1] > 1.15
    assert observation_std(after)[-1] == pytest.approx(0.08, rel=0.1)  # at once
