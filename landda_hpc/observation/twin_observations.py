"""Observations of a twin experiment: the nature run's truth plus errors, white and correlated, with gaps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from landda_hpc.errors import DataError, ShapeError
from landda_hpc.observation.image_observation import ImageObservation
from landda_hpc.observation.persistence import Persistence
from landda_hpc.observation.source import KnownSource, Survey
from landda_hpc.observation.twin_gaps import GapKind, is_missing
from landda_hpc.random_fields.angular_spectra import gaussian_spectrum
from landda_hpc.random_fields.keyed import keyed_generator
from landda_hpc.random_fields.sphere import random_field

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from landda_hpc.constants import BoolArray, FloatArray
    from landda_hpc.grid import Grid
    from landda_hpc.observation.twin_defects import Defects
    from landda_hpc.regridding.depth import DepthRange


@dataclass(frozen=True, eq=False)
class TwinObservationSource(KnownSource):
    """Truth plus an error that is drawn for each time.

    Attributes
    ----------
    seed : the campaign's seed.
    grid : of the images.
    is_soil : cells that are observed, shape (n_lat, n_lon).
    depth_m : top and bottom of the observed layer, m.
    error_std : standard deviation of the white, normal error, m3 m-3; a number, or a map (n_lat, n_lon), which every
        observation then reports.
    missing_fraction : fraction of the cells without observation.
    gaps : kind of gaps, see ``is_missing``.
    correlated_std : standard deviation of an additional correlated error, m3 m-3; every observation then reports the
        total of both errors.
    correlated_length_km : L of its correlation exp(-1/2 (d / L)^2), km.
    persistence : of the errors in time; None: they are independent from time to time.
    white_persists : with ``persistence``: the white errors persist as well as the correlated ones.
    defects : biases and changes of the noise, which the observations do not report; None without any.

    Notes
    -----
    Errors and gaps depend on seed, valid time and cell only: they are drawn for the whole image, independently of
    the mask, by generators keyed on the time. Values may lie outside [0, porosity]; quality control allows four
    standard deviations.
    """

    seed: int
    grid: Grid
    is_soil: BoolArray
    depth_m: DepthRange
    error_std: float | FloatArray
    missing_fraction: float = 0.0
    gaps: GapKind = "random"
    correlated_std: float = 0.0
    correlated_length_km: float = 250.0
    persistence: Persistence | None = None
    white_persists: bool = True
    defects: Defects | None = None

    label: ClassVar[str] = "twin"

    def survey(self, times: Sequence[datetime]) -> Survey:
        """Report all times as found: the truth always exists."""
        return Survey(self.label, tuple((time, "nature run") for time in times), (), "error")

    def at(self, time: datetime, truth_image: FloatArray | None = None) -> ImageObservation:
        """Observe the truth; see ``ObservationSource.at``."""
        if truth_image is None:
            raise DataError(f"twin observations at {time.isoformat()} need the nature run's image; none was given.")
        if truth_image.shape != self.is_soil.shape:
            raise ShapeError(f"truth has shape {truth_image.shape}; the model's soil mask has {self.is_soil.shape}.")
        error = self._error(time)
        if self.defects is not None:
            error = self.defects.applied(error, time)
        reported = self.error_std if isinstance(self.error_std, np.ndarray) else None
        if self.correlated_std > 0.0:
            reported = np.sqrt(np.full(truth_image.shape, self.error_std) ** 2 + self.correlated_std**2)
        observed = self.is_soil & ~is_missing(self.gaps, self.missing_fraction, self.grid, self.seed, time)
        given = np.where(observed, truth_image + error, np.nan)
        return ImageObservation.flagged(given, self.is_soil, time, self.depth_m, self.label, reported)

    def _error(self, time: datetime) -> FloatArray:
        """The error at a time, (n_lat, n_lon)."""
        if self.persistence is None:
            return self._new_error(time)
        if self.white_persists:
            return self.persistence(time, self._new_error)
        return self._white(time) + self.persistence(time, self._correlated)

    def _new_error(self, time: datetime) -> FloatArray:
        """The error that is drawn for a time, (n_lat, n_lon)."""
        error = self._white(time)
        if self.correlated_std > 0.0:
            error += self._correlated(time)
        return error

    def _white(self, time: datetime) -> FloatArray:
        generator = keyed_generator(self.seed, "observation error", time.isoformat())
        white: FloatArray = self.error_std * generator.standard_normal(self.is_soil.shape)
        return white

    def _correlated(self, time: datetime) -> FloatArray:
        spectrum = gaussian_spectrum(self.correlated_length_km)
        key = "correlated observation error", time.isoformat()
        return self.correlated_std * random_field(self.grid, spectrum, self.seed, *key)
