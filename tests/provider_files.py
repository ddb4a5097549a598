"""Files in the layouts of their providers: GLDAS, ERA5 of the Climate Data Store, stations of the ISMN and the CMA."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import netCDF4
import numpy as np

from landda_hpc.constants import FloatArray

INSTANT = {"t2m": "K", "d2m": "K", "sp": "Pa", "u10": "m s**-1", "v10": "m s**-1"}
ACCUM = {"tp": "m", "ssrd": "J m**-2", "strd": "J m**-2"}
MISSING = np.float32(-9999.0)


def hours(first: datetime, last: datetime, step: int = 1) -> list[datetime]:
    """Times from ``first`` to ``last``, both included, ``step`` hours apart."""
    return [first + timedelta(hours=n) for n in range(0, (last - first) // timedelta(hours=1) + 1, step)]


def write_gldas(root: Path, time: datetime, spacing: float = 1.0, seed: int | None = None) -> None:
    """A file of GLDAS Noah on a grid of 150 degrees of latitude: uniform 0-10 cm, or with a seed two varied layers."""
    path = root / time.strftime("gldas/%Y/%j/GLDAS_NOAH025_3H.A%Y%m%d.%H00.021.nc4")
    path.parent.mkdir(parents=True, exist_ok=True)
    lat, lon = np.arange(-60.0 + spacing / 2, 90.0, spacing), np.arange(-180.0 + spacing / 2, 180.0, spacing)
    with netCDF4.Dataset(path, "w") as data:
        for name, values, units in (("lat", lat, "degrees_north"), ("lon", lon, "degrees_east")):
            data.createDimension(name, values.size)
            axis = data.createVariable(name, "f4", (name,))
            axis.units, axis[:] = units, values
        data.createDimension("time", 1)
        clock = data.createVariable("time", "f8", ("time",))
        clock.units = " minutes since 2000-01-01 03:00:00"
        clock[:] = [(time - datetime(2000, 1, 1, 3)) / timedelta(minutes=1)]
        layers = {"SoilMoi0_10cm_inst": 100.0} | ({} if seed is None else {"SoilMoi10_40cm_inst": 300.0})
        for name, full in layers.items():
            sm = data.createVariable(name, "f4", ("time", "lat", "lon"), fill_value=MISSING)
            sm.units = "kg m-2"
            sm[0] = full * (0.25 if seed is None else _wetness(lat, lon, time, seed))


def _wetness(lat: FloatArray, lon: FloatArray, time: datetime, seed: int) -> FloatArray:
    """A wet equator, waves with seeded phases, and a slow drying; m3 m-3."""
    phase = np.random.default_rng(seed).uniform(0.0, 2.0 * np.pi, 8)
    y, x = np.deg2rad(lat)[:, None], np.deg2rad(lon)[None, :]
    waves = sum(np.cos((n + 2) * x + phase[n]) * np.cos((n + 3) * y + phase[-n - 1]) for n in range(4))
    days = (time - datetime(time.year, 6, 1)) / timedelta(days=1)
    return np.clip(0.2 + 0.1 * np.cos(2 * y) + 0.02 * waves - 0.003 * days, 0.03, 0.45)


def write_era5(path: Path, names: Sequence[str], times: Sequence[datetime], box: tuple[FloatArray, FloatArray]) -> None:
    """A file as the Climate Data Store delivers it: sun by day, and bands of rain that move eastward.

    Parameters
    ----------
    names : short names of the variables, of ``INSTANT``, ``ACCUM``, or swvl1 and swvl2. Amounts are those of the hour
        before; on a grid of 0.1 degrees, as in ERA5-Land, those since 00 UTC.
    box : latitudes from north to south, longitudes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lat, lon = box
    with netCDF4.Dataset(path, "w") as data:
        data.createDimension("valid_time", len(times))
        clock = data.createVariable("valid_time", "i8", ("valid_time",))
        clock.units, clock.calendar = "seconds since 1970-01-01", "proleptic_gregorian"
        clock[:] = [int((time - datetime(1970, 1, 1)).total_seconds()) for time in times]
        data.createVariable("number", "i8")[...] = 0
        expver = data.createVariable("expver", str, ("valid_time",))
        expver[:] = np.array(["0001"] * len(times), dtype=object)
        for axis, values, units in (("latitude", lat, "degrees_north"), ("longitude", lon, "degrees_east")):
            data.createDimension(axis, values.size)
            made = data.createVariable(axis, "f8", (axis,))
            made.units, made[:] = units, values
        for name in names:
            variable = data.createVariable(
                name, "f4", ("valid_time", "latitude", "longitude"), fill_value=np.float32(np.nan)
            )
            variable.units = (INSTANT | ACCUM).get(name, "m**3 m**-3")
            is_land = name in ACCUM and abs(lat[1] - lat[0]) < 0.15
            variable[:] = np.stack([(_since_midnight if is_land else _weather)(name, time, lat, lon) for time in times])


def _since_midnight(name: str, time: datetime, lat: FloatArray, lon: FloatArray) -> FloatArray:
    """Amount since 00 UTC, as ERA5-Land has it; at 00 UTC that of the day before."""
    steps = range(time.hour or 24)
    return np.sum([_weather(name, time - timedelta(hours=n), lat, lon) for n in steps], axis=0)


def _weather(name: str, time: datetime, lat: FloatArray, lon: FloatArray) -> FloatArray:
    y, x = np.deg2rad(lat)[:, None], np.deg2rad(lon)[None, :]
    sun = np.maximum(0.0, np.cos(y - 0.38) * -np.cos(2.0 * np.pi * (time.hour - 0.5) / 24.0 + x))
    shape = np.zeros((lat.size, lon.size))
    if name == "tp":
        return 4e-4 * np.maximum(0.0, np.cos(4.0 * x - 2.0 * np.pi * (time.day + time.hour / 24.0) / 3.0) + shape)
    return shape + {
        "t2m": 275.0 + 25.0 * np.cos(y) + 5.0 * sun,
        "d2m": 270.0 + 20.0 * np.cos(y),
        "sp": 95_000.0,
        "u10": 2.0,
        "v10": -1.0,
        "ssrd": 3600.0 * 700.0 * sun,
        "strd": 3600.0 * (280.0 + 80.0 * np.cos(y)),
        "swvl1": 0.25 + 0.05 * np.cos(3.0 * x) * np.cos(2.0 * y),
        "swvl2": 0.27 + 0.05 * np.cos(3.0 * x) * np.cos(2.0 * y),
    }.get(name, 0.0)


CHINA, STATES = ((39.80, 116.47),), ((40.67, -76.67),)
"""One station each: latitude and longitude."""


def write_stations(
    root: Path,
    times: Sequence[datetime],
    china: Sequence[tuple[float, float]] = CHINA,
    states: Sequence[tuple[float, float]] = STATES,
) -> None:
    """A table of the CMA (percent, local time) and an archive of the ISMN, hourly soil moisture at 10 cm that dries."""
    (root / "stations" / "cma").mkdir(parents=True)
    table = "Station_Id_C,Lat,Lon,Alti,Year,Mon,Day,Hour,SVWC_010CM,Q_SVWC_010CM\n"
    for number, (lat, lon) in enumerate(china):
        for time in times:
            here = time + timedelta(hours=8)
            table += f"{54511 + number},{lat:.2f},{lon:.2f},31.3,{here.year},{here.month},{here.day},{here.hour},"
            table += f"{100 * _at_station(number, time, times[0]):.1f},0\n"
    (root / "stations" / "cma" / "june.csv").write_text(table)
    with zipfile.ZipFile(root / "stations" / "ismn_us.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("Readme.txt", "Data of the International Soil Moisture Network\n")
        for number, (lat, lon) in enumerate(states):
            name = f"Mahantango{number or ''}"
            lines = [f"SCAN SCAN {name} {lat:.2f} {lon:.2f} 223.0 0.10 0.10 probe"]
            lines += [f"{time:%Y/%m/%d %H:%M} {_at_station(number, time, times[0]):.3f} G M" for time in times]
            file = f"SCAN_SCAN_{name}_sm_0.100000_0.100000_probe_20220601_20220831.stm"
            archive.writestr(f"SCAN/{name}/{file}", "\n".join(lines) + "\n")


def _at_station(number: int, time: datetime, first: datetime) -> float:
    """Soil moisture that dries from the first time on, with a diurnal cycle; m3 m-3."""
    days = (time - first) / timedelta(days=1)
    return 0.25 + 0.01 * (number % 7) - 0.008 * days + 0.004 * float(np.cos(2.0 * np.pi * (days + 0.1 * number)))
