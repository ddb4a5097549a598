"""The weather that a campaign's configuration asks for, and what can be known to be wrong with it beforehand."""

from __future__ import annotations

from landda_hpc.campaign.domain import Domain
from landda_hpc.config import CampaignConfig, NetcdfForcing
from landda_hpc.model.forcing.latent import BASE_STREAM
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
    DataError : the files do not fit, or have no value near a tile.
    """
    forcing = config.forcing
    assert not isinstance(forcing, NetcdfForcing)
    return StochasticWeather(
        domain.grid, tiles, forcing, config.seed, stream, correlation, domain.climatology, config.consistent_weather
    )
