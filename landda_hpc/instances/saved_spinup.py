"""The states of a campaign's spin-up (``model.spinup_days``), saved while it runs, so that a stop loses no work.

The file has the format of a checkpoint. It holds the nature run, every perturbed run and the first of the other
runs, whose state the others use; so any number of ranks and member groups resumes from it with the same bits.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

from landda_hpc import __version__
from landda_hpc.config import CampaignConfig
from landda_hpc.errors import ConfigError
from landda_hpc.instances.domain import Domain
from landda_hpc.instances.instance import Instance
from landda_hpc.instances.trajectory import config_hash
from landda_hpc.parallel.communicator import Communicator
from landda_hpc.parallel.together import together
from landda_hpc.state import TileState
from landda_hpc.storage.checkpoint import CheckpointHeader, LocalPart, read_header, read_instance, write_checkpoint

NAME: Final = "spinup.h5"
"""Name of the file in the campaign's folder; removed with the first checkpoint."""


class SavedSpinUp:
    """Saves and reads the states of a spin-up.

    Parameters
    ----------
    config, domain, world : of the campaign.
    path : the file.
    """

    def __init__(self, config: CampaignConfig, domain: Domain, world: Communicator, path: Path) -> None:
        self._config, self._domain, self._world, self._path = config, domain, world, path
        self._mine = domain.layout.tiles_of(world.rank)
        plain = [run.name for run in config.runs if run.perturbation is None][:1]
        own = [run.name for run in config.runs if run.perturbation is not None]
        self._names = (*(["nature"] if config.twin else []), *own, *plain)
        self._plain = plain[0] if plain else ""

    def time(self) -> datetime | None:
        """Valid time of the states; None if none are saved. Collective.

        Raises
        ------
        ConfigError : they were computed with another configuration.
        StorageError : the file is damaged.
        """
        found: datetime | None = None
        with together(self._world, f"looking for {self._path}"):
            if self._world.rank == 0 and self._path.is_file():
                header = read_header(self._path)
                if (header.config_hash, header.instances) != (config_hash(self._config), self._names):
                    raise ConfigError(
                        f"{self._path} is the spin-up of another configuration than that of the config.yaml next to "
                        f"it. Undo "
                        "the change, or remove the file: the spin-up then begins again."
                    )
                found = datetime.fromisoformat(header.valid_time)
        return self._world.broadcast(found)

    def state(self, instance: Instance) -> TileState:
        """State of an instance on this rank's tiles. Local."""
        name = instance.name if instance.name in self._names else self._plain
        return read_instance(self._path, name, self._mine)

    def save(self, instances: list[Instance], time: datetime) -> None:
        """Save the states of a time. Collective."""
        header = CheckpointHeader(
            campaign=self._config.name,
            cycle=0,
            valid_time=time.isoformat(),
            config_hash=config_hash(self._config),
            n_tiles=len(self._domain.tiles),
            instances=self._names,
            software_version=__version__,
            variables=self._config.state_names,
        )
        kept = (i for i in instances if i.name in self._names and i.state is not None)
        parts = {instance.name: LocalPart(instance.state, self._mine) for instance in kept}
        write_checkpoint(self._path, self._world, header, parts, self._config.checkpoint.mode)
