"""Climatology of each tile: monthly temperature and precipitation, potential evaporation, aridity."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final, Self

import numpy as np

from landda_hpc.constants import SECONDS_PER_DAY, ZERO_CELSIUS, FloatArray, IntArray
from landda_hpc.errors import DataError
from landda_hpc.model.forcing.climatology import Climatology
from landda_hpc.state import Tiles

_DAYS_PER_MONTH: Final = 365.25 / 12.0
MID_MONTH_DAY: Final[FloatArray] = np.array([(month + 0.5) * _DAYS_PER_MONTH for month in range(12)])
"""Day of the year in the middle of each of twelve equal months."""


@dataclass(frozen=True, eq=False)
class TileClimate:
    """Climatology of a set of tiles.

    Attributes
    ----------
    temperature : monthly mean near the surface, K, shape (n_tile, 12).
    precipitation : monthly mean, mm day-1, (n_tile, 12).
    """

    temperature: FloatArray
    precipitation: FloatArray

    def __len__(self) -> int:
        return int(self.temperature.shape[0])

    def take(self, index: slice | IntArray) -> Self:
        """The climatology of the tiles selected by a slice or an index array, in that order."""
        return type(self)(**{f.name: getattr(self, f.name)[index] for f in fields(self)})


def tile_climate(tiles: Tiles, climatology: Climatology) -> TileClimate:
    """Climatology of tiles; all tiles of a cell have the climatology of the cell. Local.

    Parameters
    ----------
    tiles : all tiles or those of a rank.
    climatology : climatology on the model grid.

    Raises
    ------
    DataError : the climatology is missing at a tile.
    """
    at_tiles = climatology.take(tiles.cell)
    climate = TileClimate(
        temperature=np.ascontiguousarray(at_tiles.air_temperature.T),
        precipitation=np.ascontiguousarray(at_tiles.precipitation.T) * SECONDS_PER_DAY,
    )
    is_known = np.isfinite(climate.temperature).all(axis=1) & np.isfinite(climate.precipitation).all(axis=1)
    if not is_known.all():
        first = int(np.flatnonzero(~is_known)[0])
        raise DataError(
            f"the climatology is missing at {int((~is_known).sum())} of {len(tiles)} tiles, first at "
            f"{tiles.place(first)}. Is it on the model grid?"
        )
    return climate


def potential_evaporation(temperature: FloatArray, lat: FloatArray) -> FloatArray:
    """Climatological potential evaporation from temperature and solar radiation, mm day-1.

    Parameters
    ----------
    temperature : monthly means, K, shape (n_tile, 12).
    lat : degrees_north, (n_tile,).

    Returns
    -------
    Shape (n_tile, 12); zero below -5 degC.

    Notes
    -----
    Local: no communication. R_e / (L rho) x (T + 5) / 100 with T in degC (Oudin et al. 2005, J. Hydrol., 303,
    290-306); extraterrestrial radiation R_e, MJ m-2 day-1, after Allen et al. (1998), eq. 21-25, at
    mid-month.
    """
    phi = np.deg2rad(np.clip(lat, -89.9, 89.9))[:, None]
    angle = 2.0 * np.pi * MID_MONTH_DAY / 365.25
    declination = 0.409 * np.sin(angle - 1.39)
    sunset = np.arccos(np.clip(-np.tan(phi) * np.tan(declination), -1.0, 1.0))
    geometry = sunset * np.sin(phi) * np.sin(declination) + np.cos(phi) * np.cos(declination) * np.sin(sunset)
    radiation = 24.0 * 60.0 / np.pi * 0.0820 * (1.0 + 0.033 * np.cos(angle)) * geometry
    result: FloatArray = radiation / 2.45 * np.maximum(temperature - ZERO_CELSIUS + 5.0, 0.0) / 100.0
    return result


def aridity_index(climate: TileClimate, lat: FloatArray) -> FloatArray:
    """Ratio of annual precipitation to annual potential evaporation, shape (n_tile,); at most 10."""
    rain = climate.precipitation.sum(axis=1)
    demand = potential_evaporation(climate.temperature, lat).sum(axis=1)
    index: FloatArray = np.minimum(rain / np.maximum(demand, 0.01), 10.0)
    return index
