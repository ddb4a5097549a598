"""Vegetation of a tile by climate and trees: fraction of covered ground, and root profile."""

from __future__ import annotations

from typing import Final

import numpy as np

from landda_hpc.constants import SOIL_ZI, BoolArray, FloatArray, IntArray
from landda_hpc.data.precipitation_climatology import KOPPEN_CLASSES
from landda_hpc.model.column.static_fields import CellFields

MAX_VEGETATION: Final = 0.95
"""Maximum fraction of the ground that vegetation covers in a tile."""

# Fraction of the ground covered by vegetation where it grows: ECMWF's c_veg by vegetation type (IFS
# documentation, part IV, chapter 8: tropical trees 0.99, other trees 0.90, grass and crops 0.85 to 0.90, tall
# grass 0.70, shrubs 0.50, tundra 0.50, semi-desert 0.10). We chose the type of each climate.
_TREES: Final = 0.90
_TROPICAL_TREES: Final = 0.99
_TALL_GRASS: Final = 0.70
_GRASS: Final = 0.87
_SHRUB_AND_GRASS: Final = 0.60
_SEMI_DESERT_COVER: Final = 0.10
_TUNDRA_COVER: Final = 0.50

# Depths above which 50 % and 95 % of the roots lie, m: after Schenk and Jackson (2002, Ecol. Monogr., 72,
# 311-328; rounded means by biome). We chose the biome of each climate; crops count as grass.
_TROPICAL_FOREST: Final = (0.15, 0.93)
_SAVANNA: Final = (0.23, 1.30)
_SEMI_DESERT: Final = (0.28, 1.29)
_STEPPE: Final = (0.16, 1.20)
_PRAIRIE: Final = (0.09, 0.91)
_MEDITERRANEAN: Final = (0.19, 1.71)
_WARM_FOREST: Final = (0.23, 1.21)
_COOL_FOREST: Final = (0.21, 1.04)
_BOREAL_FOREST: Final = (0.12, 0.58)
_TUNDRA: Final = (0.09, 0.29)


_NAMES: Final[dict[tuple[float, float], str]] = {
    _TROPICAL_FOREST: "tropical forest",
    _SAVANNA: "savanna",
    _SEMI_DESERT: "semi-desert",
    _STEPPE: "steppe",
    _PRAIRIE: "prairie",
    _MEDITERRANEAN: "mediterranean",
    _WARM_FOREST: "warm forest",
    _COOL_FOREST: "cool forest",
    _BOREAL_FOREST: "boreal forest",
    _TUNDRA: "tundra",
}
"""Names of the biomes by their roots."""


def _biome(koppen: str, is_forest: bool) -> tuple[float, float]:
    if koppen[0] == "A":
        return _TROPICAL_FOREST if is_forest or koppen != "Aw" else _SAVANNA
    if koppen[0] == "B":
        return _SAVANNA if is_forest else _SEMI_DESERT if koppen[1] == "W" else _STEPPE
    if koppen[0] == "E":
        return _TUNDRA
    if koppen[:2] == "Cs":
        return _MEDITERRANEAN
    if not is_forest:
        return _PRAIRIE
    if koppen[0] == "C":
        return _WARM_FOREST
    return _BOREAL_FOREST if koppen[2] in "cd" else _COOL_FOREST


def _open_cover(koppen: str) -> float:
    if koppen[0] == "B":
        return _SEMI_DESERT_COVER if koppen[1] == "W" else _SHRUB_AND_GRASS
    if koppen[0] == "E":
        return _TUNDRA_COVER
    if koppen == "Aw":
        return _TALL_GRASS
    return _SHRUB_AND_GRASS if koppen[:2] == "Cs" else _GRASS


def layer_shares(d50: float, d95: float) -> FloatArray:
    """Fraction of roots in each layer, (n_soil,), from the depths, m, above which 50 % and 95 % of the roots lie."""
    return root_shares(d50, np.log(0.95 / 0.05) / np.log(d50 / d95))


def root_shares(d50: float, beta: float) -> FloatArray:
    """Fraction of roots in each layer from the cumulative profile 1 / (1 + (z / d50)^beta); the last has all deeper."""
    above = np.concatenate(([0.0], 1.0 / (1.0 + (SOIL_ZI[1:-1] / d50) ** beta), [1.0]))
    shares: FloatArray = np.diff(above)
    return shares


# Class 0 (unknown) is treated as prairie and boreal forest, the shallowest of each kind except tundra.
_OPEN: Final[FloatArray] = np.array(
    [layer_shares(*_PRAIRIE), *(layer_shares(*_biome(k, False)) for k in KOPPEN_CLASSES)]
)
_FOREST: Final[FloatArray] = np.array(
    [layer_shares(*_BOREAL_FOREST), *(layer_shares(*_biome(k, True)) for k in KOPPEN_CLASSES)]
)


_OPEN_COVER: Final[FloatArray] = np.array([_GRASS, *(_open_cover(name) for name in KOPPEN_CLASSES)])
_FOREST_COVER: Final[FloatArray] = np.array(
    [_TREES, *(_TROPICAL_TREES if name in ("Af", "Am") else _TREES for name in KOPPEN_CLASSES)]
)


def vegetation_fraction(climate_class: IntArray, high: FloatArray, low: FloatArray) -> FloatArray:
    """Fraction of the ground covered by vegetation, 0..1. Local.

    Parameters
    ----------
    climate_class : Koeppen-Geiger class 0..30, shape (n,).
    high, low : fractions of the land with trees and with low vegetation, 0..1, (n,).
    """
    shaded: FloatArray = high * _FOREST_COVER[climate_class] + low * _OPEN_COVER[climate_class]
    return shaded


def root_fraction(climate_class: IntArray, tree_share: FloatArray) -> FloatArray:
    """Fraction of roots in each soil layer.

    Parameters
    ----------
    climate_class : Koeppen-Geiger class 0..30, shape (n,).
    tree_share : fraction of trees in the vegetation, 0..1, (n,); weights the profiles of forest and open land.

    Returns
    -------
    Shape (n, n_soil), each row sums to 1.

    Notes
    -----
    Local: no communication. Cumulative fraction r(z) = 1 / (1 + (z / d50)^beta), beta = ln 19 / ln(d50 / d95)
    (Schenk and Jackson 2002, eq. 1; docs/column.md).
    """
    trees = tree_share[:, None]
    shares: FloatArray = trees * _FOREST[climate_class] + (1.0 - trees) * _OPEN[climate_class]
    return shares


def vegetation_types(climate_class: IntArray, tree_share: FloatArray) -> tuple[str, ...]:
    """Name of the biome of each place, from climate and trees; empty where the climate is unknown. Local.

    Parameters
    ----------
    climate_class : Koeppen-Geiger class 0..30, shape (n,).
    tree_share : fraction of trees in the vegetation, 0..1, (n,); more than half is forest.
    """
    return tuple(
        _NAMES[_biome(KOPPEN_CLASSES[number - 1], share > 0.5)] if number else ""
        for number, share in zip(climate_class.tolist(), tree_share.tolist(), strict=True)
    )


def tile_vegetation(cells: CellFields, cell: IntArray, is_soil: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Vegetation fraction, (n_tile,), and root fraction, (n_tile, n_soil), of tiles in cells; only soil has them."""
    climate = cells.climate_class[cell]
    shaded = vegetation_fraction(climate, cells.high_vegetation[cell], cells.low_vegetation[cell])
    vegetation = np.where(is_soil, np.minimum(shaded, MAX_VEGETATION), 0.0)
    roots = np.where((vegetation > 0.0)[:, None], root_fraction(climate, cells.tree_share[cell]), 0.0)
    return vegetation, roots
