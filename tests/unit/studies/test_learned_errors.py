"""Errors estimated from stored innovations, on sequences whose errors are known."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from landda_hpc.analysis.assumed_errors import AssumedErrors
from landda_hpc.analysis.error_models import WhiteErrors
from landda_hpc.analysis.protocol import ImagePair
from landda_hpc.config import FrameConfig
from landda_hpc.constants import BoolArray
from landda_hpc.curvelet.frame import Curvelet2D
from landda_hpc.evaluation.stored_innovations import StoredAnalysis, StoredInnovations
from landda_hpc.formats.own.learned_errors import read_learned_errors
from landda_hpc.grid import regular_grid
from landda_hpc.random_fields.plane import gaussian_power, periodic_field
from landda_hpc.studies.learned_errors import RunErrors, estimate_errors, write_run_errors

GRID = regular_grid(64, 96, south=0.0, north=64.0, west=0.0, east=96.0)
SHAPE = GRID.shape
CONFIG = FrameConfig(angles_coarse=8)
FRAME = Curvelet2D(SHAPE, angles_coarse=8)
R, B = 0.05, 0.02
"""Standard deviations of white observation errors and of the errors that each forecast adds, m3 m-3."""


def sequence(n: int, gain: float, persistence: float = 0.0, observed: BoolArray | None = None) -> StoredInnovations:
    """A run whose model keeps its state, with a white error in every forecast; K is constant."""
    times = tuple(datetime(2022, 6, 1) + timedelta(hours=6 * k) for k in range(n))
    rng = np.random.default_rng(5)
    found: dict[datetime, StoredAnalysis] = {}
    state, error = np.full(SHAPE, 0.25), np.zeros(SHAPE)
    domain = np.ones(SHAPE, dtype=np.bool_) if observed is None else observed
    for time in times:
        state = state + 0.3 * B * periodic_field(gaussian_power(SHAPE, 3.0, 3.0), 3, "model", time.isoformat())
        error = persistence * error + np.sqrt(1.0 - persistence**2) * R * rng.standard_normal(SHAPE)
        observation = np.where(domain, 0.25 + error, np.nan)
        pair = ImagePair(state.copy(), observation, domain, time.isoformat())
        increment = gain * pair.innovation
        found[time] = StoredAnalysis(time, pair, increment)
        state = state + increment
    return StoredInnovations("test", times, "images", found.__getitem__)


def estimate(stored: StoredInnovations, assumed: AssumedErrors | None = None) -> RunErrors:
    return estimate_errors(stored, FRAME, CONFIG, GRID, assumed or AssumedErrors())


@pytest.mark.parametrize("gain", [0.0, 0.3])
def test_white_errors_are_found_with_intervals_that_hold_them(gain: float) -> None:
    found = estimate(sequence(40, gain))
    r = found.estimates.by_scale.observation
    np.testing.assert_allclose(np.sqrt(r.value[1:]), R, rtol=0.06)
    assert (r.limits[:, 0] < r.value).all() and (r.value < r.limits[:, 1]).all()
    assert np.ptp(np.sqrt(r.limits[-1])) < 0.01
    assert found.estimates.is_learned and not found.estimates.errors_persist
    assert found.change_ratio == pytest.approx(0.5, abs=0.05)
    assert (found.n_analyses, found.block_length, found.n_blocks) == (40, 4, 10)
    if gain:
        np.testing.assert_allclose(found.applied_gain, gain, rtol=1e-9)
    else:
        assert np.isnan(found.applied_gain).all()


def test_assumed_errors_stand_beside_the_learned_ones() -> None:
    stored = sequence(24, 0.2)
    found = estimate(stored, AssumedErrors(WhiteErrors(0.15, 1, "background"), WhiteErrors(0.10, 1, "observation")))
    by_scale = found.estimates.by_scale
    np.testing.assert_allclose(by_scale.assumed_observation, 0.01, rtol=1e-9)
    np.testing.assert_allclose(by_scale.assumed_background, 0.0225, rtol=1e-9)
    np.testing.assert_allclose(by_scale.assumed_gain, 9.0 / 13.0, rtol=1e-9)
    energy = np.zeros(FRAME.n_var)
    for one in stored:
        FRAME.accumulate_energy(one.pair.innovation / np.sqrt(len(stored)), energy)
    white = FRAME.variance(np.ones(SHAPE))
    for scale in range(FRAME.n_scales):
        mine = [block.variances for block in FRAME.blocks if block.scale == scale]
        expected = sum(energy[m].sum() for m in mine) / (0.0325 * sum(white[m].sum() for m in mine))
        assert by_scale.chi_square[scale] == pytest.approx(expected, rel=1e-9)
    assert any("Chi-square" in sentence for sentence in found.sentences)


def test_errors_that_persist_are_reported() -> None:
    found = estimate(sequence(40, 0.2, persistence=0.95))
    assert found.estimates.errors_persist
    assert found.change_ratio < 0.2
    assert any("cannot be trusted" in sentence for sentence in found.sentences)


def test_few_analyses_have_no_intervals() -> None:
    found = estimate(sequence(10, 0.2))
    assert found.n_blocks == 0 and "no intervals" in found.how
    assert np.isnan(found.estimates.by_scale.observation.limits).all()


def test_the_map_of_b_is_larger_where_errors_are() -> None:
    stored = sequence(30, 0.2)
    calm = np.zeros(SHAPE, dtype=np.bool_)
    calm[:, :48] = True

    def quiet(time: datetime) -> StoredAnalysis:
        one = stored._read(time)
        observation = np.where(calm, one.pair.observation, one.pair.observation + 0.1 * np.sin(time.hour + 1.0))
        return StoredAnalysis(
            time, ImagePair(one.pair.background, observation, one.pair.domain, one.pair.time_key), one.increment
        )

    local = estimate(StoredInnovations("test", stored.times, "images", quiet)).estimates.local_background
    assert float(local[:, 60:90].mean()) > 3.0 * float(local[:, 10:40].mean())


def test_a_written_file_is_read_with_its_frame(tmp_path: Path) -> None:
    observed = np.ones(SHAPE, dtype=np.bool_)
    observed[:10] = False
    found = estimate(sequence(20, 0.2, observed=observed))
    write_run_errors(found, tmp_path / "errors_test.nc", "campaign")
    read = read_learned_errors(tmp_path / "errors_test.nc", FRAME, GRID)
    np.testing.assert_array_equal(read.by_scale.gain.value, found.estimates.by_scale.gain.value)
    assert np.isnan(read.local_background[:10]).all() and np.isfinite(read.local_background[10:]).all()
    assert read.frame["scales"] == str(FRAME.n_scales)
    total = read.by_scale.observation.value + read.by_scale.background.value
    np.testing.assert_allclose(read.by_scale.innovation.value, total)
