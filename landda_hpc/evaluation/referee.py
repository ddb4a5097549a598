"""Source of the referee's values: another product, second observations of a twin, or stations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from landda_hpc.errors import ConfigError
from landda_hpc.evaluation.stations import choose_depths, load_stations
from landda_hpc.observation.catalogue import open_source
from landda_hpc.observation.image_observation import ImageObservation
from landda_hpc.observation.source import KnownSource, Survey
from landda_hpc.random_fields.keyed import keyed_generator
from landda_hpc.verification.statistics.matching import ModelCells, as_times, match_times, place

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from landda_hpc.config import Referee, RefereeStations, TimeConfig
    from landda_hpc.constants import FloatArray
    from landda_hpc.instances.domain import Domain
    from landda_hpc.observation.catalogue import Catalogue
    from landda_hpc.observation.source import ObservationSource

_NO_VALUE: Final = "no station has a value near that time"


def open_referee(
    referee: Referee | None,
    catalogue: Catalogue,
    time: TimeConfig,
    seed: int,
    depth_m: tuple[float, float],
    domain: Domain,
) -> ObservationSource | None:
    """Open the source of the section 'referee'; in a twin it has separate random numbers. Local.

    Parameters
    ----------
    referee : the section 'referee'; None: the result is None.
    catalogue, time, seed, domain : catalogue, calendar, seed and domain of the campaign.
    depth_m : observed depth, m.

    Raises
    ------
    ConfigError, MissingFileError, DataError : files are missing or not usable.
    """
    if referee is None:
        return None
    if referee.kind == "stations":
        return StationSource(referee, catalogue, time.analyses, depth_m, domain)
    own = int(keyed_generator(seed, "second observations").integers(2**63))
    return open_source(referee, catalogue, time, own, domain.grid, domain.is_soil)


class StationSource(KnownSource):
    """Stations on the model grid, an ``ObservationSource``: each value is in the cell nearest to its station.

    Parameters
    ----------
    settings : entry, flags and depths of the stations, and tolerance in time.
    catalogue : catalogue with the entry of the stations.
    times : times of the analyses.
    depth_m : observed depth, m.
    domain : domain of the campaign; only cells with updatable soil receive stations.

    Raises
    ------
    ConfigError : no sensor in the observed depth has a value in the period.
    MissingFileError, DataError : the files are missing or not readable.

    Notes
    -----
    Local. All values of the analysis times are read once. Several sensors of a cell are averaged.
    """

    def __init__(
        self,
        settings: RefereeStations,
        catalogue: Catalogue,
        times: Sequence[datetime],
        depth_m: tuple[float, float],
        domain: Domain,
    ) -> None:
        self.label, self.depth_m = f"stations '{settings.entry}'", depth_m
        self._is_soil, self._std = domain.is_soil, settings.representativeness_std
        chosen = settings
        if settings.sensor_depths_m is None:
            chosen = settings.model_copy(update={"sensor_depths_m": self.depth_m})
        tolerance = settings.tolerance_minutes
        found = load_stations(catalogue, chosen, times[0], times[-1], tolerance)
        found = choose_depths(found, chosen)
        cells = ModelCells(domain.grid, domain.cells.cell, domain.cells.from_mask(domain.is_soil))
        places = place(np.array([one.lat for one in found]), np.array([one.lon for one in found]), cells)
        wanted = as_times(times)
        # Few cells of a large grid have a station, so only these are kept.
        self._cell, column = np.unique(domain.cells.cell[places.main_cell[places.is_placed]], return_inverse=True)
        total, count = (np.zeros((wanted.size, self._cell.size)) for _ in range(2))
        placed = (one for one, is_placed in zip(found, places.is_placed, strict=True) if is_placed)
        for one, number in zip(placed, column.tolist(), strict=True):
            values = match_times(wanted, one.times, one.values, tolerance)
            known = np.isfinite(values)
            total[:, number] += np.where(known, values, 0.0)
            count[:, number] += known
        if not count.any():
            raise ConfigError(
                f"referee: none of {len(found)} sensors of '{settings.entry}' has a usable value (flags "
                f"{', '.join(settings.accept)}) within {tolerance:g} minutes of an analysis from {times[0]} to "
                f"{times[-1]} in a soil cell of the model. Do the files cover this period? See referee.accept, "
                ".tolerance_minutes and .sensor_depths_m."
            )
        means = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
        self._means = dict(zip(times, means, strict=True))

    def survey(self, times: Sequence[datetime]) -> Survey:
        """See ``ObservationSource.survey``."""
        has = {time: bool(np.isfinite(means).any()) for time, means in self._means.items()}
        found = tuple((time, self.label) for time in times if has.get(time, False))
        missing = tuple((time, self.label) for time in times if not has.get(time, False))
        return Survey(self.label, found, missing, "skip", reason=_NO_VALUE if missing else "")

    def at(self, time: datetime, truth_image: FloatArray | None = None) -> ImageObservation | None:  # noqa: ARG002 - the protocol has it
        """See ``ObservationSource.at``."""
        means = self._means.get(time)
        if means is None or not np.isfinite(means).any():
            return None
        image, std = np.full(self._is_soil.shape, np.nan), np.full(self._is_soil.shape, self._std)
        image.flat[self._cell] = means
        return ImageObservation.flagged(image, self._is_soil, time, self.depth_m, self.label, std)
