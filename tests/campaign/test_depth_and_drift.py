"""Vertical regression and drift in whole campaigns: the same bits on any number of ranks and after a kill."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.campaign.conftest import Landda, assert_same, wait_for_cycle

DRIFT = {"share": 0.3, "settle_days": 0.0, "forecast_days": 1.0}
OPTIONS: dict[str, Any] = {"depth": {"kind": "regression", "file": "vertical.nc"}, "drift": DRIFT}
FRAME = {"angles_coarse": 8, "scales": 2}
LEARNED = {"background_errors": {"kind": "learned"}, "observation_errors": {"kind": "learned"}}
RUNS = [
    {"method": "control"},
    {"method": "pointwise", **OPTIONS},
    {"method": "pointwise", "name": "built_in", "depth": {"kind": "regression", "share": 0.5}},
    {"method": "adaptive_pointwise", **OPTIONS},
    {"method": "per_wedge", "frame": FRAME, "members": 5, "drift": DRIFT | {"per_time_of_day": False}},
    {"method": "learned", "frame": FRAME, "missing": "solve", **OPTIONS},
    {"method": "enkf_like", "members": 4, "frame": FRAME, **OPTIONS},
    {"method": "enkf_like", "name": "enkf_learned", "members": 4, "frame": FRAME, **LEARNED},
    {"method": "var3d_image", "frame": FRAME, **LEARNED},
    {"method": "smoothed", "length_km": 500.0, **OPTIONS},
    {"method": "var3d_point", **OPTIONS},
]


@pytest.fixture(scope="module")
def slopes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Slopes of two pairs of the tiny campaign, made on one rank."""
    run = Landda(tmp_path_factory.mktemp("slopes"))
    done = run.here("regress", run.write(), "--output", "vertical.nc", "--pairs", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not list(run.folder.glob(".vertical*"))
    return run.folder / "vertical.nc"


def write(landda: Landda, slopes: Path, parallel: dict[str, Any] | None = None) -> Path:
    observations = {"kind": "twin", "missing_fraction": 0.1, "persistence_hours": 20.0}
    return landda.write(runs=RUNS, observations=observations, data_root=str(slopes.parent), parallel=parallel or {})


@pytest.fixture(scope="module")
def with_options(tmp_path_factory: pytest.TempPathFactory, slopes: Path) -> Mapping[str, Any]:
    """The campaign with both options on one rank."""
    run = Landda(tmp_path_factory.mktemp("with_options"))
    done = run.here("run", write(run, slopes), "--output", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    return {"path": run.folder / "out", "digest": run.digest("out")}


@pytest.mark.verify  # the test below resumes on other ranks, and test_bits.py has these layouts
@pytest.mark.parametrize("layout", [(2, 1, None), (3, 2, 1)])
def test_ranks_and_layouts_change_no_bit(
    landda: Landda, with_options: Mapping[str, Any], slopes: Path, layout: tuple[int, int, int | None]
) -> None:
    ranks, groups, roots = layout
    done = landda(ranks, "run", write(landda, slopes, {"member_groups": groups, "roots": roots}), "--output", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert_same(landda.folder / "out", with_options, landda)


@pytest.mark.verify
def test_a_kill_loses_nothing_of_what_was_learned(
    landda: Landda, with_options: Mapping[str, Any], slopes: Path
) -> None:
    output = landda.folder / "out"
    process = landda.popen(1, "run", write(landda, slopes), "--output", "out")
    wait_for_cycle(output, 3, process.poll)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=30)
    done = landda(2, "resume", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert_same(output, with_options, landda)


@pytest.mark.verify
def test_drift_has_an_account_of_its_own(with_options: Mapping[str, Any]) -> None:
    lines = (with_options["path"] / "cycles.jsonl").read_text().splitlines()
    records = [r for r in map(json.loads, lines) if r["run"] == "pointwise"]
    assert len(records) == 6
    for record in records:
        water = record["drift_water"]
        total = water["applied"] + water["clipped_wet"] + water["clipped_dry"] + water["frozen"]
        assert abs(water["requested"] - total) < 1e-9
    # Nothing is known in the first day, a time of day each; the next day's forecast has what the first one taught.
    assert all(record["drift_water"]["requested"] == 0.0 for record in records[:4])
    assert all(record["drift_water"]["applied"] != 0.0 and "water" not in record for record in records[4:])
    assert all("drift_water" not in r for r in map(json.loads, lines) if r["run"] in ("control", "built_in"))


@pytest.mark.verify
def test_slopes_have_the_same_bits_on_two_ranks(landda: Landda, slopes: Path) -> None:
    done = landda(2, "regress", landda.write(), "--output", "vertical.nc", "--pairs", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (landda.folder / "vertical.nc").read_bytes() == slopes.read_bytes()


def test_the_seed_of_the_truth_is_refused(landda: Landda) -> None:
    done = landda.here("regress", landda.write(), "--output", "v.nc", "--first-seed", "7")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "truth must not be used" in " ".join(done.stderr.split())
