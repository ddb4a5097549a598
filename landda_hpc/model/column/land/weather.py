"""Packing of the weather of a forcing step for the land kernels."""

from __future__ import annotations

from typing import Final

from landda_hpc.compiled_code import compiled
from landda_hpc.constants import GAS_CONSTANT_AIR, T_FREEZE, FloatArray
from landda_hpc.model.column.land.records import Records

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
    rain_factor: FloatArray,
    forcing: Records,
) -> None:
    """Fill the weather of ``forcing``, records ``FORCING``, (n_tile,).

    Parameters
    ----------
    shortwave, ..., precipitation : see ``Weather``, (n_tile,).
    rain_factor : factor on precipitation, (n_tile,).

    Notes
    -----
    Local. Precipitation is snow at or below the freezing point, and rain from 2.5 K above it. In between, the fraction
    of rain increases by 0.2 per kelvin, up to 0.4 (Jordan 1991, CRREL special report 91-16; CoLM).
    """
    for i in range(shortwave.size):
        weather = forcing[i]
        temperature = air_temperature[i]
        falls = rain_factor[i] * precipitation[i]
        above = temperature - T_FREEZE
        rain = 1.0 if above > ALL_RAIN else RAIN_PER_KELVIN * min(MIXED, max(0.0, above))
        weather.temperature = temperature
        weather.humidity = specific_humidity[i]
        weather.pressure = surface_pressure[i]
        weather.wind = wind_speed[i]
        weather.longwave = longwave[i]
        weather.shortwave = shortwave[i]
        weather.rain = falls * rain
        weather.snow = falls * (1.0 - rain)
        weather.density = surface_pressure[i] / (GAS_CONSTANT_AIR * temperature * (1.0 + 0.61 * specific_humidity[i]))
