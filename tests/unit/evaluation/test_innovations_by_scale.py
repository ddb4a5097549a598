"""Innovations by scale and wedge against closed forms, and the warning about assumed errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from landda_hpc.config.runs import METHODS, AnyRun
from landda_hpc.constants import FloatArray
from landda_hpc.evaluation.innovations_by_scale import (
    GAIN,
    INNOVATION,
    RESIDUAL,
    InnovationsByScale,
    implausible_errors,
)
from landda_hpc.grid import regular_grid
from landda_hpc.methods.base.context import MethodContext
from landda_hpc.parallel.communicator import SerialCommunicator
from landda_hpc.random_fields.plane import gaussian_power, periodic_field
from landda_hpc.verification.tables.spectra import AFTER, BEFORE, INCREMENT, SPREAD

GRID = regular_grid(64, 96, south=0.0, north=64.0, west=0.0, east=96.0)
SHAPE = GRID.shape
SOIL = np.ones(SHAPE, dtype=np.bool_)
CONTEXT = MethodContext(GRID, SerialCommunicator(), 1)
ENKF, POINTWISE = {"method": "enkf_like"}, {"method": "pointwise"}


def run_of(keys: dict[str, Any]) -> AnyRun:
    return METHODS.make(keys["method"], **{name: value for name, value in keys.items() if name != "method"})


def images(background: float, observation: float, seed: int, length: float = 0.0) -> tuple[FloatArray, FloatArray]:
    """Background and observation with errors of these standard deviations; a length correlates the background's."""
    rng = np.random.default_rng(seed)
    error = rng.standard_normal(SHAPE)
    if length:
        error = periodic_field(gaussian_power(SHAPE, length, length), seed, "error")
    return 0.3 + background * error, 0.3 + observation * rng.standard_normal(SHAPE)


def records(run: AnyRun, background: float, observation: float, length: float = 0.0) -> list[dict[str, Any]]:
    statistics, found = InnovationsByScale([run], GRID), []
    for cycle in range(4):
        b, y = images(background, observation, cycle, length)
        found.append({"cycle": cycle, "run": run.name, **statistics(run, b, b + 0.5 * (y - b), y)})
    return found


def test_white_innovations_have_their_standard_deviation_in_every_wedge() -> None:
    run = run_of(ENKF)
    b, y = images(0.03, 0.04, 3)
    y[20:30, 10:50] = np.nan
    found = InnovationsByScale([run], GRID)(run, b, b + 0.25 * np.nan_to_num(y - b), y)
    np.testing.assert_allclose(found[INNOVATION][1:], 0.05, rtol=0.25)
    np.testing.assert_allclose(found[RESIDUAL], 0.75 * np.array(found[INNOVATION]), rtol=1e-9)
    np.testing.assert_allclose(found[GAIN], 0.25, rtol=1e-9)
    assert not InnovationsByScale([run], GRID)(run, b, None, np.full(SHAPE, np.nan))
    assert set(InnovationsByScale([run], GRID)(run, b, None, y)) == {INNOVATION}


def test_errors_increments_and_spread_have_their_standard_deviation_in_every_scale() -> None:
    run, truth = run_of(ENKF), np.full(SHAPE, 0.3)
    background, _ = images(0.03, 0.0, 5)
    background[:10, :20] = np.nan
    # An increment of -1.5 times the error leaves -0.5 times of it.
    analysis = background - 1.5 * (background - truth)
    rng = np.random.default_rng(6)
    members = [background + 0.02 * rng.standard_normal(SHAPE) for _ in range(8)]
    statistics = InnovationsByScale([run], GRID)
    found = statistics.errors(run, background, analysis, truth, members)
    assert set(found) == {BEFORE, AFTER, INCREMENT, SPREAD}
    np.testing.assert_allclose(found[BEFORE][1:], 0.03, rtol=0.15)
    np.testing.assert_allclose(found[AFTER], 0.5 * np.array(found[BEFORE]), rtol=1e-9)
    np.testing.assert_allclose(found[INCREMENT], 1.5 * np.array(found[BEFORE]), rtol=1e-9)
    np.testing.assert_allclose(found[SPREAD][1:], 0.02, rtol=0.1)
    # Parseval: the energies of the scales are that of the image.
    _, wedges, scales = statistics._frames.of(run) or (None, None, None)
    assert wedges is not None and scales is not None
    white = scales.by_block(wedges.white(np.isfinite(background)))
    assert (white * np.square(found[BEFORE])).sum() == pytest.approx(np.nansum((background - truth) ** 2), rel=1e-9)
    assert set(statistics.errors(run, background, None, None)) == set()
    assert statistics.errors(run, background, None, truth)[BEFORE] == found[BEFORE]


@pytest.mark.parametrize(
    "keys",
    [
        ENKF,
        POINTWISE,
        {"method": "var3d_point", "background_std": 0.15, "observation_std": 0.10},
        {"method": "var3d_image", "background_std": 0.15, "image_std": 0.10},
        {"method": "per_wedge", "background_errors": {"kind": "white", "std": 0.15}},
        {"method": "per_wedge"},
        {"method": "adaptive_pointwise"},
    ],
)
def test_errors_of_the_papers_are_reported_where_true_ones_are_small(keys: dict[str, Any]) -> None:
    run = run_of(keys)
    (warning,) = implausible_errors(records(run, 0.02, 0.05), [run], CONTEXT, SOIL)
    assert warning.startswith(f"run '{run.name}': the standard deviation of innovations of a cell is 0.054 m3 m-3")
    assumed = "sqrt(R) 0.100" if keys["method"] in ("per_wedge", "adaptive_pointwise") else "sqrt(B + R) 0.180"
    assert (assumed in warning or "sqrt(B + R) 0.180" in warning) and "Use method learned" in warning


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("length", [0.0, 3.0])
def test_errors_right_to_a_factor_of_two_are_not_reported(factor: float, length: float) -> None:
    b, r = np.sqrt(factor) * np.array([0.02, 0.05])
    for keys in (
        ENKF | {"background_std": b, "observation_std": r},
        {"method": "var3d_point", "background_std": b, "observation_std": r},
        {"method": "adaptive_pointwise", "observation_std": r},
    ):
        run = run_of(keys)
        assert implausible_errors(records(run, 0.02, 0.05, length), [run], CONTEXT, SOIL) == []


def test_errors_that_are_too_small_are_reported_too() -> None:
    run = run_of(ENKF | {"background_std": 0.01, "observation_std": 0.02})
    assert "chi-square 5." in implausible_errors(records(run, 0.02, 0.05), [run], CONTEXT, SOIL)[0]


@pytest.mark.parametrize("keys", [{"method": "learned"}, {"method": "smoothed"}, POINTWISE | {"gain": 0.2}])
def test_methods_that_assume_no_errors_are_not_reported(keys: dict[str, Any]) -> None:
    run = run_of(keys)
    assert implausible_errors(records(run, 0.02, 0.05), [run], CONTEXT, SOIL) == []


def test_a_grid_without_curvelets_has_no_scales() -> None:
    run, small = run_of(POINTWISE), regular_grid(6, 8)
    image = np.full(small.shape, 0.2)
    assert InnovationsByScale([run], small)(run, image, image, image + 0.01) == {}
    assert InnovationsByScale([run], small).errors(run, image, image, image + 0.01) == {}
