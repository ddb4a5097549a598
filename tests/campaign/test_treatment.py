"""Quality control inside campaigns: the same bits on any ranks and after a kill, counts in every record."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.campaign.conftest import CONFIG, Landda, assert_same, wait_for_cycle

OBSERVATIONS = {
    "kind": "twin",
    "missing_fraction": 0.1,
    "quality": {
        "range_sigmas": 1.0,
        "frozen_temperature": 274.0,
        "snow_amount": 0.5,
        "vegetation_fraction": 0.9,
        "spike": {"max_rise": 0.1, "max_fall": 0.08, "within_hours": 24},
        "innovation": {"sigmas": 2.0, "background_std": 0.05, "run": "control"},
    },
}
RUNS = [
    {"method": "control"},
    {"method": "pointwise"},
    {"method": "enkf_like", "members": 4, "observation_errors": {"kind": "reported"}},
]


def write(landda: Landda) -> Path:
    return landda.write(observations=OBSERVATIONS, runs=RUNS)


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """The campaign with every check on one rank: its folder and digest."""
    run = Landda(tmp_path_factory.mktemp("checked"))
    done = run.here("run", write(run), "--output", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not run.unknown_files()
    return {"path": run.folder / "out", "digest": run.digest("out")}


def test_every_reason_is_counted_and_told_at_the_end(checked: Mapping[str, Any], landda: Landda) -> None:
    lines = [json.loads(line) for line in (checked["path"] / "cycles.jsonl").read_text().splitlines()]
    counts = [line["observations"] for line in lines if line["run"] == "control"]
    assert len(counts) == CONFIG_CYCLES
    assert [line["observations"] for line in lines if line["run"] == "pointwise"] == counts
    total = {reason: sum(count[reason] for count in counts) for reason in counts[0]}
    for reason in ("used", "missing", "out of range", "dense vegetation", "spike in time", "far from the background"):
        assert total[reason] > 0, reason
    assert counts[0]["spike in time"] == 0  # nothing to compare the first with
    assert len({sum(count.values()) for count in counts}) == 1
    page = (checked["path"] / "observations.md").read_text()
    assert f"Times with observations: {CONFIG_CYCLES}." in page
    assert f"| spike in time | {total['spike in time']} " in page
    done = landda.here("observations", "report", checked["path"], "-o", "report.json")
    assert done.returncode == 0, done.stderr
    assert json.loads((landda.folder / "report.json").read_text())["counts"] == total
    reported = [line["observation_std_mean"] for line in lines if line["run"] == "enkf_like" and "gain_mean" in line]
    assert reported == pytest.approx([0.06] * len(reported))


CONFIG_CYCLES = 6
assert CONFIG["time"]["end"] == "2022-06-03T12:00"


@pytest.mark.verify
def test_ranks_change_no_bit_of_what_was_checked(landda: Landda, checked: Mapping[str, Any]) -> None:
    done = landda(3, "run", write(landda), "--output", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert_same(landda.folder / "out", checked, landda)


@pytest.mark.verify
def test_a_kill_loses_nothing_of_what_the_temporal_check_remembers(landda: Landda, checked: Mapping[str, Any]) -> None:
    output = landda.folder / "out"
    process = landda.popen(1, "run", write(landda), "--output", "out")
    wait_for_cycle(output, 3, process.poll)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=30)
    done = landda(2, "resume", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert_same(output, checked, landda)


def test_a_run_that_is_not_there_cannot_judge(landda: Landda) -> None:
    quality = {"innovation": {"run": "nobody"}}
    done = landda.here("check", landda.write(observations={"kind": "twin", "quality": quality}))
    assert done.returncode != 0
    words = "observations.quality.innovation.run = 'nobody': there is no run of that name; expected one of control"
    assert words in done.stderr


def test_the_observations_of_a_twin_need_its_model(landda: Landda) -> None:
    done = landda.here("observations", "report", landda.write())
    assert done.returncode != 0
    assert "nature run" in done.stderr
