"""Radiation at ground and canopy: albedo, how short wave is shared, long wave between sky, leaves and ground."""

from __future__ import annotations

import math
from typing import Final

import numba

from landda_hpc.constants import STEFAN_BOLTZMANN, T_FREEZE, FloatArray
from landda_hpc.model.column.land.layout import (
    ALBEDO_G,
    EMIS_G,
    EMIS_V,
    FSNO,
    P_ALBEDO_DRY,
    P_ALBEDO_WET,
    P_LEAF_ALBEDO,
    P_VEGETATION,
    SAG,
    SCV,
    SUN_GROUND,
    SUN_LEAF,
    SUN_V,
)

ALBEDO_WATER: Final = 0.08
ALBEDO_ICE: Final = 0.55  # bare glacier and lake ice
EMISSIVITY_SOIL: Final = 0.96
EMISSIVITY_SNOW: Final = 0.97  # and water and ice
SNOW_VISIBLE: Final = 0.95  # albedo of fresh snow
SNOW_INFRARED: Final = 0.65
OLDEST_SNOW_MASS: Final = 800.0  # kg m-2; deeper snow (ice sheets) does not age
SNOW_GRAIN_RATE: Final = 1.0e-6  # s-1


@numba.njit(cache=True, nogil=True, error_model="numpy")
def snow_albedo(age: float) -> float:
    """Broadband albedo of snow, half visible, half near infrared, by its age (BATS: Dickinson et al. 1993)."""
    factor = 1.0 - 1.0 / (1.0 + age)
    return 0.5 * (SNOW_VISIBLE * (1.0 - 0.2 * factor) + SNOW_INFRARED * (1.0 - 0.5 * factor))


@numba.njit(cache=True, nogil=True, error_model="numpy")
def age_snow(step: float, surface: float, mass_before: float, x: FloatArray) -> None:
    """Advance the snow's age by a step: grains grow with temperature, fresh snow makes it young (BATS).

    Parameters
    ----------
    step : s.
    surface : temperature of the surface, K.
    mass_before : snow mass before the step, kg m-2.
    x : scalars; reads SCV, updates SAG.
    """
    if x[SCV] <= 0.0 or x[SCV] > OLDEST_SNOW_MASS:
        x[SAG] = 0.0
        return
    growth = math.exp(5000.0 * (1.0 / T_FREEZE - 1.0 / surface))
    melting = min(1.0, math.exp(10.0 * min(0.0, 5000.0 * (1.0 / T_FREEZE - 1.0 / surface))))
    older = SNOW_GRAIN_RATE * step * (growth + melting + 0.3)
    fresh = 0.1 * max(0.0, x[SCV] - mass_before)
    x[SAG] = max(0.0, (x[SAG] + older) * (1.0 - fresh))


@numba.njit(cache=True, nogil=True, error_model="numpy")
def soil_albedo(dry: float, wet: float, theta: float) -> float:
    """Broadband albedo of bare soil: falls with the top layer's water to that of wet soil (BATS, CoLM)."""
    return min(dry, wet + max(0.0, 0.11 - 0.4 * theta))


@numba.njit(cache=True, nogil=True, error_model="numpy")
def soil_surface(theta: float, properties: FloatArray, x: FloatArray) -> None:
    """Albedo and emissivity of soil with its share of snow."""
    bare = soil_albedo(properties[P_ALBEDO_DRY], properties[P_ALBEDO_WET], theta)
    snow = x[FSNO]
    if snow > 0.0:
        x[ALBEDO_G] = snow * snow_albedo(x[SAG]) + (1.0 - snow) * bare
        x[EMIS_G] = snow * EMISSIVITY_SNOW + (1.0 - snow) * EMISSIVITY_SOIL
    else:
        x[ALBEDO_G] = bare
        x[EMIS_G] = EMISSIVITY_SOIL


@numba.njit(cache=True, nogil=True, error_model="numpy")
def water_surface(frozen: bool, x: FloatArray) -> None:
    """Albedo and emissivity of water or ice with its share of snow."""
    bare = ALBEDO_ICE if frozen else ALBEDO_WATER
    snow = x[FSNO]
    x[ALBEDO_G] = snow * snow_albedo(x[SAG]) + (1.0 - snow) * bare
    x[EMIS_G] = EMISSIVITY_SNOW


@numba.njit(cache=True, nogil=True, error_model="numpy")
def share_sun(shortwave: float, properties: FloatArray, x: FloatArray) -> None:
    """Short wave that leaves and ground take in, W m-2.

    What the ground below leaves reflects meets them again on its way up, which darkens snow under trees; what leaves
    reflect is not followed further. Reads SUN_V, ALBEDO_G; writes SUN_LEAF, SUN_GROUND.
    """
    met = x[SUN_V]
    x[SUN_LEAF] = 0.0
    if met > 0.0:
        cover = properties[P_VEGETATION]
        met_again = x[ALBEDO_G] * (cover - met) * (met / cover)
        x[SUN_LEAF] = shortwave * (met + met_again) * (1.0 - properties[P_LEAF_ALBEDO])
    x[SUN_GROUND] = shortwave * (1.0 - met) * (1.0 - x[ALBEDO_G])


@numba.njit(cache=True, nogil=True, error_model="numpy")
def longwave(sky: float, leaf: float, ground: float, x: FloatArray) -> tuple[float, float, float]:
    """Long wave between sky, a grey canopy and a grey ground.

    Parameters
    ----------
    sky : downward, W m-2.
    leaf, ground : temperatures, K.
    x : scalars; reads EMIS_V, EMIS_G.

    Returns
    -------
    Net gain of the leaves, net gain of the ground, and what goes up to the sky, W m-2; gains plus what goes up are
    what came down.
    """
    absorbs = x[EMIS_V]
    emits = x[EMIS_G]
    leaf2 = leaf * leaf
    ground2 = ground * ground
    from_leaf = absorbs * STEFAN_BOLTZMANN * leaf2 * leaf2
    down = (1.0 - absorbs) * sky + from_leaf
    up = emits * STEFAN_BOLTZMANN * ground2 * ground2 + (1.0 - emits) * down
    gain = absorbs * (sky + up) - 2.0 * from_leaf
    return gain, down - up, (1.0 - absorbs) * up + from_leaf
