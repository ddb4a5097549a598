"""Stations prepared for comparison: sensors, the cells that represent them, and values at the model's times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final

import numpy as np

from landda_hpc.constants import BoolArray, FloatArray, IntArray
from landda_hpc.regridding.depth import DepthRange
from landda_hpc.verification.statistics.matching import (
    ModelCells,
    Placement,
    PlaceMethod,
    as_times,
    layer_of,
    match_times,
    place,
    sensor_weights,
)

if TYPE_CHECKING:
    from landda_hpc.formats.stations.station import StationSeries
    from landda_hpc.grid import Grid
    from landda_hpc.regions import Region

UNITS: Final = ("m3 m-3", "m3/m3", "m^3/m^3")
"""Spellings of the unit that stations must have."""


_NAMED_DEPTHS: Final = 12
"""Largest number of depths that are listed."""


def sensor_depth_name(depth_m: DepthRange) -> str:
    """Return the name of a sensor's depth: (0.05, 0.05) -> '5 cm', (0.0, 0.1) -> '0-10 cm'."""
    top, bottom = (100.0 * d for d in depth_m)
    return f"{top:g} cm" if bottom - top < 0.1 else f"{top:g}-{bottom:g} cm"


def count_depths(depths_m: Iterable[DepthRange]) -> str:
    """List depths from the top, each with the number of sensors: "5 cm (12), 10 cm (3)"."""
    found = Counter(sensor_depth_name(depth) for depth in sorted(depths_m, key=lambda d: (0.5 * (d[0] + d[1]), d)))
    names = [f"{name} ({number})" for name, number in found.items()]
    if len(names) <= _NAMED_DEPTHS:
        return ", ".join(names)
    return f"{', '.join(names[:_NAMED_DEPTHS])} and {len(names) - _NAMED_DEPTHS} other depths"


@dataclass(frozen=True, eq=False)
class StationSet:
    """Sensors that can be compared with the model.

    Attributes
    ----------
    network, station, sensor : names of each sensor.
    lat, lon, elevation_m : coordinates, degrees, and elevation, m (NaN where unknown), (n_place,).
    depths_m : top and bottom of each sensor, m.
    layer : number of the scored layer of each sensor.
    layers : names of the scored layers.
    placement : cells that represent the sensors.
    layer_weights : weights of the model's soil layers, (n_place, n_layers).
    times : times of the rows of ``observed``, UTC.
    observed : soil moisture, m3 m-3, (n_time, n_place); NaN without a usable value within the tolerance.
    left_out : numbers of excluded sensors by reason.
    """

    network: tuple[str, ...]
    station: tuple[str, ...]
    sensor: tuple[str, ...]
    lat: FloatArray
    lon: FloatArray
    elevation_m: FloatArray
    depths_m: tuple[DepthRange, ...]
    layer: IntArray
    layers: tuple[str, ...]
    placement: Placement
    layer_weights: FloatArray
    times: tuple[datetime, ...]
    observed: FloatArray
    left_out: Counter[str] = field(default_factory=Counter)

    def __len__(self) -> int:
        return len(self.station)

    def label(self, number: int) -> str:
        """Return the label of a sensor, for example "MAQU/CST_01, 5 cm"."""
        return f"{self.network[number]}/{self.station[number]}, {sensor_depth_name(self.depths_m[number])}"

    def depth_words(self, numbers: Iterable[int] | None = None) -> str:
        """List the depths of all or some sensors, with the number of sensors, as "5 cm (12), 10 cm (3)"."""
        chosen = self.depths_m if numbers is None else [self.depths_m[int(i)] for i in numbers]
        return count_depths(chosen)

    def inside(self, region: Region) -> BoolArray:
        """Return a mask of the sensors in a region, (n_place,)."""
        return region.holds(self.lat, self.lon)

    def at_places(self, soil_moisture: FloatArray) -> FloatArray:
        """Return the model equivalents of the sensors, m3 m-3, (n_place,).

        Parameters
        ----------
        soil_moisture : model state, m3 m-3, (n_layers, n_cells); NaN outside updatable soil.
        """
        of_layers = self.placement.values(soil_moisture)
        # Layers without weight may be missing.
        return np.asarray(np.where(self.layer_weights.T > 0.0, self.layer_weights.T * of_layers, 0.0).sum(axis=0))


def make_station_set(
    series: Sequence[StationSeries],
    times: Sequence[datetime],
    of_model: ModelCells,
    *,
    layers: Sequence[tuple[str, DepthRange]],
    n_layers: int,
    method: PlaceMethod = "nearest",
    tolerance_minutes: float = 30.0,
    min_pairs: int = 1,
) -> StationSet:
    """Find the model cells of stations, and the stations' values at the model's times.

    Parameters
    ----------
    series : soil moisture of the sensors, m3 m-3; values refused by their flags are already NaN.
    times : times of the model, ascending, UTC.
    of_model : see ``matching.place``.
    layers : name and depth of the scored layers; a sensor belongs to the first layer that contains its middle.
    n_layers : number of soil layers in the model's series, from the top.
    method, tolerance_minutes : see ``matching.place`` and ``match_times``.
    min_pairs : sensors with fewer values at the model's times are excluded.

    Returns
    -------
    StationSet : sorted by network, station, depth and sensor; excluded sensors are counted by reason.
    """
    left_out: Counter[str] = Counter()
    ordered = sorted(series, key=lambda s: (s.network, s.station, s.depth_m, s.sensor))
    kept: list[StationSeries] = []
    weights, numbers, seen = [], [], set()
    for one in ordered:
        key = (one.network, one.station, one.sensor, one.depth_m)
        of_layers, number = sensor_weights(one.depth_m, n_layers), layer_of(one.depth_m, [depth for _, depth in layers])
        if one.units not in UNITS:
            left_out[f"unit {one.units}"] += 1
        elif key in seen:
            left_out["the same sensor twice"] += 1
        elif of_layers is None:
            left_out["not within the recorded layers"] += 1
        elif number is None:
            left_out["in none of the scored layers"] += 1
        else:
            seen.add(key)
            kept.append(one)
            weights.append(of_layers)
            numbers.append(number)
    wanted = as_times(times)
    observed = np.full((len(times), len(kept)), np.nan)
    for i, one in enumerate(kept):
        observed[:, i] = match_times(wanted, one.times, one.values, tolerance_minutes)
    lat, lon = (np.array([getattr(one, name) for one in kept], np.float64) for name in ("lat", "lon"))
    placement = place(lat, lon, of_model, method=method)
    enough = np.isfinite(observed).sum(axis=0) >= min_pairs
    left_out["no scored cell near"] += int((~placement.is_placed).sum())
    left_out[f"fewer than {min_pairs} usable values at the model's times"] += int((placement.is_placed & ~enough).sum())
    chosen = np.flatnonzero(placement.is_placed & enough)
    left = [kept[i] for i in chosen]
    return StationSet(
        network=tuple(one.network for one in left),
        station=tuple(one.station for one in left),
        sensor=tuple(one.sensor for one in left),
        lat=lat[chosen],
        lon=lon[chosen],
        elevation_m=np.array([one.elevation_m for one in left], np.float64),
        depths_m=tuple(one.depth_m for one in left),
        layer=np.array(numbers, np.int64)[chosen] if numbers else np.empty(0, np.int64),
        layers=tuple(name for name, _ in layers),
        placement=Placement(placement.cells[chosen], placement.weights[chosen], placement.distance_km[chosen]),
        layer_weights=np.array(weights)[chosen] if weights else np.empty((0, n_layers)),
        times=tuple(times),
        observed=observed[:, chosen],
        left_out=+left_out,
    )


@dataclass(frozen=True, eq=False)
class Representativeness:
    """Possible difference between a point and a cell.

    Attributes
    ----------
    cell_km : square root of the area of the cell that represents each station, km, (n_place,).
    among_tiles : mean over time of the model's standard deviation among the tiles of that cell, m3 m-3.
    among_stations : standard deviation of the stations of one cell and layer about their mean, as mean over times with
        at least two values, m3 m-3; NaN without two stations.
    n_in_cell : number of sensors of the same layer in the same cell.
    """

    cell_km: FloatArray
    among_tiles: FloatArray
    among_stations: FloatArray
    n_in_cell: IntArray


def representativeness(stations: StationSet, grid: Grid, cell: IntArray, among_tiles: FloatArray) -> Representativeness:
    """Estimate the difference between a station and its cell.

    Parameters
    ----------
    cell : flat indices of the land cells.
    among_tiles : mean standard deviation among the tiles of the main cell in the sensor's layer, (n_place,).
    """
    main = stations.placement.main_cell
    area = grid.area.reshape(-1)[cell[main]] if len(stations) else np.empty(0)
    among, count = np.full(len(stations), np.nan), np.ones(len(stations), np.int64)
    keys = np.stack([main, stations.layer], axis=1)
    for key in np.unique(keys, axis=0) if len(stations) else ():
        together = np.flatnonzero((keys == key).all(axis=1))
        count[together] = together.size
        values = stations.observed[:, together]
        several = np.isfinite(values).sum(axis=1) >= 2
        if together.size >= 2 and several.any():
            among[together] = float(np.mean(np.nanstd(values[several], axis=1, ddof=1)))
    return Representativeness(np.sqrt(area) / 1000.0, among_tiles, among, count)
