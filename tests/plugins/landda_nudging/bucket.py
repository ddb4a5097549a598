"""A land model of one bucket per tile, for tests of ideas."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Literal

import numpy as np
from pydantic import Field

from landda_hpc.constants import RHO_ICE, RHO_WATER, SOIL_DZ, FloatArray
from landda_hpc.instances.embedded_models import EmbeddedSetup
from landda_hpc.instances.model_section import EmbeddedModelSection
from landda_hpc.model.column.checks import forcing_steps
from landda_hpc.model.protocol import ForecastReport, LandModel, ModelMaker, WeatherSource
from landda_hpc.state import Tiles, TileState

LATENT_HEAT = 2.5e6  # J kg-1


class Bucket:
    """Rain fills the soil, sunshine and gravity empty it; implements ``LandModel``.

    Water is added to layers in proportion to their room, and taken from them in proportion to their water. Ice and
    temperature stay as they are.
    """

    def __init__(
        self,
        tiles: Tiles,
        weather: WeatherSource,
        days: float,
        rain: FloatArray | float,
        evaporation: FloatArray | float,
    ) -> None:
        self.tiles = tiles
        self._weather, self._rain, self._evaporation = weather, rain, evaporation
        self._drainage = 1.0 / (86400.0 * days)
        self._is_soil = tiles.is_updatable

    def forecast(self, state: TileState, start: datetime, end: datetime) -> ForecastReport:
        """See ``LandModel.forecast``. Every tile depends on itself alone: any number of ranks gives the same bits."""
        begin = time.perf_counter()
        water = state.soil("wliq_soisno")  # a view: changes are changes of the state
        pores = 1000.0 * SOIL_DZ * self.tiles.porsl - state.soil("wice_soisno") * (RHO_WATER / RHO_ICE)
        pores = np.maximum(pores, water)
        total = {name: np.zeros(len(self.tiles)) for name in ("rain", "evaporation", "drainage", "runoff")}
        for forcing_start, now, until in forcing_steps(start, end, self._weather.step):
            seconds = (until - now).total_seconds()
            weather = self._weather.during(forcing_start)
            rain = weather.precipitation * self._rain * seconds
            wetness = water.sum(axis=1) / pores.sum(axis=1).clip(min=1e-9)
            demand = 0.7 * weather.shortwave / LATENT_HEAT * self._evaporation * seconds
            evaporation = np.minimum(demand * wetness, 0.5 * water.sum(axis=1))
            drainage = water.sum(axis=1) * (self._drainage * seconds) * wetness * wetness * wetness
            drainage = np.minimum(drainage, 0.4 * water.sum(axis=1))
            evaporation, drainage = (np.where(self._is_soil, flux, 0.0) for flux in (evaporation, drainage))
            kept = 1.0 - (evaporation + drainage) / water.sum(axis=1).clip(min=1e-9)
            water *= kept[:, None]
            room = pores - water
            infiltration = np.where(self._is_soil, np.minimum(rain, room.sum(axis=1)), 0.0)
            water += room * (infiltration / room.sum(axis=1).clip(min=1e-9))[:, None]
            fluxes = {"rain": rain, "evaporation": evaporation, "drainage": drainage, "runoff": rain - infiltration}
            for name, flux in fluxes.items():
                total[name] += flux
        nothing = np.zeros(len(self.tiles))
        return ForecastReport(
            precipitation=total["rain"],
            evapotranspiration=total["evaporation"],
            runoff=total["runoff"],
            drainage=total["drainage"],
            overflow=nothing,
            supply=nothing,
            max_residual=0.0,
            n_solves=0,
            seconds=time.perf_counter() - begin,
        )

    def diagnose(self, state: TileState) -> None:
        """Nothing follows from soil water here."""


class BucketSection(EmbeddedModelSection):
    """A bucket in every tile."""

    kind: Literal["bucket"] = "bucket"
    drainage_days: float = Field(20.0, gt=0.0, le=1e4, description="time scale on which a full bucket drains, days")
    spinup_days: int = Field(0, ge=0, le=36500, description="days that the model runs before the campaign's start")

    def model_maker(self, setup: EmbeddedSetup, mine: slice) -> ModelMaker:
        """See ``EmbeddedModelSection.model_maker``."""

        def make(
            tiles: Tiles, weather: WeatherSource, rain: FloatArray | float, evaporation: FloatArray | float
        ) -> LandModel:
            return Bucket(tiles, weather, self.drainage_days, rain, evaporation)

        return make
