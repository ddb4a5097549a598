"""The water ledger of an analysis: the requested water, the part that the soil takes, and the reasons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from landda_hpc.constants import BoolArray, FloatArray

LEDGER_ACCOUNTS: Final = ("requested", "applied", "clipped_wet", "clipped_dry", "frozen")


@dataclass(frozen=True, eq=False)
class WaterLedger:
    """Water that an analysis requests and water that it adds, kg m-2, summed over layers.

    Attributes
    ----------
    requested : water of the increment before bounds, shape (n,), per cell or per patch; 0 where nothing may change.
    applied : water that was added (negative: removed), (n,).
    clipped_wet : requested but above porosity minus ice, >= 0, (n,).
    clipped_dry : requested but below the dry bound, <= 0, (n,).
    frozen : requested in layers that are frozen and not changed, (n,).
    changed : layers whose liquid water changed, shape (n_tile, n_soil) or (n_patch, n_soil).

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

    @property
    def rows(self) -> FloatArray:
        """The five accounts as columns, shape (n, 5), in the order of ``LEDGER_ACCOUNTS``."""
        return np.stack([getattr(self, name) for name in LEDGER_ACCOUNTS], axis=1)

    def largest_residual(self) -> float:
        """Largest amount by which a row of the ledger does not close, kg m-2; 0 without rows."""
        rest = self.requested - (self.applied + self.clipped_wet + self.clipped_dry + self.frozen)
        return float(np.abs(rest).max(initial=0.0))
