"""Beginning a campaign from the state at the end of a spin-up."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

from landda_hpc.campaign.domain import Domain
from landda_hpc.errors import ConfigError
from landda_hpc.state import TileState
from landda_hpc.storage.checkpoint import read_header, read_instance

YEAR_DAYS: Final = 365
MAX_DAYS_APART: Final = 16


def spun_up_state(path: Path, domain: Domain, begin: datetime) -> TileState:
    """State of all tiles at the end of a spin-up, for a campaign that begins at the same time of the year. Local.

    Parameters
    ----------
    path : ``spinup.h5`` of ``spin_up``.
    begin : where the campaign's model starts.

    Raises
    ------
    ConfigError : the spin-up is of other tiles or of another time of the year.
    StorageError : the file is missing or damaged.
    """
    header = read_header(path)
    if header.n_tiles != len(domain.tiles) or "state" not in header.instances:
        raise ConfigError(f"{path} holds {header.n_tiles} tiles, the campaign has {len(domain.tiles)}: make it again.")
    start = datetime.fromisoformat(header.valid_time)
    apart = abs((begin - start.replace(year=begin.year)).days)
    if min(apart, YEAR_DAYS - apart) > MAX_DAYS_APART:
        raise ConfigError(
            f"{path} is a spin-up of years from {start:%d %B}; the model starts on {begin:%d %B} (time.start less "
            f"model.spinup_days). At most {MAX_DAYS_APART} days may lie between them."
        )
    return read_instance(path, "state", slice(0, header.n_tiles))
