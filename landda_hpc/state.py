"""The tile vector: static description (Tiles) and prognostic variables (TileState)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Final, Self

import numpy as np

from landda_hpc.constants import N_SNOW, N_SOIL, RHO_ICE, RHO_WATER, SOIL_DZ, BoolArray, FloatArray, IntArray
from landda_hpc.errors import ShapeError
from landda_hpc.variables import LAND_STATE, SOIL_WATER_STATE, STATE


def soil_moisture(wliq: FloatArray, wice: FloatArray) -> FloatArray:
    """Total volumetric soil water, theta = wliq / (1000 dz) + wice / (917 dz) (docs/methods.md).

    Parameters
    ----------
    wliq, wice : kg m-2, soil layers only, shape (n, n_soil).

    Returns
    -------
    m3 m-3, shape (n, n_soil). May exceed porosity after freezing, in CoLM too.
    """
    theta: FloatArray = wliq / (RHO_WATER * SOIL_DZ) + wice / (RHO_ICE * SOIL_DZ)
    return theta


_VECTOR: Final = 64
"""Tiles whose values numpy computes together, at most: a multiple of the lanes of every vector instruction."""


def whole_vectors(mine: slice, n_tiles: int) -> tuple[slice, slice]:
    """A slice of the global tile vector extended to whole vectors, and the slice's own part of that.

    A vector instruction and its scalar remainder may differ in the last bit. With whole vectors a tile has the same
    bits on any number of ranks.
    """
    whole = slice(mine.start // _VECTOR * _VECTOR, min(-(-mine.stop // _VECTOR) * _VECTOR, n_tiles))
    return whole, slice(mine.start - whole.start, mine.stop - whole.start)


class PatchType(IntEnum):
    """CoLM's patchtype (docs/colm.md)."""

    SOIL = 0
    URBAN = 1
    WETLAND = 2
    GLACIER = 3
    LAKE = 4


@dataclass(frozen=True, eq=False)
class Tiles:
    """Static description of a set of tiles, ordered by cell, then by patch type, then by soil class.

    Attributes
    ----------
    global_index : position in the global tile vector, int64, shape (n_tile,).
    cell : flat index of the tile's grid cell, int64, non-decreasing.
    area_fraction : fraction of the cell's area, 0..1. Fractions of a cell sum to its land-and-lake fraction.
    patchtype : a PatchType, int64.
    soil_class : ECMWF soil class 1..7 (0 where there is no soil), int64.
    climate_class : Koeppen-Geiger class 1..30 (0 unknown), int64.
    lat, lon : degrees of the cell centre.
    porsl : porosity, m3 m-3, shape (n_tile, n_soil).
    psi0 : saturated matric potential, mm, negative, (n_tile, n_soil).
    bsw : Campbell exponent b, 1, (n_tile, n_soil).
    hksati : saturated hydraulic conductivity, mm s-1, (n_tile, n_soil).
    theta_r : residual water content, m3 m-3 (0 for Campbell), (n_tile, n_soil).
    vegetation_fraction : fraction of the tile shaded by vegetation, 0..1.
    root_fraction : fraction of roots per layer, (n_tile, n_soil), sums to 1 (or 0 without vegetation).
    """

    global_index: IntArray
    cell: IntArray
    area_fraction: FloatArray
    patchtype: IntArray
    soil_class: IntArray
    climate_class: IntArray
    lat: FloatArray
    lon: FloatArray
    porsl: FloatArray
    psi0: FloatArray
    bsw: FloatArray
    hksati: FloatArray
    theta_r: FloatArray
    vegetation_fraction: FloatArray
    root_fraction: FloatArray

    def __post_init__(self) -> None:
        n = self.global_index.size
        for f in fields(self):
            value = getattr(self, f.name)
            if value.shape[0] != n:
                raise ShapeError(f"tiles.{f.name} has {value.shape[0]} tiles, global_index has {n}.")
        if np.any(np.diff(self.cell) < 0):
            raise ShapeError("tiles must be ordered by cell.")

    def __len__(self) -> int:
        return int(self.global_index.size)

    @property
    def is_updatable(self) -> BoolArray:
        """Soil tiles only, shape (n_tile,); not urban, wetland, glacier or lake."""
        updatable: BoolArray = self.patchtype == PatchType.SOIL
        return updatable

    def place(self, tile: int) -> str:
        """Where a tile is, for messages; ``tile`` counts within this set."""
        return f"latitude {self.lat[tile]:.2f}, longitude {self.lon[tile]:.2f}"

    def take(self, index: slice | IntArray) -> Tiles:
        """The tiles at a slice or index array, in that order."""
        return Tiles(**{f.name: getattr(self, f.name)[index] for f in fields(self)})


class TileState:
    """Prognostic variables of a set of tiles, float64, named and shaped as in ``variables.STATE``.

    Which variables there are depends on the model's physics: one of ``variables.SOIL_WATER_STATE`` and
    ``variables.LAND_STATE``, in that order. Indexing gives the array itself, shape (n_tile, ...):
    ``state["wliq_soisno"]`` is (n_tile, 15), kg m-2. Soil layer k is slot N_SNOW + k; ``soil`` is the view of the ten
    soil layers.
    """

    def __init__(self, values: dict[str, FloatArray]) -> None:
        names = next((n for n in (SOIL_WATER_STATE, LAND_STATE) if set(n) == set(values)), None)
        if names is None:
            raise ShapeError(
                f"tile state has variables {sorted(values)}; expected exactly {sorted(SOIL_WATER_STATE)}, or with "
                f"{sorted(set(LAND_STATE) - set(SOIL_WATER_STATE))}. Was the file written by another version?"
            )
        n_tile = next(iter(values.values())).shape[0]
        for name, array in values.items():
            expected = (n_tile, *STATE[name].shape)
            if array.shape != expected or array.dtype != np.float64:
                raise ShapeError(f"{name} has shape {array.shape}, {array.dtype}; expected {expected}, float64.")
        self._values = {name: values[name] for name in names}

    @classmethod
    def filled(cls, n_tile: int, names: Sequence[str] = LAND_STATE) -> Self:
        """Every variable at the registry's initial value."""
        return cls({name: np.full((n_tile, *STATE[name].shape), STATE[name].initial) for name in names})

    @property
    def names(self) -> tuple[str, ...]:
        """The variables, in restart order."""
        return tuple(self._values)

    def __getitem__(self, name: str) -> FloatArray:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    @property
    def n_tile(self) -> int:
        """Number of tiles."""
        return int(self._values["zwt"].shape[0])

    def soil(self, name: str) -> FloatArray:
        """View of the soil layers of a soilsnow variable, shape (n_tile, n_soil)."""
        view: FloatArray = self._values[name][:, N_SNOW : N_SNOW + N_SOIL]
        return view

    def copy(self) -> TileState:
        """A copy of the state that shares no array with it."""
        return TileState({name: array.copy() for name, array in self._values.items()})

    def take(self, index: slice | IntArray) -> TileState:
        """The state of the tiles at a slice or index array (copied)."""
        return TileState({name: array[index].copy() for name, array in self._values.items()})
