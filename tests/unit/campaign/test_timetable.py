"""Where the time went: means over cycles, balance of the ranks, traffic and memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from landda_hpc.campaign.timetable import timetable
from landda_hpc.campaign.timing import STEPS, StepClock, StepUse, rank_line, read_rank_log
from landda_hpc.errors import DataError
from landda_hpc.parallel.communicator import Communicator, SerialCommunicator
from tests.unit.campaign.fakes import on_ranks


def line(cycle: int, forecast: float) -> dict[str, Any]:
    none = {"max": 0.0, "mean": 0.0, "cpu_max": 0.0, "cpu_mean": 0.0}
    used = {"max": forecast, "mean": forecast / 2, "cpu_max": forecast, "cpu_mean": forecast / 4}
    used |= {"compute_max": forecast / 2, "compute_mean": forecast / 5}
    seconds = {step: used if step == "forecast" else none for step in STEPS}
    return {
        "cycle": cycle,
        "seconds": seconds,
        "traffic": {"aggregate": {"bytes_max": 3_000_000}, "analyse": {"bytes_max": 1_000_000}},
        "peak_memory_mb_max": 100.0 + cycle,
    }


def test_seconds_are_of_a_simulated_day() -> None:
    found = timetable([line(n, 1.0) for n in (1, 2, 3, 4, 5, 6, 7, 8)], 6)
    assert found is not None and found.days == 2.0
    assert found.seconds == {"forecast": (4.0, 2.0, 1.0)}, "steps that took nothing are left out"
    assert found.balance == {"forecast": pytest.approx(0.4)}
    assert found.megabytes_sent == pytest.approx(16.0) and found.peak_memory_mb == 108.0


def test_no_records_no_timetable() -> None:
    assert timetable([], 6) is None


def test_the_clock_of_several_ranks_has_maxima_and_means() -> None:
    def work(world: Communicator) -> dict[str, dict[str, Any]]:
        clock = StepClock(world)
        with clock("analyse"):
            sum(range(10**5 * (1 + world.rank)))
        first = clock.collect()
        again = clock.collect()
        assert all(value == 0.0 for kind in again.values() for step in kind.values() for value in step.values())
        return first

    one, other = on_ranks(2, work)
    assert one == other and set(one["seconds"]) == set(one["traffic"]) == set(STEPS)
    seconds = one["seconds"]
    assert seconds["analyse"]["max"] >= seconds["analyse"]["mean"] > 0.0 and seconds["forecast"]["max"] == 0.0


def test_computing_excludes_communication() -> None:
    world = SerialCommunicator()
    clock = StepClock(world)
    with clock("analyse"), world.traffic.call():
        sum(range(10**6))
        world.traffic.gave(80, 3, n_messages=2)
    found = clock.collect()
    seconds = found["seconds"]["analyse"]
    assert seconds["compute_max"] < 0.1 * seconds["cpu_max"]
    assert found["traffic"]["analyse"] == {
        "bytes_max": 240, "bytes_mean": 240.0, "messages_max": 2, "messages_mean": 2.0, "calls": 1,
    }  # fmt: skip


def test_a_log_of_a_rank_is_read_as_it_was_written(tmp_path: Path) -> None:
    used = {step: StepUse(1.5 + i, 1.25, 0.125 * i, 1e12 + i, 3.0, 4.0) for i, step in enumerate(STEPS)}
    path = tmp_path / "landda.rank00003.log"
    path.write_text(f"2026-01-01T00:00:00 INFO landda_hpc.rank: {rank_line(used, 123.4e6)}\nanother line\n")
    assert read_rank_log(path) == [(used, pytest.approx(123.4e6))]
    path.write_text("no cycle\n")
    with pytest.raises(DataError, match="--rank-logs"):
        read_rank_log(path)


def test_a_step_that_fails_is_counted_too() -> None:
    def work(world: Communicator) -> float:
        clock = StepClock(world)
        with pytest.raises(ValueError, match="failed"), clock("observe"):
            sum(range(10**5))
            raise ValueError("failed")
        return clock.collect()["seconds"]["observe"]["max"]

    assert on_ranks(1, work)[0] > 0.0
