"""Every check with its reason, in order; the temporal check and its memory; innovation limits in closed form."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import ClassVar, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landda_hpc.config import CHECKS, InnovationCheck, QualityConfig, SpikeCheck, parse_section
from landda_hpc.errors import ConfigError, ShapeError
from landda_hpc.observation.check_section import CheckContext, CheckInput, CheckSection, ModelSurface, QualityCheck
from landda_hpc.observation.image_observation import Flag, ImageObservation
from landda_hpc.observation.quality import QualityControl, reject_far_from_background
from landda_hpc.observation.quality_memory import SpikeMemory
from tests.unit.observation.check_context import context

TIME = datetime(2022, 6, 2, 6)
SHAPE = (1, 6)
SOIL = np.ones(SHAPE, dtype=bool)
POROSITY = np.full(SHAPE, 0.45)
STD = np.full(SHAPE, 0.05)


def image(values: float | list[float] | np.ndarray, hours: float = 0.0) -> ImageObservation:
    given_values = np.broadcast_to(np.asarray(values, dtype=np.float64), SHAPE).copy()
    return ImageObservation.flagged(given_values, SOIL, TIME + timedelta(hours=hours), (0.0, 0.1), "test")


def where(*columns: int) -> np.ndarray:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[0, list(columns)] = True
    return mask


def test_every_check_counts_its_reason_and_the_first_one_stays() -> None:
    config = QualityConfig(
        frozen_temperature=273.15,
        snow_amount=1.0,
        vegetation_fraction=0.8,
        spike=SpikeCheck(),
        innovation=InnovationCheck(sigmas=2.0, background_std=0.05),
    )
    spikes = SpikeMemory(SpikeCheck(), SHAPE)
    spikes.check(image([0.2, 0.2, 0.2, 0.2, 0.45, 0.2], -6.0))
    checks = QualityControl(config, context(POROSITY), spikes)
    surface = ModelSurface(
        is_frozen=where(0, 1),
        temperature=np.where(where(1), 270.0, 280.0),
        snow=np.where(where(0, 2), 5.0, 1.0),
        vegetation=np.where(where(2, 3), 0.9, 0.8),
    )
    # Out of range, frozen, snow, vegetation, falls by 0.25, far from the background.
    obs = checks(image([0.9, 0.2, 0.2, 0.2, 0.2, 0.4]), STD, surface, [np.full(SHAPE, 0.2)])
    expected = [Flag.OUT_OF_RANGE, Flag.FROZEN, Flag.SNOW, Flag.DENSE_VEGETATION, Flag.SPIKE, Flag.INNOVATION]
    np.testing.assert_array_equal(obs.flags[0], expected)
    assert {n for reason, n in obs.counts.items() if n} == {1}
    assert sum(obs.counts.values()) == obs.flags.size


def test_limits_themselves_pass() -> None:
    config = QualityConfig(frozen_temperature=273.15, snow_amount=0.0, vegetation_fraction=0.5, frozen_model=False)
    surface = ModelSurface(None, np.full(SHAPE, 273.15), np.zeros(SHAPE), np.full(SHAPE, 0.5))
    assert QualityControl(config, context(POROSITY))(image(0.2), STD, surface).n_used == 6
    none = QualityConfig(range_sigmas=None, frozen_model=False)
    assert QualityControl(none, context(POROSITY))(image(5.0), STD, ModelSurface()).n_used == 6
    bare = QualityConfig(range_sigmas=0.0, frozen_model=False)
    obs = QualityControl(bare, context(POROSITY))(
        image([0.0, -1e-9, 0.45, 0.4500001, 0.3, np.nan]), STD, ModelSurface()
    )
    np.testing.assert_array_equal(obs.is_used[0], [True, False, True, False, True, False])


def test_a_check_without_its_image_is_a_mistake() -> None:
    for config in (QualityConfig(), QualityConfig(frozen_model=False, snow_amount=1.0)):
        with pytest.raises(ShapeError, match="is missing"):
            QualityControl(config, context(POROSITY))(image(0.2), STD, ModelSurface())
    with pytest.raises(ShapeError, match="needs its memory"):
        QualityControl(QualityConfig(spike=SpikeCheck()), context(POROSITY))
    with pytest.raises(ShapeError, match="0 backgrounds"):
        QualityControl(QualityConfig(frozen_model=False, innovation=InnovationCheck()), context(POROSITY))(
            image(0.2), STD, ModelSurface()
        )


@given(st.floats(0.01, 0.1), st.floats(0.01, 0.2), st.floats(1.0, 5.0))
def test_innovation_limit_in_closed_form(std_o: float, std_b: float, sigmas: float) -> None:
    limit = sigmas * np.hypot(std_o, std_b)
    departures = limit * np.array([0.0, 0.999, -0.999, 1.001, -1.001, 3.0])
    obs = reject_far_from_background(
        image(0.2 + departures), [np.full(SHAPE, 0.2)], np.full(SHAPE, std_o), std_b, sigmas
    )
    np.testing.assert_array_equal(obs.flags[0] == Flag.INNOVATION, [False, False, False, True, True, True])


def test_one_background_that_agrees_is_enough_and_one_without_value_says_nothing() -> None:
    near, far = np.full(SHAPE, 0.2), np.full(SHAPE, 0.9)
    far[0, 0] = near[0, 1] = np.nan
    args = (STD, 0.05, 3.0)
    assert reject_far_from_background(image(0.2), [near, far], *args).counts["far from the background"] == 1
    alone = reject_far_from_background(image(0.2), [far], *args)
    np.testing.assert_array_equal(alone.is_used[0], [True] + 5 * [False])


# ------------------------------------------------------------------ in time


def flags(memory: SpikeMemory, *series: float, step_hours: float = 6.0) -> list[bool]:
    """Whether each value of a series, the same in all cells, is rejected."""
    rejected = []
    for i, value in enumerate(series):
        checked = memory.check(image(value, i * step_hours))
        rejected.append(bool((checked.flags[0] == Flag.SPIKE).all()))
    return rejected


LIMITS = SpikeCheck(max_rise=0.2, max_fall=0.1, within_hours=24.0)


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        ((0.2, 0.25, 0.22), [0, 0, 0]),
        ((0.2, 0.45, 0.2, 0.2), [0, 1, 0, 0]),  # a spike
        ((0.2, 0.05, 0.2), [0, 1, 0]),  # a drop
        ((0.2, 0.45, 0.44, 0.43), [0, 1, 0, 0]),  # a step: the second value confirms it
        ((0.2, 0.39, 0.30), [0, 0, 0]),  # rain may rise more than drying falls
        ((0.2, 0.39, 0.28, 0.28), [0, 0, 1, 0]),
        ((0.2, 0.45, 0.02, 0.2), [0, 1, 1, 0]),  # two that do not agree confirm nothing
        ((np.nan, 0.45, 0.2, np.nan, 0.2), [0, 0, 1, 0, 0]),
    ],
)
def test_spikes_go_and_steps_stay(series: tuple[float, ...], expected: list[int]) -> None:
    assert flags(SpikeMemory(LIMITS, SHAPE), *series) == [bool(e) for e in expected]


def test_old_values_are_no_comparison() -> None:
    assert flags(SpikeMemory(LIMITS, SHAPE), 0.2, 0.45, step_hours=24.0) == [False, True]
    assert flags(SpikeMemory(LIMITS, SHAPE), 0.2, 0.45, step_hours=25.0) == [False, False]


def test_cells_that_other_checks_rejected_are_not_remembered() -> None:
    memory = SpikeMemory(LIMITS, SHAPE)
    memory.check(image(0.2).reject(where(0), Flag.FROZEN))
    checked = memory.check(image(0.45, 6.0))
    np.testing.assert_array_equal(checked.is_used[0], [True] + 5 * [False])


@given(st.lists(st.floats(0.0, 0.6), min_size=2, max_size=12), st.integers(1, 11))
def test_a_memory_that_was_put_away_goes_on_the_same(series: list[float], cut: int) -> None:
    whole = SpikeMemory(LIMITS, SHAPE)
    expected = flags(whole, *series)
    first, second = SpikeMemory(LIMITS, SHAPE), SpikeMemory(LIMITS, SHAPE)
    flags(first, *series[:cut])
    second.restore(first.state())
    rejected = []
    for i, value in enumerate(series[cut:], start=min(cut, len(series))):
        rejected.append(bool((second.check(image(value, 6.0 * i)).flags[0] == Flag.SPIKE).all()))
    assert rejected == expected[cut:]
    for name, array in whole.state().items():
        np.testing.assert_array_equal(second.state()[name], array)


def test_another_memory_is_refused() -> None:
    memory = SpikeMemory(LIMITS, SHAPE)
    with pytest.raises(ShapeError, match="memory of the temporal check"):
        memory.restore({"accepted": np.zeros(SHAPE)})
    with pytest.raises(ShapeError, match="observation has shape"):
        SpikeMemory(LIMITS, (2, 2)).check(image(0.2))


def test_further_checks_follow_and_have_reasons_of_their_own() -> None:
    class Counting:
        """Rejects the first used cell, and remembers how often it was asked."""

        def __init__(self) -> None:
            self.calls = np.zeros(1)

        def __call__(self, observation: ImageObservation, given: CheckInput, /) -> np.ndarray:
            self.calls += 1.0
            np.testing.assert_array_equal(given.error_std, STD)
            assert set(given.backgrounds) == {"control"}
            return where(int(np.flatnonzero(observation.is_used[0])[0]))

        def state(self) -> dict[str, np.ndarray]:
            return {"calls": self.calls.copy()}

        def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
            self.calls = arrays["calls"].copy()

    class FirstCell(CheckSection):
        kind: Literal["first_cell"] = "first_cell"

        def build(self, context: CheckContext) -> Counting:
            return Counting()

    class Wet(CheckSection):
        reason: ClassVar[str] = "too wet"
        kind: Literal["wet"] = "wet"

        def build(self, context: CheckContext) -> QualityCheck:
            return lambda observation, given: observation.given > 0.4

    config = QualityConfig(frozen_model=False).model_copy(
        update={"checks": (CHECKS.make("range", sigmas=0.0), FirstCell(), Wet())}
    )
    checks = QualityControl(config, context(POROSITY))
    assert list(checks.memories) == ["1_first_cell"]
    obs = checks(image([0.5, 0.2, 0.42, 0.3, 0.3, 0.3]), STD, ModelSurface(), all_backgrounds={"control": STD})
    assert obs.flags.tolist() == [[Flag.OUT_OF_RANGE, 64, 65, 0, 0, 0]]
    counts = {reason: n for reason, n in obs.counts.items() if n}
    assert counts == {"used": 3, "out of range": 1, "first cell": 1, "too wet": 1}
    # Every time has the same reasons, in the same order.
    dry = checks(image(0.2), STD, ModelSurface(), all_backgrounds={"control": STD})
    assert dry.reasons == obs.reasons and dry.counts["too wet"] == 0
    memory = checks.memories["1_first_cell"]
    assert memory.state()["calls"] == 2.0
    again = QualityControl(config, context(POROSITY))
    again.memories["1_first_cell"].restore(memory.state())
    assert again.memories["1_first_cell"].state() == {"calls": 2.0}


def test_built_in_checks_can_be_asked_for_as_further_ones() -> None:
    config = QualityConfig(
        range_sigmas=None, frozen_model=False, checks=[{"kind": "snow", "above": 3.0}, {"kind": "frozen_soil"}]
    )
    surface = ModelSurface(is_frozen=where(5), snow=np.where(where(1, 5), 5.0, 1.0))
    obs = QualityControl(config, context(POROSITY))(image(0.2), STD, surface)
    assert obs.flags.tolist() == [[0, Flag.SNOW, 0, 0, 0, Flag.SNOW]] and obs.further == ()
    assert [check.needs_surface for check in config.all_checks] == [True, False]
    with pytest.raises(ConfigError, match=r"^checks\.0\.kind: 'snwo' is not known; .*Did you mean 'snow'\?"):
        parse_section(QualityConfig, {"checks": [{"kind": "snwo"}]})
