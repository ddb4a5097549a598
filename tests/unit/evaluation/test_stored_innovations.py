"""Innovations and increments from feedback files and records, and what is said if they do not suffice."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landda_hpc.config import CampaignConfig, parse_config
from landda_hpc.constants import BoolArray
from landda_hpc.errors import DataError
from landda_hpc.evaluation.stored_innovations import StoredInnovations, stored_innovations
from landda_hpc.grid import regular_grid
from landda_hpc.observation.feedback import collect, feedback_name, write_feedback
from landda_hpc.observation.image_observation import Flag, ImageObservation
from landda_hpc.storage.campaign_folder import CampaignFolder

GRID = regular_grid(18, 36)
TIMES = tuple(datetime(2022, 6, 2) + timedelta(hours=6 * k) for k in range(1, 5))
SOIL = np.zeros(GRID.shape, dtype=np.bool_)
SOIL[4:12] = True


def campaign(path: Path, method: str, covered: BoolArray, **observations: Any) -> tuple[CampaignFolder, CampaignConfig]:
    """A folder with records and feedback files of one run, whose increment is a quarter of the innovation."""
    config = parse_config(
        {
            "name": "stored",
            "time": {"start": "2022-06-02T00:00", "assimilation_end": "2022-06-03T00:00", "end": "2022-06-03T06:00"},
            "grid": {"n_lat": 18, "n_lon": 36},
            "twin": {},
            "observations": {"kind": "twin", "feedback": True, **observations},
            "runs": [{"method": method}],
            "output": {"every_hours": 24},
        }
    )
    folder = CampaignFolder(path)
    lines = []
    for k, time in enumerate(TIMES):
        rng = np.random.default_rng(k)
        background = np.where(SOIL, 0.2 + 0.01 * rng.standard_normal(GRID.shape), np.nan)
        given = np.where(covered & SOIL, 0.25 + 0.02 * rng.standard_normal(GRID.shape), np.nan)
        flags = np.where(np.isfinite(given), Flag.USED, Flag.MISSING).astype(np.uint8)
        flags[4, :3] = Flag.FROZEN
        observation = ImageObservation(given, flags, time, (0.0, 0.1), "test")
        analysis = background + 0.25 * np.nan_to_num(given - background)
        analyses = {method: analysis} if method != "control" else {}
        feedback = collect(observation, GRID, {method: background}, analyses)
        write_feedback(folder.feedback / feedback_name(time), feedback)
        lines.append({"cycle": k + 1, "time": time.isoformat(), "run": method, "n_observations": 9})
    (path / "cycles.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder, config


def stored(folder: CampaignFolder, config: CampaignConfig, **period: datetime) -> StoredInnovations:
    changes = not config.observations.monitor_only
    run, fields = config.runs[0], config.output.fields
    return stored_innovations(folder, run, config.time, fields, SOIL, needs_increments=changes, **period)


def test_feedback_files_hold_innovations_and_increments(tmp_path: Path) -> None:
    found = stored(*campaign(tmp_path, "pointwise", np.ones(GRID.shape, dtype=np.bool_)))
    assert (found.source, found.times, len(found)) == ("feedback files", TIMES, 4)
    for one in found:
        assert not one.pair.observed[4, :3].any() and one.pair.observed[5:12].all()
        used = one.pair.observed
        np.testing.assert_allclose(one.increment[used], 0.25 * one.pair.innovation[used], atol=1e-12)
        assert not one.increment[~SOIL].any()


def test_a_period(tmp_path: Path) -> None:
    made = campaign(tmp_path, "control", np.ones(GRID.shape, dtype=np.bool_))
    assert stored(*made, first=TIMES[1], last=TIMES[2]).times == TIMES[1:3]
    with pytest.raises(DataError, match="no observations of run 'control' in the period"):
        stored(*made, first=TIMES[3] + timedelta(hours=1))


def test_a_run_without_analyses_needs_innovations_only(tmp_path: Path) -> None:
    folder, config = campaign(tmp_path, "control", np.arange(36) > 10)
    (folder.feedback / feedback_name(TIMES[2])).unlink()
    found = stored(folder, config)
    assert found.times == (TIMES[0], TIMES[1], TIMES[3])
    assert all(not one.increment.any() for one in found)


def test_increments_of_all_cells_must_be_stored(tmp_path: Path) -> None:
    folder, config = campaign(tmp_path, "pointwise", np.arange(36) > 10)
    with pytest.raises(DataError, match=r"unknown in 88 of 288 soil cells.*output.every_hours"):
        list(stored(folder, config))
    (folder.feedback / feedback_name(TIMES[2])).unlink()
    with pytest.raises(DataError, match=r"at 0 of 4 times with observations.*output.every_hours: 6"):
        stored(folder, config)


def test_monitoring_changes_nothing(tmp_path: Path) -> None:
    folder, config = campaign(tmp_path, "pointwise", np.arange(36) > 10, monitor_only=True)
    assert all(not one.increment.any() for one in stored(folder, config))
