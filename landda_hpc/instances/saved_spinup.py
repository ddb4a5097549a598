"""The states of a campaign's spin-up (``model.spinup_days``), saved while it runs, so that a stop loses no work.

The file has the format of a checkpoint. It holds the nature run, every perturbed run and the first of the other
runs, whose state the others use; so any number of ranks and member groups resumes from it with the same bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from landda_hpc.config import Run
from landda_hpc.errors import ConfigError
from landda_hpc.instances.instance import Instance
from landda_hpc.parallel.communicator import Communicator
from landda_hpc.parallel.together import together
from landda_hpc.state import TileState
from landda_hpc.storage.checkpoint import (
    CheckpointHeader,
    LocalPart,
    Mode,
    read_header,
    read_instance,
    write_checkpoint,
)

NAME: Final = "spinup.h5"
"""Name of the file in the campaign's folder; removed with the first checkpoint."""


class SavedSpinUp:
    """Saves and reads the states of a spin-up.

    Parameters
    ----------
    header : of the campaign's checkpoints.
    runs : of the campaign.
    mine : this rank's slice of the tiles.
    world : all ranks.
    path : the file.
    mode : how it is written.
    """

    def __init__(
        self,
        header: CheckpointHeader,
        runs: Sequence[Run],
        mine: slice,
        world: Communicator,
        path: Path,
        mode: Mode,
    ) -> None:
        self._mine, self._world, self._path, self._mode = mine, world, path, mode
        plain = [run.name for run in runs if run.perturbation is None]
        own = [name for name in header.instances if name not in plain]
        self._header = replace(header, instances=(*own, *plain[:1]))
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
                if (header.config_hash, header.instances) != (self._header.config_hash, self._header.instances):
                    raise ConfigError(
                        f"{self._path} is the spin-up of another configuration than that of the config.yaml next to "
                        f"it. Undo "
                        "the change, or remove the file: the spin-up then begins again."
                    )
                found = datetime.fromisoformat(header.valid_time)
        return self._world.broadcast(found)

    def state(self, instance: Instance) -> TileState:
        """State of an instance on this rank's tiles. Local."""
        name = instance.name if instance.name in self._header.instances else self._plain
        return read_instance(self._path, name, self._mine)

    def save(self, instances: list[Instance], time: datetime) -> None:
        """Save the states of a time. Collective."""
        header = replace(self._header, valid_time=time.isoformat())
        kept = (i for i in instances if i.name in header.instances and i.state is not None)
        parts = {instance.name: LocalPart(instance.state, self._mine) for instance in kept}
        write_checkpoint(self._path, self._world, header, parts, self._mode)
