"""Decode stored numbers of a netCDF variable: fill and missing values, valid range, packing.

The rules are those of the NetCDF User Guide (appendix A, attribute conventions) and of CF (2.5.1 and 8.1).
``Decoder`` describes how files that deviate from them are read.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import netCDF4
import numpy as np
import numpy.typing as npt

from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.errors import DataError

logger = logging.getLogger(__name__)

_ATTRIBUTES: Final = (
    "_FillValue", "missing_value", "valid_range", "valid_min", "valid_max", "scale_factor", "add_offset", "_Unsigned",
)  # fmt: skip

_SINGLE: Final = float(np.finfo(np.float32).eps)
_FEWEST_CODES: Final = 10
"""A range of another type is in unpacked units if it admits fewer packed integers than this."""

_logged: set[tuple[object, ...]] = set()

Numbers = npt.NDArray[Any]


def is_first(*key: object) -> bool:
    """Whether a message with this key is new in this process; repeated messages are not logged."""
    is_new = key not in _logged
    _logged.add(key)
    return is_new


@dataclass(frozen=True, eq=False)
class Decoded:
    """Values of a variable, and the number of values that the valid range removes.

    Attributes
    ----------
    values : float64, unpacked, in the shape of the stored numbers; NaN where fill, missing or outside the valid range.
    n_outside : number of values outside the valid range that are neither fill nor missing.
    n_kept : number of remaining values.
    outside : minimum and maximum of the values outside the range, unpacked; NaN if there are none.
    """

    values: FloatArray
    n_outside: int
    n_kept: int
    outside: tuple[float, float]


@dataclass(frozen=True)
class _Limits:
    """An inclusive valid range in packed or unpacked units, infinite where open; ``text`` describes it in messages."""

    low: float
    high: float
    is_packed: bool
    text: str


class Decoder:
    """Decoder of the stored numbers of one variable.

    Parameters
    ----------
    stored : type of the numbers in the file.
    attributes : attributes of the variable, as the netCDF library returns them.
    place : the variable and its file, for messages: ``variable 'sm' in 'file.nc'``.

    Attributes
    ----------
    kind : type of the values according to CF: the stored type, or that of scale and offset.
    range_text : the valid range with its type and units, for messages; empty if there is none.

    Raises
    ------
    DataError : scale_factor or add_offset is not one finite number, or the scale is 0.

    Notes
    -----
    - Fill and missing values are in packed units if the stored type can hold them, else in unpacked units.
      Floating-point numbers of different types are compared to two units in the last place of single precision. Types
      of two bytes and more have the default fill value of the netCDF library if the file defines none; bytes have none.
    - A valid range of the stored type is in packed units. A range of the type of scale and offset is in unpacked units
      if that type is higher than the stored one. An integer range of a third type is in packed units, unless it admits
      fewer than 10 packed integers. A floating-point range of a third type is in unpacked units, unless it consists of
      whole numbers that only the packed integers can reach.
    - valid_range takes precedence over valid_min and valid_max. A range that does not consist of ascending numbers is
      ignored with a warning: it contains no information, and readers check the physical range of their variables.
    - Values are unpacked in the type of scale and offset (CF), or in double precision if these are integers or text.
    """

    def __init__(self, stored: np.dtype[Any], attributes: Mapping[str, Any], place: str) -> None:
        self._place = place
        self._in_file = stored.newbyteorder("=")
        self._stored = _signedness(self._in_file, attributes.get("_Unsigned"))
        self._scale, self._offset, packing = self._read_packing(attributes)
        self._is_packed = self._scale is not None or self._offset is not None
        self.kind: np.dtype[Any] = packing if packing is not None and self._is_packed else self._stored
        self._missing = self._read_missing(attributes)
        self._ranges = self._read_ranges(attributes)
        self.range_text = " and ".join(limits.text for limits in self._ranges)

    def decode(self, numbers: Numbers) -> Decoded:
        """Decode stored numbers of any shape, without changing them."""
        shape = np.shape(numbers)
        raw = np.ascontiguousarray(numbers, dtype=self._in_file).view(self._stored).reshape(shape)
        with np.errstate(all="ignore"):
            values = self._unpack(raw)
            outside = np.zeros(shape, dtype=bool)
            for limits in self._ranges:
                here = raw if limits.is_packed else values
                outside |= (here < np.float64(limits.low)) | (here > np.float64(limits.high))
            is_missing = self._is_missing(raw, values)
        outside &= ~is_missing
        n_outside = int(np.count_nonzero(outside))
        n_kept = int(values.size - np.count_nonzero(is_missing)) - n_outside
        extremes = (float("nan"), float("nan"))
        if n_outside:
            taken = values[outside]
            extremes = float(taken.min()), float(taken.max())
        values[is_missing | outside] = np.nan
        return Decoded(values, n_outside, n_kept, extremes)

    def encode(self, values: FloatArray, numbers: Numbers) -> Numbers:
        """Encode values as stored numbers; NaN becomes the given stored number.

        Raises
        ------
        DataError : the packed type cannot hold a value, or would hold it as a fill or missing value.
        """
        packed = values
        if self._offset is not None:
            packed = packed - np.float64(self._offset)
        if self._scale is not None:
            packed = packed / np.float64(self._scale)
        is_kept, raw = np.isnan(values), np.asarray(numbers, dtype=self._in_file).view(self._stored)
        if self._stored.kind == "f":
            return np.where(is_kept, raw, packed.astype(self._stored))
        bounds = np.iinfo(self._stored)
        whole = np.where(is_kept, 0.0, np.rint(packed))
        fits = (whole >= float(bounds.min)) & (whole <= float(bounds.max))
        coded = np.where(is_kept, raw, np.where(fits, whole, 0.0).astype(self._stored))
        if not fits.all() or self._is_missing(coded, self._unpack(coded))[~is_kept].any():
            raise DataError(
                f"{self._place} is packed in {self._stored}, which cannot hold values from {np.nanmin(values):g} to "
                f"{np.nanmax(values):g}. Write the variable as floating-point numbers."
            )
        return coded.view(self._in_file)

    # ------------------------------------------------------------------ values

    def _unpack(self, raw: Numbers) -> FloatArray:
        values: Any = raw
        if self._scale is not None:
            values = values * self._scale
        if self._offset is not None:
            values = values + self._offset
        return np.array(values, dtype=np.float64)

    def _is_missing(self, raw: Numbers, values: FloatArray) -> BoolArray:
        """Mask of the numbers that are fill, missing or NaN."""
        found = np.isnan(values)
        for value in self._missing:
            found |= self._equals(raw, values, value)
        return found

    def _equals(self, raw: Numbers, values: FloatArray, value: Any) -> BoolArray:
        """Mask of the stored numbers that equal a fill or missing value."""
        number = value.item()
        found: BoolArray
        if not np.isfinite(number):
            found = values == number
        elif self._stored.kind in "iu" and _holds(self._stored, number):
            found = raw == self._stored.type(int(number))
        elif self._stored.kind in "iu":
            found = np.abs(values - number) <= self._slack(number, self._is_packed)
        elif value.dtype == self._stored or number == 0:
            found = raw == self._stored.type(number)
        else:
            # The attribute was converted from another type or from text.
            found = np.abs(raw - np.float64(number)) <= 2.0 * _SINGLE * abs(number)
        return found

    def _slack(self, limit: float, is_unpacked: bool) -> float:
        """Largest difference at which a value counts as equal to a limit of another type."""
        if not np.isfinite(limit):
            return 0.0
        if not is_unpacked:
            return _SINGLE * abs(limit)
        offset = 0.0 if self._offset is None else abs(float(self._offset))
        step = 0.0 if self._scale is None or self._stored.kind == "f" else 0.01 * abs(float(self._scale))
        return step + 2.0 * _SINGLE * max(abs(limit), offset)

    # -------------------------------------------------------------- attributes

    def _read_packing(self, attributes: Mapping[str, Any]) -> tuple[Any, Any, np.dtype[Any] | None]:
        """Scale and offset as numpy numbers (None if absent or without effect), and the type that they imply."""
        scale, offset = (self._factor(name, attributes.get(name)) for name in ("scale_factor", "add_offset"))
        kinds = [number.dtype for number in (scale, offset) if number is not None]
        if scale is not None and scale == 0:
            raise DataError(f"{self._place} has scale_factor = 0; expected another number. Is the file damaged?")
        if (scale is None or scale == 1) and (offset is None or offset == 0):
            scale = offset = None
        # Integers would overflow in the packed type.
        scale, offset = (n if n is None or n.dtype.kind == "f" else np.float64(n) for n in (scale, offset))
        return scale, offset, max(kinds, key=_rank, default=None)

    def _factor(self, name: str, attribute: Any) -> Any:
        """A scale or offset as a numpy number of the attribute's type; text is read as a number."""
        if attribute is None:
            return None
        numbers = _as_numbers(attribute)
        if numbers is None or numbers.size != 1 or not np.isfinite(numbers).all():
            raise DataError(
                f"{self._place} has {name} = {attribute!r}; expected one finite number. Correct the attribute (for "
                "example with ncatted): without it the packed numbers cannot be read."
            )
        return numbers.reshape(-1)[0]

    def _read_missing(self, attributes: Mapping[str, Any]) -> tuple[Any, ...]:
        """Fill and missing values as numpy numbers of the attributes' types, with the variable's signedness."""
        found: list[Any] = []
        for name in ("_FillValue", "missing_value"):
            if name not in attributes:
                continue
            numbers = _as_numbers(attributes[name])
            if numbers is None:
                self._ignore(name, attributes[name], "no number")
                continue
            found += list(self._signed_as_stored(numbers).reshape(-1))
        if "_FillValue" not in attributes and self._stored.itemsize > 1:
            default = np.array(netCDF4.default_fillvals[self._in_file.str[1:]], dtype=self._in_file)
            found.append(default.view(self._stored)[()])
        return tuple(found)

    def _read_ranges(self, attributes: Mapping[str, Any]) -> tuple[_Limits, ...]:
        both = self._limit_numbers("valid_range", attributes, 2)
        if both is not None:
            return (self._limits("valid_range", both[0], both[1]),)
        low, high = (self._limit_numbers(name, attributes, 1) for name in ("valid_min", "valid_max"))
        if low is not None and high is not None and low.dtype == high.dtype:
            if low[0] > high[0]:
                self._ignore("valid_min and valid_max", (low[0], high[0]), "not ascending")
                return ()
            return (self._limits("valid_min, valid_max", low[0], high[0]),)
        found = []
        if low is not None:
            found.append(self._limits("valid_min", low[0], None))
        if high is not None:
            found.append(self._limits("valid_max", None, high[0]))
        return tuple(found)

    def _limit_numbers(self, name: str, attributes: Mapping[str, Any], n: int) -> Numbers | None:
        """Limits in an attribute, (n,); None if absent or not a range."""
        if name not in attributes:
            return None
        attribute = attributes[name]
        numbers = np.atleast_1d(np.asarray(attribute))
        if numbers.shape != (n,) or numbers.dtype.kind not in "iuf":
            self._ignore(name, attribute, f"not {n} number{'s' if n > 1 else ''}")
            return None
        numbers = self._signed_as_stored(numbers)
        if np.isnan(numbers).all() or (n == 2 and numbers[0] > numbers[1]):
            self._ignore(name, attribute, "not ascending")
            return None
        return numbers

    def _limits(self, name: str, low: Any, high: Any) -> _Limits:
        """Valid range from numpy numbers of one type; None or NaN leaves an end open."""
        given = [number for number in (low, high) if number is not None]
        kind: np.dtype[Any] = given[0].dtype
        least = -np.inf if low is None or np.isnan(low) else float(low)
        greatest = np.inf if high is None or np.isnan(high) else float(high)
        is_packed = not self._is_packed or self._limits_are_packed(least, greatest, kind)
        text = f"{name} = {', '.join(f'{number:g}' for number in given)} ({kind}"
        text += f", in {'packed' if is_packed else 'unpacked'} units)" if self._is_packed else ")"
        if not is_packed or (self._stored.kind == "f" and kind != self._stored):
            least -= self._slack(least, not is_packed)
            greatest += self._slack(greatest, not is_packed)
        return _Limits(least, greatest, is_packed, text)

    def _limits_are_packed(self, least: float, greatest: float, kind: np.dtype[Any]) -> bool:
        """Whether a range of a packed variable is in packed units, by the rules of the class."""
        if kind == self._stored:
            return True
        if kind == self.kind:
            return _rank(kind) <= _rank(self._stored)
        if self._stored.kind == "f":
            return True
        codes = np.iinfo(self._stored)
        n_codes = min(greatest, float(codes.max)) - max(least, float(codes.min)) + 1.0
        if n_codes < _FEWEST_CODES or any(end != np.floor(end) for end in (least, greatest) if np.isfinite(end)):
            return False
        if kind.kind in "iu":
            return True
        reach = self._unpack(np.array([codes.min, codes.max], dtype=self._stored))
        is_beyond = (least < reach.min() and np.isfinite(least)) or (greatest > reach.max() and np.isfinite(greatest))
        return bool(is_beyond)

    def _signed_as_stored(self, numbers: Numbers) -> Numbers:
        """Give numbers of the file's type the signedness of the variable."""
        return numbers.view(self._stored) if numbers.dtype.newbyteorder("=") == self._in_file else numbers

    def _ignore(self, name: str, attribute: Any, reason: str) -> None:
        if is_first("ignored", name, str(attribute)):
            logger.warning(
                "%s: %s = %s is ignored (%s) and removes no value. Further files with this attribute are not "
                "reported", self._place, name, attribute, reason,
            )  # fmt: skip


def decoder_of(variable: netCDF4.Variable[Any], place: str, *, with_range: bool = True, **usual: Any) -> Decoder:
    """Create the decoder of a variable of an open file.

    Parameters
    ----------
    place : as for ``Decoder``.
    with_range : whether values outside the valid range are missing.
    usual : default attributes if the variable lacks them.

    Raises
    ------
    DataError : as for ``Decoder``.
    """
    names = [name for name in _ATTRIBUTES if with_range or not name.startswith("valid_")]
    present = {name: variable.getncattr(name) for name in variable.ncattrs() if name in names}
    return Decoder(np.dtype(variable.dtype), usual | present, place)


def _signedness(stored: np.dtype[Any], unsigned: Any) -> np.dtype[Any]:
    """Stored type with the signedness given by the attribute _Unsigned; classic netCDF has no unsigned types."""
    text = str(unsigned).strip().lower()
    if stored.kind == "i" and text == "true":
        return np.dtype(f"u{stored.itemsize}")
    if stored.kind == "u" and text == "false":
        return np.dtype(f"i{stored.itemsize}")
    return stored


def _rank(kind: np.dtype[Any]) -> tuple[bool, int]:
    """Rank of a type after the NetCDF User Guide: floating-point above integers, then by size."""
    return kind.kind == "f", kind.itemsize


def _holds(kind: np.dtype[Any], number: float) -> bool:
    """Whether an integer type can hold a number exactly."""
    limits = np.iinfo(kind)
    return limits.min <= number <= limits.max and number == int(number)


def _as_numbers(attribute: Any) -> Numbers | None:
    """Numbers of an attribute in its type, or in double precision if it is text; None if it holds no numbers."""
    if isinstance(attribute, str | bytes):
        text = attribute.decode("latin-1") if isinstance(attribute, bytes) else attribute
        try:
            return np.array([float(part) for part in text.replace(",", " ").split()]) if text.strip() else None
        except ValueError:
            return None
    numbers = np.asarray(attribute)
    return numbers if numbers.dtype.kind in "iuf" and numbers.size else None
