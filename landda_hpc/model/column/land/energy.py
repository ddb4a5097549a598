"""Energy balance of a tile over one step: surface fluxes, heat in snow and soil, evaporation."""

from __future__ import annotations

from typing import Final

from landda_hpc.compiled_code import compiled
from landda_hpc.constants import (
    LATENT_HEAT_FUSION,
    LATENT_HEAT_VAPORISATION,
    LATENT_SUBLIMATION,
    N_SNOW,
    STEFAN_BOLTZMANN,
)
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
from landda_hpc.model.column.land.radiation import share_sun, soil_surface, water_surface
from landda_hpc.model.column.land.records import N_SLOT, Record
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
def ground_surface(kind: int, top: int, weather: Record, column: Record, tile: Record) -> None:
    """Compute albedo, humidity and latent heat of the surface in its present state."""
    surface = tile.temperature[top]
    if kind in (_WETLAND, _GLACIER, _LAKE):
        frozen = kind == _GLACIER or tile.ice[N_SNOW] > tile.liquid[N_SNOW]
        water_surface(frozen, kind == _GLACIER, tile)
    else:
        soil_surface(tile.water.theta[0], column, tile)
    if top < N_SNOW or is_water(kind):
        wet_humidity(surface, weather, tile)
        tile.latent_heat = latent_heat(surface, True, False)
        return
    soil_humidity(surface, weather, column, tile)
    has_liquid = tile.snow_mass <= 0.0 and tile.water.liquid[0] > tile.water.least[0]
    tile.latent_heat = latent_heat(surface, tile.snow_mass > 0.0 or tile.ice[N_SNOW] > 0.0, has_liquid)


@compiled()
def thermal_properties(kind: int, top: int, column: Record, tile: Record) -> None:
    """Compute heat capacities and conductances of all layers in their present state."""
    if kind in (_GLACIER, _LAKE):
        water_thermal(kind == _LAKE, tile)
    else:
        soil_thermal(kind != _WETLAND, column, tile)
    if top < N_SNOW:
        snow_thermal(top, tile)
    conductances(top, kind == _LAKE, tile)


@compiled()
def evaporate(kind: int, top: int, wanted: float, tile: Record) -> float:
    """Remove evaporation from the ground, or add dew or frost; return the actual amount, kg m-2.

    Parameters
    ----------
    kind, top : patch type, slot of the uppermost layer.
    wanted : kg m-2 over the sub-step, negative for dew.
    tile : ``amounts.evaporated_liquid`` receives all evaporation of water surfaces, and that of liquid from soil
        without snow; the soil-water equation reduces the latter if water is lacking.
    """
    as_ice = tile.latent_heat == LATENT_SUBLIMATION
    if top < N_SNOW:
        took: float = min(wanted, tile.ice[top] if as_ice else tile.liquid[top])
        if as_ice:
            if took > 0.0:
                tile.thickness[top] *= max(0.05, 1.0 - took / tile.ice[top])
            tile.ice[top] -= took
        else:
            tile.liquid[top] -= took
        tile.amounts.evaporated_ice += took
        return took
    if is_water(kind) or not as_ice:
        tile.amounts.evaporated_liquid += wanted
        return wanted
    if tile.snow_mass > 0.0:
        took = min(wanted, tile.snow_mass)
        if took > 0.0:
            tile.snow_depth *= 1.0 - took / tile.snow_mass
        else:
            tile.snow_depth -= took / FROST_DENSITY
        tile.snow_mass -= took
    else:
        took = min(wanted, tile.ice[top])
        tile.ice[top] -= took
    tile.amounts.evaporated_ice += took
    return took


@compiled()
def book_fluxes(kind: int, top: int, step: float, before: float, weather: Record, tile: Record) -> float:
    """Correct the fluxes to the temperature at the end of the sub-step, sum them, and return the residual, W m-2.

    Parameters
    ----------
    before : temperature of the surface at the beginning, K.
    """
    change = tile.temperature[top] - before
    stored = LATENT_HEAT_FUSION * tile.melt
    for k in range(top, N_SLOT):
        stored += tile.heat_capacity[k] * (tile.temperature[k] - tile.old_temperature[k])
    wanted = (tile.ground_evaporation + tile.ground_evaporation_slope * change) * step
    took = evaporate(kind, top, wanted, tile)
    # The energy of evaporation for which the ground lacks water heats the air.
    sensible = (tile.sensible + tile.sensible_slope * change) * step + tile.latent_heat * (wanted - took)
    upward_slope = 4.0 * tile.ground_emissivity * STEFAN_BOLTZMANN * before * before * before
    upward = (tile.longwave_up + upward_slope * change) * step
    from_leaf = min(tile.leaf_evaporation * step, tile.leaf_water)
    tile.leaf_water -= from_leaf
    transpired = tile.transpiration * step
    latent = tile.latent_heat * took + LATENT_HEAT_VAPORISATION * (from_leaf + transpired)
    short = (tile.sun_leaf + tile.sun_ground) * step
    long = weather.longwave * step - upward
    amounts = tile.amounts
    amounts.evaporated_leaf += from_leaf
    amounts.transpired += transpired
    amounts.sensible += sensible
    amounts.latent += latent
    amounts.shortwave += short
    amounts.longwave += long
    amounts.ground += stored
    residual: float = abs(short + long - sensible - latent - stored) / step
    return residual


@compiled()
def balance(
    kind: int, top: int, step: float, sun: float, weather: Record, column: Record, tile: Record
) -> tuple[int, int, float]:
    """Advance temperatures, phases and surface fluxes by a model step, in sub-steps if the surface changes quickly.

    Parameters
    ----------
    kind, top, step : patch type, uppermost slot, s.
    sun : short-wave radiation, W m-2.
    tile : its water solver is as ``load_soil`` left it (soil only).

    Returns
    -------
    Number of sub-steps, number of iterations of the leaf temperature, largest residual, W m-2.
    """
    has_soil = kind not in (_GLACIER, _LAKE)
    remaining = step
    sub_step = step
    n_steps = 0
    n_leaf = 0
    worst = 0.0
    while remaining > 0.0:
        if sub_step > 0.999999 * remaining:
            sub_step = remaining
        ground_surface(kind, top, weather, column, tile)
        share_sun(sun, column, tile)
        thermal_properties(kind, top, column, tile)
        if tile.plant_area > 0.0:
            if n_steps == 0:
                stomata(sun, weather, column, tile)
            else:
                tile.wet_share = wet_share(tile.leaf_water, tile.plant_area)
        before = tile.temperature[top]
        while True:
            if tile.plant_area > 0.0:
                n_leaf += canopy_fluxes(sub_step, before, weather, column, tile)
            else:
                bare_fluxes(before, weather, column, tile)
            change = diffuse(top, sub_step, tile.ground_heat, tile.ground_heat_slope, tile)
            n_steps += 1
            if abs(change) <= MAX_SURFACE_CHANGE or sub_step <= SHORTEST * step:
                break
            sub_step *= 0.5
        for k in range(top, N_SLOT):
            tile.old_temperature[k] = tile.temperature[k]
        change_phase(top, sub_step, tile.ground_heat_slope, has_soil, column, tile)
        worst = max(worst, book_fluxes(kind, top, sub_step, before, weather, tile))
        remaining -= sub_step
    return n_steps, n_leaf, worst


@compiled()
def return_heat(unspent: float, tile: Record) -> None:
    """Change evaporation for which the soil lacked water, kg m-2, from latent to sensible heat."""
    tile.amounts.latent -= LATENT_HEAT_VAPORISATION * unspent
    tile.amounts.sensible += LATENT_HEAT_VAPORISATION * unspent
