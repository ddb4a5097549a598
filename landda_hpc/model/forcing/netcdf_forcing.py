"""Weather from netCDF files, interpolated in space to the rank's cells and in time to the forcing steps."""

from __future__ import annotations

import math
from dataclasses import fields
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from landda_hpc.errors import ConfigError, LandDAError
from landda_hpc.formats.forcing.forcing_file import conversion, open_forcing, variable_name
from landda_hpc.formats.forcing.forcing_sets import SETS
from landda_hpc.formats.forcing.plumber import WEATHER, PointForcing, read_forcing
from landda_hpc.model.forcing.air import saturation_vapour_pressure, specific_humidity
from landda_hpc.model.forcing.forcing_dataset import forcing_set
from landda_hpc.model.forcing.forcing_series import FileSeries, PointSeries, Series, point_timeline, require_possible
from landda_hpc.model.forcing.sun import SOLAR_CONSTANT, hour_angle, mean_sun_height, sun_at
from landda_hpc.model.forcing.timeline import Part, Timeline, find_gaps, line_weights
from landda_hpc.model.protocol import Weather

if TYPE_CHECKING:
    from pathlib import Path

    from landda_hpc.config import NetcdfForcing
    from landda_hpc.constants import FloatArray, IntArray
    from landda_hpc.grid import Grid
    from landda_hpc.state import Tiles

_KEPT: Final = timedelta(hours=24)
_TURN: Final = 2.0 * math.pi / 86400.0  # radians per second

MOST_NOISE: Final = {"shortwave": 5.0, "precipitation": 1.0e-5, "specific_humidity": 1.0e-3}
"""Largest negative value (from packing or spectral ripples) that counts as zero."""


class NetcdfWeather:
    """Weather of a rank's tiles from files (a ``WeatherSource``).

    Parameters
    ----------
    grid : the model grid.
    tiles : the rank's tiles; may be empty.
    forcing : files, length of the step and interpolation.
    data_root : folder of external data.

    Raises
    ------
    ConfigError : the dataset lacks a variable that a land model needs.
    DataError : files are missing, damaged, in other units, or without a value near a tile; also from ``during``.

    Notes
    -----
    Local: no communication. A rank reads the axes and one record of every variable to find the valid places, then
    only the windows around its cells. The weather of a tile depends only on the files, the valid time and its cell.
    """

    def __init__(self, grid: Grid, tiles: Tiles, forcing: NetcdfForcing, data_root: Path) -> None:
        self._grid = grid
        self._forcing = forcing
        self._folder = data_root / forcing.folder
        self._step = timedelta(minutes=forcing.step_minutes)
        self._cells, self._cell_of_tile = np.unique(tiles.cell, return_inverse=True)
        row, column = np.divmod(self._cells, grid.shape[1])
        self._lat, self._lon = grid.lat[row], grid.lon[column]
        self._series: dict[str, Series] = {}
        self._kept: dict[datetime, Weather] = {}
        self._point = _read_point(forcing, self._folder) if forcing.dataset == "point" else None
        usual = SETS[forcing.dataset] if self._point is None else self._point[0]
        self.wind_height: float = forcing.wind_height or usual.wind_height
        self.scalar_height: float = forcing.scalar_height or usual.scalar_height

    @property
    def step(self) -> timedelta:
        """Length of a forcing step."""
        return self._step

    def during(self, start: datetime) -> Weather:
        """Mean weather over [start, start + step), (n_tile,), read-only; the latest 24 hours are cached."""
        if start not in self._kept:
            while len(self._kept) >= _KEPT // self._step:
                del self._kept[next(iter(self._kept))]
            self._kept[start] = self._make(start)
        return self._kept[start]

    def _make(self, start: datetime) -> Weather:
        if not self._cells.size:
            return Weather(**{field.name: np.empty(0) for field in fields(Weather)})
        if not self._series:
            self._series = self._open(start)
        end = start + self._step
        values = {name: self._mean(series, start, end) for name, series in self._series.items()}
        weather = _complete(values)
        return Weather(**{name: _read_only(v[self._cell_of_tile]) for name, v in weather.items()})

    def _open(self, first: datetime) -> dict[str, Series]:
        """Open every variable at the rank's cells; ``first`` is a time within the files."""
        if self._point is not None:
            timeline = point_timeline(*self._point)
            return {name: PointSeries(timeline, self._point[0].values[name], self._cells.size) for name in WEATHER}
        dataset, space = forcing_set(self._forcing), self._forcing.space
        opened: dict[str, Series] = {}
        for name, variable in dataset.variables.items():
            timeline = Timeline(self._folder, variable, dataset.clock, dataset.leap_days)
            opened[name] = FileSeries(name, variable, timeline, first, self._grid, self._cells, space)
        return opened

    def _mean(self, series: Series, start: datetime, end: datetime) -> FloatArray:
        """Mean of a variable over a step, computed with its interpolation method."""
        total = np.zeros(self._cells.size)
        if series.interpolation == "linear":
            records = series.timeline.bracket(start, end)
            for record, weight in zip(records, line_weights([r.node for r in records], start, end), strict=True):
                if weight > 0.0:
                    total += weight * series.values(record)
            return total
        for part in series.timeline.overlapping(start, end):
            share = (part.end - part.begin) / (end - start)
            values = series.values(part.record)
            total += share * (self._lit(values, part) if series.interpolation == "sun" else values)
        return total

    def _lit(self, values: FloatArray, part: Part) -> FloatArray:
        """Mean short-wave radiation over part of a record's interval, in proportion to the sine of solar height.

        A mean above the solar irradiance, or below zero, is distributed evenly, so that the mean is conserved.
        """
        record = part.record
        length = (record.end - record.begin).total_seconds()
        sun = sun_at(record.node)
        begin = hour_angle(record.node, sun) - 0.5 * length * _TURN

        def height(first: datetime, last: datetime) -> FloatArray:
            low = begin + (first - record.begin).total_seconds() * _TURN
            high = begin + (last - record.begin).total_seconds() * _TURN
            heights: FloatArray = mean_sun_height(
                self._lat, self._lon, math.sin(sun.declination), math.cos(sun.declination), low, high
            )
            return heights

        whole = height(record.begin, record.end)
        is_plausible = (whole > 0.0) & (values >= 0.0) & (values <= SOLAR_CONSTANT * sun.distance_factor * whole)
        scale = np.divide(values, whole, out=np.zeros_like(values), where=is_plausible)
        return np.where(is_plausible, scale * height(part.begin, part.end), values)


def find_forcing_problems(
    forcing: NetcdfForcing, folder: Path, grid: Grid, cells: IntArray, begin: datetime, end: datetime
) -> list[str]:
    """Find problems of the files from begin to end, one line each; reads the times and attributes of each file."""
    if forcing.dataset == "point":
        try:
            point, offset = _read_point(forcing, folder)
        except LandDAError as error:
            return [str(error)]
        return find_gaps(point_timeline(point, offset), begin, end, as_line=False)
    try:
        dataset = forcing_set(forcing)
    except ConfigError as error:
        return [str(error)]
    problems = []
    for name, variable in dataset.variables.items():
        timeline = Timeline(folder, variable, dataset.clock, dataset.leap_days)
        found = find_gaps(timeline, begin, end, as_line=variable.interpolation == "linear")
        try:
            for time in [] if found else timeline.files(begin, end):
                with open_forcing(timeline.path(time)) as file:
                    conversion(file, variable_name(file, variable), name, variable)
            if not found:
                FileSeries(name, variable, timeline, begin, grid, cells, forcing.space)
        except LandDAError as error:
            found.append(str(error))
        problems += [line for line in found if line not in problems]
    return problems


def _read_point(forcing: NetcdfForcing, folder: Path) -> tuple[PointForcing, timedelta]:
    """Read a site's weather and its local standard time minus UTC; ``folder`` is the path of the file."""
    point = read_forcing(folder)
    for name in WEATHER:
        require_possible(point.values[name], name, folder)
    hours = forcing.utc_offset_hours
    return point, timedelta(hours=float(round(point.longitude / 15.0)) if hours is None else hours)


def _complete(values: dict[str, FloatArray]) -> dict[str, FloatArray]:
    """Derive the variables of ``Weather`` from those of a dataset; remove noise below zero and supersaturation."""
    if "wind_speed" not in values:
        east, north = values.pop("eastward_wind"), values.pop("northward_wind")
        values["wind_speed"] = np.sqrt(east * east + north * north)
    pressure = values["surface_pressure"]
    if "specific_humidity" not in values:
        values["specific_humidity"] = specific_humidity(saturation_vapour_pressure(values.pop("dew_point")), pressure)
    for name, noise in MOST_NOISE.items():
        values[name] = np.where((values[name] < 0.0) & (values[name] >= -noise), 0.0, values[name])
    saturated = specific_humidity(saturation_vapour_pressure(values["air_temperature"]), pressure)
    values["specific_humidity"] = np.minimum(values["specific_humidity"], saturated)
    return {name: values[name] for name in WEATHER}


def _read_only(values: FloatArray) -> FloatArray:
    result = np.array(values)
    result.setflags(write=False)
    return result
