"""The parts of a campaign, which ``builder`` creates once from the configuration, and their protocols."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from landda_hpc.analysis.protocol import Analysis
from landda_hpc.campaign.balance import Balance
from landda_hpc.campaign.cycle_images import CycleImages
from landda_hpc.campaign.file_writer import FileWriter, Writing
from landda_hpc.campaign.image_recorder import CycleFields
from landda_hpc.campaign.increments import Distribution, Update
from landda_hpc.campaign.recorder import CycleRecords
from landda_hpc.campaign.run_rows import RunRows
from landda_hpc.config import CampaignConfig, TimeConfig
from landda_hpc.constants import FloatArray
from landda_hpc.instances.domain import Domain
from landda_hpc.instances.instance import Instance
from landda_hpc.instances.model_system import ModelSystem
from landda_hpc.model.protocol import ForecastReport
from landda_hpc.observation.image_observation import ImageObservation
from landda_hpc.parallel.communicator import Communicator
from landda_hpc.storage.campaign_folder import CampaignFolder
from landda_hpc.storage.method_memory import Memory
from landda_hpc.storage.written_files import WrittenFile

BackgroundObserver = Callable[[datetime, list[Instance]], None]
"""Called on every rank with the backgrounds of all instances, before the analysis; it must not change them."""


@dataclass(frozen=True)
class Schedule:
    """Schedule of the cycles; the same on every rank.

    Attributes
    ----------
    time : the calendar.
    checkpoint_hours : hours of simulated time between checkpoints.
    is_monitoring : observations are compared with the backgrounds, and nothing is assimilated.
    observed_later : times of the free forecast for which there are observations to compare with.
    """

    time: TimeConfig
    checkpoint_hours: int
    is_monitoring: bool = False
    observed_later: frozenset[datetime] = frozenset()

    def may_be_observed(self, time: datetime) -> bool:
        """Whether observations at a time are read."""
        return time <= self.time.assimilation_end or time in self.observed_later

    def may_be_analysed(self, cycle: int) -> bool:
        """Whether an observation of a cycle is assimilated, if there is one."""
        return cycle <= self.time.n_analyses and not self.is_monitoring

    def is_saved(self, cycle: int) -> bool:
        """Whether a checkpoint is due after a cycle: by cadence, and after the last one."""
        return (cycle * self.time.cycle_hours) % self.checkpoint_hours == 0 or cycle == self.time.n_cycles


class CellExchange(Distribution, Protocol):
    """Traffic between the tiles of all ranks and the cell means on the roots."""

    def gather_means(self, instances: Sequence[Instance]) -> RunRows | None:
        """Cell means of a run or of the members of its ensemble, on roots; None elsewhere. Collective."""
        ...

    def score_members(self, images: CycleImages) -> None:
        """Compute the CRPS of every ensemble against the nature run, if there is one. Local: roots."""
        ...

    def gather_frozen(self, images: CycleImages, runs: Sequence[str]) -> None:
        """Set the cells with frozen soil in some run, on the first root. Collective over the roots."""
        ...

    def share_layers(self, images: CycleImages) -> None:
        """Give each root the product's further layers in its own cells. Collective over the roots."""
        ...

    def gather_surface(self, instance: Instance) -> FloatArray | None:
        """Ground temperature, K, and snow, kg m-2, of an instance, (n_cells, 2), on the first root. Collective."""
        ...

    def broadcast_to_roots(self, observation: ImageObservation | None) -> ImageObservation | None:
        """The observation of rank 0 on every root; None elsewhere. Collective."""
        ...


class ObservationStep(Protocol):
    """Processed observations of the cycles. Rank 0 only."""

    def __call__(self, images: CycleImages, surface: FloatArray | None) -> ImageObservation | None:
        """The observation of a time; None if there is none. Adds the product's other layers to ``images``. Local.

        Parameters
        ----------
        images : backgrounds of every instance at the time.
        surface : of the first run, as ``CellExchange.gather_surface``; None if no check needs it.
        """
        ...


class CycleRecorder(Protocol):
    """Computes and writes the records of each cycle. Roots only."""

    def compute(
        self,
        cycle: int,
        time: datetime,
        images: CycleImages,
        analyses: dict[str, Analysis],
        accounts: dict[str, FloatArray],
        drift_accounts: dict[str, FloatArray],
    ) -> CycleRecords:
        """Compute the records of a cycle; they are complete on rank 0. Collective over the roots."""
        ...

    def write(self, records: CycleRecords) -> str:
        """Write the records of a cycle; return one line for the log. Local: rank 0."""
        ...

    def add_files(self, files: Iterable[WrittenFile]) -> None:
        """Add the files that the roots wrote in a cycle to the inventory. Local: rank 0."""
        ...

    def record_seconds(self, cycle: int, used: dict[str, dict[str, Any]], peak_mb: list[float]) -> None:
        """Write records that differ between machines and layouts. Local: rank 0."""
        ...


class CycleFiles(Protocol):
    """Describes the files of images and observations of each cycle. Roots only."""

    def gather(self, cycle: int, time: datetime, images: CycleImages, analyses: dict[str, Analysis]) -> CycleFields:
        """Gather the fields of each file on the root that writes it. Collective over the roots."""
        ...

    def writings(self, fields: CycleFields) -> Iterable[Writing]:
        """What writes this root's part of the files of a cycle. Local."""
        ...


class WaterSeries(Protocol):
    """Records soil water over time."""

    def times_within(self, begin: datetime, end: datetime) -> list[datetime]:
        """Times to be recorded between begin and end of a cycle, without both. Local."""
        ...

    def record(
        self, cycle: int, time: datetime, instances: list[Instance], reports: Mapping[str, ForecastReport | None]
    ) -> None:
        """Record every instance within or at the end of a cycle. Collective."""
        ...

    def flush(self) -> None:
        """Add what is still in memory to the files to write; called before a checkpoint. Local."""
        ...


class StateKeeper(Protocol):
    """Keeps the complete state of the campaign."""

    def save(self, instances: list[Instance], cycle: int, time: datetime) -> str:
        """Write a checkpoint and remove those that are no longer kept; return its file name. Collective."""
        ...

    def write_restarts(self, instances: list[Instance], cycle: int, time: datetime) -> None:
        """Write the restart sets that are due after a cycle without a checkpoint. Collective."""
        ...

    def continue_memory(self, memory: Memory) -> None:
        """Continue the memories of another campaign's checkpoint, where they fit. Local: roots."""
        ...

    def restore_memory(self, memory: Memory) -> None:
        """Restore the memories of the methods from a checkpoint. Local: roots."""
        ...


@dataclass(frozen=True, eq=False)
class CampaignParts:
    """The parts used by the cycles of a campaign, on this rank.

    Attributes
    ----------
    config : the resolved configuration, for callers that report on the campaign; the cycles do not read it.
    domain : grid, land cells, layout.
    world : all ranks.
    folder : output folder; rank 0 writes in it.
    schedule : times of analyses and checkpoints.
    models : the system that computes the model.
    instances : nature run and runs, with model and state where this rank holds them.
    exchange : communication between tiles and roots.
    updates : analysis method, depth and drift by name of the runs.
    keeper : of checkpoints.
    gathers_surface : a check of the observations needs ground temperature or snow.
    products : names of several products, the same on every rank; empty with one product.
    observations : on rank 0; None elsewhere.
    referee : observations that determine gains and are not assimilated, on rank 0; None elsewhere and without one.
    stations : stations that are assimilated or withheld, on rank 0; None elsewhere and without any.
    recorder, files : of records, and of images and observations, on roots; None elsewhere.
    writer : of the files that ``files`` and ``series`` describe, on roots; None elsewhere.
    series : soil water over time; None if it is not recorded.
    balance : measures the balance of the ranks; None if land cells stay where they are.
    observer : is called with every background.
    """

    config: CampaignConfig
    domain: Domain
    world: Communicator
    folder: CampaignFolder
    schedule: Schedule
    models: ModelSystem
    instances: list[Instance]
    exchange: CellExchange
    updates: Mapping[str, Update]
    keeper: StateKeeper
    gathers_surface: bool = False
    products: Sequence[str] = ()
    observations: ObservationStep | None = None
    referee: ObservationStep | None = None
    stations: ObservationStep | None = None
    recorder: CycleRecorder | None = None
    files: CycleFiles | None = None
    writer: FileWriter | None = None
    series: WaterSeries | None = None
    balance: Balance | None = None
    observer: BackgroundObserver | None = None
