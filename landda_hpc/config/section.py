"""Base of all sections of a configuration, and common types: numbers with both bounds, times, paths."""

from __future__ import annotations

import functools
import os
import re
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Final, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    field_validator,
    model_validator,
)

from landda_hpc.data import PACKAGE

MAX_PATH: Final = 2000
MAX_NAME: Final = 255
"""Maximum length of a path and of a name in it, bytes. The system allows 4096 and 255; half is left to data_root."""
_LONGEST_CODE: Final = 24
"""Largest number of characters of an expanded strftime code."""
THINNEST_M: Final = 0.001
"""Minimum thickness of a soil layer, m."""

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(ge=1e-12, le=1e12)]
NonNegative = Annotated[float, Field(ge=0.0, le=1e12)]
"""Numbers of methods from other packages, where no type below fits; give its bounds where they are known."""
SoilWater = Annotated[float, Field(ge=1e-6, le=1.0)]
"""A difference or standard deviation of volumetric soil water, m3 m-3: 15 is a typing error for 0.15."""
SoilWaterOrZero = Annotated[float, Field(ge=0.0, le=1.0)]
PersistentStd = Annotated[
    SoilWaterOrZero,
    Field(
        description="standard deviation of a further error of representativeness that changes slowly, m3 m-3: a "
        "station dries, and has its own showers, in another way than its cell"
    ),
]
PersistenceHours = Annotated[
    float, Field(ge=0.01, le=1e5, description="e-folding time of that error in time, h: a process of first order")
]
"""Slow errors of the stations of a twin."""
LogSigma = Annotated[float, Field(ge=0.0, le=5.0)]
"""Standard deviation of a natural logarithm: with 5, a third of the factors is above 150 or below its inverse."""
LengthKm = Annotated[float, Field(ge=0.01, le=20040.0)]
"""A distance on the Earth, km: at most half of its circumference."""
DepthM = Annotated[float, Field(ge=0.0, le=100.0)]
"""A depth in the soil, m."""
Latitude = Annotated[float, Field(ge=-90.0, le=90.0)]
Longitude = Annotated[float, Field(ge=-360.0, le=720.0)]
"""Degrees east. A box that crosses the meridian of 0 or 180 degrees may begin or end 360 degrees away."""
Hours = Annotated[float, Field(ge=0.01, le=87660.0)]
"""A time span, h: at most ten years."""
Days = Annotated[float, Field(ge=0.01, le=36525.0)]
"""A time span, days: at most a century."""
Minutes = Annotated[float, Field(ge=0.0, le=44640.0)]
"""A distance in time, minutes: at most 31 days."""
Word = Annotated[str, Field(max_length=200)]
"""Name of a variable, a run, or an entry of the catalogue."""
Count = Annotated[int, Field(ge=1, le=1_000_000)]


def _no_number(value: Any) -> Any:
    """A number would be read as seconds since 1970."""
    if isinstance(value, int | float) or (isinstance(value, str) and re.fullmatch(r"\s*[-+]?[\d.]+\s*", value)):
        raise ValueError(
            f"expected a time such as 2022-06-02T00:00 or a day such as 2022-06-02; found {str(value)[:40]}"
        )
    return value


def _without_offset(value: datetime) -> datetime:
    if value.tzinfo is not None:
        raise ValueError("times are UTC and carry no offset: write 2022-06-02T00:00")
    return value


UtcTime = Annotated[datetime, BeforeValidator(_no_number), AfterValidator(_without_offset)]
"""A time, UTC. A time with an offset would never equal a time of the campaign."""
UtcDay = Annotated[date, BeforeValidator(_no_number)]


NO_KEY: Final = "<"
"""Prefix of tags of unions that are not sections; pydantic reports them among the keys of a problem."""


def _number_first(value: Any) -> Any:
    """YAML reads 1e-2 as a text; if a number or a file is allowed, this is a number."""
    if isinstance(value, bool):
        raise ValueError(f"expected a number or a file; found {str(value).lower()}")
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _number_or_file(value: Any) -> str:
    return f"{NO_KEY}file" if isinstance(value, str | Path) else f"{NO_KEY}number"


_File = Annotated[Path, Tag(f"{NO_KEY}file")]
SoilWaterOrFile = Annotated[
    Annotated[SoilWater, Tag(f"{NO_KEY}number")] | _File, Discriminator(_number_or_file), BeforeValidator(_number_first)
]
SoilWaterOrZeroOrFile = Annotated[
    Annotated[SoilWaterOrZero, Tag(f"{NO_KEY}number")] | _File,
    Discriminator(_number_or_file),
    BeforeValidator(_number_first),
]


def _within_package(value: Path) -> Path:
    name = str(value).removeprefix(PACKAGE)
    if name != str(value) and (Path(name).is_absolute() or ".." in Path(name).parts or not name):
        raise ValueError(f"expected {PACKAGE} and the name of a file of landda_hpc; found {str(value)[:80]}")
    return value


DataFile = Annotated[Path, AfterValidator(_within_package)]
"""A file under data_root, or one that ships with this package: ``data.data_file`` finds it."""


class Section(BaseModel):
    """Base of all sections: frozen; unknown keys are errors; true and false are not numbers; paths can be opened."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _true_is_not_one(cls, raw: Any) -> Any:
        """Convert true and false to texts where a number is expected, so that they are rejected with their key."""
        if not isinstance(raw, dict):
            return raw
        return {name: _bools_as_texts(value) if _is_number(cls, name) else value for name, value in raw.items()}

    @field_validator("*", mode="after")
    @classmethod
    def _can_be_opened(cls, value: Any) -> Any:
        if isinstance(value, Path):
            _check_path(value)
        return value


def _pattern(value: str) -> str:
    _check_path(Path(value), codes=True)
    return value


FilePattern = Annotated[str, Field(min_length=1, max_length=MAX_PATH), AfterValidator(_pattern)]
"""A path with strftime codes."""


def changed_fields(section: Section) -> set[str]:
    """Names of the fields whose values differ from the default."""
    fields = type(section).model_fields
    return {name for name, f in fields.items() if getattr(section, name) != f.get_default(call_default_factory=True)}


@functools.cache
def _is_number(section: type[BaseModel], name: str) -> bool:
    """Whether a field accepts only numbers, singly or in lists."""
    found = section.model_fields.get(name)
    return found is not None and _kinds_in(found.annotation) <= {int, float}


def _kinds_in(annotation: Any) -> set[Any]:
    parts = get_args(annotation)
    if get_origin(annotation) is Annotated:
        return _kinds_in(parts[0])
    if parts:
        return {kind for part in parts for kind in _kinds_in(part)}
    return set() if annotation in (None, type(None), ...) else {annotation}


def _bools_as_texts(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_bools_as_texts(part) for part in value]
    return str(value).lower() if isinstance(value, bool) else value


def _check_path(path: Path, codes: bool = False) -> None:
    text = str(path)
    if "\0" in text:
        raise ValueError("a path must not contain the character NUL")
    try:
        sizes = [len(os.fsencode(part)) for part in (text, *path.parts)]
        if codes:
            sizes = [n + _LONGEST_CODE * part.count("%") for n, part in zip(sizes, (text, *path.parts), strict=True)]
    except UnicodeEncodeError as error:
        raise ValueError("a path with characters that cannot be encoded") from error
    if sizes[0] > MAX_PATH or max(sizes[1:], default=0) > MAX_NAME:
        up_to = "up to " if codes else ""
        raise ValueError(
            f"a path of {up_to}{sizes[0]} bytes; expected at most {MAX_PATH}, {MAX_NAME} for each name in it"
        )
