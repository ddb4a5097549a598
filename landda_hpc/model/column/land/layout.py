"""Layout of the packed arrays of the land kernels, and constants that several of them share.

A kernel works on one tile: ``s`` holds its fifteen layers (rows are named here, columns are CoLM's snow and soil
slots), ``x`` its scalars. Both are scratch arrays that are filled from the state once per forcing step and stay in the
level-1 cache. Values that are constant during a forcing step are rows of contiguous arrays, one row per tile.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from landda_hpc.constants import N_SNOW, N_SOIL, FloatArray, IntArray

N_SLOT: Final = N_SNOW + N_SOIL

# Rows of the layer array s, (N_LAYER_ROW, 15).
T: Final = 0  # temperature, K
LIQ: Final = 1  # liquid water, kg m-2
ICE: Final = 2  # kg m-2
DZ: Final = 3  # thickness, m
CAP: Final = 4  # heat capacity, J m-2 K-1; for the top layer, the effective one at the surface
BELOW: Final = 5  # thermal conductance to the layer below, W m-2 K-1
TNEW: Final = 6  # temperature after diffusion, K
UPPER: Final = 7  # upper diagonal over pivot
COND: Final = 8  # thermal conductivity, W m-1 K-1
ICE_SHARE: Final = 9  # ice fraction of a snow layer's mass before melt, 1
UPTAKE: Final = 10  # transpiration taken from the soil layer over the step, kg m-2
SHARE: Final = 11  # fraction of transpiration taken from the layer, 1
T_BEFORE: Final = 12  # temperature before the sub-step, K
N_LAYER_ROW: Final = 13

# Scalars of the tile, x. First the state.
TLEAF: Final = 0  # K
LDEW: Final = 1  # water on leaves, kg m-2
SCV: Final = 2  # snow mass, kg m-2
SNOWDP: Final = 3  # snow depth, m
SAG: Final = 4  # snow age, 1
FSNO: Final = 5  # snow-covered fraction of the ground, 1
WA: Final = 6  # aquifer water, kg m-2
ZWT: Final = 7  # depth of the water table, m
WETWAT: Final = 8  # standing water of a wetland, kg m-2
# Present canopy.
LAI: Final = 9  # of the tile, exposed above snow, m2 m-2
LSAI: Final = 10  # leaves and stems, m2 m-2
EMIS_V: Final = 11  # emissivity (= absorptivity) of the canopy, 1
ALBEDO_VIS: Final = 12  # of the ground in the visible, 1
Z0M: Final = 13  # roughness length, m
DISPLACEMENT: Final = 14  # m
STOMATA: Final = 15  # leaf stomatal resistance, s m-1; 0: no transpiration
WET_SHARE: Final = 16  # wet fraction of leaves, 1
OPEN: Final = 17  # exp(-LSAI): gap fraction for the exchange at the ground, 1
# Ground surface.
Q_G: Final = 18  # specific humidity, kg kg-1
DQ_G: Final = 19  # its derivative with respect to temperature, K-1
RSS: Final = 20  # resistance of the dry surface layer, s m-1
HEAT: Final = 21  # latent heat of the ground's evaporation, J kg-1
EMIS_G: Final = 22  # emissivity of the ground, 1
ALBEDO_NIR: Final = 23  # of the ground in the near infrared, 1
Z0G: Final = 24  # m
# Fluxes of a sub-step, W m-2 and kg m-2 s-1; positive upward, except radiation and FLUX_G.
SUN_LEAF: Final = 25  # short wave absorbed by the canopy
SUN_GROUND: Final = 26  # short wave absorbed by the ground
LW_UP: Final = 27  # upward long wave
SENSIBLE: Final = 28  # to the atmosphere
E_GROUND: Final = 29  # evaporation of the ground
E_LEAF: Final = 30  # evaporation of water on leaves
E_ROOT: Final = 31  # transpiration
FLUX_G: Final = 32  # heat into the ground
D_FLUX_G: Final = 33  # its derivative with respect to surface temperature, W m-2 K-1
D_SENSIBLE: Final = 34  # derivative of the ground's sensible heat
D_E_GROUND: Final = 35  # derivative of the ground's evaporation, kg m-2 s-1 K-1
# Amounts over the step, kg m-2 (or J m-2).
A_LIQUID: Final = 36  # evaporation (negative: dew) of liquid at the ground
A_ICE: Final = 37  # sublimation (negative: frost) at the ground
A_LEAF: Final = 38
A_ROOT: Final = 39
J_SENSIBLE: Final = 40  # J m-2
J_LATENT: Final = 41
J_SHORT: Final = 42  # net short wave
J_LONG: Final = 43  # net long wave
J_GROUND: Final = 44
WATER_IN: Final = 45  # liquid water that reaches the ground, kg m-2
BTRAN: Final = 46  # root stress, 0..1
MELT: Final = 47  # net melt of the sub-step, kg m-2
POTENTIAL: Final = 48  # factor on vapour conductances, 1
THAW: Final = 49  # melt of thin snow, kg m-2
A_RUNOFF: Final = 50
A_DRAINAGE: Final = 51
A_OVERFLOW: Final = 52
A_SUPPLY: Final = 53
# Leaves and stems as a layer over black ground: reflected and transmitted fraction of short-wave radiation.
REFLECT_VIS: Final = 54
PASS_VIS: Final = 55
REFLECT_NIR: Final = 56
PASS_NIR: Final = 57
N_SCALAR: Final = 58

# Weather of a forcing step, one row per tile.
W_AIR: Final = 0  # air temperature, K
W_HUMIDITY: Final = 1  # kg kg-1
W_PRESSURE: Final = 2  # Pa
W_WIND: Final = 3  # m s-1
W_LONG: Final = 4  # W m-2
W_SHORT: Final = 5  # W m-2
W_RAIN: Final = 6  # kg m-2 s-1
W_SNOW: Final = 7  # kg m-2 s-1
W_DENSITY: Final = 8  # of air, kg m-3
N_WEATHER: Final = 9

# Constant properties of the tile, one row per tile.
P_ALBEDO_DRY: Final = 0
P_ALBEDO_WET: Final = 1
P_VEGETATION: Final = 2  # vegetated fraction of the ground, 1
P_HEIGHT: Final = 3  # of the canopy, m
P_SCATTER_NIR: Final = 4  # fraction of near-infrared light that leaves scatter, 1
P_RS_MIN: Final = 5  # s m-1
P_RGL: Final = 6  # W m-2
P_LEAF_WIDTH: Final = 7  # m
P_RAIN_FACTOR: Final = 8
P_POTENTIAL: Final = 9
P_THETA_AIR: Final = 10  # air-dry water content of the top layer, m3 m-3
P_TORTUOSITY: Final = 11
P_WIND_HEIGHT: Final = 12  # m
P_SCALAR_HEIGHT: Final = 13  # m
P_SIN_LAT: Final = 14
P_COS_LAT: Final = 15
P_LON: Final = 16  # radians
N_PROPERTY: Final = 17

# Thermal rows per soil layer, (n_tile, N_THERMAL, n_soil).
TH_LOG_SOLID: Final = 0  # (1 - porosity) ln k_solid
TH_SATURATED: Final = 1  # conductivity of the saturated unfrozen layer, W m-1 K-1
TH_DRY: Final = 2  # W m-1 K-1
TH_CAP: Final = 3  # heat capacity of the solids, J m-2 K-1
N_THERMAL: Final = 4

# Totals of a forecast, one row per tile; the first seven as in ``hydrology``.
TOT_PRECIPITATION: Final = 0
TOT_EVAPORATION: Final = 1
TOT_TRANSPIRATION: Final = 2
TOT_RUNOFF: Final = 3
TOT_DRAINAGE: Final = 4
TOT_OVERFLOW: Final = 5
TOT_SUPPLY: Final = 6
TOT_SENSIBLE: Final = 7  # J m-2 from here on
TOT_LATENT: Final = 8
TOT_SHORT: Final = 9
TOT_LONG: Final = 10
TOT_GROUND: Final = 11
N_TOTAL: Final = 12

# Counts of a forecast, one row per tile.
N_WATER: Final = 0  # solutions of the soil-water equation
N_ENERGY: Final = 1  # sub-steps of the energy balance
N_LEAF: Final = 2  # iterations of the leaf temperature
N_COUNT: Final = 3

# Largest residual of any step of a forecast, one row per tile.
R_WATER: Final = 0  # kg m-2
R_ENERGY: Final = 1  # W m-2
N_RESIDUAL: Final = 2

VON_KARMAN: Final = 0.4
HEAT_WATER: Final = 4188.0  # J kg-1 K-1
HEAT_ICE: Final = 2117.27  # J kg-1 K-1
LATENT_SUBLIMATION: Final = 2.5104e6 + 0.3336e6  # J kg-1
GAS_CONSTANT_AIR: Final = 287.04  # J kg-1 K-1


class State(NamedTuple):
    """Arrays of the state for the kernels; shapes as in ``variables.STATE``, updated in place."""

    wliq: FloatArray
    wice: FloatArray
    temperature: FloatArray
    z_sno: FloatArray
    dz_sno: FloatArray
    t_grnd: FloatArray
    tleaf: FloatArray
    ldew: FloatArray
    scv: FloatArray
    snowdp: FloatArray
    sag: FloatArray
    fsno: FloatArray
    wa: FloatArray
    zwt: FloatArray
    wetwat: FloatArray


class Column(NamedTuple):
    """Constants of a forecast.

    Attributes
    ----------
    patchtype : (n_tile,).
    hydraulic : from ``hydraulics.pack_parameters``, (n_tile, 7, n_soil).
    thermal : (n_tile, 4, n_soil), rows TH_*.
    properties : (n_tile, 17), columns P_*.
    dz_mm, node_mm : layer thickness and distance between nodes, mm, (n_soil,), (n_soil - 1,).
    dz, z, zi : thickness, nodes, interfaces of the soil, m.
    """

    patchtype: IntArray
    hydraulic: FloatArray
    thermal: FloatArray
    properties: FloatArray
    dz_mm: FloatArray
    node_mm: FloatArray
    dz: FloatArray
    z: FloatArray
    zi: FloatArray


class Scratch(NamedTuple):
    """Work arrays of one tile: layers, scalars, and those of the soil-water solver."""

    s: FloatArray
    x: FloatArray
    c: FloatArray


class Results(NamedTuple):
    """Results of a forecast per tile: totals (n, 12), counts (n, 3), largest residuals (n, 2)."""

    totals: FloatArray
    counts: IntArray
    residual: FloatArray


def new_results(n_tile: int) -> Results:
    """Make results that are all zero."""
    return Results(
        np.zeros((n_tile, N_TOTAL)), np.zeros((n_tile, N_COUNT), dtype=np.int64), np.zeros((n_tile, N_RESIDUAL))
    )
