"""Stations on the model grid: those of files, as a referee or assimilated, and those of a twin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from landda_hpc.errors import ConfigError, DataError
from landda_hpc.evaluation.stations import choose_depths, load_stations
from landda_hpc.observation.image_observation import ImageObservation
from landda_hpc.observation.persistence import Persistence
from landda_hpc.observation.source import KnownSource, ObservationSource, Survey
from landda_hpc.random_fields.keyed import keyed_generator
from landda_hpc.verification.statistics.matching import ModelCells, as_times, match_times, place

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from landda_hpc.config import CatalogueStations, RefereeStations, Stations, TimeConfig, TwinStations
    from landda_hpc.constants import BoolArray, FloatArray, IntArray
    from landda_hpc.instances.domain import Domain
    from landda_hpc.observation.catalogue import Catalogue

_NO_VALUE: Final = "no station has a value near that time"


class AssimilatedSource(ObservationSource, Protocol):
    """Source of stations that are assimilated, or withheld."""

    @property
    def withheld(self) -> BoolArray:
        """Cells whose stations are withheld, (n_lat, n_lon)."""
        ...

    @property
    def assimilated(self) -> BoolArray:
        """Cells with stations that are not withheld, (n_lat, n_lon)."""
        ...


def open_stations(
    stations: Stations | None,
    catalogue: Catalogue,
    time: TimeConfig,
    seed: int,
    depth_m: tuple[float, float],
    domain: Domain,
) -> AssimilatedSource | None:
    """Open the source of the section 'stations'. Local.

    Parameters
    ----------
    stations : the section 'stations'; None: the result is None.
    catalogue, time, seed, domain : catalogue, calendar, seed and domain of the campaign.
    depth_m : observed depth, m.

    Raises
    ------
    ConfigError, MissingFileError, DataError : files are missing or not usable, or no station is in a soil cell.
    """
    if stations is None:
        return None
    if stations.kind == "twin":
        return TwinStationSource(stations, time, seed, depth_m, domain)
    times = [time.valid_time(cycle) for cycle in range(1, time.n_cycles + 1)]
    found = StationsInCells(stations, catalogue, times, depth_m, domain, "stations")
    withheld = withheld_cells(found.names, seed, stations.withheld_fraction)
    return StationSource(found, stations.total_std, withheld)


def withheld_cells(names: Mapping[int, Sequence[str]], seed: int, fraction: float) -> IntArray:
    """Cells whose stations are withheld: the first name in a cell decides for all of its stations.

    Parameters
    ----------
    names : names of the stations by flat index of their cell.
    seed : of the campaign.
    fraction : of the stations, or of the cells with several, 0..1.

    Returns
    -------
    Flat indices, ascending. The draw of a name depends on nothing but the seed. Local.
    """
    drawn = {cell: keyed_generator(seed, "withheld station", min(own)).random() for cell, own in names.items()}
    return np.array(sorted(cell for cell, value in drawn.items() if value < fraction), dtype=np.int64)


class StationsInCells:
    """Stations of files at some times; each value is in the cell nearest to its station.

    Parameters
    ----------
    settings : entry, flags and depths of the stations, and tolerance in time.
    catalogue : catalogue with the entry of the stations.
    times : of the analyses, or of all cycles.
    depth_m : observed depth, m.
    domain : domain of the campaign; only cells with updatable soil receive stations.
    section : name of the section of the settings, for messages.

    Attributes
    ----------
    cell : flat index of the cells with a station, (n_cells,).
    names : names of the stations in each of these cells.
    means : mean over the sensors of each cell by time, m3 m-3, (n_cells,); NaN without a value.
    counts : number of stations in these means, (n_cells,).

    Raises
    ------
    ConfigError : no sensor in the observed depth has a value in the period.
    MissingFileError, DataError : the files are missing or not readable.

    Notes
    -----
    Local. All values at these times are read once.
    """

    def __init__(
        self,
        settings: RefereeStations | CatalogueStations,
        catalogue: Catalogue,
        times: Sequence[datetime],
        depth_m: tuple[float, float],
        domain: Domain,
        section: str,
    ) -> None:
        self.label, self.depth_m, self.is_soil = f"stations '{settings.entry}'", depth_m, domain.is_soil
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
        self.cell, column = np.unique(domain.cells.cell[places.main_cell[places.is_placed]], return_inverse=True)
        total, count = (np.zeros((wanted.size, self.cell.size)) for _ in range(2))
        has_value: dict[tuple[int, str], BoolArray] = {}
        placed = (one for one, is_placed in zip(found, places.is_placed, strict=True) if is_placed)
        for one, number in zip(placed, column.tolist(), strict=True):
            values = match_times(wanted, one.times, one.values, tolerance)
            known = np.isfinite(values)
            total[:, number] += np.where(known, values, 0.0)
            count[:, number] += known
            key = number, f"{one.network}/{one.station}"
            has_value[key] = has_value.get(key, np.zeros_like(known)) | known
        if not count.any():
            raise ConfigError(
                f"{section}: none of {len(found)} sensors of '{settings.entry}' has a usable value (flags "
                f"{', '.join(settings.accept)}) within {tolerance:g} minutes of a cycle from {times[0]} to "
                f"{times[-1]} in a soil cell of the model. Do the files cover this period? See {section}.accept, "
                ".tolerance_minutes and .sensor_depths_m."
            )
        n_stations = np.zeros(total.shape)
        self.names: dict[int, list[str]] = {}
        for (number, name), known in has_value.items():
            n_stations[:, number] += known
            self.names.setdefault(int(self.cell[number]), []).append(name)
        means = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
        self.means = dict(zip(times, means, strict=True))
        self.counts = dict(zip(times, n_stations, strict=True))


class StationSource(KnownSource):
    """Stations of files as an image, an ``ObservationSource``.

    Parameters
    ----------
    found : the stations.
    std : standard deviation of a station's difference from its cell's mean, m3 m-3.
    withheld : flat index of the cells whose stations are withheld; None: the stations are not assimilated, and the
        errors of a mean over several are those of one.
    """

    def __init__(self, found: StationsInCells, std: float, withheld: IntArray | None = None) -> None:
        self.label, self.depth_m = found.label, found.depth_m
        self._found, self._std, self._is_assimilated = found, std, withheld is not None
        self.withheld = np.zeros(found.is_soil.shape, dtype=np.bool_)
        """Cells whose stations are withheld, (n_lat, n_lon)."""
        self.withheld.flat[[] if withheld is None else withheld] = True
        self.assimilated = np.zeros_like(self.withheld)
        """Cells with stations that are not withheld, (n_lat, n_lon)."""
        self.assimilated.flat[found.cell] = self._is_assimilated
        self.assimilated &= ~self.withheld

    def survey(self, times: Sequence[datetime]) -> Survey:
        """See ``ObservationSource.survey``."""
        has = {time: bool(np.isfinite(means).any()) for time, means in self._found.means.items()}
        found = tuple((time, self.label) for time in times if has.get(time, False))
        missing = tuple((time, self.label) for time in times if not has.get(time, False))
        return Survey(self.label, found, missing, "skip", reason=_NO_VALUE if missing else "")

    def at(self, time: datetime, truth_image: FloatArray | None = None) -> ImageObservation | None:  # noqa: ARG002 - the protocol has it
        """See ``ObservationSource.at``."""
        means = self._found.means.get(time)
        if means is None or not np.isfinite(means).any():
            return None
        is_soil = self._found.is_soil
        image, std = np.full(is_soil.shape, np.nan), np.full(is_soil.shape, self._std)
        image.flat[self._found.cell] = means
        if self._is_assimilated:
            std.flat[self._found.cell] = self._std / np.sqrt(np.maximum(self._found.counts[time], 1.0))
        return ImageObservation.flagged(image, is_soil, time, self.depth_m, self.label, std)


class TwinStationSource(KnownSource):
    """Stations of a twin: the truth of their cells, a constant offset, errors that persist, and white errors.

    Parameters
    ----------
    settings : number, errors and gaps of the stations.
    time : calendar of the campaign, from whose start errors persist.
    seed : of the campaign. Random numbers are keyed by it and by the name of the station or the time.
    depth_m : observed depth, which the stations represent, m.
    domain : of the campaign; stations are in cells with updatable soil.
    """

    label: Final = "stations of the twin"

    def __init__(
        self, settings: TwinStations, time: TimeConfig, seed: int, depth_m: tuple[float, float], domain: Domain
    ) -> None:
        self.depth_m = depth_m
        self._persistence = Persistence(time.start, time.cycle, settings.persistence_hours)
        self._settings, self._seed, self._is_soil = settings, seed, domain.is_soil
        possible = np.flatnonzero(domain.is_soil)
        number = min(settings.number, possible.size)
        drawn = keyed_generator(seed, "cells of assimilated stations").choice(possible, size=number, replace=False)
        self._cell = np.sort(drawn)
        names = [f"twin/{cell:07d}" for cell in self._cell.tolist()]
        draws = [keyed_generator(seed, "offset of an assimilated station", name).normal() for name in names]
        self._offset = settings.representativeness_std * np.array(draws)
        kept = {cell: [name] for cell, name in zip(self._cell.tolist(), names, strict=True)}
        self.withheld = np.zeros(domain.is_soil.shape, dtype=np.bool_)
        """Cells whose stations are withheld, (n_lat, n_lon)."""
        self.withheld.flat[withheld_cells(kept, seed, settings.withheld_fraction)] = True
        self.assimilated = np.zeros_like(self.withheld)
        """Cells with stations that are not withheld, (n_lat, n_lon)."""
        self.assimilated.flat[self._cell] = True
        self.assimilated &= ~self.withheld

    def survey(self, times: Sequence[datetime]) -> Survey:
        """Report all times as found: the truth always exists."""
        return Survey(self.label, tuple((time, "nature run") for time in times), (), "error")

    def at(self, time: datetime, truth_image: FloatArray | None = None) -> ImageObservation:
        """Observe the truth; see ``ObservationSource.at``. Values below zero are set to zero."""
        if truth_image is None:
            raise DataError(f"stations of the twin at {time.isoformat()} need the nature run's image; none was given.")
        generator = keyed_generator(self._seed, "errors of assimilated stations", time.isoformat())
        errors = self._settings.error_std * generator.standard_normal(self._cell.size)
        is_missing = generator.random(self._cell.size) < self._settings.missing_fraction
        if self._settings.persistent_std:
            errors += self._settings.persistent_std * self._persistence(time, self._white)
        readings = np.maximum(truth_image.flat[self._cell] + self._offset + errors, 0.0)
        image = np.full(self._is_soil.shape, np.nan)
        image.flat[self._cell] = np.where(is_missing, np.nan, readings)
        std = np.full(self._is_soil.shape, self._settings.total_std)
        return ImageObservation.flagged(image, self._is_soil, time, self.depth_m, self.label, std)

    def _white(self, time: datetime) -> FloatArray:
        generator = keyed_generator(self._seed, "persistent errors of assimilated stations", time.isoformat())
        return generator.standard_normal(self._cell.size)
