"""Protocols between the campaign and a land model, and between a land model and the forcing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from landda_hpc.constants import FloatArray
from landda_hpc.state import Tiles, TileState


@dataclass(frozen=True, eq=False)
class Weather:
    """Near-surface weather of each tile, averaged over one forcing step; float64, shape (n_tile,).

    Attributes
    ----------
    shortwave : downward short-wave radiation, W m-2.
    longwave : downward long-wave radiation, W m-2.
    air_temperature : K.
    specific_humidity : kg kg-1.
    surface_pressure : Pa.
    wind_speed : m s-1, at about 10 m.
    precipitation : rain and snow together, kg m-2 s-1.

    No value may be NaN.
    """

    shortwave: FloatArray
    longwave: FloatArray
    air_temperature: FloatArray
    specific_humidity: FloatArray
    surface_pressure: FloatArray
    wind_speed: FloatArray
    precipitation: FloatArray


class WeatherSource(Protocol):
    """Weather for a fixed set of tiles."""

    @property
    def wind_height(self) -> float:
        """Height of wind above the ground, m."""
        ...

    @property
    def scalar_height(self) -> float:
        """Height of temperature and humidity above the ground, m."""
        ...

    @property
    def step(self) -> timedelta:
        """Length of a forcing step; divides a day. Steps begin at midnight UTC."""
        ...

    def during(self, start: datetime) -> Weather:
        """Mean weather over [start, start + step); depends only on the valid time.

        Local: no communication. ``start`` (UTC, naive) is a whole number of steps after midnight.
        """
        ...


@dataclass(frozen=True, eq=False)
class EnergyReport:
    """Energy budget of each tile in a forecast: means over the forecast, W m-2, shape (n_tile,).

    Attributes
    ----------
    net_shortwave, net_longwave : absorbed by canopy and ground.
    sensible, latent : released to the atmosphere.
    ground : stored in soil and snow, including phase change.
    max_residual : largest energy-budget residual of any tile and step, W m-2; 0 without tiles.
    n_steps : sub-steps of the energy balance, summed over tiles.
    n_leaf : iterations of the leaf temperature, summed over tiles.
    """

    net_shortwave: FloatArray
    net_longwave: FloatArray
    sensible: FloatArray
    latent: FloatArray
    ground: FloatArray
    max_residual: float
    n_steps: int
    n_leaf: int


@dataclass(frozen=True, eq=False)
class ForecastReport:
    """Water budget of each tile in a forecast; kg m-2 over the forecast, shape (n_tile,).

    Attributes
    ----------
    precipitation : after multiplication by the model's rain factor.
    evapotranspiration : evaporation of soil, leaves, snow and open water (less dew and frost), and transpiration.
    runoff : surface runoff, including ``overflow``.
    drainage : outflow at the lower end of the column.
    overflow : the part of ``runoff`` that exceeded the pore space and left at the surface.
    supply : water added to wetlands from outside to keep them wet.
    max_residual : largest water-budget residual of any tile and model step, kg m-2; 0 without tiles.
    n_solves : solutions of the soil-water equation, summed over tiles and model steps.
    seconds : wall time, including that of the forcing.
    energy : energy budget; None for a model without energy balance.
    work : relative cost of the forecast of each tile, from counters, by which tiles are distributed over ranks; None if
        tiles of a kind cost the same.

    Notes
    -----
    Sums over tiles are left to the caller, because a sum over a rank's tiles would depend on the number of ranks.
    """

    precipitation: FloatArray
    evapotranspiration: FloatArray
    runoff: FloatArray
    drainage: FloatArray
    overflow: FloatArray
    supply: FloatArray
    max_residual: float
    n_solves: int
    seconds: float
    energy: EnergyReport | None = None
    work: FloatArray | None = None

    @property
    def storage_change(self) -> FloatArray:
        """Change of the tiles' water according to the budget, kg m-2."""
        change: FloatArray = self.precipitation + self.supply - self.evapotranspiration - self.runoff - self.drainage
        return change


class SoilModel(Protocol):
    """The part of a land model that an analysis needs, on the tiles of one rank."""

    @property
    def tiles(self) -> Tiles:
        """The rank's tiles, in the order of the state."""
        ...

    def diagnose(self, state: TileState) -> None:
        """Update the variables that depend on soil water (smp, hk), in place. Local: no communication.

        Call it after an analysis. Layers whose water did not change stay bitwise identical.
        """
        ...


class ModelMaker(Protocol):
    """Factory of land models for a rank's tiles, one model per instance."""

    def __call__(
        self, tiles: Tiles, weather: WeatherSource, rain: FloatArray | float, evaporation: FloatArray | float
    ) -> LandModel:
        """Make a model. Local: no communication.

        Parameters
        ----------
        tiles : this rank's, with the instance's parameters; the same object for instances with the same ones.
        weather : weather of this rank's tiles.
        rain, evaporation : persistent dimensionless factors on precipitation and potential evaporation, a number or
            one value per tile of this rank, (n_tile,).
        """
        ...


class LandModel(SoilModel, Protocol):
    """A land model that runs in this process, on the tiles of one rank."""

    def forecast(self, state: TileState, start: datetime, end: datetime) -> ForecastReport:
        """Advance the state in place from start to end (UTC, naive). Local: no communication.

        Series recorded within a cycle (``output.series.every_hours``) divide it into several forecasts; the state must
        not depend on that.

        Raises
        ------
        ModelError : the state or the weather is outside the physical range, or the budget does not close.
        """
        ...
