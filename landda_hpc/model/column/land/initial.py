"""Initial states of the land physics."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from landda_hpc.constants import FROZEN_ICE, RHO_ICE, RHO_WATER, SOIL_DZ, FloatArray
from landda_hpc.errors import ShapeError
from landda_hpc.model.column.hydraulics import diagnose_state, soil_records
from landda_hpc.model.column.initial import MAX_WETNESS, MIN_WETNESS, initial_state, supercooled_limit
from landda_hpc.model.column.land.transfer import SOIL_COLUMNS
from landda_hpc.model.column.temperature import AnnualWave
from landda_hpc.state import Tiles, TileState
from landda_hpc.variables import LAND_STATE


def land_initial_state(tiles: Tiles, temperature: AnnualWave, time: datetime, theta: FloatArray) -> TileState:
    """Create a complete state from climatological temperatures and given soil water, without snow.

    Parameters
    ----------
    tiles, temperature, time, theta : as for ``initial.initial_state``.

    Notes
    -----
    Local: no communication. For bitwise identical states on any number of ranks, create the state for all tiles and
    take the slice. Snow, canopy water and the water table adjust during the spin-up.
    """
    core = initial_state(tiles, temperature, time, theta)
    state = TileState.filled(len(tiles), LAND_STATE)
    for name in core:
        state[name][:] = core[name]
    state["t_soisno"][:, :5] = 0.0
    return state


def land_state_from_profile(
    tiles: Tiles, temperature: FloatArray, theta: FloatArray, water_table: FloatArray
) -> TileState:
    """Create a snow-free state from profiles, as available at a site.

    Parameters
    ----------
    tiles : soil tiles.
    temperature : K, shape (n_tile, n_soil).
    theta : liquid and ice together as volume of liquid, m3 m-3, (n_tile, n_soil).
    water_table : m, (n_tile,).

    Raises
    ------
    ShapeError : an array has another shape.

    Notes
    -----
    Local. Below the freezing point, water above the supercooled limit is ice.
    """
    n = len(tiles)
    for name, value, expected in (
        ("temperature", temperature, tiles.porsl.shape),
        ("theta", theta, tiles.porsl.shape),
        ("water_table", water_table, (n,)),
    ):
        if value.shape != expected:
            raise ShapeError(f"{name} has shape {value.shape}; expected {expected}.")
    state = TileState.filled(n, LAND_STATE)
    state["t_soisno"][:, :5] = 0.0
    state.soil("t_soisno")[:] = temperature
    water = np.minimum(theta, tiles.porsl)
    liquid = np.minimum(water, supercooled_limit(tiles, temperature))
    ice_volume = np.minimum((water - liquid) * (RHO_WATER / RHO_ICE), tiles.porsl - liquid)
    state.soil("wliq_soisno")[:] = RHO_WATER * SOIL_DZ * liquid
    state.soil("wice_soisno")[:] = RHO_ICE * SOIL_DZ * ice_volume
    state["t_grnd"][:] = temperature[:, 0]
    state["tleaf"][:] = temperature[:, 0]
    state["zwt"][:] = water_table
    return state


def fitted(state: TileState, tiles: Tiles, wetness_change: FloatArray) -> TileState:
    """Perturb the soil water of a state by a fraction of the pores, within the pores of the given tiles.

    Parameters
    ----------
    state : state of tiles with the same patch types; changed in place and returned.
    tiles : tiles that define the pores; the soil of a nature run may differ from that of the spin-up.
    wetness_change : added to theta / porosity of layers without ice, dimensionless, (n_tile,).
    """
    pores = RHO_WATER * SOIL_DZ * tiles.porsl
    ice = state.soil("wice_soisno")
    is_free = np.isin(tiles.patchtype, SOIL_COLUMNS)[:, None] & (ice <= FROZEN_ICE)
    water = state.soil("wliq_soisno")
    wanted = np.clip(water + wetness_change[:, None] * pores, MIN_WETNESS * pores, MAX_WETNESS * pores)
    water[:] = np.where(is_free, wanted, water)
    diagnose_state(state, tiles.patchtype, soil_records(tiles))
    return state
