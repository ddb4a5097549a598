"""The water ledger of an analysis: what it asked for, what the soil took, and why not all of it, per patch."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

import numpy as np

from landda_hpc.constants import BoolArray, FloatArray, IntArray

ACCOUNTS: Final = ("requested", "applied", "clipped_wet", "clipped_dry", "frozen")


@dataclass(frozen=True, eq=False)
class PatchLedger:
    """Water of an increment per patch, kg m-2 of the patch, summed over layers; shape (n_patch,).

    Attributes
    ----------
    requested : water of the increment before bounds; 0 in patches that are never changed (all but soil).
    applied : water that was added (negative: removed).
    clipped_wet : requested but above porosity minus ice, >= 0.
    clipped_dry : requested but below the dry bound, <= 0.
    frozen : requested of layers that are frozen and not touched.
    changed : layers whose liquid water changed, (n_patch, 10).
    water_table_lowered : patches whose zwt the increment lowered, (n_patch,).

    Notes
    -----
    requested = applied + clipped_wet + clipped_dry + frozen, to rounding.
    """

    requested: FloatArray
    applied: FloatArray
    clipped_wet: FloatArray
    clipped_dry: FloatArray
    frozen: FloatArray
    changed: BoolArray
    water_table_lowered: BoolArray

    def rows(self) -> FloatArray:
        """The five accounts side by side, shape (n_patch, 5), in the order of ``ACCOUNTS``."""
        return np.stack([getattr(self, name) for name in ACCOUNTS], axis=1)

    def largest_residual(self) -> float:
        """Largest amount by which the ledger of a patch does not close, kg m-2; 0 without patches."""
        rest = self.requested - (self.applied + self.clipped_wet + self.clipped_dry + self.frozen)
        return float(np.abs(rest).max(initial=0.0))

    def take(self, index: slice | IntArray) -> PatchLedger:
        """The patches at a slice or index array, in that order."""
        return PatchLedger(**{f.name: getattr(self, f.name)[index] for f in fields(self)})
