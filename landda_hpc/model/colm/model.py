"""State of one run of the real model between forecast windows, read from restarts, on this rank's tiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np

from landda_hpc.constants import FloatArray, IntArray
from landda_hpc.errors import DataError
from landda_hpc.formats.colm.case_files import CaseFiles
from landda_hpc.model.colm.soil_water import SoilWaterScheme
from landda_hpc.model.colm.tiles import CaseTiles
from landda_hpc.model.colm.write_back import SoilWater, settle
from landda_hpc.state import Tiles, TileState
from landda_hpc.variables import SOIL_WATER_STATE, STATE


class ColmModel:
    """One run of the real model on this rank's tiles; implements ``SoilModel``.

    Parameters
    ----------
    here : this rank's tiles of the case.
    scheme : soil water scheme of the model.
    files : files of the case.

    Notes
    -----
    Local: no communication. The state that was read is kept as the background. Only layers whose water differs from
    the background get a new potential and conductivity, so undoing a change restores the original bits. Variables that
    the restarts lack (CoLM2014: smp, hk and others) keep their initial values (``variables.STATE``).
    """

    def __init__(self, here: CaseTiles, scheme: SoilWaterScheme, files: CaseFiles) -> None:
        self.here, self.scheme, self._files = here, scheme, files
        self._tiles = _with_bounds(here)
        self._background: SoilWater | None = None

    @property
    def tiles(self) -> Tiles:
        """The rank's tiles. Layers of rock have no pores, because the model keeps them dry."""
        return self._tiles

    def read(self, folder: Path, time: datetime) -> TileState:
        """Read the state of the rank's tiles from the restart in a folder; it becomes the background.

        Raises
        ------
        MissingFileError, DataError, ShapeError : a file is missing, damaged or of another case; soil is not finite.
        """
        here = self.here
        values = {n: np.full((len(here.tiles), *STATE[n].shape), STATE[n].initial) for n in SOIL_WATER_STATE}
        for number, block in enumerate(here.blocks):
            mine = np.flatnonzero(here.block == number)
            if mine.size:
                found = self._files.read(folder, time, block, self._files.variables, here.n_patch[block])
                for name, array in found.items():
                    values[name][mine] = array[here.position[mine]]
        for name, array in values.items():
            if not np.isfinite(array[here.tiles.is_updatable]).all():
                raise DataError(f"{folder}: '{name}' of soil patches is not finite ({time.isoformat()}).")
        state = TileState(values)
        self.remember(state)
        return state

    def remember(self, state: TileState) -> None:
        """Keep a copy of a state as the background."""
        self._background = _soil_water(state.copy())

    def diagnose(self, state: TileState) -> None:
        """Update the variables that depend on soil water (smp, hk, zwt), in place; see ``SoilModel``.

        Nothing is updated if the restarts contain soil water alone (CoLM2014, which computes the others in each step).
        """
        if self._files.written == ("wliq_soisno",):
            return
        assert self._background is not None, "a state was read before it is analysed"
        settled = settle(self.here.soil, self._background, np.ascontiguousarray(state.soil("wliq_soisno")), self.scheme)
        state["smp"][:] = settled.smp
        state["hk"][:] = settled.hk
        state["zwt"][:] = settled.zwt


def packed_width(names: Sequence[str]) -> int:
    """Number of values per tile of some variables."""
    return sum(_width(name) for name in names)


def pack(state: TileState, index: IntArray, names: Sequence[str]) -> FloatArray:
    """Pack variables of some tiles, (n, ``packed_width``)."""
    return np.concatenate([state[name][index].reshape(index.size, _width(name)) for name in names], axis=1)


def unpack(rows: FloatArray, names: Sequence[str]) -> dict[str, FloatArray]:
    """Unpack rows into variables."""
    values, column = {}, 0
    for name in names:
        values[name] = rows[:, column : column + _width(name)].reshape(rows.shape[0], *STATE[name].shape)
        column += _width(name)
    return values


def _width(name: str) -> int:
    return int(np.prod(STATE[name].shape, dtype=np.int64))


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
