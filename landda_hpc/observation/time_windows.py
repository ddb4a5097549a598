"""Selection of a product's times for an analysis, and their combination into one image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

import numpy as np

from landda_hpc.config import InstantWindow, MeanWindow, NearestWindow
from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.errors import ShapeError
from landda_hpc.observation.image_observation import Flag
from landda_hpc.observation.superobbing import Superobservation

OVERPASS_REACH: Final = timedelta(hours=24)
"""Largest distance in time between a cell of an image of overpasses and its nominal time: a day and its half orbits."""


@dataclass(frozen=True)
class ObservationWindow:
    """A window around an analysis time.

    Attributes
    ----------
    before, after : its length on either side; both are zero for an instant.
    mean : all times of the window are averaged; otherwise the nearest is used.
    min_share : share of the product's times in the window that a cell of a mean needs, 1.
    """

    before: timedelta
    after: timedelta
    mean: bool
    min_share: float = 0.0

    @classmethod
    def of(cls, config: InstantWindow | NearestWindow | MeanWindow) -> ObservationWindow:
        """Return the window of a configuration."""
        if config.kind == "instant":
            return cls(timedelta(0), timedelta(0), mean=False)
        length = timedelta(hours=config.hours)
        if config.kind == "nearest":
            return cls(length, length, mean=False)
        if config.position == "before":
            return cls(length, timedelta(0), mean=True, min_share=config.min_share)
        return cls(0.5 * length, 0.5 * length, mean=True, min_share=config.min_share)

    @property
    def is_instant(self) -> bool:
        return not self.before and not self.after

    def search(self, time: datetime, stamp: Literal["instant", "mean", "overpasses"]) -> tuple[datetime, datetime]:
        """Range of the nominal times of images that may belong to an analysis, both ends included."""
        reach = OVERPASS_REACH if stamp == "overpasses" and not self.is_instant else timedelta(0)
        return time - self.before - reach, time + self.after + reach

    def choose(
        self, time: datetime, available: Sequence[datetime], stamp: Literal["instant", "mean", "overpasses"]
    ) -> list[datetime]:
        """Return the times that belong to the analysis, ascending.

        Parameters
        ----------
        time : of the analysis.
        available : times with data.
        stamp : for overpasses, all images are returned whose cells may lie in the window; ``has_seen`` selects cells.
        """
        start, end = self.search(time, stamp)
        inside = sorted(t for t in available if start <= t <= end)
        if stamp == "overpasses" and not self.is_instant:
            return inside
        if self.mean:
            # The earlier end belongs to the previous window: an observation counts in one window only.
            return [t for t in inside if t > time - self.before]
        return sorted(inside, key=lambda t: (abs(t - time), t))[:1]

    def has_seen(self, time: datetime, image_time: datetime, cell_seconds: FloatArray) -> BoolArray:
        """Return the cells of an image of overpasses that were observed within the window.

        Parameters
        ----------
        time : of the analysis.
        image_time, cell_seconds : of the image; cells with NaN seconds are never within the window.
        """
        seconds = cell_seconds + (image_time - time).total_seconds()
        with np.errstate(invalid="ignore"):
            seen: BoolArray = (seconds > -self.before.total_seconds()) & (seconds <= self.after.total_seconds())
        return seen

    def n_expected(self, step: timedelta) -> int:
        """Number of the product's times in a whole window; at least 1."""
        return max(1, (self.before + self.after) // step) if self.mean else 1

    def n_needed(self, step: timedelta, stamp: Literal["instant", "mean", "overpasses"]) -> int:
        """Times with a value that a cell needs."""
        if not self.mean or stamp == "overpasses":
            return 1
        return max(1, int(np.ceil(self.min_share * self.n_expected(step) - 1e-9)))


def mean_over(images: Sequence[Superobservation], n_needed: int) -> Superobservation:
    """Mean of images of several times, cell by cell.

    Parameters
    ----------
    images : on the model grid, in order of time; at least one.
    n_needed : values that a cell needs, else it is missing.

    Returns
    -------
    The error of the mean is the mean of the errors, because errors of one product hardly change within a window. A cell
    without a value counts as refused if it was refused at any time.

    Raises
    ------
    ShapeError : no image.

    Notes
    -----
    Local: no communication. Images are added in order of time.
    """
    if not images:
        raise ShapeError("a mean over images needs at least one image; found none.")
    if len(images) == 1 and n_needed <= 1:
        return images[0]
    shape = images[0].values.shape
    total, count = np.zeros(shape), np.zeros(shape, dtype=np.int64)
    std_total = np.zeros(shape)
    has_std = all(image.error_std is not None for image in images)
    for image in images:
        is_valid = np.isfinite(image.values)
        total += np.where(is_valid, image.values, 0.0)
        count += is_valid
        if image.error_std is not None:
            # If the error of one time is unknown, that of the mean is unknown.
            std_total += np.where(is_valid, image.error_std, 0.0)
    enough = count >= n_needed
    divisor = np.maximum(count, 1)
    values = np.where(enough, total / divisor, np.nan)
    std = np.where(enough, std_total / divisor, np.nan) if has_std else None
    refused: dict[Flag, BoolArray] = {}
    for image in images:
        for flag, where in image.refused.items():
            refused[flag] = refused.get(flag, np.zeros(shape, dtype=np.bool_)) | (where & ~enough)
    return Superobservation(values, std, refused)
