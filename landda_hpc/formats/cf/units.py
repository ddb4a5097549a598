"""Spellings of units: a canonical form, and conversion of soil moisture to m3 m-3."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from landda_hpc.constants import RHO_WATER
from landda_hpc.regridding.depth import DepthRange

_SIGNS: Final = str.maketrans({"−": "-", "–": "-", "·": " ", "⋅": " ", "∙": " ", "×": " ", "_": " "})
_FACTOR: Final = re.compile(r"([A-Za-zµ%°]+)([-+]?\d+)?")

_VOLUMETRIC: Final = frozenset(
    {
        "m3 m-3", "dm3 dm-3", "cm3 cm-3", "mm3 mm-3", "l l-1", "L L-1", "m m-1", "cm cm-1", "mm mm-1", "v v-1",
        "vol vol-1", "volume volume-1", "volumetric fraction", "volume fraction", "m3 m-3 fraction",
        "m3 m-3 volumetric",
    }
)  # fmt: skip
_DIMENSIONLESS: Final = frozenset({"1", "-", "fraction", "unitless", "dimensionless", "none"})
_PERCENT: Final = frozenset({"%", "percent", "pct", "percentage"})
_VOLUME_PERCENT: Final = frozenset(
    {
        "% vol", "vol %", "% v v-1", "v v-1 %", "volume %", "% volume", "volumetric %", "% volumetric",
        "volume percent", "percent volume", "vol percent", "percent vol", "m3 m-3 %", "% m3 m-3", "volumetric percent",
    }
)  # fmt: skip
_MASS: Final = frozenset({"kg m-2", "mm"})
_DENSITY: Final = frozenset({"kg m-3"})

_OF_WATER: Final = re.compile(r"volum|water.content|vwc|swvl", re.IGNORECASE)
_OF_SATURATION: Final = re.compile(r"saturat|wetness|relative|index|available", re.IGNORECASE)


_WORDS: Final = frozenset(
    {
        "vol", "volume", "volumetric", "fraction", "percent", "pct", "percentage", "unitless", "dimensionless", "none",
    }
)  # fmt: skip


def canonical_unit(text: str) -> str:
    """Return the canonical spelling of a unit: exponents after the base, blanks between factors, no division.

    Examples
    --------
    >>> {canonical_unit(text) for text in ("m3/m3", "m³/m³", "m^3 m-3", "m**3 m**-3", "m3.m-3", "[m3 m^(-3)]")}
    {'m3 m-3'}
    >>> canonical_unit("W/m2"), canonical_unit("kg m**-2 s**-1"), canonical_unit("% Vol.")
    ('W m-2', 'kg m-2 s-1', '% vol')
    """
    plain = unicodedata.normalize("NFKC", text).translate(_SIGNS)
    plain = re.sub(r"\*\*|\^", "", plain).replace("*", " ")
    plain = re.sub(r"[({]\s*([-+]?\d+)\s*[)}]", r"\1", plain)
    plain = re.sub(r"[\[\](){}]", " ", plain)
    plain = re.sub(r"\.(?!\d)|(?<=\d)\.(?=[A-Za-z])", " ", plain)
    above, *below = plain.split("/")
    factors: list[str] = []
    for part, sign in [(above, 1), *((part, -1) for part in below)]:
        words = part.split()
        if not words and sign < 0:
            return " ".join(text.split())
        for word in words:
            if word == "1" and len(words) == 1 and below:
                continue  # as in 1/s
            pieces = _FACTOR.findall(word)
            if "".join(base + power for base, power in pieces) != word:
                if word == "1":
                    factors.append(word)
                    continue
                return " ".join(text.split())
            for base, power in pieces:
                number = sign * int(power or 1)
                name = base.lower() if base.lower() in _WORDS else base
                factors.append(name if number == 1 else f"{name}{number}")
    return " ".join(factors) or " ".join(plain.split())


def is_one_of(unit: str, expected: Iterable[str]) -> bool:
    """Whether a unit is one of those expected, in any spelling."""
    return canonical_unit(unit) in {canonical_unit(other) for other in expected}


@dataclass(frozen=True)
class SoilMoistureUnit:
    """Unit of soil moisture.

    Attributes
    ----------
    factor : m3 m-3 per unit.
    full : value of a layer of pure water in this unit.
    """

    factor: float
    full: float


def is_volumetric(unit: str) -> bool:
    """Whether a unit may be that of volumetric soil moisture: m3 m-3 in any spelling, or 1."""
    return canonical_unit(unit) in _VOLUMETRIC | {"1"}


def soil_moisture_unit(unit: str, depth_m: DepthRange, meaning: str, *, is_certain: bool = False) -> SoilMoistureUnit:
    """Return the conversion of a unit of soil moisture to m3 m-3.

    Parameters
    ----------
    unit : any spelling of m3 m-3 and other volumes per volume, 1 and fraction, percent by volume or percent alone,
        kg m-2 or mm in the layer, or kg m-3.
    depth_m : top and bottom of the layer, m.
    meaning : names of the variable (name, ``long_name``, ``standard_name``), which show the meaning of a
        dimensionless number.
    is_certain : the user gave this unit; percent is then by volume.

    Raises
    ------
    ValueError : any other unit, or a unit that may be of another quantity; the message says what was expected.
    """
    name = canonical_unit(unit)
    if name in _VOLUMETRIC:
        return SoilMoistureUnit(1.0, 1.0)
    if name in _VOLUME_PERCENT:
        return SoilMoistureUnit(0.01, 100.0)
    if name in _MASS:
        full = RHO_WATER * (depth_m[1] - depth_m[0])
        return SoilMoistureUnit(1.0 / full, full)
    if name in _DENSITY:
        return SoilMoistureUnit(1.0 / RHO_WATER, RHO_WATER)
    is_of_saturation = not is_certain and _OF_SATURATION.search(meaning) is not None
    if name in _DIMENSIONLESS | _PERCENT and is_of_saturation:
        raise ValueError(
            f"units '{unit}' of '{meaning}', which may be a degree of saturation; expected volume of "
            "water per volume of soil"
        )
    if name in _DIMENSIONLESS:
        return SoilMoistureUnit(1.0, 1.0)
    if name in _PERCENT and (is_certain or _OF_WATER.search(meaning)):
        return SoilMoistureUnit(0.01, 100.0)
    if name in _PERCENT:
        raise ValueError(
            f"units '{unit}', which may be percent of volume or of saturation; expected m3 m-3, percent by volume, or "
            "kg m-2 in the layer"
        )
    raise ValueError(f"units '{unit}'; expected m3 m-3, percent by volume, or kg m-2 in the layer")
