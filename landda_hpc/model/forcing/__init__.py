"""Near-surface weather for the land model: the seeded generator, its climatology, and files."""

from landda_hpc.model.forcing.climatology import Climatology, load_climatology
from landda_hpc.model.forcing.netcdf_forcing import NetcdfWeather
from landda_hpc.model.forcing.stochastic import StochasticWeather

__all__ = ["Climatology", "NetcdfWeather", "StochasticWeather", "load_climatology"]
