"""Observations from the files of a gridded product, on the model grid."""

from __future__ import annotations

import logging
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Final

import numpy as np

from landda_hpc.errors import ConfigError, DataError, LandDAError, MissingFileError, MissingLayerError, ShapeError
from landda_hpc.formats.products.region import Region
from landda_hpc.io.read_ahead import ReadAhead
from landda_hpc.observation.image_observation import ImageObservation
from landda_hpc.observation.source import Survey
from landda_hpc.observation.superobbing import Superobservation, make_regridder, superobserve
from landda_hpc.observation.time_windows import ObservationWindow, mean_over
from landda_hpc.regridding.depth import DepthRange, observe, range_from_product

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from landda_hpc.config import FileObservations
    from landda_hpc.constants import BoolArray, FloatArray
    from landda_hpc.formats.products.dataset import Dataset
    from landda_hpc.formats.products.product import SoilMoistureProfile
    from landda_hpc.grid import Grid
    from landda_hpc.regridding.regrid import Regridder

logger = logging.getLogger(__name__)

_PROGRESS_S: Final = 10.0
"""Seconds between two lines about the progress of a survey."""

MAX_PROBES = 5
"""Number of files that are read before a run to check the product against the configuration."""


class ProductSource:
    """The files of a gridded product as a source of observations.

    Parameters
    ----------
    dataset : the files.
    config : observed layer, which the product's layers must cover; time window, regridding, conditions that are
        refused; treatment of data that are missing or late.
    grid : the model grid.
    is_soil : the model's cells with updatable soil, shape (n_lat, n_lon).
    data_root : folder in which regridding weights are stored, if they are.
    porosity : of the model, m3 m-3, (n_lat, n_lon), with which products of saturation are multiplied.

    Attributes
    ----------
    ahead : reads the files of the next observation while others are analysed and the next forecast runs.

    Raises
    ------
    ConfigError : the product's layers do not cover the depth.

    Notes
    -----
    Local: no communication; one rank reads and distributes the image. Only the required part of the product's grid,
    the required layers and the required time are read. Regridding weights are built for the first file, and again only
    if a file has another grid.
    """

    def __init__(
        self,
        dataset: Dataset,
        config: FileObservations,
        grid: Grid,
        is_soil: BoolArray,
        data_root: Path = Path(),
        porosity: FloatArray | None = None,
    ) -> None:
        if dataset.product.is_saturation and porosity is None:
            raise ConfigError(
                f"{dataset.label} is a degree of saturation; its entry of the catalogue has porosity: model, which is "
                "not known here. Give a number, m3 m-3."
            )
        self._porosity = porosity if dataset.product.is_saturation else None
        depth_m = config.depth_m
        if is_soil.shape != grid.shape:
            raise ShapeError(f"the model's soil mask has shape {is_soil.shape}; the grid is {grid.describe()}.")
        if not dataset.covers(depth_m):
            # This error names the layers of the product.
            range_from_product(depth_m, dataset.depths_m)
            raise ConfigError(f"observed depth {depth_m[0]:g}-{depth_m[1]:g} m is not covered by {dataset.label}.")
        self.label = dataset.label
        self.depth_m: DepthRange = depth_m
        self._dataset, self._config, self._grid, self._is_soil = dataset, config, grid, is_soil
        self._data_root = data_root
        self._region = Region.of(grid)
        self._window = ObservationWindow.of(config.window)
        self._surveyed: dict[datetime, tuple[datetime, ...]] = {}
        self._regridder: Regridder | None = None
        self.ahead = ReadAhead()

    def survey(self, times: Sequence[datetime]) -> Survey:
        """Look for the data; see ``ObservationSource.survey``. Data found by the first survey are not late."""
        found: list[tuple[datetime, str]] = []
        missing: list[tuple[datetime, str]] = []
        spoke_at = monotonic()
        with self._dataset.listing():
            for n, time in enumerate(times):
                if monotonic() - spoke_at > _PROGRESS_S:
                    logger.info("%s: searched %d of %d times", self.label, n, len(times))
                    spoke_at = monotonic()
                chosen = self._available(time)
                if self._config.late == "use" or time not in self._surveyed:
                    self._surveyed[time] = tuple(chosen)
                elif any(moment not in self._surveyed[time] for moment in chosen):
                    chosen = self._still_there(time, chosen)
                place = self._dataset.place_of(chosen[0] if chosen else time)
                (found if chosen else missing).append((time, place))
            reason = self._dataset.why_missing(missing[0][0]) if missing else ""
        return Survey(self.label, tuple(found), tuple(missing), self._config.missing, reason=reason)

    @property
    def surveyed(self) -> dict[datetime, tuple[datetime, ...]]:
        """See ``ObservationSource.surveyed``; empty where late data are used."""
        return {} if self._config.late == "use" else dict(self._surveyed)

    def recall(self, surveyed: Mapping[datetime, tuple[datetime, ...]], /) -> None:
        """See ``ObservationSource.recall``; nothing where late data are used."""
        if self._config.late != "use":
            self._surveyed = dict(surveyed)

    def probe(self, survey: Survey) -> tuple[str, ...]:
        """Read images until one is valid and not empty; see ``ObservationSource.probe``."""
        problems: list[str] = []
        n_empty = 0
        for time, _ in survey.found[:MAX_PROBES]:
            try:
                for moment in self._surveyed.get(time, ()):
                    profile = self._dataset.read(moment, self.depth_m, self._region)
                    if profile is not None:
                        if np.isfinite(self._mean_depth(profile)[0]).any():
                            return ()
                        n_empty += 1
            except LandDAError as error:
                return (str(error),)
            finally:
                self._dataset.close()
            problems += list(self._dataset.skipped.values())
        if n_empty:
            # Normal for satellites, in winter for weeks: a reason to warn, not to stop.
            logger.warning(
                "%s: the first %d images have no value around the model's domain; the first is '%s'",
                self.label, n_empty, survey.found[0][1],
            )  # fmt: skip
            return ()
        return tuple(dict.fromkeys(problems))

    def at(self, time: datetime, truth_image: FloatArray | None = None) -> ImageObservation | None:  # noqa: ARG002 - of the protocol
        """Read, average over the depth and the window, and regrid; see ``ObservationSource.at``."""
        self._read_ahead(time)
        chosen = self._chosen(time)
        if not chosen:
            if self._config.missing == "skip":
                return None
            raise MissingFileError(
                f"no observation of {self.label} at {time.isoformat()}: {self._dataset.why_missing(time)}. Provide it, "
                "or set observations.missing: skip."
            )
        stamp = self._dataset.product.stamp
        try:
            images = [image for moment in chosen if (image := self._superobserve(time, moment)) is not None]
        finally:
            # An open file is locked. Between analyses it must not be, so that other programs can append to it.
            self._dataset.close()
        if not images:
            return None
        mean = mean_over(images, self._window.n_needed(self._dataset.product.step, stamp))
        values, std = mean.values, mean.error_std
        if self._porosity is not None:
            values, std = values * self._porosity, None if std is None else std * self._porosity
        return ImageObservation.flagged(values, self._is_soil, time, self.depth_m, self.label, std, mean.refused)

    def other_layers(self, time: datetime, depths_m: Sequence[DepthRange]) -> dict[DepthRange, FloatArray]:
        """Layers that are not assimilated, for verification; see ``ObservationSource.other_layers``."""
        top, bottom = self.depth_m
        found: dict[DepthRange, FloatArray] = {}
        if self._dataset.product.stamp == "overpasses" or self._porosity is not None:
            return found
        for depth in depths_m:
            is_apart = depth[0] >= bottom or depth[1] <= top
            if not is_apart or not self._dataset.covers(depth):
                continue
            images = []
            for moment in self._chosen(time):
                try:
                    profile = self._dataset.read(moment, depth, self._region)
                except MissingLayerError:
                    continue
                if profile is not None:
                    images.append(Superobservation(self._regrid_mean(profile, depth), None, {}))
            if images:
                n_needed = self._window.n_needed(self._dataset.product.step, self._dataset.product.stamp)
                found[depth] = mean_over(images, n_needed).values
        self._dataset.close()
        return found

    # ------------------------------------------------------------------ parts

    def _read_ahead(self, time: datetime) -> None:
        """Begin to read the files that the survey found for the next time; not large ones with many times."""
        following = min((known for known in self._surveyed if known > time), default=None)
        if following is not None and not self._dataset.product.many_times:
            self.ahead.begin([path for moment in self._surveyed[following] for path in self._dataset.files(moment)])

    def _available(self, time: datetime) -> list[datetime]:
        stamp = self._dataset.product.stamp
        return self._window.choose(time, self._dataset.times_between(*self._window.search(time, stamp)), stamp)

    def _chosen(self, time: datetime) -> list[datetime]:
        """The product's times for an analysis, without late data."""
        now = self._available(time)
        known = self._surveyed.get(time)
        if known and not now:
            logger.warning("data of %s for %s existed when the campaign started and are missing now", self.label, time)
        if known is None or self._config.late == "use":
            return now
        late = [moment for moment in now if moment not in known]
        if not late:
            return now
        message = (
            f"data of {self.label} for {late[0].isoformat()} ('{self._dataset.place_of(late[0])}') did not exist when "
            "the campaign started"
        )
        if self._config.late == "error":
            raise DataError(
                f"{message}. Remove the data and resume, or start again, with observations.late: ignore or use if "
                "these data may be ignored or used."
            )
        logger.warning("%s: left out (observations.late: ignore)", message)
        return self._still_there(time, now)

    def _still_there(self, time: datetime, now: Collection[datetime]) -> list[datetime]:
        """Times of the survey that still exist; a nearer time that arrived late may have replaced one of them."""
        known = self._surveyed[time]
        there = set(now) | {moment for moment in known if self._dataset.times_between(moment, moment)}
        return [moment for moment in known if moment in there]

    def _superobserve(self, time: datetime, moment: datetime) -> Superobservation | None:
        def counts(image: SoilMoistureProfile) -> BoolArray:
            if image.cell_seconds is None or self._window.is_instant:
                return np.ones(image.grid.shape, dtype=np.bool_)
            return self._window.has_seen(time, image.time, image.cell_seconds)

        profile = self._dataset.read(moment, self.depth_m, self._region, counts)
        if profile is None:
            return None
        image, std = self._mean_depth(profile)
        errors = self._config.errors
        return superobserve(
            image,
            self._regridder_of(profile.grid),
            error_std=std,
            conditions=profile.conditions,
            refuse=self._config.quality.refuse,
            error_correlation=errors.correlation if errors.kind == "product" else 1.0,
        )

    def _mean_depth(self, profile: SoilMoistureProfile) -> tuple[FloatArray, FloatArray | None]:
        """Mean over the observed depth, and its error (fully correlated between layers), on the product's grid."""
        weights = range_from_product(self.depth_m, profile.depths_m)
        std = None if profile.error_std is None else observe(profile.error_std, weights, axis=0)
        return observe(profile.values, weights, axis=0), std

    def _regrid_mean(self, profile: SoilMoistureProfile, depth_m: DepthRange) -> FloatArray:
        image = observe(profile.values, range_from_product(depth_m, profile.depths_m), axis=0)
        return self._regridder_of(profile.grid)(image)

    def _regridder_of(self, grid: Grid) -> Regridder:
        if self._regridder is None or not self._regridder.serves(grid):
            self._regridder = make_regridder(grid, self._grid, self._config.regridding, self._data_root)
        return self._regridder
