"""The embedded soil-water model: every tile under prescribed temperature and given forcing."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from landda_hpc.constants import SOIL_Z, FloatArray
from landda_hpc.errors import ShapeError
from landda_hpc.model.column import hydrology
from landda_hpc.model.column.checks import (
    check_residual,
    check_state,
    check_steps,
    check_times,
    check_weather,
    forcing_steps,
    per_tile_factor,
)
from landda_hpc.model.column.demand import N_DEMAND, weather_demand
from landda_hpc.model.column.hydraulics import LAYER_DZ_MM, diagnose_state, pack_parameters
from landda_hpc.model.column.initial import keep_glaciers_cold
from landda_hpc.model.column.richards import work_array
from landda_hpc.model.column.temperature import AnnualWave
from landda_hpc.model.protocol import ForecastReport, WeatherSource
from landda_hpc.state import Tiles, TileState

MAX_RESIDUAL: Final = 1.0e-9
"""kg m-2; a larger imbalance of the water budget of a model step is an error."""

CHECKED_STATE: Final = ("wliq_soisno", "wice_soisno", "wetwat", "zwt")
"""State variables that a forecast reads; smp, hk and temperatures are only written."""


class ColumnModel:
    """Soil water of every tile, each an independent column; implements ``LandModel``.

    Parameters
    ----------
    tiles : the rank's tiles.
    weather : weather of these tiles.
    temperature : climatological annual waves of these tiles.
    timestep_s : model step, s; divides the forcing step.
    rain_factor : dimensionless factor on precipitation, (n_tile,) or a number; a persistent bias of a twin's
        nature run.
    potential_evaporation_factor : likewise for potential evaporation and transpiration.

    Notes
    -----
    Local: no communication. The forecast of a tile depends only on that tile. It is bitwise identical for any
    distribution of tiles over ranks, and for any division of a period into forecasts at multiples of the model step
    (forcing steps begin at midnight UTC).

    Temperature is prescribed, ice is constant, all precipitation is liquid, and the water table is fixed; see
    ``hydrology``.
    """

    def __init__(
        self,
        tiles: Tiles,
        weather: WeatherSource,
        temperature: AnnualWave,
        timestep_s: int = 1800,
        rain_factor: FloatArray | float = 1.0,
        potential_evaporation_factor: FloatArray | float = 1.0,
    ) -> None:
        check_steps(timestep_s, weather.step)
        if len(temperature) != len(tiles):
            raise ShapeError(f"temperature climatology has {len(temperature)} tiles, expected {len(tiles)}.")
        self._tiles = tiles
        self._weather = weather
        self._temperature = temperature
        self._timestep_s = timestep_s
        self._rain_factor = per_tile_factor("rain_factor", rain_factor, len(tiles))
        self._pet_factor = per_tile_factor("potential_evaporation_factor", potential_evaporation_factor, len(tiles))
        self._parameters = pack_parameters(tiles)
        self._demand = np.zeros((len(tiles), N_DEMAND))
        self._demand_start: datetime | None = None
        self._node_distance = 1000.0 * np.diff(SOIL_Z)
        self._work = work_array()

    @property
    def tiles(self) -> Tiles:
        """The rank's tiles."""
        return self._tiles

    def forecast(self, state: TileState, start: datetime, end: datetime) -> ForecastReport:
        """Advance the state in place from start to end; see ``LandModel.forecast``.

        Parameters
        ----------
        state : state of the model's tiles; it may be partly advanced after a ModelError.
        start, end : UTC, naive, whole model steps after midnight.

        Raises
        ------
        ConfigError : start or end is not a whole number of model steps after midnight, or end is before start.
        ShapeError : the state or the weather has another number of tiles.
        ModelError : state or weather is outside its physical range (the message names tile, place, variable and
            value), or the water budget of a step does not close.
        """
        begin = time.perf_counter()
        check_times(start, end, self._timestep_s)
        check_state(self._tiles, state, CHECKED_STATE)
        n = len(self._tiles)
        totals = np.zeros((n, hydrology.N_TOTAL))
        residual = np.zeros(n)
        n_solves = 0
        for forcing_start, now, until in forcing_steps(start, end, self._weather.step):
            self._load_demand(forcing_start)
            # Root uptake depends on which layers are frozen. Temperature is that of the start of the forcing step, so
            # the division of a period into forecasts has no effect.
            self._prescribe_temperature(state, forcing_start)
            n_solves += hydrology.advance_tiles(
                float(self._timestep_s),
                (until - now) // timedelta(seconds=self._timestep_s),
                self._demand,
                self._parameters,
                self._tiles.patchtype,
                LAYER_DZ_MM,
                self._node_distance,
                state["wliq_soisno"],
                state["wice_soisno"],
                state["t_soisno"],
                state["wetwat"],
                state["zwt"],
                totals,
                residual,
                self._work,
            )
        check_residual(self._tiles, residual, start, "water", MAX_RESIDUAL, "kg m-2")
        self._prescribe_temperature(state, end)
        self.diagnose(state)
        return ForecastReport(
            precipitation=totals[:, hydrology.PRECIPITATION],
            evapotranspiration=totals[:, hydrology.EVAPORATION] + totals[:, hydrology.TRANSPIRATION],
            runoff=totals[:, hydrology.RUNOFF],
            drainage=totals[:, hydrology.DRAINAGE],
            overflow=totals[:, hydrology.OVERFLOW],
            supply=totals[:, hydrology.SUPPLY],
            max_residual=float(residual.max(initial=0.0)),
            n_solves=n_solves,
            seconds=time.perf_counter() - begin,
        )

    def diagnose(self, state: TileState) -> None:
        """Update smp and hk from soil water, in place; see ``LandModel.diagnose``."""
        diagnose_state(state, self._tiles.patchtype, self._parameters)

    def _load_demand(self, start: datetime) -> None:
        """Compute the demand of the forcing step at ``start``; cached until another step is requested."""
        if self._demand_start == start:
            return
        self._demand_start = None
        weather = self._weather.during(start)
        check_weather(self._tiles, weather, start)
        weather_demand(
            weather.shortwave,
            weather.longwave,
            weather.air_temperature,
            weather.specific_humidity,
            weather.surface_pressure,
            weather.wind_speed,
            weather.precipitation,
            self._tiles.vegetation_fraction,
            self._rain_factor,
            self._pet_factor,
            self._demand,
        )
        self._demand_start = start

    def _prescribe_temperature(self, state: TileState, when: datetime) -> None:
        self._temperature.prescribe(state, when)
        keep_glaciers_cold(self._tiles, state)
