"""One cycle after the other: forecast, aggregate, observe, analyse, distribute, checkpoint, diagnose."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from landda_hpc.analysis.layers import analyse_separately
from landda_hpc.analysis.protocol import Analysis, ImagePair
from landda_hpc.analysis.running_statistics import MethodMemory
from landda_hpc.analysis.var3d import Var3d
from landda_hpc.campaign.increments import Descent, RunMemory, make_descent, make_drift
from landda_hpc.campaign.observation_preparation import MEMORY_KEY, Treatment, surface_is_asked_for, surface_rows
from landda_hpc.campaign.observation_warnings import doubts
from landda_hpc.campaign.recorder import CycleImages, Recorder
from landda_hpc.campaign.saving import save_state
from landda_hpc.campaign.series_recorder import SeriesRecorder
from landda_hpc.campaign.timing import StepClock
from landda_hpc.config import CampaignConfig
from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.errors import StoppedError, StorageError
from landda_hpc.image.aggregate import aggregate, frozen_layers, volumetric_water
from landda_hpc.image.distribute import distribute
from landda_hpc.instances.domain import Domain
from landda_hpc.instances.instance import Instance
from landda_hpc.instances.model_system import ModelSystem
from landda_hpc.methods.base.assembly import make_method
from landda_hpc.observation.image import Flag, ImageObservation
from landda_hpc.observation.source import ObservationSource
from landda_hpc.observation.withheld import Withholding
from landda_hpc.parallel.communicator import Communicator
from landda_hpc.parallel.roots import RootTraffic
from landda_hpc.parallel.signals import StopRequest
from landda_hpc.parallel.together import together
from landda_hpc.process_memory import peak_bytes
from landda_hpc.storage.campaign_folder import CampaignFolder, State, Status
from landda_hpc.storage.method_memory import KEY as MEMORY
from landda_hpc.storage.method_memory import Memory, encode_memory
from landda_hpc.storage.record_inventory import KEY, Inventory
from landda_hpc.storage.report_state import forget_report
from landda_hpc.storage.retention import checkpoint_name, list_checkpoints
from landda_hpc.water_ledger import WaterLedger

logger = logging.getLogger(__name__)
step_log = logging.getLogger("landda_hpc.steps")
"""One line per step and cycle: goes to the campaign's log file, and to the screen with --verbose."""

Progress = Callable[[int, int, str], None]
"""Called on rank 0 after each cycle with (cycle, number of cycles, one line)."""

BackgroundObserver = Callable[[datetime, list[Instance]], None]
"""Called on every rank with the backgrounds of all instances, before the analysis; it must change nothing."""


@dataclass(frozen=True)
class Outcome:
    """How a campaign ended: finished, or stopped by a signal after a complete checkpoint."""

    finished: bool
    cycle: int
    time: datetime
    stopped_by: signal.Signals | None = None


class Campaign:
    """The cycle loop of one campaign on this rank.

    Parameters
    ----------
    config, domain : what is to be done, and where.
    world : all ranks.
    folder : output folder; rank 0 writes its records.
    models : how the model is computed.
    instances : nature run and runs, with model and state where this rank holds them.
    source : observations (used on rank 0).
    cycle : cycles done so far.
    observer : is called with every background.
    inventory : of the records of these cycles, on rank 0; None for a campaign that begins.
    identity : hash of the trajectory that the campaign was begun with, for its checkpoints.
    """

    def __init__(
        self,
        config: CampaignConfig,
        domain: Domain,
        world: Communicator,
        folder: CampaignFolder,
        models: ModelSystem,
        instances: list[Instance],
        source: ObservationSource,
        cycle: int,
        observer: BackgroundObserver | None = None,
        inventory: Inventory | None = None,
        *,
        identity: str,
    ) -> None:
        self._identity = identity
        self.config, self.domain, self.world, self.folder = config, domain, world, folder
        self.models, self.instances, self.source, self.cycle = models, instances, source, cycle
        self._observer = observer
        self._traffic = RootTraffic(world, domain.layout)
        roots = self._traffic.root_group
        with together(world, "making the analysis methods"):
            self._methods = {
                i.name: make_method(i.run, domain.grid, roots, config.seed, config.data_root)
                for i in instances
                if i.run is not None and roots is not None
            }
            self._descents = {
                i.name: make_descent(config, domain, i.run, world.rank) for i in instances if i.run is not None
            }
            drifts = {i.name: make_drift(config, len(domain.cells), i.run) for i in instances if i.run is not None}
            self._drifts = {name: drift for name, drift in drifts.items() if drift is not None}
        self._remembering: dict[str, MethodMemory] = {}
        for name, method in self._methods.items():
            remembering, drift = method if isinstance(method, MethodMemory) else None, self._drifts.get(name)
            if remembering is not None or drift is not None:
                self._remembering[name] = RunMemory(remembering, drift)
        self._treatment: Treatment | None = None
        with together(world, "preparing the treatment of observations"):
            if world.rank == 0:
                self._treatment = Treatment(config, domain)
                if self._treatment.memory is not None:
                    self._remembering[MEMORY_KEY] = self._treatment.memory
        withheld = config.observations.withheld
        self._withholding: Withholding | None = None
        with together(world, "choosing the observations that are withheld"):
            if world.rank == 0 and withheld is not None:
                self._withholding = Withholding(
                    withheld, domain.grid, config.seed, config.data_root, config.time.analyses
                )
        self._clock = StepClock()
        self._inventory = inventory or Inventory(folder.path)
        self._recorder = Recorder(config, domain, folder, self._inventory) if world.rank == 0 else None
        series = config.output.series
        self._series = (
            SeriesRecorder(config, series, domain, world, self._traffic, folder, self._inventory) if series else None
        )
        self._layers = domain.observed_weights > 0.0
        self._observed_later = self._survey_forecast()
        self._saved: str | None = None

    def _survey_forecast(self) -> frozenset[datetime]:
        """Times of the free forecast for which there are observations to compare with. Collective."""
        time = self.config.time
        later = [time.valid_time(n) for n in range(time.n_analyses + 1, time.n_cycles + 1)]
        found: list[datetime] | None = None
        with together(self.world, "looking for observations in the forecast window"):
            if self.world.rank == 0:
                found = [when for when, _ in self.source.survey(later).found]
        return frozenset(self.world.broadcast(found))

    # ------------------------------------------------------------------ the loop

    def run(self, progress: Progress | None = None, stop: StopRequest | None = None) -> Outcome:
        """Cycle to the end of the campaign or to a stop request. Collective over the world.

        Raises
        ------
        ModelError, DataError, StorageError : on every rank; the last checkpoint stays as it is.
        StoppedError : a stop request came before the first cycle, and the state had been saved by an earlier leg.
        """
        time, total = self.config.time, self.config.time.n_cycles
        is_new = self.world.broadcast(not list_checkpoints(self.folder.checkpoints))
        if self.cycle == 0:
            self._save(0, time.start)
        received = stop.agreed(self.world) if stop else None
        if received and self.cycle < total:
            self._conclude("stopped")
            if not is_new:
                raise StoppedError(f"Stopped by {received.name} before the first cycle of this job.", received)
            return Outcome(False, self.cycle, time.valid_time(self.cycle), received)
        while self.cycle < total:
            number = self.cycle + 1
            line = self._one_cycle(number)
            self.cycle = number
            received = stop.agreed(self.world) if stop else None
            due = (number * time.cycle_hours) % self.config.checkpoint.every_hours == 0
            if due or received or number == total:
                self._save(number, time.valid_time(number))
            self._record_times(number)
            if progress is not None and self.world.rank == 0:
                progress(number, total, line)
            if received and number < total:
                self._conclude("stopped")
                return Outcome(False, number, time.valid_time(number), received)
        self._conclude("finished")
        return Outcome(True, self.cycle, time.valid_time(self.cycle))

    def _one_cycle(self, number: int) -> str:
        begin, end = self.config.time.valid_time(number - 1), self.config.time.valid_time(number)
        with self._clock("forecast"):
            rain = self.models.forecast(self.instances, begin, end)
        with self._clock("distribute"):
            drift_accounts = self._add_drift(end)
        if self._observer is not None:
            with together(self.world, f"looking at the backgrounds of {end}"):
                self._observer(end, self.instances)
        with self._clock("aggregate"):
            images = self._gather_images(end)
            surface = self._gather_surface()
        analyses: dict[str, Analysis] = {}
        accounts: dict[str, FloatArray] = {}
        with self._clock("observe"):
            images.observation = self._observe(images, surface, end)
        if number <= self.config.time.n_analyses and self._is_analysed(images):
            for instance in self.instances:
                if not instance.assimilates:
                    continue
                with self._clock("analyse"):
                    analysis = self._analyse(instance, images, end)
                    self._learn_drift(instance, images, analysis, end)
                with self._clock("distribute"):
                    rows = self._distribute(instance, analysis)
                    images.analysis[instance.name] = self._gather_rows(instance)
                if analysis is not None and rows is not None:
                    analyses[instance.name], accounts[instance.name] = analysis, rows
        if self._series is not None:
            with self._clock("diagnostics"):
                self._series.record(number, end, self.instances, rain)
        with self._clock("diagnostics"), together(self.world, f"recording cycle {number}"):
            if self._recorder is None:
                return ""
            return self._recorder.record(number, end, images, analyses, accounts, drift_accounts)

    # ------------------------------------------------------------------ steps

    def _gather_images(self, time: datetime) -> CycleImages:
        images = CycleImages(time)
        for instance in self.instances:
            images.background[instance.name] = self._gather_rows(instance)
        return images

    def _gather_rows(self, instance: Instance) -> FloatArray | None:
        """Cell means on the roots, (n_cells, n_columns), as ``Columns`` has them."""
        rows = None
        if instance.model is not None and instance.state is not None:
            frozen = np.any(frozen_layers(instance.state) & self._layers, axis=1)
            values = self.domain.columns.of_tiles(
                volumetric_water(instance.state), frozen, self.domain.observed_weights, self.domain.depth_weights
            )
            rows = aggregate(instance.model.tiles, values)
        return self._traffic.gather(instance.index, rows, self.domain.columns.size)

    def _gather_surface(self) -> FloatArray | None:
        """Ground temperature and snow of the first run on the roots, where quality control asks for them."""
        if not surface_is_asked_for(self.config):
            return None
        first = next(i for i in self.instances if i.run is not None)
        rows = None
        if first.model is not None and first.state is not None:
            rows = surface_rows(first.model, first.state)
        return self._traffic.gather(first.index, rows, 2)

    def _observe(self, images: CycleImages, surface: FloatArray | None, time: datetime) -> ImageObservation | None:
        cells, names = self.domain.cells, self.domain.depth_names
        observation: ImageObservation | None = None
        if time > self.config.time.assimilation_end and time not in self._observed_later:
            return None
        with together(self.world, f"observations at {time}"):
            if self.world.rank == 0:
                nature = images.background.get("nature")
                truth = None if nature is None else cells.to_image(self.domain.columns.observed(nature))
                observation = self.source.at(time, truth)
                if observation is not None and self._treatment is not None:
                    frozen = cells.to_image(self._is_frozen(images).astype(np.float64), fill=0.0) > 0.0
                    observation = self._treatment(observation, frozen, surface, images.background)
                    if self._withholding is not None:
                        observation = observation.reject(self._withholding.mask(time), Flag.WITHHELD)
                    for warning in doubts(observation, images.background, self.config, cells):
                        logger.warning("%s: %s", time, warning)
                    depths = dict(zip(self.config.verification.depths_m, names, strict=True))
                    others = self.source.other_layers(time, list(depths))
                    images.other_layers = {depths[depth]: image for depth, image in others.items()}
        group = self._traffic.root_group
        return None if group is None else group.broadcast(observation)

    def _is_frozen(self, images: CycleImages) -> BoolArray:
        """Cells with frozen soil in some run (one observation serves all runs). Local: rank 0, which holds all rows."""
        rows = [images.background[run.name] for run in self.config.runs]
        frozen: BoolArray = np.any(
            [self.domain.columns.frozen(of_run) > 0.0 for of_run in rows if of_run is not None], axis=0
        )
        return frozen

    def _is_analysed(self, images: CycleImages) -> bool:
        """Whether there is an observation to assimilate; the same answer on every rank. Collective."""
        return self.world.broadcast(images.observation is not None) and not self.config.observations.monitor_only

    def _analyse(self, instance: Instance, images: CycleImages, time: datetime) -> Analysis | None:
        method, rows = self._methods.get(instance.name), images.background[instance.name]
        if method is None or rows is None or images.observation is None:
            return None
        if isinstance(method, Var3d) and method.n_layers > 1:
            theta = self.domain.columns.soil(rows).T[: method.n_layers]
            pairs = [self._pair(layer, images.observation, time) for layer in theta]
            return analyse_separately(method, pairs, self.domain.observed_weights[: method.n_layers])
        return method.analyse(self._pair(self.domain.columns.observed(rows), images.observation, time))

    def _pair(self, background: FloatArray, observation: ImageObservation, time: datetime) -> ImagePair:
        return ImagePair(
            background=self.domain.cells.to_image(background),
            observation=observation.values,
            domain=self.domain.is_soil,
            time_key=time.isoformat(),
            observation_std=observation.error_std,
        )

    def _distribute(self, instance: Instance, analysis: Analysis | None) -> FloatArray | None:
        """Bring the increments to the tiles; returns the water ledger, (n_cells, 5), on roots."""
        increments = None
        if analysis is not None:
            increments = np.stack([self.domain.cells.from_image(p.increment) for p in analysis.parts], axis=1)
        return self._put(instance, increments, self._descents[instance.name])

    def _put(self, instance: Instance, increments: FloatArray | None, descent: Descent) -> FloatArray | None:
        """Bring increments, (n_cells, n_increments) on roots, to the tiles; the water ledger on roots."""
        mine = self._traffic.scatter(instance.index, increments, descent.n_increments)
        ledger: WaterLedger | None = None
        if mine is not None and instance.model is not None and instance.state is not None:
            ledger = distribute(instance.model.tiles, instance.state, descent.columns(mine), descent.layers)
            instance.model.diagnose(instance.state)
        return self._traffic.gather(instance.index, None if ledger is None else ledger.rows, 5)

    def _add_drift(self, time: datetime) -> dict[str, FloatArray]:
        """Add what was learned of each run's drift to its forecast; the water ledgers by run, on roots. Collective.

        Only to the layers that overlap the observed depth: the regression of errors is none of drifts.
        """
        accounts: dict[str, FloatArray] = {}
        for instance in self.instances:
            drift = self._drifts.get(instance.name)
            if drift is not None:
                correction = drift.correction(time)[:, None] if self._traffic.is_root else None
                rows = self._put(instance, correction, Descent(self._layers))
                if rows is not None:
                    accounts[instance.name] = rows
        return accounts

    def _learn_drift(self, instance: Instance, images: CycleImages, analysis: Analysis | None, time: datetime) -> None:
        """Let a run's drift learn from an analysis. Local: roots."""
        drift = self._drifts.get(instance.name)
        if drift is not None and analysis is not None and images.observation is not None:
            observed = self.domain.cells.from_image(images.observation.values)
            drift.learn(time, self.domain.cells.from_image(analysis.increment), np.isfinite(observed))

    # ------------------------------------------------------------------ keeping

    def _save(self, cycle: int, time: datetime) -> None:
        with self._clock("checkpoint"):
            records: dict[str, Any] = {}
            with together(self.world, f"taking the inventory of the records up to {time}"):
                if self.world.rank == 0:
                    memory = self._memory()
                    records = {KEY: self._inventory.to_plain(time)} | (
                        {MEMORY: encode_memory(memory)} if memory else {}
                    )
            save_state(
                self.config,
                self.domain,
                self.world,
                self.folder,
                self.models,
                self.instances,
                cycle,
                time,
                records,
                self._identity,
            )
        self._saved = checkpoint_name(cycle, time)

    def _memory(self) -> dict[str, dict[str, FloatArray]]:
        """What the methods remember, by run; the same on every root."""
        return {name: method.state() for name, method in self._remembering.items()}

    def restore_memory(self, memory: Memory) -> None:
        """Give the methods back what they remembered at a checkpoint. Local: roots.

        Raises
        ------
        StorageError : a method that remembers finds nothing of its own.
        """
        for name, method in self._remembering.items():
            if name not in memory:
                raise StorageError(f"the checkpoint has no memory of run '{name}': written by another version?")
            method.restore(memory[name])

    def _record_times(self, number: int) -> None:
        """Seconds, traffic, memory and status; nothing here is part of the result."""
        seconds = self._clock.collect(self.world)
        peak_mb = round(peak_bytes() / 1e6, 1)
        usage = self.world.all_gather((self.world.bytes_sent, peak_mb))
        with together(self.world, f"recording cycle {number}"):
            if self._recorder is not None:
                self._recorder.record_seconds(number, seconds, [u[0] for u in usage], [u[1] for u in usage])
                self.write_status("running")
                for step, used in seconds.items():
                    if used["max"] > 0.0:
                        step_log.info("%s %s: %.3f s, mean %.3f s", number, step, used["max"], used["mean"])

    def _conclude(self, state: State) -> None:
        """Write how the cycles ended. A finished campaign is finished before its report begins. Collective."""
        with together(self.world, "writing the status"):
            if self.world.rank == 0:
                if state == "finished":
                    forget_report(self.folder.path)
                self.write_status(state)

    def write_status(self, state: State) -> None:
        """Replace status.json. Local: rank 0."""
        time = self.config.time
        self.folder.write_status(
            Status(
                state=state,
                cycle=self.cycle,
                n_cycles=time.n_cycles,
                time=time.valid_time(self.cycle).isoformat(),
                ranks=self.world.size,
                last_checkpoint=self._saved,
            )
        )
