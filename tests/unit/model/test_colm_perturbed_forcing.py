"""Forcing files of runs with changed weather."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from landda_hpc.config import ForcingPerturbationConfig
from landda_hpc.errors import DataError, MissingFileError
from landda_hpc.grid import regular_grid
from landda_hpc.model.colm.forcing_files import record_interval, record_time
from landda_hpc.model.colm.namelist import Namelist
from landda_hpc.model.colm.perturbed_forcing import NUMBERS, WeatherChange, perturb_forcing
from landda_hpc.model.forcing.perturbed import ForcingPerturbations

GRID = regular_grid(2, 2, south=39.5, north=41.5, west=114.5, east=116.5)
FACTOR = np.array([[1.0, 2.0], [3.0, 4.0]])
"""South to north, west to east."""

START, STEP = datetime(2010, 6, 1), timedelta(minutes=30)
PERIOD = (START, START + timedelta(days=3))
FILES = ("T/t.", "P/p.", "S/s.")
HOURLY = 24 * 30


def make_forcing(root: Path, months: list[str], n_records: int = HOURLY, **changes: str) -> Namelist:
    """Files of temperature and long wave, rain, and short wave, hourly, and their namelist."""
    for prefix in FILES:
        for month in months:
            path = root / f"{prefix}{month}.nc"
            path.parent.mkdir(parents=True, exist_ok=True)
            with netCDF4.Dataset(path, "w") as file:
                for name, size in (("t", n_records), ("y", 2), ("x", 2)):
                    file.createDimension(name, size)
                file.createVariable("lat", "f8", ("y",))[:] = [41.0, 40.0]
                file.createVariable("lon", "f8", ("x",))[:] = [-245.0, -244.0]  # 115 and 116 degrees east
                content = {"T/t.": {"T": 290.0, "Q": 0.008, "L": 320.0}, "P/p.": {"P": 1e-4}, "S/s.": {"S": 300.0}}
                for name, value in content[prefix].items():
                    values = value * (1.0 + 0.1 * np.arange(4.0).reshape(2, 2))
                    file.createVariable(name, "f8", ("t", "y", "x"))[:] = np.broadcast_to(values, (n_records, 2, 2))
    keys = {
        "DEF_dir_forcing": f"'{root}'", "DEF_forcing%dataset": "'GSWP3'", "DEF_forcing%groupby": "'month'",
        "DEF_forcing%dtime": "4*3600 0 3*3600", "DEF_forcing%offset": "4*1800 0 1800 0 1800",
        "DEF_forcing%fprefix": "3*'T/t.' 'P/p.' 'NULL' 'T/t.' 'S/s.' 'T/t.'",
        "DEF_forcing%vname": "'T' 'Q' 'p' 'P' 'NULL' 'W' 'S' 'L'",
        "DEF_forcing%latname": "'lat'", "DEF_forcing%lonname": "'lon'",
    } | changes  # fmt: skip
    lines = "\n".join(f" {key} = {value}" for key, value in keys.items())
    return Namelist(f"&nl_colm_forcing\n{lines}\n/\n", "nl_colm_forcing")


def perturbations(config: ForcingPerturbationConfig | None = None, member: int = 1) -> ForcingPerturbations:
    return ForcingPerturbations(config or ForcingPerturbationConfig(length_km=1000.0), GRID, 5, member)


def read(path: Path, name: str) -> np.ndarray:
    with netCDF4.Dataset(path) as file:
        return np.asarray(file[name][:])


def test_a_factor_on_rain_is_in_files_of_the_run(tmp_path: Path) -> None:
    root, run = tmp_path / "weather", tmp_path / "run"
    forcing = make_forcing(root, ["2010-05", "2010-06", "2010-07", "2011-06"])
    result = perturb_forcing(forcing, WeatherChange(GRID, FACTOR), run, PERIOD, STEP)
    again = Namelist(result.read_text(), "nl_colm_forcing")
    assert again.text_value("DEF_dir_forcing") == str(run / "forcing")
    written = sorted(p.name for p in (run / "forcing/P").iterdir() if not p.is_symlink())
    assert written == ["p.2010-05.nc", "p.2010-06.nc"]  # records at half hours: the first step needs that of 23:30
    assert all(p.is_symlink() for folder in "TS" for p in (run / "forcing" / folder).iterdir())
    before, after = read(root / "P/p.2010-06.nc", "P"), read(run / "forcing/P/p.2010-06.nc", "P")
    assert np.allclose(after[:72] / before[:72], [[3.0, 4.0], [1.0, 2.0]], rtol=1e-12)  # rows from north to south
    assert np.array_equal(after[240:], before[240:])  # never read


def test_every_record_has_the_perturbation_of_its_valid_time(tmp_path: Path) -> None:
    root, run = tmp_path / "weather", tmp_path / "run"
    forcing = make_forcing(root, ["2010-05", "2010-06"])
    perturb_forcing(forcing, WeatherChange(GRID, FACTOR, perturbations()), run, PERIOD, STEP)
    drawn, cells = perturbations(), np.arange(4)
    for name, file, stored in (
        ("air_temperature", "T/t.", "T"), ("longwave", "T/t.", "L"), ("precipitation", "P/p.", "P"),
        ("shortwave", "S/s.", "S"),
    ):  # fmt: skip
        before, after = (read(folder / f"{file}2010-06.nc", stored) for folder in (root, run / "forcing"))
        for record in (0, 2, 3, 50, 71):
            offset = timedelta(0) if name == "shortwave" else STEP
            change = drawn.at(START + record * timedelta(hours=1) + offset, cells)[name].reshape(2, 2)[::-1]
            if name == "precipitation":
                change = change * FACTOR[::-1]
            is_factor = name in ("precipitation", "shortwave")
            expected = before[record] * change if is_factor else before[record] + change
            assert np.allclose(after[record], expected, rtol=1e-12), (name, record)
    assert np.array_equal(read(run / "forcing/T/t.2010-06.nc", "Q"), read(root / "T/t.2010-06.nc", "Q"))


def test_the_mean_of_many_members_is_the_weather_of_the_case(tmp_path: Path) -> None:
    root = tmp_path / "weather"
    forcing = make_forcing(root, ["2010-06"], n_records=8)
    found: dict[str, list[np.ndarray]] = {name: [] for name in "TLPS"}
    n_members, period = 40, (START + timedelta(hours=1), START + timedelta(hours=4))
    for member in range(1, n_members + 1):
        run = tmp_path / "run"
        perturb_forcing(forcing, WeatherChange(GRID, None, perturbations(member=member)), run, period, STEP)
        for name, file in (("T", "T/t."), ("L", "T/t."), ("P", "P/p."), ("S", "S/s.")):
            found[name].append(read(run / f"forcing/{file}2010-06.nc", name)[0, 0, 0])
    expected = {"T": (290.0, 1.0), "L": (320.0, 20.0), "P": (1e-4, 0.5e-4), "S": (300.0, 90.0)}
    for name, (mean, std) in expected.items():
        # Factors have long tails: their logarithm shows the spread.
        spread, right = np.std(found[name]), std
        if name in "PS":
            spread, right = np.std(np.log(found[name])), np.sqrt(np.log1p((std / mean) ** 2))
        assert abs(np.mean(found[name]) - mean) < 3.5 * std / np.sqrt(n_members), name
        assert spread == pytest.approx(right, rel=0.4), name


def test_variables_without_perturbation_keep_their_files(tmp_path: Path) -> None:
    only = ForcingPerturbationConfig(precipitation_std=0.0, longwave_std=0.0, air_temperature_std=0.0)
    run = tmp_path / "run"
    forcing = make_forcing(tmp_path / "weather", ["2010-05", "2010-06"])
    perturb_forcing(forcing, WeatherChange(GRID, None, perturbations(only)), run, PERIOD, STEP)
    written = [p.name for p in (run / "forcing").rglob("*.nc") if not p.is_symlink()]
    assert written == ["s.2010-06.nc"]


@pytest.mark.parametrize("kind", ["f4", "i2"])
def test_rain_outside_a_valid_range_is_multiplied_too(tmp_path: Path, kind: str) -> None:
    """The library reads it as missing and would write fill values; packed numbers must fit their type."""
    root, run, period = tmp_path / "weather", tmp_path / "run", (START + timedelta(hours=1), START + timedelta(hours=2))
    forcing = make_forcing(root, ["2010-06"], 2, **{"DEF_forcing%vname": "'T' 'Q' 'p' 'R' 'NULL' 'W' 'S' 'L'"})
    with netCDF4.Dataset(root / "P/p.2010-06.nc", "r+") as file:
        rain = file.createVariable("R", kind, ("t", "y", "x"), fill_value=-9)
        rain.setncatts({"scale_factor": np.float32(0.5), "valid_range": np.array([0, 2], kind)})
        rain.set_auto_maskandscale(False)
        rain[:] = np.arange(8).reshape(2, 2, 2)
        rain[0, 0, 0] = -9
    perturb_forcing(forcing, WeatherChange(GRID, FACTOR), run, period, STEP)
    with netCDF4.Dataset(run / "forcing/P/p.2010-06.nc") as file:
        file.set_auto_maskandscale(False)
        assert file["R"][:].tolist() == [[[-9, 4], [2, 6]], [[12, 20], [6, 14]]]
    if kind == "i2":
        with pytest.raises(DataError, match="packed in int16, which cannot hold values"):
            perturb_forcing(forcing, WeatherChange(GRID, np.full((2, 2), 1e4)), run, period, STEP)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"DEF_forcing%dataset": "'NEWSET'"}, DataError, "not 'NEWSET'"),
        ({"DEF_forcing%dataset": "'QIAN'"}, DataError, "longwave_std: 0"),
        ({"DEF_forcing%groupby": "'day'"}, DataError, "month or a year only"),
        ({"DEF_forcing%vname": "'T' 'Q' 'p' 'NULL' 'NULL' 'W' 'S' 'L'"}, DataError, "files of precipitation"),
        ({"DEF_forcing%fprefix": "3*'T/t.' 'rain' 'NULL' 'T/t.' 'S/s.' 'T/t.'"}, MissingFileError, "rain2010-05.nc"),
        ({"DEF_forcing%fprefix": "3*'T/t.'"}, DataError, r"has no DEF_forcing%fprefix\(4\)"),
        ({"DEF_dir_forcing": "'somewhere'"}, MissingFileError, "expected an existing absolute path"),
        ({"DEF_forcing%vname": "'T' 'Q' 'p' 'R' 'NULL' 'W' 'S' 'L'"}, DataError, "'R'.*is missing"),
    ],
)
def test_files_that_cannot_be_perturbed_are_errors(
    tmp_path: Path, changes: dict[str, str], error: type[Exception], words: str
) -> None:
    forcing = make_forcing(tmp_path / "weather", ["2010-05", "2010-06"], **changes)
    with pytest.raises(error, match=words):
        perturb_forcing(forcing, WeatherChange(GRID, FACTOR, perturbations()), tmp_path / "run", PERIOD, STEP)


def test_times_of_records_follow_the_calendar_of_the_files(tmp_path: Path) -> None:
    forcing = make_forcing(tmp_path, [], **{"DEF_forcing%groupby": "'year'", "DEF_forcing%leapyear": ".false."})
    interval = record_interval(forcing, NUMBERS["precipitation"])
    assert interval == (timedelta(hours=1), timedelta(minutes=30))
    assert record_interval(forcing, 5) is None
    begin, march = datetime(2012, 1, 1), 59 * 24
    assert record_time(forcing, interval, begin, march - 1) == datetime(2012, 2, 28, 23, 30)
    assert record_time(forcing, interval, begin, march) == datetime(2012, 3, 1, 0, 30)
    assert record_time(forcing, interval, datetime(2011, 1, 1), march) == datetime(2011, 3, 1, 0, 30)
