"""Datasets of meteorological forcing as users of CoLM have them on disk: file names and meaning of records.

File names and variables are those of CoLM's forcing namelists (CoLM202X, ``run/forcing``); the meaning of
a record follows the documentation of the dataset. docs/forcing.md lists where CoLM's namelists differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

Meaning = Literal["instant", "mean", "amount", "amount_since_midnight"]
Stamp = Literal["begin", "middle", "end"]
Interpolation = Literal["linear", "uniform", "sun"]

QUANTITIES: Final = (
    "shortwave", "longwave", "air_temperature", "specific_humidity", "dew_point", "surface_pressure", "wind_speed",
    "eastward_wind", "northward_wind", "precipitation",
)  # fmt: skip
"""Variables of a set. Required: specific_humidity or dew_point, wind_speed or both components, and all others."""

POSSIBLE: Final[dict[str, tuple[float, float]]] = {
    "shortwave": (-200.0, 2000.0), "longwave": (-200.0, 1000.0), "air_temperature": (150.0, 370.0),
    "specific_humidity": (-0.01, 0.2), "dew_point": (100.0, 370.0), "surface_pressure": (1.0e4, 1.2e5),
    "wind_speed": (-1.0, 150.0), "eastward_wind": (-150.0, 150.0), "northward_wind": (-150.0, 150.0),
    "precipitation": (-0.01, 0.5),
}  # fmt: skip
"""Possible values and interval means, in internal units; numbers outside are fill values or have other units."""


@dataclass(frozen=True)
class VariableFiles:
    """Files of a variable, and the meaning of their records.

    Attributes
    ----------
    path : pattern with strftime codes, relative to the dataset's folder. The finest code gives the period of a file.
    names : names of the variable, in order of preference.
    meaning : value at the record's time; mean or amount over the record's interval; amount since 00 UTC.
    stamp : position of a record's time in its interval.
    interpolation : interpolation in time.
    offset : interval added to the file's times.
    units : units to use if the file's attribute is known to be wrong; None: the attribute.
    """

    path: str
    names: tuple[str, ...]
    meaning: Meaning
    stamp: Stamp
    interpolation: Interpolation
    offset: timedelta = timedelta()
    units: str | None = None


@dataclass(frozen=True)
class ForcingSet:
    """A forcing dataset.

    Attributes
    ----------
    variables : files of each quantity (``QUANTITIES``).
    wind_height, scalar_height : reference heights above ground, m.
    clock : ``stamps`` uses the files' times; ``records`` counts records evenly from the beginning of a file's period,
        for files whose times differ from version to version.
    leap_days : whether the files have 29 February; otherwise 28 February is repeated.
    """

    variables: dict[str, VariableFiles]
    wind_height: float
    scalar_height: float
    clock: Literal["stamps", "records"] = "stamps"
    leap_days: bool = True


def _era5() -> ForcingSet:
    """ERA5 as CoLM uses it: one file per variable and month, with precomputed specific humidity."""

    def files(folder: str, *names: str, end: str = "", mean: bool = False, sun: bool = False) -> VariableFiles:
        interpolation: Interpolation = "sun" if sun else "linear"
        return VariableFiles(
            f"{folder}/ERA5_%Y_%m_{end or folder}.nc4", names, "mean" if mean else "instant", "end", interpolation
        )

    rain = files("mean_total_precipitation_rate", "mtpr", "avg_tprate", mean=True)
    return ForcingSet(
        {
            "air_temperature": files("2m_temperature", "t2m"),
            "specific_humidity": files("Specific_Humdity", "q", "Q", end="q"),  # their spelling
            "surface_pressure": files("surface_pressure", "sp"),
            "precipitation": VariableFiles(rain.path, rain.names, "mean", "end", "uniform"),
            "eastward_wind": files("10m_u_component_of_wind", "u10"),
            "northward_wind": files("10m_v_component_of_wind", "v10"),
            "shortwave": files(
                "mean_surface_downward_short_wave_radiation_flux", "msdwswrf", "avg_sdswrf", mean=True, sun=True
            ),
            "longwave": files("mean_surface_downward_long_wave_radiation_flux", "msdwlwrf", "avg_sdlwrf", mean=True),
        },
        wind_height=10.0,
        scalar_height=2.0,
    )


def _era5_land() -> ForcingSet:
    """ERA5-Land as CoLM's scripts prepare it.

    Accumulations have been converted to hourly means, stamped at mid-hour (00:30), whatever the units attribute says.
    The scripts shift instantaneous values in the same way: the value at 01:00 is stamped 00:30.
    """

    def instant(folder: str, *names: str) -> VariableFiles:
        path, late = f"{folder}/ERA5LAND_%Y_%m_{folder}.nc", timedelta(minutes=30)
        return VariableFiles(path, names, "instant", "middle", "linear", offset=late)

    def mean(folder: str, end: str, name: str, units: str, how: Interpolation) -> VariableFiles:
        return VariableFiles(f"{folder}/ERA5LAND_%Y_%m_{end}.nc", (name,), "mean", "middle", how, units=units)

    solar, thermal = "surface_solar_radiation_downwards_w_m2", "surface_thermal_radiation_downwards_w_m2"
    return ForcingSet(
        {
            "air_temperature": instant("2m_temperature", "t2m"),
            "specific_humidity": instant("specific_humidity", "Q", "q"),
            "surface_pressure": instant("surface_pressure", "sp"),
            "precipitation": mean("Precipitation_m_hr", "total_precipitation_m_hr", "tp", "m h-1", "uniform"),
            "eastward_wind": instant("10m_u_component_of_wind", "u10"),
            "northward_wind": instant("10m_v_component_of_wind", "v10"),
            "shortwave": mean(solar, solar, "ssrd", "W m-2", "sun"),
            "longwave": mean(thermal, thermal, "strd", "W m-2", "linear"),
        },
        wind_height=10.0,
        scalar_height=2.0,
    )


STEP_TYPE: Final = "{type}"
"""Placeholder for ``instant`` or ``accum`` in file names of the Climate Data Store, if these are separate files."""

_UNPACKED: Final = f"data_stream-oper_stepType-{STEP_TYPE}.nc"
"""File names in an archive from the Climate Data Store."""


def climate_data_store(path: str, meaning: Meaning) -> ForcingSet:
    """ERA5 or ERA5-Land as delivered by the Climate Data Store, in files of any name.

    Parameters
    ----------
    path : pattern with strftime codes, relative to the dataset's folder; ``{type}`` if instantaneous and accumulated
        variables have separate files.
    meaning : meaning of accumulated variables.
    """

    def instant(*names: str) -> VariableFiles:
        return VariableFiles(path.replace(STEP_TYPE, "instant"), names, "instant", "end", "linear")

    def amount(name: str, how: Interpolation) -> VariableFiles:
        return VariableFiles(path.replace(STEP_TYPE, "accum"), (name,), meaning, "end", how)

    return ForcingSet(
        {
            "air_temperature": instant("t2m"),
            "dew_point": instant("d2m"),
            "surface_pressure": instant("sp"),
            "precipitation": amount("tp", "uniform"),
            "eastward_wind": instant("u10"),
            "northward_wind": instant("v10"),
            "shortwave": amount("ssrd", "sun"),
            "longwave": amount("strd", "linear"),
        },
        wind_height=10.0,
        scalar_height=2.0,
    )


def _clm(state: str, rain: str, solar: str) -> ForcingSet:
    """Layout of the Community Land Model: three files per month, no leap days, records stamped at their beginning."""

    def of_state(name: str) -> VariableFiles:
        return VariableFiles(f"{state}%Y-%m.nc", (name,), "mean", "begin", "linear")

    return ForcingSet(
        {
            "air_temperature": of_state("TBOT"),
            "specific_humidity": of_state("QBOT"),
            "surface_pressure": of_state("PSRF"),
            "wind_speed": of_state("WIND"),
            "longwave": of_state("FLDS"),
            "precipitation": VariableFiles(f"{rain}%Y-%m.nc", ("PRECTmms",), "mean", "begin", "uniform"),
            "shortwave": VariableFiles(f"{solar}%Y-%m.nc", ("FSDS",), "mean", "begin", "sun"),
        },
        wind_height=50.0,
        scalar_height=40.0,
        clock="records",
        leap_days=False,
    )


def _cruncep(version: str) -> ForcingSet:
    return _clm(
        f"TPHWL6Hrly/clmforc.cruncep.{version}.0.5d.TPQWL.",
        f"Precip6Hrly/clmforc.cruncep.{version}.0.5d.Prec.",
        f"Solar6Hrly/clmforc.cruncep.{version}.0.5d.Solr.",
    )


SETS: Final[dict[str, ForcingSet]] = {
    "era5": _era5(),
    "era5_cds": climate_data_store("era5_%Y_%m.nc", "amount"),
    "era5_cds_split": climate_data_store(f"era5_%Y_%m/{_UNPACKED}", "amount"),
    "era5_land": _era5_land(),
    "era5_land_cds": climate_data_store("era5_land_%Y_%m.nc", "amount_since_midnight"),
    "era5_land_cds_split": climate_data_store(f"era5_land_%Y_%m/{_UNPACKED}", "amount_since_midnight"),
    "gswp3": _clm(
        "TPHWL/clmforc.GSWP3.c2011.0.5x0.5.TPQWL.",
        "Precip/clmforc.GSWP3.c2011.0.5x0.5.Prec.",
        "Solar/clmforc.GSWP3.c2011.0.5x0.5.Solr.",
    ),
    "cruncep_v4": _cruncep("V4.c2011"),
    "cruncep_v7": _cruncep("V7.c2016"),
    "custom": ForcingSet({}, wind_height=10.0, scalar_height=10.0),
}
"""Datasets by name; ``point`` (PLUMBER2) has a separate reader, see ``plumber``."""

STORES: Final[dict[str, Meaning]] = {
    "era5_cds": "amount",
    "era5_cds_split": "amount",
    "era5_land_cds": "amount_since_midnight",
    "era5_land_cds_split": "amount_since_midnight",
}
"""Datasets of the Climate Data Store, whose file names the user chooses, and meaning of accumulated variables."""

UNITS: Final[dict[str, dict[str, tuple[float, float]]]] = {
    "temperature": {"K": (1.0, 0.0), "Kelvin": (1.0, 0.0), "degC": (1.0, 273.15), "degree_Celsius": (1.0, 273.15)},
    "humidity": {
        "kg kg-1": (1.0, 0.0), "kg/kg": (1.0, 0.0), "kg kg**-1": (1.0, 0.0), "g/g": (1.0, 0.0), "1": (1.0, 0.0),
        "g/kg": (1e-3, 0.0), "g kg-1": (1e-3, 0.0),
    },
    "pressure": {"Pa": (1.0, 0.0), "Pascal": (1.0, 0.0), "hPa": (100.0, 0.0), "mb": (100.0, 0.0), "kPa": (1e3, 0.0)},
    "speed": {"m s-1": (1.0, 0.0), "m/s": (1.0, 0.0), "m s**-1": (1.0, 0.0)},
    "irradiance": {
        "W m-2": (1.0, 0.0), "W/m2": (1.0, 0.0), "W/m^2": (1.0, 0.0), "W/m**2": (1.0, 0.0), "W m**-2": (1.0, 0.0),
    },
    "radiant amount": {"J m-2": (1.0, 0.0), "J m**-2": (1.0, 0.0), "J/m2": (1.0, 0.0)},
    "rain rate": {
        "kg m-2 s-1": (1.0, 0.0), "kg/m2/s": (1.0, 0.0), "kg m**-2 s**-1": (1.0, 0.0), "mm/s": (1.0, 0.0),
        "mm s-1": (1.0, 0.0), "mm H2O / sec": (1.0, 0.0), "mm h-1": (1.0 / 3600.0, 0.0), "mm/h": (1.0 / 3600.0, 0.0),
        "mm hr-1": (1.0 / 3600.0, 0.0), "mm/hr": (1.0 / 3600.0, 0.0), "m h-1": (1000.0 / 3600.0, 0.0),
    },
    "rain amount": {"kg m-2": (1.0, 0.0), "kg/m2": (1.0, 0.0), "mm": (1.0, 0.0), "m": (1000.0, 0.0)},
}  # fmt: skip
"""Spellings of units, with factor and offset to K, kg kg-1, Pa, m s-1, W m-2, J m-2, kg m-2 s-1 or kg m-2."""

_RATE: Final = {
    "air_temperature": "temperature",
    "dew_point": "temperature",
    "specific_humidity": "humidity",
    "surface_pressure": "pressure",
    "wind_speed": "speed",
    "eastward_wind": "speed",
    "northward_wind": "speed",
    "shortwave": "irradiance",
    "longwave": "irradiance",
    "precipitation": "rain rate",
}
_AMOUNT: Final = {"irradiance": "radiant amount", "rain rate": "rain amount"}


def units_of(quantity: str, meaning: Meaning) -> dict[str, tuple[float, float]]:
    """Possible units of a quantity, with factor and offset; empty for amounts of quantities that do not accumulate."""
    kind = _RATE[quantity]
    if meaning in ("amount", "amount_since_midnight"):
        return UNITS[_AMOUNT[kind]] if kind in _AMOUNT else {}
    return UNITS[kind]
