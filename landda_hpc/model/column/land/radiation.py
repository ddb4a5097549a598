"""Radiation at ground and canopy: albedo, absorbed short wave, long-wave exchange of sky, leaves and ground."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from landda_hpc.compiled_code import compiled
from landda_hpc.constants import ALBEDO_WATER, STEFAN_BOLTZMANN, T_FREEZE, FloatArray
from landda_hpc.model.column.land.records import Record

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
def age_snow(step: float, surface: float, mass_before: float, tile: Record) -> None:
    """Advance the snow age by a step: grains grow faster in warm snow, and fresh snow reduces the age (BATS).

    Parameters
    ----------
    step : s.
    surface : temperature of the surface, K.
    mass_before : snow mass before the step, kg m-2.
    tile : reads snow_mass, updates snow_age.
    """
    if tile.snow_mass <= 0.0 or tile.snow_mass > OLDEST_SNOW_MASS:
        tile.snow_age = 0.0
        return
    growth = math.exp(5000.0 * (1.0 / T_FREEZE - 1.0 / surface))
    melting = min(1.0, math.exp(10.0 * min(0.0, 5000.0 * (1.0 / T_FREEZE - 1.0 / surface))))
    older = SNOW_GRAIN_RATE * step * (growth + melting + 0.3)
    fresh = 0.1 * max(0.0, tile.snow_mass - mass_before)
    tile.snow_age = max(0.0, (tile.snow_age + older) * (1.0 - fresh))


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
def soil_surface(theta: float, column: Record, tile: Record) -> None:
    """Compute albedo and emissivity of soil, including its snow-covered fraction."""
    bare = soil_albedo(column.albedo_dry, column.albedo_wet, theta)
    tile.albedo_visible, tile.albedo_infrared = soil_bands(bare)
    tile.ground_emissivity = EMISSIVITY_SOIL
    if tile.snow_cover > 0.0:
        _lay_snow(tile)
        tile.ground_emissivity = tile.snow_cover * EMISSIVITY_SNOW + (1.0 - tile.snow_cover) * EMISSIVITY_SOIL


@compiled()
def water_surface(frozen: bool, tile: Record) -> None:
    """Compute albedo and emissivity of water or ice, including its snow-covered fraction."""
    bare = ALBEDO_ICE if frozen else ALBEDO_WATER
    tile.albedo_visible = bare
    tile.albedo_infrared = bare
    tile.ground_emissivity = EMISSIVITY_SNOW
    if tile.snow_cover > 0.0:
        _lay_snow(tile)


@compiled()
def _lay_snow(tile: Record) -> None:
    visible, infrared = snow_albedo(tile.snow_age)
    tile.albedo_visible += tile.snow_cover * (visible - tile.albedo_visible)
    tile.albedo_infrared += tile.snow_cover * (infrared - tile.albedo_infrared)


@compiled()
def shade(area: float, column: Record, tile: Record) -> None:
    """Set REFLECT_* and PASS_* for an area of leaves and stems, m2 m-2 of the vegetated part."""
    tile.reflects_visible, tile.passes_visible = leaf_layer(VISIBLE_SCATTER, area)
    tile.reflects_infrared, tile.passes_infrared = leaf_layer(column.leaf_scatter, area)


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
def share_sun(shortwave: float, column: Record, tile: Record) -> None:
    """Compute short-wave radiation absorbed by leaves and ground, W m-2; half of it is visible, half near infrared.

    Reads ALBEDO_*, plant_area and, for a canopy, REFLECT_* and PASS_*; writes sun_leaf, sun_ground.
    """
    visible = tile.albedo_visible
    infrared = tile.albedo_infrared
    tile.sun_leaf = 0.0
    tile.sun_ground = shortwave * (1.0 - 0.5 * (visible + infrared))
    if tile.plant_area > 0.0:
        cover = column.vegetation
        back_vis, ground_vis = below_leaves(tile.reflects_visible, tile.passes_visible, visible)
        back_nir, ground_nir = below_leaves(tile.reflects_infrared, tile.passes_infrared, infrared)
        below = 0.5 * (ground_vis + ground_nir)
        tile.sun_ground += cover * (shortwave * below - tile.sun_ground)
        tile.sun_leaf = shortwave * cover * max(0.0, 1.0 - 0.5 * (back_vis + back_nir) - below)


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
def longwave(sky: float, leaf: float, ground: float, tile: Record) -> tuple[float, float, float]:
    """Long-wave radiation between sky, a grey canopy and a grey ground.

    Parameters
    ----------
    sky : downward, W m-2.
    leaf, ground : temperatures, K.
    tile : reads leaf_emissivity, ground_emissivity.

    Returns
    -------
    Net gain of the leaves, net gain of the ground, and upward flux to the sky, W m-2; their sum equals the downward
    flux.
    """
    absorbs = tile.leaf_emissivity
    emits = tile.ground_emissivity
    leaf2 = leaf * leaf
    ground2 = ground * ground
    from_leaf = absorbs * STEFAN_BOLTZMANN * leaf2 * leaf2
    down = (1.0 - absorbs) * sky + from_leaf
    up = emits * STEFAN_BOLTZMANN * ground2 * ground2 + (1.0 - emits) * down
    gain = absorbs * (sky + up) - 2.0 * from_leaf
    return gain, down - up, (1.0 - absorbs) * up + from_leaf
