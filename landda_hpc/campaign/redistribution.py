"""Build the parts of a running campaign again, with its land cells distributed by measured costs."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import perf_counter

from landda_hpc.campaign.builder import Foundation, build_parts
from landda_hpc.campaign.parts import BackgroundObserver, CampaignParts
from landda_hpc.campaign.preflight import Sources
from landda_hpc.config import CampaignConfig
from landda_hpc.errors import ConfigError
from landda_hpc.instances.domain import Domain, redistributed
from landda_hpc.instances.instance import Instance
from landda_hpc.instances.model_section import ModelSection
from landda_hpc.instances.model_setup import model_setup
from landda_hpc.instances.model_system import ModelSystem
from landda_hpc.instances.trajectory import FREE, accepted_identities
from landda_hpc.parallel.cell_costs import CellCosts
from landda_hpc.parallel.communicator import Communicator
from landda_hpc.parallel.together import together
from landda_hpc.storage.campaign_folder import CampaignFolder
from landda_hpc.storage.checkpoint import CheckpointHeader, read_header, read_instance
from landda_hpc.storage.method_memory import Memory, decode_memory
from landda_hpc.storage.record_inventory import Inventory
from landda_hpc.storage.retention import checkpoint_name

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class Redistribution:
    """What of a campaign stays when its land cells are distributed again; called for that. Collective.

    Attributes
    ----------
    config, world, folder, sources : of the campaign.
    domain : before; without the fields of a start.
    hash_at_start : of the trajectory.
    inventory : of the records, on rank 0.
    observer : is called with every background.
    number : how often the land cells have been distributed again.
    """

    config: CampaignConfig
    world: Communicator
    folder: CampaignFolder
    sources: Sources
    domain: Domain
    hash_at_start: str
    inventory: Inventory
    observer: BackgroundObserver | None = None
    number: int = 0

    def __call__(self, costs: CellCosts, cycle: int) -> CampaignParts:
        """The parts of the campaign after a cycle whose checkpoint was just written. Collective.

        The states pass through this checkpoint, as at a resume, so that the bits are those of a resume.

        Parameters
        ----------
        costs : of the land cells.
        cycle : number of completed cycles.

        Raises
        ------
        StorageError : the checkpoint cannot be read.
        """
        began, config, world = perf_counter(), self.config, self.world
        self.number += 1
        self.domain = domain = redistributed(self.domain, config.runs, config.parallel, costs)
        setup = model_setup(config, domain, self.hash_at_start)
        models = ModelSection.of(config.model).make_system(setup, world, self.folder)
        instances = models.make_instances()
        path = self.folder.checkpoints / checkpoint_name(cycle, config.time.valid_time(cycle))
        _, memory = read_state(self.folder.config_file, domain, models, instances, path, world)
        domain.release_start_fields()
        build_s = perf_counter() - began
        base = Foundation(
            config, domain, world, self.folder, models, instances, self.sources, setup.header, build_s, self.number
        )
        parts = build_parts(base, self.inventory, self.observer)
        with together(world, "restoring the methods' memory"):
            parts.keeper.restore_memory(memory)
        return parts


def read_state(
    config_file: Path,
    domain: Domain,
    models: ModelSystem,
    instances: list[Instance],
    path: Path,
    world: Communicator,
) -> tuple[CheckpointHeader, Memory]:
    """Read every instance's state from a checkpoint; return its header and, on roots, the methods' memory. Collective.

    Raises
    ------
    StorageError : the checkpoint is damaged.
    ConfigError : it was written with another configuration.
    """
    with together(world, f"reading {path}"):
        header = read_header(path)
        if header.config_hash not in accepted_identities(config_file) or header.n_tiles != len(domain.tiles):
            raise ConfigError(
                f"{path} was written with another configuration than that in {config_file}; keys that determine the "
                f"trajectory differ. Undo the change of that file, or start another campaign. Only these keys may "
                f"change: {FREE}."
            )
        for instance in instances:
            if instance.model is not None:
                instance.state = read_instance(path, instance.name, domain.layout.tiles_of(world.rank))
        memory = decode_memory(header.records) if world.rank < domain.layout.n_roots else {}
    models.take_up(instances, datetime.fromisoformat(header.valid_time))
    return header, memory
