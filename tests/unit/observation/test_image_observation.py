"""Flags, counts and quality control."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest

from landda_hpc.config import QualityConfig
from landda_hpc.errors import DataError, ShapeError
from landda_hpc.observation.check_section import ModelSurface
from landda_hpc.observation.image_observation import REASONS, Flag, ImageObservation
from landda_hpc.observation.quality import QualityControl
from tests.unit.observation.check_context import context

TIME = datetime(2022, 6, 2, 6)
SHAPE = (3, 4)
SOIL = np.ones(SHAPE, dtype=bool)
SOIL[0] = False


def control(
    obs: ImageObservation, porosity: np.ndarray, std: float, frozen: np.ndarray | None = None
) -> ImageObservation:
    """The checks that are on by default; frozen soil where given."""
    checks = QualityControl(QualityConfig(frozen_model=frozen is not None), context(porosity))
    own = np.full(obs.given.shape, std) if obs.error_std is None else obs.error_std
    return checks(obs, own, ModelSurface(frozen))


def observation(error_std: np.ndarray | None = None) -> ImageObservation:
    given = np.full(SHAPE, 0.2)
    given[0, :2] = np.nan
    given[1] = [np.nan, np.inf, -0.25, 0.7]
    given[2] = [-0.23, 0.69, 0.1, 0.3]
    return ImageObservation.flagged(given, SOIL, TIME, (0.0, 0.1), "test", error_std)


def test_cells_without_value_or_soil_are_flagged_and_counted() -> None:
    obs = observation()
    counts = obs.counts
    assert list(counts) == list(REASONS.values())
    assert {reason: n for reason, n in counts.items() if n} == {
        "used": 6,
        "outside the model's soil": 2,
        "missing": 2,
    }
    assert obs.n_used == 6
    np.testing.assert_array_equal(np.isfinite(obs.values), obs.is_used)
    assert obs.given[0, 3] == 0.2


def test_range_control_grants_four_standard_deviations() -> None:
    obs = control(observation(), np.full(SHAPE, 0.45), 0.06)
    np.testing.assert_array_equal(obs.flags[1], [Flag.MISSING, Flag.MISSING, Flag.OUT_OF_RANGE, Flag.OUT_OF_RANGE])
    np.testing.assert_array_equal(obs.flags[2], [Flag.USED] * 4)
    assert obs.counts["out of range"] == 2
    assert np.isnan(obs.values[1]).all()
    # What the source gave stays, for feedback.
    assert obs.given[1, 2] == -0.25


def test_frozen_cells_are_set_aside_and_told_apart() -> None:
    frozen = np.zeros(SHAPE, dtype=bool)
    frozen[:, 2] = True
    obs = control(observation(), np.full(SHAPE, 0.45), 0.06, frozen)
    assert obs.flags[1, 2] == Flag.OUT_OF_RANGE  # the first reason stays
    assert obs.flags[0, 2] == Flag.OUTSIDE_SOIL
    assert obs.is_frozen.sum() == obs.counts["frozen soil"] == 1
    assert np.isnan(obs.values[2, 2])


def test_no_soil_in_the_model_and_errors_of_its_own() -> None:
    porosity = np.full(SHAPE, 0.45)
    porosity[2, 3] = np.nan
    own = np.full(SHAPE, 0.01)
    obs = control(observation(own), porosity, 10.0)
    np.testing.assert_array_equal(obs.flags[2], [Flag.OUT_OF_RANGE, Flag.OUT_OF_RANGE, Flag.USED, Flag.OUTSIDE_SOIL])


def test_counts_add_up_to_the_cells_of_the_soil() -> None:
    frozen = np.eye(3, 4, dtype=bool)
    obs = control(observation(), np.full(SHAPE, 0.45), 0.06, frozen)
    on_soil = sum(n for reason, n in obs.counts.items() if reason != "outside the model's soil")
    assert on_soil == SOIL.sum()


def test_checks_do_not_change_their_input() -> None:
    obs = observation()
    before = obs.flags.copy()
    control(obs, np.full(SHAPE, 0.1), 0.01, np.ones(SHAPE, dtype=bool))
    np.testing.assert_array_equal(obs.flags, before)


def test_wrong_shapes_and_errors_are_refused() -> None:
    with pytest.raises(ShapeError, match="soil mask"):
        ImageObservation.flagged(np.zeros((2, 2)), SOIL, TIME, (0.0, 0.1), "test")
    with pytest.raises(ShapeError, match="NaN is flagged as used"):
        ImageObservation(np.full(SHAPE, np.nan), np.zeros(SHAPE, np.uint8), TIME, (0.0, 0.1), "test")
    with pytest.raises(ShapeError, match="porosity has shape"):
        control(observation(), np.zeros((2, 2)), 0.06)
    with pytest.raises(ShapeError, match="mask of 'snow' has shape"):
        ImageObservation.flagged(np.zeros(SHAPE), SOIL, TIME, (0.0, 0.1), "test", refused={Flag.SNOW: SOIL[:1]})
    with pytest.raises(ShapeError, match="mask of cells"):
        observation().reject(np.zeros((2, 2), dtype=bool), Flag.FROZEN)
    for bad in (0.0, np.nan, -1.0):
        with pytest.raises(DataError, match="of test at 2022-06-02T06:00:00 have an error standard deviation"):
            control(observation(), np.full(SHAPE, 0.45), bad)
