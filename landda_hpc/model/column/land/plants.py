"""Vegetation classes by climate: height, albedo, stomata, and leaf area over the year."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from landda_hpc.constants import FloatArray, IntArray
from landda_hpc.data.precipitation_climatology import KOPPEN_CLASSES


@dataclass(frozen=True)
class Plant:
    """One vegetation class.

    Attributes
    ----------
    name : name of the class.
    height : canopy height, m.
    lai_max, lai_min : maximum and minimum monthly leaf area index, m2 m-2 of the vegetated part.
    sai : stem area index, m2 m-2.
    rs_min : minimum stomatal resistance per leaf area, s m-1.
    rgl : short-wave radiation at half of the light response, W m-2.
    leaf_width : m.
    albedo : broadband albedo of a dense canopy of leaves.
    stem_visible, stem_infrared : fraction of light that stems scatter in the two bands.
    leaf_angle : departure of leaf angles from random ones (chi of Ross 1975): -0.4 upright to 0.6 flat.
    """

    name: str
    height: float
    lai_max: float
    lai_min: float
    sai: float
    rs_min: float
    rgl: float
    leaf_width: float
    albedo: float
    stem_visible: float
    stem_infrared: float
    leaf_angle: float


# Heights and leaf areas: BATS (Dickinson et al. 1993, NCAR/TN-387, table 2) and CoLM's tables of USGS classes,
# rounded; leaf areas of forests and grass from the means of MODIS by biome (Asner et al. 2003, Global Ecol.
# Biogeogr., 12, 191-205). Stomata and light factors: Chen and Dudhia (2001, Mon. Weather Rev., 129, 569-585, Noah's
# vegetation table), reduced by a quarter, because the humidity factor here is stronger than theirs. Scattering
# of stems (reflectance plus transmittance of wood, and of dead grass: 0.36 + 0.22 visible, 0.58 + 0.38 near infrared)
# and leaf angles: Dorman and Sellers (1989, J. Appl. Meteorol., 28, 833-855), as in CoLM.
_WOOD: Final = (0.16, 0.39)
_STRAW: Final = (0.58, 0.96)
TROPICAL_TREES: Final = Plant("tropical trees", 30.0, 5.5, 4.5, 1.0, 110.0, 30.0, 0.04, 0.13, *_WOOD, 0.1)
SAVANNA_TREES: Final = Plant("savanna trees", 12.0, 3.0, 1.5, 0.8, 75.0, 45.0, 0.04, 0.16, *_WOOD, 0.01)
BROADLEAF_TREES: Final = Plant("deciduous broadleaf trees", 20.0, 5.0, 0.6, 1.0, 75.0, 30.0, 0.04, 0.17, *_WOOD, 0.25)
NEEDLE_TREES: Final = Plant("boreal needleleaf trees", 16.0, 3.5, 2.0, 1.0, 95.0, 30.0, 0.04, 0.11, *_WOOD, 0.01)
# Corn and temperate needleleaf trees: heights and the maximum of corn from CLM5's table of plant types (Lawrence et al.
# 2019, J. Adv. Model. Earth Syst., 11, 4245-4287); leaf area of needleleaf trees from the same means of MODIS; the rest
# as above (Noah's classes of cropland and evergreen needleleaf). No climate class has them, because the static fields
# distinguish trees and low plants only; ``landda land memory`` plants them.
TEMPERATE_NEEDLE_TREES: Final = Plant(
    "temperate needleleaf trees", 17.0, 5.5, 4.5, 1.0, 95.0, 30.0, 0.04, 0.11, *_WOOD, 0.01
)
CORN: Final = Plant("corn", 2.5, 5.0, 0.4, 0.5, 30.0, 100.0, 0.04, 0.20, *_STRAW, -0.3)
GRASS: Final = Plant("grass and crops", 0.5, 3.0, 0.4, 0.5, 45.0, 100.0, 0.04, 0.20, *_STRAW, -0.3)
TROPICAL_GRASS: Final = Plant("tropical grass", 1.0, 3.0, 1.2, 0.5, 50.0, 65.0, 0.04, 0.20, *_STRAW, -0.3)
SHRUBS: Final = Plant("shrubs", 0.6, 1.6, 0.6, 0.4, 125.0, 100.0, 0.04, 0.20, *_WOOD, 0.01)
DESERT_SHRUBS: Final = Plant("desert shrubs", 0.3, 0.8, 0.4, 0.3, 190.0, 100.0, 0.04, 0.22, *_WOOD, 0.01)
TUNDRA: Final = Plant("tundra", 0.3, 1.6, 0.3, 0.3, 110.0, 100.0, 0.04, 0.17, *_STRAW, -0.3)


def trees_of(koppen: str) -> Plant:
    """Trees of a climate class."""
    if koppen in ("Af", "Am"):
        return TROPICAL_TREES
    if koppen[0] in "AB":
        return SAVANNA_TREES
    if koppen[0] == "E" or (koppen[0] == "D" and koppen[2] in "cd"):
        return NEEDLE_TREES
    return BROADLEAF_TREES


def low_plants_of(koppen: str) -> Plant:
    """Low vegetation of a climate class."""
    if koppen[0] == "A":
        return TROPICAL_GRASS
    if koppen[0] == "B":
        return DESERT_SHRUBS if koppen[1] == "W" else SHRUBS
    if koppen[0] == "E":
        return TUNDRA
    return SHRUBS if koppen[:2] == "Cs" else GRASS


# Class 0 (unknown) gets boreal trees and grass.
_TREES: Final = (NEEDLE_TREES, *(trees_of(name) for name in KOPPEN_CLASSES))
_LOW: Final = (GRASS, *(low_plants_of(name) for name in KOPPEN_CLASSES))


def mixed(name: str, climate_class: IntArray, tree_share: FloatArray) -> FloatArray:
    """Area-weighted mean of a property over trees and low plants, (n,); geometric mean for heights."""
    trees = np.array([getattr(p, name) for p in _TREES])[climate_class]
    low = np.array([getattr(p, name) for p in _LOW])[climate_class]
    if name == "height":
        heights: FloatArray = trees * (low / trees) ** (1.0 - tree_share)
        return heights
    values: FloatArray = tree_share * trees + (1.0 - tree_share) * low
    return values


def leaf_area(climate_class: IntArray, tree_share: FloatArray, temperature: FloatArray) -> FloatArray:
    """Leaf area index by month, m2 m-2 of the vegetated part, shape (n, 12).

    Parameters
    ----------
    climate_class, tree_share : (n,).
    temperature : monthly mean near the surface, K, (n, 12).

    Notes
    -----
    Local: no communication. Below 298 K, LAI decreases from its maximum to its minimum in proportion to
    1 - 0.0016 (298 - T)^2 of soil temperature (Dickinson et al. 1993), for which we use monthly air temperature.
    """
    best = mixed("lai_max", climate_class, tree_share)[:, None]
    worst = mixed("lai_min", climate_class, tree_share)[:, None]
    return _between(worst, best, temperature)


def season(plant: Plant, temperature: FloatArray) -> FloatArray:
    """Leaf area index of one class by month, m2 m-2, shape of ``temperature`` (monthly means, K)."""
    return _between(np.asarray(plant.lai_min), np.asarray(plant.lai_max), temperature)


def _between(worst: FloatArray, best: FloatArray, temperature: FloatArray) -> FloatArray:
    cold = np.maximum(298.0 - temperature, 0.0)
    area: FloatArray = worst + (best - worst) * np.maximum(1.0 - 0.0016 * cold * cold, 0.0)
    return area
