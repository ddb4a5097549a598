"""The land model ``land_surface``: energy, snow, canopy and water of every tile."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from landda_hpc.constants import SECONDS_PER_DAY, FloatArray
from landda_hpc.errors import ShapeError
from landda_hpc.model.column.checks import (
    check_residual,
    check_state,
    check_steps,
    check_times,
    check_weather,
    forcing_steps,
    per_tile_factor,
)
from landda_hpc.model.column.hydraulics import diagnose_state
from landda_hpc.model.column.land import layout as a
from landda_hpc.model.column.land.parameters import LandParameters, pack_column
from landda_hpc.model.column.land.step import advance_tiles
from landda_hpc.model.column.land.weather import pack_weather
from landda_hpc.model.column.richards import work_array
from landda_hpc.model.forcing.sun import hour_angle, sun_at
from landda_hpc.model.protocol import EnergyReport, ForecastReport, WeatherSource
from landda_hpc.regridding.months import between_months
from landda_hpc.state import Tiles, TileState
from landda_hpc.variables import LAND_STATE

MAX_WATER_RESIDUAL: Final = 1.0e-9
"""kg m-2; a larger imbalance of the water budget of a model step is an error."""

MAX_ENERGY_RESIDUAL: Final = 1.0e-3
"""W m-2; a larger imbalance of the energy budget of a model step is an error."""

REFERENCE_HEIGHT: Final = 10.0
"""m; height of wind, temperature and humidity if the weather source does not provide it."""

_UNUSED: Final = ("smp", "hk", "z_sno", "wdsrf")
"""Variables that the model only writes or does not use; their initial values are irrelevant."""


class LandSurfaceModel:
    """Energy and water of every tile, each an independent column; implements ``LandModel``.

    Parameters
    ----------
    tiles : the rank's tiles.
    weather : weather of these tiles. Its optional attributes ``wind_height`` and ``scalar_height`` are the heights of
        wind, and of temperature and humidity, above the ground, m; 10 m by default.
    parameters : parameters of these tiles.
    timestep_s : model step, s; divides the forcing step.
    rain_factor : dimensionless factor on precipitation, (n_tile,) or a number; a persistent bias of a twin's nature
        run.
    potential_evaporation_factor : likewise for all vapour conductances between ground or leaves and the air.

    Notes
    -----
    Local: no communication. The forecast of a tile depends only on that tile. It is bitwise identical for any
    distribution of tiles over ranks, and for any division of a period into forecasts at multiples of the model step
    (forcing steps begin at midnight UTC). Short-wave radiation follows solar height within a forcing step.
    """

    def __init__(
        self,
        tiles: Tiles,
        weather: WeatherSource,
        parameters: LandParameters,
        timestep_s: int = 1800,
        rain_factor: FloatArray | float = 1.0,
        potential_evaporation_factor: FloatArray | float = 1.0,
    ) -> None:
        check_steps(timestep_s, weather.step)
        if len(parameters) != len(tiles):
            raise ShapeError(f"land parameters have {len(parameters)} tiles, expected {len(tiles)}.")
        self._tiles = tiles
        self._weather = weather
        self._parameters = parameters
        self._timestep_s = timestep_s
        self._column = pack_column(
            tiles,
            parameters,
            float(getattr(weather, "wind_height", REFERENCE_HEIGHT)),
            float(getattr(weather, "scalar_height", REFERENCE_HEIGHT)),
            per_tile_factor("rain_factor", rain_factor, len(tiles)),
            per_tile_factor("potential_evaporation_factor", potential_evaporation_factor, len(tiles)),
        )
        self._packed = np.zeros((len(tiles), a.N_WEATHER))
        self._packed_start: datetime | None = None
        self._work = a.Scratch(np.zeros((a.N_LAYER_ROW, a.N_SLOT)), np.zeros(a.N_SCALAR), work_array())

    @property
    def tiles(self) -> Tiles:
        """The rank's tiles."""
        return self._tiles

    def forecast(self, state: TileState, start: datetime, end: datetime) -> ForecastReport:
        """Advance the state in place from start to end; see ``LandModel.forecast``.

        Parameters
        ----------
        state : state of the model's tiles with all variables of ``variables.LAND_STATE``; it may be partly advanced
            after a ModelError.
        start, end : UTC, naive, whole model steps after midnight.

        Raises
        ------
        ConfigError : start or end is not a whole number of model steps after midnight, or end is before start.
        ShapeError : the state or the weather has another number of tiles, or the state lacks variables.
        ModelError : state or weather is outside its physical range (the message names tile, place, variable and
            value), or a budget of a step does not close.
        """
        begin = time.perf_counter()
        check_times(start, end, self._timestep_s)
        if state.names != LAND_STATE:
            raise ShapeError(
                f"the state lacks {sorted(set(LAND_STATE) - set(state.names))}, which physics land_surface needs: "
                "it was written by physics soil_water."
            )
        check_state(self._tiles, state, (name for name in LAND_STATE if name not in _UNUSED))
        results = a.new_results(len(self._tiles))
        arrays = _arrays(state)
        part = timedelta(seconds=self._timestep_s)
        n_parts = self._weather.step // part
        turn = 2.0 * np.pi * self._timestep_s / SECONDS_PER_DAY
        for forcing_start, now, until in forcing_steps(start, end, self._weather.step):
            self._load_weather(forcing_start)
            sun = sun_at(forcing_start + 0.5 * self._weather.step)
            leaf, stem = self._leaves(forcing_start)
            advance_tiles(
                float(self._timestep_s),
                (now - forcing_start) // part,
                (until - now) // part,
                n_parts,
                hour_angle(forcing_start + 0.5 * part, sun),
                turn,
                float(np.sin(sun.declination)),
                float(np.cos(sun.declination)),
                self._packed,
                leaf,
                stem,
                arrays,
                self._column,
                results,
                self._work,
            )
        for budget, column, limit, unit in (
            ("water", a.R_WATER, MAX_WATER_RESIDUAL, "kg m-2"),
            ("energy", a.R_ENERGY, MAX_ENERGY_RESIDUAL, "W m-2"),
        ):
            check_residual(self._tiles, results.residual[:, column], start, budget, limit, unit)
        self.diagnose(state)
        return _report(results, (end - start).total_seconds(), begin)

    def diagnose(self, state: TileState) -> None:
        """Update smp and hk from soil water, in place; see ``LandModel.diagnose``."""
        diagnose_state(state, self._tiles.patchtype, self._column.hydraulic)

    def _load_weather(self, start: datetime) -> None:
        """Load the weather of the forcing step at ``start``; cached until another step is requested."""
        if self._packed_start == start:
            return
        self._packed_start = None
        weather = self._weather.during(start)
        check_weather(self._tiles, weather, start)
        pack_weather(
            weather.shortwave,
            weather.longwave,
            weather.air_temperature,
            weather.specific_humidity,
            weather.surface_pressure,
            weather.wind_speed,
            weather.precipitation,
            self._column.properties,
            self._packed,
        )
        self._packed_start = start

    def _leaves(self, start: datetime) -> tuple[FloatArray, FloatArray]:
        """Leaf and stem area index of the vegetated part at the centre of a forcing step."""
        first, second, share = between_months(start + 0.5 * self._weather.step)
        lai, sai = self._parameters.lai, self._parameters.sai
        leaf = (1.0 - share) * lai[:, first] + share * lai[:, second]
        return leaf, (1.0 - share) * sai[:, first] + share * sai[:, second]


def _arrays(state: TileState) -> a.State:
    return a.State(
        wliq=state["wliq_soisno"],
        wice=state["wice_soisno"],
        temperature=state["t_soisno"],
        z_sno=state["z_sno"],
        dz_sno=state["dz_sno"],
        t_grnd=state["t_grnd"],
        tleaf=state["tleaf"],
        ldew=state["ldew"],
        scv=state["scv"],
        snowdp=state["snowdp"],
        sag=state["sag"],
        fsno=state["fsno"],
        wa=state["wa"],
        zwt=state["zwt"],
        wetwat=state["wetwat"],
    )


def _report(results: a.Results, seconds: float, begin: float) -> ForecastReport:
    totals = results.totals
    mean = 1.0 / max(seconds, 1.0)
    return ForecastReport(
        precipitation=totals[:, a.TOT_PRECIPITATION],
        evapotranspiration=totals[:, a.TOT_EVAPORATION] + totals[:, a.TOT_TRANSPIRATION],
        runoff=totals[:, a.TOT_RUNOFF],
        drainage=totals[:, a.TOT_DRAINAGE],
        overflow=totals[:, a.TOT_OVERFLOW],
        supply=totals[:, a.TOT_SUPPLY],
        max_residual=float(results.residual[:, a.R_WATER].max(initial=0.0)),
        n_solves=int(results.counts[:, a.N_WATER].sum()),
        seconds=time.perf_counter() - begin,
        energy=EnergyReport(
            net_shortwave=mean * totals[:, a.TOT_SHORT],
            net_longwave=mean * totals[:, a.TOT_LONG],
            sensible=mean * totals[:, a.TOT_SENSIBLE],
            latent=mean * totals[:, a.TOT_LATENT],
            ground=mean * totals[:, a.TOT_GROUND],
            max_residual=float(results.residual[:, a.R_ENERGY].max(initial=0.0)),
            n_steps=int(results.counts[:, a.N_ENERGY].sum()),
            n_leaf=int(results.counts[:, a.N_LEAF].sum()),
        ),
    )
