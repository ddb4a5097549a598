"""A spin-up that costs seconds: Iceland, with files of weather that is the same everywhere."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np

from landda_hpc.config import CampaignConfig, parse_config
from landda_hpc.parallel.communicator import Communicator
from landda_hpc.parallel.signals import StopRequest

UNITS = {
    "shortwave": "W m-2", "longwave": "W m-2", "air_temperature": "K", "specific_humidity": "kg kg-1",
    "wind_speed": "m s-1", "surface_pressure": "Pa", "precipitation": "kg m-2 s-1",
}  # fmt: skip


def config_of(data: Path, start: str = "2019-03-01", **changes: Any) -> CampaignConfig:
    times = {"start": f"{start}T00:00", "assimilation_end": f"{start}T06:00", "end": f"{start}T06:00"}
    mean = {"meaning": "mean", "stamp": "begin", "interpolation": "uniform"}
    variables = {name: {"path": "%Y.nc", "name": name, **mean} for name in UNITS}
    return parse_config({
        "name": "tiny", "time": times, "model": {"physics": "land_surface", "timestep_s": 10800}, "twin": {
            "weather_correlation": 1.0},
        "grid": {"n_lat": 17, "n_lon": 17, "south": 60.0, "north": 68.5, "west": -25.0, "east": -8.0},
        "tiles": {"max_soil_tiles": 1}, "observations": {"kind": "twin"}, "runs": [{"method": "control"}],
        "forcing": {"kind": "netcdf", "dataset": "custom", "folder": ".", "step_minutes": 1440, "variables": variables},
        "data_root": str(data), **changes,
    })  # fmt: skip


def write_years(folder: Path, years: range, calendar: str = "standard") -> None:
    """Write a file per year. In the noleap calendar 29 February is missing; in the others it repeats the 28th."""
    for year in years:
        is_leap = calendar != "noleap" and year % 4 == 0
        day = np.arange(365)
        if is_leap:
            day = np.insert(day, 59, 58)  # 31 + 28 days come before
        season = np.cos(2.0 * np.pi * (day - 200) / 365.0)
        draws = np.random.default_rng(year).random(365)[day]
        values = {
            "shortwave": 140.0 + 110.0 * season, "longwave": 290.0 + 30.0 * season,
            "air_temperature": 277.0 + 7.0 * season + 2.0 * draws, "specific_humidity": 0.004 + 0.002 * season,
            "wind_speed": 3.0 + 4.0 * draws, "surface_pressure": np.full(draws.size, 98000.0),
            "precipitation": 2.5e-4 * np.maximum(draws - 0.6, 0.0) * (1.0 + 0.5 * (year % 2)),
        }  # fmt: skip
        with netCDF4.Dataset(folder / f"{year}.nc", "w") as file:
            for name, n in (("time", draws.size), ("lat", 1), ("lon", 1)):
                file.createDimension(name, n)
            time = file.createVariable("time", "f8", ("time",))
            time.units, time.calendar = f"days since {year}-01-01", calendar
            time[:] = np.arange(draws.size)
            for name, units in UNITS.items():
                stored = file.createVariable(name, "f8", ("time", "lat", "lon"))
                stored.units = units
                stored[:] = values[name][:, None, None]


class StopAfter(StopRequest):
    """A signal that is seen when it is looked for the given time."""

    def __init__(self, months: int) -> None:
        super().__init__()
        self._left = months

    def agreed(self, world: Communicator) -> signal.Signals | None:
        self._left -= 1
        return signal.SIGUSR1 if self._left == 0 else None
