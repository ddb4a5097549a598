"""State of one run of the real model between forecast windows, read from restarts, on this rank's tiles."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

import numpy as np

from landda_hpc.constants import FloatArray, IntArray
from landda_hpc.errors import DataError
from landda_hpc.formats.colm.case import ColmCase
from landda_hpc.formats.colm.restart import read_variables
from landda_hpc.model.colm.soil_water import SoilWaterScheme
from landda_hpc.model.colm.tiles import CaseTiles
from landda_hpc.model.colm.write_back import WRITTEN, SoilWater, settle
from landda_hpc.state import Tiles, TileState
from landda_hpc.variables import SOIL_WATER_STATE, STATE

_WIDTHS: Final = {name: int(np.prod(STATE[name].shape, dtype=np.int64)) for name in WRITTEN}

WIDTH: Final = sum(_WIDTHS.values())
"""Number of values per tile that an analysis may change."""


class ColmModel:
    """One run of the real model on this rank's tiles; implements ``SoilModel``.

    Parameters
    ----------
    here : this rank's tiles of the case.
    scheme : soil water scheme of the model.

    Notes
    -----
    Local: no communication. The state that was read is kept as the background. Only layers whose water differs from
    the background get a new potential and conductivity, so undoing a change restores the original bits.
    """

    def __init__(self, here: CaseTiles, scheme: SoilWaterScheme) -> None:
        self.here, self.scheme = here, scheme
        self._tiles = _with_bounds(here)
        self._background: SoilWater | None = None

    @property
    def tiles(self) -> Tiles:
        """The rank's tiles. Layers of rock have no pores, because the model keeps them dry."""
        return self._tiles

    def read(self, case: ColmCase, time: datetime) -> TileState:
        """Read the state of the rank's tiles from a restart; it becomes the background.

        Raises
        ------
        MissingFileError, DataError, ShapeError : a file is missing, damaged or of another case; soil is not finite.
        """
        here = self.here
        values = {n: np.full((len(here.tiles), *STATE[n].shape), STATE[n].initial) for n in SOIL_WATER_STATE}
        for number, block in enumerate(here.blocks):
            mine = np.flatnonzero(here.block == number)
            if mine.size:
                found = read_variables(case, time, block, list(SOIL_WATER_STATE), here.n_patch[block])
                for name, array in found.items():
                    values[name][mine] = array[here.position[mine]]
        for name, array in values.items():
            if not np.isfinite(array[here.tiles.is_updatable]).all():
                raise DataError(
                    f"restart of {time.isoformat()} in {case.restart}: '{name}' of soil patches is not finite."
                )
        state = TileState(values)
        self.remember(state)
        return state

    def remember(self, state: TileState) -> None:
        """Keep a copy of a state as the background."""
        self._background = _soil_water(state.copy())

    def diagnose(self, state: TileState) -> None:
        """Update the variables that depend on soil water (smp, hk, zwt), in place; see ``SoilModel``."""
        assert self._background is not None, "a state was read before it is analysed"
        settled = settle(self.here.soil, self._background, np.ascontiguousarray(state.soil("wliq_soisno")), self.scheme)
        state["smp"][:] = settled.smp
        state["hk"][:] = settled.hk
        state["zwt"][:] = settled.zwt


def pack(state: TileState, index: IntArray) -> FloatArray:
    """Pack the variables that an analysis may change, for some tiles, (n, WIDTH)."""
    return np.concatenate([state[name][index].reshape(index.size, width) for name, width in _WIDTHS.items()], axis=1)


def unpack(rows: FloatArray) -> dict[str, FloatArray]:
    """Unpack rows into variables."""
    values, column = {}, 0
    for name, width in _WIDTHS.items():
        values[name] = rows[:, column : column + width].reshape(rows.shape[0], *STATE[name].shape)
        column += width
    return values


def _soil_water(state: TileState) -> SoilWater:
    return SoilWater(
        wliq=np.ascontiguousarray(state.soil("wliq_soisno")),
        wice=np.ascontiguousarray(state.soil("wice_soisno")),
        temperature=np.ascontiguousarray(state.soil("t_soisno")),
        smp=state["smp"],
        hk=state["hk"],
        zwt=state["zwt"],
        wa=state["wa"],
    )


def _with_bounds(here: CaseTiles) -> Tiles:
    """Return tiles whose rock layers have no pores and cannot become drier, so that they get no increment."""
    rock = here.tiles.porsl <= np.maximum(here.soil.wimp, here.tiles.theta_r)
    return replace(
        here.tiles,
        porsl=np.where(rock, 0.0, here.tiles.porsl),
        theta_r=np.where(rock, 1.0, here.tiles.theta_r),
    )
