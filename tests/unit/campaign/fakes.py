"""Fakes of the protocols that a campaign's cycles work with, and ranks as threads of this process."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from landda_hpc.analysis.protocol import Analysis
from landda_hpc.campaign.increments import Analysed
from landda_hpc.campaign.parts import CampaignParts, Schedule
from landda_hpc.campaign.run_rows import RunRows
from landda_hpc.config import METHODS, TimeConfig
from landda_hpc.constants import FloatArray
from landda_hpc.instances.instance import Instance
from landda_hpc.observation.image_observation import ImageObservation
from landda_hpc.parallel.communicator import Communicator, SerialCommunicator, check_exchange
from landda_hpc.parallel.traffic import Traffic

START = datetime(2022, 6, 2)
HOUR = timedelta(hours=1)
SHAPE = (2, 3)
N_CELLS = 6
WAIT_S = 20.0


# ---------------------------------------------------------------------- ranks as threads


class _Meeting:
    """Where the threads of one group leave their values for each other."""

    def __init__(self, size: int) -> None:
        self.barrier, self.slots = threading.Barrier(size, timeout=WAIT_S), [None] * size
        self.lock, self.groups = threading.Lock(), {}


class ThreadCommunicator:
    """``Communicator`` among threads; a thread that stays away ends the others after ``WAIT_S``."""

    native = None

    def __init__(self, meeting: _Meeting, rank: int) -> None:
        self._meeting, self.rank, self.size = meeting, rank, len(meeting.slots)
        self.traffic, self._splits = Traffic(), 0

    def all_gather(self, value: Any) -> list[Any]:
        self._meeting.slots[self.rank] = value
        self._meeting.barrier.wait()
        values = list(self._meeting.slots)
        self._meeting.barrier.wait()
        return values

    def broadcast(self, value: Any) -> Any:
        return self.all_gather(value)[0]

    def gather(self, value: Any) -> list[Any] | None:
        values = self.all_gather(value)
        return values if self.rank == 0 else None

    def exchange(self, outgoing: Mapping[int, FloatArray], incoming: Mapping[int, int]) -> FloatArray:
        check_exchange(outgoing, incoming, self)
        sent = [np.ravel(of_rank.get(self.rank, ())) for of_rank in self.all_gather(outgoing)]
        assert [part.size for part in sent] == [incoming.get(rank, 0) for rank in range(self.size)]
        return np.concatenate([np.empty(0), *(sent[rank] for rank in incoming)])

    def barrier(self) -> None:
        self._meeting.barrier.wait()

    wait_asleep = barrier

    def split(self, colour: int | None) -> ThreadCommunicator | None:
        colours = self.all_gather(colour)
        self._splits += 1
        if colour is None:
            return None
        members = [rank for rank, other in enumerate(colours) if other == colour]
        with self._meeting.lock:
            key = (self._splits, colour)
            meeting = self._meeting.groups.setdefault(key, _Meeting(len(members)))
        return ThreadCommunicator(meeting, members.index(self.rank))

    def of_node(self) -> ThreadCommunicator | None:
        """Each thread is a separate node, without shared memory."""
        return self.split(self.rank)

    def abort(self, code: int) -> None:
        self._meeting.barrier.abort()


def on_ranks(size: int, work: Callable[[Communicator], Any]) -> list[Any]:
    """What ``work`` returns or raises on each of so many ranks."""
    meeting = _Meeting(size)
    with ThreadPoolExecutor(size) as pool:
        futures = [pool.submit(work, ThreadCommunicator(meeting, rank)) for rank in range(size)]
        return [future.exception(3 * WAIT_S) or future.result() for future in futures]


# ---------------------------------------------------------------------- parts of a campaign


@dataclass
class Events:
    """What happened on one rank, in its order."""

    names: list[str] = field(default_factory=list)

    def __call__(self, name: str) -> None:
        self.names.append(name)

    def of(self, *kinds: str) -> list[str]:
        return [name for name in self.names if name.split()[0] in kinds]


class FakeModels:
    def __init__(self, event: Events) -> None:
        self.event = event

    def forecast(self, instances: list[Instance], begin: datetime, end: datetime) -> dict[str, Any]:
        self.event(f"forecast {end:%d-%H}")
        return {i.name: np.zeros(1) for i in instances}


class FakeExchange:
    """Every instance has rows of its index; a distributed increment is added to them."""

    def __init__(self, event: Events) -> None:
        self.event, self.rows = event, {}

    def gather_means(self, instances: Sequence[Instance]) -> RunRows:
        (instance,) = instances
        self.event(f"means {instance.name}")
        rows = self.rows.setdefault(instance.name, np.full((N_CELLS, 3), float(instance.index))).copy()
        return RunRows(rows, rows[:, 0])

    def score_members(self, images: Any) -> None:
        assert all(rows.members is None for rows in images.background.values())

    def gather_frozen(self, images: Any, runs: Sequence[str]) -> None:
        images.frozen = np.zeros(N_CELLS, dtype=bool)

    def share_layers(self, images: Any) -> None:
        images.product_layers = {}

    def gather_surface(self, instance: Instance) -> FloatArray:
        self.event(f"surface {instance.name}")
        return np.zeros((N_CELLS, 2))

    def broadcast_to_roots(self, observation: ImageObservation | None) -> ImageObservation | None:
        return observation

    def distribute(self, instances: Sequence[Instance], increments: FloatArray | None, spreading: Any) -> FloatArray:
        (instance,) = instances
        self.event(f"distribute {instance.name} {spreading}")
        assert increments is not None
        self.rows.setdefault(instance.name, np.full((N_CELLS, 3), float(instance.index)))[:, 0] += increments[:, 0]
        return np.full((N_CELLS, 5), float(increments.sum()))


class FakeObservations:
    def __init__(self, event: Events, times: Iterable[datetime], fault: Exception | None = None) -> None:
        self.event, self.times, self.fault, self.surfaces = event, set(times), fault, []

    def __call__(self, images: Any, surface: FloatArray | None) -> ImageObservation | None:
        self.event(f"observe {images.time:%d-%H}")
        self.surfaces.append(surface)
        if self.fault is not None:
            raise self.fault
        if images.time not in self.times:
            return None
        return ImageObservation.flagged(np.full(SHAPE, 0.3), np.ones(SHAPE, bool), images.time, (0.0, 0.1), "fake")


class FakeDrift:
    def correction(self, time: datetime) -> FloatArray:
        return np.full(N_CELLS, 0.001)


class FakeUpdate:
    """An update of ones; ``drift`` as given."""

    spreading, drift_spreading = "by analysis", "by drift"

    def __init__(self, event: Events, name: str, assimilates: bool, drift: FakeDrift | None = None) -> None:
        self.event, self.name, self.assimilates, self.drift, self.received = event, name, assimilates, drift, []

    def analyse(
        self, rows: RunRows, observation: ImageObservation, time: datetime, referee: Any = None, stations: Any = None
    ) -> Analysed:
        self.event(f"analyse {self.name}")
        return Analysed(Analysis(np.ones(SHAPE)), np.ones((N_CELLS, 1)))

    def distribute(self, instances: Sequence[Instance], found: Analysed, exchange: FakeExchange) -> FloatArray:
        return exchange.distribute(instances, found.increments, self.spreading)

    def report_increment(self, before: RunRows, after: RunRows) -> None:
        self.received.append(after.mean - before.mean)


class FakeRecorder:
    def __init__(self, event: Events, fault_at: int | None = None, fault: Exception | None = None) -> None:
        self.event, self.fault_at, self.fault = event, fault_at, fault
        self.cycles, self.seconds, self.files = [], [], []

    def compute(self, cycle: int, time: datetime, *of_cycle: Any) -> Any:
        return SimpleNamespace(cycle=cycle, time=time, **dict(zip(RECORDED, of_cycle, strict=True)))

    def write(self, records: Any) -> str:
        self.event(f"record {records.cycle}")
        if records.cycle == self.fault_at and self.fault is not None:
            raise self.fault
        self.cycles.append(records)
        return f"line {records.cycle}"

    def add_files(self, files: Iterable[Any]) -> None:
        self.files += files

    def record_seconds(self, cycle: int, used: Any, peak_mb: list[float]) -> None:
        self.event(f"seconds {cycle}")
        self.seconds.append((cycle, used, peak_mb))


RECORDED = ("images", "analyses", "accounts", "drift_accounts")


class FakeSeries:
    def __init__(self, event: Events) -> None:
        self.event, self.rain = event, []

    def times_within(self, begin: datetime, end: datetime) -> list[datetime]:
        return []

    def record(self, cycle: int, time: datetime, instances: list[Instance], reports: Any) -> None:
        self.event(f"series {cycle}")
        self.rain.append(reports)

    def flush(self) -> None:
        self.event("series written")


class FakeKeeper:
    def __init__(self, event: Events) -> None:
        self.event = event

    def save(self, instances: list[Instance], cycle: int, time: datetime) -> str:
        self.event(f"save {cycle}")
        return f"checkpoint {cycle}"

    def write_restarts(self, instances: list[Instance], cycle: int, time: datetime) -> None:
        """No sets are due."""


class FakeFolder:
    """Keeps statuses instead of writing them."""

    def __init__(self, path: Path) -> None:
        self.path, self.checkpoints, self.statuses = path, path / "checkpoints", []

    def write_status(self, status: Any) -> None:
        self.statuses.append(status)


class StopAfter:
    """A stop request that this rank receives in a cycle; ``agreed`` is asked once before the first and after each."""

    def __init__(self, cycle: int, number: signal.Signals = signal.SIGUSR1) -> None:
        self.cycle, self.number, self.asked = cycle, number, 0

    def agreed(self, world: Communicator) -> signal.Signals | None:
        mine = self.number if self.asked >= self.cycle else None
        self.asked += 1
        received = [one for one in world.all_gather(mine) if one is not None]
        return received[0] if received else None


def calendar(n_analyses: int = 2, n_cycles: int = 3) -> TimeConfig:
    return TimeConfig(start=START, assimilation_end=START + 6 * n_analyses * HOUR, end=START + 6 * n_cycles * HOUR)


def make_parts(
    path: Path,
    event: Events,
    world: Communicator | None = None,
    schedule: Schedule | None = None,
    methods: Sequence[str] = ("control", "pointwise"),
    drifts: Sequence[str] = (),
    **changes: Any,
) -> CampaignParts:
    """Parts of a campaign of fakes: a nature run, and runs of the methods; rank 0 observes and records."""
    world = world or SerialCommunicator()
    runs = [METHODS.make(method) for method in methods]
    instances = [Instance("nature", 0, None), *(Instance(run.name, i, run) for i, run in enumerate(runs, start=1))]
    schedule = schedule or Schedule(calendar(), 6)
    every = [schedule.time.valid_time(n) for n in range(1, schedule.time.n_cycles + 1)]
    is_first = world.rank == 0
    parts: dict[str, Any] = {
        "config": None,
        "domain": None,
        "world": world,
        "folder": FakeFolder(path),
        "schedule": schedule,
        "models": FakeModels(event),
        "instances": instances,
        "exchange": FakeExchange(event),
        "updates": {
            r.name: FakeUpdate(event, r.name, r.assimilates, FakeDrift() if r.name in drifts else None) for r in runs
        },
        "keeper": FakeKeeper(event),
        "observations": FakeObservations(event, every) if is_first else None,
        "recorder": FakeRecorder(event) if is_first else None,
    }
    return CampaignParts(**parts | changes)
