"""The front end that both physics share: checks, forcing steps, budgets and reports of a forecast."""

from __future__ import annotations

import copy
import time
from abc import ABC, abstractmethod
from datetime import datetime, timedelta
from typing import ClassVar, Final, Self

import numpy as np

from landda_hpc.constants import FloatArray
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
from landda_hpc.model.column.records import TOTALS, Records, new_records
from landda_hpc.model.protocol import EnergyReport, ForecastReport, Weather, WeatherSource
from landda_hpc.state import Tiles, TileState

MAX_WATER_RESIDUAL: Final = 1.0e-9
"""kg m-2; a larger imbalance of the water budget of a model step is an error."""

MAX_ENERGY_RESIDUAL: Final = 1.0e-3
"""W m-2; a larger imbalance of the energy budget of a model step is an error."""


class TileModel(ABC):
    """Every tile is an independent column; implements ``LandModel`` for a physics, which says how to advance tiles.

    Parameters
    ----------
    tiles : the rank's tiles.
    weather : for the same tiles.
    timestep_s : model step, s; divides the weather's step.
    rain_factor : factor on the weather's precipitation, 1, (n_tile,) or a number: a persistent bias of a twin's nature
        run.
    potential_evaporation_factor : the same for all evaporation and transpiration that the weather allows.

    Notes
    -----
    Local: no communication. The forecast of a tile depends on that tile alone. It has the same bits for any
    distribution of tiles over ranks, and for any division of a period into forecasts at multiples of the model step
    (forcing steps begin at midnight UTC).
    """

    has_energy: ClassVar[bool]
    """Whether the physics has an energy balance."""

    checked: ClassVar[tuple[str, ...]]
    """Variables of the state that a forecast reads."""

    def __init__(
        self,
        tiles: Tiles,
        weather: WeatherSource,
        timestep_s: int,
        rain_factor: FloatArray | float,
        potential_evaporation_factor: FloatArray | float,
    ) -> None:
        check_steps(timestep_s, weather.step)
        self._tiles = tiles
        self._weather = weather
        self._timestep = timedelta(seconds=timestep_s)
        self._rain_factor = per_tile_factor("rain_factor", rain_factor, len(tiles))
        self._evaporation_factor = per_tile_factor(
            "potential_evaporation_factor", potential_evaporation_factor, len(tiles)
        )
        self._forcing_start: datetime | None = None

    def sibling(self, weather: WeatherSource, rain_factor: FloatArray | float) -> Self:
        """A model of the same tiles with other weather and rain, which shares all constants with this one.

        Parameters
        ----------
        weather : for the same tiles, with the same forcing step and heights.
        rain_factor : see the class.
        """
        other = copy.copy(self)
        other._weather, other._forcing_start = weather, None
        other._rain_factor = per_tile_factor("rain_factor", rain_factor, len(self._tiles))
        other._allocate()
        return other

    @abstractmethod
    def _allocate(self) -> None:
        """Make the arrays that a forecast writes."""

    @property
    def tiles(self) -> Tiles:
        """The rank's tiles."""
        return self._tiles

    def forecast(self, state: TileState, start: datetime, end: datetime) -> ForecastReport:
        """Advance the state in place from start to end; see ``LandModel.forecast``.

        Parameters
        ----------
        state : state of the model's tiles. After a ModelError it may be partly advanced.
        start, end : UTC, naive, whole model steps after midnight.

        Raises
        ------
        ConfigError : start or end is not a whole number of model steps after midnight, or end is before start.
        ShapeError : the state or the weather has another number of tiles, or the state lacks variables.
        ModelError : state or weather is outside its physical range (names tile, place, variable and value), or a budget
            of a step does not close.
        """
        begin = time.perf_counter()
        check_times(start, end, self._timestep)
        self._open(state)
        totals = new_records(TOTALS, len(self._tiles))
        for forcing_start, now, until in forcing_steps(start, end, self._weather.step):
            self._load(forcing_start)
            self._advance(state, totals, forcing_start, now, until)
        check_residual(self._tiles, totals["water_residual"], start, "water", MAX_WATER_RESIDUAL, "kg m-2")
        check_residual(self._tiles, totals["energy_residual"], start, "energy", MAX_ENERGY_RESIDUAL, "W m-2")
        self._close(state, end)
        self.diagnose(state)
        work = self._count_work(totals, (end - start) // self._timestep)
        return _report(totals, self.has_energy, (end - start).total_seconds(), time.perf_counter() - begin, work)

    def diagnose(self, state: TileState) -> None:
        """Update smp and hk from soil water, in place; see ``LandModel.diagnose``."""
        diagnose_state(state, self._tiles.patchtype, self._soils)

    @property
    @abstractmethod
    def _soils(self) -> Records:
        """Hydraulic constants, records ``SOIL``, (n_tile,)."""

    @abstractmethod
    def _pack(self, weather: Weather, start: datetime) -> None:
        """Prepare the kernels' forcing of the forcing step at ``start`` from its weather."""

    @abstractmethod
    def _advance(self, state: TileState, totals: Records, start: datetime, now: datetime, until: datetime) -> None:
        """Advance all tiles from ``now`` to ``until`` in the forcing step at ``start``."""

    def _open(self, state: TileState) -> None:
        """Check the state and prepare it for the kernels."""
        check_state(self._tiles, state, self.checked)

    @abstractmethod
    def _close(self, state: TileState, end: datetime) -> None:
        """Complete the state at the end of a forecast."""

    def _count_work(self, totals: Records, n_steps: int) -> FloatArray | None:  # noqa: ARG002 - for physics that count
        """Relative cost of the forecast of each tile, (n_tile,); None: tiles of a kind cost the same."""
        return None

    def _load(self, start: datetime) -> None:
        """Load the forcing of the forcing step at ``start``; it is kept until another step is requested."""
        if self._forcing_start == start:
            return
        self._forcing_start = None
        weather = self._weather.during(start)
        check_weather(self._tiles, weather, start)
        self._pack(weather, start)
        self._forcing_start = start


def _report(totals: Records, has_energy: bool, seconds: float, wall: float, work: FloatArray | None) -> ForecastReport:
    mean = 1.0 / max(seconds, 1.0)

    def amount(name: str) -> FloatArray:
        return np.ascontiguousarray(totals[name])

    energy = EnergyReport(
        net_shortwave=mean * amount("shortwave"),
        net_longwave=mean * amount("longwave"),
        sensible=mean * amount("sensible"),
        latent=mean * amount("latent"),
        ground=mean * amount("ground"),
        max_residual=float(totals["energy_residual"].max(initial=0.0)),
        n_steps=int(totals["n_balances"].sum()),
        n_leaf=int(totals["n_leaf"].sum()),
    )
    return ForecastReport(
        precipitation=amount("precipitation"),
        evapotranspiration=amount("evaporation") + amount("transpiration"),
        runoff=amount("runoff"),
        drainage=amount("drainage"),
        overflow=amount("overflow"),
        supply=amount("supply"),
        max_residual=float(totals["water_residual"].max(initial=0.0)),
        n_solves=int(totals["n_solves"].sum()),
        seconds=wall,
        energy=energy if has_energy else None,
        work=work,
    )
