"""Start a campaign from the restart sets of another one (``model.initial: restart``), on any number of ranks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, Self

from landda_hpc.config import ColumnModelConfig
from landda_hpc.errors import LandDAError, StorageError
from landda_hpc.instances.domain import Domain
from landda_hpc.instances.instance import Instance
from landda_hpc.state import TileState
from landda_hpc.storage.rank_restart import Manifest, read_manifest, read_restart
from landda_hpc.variables import STATE_OF_PHYSICS

_CONTROL: Final = "control"
"""Run whose set is used for unperturbed runs without a set; they have the same model and weather."""


@dataclass(frozen=True)
class RestartSets:
    """The restart sets of another campaign that a campaign begins from.

    Attributes
    ----------
    folder : of a time, with a set of each instance.
    time : at which the model starts.
    physics : of its state.
    """

    folder: Path
    time: datetime
    physics: Literal["soil_water", "land_surface"]

    @classmethod
    def of(cls, model: ColumnModelConfig, data_root: Path, start: datetime) -> Self | None:
        """The sets from which a model starts; None if it starts otherwise.

        Parameters
        ----------
        data_root : folder of external data.
        start : of the campaign.
        """
        name = model.file_of("restart")
        return None if name is None else cls(data_root / name, start - model.spinup, model.physics)

    def has(self, name: str) -> bool:
        """Whether there is a set of an instance. Local."""
        return (self.folder / name).is_dir()

    def state(self, domain: Domain, instance: Instance, mine: slice) -> TileState:
        """State of an instance on a slice of the tiles, bit for bit as in its restart set. Local.

        Raises
        ------
        StorageError : the set is missing, incomplete, damaged, or of another time, physics or number of tiles.
        ShapeError : the set is of other tiles.
        """
        folder = self._folder_of(instance.name, is_plain=instance.is_plain)
        self._require_fit(folder, read_manifest(folder), len(domain.tiles))
        return read_restart(folder, mine, domain.tiles.take(mine))

    def problems(self, instances: Iterable[Instance], n_tiles: int | None) -> list[str]:
        """Problems of the sets, one line each. Local.

        Parameters
        ----------
        instances : of the campaign.
        n_tiles : of the campaign; None if not counted.
        """
        problems = []
        for instance in instances:
            try:
                # Members without a set branch from the control.
                is_plain = instance.is_plain or instance.member is not None
                folder = self._folder_of(instance.name, is_plain=is_plain)
                self._require_fit(folder, read_manifest(folder), n_tiles)
            except LandDAError as error:
                problems.append(f"model.initial = restart, '{instance.name}': {error}")
        return problems

    def _folder_of(self, name: str, *, is_plain: bool) -> Path:
        """The set of the instance; for an unperturbed run without one, that of the control."""
        root, own, control = self.folder, self.folder / name, self.folder / _CONTROL
        if not own.is_dir() and is_plain and control.is_dir():
            return control
        if not own.is_dir():
            found = sorted(entry.name for entry in root.iterdir() if entry.is_dir()) if root.is_dir() else []
            raise StorageError(
                f"{root} has no restart set of '{name}' (it has {', '.join(found) or 'none'}). Name the folder of a "
                "time, restart/YYYY-DDD-SSSSS of a campaign with checkpoint.restarts; unperturbed runs without a "
                f"set use that of '{_CONTROL}'."
            )
        return own

    def _require_fit(self, folder: Path, manifest: Manifest, n_tiles: int | None) -> None:
        """Raise StorageError unless a set is of the time at which the model starts, of its physics and tiles."""
        time, variables = datetime.fromisoformat(manifest.time), STATE_OF_PHYSICS[self.physics]
        if time != self.time:
            raise StorageError(
                f"{folder} is of {time}, the model starts at {self.time} (time.start minus model.spinup_days). Set "
                "time.start to the time of the set and model.spinup_days to 0."
            )
        if manifest.variables != variables:
            raise StorageError(
                f"{folder} holds {len(manifest.variables)} variables, model.physics = {self.physics} has "
                f"{len(variables)}: use the physics that wrote it."
            )
        if n_tiles is not None and manifest.n_tiles != n_tiles:
            raise StorageError(
                f"{folder} holds {manifest.n_tiles} tiles, the campaign has {n_tiles}: use the grid and tiles that "
                "wrote it."
            )
