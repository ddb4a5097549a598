"""Code shared by all netCDF readers: opening, decoding, axes, times; any fault of a file raises DataError."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

import netCDF4
import numpy as np

from landda_hpc.constants import FloatArray
from landda_hpc.errors import DataError, MissingFileError
from landda_hpc.formats.cf.clock import NOLEAP_CALENDARS as NOLEAP_CALENDARS
from landda_hpc.formats.cf.clock import STANDARD_CALENDARS as STANDARD_CALENDARS
from landda_hpc.formats.cf.clock import decode_times, is_clock
from landda_hpc.formats.cf.decoding import Decoded, Decoder, decoder_of, is_first
from landda_hpc.formats.cf.file_grid import axis_of as axis_of
from landda_hpc.formats.cf.file_grid import read_grid as read_grid
from landda_hpc.formats.cf.hdf5_heap import find_damaged_heap
from landda_hpc.formats.cf.units import is_one_of
from landda_hpc.grid import Grid
from landda_hpc.io.hdf5_locks import locking_fault

MAX_VALUES: Final = 2**28
"""Largest variable read at once (a global image of 0.0156 degrees); a corrupt header must not exhaust the memory."""

VOLUMETRIC_UNITS: Final = ("m3 m-3", "cm3 cm-3", "mm3 mm-3", "1")
"""Units of volumetric soil moisture, in any spelling (``units.canonical_unit``)."""

FEWEST_VALUES: Final = 10
"""If a valid range removes all values, and these are fewer than this, a warning is logged instead of an error."""

logger = logging.getLogger(__name__)


class NetcdfFile:
    """A netCDF file open for reading; use as a context manager.

    Names of variables in groups begin with the group's path: ``Analysis_Data/sm_surface_analysis``.

    Parameters
    ----------
    path : the file.
    scan : search the whole file for damage that would make the library hang; False for archives of gigabytes.

    Raises
    ------
    MissingFileError : no such file.
    DataError : not a netCDF file, truncated or damaged; also from every method, naming file and variable.

    Notes
    -----
    Local: no communication. All calls of the netCDF library are in this class.
    """

    def __init__(self, path: Path, *, scan: bool = True) -> None:
        if not path.is_file():
            raise MissingFileError(f"data file '{path}' does not exist; check the path in the configuration.")
        self.path = path
        with self._library("cannot be read."):
            with path.open("rb") as file:
                is_zip = file.read(4) == b"PK\x03\x04"
            damaged = find_damaged_heap(path) if scan and not is_zip else None
        if is_zip:
            raise DataError(f"file '{path}' is a zip archive; unpack it and configure its files (docs/forcing.md).")
        if damaged is not None:
            raise DataError(f"file '{path}' is damaged: its HDF5 heap at byte {damaged} is damaged. Download it again.")
        self._decoders: dict[str, Decoder] = {}
        with self._library("cannot be opened as netCDF; is it complete (truncated download)?"):
            self._dataset = netCDF4.Dataset(path, mode="r")
            self._dataset.set_auto_maskandscale(False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if any(error):
            # A second fault of the same file must not hide the first.
            with suppress(Exception):
                self._dataset.close()
            return
        with self._library("cannot be closed; is it damaged?"):
            self._dataset.close()

    @contextmanager
    def _library(self, complaint: str) -> Iterator[None]:
        """Convert any exception of the library into a DataError."""
        try:
            yield
        except DataError:
            raise
        except Exception as error:
            what = locking_fault(self.path, error) or complaint
            raise DataError(f"file '{self.path}' {what} [{type(error).__name__}: {error}]") from error

    def names(self, group: str = "") -> tuple[str, ...]:
        """Names of the variables in a group, with its path; of the root group by default."""
        with self._library("has an unreadable list of variables."):
            inside: Any = self._dataset
            for part in group.split("/") if group else ():
                inside = inside.groups.get(part)
                if inside is None:
                    return ()
            return tuple(f"{group}/{name}" if group else str(name) for name in inside.variables)

    def has(self, name: str) -> bool:
        """Whether the file has a variable of that name."""
        return name in self.names(name.rpartition("/")[0])

    def dims(self, name: str) -> dict[str, int]:
        """Dimensions of a variable, in order, and their lengths."""
        variable = self._variable(name)
        with self._library(f"has unreadable dimensions of variable '{name}'."):
            return {str(dim): int(n) for dim, n in zip(variable.dimensions, variable.shape, strict=True)}

    def is_numeric(self, name: str) -> bool:
        """Whether a variable holds integers or floating-point numbers."""
        variable = self._variable(name)
        with self._library(f"has an unreadable type of variable '{name}'."):
            return isinstance(variable.dtype, np.dtype) and variable.dtype.kind in "iuf"

    def attribute(self, name: str, attribute: str) -> str:
        """Text of a variable's attribute with white space normalised; empty if there is none."""
        variable = self._variable(name)
        with self._library(f"has an unreadable attribute '{attribute}' of variable '{name}'."):
            value: Any = variable.getncattr(attribute) if attribute in variable.ncattrs() else ""
            return " ".join(str(value).split())

    def file_attribute(self, attribute: str) -> str:
        """Text of an attribute of the file itself; empty if there is none."""
        with self._library(f"has an unreadable attribute '{attribute}'."):
            value: Any = self._dataset.getncattr(attribute) if attribute in self._dataset.ncattrs() else ""
            return " ".join(str(value).split())

    def texts(self, name: str) -> list[str]:
        """Values of a variable as text, in order: strings, characters along the last dimension, or numbers."""
        variable = self._variable(name)
        with self._library(f"has unreadable values of variable '{name}'; is it complete?"):
            values = np.ma.getdata(variable[...])
            if values.dtype.kind == "S" and values.dtype.itemsize == 1 and values.ndim:
                values = netCDF4.chartostring(values)
            return [
                (value.decode("latin-1") if isinstance(value, bytes) else str(value)).strip("\0 ")
                for value in np.ravel(values).tolist()
            ]

    def values(self, name: str, at: Mapping[str, int | slice] | None = None) -> FloatArray:
        """Values of a variable as float64, unpacked; NaN where fill, missing or outside the valid range.

        Parameters
        ----------
        at : index or slice along some dimensions; a dimension with an index keeps the length 1. None: read everything.

        Raises
        ------
        DataError : damaged file; not numbers; too many values; attributes that cannot be decoded; a valid range that
            removes all values of the image.

        Notes
        -----
        ``decoding.Decoder`` describes the rules. A warning is logged if the valid range removes most values.
        """
        chosen = {
            dim: slice(where, where + 1) if isinstance(where, int) else where for dim, where in (at or {}).items()
        }
        dims = {dim: len(range(*chosen[dim].indices(n))) if dim in chosen else n for dim, n in self.dims(name).items()}
        if not self.is_numeric(name):
            raise DataError(f"variable '{name}' in '{self.path}' does not hold numbers.")
        if math.prod(dims.values()) > MAX_VALUES:
            raise DataError(
                f"variable '{name}' in '{self.path}' has {math.prod(dims.values())} values, dimensions "
                f"{dims}; expected "
                f"at most {MAX_VALUES}. If the file is valid, extract the needed region or time."
            )
        decoded = self._decoded(name, chosen)
        if decoded.n_outside > decoded.n_kept:
            self._report_range(name, chosen, decoded)
        return decoded.values

    def kind(self, name: str) -> np.dtype[Any]:
        """Type of a variable's values according to CF: the stored type, or that of its packing attributes."""
        return self._decoder(name).kind

    def _decoder(self, name: str) -> Decoder:
        if name not in self._decoders:
            variable = self._variable(name)
            with self._library(f"has unreadable attributes of variable '{name}'."):
                self._decoders[name] = decoder_of(variable, f"variable '{name}' in '{self.path}'")
        return self._decoders[name]

    def _decoded(self, name: str, chosen: Mapping[str, slice]) -> Decoded:
        decoder, variable = self._decoder(name), self._variable(name)
        with self._library(f"has unreadable values of variable '{name}'; is it complete?"):
            place = tuple(chosen.get(dim, slice(None)) for dim in variable.dimensions) if chosen else ...
            return decoder.decode(np.asarray(variable[place]))

    def _report_range(self, name: str, chosen: Mapping[str, slice], decoded: Decoded) -> None:
        """Report a valid range that removes most values; an error if it removes the whole image."""
        if decoded.n_kept == 0:
            # A part of an image may lie outside completely; the verdict must not depend on the part that a rank reads.
            times = {
                dim: where for dim, where in chosen.items() if self.has(dim) and is_clock(self.attribute(dim, "units"))
            }
            n_values = math.prod(
                len(range(*times[dim].indices(n))) if dim in times else n for dim, n in self.dims(name).items()
            )
            if times != chosen and n_values <= MAX_VALUES:
                decoded = self._decoded(name, times)
        range_text = self._decoder(name).range_text
        n_values, (low, high) = decoded.n_outside + decoded.n_kept, decoded.outside
        found = f"variable '{name}' in '{self.path}': {range_text} removes {decoded.n_outside} of {n_values} values"
        remedy = (
            "Are the range and its units right? If not, correct or remove the attribute (for example with ncatted)."
        )
        if decoded.n_kept == 0 and n_values >= FEWEST_VALUES:
            raise DataError(f"{found}, which are between {low:g} and {high:g}; none remains. {remedy}")
        # The range of a time coordinate is often the product's period and removes fill values.
        is_time = is_clock(self.attribute(name, "units"))
        if decoded.n_outside > decoded.n_kept and not is_time and is_first("range", str(self.path), name):
            logger.warning("%s, which are between %g and %g; %d remain. %s", found, low, high, decoded.n_kept, remedy)

    def _variable(self, name: str) -> Any:
        names = self.names(name.rpartition("/")[0])
        if name not in names:
            found = names or self.names()
            raise DataError(f"variable '{name}' is not in '{self.path}'; found {', '.join(found) or 'no variable'}.")
        with self._library(f"has an unreadable variable '{name}'."):
            return self._dataset[name] if "/" in name else self._dataset.variables[name]


def require_units(file: NetcdfFile, name: str, expected: Sequence[str]) -> None:
    """Raise DataError unless the variable's units attribute is one of those expected, in any spelling."""
    found = file.attribute(name, "units")
    if not is_one_of(found, expected):
        raise DataError(
            f"variable '{name}' in '{file.path}' has units '{found}'; expected "
            f"{' or '.join(repr(u) for u in expected)}."
        )


def require_range(
    path: Path,
    name: str,
    values: FloatArray,
    valid: tuple[float, float],
    unit: str,
    grid: Grid,
    *,
    may_be_empty: bool = False,
) -> None:
    """Raise DataError if a value is out of range, or if all values are missing.

    Parameters
    ----------
    values : shape (..., n_lat, n_lon), on ``grid``; NaN is missing.
    valid : smallest and largest possible value.
    may_be_empty : all values may be missing.
    """
    low, high = valid
    # Two passes without temporary arrays; NaN is skipped.
    least, greatest = np.fmin.reduce(values, axis=None), np.fmax.reduce(values, axis=None)
    if np.isnan(least):
        if may_be_empty:
            return
        raise DataError(f"variable '{name}' in '{path}' is missing everywhere; expected at least one value.")
    if least < low or greatest > high:
        outside = ~np.isnan(values) & ~((values >= low) & (values <= high))
        worst = np.unravel_index(np.argmax(np.where(outside, np.abs(values - 0.5 * (low + high)), -1.0)), values.shape)
        raise DataError(
            f"variable '{name}' in '{path}' has {np.count_nonzero(outside)} values outside [{low:g}, {high:g}] {unit}, "
            f"the farthest {values[worst]:g} at latitude {grid.lat[worst[-2]]:.3f}, longitude "
            f"{grid.lon[worst[-1]]:.3f}. Are the units and fill values those of the product?"
        )


def read_times(file: NetcdfFile, name: str, calendars: Sequence[str] = STANDARD_CALENDARS) -> list[datetime]:
    """Read the times of a CF time coordinate, to the second, naive UTC; several dimensions are flattened.

    Parameters
    ----------
    calendars : allowed calendars. In the noleap calendar, 1 March always follows 28 February.

    Raises
    ------
    DataError : as for ``clock.decode_times``.
    """
    values = file.values(name)
    place = f"time '{name}' in '{file.path}'"
    units, calendar = file.attribute(name, "units"), file.attribute(name, "calendar")
    return decode_times(values.ravel(), file.kind(name), units, calendar, place, calendars)
