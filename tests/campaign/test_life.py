"""The life of a campaign: extended, rewound, branched, compared; also on several ranks and killed in the middle."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from landda_hpc.campaign.extension import extend_campaign
from landda_hpc.campaign.start import resume_campaign, run_campaign
from landda_hpc.config import parse_config
from landda_hpc.parallel.communicator import SerialCommunicator
from landda_hpc.storage.provenance_log import read_events
from tests.campaign.conftest import CONFIG, Landda, assert_same, wait_for_cycle
from tests.campaign.test_observations import START, campaign, write_gldas
from tests.campaign.test_starts import KILLER

SHORT = {"start": "2022-06-02T00:00", "assimilation_end": "2022-06-02T18:00", "end": "2022-06-02T18:00"}
"""The first half of the tiny campaign, with analyses until its end."""

TO_THE_END = ("--to", "2022-06-03T12:00", "--assimilation-end", "2022-06-03T00:00")


def killed_at(landda: Landda, tmp_path: Path, at: int, *arguments: object) -> bool:
    """Kill a command when it touches the folder 'out' for the n-th time; whether it came so far."""
    (tmp_path / "sitecustomize.py").write_text(KILLER)
    environment = dict(landda.environment)
    landda.first_on_path(tmp_path)
    landda.environment |= {"TEST_KILL_AT": str(at), "TEST_KILL_IN": str(landda.folder / "out")}
    done = landda(1, *arguments)
    landda.environment = environment
    assert done.returncode in (0, -signal.SIGKILL), done.stdout + done.stderr
    return done.returncode != 0


@pytest.fixture
def short(landda: Landda) -> Landda:
    """Half of the tiny campaign, finished, in the folder 'out'."""
    done = landda.here("run", landda.write(time=SHORT), "-o", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    return landda


@pytest.mark.parametrize("ranks", [1, pytest.param(3, marks=pytest.mark.verify)])
def test_an_extended_campaign_ends_like_one_in_one_piece(
    short: Landda, reference: Mapping[str, Any], ranks: int
) -> None:
    done = short.here("extend", short.folder / "out", *TO_THE_END)
    assert done.returncode == 0 and "3 of 6 cycles are left" in done.stdout, done.stdout + done.stderr
    assert short.here("status", "out", "--state").stdout.strip() == "stopped"
    done = short(ranks, "resume", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert_same(short.folder / "out", reference, short)
    events = read_events(short.folder / "out")
    assert [event["event"] for event in events] == ["start", "extend", "resume"]
    assert events[-1]["ranks"] == ranks and sum(events[-1]["hosts"].values()) == ranks
    assert events[1]["end"] == ["2022-06-02T18:00:00", "2022-06-03T12:00:00"]
    assert events[0]["packages"]["numpy"] and events[0]["version"]


@pytest.mark.verify
@pytest.mark.parametrize("at", [2, 6, 12, 16, 20, 24, 30])
def test_an_extension_that_is_killed_can_be_repeated(
    short: Landda, reference: Mapping[str, Any], tmp_path: Path, at: int
) -> None:
    output = short.folder / "out"
    killed_at(short, tmp_path, at, "extend", output, *TO_THE_END)
    assert short.here("resume", "out").returncode == 0  # with the old or the new end
    assert short.here("extend", output, *TO_THE_END).returncode == 0
    assert short.here("resume", "out").returncode == 0
    assert_same(output, reference, short)


def test_extensions_that_are_refused(short: Landda) -> None:
    out = short.folder / "out"
    config = (out / "config.yaml").read_bytes()
    for arguments, code, said in (
        (("--to", "2022-06-02T12:00"), 2, "is before the newest checkpoint"),
        (("--to", "2022-06-03T12:00", "--assimilation-end", "2022-06-02T12:00"), 2, "would change cycles"),
        (("--to", "2022-06-03T13:00"), 2, "not a whole number of 6-hour cycles"),
        (("--to", "tomorrow"), 2, "tomorrow"),
    ):
        done = short.here("extend", out, *arguments)
        assert done.returncode == code and said in " ".join(done.stderr.split()), done.stdout + done.stderr
    assert (out / "config.yaml").read_bytes() == config
    assert short.here("extend", short.folder / "nowhere", "--to", "2022-06-03T12:00").returncode == 3


@pytest.mark.verify
def test_a_running_campaign_is_refused(landda: Landda) -> None:
    process = landda.popen(1, "run", landda.write(), "-o", "out")
    try:
        wait_for_cycle(landda.folder / "out", 2, process.poll)
        process.send_signal(signal.SIGSTOP)
        for command in (("extend", "out", "--to", "2022-06-04T00:00"), ("rewind", "out", "--to", "2022-06-02T06:00")):
            done = landda.here(*command)
            assert done.returncode == 3 and "is in use by another job" in done.stderr, done.stderr
    finally:
        process.kill()
        process.communicate()


EVERY_KIND: dict[str, Any] = {
    "checkpoint": {"every_hours": 6, "keep_last": 9, "restarts": True},
    "output": {"every_hours": 6, "figures": False, "layers": True, "series": {"means": True}},
}
"""A campaign that writes every kind of file, and keeps all checkpoints."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """The campaign of every kind of file, not interrupted."""
    run = Landda(tmp_path_factory.mktemp("whole"))
    done = run.here("run", run.write(**EVERY_KIND), "-o", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    return {"path": run.folder / "out", "digest": run.digest("out"), "all": run.digests("out")}


@pytest.fixture
def finished(landda: Landda, whole: Mapping[str, Any]) -> Landda:
    """A copy of it in 'out'."""
    shutil.copytree(whole["path"], landda.folder / "out")
    return landda


def names(output: Path) -> set[str]:
    """Files of a campaign, without those that a report or a job writes."""
    kinds = ("checkpoints", "restart", "images", "series", "means")
    return {p.relative_to(output).as_posix() for kind in kinds for p in (output / kind).rglob("*") if p.is_file()}


@pytest.mark.verify
@pytest.mark.parametrize("ranks", [1, 2])
def test_a_rewound_campaign_computes_the_same_again(finished: Landda, whole: Mapping[str, Any], ranks: int) -> None:
    out, before = finished.folder / "out", names(finished.folder / "out")
    done = finished.here("rewind", "out", "--to", "2022-06-02T18:00")
    assert done.returncode == 0 and "at cycle 3 of 6" in done.stdout, done.stdout + done.stderr
    assert list(finished.digests("out").values()) == list(whole["all"].values())[:4]
    left, (kept,) = names(out), (out / "rewound").iterdir()
    assert left | names(kept) == before
    assert {name.partition("/")[0] for name in left & names(kept)} == {"series"}, "those of the day: cut, not removed"
    assert (kept / "scores.jsonl").read_bytes() == (whole["path"] / "scores.jsonl").read_bytes()
    assert (whole["path"] / "scores.jsonl").read_bytes().startswith((out / "scores.jsonl").read_bytes())
    assert finished.here("status", "out", "--state").stdout.strip() == "stopped"
    undone = finished.folder / "undone"
    shutil.copytree(out, undone)
    shutil.copytree(kept, undone, dirs_exist_ok=True)
    assert names(undone) == before and finished.digests("undone") == whole["all"]
    assert finished.here("score", "undone").returncode == 0, "all records are there"
    done = finished(ranks, "resume", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert_same(out, whole, finished)
    if ranks == 1:
        assert names(out) == before
    assert finished.digests("out") == whole["all"]
    for path in (*(whole["path"] / "means").iterdir(), *(whole["path"] / "series").iterdir()):
        assert (out / path.parent.name / path.name).read_bytes() == path.read_bytes(), path.name


@pytest.mark.verify
def test_a_rewind_without_keeping(finished: Landda) -> None:
    done = finished.here("rewind", "out", "--to", "2022-06-02", "--yes")
    assert done.returncode == 0 and "later files were deleted" in done.stdout, done.stdout + done.stderr
    assert not (finished.folder / "out" / "rewound").exists()
    assert {name.partition("/")[0] for name in names(finished.folder / "out")} == {"checkpoints", "restart"}
    assert not (finished.folder / "out" / "scores.jsonl").read_bytes()


def test_rewinds_that_are_refused_change_nothing(finished: Landda) -> None:
    out = finished.folder / "out"
    before = names(out)
    done = finished.here("rewind", "out", "--to", "2022-06-02T01:00")
    assert done.returncode == 3 and "has no checkpoint of 2022-06-02T01:00. There are: 2022-06-02T00:00" in done.stderr
    checkpoint = next((out / "checkpoints").glob("*20220602T0600.h5"))
    content = checkpoint.read_bytes()
    checkpoint.write_bytes(content[:-100] + bytes(100))
    done = finished.here("rewind", "out", "--to", "2022-06-02T06:00")
    assert done.returncode == 3 and "damaged" in done.stderr
    checkpoint.write_bytes(content)
    image = next((out / "images").glob("control_20220602T06.nc"))
    image.unlink()
    (out / "series").rename(out.parent / "elsewhere")
    (out / "series").symlink_to(out.parent / "elsewhere")
    done = finished.here("rewind", "out", "--to", "2022-06-02")
    assert done.returncode == 3 and "Nothing is deleted through links" in done.stderr, done.stderr
    (out / "series").unlink()
    (out.parent / "elsewhere").rename(out / "series")
    done = finished.here("rewind", "out", "--to", "2022-06-02T06:00")
    assert done.returncode == 3 and "cannot continue from this checkpoint" in done.stderr and "images/" in done.stderr
    assert names(out) | {image.relative_to(out).as_posix()} == before


@pytest.mark.parametrize("at", [30, *(pytest.param(n, marks=pytest.mark.verify) for n in (10, 60, 100, 150, 200, 250))])
def test_a_rewind_that_is_killed_loses_nothing(
    finished: Landda, whole: Mapping[str, Any], tmp_path: Path, at: int
) -> None:
    out, before = finished.folder / "out", names(finished.folder / "out")
    killed_at(finished, tmp_path, at, "rewind", out, "--to", "2022-06-02T12:00")
    kept = set().union(*(names(folder) for folder in (out / "rewound").glob("*")))
    assert names(out) | kept == before
    done = finished.here("resume", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert_same(out, whole, finished)
    assert finished.digests("out") == whole["all"] and names(out) == before


@pytest.mark.parametrize("ranks", [1, pytest.param(3, marks=pytest.mark.verify)])
def test_a_branch_without_changes_has_the_states_of_its_parent(
    landda: Landda, whole: Mapping[str, Any], ranks: int
) -> None:
    """Also the learned errors of 'adaptive_pointwise', which are in the memory of its method."""
    done = landda.here("branch", whole["path"], "new", "--from", "2022-06-02T12:00")
    assert done.returncode == 0 and "Other keys that change the trajectory: none" in done.stdout, done.stderr
    event = read_events(landda.folder / "new")[-1]
    assert (event["event"], event["parent"]) == ("branch", str(whole["path"]))
    assert event["digest"] == list(whole["all"].values())[2]
    done = landda(ranks, "resume", "new")
    assert done.returncode == 0, done.stdout + done.stderr
    assert states(landda.folder / "new") == states(whole["path"])


def states(output: Path) -> dict[str, Any]:
    """The last state of every instance, and the memories of methods."""
    from landda_hpc.storage.checkpoint import read_header, read_instance
    from landda_hpc.storage.retention import latest_valid

    path = latest_valid(output / "checkpoints")
    assert path is not None
    header = read_header(path)
    found = {name: read_instance(path, name, slice(0, header.n_tiles)) for name in header.instances}
    arrays = {f"{name}.{v}": state[v].tobytes() for name, state in found.items() for v in state.names}
    return arrays | {"memory": header.records.get("memory"), "time": header.valid_time}


def test_a_branch_with_changes(landda: Landda, whole: Mapping[str, Any]) -> None:
    checkpoint = next((whole["path"] / "checkpoints").glob("*20220602T1800.h5"))
    runs = "[{method: control}, {method: smoothed, length_km: 500}, {method: pointwise, gain: 0.9}]"
    changes = ("--set", f"runs={runs}", "--set", "seed=8", "--set", "time.end=2022-06-03T00:00")
    done = landda.here("branch", whole["path"], "new", "--from", checkpoint, *changes)
    assert done.returncode == 0 and "trajectory: seed, time.end, runs" in done.stdout, done.stdout + done.stderr
    done = landda.here("resume", "new")
    assert done.returncode == 0, done.stdout + done.stderr
    assert landda.here("status", "new", "--state").stdout.strip() == "finished"


def test_a_new_branch_says_how_it_begins(landda: Landda, whole: Mapping[str, Any]) -> None:
    """Neither 'landda run' nor another branch replaces it; a killed first job leaves a branch."""
    arguments = ("branch", whole["path"], "new", "--from", "2022-06-02T12:00")
    assert landda.here(*arguments).returncode == 0
    assert landda.here("status", "new", "--state").stdout.strip() == "branched"
    text = landda.here("status", "new").stdout
    assert "not begun: a branch of another campaign" in text and "interrupted" not in text
    assert "Begin it with: landda resume new" in text
    for again in (("run", landda.write(), "-o", "new"), arguments):
        done = landda.here(*again)
        assert done.returncode == 3 and "Resume that campaign with `landda resume`" in " ".join(done.stderr.split())
    assert (landda.folder / "new" / "branched_from.h5").is_file()


def test_branches_that_are_refused(landda: Landda, whole: Mapping[str, Any]) -> None:
    for arguments, code, said in (
        (("--from", "2022-06-02T01:00"), 3, "has no checkpoint of 2022-06-02T01:00"),
        (("--from", "noon"), 2, "expected the time of a checkpoint"),
        (("--from", "2022-06-02T12:00", "--set", "time.start=2022-06-01T00:00"), 2, "determined by the checkpoint"),
        (("--from", "2022-06-02T12:00", "--set", "grid.n_lat=40"), 2, "tiles, the campaign has"),
        (("--from", "2022-06-02T12:00", "--set", "runs.0.perturbation={}"), 2, "control"),
    ):
        done = landda.here("branch", whole["path"], "new", *arguments)
        if said == "control":  # the checkpoint has its state
            assert done.returncode == 0
            continue
        assert done.returncode == code and said in " ".join(done.stderr.split()), done.stdout + done.stderr
        assert not (landda.folder / "new").exists()
    assert landda.here("branch", whole["path"], whole["path"], "--from", "2022-06-02T12:00").returncode == 3


def test_a_campaign_does_not_differ_from_itself(landda: Landda, whole: Mapping[str, Any]) -> None:
    done = landda.here("diff", whole["path"], whole["path"], "--exit-code")
    assert done.returncode == 0 and done.stdout.count("identical") == 4, done.stdout + done.stderr


@pytest.mark.verify
def test_differences_of_campaigns(landda: Landda, whole: Mapping[str, Any]) -> None:
    """Of branches with another gain, whose states differ where an increment was made."""
    for name, gain in (("one", 0.3), ("other", 0.7)):
        short = ("--set", "time.assimilation_end=2022-06-02T18:00", "--set", "time.end=2022-06-02T18:00")
        gains = ("--set", f"runs.pointwise.gain={gain}", "--from", "2022-06-02T12:00")
        done = landda.here("branch", whole["path"], name, *gains, *short)
        assert done.returncode == 0, done.stdout + done.stderr
        assert landda.here("resume", name).returncode == 0
    done = landda.here("diff", "one", "other")
    text = " ".join(done.stdout.split())
    assert done.returncode == 0 and "runs.pointwise.gain │ 0.3 │ 0.7" in text, done.stdout + done.stderr
    assert "scores: " in text and "pointwise │ truth │ 0-10 cm │ analysis" in text
    assert "wliq_soisno │ kg m-2 │ pointwise" in text
    assert landda.here("diff", "one", "other", "--exit-code").returncode == 1
    assert landda.here("diff", "one", "other", "--at", "2022-06-02T12:00").stdout.count("identical") >= 1
    done = landda.here("diff", "one", "other", "--at", "2022-06-02T01:00")
    assert done.returncode == 3 and "has no checkpoint of 2022-06-02T01:00" in done.stderr


@pytest.mark.verify
def test_an_extension_searches_for_its_observations(tmp_path: Path) -> None:
    """They arrived after the campaign began, and are not late: the campaign in one piece has them, too."""
    root, one, pieces = tmp_path / "data", tmp_path / "one", tmp_path / "pieces"
    for hours in (6, 12, 18):
        write_gldas(root, START + timedelta(hours=hours))
    short = parse_config({**CONFIG, **campaign(root), "time": SHORT})
    assert run_campaign(short, pieces).finished
    for hours in (24, 30, 36):
        write_gldas(root, START + timedelta(hours=hours))
    extend_campaign(pieces, START + timedelta(hours=36), START + timedelta(hours=24))
    taken_up = resume_campaign(pieces, SerialCommunicator())
    assert taken_up.run().finished
    taken_up.folder.unlock()
    assert run_campaign(parse_config({**CONFIG, **campaign(root)}), one).finished
    for name in ("scores.jsonl", "cycles.jsonl", "observations.json"):
        assert (pieces / name).read_bytes() == (one / name).read_bytes(), name
    assert states(pieces) == states(one)


@pytest.mark.verify
@pytest.mark.parametrize("at", [3, 9, 15, 21, 27, 33])
def test_a_branch_that_is_killed_can_be_repeated(
    landda: Landda, whole: Mapping[str, Any], tmp_path: Path, at: int
) -> None:
    arguments = ("branch", whole["path"], landda.folder / "out", "--from", "2022-06-02T12:00")
    if not killed_at(landda, tmp_path, at, *arguments):
        raise AssertionError(f"the command does not touch the folder {at} times")
    done = landda.here(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    done = landda.here("resume", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert states(landda.folder / "out") == states(whole["path"])
