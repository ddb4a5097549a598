"""Innovations of a run by region: mean, standard deviation, fit to the assumed errors, autocorrelation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from landda_hpc.formats.own.innovation_file import RegionalInnovations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from landda_hpc.analysis.frame_protocol import ImageFrame
    from landda_hpc.analysis.mixing import WedgeGroups
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
        self.masks = [region.mask(grid) for region in regions]

    def sums(self, image: FloatArray, where: BoolArray | None = None) -> FloatArray:
        """Return the sum over the cells of each region, also in ``where``, (n,)."""
        chosen = self.masks if where is None else [mask & where for mask in self.masks]
        return np.array([float(image[mask].sum()) for mask in chosen])

    def energy(self, image: FloatArray) -> FloatArray:
        """Return the sum of squares over the cells of each region, (n,)."""
        return self.sums(image**2)


class RegionScales:
    """Scales of an image within each region; the parts are in the order of regions, and of scales within each.

    Parameters
    ----------
    cells : cells of the regions.
    frame, scales : curvelet frame, and its wedges grouped by scale.
    """

    def __init__(self, cells: RegionCells, frame: ImageFrame, scales: WedgeGroups) -> None:
        self.cells, self.frame, self.scales = cells, frame, scales
        self.n = cells.n * scales.n

    def energy(self, image: FloatArray) -> FloatArray:
        """Return the energy of the image within each region by scale, (n,)."""
        return np.concatenate([self.scales.energy(np.where(mask, image, 0.0)) for mask in self.cells.masks])

    def table(self, values: FloatArray) -> FloatArray:
        """Return values of the parts by region and scale, (n,) -> (n_regions, n_scales)."""
        return values.reshape(self.cells.n, self.scales.n)


def regional_innovations(
    stored: StoredInnovations,
    parts: RegionScales,
    assumed_std: FloatArray | None,
    assumed_by_scale: FloatArray,
    autocorrelation: FloatArray,
    autocorrelation_by_scale: FloatArray,
) -> RegionalInnovations:
    """Return the statistics of innovations over all times and cells of each region; every value counts equally. Local.

    Parameters
    ----------
    stored : stored innovations of the run.
    parts : regions, and scales within them.
    assumed_std : sqrt(B + R) of each cell, m3 m-3, (n_lat, n_lon); None if the run does not assume both.
    assumed_by_scale : sqrt(B + R) of each scale, m3 m-3, (n_scales,); NaN if the run does not assume both.
    autocorrelation : of each region by lag, 1, (n_lags, n_regions).
    autocorrelation_by_scale : at the shortest lag, 1, (n_regions, n_scales).
    """
    cells, scales = parts.cells, parts.scales
    sums = np.zeros((5, cells.n))
    total, n_seen = np.zeros(parts.frame.shape), np.zeros(parts.frame.shape)
    for one in stored:
        d, seen = one.pair.innovation, one.pair.observed
        z = np.full(d.shape, np.nan)
        if assumed_std is not None:
            np.divide(d, assumed_std, out=z, where=assumed_std > 0.0)
        sums += [cells.sums(values, seen) for values in (np.ones(d.shape), d, d**2, z, z**2)]
        total += np.where(seen, d, 0.0)
        n_seen += seen
    count = sums[0]
    known = np.where(count > 0.0, count, np.nan)
    mean, normalised_mean = sums[1] / known, sums[3] / known
    of_scale = [parts.frame.apply_gain(total, scales.expand(one)) for one in np.eye(scales.n)]
    energy = np.zeros((cells.n, scales.n))
    for one in stored:
        d, seen = one.pair.innovation, one.pair.observed
        for number, mask in enumerate(cells.masks):
            if count[number]:
                energy[number] += scales.energy(np.where(seen & mask, d - mean[number], 0.0))
    # The energy of white errors is linear in the number of values of each cell.
    white = np.array([scales.by_block(parts.frame.wedge_variance(np.where(mask, n_seen, 0.0))) for mask in cells.masks])
    by_scale = np.sqrt(np.divide(energy, white, out=np.full(energy.shape, np.nan), where=white > 0.0))
    return RegionalInnovations(
        names=cells.names,
        count=count,
        mean=mean,
        std=np.sqrt(np.maximum(sums[2] / known - mean**2, 0.0)),
        normalised_std=np.sqrt(np.maximum(sums[4] / known - normalised_mean**2, 0.0)),
        autocorrelation=autocorrelation,
        scale_mean=np.array([cells.sums(image) for image in of_scale]).T / known[:, None],
        scale_std=by_scale,
        scale_normalised_std=by_scale / np.where(assumed_by_scale > 0.0, assumed_by_scale, np.nan),
        scale_autocorrelation=autocorrelation_by_scale,
    )
