"""Checks of the input of column models: times, weather and ranges. Messages name the tile, place and variable."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from landda_hpc.constants import FloatArray
from landda_hpc.errors import ConfigError, ModelError, ShapeError
from landda_hpc.model.protocol import Weather
from landda_hpc.state import Tiles, TileState
from landda_hpc.variables import STATE

WEATHER_RANGE: Final[dict[str, tuple[float, float, str]]] = {
    "shortwave": (0.0, 1500.0, "W m-2"),
    "longwave": (20.0, 800.0, "W m-2"),
    "air_temperature": (170.0, 345.0, "K"),
    "specific_humidity": (0.0, 0.1, "kg kg-1"),
    "surface_pressure": (3.0e4, 1.15e5, "Pa"),
    "wind_speed": (0.0, 100.0, "m s-1"),
    "precipitation": (0.0, 0.1, "kg m-2 s-1"),
}
"""Physical range (inclusive) and unit of every weather variable."""


def midnight(when: datetime) -> datetime:
    """Return 00 UTC of the day that contains a time."""
    return when.replace(hour=0, minute=0, second=0, microsecond=0)


def place(tiles: Tiles, tile: int) -> str:
    """Position of a tile, for messages."""
    return f"tile {tiles.global_index[tile]} ({tiles.place(tile)})"


def per_tile_factor(name: str, value: FloatArray | float, n_tile: int) -> FloatArray:
    """Return one factor per tile; ShapeError for a wrong shape, ModelError for values below zero or not finite."""
    array = np.asarray(value, dtype=np.float64)
    if array.ndim > 0 and array.shape != (n_tile,):
        raise ShapeError(f"{name} has shape {array.shape}; there are {n_tile} tiles.")
    if not (np.isfinite(array) & (array >= 0.0)).all():
        raise ModelError(f"{name} has values that are negative or not finite; expected factors around 1.")
    # A copy: loops that take writable and read-only arrays are compiled twice.
    return np.array(np.broadcast_to(array, (n_tile,)))


def check_times(start: datetime, end: datetime, step: timedelta) -> None:
    """Raise ConfigError unless start <= end and both are a whole number of model steps after midnight."""
    if start > end or (start - midnight(start)) % step or (end - midnight(end)) % step:
        raise ConfigError(
            f"forecast from {start} to {end}: expected start <= end, both whole steps of {step.total_seconds():g} s "
            "after midnight."
        )


def check_steps(timestep_s: int, forcing_step: timedelta) -> None:
    """Raise ConfigError unless the model step divides the forcing step and the forcing step divides a day."""
    if forcing_step % timedelta(seconds=timestep_s) or timedelta(days=1) % forcing_step:
        raise ConfigError(
            f"model step of {timestep_s} s and forcing step of {forcing_step}: the model step must divide the "
            "forcing step, and the forcing step must divide a day."
        )


def forcing_steps(start: datetime, end: datetime, step: timedelta) -> Iterator[tuple[datetime, datetime, datetime]]:
    """Split a period by forcing steps: beginning of the step, then beginning and end of its part in the period."""
    now = start
    while now < end:
        forcing_start = now - (now - midnight(now)) % step
        until = min(end, forcing_start + step)
        yield forcing_start, now, until
        now = until


def check_state(tiles: Tiles, state: TileState, names: Iterable[str]) -> None:
    """Raise ShapeError or ModelError unless the state has these tiles and these variables are within their range."""
    if state.n_tile != len(tiles):
        raise ShapeError(f"state has {state.n_tile} tiles; the model has {len(tiles)}.")
    for name in names:
        variable = STATE[name]
        values = state.soil(name) if "soilsnow" in variable.dims else state[name]
        low = -np.inf if variable.valid_min is None else variable.valid_min
        high = np.inf if variable.valid_max is None else variable.valid_max
        check_range(tiles, f"state variable '{name}'", values, low, high, variable.units)


def check_residual(tiles: Tiles, residual: FloatArray, start: datetime, budget: str, limit: float, unit: str) -> None:
    """Raise ModelError, naming the worst tile, unless the residuals of a budget, (n_tile,), are within a limit."""
    is_good = residual <= limit
    if is_good.all():
        return
    worst = int(np.argmax(np.where(is_good, -1.0, np.nan_to_num(residual, nan=np.inf))))
    raise ModelError(
        f"{budget} budget of the forecast from {start} has an imbalance of {residual[worst]:g} {unit} in a step at "
        f"{place(tiles, worst)}; expected at most {limit:g}. Please report this with the state."
    )


def check_weather(tiles: Tiles, weather: Weather, start: datetime) -> None:
    """Raise ShapeError or ModelError unless the weather has these tiles and lies within ``WEATHER_RANGE``."""
    for field in fields(weather):
        values = getattr(weather, field.name)
        if values.shape != (len(tiles),):
            raise ShapeError(
                f"weather '{field.name}' of {start} has shape {values.shape}; there are {len(tiles)} tiles."
            )
        low, high, unit = WEATHER_RANGE[field.name]
        check_range(tiles, f"weather '{field.name}' of {start}", values, low, high, unit)


def check_range(tiles: Tiles, what: str, values: FloatArray, low: float, high: float, unit: str) -> None:
    """Raise ModelError, naming tile, place and layer, unless all values are within low and high (inclusive)."""
    is_good = (values >= low) & (values <= high)
    if is_good.all():
        return
    where = np.argwhere(~is_good)
    first = tuple(int(k) for k in where[0])
    layer = f", soil layer {first[1] + 1}" if len(first) > 1 else ""
    raise ModelError(
        f"{what} is {values[first]:g} {unit} at {place(tiles, first[0])}{layer}; "
        f"expected {low:g} to {high:g} ({len(where)} values are outside). Check their source."
    )
