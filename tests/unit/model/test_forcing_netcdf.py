"""Weather from netCDF files: known fields in every dataset's layout, what is wrong with files, real samples, ranks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest

from landda_hpc.config import NetcdfForcing
from landda_hpc.constants import N_SOIL
from landda_hpc.errors import ConfigError, DataError
from landda_hpc.formats.forcing.forcing_sets import SETS, units_of
from landda_hpc.grid import Grid, regular_grid
from landda_hpc.model.forcing.air import saturation_vapour_pressure, specific_humidity
from landda_hpc.model.forcing.forcing_dataset import forcing_set
from landda_hpc.model.forcing.netcdf_forcing import NetcdfWeather, find_forcing_problems
from landda_hpc.model.forcing.sun import SOLAR_CONSTANT, mean_sun_height, sun_at
from landda_hpc.state import Tiles

GRID = regular_grid(24, 30, south=20.0, north=50.0, west=70.0, east=140.0)
CELLS = np.array([0, 31, 200, 411, 719])
MAY = datetime(2021, 5, 1)
HOUR = timedelta(hours=1)
NAMES = (
    "shortwave",
    "longwave",
    "air_temperature",
    "specific_humidity",
    "surface_pressure",
    "wind_speed",
    "precipitation",
)


def make_tiles(grid: Grid, cell: np.ndarray) -> Tiles:
    n = cell.size
    ones, zeros, profile = np.ones(n, dtype=np.int64), np.zeros(n), np.zeros((n, N_SOIL))
    row, column = np.divmod(cell, grid.shape[1])
    return Tiles(
        global_index=np.arange(n), cell=cell, area_fraction=np.full(n, 0.5), patchtype=0 * ones, soil_class=ones,
        climate_class=ones, lat=grid.lat[row], lon=grid.lon[column], porsl=profile, psi0=profile, bsw=profile,
        hksati=profile, theta_r=profile, vegetation_fraction=zeros, root_fraction=profile,
    )  # fmt: skip


def places(n: int = 1) -> tuple[np.ndarray, np.ndarray]:
    row, column = np.divmod(CELLS, GRID.shape[1])
    return np.repeat(GRID.lat[row], n), np.repeat(GRID.lon[column], n)


LAT, LON = np.arange(52.0, 15.9, -3.0), np.arange(66.0, 146.1, 4.0)  # rows from north to south

Truth = Callable[[datetime, np.ndarray, np.ndarray], np.ndarray]


def pattern(lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
    """Bilinear, so that interpolation in space is exact."""
    return (lat - 30.0) * 0.001 + (lon - 100.0) * 0.0002


def hours(time: datetime) -> float:
    return (time - MAY) / HOUR


def sunny(begin: datetime, end: datetime, lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
    """Mean of 700 times the sine of the sun's height: what spreading by the sun gives back."""
    sun = sun_at(begin + 0.5 * (end - begin))
    shape = np.broadcast(lat, lon).shape
    flat = [np.ascontiguousarray(np.broadcast_to(x, shape)).ravel() for x in (lat, lon)]
    turn = 2.0 * np.pi / 86400.0
    noon = np.deg2rad(15.0 * (begin.hour + begin.minute / 60.0 + sun.equation_of_time - 12.0))
    length = (end - begin).total_seconds()
    mean = mean_sun_height(*flat, np.sin(sun.declination), np.cos(sun.declination), noon, noon + length * turn)
    return 700.0 * mean.reshape(shape)


LINES: dict[str, tuple[float, float]] = {  # at MAY and per hour; all vary in space by ``pattern`` times the first
    "longwave": (300.0, 0.05), "air_temperature": (285.0, 0.02), "specific_humidity": (0.004, 1e-6),
    "dew_point": (274.0, 0.01), "surface_pressure": (90000.0, 2.0), "wind_speed": (4.0, 0.01),
    "eastward_wind": (3.0, 0.005), "northward_wind": (-2.0, 0.001), "precipitation": (2e-5, 1e-8),
}  # fmt: skip


def line(name: str, time: datetime, lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
    first, slope = LINES[name]
    return first * (1.0 + pattern(lat, lon)) + slope * hours(time)


def mean_of(name: str, begin: datetime, end: datetime, lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
    if name == "shortwave":
        return sunny(begin, end, lat, lon)
    return line(name, begin + 0.5 * (end - begin), lat, lon)


def write_dataset(folder: Path, dataset: str, step: timedelta, months: tuple[datetime, ...] = (MAY,)) -> None:
    """Write the known fields as files of a dataset, following what its description says."""
    description = SETS[dataset]
    lat, lon = LAT[:, None], LON[None, :]
    for name, variable in description.variables.items():
        units = variable.units or next(iter(units_of(name, variable.meaning)))
        factor, offset = units_of(name, variable.meaning)[units]
        for month in months:
            path = folder / month.strftime(variable.path)
            path.parent.mkdir(parents=True, exist_ok=True)
            following = datetime(month.year, month.month + 1, 1)
            times = [month + i * step for i in range((following - month) // step)]
            if description.clock == "stamps":
                times = times[: timedelta(days=12) // step]  # enough; files that are counted must be whole
            if variable.meaning != "instant" and variable.stamp == "middle":
                times = [t + 0.5 * step for t in times]
            stored = []
            for time in times:
                at = time + variable.offset
                if variable.meaning == "instant":
                    values = line(name, at, lat, lon)
                else:
                    begin = at - {"begin": 0.0, "middle": 0.5, "end": 1.0}[variable.stamp] * step
                    values = mean_of(name, begin, begin + step, lat, lon)
                if variable.meaning == "amount":
                    values = values * step.total_seconds()
                if variable.meaning == "amount_since_midnight":
                    midnight = (begin).replace(hour=0, minute=0)
                    n = round((begin + step - midnight) / step)
                    values = (
                        sum(mean_of(name, midnight + k * step, midnight + (k + 1) * step, lat, lon) for k in range(n))
                        * step.total_seconds()
                    )
                stored.append((np.asarray(values) - offset) / factor)
            write_file(
                path, variable.names[0], units, times, np.stack(stored), matrix=dataset in ("gswp3", "cruncep_v7")
            )


def write_file(
    path: Path, name: str, units: str, times: list[datetime], values: np.ndarray, *, matrix: bool = False
) -> None:
    """Add a variable to a file, single precision, rows as in LAT."""
    is_new = not path.exists()
    with netCDF4.Dataset(path, "w" if is_new else "a") as file:
        if is_new:
            for dim, n in (("time", None), ("lat", LAT.size), ("lon", LON.size)):
                file.createDimension(dim, n)
            time = file.createVariable("time", "f8", ("time",))
            time.units = "hours since 2021-01-01"
            time[:] = [(t - datetime(2021, 1, 1)) / HOUR for t in times]
            if matrix:
                file.createVariable("LATIXY", "f4", ("lat", "lon"))[:] = np.broadcast_to(LAT[:, None], values.shape[1:])
                file.createVariable("LONGXY", "f4", ("lat", "lon"))[:] = np.broadcast_to(LON[None, :], values.shape[1:])
            else:
                lat = file.createVariable("lat", "f4", ("lat",))
                lat.units = "degrees_north"
                lat[:] = LAT
                lon = file.createVariable("lon", "f4", ("lon",))
                lon.units = "degrees_east"
                lon[:] = LON
        variable = file.createVariable(name, "f8", ("time", "lat", "lon"))
        variable.units = units
        variable[:] = values


def config(dataset: str, **more: Any) -> NetcdfForcing:
    return NetcdfForcing.model_validate({"kind": "netcdf", "dataset": dataset, "folder": "forcing", **more})


def weather_of(root: Path, dataset: str, cells: np.ndarray = CELLS, **more: Any) -> NetcdfWeather:
    return NetcdfWeather(GRID, make_tiles(GRID, cells), config(dataset, **more), root)


STEPS = {
    "era5": HOUR, "era5_cds": HOUR, "era5_cds_split": HOUR, "era5_land": HOUR, "era5_land_cds": HOUR,
    "gswp3": 3 * HOUR, "cruncep_v7": 6 * HOUR,
}  # fmt: skip


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder with a month of each dataset."""
    found = {}
    for dataset, step in STEPS.items():
        found[dataset] = tmp_path_factory.mktemp(dataset)
        write_dataset(found[dataset] / "forcing", dataset, step)
    return found


@pytest.mark.parametrize("dataset", STEPS)
def test_known_fields_come_back(roots: dict[str, Path], dataset: str) -> None:
    """Straight lines in space and time, and sunlight as the sun's height has it, are reproduced in every layout."""
    source = weather_of(roots[dataset], dataset)
    lat, lon = places()
    variables = SETS[dataset].variables
    interval = STEPS[dataset]
    for minutes in (7 * 60, 24 * 60 + 30, 9 * 24 * 60 + 21 * 60 + 30):
        start = MAY + timedelta(minutes=minutes)
        middle, end = start + 15 * timedelta(minutes=1), start + 30 * timedelta(minutes=1)
        weather = source.during(start)
        for name in ("longwave", "air_temperature", "surface_pressure"):
            np.testing.assert_allclose(getattr(weather, name), line(name, middle, lat, lon), rtol=1e-6, err_msg=name)
        wind = (
            line("wind_speed", middle, lat, lon)
            if "wind_speed" in variables
            else np.hypot(line("eastward_wind", middle, lat, lon), line("northward_wind", middle, lat, lon))
        )
        np.testing.assert_allclose(weather.wind_speed, wind, rtol=1e-6)
        humidity = line("specific_humidity", middle, lat, lon)
        if "dew_point" in variables:
            vapour = saturation_vapour_pressure(line("dew_point", middle, lat, lon))
            humidity = specific_humidity(vapour, line("surface_pressure", middle, lat, lon))
        np.testing.assert_allclose(weather.specific_humidity, humidity, rtol=1e-6)
        begin = MAY + ((start - MAY) // interval) * interval
        rain = line("precipitation", begin + 0.5 * interval, lat, lon)
        np.testing.assert_allclose(weather.precipitation, rain, rtol=1e-6)
        # In space short wave is not bilinear: 4 degrees of it are 3 %; at night there is none.
        expected = sunny(start, end, lat, lon)
        np.testing.assert_allclose(weather.shortwave, expected, rtol=0.03, atol=6.0)
        assert np.all((weather.shortwave > 0.0) | (expected < 6.0))


@pytest.mark.parametrize("dataset", ["gswp3", "era5"])
def test_fluxes_keep_their_means(roots: dict[str, Path], dataset: str) -> None:
    """Steps of an interval add up to the files' mean: short wave and rain exactly."""
    interval = STEPS[dataset]
    short = weather_of(roots[dataset], dataset, step_minutes=30)
    long = weather_of(roots[dataset], dataset, step_minutes=int(interval.total_seconds() // 60))
    for i in range(3, 12):
        begin = MAY + i * interval
        steps = [short.during(begin + k * short.step) for k in range(interval // short.step)]
        whole = long.during(begin)
        for name in ("shortwave", "precipitation"):
            mean = np.mean([getattr(s, name) for s in steps], axis=0)
            np.testing.assert_allclose(mean, getattr(whole, name), rtol=1e-12, atol=1e-15, err_msg=name)
    day = weather_of(roots[dataset], dataset, step_minutes=1440).during(MAY + timedelta(days=2))
    parts = [short.during(MAY + timedelta(days=2) + k * short.step).shortwave for k in range(48)]
    np.testing.assert_allclose(np.mean(parts, axis=0), day.shortwave, rtol=1e-12)


def test_sunlight_never_exceeds_the_suns(roots: dict[str, Path]) -> None:
    source = weather_of(roots["cruncep_v7"], "cruncep_v7")
    lat, lon = places()
    for k in range(96):
        start = MAY + timedelta(days=3) + k * source.step
        assert (
            source.during(start).shortwave <= SOLAR_CONSTANT / 700.0 * sunny(start, start + source.step, lat, lon) + 9.0
        ).all()


@pytest.mark.parametrize("space", ["bilinear", "area"])
def test_bits_do_not_depend_on_the_partition(roots: dict[str, Path], space: str) -> None:
    cells = np.repeat(np.arange(0, 720, 7), 2)
    start = MAY + timedelta(hours=5)
    whole = weather_of(roots["era5"], "era5", cells, space=space).during(start)
    for low, high in ((0, 2), (2, 60), (60, cells.size), (0, 0)):
        part = weather_of(roots["era5"], "era5", cells[low:high], space=space).during(start)
        for name in NAMES:
            np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[low:high], err_msg=name)


def test_order_of_questions_does_not_matter(roots: dict[str, Path]) -> None:
    one, other = (weather_of(roots["era5_land_cds"], "era5_land_cds") for _ in range(2))
    times = [MAY + timedelta(days=1) + k * one.step for k in range(60)]
    first = {t: one.during(t) for t in times}
    for time in reversed(times[::7]):
        for name in NAMES:
            np.testing.assert_array_equal(getattr(other.during(time), name), getattr(first[time], name))
    with pytest.raises(ValueError, match="read-only"):
        first[times[0]].shortwave[0] = 1.0


def problems_of(root: Path, forcing: NetcdfForcing, end: datetime = MAY + timedelta(days=11)) -> list[str]:
    return find_forcing_problems(forcing, root / "forcing", GRID, CELLS, MAY + HOUR, end)


def test_sound_files_have_no_problem(roots: dict[str, Path]) -> None:
    for dataset, root in roots.items():
        assert problems_of(root, config(dataset)) == [], dataset


def test_problems_are_found_before_the_start(tmp_path: Path) -> None:
    folder = tmp_path / "forcing"
    write_dataset(folder, "cruncep_v7", 6 * HOUR)
    forcing = config("cruncep_v7")
    assert problems_of(tmp_path, forcing) == []
    missing = problems_of(tmp_path, forcing, end=datetime(2021, 6, 5))
    assert len(missing) == 3  # each file once, not once a variable
    assert all("2021-06.nc' does not exist" in line for line in missing)

    [solar] = folder.glob("Solar6Hrly/*2021-05.nc")
    with netCDF4.Dataset(solar, "a") as file:
        file["FSDS"].units = "J m-2"
    [units] = problems_of(tmp_path, forcing)
    assert "'FSDS'" in units
    assert "has units 'J m-2'; as mean of 'shortwave' expected W m-2" in units
    assert problems_of(tmp_path, config("cruncep_v7", variables={"shortwave": {"units": "W m-2"}})) == []
    with netCDF4.Dataset(solar, "a") as file:
        file.renameVariable("FSDS", "swdown")
    [name] = problems_of(tmp_path, forcing)
    assert "has no variable FSDS; found" in name
    assert (
        problems_of(tmp_path, config("cruncep_v7", variables={"shortwave": {"name": "swdown", "units": "W m-2"}})) == []
    )

    [rain] = folder.glob("Precip6Hrly/*2021-05.nc")
    rain.write_bytes(rain.read_bytes()[:5000])
    assert any("Prec" in line for line in problems_of(tmp_path, forcing))


def test_values_that_go_missing_stop_the_run(tmp_path: Path) -> None:
    write_dataset(tmp_path / "forcing", "gswp3", 3 * HOUR)
    [path] = (tmp_path / "forcing").glob("TPHWL/*.nc")
    with netCDF4.Dataset(path, "a") as file:
        file["TBOT"][30] = np.nan
    source = weather_of(tmp_path, "gswp3")
    source.during(MAY)
    with pytest.raises(DataError, match=r"'air_temperature' in .*record 31, is missing near latitude 20\.62"):
        source.during(MAY + 92 * HOUR)


def test_files_of_the_climate_data_store_under_any_name(roots: dict[str, Path], tmp_path: Path) -> None:
    """Two files a month as they come, or in one folder for all times: one pattern serves all variables."""
    month = roots["era5_cds_split"] / "forcing" / "era5_2021_05"
    assert sorted(path.name for path in month.iterdir()) == [
        "data_stream-oper_stepType-accum.nc", "data_stream-oper_stepType-instant.nc",
    ]  # fmt: skip
    expected = weather_of(roots["era5_cds_split"], "era5_cds_split").during(MAY + 40 * HOUR)
    for k, pattern_ in enumerate(("%Y/%m/data_stream-oper_stepType-{type}.nc", "{type}_all.nc")):
        for kind in ("instant", "accum"):
            path = tmp_path / str(k) / "forcing" / MAY.strftime(pattern_.replace("{type}", kind))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(month / f"data_stream-oper_stepType-{kind}.nc")
        for dataset in ("era5_cds", "era5_cds_split"):
            same = weather_of(tmp_path / str(k), dataset, files=pattern_).during(MAY + 40 * HOUR)
            for name in NAMES:
                np.testing.assert_array_equal(getattr(same, name), getattr(expected, name))
    land = {name: (v.path, v.meaning) for name, v in SETS["era5_land_cds_split"].variables.items()}
    assert land["precipitation"] == (
        "era5_land_%Y_%m/data_stream-oper_stepType-accum.nc", "amount_since_midnight",
    )  # fmt: skip
    assert land["dew_point"] == ("era5_land_%Y_%m/data_stream-oper_stepType-instant.nc", "instant")
    with pytest.raises(ValueError, match="this key is for the Climate Data Store's datasets"):
        config("gswp3", files="%Y.nc")
    archive = tmp_path / "0" / "forcing" / "era5_2021_05.nc"
    archive.write_bytes(b"PK\x03\x04" + bytes(100))
    assert "is a zip archive; unpack it" in problems_of(tmp_path / "0", config("era5_cds"))[0]


def rewrite(source: Path, path: Path, layout: str) -> None:
    """The same values in another layout."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with netCDF4.Dataset(source) as old, netCDF4.Dataset(path, "w") as new:
        hours = old["time"][:].filled()
        columns = np.arange(LON.size)[::-1] if layout == "east to west" else np.arange(LON.size)
        lon = LON[columns]
        dims = ("time", "step") if layout == "runs" else ("time",)
        lengths = (hours.size // 12, 12) if layout == "runs" else (hours.size,)
        for dim, n in (*zip(dims, lengths, strict=True), ("latitude", LAT.size), ("longitude", LON.size)):
            new.createDimension(dim, n)
        if layout == "matrices":
            for name, values, units in (("XLAT", LAT[:, None], "degree_north"), ("XLONG", LON[None], "degree_east")):
                matrix = new.createVariable(name, "f4", ("latitude", "longitude"))
                matrix.units, matrix[:] = units, np.broadcast_to(values, (LAT.size, LON.size))
        else:
            for name, values, units in (("latitude", LAT, "degrees_north"), ("longitude", lon, "degrees_east")):
                axis = new.createVariable(name, "f4", (name,))
                axis.units, axis[:] = units, values
        clocks = {"time": (("time",), hours)}
        if layout == "valid_time":
            clocks = {"time": (("time",), hours - 6.0), "valid_time": (("time",), hours), "step": ((), 6.0)}
        elif layout == "runs":
            starts = hours[::12] - 1.0
            clocks = {
                "time": (("time",), starts), "step": (("step",), np.arange(1.0, 13.0)),
                "valid_time": (dims, hours.reshape(lengths)),
            }  # fmt: skip
        for name, (on, values) in clocks.items():
            clock = new.createVariable(name, "f8", on)
            clock.units = "hours" if name == "step" else old["time"].units
            clock[...] = values
        order = (*dims, "longitude", "latitude") if layout == "transposed" else (*dims, "latitude", "longitude")
        for name in set(old.variables) - {"time", "lat", "lon"}:
            variable = new.createVariable(name, "f8", order)
            variable.units = old[name].units
            values = old[name][:].filled()[..., columns].reshape(*lengths, LAT.size, LON.size)
            variable[:] = values.swapaxes(-1, -2) if layout == "transposed" else values


@pytest.mark.parametrize("layout", ["valid_time", "runs", "east to west", "matrices", "transposed"])
def test_the_same_weather_from_other_layouts(roots: dict[str, Path], tmp_path: Path, layout: str) -> None:
    [source] = (roots["era5_cds"] / "forcing").glob("*.nc")
    rewrite(source, tmp_path / "forcing" / source.name, layout)
    assert problems_of(tmp_path, config("era5_cds")) == []
    same, expected = weather_of(tmp_path, "era5_cds"), weather_of(roots["era5_cds"], "era5_cds")
    for hour in (13, 40, 200):
        one, other = same.during(MAY + hour * HOUR), expected.during(MAY + hour * HOUR)
        for name in NAMES:
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def test_a_dataset_of_ones_own(roots: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match="lacks air_temperature, longwave, precipitation, shortwave, specific_humidity"
    ):
        forcing_set(config("custom"))
    with pytest.raises(ConfigError, match=r"forcing.variables.dew_point.*give its path and name"):
        forcing_set(config("gswp3", variables={"dew_point": {"name": "d2m"}}))
    with pytest.raises(ConfigError, match="instants are interpolated linearly"):
        forcing_set(config("era5", variables={"surface_pressure": {"interpolation": "uniform"}}))
    own = {
        name: {"path": v.path, "name": v.names[0], "meaning": v.meaning, "stamp": v.stamp}
        for name, v in SETS["gswp3"].variables.items()
    }
    same = weather_of(roots["gswp3"], "custom", variables=own).during(MAY + 40 * HOUR)
    expected = weather_of(roots["gswp3"], "gswp3").during(MAY + 40 * HOUR)
    for name in NAMES:
        np.testing.assert_array_equal(getattr(same, name), getattr(expected, name))
    late = {"air_temperature": {"offset_minutes": 120.0}}
    shifted = weather_of(roots["era5"], "era5", variables=late).during(MAY + 40 * HOUR)
    expected = weather_of(roots["era5"], "era5").during(MAY + 38 * HOUR)
    np.testing.assert_allclose(shifted.air_temperature, expected.air_temperature, rtol=1e-12)


@pytest.mark.parametrize(
    ("pattern_", "name", "value", "quantity"),
    [
        ("TPHWL/*", "QBOT", 1e20, "specific_humidity"),  # was taken as saturated
        ("TPHWL/*", "TBOT", -9999.0, "air_temperature"),
        ("Precip/*", "PRECTmms", -9999.0, "precipitation"),
    ],
)
def test_fill_values_that_are_not_declared_are_no_weather(
    tmp_path: Path, pattern_: str, name: str, value: float, quantity: str
) -> None:
    write_dataset(tmp_path / "forcing", "gswp3", 3 * HOUR)
    [path] = (tmp_path / "forcing").glob(pattern_)
    with netCDF4.Dataset(path, "a") as file:
        file[name][:, 1, 1] = value
    with pytest.raises(DataError, match=f"'{quantity}' in .* values outside .*undeclared fill value"):
        weather_of(tmp_path, "gswp3", np.arange(GRID.n_cells)).during(MAY)


def test_amounts_since_midnight_that_fall_are_of_hours(tmp_path: Path) -> None:
    write_dataset(tmp_path / "forcing", "era5_land_cds", HOUR)
    variable = SETS["era5_land_cds"].variables["precipitation"]
    with netCDF4.Dataset(tmp_path / "forcing" / MAY.strftime(variable.path), "a") as file:
        amounts = file[variable.names[0]]
        amounts[:] = np.where(np.arange(amounts.shape[0]) % 2, 1.0, 4.0)[:, None, None]
    source = weather_of(tmp_path, "era5_land_cds")
    with pytest.raises(DataError, match="expected amounts accumulated from 00 UTC"):
        for k in range(4):
            source.during(MAY + (2 + k) * HOUR)


def test_noise_below_zero_and_oversaturation_are_removed(tmp_path: Path) -> None:
    write_dataset(tmp_path / "forcing", "gswp3", 3 * HOUR)
    for pattern_, name, value in (
        ("Solar/*", "FSDS", -0.4),
        ("Precip/*", "PRECTmms", -1e-9),
        ("TPHWL/*", "QBOT", 0.05),
    ):
        [path] = (tmp_path / "forcing").glob(pattern_)
        with netCDF4.Dataset(path, "a") as file:
            file[name][:] = value
    weather = weather_of(tmp_path, "gswp3").during(MAY)
    assert (weather.shortwave == 0.0).all()
    assert (weather.precipitation == 0.0).all()
    saturated = specific_humidity(saturation_vapour_pressure(weather.air_temperature), weather.surface_pressure)
    np.testing.assert_array_equal(weather.specific_humidity, np.minimum(saturated, 0.05))
    with netCDF4.Dataset(next((tmp_path / "forcing").glob("Solar/*")), "a") as file:
        file["FSDS"][:] = -80.0
    assert (weather_of(tmp_path, "gswp3").during(MAY).shortwave < -50.0).all()  # which the model will refuse


# Real files.

_CF_NAMES = {
    "shortwave": "surface_downwelling_shortwave_flux_in_air", "longwave": "surface_downwelling_longwave_flux_in_air",
    "air_temperature": "air_temperature", "specific_humidity": "specific_humidity", "surface_pressure": "air_pressure",
    "eastward_wind": "eastward_wind", "northward_wind": "northward_wind", "precipitation": "precipitation_flux",
}  # fmt: skip
_ECLAND_NAMES = {
    "shortwave": "SWdown", "longwave": "LWdown", "air_temperature": "Tair", "specific_humidity": "Qair",
    "surface_pressure": "PSurf", "eastward_wind": "Wind_E", "northward_wind": "Wind_N", "precipitation": "Rainf",
}  # fmt: skip
SAMPLES: dict[str, tuple[dict[str, Any], datetime, datetime, float, float]] = {
    "gswp3": (
        {"dataset": "gswp3", "folder": "clm",
         "variables": {name: {"path": "clm1pt_ALP1_%Y-%m.nc"} for name in SETS["gswp3"].variables}},
        datetime(1901, 1, 2), datetime(1901, 1, 31), 61.0, 8.1,
    ),
    "cruncep": (
        {"dataset": "custom", "folder": "site",
         "variables": {name: {"path": "pecan_CRUNCEP.%Y.nc", "name": theirs, "meaning": "mean", "stamp": "middle"}
                       for name, theirs in _CF_NAMES.items()}},
        datetime(2000, 6, 1), datetime(2000, 12, 31), 45.2, 275.2,
    ),
    "era5": (
        {"dataset": "custom", "folder": "ecland",
         "variables": {name: {"path": "met_era5HT_CA-001_2022-2022.nc", "name": theirs}
                       for name, theirs in _ECLAND_NAMES.items()}},
        datetime(2022, 1, 19, 12), datetime(2022, 1, 20, 12), 52.0, 5.0,
    ),
    "point": (
        {"dataset": "point", "folder": "colm/Forcing/CN-Cng_2008-2009_FLUXNET2015_Met.nc"},
        datetime(2008, 6, 1), datetime(2009, 12, 31), 44.6, 123.5,
    ),
}  # fmt: skip


@pytest.mark.parametrize("sample", SAMPLES)
def test_real_samples(shared: Path, sample: str) -> None:
    more, begin, end, lat, lon = SAMPLES[sample]
    forcing = NetcdfForcing.model_validate({"kind": "netcdf", **more})
    grid = regular_grid(20, 20, south=lat - 0.1, north=lat + 0.1, west=lon - 0.1, east=lon + 0.1)
    cells = np.array([0, 399])
    data = shared / "data"
    assert find_forcing_problems(forcing, data / forcing.folder, grid, cells, begin, end) == []
    source = NetcdfWeather(grid, make_tiles(grid, cells), forcing, data)
    times = [begin + k * source.step for k in range(48)]
    sun = np.array([sunny(t, t + source.step, np.array([lat]), np.array([lon]))[0] for t in times])
    steps = [source.during(t) for t in times]
    light = np.array([s.shortwave[0] for s in steps])
    assert light[sun == 0.0].sum() <= 0.01 * light.sum()  # the clock is right: no light at night
    assert light.max() > 20.0
    for weather in steps:
        for name, low, high in (
            ("longwave", 150.0, 450.0), ("air_temperature", 235.0, 310.0), ("specific_humidity", 1e-4, 0.02),
            ("surface_pressure", 8e4, 1.04e5), ("wind_speed", 0.0, 20.0), ("precipitation", 0.0, 1e-3),
        ):  # fmt: skip
            assert np.all((getattr(weather, name) >= low) & (getattr(weather, name) <= high)), name
    if sample != "point":  # whose long table is read again each time
        assert find_forcing_problems(forcing, data / forcing.folder, grid, cells, begin, datetime(2031, 1, 1)) != []


def test_point_steps_are_the_files_own(shared: Path) -> None:
    forcing = NetcdfForcing.model_validate({"kind": "netcdf", **SAMPLES["point"][0]})
    grid = regular_grid(20, 20, south=44.0, north=46.0, west=123.0, east=125.0)
    source = NetcdfWeather(grid, make_tiles(grid, np.array([7])), forcing, shared / "data")
    assert (source.wind_height, source.scalar_height) == (6.0, 6.0)
    with netCDF4.Dataset(shared / "data" / forcing.folder) as file:
        tair = np.asarray(file["Tair"][:]).ravel()
    first = datetime(2007, 12, 31, 16)  # midnight of local standard time, eight hours ahead of UTC
    for k in (0, 1, 1000):
        assert source.during(first + k * source.step).air_temperature[0] == tair[k]
