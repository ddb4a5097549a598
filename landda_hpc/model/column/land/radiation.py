"""Radiation at ground and canopy: albedo, absorbed short wave, long-wave exchange of sky, leaves and ground."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from landda_hpc.compiled_code import compiled
from landda_hpc.constants import STEFAN_BOLTZMANN, T_FREEZE, FloatArray
from landda_hpc.model.column.land.records import Record

# Visible and near infrared, as in CoLM.
ALBEDO_GLACIER: Final = (0.8, 0.55)
ALBEDO_LAKE_ICE: Final = (0.6, 0.4)  # also of frozen wetlands
ALBEDO_WATER_DIFFUSE: Final = 0.1
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
LOWEST_SUN: Final = 0.0223 + 0.0604 / (1.0 - 0.0683)  # sine of the height below which all light is diffuse
RESONANCE: Final = 1.0e-5  # difference of squared extinctions below which ``beam_layer`` moves one of them


@compiled()
def projection(angle: float) -> tuple[float, float, float]:
    """Coefficients of the projected area of leaves and stems, per area, phi1 + phi2 mu for the sine mu of a height.

    The third number is the mean over all directions of mu over the projected area (Goudriaan 1977; Sellers 1985); 1 for
    randomly oriented leaves.

    Parameters
    ----------
    angle : departure of leaf angles from random ones, -0.4..0.6.
    """
    phi1 = 0.5 - 0.633 * angle - 0.33 * angle * angle
    phi2 = 0.877 * (1.0 - 2.0 * phi1)
    if abs(phi2) < 1.0e-4:
        return phi1, phi2, 1.0
    return phi1, phi2, (1.0 - phi1 / phi2 * math.log((phi1 + phi2) / phi1)) / phi2


@compiled()
def leaf_layer(scatter: float, depth: float) -> tuple[float, float]:
    """Reflectance and transmittance of a layer of leaves over black ground, for diffuse light in one band.

    Two-stream approximation (Sellers 1985).

    Parameters
    ----------
    scatter : fraction of the incident light that a leaf does not absorb, below 1.
    depth : optical depth for diffuse light: area index of leaves and stems over ``leaf_path``.
    """
    leaves = 1.0 - (1.0 - BACK) * scatter
    back = BACK * scatter
    rate = math.sqrt(leaves * leaves - back * back)
    fading = math.exp(-rate * depth)
    all_orders = leaves + rate - (leaves - rate) * fading * fading
    return back * (1.0 - fading * fading) / all_orders, 2.0 * rate * fading / all_orders


@compiled()
def crossing(height: float, column: Record) -> tuple[float, float]:
    """Extinction of a direct beam over that of diffuse light, and the fraction of its single scattering that goes up.

    The second is that of leaves that scatter isotropically (Sellers 1985), before any further scattering.

    Parameters
    ----------
    height : sine of solar height.
    column : reads leaf_phi1, leaf_phi2 and leaf_path.
    """
    first = height * column.leaf_phi1
    whole = column.leaf_phi1 + 2.0 * height * column.leaf_phi2
    projected = column.leaf_phi1 + height * column.leaf_phi2
    upward = 0.5 * projected / whole * (1.0 - first / whole * math.log((whole + first) / first))
    return column.leaf_path * projected / height, upward


@compiled()
def beam_layer(
    scatter: float, depth: float, steepness: float, upward: float, gaps: float, reflects: float, passes: float
) -> tuple[float, float]:
    """Fractions of a direct beam that the layer of ``leaf_layer`` scatters upward and downward over black ground.

    The beam fades as exp(-steepness depth). The light that it scatters at each depth is the source of the two diffuse
    streams (Sellers 1985); the solution is the particular one, proportional to the beam, plus the response of the
    layer that makes the diffuse streams vanish above it and below it.

    Parameters
    ----------
    scatter, depth : see ``leaf_layer``.
    steepness : extinction of the beam over that of diffuse light.
    upward : see ``crossing``.
    gaps : fraction of the beam that passes, exp(-steepness depth).
    reflects, passes : the layer's for diffuse light.
    """
    leaves = 1.0 - (1.0 - BACK) * scatter
    back = BACK * scatter
    apart = leaves * leaves - back * back - steepness * steepness
    if abs(apart) < RESONANCE:  # beam and streams fade alike, and the two parts of the solution are infinite
        change = math.copysign(2.0 * RESONANCE, -apart)
        steepness += change
        gaps *= 1.0 - change * depth
        apart = leaves * leaves - back * back - steepness * steepness
    to_above = scatter * (1.0 + steepness) * upward
    to_below = scatter * steepness - to_above
    up = (to_above * (leaves - steepness) + back * to_below) / apart
    down = (to_below * (leaves + steepness) + back * to_above) / apart
    return up - reflects * down - passes * up * gaps, down * gaps - passes * down - reflects * up * gaps


@compiled()
def split_light(sun: float, height: float) -> tuple[float, float]:
    """Fractions of short-wave radiation in the direct beam and in the visible band.

    The light that the atmosphere withholds measures the cloud, and cloud and solar height give both fractions (SiB:
    Sellers et al. 1986, J. Atmos. Sci., 43, 505-531, and CoLM, which assumes a cloud of at least 0.58).

    Parameters
    ----------
    sun : W m-2.
    height : sine of solar height; the formula is used from LOWEST_SUN, where all light is diffuse.
    """
    high = max(height, LOWEST_SUN)
    cloud = min(1.0, max(0.0, (1160.0 * high - sun) / (963.0 * high)))
    beam = (1.0 - cloud) * max(0.0, 0.9317 - 0.0604 / (high - 0.0223))
    return beam, (580.0 - 464.0 * cloud) / (1160.0 - 963.0 * cloud)


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
    tile.beam_visible = tile.albedo_visible
    tile.beam_infrared = tile.albedo_infrared
    tile.ground_emissivity = EMISSIVITY_SOIL
    if tile.snow_cover > 0.0:
        _lay_snow(tile)
        tile.ground_emissivity = tile.snow_cover * EMISSIVITY_SNOW + (1.0 - tile.snow_cover) * EMISSIVITY_SOIL


@compiled()
def water_surface(frozen: bool, glacier: bool, tile: Record) -> None:
    """Compute albedo and emissivity of water or ice, including its snow-covered fraction.

    Water reflects 0.05 / (sine of solar height + 0.15) of the beam (Briegleb et al. 1986, J. Clim. Appl. Meteorol., 25,
    214-226; CoLM).
    """
    if frozen:
        tile.albedo_visible, tile.albedo_infrared = ALBEDO_GLACIER if glacier else ALBEDO_LAKE_ICE
        tile.beam_visible = tile.albedo_visible
        tile.beam_infrared = tile.albedo_infrared
    else:
        tile.albedo_visible = tile.albedo_infrared = ALBEDO_WATER_DIFFUSE
        tile.beam_visible = tile.beam_infrared = 0.05 / (tile.sun_height + 0.15)
    tile.ground_emissivity = EMISSIVITY_SNOW
    if tile.snow_cover > 0.0:
        _lay_snow(tile)


@compiled()
def _lay_snow(tile: Record) -> None:
    visible, infrared = snow_albedo(tile.snow_age)
    low = snow_low_sun(tile.sun_height)
    cover = tile.snow_cover
    tile.albedo_visible += cover * (visible - tile.albedo_visible)
    tile.albedo_infrared += cover * (infrared - tile.albedo_infrared)
    tile.beam_visible += cover * (visible + low * (1.0 - visible) - tile.beam_visible)
    tile.beam_infrared += cover * (infrared + low * (1.0 - infrared) - tile.beam_infrared)


@compiled()
def snow_low_sun(height: float) -> float:
    """Fraction of the light that snow would absorb which it reflects from a beam, below 30 degrees of height (BATS)."""
    return 0.4 * max(0.0, 1.5 / (1.0 + 4.0 * height) - 0.5)


@compiled()
def shade(leaf: float, stem: float, column: Record, tile: Record) -> None:
    """Set the scattering of a canopy and its reflection and transmission of diffuse light.

    Parameters
    ----------
    leaf, stem : area indices of the vegetated part, m2 m-2; leaves and stems scatter in proportion to them.
    """
    green = leaf / (leaf + stem)
    depth = (leaf + stem) / column.leaf_path
    tile.leaf_depth = depth
    tile.scatters_visible = column.stem_visible + green * (VISIBLE_SCATTER - column.stem_visible)
    tile.scatters_infrared = column.stem_infrared + green * (column.leaf_scatter - column.stem_infrared)
    tile.reflects_visible, tile.passes_visible = leaf_layer(tile.scatters_visible, depth)
    tile.reflects_infrared, tile.passes_infrared = leaf_layer(tile.scatters_infrared, depth)


@compiled()
def below_leaves(
    beam: float, up: float, down: float, gaps: float, reflects: float, passes: float, ground_beam: float, ground: float
) -> tuple[float, float]:
    """Fractions of light reflected by leaves and ground together and absorbed by the ground, in one band.

    Parameters
    ----------
    beam : fraction of the light in the direct beam; the rest is diffuse.
    up, down, gaps : fractions of the beam that leaves over black ground scatter up and down, and do not hit.
    reflects, passes : reflectance and transmittance of the leaves for diffuse light.
    ground_beam, ground : albedo of the ground; all reflections between ground and leaves are included.
    """
    direct = beam * gaps
    arrives = (1.0 - beam) * passes + beam * down
    rises = (direct * ground_beam + arrives * ground) / (1.0 - reflects * ground)
    return (1.0 - beam) * reflects + beam * up + passes * rises, direct + arrives - (1.0 - reflects) * rises


@compiled()
def share_sun(sun: float, column: Record, tile: Record) -> None:
    """Compute short-wave radiation absorbed by leaves and ground, W m-2, from direct and diffuse light in two bands.

    Reads sun_height, the albedos of the ground, plant_area and, for a canopy, what ``shade`` sets; writes sun_leaf,
    sun_ground.
    """
    tile.sun_leaf = 0.0
    tile.sun_ground = 0.0
    if sun <= 0.0:
        return
    beam, visible = split_light(sun, tile.sun_height)
    ground_visible = 1.0 - tile.albedo_visible + beam * (tile.albedo_visible - tile.beam_visible)
    ground_infrared = 1.0 - tile.albedo_infrared + beam * (tile.albedo_infrared - tile.beam_infrared)
    tile.sun_ground = sun * (visible * ground_visible + (1.0 - visible) * ground_infrared)
    if tile.plant_area <= 0.0:
        return
    steepness, upward = crossing(max(tile.sun_height, LOWEST_SUN), column)
    gaps = math.exp(-steepness * tile.leaf_depth)
    up_vis, down_vis = beam_layer(
        tile.scatters_visible, tile.leaf_depth, steepness, upward, gaps, tile.reflects_visible, tile.passes_visible
    )
    up_nir, down_nir = beam_layer(
        tile.scatters_infrared, tile.leaf_depth, steepness, upward, gaps, tile.reflects_infrared, tile.passes_infrared
    )
    back_vis, ground_vis = below_leaves(
        beam, up_vis, down_vis, gaps, tile.reflects_visible, tile.passes_visible, tile.beam_visible, tile.albedo_visible
    )
    back_nir, ground_nir = below_leaves(
        beam, up_nir, down_nir, gaps, tile.reflects_infrared, tile.passes_infrared,
        tile.beam_infrared, tile.albedo_infrared,
    )  # fmt: skip
    cover = column.vegetation
    below = visible * ground_vis + (1.0 - visible) * ground_nir
    back = visible * back_vis + (1.0 - visible) * back_nir
    tile.sun_ground += cover * (sun * below - tile.sun_ground)
    tile.sun_leaf = sun * cover * max(0.0, 1.0 - back - below)


@compiled()
def albedo_with_leaves(ground: float, cover: float, depth: float, visible: float, infrared: float) -> float:
    """Broadband albedo in diffuse light of ground that is partly covered by leaves.

    Parameters
    ----------
    ground : broadband albedo of the ground.
    cover, depth : covered fraction, and optical depth of the leaves there (``leaf_layer``).
    visible, infrared : scattering of leaves and stems.
    """
    ground_visible, ground_infrared = soil_bands(ground)
    reflects, passes = leaf_layer(visible, depth)
    back_vis, _ = below_leaves(0.0, 0.0, 0.0, 0.0, reflects, passes, 0.0, ground_visible)
    reflects, passes = leaf_layer(infrared, depth)
    back_nir, _ = below_leaves(0.0, 0.0, 0.0, 0.0, reflects, passes, 0.0, ground_infrared)
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
