"""The observation for an analysis: one image on the model grid with a flag for each cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.errors import ShapeError
from landda_hpc.regridding.depth import DepthRange

FlagArray = npt.NDArray[np.uint8]


class Flag(IntEnum):
    """Why a cell's observation is not used; the first reason is kept. Output files hold the values."""

    USED = 0
    OUTSIDE_SOIL = 1
    MISSING = 2
    OUT_OF_RANGE = 3
    FROZEN = 4
    SNOW = 5
    DENSE_VEGETATION = 6
    PRODUCT = 7
    SPIKE = 8
    INNOVATION = 9
    WITHHELD = 10


REASONS: Final[dict[Flag, str]] = {
    Flag.USED: "used",
    Flag.OUTSIDE_SOIL: "outside the model's soil",
    Flag.MISSING: "missing",
    Flag.OUT_OF_RANGE: "out of range",
    Flag.FROZEN: "frozen soil",
    Flag.SNOW: "snow",
    Flag.DENSE_VEGETATION: "dense vegetation",
    Flag.PRODUCT: "refused by the product's flags",
    Flag.SPIKE: "spike in time",
    Flag.INNOVATION: "far from the background",
    Flag.WITHHELD: "withheld",
}
"""The flags in words."""

FIRST_FURTHER: Final = 64
"""Value of the first reason that is not a ``Flag``: of checks of other packages, numbered as they first reject."""


@dataclass(frozen=True, eq=False)
class ImageObservation:
    """Soil moisture observed at one time, on the model grid.

    Attributes
    ----------
    given : values of the source, m3 m-3, shape (n_lat, n_lon); NaN where it has none. Flagged values are kept
        here.
    flags : a Flag per cell, uint8, shape (n_lat, n_lon).
    time : valid time, UTC.
    depth_m : top and bottom of the observed layer, m.
    source : label for output and messages.
    error_std : standard deviation of the errors that the source reports, m3 m-3, shape (n_lat, n_lon), or
        None.
    untreated : ``given`` before a bias treatment, m3 m-3, shape (n_lat, n_lon); None without one.
    further : reasons of further checks in words; flag values ``FIRST_FURTHER`` and up, in this order.
    """

    given: FloatArray
    flags: FlagArray
    time: datetime
    depth_m: DepthRange
    source: str
    error_std: FloatArray | None = None
    untreated: FloatArray | None = None
    further: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.given.ndim != 2 or self.flags.shape != self.given.shape:
            raise ShapeError(
                f"observation has shape {self.given.shape}, its flags {self.flags.shape}; expected one image."
            )
        if np.any(np.isnan(self.given) & (self.flags == Flag.USED)):
            raise ShapeError("a cell whose observation is NaN is flagged as used.")

    @classmethod
    def flagged(
        cls,
        given: FloatArray,
        is_soil: BoolArray,
        time: datetime,
        depth_m: DepthRange,
        source: str,
        error_std: FloatArray | None = None,
        refused: Mapping[Flag, BoolArray] | None = None,
    ) -> ImageObservation:
        """Build from values only; cells outside the soil or without a value (NaN, infinite) are flagged.

        Parameters
        ----------
        given : m3 m-3, shape (n_lat, n_lon); NaN is missing.
        is_soil : the model's cells with updatable soil, same shape.
        time, depth_m, source, error_std : see the class.
        refused : cells whose value is missing for a known reason, by flag; the first reason counts.

        Raises
        ------
        ShapeError : a mask has another shape.
        """
        if given.shape != is_soil.shape:
            raise ShapeError(f"observation has shape {given.shape}; the model's soil mask has {is_soil.shape}.")
        given = np.where(np.isfinite(given), given, np.nan)
        flags = np.where(is_soil, np.where(np.isnan(given), Flag.MISSING, Flag.USED), Flag.OUTSIDE_SOIL)
        for flag, where in (refused or {}).items():
            if where.shape != given.shape:
                raise ShapeError(f"mask of '{REASONS[flag]}' has shape {where.shape}; observation has {given.shape}.")
            flags = np.where((flags == Flag.MISSING) & where, flag, flags)
        return cls(given, flags.astype(np.uint8), time, depth_m, source, error_std)

    @cached_property
    def values(self) -> FloatArray:
        """Assimilated values, m3 m-3, shape (n_lat, n_lon), NaN where missing or rejected."""
        values: FloatArray = np.where(self.is_used, self.given, np.nan)
        return values

    @property
    def is_used(self) -> BoolArray:
        """Cells whose observation is assimilated, shape (n_lat, n_lon)."""
        used: BoolArray = self.flags == Flag.USED
        return used

    @property
    def is_frozen(self) -> BoolArray:
        """Observed cells that are not used because the model's soil is frozen, shape (n_lat, n_lon)."""
        frozen: BoolArray = self.flags == Flag.FROZEN
        return frozen

    @property
    def is_withheld(self) -> BoolArray:
        """Valid observations that are withheld for comparison, shape (n_lat, n_lon)."""
        withheld: BoolArray = self.flags == Flag.WITHHELD
        return withheld

    @property
    def n_used(self) -> int:
        """Number of cells whose observation is assimilated."""
        return int(np.count_nonzero(self.is_used))

    @property
    def counts(self) -> dict[str, int]:
        """Number of cells by reason; cells outside the soil count only if the source gave a value."""
        reasons = self.reasons
        nothing = max(reasons) + 1
        counted = np.where((self.flags == Flag.OUTSIDE_SOIL) & np.isnan(self.given), nothing, self.flags)
        numbers = np.bincount(counted.ravel(), minlength=nothing + 1)
        return {words: int(numbers[value]) for value, words in reasons.items()}

    @property
    def reasons(self) -> dict[int, str]:
        """Every flag value that may occur, in words."""
        return {int(flag): words for flag, words in REASONS.items()} | dict(enumerate(self.further, FIRST_FURTHER))

    def with_errors(self, error_std: FloatArray) -> ImageObservation:
        """Return the observation with these standard deviations of its errors, m3 m-3, (n_lat, n_lon)."""
        if error_std.shape != self.given.shape:
            raise ShapeError(f"errors have shape {error_std.shape}; the observation has {self.given.shape}.")
        return replace(self, error_std=error_std)

    def reject_as(self, where: BoolArray, reason: str) -> ImageObservation:
        """Return the observation with the used cells of ``where``, shape (n_lat, n_lon), flagged for a reason in words.

        A reason of ``REASONS`` gets its flag. Any other is added to ``further``, also where no cell is rejected, so
        that every time has the same reasons.
        """
        known = next((flag for flag, words in REASONS.items() if words == reason), None)
        if known is not None:
            return self.reject(where, known)
        further = self.further if reason in self.further else (*self.further, reason)
        return replace(self, further=further).reject(where, FIRST_FURTHER + further.index(reason))

    def reject(self, where: BoolArray, flag: int) -> ImageObservation:
        """Return the observation with the used cells of ``where``, shape (n_lat, n_lon), flagged.

        Parameters
        ----------
        flag : a ``Flag``, or the value of a further reason.
        """
        if where.shape != self.flags.shape:
            raise ShapeError(
                f"mask of cells to reject has shape {where.shape}; the observation has {self.flags.shape}."
            )
        return replace(self, flags=np.where(self.is_used & where, np.uint8(flag), self.flags))
