"""Whose folder it is: nothing of somebody else is deleted, and a start that is killed can be repeated."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from landda_hpc.config import dump_config, parse_config
from landda_hpc.errors import ConfigError, StorageError
from landda_hpc.io.atomic import temporary_path
from landda_hpc.storage.campaign_folder import CampaignFolder, Status
from landda_hpc.storage.folder_contents import is_ours
from landda_hpc.storage.folder_marker import MARKER
from landda_hpc.storage.output_folder import claim_folder, discard_campaign

TINY = {
    "name": "tiny",
    "time": {"start": "2022-06-02", "assimilation_end": "2022-06-03", "end": "2022-06-04"},
    "grid": {"n_lat": 32, "n_lon": 64},
    "observations": {"kind": "twin"},
    "twin": {},
    "runs": [{"method": "control"}],
}


@pytest.fixture(scope="module")
def resolved() -> str:
    """A configuration as a campaign's folder has it."""
    return dump_config(parse_config({**TINY, "data_root": "/data"}))


OURS = (
    "config.yaml", "status.json", "cycles.jsonl", "scores.jsonl", "seconds.jsonl", "profiles.jsonl", "landda.log",
    "observations.json", "observations.md", "summary.md", "report.html", "scores.csv", "scores.nc",
    "checkpoints/checkpoint_000004_20220603T0000.h5", "checkpoints/.checkpoint_000008_20220604T0000.h5.77-0a1b2c3d.tmp",
    "restart/2022-154-00000/control/manifest.json", "restart/2022-154-00000/control/tiny_restart_r0of1.nc",
    "images/enkf_like_20220603T00.nc", "images/10-40cm/enkf_like_20220603T00.nc", "feedback/20220603T0000.nc",
    "series/enkf_like_20220603.nc", "figures/map_enkf_like_20220603T00.png", "figures/scores_truth.png",
    "verification/verification.md", "verification/stations.csv", "verification/reference_truth_0-10cm.nc",
    "verification/figures/scc_truth.png", "models/net/restart/2010-152-00000/case_restart_lc2005_e110_n35.nc",
    "models/net/work/2010-152-00000/try1/case.nml", "models/net/logs/2010-152-00000.try1.log", "models/net/forcing.nml",
    "models/net/forcing/2010/rain.nc",
)  # fmt: skip

THEIRS = (
    "train.py", "notes.txt", "checkpoints/best.pt", "images/photo.jpg", "images/raw/scan.tif", "figures/paper.png",
    "figures/map_of_the_site.png", "models/net.pt", "models/net/weights.bin", "restart/run.sh", "series/jan.csv",
    "verification/letter.docx", "data/observations.json", ".cache.tmp", "images/.photo.jpg.12-ab.tmp", ".notes.txt.tmp",
)  # fmt: skip


def fill(root: Path, names: tuple[str, ...], text: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def snapshot(root: Path) -> dict[str, str]:
    return {str(p.relative_to(root)): p.read_text() for p in sorted(root.rglob("*")) if p.is_file()}


def test_names() -> None:
    assert all(map(is_ours, OURS))
    assert not any(map(is_ours, THEIRS))


def campaign(root: Path, text: str = "name: old\n", names: tuple[str, ...] = OURS) -> None:
    """A folder with a campaign that has begun."""
    CampaignFolder.create(root, text).unlock()
    fill(root, tuple(name for name in names if name != "config.yaml"), "{}\n")


@pytest.mark.parametrize("overwrite", [False, True])
def test_another_project_is_left_alone(tmp_path: Path, overwrite: bool, resolved: str) -> None:
    """config.yaml, models/, images/ and figures/ are what many projects have; some even a status.json."""
    fill(tmp_path, THEIRS, "mine")
    configs = (None, "model: resnet\nepochs: 90\n", resolved)
    for config in configs:
        for status in (None, '{"state": "done"}'):
            for name, text in (("config.yaml", config), ("status.json", status)):
                if text is not None:
                    (tmp_path / name).write_text(text)
            before = snapshot(tmp_path)
            with pytest.raises(StorageError, match="does not touch it" if overwrite else "not empty"):
                CampaignFolder.create(tmp_path, resolved, overwrite=overwrite)
            if config != resolved:
                with pytest.raises((StorageError, ConfigError)):
                    CampaignFolder.reopen(tmp_path)
            assert snapshot(tmp_path) == before


@pytest.mark.parametrize(
    "mark", ["{}", "null", "[1]", '{"format": "x"}', "\x00", '{"format": "landda_hpc output folder"}']
)
def test_a_mark_of_somebody_else_is_none_of_ours(tmp_path: Path, mark: str, resolved: str) -> None:
    fill(tmp_path, ("config.yaml", "images/a_20220603T00.nc"), resolved)
    (tmp_path / MARKER).write_text(mark)
    before = snapshot(tmp_path)
    for act in (lambda: CampaignFolder.create(tmp_path, "", overwrite=True), lambda: CampaignFolder.reopen(tmp_path)):
        with pytest.raises(StorageError, match="damaged"):
            act()
    assert snapshot(tmp_path) == before


def test_a_folder_of_another_kind_or_a_later_version_is_refused(tmp_path: Path) -> None:
    claim_folder(tmp_path / "site", "site", ("scores.csv",))
    fill(tmp_path / "site", ("scores.csv",), "1\n")
    with pytest.raises(StorageError, match="holds a site, not a campaign"):
        CampaignFolder.create(tmp_path / "site", "", overwrite=True)
    campaign(tmp_path / "run")
    mark = json.loads((tmp_path / "run" / MARKER).read_text())
    (tmp_path / "run" / MARKER).write_text(json.dumps(mark | {"format_version": 2}))
    with pytest.raises(StorageError, match="another version"):
        CampaignFolder.create(tmp_path / "run", "", overwrite=True)
    (tmp_path / "run" / MARKER).unlink()
    (tmp_path / "mark").write_text(json.dumps(mark))
    (tmp_path / "run" / MARKER).symlink_to(tmp_path / "mark")  # a link is not a mark of this folder
    with pytest.raises(StorageError, match="does not touch it"):
        CampaignFolder.create(tmp_path / "run", "", overwrite=True)


def test_overwrite_removes_what_we_wrote_and_names_what_stays(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    campaign(tmp_path)
    fill(tmp_path, THEIRS, "mine")
    (tmp_path / "images" / "empty").mkdir()
    with (
        caplog.at_level(logging.WARNING, "landda_hpc"),
        CampaignFolder.create(tmp_path, "name: new\n", overwrite=True) as folder,
    ):
        assert folder.read_records("cycles") == []
    kept = snapshot(tmp_path)
    assert set(kept) == {*THEIRS, "config.yaml", ".lock", MARKER}
    assert all(kept[name] == "mine" for name in THEIRS)
    assert (tmp_path / "images" / "empty").is_dir()
    assert not (tmp_path / "models" / "net" / "work").exists()
    assert "did not write stay: .cache.tmp, .notes.txt.tmp" in caplog.text


def test_links_are_not_followed(tmp_path: Path) -> None:
    """A link in place of one of our files goes, its target stays; one that leads to our files is refused at first."""
    root, away = tmp_path / "run", tmp_path / "scratch"
    campaign(root)
    away.mkdir()
    for name in ("cycles.jsonl", "scores.nc", "images/enkf_like_20220603T00.nc", "models/net/work/a"):
        target = away / name.replace("/", "_")
        target.write_text("elsewhere")
        (root / name).unlink(missing_ok=True)
        (root / name).symlink_to(target)
    (root / "models" / "net" / "forcing" / "2011").symlink_to(away)  # as the model's folder is made
    (root / "nowhere").symlink_to(away / "missing")
    shutil.move(root / "series", away / "series")
    (root / "series").symlink_to(away / "series")
    before = snapshot(away)
    with pytest.raises(StorageError, match=r"series is a link to .*scratch/series, where files of a campaign lie"):
        CampaignFolder.create(root, "name: new\n", overwrite=True)
    assert snapshot(away) == before
    assert (root / "config.yaml").read_text() == "name: old\n"
    assert (root / "scores.jsonl").read_text() == "{}\n"
    for path in (away / "series").iterdir():
        path.rename(away / path.name)
    (away / "series" / "of_mine.txt").write_text("mine")
    before = snapshot(away)
    CampaignFolder.create(root, "name: new\n", overwrite=True).unlock()
    assert snapshot(away) == before
    assert (root / "series").is_symlink()  # a sound link to another file system stays in use
    assert (root / "nowhere").is_symlink()
    assert not (root / "cycles.jsonl").is_symlink()
    assert not (root / "models").exists()


def test_a_whole_campaign_behind_a_link_is_replaced(tmp_path: Path) -> None:
    """`runs/twin -> /scratch/twin` is what a user named."""
    campaign(tmp_path / "there")
    (tmp_path / "here").symlink_to(tmp_path / "there")
    CampaignFolder.create(tmp_path / "here", "name: new\n", overwrite=True).unlock()
    assert set(snapshot(tmp_path / "there")) == {"config.yaml", ".lock", MARKER}
    assert (tmp_path / "here").is_symlink()


def test_a_campaign_of_an_earlier_version(tmp_path: Path, resolved: str) -> None:
    """Without a mark: resumed and then marked, replaced where configuration and status are ours, refused otherwise."""
    campaign(tmp_path, resolved)
    CampaignFolder(tmp_path).write_status(Status("stopped", 4, 8, "2022-06-03T00:00:00", 2))
    for name in (MARKER, ".lock"):
        (tmp_path / name).unlink()
    saved = tmp_path.parent / f"{tmp_path.name}_saved"
    shutil.copytree(tmp_path, saved)
    with pytest.raises(StorageError, match=r"not empty.*`landda resume`.*--overwrite"):
        CampaignFolder.create(tmp_path, resolved)
    with CampaignFolder.create(tmp_path, "name: new\n", overwrite=True) as folder:
        assert folder.config_file.read_text() == "name: new\n"
        assert not folder.has_begun
    with CampaignFolder.reopen(saved) as folder:
        assert folder.has_begun
    assert json.loads((saved / MARKER).read_text())["configuration"] == resolved
    CampaignFolder.create(saved, "name: new\n", overwrite=True).unlock()


def test_temporaries_of_others_stay_at_a_resume(tmp_path: Path, resolved: str) -> None:
    campaign(tmp_path, resolved)
    ours = [temporary_path(tmp_path / name) for name in ("config.yaml", MARKER, "images/control_20220603T00.nc")]
    theirs = [
        tmp_path / name
        for name in (".notes.tmp", ".thesis.tex.tmp", "images/.photo.jpg.4711-0a1b2c3d.tmp", ".a.b.12-xyz.tmp")
    ]
    for path in (*ours, *theirs):
        path.write_text("half")
    linked = temporary_path(tmp_path / "scores.csv")
    linked.symlink_to(theirs[0])
    CampaignFolder.reopen(tmp_path).unlock()
    assert not any(path.exists() for path in ours)
    assert all(path.read_text() == "half" for path in theirs)
    assert linked.is_symlink()


# ---------------------------------------------------------------------- kills


def killed_at(k: int, act: Callable[[], object], root: Path) -> bool:
    """Run ``act`` in a process that ends, as by a kill, at its k-th step on the file system; whether it came so far."""
    child = os.fork()
    if child == 0:
        seen = 0

        def watch(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal seen
            if event in ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir") and str(root) in str(arguments[0]):
                seen += 1
                if seen == k:
                    os._exit(9)

        sys.addaudithook(watch)
        try:
            act()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


@pytest.mark.parametrize(
    "start", [pytest.param(s, marks=pytest.mark.verify) if s != "old" else s for s in ("fresh", "partial", "old")]
)
def test_a_start_that_is_killed_at_any_instant_can_be_repeated(tmp_path: Path, start: str, resolved: str) -> None:
    """By the same command, with --overwrite, or by resume; an earlier campaign is either whole or of no account."""
    k, outcomes = 0, set()
    while True:
        k += 1
        root = tmp_path / str(k)
        if start == "old":
            campaign(root, resolved, (*OURS[:4], *OURS[12:15], OURS[-1]))
        elif start == "partial":
            CampaignFolder.create(root, "name: partial\n").unlock()
            fill(root, ("landda.log", "status.json"), "{}\n")
        before = snapshot(root)
        if not killed_at(k, partial(CampaignFolder.create, root, "name: new\n", overwrite=start == "old"), root):
            break
        again = {name: tmp_path / f"{k}_{name}" for name in ("run", "overwrite", "resume")}
        for copy in again.values():
            if root.exists():
                shutil.copytree(root, copy)
        if start == "old" and CampaignFolder(root).has_begun:
            outcomes.add("whole")
            assert content(snapshot(root)) == content(before)
            with pytest.raises(StorageError, match="not empty"):
                CampaignFolder.create(again["run"], "name: new\n")
            assert CampaignFolder.reopen(again["resume"]).config_file.read_text() == resolved
        else:
            outcomes.add("new")
            with CampaignFolder.create(again["run"], "name: new\n") as folder:
                assert folder.config_file.read_text() == "name: new\n"
            assert_empty(again["run"])
            if CampaignFolder(again["resume"]).path.is_dir() and (again["resume"] / MARKER).exists():
                with CampaignFolder.reopen(again["resume"]) as folder:
                    assert folder.config_file.read_text() in ("name: new\n", "name: partial\n")
            else:  # nothing is there yet
                with pytest.raises(StorageError, match="holds no campaign"):
                    CampaignFolder.reopen(again["resume"])
        with CampaignFolder.create(again["overwrite"], "name: new\n", overwrite=True) as folder:
            assert not folder.has_begun
        assert_empty(again["overwrite"])
    assert k > 12
    assert outcomes == ({"whole", "new"} if start == "old" else {"new"})


def content(files: dict[str, str]) -> dict[str, str]:
    """Without what is free to change."""
    return {name: text for name, text in files.items() if name not in (MARKER, ".lock") and not name.endswith(".tmp")}


def assert_empty(root: Path) -> None:
    """A campaign's folder in which nothing has been computed."""
    assert set(snapshot(root)) == {"config.yaml", ".lock", MARKER}
    assert {p.name for p in root.iterdir() if p.is_dir()} == {"checkpoints", "restart", "images", "figures"}


# ---------------------------------------------------------------------- folders of results


def test_results_of_others_are_not_replaced(tmp_path: Path) -> None:
    names = ("scores.csv", "series.nc")
    fill(tmp_path, ("scores.csv", "thesis.tex"), "mine")
    with pytest.raises(StorageError, match=r"has scores\.csv, and no mark"):
        claim_folder(tmp_path, "site", names)
    assert snapshot(tmp_path) == {"scores.csv": "mine", "thesis.tex": "mine"}
    (tmp_path / "scores.csv").unlink()
    (tmp_path / "series.nc").symlink_to(tmp_path / "missing")
    with pytest.raises(StorageError, match=r"series\.nc"):
        claim_folder(tmp_path, "site", names)
    (tmp_path / "series.nc").unlink()
    claim_folder(tmp_path, "site", names)
    fill(tmp_path, names, "ours")
    claim_folder(tmp_path, "site", names)
    with pytest.raises(StorageError, match="holds a site, not a spinup"):
        claim_folder(tmp_path, "spinup", ())
    with pytest.raises(StorageError, match="is a file"):
        claim_folder(tmp_path / "thesis.tex", "site", names)


def test_a_scratch_campaign_is_discarded_and_nothing_else(tmp_path: Path) -> None:
    scratch, home = tmp_path / "scratch", tmp_path / "home"
    campaign(scratch)
    discard_campaign(scratch)
    assert not scratch.exists()
    discard_campaign(scratch)
    fill(home, ("config.yaml", "images/a_20220603T00.nc"), "mine")
    discard_campaign(home)
    assert set(snapshot(home)) == {"config.yaml", "images/a_20220603T00.nc"}
    campaign(scratch)
    (scratch / "notes.txt").write_text("mine")
    discard_campaign(scratch)
    assert set(snapshot(scratch)) == {"notes.txt"}
