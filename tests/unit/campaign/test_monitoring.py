"""The outlook of a campaign, compared with what its records say."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from landda_hpc.campaign.monitoring import Outlook, outlook, saved_so_far
from landda_hpc.config import parse_config
from landda_hpc.storage.campaign_folder import CampaignFolder, Status
from landda_hpc.storage.report_state import ReportState, write_report_state
from tests.campaign.conftest import CONFIG

CLOCK = {"start": "2022-01-01T00:00", "assimilation_end": "2022-01-26T00:00", "end": "2022-02-05T00:00"}
"""140 cycles, 100 of them with an analysis."""

CONFIGURATION = parse_config({**CONFIG, "time": CLOCK, "checkpoint": {"every_hours": 24, "keep_last": 3}})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CampaignFolder:
    monkeypatch.setenv("LANDDA_JOB_END", str(int(datetime.now().timestamp()) + 3600))
    return CampaignFolder.create(tmp_path / "out", "")


def advance(folder: CampaignFolder, first: int, last: int) -> None:
    for cycle in range(first, last + 1):
        seconds = {"forecast": {"max": 100.0 if cycle == 1 else 1.5}, "analyse": {"max": 0.5}}
        folder.append_records("seconds", [{"cycle": cycle, "seconds": seconds, "bytes_kept": 1000 * cycle}])
        record = {"cycle": cycle, "time": f"2022-01-02T{cycle % 24:02d}:00:00", "run": "enkf_like"}
        if cycle <= 100:
            record |= {"n_observations": cycle, "innovation_mean": 0.01, "innovation_std": 0.05, "residual_std": 0.02}
        folder.append_records("cycles", [record])
    (folder.checkpoints / f"checkpoint_{last:06d}_20220102T0000.h5").write_bytes(b"x" * 5000)
    folder.write_status(Status("running", last, 140, "2022-01-02T00:00:00", 2))


def look(folder: CampaignFolder, *, runs: bool = True) -> Outlook:
    return outlook(folder, CONFIGURATION.time, CONFIGURATION.checkpoint, folder.read_status(), runs=runs)


def test_speed_and_end(folder: CampaignFolder) -> None:
    assert look(folder).days_per_hour is None and look(folder).disk_needed is None
    advance(folder, 1, 10)  # the first cycle does not count: it compiles
    seen = look(folder)
    assert seen.days_per_hour == pytest.approx(0.25 * 3600 / 2.0)
    assert seen.left_s == pytest.approx(130 * 2.0)
    status = folder.read_status()
    assert status is not None and seen.ends == datetime.fromisoformat(status.written) + timedelta(seconds=260)
    assert seen.job_left_s == pytest.approx(3600, abs=60)
    assert seen.disk_needed == pytest.approx(130 * 1000 + (2 + 1) * 5000)  # two checkpoints, and one during its writing
    stopped = look(folder, runs=False)
    assert stopped.ends is None and stopped.job_left_s is None and stopped.left_s == seen.left_s


def test_the_last_innovations_are_those_of_the_last_analysis(folder: CampaignFolder) -> None:
    advance(folder, 1, 100)
    advance(folder, 101, 138)  # forecasts
    (last,) = look(folder).innovations
    assert (last.run, last.n_observations, last.innovation_std, last.residual_std) == ("enkf_like", 100, 0.05, 0.02)


def test_warnings_of_the_log(folder: CampaignFolder) -> None:
    folder.log_file.write_text(
        "2022-01-01T00:00:00 INFO landda_hpc.a: fine\n"
        "2022-01-01T00:00:01 WARNING landda_hpc.b: not fine: 3 of 4\n2022-01-01T00:00:02 ERROR landda_hpc.c: bad\n"
    )
    assert look(folder).warnings == ["2022-01-01T00:00:01 WARNING: not fine: 3 of 4", "2022-01-01T00:00:02 ERROR: bad"]


def test_what_is_saved_changes_with_every_progress(folder: CampaignFolder) -> None:
    seen = [saved_so_far(folder)]
    (folder.path / "spinup.h5").write_bytes(b"")
    seen.append(saved_so_far(folder))
    advance(folder, 1, 4)
    seen.append(saved_so_far(folder))
    advance(folder, 5, 8)
    seen.append(saved_so_far(folder))
    write_report_state(folder.path, ReportState("running", 3, {"summary.md": None}))
    seen.append(saved_so_far(folder))
    assert len(set(seen)) == 5 and seen[0] == "nothing" and seen[4] == "cycle 8, 1 parts of the report"
