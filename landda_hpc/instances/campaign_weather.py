"""The weather of a campaign's configuration, and checks of its files before the start."""

from __future__ import annotations

import numpy as np

from landda_hpc.config import CampaignConfig
from landda_hpc.instances.domain import Domain
from landda_hpc.model.forcing.latent import BASE_STREAM
from landda_hpc.model.forcing.netcdf_forcing import NetcdfWeather, find_forcing_problems
from landda_hpc.model.forcing.stochastic import StochasticWeather
from landda_hpc.model.protocol import WeatherSource
from landda_hpc.state import Tiles


def make_weather(
    config: CampaignConfig, domain: Domain, tiles: Tiles, stream: str = BASE_STREAM, correlation: float = 1.0
) -> WeatherSource:
    """Weather of some tiles. Local: no communication.

    Parameters
    ----------
    tiles : a rank's, of the domain's grid.
    stream, correlation : of the generator; see ``StochasticWeather``. Files have one weather for all.

    Raises
    ------
    DataError : the files are not usable, or have no value near a tile.
    """
    forcing = config.forcing
    if forcing.kind == "netcdf":
        return NetcdfWeather(domain.grid, tiles, forcing, config.data_root)
    return StochasticWeather(
        domain.grid, tiles, forcing, config.seed, stream, correlation, domain.climatology, config.consistent_weather
    )


def weather_problems(config: CampaignConfig, domain: Domain) -> list[str]:
    """Problems of the forcing files for the campaign and its spin-up, one line each. Local.

    Every file is opened; its times and attributes are read, and one record of each variable.
    """
    forcing = config.forcing
    if forcing.kind != "netcdf" or not config.model.runs_here:
        return []
    begin = config.time.start - config.model.spinup
    cells = np.unique(domain.tiles.cell)
    folder = config.data_root / forcing.folder
    found = find_forcing_problems(forcing, folder, domain.grid, cells, begin, config.time.end)
    return [f"forcing: {line}" for line in found]
