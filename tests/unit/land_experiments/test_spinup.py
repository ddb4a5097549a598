"""Spin-up over several years: the rule in closed form, the weather of the right years, stops, files of forcing."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest

from landda_hpc.errors import ConfigError, StoppedError
from landda_hpc.instances.campaign_weather import period_problems
from landda_hpc.instances.domain import make_domain
from landda_hpc.instances.embedded_models import EmbeddedSetup
from landda_hpc.instances.spun_up_start import initial_problems, spun_up_state
from landda_hpc.land_experiments.spinup import StopRule, spin_up
from landda_hpc.land_experiments.spinup_files import STATES, WITHIN, Drift
from landda_hpc.model.column.land.acceleration import FIRST_SLOW
from landda_hpc.model.protocol import ForecastReport
from landda_hpc.parallel.communicator import SerialCommunicator
from landda_hpc.state import PatchType, Tiles, TileState
from landda_hpc.storage.checkpoint import digest, read_header
from landda_hpc.variables import LAND_STATE
from tests.spinup_case import StopAfter, config_of, write_years

WORLD = SerialCommunicator()
NEVER = StopRule(0.0, 0.0, 0.0, max_years=4)
SCALE_DAYS = 3650.0
PASS_DAYS = 1096.0  # 2019 to 2021, with a 29 February


class Relaxing:
    """Ground that relaxes, with one time scale, to a temperature that differs from year to year."""

    def __init__(self, tiles: Tiles) -> None:
        self.tiles = tiles
        self.seen: list[tuple[datetime, datetime]] = []

    def forecast(self, state: TileState, start: datetime, end: datetime) -> ForecastReport:
        self.seen.append((start, end))
        warmth = state.soil("t_soisno")
        warmth[:] = relaxed(warmth, start, end)
        zeros = np.zeros(len(self.tiles))
        return ForecastReport(zeros, zeros, zeros, zeros, zeros, zeros, 0.0, 0, 0.0)

    def diagnose(self, state: TileState) -> None:
        """Nothing is diagnosed."""


def relaxed(warmth: Any, start: datetime, end: datetime) -> Any:
    goal = 285.0 + 4.0 * (start.year % 3)
    return goal + (warmth - goal) * math.exp(-((end - start) / timedelta(days=1)) / SCALE_DAYS)


def equilibrium() -> float:
    """Temperature at the end of a pass that ends where it began."""
    end = 0.0
    for year in (2019, 2020, 2021):
        end = relaxed(end, datetime(year, 1, 1), datetime(year + 1, 1, 1))
    return end / (1.0 - math.exp(-PASS_DAYS / SCALE_DAYS))


@pytest.fixture
def relaxing(monkeypatch: pytest.MonkeyPatch) -> list[Relaxing]:
    """Models of the spin-ups that are made; they begin 10 K above the equilibrium."""
    made: list[Relaxing] = []

    def free_run(setup: EmbeddedSetup, mine: slice) -> tuple[Relaxing, TileState]:
        made.append(Relaxing(setup.domain.tiles.take(mine)))
        state = TileState.filled(len(setup.domain.tiles), LAND_STATE)
        state.soil("t_soisno")[:] = equilibrium() + 10.0
        return made[-1], state.take(mine)

    monkeypatch.setattr(EmbeddedSetup, "free_run", free_run)
    return made


def test_the_rule_compares_the_same_date_a_pass_apart(tmp_path: Path, relaxing: list[Relaxing]) -> None:
    config = config_of(tmp_path, "2019-01-01", forcing={})
    ratio = math.exp(-PASS_DAYS / SCALE_DAYS)
    expected = [10.0 * ratio**k * (1.0 - ratio) / 3.0 for k in range(30)]  # K per year, of each pass
    n_pass = 1 + next(k for k, change in enumerate(expected) if change <= 0.05)
    past = spin_up(config, WORLD, tmp_path / "plain", StopRule(), period_years=3, accelerate=False)
    assert [drift.year for drift in past] == [3 * (k + 1) for k in range(n_pass)]
    np.testing.assert_allclose([drift.temperature for drift in past], expected[:n_pass], rtol=1e-9)
    assert [drift.moving for drift in past] == [1.0] * (n_pass - 1) + [0.0]
    # The weather is that of the three years, over and over.
    seen = relaxing[0].seen
    assert (seen[0][0], seen[35][1]) == (datetime(2019, 1, 1), datetime(2022, 1, 1))
    assert seen == seen[:36] * n_pass


def test_an_extrapolation_from_pass_to_pass_finds_the_equilibrium(tmp_path: Path, relaxing: list[Relaxing]) -> None:
    config = config_of(tmp_path, "2019-01-01", forcing={})
    past = spin_up(config, WORLD, tmp_path / "fast", StopRule(), period_years=3)
    assert [drift.extrapolated for drift in past] == [False, False, True, False]
    assert past[-1].temperature < 1e-9 and past[-1].moving == 0.0
    tiles = relaxing[0].tiles
    every = slice(0, len(tiles))
    state = spun_up_state(tmp_path / "fast" / STATES, make_domain(config, 1), tiles, datetime(2030, 1, 1), every)
    warmth = state.soil("t_soisno")[tiles.patchtype == PatchType.SOIL]
    np.testing.assert_allclose(warmth[:, FIRST_SLOW:], equilibrium(), rtol=1e-9)


def test_no_pass_begins_that_would_exceed_the_maximum(tmp_path: Path, relaxing: list[Relaxing]) -> None:
    config = config_of(tmp_path, "2019-01-01", forcing={})
    rule = StopRule(0.0, 0.0, 0.0, max_years=8)
    assert spin_up(config, WORLD, tmp_path / "out", rule, period_years=3)[-1].year == 6
    with pytest.raises(ConfigError, match="--period-years 9 exceeds --max-years 8"):
        spin_up(config, WORLD, tmp_path / "out", rule, period_years=9)
    with pytest.raises(ConfigError, match="repeats 3 years of weather, this spin-up 2: give --period-years 3"):
        spin_up(config, WORLD, tmp_path / "out", rule, period_years=2)
    assert len(relaxing[0].seen) == 72


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weather")
    write_years(folder, range(2019, 2022))
    return folder


@pytest.fixture(scope="module")
def straight(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Drift]]:
    """Two passes through the weather of two years, and the states of a year."""
    folder = tmp_path_factory.mktemp("straight")
    past = spin_up(config_of(data), WORLD, folder, NEVER, period_years=2, year_file=folder / "year.nc")
    return folder, past


@pytest.mark.verify
def test_a_stop_within_a_pass_costs_only_the_year(
    data: Path, straight: tuple[Path, list[Drift]], tmp_path: Path
) -> None:
    # Within the first year; after it; in the second year of the second pass.
    for months in (7, 13, 28):
        with pytest.raises(StoppedError, match="earlier years are saved"):
            spin_up(config_of(data), WORLD, tmp_path, NEVER, period_years=2, stop=StopAfter(months))
        if months == 13:
            assert not (tmp_path / STATES).exists()
            (tmp_path / "early").write_bytes((tmp_path / WITHIN).read_bytes())
    assert (read_header(tmp_path / "early").cycle, read_header(tmp_path / WITHIN).cycle) == (1, 3)
    # The file of an earlier pass, of a process that was killed before it removed the file, is not used.
    (tmp_path / "early").rename(tmp_path / WITHIN)
    with pytest.raises(ConfigError, match="this spin-up 1: give --period-years 2"):
        spin_up(config_of(data), WORLD, tmp_path, NEVER, period_years=1)
    assert spin_up(config_of(data), WORLD, tmp_path, NEVER, period_years=2) == straight[1]
    assert digest(tmp_path / STATES) == digest(straight[0] / STATES)
    assert not (tmp_path / WITHIN).exists()


@pytest.mark.verify
def test_states_start_a_campaign_at_the_end_of_the_period(data: Path, straight: tuple[Path, list[Drift]]) -> None:
    folder, past = straight
    assert [drift.year for drift in past] == [2, 4]
    model = {"physics": "land_surface", "timestep_s": 10800, "initial": "spun_up", "spinup_days": 0}
    with netCDF4.Dataset(folder / "year.nc") as year:
        assert year["time"].units == "days since 2020-03-01 00:00:00" and year["time"].size == 6
        assert "the weather of 2 years from 2019-03-01 to 2021-03-01" in year.source
    for name in ("year.nc", STATES):
        config = config_of(folder, "2021-03-01", model=model | {"initial_file": name}, forcing={})
        assert initial_problems(config, make_domain(config, 1)) == []


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "2021.nc").unlink(), r"2021\.nc' does not exist"),
        (lambda folder: write_half(folder / "2020.nc"), r"no values for .* in '.*2020\.nc'"),
    ],
    ids=["a year is missing", "half a year is missing"],
)
def test_weather_that_does_not_cover_the_period_is_said_first(
    tmp_path: Path, spoil: Callable[[Path], None], message: str
) -> None:
    write_years(tmp_path, range(2019, 2022))
    spoil(tmp_path)
    with pytest.raises(ConfigError, match=message):
        spin_up(config_of(tmp_path), WORLD, tmp_path / "out", NEVER, period_years=2)
    assert not (tmp_path / "out").exists()


def write_half(path: Path) -> None:
    whole = path.with_name("whole")
    path.rename(whole)
    with netCDF4.Dataset(whole) as old, netCDF4.Dataset(path, "w") as new:
        for name in old.dimensions:
            new.createDimension(name, 180 if name == "time" else 1)
        for name, variable in old.variables.items():
            copy = new.createVariable(name, "f8", variable.dimensions)
            copy.setncatts(variable.__dict__)
            copy[:] = variable[:180] if "time" in variable.dimensions else variable[:]
    whole.unlink()


def test_files_without_leap_days_have_the_weather_of_those_that_repeat_28_february(data: Path, tmp_path: Path) -> None:
    write_years(tmp_path, range(2019, 2022), "noleap")
    found = []
    for folder in (data, tmp_path):
        config = config_of(folder)
        domain = make_domain(config, 1)
        assert period_problems(config.forcing, folder, domain, datetime(2019, 3, 1), datetime(2021, 3, 1)) == []
        weather = EmbeddedSetup.of(config, domain).weather(domain.tiles)
        begin = datetime(2020, 2, 27)
        found.append([weather.during(begin + k * weather.step) for k in range(5)])
    for one, other in zip(*found, strict=True):
        for f in fields(one):
            np.testing.assert_array_equal(getattr(one, f.name), getattr(other, f.name))
