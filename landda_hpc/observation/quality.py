"""Quality control: each check flags cells with its own reason, which is counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np

from landda_hpc.errors import DataError, ShapeError
from landda_hpc.observation.image import Flag, ImageObservation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from landda_hpc.config import QualityConfig
    from landda_hpc.constants import BoolArray, FloatArray
    from landda_hpc.observation.quality_memory import SpikeMemory

Image = TypeVar("Image", "BoolArray", "FloatArray")

RANGE_SIGMAS: Final = 4.0
"""Error standard deviations by which values may lie outside [0, porosity]; fewer would bias dry cells."""


@dataclass(frozen=True, eq=False)
class ModelSurface:
    """State of the model's surface at the time of an observation: images (n_lat, n_lon), None if not requested.

    Attributes
    ----------
    is_frozen : cells with ice in the observed layers.
    temperature : of the ground, K; NaN without soil.
    snow : snow mass, kg m-2.
    vegetation : share of the soil that vegetation covers, 1.
    """

    is_frozen: BoolArray | None = None
    temperature: FloatArray | None = None
    snow: FloatArray | None = None
    vegetation: FloatArray | None = None


class QualityControl:
    """The checks of a configuration, in their order; the first that fails gives the reason.

    Range, frozen soil, snow, dense vegetation, spike, innovation. Pixels that the product's own flags refuse are
    excluded before regridding (``superobbing.superobserve``).

    Parameters
    ----------
    config : the checks and their limits.
    porosity : of the model's soil over the observed depth, m3 m-3, (n_lat, n_lon); NaN without soil.
    spikes : memory of the temporal check; None without that check.

    Notes
    -----
    Local: no communication. All checks except the temporal one are functions of their arguments.
    """

    def __init__(self, config: QualityConfig, porosity: FloatArray, spikes: SpikeMemory | None = None) -> None:
        if (config.spike is None) != (spikes is None):
            raise ShapeError("quality control: the temporal check needs its memory, and only this check has one.")
        self._config, self._porosity, self._spikes = config, porosity, spikes

    def __call__(
        self,
        observation: ImageObservation,
        error_std: FloatArray,
        surface: ModelSurface,
        backgrounds: Sequence[FloatArray] = (),
    ) -> ImageObservation:
        """Run the checks that are switched on.

        Parameters
        ----------
        observation : from its source.
        error_std : standard deviation of its errors, m3 m-3, (n_lat, n_lon).
        surface : of the model.
        backgrounds : of the runs whose innovations are checked, m3 m-3, (n_lat, n_lon) each; NaN without soil.

        Raises
        ------
        ShapeError : an image has another shape than the observation, or an image that a check needs is missing.
        DataError : an error standard deviation of a used cell is not positive.
        """
        config = self._config
        checked = require_errors(observation, error_std).reject(
            _no_soil(observation, self._porosity), Flag.OUTSIDE_SOIL
        )
        if config.range_sigmas is not None:
            checked = reject_out_of_range(checked, self._porosity, error_std, config.range_sigmas)
        if config.frozen_model:
            checked = checked.reject(_given(surface.is_frozen, "frozen soil"), Flag.FROZEN)
        for limit, image, flag, below in (
            (config.frozen_temperature, surface.temperature, Flag.FROZEN, True),
            (config.snow_amount, surface.snow, Flag.SNOW, False),
            (config.vegetation_fraction, surface.vegetation, Flag.DENSE_VEGETATION, False),
        ):
            if limit is not None:
                values = _given(image, flag.name.lower())
                checked = checked.reject(values < limit if below else values > limit, flag)
        if self._spikes is not None:
            checked = self._spikes.check(checked)
        if config.innovation is not None:
            checked = reject_far_from_background(
                checked, backgrounds, error_std, config.innovation.background_std, config.innovation.sigmas
            )
        return checked


def require_errors(observation: ImageObservation, error_std: FloatArray) -> ImageObservation:
    """Return the observation; DataError unless every used cell has a positive error standard deviation, m3 m-3."""
    if error_std.shape != observation.given.shape:
        raise ShapeError(f"errors have shape {error_std.shape}; the observation has {observation.given.shape}.")
    used_std = error_std[observation.is_used]
    if not np.all(used_std > 0.0):
        raise DataError(
            f"observations of {observation.source} at {observation.time.isoformat()} have an error "
            "standard deviation "
            f"of {np.nanmin(used_std) if np.isfinite(used_std).any() else np.nan}; expected more than 0 "
            "in every used cell."
        )
    return observation


def reject_out_of_range(
    observation: ImageObservation, porosity: FloatArray, error_std: FloatArray, sigmas: float = RANGE_SIGMAS
) -> ImageObservation:
    """Flag cells without soil, and values outside [0, porosity] by more than a number of error standard deviations.

    Parameters
    ----------
    observation : of shape (n_lat, n_lon).
    porosity : m3 m-3, same shape, NaN without soil.
    error_std : m3 m-3, same shape.
    sigmas : error standard deviations by which values may lie outside, 1.

    Raises
    ------
    ShapeError : shapes differ.
    """
    if error_std.shape != observation.given.shape:
        raise ShapeError(f"errors have shape {error_std.shape}; the observation has {observation.given.shape}.")
    checked = observation.reject(_no_soil(observation, porosity), Flag.OUTSIDE_SOIL)
    margin = sigmas * error_std
    in_range = (observation.given >= -margin) & (observation.given <= porosity + margin)
    return checked.reject(~in_range, Flag.OUT_OF_RANGE)


def reject_far_from_background(
    observation: ImageObservation,
    backgrounds: Sequence[FloatArray],
    error_std: FloatArray,
    background_std: float,
    sigmas: float,
) -> ImageObservation:
    """Flag values that depart from every background by more than sigmas * sqrt(error_std^2 + background_std^2).

    Parameters
    ----------
    observation : of shape (n_lat, n_lon).
    backgrounds : one or more, m3 m-3, same shape; a background that is NaN in a cell is ignored there.
    error_std : of the observation, m3 m-3, same shape.
    background_std : m3 m-3.

    Raises
    ------
    ShapeError : shapes differ, or no background is given.
    """
    if not backgrounds or any(b.shape != observation.given.shape for b in (*backgrounds, error_std)):
        raise ShapeError(
            f"innovation check: {len(backgrounds)} backgrounds of shapes {[b.shape for b in backgrounds]}, errors "
            f"{error_std.shape}; expected one or more of {observation.given.shape}."
        )
    smallest = np.full(observation.given.shape, np.inf)
    for background in backgrounds:
        departure = np.abs(observation.given - background)
        smallest = np.where(departure < smallest, departure, smallest)
    limit = sigmas * np.sqrt(error_std**2 + background_std**2)
    return observation.reject(np.isfinite(smallest) & (smallest > limit), Flag.INNOVATION)


def _no_soil(observation: ImageObservation, porosity: FloatArray) -> BoolArray:
    if porosity.shape != observation.given.shape:
        raise ShapeError(f"porosity has shape {porosity.shape}; the observation has {observation.given.shape}.")
    none: BoolArray = np.isnan(porosity)
    return none


def _given(image: Image | None, what: str) -> Image:
    if image is None:
        raise ShapeError(f"quality control: the check of {what} is on, but the model's image of it is missing.")
    return image
