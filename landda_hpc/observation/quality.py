"""Quality control: each check flags cells with its own reason, which is counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from landda_hpc.errors import DataError, ShapeError
from landda_hpc.observation.image import Flag, ImageObservation

if TYPE_CHECKING:
    from landda_hpc.constants import BoolArray, FloatArray

RANGE_SIGMAS: Final = 4.0
"""Error standard deviations granted outside [0, porosity]; less would bias the dry cells."""


def control_quality(
    observation: ImageObservation,
    porosity: FloatArray,
    error_std: float | FloatArray,
    is_frozen: BoolArray | None = None,
) -> ImageObservation:
    """Run all checks.

    Parameters
    ----------
    observation : as its source gives it.
    porosity : of the model's soil over the observed depth, m3 m-3, shape (n_lat, n_lon); NaN where there is
        no soil.
    error_std : standard deviation of the observation's errors, m3 m-3, a number or an image. Where the
        observation brings its own, that one counts.
    is_frozen : cells whose soil is frozen in the model at that depth, shape (n_lat, n_lon).

    Returns
    -------
    The observation with more cells flagged; ``counts`` tells how many for which reason.

    Raises
    ------
    ShapeError : an image has another shape than the observation.
    DataError : an error standard deviation is not positive.

    Notes
    -----
    Local: no communication.
    """
    own = observation.error_std
    std = np.broadcast_to(np.asarray(error_std, dtype=np.float64), observation.given.shape) if own is None else own
    checked = reject_out_of_range(observation, porosity, std)
    return checked if is_frozen is None else checked.reject(is_frozen, Flag.FROZEN)


def reject_out_of_range(observation: ImageObservation, porosity: FloatArray, error_std: FloatArray) -> ImageObservation:
    """Flag values outside [0, porosity] by over four error standard deviations, and those without soil.

    Parameters
    ----------
    observation : of shape (n_lat, n_lon).
    porosity : m3 m-3, same shape, NaN without soil.
    error_std : m3 m-3, same shape.

    Raises
    ------
    ShapeError : shapes differ.
    DataError : an error standard deviation of a used cell is not positive.
    """
    if porosity.shape != observation.given.shape or error_std.shape != observation.given.shape:
        raise ShapeError(
            f"porosity has shape {porosity.shape}, errors {error_std.shape}; the observation has "
            f"{observation.given.shape}."
        )
    used_std = error_std[observation.is_used]
    if not np.all(used_std > 0.0):
        raise DataError(
            f"observations of {observation.source} at {observation.time.isoformat()} have an error "
            "standard deviation "
            f"of {np.nanmin(used_std) if np.isfinite(used_std).any() else np.nan}; expected more than 0 "
            "in every used cell."
        )
    margin = RANGE_SIGMAS * error_std
    checked = observation.reject(np.isnan(porosity), Flag.OUTSIDE_SOIL)
    in_range = (observation.given >= -margin) & (observation.given <= porosity + margin)
    return checked.reject(~in_range, Flag.OUT_OF_RANGE)
