"""The embedded model: soil water of every tile under prescribed temperature and given forcing."""

from __future__ import annotations

from datetime import datetime

from landda_hpc.constants import FloatArray
from landda_hpc.errors import ShapeError
from landda_hpc.model.column import hydrology
from landda_hpc.model.column.checks import midnight
from landda_hpc.model.column.demand import DEMAND, weather_demand
from landda_hpc.model.column.hydraulics import COLM_HYDROLOGY, Hydrology, soil_records
from landda_hpc.model.column.initial import keep_glaciers_cold
from landda_hpc.model.column.records import WATER, Records, new_records
from landda_hpc.model.column.temperature import AnnualWave
from landda_hpc.model.column.tile_model import TileModel
from landda_hpc.model.protocol import Weather, WeatherSource
from landda_hpc.state import Tiles, TileState


class ColumnModel(TileModel):
    """Soil water of every tile; implements ``LandModel``.

    Parameters
    ----------
    tiles, weather, timestep_s, rain_factor, potential_evaporation_factor : see ``TileModel``.
    temperature : climatological waves of the same tiles.
    scheme : alternatives of the soil-water scheme.

    Notes
    -----
    Temperature is prescribed and ice follows it, at the boundaries of forcing steps; all precipitation is liquid, and
    the water table is fixed; see ``hydrology``.
    """

    has_energy = False
    checked = ("wliq_soisno", "wice_soisno", "wetwat", "zwt")

    def __init__(
        self,
        tiles: Tiles,
        weather: WeatherSource,
        temperature: AnnualWave,
        timestep_s: int = 1800,
        rain_factor: FloatArray | float = 1.0,
        potential_evaporation_factor: FloatArray | float = 1.0,
        scheme: Hydrology = COLM_HYDROLOGY,
    ) -> None:
        super().__init__(tiles, weather, timestep_s, rain_factor, potential_evaporation_factor)
        if len(temperature) != len(tiles):
            raise ShapeError(f"temperature climatology has {len(temperature)} tiles, expected {len(tiles)}.")
        self._temperature = temperature
        self._records = soil_records(tiles, scheme)
        self._allocate()

    def _allocate(self) -> None:
        self._demands = new_records(DEMAND, len(self._tiles))
        self._work = new_records(WATER, 1)

    @property
    def _soils(self) -> Records:
        return self._records

    def _pack(self, weather: Weather, _start: datetime) -> None:
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
            self._evaporation_factor,
            self._demands,
        )

    def _advance(self, state: TileState, totals: Records, start: datetime, now: datetime, until: datetime) -> None:
        # Root uptake depends on which layers are frozen, as of the start of the forcing step: then the division of a
        # period into forecasts has no effect.
        self._prescribe_temperature(state, start)
        if now == start:
            self._settle_ice(state)
        hydrology.advance_tiles(
            self._timestep.total_seconds(),
            (until - now) // self._timestep,
            self._demands,
            self._records,
            self._tiles.patchtype,
            state["wliq_soisno"],
            state["wice_soisno"],
            state["t_soisno"],
            state["wetwat"],
            state["zwt"],
            totals,
            self._work,
        )

    def _close(self, state: TileState, end: datetime) -> None:
        self._prescribe_temperature(state, end)
        if not (end - midnight(end)) % self._weather.step:
            self._settle_ice(state)

    def _prescribe_temperature(self, state: TileState, when: datetime) -> None:
        self._temperature.prescribe(state, when)
        keep_glaciers_cold(self._tiles, state)

    def _settle_ice(self, state: TileState) -> None:
        hydrology.settle_ice(
            self._records, self._tiles.patchtype, state["t_soisno"], state["wliq_soisno"], state["wice_soisno"]
        )
