"""Radiation at ground and canopy: albedo, absorbed short wave, long-wave exchange of sky, leaves and ground."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from landda_hpc.compiled_code import compiled
from landda_hpc.constants import ALBEDO_WATER, STEFAN_BOLTZMANN, T_FREEZE, FloatArray
from landda_hpc.model.column.land.layout import (
    ALBEDO_NIR,
    ALBEDO_VIS,
    EMIS_G,
    EMIS_V,
    FSNO,
    LSAI,
    P_ALBEDO_DRY,
    P_ALBEDO_WET,
    P_SCATTER_NIR,
    P_VEGETATION,
    PASS_NIR,
    PASS_VIS,
    REFLECT_NIR,
    REFLECT_VIS,
    SAG,
    SCV,
    SUN_GROUND,
    SUN_LEAF,
)

ALBEDO_ICE: Final = 0.55  # bare glacier and lake ice
EMISSIVITY_SOIL: Final = 0.96
EMISSIVITY_SNOW: Final = 0.97  # also of water and ice
SNOW_VISIBLE: Final = 0.95  # albedo of fresh snow
SNOW_INFRARED: Final = 0.65
OLDEST_SNOW_MASS: Final = 800.0  # kg m-2; deeper snow (ice sheets) does not age
SNOW_GRAIN_RATE: Final = 1.0e-6  # s-1
DENSE_VISIBLE: Final = 0.05  # albedo of any dense canopy in the visible
# Backscattered fraction of the light that leaves scatter: 0.52 to 0.57 with the leaves of Dorman and Sellers
# (1989, J. Appl. Meteorol., 28, 833-855) in the equations of Sellers (1985, Int. J. Remote Sens., 6, 1335-1372).
BACK: Final = 0.54


def scattering(dense: FloatArray) -> FloatArray:
    """Scattering of leaves whose infinitely dense canopy has the albedo ``dense`` (``leaf_layer``); any shape."""
    return 2.0 * dense / (BACK * (1.0 + dense * dense) + 2.0 * (1.0 - BACK) * dense)


VISIBLE_SCATTER: Final = float(scattering(np.array(DENSE_VISIBLE)))


@compiled()
def leaf_layer(scatter: float, area: float) -> tuple[float, float]:
    """Reflectance and transmittance of a layer of leaves over black ground, for diffuse light in one band.

    Two-stream approximation (Sellers 1985) for randomly oriented leaves.

    Parameters
    ----------
    scatter : fraction of the incident light that a leaf does not absorb, below 1.
    area : area index of leaves and stems, m2 m-2.
    """
    leaves = 1.0 - (1.0 - BACK) * scatter
    back = BACK * scatter
    rate = math.sqrt(leaves * leaves - back * back)
    fading = math.exp(-rate * area)
    all_orders = leaves + rate - (leaves - rate) * fading * fading
    return back * (1.0 - fading * fading) / all_orders, 2.0 * rate * fading / all_orders


@compiled()
def snow_albedo(age: float) -> tuple[float, float]:
    """Albedo of snow from its age, visible and near infrared (BATS: Dickinson et al. 1993)."""
    factor = 1.0 - 1.0 / (1.0 + age)
    return SNOW_VISIBLE * (1.0 - 0.2 * factor), SNOW_INFRARED * (1.0 - 0.5 * factor)


@compiled()
def age_snow(step: float, surface: float, mass_before: float, x: FloatArray) -> None:
    """Advance the snow age by a step: grains grow faster in warm snow, and fresh snow reduces the age (BATS).

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


@compiled()
def soil_albedo(dry: float, wet: float, theta: float) -> float:
    """Broadband albedo of bare soil, which decreases with water in the top layer to that of wet soil (BATS, CoLM)."""
    return min(dry, wet + max(0.0, 0.11 - 0.4 * theta))


@compiled()
def soil_bands(albedo: float) -> tuple[float, float]:
    """Visible and near-infrared albedo of bare soil from its broadband albedo: ratio 1 to 2 as in BATS, at most 1."""
    apart = min(albedo, 1.0 - albedo) / 3.0
    return albedo - apart, albedo + apart


@compiled()
def soil_surface(theta: float, properties: FloatArray, x: FloatArray) -> None:
    """Compute albedo and emissivity of soil, including its snow-covered fraction."""
    bare = soil_albedo(properties[P_ALBEDO_DRY], properties[P_ALBEDO_WET], theta)
    x[ALBEDO_VIS], x[ALBEDO_NIR] = soil_bands(bare)
    x[EMIS_G] = EMISSIVITY_SOIL
    if x[FSNO] > 0.0:
        _lay_snow(x)
        x[EMIS_G] = x[FSNO] * EMISSIVITY_SNOW + (1.0 - x[FSNO]) * EMISSIVITY_SOIL


@compiled()
def water_surface(frozen: bool, x: FloatArray) -> None:
    """Compute albedo and emissivity of water or ice, including its snow-covered fraction."""
    bare = ALBEDO_ICE if frozen else ALBEDO_WATER
    x[ALBEDO_VIS] = bare
    x[ALBEDO_NIR] = bare
    x[EMIS_G] = EMISSIVITY_SNOW
    if x[FSNO] > 0.0:
        _lay_snow(x)


@compiled()
def _lay_snow(x: FloatArray) -> None:
    visible, infrared = snow_albedo(x[SAG])
    x[ALBEDO_VIS] += x[FSNO] * (visible - x[ALBEDO_VIS])
    x[ALBEDO_NIR] += x[FSNO] * (infrared - x[ALBEDO_NIR])


@compiled()
def shade(area: float, properties: FloatArray, x: FloatArray) -> None:
    """Set REFLECT_* and PASS_* for an area of leaves and stems, m2 m-2 of the vegetated part."""
    x[REFLECT_VIS], x[PASS_VIS] = leaf_layer(VISIBLE_SCATTER, area)
    x[REFLECT_NIR], x[PASS_NIR] = leaf_layer(properties[P_SCATTER_NIR], area)


@compiled()
def below_leaves(reflects: float, passes: float, ground: float) -> tuple[float, float]:
    """Fractions of light reflected by leaves and ground together and absorbed by the ground.

    Parameters
    ----------
    reflects, passes : reflectance and transmittance of the leaves above black ground.
    ground : albedo of the ground; all reflections between ground and leaves are included.
    """
    arrives = passes / (1.0 - reflects * ground)
    return reflects + passes * ground * arrives, arrives * (1.0 - ground)


@compiled()
def share_sun(shortwave: float, properties: FloatArray, x: FloatArray) -> None:
    """Compute short-wave radiation absorbed by leaves and ground, W m-2; half of it is visible, half near infrared.

    Reads ALBEDO_*, LSAI and, for a canopy, REFLECT_* and PASS_*; writes SUN_LEAF, SUN_GROUND.
    """
    visible = x[ALBEDO_VIS]
    infrared = x[ALBEDO_NIR]
    x[SUN_LEAF] = 0.0
    x[SUN_GROUND] = shortwave * (1.0 - 0.5 * (visible + infrared))
    if x[LSAI] > 0.0:
        cover = properties[P_VEGETATION]
        back_vis, ground_vis = below_leaves(x[REFLECT_VIS], x[PASS_VIS], visible)
        back_nir, ground_nir = below_leaves(x[REFLECT_NIR], x[PASS_NIR], infrared)
        below = 0.5 * (ground_vis + ground_nir)
        x[SUN_GROUND] += cover * (shortwave * below - x[SUN_GROUND])
        x[SUN_LEAF] = shortwave * cover * max(0.0, 1.0 - 0.5 * (back_vis + back_nir) - below)


@compiled()
def albedo_with_leaves(ground: float, cover: float, area: float, scatter_nir: float) -> float:
    """Broadband albedo of ground that is partly covered by leaves, from the broadband albedo of the ground."""
    visible, infrared = soil_bands(ground)
    reflects, passes = leaf_layer(VISIBLE_SCATTER, area)
    back_vis, _ = below_leaves(reflects, passes, visible)
    reflects, passes = leaf_layer(scatter_nir, area)
    back_nir, _ = below_leaves(reflects, passes, infrared)
    return (1.0 - cover) * ground + cover * 0.5 * (back_vis + back_nir)


@compiled()
def longwave(sky: float, leaf: float, ground: float, x: FloatArray) -> tuple[float, float, float]:
    """Long-wave radiation between sky, a grey canopy and a grey ground.

    Parameters
    ----------
    sky : downward, W m-2.
    leaf, ground : temperatures, K.
    x : scalars; reads EMIS_V, EMIS_G.

    Returns
    -------
    Net gain of the leaves, net gain of the ground, and upward flux to the sky, W m-2; their sum equals the downward
    flux.
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
