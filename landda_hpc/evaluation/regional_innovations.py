"""Innovations of a run by region: mean, standard deviation, fit to the assumed errors, autocorrelation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from landda_hpc.formats.own.innovation_file import RegionalInnovations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from landda_hpc.constants import BoolArray, FloatArray
    from landda_hpc.evaluation.stored_innovations import StoredInnovations
    from landda_hpc.grid import Grid
    from landda_hpc.regions import Region


class RegionCells:
    """Cells of regions.

    Parameters
    ----------
    regions, grid : regions and the model grid.
    """

    def __init__(self, regions: Sequence[Region], grid: Grid) -> None:
        self.names = tuple(region.name for region in regions)
        self.n = len(self.names)
        self._masks = [region.mask(grid) for region in regions]

    def sums(self, image: FloatArray, where: BoolArray | None = None) -> FloatArray:
        """Return the sum over the cells of each region, also in ``where``, (n,)."""
        chosen = self._masks if where is None else [mask & where for mask in self._masks]
        return np.array([float(image[mask].sum()) for mask in chosen])

    def energy(self, image: FloatArray) -> FloatArray:
        """Return the sum of squares over the cells of each region, (n,)."""
        return self.sums(image**2)


def regional_innovations(
    stored: StoredInnovations, cells: RegionCells, assumed_std: FloatArray | None, autocorrelation: FloatArray
) -> RegionalInnovations:
    """Return the statistics of innovations over all times and cells of each region; every value counts equally. Local.

    Parameters
    ----------
    stored : stored innovations of the run.
    cells : cells of the regions.
    assumed_std : sqrt(B + R) of each cell, m3 m-3, (n_lat, n_lon); None if the run does not assume both.
    autocorrelation : of each region by lag, 1, (n_lags, n_regions).
    """
    sums = np.zeros((5, cells.n))
    for one in stored:
        d, seen = one.pair.innovation, one.pair.observed
        z = np.full(d.shape, np.nan)
        if assumed_std is not None:
            np.divide(d, assumed_std, out=z, where=assumed_std > 0.0)
        sums += [cells.sums(values, seen) for values in (np.ones(d.shape), d, d**2, z, z**2)]
    count = sums[0]
    known = np.where(count > 0.0, count, np.nan)
    mean, normalised_mean = sums[1] / known, sums[3] / known
    return RegionalInnovations(
        names=cells.names,
        count=count,
        mean=mean,
        std=np.sqrt(np.maximum(sums[2] / known - mean**2, 0.0)),
        normalised_std=np.sqrt(np.maximum(sums[4] / known - normalised_mean**2, 0.0)),
        autocorrelation=autocorrelation,
    )
