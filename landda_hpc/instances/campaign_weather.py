"""Checks of a campaign's weather files before the start."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from landda_hpc.config import AnyModel, Forcing, TimeConfig
from landda_hpc.instances.domain import Domain
from landda_hpc.model.forcing.netcdf_forcing import find_forcing_problems


def weather_problems(
    model: AnyModel, forcing: Forcing, clock: TimeConfig, data_root: Path, domain: Domain
) -> list[str]:
    """Problems of the forcing files for the campaign and its spin-up, one line each. Local.

    Every file is opened; its times and attributes are read, and one record of each variable.
    """
    if forcing.kind != "netcdf" or not model.runs_here:
        return []
    begin, cells = clock.start - model.spinup, np.unique(domain.tiles.cell)
    found = find_forcing_problems(forcing, data_root / forcing.folder, domain.grid, cells, begin, clock.end)
    return [f"forcing: {line}" for line in found]
