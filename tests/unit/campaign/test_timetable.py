"""Where the time went: means over cycles, balance of the ranks, traffic and memory."""

from __future__ import annotations

from typing import Any

import pytest

from landda_hpc.campaign.timetable import timetable
from landda_hpc.campaign.timing import STEPS, StepClock
from landda_hpc.parallel.communicator import Communicator
from tests.unit.campaign.fakes import on_ranks


def line(cycle: int, forecast: float) -> dict[str, Any]:
    none = {"max": 0.0, "mean": 0.0, "cpu_max": 0.0, "cpu_mean": 0.0}
    used = {"max": forecast, "mean": forecast / 2, "cpu_max": forecast, "cpu_mean": forecast / 4}
    seconds = {step: used if step == "forecast" else none for step in STEPS}
    return {
        "cycle": cycle,
        "seconds": seconds,
        "bytes_sent_max": 4_000_000 * cycle,
        "peak_memory_mb_max": 100.0 + cycle,
    }


def test_seconds_are_of_a_simulated_day() -> None:
    found = timetable([line(n, 1.0) for n in (1, 2, 3, 4, 5, 6, 7, 8)], 6)
    assert found is not None and found.days == 2.0
    assert found.seconds == {"forecast": (4.0, 2.0, 1.0)}, "steps that took nothing are left out"
    assert found.balance == {"forecast": 0.25}
    assert found.megabytes_sent == pytest.approx(16.0) and found.peak_memory_mb == 108.0


def test_no_records_no_timetable() -> None:
    assert timetable([], 6) is None


def test_the_clock_of_several_ranks_has_maxima_and_means() -> None:
    def work(world: Communicator) -> dict[str, dict[str, float]]:
        clock = StepClock()
        with clock("analyse"):
            sum(range(10**5 * (1 + world.rank)))
        first = clock.collect(world)
        assert all(value == 0.0 for step in clock.collect(world).values() for value in step.values()), "begun again"
        return first

    one, other = on_ranks(2, work)
    assert one == other and set(one) == set(STEPS)
    assert one["analyse"]["max"] >= one["analyse"]["mean"] > 0.0 and one["forecast"]["max"] == 0.0


def test_a_step_that_fails_is_counted_too() -> None:
    def work(world: Communicator) -> float:
        clock = StepClock()
        with pytest.raises(ValueError, match="failed"), clock("observe"):
            sum(range(10**5))
            raise ValueError("failed")
        return clock.collect(world)["observe"]["max"]

    assert on_ranks(1, work)[0] > 0.0
