"""Observations of several products at one time, combined into one image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from landda_hpc.errors import DataError
from landda_hpc.observation.image_observation import Flag, ImageObservation


def combined(observations: Sequence[ImageObservation]) -> ImageObservation:
    """Combine observations of the same layer and time into the one that an analysis uses. Local.

    Parameters
    ----------
    observations : of the products, after their checks, with ``error_std``; at least one. The order has no effect on
        the statistics; the bits are those of sums in this order.

    Returns
    -------
    In each cell the mean of the used values with weights 1 / sigma^2, with the standard deviation
    (sum 1 / sigma^2)^-1/2 of its errors. The value and the error of a cell that one product observed are those of the
    product. A cell without a used value has the reason of the first product that gave a value.

    Raises
    ------
    DataError : an observation without errors, or of another layer.

    Notes
    -----
    If the errors of the products are independent of each other and uncorrelated between cells, this mean is a
    sufficient statistic: the analysis with it and its R is that with all products stacked in one vector, for every B.
    Analyses one after the other would need, for the second one, the B that the first one leaves; static methods do not
    have it.
    """
    first = observations[0]
    if len(observations) == 1:
        return first
    for one in observations:
        if one.error_std is None or one.depth_m != first.depth_m:
            raise DataError(
                f"observations of {one.source} ({one.depth_m[0]:g}-{one.depth_m[1]:g} m) cannot be combined with those "
                f"of {first.source}: all need errors, and the same layer."
            )
    count = np.zeros(first.given.shape)
    total, weights, value, std = (np.zeros_like(count) for _ in range(4))
    for one in observations:
        assert one.error_std is not None, "checked above"
        used = one.is_used
        weight = np.where(used, 1.0 / np.square(np.where(used, one.error_std, 1.0)), 0.0)
        total += weight * np.where(used, one.given, 0.0)
        weights += weight
        count += used
        value += np.where(used, one.given, 0.0)
        std += np.where(used, one.error_std, 0.0)
    several = count > 1
    mean = np.divide(total, weights, out=value, where=several)
    error = np.divide(1.0, np.sqrt(weights), out=std, where=several)
    # Cells without a used value: the reason of the first product that gave one.
    is_open = count == 0
    given, flags = np.where(is_open, np.nan, mean), np.where(is_open, first.flags, Flag.USED).astype(np.uint8)
    result = ImageObservation(given, flags, first.time, first.depth_m, " and ".join(o.source for o in observations))
    rejected = []
    for one in observations:
        assert one.error_std is not None, "checked above"
        here = is_open & np.isfinite(one.given)
        is_open &= ~here
        given, flags = np.where(here, one.given, given), np.where(here, np.uint8(Flag.USED), flags)
        error = np.where(here, one.error_std, error)
        rejected += [(here & (one.flags == flag), words) for flag, words in one.reasons.items() if flag != Flag.USED]
    result = ImageObservation(given, flags, result.time, result.depth_m, result.source, error)
    for where, words in rejected:
        result = result.reject_as(where, words)
    return result
