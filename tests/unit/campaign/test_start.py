"""Starting and resuming: statuses, the folder's lock, refusals that change nothing, where a resume begins."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landda_hpc.campaign.cycle import Campaign
from landda_hpc.campaign.start import open_finished, resume_campaign, start_campaign
from landda_hpc.config import CampaignConfig, parse_config
from landda_hpc.errors import ConfigError, MissingFileError, StoppedError, StorageError
from landda_hpc.parallel.cell_costs import CellCosts
from landda_hpc.parallel.communicator import SerialCommunicator
from landda_hpc.storage.campaign_folder import CampaignFolder
from landda_hpc.storage.checkpoint import digest
from tests.unit.campaign.fakes import HOUR, START, StopAfter
from tests.unit.campaign.test_increments import RAW

TIMES = {"start": "2022-06-02T00:00", "assimilation_end": "2022-06-02T12:00", "end": "2022-06-02T18:00"}
WORLD = SerialCommunicator()


def config_of(**raw: Any) -> CampaignConfig:
    few = {
        "time": TIMES, "model": {"spinup_days": 0, "timestep_s": 10800}, "output": {"figures": False},
        "runs": [{"method": "adaptive_pointwise", "drift": {"settle_days": 0.0}}],
        "checkpoint": {"every_hours": 6, "keep_last": 5},
    }  # fmt: skip
    return parse_config({**RAW, **few, **raw})


def state_and_cycle(path: Path) -> tuple[str, int]:
    status = CampaignFolder(path).read_status()
    assert status is not None
    return status.state, status.cycle


def newest(path: Path) -> Path:
    return max((path / "checkpoints").glob("*.h5"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A campaign of three cycles that ran to its end."""
    path = tmp_path_factory.mktemp("start") / "whole"
    campaign = start_campaign(config_of(), WORLD, path)
    assert campaign.run().finished
    campaign.folder.unlock()
    return path


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "copy"))


def test_a_start_locks_its_folder_and_says_that_it_runs(tmp_path: Path) -> None:
    seen: list[CampaignFolder] = []
    campaign = start_campaign(config_of(), WORLD, tmp_path / "out", on_folder=seen.append)
    try:
        assert seen == [campaign.folder] and campaign.folder.is_locked
        assert state_and_cycle(tmp_path / "out") == ("running", 0) and campaign.cycle == 0
        with pytest.raises(StorageError):
            start_campaign(config_of(), WORLD, tmp_path / "out")
    finally:
        campaign.folder.unlock()


def test_a_start_that_is_refused_makes_no_folder(tmp_path: Path) -> None:
    slopes = {"method": "pointwise", "depth": {"kind": "regression", "file": "none.nc"}}
    with pytest.raises(ConfigError, match=r"none\.nc' does not exist"):
        start_campaign(config_of(runs=[slopes], data_root=str(tmp_path)), WORLD, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_start_that_fails_gives_its_folder_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise MissingFileError("a file went away meanwhile")

    monkeypatch.setattr("landda_hpc.campaign.start.build_parts", fail)
    with pytest.raises(MissingFileError):
        start_campaign(config_of(), WORLD, tmp_path / "out")
    assert not CampaignFolder(tmp_path / "out").is_locked
    monkeypatch.undo()
    campaign = start_campaign(config_of(), WORLD, tmp_path / "out")
    campaign.folder.unlock()


def test_a_stopped_spin_up_is_a_stopped_campaign(tmp_path: Path) -> None:
    config = config_of(model={"spinup_days": 1, "timestep_s": 10800})
    with pytest.raises(StoppedError):
        start_campaign(config, WORLD, tmp_path / "out", stop=StopAfter(0))
    assert state_and_cycle(tmp_path / "out") == ("stopped", 0)
    assert not CampaignFolder(tmp_path / "out").is_locked
    campaign = resume_campaign(tmp_path / "out", WORLD)
    assert campaign.cycle == 0, "without a checkpoint it begins again"
    campaign.folder.unlock()


def test_a_stopped_campaign_goes_on_to_the_same_bits(whole: Path, tmp_path: Path) -> None:
    campaign = start_campaign(config_of(), WORLD, tmp_path / "out")
    outcome = campaign.run(stop=StopAfter(1))
    campaign.folder.unlock()
    assert (outcome.finished, outcome.stopped_by) == (False, signal.SIGUSR1)
    assert state_and_cycle(tmp_path / "out") == ("stopped", 1)
    campaign = resume_campaign(tmp_path / "out", WORLD)
    assert campaign.cycle == 1 and state_and_cycle(tmp_path / "out") == ("running", 1)
    memory = campaign.parts.updates["adaptive_pointwise"].drift.state()["mean"]
    assert memory.any(), "what the first cycle taught"
    assert campaign.run().finished
    campaign.folder.unlock()
    assert digest(newest(tmp_path / "out")) == digest(newest(whole))
    for name in ("scores.jsonl", "cycles.jsonl"):
        assert (tmp_path / "out" / name).read_bytes() == (whole / name).read_bytes()


def test_a_damaged_checkpoint_leads_to_the_one_before(whole: Path, copy: Path) -> None:
    last = newest(copy)
    content = bytearray(last.read_bytes())
    content[len(content) // 2] ^= 1
    last.write_bytes(content)
    campaign = resume_campaign(copy, WORLD)
    assert campaign.cycle == 2
    assert campaign.run().finished
    campaign.folder.unlock()
    assert newest(copy).read_bytes() == newest(whole).read_bytes()
    assert (copy / "scores.jsonl").read_bytes() == (whole / "scores.jsonl").read_bytes()


def test_a_resume_that_is_refused_changes_nothing(copy: Path) -> None:
    before = (copy / "status.json").read_bytes()
    with pytest.raises(ConfigError, match="seed would change the trajectory"):
        resume_campaign(copy, WORLD, {"seed": 99})
    with pytest.raises(ConfigError, match=r"verification\.unobserved"):
        resume_campaign(copy, WORLD, {"verification.unobserved": True})
    assert (copy / "status.json").read_bytes() == before
    assert not CampaignFolder(copy).is_locked
    config = (copy / "config.yaml").read_text()
    (copy / "config.yaml").write_text(config.replace("seed: 7", "seed: 8"))
    with pytest.raises(ConfigError, match="another configuration"):
        resume_campaign(copy, WORLD)
    assert (copy / "status.json").read_bytes() == before and not CampaignFolder(copy).is_locked


def test_a_resume_may_change_how_states_are_kept(copy: Path) -> None:
    campaign = resume_campaign(copy, WORLD, {"checkpoint.keep_last": 1, "checkpoint.restarts": True})
    campaign.folder.unlock()
    assert len(list((copy / "checkpoints").glob("*.h5"))) == 1
    assert campaign.config.checkpoint.restarts
    assert len(list((copy / "restart").iterdir())) == 1, "the sets that the configuration now asks for"


def test_only_a_finished_campaign_opens_for_its_report(whole: Path, copy: Path, tmp_path: Path) -> None:
    found = open_finished(copy, WORLD, {"checkpoint.keep_last": 1})
    assert found is not None and found[1].time.end == START + 18 * HOUR and found[0].is_locked
    found[0].unlock()
    with pytest.raises(ConfigError, match="seed"):
        open_finished(copy, WORLD, {"seed": 99})
    assert not CampaignFolder(copy).is_locked
    newest(copy).unlink()
    assert open_finished(copy, WORLD) is None, "cycles are left"
    assert not CampaignFolder(copy).is_locked
    with pytest.raises(StorageError):
        open_finished(tmp_path / "none", WORLD)


def test_parts_are_built_again_between_two_cycles_without_a_trace(tmp_path: Path, whole: Path) -> None:
    """As for a new distribution of the land cells, here with one part; tests/parallel has several."""
    campaign = start_campaign(config_of(), WORLD, tmp_path / "out")
    assert campaign.run(stop=StopAfter(2)).cycle == 2
    costs = campaign.domain.costs
    other = CellCosts(costs.rule, np.linspace(0.5, 2.0, costs.work.size), costs.correction)
    again = campaign._redistribution
    assert again is not None
    last = Campaign(again(other, 2), 2)
    assert last.domain.costs is other and last.domain.tiles is campaign.domain.tiles
    assert last.run().finished
    campaign.folder.unlock()
    assert digest(newest(tmp_path / "out")) == digest(newest(whole))
    for name in ("scores.jsonl", "cycles.jsonl"):
        assert (tmp_path / "out" / name).read_bytes() == (whole / name).read_bytes()
