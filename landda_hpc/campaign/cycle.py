"""The cycles of a campaign: forecast, aggregate, observe, analyse, distribute, checkpoint, diagnose."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from landda_hpc.analysis.protocol import Analysis
from landda_hpc.campaign.cycle_images import CycleImages
from landda_hpc.campaign.parts import CampaignParts, ObservationStep
from landda_hpc.campaign.redistribution import Redistribution
from landda_hpc.campaign.timing import StepClock
from landda_hpc.constants import FloatArray
from landda_hpc.errors import StoppedError
from landda_hpc.instances.instance import by_run
from landda_hpc.model.protocol import ForecastReport
from landda_hpc.observation.image_observation import ImageObservation
from landda_hpc.parallel.signals import StopRequest
from landda_hpc.parallel.together import together
from landda_hpc.parallel.watchdog import watched
from landda_hpc.process_memory import peak_bytes
from landda_hpc.storage.campaign_folder import State, Status
from landda_hpc.storage.report_state import forget_report
from landda_hpc.storage.retention import list_checkpoints
from landda_hpc.storage.written_files import WrittenFile

step_log = logging.getLogger("landda_hpc.steps")
"""Logger of one line per step and cycle, in the campaign's log file, and on the screen with --verbose."""

Progress = Callable[[int, int, str], None]
"""Called on rank 0 after each cycle with (cycle, number of cycles, one line)."""


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
    parts : the finished parts of the campaign; ``builder.build_parts`` makes them.
    cycle : number of completed cycles.
    redistribution : builds the parts again with other costs of the land cells; None: the land cells stay where they
        are.
    """

    def __init__(self, parts: CampaignParts, cycle: int = 0, redistribution: Redistribution | None = None) -> None:
        self.cycle, self._redistribution = cycle, redistribution
        self.config, self.folder, self._world, self._schedule = parts.config, parts.folder, parts.world, parts.schedule
        self._clock = StepClock(parts.world)
        self._saved: str | None = None
        self._take(parts)

    def _take(self, parts: CampaignParts) -> None:
        """Use these parts. Local."""
        self.parts, self.domain, self._instances = parts, parts.domain, parts.instances
        self._by_run, self._writer = by_run(parts.instances), parts.writer

    # ------------------------------------------------------------------ the loop

    def run(self, progress: Progress | None = None, stop: StopRequest | None = None) -> Outcome:
        """Run cycles until the end of the campaign or a stop request. Collective over the world.

        Raises
        ------
        ModelError, DataError, StorageError : on every rank; the last checkpoint is kept.
        StoppedError : a stop request came before the first cycle, and the state had been saved by an earlier job.
        """
        try:
            return self._run(progress, stop)
        finally:
            if self._writer is not None:
                self._writer.end()

    def _run(self, progress: Progress | None, stop: StopRequest | None) -> Outcome:
        """The cycles; see ``run``."""
        time, world = self._schedule.time, self._world
        total = time.n_cycles
        is_new = world.broadcast(not list_checkpoints(self.folder.checkpoints))
        if self.cycle == 0:
            self._save()
        received = stop.agreed(world) if stop else None
        if received and self.cycle < total:
            self._conclude("stopped")
            if not is_new:
                raise StoppedError(f"Stopped by {received.name} before the first cycle of this job.", received)
            return Outcome(False, self.cycle, time.valid_time(self.cycle), received)
        if self.cycle == 0:
            self._rebalance()
        while self.cycle < total:
            with watched(f"cycle {self.cycle + 1}"):
                line = self._one_cycle(self.cycle + 1)
                self.cycle += 1
                received = stop.agreed(world) if stop else None
                is_saved = received is not None or self._schedule.is_saved(self.cycle)
                if is_saved:
                    self._save()
                else:
                    with self._clock("checkpoint"):
                        self.parts.keeper.write_restarts(self._instances, self.cycle, time.valid_time(self.cycle))
                self._record_times()
            if progress is not None and world.rank == 0:
                progress(self.cycle, total, line)
            if received and self.cycle < total:
                self._conclude("stopped")
                return Outcome(False, self.cycle, time.valid_time(self.cycle), received)
            if is_saved:
                self._rebalance()
        self._conclude("finished")
        return Outcome(True, self.cycle, time.valid_time(self.cycle))

    def _forecast(self, number: int, begin: datetime, end: datetime) -> Mapping[str, ForecastReport | None]:
        """Advance all instances and record the series within the cycle; budgets since the last record. Collective."""
        series = self.parts.series
        for time in [] if series is None else series.times_within(begin, end):
            with self._clock("forecast"):
                reports = self.parts.models.forecast(self._instances, begin, time)
            with self._clock("diagnostics"):
                assert series is not None
                series.record(number, time, self._instances, reports)
            begin = time
        with self._clock("forecast"):
            return self.parts.models.forecast(self._instances, begin, end)

    def _one_cycle(self, number: int) -> str:
        """All steps of one cycle; returns a line for the log on rank 0. Collective."""
        parts, clock = self.parts, self._clock
        begin, end = self._schedule.time.valid_time(number - 1), self._schedule.time.valid_time(number)
        analyses: dict[str, Analysis] = {}
        accounts: dict[str, FloatArray] = {}
        reports = self._forecast(number, begin, end)
        with clock("distribute"):
            drift_accounts = self._add_drift(end)
        self._show_backgrounds(end)
        with clock("aggregate"):
            images = self._gather_backgrounds(end)
            surface = self._gather_surface(images)
        with clock("observe"):
            images.observation = self._observe(self.parts.observations, images, surface)
            self._share_products(images)
            parts.exchange.share_layers(images)
            if self._schedule.may_be_analysed(number):
                images.referee = self._observe(self.parts.referee, images, surface)
            images.stations = self._observe(self.parts.stations, images, surface)
        if self._is_analysed(number, images):
            for name, update in parts.updates.items():
                if not update.assimilates:
                    continue
                with clock("analyse"):
                    rows, others = images.background[name], (images.referee, images.stations)
                    found = update.analyse(rows, images.observation, end, *others)
                with clock("distribute"):
                    ledger = update.distribute(self._by_run[name], found, parts.exchange)
                    images.analysis[name] = parts.exchange.gather_means(self._by_run[name])
                    update.report_increment(images.background[name], images.analysis[name])
                if found is not None and ledger is not None:
                    analyses[name], accounts[name] = found.analysis, ledger
        with clock("diagnostics"):
            if parts.series is not None:
                parts.series.record(number, end, self._instances, reports)
            parts.exchange.score_members(images)
            return self._record(number, images, analyses, accounts, drift_accounts)

    # ------------------------------------------------------------------ steps

    def _add_drift(self, time: datetime) -> dict[str, FloatArray]:
        """Add the estimated drift correction of each run to its forecast; water ledgers by run, on roots. Collective.

        The correction is added only to the layers that overlap the observed depth, because the regression below the
        observed depth describes errors, not drifts.
        """
        accounts: dict[str, FloatArray] = {}
        for name, update in self.parts.updates.items():
            if update.drift is None:
                continue
            correction = update.drift.correction(time)[:, None]
            ledger = self.parts.exchange.distribute(self._by_run[name], correction, update.drift_spreading)
            if ledger is not None:
                accounts[name] = ledger
        return accounts

    def _show_backgrounds(self, time: datetime) -> None:
        """Call the observer of the backgrounds, if there is one. Collective."""
        if self.parts.observer is not None:
            with together(self._world, f"looking at the backgrounds of {time}"):
                self.parts.observer(time, self._instances)

    def _gather_backgrounds(self, time: datetime) -> CycleImages:
        images = CycleImages(time)
        for name, members in self._by_run.items():
            images.background[name] = self.parts.exchange.gather_means(members)
        return images

    def _gather_surface(self, images: CycleImages) -> FloatArray | None:
        """Frozen cells, and ground temperature and snow if quality control needs them, on rank 0. Collective."""
        if not self._schedule.may_be_observed(images.time):
            return None
        self.parts.exchange.gather_frozen(images, list(self.parts.updates))
        if not self.parts.gathers_surface:
            return None
        return self.parts.exchange.gather_surface(next(i for i in self._instances if i.run is not None))

    def _observe(
        self, step: ObservationStep | None, images: CycleImages, surface: FloatArray | None
    ) -> ImageObservation | None:
        """The processed observation of a step of rank 0 on every root; None without one. Collective."""
        if not self._schedule.may_be_observed(images.time):
            return None
        observation: ImageObservation | None = None
        with together(self._world, f"observations at {images.time}"):
            if step is not None:
                observation = step(images, surface)
        return self.parts.exchange.broadcast_to_roots(observation)

    def _share_products(self, images: CycleImages) -> None:
        """Give every root the observations of several products. Collective."""
        found = {
            name: self.parts.exchange.broadcast_to_roots(images.products.get(name)) for name in self.parts.products
        }
        images.products = {name: one for name, one in found.items() if one is not None}

    def _is_analysed(self, number: int, images: CycleImages) -> bool:
        """Whether there is an observation to assimilate; the same answer on every rank. Collective."""
        return self._schedule.may_be_analysed(number) and self._world.broadcast(images.observation is not None)

    def _record(
        self,
        number: int,
        images: CycleImages,
        analyses: dict[str, Analysis],
        accounts: dict[str, FloatArray],
        drift_accounts: dict[str, FloatArray],
    ) -> str:
        """Record a cycle: rank 0 its records, each root some files; a line for the log on rank 0. Collective."""
        parts, line = self.parts, ""
        records, fields = None, None
        if parts.recorder is not None:
            records = parts.recorder.compute(number, images.time, images, analyses, accounts, drift_accounts)
        if parts.files is not None:
            fields = parts.files.gather(number, images.time, images, analyses)
        written: list[WrittenFile] = []
        with together(self._world, f"recording cycle {number}"):
            if parts.recorder is not None and records is not None and self._world.rank == 0:
                line = parts.recorder.write(records)
            if parts.writer is not None:
                if parts.files is not None and fields is not None:
                    parts.writer.add(parts.files.writings(fields))
                parts.writer.submit()
                written = parts.writer.written()
        self._enter(written)
        return line

    # ------------------------------------------------------------------ keeping

    def _complete_files(self) -> None:
        """Wait until all files of the cycles so far are written. Collective."""
        parts, written = self.parts, list[WrittenFile]()
        with together(self._world, f"completing the files up to cycle {self.cycle}"):
            if parts.series is not None:
                parts.series.flush()
            if parts.writer is not None:
                parts.writer.complete()
                written = parts.writer.written()
        self._enter(written)

    def _enter(self, written: list[WrittenFile]) -> None:
        """Add the files that the roots have written to the inventory of rank 0. Collective."""
        everyone = self._world.gather(written)
        if self.parts.recorder is not None and everyone is not None:
            self.parts.recorder.add_files(file for of_rank in everyone for file in of_rank)

    def _save(self) -> None:
        """Write a checkpoint of the state after the current cycle, and before it what it covers. Collective."""
        with self._clock("diagnostics"):
            self._complete_files()
        with self._clock("checkpoint"):
            time = self._schedule.time.valid_time(self.cycle)
            self._saved = self.parts.keeper.save(self._instances, self.cycle, time)
            if self.parts.balance is not None:
                self.parts.balance.measure()

    def _rebalance(self) -> None:
        """Distribute the land cells again if that is due, from the checkpoint that was just written. Collective."""
        balance, redistribution, time = self.parts.balance, self._redistribution, self._schedule.time
        left = (time.end - time.valid_time(self.cycle)) / timedelta(hours=1)
        if balance is None or redistribution is None or not balance.is_due(left):
            return
        costs = balance.latest
        if self._writer is not None:
            self._writer.end()
        del balance, self.parts, self.domain, self._instances, self._by_run  # there is no memory for both
        with watched(f"distributing the land cells after cycle {self.cycle}"):
            self._take(redistribution(costs, self.cycle))

    def _record_times(self) -> None:
        """Record times, communication, memory and status, which are not part of the result. Collective."""
        number = self.cycle
        used = self._clock.collect()
        peak_mb = self._world.all_gather(round(peak_bytes() / 1e6, 1))
        with together(self._world, f"recording cycle {number}"):
            if self.parts.recorder is not None and self._world.rank == 0:
                self.parts.recorder.record_seconds(number, used, peak_mb)
                self._write_status("running")
                for step, seconds in used["seconds"].items():
                    if seconds["max"] > 0.0:
                        step_log.info("%s %s: %.3f s, mean %.3f s", number, step, seconds["max"], seconds["mean"])

    def _conclude(self, state: State) -> None:
        """Record the end of the cycles; the campaign is marked as finished before its report begins. Collective."""
        with together(self._world, "writing the status"):
            if self._world.rank == 0:
                if state == "finished":
                    forget_report(self.folder.path)
                self._write_status(state)

    def _write_status(self, state: State) -> None:
        """Replace status.json. Local: rank 0."""
        time = self._schedule.time
        self.folder.write_status(
            Status(
                state=state,
                cycle=self.cycle,
                n_cycles=time.n_cycles,
                time=time.valid_time(self.cycle).isoformat(),
                ranks=self._world.size,
                last_checkpoint=self._saved,
            )
        )
