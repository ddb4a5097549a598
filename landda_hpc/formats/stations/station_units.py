"""Detect from all values whether station tables without units give soil moisture in percent or as a fraction."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final, Literal

import numpy as np

from landda_hpc.constants import FloatArray
from landda_hpc.errors import DataError

logger = logging.getLogger(__name__)

Kind = Literal["percent", "fraction", "unclear", "mixed"]

LARGEST_FRACTION: Final = 1.0
"""Upper limit of soil moisture, m3 m-3; a value above this is in percent, or wrong."""

SOAKED: Final = 0.6
"""A median above this, m3 m-3, is improbable in mineral soil, and so are values of 0.6 % to 1 %."""

PERCENT_FROM: Final = 1.5
"""A value above this is in percent; as a fraction it would be far from possible."""

GAP: Final = 4.0
"""Two units in one series leave a gap of at least this factor, because fractions are a hundredth of percentages."""

ALIVE: Final = 3
"""A sensor with fewer different values may be broken, or was read only a few times."""

FEW: Final = 0.05
"""Fraction of values, or of sensors, up to which they do not count against the others."""


def detect_unit(sensors: Mapping[str, FloatArray], source: str) -> Literal["percent", "fraction"]:
    """Detect the unit of tables from all their values.

    Parameters
    ----------
    sensors : values of each sensor by its name, without those marked wrong by quality codes; NaN is missing.
    source : name of the tables, for messages.

    Returns
    -------
    "percent" or "fraction" (m3 m-3). Percent if no value is above zero.

    Raises
    ------
    DataError : values that may be in either unit, or are in both units.

    Notes
    -----
    Only values above zero are used. A sensor is in percent if it has values above 1.5, and a fraction if no value is
    above 1 and the median is at most 0.6. It has both units if it has several values up to 1 and several above, with a
    gap of a factor of 4 in between. Sensors with at least three different values decide if they agree. If there are
    none (broken sensors, or tables of one time), the others decide if at least 95 % of them agree.
    """
    kinds: dict[Kind, list[tuple[str, bool]]] = {"percent": [], "fraction": [], "unclear": [], "mixed": []}
    for name, values in sensors.items():
        known = values[np.isfinite(values) & (values > 0.0)]
        if known.size:
            kinds[_kind(known)].append((name, np.unique(known).size >= ALIVE))
    if kinds["mixed"]:
        raise _ambiguous(source, f"{_named(kinds['mixed'])} has values in both, with a gap between")
    percent, fraction = kinds["percent"], kinds["fraction"]
    if not percent and not fraction:
        if not kinds["unclear"]:
            return "percent"
        raise _ambiguous(source, f"all values of {_named(kinds['unclear'])} can be either")
    if not percent or not fraction:
        return "percent" if percent else "fraction"
    alive = any(is_alive for _, is_alive in percent), any(is_alive for _, is_alive in fraction)
    share = len(percent) / (len(percent) + len(fraction))
    if alive == (True, False) or (alive == (False, False) and share >= 1.0 - FEW):
        return _outvoted("percent", fraction, source)
    if alive == (False, True) or (alive == (False, False) and share <= FEW):
        return _outvoted("fraction", percent, source)
    raise _ambiguous(source, f"{_named(percent)} has percentages, {_named(fraction)} fractions")


def _kind(known: FloatArray) -> Kind:
    """Unit of the positive values of one sensor."""
    small, large = known[known <= LARGEST_FRACTION], known[known > LARGEST_FRACTION]
    if not large.size:
        return "fraction" if float(np.median(small)) <= SOAKED else "unclear"
    is_percent: Kind = "percent" if float(large.max()) > PERCENT_FROM else "unclear"
    if not small.size or float(large.min()) < GAP * float(small.max()):
        return is_percent
    if small.size <= FEW * known.size:
        return is_percent
    if large.size <= FEW * known.size:
        return "fraction" if float(np.median(small)) <= SOAKED else "unclear"
    return "mixed"


def _named(sensors: list[tuple[str, bool]]) -> str:
    names = [name for name, _ in sensors]
    return names[0] if len(names) == 1 else f"{names[0]} (with {len(names) - 1} others)"


def _ambiguous(source: str, why: str) -> DataError:
    return DataError(
        f"station tables '{source}' do not show whether soil moisture is in percent or m3 m-3, and {why}. Set "
        "table_units: percent (or fraction) in the catalogue, or give the columns units: SVWC_010CM(%)."
    )


def _outvoted(
    unit: Literal["percent", "fraction"], others: list[tuple[str, bool]], source: str
) -> Literal["percent", "fraction"]:
    logger.warning(
        "%s: assumed to be %s, although values of %d sensors look different, e.g. %s",
        source,
        unit,
        len(others),
        others[0][0],
    )
    return unit
