"""Read single sites of PLUMBER2: forcing (Met), tower fluxes (Flux), and CoLM's file of site data.

Times are local standard time without daylight saving; value i is valid from time i to time i + 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from landda_hpc.constants import FloatArray, IntArray
from landda_hpc.errors import DataError
from landda_hpc.formats.cf.clock import parse_units
from landda_hpc.formats.cf.netcdf_file import NetcdfFile, read_times, require_units

WEATHER: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "shortwave": ("SWdown", ("W/m2", "W m-2", "W/m^2")),
    "longwave": ("LWdown", ("W/m2", "W m-2", "W/m^2")),
    "air_temperature": ("Tair", ("K",)),
    "specific_humidity": ("Qair", ("kg/kg", "kg kg-1", "1")),
    "surface_pressure": ("Psurf", ("Pa",)),
    "wind_speed": ("Wind", ("m/s", "m s-1")),
    "precipitation": ("Precip", ("kg/m2/s", "kg m-2 s-1", "mm/s", "mm s-1")),
}
"""Internal name, name in the file, spellings of the unit."""

FLUXES: Final[dict[str, str]] = {
    "latent": "Qle",
    "sensible": "Qh",
    "net_radiation": "Rnet",
    "shortwave_up": "SWup",
    "ground": "Qg",
}
"""Internal name and name in the file; all W m-2."""

MEASURED: Final = 0.0
"""Quality flag of measured values; other flags mark gap-filled values."""

DEFAULT_HEIGHT: Final = 10.0  # m, of instruments if the file does not give it


@dataclass(frozen=True, eq=False)
class PointForcing:
    """Weather at one site, float64, shape (n_time,) each, no NaN.

    Attributes
    ----------
    path : the file.
    start : beginning of the first value's interval, local standard time.
    step : interval of each value.
    latitude, longitude : degrees.
    wind_height, scalar_height : heights of the instruments for wind, and for temperature and humidity, m.
    values : values by internal name (``WEATHER``): W m-2, K, kg kg-1, Pa, m s-1, kg m-2 s-1.
    """

    path: Path
    start: datetime
    step: timedelta
    latitude: float
    longitude: float
    wind_height: float
    scalar_height: float
    values: dict[str, FloatArray]

    @property
    def n_time(self) -> int:
        """Number of values of each variable."""
        return int(self.values["shortwave"].size)

    @property
    def end(self) -> datetime:
        """End of the last value's interval, local standard time."""
        return self.start + self.n_time * self.step


@dataclass(frozen=True, eq=False)
class PointFluxes:
    """Tower fluxes, W m-2, shape (n_time,); NaN where not measured (missing or gap-filled).

    ``values`` has the fluxes of ``FLUXES`` that are in the file. Latent and sensible heat and reflected shortwave
    radiation are positive upward, net radiation and ground heat downward.
    """

    path: Path
    start: datetime
    step: timedelta
    values: dict[str, FloatArray]


@dataclass(frozen=True, eq=False)
class SiteRecord:
    """Vegetation and soil of a site.

    Attributes
    ----------
    igbp : land cover class 1..17 (IGBP).
    canopy_height : m; NaN if not given.
    lai_years : years of the rows of ``lai`` and ``sai``, (n_year,).
    lai, sai : leaf and stem area index by month, m2 m-2, (n_year, 12).
    soil : parameters by name, (n_soil,): porosity (m3 m-3), suction (saturated matric potential, mm, negative), lambda
        (Campbell, 1 / b), conductivity (saturated, mm s-1), solids_heat_capacity (of the dry soil's solids per soil
        volume, J m-3 K-1), dry_conductivity, saturated_conductivity (thermal, unfrozen, W m-1 K-1). Empty if the file
        has none.
    soil_albedo : albedo by name ``saturated_visible``, ``dry_visible``, ``saturated_infrared``, ``dry_infrared``; may
        be empty.
    """

    path: Path
    igbp: int
    canopy_height: float
    lai_years: IntArray
    lai: FloatArray
    sai: FloatArray
    soil: dict[str, FloatArray]
    soil_albedo: dict[str, float]

    def leaf_area(self, year: int) -> tuple[FloatArray, FloatArray]:
        """LAI and SAI by month, (12,) each, of a year or of the nearest year in the file."""
        row = int(np.argmin(np.abs(self.lai_years - year)))
        return self.lai[row], self.sai[row]


def read_forcing(path: Path) -> PointForcing:
    """Read the weather of a PLUMBER2 "Met" file from FLUXNET, La Thuile or OzFlux.

    Raises
    ------
    MissingFileError : no such file.
    DataError : damaged file; a variable is missing, has unexpected units or missing values; more than one place;
        unevenly spaced times.

    Notes
    -----
    Local: no communication. Ukkola et al. (2022), Earth Syst. Sci. Data, 14, 449-461.
    """
    with NetcdfFile(path) as file:
        start, step = _clock(file)
        values = {}
        for name, (variable, units) in WEATHER.items():
            require_units(file, variable, units)
            values[name] = _series(file, variable)
            missing = int(np.isnan(values[name]).sum())
            if missing:
                raise DataError(
                    f"variable '{variable}' in '{path}' has {missing} missing values; the model needs all values. "
                    "Use the gap-filled file."
                )
        wind = _scalar(file, "reference_height_v", "reference_height", default=DEFAULT_HEIGHT)
        return PointForcing(
            path,
            start,
            step,
            latitude=_scalar(file, "latitude"),
            longitude=_scalar(file, "longitude"),
            wind_height=wind,
            scalar_height=_scalar(file, "reference_height_t", "reference_height", default=wind),
            values=values,
        )


def read_fluxes(path: Path) -> PointFluxes:
    """Read the measured fluxes from a PLUMBER2 "Flux" file.

    A value is measured if its quality flag is 0; all present values of a variable without flags count as measured.

    Raises
    ------
    MissingFileError : no such file.
    DataError : damaged file; none of the fluxes is in it; more than one place; unevenly spaced times.
    """
    with NetcdfFile(path) as file:
        start, step = _clock(file)
        values = {}
        for name, variable in FLUXES.items():
            if not file.has(variable):
                continue
            series = _series(file, variable)
            if file.has(f"{variable}_qc"):
                series[_series(file, f"{variable}_qc") != MEASURED] = np.nan
            values[name] = series
        if not values:
            raise DataError(f"'{path}' has none of the fluxes {', '.join(FLUXES.values())}.")
        return PointFluxes(path, start, step, values)


_SOIL: Final[dict[str, tuple[str, float]]] = {
    "porosity": ("soil_theta_s", 1.0),
    "suction": ("soil_psi_s", 10.0),  # cm -> mm
    "lambda": ("soil_lambda", 1.0),
    "conductivity": ("soil_k_s", 10.0 / 86400.0),  # cm day-1 -> mm s-1
    "solids_heat_capacity": ("soil_csol", 1.0),
    "dry_conductivity": ("soil_tkdry", 1.0),
    "saturated_conductivity": ("soil_tksatu", 1.0),
}

SOIL_ALBEDO: Final = {
    "saturated_visible": "soil_s_v_alb",
    "dry_visible": "soil_d_v_alb",
    "saturated_infrared": "soil_s_n_alb",
    "dry_infrared": "soil_d_n_alb",
}
"""Internal name, and CoLM's name in site files and constant restarts."""


def read_site(path: Path) -> SiteRecord:
    """Read CoLM's file of site data: its input file, or the ``srfdata.nc`` that it writes.

    Raises
    ------
    MissingFileError : no such file.
    DataError : damaged file; land cover class or leaf area missing; a value out of range.
    """
    with NetcdfFile(path) as file:
        igbp = round(_scalar(file, "IGBP_classification"))
        if not 1 <= igbp <= 17:
            raise DataError(f"IGBP_classification in '{path}' is {igbp}; expected 1 to 17.")
        years = file.values("LAI_year").ravel()
        lai, sai = file.values("LAI_monthly"), file.values("SAI_monthly")
        for name, values in (("LAI_monthly", lai), ("SAI_monthly", sai)):
            if values.shape != (years.size, 12) or not (values >= 0.0).all():
                raise DataError(
                    f"'{name}' in '{path}' has shape {values.shape}; expected {(years.size, 12)}, one row per year, "
                    "without negative or missing values."
                )
        soil = {ours: factor * file.values(name).ravel() for ours, (name, factor) in _SOIL.items() if file.has(name)}
        return SiteRecord(
            path,
            igbp,
            _scalar(file, "canopy_height", default=np.nan),
            years.astype(np.int64),
            lai,
            sai,
            soil,
            {ours: _scalar(file, name) for ours, name in SOIL_ALBEDO.items() if file.has(name)},
        )


def hourly(values: FloatArray, start: datetime, step: timedelta) -> tuple[datetime, FloatArray]:
    """Average values over full hours; returns the beginning of the first hour, and the means, (n_hour,).

    NaN if a value in the hour is NaN. Values before the first or after the last complete hour are omitted.

    Raises
    ------
    DataError : the step does not divide an hour, or the values do not begin on a multiple of it.
    """
    seconds = round(step.total_seconds())
    into = start.minute * 60 + start.second
    if seconds <= 0 or 3600 % seconds or into % seconds:
        raise DataError(
            f"values every {seconds} s from {start} do not make up hours; expected a step that divides 1 h."
        )
    per_hour = 3600 // seconds
    skip = (-into // seconds) % per_hour
    n_hour = (values.size - skip) // per_hour
    means: FloatArray = values[skip : skip + n_hour * per_hour].reshape(n_hour, per_hour).mean(axis=1)
    return start + skip * step, means


def _clock(file: NetcdfFile) -> tuple[datetime, timedelta]:
    times = read_times(file, "time")
    units = file.attribute("time", "units")
    if parse_units(units, f"time in '{file.path}'").zone_minutes:
        raise DataError(
            f"time in '{file.path}' has units '{units}'; expected no time zone, since the files of sites are in local "
            "standard time. Set the zone in the configuration, and remove it from the attribute."
        )
    if len(times) < 2:
        raise DataError(f"'{file.path}' holds {len(times)} times; expected at least 2.")
    step = times[1] - times[0]
    wrong = next((i for i in range(1, len(times)) if times[i] - times[i - 1] != step), None)
    if wrong is not None or step.total_seconds() <= 0:
        at = times[wrong or 1]
        raise DataError(f"the times of '{file.path}' are not evenly spaced: {step} at first, another step at {at}.")
    return times[0], step


def _series(file: NetcdfFile, name: str) -> FloatArray:
    dims = file.dims(name)
    if any(n != 1 for dim, n in dims.items() if dim != "time"):
        raise DataError(f"variable '{name}' in '{file.path}' has dimensions {dims}; expected a single place.")
    return file.values(name).ravel()


def _scalar(file: NetcdfFile, *names: str, default: float | None = None) -> float:
    """Read the single number in the first of the variables that the file has."""
    name = next((n for n in names if file.has(n)), None)
    if name is None and default is not None:
        return default
    values = file.values(name or names[0]).ravel()
    if values.size != 1 or not np.isfinite(values[0]):
        raise DataError(f"variable '{name}' in '{file.path}' is {values[:3]}; expected one number.")
    return float(values[0])
