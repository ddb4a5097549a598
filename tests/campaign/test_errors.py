"""`landda errors`: errors of background and observation from what a campaign stored."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest
from matplotlib.image import imread

from landda_hpc.formats.own.learned_errors import read_learned_errors
from tests.campaign.conftest import CONFIG, Landda

TIME = {"start": "2022-06-02T00:00", "assimilation_end": "2022-06-06T12:00", "end": "2022-06-06T18:00"}
FRAME = {"angles_coarse": 8, "scales": 3}
OUTPUT = {"every_hours": 6, "figures": False}
RUNS = [{"method": "control"}, {"method": "pointwise"}, {"method": "learned", "frame": FRAME, "memory_cycles": 1e6}]
COMMON: dict[str, Any] = {
    "time": TIME,
    "observations": {"kind": "twin", "error_std": 0.05},
    "checkpoint": {"every_hours": 24},
    "output": OUTPUT,
}


def run(landda: Landda, **changes: object) -> Path:
    done = landda.here("run", landda.write(**{**COMMON, "runs": RUNS, **changes}), "--output", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    return landda.folder / "out"


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(Landda(tmp_path_factory.mktemp("errors")))


def test_every_run_gets_a_table_a_file_and_a_figure(landda: Landda, stored: Path) -> None:
    done = landda.here("errors", stored, "-o", landda.folder, "--format", "png")
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("control", "pointwise", "learned"):
        assert f"Run {name}: standard deviations" in done.stdout
        found = read_learned_errors(landda.folder / f"errors_{name}.nc")
        assert found.is_learned and not found.errors_persist
        assert np.sqrt(found.by_scale.observation.value[-1]) == pytest.approx(0.05, rel=0.15)
        assert imread(landda.folder / f"errors_{name}.png").shape[0] > 800
    np.testing.assert_allclose(read_learned_errors(landda.folder / "errors_pointwise.nc").by_scale.assumed_gain, 9 / 13)
    with netCDF4.Dataset(landda.folder / "errors_learned.nc") as file:
        assert file.run == "learned" and "18 analyses" in file.comment and "jackknife over 4 blocks" in file.comment
    assert "Persistence test" in done.stdout and "Chi-square by scale" in done.stdout


@pytest.mark.verify
def test_assumed_errors_that_do_not_fit_are_named_in_the_page_and_in_the_check(landda: Landda, stored: Path) -> None:
    sentence = "un 'pointwise': the standard deviation of innovations"
    page = (stored / "summary.md").read_text()
    assert f"R{sentence}" in page and "assumed sqrt(B + R) 0.180" in page and "un 'learned': the standard" not in page
    assert f"r{sentence}" in (stored / "landda.log").read_text()
    done = landda.here("check", stored.parent / "tiny.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Warning, from two analyses: run 'pointwise': the standard deviation of innovations" in done.stdout


def test_a_run_that_learned_finds_its_own_errors(landda: Landda, stored: Path) -> None:
    done = landda.here("errors", stored, "--run", "learned", "-o", landda.folder)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [json.loads(line) for line in (stored / "cycles.jsonl").read_text().splitlines()]
    own = [x["observation_std_by_scale"] for x in lines if "observation_std_by_scale" in x][-1]
    found = np.sqrt(read_learned_errors(landda.folder / "errors_learned.nc").by_scale.observation.value)
    # The run knows the gain that it computed, this command the one that its increments had within bounds.
    np.testing.assert_allclose(found, own, rtol=0.03)


@pytest.mark.verify
def test_a_period_and_a_frame_can_be_chosen(landda: Landda, stored: Path) -> None:
    done = landda.here(
        "errors", stored, "-r", "control", "--first", "2022-06-03T00:00:00", "--last", "2022-06-05T00:00:00",
        "--set", "boundary=reflect", "-o", landda.folder, "-f", "pdf",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "9 analyses, 2022-06-03T00:00:00 to 2022-06-05T00:00:00" in done.stdout
    assert read_learned_errors(landda.folder / "errors_control.nc").frame["boundary"] == "reflect"
    assert (landda.folder / "errors_control.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.verify
def test_observations_that_are_only_compared(landda: Landda) -> None:
    observations = {"kind": "twin", "error_std": 0.05, "monitor_only": True, "feedback": True}
    path = run(landda, observations=observations, output={"every_hours": 24, "figures": False}, runs=RUNS[1:2])
    done = landda.here("errors", path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "18 analyses" in done.stdout and "feedback files" in done.stdout
    found = read_learned_errors(path / "errors_pointwise.nc")
    assert np.sqrt(found.by_scale.observation.value[-1]) == pytest.approx(0.05, rel=0.15)
    assert (path / "figures" / "errors_pointwise.png").is_file()


@pytest.mark.verify
def test_runs_whose_increments_are_not_stored_do_not_stop_the_others(landda: Landda) -> None:
    observations = {"kind": "twin", "error_std": 0.05, "missing_fraction": 0.1, "feedback": True}
    time = {**TIME, "assimilation_end": "2022-06-03T00:00", "end": "2022-06-03T00:00"}
    output = {"every_hours": 24, "figures": False}
    path = run(landda, observations=observations, output=output, time=time, runs=RUNS[1::-1])
    done = landda.here("errors", path, "-o", landda.folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Run control: standard deviations" in done.stdout and not (landda.folder / "errors_pointwise.nc").exists()
    done = landda.here("errors", path, "-r", "control", "--max-gap-days", "0.2", "-o", landda.folder)
    assert "had three visits, each at most 0.2 days after the one before" in " ".join(done.stdout.split())


def test_what_is_missing_is_said_with_the_keys_that_store_it(landda: Landda, reference: Mapping[str, Any]) -> None:
    done = landda.here("errors", reference["path"], "--run", "pointwise")
    assert done.returncode == 2
    assert "stores innovations and increments of run 'pointwise' at 2 of 4 times with observations" in done.stderr
    assert "output.every_hours: 6 and background, innovation, increment among output.fields" in done.stderr
    done = landda.here("errors", reference["path"], "--run", "pointwize")
    assert done.returncode == 2 and "has the runs control, pointwise" in done.stderr
    assert CONFIG["output"]["every_hours"] == 12
