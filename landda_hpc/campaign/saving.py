"""Keeping the state: checkpoints by cadence, restart files on request, and reading them back."""

from __future__ import annotations

import hashlib
from datetime import datetime

from landda_hpc import __version__
from landda_hpc.campaign.assembly import Instance
from landda_hpc.campaign.domain import Domain
from landda_hpc.config import CampaignConfig, dump_config
from landda_hpc.parallel.communicator import Communicator
from landda_hpc.parallel.together import together
from landda_hpc.storage.campaign_folder import CampaignFolder
from landda_hpc.storage.checkpoint import CheckpointHeader, LocalPart, write_checkpoint
from landda_hpc.storage.method_memory import KEY, Memory, encode_memory
from landda_hpc.storage.restart import write_restart
from landda_hpc.storage.retention import apply_retention, checkpoint_name
from landda_hpc.variables import STATE_OF_PHYSICS


def config_hash(config: CampaignConfig) -> str:
    """Hash of everything that decides the result; layout, cadence, output, paths and words do not."""
    kept = config.model_copy(
        update={
            name: type(config).model_fields[name].get_default(call_default_factory=True)
            for name in ("parallel", "checkpoint", "output", "description", "data_root")
        }
    )
    return hashlib.blake2b(dump_config(kept).encode(), digest_size=16).hexdigest()


def save_state(
    config: CampaignConfig,
    domain: Domain,
    world: Communicator,
    folder: CampaignFolder,
    instances: list[Instance],
    cycle: int,
    time: datetime,
    memory: Memory,
) -> str:
    """Write a checkpoint (and restart files where asked for); drop what retention lets go. Collective.

    Parameters
    ----------
    memory : what the analysis methods remember, on rank 0; empty elsewhere and where none remembers anything.

    Returns
    -------
    Digest of the state.
    """
    header = CheckpointHeader(
        campaign=config.name,
        cycle=cycle,
        valid_time=time.isoformat(),
        config_hash=config_hash(config),
        n_tiles=len(domain.tiles),
        instances=config.instance_names,
        software_version=__version__,
        records={KEY: encode_memory(memory)} if memory else {},
        variables=STATE_OF_PHYSICS[config.model.physics],
    )
    mine = domain.layout.tiles_of(world.rank)
    parts = {i.name: LocalPart(i.state, mine) for i in instances if i.state is not None}
    path = folder.checkpoints / checkpoint_name(cycle, time)
    digest = write_checkpoint(path, world, header, parts, config.checkpoint.mode)
    if config.checkpoint.restarts:
        _write_restarts(config, domain, world, folder, instances, time)
    with together(world, "dropping old checkpoints"):
        if world.rank == 0:
            cadence = config.checkpoint.every_hours // config.time.cycle_hours
            apply_retention(folder.checkpoints, config.checkpoint.keep_last, config.checkpoint.keep_every, cadence)
    return digest


def _write_restarts(
    config: CampaignConfig,
    domain: Domain,
    world: Communicator,
    folder: CampaignFolder,
    instances: list[Instance],
    time: datetime,
) -> None:
    """One CoLM-layout file per rank and instance. Collective."""
    group = world.split(domain.layout.group_of(world.rank))
    assert group is not None, "every rank has a colour"
    for instance in instances:
        if instance.state is not None and instance.model is not None:
            write_restart(folder.restart, group, config.name, instance.name, time, instance.state, instance.model.tiles)
    world.barrier()  # a group may be done with its instances before another: the cycle goes on together
