"""Packing of the weather of a forcing step for the land kernels."""

from __future__ import annotations

from typing import Final

from landda_hpc.compiled_code import compiled
from landda_hpc.constants import T_FREEZE, FloatArray
from landda_hpc.model.column.land import layout as a

ALL_RAIN: Final = 2.5  # K above the freezing point
MIXED: Final = 2.0  # K above the freezing point; the fraction of rain increases up to it
RAIN_PER_KELVIN: Final = 0.2


@compiled()
def pack_weather(
    shortwave: FloatArray,
    longwave: FloatArray,
    air_temperature: FloatArray,
    specific_humidity: FloatArray,
    surface_pressure: FloatArray,
    wind_speed: FloatArray,
    precipitation: FloatArray,
    properties: FloatArray,
    packed: FloatArray,
) -> None:
    """Fill ``packed``, (n_tile, 9), columns W_*.

    Parameters
    ----------
    shortwave, ..., precipitation : see ``Weather``, (n_tile,).
    properties : (n_tile, 17); the rain factor is used.

    Notes
    -----
    Local. Precipitation is snow at or below the freezing point, and rain from 2.5 K above it. In between, the fraction
    of rain increases by 0.2 per kelvin, up to 0.4 (Jordan 1991, CRREL special report 91-16; CoLM).
    """
    for i in range(shortwave.size):
        temperature = air_temperature[i]
        falls = properties[i, a.P_RAIN_FACTOR] * precipitation[i]
        above = temperature - T_FREEZE
        rain = 1.0 if above > ALL_RAIN else RAIN_PER_KELVIN * min(MIXED, max(0.0, above))
        packed[i, a.W_AIR] = temperature
        packed[i, a.W_HUMIDITY] = specific_humidity[i]
        packed[i, a.W_PRESSURE] = surface_pressure[i]
        packed[i, a.W_WIND] = wind_speed[i]
        packed[i, a.W_LONG] = longwave[i]
        packed[i, a.W_SHORT] = shortwave[i]
        packed[i, a.W_RAIN] = falls * rain
        packed[i, a.W_SNOW] = falls * (1.0 - rain)
        packed[i, a.W_DENSITY] = surface_pressure[i] / (
            a.GAS_CONSTANT_AIR * temperature * (1.0 + 0.61 * specific_humidity[i])
        )
