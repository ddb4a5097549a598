"""Regions of coherent change: connected cells that an image analysis changes in the same direction, and clearly."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import label

from landda_hpc.constants import BoolArray, FloatArray, IntArray


def coherent_regions(
    increment: FloatArray, domain: BoolArray, threshold: float, min_cells: int, *, is_periodic: bool
) -> IntArray:
    """Number the regions of coherent change of an increment, as Bai et al. (2026, section 5) propose.

    A region is a connected set of cells of the domain in which the increment has one sign and its absolute value
    exceeds ``threshold`` times its root-mean-square value over the domain. Cells are connected along edges and corners.

    Parameters
    ----------
    increment : of the image analysis, m3 m-3, (n_lat, n_lon).
    domain : cells that the analysis may change, same shape.
    threshold : k, 1.
    min_cells : smaller sets are not regions.
    is_periodic : the last column is next to the first.

    Returns
    -------
    1, 2, ... in the regions, in order of their first cells; 0 elsewhere. Shape (n_lat, n_lon). Local.
    """
    level = threshold * np.sqrt(np.mean(increment[domain] ** 2)) if domain.any() else 0.0
    labels = np.zeros(domain.shape, dtype=np.int64)
    for sign in (1.0, -1.0):
        found = label(domain & (sign * increment > level), structure=np.ones((3, 3)))[0].astype(np.int64)
        if is_periodic:
            _join(found)
        labels = np.where(found > 0, found + labels.max(), labels)
    names, first, size = np.unique(labels, return_index=True, return_counts=True)
    is_region = (names > 0) & (size >= min_cells)
    kept = names[is_region][np.argsort(first[is_region])]
    renamed = np.zeros(int(names.max(initial=0)) + 1, dtype=np.int64)
    renamed[kept] = np.arange(1, kept.size + 1)
    return renamed[labels]


def _join(labels: IntArray) -> None:
    """Give sets that touch across the seam between the last and the first column the same number, in place."""
    n_rows = labels.shape[0]
    for row in range(n_rows):
        for other in range(max(0, row - 1), min(n_rows, row + 2)):
            one, two = int(labels[row, -1]), int(labels[other, 0])
            if one and two and one != two:
                labels[labels == max(one, two)] = min(one, two)
