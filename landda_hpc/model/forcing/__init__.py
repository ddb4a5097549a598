"""Near-surface weather for the land model: the seeded generator and the climatology it is conditioned on."""

from landda_hpc.model.forcing.climatology import Climatology, load_climatology
from landda_hpc.model.forcing.stochastic import StochasticWeather

__all__ = ["Climatology", "StochasticWeather", "load_climatology"]
