"""Weather of an ensemble's member: that of a source, with perturbations of zero mean, or factors of mean 1.

References
----------
Reichle, Koster, Liu, Mahanama, Njoku, Owe (2007), J. Geophys. Res., 112, D09108; Reichle, Crow, Keppenne (2008), Water
Resour. Res., 44, W03423; Kumar et al. (2009), J. Hydrometeorol., 10, 1534-1547; Han, Franssen, Montzka, Vereecken
(2014), Water Resour. Res., 50, 6081-6105.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from landda_hpc.config.ensemble import PERTURBED
from landda_hpc.model.column.checks import WEATHER_RANGE
from landda_hpc.model.forcing.air import saturation_vapour_pressure, specific_humidity
from landda_hpc.model.forcing.latent import EPOCH, STEP
from landda_hpc.model.forcing.shared_latents import SharedLatents
from landda_hpc.model.protocol import Weather, WeatherSource
from landda_hpc.random_fields.angular_spectra import gaussian_spectrum
from landda_hpc.random_fields.autoregressive import AutoregressiveField

if TYPE_CHECKING:
    from collections.abc import Sequence

    from landda_hpc.config import ForcingPerturbationConfig
    from landda_hpc.constants import FloatArray, IntArray
    from landda_hpc.grid import Grid
    from landda_hpc.parallel.communicator import Communicator

_KEPT: Final = 8
"""Number of steps whose perturbations are kept, so that all runs with the same member can share them."""


class _MemberFields:
    """Independent fields of unit variance, one for each of ``PERTURBED``; implements ``Images``."""

    names = PERTURBED

    def __init__(self, config: ForcingPerturbationConfig, grid: Grid, seed: int, member: int) -> None:
        spectrum = gaussian_spectrum(config.length_km)
        steps = config.correlation_hours * timedelta(hours=1) / STEP
        self._fields = {
            name: AutoregressiveField(grid, spectrum, steps, seed, "forcing perturbation", member, number)
            for number, name in enumerate(PERTURBED)
        }

    def one(self, name: str, step: int) -> FloatArray:
        """See ``Images.one``."""
        return self._fields[name].at(step)


class ForcingPerturbations:
    """Perturbations of the weather of one member, on all cells of a grid.

    Parameters
    ----------
    config : standard deviations and correlations.
    grid : the model grid.
    seed, member : key the random numbers.

    Attributes
    ----------
    names : variables of ``PERTURBED`` whose standard deviation is not zero.

    Notes
    -----
    A perturbation is constant for three hours and depends on the valid time alone.
    """

    def __init__(self, config: ForcingPerturbationConfig, grid: Grid, seed: int, member: int) -> None:
        self._factor = np.linalg.cholesky(config.correlations)
        self.names = config.perturbed
        self._std = np.array([getattr(config, f"{name}_std") for name in PERTURBED])
        self._fields = _MemberFields(config, grid, seed, member)
        self._shared: SharedLatents | None = None
        self._kept: dict[int, dict[str, FloatArray]] = {}

    def share(self, group: Communicator, cells: Sequence[IntArray], n_members: int) -> None:
        """Share the computation of the fields with other ranks. Local.

        Parameters
        ----------
        group, cells : as for ``StochasticWeather.share``.
        n_members : number of perturbations that the group shares in this way.
        """
        self._shared = SharedLatents(self._fields, group, cells, n_members) if group.size > 1 else None

    def prepare(self, start: datetime, end: datetime) -> None:
        """Compute the fields of a period in advance, if they are shared. Collective over that group.

        Without this call a rank computes the fields itself, with the same bits.
        """
        if self._shared is not None:
            self._shared.prepare_period(start, end)

    def at(self, time: datetime, cell: IntArray) -> dict[str, FloatArray]:
        """Factors on precipitation and short wave, additions to long wave, W m-2, and air temperature, K, in cells.

        Parameters
        ----------
        time : UTC; the perturbation is that of the three hours that contain it.
        cell : flat indices; the same in every call.
        """
        step = (time - EPOCH) // STEP
        if step not in self._kept:
            while len(self._kept) >= _KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[step] = self._make(step, cell)
        return self._kept[step]

    def _make(self, step: int, cell: IntArray) -> dict[str, FloatArray]:
        white = [self._white(name, step, cell) for name in PERTURBED]
        found: dict[str, FloatArray] = {}
        for row, std, name in zip(self._factor, self._std, PERTURBED, strict=True):
            # Summed in order: a matrix product may add in another order for another number of cells.
            z = np.zeros(cell.size)
            for weight, values in zip(row, white, strict=True):
                z += weight * values
            sigma = float(np.sqrt(np.log1p(std**2)))
            is_factor = name in ("precipitation", "shortwave")
            found[name] = np.exp(sigma * z - 0.5 * sigma**2) if is_factor else std * z
        return found

    def _white(self, name: str, step: int, cell: IntArray) -> FloatArray:
        shared = None if self._shared is None else self._shared.one(name, step)
        return self._fields.one(name, step).reshape(-1)[cell] if shared is None else shared


class PerturbedWeather:
    """The weather of a member (a ``WeatherSource``).

    Parameters
    ----------
    source : unperturbed weather of the tiles.
    perturbations : of the member.
    cell : flat index of each tile's cell, (n_tile,).

    Notes
    -----
    Precipitation at a place is limited to the largest value that a model accepts, and specific humidity to saturation
    at the perturbed temperature. Local: no communication.
    """

    def __init__(self, source: WeatherSource, perturbations: ForcingPerturbations, cell: IntArray) -> None:
        self._source, self._perturbations = source, perturbations
        self._cells, self._cell_of_tile = np.unique(cell, return_inverse=True)

    @property
    def wind_height(self) -> float:
        """See ``WeatherSource``."""
        return self._source.wind_height

    @property
    def scalar_height(self) -> float:
        """See ``WeatherSource``."""
        return self._source.scalar_height

    @property
    def step(self) -> timedelta:
        """See ``WeatherSource``."""
        return self._source.step

    def during(self, start: datetime) -> Weather:
        """Return the perturbed weather of a forcing step; see ``WeatherSource.during``."""
        weather = self._source.during(start)
        change = {
            name: values[self._cell_of_tile] for name, values in self._perturbations.at(start, self._cells).items()
        }
        temperature = _limited("air_temperature", weather.air_temperature + change["air_temperature"])
        vapour = saturation_vapour_pressure(temperature)
        moist = specific_humidity(np.minimum(vapour, 0.5 * weather.surface_pressure), weather.surface_pressure)
        return replace(
            weather,
            precipitation=_limited("precipitation", weather.precipitation * change["precipitation"]),
            shortwave=_limited("shortwave", weather.shortwave * change["shortwave"]),
            longwave=_limited("longwave", weather.longwave + change["longwave"]),
            air_temperature=temperature,
            specific_humidity=np.minimum(weather.specific_humidity, np.maximum(moist, 0.0)),
        )


def _limited(name: str, values: FloatArray) -> FloatArray:
    """Values within the physical range of a variable of the weather."""
    low, high, _ = WEATHER_RANGE[name]
    return np.clip(values, low, high)
