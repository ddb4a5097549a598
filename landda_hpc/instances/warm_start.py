"""Beginning a campaign from the restart sets of another one (``model.initial: restart``), on any number of ranks."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from landda_hpc.config import CampaignConfig, ColumnModelConfig
from landda_hpc.errors import LandDAError, StorageError
from landda_hpc.instances.domain import Domain
from landda_hpc.instances.instance import Instance
from landda_hpc.state import TileState
from landda_hpc.storage.rank_restart import Manifest, read_manifest, read_restart

_CONTROL: Final = "control"
"""Run whose set serves unperturbed runs without one of their own: they have the same model and weather."""


def is_warm_start(config: CampaignConfig) -> bool:
    """Whether a campaign begins from restart sets."""
    return isinstance(config.model, ColumnModelConfig) and config.model.initial == "restart"


def warm_state(config: CampaignConfig, domain: Domain, instance: Instance, mine: slice) -> TileState:
    """State of an instance on a slice of the tiles, bit for bit as its restart set has it. Local.

    Raises
    ------
    StorageError : the set is missing, incomplete, damaged, or of another time, physics or number of tiles.
    ShapeError : it is of other tiles.
    """
    folder = _folder_of(config, instance.name, is_plain=instance.run is not None and instance.run.perturbation is None)
    _require_fit(folder, read_manifest(folder), config, len(domain.tiles))
    return read_restart(folder, mine, domain.tiles.take(mine))


def warm_start_problems(config: CampaignConfig, n_tiles: int | None) -> list[str]:
    """What is wrong with the restart sets that a campaign begins from, one line each. Local.

    Parameters
    ----------
    n_tiles : of the campaign; None where they were not counted.
    """
    if not is_warm_start(config):
        return []
    names = [("nature", False)] if config.twin else []
    names += [(run.name, run.perturbation is None) for run in config.runs]
    problems = []
    for name, is_plain in names:
        try:
            folder = _folder_of(config, name, is_plain=is_plain)
            _require_fit(folder, read_manifest(folder), config, n_tiles)
        except LandDAError as error:
            problems.append(f"model.initial = restart, '{name}': {error}")
    return problems


def _folder_of(config: CampaignConfig, name: str, *, is_plain: bool) -> Path:
    """The instance's own set; of an unperturbed run without one that of a control."""
    assert isinstance(config.model, ColumnModelConfig) and config.model.initial_file is not None, "checked before"
    root = config.data_root / config.model.initial_file
    own, control = root / name, root / _CONTROL
    if not own.is_dir() and is_plain and control.is_dir():
        return control
    if not own.is_dir():
        found = sorted(entry.name for entry in root.iterdir() if entry.is_dir()) if root.is_dir() else []
        raise StorageError(
            f"{root} has no restart set of '{name}' (it has {', '.join(found) or 'none'}). Name the folder of a time, "
            "restart/YYYY-DDD-SSSSS of a campaign with checkpoint.restarts; unperturbed runs without a set of their "
            f"own take that of '{_CONTROL}'."
        )
    return own


def _require_fit(folder: Path, manifest: Manifest, config: CampaignConfig, n_tiles: int | None) -> None:
    """Raise StorageError unless a set is of the time at which the model starts, of its physics and tiles."""
    assert isinstance(config.model, ColumnModelConfig)
    begin = config.time.start - timedelta(days=config.model.spinup_days)
    time = datetime.fromisoformat(manifest.time)
    if time != begin:
        raise StorageError(
            f"{folder} is of {time}, the model starts at {begin} (time.start less model.spinup_days). Set time.start "
            "to the time of the set and model.spinup_days to 0."
        )
    if manifest.variables != config.state_names:
        raise StorageError(
            f"{folder} holds {len(manifest.variables)} variables, model.physics = {config.physics} has "
            f"{len(config.state_names)}: use the physics that wrote it."
        )
    if n_tiles is not None and manifest.n_tiles != n_tiles:
        raise StorageError(
            f"{folder} holds {manifest.n_tiles} tiles, the campaign has {n_tiles}: use the grid and tiles that "
            "wrote it."
        )
