"""The cycle loop with fakes of its parts: order of steps, records, checkpoints, stop requests, failures."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landda_hpc.campaign.cycle import Campaign
from landda_hpc.campaign.parts import Schedule
from landda_hpc.errors import DataError, LandDAError, ParallelError, StoppedError, StorageError
from landda_hpc.parallel.communicator import Communicator
from landda_hpc.parallel.signals import StopRequest
from tests.unit.campaign.fakes import (
    HOUR,
    START,
    Events,
    FakeObservations,
    FakeRecorder,
    FakeSeries,
    StopAfter,
    calendar,
    make_parts,
    on_ranks,
)


class Untouchable:
    """Fails whatever is asked of it."""

    rank, size = 0, 1

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} was used")


def test_making_a_campaign_neither_reads_nor_communicates(tmp_path: Path) -> None:
    event = Events()
    parts = make_parts(tmp_path, event)
    untouched = replace(parts, world=Untouchable(), folder=Untouchable(), models=Untouchable(), keeper=Untouchable())
    assert Campaign(untouched, 3).cycle == 3 and not event.names


def test_steps_of_a_cycle_come_in_their_order(tmp_path: Path) -> None:
    event = Events()
    observed: list[str] = []
    parts = make_parts(
        tmp_path,
        event,
        schedule=Schedule(calendar(1, 1), 24),
        drifts=["pointwise"],
        series=FakeSeries(event),
        gathers_surface=True,
        observer=lambda time, instances: event(f"look {time:%d-%H}"),
    )
    outcome = Campaign(parts).run(lambda cycle, total, line: observed.append(f"{cycle}/{total} {line}"))
    assert outcome.finished and outcome.time == START + 6 * HOUR
    assert observed == ["1/1 line 1"]
    assert event.names == [
        "series written",
        "save 0",
        "forecast 02-06",
        "distribute pointwise by drift",
        "look 02-06",
        "means nature",
        "means control",
        "means pointwise",
        "surface control",
        "observe 02-06",
        "analyse pointwise",
        "distribute pointwise by analysis",
        "means pointwise",
        "series 1",
        "record 1",
        "series written",
        "save 1",
        "seconds 1",
    ]


def test_what_is_recorded_when(tmp_path: Path) -> None:
    """Two cycles with analyses, one of which has no observation, and one free cycle."""
    event = Events()
    recorder = FakeRecorder(event)
    observations = FakeObservations(event, [START + 6 * HOUR])
    schedule = Schedule(calendar(2, 3), 6)
    parts = make_parts(tmp_path, event, schedule=schedule, drifts=["pointwise"], recorder=recorder,
                       observations=observations)  # fmt: skip
    Campaign(parts).run()
    first, second, third = recorder.cycles
    assert [one.time for one in recorder.cycles] == [START + n * 6 * HOUR for n in (1, 2, 3)]
    assert set(first.analyses) == set(first.accounts) == {"pointwise"} and first.images.observation is not None
    assert set(first.images.background) == {"nature", "control", "pointwise"} and set(first.images.analysis) == {
        "pointwise"
    }
    change = first.images.analysis["pointwise"].mean - first.images.background["pointwise"].mean
    (received,) = parts.updates["pointwise"].received
    assert np.array_equal(received, change), "the method hears what its model received"
    np.testing.assert_allclose(change[:, 0], 1.0, atol=1e-12)
    assert not change[:, 1:].any()
    assert second.images.observation is None and not second.analyses and not second.images.analysis
    assert third.images.observation is None
    assert all(set(one.drift_accounts) == {"pointwise"} for one in recorder.cycles), "also in the free forecast"
    assert event.of("observe") == ["observe 02-06", "observe 02-12"], "the free forecast has no observations"
    assert observations.surfaces == [None, None], "no check needs the surface"
    assert [(cycle, set(used), len(peak)) for cycle, used, peak in recorder.seconds] == [
        (1, {"seconds", "traffic"}, 1),
        (2, {"seconds", "traffic"}, 1),
        (3, {"seconds", "traffic"}, 1),
    ]


def test_observations_of_the_free_forecast_are_compared_but_not_assimilated(tmp_path: Path) -> None:
    event = Events()
    recorder = FakeRecorder(event)
    schedule = Schedule(calendar(1, 3), 6, observed_later=frozenset([START + 18 * HOUR]))
    Campaign(make_parts(tmp_path, event, schedule=schedule, recorder=recorder)).run()
    assert event.of("observe") == ["observe 02-06", "observe 02-18"]
    assert [one.images.observation is not None for one in recorder.cycles] == [True, False, True]
    assert event.of("analyse") == ["analyse pointwise"]


@pytest.mark.parametrize(("is_monitoring", "observed"), [(False, ["observe 02-06"]), (True, [])])
def test_a_referee_is_read_for_analyses_only(tmp_path: Path, is_monitoring: bool, observed: list[str]) -> None:
    """Its survey covers no other times: it may have no file then, which would be an error."""
    event, of_referee = Events(), Events()
    later = START + 18 * HOUR
    schedule = Schedule(calendar(1, 3), 6, is_monitoring=is_monitoring, observed_later=frozenset([later]))
    referee = FakeObservations(of_referee, [START + 6 * HOUR])
    Campaign(replace(make_parts(tmp_path, event, schedule=schedule), referee=referee)).run()
    assert of_referee.names == observed


def test_monitoring_observes_and_assimilates_nothing(tmp_path: Path) -> None:
    event = Events()
    recorder = FakeRecorder(event)
    schedule = Schedule(calendar(2, 2), 6, is_monitoring=True)
    Campaign(make_parts(tmp_path, event, schedule=schedule, recorder=recorder)).run()
    assert event.of("analyse", "distribute") == []
    assert all(one.images.observation is not None and not one.analyses for one in recorder.cycles)


def test_a_zero_increment_leaves_the_means_bit_for_bit(tmp_path: Path) -> None:
    event = Events()
    recorder = FakeRecorder(event)
    parts = make_parts(tmp_path, event, schedule=Schedule(calendar(1, 1), 6), recorder=recorder)
    update = parts.updates["pointwise"]
    nothing = update.analyse(None, None, START)
    nothing.increments[:] = 0.0
    update.analyse = lambda *_: nothing
    Campaign(parts).run()
    (cycle,) = recorder.cycles
    assert cycle.images.analysis["pointwise"].mean.tobytes() == cycle.images.background["pointwise"].mean.tobytes()
    assert not cycle.accounts["pointwise"].any()


@pytest.mark.parametrize(
    ("hours", "saved"), [(6, [0, 1, 2, 3, 4, 5]), (12, [0, 2, 4, 5]), (24, [0, 4, 5]), (240, [0, 5])]
)
def test_checkpoints_by_cadence_and_at_the_end(tmp_path: Path, hours: int, saved: list[int]) -> None:
    event = Events()
    parts = make_parts(tmp_path, event, schedule=Schedule(calendar(2, 5), hours))
    Campaign(parts).run()
    assert event.of("save") == [f"save {cycle}" for cycle in saved]
    statuses = parts.folder.statuses
    assert [one.state for one in statuses] == ["running"] * 5 + ["finished"]
    assert [one.cycle for one in statuses] == [1, 2, 3, 4, 5, 5]
    assert statuses[0].last_checkpoint == f"checkpoint {1 if hours == 6 else 0}"
    assert statuses[-1].last_checkpoint == "checkpoint 5" and statuses[-1].n_cycles == 5


def test_a_resumed_campaign_saves_no_initial_state(tmp_path: Path) -> None:
    event = Events()
    parts = make_parts(tmp_path, event, schedule=Schedule(calendar(2, 4), 12))
    outcome = Campaign(parts, 2).run()
    assert outcome.finished and event.of("save", "record") == ["record 3", "record 4", "save 4"]


def test_a_finished_campaign_only_says_so(tmp_path: Path) -> None:
    event = Events()
    parts = make_parts(tmp_path, event)
    assert Campaign(parts, 3).run(stop=StopAfter(0)).finished, "a stop request has nothing to stop"
    assert event.names == [] and [one.state for one in parts.folder.statuses] == ["finished"]


def test_a_stop_request_ends_with_a_checkpoint_out_of_cadence(tmp_path: Path) -> None:
    event = Events()
    parts = make_parts(tmp_path, event, schedule=Schedule(calendar(2, 4), 24))
    outcome = Campaign(parts).run(stop=StopAfter(2))
    assert (outcome.finished, outcome.cycle, outcome.stopped_by) == (False, 2, signal.SIGUSR1)
    assert event.of("save") == ["save 0", "save 2"] and event.names[-1] == "seconds 2"
    assert parts.folder.statuses[-1].state == "stopped"
    assert parts.folder.statuses[-1].last_checkpoint == "checkpoint 2"


def test_a_stop_request_in_the_last_cycle_finishes(tmp_path: Path) -> None:
    parts = make_parts(tmp_path, Events())
    outcome = Campaign(parts).run(stop=StopAfter(3))
    assert outcome.finished and parts.folder.statuses[-1].state == "finished"


def test_a_stop_request_before_the_first_cycle(tmp_path: Path) -> None:
    """A new campaign has saved its initial state; a resumed one has nothing new and says so."""
    event = Events()
    outcome = Campaign(make_parts(tmp_path, event)).run(stop=StopAfter(0, signal.SIGTERM))
    assert (outcome.finished, outcome.cycle, outcome.stopped_by) == (False, 0, signal.SIGTERM)
    assert event.names == ["save 0"]
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "checkpoint_000002_20220602T1200.h5").touch()
    event, parts = Events(), make_parts(tmp_path, Events())
    with pytest.raises(StoppedError, match="SIGTERM before the first cycle"):
        Campaign(parts, 2).run(stop=StopAfter(0, signal.SIGTERM))
    assert event.names == [] and [one.state for one in parts.folder.statuses] == ["stopped"]


# ---------------------------------------------------------------------- several ranks


def campaign_on_ranks(tmp_path: Path, changes: list[dict[str, Any]], **common: Any) -> tuple[Any, Any, Any]:
    """Run two ranks whose parts differ by ``changes``; results, events and parts of each."""
    events, parts = [Events(), Events()], [None, None]

    def work(world: Communicator) -> Any:
        rank = world.rank
        parts[rank] = make_parts(tmp_path, events[rank], world, **common)
        made = {name: make(events[rank]) for name, make in changes[rank].items()}
        parts[rank] = replace(parts[rank], **made)
        return Campaign(parts[rank]).run(stop=made.get("stop"))

    return on_ranks(2, work), events, parts


def test_ranks_without_records_take_part_in_every_step(tmp_path: Path) -> None:
    results, events, parts = campaign_on_ranks(tmp_path, [{}, {}])
    assert all(one.finished for one in results)
    assert events[1].of("observe", "record", "seconds") == [] and parts[1].folder.statuses == []
    own = ("observe", "record", "seconds")
    assert events[1].names == [name for name in events[0].names if name.split()[0] not in own]
    assert len(parts[0].recorder.seconds[0][2]) == 2, "memory of both ranks"
    assert parts[0].folder.statuses[-1].ranks == 2


@pytest.mark.parametrize(
    ("part", "make"),
    [
        ("recorder", lambda event: FakeRecorder(event, 2, StorageError("the disk is full"))),
        ("observations", lambda event: FakeObservations(event, [], StorageError("the disk is full"))),
    ],
)
def test_a_step_that_fails_on_rank_0_ends_every_rank(tmp_path: Path, part: str, make: Any) -> None:
    results, events, parts = campaign_on_ranks(tmp_path, [{part: make}, {}])
    assert all(isinstance(one, StorageError) for one in results)
    assert "rank 0 failed with StorageError: the disk is full" in str(results[1])
    assert events[1].of("save") in (["save 0"], ["save 0", "save 1"]), "the checkpoint before it stays the last"
    assert all(status.state == "running" for status in parts[0].folder.statuses)


@pytest.mark.parametrize(("error", "echo"), [(DataError("bad"), DataError), (ValueError("bad"), ParallelError)])
def test_a_step_that_fails_on_another_rank_ends_every_rank(
    tmp_path: Path, error: Exception, echo: type[LandDAError]
) -> None:
    def fail(event: Events) -> Any:
        def look(time: Any, instances: Any) -> None:
            raise error

        return look

    results, events, _ = campaign_on_ranks(tmp_path, [{"observer": lambda event: lambda *_: None}, {"observer": fail}])
    assert results[1] is error
    assert type(results[0]) is echo and "rank 1 failed" in str(results[0])
    assert events[0].of("record") == [] and events[0].of("save") == ["save 0"]


def test_a_signal_to_one_rank_stops_all_after_the_same_cycle(tmp_path: Path) -> None:
    stops = [StopRequest(), StopRequest()]
    parts: list[Any] = [None, None]

    def work(world: Communicator) -> Any:
        event = Events()
        request = stops[world.rank]

        def look(time: Any, instances: Any) -> None:
            if world.rank == 1 and time == START + 12 * HOUR:
                request._remember(signal.SIGUSR1, None)

        parts[world.rank] = make_parts(tmp_path, event, world, schedule=Schedule(calendar(3, 4), 24), observer=look)
        outcome = Campaign(parts[world.rank]).run(stop=request)
        return outcome, event.of("save")

    first, second = on_ranks(2, work)
    assert first == second
    assert (first[0].cycle, first[0].stopped_by, first[1]) == (2, signal.SIGUSR1, ["save 0", "save 2"])
    assert parts[0].folder.statuses[-1].state == "stopped" and not parts[1].folder.statuses


def test_the_schedule_of_hourly_cycles() -> None:
    time = calendar(2, 3).model_copy(update={"cycle_hours": 1})
    schedule = Schedule(time, 3)
    assert [n for n in range(1, time.n_cycles + 1) if schedule.is_saved(n)] == [3, 6, 9, 12, 15, 18]
    assert schedule.may_be_analysed(12) and not schedule.may_be_analysed(13)
    assert schedule.may_be_observed(START + 12 * HOUR) and not schedule.may_be_observed(START + 13 * HOUR)
