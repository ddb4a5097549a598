"""A run of the real model as the campaign holds it between windows: this rank's tiles, read from restarts."""

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
"""Numbers of a tile that an analysis may change."""


class ColmModel:
    """The model's side of one run on this rank's tiles; implements ``SoilModel``.

    Parameters
    ----------
    here : this rank's tiles of the case.
    scheme : the model's soil water scheme.

    Notes
    -----
    Local: no communication. The model's own state, that an analysis starts from, is remembered when it is read: only
    layers whose water differs from it get a new potential and conductivity, and a change taken back restores its bits.
    """

    def __init__(self, here: CaseTiles, scheme: SoilWaterScheme) -> None:
        self.here, self.scheme = here, scheme
        self._tiles = _with_bounds(here)
        self._background: SoilWater | None = None

    @property
    def tiles(self) -> Tiles:
        """The rank's tiles; layers of rock, which the model leaves dry, have no pores."""
        return self._tiles

    def read(self, case: ColmCase, time: datetime) -> TileState:
        """The state of the rank's tiles in a restart, which becomes the background.

        Raises
        ------
        MissingFileError, DataError, ShapeError : files are missing, damaged or not of this case; soil is not finite.
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
        """Take a state as the model's own."""
        self._background = _soil_water(state.copy())

    def diagnose(self, state: TileState) -> None:
        """Bring what follows from soil water (smp, hk, zwt) in step with it, in place; see ``SoilModel``."""
        assert self._background is not None, "a state was read before it is analysed"
        settled, _ = settle(
            self.here.soil, self._background, np.ascontiguousarray(state.soil("wliq_soisno")), self.scheme
        )
        state["smp"][:] = settled.smp
        state["hk"][:] = settled.hk
        state["zwt"][:] = settled.zwt


def pack(state: TileState, index: IntArray) -> FloatArray:
    """What an analysis may have changed of some tiles, (n, WIDTH)."""
    return np.concatenate([state[name][index].reshape(index.size, width) for name, width in _WIDTHS.items()], axis=1)


def unpack(rows: FloatArray) -> dict[str, FloatArray]:
    """The variables of packed rows."""
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
    """The tiles, layers of rock without pores and never drier than they are, so that no increment goes there."""
    rock = here.tiles.porsl <= np.maximum(here.soil.wimp, here.tiles.theta_r)
    return replace(
        here.tiles,
        porsl=np.where(rock, 0.0, here.tiles.porsl),
        theta_r=np.where(rock, 1.0, here.tiles.theta_r),
    )
