"""Initial states: soil water from climate or a profile, ice from temperature, and the diagnosed variables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import numpy as np

from landda_hpc.constants import (
    N_SOIL,
    RHO_ICE,
    RHO_WATER,
    SOIL_DZ,
    T_FREEZE,
    FloatArray,
)
from landda_hpc.data.precipitation_climatology import KOPPEN_CLASSES
from landda_hpc.errors import DataError, ShapeError
from landda_hpc.model.column.hydraulics import FREEZING_SUCTION, diagnose_state, soil_records
from landda_hpc.model.column.temperature import AnnualWave
from landda_hpc.model.column.tile_climate import TileClimate, aridity_index
from landda_hpc.regridding.depth import layers_from_product
from landda_hpc.state import PatchType, Tiles, TileState
from landda_hpc.variables import SOIL_WATER_STATE

ERA_LAYERS_M: Final = ((0.0, 0.07), (0.07, 0.28), (0.28, 1.0))
"""Layers of the ECMWF soil moisture climatology; the value of the last layer is used below it."""

MIN_WETNESS: Final = 0.02
MAX_WETNESS: Final = 0.98
"""Limits of initial relative wetness theta / porosity: inside the model's bounds, with a margin on both sides."""

# Equilibrium estimate: log10 of suction in mm decreases from air-dry to field capacity as the climate gets wetter.
_DRY_PF: Final = 6.7
_WET_PF: Final = 3.4
_ARIDITY_SCALE: Final = 0.45

INITIAL_WETLAND_STORE: Final = 100.0  # kg m-2
_NO_AQUIFER_CHANGE: Final = 4800.0  # kg m-2, CoLM2014's value at cold start; this version does not use it

# Depth of the water table, m, by climate: shallow in humid lowlands, deep in deserts (ordered as in Fan et
# al. 2013, Science, 339, 940-943). It determines only the saturated fraction of the surface.
_WATER_TABLE: Final = {
    "Af": 2.0, "Am": 2.5, "Aw": 5.0, "BW": 30.0, "BS": 15.0,
    "Cs": 8.0, "Cw": 5.0, "Cf": 4.0, "Ds": 6.0, "Dw": 4.0, "Df": 3.0, "ET": 2.0, "EF": 10.0,
}  # fmt: skip
_UNKNOWN_WATER_TABLE: Final = 5.0
_ZWT: Final[FloatArray] = np.array([_UNKNOWN_WATER_TABLE, *(_WATER_TABLE[name[:2]] for name in KOPPEN_CLASSES)])


def soil_water_by_climate(tiles: Tiles, climate: TileClimate, wetness_change: FloatArray | float = 0.0) -> FloatArray:
    """Estimate equilibrium soil water from the ratio of annual precipitation to potential evaporation.

    Parameters
    ----------
    tiles, climate : tiles and their climatology.
    wetness_change : added to theta / porosity, dimensionless, (n_tile,) or a number.

    Returns
    -------
    theta, liquid and ice together, m3 m-3, shape (n_tile, n_soil), within 0.02 to 0.98 of porosity.

    Notes
    -----
    Local: no communication. Suction is 10^pF mm; pF decreases from 6.7 (aridity index 0) to 3.4 (humid) as
    exp(-index / 0.45), equally in all layers. Campbell's curve converts it to water. The estimate serves as the
    initial state of a spin-up.
    """
    if len(climate) != len(tiles):
        raise ShapeError(f"climatology has {len(climate)} tiles, expected {len(tiles)}.")
    dryness = np.exp(-aridity_index(climate, tiles.lat) / _ARIDITY_SCALE)
    suction = 10.0 ** (_WET_PF + (_DRY_PF - _WET_PF) * dryness)
    wetness = np.minimum(1.0, (suction[:, None] / -tiles.psi0) ** (-1.0 / tiles.bsw))
    return _bounded(wetness, wetness_change, tiles)


def soil_water_from_profile(
    tiles: Tiles,
    profile: FloatArray,
    depths_m: Sequence[tuple[float, float]] = ERA_LAYERS_M,
    wetness_change: FloatArray | float = 0.0,
) -> FloatArray:
    """Soil water of every tile from images of volumetric soil water on the model grid.

    Parameters
    ----------
    tiles : all tiles or those of a rank; ``cell`` is their flat index in the images.
    profile : m3 m-3, shape (n_layer, n_lat, n_lon). NaN is allowed only in cells without soil or wetland tiles.
    depths_m : top and bottom of the layers, m, from the surface down; the value of the last layer is used below it.
    wetness_change : added to theta / porosity, dimensionless, (n_tile,) or a number.

    Returns
    -------
    theta, liquid and ice together, m3 m-3, (n_tile, n_soil), within 0.02 to 0.98 of the tile's porosity.

    Raises
    ------
    ShapeError : the images do not match the depths or the tiles.
    DataError : a value is missing for a soil or wetland tile, or is outside [0, 1].

    Notes
    -----
    Local: no communication. Layers are mapped by thickness overlap.
    """
    weights = layers_from_product(depths_m)
    if profile.ndim != 3 or profile.shape[0] != len(depths_m):
        raise ShapeError(f"soil water profile has shape {profile.shape}; expected ({len(depths_m)}, n_lat, n_lon).")
    columns = profile.reshape(profile.shape[0], -1)
    if len(tiles) and tiles.cell[-1] >= columns.shape[1]:
        raise ShapeError(
            f"soil water profile has {columns.shape[1]} cells, but a tile refers to cell {tiles.cell[-1]}: "
            "regrid the profile to the model grid."
        )
    values = columns[:, tiles.cell]
    has_soil = (tiles.patchtype == PatchType.SOIL) | (tiles.patchtype == PatchType.WETLAND)
    is_bad = has_soil & ~((values >= 0.0) & (values <= 1.0)).all(axis=0)
    if is_bad.any():
        first = int(np.flatnonzero(is_bad)[0])
        raise DataError(
            f"initial soil water is missing or outside [0, 1] m3 m-3 for {int(is_bad.sum())} of "
            f"{int(has_soil.sum())} soil tiles, first at {tiles.place(first)} "
            f"({values[:, first]}). Fill the images over land first."
        )
    values = np.where(has_soil, values, 0.0)
    theta = np.zeros((len(tiles), N_SOIL))
    for layer in range(len(depths_m)):
        theta += weights[:, layer] * values[layer][:, None]
    return _bounded(theta / tiles.porsl, wetness_change, tiles)


def _bounded(wetness: FloatArray, change: FloatArray | float, tiles: Tiles) -> FloatArray:
    change = np.asarray(change, dtype=np.float64)
    if change.ndim > 0 and change.shape != (len(tiles),):
        raise ShapeError(f"wetness_change has shape {change.shape}; there are {len(tiles)} tiles.")
    moved = wetness + np.broadcast_to(change, (len(tiles),))[:, None]
    theta: FloatArray = np.clip(moved, MIN_WETNESS, MAX_WETNESS) * tiles.porsl
    return theta


def supercooled_limit(tiles: Tiles, temperature: FloatArray) -> FloatArray:
    """Maximum liquid water below freezing, m3 m-3, shape (n_tile, n_soil); the porosity at and above freezing.

    theta_max = porsl (psi(T) / psi0)^(-1/b), psi(T) = 1000 L_f / g (T - T_f) / T in mm (Niu and Yang 2006, J.
    Hydrometeorol., 7, 937-952; docs/column.md).
    """
    psi = FREEZING_SUCTION * np.minimum(temperature - T_FREEZE, 0.0) / temperature
    ratio = np.maximum(psi / tiles.psi0, 1.0)
    limit: FloatArray = tiles.porsl * ratio ** (-1.0 / tiles.bsw)
    return limit


def initial_state(tiles: Tiles, temperature: AnnualWave, time: datetime, theta: FloatArray) -> TileState:
    """Create a complete state with the given soil water.

    Parameters
    ----------
    tiles : the tiles.
    temperature : annual waves of the same tiles.
    time : valid time of the state, UTC, naive.
    theta : liquid and ice together as volume of liquid, m3 m-3, (n_tile, n_soil), from
        ``soil_water_by_climate`` or ``soil_water_from_profile``.

    Returns
    -------
    The state. Soil and wetland: in layers below freezing, water above the supercooled limit is ice, up to the pore
    volume (ice has a larger volume); wetlands are saturated. Glaciers: ice, at most at the freezing point. Lakes:
    layers of pure water. There is no snow; unused snow slots have no water and the registry's initial temperature.

    Raises
    ------
    ShapeError : array lengths differ.

    Notes
    -----
    Local: no communication. For bitwise identical states on any number of ranks, create the state for all tiles and
    take the slice.
    """
    if theta.shape != (len(tiles), N_SOIL):
        raise ShapeError(f"soil water has shape {theta.shape}; expected {(len(tiles), N_SOIL)}.")
    state = TileState.filled(len(tiles), SOIL_WATER_STATE)
    temperature.prescribe(state, time)
    is_wetland = tiles.patchtype == PatchType.WETLAND
    is_glacier = tiles.patchtype == PatchType.GLACIER
    is_other = ~tiles.is_updatable & ~is_wetland & ~is_glacier

    t_soil = state.soil("t_soisno")
    water = np.where(is_wetland[:, None], tiles.porsl, np.minimum(theta, tiles.porsl))
    liquid = np.minimum(water, supercooled_limit(tiles, t_soil))
    ice_volume = np.minimum((water - liquid) * (RHO_WATER / RHO_ICE), tiles.porsl - liquid)
    wliq = RHO_WATER * SOIL_DZ * liquid
    wice = RHO_ICE * SOIL_DZ * ice_volume
    wliq[is_glacier] = 0.0
    wice[is_glacier] = RHO_ICE * SOIL_DZ
    wliq[is_other] = RHO_WATER * SOIL_DZ
    wice[is_other] = 0.0
    state.soil("wliq_soisno")[:] = wliq
    state.soil("wice_soisno")[:] = wice
    keep_glaciers_cold(tiles, state)

    state["wetwat"][is_wetland] = INITIAL_WETLAND_STORE
    state["wa"][:] = _NO_AQUIFER_CHANGE
    state["zwt"][:] = _ZWT[tiles.climate_class]
    diagnose_state(state, tiles.patchtype, soil_records(tiles))
    return state


def keep_glaciers_cold(tiles: Tiles, state: TileState) -> None:
    """Limit the prescribed temperatures of glacier tiles to the freezing point, in place."""
    is_glacier = tiles.patchtype == PatchType.GLACIER
    if is_glacier.any():
        for name in ("t_soisno", "t_grnd"):
            state[name][is_glacier] = np.minimum(state[name][is_glacier], T_FREEZE)
