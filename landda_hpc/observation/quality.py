"""Quality control: each check flags cells with its own reason, which is counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from landda_hpc.config import AnyCheck, QualityConfig
from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.errors import DataError, ShapeError
from landda_hpc.observation.check_section import (
    CheckContext,
    CheckInput,
    CheckMemory,
    CheckSection,
    ModelSurface,
    QualityCheck,
)
from landda_hpc.observation.image_observation import Flag, ImageObservation
from landda_hpc.observation.quality_memory import SpikeMemory


class QualityControl:
    """The checks of a configuration, in their order; the first that fails gives the reason.

    Range, frozen soil, snow, dense vegetation, spike, innovation, then the further checks. Pixels that the product's
    own flags refuse are excluded before regridding (``superobbing.superobserve``).

    Parameters
    ----------
    config : the checks and their limits.
    context : what checks are built from.
    spikes : memory of the temporal check; None without that check.

    Raises
    ------
    MissingFileError, DataError : a file that a further check names is missing or not usable.

    Notes
    -----
    Local: no communication. All checks except those with a memory are functions of their arguments.
    """

    def __init__(self, config: QualityConfig, context: CheckContext, spikes: SpikeMemory | None = None) -> None:
        if (config.spike is None) != (spikes is None):
            raise ShapeError("quality control: the temporal check needs its memory, and only this check has one.")
        self._innovation, self._porosity, self._spikes = config.innovation, context.porosity, spikes
        self._standard = build_checks(config.standard_checks(), context)
        self._further = build_checks(config.checks, context)

    @property
    def memories(self) -> dict[str, CheckMemory]:
        """Further checks that remember, by number and kind: their arrays are part of the checkpoint."""
        return {
            f"{number}_{one.kind}": one.check
            for number, one in enumerate(self._further)
            if isinstance(one.check, CheckMemory)
        }

    def __call__(
        self,
        observation: ImageObservation,
        error_std: FloatArray,
        surface: ModelSurface,
        backgrounds: Sequence[FloatArray] = (),
        all_backgrounds: Mapping[str, FloatArray] | None = None,
    ) -> ImageObservation:
        """Run the checks that are switched on.

        Parameters
        ----------
        observation : from its source.
        error_std : standard deviation of its errors, m3 m-3, (n_lat, n_lon).
        surface : of the model.
        backgrounds : of the runs whose innovations are checked, m3 m-3, (n_lat, n_lon) each; NaN without soil.
        all_backgrounds : the same of every run by name, for further checks that need them.

        Raises
        ------
        ShapeError : an image has another shape than the observation, or an image that a check needs is missing.
        DataError : an error standard deviation of a used cell is not positive.
        """
        checked = require_errors(observation, error_std).reject(
            _no_soil(observation, self._porosity), Flag.OUTSIDE_SOIL
        )
        given = CheckInput(error_std, surface, all_backgrounds or {})
        for one in self._standard:
            checked = checked.reject_as(one.check(checked, given), one.reason)
        if self._spikes is not None:
            checked = self._spikes.check(checked)
        if self._innovation is not None:
            checked = reject_far_from_background(
                checked, backgrounds, error_std, self._innovation.background_std, self._innovation.sigmas
            )
        for one in self._further:
            checked = checked.reject_as(one.check(checked, given), one.reason)
        return checked


@dataclass(frozen=True, eq=False)
class _Built:
    """A check with its kind and reason."""

    kind: str
    reason: str
    check: QualityCheck


def build_checks(sections: Sequence[AnyCheck], context: CheckContext) -> tuple[_Built, ...]:
    """Build further checks; reads the files that their sections name. Local."""
    checks = [section for section in sections if isinstance(section, CheckSection)]
    return tuple(_Built(section.kind, section.words, section.build(context)) for section in checks)


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
