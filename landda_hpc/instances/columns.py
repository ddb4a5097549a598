"""Layout of a row of cell means: the values per land cell that are sent from the tiles to the roots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from landda_hpc.config import OutputConfig, Run
from landda_hpc.constants import N_SOIL, N_UPPER, BoolArray, FloatArray
from landda_hpc.regridding.depth import observe


@dataclass(frozen=True)
class Columns:
    """The columns of rows (n_cells, size): observed depth, scored layers, upper soil layers, share of frozen soil.

    Attributes
    ----------
    n_depths : scored layers.
    n_soil : number of soil layers from the top that are included: 0, three, or all.
    """

    n_depths: int
    n_soil: int

    @property
    def size(self) -> int:
        """Number of values per cell."""
        return 2 + self.n_depths + self.n_soil

    def observed(self, rows: FloatArray) -> FloatArray:
        """Mean over the observed depth, m3 m-3, (n_cells,)."""
        return rows[:, 0]

    def depth(self, rows: FloatArray, number: int) -> FloatArray:
        """Mean over a scored layer, m3 m-3, (n_cells,)."""
        return rows[:, 1 + number]

    def soil(self, rows: FloatArray) -> FloatArray:
        """The soil layers that are included, m3 m-3, (n_cells, n_soil)."""
        return rows[:, 1 + self.n_depths : 1 + self.n_depths + self.n_soil]

    def frozen(self, rows: FloatArray) -> FloatArray:
        """Fraction of soil that is frozen at the observed depth, (n_cells,)."""
        return rows[:, -1]

    def of_tiles(
        self, theta: FloatArray, frozen: BoolArray, observed_weights: FloatArray, depth_weights: FloatArray
    ) -> FloatArray:
        """The same values for tiles, (n_tiles, size), to be averaged over cells.

        Parameters
        ----------
        theta : volumetric water of all soil layers, m3 m-3, (n_tiles, n_soil).
        frozen : tiles with ice at the observed depth, (n_tiles,).
        observed_weights, depth_weights : weights of the soil layers, (n_soil,) and (n_depths, n_soil).
        """
        parts = [observe(theta, observed_weights)]
        parts += [observe(theta, weights) for weights in depth_weights]
        parts += list(theta.T[: self.n_soil])
        return np.stack([*parts, frozen.astype(np.float64)], axis=1)


def make_columns(runs: Sequence[Run], output: OutputConfig, n_depths: int) -> Columns:
    """The columns that a campaign's methods and records need. Local.

    Parameters
    ----------
    n_depths : scored layers.
    """
    n_soil = 0
    analysed = any(run.n_analysed_layers for run in runs)
    if analysed or "innovation_layers" in output.fields:
        n_soil = N_UPPER
    if output.profiles or any(run.ensemble is not None and run.assimilates for run in runs):
        n_soil = N_SOIL
    return Columns(n_depths, n_soil)
