"""Records of the land kernels: a tile at work, and what is constant during a forcing step or a forecast."""

from __future__ import annotations

from typing import Final

import numpy as np

from landda_hpc.constants import N_SNOW, N_SOIL
from landda_hpc.model.column.records import SOIL, WATER, Record, Records, new_records

__all__ = ["AMOUNTS", "COLUMN", "FORCING", "N_SLOT", "STATE", "SUN", "TILE", "Record", "Records", "new_records"]

N_SLOT: Final = N_SNOW + N_SOIL
_SLOTS: Final = (np.float64, (N_SLOT,))
_SNOW: Final = (np.float64, (N_SNOW,))
_LAYERS: Final = (np.float64, (N_SOIL,))

AMOUNTS: Final = np.dtype(
    [
        # Water, kg m-2.
        ("evaporated_liquid", np.float64),  # at the ground; negative: dew
        ("evaporated_ice", np.float64),  # at the ground; negative: frost
        ("evaporated_leaf", np.float64),
        ("transpired", np.float64),
        ("water_in", np.float64),  # liquid that reaches the ground
        ("thawed", np.float64),  # thin snow
        ("runoff", np.float64),
        ("drainage", np.float64),
        ("overflow", np.float64),
        ("supply", np.float64),
        # Energy, J m-2.
        ("sensible", np.float64),
        ("latent", np.float64),
        ("shortwave", np.float64),  # net
        ("longwave", np.float64),  # net
        ("ground", np.float64),
    ],
    align=True,
)
"""Amounts over a step; ``step.clear`` sets them to zero."""

TILE: Final = np.dtype(
    [
        # State of the snow and soil layers; snow fills the slots directly above the soil.
        ("temperature", *_SLOTS),  # K
        ("liquid", *_SLOTS),  # kg m-2
        ("ice", *_SLOTS),  # kg m-2
        ("thickness", *_SLOTS),  # m
        # State of the tile.
        ("leaf_temperature", np.float64),  # K
        ("leaf_water", np.float64),  # kg m-2
        ("snow_mass", np.float64),  # kg m-2
        ("snow_depth", np.float64),  # m
        ("snow_age", np.float64),  # 1
        ("snow_cover", np.float64),  # share of the ground, 1
        ("aquifer", np.float64),  # water, kg m-2
        ("water_table", np.float64),  # depth, m
        ("standing_water", np.float64),  # of a wetland, kg m-2
        # Heat in the layers.
        ("heat_capacity", *_SLOTS),  # J m-2 K-1; of the top layer that which goes with the surface temperature
        ("conductivity", *_SLOTS),  # W m-1 K-1
        ("conductance", *_SLOTS),  # to the layer below, W m-2 K-1
        ("new_temperature", *_SLOTS),  # after diffusion, K
        ("old_temperature", *_SLOTS),  # before the sub-step, K
        ("upper", *_SLOTS),  # upper diagonal over pivot
        ("ice_share", *_SLOTS),  # ice share of a snow layer's mass before melt, 1
        # Present canopy.
        ("leaf_area", np.float64),  # of the tile, exposed above snow, m2 m-2
        ("plant_area", np.float64),  # leaves and stems, m2 m-2
        ("leaf_emissivity", np.float64),  # (= absorptivity) of the canopy, 1
        ("roughness", np.float64),  # length, m
        ("displacement", np.float64),  # m
        ("stomatal_resistance", np.float64),  # per leaf area, s m-1; 0: none transpires
        ("wet_share", np.float64),  # of leaves, 1
        ("open_share", np.float64),  # exp(-plant_area): share of gaps for the exchange at the ground, 1
        ("canopy_snow_depth", np.float64),  # for which it was computed, m; negative: not in this forcing step
        ("canopy_ground_roughness", np.float64),  # for which it was computed, m
        ("root_stress", np.float64),  # 0..1
        ("vapour_factor", np.float64),  # multiplies vapour conductances, 1
        # Leaves and stems: optical depth, scattering, and as a layer over black ground reflected and transmitted share
        # of diffuse light.
        ("leaf_depth", np.float64),
        ("scatters_visible", np.float64),
        ("scatters_infrared", np.float64),
        ("reflects_visible", np.float64),
        ("passes_visible", np.float64),
        ("reflects_infrared", np.float64),
        ("passes_infrared", np.float64),
        # Ground surface; albedo for diffuse light and for the direct beam.
        ("sun_height", np.float64),  # sine of solar height, at least 0
        ("albedo_visible", np.float64),
        ("albedo_infrared", np.float64),
        ("beam_visible", np.float64),
        ("beam_infrared", np.float64),
        ("ground_emissivity", np.float64),  # 1
        ("ground_roughness", np.float64),  # m
        ("ground_humidity", np.float64),  # kg kg-1
        ("ground_humidity_slope", np.float64),  # to temperature, K-1
        ("dry_layer_resistance", np.float64),  # s m-1
        ("latent_heat", np.float64),  # of the ground's evaporation, J kg-1
        # Fluxes of a sub-step, W m-2 and kg m-2 s-1; positive upward, except radiation and ground_heat.
        ("sun_leaf", np.float64),  # short wave taken by the canopy
        ("sun_ground", np.float64),  # short wave taken by the ground
        ("longwave_up", np.float64),  # to the sky
        ("sensible", np.float64),  # to the atmosphere
        ("ground_evaporation", np.float64),
        ("leaf_evaporation", np.float64),  # of water on leaves
        ("transpiration", np.float64),
        ("ground_heat", np.float64),  # into the ground
        ("ground_heat_slope", np.float64),  # to the surface temperature, W m-2 K-1
        ("sensible_slope", np.float64),  # of the ground's sensible heat
        ("ground_evaporation_slope", np.float64),  # kg m-2 s-1 K-1
        ("melt", np.float64),  # net melt of the sub-step, kg m-2
        ("amounts", AMOUNTS),  # over the step
        ("water", WATER),  # of the soil
    ],
    align=True,
)
"""One tile at work: its state and everything that is computed in a step; it stays in the first-level cache."""

STATE: Final = np.dtype(
    [
        *((name, *_SLOTS) for name in ("wliq_soisno", "wice_soisno", "t_soisno")),
        *((name, *_SNOW) for name in ("z_sno", "dz_sno")),
        *((name, np.float64) for name in ("t_grnd", "tleaf", "ldew", "scv", "snowdp", "sag", "fsno")),
        *((name, np.float64) for name in ("wa", "zwt", "wetwat")),
    ],
    align=True,
)
"""Variables of ``TileState`` that a step reads or writes, one tile after the other."""

FORCING: Final = np.dtype(
    [
        ("temperature", np.float64),  # of the air, K
        ("humidity", np.float64),  # kg kg-1
        ("pressure", np.float64),  # Pa
        ("wind", np.float64),  # m s-1
        ("longwave", np.float64),  # W m-2
        ("shortwave", np.float64),  # W m-2
        ("rain", np.float64),  # kg m-2 s-1
        ("snow", np.float64),  # kg m-2 s-1
        ("density", np.float64),  # of air, kg m-3
        ("sun_heights", np.float64),  # sum of the sine of solar height over the model steps
        ("leaf_area", np.float64),  # of the vegetated part, m2 m-2
        ("stem_area", np.float64),
    ],
    align=True,
)
"""Weather, sun and leaves of a tile in a forcing step."""

SUN: Final = np.dtype(
    [
        ("angle", np.float64),  # hour angle at Greenwich at the middle of the first model step, radians
        ("turn", np.float64),  # rotation of the Earth during a model step, radians
        ("sine", np.float64),  # of the declination
        ("cosine", np.float64),
    ],
    align=True,
)
"""The sun in a forcing step."""

COLUMN: Final = np.dtype(
    [
        ("patchtype", np.int64),
        ("soil", SOIL),
        # Heat in the soil layers.
        ("log_solid", *_LAYERS),  # (1 - porosity) ln k_solid
        ("saturated", *_LAYERS),  # conductivity of the saturated unfrozen layer, W m-1 K-1
        ("dry", *_LAYERS),  # conductivity of the dry layer, W m-1 K-1
        ("solid_heat_capacity", *_LAYERS),  # J m-2 K-1
        # Ground and plants.
        ("albedo_dry", np.float64),
        ("albedo_wet", np.float64),
        ("vegetation", np.float64),  # share of the ground with vegetation, 1
        ("height", np.float64),  # of the canopy, m
        ("leaf_scatter", np.float64),  # share of near-infrared light that leaves scatter, 1
        ("stem_visible", np.float64),  # share of visible light that stems scatter, 1
        ("stem_infrared", np.float64),  # the same of near-infrared light
        ("leaf_phi1", np.float64),  # projected area per area is phi1 + phi2 mu, mu the sine of the height
        ("leaf_phi2", np.float64),
        ("leaf_path", np.float64),  # mean of mu over projected area; inverse optical depth per area of diffuse light
        ("min_stomatal_resistance", np.float64),  # s m-1
        ("radiation_half", np.float64),  # of stomata, W m-2
        ("leaf_width", np.float64),  # m
        # Place, instruments and the factor on evaporation.
        ("vapour_factor", np.float64),
        ("wind_height", np.float64),  # m
        ("scalar_height", np.float64),  # m
        ("sin_lat", np.float64),
        ("cos_lat", np.float64),
        ("lon", np.float64),  # radians
    ],
    align=True,
)
"""Constants of a tile in a forecast."""
