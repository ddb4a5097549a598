"""Latent weather: stateless, stationary, drifting, and shared between twins as asked."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest

from landda_hpc.constants import EARTH_RADIUS
from landda_hpc.errors import ConfigError
from landda_hpc.grid import regular_grid
from landda_hpc.model.forcing.latent import EPOCH, STEP, LatentField, LatentWeather, step_number
from landda_hpc.random_fields.angular_spectra import gaussian_spectrum

GRID = regular_grid(24, 48)
STORMS = LatentField(gaussian_spectrum(1500.0), 15.0, 0.0)
NOW = step_number(datetime(2022, 6, 2))


def weather(field: LatentField = STORMS, seed: int = 1, stream: str = "base", rho: float = 1.0) -> LatentWeather:
    return LatentWeather(GRID, {"rain": field}, seed, stream, rho)


def series(source: LatentWeather, steps: range) -> np.ndarray:
    return np.stack([source.at(n)["rain"] for n in steps])


def test_step_number_counts_three_hours() -> None:
    assert step_number(EPOCH) == 0
    assert step_number(datetime(2022, 6, 2, 3)) == NOW + 1
    assert step_number(datetime(1969, 12, 31, 21)) == -1
    with pytest.raises(ConfigError, match="2022-06-02T01:00"):
        step_number(datetime(2022, 6, 2, 1))


def test_weather_is_a_function_of_valid_time_alone() -> None:
    steady = series(weather(), range(NOW, NOW + 40))
    jumping = weather()
    for n in (39, 0, 17, 16, 38):
        np.testing.assert_array_equal(jumping.at(NOW + n)["rain"], steady[n])


def test_unit_variance_and_correlation_in_time() -> None:
    z = series(weather(), range(NOW, NOW + 600))
    belt = z[:, 6:18]
    # Some 15 independent patches in the belt, a new set every 8 steps: sigma of the variance is 0.04.
    assert np.mean(belt**2) == pytest.approx(1.0, abs=0.12)
    for lag in (1, 2, 4, 6, 8):
        expected = np.exp(-0.5 * (3.0 * lag / 15.0) ** 2)
        assert np.mean(belt[lag:] * belt[:-lag]) / np.mean(belt**2) == pytest.approx(expected, abs=0.06)


def test_weights_give_the_stated_correlation() -> None:
    for hours in (1.0, 6.0, 15.0, 60.0):
        w = LatentField(gaussian_spectrum(500.0), hours, 0.0).weights()
        assert np.sum(w**2) == pytest.approx(1.0, abs=1e-14)
        assert np.all(w == w[::-1])
        for lag in range(1, min(w.size, 60)):
            stated = np.exp(-0.5 * (3.0 * lag / hours) ** 2)
            if hours >= 3.0:  # shorter memories than a step cannot be resolved by steps
                assert np.sum(w[lag:] * w[:-lag]) == pytest.approx(stated, abs=2e-3)


def test_storms_drift_eastward_at_the_stated_speed() -> None:
    # One column of the grid in each step.
    speed = 2.0 * np.pi * EARTH_RADIUS / 48 / STEP.total_seconds()
    drifting = LatentField(STORMS.spectrum, STORMS.correlation_hours, speed)
    still, moving = weather(), weather(drifting)
    for n in (NOW, NOW + 1, NOW + 5):
        turned = np.roll(still.at(n)["rain"], n % 48, axis=1)
        np.testing.assert_allclose(moving.at(n)["rain"], turned, atol=1e-7)  # the turn since 1970, in radians
    assert drifting.rotation(timedelta(days=1)) == pytest.approx(np.deg2rad(60.0))


def test_twin_has_the_stated_correlation() -> None:
    steps = range(NOW, NOW + 400, 8)
    base = series(weather(), steps)[:, 4:20].ravel()
    for rho in (0.3, 0.8):
        twin = series(weather(stream="nature", rho=rho), steps)[:, 4:20].ravel()
        assert np.corrcoef(base, twin)[0, 1] == pytest.approx(rho, abs=0.1)
        assert np.std(twin) == pytest.approx(1.0, abs=0.1)


def test_full_correlation_is_the_base_stream_and_none_another_weather() -> None:
    base = weather().at(NOW)["rain"]
    np.testing.assert_array_equal(weather(stream="control", rho=1.0).at(NOW)["rain"], base)
    steps = range(NOW, NOW + 400, 8)
    free = series(weather(stream="nature", rho=0.0), steps)[:, 4:20]
    assert abs(np.corrcoef(free.ravel(), series(weather(), steps)[:, 4:20].ravel())[0, 1]) < 0.1
    # Of its own share, the stream's name decides: at 0 it is the base weather of nobody.
    assert not np.allclose(free[0], series(weather(stream="other", rho=0.0), steps)[0, 4:20])


def test_seeds_and_names_give_other_weather() -> None:
    two = LatentWeather(GRID, {"rain": STORMS, "wind": STORMS}, 1, "base", 1.0).at(NOW)
    np.testing.assert_array_equal(two["rain"], weather().at(NOW)["rain"])
    assert not np.allclose(two["rain"], two["wind"])
    assert not np.allclose(two["rain"], weather(seed=2).at(NOW)["rain"])


def test_bad_statistics_are_named() -> None:
    with pytest.raises(ConfigError, match=r"'nature' = 1.2"):
        weather(stream="nature", rho=1.2)
    with pytest.raises(ConfigError, match="correlation 1 with itself"):
        weather(stream="base", rho=0.5)
    with pytest.raises(ConfigError, match="correlation time"):
        weather(LatentField(STORMS.spectrum, 0.0, 1.0))
