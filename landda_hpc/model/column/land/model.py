"""The land model ``land_surface``: energy, snow, canopy and water of every tile."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from landda_hpc.constants import SECONDS_PER_DAY, FloatArray
from landda_hpc.errors import ShapeError
from landda_hpc.model.column.hydraulics import COLM_HYDROLOGY, Hydrology
from landda_hpc.model.column.land.parameters import LandParameters, column_records
from landda_hpc.model.column.land.records import FORCING, STATE, SUN, TILE, Records, new_records
from landda_hpc.model.column.land.step import advance_tiles, sum_heights
from landda_hpc.model.column.land.weather import pack_weather
from landda_hpc.model.column.land.work import tile_work
from landda_hpc.model.column.tile_model import TileModel
from landda_hpc.model.forcing.sun import hour_angle, sun_at
from landda_hpc.model.protocol import Weather, WeatherSource
from landda_hpc.regridding.months import between_months
from landda_hpc.state import Tiles, TileState
from landda_hpc.variables import LAND_STATE

_UNUSED = ("smp", "hk", "z_sno", "wdsrf")
"""Variables that the model writes or does not use; their values at the start are irrelevant."""


class LandSurfaceModel(TileModel):
    """Energy and water of every tile; implements ``LandModel``.

    Parameters
    ----------
    tiles, weather, timestep_s, rain_factor, potential_evaporation_factor : see ``TileModel``. The last factor applies
        to all conductances of vapour between ground or leaves and the air.
    parameters : parameters of these tiles.
    scheme : alternatives of the soil-water scheme.

    Notes
    -----
    A state has all variables of ``variables.LAND_STATE``. Short-wave radiation follows solar height within a forcing
    step.
    """

    has_energy = True
    checked = tuple(name for name in LAND_STATE if name not in _UNUSED)

    def __init__(
        self,
        tiles: Tiles,
        weather: WeatherSource,
        parameters: LandParameters,
        timestep_s: int = 1800,
        rain_factor: FloatArray | float = 1.0,
        potential_evaporation_factor: FloatArray | float = 1.0,
        scheme: Hydrology = COLM_HYDROLOGY,
    ) -> None:
        super().__init__(tiles, weather, timestep_s, rain_factor, potential_evaporation_factor)
        if len(parameters) != len(tiles):
            raise ShapeError(f"land parameters have {len(parameters)} tiles, expected {len(tiles)}.")
        self._parameters = parameters
        self._columns = column_records(
            tiles, parameters, scheme, weather.wind_height, weather.scalar_height, self._evaporation_factor
        )
        self._allocate()

    def _allocate(self) -> None:
        self._forcing = new_records(FORCING, len(self._tiles))
        self._suns = new_records(SUN, 1)
        self._states = new_records(STATE, len(self._tiles))
        self._work = new_records(TILE, 1)

    def records(self, state: TileState, start: datetime) -> tuple[Records, Records, Records]:
        """Forcing of the forcing step at ``start``, constants and state as records of the kernels, (n_tile,)."""
        self._load(start)
        self._open(state)
        return self._forcing, self._columns, self._states

    @property
    def suns(self) -> Records:
        """Sun in the forcing step that was loaded last, one record."""
        return self._suns

    @property
    def _soils(self) -> Records:
        return np.ascontiguousarray(self._columns["soil"]).view(np.recarray)

    def _open(self, state: TileState) -> None:
        if state.names != LAND_STATE:
            raise ShapeError(
                f"the state lacks {sorted(set(LAND_STATE) - set(state.names))}, which physics land_surface needs: "
                "it was written by physics soil_water."
            )
        super()._open(state)
        for name in STATE.fields or ():
            self._states[name] = state[name]

    def _pack(self, weather: Weather, start: datetime) -> None:
        pack_weather(
            weather.shortwave,
            weather.longwave,
            weather.air_temperature,
            weather.specific_humidity,
            weather.surface_pressure,
            weather.wind_speed,
            weather.precipitation,
            self._rain_factor,
            self._forcing,
        )
        step = self._timestep
        sun = sun_at(start + 0.5 * self._weather.step)
        self._suns.angle = hour_angle(start + 0.5 * step, sun)
        self._suns.turn = 2.0 * np.pi * step.total_seconds() / SECONDS_PER_DAY
        self._suns.sine = np.sin(sun.declination)
        self._suns.cosine = np.cos(sun.declination)
        sum_heights(self._weather.step // step, self._suns, self._columns, self._forcing)
        # Leaf and stem area index at the centre of the forcing step.
        first, second, share = between_months(start + 0.5 * self._weather.step)
        lai, sai = self._parameters.lai, self._parameters.sai
        self._forcing["leaf_area"] = (1.0 - share) * lai[:, first] + share * lai[:, second]
        self._forcing["stem_area"] = (1.0 - share) * sai[:, first] + share * sai[:, second]

    def _advance(self, _state: TileState, totals: Records, start: datetime, now: datetime, until: datetime) -> None:
        step = self._timestep
        advance_tiles(
            step.total_seconds(),
            (now - start) // step,
            (until - now) // step,
            self._weather.step // step,
            self._suns,
            self._forcing,
            self._columns,
            self._states,
            totals,
            self._work,
        )

    def _count_work(self, totals: Records, n_steps: int) -> FloatArray | None:
        return tile_work(self._tiles.patchtype, n_steps, totals, self._states)

    def _close(self, state: TileState, _end: datetime) -> None:
        for name in STATE.fields or ():
            state[name][:] = self._states[name]
