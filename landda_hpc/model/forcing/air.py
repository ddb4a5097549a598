"""Near-surface air: humidity, pressure, and short-wave radiation through clear and cloudy sky.

Elementwise functions: arguments broadcast; the result is NaN where an argument is NaN.
"""

from __future__ import annotations

import numpy as np

from landda_hpc.constants import MOLAR_MASS_RATIO, T_FREEZE, FloatArray


def saturation_vapour_pressure(temperature: FloatArray) -> FloatArray:
    """Saturation vapour pressure over water, Pa, at a temperature in K.

    References
    ----------
    Bolton (1980), Mon. Weather Rev. 108, 1046-1053, Eq. 10.
    """
    celsius = temperature - T_FREEZE
    pressure: FloatArray = 611.2 * np.exp(17.67 * celsius / (celsius + 243.5))
    return pressure


def specific_humidity(vapour_pressure: FloatArray, pressure: FloatArray) -> FloatArray:
    """Specific humidity, kg kg-1, from vapour pressure and air pressure, both Pa."""
    return MOLAR_MASS_RATIO * vapour_pressure / (pressure - (1.0 - MOLAR_MASS_RATIO) * vapour_pressure)


def standard_pressure(elevation: FloatArray) -> FloatArray:
    """Pressure of the ICAO standard atmosphere, Pa, at an elevation in m."""
    pressure: FloatArray = 101325.0 * np.power(1.0 - 2.25577e-5 * elevation, 5.25588)
    return pressure


def shortwave_transmissivity(elevation: FloatArray, cloud: FloatArray) -> FloatArray:
    """Fraction of the top-of-atmosphere irradiance that reaches the ground, 0..1.

    Parameters
    ----------
    elevation : m.
    cloud : cloud cover, 0..1.

    References
    ----------
    Clear sky: Allen et al. (1998), FAO Irrigation and Drainage Paper 56, Eq. 37,
    bounded by 0.85. Clouds: Kasten and Czeplak (1980), Solar Energy 24, 177-189, 1 - 0.75 c^3.4.
    """
    clear = np.minimum(0.75 + 2.0e-5 * elevation, 0.85)
    return clear * (1.0 - 0.75 * np.power(cloud, 3.4))
