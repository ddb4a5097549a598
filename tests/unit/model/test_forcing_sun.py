"""Sun, air and radiation against closed forms and tables."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landda_hpc.constants import STEFAN_BOLTZMANN
from landda_hpc.model.forcing.air import (
    saturation_vapour_pressure,
    shortwave_transmissivity,
    specific_humidity,
    standard_pressure,
)
from landda_hpc.model.forcing.covariation import longwave_of_cells
from landda_hpc.model.forcing.sun import SOLAR_CONSTANT, daily_insolation, mean_cosine_zenith, sun_at

THREE_HOURS = timedelta(hours=3)


@pytest.mark.parametrize(
    ("day", "declination", "minutes"),
    [
        (datetime(2022, 6, 21, 9), 23.44, -1.9),
        (datetime(2022, 12, 21, 22), -23.44, 1.9),
        (datetime(2022, 3, 20, 15), 0.0, -7.4),
        (datetime(2022, 2, 11, 12), -13.9, -14.2),
        (datetime(2022, 11, 3, 12), -15.1, 16.4),
    ],
)
def test_sun_agrees_with_the_almanac(day: datetime, declination: float, minutes: float) -> None:
    sun = sun_at(day)
    assert np.rad2deg(sun.declination) == pytest.approx(declination, abs=0.35)  # leap years shift by a day
    assert 60.0 * sun.equation_of_time == pytest.approx(minutes, abs=0.7)


def test_sun_is_nearest_in_january() -> None:
    assert sun_at(datetime(2022, 1, 4)).distance_factor == pytest.approx(1.0 / 0.98333**2, abs=1e-3)
    assert sun_at(datetime(2022, 7, 4)).distance_factor == pytest.approx(1.0 / 1.01672**2, abs=1e-3)


@given(st.integers(1, 365), st.floats(-90.0, 90.0), st.floats(-180.0, 360.0))
def test_steps_of_a_day_carry_the_daily_insolation(day: int, latitude: float, longitude: float) -> None:
    start = datetime(2021, 1, 1) + timedelta(days=day - 1)
    lat, lon = np.array([latitude]), np.array([longitude])
    steps = [mean_cosine_zenith(lat, lon, start + i * THREE_HOURS, THREE_HOURS)[0] for i in range(8)]
    sun = sun_at(start + timedelta(hours=12))
    arrived = SOLAR_CONSTANT * sun.distance_factor * np.mean(steps)
    # The declination moves by up to 0.4 degrees within the day: 1.5 W m-2 at the pole.
    assert arrived == pytest.approx(daily_insolation(lat, sun)[0], abs=3.0)
    assert min(steps) >= 0.0
    assert max(steps) <= 1.0


def test_noon_and_midnight_fall_where_they_should() -> None:
    lon = np.arange(0.0, 360.0, 5.0)
    cosine = mean_cosine_zenith(np.zeros_like(lon), lon, datetime(2022, 6, 2, 10, 30), THREE_HOURS)
    assert abs((lon[cosine.argmax()] + 180.0) % 360.0 - 180.0) <= 5.0  # noon at Greenwich at 12 UTC
    night = np.cos(np.deg2rad(lon)) < -0.5
    assert np.all(cosine[night] == 0.0)
    later = mean_cosine_zenith(np.zeros_like(lon), lon, datetime(2022, 6, 2, 16, 30), THREE_HOURS)
    assert lon[later.argmax()] == pytest.approx(270.0, abs=5.0)  # six hours later it is noon at 90 W


def test_polar_night_and_day() -> None:
    poles = np.array([-85.0, 85.0])
    cosine = mean_cosine_zenith(poles, np.zeros(2), datetime(2022, 6, 21), THREE_HOURS)
    assert cosine[0] == 0.0
    assert cosine[1] > 0.25
    assert daily_insolation(poles, sun_at(datetime(2022, 6, 21)))[0] == 0.0
    assert daily_insolation(np.array([90.0]), sun_at(datetime(2022, 6, 21)))[0] == pytest.approx(524.0, abs=3.0)


def test_humidity_and_pressure_against_tables() -> None:
    temperature = np.array([273.15, 293.15, 303.15])
    np.testing.assert_allclose(saturation_vapour_pressure(temperature), [611.0, 2339.0, 4246.0], rtol=5e-3)  # WMO table
    np.testing.assert_allclose(
        standard_pressure(np.array([0.0, 1000.0, 5000.0])), [101325.0, 89875.0, 54020.0], rtol=1e-3
    )  # ICAO
    assert specific_humidity(np.array([1000.0]), np.array([101325.0]))[0] == pytest.approx(0.006162, rel=1e-3)


def test_longwave_lies_between_clear_and_black_sky() -> None:
    temperature, vapour = np.full(3, 288.0), np.full(3, 1200.0)
    sky = longwave_of_cells(temperature, vapour, np.array([0.0, 0.5, 1.0]))
    black = STEFAN_BOLTZMANN * 288.0**4
    assert 280.0 < sky[0] < 320.0  # clear sky at 15 degC and 12 hPa, measured range
    assert sky[0] < sky[1] < sky[2] < black
    assert sky[2] == pytest.approx(1.22 * sky[0])
    tropical = longwave_of_cells(np.array([303.0]), np.array([4200.0]), np.array([1.0]))
    assert tropical[0] == pytest.approx(STEFAN_BOLTZMANN * 303.0**4)


@given(st.floats(-400.0, 8000.0), st.floats(0.0, 1.0))
def test_transmissivity_is_a_share(elevation: float, cloud: float) -> None:
    share = shortwave_transmissivity(np.array([elevation]), np.array([cloud]))[0]
    assert 0.15 < share <= 0.85
