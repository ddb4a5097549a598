"""Gridded soil-moisture products: what every reader returns, and the readers by name.

A further product is one module with a function that keeps ``ProfileReader``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from landda_hpc.errors import ShapeError

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from landda_hpc.constants import FloatArray
    from landda_hpc.fields.depth import DepthRange
    from landda_hpc.grid import Grid


@dataclass(frozen=True, eq=False)
class SoilMoistureProfile:
    """Soil moisture of one time on a product's own grid.

    Attributes
    ----------
    values : m3 m-3, shape (n_layer, n_lat, n_lon), rows south to north; NaN is missing.
    depths_m : top and bottom of each layer, m, from the top down.
    grid : the product's grid.
    time : valid time, UTC.
    label : name of the product, for output and messages.
    path : the file.
    """

    values: FloatArray
    depths_m: tuple[DepthRange, ...]
    grid: Grid
    time: datetime
    label: str
    path: Path

    def __post_init__(self) -> None:
        if self.values.shape != (len(self.depths_m), *self.grid.shape):
            raise ShapeError(
                f"profile of {self.label} has shape {self.values.shape}; expected {len(self.depths_m)} "
                f"layers on {self.grid.describe()}."
            )


class ProfileReader(Protocol):
    """Reads one file of a product."""

    def __call__(self, path: Path, depth_m: DepthRange | None = None) -> SoilMoistureProfile:
        """Read the layers that overlap a depth range (all of them if None).

        Raises
        ------
        MissingFileError : no such file.
        DataError : the file is damaged or not as the provider defines it; names file, variable and
            expectation.
        """
        ...
