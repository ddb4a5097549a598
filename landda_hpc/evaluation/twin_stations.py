"""Synthetic stations of a twin from its nature run, with representativeness and instrument errors."""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np

from landda_hpc.config import TwinStationsConfig
from landda_hpc.constants import FloatArray, IntArray
from landda_hpc.errors import ConfigError
from landda_hpc.evaluation.recorded_series import NATURE, CampaignSeries, unfrozen
from landda_hpc.evaluation.setup import EvaluationSetup
from landda_hpc.formats.stations.station import StationSeries
from landda_hpc.grid import Grid
from landda_hpc.instances.domain import Domain
from landda_hpc.observation.persistence import persistent_series
from landda_hpc.random_fields.keyed import keyed_generator
from landda_hpc.regions import GLOBE, Region
from landda_hpc.storage.series_files import SeriesSlice
from landda_hpc.verification.statistics.matching import as_times, sensor_weights
from landda_hpc.verification.tables.station_table import TWIN_NETWORK

_MOST_TRIES: Final = 100
"""Largest number of places in a cell that are tried until one is in the region."""


def draw_twin_stations(
    series: CampaignSeries, settings: TwinStationsConfig, setup: EvaluationSetup
) -> list[StationSeries]:
    """Draw stations whose values are the nature run's cell means, plus the offset and the errors of each station.

    The offset is constant, the errors are white in time, and a further part persists from time to time. Random numbers
    are keyed by the campaign's seed, by region and cell of the station, and by their use, so that a longer series
    begins with the values of a shorter one.

    Parameters
    ----------
    setup : stations lie in each of its regions with scored cells, or anywhere in the domain if no region has any.

    Raises
    ------
    ConfigError : no nature run was recorded, or the sensor is deeper than the recorded layers.
    """
    domain, regions = setup.domain, setup.regions
    weights = sensor_weights(settings.depth_m, series.n_layers)
    if NATURE not in series.instances or weights is None:
        raise ConfigError(
            "verification.twin_stations needs the nature run's series (a twin campaign) and a sensor within the "
            f"recorded {series.to_depth_m:.3f} m; found instances {', '.join(series.instances)} and a sensor at "
            f"{settings.depth_m[0]:g}-{settings.depth_m[1]:g} m."
        )
    row, column = np.divmod(domain.cells.cell, domain.grid.shape[1])
    chosen: list[tuple[Region, int]] = []
    inside_of = [(region, _scored_cells(domain, region)) for region in regions]
    for region, inside in [found for found in inside_of if found[1].size] or [(GLOBE, _scored_cells(domain, GLOBE))]:
        generator = keyed_generator(setup.seed, "cells of twin stations", region.name)
        cells = generator.choice(inside, size=min(settings.per_region, inside.size), replace=False)
        chosen += [(region, int(cell)) for cell in np.sort(cells)]
    cells = np.array([cell for _, cell in chosen])

    def truth(values: SeriesSlice) -> FloatArray:
        return np.asarray((weights[:, None] * unfrozen(values)[:, cells]).sum(axis=0))

    water = series.collect(NATURE, {"truth": truth})["truth"]
    times = as_times(series.times)
    found = []
    for number, (region, cell) in enumerate(chosen):
        key = region.name, int(domain.cells.cell[cell])
        drawn = partial(keyed_generator, setup.seed)
        place = drawn("place of a twin station", *key)
        lat, lon = _place(place, domain.grid, int(row[cell]), int(column[cell]), region)
        truth_here = water[:, number]
        # Soil moisture must not be negative: the offset is limited to the minimum in time.
        driest = float(np.min(truth_here[np.isfinite(truth_here)], initial=np.inf))
        offset = max(settings.offset_std * drawn("offset of a twin station", *key).normal(), -driest)
        slow = drawn("persistent errors of a twin station", *key).normal(size=times.size)
        slow = settings.persistent_std * persistent_series(slow, series.time.cycle, settings.persistence_hours)
        white = settings.error_std * drawn("errors of a twin station", *key).normal(size=times.size)
        readings = np.maximum(truth_here + offset + slow + white, 0.0)
        is_missing = drawn("gaps of a twin station", *key).random(times.size) < settings.missing_fraction
        values = np.where(is_missing, np.nan, readings)
        found.append(
            StationSeries(
                network=f"{TWIN_NETWORK}{region.name}",
                station=f"{number + 1:04d}",
                sensor="twin",
                lat=lat,
                lon=(lon + 180.0) % 360.0 - 180.0,
                elevation_m=float("nan"),
                depth_m=settings.depth_m,
                variable="soil_moisture",
                units="m3 m-3",
                times=times,
                values=values,
                flags=np.full(times.size, "G"),
                source="nature run",
            )
        )
    return found


def _scored_cells(domain: Domain, region: Region) -> IntArray:
    """Return the numbers of the scored cells in a region."""
    return np.flatnonzero(domain.cells.from_mask(region.mask(domain.grid) & domain.is_scored))


def _place(generator: np.random.Generator, grid: Grid, i: int, j: int, region: Region) -> tuple[float, float]:
    """Return a random place in a cell, in the same region as the cell's centre; latitude and longitude, degrees."""
    turn = np.mod(grid.lon[j] - region.west, 360.0) + region.west - grid.lon[j]
    west, east = max(grid.lon_edges[j] + turn, region.west), min(grid.lon_edges[j + 1] + turn, region.east)
    for _ in range(_MOST_TRIES):
        lat = generator.uniform(max(grid.lat_edges[i], region.south), min(grid.lat_edges[i + 1], region.north))
        lon = np.mod(generator.uniform(west, east) + 180.0, 360.0) - 180.0
        if region.holds(np.asarray(lat), np.asarray(lon)):
            return float(lat), float(lon)
    return float(grid.lat[i]), float(np.mod(grid.lon[j] + 180.0, 360.0) - 180.0)
