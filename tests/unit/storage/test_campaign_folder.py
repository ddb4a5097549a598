"""The output folder: who may write in it, and what a killed job leaves."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landda_hpc.errors import StorageError
from landda_hpc.storage import campaign_folder
from landda_hpc.storage.campaign_folder import CampaignFolder, Status


@pytest.fixture
def folder(tmp_path: Path) -> CampaignFolder:
    return CampaignFolder.create(tmp_path / "twin", "name: twin\n")


def test_create_lays_out_and_locks(folder: CampaignFolder) -> None:
    assert {p.name for p in folder.path.iterdir()} == {
        ".lock",
        ".landda.json",
        "config.yaml",
        "checkpoints",
        "restart",
        "images",
        "figures",
    }
    assert folder.config_file.read_text() == "name: twin\n"
    assert folder.is_locked
    folder.unlock()
    assert not folder.is_locked
    assert not CampaignFolder.open(folder.path).is_locked


def test_a_folder_with_content_is_refused(folder: CampaignFolder, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="in use by another job"):
        CampaignFolder.create(folder.path, "", overwrite=True)
    folder.append_records("cycles", [{"cycle": 1}])
    with pytest.raises(StorageError, match=r"not empty.*`landda resume`.*--overwrite"):
        CampaignFolder.create(folder.path, "")
    (folder.checkpoints / "checkpoint_000001_20220602T0600.h5").touch()
    (folder.path / "notes.txt").write_text("mine")
    folder.unlock()
    with CampaignFolder.create(folder.path, "name: other\n", overwrite=True) as again:
        assert again.config_file.read_text() == "name: other\n"
        assert again.read_records("cycles") == []
        assert list(again.checkpoints.iterdir()) == []
        assert (again.path / "notes.txt").read_text() == "mine"
    home = tmp_path / "home"
    home.mkdir()
    (home / "thesis.tex").touch()
    with pytest.raises(StorageError, match=r"no campaign.*does not touch it"):
        CampaignFolder.create(home, "", overwrite=True)
    assert [p.name for p in home.iterdir()] == ["thesis.tex"]
    with pytest.raises(StorageError, match="is a file"):
        CampaignFolder.create(home / "thesis.tex", "")
    with pytest.raises(StorageError, match="holds no campaign"):
        CampaignFolder.open(home)


HOLDER = """
import sys, time
from pathlib import Path
from landda_hpc.storage.campaign_folder import CampaignFolder, Status
folder = CampaignFolder.open(Path(sys.argv[1]))
folder.lock()
folder.write_status(Status("running", 3, 9, "2022-06-02T18:00:00", 2))
print("locked", flush=True)
time.sleep(100)
"""


def test_the_lock_lives_and_dies_with_its_process(folder: CampaignFolder) -> None:
    folder.unlock()
    job = subprocess.Popen([sys.executable, "-c", HOLDER, str(folder.path)], stdout=subprocess.PIPE, text=True)
    try:
        assert job.stdout is not None
        assert job.stdout.readline() == "locked\n"
        assert folder.is_locked
        assert folder.standing() == "running"
        with pytest.raises(StorageError, match=rf"in use by another job \(process {job.pid} on .* since 20"):
            folder.lock()
    finally:
        job.send_signal(signal.SIGKILL)
        job.wait()
    assert folder.standing() in ("failed", "not begun")
    leftover = folder.checkpoints / ".checkpoint_000002_20220602T1200.h5.123-abc.tmp"
    leftover.touch()
    folder.lock()
    assert not leftover.exists()
    assert folder.standing() == "running"


def test_status(folder: CampaignFolder) -> None:
    assert folder.read_status() is None
    folder.write_status(Status("running", 3, 60, "2022-06-02T18:00:00", 4, "checkpoint_000002_20220602T1200.h5"))
    status = folder.read_status()
    assert status is not None
    assert (status.state, status.cycle, status.ranks) == ("running", 3, 4)
    assert status.last_checkpoint == "checkpoint_000002_20220602T1200.h5"
    assert status.pid > 0
    assert status.host


@pytest.mark.parametrize(
    "content",
    [b"{", b"", b"\xff\x00", b"null", b"[]", b"{}", b'{"state": "running", "wrong": 1}', b"[" * 100000]
    + [
        f'{{"state": {state}, "cycle": {cycle}, "n_cycles": 9, "time": "t", "ranks": 1}}'.encode()
        for state, cycle in (('"sleeping"', 1), ('"running"', '"1"'), ("3", 1), ('"running"', "true"))
    ],
)  # fmt: skip
def test_a_broken_status_is_told_in_words(folder: CampaignFolder, content: bytes) -> None:
    folder.status_file.write_bytes(content)
    with pytest.raises(StorageError) as caught:
        folder.read_status()
    text = str(caught.value)
    assert text.endswith("status.json is damaged: it is not a status of a campaign. Remove it and resume the campaign.")


def test_records_are_strict_json(folder: CampaignFolder) -> None:
    record = {
        "cycle": np.int64(3),
        "time": "2022-06-02T18:00:00",
        "scc": np.float32(0.5),
        "rmse": [float("nan"), 0.1, np.inf],
        "per_layer": np.arange(3.0),
        "seconds": {"forecast": (1.5, 2.0)},
    }
    folder.append_records("scores", [record])
    folder.append_records("scores", [])
    line = folder.records_file("scores").read_text()
    assert "NaN" not in line
    assert folder.read_records("scores") == [
        {
            "cycle": 3,
            "time": "2022-06-02T18:00:00",
            "scc": 0.5,
            "rmse": [None, 0.1, None],
            "per_layer": [0.0, 1.0, 2.0],
            "seconds": {"forecast": [1.5, 2.0]},
        }
    ]
    for bad in ({"time": "now"}, {"cycle": 1.5}, {"cycle": True}, {"cycle": 1, "x": object()}):
        with pytest.raises(StorageError, match=r"scores\.jsonl"):
            folder.append_records("scores", [bad])
    assert len(folder.read_records("scores")) == 1


@given(
    cycles=st.lists(st.integers(1, 20), min_size=1, max_size=30).map(sorted),
    last=st.integers(0, 21),
    torn=st.integers(0, 12),
)
def test_resume_keeps_what_the_checkpoint_knows(cycles: list[int], last: int, torn: int) -> None:
    with tempfile.TemporaryDirectory() as tmp, CampaignFolder.create(Path(tmp) / "twin", "") as folder:
        records = [{"cycle": cycle, "n": n} for n, cycle in enumerate(cycles)]
        folder.append_records("cycles", records)
        file = folder.records_file("cycles")
        whole = file.read_bytes()
        next_line = json.dumps({"cycle": 1, "n": -1}).encode()
        file.write_bytes(whole + next_line[:torn])  # killed while writing a line
        kept = [record for record in records if record["cycle"] <= last]
        assert folder.truncate_records("cycles", last) == len(records) - len(kept) + (torn > 0)
        assert folder.read_records("cycles") == kept
        folder.append_records("cycles", [{"cycle": 22}])
        assert folder.read_records("cycles") == [*kept, {"cycle": 22}]
        assert folder.truncate_records("scores", 3) == 0


def test_a_damaged_line_in_the_middle_is_named(folder: CampaignFolder) -> None:
    folder.append_records("cycles", [{"cycle": 1}, {"cycle": 2}, {"cycle": 3}])
    file = folder.records_file("cycles")
    file.write_bytes(file.read_bytes().replace(b'{"cycle": 2}', b'{"cyc\x00e": 2}'))
    with pytest.raises(StorageError, match=r"cycles\.jsonl: line 2 is damaged"):
        folder.read_records("cycles")
    assert folder.truncate_records("cycles", 2) == 2  # of the lines up to a checkpoint the inventory decides


def test_full_disk_leaves_whole_records(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign_folder, "require_space", lambda path, n_bytes: None)
    monkeypatch.setattr("landda_hpc.io.atomic.SPACE_MARGIN", 0)
    folder = CampaignFolder.create(small_disk / "twin", "")
    folder.append_records("cycles", [{"cycle": 1}])
    with pytest.raises(StorageError, match="The disk is full"):
        folder.append_records("cycles", [{"cycle": 2, "text": "x" * 2**21}])
    assert folder.records_file("cycles").read_bytes() == b'{"cycle": 1}\n'
