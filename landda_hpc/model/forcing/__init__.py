"""Forcing of the land model: the stochastic weather generator, its climatology, and netCDF files."""

from landda_hpc.model.forcing.climatology import Climatology, load_climatology
from landda_hpc.model.forcing.netcdf_forcing import NetcdfWeather
from landda_hpc.model.forcing.stochastic import StochasticWeather

__all__ = ["Climatology", "NetcdfWeather", "StochasticWeather", "load_climatology"]
