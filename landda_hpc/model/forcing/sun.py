"""The sun: declination, distance, and the mean cosine of its zenith angle over a step."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import numpy as np

from landda_hpc.compiled_code import compiled
from landda_hpc.constants import FloatArray

SOLAR_CONSTANT: Final = 1361.0  # W m-2


class Sun(NamedTuple):
    """Position of the sun.

    Attributes
    ----------
    declination : radians.
    distance_factor : (mean distance / distance)^2, 1.
    equation_of_time : apparent minus mean solar time, h.
    """

    declination: float
    distance_factor: float
    equation_of_time: float


def sun_at(time: datetime) -> Sun:
    """Position of the sun at a time (UTC), accurate to about 0.0006 rad.

    References
    ----------
    Spencer (1971), Fourier series representation of the position of the sun, Search 2(5), 172.
    """
    days = (time - datetime(time.year, 1, 1)) / timedelta(days=1)
    x = 2.0 * np.pi * days / 365.0
    declination = (
        0.006918 - 0.399912 * np.cos(x) + 0.070257 * np.sin(x) - 0.006758 * np.cos(2 * x)
        + 0.000907 * np.sin(2 * x) - 0.002697 * np.cos(3 * x) + 0.00148 * np.sin(3 * x)
    )  # fmt: skip
    distance = (
        1.00011 + 0.034221 * np.cos(x) + 0.00128 * np.sin(x) + 0.000719 * np.cos(2 * x) + 0.000077 * np.sin(2 * x)
    )
    minutes = 229.18 * (
        0.000075 + 0.001868 * np.cos(x) - 0.032077 * np.sin(x) - 0.014615 * np.cos(2 * x) - 0.04089 * np.sin(2 * x)
    )
    return Sun(float(declination), float(distance), float(minutes) / 60.0)


def hour_angle(time: datetime, sun: Sun) -> float:
    """Hour angle of the sun at longitude 0, radians; 0 at apparent noon."""
    hours = time.hour + time.minute / 60.0 + time.second / 3600.0
    return float(np.deg2rad(15.0 * (hours + sun.equation_of_time - 12.0)))


def mean_cosine_zenith(lat: FloatArray, lon: FloatArray, start: datetime, duration: timedelta) -> FloatArray:
    """Mean of max(0, cosine of the solar zenith angle) over a step, 0..1.

    Parameters
    ----------
    lat, lon : degrees, any equal shape.
    start, duration : the step, UTC.

    Notes
    -----
    Local. The mean over the step includes the night; multiplied by the solar constant, it is the mean incoming
    energy flux for any length of the step. The declination is that of the middle of the step.
    """
    sun = sun_at(start + 0.5 * duration)
    begin = hour_angle(start, sun)
    end = begin + 2.0 * math.pi * (duration / timedelta(days=1))
    declination = math.sin(sun.declination), math.cos(sun.declination)
    mean: FloatArray = mean_sun_height(lat.ravel(), lon.ravel(), *declination, begin, end)
    return mean.reshape(lat.shape)


def daily_insolation(lat: FloatArray, sun: Sun) -> FloatArray:
    """Daily mean top-of-atmosphere irradiance, W m-2, in closed form.

    Parameters
    ----------
    lat : degrees, any shape; the result has the same shape.
    sun : position of the sun on that day.
    """
    phi = np.deg2rad(lat)
    tangent = np.clip(-np.tan(phi) * np.tan(sun.declination), -1.0, 1.0)
    half_day = np.arccos(tangent)
    mean: FloatArray = (
        half_day * np.sin(phi) * np.sin(sun.declination) + np.cos(phi) * np.cos(sun.declination) * np.sin(half_day)
    ) / np.pi
    return SOLAR_CONSTANT * sun.distance_factor * np.maximum(mean, 0.0)


@compiled()
def mean_sun_height(
    lat: FloatArray, lon: FloatArray, sin_dec: float, cos_dec: float, begin: float, end: float
) -> FloatArray:
    """Mean of max(0, sine of the sun's height) between two hour angles, in closed form, (n,).

    Parameters
    ----------
    lat, lon : degrees, (n,).
    sin_dec, cos_dec : sine and cosine of the declination.
    begin, end : hour angles at longitude 0, radians, begin < end; they may be more than a turn apart.

    Notes
    -----
    Local. With constant declination, the integrals over the parts of an interval sum to the whole, up to rounding.
    """
    mean = np.empty(lat.size)
    for i in range(lat.size):
        phi, lam = math.radians(lat[i]), math.radians(lon[i])
        along, across = math.sin(phi) * sin_dec, math.cos(phi) * cos_dec
        if along >= across:
            half_day = math.pi
        elif along <= -across:
            half_day = 0.0
        else:
            half_day = math.acos(-along / across)
        dose = _dose(end + lam, along, across, half_day) - _dose(begin + lam, along, across, half_day)
        mean[i] = max(dose, 0.0) / (end - begin)
    return mean


@compiled()
def _dose(angle: float, along: float, across: float, half_day: float) -> float:
    """Integral of max(0, along + across cos h) over h from 0 to ``angle``; daylight: |h| <= half_day in each turn."""
    turns = math.floor(angle / (2.0 * math.pi) + 0.5)
    rest = min(max(angle - 2.0 * math.pi * turns, -half_day), half_day)
    whole = 2.0 * (along * half_day + across * math.sin(half_day))
    return turns * whole + along * rest + across * math.sin(rest)
