"""Biases and changes of the noise that a twin's observations do not report."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from landda_hpc.config import CampaignConfig, parse_config
from landda_hpc.constants import FloatArray
from landda_hpc.errors import ConfigError
from landda_hpc.grid import regular_grid
from tests.configured import source_of

GRID = regular_grid(20, 24)
SOIL = np.ones(GRID.shape, dtype=np.bool_)
START = datetime(2022, 6, 1)
CONFIG = {
    "name": "defects",
    "time": {"start": START, "assimilation_end": START + timedelta(days=9), "end": START + timedelta(days=10)},
    "grid": {"n_lat": 20, "n_lon": 24},
    "twin": {},
}


def config(**observations: Any) -> CampaignConfig:
    return parse_config({**CONFIG, "observations": {"kind": "twin", **observations}})


def errors(time: datetime, **observations: Any) -> FloatArray:
    source = source_of(config(**observations), GRID, SOIL)
    observed = source.at(time, np.zeros(GRID.shape))
    assert observed is not None
    return observed.given


def test_noise_changes_at_its_times() -> None:
    changes = [{"time": START + timedelta(days=3), "factor": 2.0}, {"time": START + timedelta(days=6), "factor": 0.5}]
    for day, factor in ((2.75, 1.0), (3.0, 2.0), (5.75, 2.0), (6.0, 0.5), (9.0, 0.5)):
        time = START + timedelta(days=day)
        np.testing.assert_allclose(errors(time, noise_changes=changes), factor * errors(time), rtol=1e-12)


def test_biases_add_up_in_their_boxes() -> None:
    time, boxes = START + timedelta(days=1), [[0, 90, -180, 180]]
    biases = [{"bias": 0.03}, {"bias": -0.05, "boxes": boxes}]
    added = errors(time, biases=biases) - errors(time)
    north = GRID.lat > 0.0
    np.testing.assert_allclose(added[north], -0.02, atol=1e-12)
    np.testing.assert_allclose(added[~north], 0.03, atol=1e-12)


def test_a_bias_with_an_annual_cycle() -> None:
    summer = {"annual_amplitude": 0.04, "day_of_maximum": 153.0}  # 2 June
    time = START + timedelta(days=1)
    np.testing.assert_allclose(errors(time, biases=[summer]) - errors(time), 0.04, atol=1e-12)
    winter = {**summer, "day_of_maximum": 335.0}
    np.testing.assert_allclose(errors(time, biases=[winter]) - errors(time), -0.04, atol=1e-4)


@pytest.mark.parametrize(
    ("observations", "message"),
    [
        ({"biases": [{}]}, "the bias is zero"),
        ({"noise_changes": [{"time": START, "factor": 2.0}, {"time": START, "factor": 1.0}]}, "ascending order"),
        ({"noise_changes": [{"time": START, "factor": -1.0}]}, "factor"),
    ],
)
def test_bad_defects_are_refused(observations: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config(**observations)
