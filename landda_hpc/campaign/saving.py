"""Keeping the state: checkpoints by cadence, restart files on request, and reading them back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from landda_hpc import __version__
from landda_hpc.config import CampaignConfig
from landda_hpc.instances.domain import Domain
from landda_hpc.instances.instance import Instance
from landda_hpc.instances.model_system import ModelSystem
from landda_hpc.parallel.communicator import Communicator
from landda_hpc.parallel.together import together
from landda_hpc.storage.campaign_folder import CampaignFolder
from landda_hpc.storage.checkpoint import CheckpointHeader, LocalPart, write_checkpoint
from landda_hpc.storage.checkpoint_format import MODEL_FILES
from landda_hpc.storage.rank_restart import MANIFEST, time_label
from landda_hpc.storage.retention import (
    apply_retention,
    checkpoint_name,
    checkpoint_times,
    prune_restart_sets,
    remove_later,
)


def save_state(
    config: CampaignConfig,
    domain: Domain,
    world: Communicator,
    folder: CampaignFolder,
    models: ModelSystem,
    instances: list[Instance],
    cycle: int,
    time: datetime,
    records: dict[str, Any],
    identity: str,
) -> str:
    """Write a checkpoint, and restart files where asked for; remove what retention does not keep. Collective.

    Parameters
    ----------
    models : names the files that belong to the state next to the checkpoint.
    records : what the analysis methods remember and the inventory of the campaign's records, on rank 0.
    identity : hash of the trajectory that the campaign was begun with.

    Returns
    -------
    Digest of the state.
    """
    files = models.files(instances, time)
    header = CheckpointHeader(
        campaign=config.name,
        cycle=cycle,
        valid_time=time.isoformat(),
        config_hash=identity,
        n_tiles=len(domain.tiles),
        instances=config.instance_names,
        software_version=__version__,
        records=records | ({MODEL_FILES: files} if files else {}),
        variables=config.state_names,
    )
    mine = domain.layout.tiles_of(world.rank)
    parts = {i.name: LocalPart(i.state, mine) for i in instances if i.state is not None}
    path = folder.checkpoints / checkpoint_name(cycle, time)
    digest = write_checkpoint(path, world, header, parts, config.checkpoint.mode)
    if config.checkpoint.restarts:
        models.write_restarts(instances, time)
    with together(world, "removing old checkpoints"):
        if world.rank == 0:
            remove_later(folder.checkpoints, cycle)
            retain(config, folder, models, cycle)
    return digest


def lacks_restarts(config: CampaignConfig, folder: CampaignFolder, time: datetime) -> bool:
    """Whether restart sets that the configuration asks for are missing or incomplete at a time. Local: rank 0.

    A job may be killed between a checkpoint and its restart sets.
    """
    sets = (folder.restart / time_label(time) / name / MANIFEST for name in config.instance_names)
    return config.checkpoint.restarts and not all(path.is_file() for path in sets)


def retain(config: CampaignConfig, folder: CampaignFolder, models: ModelSystem, cycle: int) -> None:
    """Remove the checkpoints that retention does not keep, with the restart sets of their times. Local: rank 0.

    After every checkpoint, and at a resume: a job may be killed between a checkpoint and this.

    Parameters
    ----------
    cycle : of the checkpoint that the campaign is at; later ones, which a resume skipped, are left alone.
    """
    settings = config.checkpoint
    cadence = settings.every_hours // config.time.cycle_hours
    apply_retention(folder.checkpoints, settings.keep_last, settings.keep_every, cadence, cycle)
    kept = checkpoint_times(folder.checkpoints)
    prune_restart_sets(folder.restart, kept)
    models.release(kept)
