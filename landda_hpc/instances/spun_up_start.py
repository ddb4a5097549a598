"""Start a campaign from the state at the end of a spin-up."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

from landda_hpc.config import CampaignConfig
from landda_hpc.data import spun_up_path
from landda_hpc.errors import ConfigError, LandDAError
from landda_hpc.formats.own.spun_up import SpunUpColumns, days_apart, read_spun_up
from landda_hpc.instances.domain import Domain
from landda_hpc.instances.instance import bare_instances
from landda_hpc.instances.model_section import ModelSection
from landda_hpc.model.column.land.transfer import in_other_soil, nearest_of_kind
from landda_hpc.state import Tiles, TileState
from landda_hpc.storage.checkpoint import CheckpointHeader, read_header, read_instance
from landda_hpc.storage.checkpoint_format import GRID

MAX_DAYS_APART: Final = 31
"""Half of two months: a file of six dates always has one close enough."""

PERIOD_RECORD: Final = "period_years"
"""Record of a spin-up's checkpoint: the number of years of weather that it repeats."""

INSTANCES: Final = ("state", "year_before", "two_years_before")
"""Instances of a spin-up's checkpoint: the states at the ends of its last three passes through the forcing period."""


def period_years(header: CheckpointHeader) -> int:
    """Number of years of weather that a spin-up repeats."""
    return int(header.records.get(PERIOD_RECORD, 1))  # files of earlier versions: one year


def spun_up_state(path: Path | None, domain: Domain, tiles: Tiles, begin: datetime, mine: slice) -> TileState:
    """State of some tiles at the end of a spin-up, for a campaign that begins at the same time of the year. Local.

    Parameters
    ----------
    path : ``spinup.h5`` of ``spin_up``, of the same tiles; or a file of a year's states, of any tiles (a tile
        gets the state of the nearest one of its kind). None: the package's own.
    domain : of the campaign.
    tiles : those of the slice: the domain's, or a nature run's, whose soil may differ.
    begin : start of the campaign's model.
    mine : the slice of all tiles.

    Raises
    ------
    ConfigError : the spin-up is of other tiles or of another time of the year.
    DataError, StorageError : the file is missing or damaged.
    """
    if path is not None and path.suffix == ".h5":
        header = read_header(path)
        _require_fit(path, header, domain, begin)
        state = read_instance(path, "state", mine)
        in_other_soil(state, domain.tiles.take(mine), tiles)
        return state
    columns, states = _states_near(spun_up_path() if path is None else path, begin)
    index = nearest_of_kind(columns, tiles)
    state = states.take(index)
    in_other_soil(state, columns.take(index), tiles)
    return state


def initial_problems(config: CampaignConfig, domain: Domain, *, is_whole: bool = True) -> list[str]:
    """Problems of the spun-up state, restart sets or checkpoint from which a campaign starts, one line each. Local.

    Parameters
    ----------
    domain : of the campaign, or a coarser one over the same area.
    is_whole : whether it is the campaign's domain.
    """
    model, start = config.model.embedded, config.time.start
    sets = ModelSection.of(config.model).stored_states(config.data_root, start)
    if sets is not None:
        instances = bare_instances(config.runs, has_nature=config.twin is not None)
        return sets.problems(instances, len(domain.tiles) if is_whole else None)
    if model is None or model.initial != "spun_up":
        return []
    name = model.initial_file
    path = spun_up_path() if name is None else config.data_root / name
    if not path.is_file() and name is not None:
        return []  # said of every file that is named
    begin = start - model.spinup
    try:
        if path.suffix == ".h5":
            _require_fit(path, read_header(path), domain if is_whole else None, begin)
        else:
            nearest_of_kind(_states_near(path, begin)[0], domain.tiles)
    except LandDAError as error:
        return [f"model.initial = spun_up: {error}"]
    return []


def _states_near(path: Path, begin: datetime) -> tuple[SpunUpColumns, TileState]:
    columns, states, apart = read_spun_up(path, begin)
    if apart > MAX_DAYS_APART:
        raise ConfigError(
            f"{path} has no state within {MAX_DAYS_APART} days of {begin:%d %B}, where the model starts (time.start "
            f"minus model.spinup_days); the nearest is {apart} days away. Create another: landda land spinup --year."
        )
    return columns, states


def _require_fit(path: Path, header: CheckpointHeader, domain: Domain | None, begin: datetime) -> None:
    """Raise ConfigError unless a file is a spin-up of the domain's tiles (of any: None) and of the time of the year."""
    if header.instances != INSTANCES:
        raise ConfigError(
            f"{path} is not a spin-up file: it holds {', '.join(header.instances) or 'nothing'}. Expected spinup.h5 of "
            "'landda land spinup', or the netCDF file of its --year."
        )
    # Files of earlier versions do not contain their grid.
    grid = header.records.get(GRID)
    if domain is not None and (header.n_tiles != len(domain.tiles) or grid not in (None, domain.grid.describe())):
        raise ConfigError(
            f"{path} holds {header.n_tiles} tiles of {grid or 'a grid'}, the campaign has {len(domain.tiles)} of "
            f"{domain.grid.describe()}: create it for these tiles, or use the file of a year's states that 'landda "
            f"land spinup --year' "
            "writes, which fits any tiles."
        )
    start = datetime.fromisoformat(header.valid_time)
    apart = days_apart(begin, start)
    if apart > MAX_DAYS_APART:
        raise ConfigError(
            f"{path} is a spin-up of years from {start:%d %B}; the model starts on {begin:%d %B} (time.start minus "
            f"model.spinup_days), {apart} days away: at most {MAX_DAYS_APART} may lie between them. Use the file of a "
            "year's states that 'landda land spinup --year' writes, or another model.spinup_days."
        )
