"""Errors that come with the observation: the same analyses as with maps, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from landda_hpc.analysis.protocol import ImagePair
from landda_hpc.analysis.reported_errors import reported_std
from landda_hpc.config import CampaignConfig, parse_config
from landda_hpc.errors import ConfigError, DataError, ShapeError
from landda_hpc.grid import regular_grid
from landda_hpc.methods.base.assembly import make_method
from landda_hpc.parallel.communicator import SerialCommunicator
from tests.campaign.conftest import CONFIG

GRID = regular_grid(24, 48)
GENERATOR = np.random.default_rng(0)
DOMAIN = GENERATOR.random(GRID.shape) < 0.7
STD = GENERATOR.uniform(0.02, 0.12, GRID.shape)


def pair(std: np.ndarray | None = STD, gaps: bool = False) -> ImagePair:
    generator = np.random.default_rng(1)
    background = np.where(DOMAIN, generator.uniform(0.1, 0.4, GRID.shape), np.nan)
    observation = np.where(DOMAIN, generator.uniform(0.1, 0.4, GRID.shape), np.nan)
    if gaps:
        observation[:, :8] = np.nan
    return ImagePair(background, observation, DOMAIN, "2022-06-02T06:00:00", std)


def campaign(run: dict[str, Any]) -> CampaignConfig:
    return parse_config({**CONFIG, "runs": [{"method": "control"}, run]})


def increment(run: dict[str, Any], images: ImagePair) -> np.ndarray:
    config = campaign(run)
    method = make_method(config.runs[1], GRID, SerialCommunicator(), 1)
    assert method is not None
    return method.analyse(images).increment


REPORTED = [
    {"method": "enkf_like", "estimator": "exact", "observation_errors": {"kind": "reported"}},
    {"method": "enkf_like", "members": 6, "observation_errors": {"kind": "reported"}},
    {
        "method": "per_scale",
        "background_errors": {"kind": "white", "std": 0.15},
        "observation_errors": {"kind": "reported"},
    },
    {"method": "var3d_point", "reported_errors": True},
    {"method": "var3d_both", "reported_errors": True, "keep_fraction": 0.3},
]


@pytest.mark.parametrize("run", REPORTED)
def test_a_reported_constant_equals_the_configured_constant(run: dict[str, Any]) -> None:
    plain = {key: value for key, value in run.items() if key not in ("observation_errors", "reported_errors")}
    if run["method"].startswith("var3d"):
        plain["observation_std"] = 0.07
    else:
        plain["observation_errors"] = {"kind": "white", "std": 0.07}
    images = pair(np.full(GRID.shape, 0.07), gaps=True)
    np.testing.assert_allclose(increment(run, images), increment(plain, images), rtol=1e-12, atol=1e-15)


def test_point_analyses_weigh_each_cell_by_its_own_error() -> None:
    images = pair(gaps=True)
    found = increment({"method": "var3d_point", "background_std": 0.16, "reported_errors": True}, images)
    gain = 0.16**2 / (0.16**2 + STD**2)
    np.testing.assert_allclose(found, np.where(images.observed, gain * images.innovation, 0.0), atol=1e-9)


def test_larger_errors_give_smaller_increments() -> None:
    run = REPORTED[0]
    sizes = [np.abs(increment(run, pair(np.full(GRID.shape, std)))).mean() for std in (0.02, 0.1, 0.5)]
    assert sizes[0] > sizes[1] > sizes[2]


def test_cells_without_observation_take_the_mean() -> None:
    images = pair(gaps=True)
    std = reported_std(images)
    np.testing.assert_array_equal(std[images.observed], STD[images.observed])
    np.testing.assert_allclose(std[~images.observed], STD[images.observed].mean())


def test_what_is_refused() -> None:
    with pytest.raises(DataError, match="does not report errors"):
        increment(REPORTED[0], pair(None))
    bad = STD.copy()
    bad[DOMAIN.nonzero()[0][0], DOMAIN.nonzero()[1][0]] = np.nan
    with pytest.raises(DataError, match="in 1 observed cells"):
        increment(REPORTED[0], pair(bad))
    with pytest.raises(ShapeError, match="its errors"):
        pair(STD[:3])
    with pytest.raises(ConfigError, match="need background_errors"):
        campaign({"method": "per_wedge", "observation_errors": {"kind": "reported"}})
