"""Checks of weather files before the start of a campaign or a spin-up."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np

from landda_hpc.config import AnyModel, Forcing, TimeConfig
from landda_hpc.instances.domain import Domain
from landda_hpc.model.forcing.netcdf_forcing import find_forcing_problems


def weather_problems(
    model: AnyModel, forcing: Forcing, clock: TimeConfig, data_root: Path, domain: Domain
) -> list[str]:
    """Problems of the forcing files for the campaign and its spin-up, one line each; see ``period_problems``. Local."""
    return period_problems(forcing, data_root, domain, clock.start - model.spinup, clock.end) if model.runs_here else []


def period_problems(forcing: Forcing, data_root: Path, domain: Domain, begin: datetime, end: datetime) -> list[str]:
    """Problems of the forcing files from begin to end, one line each. Local.

    Every file is opened; its times and attributes are read, and one record of each variable.
    """
    if forcing.kind != "netcdf":
        return []
    cells = np.unique(domain.tiles.cell)
    found = find_forcing_problems(forcing, data_root / forcing.folder, domain.grid, cells, begin, end)
    return [f"forcing: {line}" for line in found]
