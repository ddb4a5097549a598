"""Atmospheric demand on the soil: rain and potential evaporation, one row per tile and forcing step.

Potential evaporation follows Priestley and Taylor (1972, Mon. Weather Rev., 100, 81-92): 1.26 D / (D + g) (R_n -
G) / L, with the slope D of saturation vapour pressure, the psychrometric constant g and net radiation as in
Allen et al. (1998, FAO Irrigation and Drainage Paper 56). R_n = (1 - albedo) SW + emissivity (LW - sigma
T_air^4), G = 0.1 R_n. Only positive available energy evaporates water; there is no dew. The vegetated fraction of
a tile transpires; the rest evaporates as bare soil.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from landda_hpc.compiled_code import compiled
from landda_hpc.constants import (
    ALBEDO_WATER,
    GAS_CONSTANT_VAPOUR,
    GRAVITY,
    LATENT_HEAT_VAPORISATION,
    MOLAR_MASS_RATIO,
    SPECIFIC_HEAT_AIR,
    STEFAN_BOLTZMANN,
    T_FREEZE,
    ZERO_CELSIUS,
    FloatArray,
)
from landda_hpc.model.column.records import Records

DEMAND: Final = np.dtype(
    [
        ("rain", np.float64),  # kg m-2 s-1
        ("soil", np.float64),  # potential evaporation of the tile's bare fraction, kg m-2 s-1
        ("canopy", np.float64),  # potential transpiration of its vegetated fraction, kg m-2 s-1
        ("open_water", np.float64),  # potential evaporation of open water, kg m-2 s-1
        ("resistance", np.float64),  # g / ((D + g) r_a D_0), m-1; see ``hydrology.soil_evaporation``
        ("humidity", np.float64),  # relative humidity of the air, 0..1
        ("kelvin", np.float64),  # gravity / (1000 R_v T), mm-1; relative humidity over soil water is exp(kelvin psi)
    ],
    align=True,
)
"""Demand of a tile in a forcing step."""

ALBEDO_VEGETATION: Final = 0.18
ALBEDO_SOIL: Final = 0.25
EMISSIVITY: Final = 0.97
GROUND_HEAT_SHARE: Final = 0.1
PRIESTLEY_TAYLOR: Final = 1.26
MIN_WIND: Final = 1.0  # m s-1; convection maintains the exchange in calm air
# Neutral logarithmic profile from 10 m to the roughness length of bare soil, 0.01 m (as in CoLM), for momentum
# and vapour.
_DRAG: Final = (0.4 / math.log(10.0 / 0.01)) ** 2


@compiled()
def weather_demand(
    shortwave: FloatArray,
    longwave: FloatArray,
    air_temperature: FloatArray,
    specific_humidity: FloatArray,
    surface_pressure: FloatArray,
    wind_speed: FloatArray,
    precipitation: FloatArray,
    vegetation_fraction: FloatArray,
    rain_factor: FloatArray,
    potential_evaporation_factor: FloatArray,
    demands: Records,
) -> None:
    """Fill ``demands`` for every tile.

    Parameters
    ----------
    shortwave, ..., precipitation : see ``Weather``, (n_tile,).
    vegetation_fraction : 0..1, (n_tile,).
    rain_factor, potential_evaporation_factor : factors on rain and on all potential rates, (n_tile,).
    demands : records ``DEMAND``, written, (n_tile,).

    Notes
    -----
    Local. Plants do not transpire at air temperatures below freezing.
    """
    for i in range(shortwave.size):
        temperature = air_temperature[i]
        celsius = temperature - ZERO_CELSIUS
        saturation = 610.8 * math.exp(17.27 * celsius / (celsius + 237.3))
        slope = saturation * 17.27 * 237.3 / (celsius + 237.3) ** 2
        psychrometric = SPECIFIC_HEAT_AIR * surface_pressure[i] / (MOLAR_MASS_RATIO * LATENT_HEAT_VAPORISATION)
        weight = slope / (slope + psychrometric)
        t2 = temperature * temperature
        longwave_net = EMISSIVITY * (longwave[i] - STEFAN_BOLTZMANN * t2 * t2)
        per_energy = (
            potential_evaporation_factor[i]
            * PRIESTLEY_TAYLOR
            * weight
            * (1.0 - GROUND_HEAT_SHARE)
            / LATENT_HEAT_VAPORISATION
        )
        vegetation = vegetation_fraction[i]
        soil = per_energy * max(0.0, (1.0 - ALBEDO_SOIL) * shortwave[i] + longwave_net)
        canopy = per_energy * max(0.0, (1.0 - ALBEDO_VEGETATION) * shortwave[i] + longwave_net)
        water = per_energy * max(0.0, (1.0 - ALBEDO_WATER) * shortwave[i] + longwave_net)
        moist = MOLAR_MASS_RATIO + (1.0 - MOLAR_MASS_RATIO) * specific_humidity[i]
        vapour_pressure = specific_humidity[i] * surface_pressure[i] / moist
        air_resistance = 1.0 / (_DRAG * max(MIN_WIND, wind_speed[i]))
        diffusivity = 2.12e-5 * math.exp(1.75 * math.log(temperature / ZERO_CELSIUS))
        demand = demands[i]
        demand.rain = rain_factor[i] * precipitation[i]
        demand.soil = (1.0 - vegetation) * soil
        demand.canopy = vegetation * canopy if temperature > T_FREEZE else 0.0
        demand.open_water = water
        demand.resistance = (1.0 - weight) / (air_resistance * diffusivity)
        demand.humidity = min(1.0, vapour_pressure / saturation)
        demand.kelvin = GRAVITY / (1000.0 * GAS_CONSTANT_VAPOUR * temperature)
