"""Vegetation classes by climate: height, albedo, stomata, and leaf area over the year."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from landda_hpc.constants import ZERO_CELSIUS, FloatArray, IntArray
from landda_hpc.data.precipitation_climatology import KOPPEN_CLASSES

GROWING: Final = ZERO_CELSIUS + 5.0  # K; monthly mean from which herbs are green


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
    is_herb : whether leaves die in frost (``dead_share``).
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
    is_herb: bool = False


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
CORN: Final = Plant("corn", 2.5, 5.0, 0.4, 0.5, 30.0, 100.0, 0.04, 0.20, *_STRAW, -0.3, True)
GRASS: Final = Plant("grass and crops", 0.5, 3.0, 0.4, 0.5, 45.0, 100.0, 0.04, 0.20, *_STRAW, -0.3, True)
TROPICAL_GRASS: Final = Plant("tropical grass", 1.0, 3.0, 1.2, 0.5, 50.0, 65.0, 0.04, 0.20, *_STRAW, -0.3, True)
SHRUBS: Final = Plant("shrubs", 0.6, 1.6, 0.6, 0.4, 125.0, 100.0, 0.04, 0.20, *_WOOD, 0.01)
DESERT_SHRUBS: Final = Plant("desert shrubs", 0.3, 0.8, 0.4, 0.3, 190.0, 100.0, 0.04, 0.22, *_WOOD, 0.01)
TUNDRA: Final = Plant("tundra", 0.3, 1.6, 0.3, 0.3, 110.0, 100.0, 0.04, 0.17, *_STRAW, -0.3, True)


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


def leaf_area(
    climate_class: IntArray, tree_share: FloatArray, temperature: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Area index of green and of dead leaves by month, m2 m-2 of the vegetated part, shape (n, 12) each.

    Parameters
    ----------
    climate_class, tree_share : (n,).
    temperature : monthly mean near the surface, K, (n, 12).

    Notes
    -----
    Local: no communication. Below 298 K, LAI decreases from its maximum to its minimum in proportion to
    1 - 0.0016 (298 - T)^2 of soil temperature (Dickinson et al. 1993), for which we use monthly air temperature. A part
    of the leaves of low plants is dead (``dead_share``).
    """

    def leaves(trees: FloatArray) -> FloatArray:
        worst, best = (mixed(name, climate_class, trees)[:, None] for name in ("lai_min", "lai_max"))
        return _between(worst, best, temperature)

    herbs = (1.0 - tree_share) * np.array([p.is_herb for p in _LOW])[climate_class]
    dead = herbs[:, None] * dead_share(temperature) * leaves(np.zeros_like(tree_share))
    return np.maximum(leaves(tree_share) - dead, 0.0), dead


def season(plant: Plant, temperature: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Area index of green and of dead leaves of one class by month, m2 m-2, shape of ``temperature`` (means, K)."""
    area = _between(np.asarray(plant.lai_min), np.asarray(plant.lai_max), temperature)
    dead = dead_share(temperature) * area if plant.is_herb else np.zeros_like(area)
    return area - dead, dead


def dead_share(temperature: FloatArray) -> FloatArray:
    """Dead fraction of the leaf area of herbs in a month: all in frost, none from 5 degC on, 0..1.

    Grass loses its leaves after some days of frost (CLM: Oleson et al. 2013, NCAR/TN-503, chapter 14); 5 degC is the
    usual limit of the growing season (Frich et al. 2002, Clim. Res., 19, 193-212). Dead leaves stay in place, scatter
    light as straw and do not transpire.

    Parameters
    ----------
    temperature : monthly mean near the surface, K, any shape.
    """
    share: FloatArray = np.clip((GROWING - temperature) / (GROWING - ZERO_CELSIUS), 0.0, 1.0)
    return share


def _between(worst: FloatArray, best: FloatArray, temperature: FloatArray) -> FloatArray:
    cold = np.maximum(298.0 - temperature, 0.0)
    area: FloatArray = worst + (best - worst) * np.maximum(1.0 - 0.0016 * cold * cold, 0.0)
    return area
