"""Observations of a twin experiment: the nature run's truth plus white errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from landda_hpc.errors import DataError, ShapeError
from landda_hpc.fields.keyed import keyed_generator
from landda_hpc.observation.image import ImageObservation
from landda_hpc.observation.source import Survey

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from landda_hpc.constants import BoolArray, FloatArray
    from landda_hpc.fields.depth import DepthRange


@dataclass(frozen=True, eq=False)
class TwinObservationSource:
    """Truth plus error, drawn anew for each time.

    Attributes
    ----------
    seed : the campaign's seed.
    is_soil : cells that are observed, shape (n_lat, n_lon).
    depth_m : top and bottom of the observed layer, m.
    error_std : standard deviation of the white, normal error, m3 m-3; a number, or a map (n_lat, n_lon), which then
        goes with every observation.
    missing_fraction : share of the cells without observation, at random, anew for each time.

    Notes
    -----
    Errors and gaps depend on seed, valid time and cell alone: they are drawn for the whole image, whatever
    the mask, by generators keyed on the time. Sums may leave [0, porosity]; quality control grants them four
    standard deviations.
    """

    seed: int
    is_soil: BoolArray
    depth_m: DepthRange
    error_std: float | FloatArray
    missing_fraction: float = 0.0

    label: ClassVar[str] = "twin"

    def survey(self, times: Sequence[datetime]) -> Survey:
        """Report all times as found: the truth is always there."""
        return Survey(self.label, tuple((time, "nature run") for time in times), (), "error")

    def probe(self, _survey: Survey) -> tuple[str, ...]:
        """Nothing to read."""
        return ()

    def other_layers(self, _time: datetime, _depths_m: Sequence[DepthRange]) -> dict[DepthRange, FloatArray]:
        """Nothing: a twin's truth is the better reference."""
        return {}

    def at(self, time: datetime, truth_image: FloatArray | None = None) -> ImageObservation:
        """Observe the truth; see ``ObservationSource.at``."""
        if truth_image is None:
            raise DataError(f"twin observations at {time.isoformat()} need the nature run's image; none was given.")
        if truth_image.shape != self.is_soil.shape:
            raise ShapeError(f"truth has shape {truth_image.shape}; the model's soil mask has {self.is_soil.shape}.")
        key = time.isoformat()
        error = keyed_generator(self.seed, "observation error", key).standard_normal(truth_image.shape)
        draw = keyed_generator(self.seed, "missing observation", key).random(truth_image.shape)
        observed = self.is_soil & (draw >= self.missing_fraction)
        given = np.where(observed, truth_image + self.error_std * error, np.nan)
        told = self.error_std if isinstance(self.error_std, np.ndarray) else None
        return ImageObservation.flagged(given, self.is_soil, time, self.depth_m, self.label, told)
