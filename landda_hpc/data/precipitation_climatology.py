"""Climatology of precipitation from Köppen-Geiger classes, and the temperature climatology at any point.

No gridded precipitation climatology among the sources of the package may be redistributed, so monthly
precipitation is computed from the climate class, whose definition (Peel et al. 2007) bounds it, the mean
temperature and the latitude. It gives each region about the right amount and season; weather has to come on
top.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from landda_hpc.constants import ZERO_CELSIUS
from landda_hpc.errors import DataError, ShapeError

__all__ = [
    "KOPPEN_CLASSES",
    "KOPPEN_RAIN",
    "LAPSE_RATE",
    "RainClimate",
    "annual_precipitation",
    "aridity_threshold",
    "bilinear",
    "land_temperature",
    "monthly_precipitation",
    "wet_fraction",
]

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class RainClimate:
    """Precipitation of one Köppen-Geiger class.

    Attributes
    ----------
    name : symbol of the class.
    amount : annual total. Classes A, C, D, E: mm at the temperature `reference`. Classes B: share of the
        aridity threshold of the class (dimensionless), which defines BW as < 0.5 and BS as 0.5..1.
    season : k of the seasonal shape exp(k cos(phase)), whose wettest-to-driest ratio is exp(2 |k|); positive:
        the warm season is the wet one. Definitions: letter w (ratio > 10) asks k > 1.15, letter s (ratio > 3)
        k < -0.55.
    wet : share of 3-hour steps with precipitation over a cell of about 1 degree.
    reference : degC, see `amount`; unused for B.
    sensitivity : relative change of the total per kelvin around `reference`.
    """

    name: str
    amount: float
    season: float
    wet: float
    reference: float = 0.0
    sensitivity: float = 0.0


# Order of Beck et al. (2018), Sci. Data, 5, 180214.
#
# Amounts. A: Af has every month >= 60 mm, Am and Aw at least one below it, Am with a total >= 25 (100 -
# driest month). B: shares of the threshold, low for BWh (the hyper-arid Sahara and Arabia are half its area),
# about the middle of the defining range for BS. C, D, ET: rounded values chosen for this table as typical of
# the class, in keeping with long-term station totals (about 800 mm in Rome, 1250 in Atlanta, 600 in Beijing,
# 700 in Moscow, 250 in Yakutsk). EF: 166 mm over Antarctica with its shelves (Vaughan et al. 1999, J.
# Climate, 12, 933-946).
#
# Sensitivity. 5-6 %/K over ice (Frieler et al. 2015, Nature Clim. Change, 5, 348-352), the same for tundra,
# half of Clausius-Clapeyron for D; none for A and C, where the cold does not limit the vapour of the air.
#
# Wet share. Precipitation falls in 8 % of all hours over land (11 % of the globe) at 0.25 degree, in more
# than 30 % in the convergence zones, below 4 % in deserts, 25 % more often in 3-hour steps, and 35 % more
# often at 1 degree (Trenberth and Zhang 2018, Bull. Amer. Meteor. Soc., 99, 289-298); the shares of the
# classes are rounded values within these bounds, which give a mean of 12 % over land.
KOPPEN_RAIN: Final = (
    RainClimate("Af", 2300.0, 0.2, 0.30),
    RainClimate("Am", 2200.0, 1.0, 0.25),
    RainClimate("Aw", 1250.0, 1.4, 0.15),
    RainClimate("BWh", 0.16, 0.5, 0.02),
    RainClimate("BWk", 0.40, 0.3, 0.03),
    RainClimate("BSh", 0.70, 1.3, 0.06),
    RainClimate("BSk", 0.75, 0.5, 0.07),
    RainClimate("Csa", 620.0, -1.1, 0.09),
    RainClimate("Csb", 850.0, -0.9, 0.12),
    RainClimate("Csc", 900.0, -0.7, 0.14),
    RainClimate("Cwa", 1200.0, 1.5, 0.12),
    RainClimate("Cwb", 1150.0, 1.5, 0.14),
    RainClimate("Cwc", 800.0, 1.5, 0.12),
    RainClimate("Cfa", 1250.0, 0.2, 0.14),
    RainClimate("Cfb", 1000.0, 0.0, 0.20),
    RainClimate("Cfc", 1200.0, -0.2, 0.25),
    RainClimate("Dsa", 420.0, -1.0, 0.08, 8.0, 0.03),
    RainClimate("Dsb", 500.0, -0.9, 0.09, 4.0, 0.03),
    RainClimate("Dsc", 450.0, -0.7, 0.11, -3.0, 0.03),
    RainClimate("Dsd", 300.0, -0.7, 0.09, -12.0, 0.03),
    RainClimate("Dwa", 650.0, 1.4, 0.10, 8.0, 0.03),
    RainClimate("Dwb", 550.0, 1.4, 0.11, 3.0, 0.03),
    RainClimate("Dwc", 430.0, 1.3, 0.11, -4.0, 0.03),
    RainClimate("Dwd", 300.0, 1.2, 0.09, -12.0, 0.03),
    RainClimate("Dfa", 700.0, 0.3, 0.12, 9.0, 0.03),
    RainClimate("Dfb", 680.0, 0.3, 0.15, 5.0, 0.03),
    RainClimate("Dfc", 480.0, 0.4, 0.16, -4.0, 0.03),
    RainClimate("Dfd", 260.0, 0.6, 0.12, -13.0, 0.03),
    RainClimate("ET", 320.0, 0.5, 0.13, -8.0, 0.055),
    RainClimate("EF", 166.0, 0.0, 0.12, -35.0, 0.055),
)
"""Classes 1..30 of `climate_class`, in its order; class k is `KOPPEN_RAIN[k - 1]`."""

KOPPEN_CLASSES: Final = tuple(climate.name for climate in KOPPEN_RAIN)

LAPSE_RATE: Final = 0.0065
"""K m-1, decrease of temperature with height in the standard atmosphere."""

_PEAK_MONTH: Final = 7.25
"""Wettest time of a northern warm-season regime: the third week of July (7.0 is the middle of July)."""

_EQUATOR_WIDTH: Final = 8.0
"""Degrees of latitude over which the season fades towards the equator and turns over."""

_MONTH_DAYS: Final = np.array([31, 28.25, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


def _column(values: list[float]) -> _Floats:
    """Return a lookup table for class 0..30, NaN for class 0 (no land)."""
    return np.array([np.nan, *values])


_AMOUNT = _column([c.amount for c in KOPPEN_RAIN])
_SEASON = _column([c.season for c in KOPPEN_RAIN])
_WET = _column([c.wet for c in KOPPEN_RAIN])
_REFERENCE = _column([c.reference for c in KOPPEN_RAIN])
_SENSITIVITY = _column([c.sensitivity for c in KOPPEN_RAIN])
_IS_DRY = np.array([False, *(c.name.startswith("B") for c in KOPPEN_RAIN)])

_SEASONAL: Final = 0.67
"""|k| of the seasonal shape with which 70 % of the precipitation falls in one half of the year."""


def _checked(class_index: npt.ArrayLike) -> npt.NDArray[np.int64]:
    index = np.asarray(class_index)
    if not np.issubdtype(index.dtype, np.integer):
        raise DataError(f"Climate classes have dtype {index.dtype}; expected integers 0..30 (0: no land).")
    if index.size and (index.min() < 0 or index.max() > 30):
        found = f"{index.min()} to {index.max()}"
        raise DataError(f"Climate classes run from {found}; expected 0..30 (0: no land).")
    return index.astype(np.int64)


def aridity_threshold(class_index: npt.ArrayLike, t_annual_mean: npt.ArrayLike) -> _Floats:
    """Return the annual precipitation at which a climate becomes dry (B), mm; parameters as `annual_precipitation`.

    Notes
    -----
    Local: no communication. max(20 T + c, 100 mm), T in degC; c is 280 mm where 70 % of the precipitation falls in the
    summer half of the year, 0 where 70 % falls in the winter half, otherwise 140 (Peel et al. 2007, Table 1).
    """
    season = _SEASON[_checked(class_index)]
    constant = 140.0 * (1.0 + (season > _SEASONAL) - (season < -_SEASONAL))
    celsius = np.asarray(t_annual_mean, dtype=np.float64) - ZERO_CELSIUS
    return np.maximum(20.0 * celsius + constant, 100.0)


def annual_precipitation(class_index: npt.ArrayLike, t_annual_mean: npt.ArrayLike) -> _Floats:
    """Return the typical annual precipitation of a climate class, mm.

    Parameters
    ----------
    class_index : Köppen-Geiger class 1..30, 0 for no land; integers, any shape.
    t_annual_mean : annual mean temperature near the surface, K; broadcasts with `class_index`.

    Returns
    -------
    Broadcast shape, mm. NaN where the class is 0 or the temperature is NaN.

    Raises
    ------
    DataError : a class outside 0..30, or not an integer.

    Notes
    -----
    Local: no communication. Classes B: amount x `aridity_threshold`; the others: amount x exp(sensitivity x (T -
    reference)), T in degC, the factor kept within 0.4..2.5.

    References
    ----------
    Peel et al. (2007), Hydrol. Earth Syst. Sci., 11, 1633-1644.
    """
    index = _checked(class_index)
    celsius = np.asarray(t_annual_mean, dtype=np.float64) - ZERO_CELSIUS
    factor = np.clip(np.exp(_SENSITIVITY[index] * (celsius - _REFERENCE[index])), 0.4, 2.5)
    arid = aridity_threshold(index, t_annual_mean)
    result: _Floats = np.asarray(_AMOUNT[index] * np.where(_IS_DRY[index], arid, factor))
    return result


def monthly_precipitation(
    class_index: npt.ArrayLike, t_annual_mean: npt.ArrayLike, latitude: npt.ArrayLike, month: npt.ArrayLike
) -> _Floats:
    """Return the typical precipitation rate of a climate class in a calendar month, mm day-1.

    Parameters
    ----------
    class_index : Köppen-Geiger class 1..30, 0 for no land; integers.
    t_annual_mean : annual mean temperature near the surface, K.
    latitude : degrees north; its sign sets the season, which fades within 8 degrees of the equator.
    month : 1..12, integers.
        All four broadcast together: for maps of all months, give `month` the shape (12, 1, 1).

    Returns
    -------
    Broadcast shape, mm day-1. NaN where the class is 0 or an input is NaN.

    Raises
    ------
    DataError : a class outside 0..30, a month outside 1..12, a latitude outside -90..90, or a class or month
        that is not an integer.

    Notes
    -----
    Local: no communication. Rate = annual / 365.25 x exp(k cos(2 pi (month - 7.25) / 12)) / mean, with k the
    class's season times clip(latitude / 8, -1, 1): south of the equator the sign of k turns, which shifts the
    phase by six months. The mean over the months, weighted by their days, makes the year add up to
    `annual_precipitation`.

    `wet_fraction` is a mean over the year. A generator of weather that keeps the mean rate of wet steps,
    annual / (365.25 x wet fraction), puts the season into the share of wet steps, monthly rate / that rate.
    """
    months = np.asarray(month)
    if not np.issubdtype(months.dtype, np.integer):
        raise DataError(f"Months have dtype {months.dtype}; expected integers 1..12.")
    if months.size and (months.min() < 1 or months.max() > 12):
        raise DataError(f"Months run from {months.min()} to {months.max()}; expected 1..12.")
    degrees = np.asarray(latitude, dtype=np.float64)
    if bool((np.abs(degrees) > 90.0).any()):
        raise DataError("Latitudes leave -90..90 degrees north. Check the order of the arguments.")
    annual = annual_precipitation(class_index, t_annual_mean)
    k = _SEASON[_checked(class_index)] * np.clip(degrees / _EQUATOR_WIDTH, -1.0, 1.0)
    cosine = np.cos(2.0 * np.pi / 12.0 * (np.arange(1, 13) - _PEAK_MONTH))
    mean = np.zeros_like(k)
    for days, c in zip(_MONTH_DAYS, cosine, strict=True):  # a loop: one field of memory, a fixed order
        mean = mean + days / 365.25 * np.exp(k * c)
    result: _Floats = np.asarray(annual / 365.25 * np.exp(k * cosine[months - 1]) / mean)
    return result


def wet_fraction(class_index: npt.ArrayLike) -> _Floats:
    """Return the share of 3-hour steps with precipitation over a cell of about 1 degree, mean over the year. Local.

    Parameters
    ----------
    class_index : Köppen-Geiger class 1..30, 0 for no land; integers, any shape.

    Returns
    -------
    Same shape, 0..1. NaN where the class is 0.

    Raises
    ------
    DataError : a class outside 0..30, or not an integer.
    """
    result: _Floats = np.asarray(_WET[_checked(class_index)])
    return result


def bilinear(
    field: npt.NDArray[np.floating],
    node_lat: npt.NDArray[np.floating],
    node_lon: npt.NDArray[np.floating],
    latitude: npt.ArrayLike,
    longitude: npt.ArrayLike,
) -> _Floats:
    """Interpolate a global field bilinearly, periodic in longitude, constant beyond the last rows. Local.

    Parameters
    ----------
    field : shape (..., ny, nx).
    node_lat : shape (ny,), degrees north, ascending.
    node_lon : shape (nx,), degrees east, ascending, evenly spaced over the full circle.
    latitude, longitude : points, degrees; broadcast together to shape P. Any turn of longitude is accepted.

    Returns
    -------
    Shape (..., *P). NaN where one of the four nodes is NaN.

    Raises
    ------
    ShapeError : the axes do not fit the field.
    """
    ny, nx = node_lat.size, node_lon.size
    if field.shape[-2:] != (ny, nx):
        raise ShapeError(f"Field has shape {field.shape}; its axes say (..., {ny}, {nx}).")
    lat, lon = np.broadcast_arrays(np.asarray(latitude, np.float64), np.asarray(longitude, np.float64))
    lat = np.clip(lat, node_lat[0], node_lat[-1])
    j = np.clip(np.searchsorted(node_lat, lat, side="right") - 1, 0, ny - 2)
    y = (lat - node_lat[j]) / (node_lat[j + 1] - node_lat[j])
    position = np.mod((lon - node_lon[0]) * (nx / 360.0), nx)
    i = np.minimum(position.astype(np.int64), nx - 1)  # mod may round up to nx
    x = position - i
    right = (i + 1) % nx
    south = field[..., j, i] * (1.0 - x) + field[..., j, right] * x
    north = field[..., j + 1, i] * (1.0 - x) + field[..., j + 1, right] * x
    result: _Floats = np.asarray(south * (1.0 - y) + north * y, dtype=np.float64)
    return result


def land_temperature(
    temperature: npt.NDArray[np.floating],
    node_elevation: npt.NDArray[np.floating],
    node_lat: npt.NDArray[np.floating],
    node_lon: npt.NDArray[np.floating],
    latitude: npt.ArrayLike,
    longitude: npt.ArrayLike,
    elevation: npt.ArrayLike,
    lapse_rate: float = LAPSE_RATE,
) -> _Floats:
    """Return land surface temperature at points, corrected for their elevation.

    Parameters
    ----------
    temperature : `land_surface_temperature` of the static file, K, shape (..., ny, nx).
    node_elevation : `elevation_coarse`, m, shape (ny, nx).
    node_lat, node_lon : `lat_coarse`, `lon_coarse`, degrees.
    latitude, longitude : points, degrees; broadcast together with `elevation` to shape P.
    elevation : m, of the points.
    lapse_rate : K m-1, decrease of temperature with height; the default is the standard atmosphere's.

    Returns
    -------
    Shape (..., *P), K.

    Raises
    ------
    ShapeError : the axes do not fit the fields.

    Notes
    -----
    Local: no communication. T = interpolated T - lapse_rate (elevation - interpolated elevation).
    """
    lat, lon, height = np.broadcast_arrays(
        np.asarray(latitude, np.float64), np.asarray(longitude, np.float64), np.asarray(elevation, np.float64)
    )
    base = bilinear(node_elevation, node_lat, node_lon, lat, lon)
    return bilinear(temperature, node_lat, node_lon, lat, lon) - lapse_rate * (height - base)
