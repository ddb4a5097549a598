"""Energy balance of a tile over one step: surface fluxes, heat in snow and soil, evaporation."""

from __future__ import annotations

from typing import Final

from landda_hpc.compiled_code import compiled
from landda_hpc.constants import LATENT_HEAT_FUSION, LATENT_HEAT_VAPORISATION, N_SNOW, STEFAN_BOLTZMANN, FloatArray
from landda_hpc.model.column.hydraulics import PORSL
from landda_hpc.model.column.land.canopy import canopy_fluxes, stomata, wet_share
from landda_hpc.model.column.land.ground import bare_fluxes, latent_heat, soil_humidity, wet_humidity
from landda_hpc.model.column.land.heat import (
    change_phase,
    conductances,
    diffuse,
    snow_thermal,
    soil_thermal,
    water_thermal,
)
from landda_hpc.model.column.land.layout import (
    A_ICE,
    A_LEAF,
    A_LIQUID,
    A_ROOT,
    CAP,
    D_E_GROUND,
    D_FLUX_G,
    D_SENSIBLE,
    DZ,
    E_GROUND,
    E_LEAF,
    E_ROOT,
    EMIS_G,
    FLUX_G,
    HEAT,
    ICE,
    J_GROUND,
    J_LATENT,
    J_LONG,
    J_SENSIBLE,
    J_SHORT,
    LATENT_SUBLIMATION,
    LDEW,
    LIQ,
    LSAI,
    LW_UP,
    MELT,
    N_SLOT,
    SCV,
    SENSIBLE,
    SNOWDP,
    SUN_GROUND,
    SUN_LEAF,
    T_BEFORE,
    W_LONG,
    WET_SHARE,
    Column,
    T,
)
from landda_hpc.model.column.land.radiation import share_sun, soil_surface, water_surface
from landda_hpc.model.column.richards import PSI, THETA, W_MAX, W_MIN, W
from landda_hpc.state import PatchType

MAX_SURFACE_CHANGE: Final = 10.0  # K; a sub-step that would change the surface by more is halved
FROST_DENSITY: Final = 100.0  # kg m-3
SHORTEST: Final = 1.0 / 16.0  # shortest sub-step as a fraction of the model step
_WETLAND: Final = int(PatchType.WETLAND)
_GLACIER: Final = int(PatchType.GLACIER)
_LAKE: Final = int(PatchType.LAKE)


@compiled()
def is_water(kind: int) -> bool:
    """Whether a tile is a wetland, glacier or lake, whose water level the model does not compute."""
    return kind in (_WETLAND, _GLACIER, _LAKE)


@compiled()
def ground_surface(
    i: int, kind: int, top: int, weather: FloatArray, s: FloatArray, column: Column, x: FloatArray, c: FloatArray
) -> None:
    """Compute albedo, humidity and latent heat of the surface in its present state."""
    surface = s[T, top]
    if kind in (_WETLAND, _GLACIER, _LAKE):
        frozen = kind == _GLACIER or s[ICE, N_SNOW] > s[LIQ, N_SNOW]
        water_surface(frozen, x)
    else:
        soil_surface(c[THETA, 0], column.properties[i], x)
    if top < N_SNOW or is_water(kind):
        wet_humidity(surface, weather, x)
        x[HEAT] = latent_heat(surface, True, False)
        return
    dz = column.dz_mm[0]
    soil_humidity(
        surface,
        c[PSI, 0],
        c[THETA, 0],
        c[W_MAX, 0] / dz,
        column.hydraulic[i, PORSL, 0],
        column.dz[0],
        weather,
        column.properties[i],
        x,
    )
    has_liquid = x[SCV] <= 0.0 and c[W, 0] > c[W_MIN, 0]
    x[HEAT] = latent_heat(surface, x[SCV] > 0.0 or s[ICE, N_SNOW] > 0.0, has_liquid)


@compiled()
def thermal_properties(i: int, kind: int, top: int, s: FloatArray, column: Column, x: FloatArray) -> None:
    """Compute heat capacities and conductances of all layers in their present state."""
    if kind in (_GLACIER, _LAKE):
        water_thermal(s, column, kind == _LAKE)
    else:
        soil_thermal(i, s, column)
    if top < N_SNOW:
        snow_thermal(top, s)
    conductances(top, s, column, x)


@compiled()
def evaporate(kind: int, top: int, wanted: float, s: FloatArray, x: FloatArray) -> float:
    """Remove evaporation from the ground, or add dew or frost; return the actual amount, kg m-2.

    Parameters
    ----------
    kind, top : patch type, slot of the uppermost layer.
    wanted : kg m-2 over the sub-step, negative for dew.
    s, x : layers and scalars. A_LIQUID receives all evaporation of water surfaces, and that of liquid from soil without
        snow; the soil-water equation reduces the latter if water is lacking.
    """
    as_ice = x[HEAT] == LATENT_SUBLIMATION
    if top < N_SNOW:
        row = ICE if as_ice else LIQ
        took: float = min(wanted, s[row, top])
        if as_ice and took > 0.0:
            s[DZ, top] *= max(0.05, 1.0 - took / s[ICE, top])
        s[row, top] -= took
        x[A_ICE] += took
        return took
    if is_water(kind) or not as_ice:
        x[A_LIQUID] += wanted
        return wanted
    if x[SCV] > 0.0:
        took = min(wanted, x[SCV])
        x[SNOWDP] = x[SNOWDP] * (1.0 - took / x[SCV]) if took > 0.0 else x[SNOWDP] - took / FROST_DENSITY
        x[SCV] -= took
    else:
        took = min(wanted, s[ICE, top])
        s[ICE, top] -= took
    x[A_ICE] += took
    return took


@compiled()
def book_fluxes(
    kind: int, top: int, step: float, before: float, weather: FloatArray, s: FloatArray, x: FloatArray
) -> float:
    """Correct the fluxes to the temperature at the end of the sub-step, sum them, and return the residual, W m-2.

    Parameters
    ----------
    before : temperature of the surface at the beginning, K.
    s : layers; reads T_BEFORE, T and CAP for the stored heat.
    """
    change = s[T, top] - before
    stored = LATENT_HEAT_FUSION * x[MELT]
    for k in range(top, N_SLOT):
        stored += s[CAP, k] * (s[T, k] - s[T_BEFORE, k])
    wanted = (x[E_GROUND] + x[D_E_GROUND] * change) * step
    took = evaporate(kind, top, wanted, s, x)
    # The energy of evaporation for which the ground lacks water heats the air.
    sensible = (x[SENSIBLE] + x[D_SENSIBLE] * change) * step + x[HEAT] * (wanted - took)
    upward = (x[LW_UP] + 4.0 * x[EMIS_G] * STEFAN_BOLTZMANN * before * before * before * change) * step
    from_leaf = min(x[E_LEAF] * step, x[LDEW])
    x[LDEW] -= from_leaf
    transpired = x[E_ROOT] * step
    latent = x[HEAT] * took + LATENT_HEAT_VAPORISATION * (from_leaf + transpired)
    short = (x[SUN_LEAF] + x[SUN_GROUND]) * step
    long = weather[W_LONG] * step - upward
    x[A_LEAF] += from_leaf
    x[A_ROOT] += transpired
    x[J_SENSIBLE] += sensible
    x[J_LATENT] += latent
    x[J_SHORT] += short
    x[J_LONG] += long
    x[J_GROUND] += stored
    residual: float = abs(short + long - sensible - latent - stored) / step
    return residual


@compiled()
def balance(
    i: int,
    kind: int,
    top: int,
    step: float,
    sun: float,
    weather: FloatArray,
    s: FloatArray,
    column: Column,
    x: FloatArray,
    c: FloatArray,
) -> tuple[int, int, float]:
    """Advance temperatures, phases and surface fluxes by a model step, in sub-steps if the surface changes quickly.

    Parameters
    ----------
    i, kind, top, step : tile, patch type, uppermost slot, s.
    sun : short-wave radiation, W m-2.
    c : work array of the water solver, set by ``load_water`` (soil only).

    Returns
    -------
    Number of sub-steps, number of iterations of the leaf temperature, largest residual, W m-2.
    """
    properties = column.properties[i]
    has_soil = kind not in (_GLACIER, _LAKE)
    remaining = step
    sub_step = step
    n_steps = 0
    n_leaf = 0
    worst = 0.0
    while remaining > 0.0:
        if sub_step > 0.999999 * remaining:
            sub_step = remaining
        ground_surface(i, kind, top, weather, s, column, x, c)
        share_sun(sun, properties, x)
        thermal_properties(i, kind, top, s, column, x)
        if x[LSAI] > 0.0:
            if n_steps == 0:
                stomata(sun, weather, properties, x)
            else:
                x[WET_SHARE] = wet_share(x[LDEW], x[LSAI])
        before = s[T, top]
        while True:
            if x[LSAI] > 0.0:
                n_leaf += canopy_fluxes(sub_step, before, weather, properties, x)
            else:
                bare_fluxes(before, weather, properties, x)
            change = diffuse(top, sub_step, x[FLUX_G], x[D_FLUX_G], s)
            n_steps += 1
            if abs(change) <= MAX_SURFACE_CHANGE or sub_step <= SHORTEST * step:
                break
            sub_step *= 0.5
        for k in range(top, N_SLOT):
            s[T_BEFORE, k] = s[T, k]
        change_phase(i, top, sub_step, x[D_FLUX_G], has_soil, s, column, x)
        worst = max(worst, book_fluxes(kind, top, sub_step, before, weather, s, x))
        remaining -= sub_step
    return n_steps, n_leaf, worst


@compiled()
def return_heat(unspent: float, x: FloatArray) -> None:
    """Change evaporation for which the soil lacked water, kg m-2, from latent to sensible heat."""
    x[J_LATENT] -= LATENT_HEAT_VAPORISATION * unspent
    x[J_SENSIBLE] += LATENT_HEAT_VAPORISATION * unspent
