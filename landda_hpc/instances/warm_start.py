"""Start a campaign from the states of another one, on any number of ranks: its restart sets or one of its checkpoints.

``model.initial: restart`` and ``checkpoint``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Final, Literal, NamedTuple

from landda_hpc.config import ColumnModelConfig
from landda_hpc.errors import LandDAError, StorageError
from landda_hpc.instances.domain import Domain
from landda_hpc.instances.instance import Instance
from landda_hpc.state import TileState
from landda_hpc.storage.checkpoint import CheckpointHeader, read_header, read_instance
from landda_hpc.storage.checkpoint_format import GRID
from landda_hpc.storage.method_memory import Memory, decode_memory
from landda_hpc.storage.restart_set import read_manifest, read_restart
from landda_hpc.variables import STATE_OF_PHYSICS

_CONTROL: Final = "control"
"""Run whose state is used for unperturbed runs without a state; they have the same model and weather."""


class Content(NamedTuple):
    """Valid time, variables and number of tiles of a stored state, and the file or folder that holds it."""

    time: datetime
    variables: tuple[str, ...]
    n_tiles: int
    where: Path


@dataclass(frozen=True)
class StoredStates(ABC):
    """States of another campaign that a campaign begins from, one for each of its instances.

    Attributes
    ----------
    path : file or folder that holds them.
    time : at which the model starts.
    physics : of its state.
    """

    path: Path
    time: datetime
    physics: Literal["soil_water", "land_surface"]

    kind: ClassVar[str]
    """What it is, as the value of ``model.initial``."""
    expected: ClassVar[str]
    """What ``model.initial_file`` must name, for messages."""

    @staticmethod
    def of(model: ColumnModelConfig, data_root: Path, start: datetime) -> StoredStates | None:
        """The states from which a model starts; None if it starts otherwise.

        Parameters
        ----------
        data_root : folder of external data.
        start : of the campaign.
        """
        for kind in (RestartSets, CheckpointStates):
            name = model.file_of(kind.kind)
            if name is not None:
                return kind(data_root / name, start - model.spinup, model.physics)
        return None

    @abstractmethod
    def names(self) -> list[str]:
        """Instances that have a state. Local; StorageError if they cannot be read."""

    @abstractmethod
    def content(self, name: str) -> Content:
        """Description of an instance's state. Local; StorageError if it cannot be read."""

    @abstractmethod
    def read(self, name: str, mine: slice, domain: Domain) -> TileState:
        """State of an instance on a slice of the tiles. Local; errors as ``state``."""

    def memory(self) -> Memory:
        """Memories of methods, by run; none in restart sets. Local."""
        return {}

    def copy_files(self, instances: Iterable[Instance], checkpoint: Path) -> None:
        """Copy the files from which instances begin besides the checkpoint; by default none. Local: one process.

        Parameters
        ----------
        checkpoint : copy of the checkpoint; the files go next to it.

        Raises
        ------
        StorageError : a file is missing, differs from its hash, or cannot be written.
        """
        del instances, checkpoint

    def has(self, name: str) -> bool:
        """Whether there is a state of an instance. Local."""
        return name in self.names()

    def state(self, domain: Domain, instance: Instance, mine: slice) -> TileState:
        """State of an instance on a slice of the tiles, bit for bit as it was stored. Local.

        Raises
        ------
        StorageError : the state is missing, incomplete, damaged, or of another time, physics or number of tiles.
        ShapeError : it is of other tiles.
        """
        name = self._chosen(instance.name, is_plain=instance.is_plain)
        self._require_fit(self.content(name), len(domain.tiles))
        return self.read(name, mine, domain)

    def problems(self, instances: Iterable[Instance], n_tiles: int | None) -> list[str]:
        """Problems of the states, one line each. Local.

        Parameters
        ----------
        instances : of the campaign.
        n_tiles : of the campaign; None if not counted.
        """
        problems = []
        for instance in instances:
            try:
                self._require_fit(self.content(self.chosen(instance)), n_tiles)
            except LandDAError as error:
                problems.append(f"model.initial = {self.kind}, '{instance.name}': {error}")
        return problems

    def chosen(self, instance: Instance) -> str:
        """The state from which an instance begins: its own, or the control's for unperturbed runs and members. Local.

        Raises
        ------
        StorageError : there is none.
        """
        return self._chosen(instance.name, is_plain=instance.is_plain or instance.member is not None)

    def _chosen(self, name: str, *, is_plain: bool) -> str:
        """The instance itself; for an unperturbed run without a state, the control."""
        known = self.names()
        if name in known:
            return name
        if is_plain and _CONTROL in known:
            return _CONTROL
        raise StorageError(
            f"{self.path} has no {'restart set' if self.kind == 'restart' else 'state'} of '{name}' (it has "
            f"{', '.join(known) or 'none'}). Name {self.expected}; unperturbed runs without a state use that of "
            f"'{_CONTROL}'."
        )

    def _require_fit(self, found: Content, n_tiles: int | None) -> None:
        """Raise StorageError unless a state is of the time at which the model starts, of its physics and tiles."""
        variables = STATE_OF_PHYSICS[self.physics]
        if found.time != self.time:
            raise StorageError(
                f"{found.where} is of {found.time}, the model starts at {self.time} (time.start minus "
                "model.spinup_days). Set time.start to the time of the state and model.spinup_days to 0."
            )
        if found.variables != variables:
            raise StorageError(
                f"{found.where} holds {len(found.variables)} variables, model.physics = {self.physics} has "
                f"{len(variables)}: use the physics that wrote it."
            )
        if n_tiles is not None and found.n_tiles != n_tiles:
            raise StorageError(
                f"{found.where} holds {found.n_tiles} tiles, the campaign has {n_tiles}: use the grid and tiles that "
                "wrote it."
            )


class RestartSets(StoredStates):
    """The restart sets of a time, in a folder with a set of each instance."""

    kind: ClassVar[Literal["restart"]] = "restart"
    expected = "the folder of a time, restart/YYYY-DDD-SSSSS of a campaign with checkpoint.restarts"

    def names(self) -> list[str]:
        """See ``StoredStates.names``."""
        return sorted(entry.name for entry in self.path.iterdir() if entry.is_dir()) if self.path.is_dir() else []

    def content(self, name: str) -> Content:
        """See ``StoredStates.content``."""
        folder = self.path / name
        manifest = read_manifest(folder)
        return Content(datetime.fromisoformat(manifest.time), manifest.variables, manifest.n_tiles, folder)

    def read(self, name: str, mine: slice, domain: Domain) -> TileState:
        """See ``StoredStates.read``; the files also hold cells and area fractions, which are compared."""
        return read_restart(self.path / name, mine, domain.tiles.take(mine))


class CheckpointStates(StoredStates):
    """A checkpoint, one file with the states of all instances."""

    kind: ClassVar[Literal["checkpoint"]] = "checkpoint"
    expected = "a checkpoint, checkpoints/checkpoint_NNNNNN_YYYYMMDDTHHMM.h5 of a campaign"

    @cached_property
    def header(self) -> CheckpointHeader:
        """Header of the checkpoint. Local."""
        return read_header(self.path)

    def names(self) -> list[str]:
        """See ``StoredStates.names``."""
        return list(self.header.instances)

    def content(self, name: str) -> Content:  # noqa: ARG002 - all instances have the same
        """See ``StoredStates.content``."""
        header = self.header
        return Content(datetime.fromisoformat(header.valid_time), header.variables, header.n_tiles, self.path)

    def memory(self) -> Memory:
        """See ``StoredStates.memory``."""
        return decode_memory(self.header.records)

    def read(self, name: str, mine: slice, domain: Domain) -> TileState:
        """See ``StoredStates.read``; checkpoints of earlier versions do not hold their grid."""
        grid = self.header.records.get(GRID, domain.grid.describe())
        if grid != domain.grid.describe():
            raise StorageError(
                f"{self.path} holds tiles of {grid}, the campaign has {domain.grid.describe()}: use the grid that "
                "wrote it."
            )
        return read_instance(self.path, name, mine)
