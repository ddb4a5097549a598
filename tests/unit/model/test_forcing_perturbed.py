"""Perturbed weather of members: means, correlations, limits."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest
from pydantic import ValidationError

from landda_hpc.config import ForcingPerturbationConfig
from landda_hpc.config.ensemble import PERTURBED, EnsembleConfig
from landda_hpc.grid import gaussian_grid
from landda_hpc.model.column.checks import WEATHER_RANGE
from landda_hpc.model.forcing.air import saturation_vapour_pressure, specific_humidity
from landda_hpc.model.forcing.perturbed import ForcingPerturbations, PerturbedWeather
from landda_hpc.model.protocol import Weather

GRID = gaussian_grid(16, 32)
CELLS = np.arange(0, GRID.n_cells, 2)
START = datetime(2022, 6, 2)
CONFIG = ForcingPerturbationConfig()


class Constant:
    """The same weather in every step."""

    wind_height = scalar_height = 10.0
    step = timedelta(hours=3)

    def __init__(self, **values: float) -> None:
        usual = {
            "shortwave": 300.0, "longwave": 320.0, "air_temperature": 290.0, "specific_humidity": 0.008,
            "surface_pressure": 9.5e4, "wind_speed": 3.0, "precipitation": 1e-5,
        } | values  # fmt: skip
        self.weather = Weather(**{name: np.full(CELLS.size, value) for name, value in usual.items()})

    def during(self, start: datetime) -> Weather:
        return self.weather


def samples(n_members: int = 30, n_steps: int = 20) -> np.ndarray:
    """Perturbations, (members x steps x cells, 4), as standard normal numbers."""
    found = []
    for member in range(1, n_members + 1):
        drawn = ForcingPerturbations(CONFIG, GRID, 1, member)
        for n in range(n_steps):
            change = drawn.at(START + n * timedelta(days=3), CELLS)
            found.append(np.stack([change[name] for name in PERTURBED], axis=1))
    return np.concatenate(found)


@pytest.mark.verify
def test_perturbations_have_the_means_deviations_and_correlations_of_the_configuration() -> None:
    drawn = samples()
    assert drawn.mean(axis=0) == pytest.approx([1.0, 1.0, 0.0, 0.0], abs=0.3)
    assert drawn[:, :2].mean(axis=0) == pytest.approx([1.0, 1.0], abs=0.02)
    assert drawn.std(axis=0) == pytest.approx([0.5, 0.3, 20.0, 1.0], rel=0.05)
    normal = np.column_stack([np.log(drawn[:, :2]), drawn[:, 2:]])
    assert np.corrcoef(normal.T) == pytest.approx(CONFIG.correlations, abs=0.04)


def test_a_member_has_its_own_perturbations_that_depend_on_time_alone() -> None:
    time = START + timedelta(hours=30)
    first, again, other = (ForcingPerturbations(CONFIG, GRID, 1, m) for m in (1, 1, 2))
    first.at(START, CELLS)
    assert np.array_equal(first.at(time, CELLS)["longwave"], again.at(time, CELLS)["longwave"])
    assert not np.array_equal(first.at(time, CELLS)["longwave"], other.at(time, CELLS)["longwave"])
    assert first.at(time, CELLS) is first.at(time + timedelta(hours=2), CELLS)  # the same three hours


@pytest.mark.parametrize("values", [{}, {"longwave": 25.0}, {"precipitation": 0.1}, {"air_temperature": 171.0}])
def test_perturbed_weather_stays_physical(values: dict[str, float]) -> None:
    source = Constant(**values)
    weather = PerturbedWeather(source, ForcingPerturbations(CONFIG, GRID, 1, 3), CELLS)
    for n in range(40):
        now = weather.during(START + n * weather.step)
        for name, (low, high, _) in WEATHER_RANGE.items():
            assert (getattr(now, name) >= low).all() and (getattr(now, name) <= high).all()
        most = specific_humidity(saturation_vapour_pressure(now.air_temperature), now.surface_pressure)
        assert (now.specific_humidity <= most * (1.0 + 1e-12)).all()
        assert np.array_equal(now.wind_speed, source.weather.wind_speed)


def test_dry_and_dark_steps_stay_dry_and_dark() -> None:
    weather = PerturbedWeather(
        Constant(precipitation=0.0, shortwave=0.0), ForcingPerturbations(CONFIG, GRID, 1, 3), CELLS
    ).during(START)
    assert not weather.precipitation.any() and not weather.shortwave.any()


def test_correlations_that_cannot_occur_together_are_an_error() -> None:
    with pytest.raises(ValidationError, match="cannot occur together"):
        ForcingPerturbationConfig(precipitation_shortwave=-0.95, precipitation_longwave=0.95, shortwave_longwave=0.9)


def test_a_shown_member_exists() -> None:
    with pytest.raises(ValidationError, match="member 9 does not exist"):
        EnsembleConfig(members=8, shown=(1, 9))
