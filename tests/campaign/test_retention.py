"""Retention of everything that is written with checkpoints, also after a kill between a checkpoint and the removal."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import landda_hpc
from landda_hpc.campaign import saving
from landda_hpc.campaign.record_check import require_records
from landda_hpc.campaign.start import resume_campaign, run_campaign
from landda_hpc.config import parse_config
from landda_hpc.errors import DataError
from landda_hpc.formats.colm.names import time_label
from landda_hpc.formats.colm.restart_files import MANIFEST
from landda_hpc.parallel.communicator import SerialCommunicator
from landda_hpc.storage.campaign_folder import CampaignFolder
from landda_hpc.storage.checkpoint import digest, read_instance
from landda_hpc.storage.record_retention import read_released
from landda_hpc.storage.restart_set import read_restart
from landda_hpc.storage.retention import list_checkpoints, prune_restart_sets
from tests.campaign.conftest import CONFIG

START = datetime(2022, 6, 2)


def campaign(**checkpoint: Any) -> dict[str, Any]:
    runs = [{"method": "control"}, {"method": "adaptive_pointwise"}]
    return {**CONFIG, "runs": runs, "checkpoint": {"every_hours": 6, "restarts": True, **checkpoint}}


def cycles_kept(out: Path) -> tuple[list[int], list[int]]:
    """Cycles of the checkpoints and of the restart sets."""
    labels = {time_label(START + timedelta(hours=6 * n)): n for n in range(7)}
    sets = sorted(labels[folder.name] for folder in (out / "restart").iterdir())
    return [cycle for cycle, _ in list_checkpoints(out / "checkpoints")], sets


def test_restart_sets_go_with_their_checkpoints(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run_campaign(parse_config(campaign(keep_last=1, keep_every=4)), out).finished
    assert cycles_kept(out) == ([0, 4, 6], [0, 4, 6])
    for folder in out.glob("restart/*/*"):
        assert read_restart(folder, slice(0, 10)).n_tile == 10


@pytest.mark.verify
def test_a_kill_between_checkpoint_and_removal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it left is removed at the resume, and restart sets that it did not come to are written."""
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(saving, "retain", lambda *_: None)
        assert run_campaign(parse_config(campaign(keep_last=2)), out).finished
    assert cycles_kept(out) == ([*range(7)], [*range(7)])
    newest = out / "restart" / time_label(START + timedelta(hours=36)) / "control"
    whole = read_restart(newest, slice(0, 500))
    (newest / MANIFEST).unlink()  # and the set of the last checkpoint was not complete yet
    resume_campaign(out, SerialCommunicator()).folder.unlock()
    assert cycles_kept(out) == ([5, 6], [5, 6])
    again = read_restart(newest, slice(0, 500))
    assert all(again[name].tobytes() == whole[name].tobytes() for name in whole)


@pytest.mark.verify
def test_checkpoints_that_a_resume_skipped_do_not_count(tmp_path: Path) -> None:
    """A damaged newest checkpoint neither displaces a whole one nor stays."""
    out = tmp_path / "out"
    assert run_campaign(parse_config(campaign(keep_last=1, keep_every=3)), out).finished
    assert cycles_kept(out) == ([0, 3, 6], [0, 3, 6])
    last = list_checkpoints(out / "checkpoints")[-1][1]
    before = digest(last)
    last.write_bytes(last.read_bytes()[:-1000])
    taken_up = resume_campaign(out, SerialCommunicator(), {"checkpoint.keep_every": None})
    assert taken_up.cycle == 3 and cycles_kept(out)[0] == [3, 6]
    seen = []
    taken_up.run(lambda *_: seen.append(cycles_kept(out)[0]))
    taken_up.folder.unlock()
    assert seen == [[4], [5], [6]]
    assert digest(last) == before


@pytest.mark.verify
def test_restart_sets_and_feedback_with_rules_of_their_own(tmp_path: Path) -> None:
    """Also between checkpoints, after a resume from an earlier checkpoint, and as the start of another campaign."""
    out, whole = tmp_path / "out", tmp_path / "whole"
    settings = {
        "checkpoint": {"every_hours": 18, "keep_last": 2, "restarts": {"every_hours": 12, "keep_last": 2}},
        "output": {"every_hours": 6, "figures": False, "keep_feedback": {"last": 2}},
        "observations": {**CONFIG["observations"], "feedback": True},
    }
    config = campaign() | settings
    assert run_campaign(parse_config(config), whole).finished
    assert run_campaign(parse_config(config), out).finished
    last = list_checkpoints(out / "checkpoints")[-1][1]
    last.write_bytes(last.read_bytes()[:-1000])
    taken_up = resume_campaign(out, SerialCommunicator())
    assert taken_up.cycle == 3 and taken_up.run().finished
    taken_up.folder.unlock()
    for output in (whole, out):
        assert cycles_kept(output) == ([3, 6], [4, 6])
        last_times = ("20220603T0600.nc", "20220603T1200.nc")
        assert sorted(p.name for p in (output / "feedback").iterdir()) == [*last_times]
        assert require_records(CampaignFolder(output), ("",)) == []
        assert "feedback/20220602T0600.nc" in read_released(output)
    (source,) = out.glob("restart/2022-154-00000")
    for path in source.glob("*/*.nc"):
        assert (whole / path.relative_to(out)).read_bytes() == path.read_bytes()
    model = {**CONFIG["model"], "initial": "restart", "initial_file": str(source), "spinup_days": 0}
    times = {"start": "2022-06-03T00:00", "assimilation_end": "2022-06-03T00:00", "end": "2022-06-03T12:00"}
    warm = parse_config(campaign() | {"model": model, "time": times})
    assert run_campaign(warm, tmp_path / "warm").finished
    states = [
        read_instance(list_checkpoints(output / "checkpoints")[-1][1], "control", slice(0, 500))
        for output in (whole, tmp_path / "warm")
    ]
    assert all(states[0][name].tobytes() == states[1][name].tobytes() for name in states[0])


def test_only_what_a_campaign_wrote_is_removed(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "restart", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "a_restart_x.nc").touch()
    old = root / time_label(START) / "control"
    for folder, files in (
        (old, (MANIFEST, "tiny_restart_2022-153-00000_r00000of00001.nc", ".half.tmp", "rivers/flow.dat")),
        (root / time_label(START) / "mine", ("notes.txt", "tiny_restart_2022-153-00000_r00000of00001.nc")),
        (root / time_label(START + timedelta(hours=6)) / "control", (MANIFEST,)),
        (root / "2022-999-00000" / "control", (MANIFEST,)),
        (root / "forecasts", ("a_restart_b.nc",)),
    ):
        for name in files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).touch()
    (old / MANIFEST).write_text('{"files": {"rivers/flow.dat": "1f", "../../forecasts/a_restart_b.nc": "2f"}}')
    (root / time_label(START + timedelta(hours=12))).symlink_to(elsewhere)
    (root / time_label(START) / "linked").symlink_to(elsewhere)
    removed = prune_restart_sets(root, [START + timedelta(hours=6)])
    assert [folder.name for folder in removed] == [time_label(START)]
    left = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file())
    assert left == [
        "elsewhere/a_restart_x.nc", "restart/2022-153-00000/mine/notes.txt",
        "restart/2022-153-21600/control/manifest.json",
        "restart/2022-999-00000/control/manifest.json", "restart/forecasts/a_restart_b.nc",
    ]  # fmt: skip
    assert not old.exists()


@pytest.mark.verify
def test_images_and_series_that_are_not_kept(tmp_path: Path) -> None:
    """They are not missing for a resume from an earlier checkpoint, nor for tables."""
    out, whole = tmp_path / "out", tmp_path / "whole"
    output = {"every_hours": 6, "figures": False, "series": {"means": True}}
    keep = {"keep_images": {"last": 2}, "times": ["2022-06-02T12:00"], "series": {"means": True, "keep": {"last": 1}}}
    config = campaign(every_hours=6, keep_last=3) | {"time": {**CONFIG["time"], "end": "2022-06-05T12:00"}}
    assert run_campaign(parse_config(config | {"output": output}), whole).finished
    assert run_campaign(parse_config(config | {"output": output | keep}), out).finished
    assert (out / "scores.jsonl").read_bytes() == (whole / "scores.jsonl").read_bytes()
    last = list_checkpoints(out / "checkpoints")[-1][1]
    before = digest(last)
    last.write_bytes(last.read_bytes()[:-1000])
    taken_up = resume_campaign(out, SerialCommunicator())
    assert taken_up.cycle == 13 and taken_up.run().finished
    taken_up.folder.unlock()
    assert digest(last) == before
    images = sorted(path.name for path in (out / "images").glob("control_*.nc"))
    assert images == ["control_20220602T12.nc", "control_20220605T06.nc", "control_20220605T12.nc"]
    series = sorted(path.name for path in (out / "series").glob("control_*.nc"))
    assert series == ["control_20220604.nc", "control_20220605.nc"]
    for path in (whole / "means").iterdir():
        assert (out / "means" / path.name).read_bytes() == path.read_bytes(), path.name
    assert require_records(CampaignFolder(out), ("",)) == []
    results = landda_hpc.open_campaign(out)
    means = results.means("control", "daily")
    days = (np.diff(means.time_bnds) / np.timedelta64(1, "D")).ravel()
    assert days.tolist() == [1.0] * 3 and means.soil_moisture.dims == ("time", "layer", "cell")
    assert results.provenance.event.tolist() == ["start", "resume"]
    with pytest.raises(DataError, match="no monthly means"):
        results.means("control")
