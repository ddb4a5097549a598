"""Humidity of saturated air."""

from __future__ import annotations

import math

from landda_hpc.compiled_code import compiled
from landda_hpc.constants import MOLAR_MASS_RATIO, T_FREEZE, ZERO_CELSIUS


@compiled()
def saturation(temperature: float, pressure: float) -> tuple[float, float]:
    """Specific humidity at saturation and its slope.

    Parameters
    ----------
    temperature : K; below the freezing point over ice, otherwise over water.
    pressure : Pa.

    Returns
    -------
    kg kg-1 and kg kg-1 K-1.

    References
    ----------
    Vapour pressure: Bolton (1980), Mon. Weather Rev., 108, 1046-1053, eq. 10 (water); WMO (2008), Guide to
    Meteorological Instruments, annex 4.B (ice).
    """
    celsius = temperature - ZERO_CELSIUS
    if temperature >= T_FREEZE:
        below = max(20.0, celsius + 243.5)
        vapour = 611.2 * math.exp(17.67 * celsius / below)
        slope = vapour * 17.67 * 243.5 / (below * below)
    else:
        below = max(20.0, celsius + 272.62)
        vapour = 611.2 * math.exp(22.46 * celsius / below)
        slope = vapour * 22.46 * 272.62 / (below * below)
    # The formulas do not hold near the boiling point; vapour pressure is limited to half the air pressure.
    if vapour > 0.5 * pressure:
        vapour = 0.5 * pressure
        slope = 0.0
    dry = pressure - (1.0 - MOLAR_MASS_RATIO) * vapour
    return MOLAR_MASS_RATIO * vapour / dry, MOLAR_MASS_RATIO * pressure * slope / (dry * dry)
