"""Methods with error models that are fixed, reported by each observation, or learned from cycle to cycle."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from landda_hpc.analysis.protocol import AnalysisMethod, HearsIncrements, ImagePair
from landda_hpc.analysis.running_statistics import MethodMemory
from landda_hpc.analysis.visit_differences import Recession
from landda_hpc.curvelet.frame import Curvelet2D
from landda_hpc.errors import DataError
from landda_hpc.formats.own.learned_errors import ErrorEstimates, Estimate, GroupErrors, write_learned_errors
from landda_hpc.grid import regular_grid
from landda_hpc.methods.base.context import MethodContext
from landda_hpc.methods.base.errors_of_method import learning_problems
from landda_hpc.methods.base.method_section import AnalysingRun
from landda_hpc.methods.enkf_like import EnkfLikeRun
from landda_hpc.methods.errors.learned import LearnedErrorsConfig
from landda_hpc.methods.gains import PerWedgeRun
from landda_hpc.methods.pointwise import PointwiseRun
from landda_hpc.methods.var3d import Var3dImageRun, Var3dPointRun
from landda_hpc.parallel.communicator import SerialCommunicator

GRID = regular_grid(40, 48)
CONTEXT = MethodContext(GRID, SerialCommunicator(), 7)
FRAME = {"angles_coarse": 8}
LEARNED: dict[str, Any] = {"background_errors": {"kind": "learned"}, "observation_errors": {"kind": "learned"}}
WHITE: dict[str, Any] = {
    "background_errors": {"kind": "white", "std": 0.06},
    "observation_errors": {"kind": "white", "std": 0.03},
}
METHODS: list[tuple[type[AnalysingRun], dict[str, Any]]] = [
    (EnkfLikeRun, {"frame": FRAME, "members": 6}),
    (EnkfLikeRun, {"frame": FRAME, "estimator": "exact"}),
    (PerWedgeRun, {"frame": FRAME}),
    (PointwiseRun, {}),
    (Var3dPointRun, {}),
    (Var3dImageRun, {"frame": FRAME}),
]


def build(kind: type[AnalysingRun], keys: dict[str, Any], **more: Any) -> AnalysisMethod:
    return kind.model_validate(keys | more).build(CONTEXT)


def pair(cycle: int = 0, std: float = 0.04, background: float = 0.0, reported: bool = False) -> ImagePair:
    noise = np.random.default_rng(cycle).standard_normal((2, *GRID.shape))
    return ImagePair(
        0.3 + background * noise[1],
        0.3 + std * noise[0],
        np.ones(GRID.shape, dtype=np.bool_),
        (datetime(2022, 6, 1) + timedelta(hours=6 * cycle)).isoformat(),
        np.full(GRID.shape, 0.03) if reported else None,
    )


@pytest.mark.parametrize(("kind", "keys"), METHODS)
def test_every_method_learns_how_far_to_trust_an_observation(kind: type[AnalysingRun], keys: dict[str, Any]) -> None:
    """The background is the truth: every gain comes near zero, whatever the method assumed before."""
    method = build(kind, keys, **LEARNED)
    assert isinstance(method, MethodMemory) and isinstance(method, HearsIncrements)
    sizes = []
    for cycle in range(12):
        now = pair(cycle)
        analysis = method.analyse(now)
        method.applied(np.zeros(GRID.shape))
        sizes.append(float(np.std(analysis.increment) / np.std(now.innovation)))
    assert analysis.diagnostics["is_learned"] == 1.0
    assert sizes[-1] < 0.12 < sizes[0]


@pytest.mark.parametrize(("kind", "keys"), METHODS)
def test_a_restored_memory_gives_the_same_bits(kind: type[AnalysingRun], keys: dict[str, Any]) -> None:
    method, other = (build(kind, keys, **LEARNED) for _ in range(2))
    for cycle in range(5):
        analysis = method.analyse(pair(cycle, background=0.03))
        method.applied(analysis.increment)
    other.restore(method.state())
    now = pair(5, background=0.03)
    np.testing.assert_array_equal(other.analyse(now).increment, method.analyse(now).increment)


def test_one_error_model_is_fixed_and_one_is_learned() -> None:
    method = build(EnkfLikeRun, {"frame": FRAME, "estimator": "exact"}, background_errors=WHITE["background_errors"],
                   observation_errors={"kind": "learned"})  # fmt: skip
    for cycle in range(12):
        analysis = method.analyse(pair(cycle))
        method.applied(np.zeros(GRID.shape))
    # 0.06^2 / (0.06^2 + 0.04^2): the given B with the learned R.
    assert analysis.diagnostics["gain_mean"] == pytest.approx(0.69, abs=0.03)


def test_r_is_right_if_the_given_background_errors_are_not() -> None:
    """A model forgets increments, which lowers the covariances that show R: the more, the larger the gain was."""
    method = build(PointwiseRun, {}, background_errors={"kind": "white", "std": 0.15},
                   observation_errors={"kind": "learned"})  # fmt: skip
    left, increments = Recession(), []
    for day in range(1, 26):
        forecast = 0.25 + sum(left(24.0 * (day - other)) * increment for other, increment in increments)
        observed = 0.25 + 0.05 * np.random.default_rng([7, day]).standard_normal(GRID.shape)
        time = (datetime(2022, 6, 1) + timedelta(days=day)).isoformat()
        everywhere = np.ones(GRID.shape, dtype=np.bool_)
        analysis = method.analyse(ImagePair(np.broadcast_to(forecast, GRID.shape), observed, everywhere, time))
        method.applied(analysis.increment)
        increments.append((day, analysis.increment))
    np.testing.assert_allclose(analysis.diagnostics["observation_std_by_scale"][1:], 0.05, rtol=0.06)  # without: -12 %


def test_reported_errors_with_a_learned_background() -> None:
    method = build(PointwiseRun, {}, background_errors={"kind": "learned", "local": False},
                   observation_errors={"kind": "reported"})  # fmt: skip
    for cycle in range(12):
        analysis = method.analyse(pair(cycle, background=0.05, reported=True))
        method.applied(np.zeros(GRID.shape))
    assert 0.0 < analysis.diagnostics["gain_mean"] < 0.9
    assert analysis.diagnostics["observation_std_mean"] == pytest.approx(0.03)


def test_white_errors_give_the_gain_of_their_ratio() -> None:
    now = pair(background=0.06)
    gain = 0.06**2 / (0.06**2 + 0.03**2)
    for kind in (PointwiseRun, Var3dPointRun):
        increment = build(kind, {}, **WHITE).analyse(now).increment
        np.testing.assert_allclose(increment, gain * now.innovation, atol=1e-9)
    as_numbers = Var3dImageRun.model_validate({"frame": FRAME, "background_std": 0.06, "image_std": 0.03})
    increment = build(Var3dImageRun, {"frame": FRAME}, **WHITE).analyse(now).increment
    np.testing.assert_allclose(increment, as_numbers.build(CONTEXT).analyse(now).increment, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("kind", "keys", "words"),
    [
        (PointwiseRun, {"gain": 0.5, **LEARNED}, "give a gain, or"),
        (PointwiseRun, {"observation_errors": {"kind": "learned"}}, "give both"),
        (Var3dPointRun, {"background_errors": {"kind": "learned"}}, "give both"),
        (Var3dPointRun, {"observation_std": 0.05, **LEARNED}, "error models replace observation_std"),
        (Var3dImageRun, {"layers": "upper_three", **LEARNED}, "observed depth"),
        (PerWedgeRun, {"observation_errors": {"kind": "learned"}}, "Method 'learned' learns both"),
    ],
)
def test_contradictions_are_refused(kind: type[AnalysingRun], keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        kind.model_validate(keys)


def test_both_learn_in_the_same_way() -> None:
    differ = {"background_errors": {"kind": "learned", "memory_cycles": 20}, "observation_errors": {"kind": "learned"}}
    run = EnkfLikeRun.model_validate(differ)
    (problem,) = learning_problems(run.background_errors, run.observation_errors)
    assert "memory_cycles: 20.0 and 10.0" in problem


@pytest.mark.parametrize(("kind", "keys"), METHODS)
def test_a_stored_section_is_read_again(kind: type[AnalysingRun], keys: dict[str, Any]) -> None:
    run = kind.model_validate(keys | LEARNED)
    assert kind.model_validate(run.model_dump(mode="json")) == run


def errors_file(folder: Path, angles: int = 8, unknown: bool = False, is_learned: bool = True) -> Path:
    """A file of learned errors that are white."""
    frame = Curvelet2D(GRID.shape, angles_coarse=angles)

    def of(n: int) -> GroupErrors:
        def known(value: float) -> Estimate:
            return Estimate(np.full(n, np.nan if unknown else value), np.full((n, 2), np.nan))

        b, r, numbers = 0.06**2, 0.03**2, np.ones(n)
        return GroupErrors(known(b + r), known(r), known(b), known(b / (b + r)), *(numbers,) * 7)

    n = len(frame.blocks)
    sizes = np.array([block.shape for block in frame.blocks])
    scale, wedge = (np.array([getattr(block, name) for block in frame.blocks]) for name in ("scale", "wedge"))
    names = ("backend", "boundary", "angles_coarse", "finest", "scales", "sizes")
    local = np.full(GRID.shape, 0.06**2)
    settings = dict.fromkeys(names, "default")
    estimates = ErrorEstimates(
        GRID,
        scale,
        wedge,
        sizes,
        np.full(n, np.nan),
        settings,
        of(int(scale.max()) + 1),
        of(n),
        local,
        is_learned,
        False,
    )
    write_learned_errors(folder / "errors.nc", estimates)
    return folder


@pytest.mark.parametrize("kind", [PointwiseRun, PerWedgeRun, Var3dPointRun])
def test_errors_of_a_file_serve_every_analysis(kind: type[AnalysingRun], tmp_path: Path) -> None:
    """White errors give the same increment, whether they are numbers or come from a file."""
    section = {"kind": "learned", "file": "errors.nc"}
    keys, angles = ({"frame": FRAME}, 8) if kind is PerWedgeRun else ({}, 16)
    run = kind.model_validate(keys | {"background_errors": section, "observation_errors": section})
    method = run.build(MethodContext(GRID, SerialCommunicator(), 7, errors_file(tmp_path, angles)))
    assert not isinstance(method, MethodMemory)
    now = pair(background=0.06)
    expected = build(kind, keys, **WHITE).analyse(now).increment
    np.testing.assert_allclose(method.analyse(now).increment, expected, atol=1e-9)


def test_a_file_without_an_estimate_or_of_another_frame_is_refused(tmp_path: Path) -> None:
    section = LearnedErrorsConfig(file=Path("errors.nc"))
    context = MethodContext(GRID, SerialCommunicator(), 7, errors_file(tmp_path, unknown=True))
    with pytest.raises(DataError, match="no estimate of background errors"):
        section.build(Curvelet2D(GRID.shape, angles_coarse=8), "background", context)
    guessed = MethodContext(GRID, SerialCommunicator(), 7, errors_file(tmp_path, is_learned=False))
    with pytest.raises(DataError, match="initial estimate of the observation errors only"):
        section.build(Curvelet2D(GRID.shape, angles_coarse=8), "observation", guessed)
    with pytest.raises(DataError, match="frame"):
        section.build(Curvelet2D(GRID.shape, angles_coarse=16), "background", context)
