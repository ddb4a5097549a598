"""Saving the state: periodic checkpoints, restart files on request, and reading them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from landda_hpc.analysis.running_statistics import MethodMemory
from landda_hpc.config import CheckpointConfig, KeepConfig, OutputConfig, RestartConfig
from landda_hpc.errors import StorageError
from landda_hpc.formats.colm.names import time_label
from landda_hpc.formats.colm.restart_files import MANIFEST
from landda_hpc.instances.domain import Domain
from landda_hpc.instances.instance import Instance
from landda_hpc.instances.model_system import ModelSystem
from landda_hpc.parallel.communicator import Communicator
from landda_hpc.parallel.together import together
from landda_hpc.storage.campaign_folder import CampaignFolder
from landda_hpc.storage.checkpoint import CheckpointHeader, LocalPart, write_checkpoint
from landda_hpc.storage.checkpoint_format import GRID, MODEL_FILES
from landda_hpc.storage.method_memory import KEY as MEMORY
from landda_hpc.storage.method_memory import Memory, encode_memory
from landda_hpc.storage.record_inventory import KEY, Inventory
from landda_hpc.storage.record_retention import is_first, not_kept, prune_records
from landda_hpc.storage.retention import (
    apply_retention,
    checkpoint_name,
    checkpoint_times,
    list_checkpoints,
    prune_restart_sets,
    remove_later,
    times_of_sets,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class CheckpointKeeper:
    """Writes the checkpoints of a campaign; implements ``parts.StateKeeper``.

    Attributes
    ----------
    settings : when checkpoints are written, and which are kept.
    output : which images, series and feedback files are kept.
    cycle_hours : hours between analyses.
    header : of the campaign's checkpoints, with the values of its start.
    domain, world, folder : of the campaign.
    models : names the state's files outside the checkpoint.
    inventory : of the campaign's records, on rank 0.
    memories : memories of methods, by run, on roots; rank 0 writes them.
    """

    settings: CheckpointConfig
    output: OutputConfig
    cycle_hours: int
    header: CheckpointHeader
    domain: Domain
    world: Communicator
    folder: CampaignFolder
    models: ModelSystem
    inventory: Inventory
    memories: Mapping[str, MethodMemory]

    def save(self, instances: list[Instance], cycle: int, time: datetime) -> str:
        """Write a checkpoint, and restart files if asked for; remove files that are not retained. Collective.

        Returns
        -------
        Name of the file.
        """
        world, name = self.world, checkpoint_name(cycle, time)
        records: dict[str, Any] = {}
        with together(world, f"taking the inventory of the records up to {time}"):
            if world.rank == 0:
                records = {GRID: self.domain.grid.describe()}
                memory = {name: remembering.state() for name, remembering in self.memories.items()}
                records |= {KEY: self.inventory.to_plain(time)} | ({MEMORY: encode_memory(memory)} if memory else {})
        files = self.models.files(instances, time)
        records |= {MODEL_FILES: files} if files else {}
        header = replace(self.header, cycle=cycle, valid_time=time.isoformat(), records=records)
        mine = self.domain.layout.tiles_of(world.rank)
        parts = {i.name: LocalPart(i.state, mine) for i in instances if i.state is not None}
        write_checkpoint(self.folder.checkpoints / name, world, header, parts, self.settings.mode)
        if self.settings.restarts_at(cycle * self.cycle_hours):
            self.models.write_restarts(instances, time)
        with together(world, "removing old checkpoints"):
            if world.rank == 0:
                remove_later(self.folder.checkpoints, cycle)
                retain(self.settings, self.cycle_hours, self.folder, self.models, cycle)
                retain_records(self.output, self.folder, self.inventory, time)
        return name

    def write_restarts(self, instances: list[Instance], cycle: int, time: datetime) -> None:
        """Write the restart sets that are due after a cycle without a checkpoint, and remove old ones. Collective."""
        own = self.settings.own_restarts
        if own is None or not self.settings.restarts_at(cycle * self.cycle_hours):
            return
        self.models.write_restarts(instances, time)
        with together(self.world, "removing old restart sets"):
            if self.world.rank == 0:
                retain_restarts(own, self.folder, time)

    def continue_memory(self, memory: Memory) -> None:
        """Continue the memories of another campaign's checkpoint in runs of the same name. Local: roots.

        A run continues only if its memory has the same arrays; otherwise its method begins to learn.
        """
        for name, remembering in self.memories.items():
            given = memory.get(name, {})
            fits = {k: a.shape for k, a in given.items()} == {k: a.shape for k, a in remembering.state().items()}
            if fits:
                remembering.restore(given)
            if self.world.rank == 0:
                how = "continues that of the checkpoint" if fits else "begins, as the checkpoint has none that fits"
                logger.info("memory of '%s': %s", name, how)

    def restore_memory(self, memory: Memory) -> None:
        """Restore the memories from a checkpoint. Local: roots.

        Raises
        ------
        StorageError : the checkpoint lacks the memory of a run.
        ShapeError : the memory is of another grid or method.
        """
        for name, remembering in self.memories.items():
            if name not in memory:
                raise StorageError(f"the checkpoint has no memory of run '{name}': written by another version?")
            remembering.restore(memory[name])


def lacks_restarts(names: Iterable[str], folder: CampaignFolder, time: datetime) -> bool:
    """Whether restart sets are missing or incomplete at a time. Local: rank 0.

    A job may be killed between a checkpoint and its restart sets.

    Parameters
    ----------
    names : of the campaign's instances.
    """
    sets = (folder.restart / time_label(time) / name / MANIFEST for name in names)
    return not all(path.is_file() for path in sets)


def retain(
    settings: CheckpointConfig, cycle_hours: int, folder: CampaignFolder, models: ModelSystem, cycle: int
) -> None:
    """Remove checkpoints that are not retained, and restart sets: those of their times, or by a separate rule.

    Local: rank 0.

    Called after every checkpoint, and at a resume, because a job may be killed between a checkpoint and this call.

    Parameters
    ----------
    cycle : of the current checkpoint; later ones, which a resume skipped, are not removed.
    """
    cadence, step = settings.every_hours // cycle_hours, timedelta(hours=settings.every_hours)
    is_kept = partial(is_first, step=step, monthly=settings.keep_monthly, yearly=settings.keep_yearly)
    apply_retention(folder.checkpoints, settings.keep_last, settings.keep_every, cadence, cycle, is_kept)
    kept = checkpoint_times(folder.checkpoints)
    if settings.own_restarts is None:
        prune_restart_sets(folder.restart, kept)
    else:
        of_cycle = [time for (n, _), time in zip(list_checkpoints(folder.checkpoints), kept, strict=True) if n == cycle]
        for time in of_cycle:
            retain_restarts(settings.own_restarts, folder, time)
    models.release(kept)


def retain_restarts(rule: RestartConfig, folder: CampaignFolder, now: datetime) -> None:
    """Remove restart sets that their separate rule does not keep. Local: rank 0.

    Parameters
    ----------
    now : time of the state; later sets, which a resume writes again, stay.
    """
    times = times_of_sets(folder.restart)
    past = {time for time in times if time <= now}
    keep = KeepConfig(last=rule.keep_last, monthly=rule.keep_monthly, yearly=rule.keep_yearly)
    prune_restart_sets(folder.restart, times - not_kept(past, keep, timedelta(hours=rule.every_hours)))


def retain_records(output: OutputConfig, folder: CampaignFolder, inventory: Inventory, now: datetime) -> None:
    """Remove images, series and feedback that are not kept, also from the inventory. Local: rank 0.

    Called after every checkpoint, and at a resume, with the time of the newest checkpoint.
    """
    inventory.release(prune_records(folder.path, output, now, checkpoint_times(folder.checkpoints)))
