"""The states of a campaign's spin-up (``model.spinup_days``), saved while it runs, so that a stop loses no work.

The file has the format of a checkpoint. It holds every distinct trajectory once (``campaign_spinup``), so that any
number of ranks and member groups resumes from it with the same bits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from landda_hpc.errors import ConfigError
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
    mine : this rank's slice of the tiles.
    world : all ranks.
    path : the file.
    mode : how it is written.
    """

    def __init__(self, header: CheckpointHeader, mine: slice, world: Communicator, path: Path, mode: Mode) -> None:
        self._header, self._mine, self._world, self._path, self._mode = header, mine, world, path, mode
        self.names: tuple[str, ...] = ()
        """Names of the saved states; known after ``time``."""

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
                if header.config_hash != self._header.config_hash:
                    raise ConfigError(
                        f"{self._path} is the spin-up of another configuration than that of the config.yaml next to "
                        f"it. Undo "
                        "the change, or remove the file: the spin-up then begins again."
                    )
                found, self.names = datetime.fromisoformat(header.valid_time), header.instances
        found, self.names = self._world.broadcast((found, self.names))
        return found

    def state(self, name: str) -> TileState:
        """A saved state on this rank's tiles. Local."""
        return read_instance(self._path, name, self._mine)

    def save(self, names: Sequence[str], states: Mapping[str, TileState], time: datetime) -> None:
        """Save the states of a time. Collective.

        Parameters
        ----------
        names : of all states.
        states : those that this rank saves, on its tiles.
        """
        header = replace(self._header, valid_time=time.isoformat(), instances=tuple(names))
        parts = {name: LocalPart(state, self._mine) for name, state in states.items()}
        write_checkpoint(self._path, self._world, header, parts, self._mode)
