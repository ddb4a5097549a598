"""Campaigns whose model is a separate program: the stand-in of tools/, started by `landda` as CoLM would be."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time as clock
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest
import yaml

from landda_hpc.campaign import run_campaign
from landda_hpc.campaign.branching import branch_campaign
from landda_hpc.campaign.extension import extend_campaign
from landda_hpc.campaign.rewinding import rewind_campaign
from landda_hpc.campaign.start import resume_campaign
from landda_hpc.commands import init
from landda_hpc.commands.colm import verify as verify_case
from landda_hpc.config import CaseConfig, ColmModelConfig, load_config, parse_config
from landda_hpc.errors import ConfigError, LandDAError, StorageError
from landda_hpc.instances.case_checks import model_problems, remarks
from landda_hpc.instances.case_config import starter_config
from landda_hpc.instances.colm_case import open_case
from landda_hpc.instances.domain import make_domain
from landda_hpc.model.colm import perturbed_forcing
from landda_hpc.model.colm.colm202x import window_values
from landda_hpc.model.colm.fingerprint import fingerprint
from landda_hpc.model.colm.namelist import Namelist
from landda_hpc.model.colm.perturbed_forcing import written_period
from landda_hpc.parallel.communicator import SerialCommunicator
from landda_hpc.storage.campaign_folder import CampaignFolder
from landda_hpc.storage.checkpoint import digest, read_header, read_instance
from landda_hpc.storage.colm_restart_set import read_colm_set
from landda_hpc.storage.folder_contents import look_through
from landda_hpc.storage.retention import latest_valid
from landda_hpc.storage.series_files import list_series, read_day, series_folder
from tests.campaign.conftest import Landda, wait_for_cycle
from tests.unit.model.colm_cases import STAND_IN, make_synthetic

LAUNCH = f"{sys.executable} {{exe}} {{namelist}}"


@pytest.fixture(scope="session")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a synthetic case."""
    return make_synthetic(tmp_path_factory.mktemp("synthetic")).parent


def raw_config(folder: Path, **changes: Any) -> dict[str, Any]:
    config: dict[str, Any] = {
        "name": "outside",
        "data_root": str(folder),
        "time": {"start": "2010-06-01T00:00", "assimilation_end": "2010-06-01T12:00", "end": "2010-06-01T12:00"},
        "grid": {"kind": "case"},
        "case": {"namelist": "case.nml"},
        "model": {"kind": "colm", "executable": str(STAND_IN), "launch": LAUNCH, "side_by_side": 2},
        "twin": {"wetness_sigma": 0.1},
        "observations": {"kind": "twin", "error_std": 0.03, "missing_fraction": 0.1},
        "runs": [
            {"method": "control"},
            {"method": "enkf_like", "members": 5},
        ],
        "checkpoint": {"every_hours": 6, "keep_last": 3},
        "output": {"every_hours": 6, "figures": False},
    }
    for key, value in changes.items():
        config[key] = (config.get(key) or {}) | value if isinstance(value, dict) else value
    return config


def write(landda: Landda, folder: Path, **changes: Any) -> Path:
    path = landda.folder / "outside.yaml"
    path.write_text(yaml.safe_dump(raw_config(folder, **changes)), encoding="utf-8")
    return path


def still(environment: dict[str, str] | None = None, **changes: Any) -> dict[str, Any]:
    """Section of a model that steps nothing: processes and files alone."""
    return {"environment": {"LANDDA_STAND_IN_STILL": "1"} | (environment or {}), **changes}


def chain(output: Path, run: str) -> dict[str, dict[str, str]]:
    """Hashes of all restarts of a run."""
    folder = output / "models" / run / "restart"
    return {t.name: {p.name: fingerprint(p) for p in sorted(t.iterdir())} for t in sorted(folder.iterdir())}


@pytest.fixture(scope="session")
def reference(synthetic: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The campaign on one rank, its model not computing anything."""
    path = tmp_path_factory.mktemp("reference") / "out"
    assert run_campaign(parse_config(raw_config(synthetic, model=still())), path).finished
    newest = latest_valid(path / "checkpoints")
    assert newest is not None
    return {"path": path, "digest": digest(newest)}


def assert_same(out: Path, reference: dict[str, Any]) -> None:
    newest = latest_valid(out / "checkpoints")
    assert newest is not None and digest(newest) == reference["digest"]
    for name in ("scores.jsonl", "cycles.jsonl"):
        assert (out / name).read_bytes() == (reference["path"] / name).read_bytes()
    for run in ("nature", "control", "enkf_like"):
        assert chain(out, run) == chain(reference["path"], run)


def test_zero_increments_leave_every_bit_to_the_model(tmp_path: Path, synthetic: Path) -> None:
    runs = [{"method": "control"}, {"method": "pointwise", "name": "nothing", "gain": 0.0}]
    raw = raw_config(synthetic, model=still(), runs=runs)
    assert run_campaign(parse_config(raw), tmp_path / "out").finished
    assert chain(tmp_path / "out", "control") == chain(tmp_path / "out", "nothing")


@pytest.mark.verify
def test_records_within_a_cycle_change_no_bit(tmp_path: Path, synthetic: Path) -> None:
    """The model runs in windows of three hours then; the stand-in computes."""
    found = {}
    for name, series in (("none", None), ("within", {"every_hours": 3})):
        out = tmp_path / name
        raw = raw_config(synthetic, output={"series": series}, checkpoint={"keep_last": 9})
        assert run_campaign(parse_config(raw), out).finished
        newest = latest_valid(out / "checkpoints")
        assert newest is not None
        found[name] = digest(newest), *((out / f"{kind}.jsonl").read_bytes() for kind in ("scores", "cycles"))
    assert found["none"] == found["within"]
    kept = chain(tmp_path / "within", "control")
    assert all(hashes == kept[label] for label, hashes in chain(tmp_path / "none", "control").items())
    (day,) = list_series(series_folder(tmp_path / "within"))["control"].values()
    assert [time.hour for time in read_day(day).slices] == [3, 6, 9, 12]


def test_a_twin_with_a_model_outside(tmp_path: Path, synthetic: Path) -> None:
    """The embedded model, in separate processes, under the case's weather."""
    raw = raw_config(
        synthetic, twin={"wetness_sigma": 0.1, "log_rain_sigma": 0.3},
        time={"assimilation_end": "2010-06-01T06:00", "end": "2010-06-01T06:00"},
        observations={"missing_fraction": 0.0}, runs=[{"method": "control"}, {"method": "pointwise"}],
        model={"keep_history": True, "keep_restarts": 1},
        checkpoint={"every_hours": 6, "restarts": True, "keep_last": 1},
    )  # fmt: skip
    out, label = tmp_path / "out", "2010-152-21600"
    assert run_campaign(parse_config(raw), out).finished
    scores = [json.loads(line) for line in (out / "scores.jsonl").read_text().splitlines()]
    rms = {
        s["run"]: s["rmse"]
        for s in scores
        if s["layer"] == "0-10 cm" and s["reference"] == "truth" and s["stage"] != "background"
    }
    assert rms["pointwise"] < 0.8 * rms["control"]
    # The restarts of the one checkpoint that is kept are left, and the history of the window.
    assert list(chain(out, "control")) == [label]
    assert [p.name for p in (out / "models" / "pointwise" / "history").iterdir()] == ["2010-152-00000"]
    # The nature run has different rain; the others share the case's.
    assert (out / "models" / "nature" / "forcing.nml").is_file()
    assert not (out / "models" / "control" / "forcing.nml").exists()
    # Analysed restarts: nothing but soil water and what follows from it differs from what the model wrote.
    for path in sorted((out / "models" / "control" / "restart" / label).iterdir()):
        assert (out / "restart" / label / "control" / path.name).read_bytes() == path.read_bytes()
    differ = set()
    for path in sorted((out / "models" / "pointwise" / "restart" / label).iterdir()):
        assert path.suffix == ".nc"
        analysis = out / "restart" / label / "pointwise" / path.name
        with netCDF4.Dataset(analysis) as analysed, netCDF4.Dataset(path) as plain:
            differ |= {n for n in plain.variables if not np.array_equal(analysed[n][:], plain[n][:])}
    assert differ == {"wliq_soisno", "smp", "hk"}
    # Every file is known as ours, so that --overwrite takes them all, and nothing of the case behind the links.
    assert look_through(out).unknown == ()
    case = {path: path.stat().st_mtime_ns for path in synthetic.rglob("*") if path.is_file()}
    CampaignFolder.create(out, "", overwrite=True).unlock()
    assert not (out / "models").exists()
    assert {path: path.stat().st_mtime_ns for path in synthetic.rglob("*") if path.is_file()} == case


KINDS = ("pft", "urban", "bgc", "gridriver")


@pytest.fixture(scope="session")
def many_kinds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a synthetic case whose restarts have every kind of file."""
    return make_synthetic(tmp_path_factory.mktemp("kinds"), *KINDS).parent


@pytest.mark.verify
def test_every_kind_of_file_is_in_a_set_of_restarts(tmp_path: Path, many_kinds: Path) -> None:
    """A case with plant functional types, urban tiles, biogeochemistry and rivers: the set of restarts is complete."""
    notes = many_kinds / "synthetic" / "restart" / "2010-152-00000" / "notes.txt"
    notes.write_text("written by hand")
    times = {"assimilation_end": "2010-06-01T06:00", "end": "2010-06-01T06:00"}
    raw = raw_config(
        many_kinds, model=still(), time=times, runs=[{"method": "control"}, {"method": "pointwise"}],
        checkpoint={"every_hours": 6, "restarts": True},
    )  # fmt: skip
    out = tmp_path / "out"
    assert run_campaign(parse_config(raw), out).finished
    for label, kinds in (("2010-152-00000", 18), ("2010-152-21600", 17)):
        for run in ("nature", "control", "pointwise"):
            chained, folder = out / "models" / run / "restart" / label, out / "restart" / label / run
            listed = read_colm_set(folder)
            assert set(listed.files) == {path.name for path in chained.iterdir()} and len(listed.files) == kinds
            for path in chained.iterdir():
                same = (folder / path.name).read_bytes() == path.read_bytes()
                assert same or (run != "control" and re.search(r"restart_2010-.*_[ew]\d{3}_[ns]\d{2}\.nc", path.name))
    assert look_through(out).unknown == ()
    # The model continues from the set: with every file, in the place of the case's own restart.
    member = tmp_path / "forecast"
    for name in ("landdata", "restart/const"):
        shutil.copytree(many_kinds / "synthetic" / name, member / "synthetic" / name)
    target = member / "synthetic" / "restart" / "2010-152-21600"
    shutil.copytree(out / "restart" / "2010-152-21600" / "pointwise", target)
    namelist = Namelist((many_kinds / "case.nml").read_text())
    begin = datetime(2010, 6, 1, 6)
    values = window_values(begin, begin + timedelta(hours=6)) | {"DEF_dir_output": str(member)}
    (member / "case.nml").write_text(namelist.with_values(values).text)
    command = [sys.executable, str(STAND_IN), "case.nml"]
    environment = os.environ | {"LANDDA_STAND_IN_STILL": "1"}
    done = subprocess.run(command, cwd=member, capture_output=True, text=True, env=environment, timeout=120, check=True)
    assert "Completed" in done.stdout
    assert len(list((member / "synthetic" / "restart" / "2010-152-43200").iterdir())) == 17
    # Without one of them it does not, and the set says so.
    verify_case(out / "restart" / "2010-152-21600" / "pointwise")
    lost = next((out / "restart" / "2010-152-21600" / "pointwise").glob("*_pft_*"))
    (target / lost.name).unlink()
    done = subprocess.run(command, cwd=member, capture_output=True, text=True, env=environment, timeout=120, check=True)
    assert "Completed" not in done.stdout and lost.name in done.stdout
    lost.unlink()
    with pytest.raises(StorageError, match=f"{lost.name}: missing"):
        verify_case(lost.parent)


def test_an_incomplete_restart_of_the_start_is_refused(tmp_path: Path, many_kinds: Path) -> None:
    shutil.copytree(many_kinds, tmp_path / "case")
    next((tmp_path / "case" / "synthetic" / "restart" / "2010-152-00000").glob("*_urban_*")).unlink()
    namelist = tmp_path / "case" / "case.nml"
    namelist.write_text(namelist.read_text().replace(str(many_kinds), str(tmp_path / "case")))
    with pytest.raises(LandDAError, match=r"lacks 1 file .*_urban_2010-152-00000"):
        run_campaign(parse_config(raw_config(tmp_path / "case", model=still())), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.verify
@pytest.mark.parametrize(("ranks", "groups"), [(3, 2), (4, 1)])
def test_ranks_and_groups_change_no_bit(
    landda: Landda, synthetic: Path, reference: dict[str, Any], ranks: int, groups: int
) -> None:
    """The model is under a separate launcher, inside ours."""
    launcher = os.environ.get("MPIRUN") or shutil.which("mpirun")
    launch = f"{launcher} -n 2 {sys.executable} {{exe}} {{namelist}}"
    file = write(landda, synthetic, model=still(launch=launch), parallel={"member_groups": groups})
    done = landda(ranks, "run", file, "-o", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert_same(landda.folder / "out", reference)
    logs = sorted((landda.folder / "out" / "models" / "control" / "logs").iterdir())
    assert "2 ranks" in logs[-1].read_text()


@pytest.mark.verify
def test_kill_nine_in_the_middle_of_a_window(landda: Landda, synthetic: Path, reference: dict[str, Any]) -> None:
    slow = {"LANDDA_STAND_IN_FAULT": "slow", "LANDDA_STAND_IN_AT": "2010-152-21600"}
    process = landda.popen(1, "run", write(landda, synthetic, model=still(slow)), "-o", "out")
    wait_for_cycle(landda.folder / "out", 1, process.poll)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=30)
    done = landda(2, "resume", "out", "--set", "model.environment.LANDDA_STAND_IN_FAULT=none")
    assert done.returncode == 0, done.stdout + done.stderr
    assert_same(landda.folder / "out", reference)
    assert not any((landda.folder / "out" / "models" / "control" / "work").iterdir())


@pytest.mark.verify
def test_a_model_that_fails_twice_stops_the_campaign_and_a_resume_goes_on(
    landda: Landda, synthetic: Path, reference: dict[str, Any]
) -> None:
    bad = {
        "LANDDA_STAND_IN_FAULT": "nan", "LANDDA_STAND_IN_AT": "2010-152-21600", "LANDDA_STAND_IN_RUN": "enkf_like",
    }  # fmt: skip
    done = landda(2, "run", write(landda, synthetic, model=still(bad)), "-o", "out")
    assert done.returncode == 2
    for words in (
        "run 'enkf_like'",
        "failed 2 times",
        "is not a number",
        "models/enkf_like/logs/2010-152-21600.try2.log",
    ):
        assert words in done.stderr, done.stderr
    out = landda.folder / "out"
    assert CampaignFolder(out).standing() == "failed"
    campaign = resume_campaign(out, SerialCommunicator(), {"model.environment.LANDDA_STAND_IN_FAULT": "none"})
    assert campaign.cycle == 1 and campaign.run().finished
    campaign.folder.unlock()
    assert_same(out, reference)


@pytest.mark.verify
def test_a_member_that_fails_takes_the_state_of_the_next(landda: Landda, synthetic: Path) -> None:
    """Of six members one fails at each try of one window; the campaign goes on, and says so."""
    bad = {"LANDDA_STAND_IN_FAULT": "nan", "LANDDA_STAND_IN_AT": "2010-152-21600", "LANDDA_STAND_IN_RUN": "e_006"}
    ensemble = {"members": 6, "wetness_sigma": 0.05, "forcing": None}
    runs = [{"method": "curvelet_ensrf", "name": "e", "ensemble": ensemble}]
    done = landda(2, "run", write(landda, synthetic, model=still(bad), runs=runs), "-o", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "member e_006 continues from the state of e_001" in done.stderr
    assert "failed 2 times" in done.stderr and "models/e_006/logs/2010-152-21600.try2.log" in done.stderr
    records = [json.loads(line) for line in (landda.folder / "out" / "ensembles.jsonl").read_text().splitlines()]
    assert {r["members"] for r in records} == {6}


@pytest.mark.verify
def test_a_checkpoint_whose_restarts_are_damaged_is_skipped(
    tmp_path: Path, reference: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "out"
    shutil.copytree(reference["path"], out)
    restarts = out / "models" / "enkf_like" / "restart" / "2010-152-43200"
    with netCDF4.Dataset(sorted(restarts.iterdir())[0], "r+") as file:
        file["lai"][0] = 7.0
    campaign = resume_campaign(out, SerialCommunicator())
    assert campaign.cycle == 1 and campaign.run().finished
    campaign.folder.unlock()
    assert "skipping a checkpoint" in caplog.text and "differs from its hash" in caplog.text
    assert_same(out, reference)


@pytest.mark.verify
def test_a_rewound_or_extended_campaign_ends_like_one_in_one_piece(
    tmp_path: Path, synthetic: Path, reference: dict[str, Any]
) -> None:
    """The restarts that belong to the dropped checkpoints move with them."""
    out, six, twelve = tmp_path / "out", datetime(2010, 6, 1, 6), datetime(2010, 6, 1, 12)
    shutil.copytree(reference["path"], out)
    done = rewind_campaign(out, six)
    assert done.kept_in is not None
    for run in ("nature", "control", "enkf_like"):
        assert "2010-152-43200" not in chain(out, run)
        assert (done.kept_in / "models" / run / "restart" / "2010-152-43200").is_dir()
    short = tmp_path / "short"
    raw = raw_config(synthetic, model=still(), time={"assimilation_end": six.isoformat(), "end": six.isoformat()})
    assert run_campaign(parse_config(raw), short).finished
    extend_campaign(short, twelve)
    for output in (out, short):
        campaign = resume_campaign(output, SerialCommunicator())
        assert campaign.cycle == 1 and campaign.run().finished
        campaign.folder.unlock()
        assert_same(output, reference)


PERTURBED = {"members": 3, "wetness_sigma": 0.05, "log_rain_sigma": 0.4, "forcing": {"precipitation_std": 0.3}}


@pytest.fixture(scope="session")
def perturbed(synthetic: Path) -> dict[str, Any]:
    """A campaign whose nature run and members have perturbed weather."""
    return raw_config(
        synthetic, twin={"wetness_sigma": 0.1, "log_rain_sigma": 0.3},
        runs=[{"method": "control"}, {"method": "pointwise", "name": "e", "ensemble": PERTURBED}],
    )  # fmt: skip


@pytest.fixture(scope="session")
def whole(perturbed: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That campaign in one piece."""
    path = tmp_path_factory.mktemp("whole") / "out"
    assert run_campaign(parse_config(perturbed), path).finished
    return path


def states(output: Path) -> dict[str, Any]:
    """The last state of every instance, and the restarts at that time."""
    path = latest_valid(output / "checkpoints")
    assert path is not None
    header = read_header(path)
    found = {name: read_instance(path, name, slice(0, header.n_tiles)) for name in header.instances}
    arrays = {f"{name}.{v}": state[v].tobytes() for name, state in found.items() for v in state.names}
    return arrays | {name: chain(output, name)["2010-152-43200"] for name in header.instances}


@pytest.mark.verify
@pytest.mark.parametrize("killed", [False, True])
def test_an_extension_writes_the_forcing_of_its_period(
    tmp_path: Path, perturbed: dict[str, Any], whole: Path, killed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A resume that is killed while it writes the forcing begins that again."""
    six, out = datetime(2010, 6, 1, 6), tmp_path / "out"
    short = perturbed | {
        "time": {"start": "2010-06-01T00:00", "assimilation_end": six.isoformat(), "end": six.isoformat()}
    }
    assert run_campaign(parse_config(short), out).finished
    extend_campaign(out, datetime(2010, 6, 1, 12))
    if killed:
        with monkeypatch.context() as patch, pytest.raises(LandDAError, match="killed"):
            patch.setattr(perturbed_forcing, "_change_records", stop)
            resume_campaign(out, SerialCommunicator())
        assert written_period(out / "models" / "nature") is None  # the first that is written
    campaign = resume_campaign(out, SerialCommunicator())
    assert campaign.cycle == 1 and campaign.run().finished
    campaign.folder.unlock()
    assert written_period(out / "models" / "e_001") == (datetime(2010, 6, 1), datetime(2010, 6, 1, 12))
    assert states(out) == states(whole)
    for name in ("scores.jsonl", "cycles.jsonl", "ensembles.jsonl"):
        assert (out / name).read_bytes() == (whole / name).read_bytes(), name
    for run in ("nature", "e_001"):
        files = sorted(p.relative_to(whole) for p in (whole / "models" / run / "forcing").rglob("*.nc"))
        for file in files:
            assert fingerprint(out / file) == fingerprint(whole / file), file


def stop(*_: Any) -> None:
    raise StorageError("killed")


@pytest.mark.verify  # test_colm2014.py has the same on one rank
@pytest.mark.parametrize("ranks", [1, 3])
def test_a_branch_begins_from_the_restarts_of_its_checkpoint(
    landda: Landda, synthetic: Path, reference: dict[str, Any], ranks: int
) -> None:
    """It has the states of its parent, whose restarts it no longer needs."""
    parent, new, six = landda.folder / "parent", landda.folder / "new", datetime(2010, 6, 1, 6)
    shutil.copytree(reference["path"], parent)
    done = branch_campaign(parent, new, six, {})
    assert not done.changed
    shutil.rmtree(parent)
    assert landda.here("status", "new", "--state").stdout.strip() == "branched"
    done = landda(ranks, "resume", "new", timeout=1200)
    assert done.returncode == 0, done.stdout + done.stderr
    assert states(new) == states(reference["path"])
    assert look_through(new).unknown == ()


@pytest.mark.verify
def test_a_branch_with_members_and_a_kill(landda: Landda, whole: Path) -> None:
    """Members of a new run begin from the control; a start that was killed is repeated; the parent can do all this."""
    six, new = datetime(2010, 6, 1, 6), landda.folder / "new"
    branch_campaign(whole, new, six, {})
    slow = {"LANDDA_STAND_IN_FAULT": "slow", "LANDDA_STAND_IN_AT": "2010-152-21600"}
    process = landda.popen(1, "resume", "new", "--set", f"model.environment={slow}")
    deadline = clock.monotonic() + 240
    while not any((new / "checkpoints").iterdir()) and process.poll() is None and clock.monotonic() < deadline:
        clock.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=30)
    done = landda(2, "resume", "new", "--set", "model.environment={}", timeout=1200)
    assert done.returncode == 0, done.stdout + done.stderr
    assert states(new) == states(whole)
    ensemble = "{members: 2, log_rain_sigma: 0.4, forcing: null}"
    runs = f"[{{method: control}}, {{method: pointwise, name: other, ensemble: {ensemble}}}]"
    done = landda(1, "branch", whole, "others", "--from", six.isoformat(), "--set", f"runs={runs}", timeout=1200)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {p.name for p in (landda.folder / "others" / "branched_from").iterdir()} == {"nature", "control"}
    assert landda(1, "resume", "others", timeout=1200).returncode == 0
    chains = [chain(landda.folder / "others", name)["2010-152-21600"] for name in ("control", "other_001")]
    assert chains[0] == chains[1] == chain(whole, "control")["2010-152-21600"]


@pytest.mark.verify
def test_branches_that_are_refused(tmp_path: Path, reference: dict[str, Any]) -> None:
    parent, six = tmp_path / "parent", datetime(2010, 6, 1, 6)
    shutil.copytree(reference["path"], parent)
    restarts = parent / "models" / "enkf_like" / "restart" / "2010-152-21600"
    with netCDF4.Dataset(sorted(restarts.iterdir())[0], "r+") as file:
        file["lai"][0] = 7.0
    with pytest.raises(StorageError, match="differs from its hash in"):
        branch_campaign(parent, tmp_path / "new", six, {})
    shutil.rmtree(restarts)
    with pytest.raises(ConfigError, match=r"'enkf_like': \d+ of the restarts of .* are missing"):
        branch_campaign(parent, tmp_path / "other", six, {})
    assert not (tmp_path / "other").exists()
    # Without the run whose restarts are damaged it can begin, in the folder of the first attempt.
    assert branch_campaign(parent, tmp_path / "new", six, {"runs": [{"method": "control"}]}).changed == ("runs",)


@pytest.mark.verify
def test_a_resume_from_far_back_keeps_what_its_windows_start_from(tmp_path: Path, synthetic: Path) -> None:
    """Restarts of later times, of before the resume, are not the newest ones: they must not displace those needed."""
    times = {"assimilation_end": "2010-06-01T06:00", "end": "2010-06-02T12:00"}
    raw = raw_config(
        synthetic, model=still(), time=times, runs=[{"method": "control"}],
        checkpoint={"every_hours": 18, "restarts": True},
    )  # fmt: skip
    out = tmp_path / "out"
    assert run_campaign(parse_config(raw), out).finished
    newest = latest_valid(out / "checkpoints")
    assert newest is not None
    before = digest(newest)
    restart_sets = sorted(folder.name for folder in (out / "restart").iterdir())
    newest.write_bytes(newest.read_bytes()[:-1000])
    campaign = resume_campaign(out, SerialCommunicator())
    assert campaign.cycle == 3 and campaign.run().finished
    campaign.folder.unlock()
    assert digest(newest) == before
    assert sorted(folder.name for folder in (out / "restart").iterdir()) == restart_sets
    assert len(restart_sets) == 3
    for folder in (out / "restart").glob("*/*"):
        read_colm_set(folder)


@pytest.mark.verify
def test_members_are_perturbed_by_their_number(tmp_path: Path, synthetic: Path) -> None:
    ensemble = {"members": 3, "wetness_sigma": 0.05, "log_rain_sigma": 0.4, "forcing": {"precipitation_std": 0.0}}
    runs = [{"method": "control", "name": "free", "ensemble": ensemble}]
    times = {"assimilation_end": "2010-06-01T06:00", "end": "2010-06-01T06:00"}
    config = parse_config(raw_config(synthetic, runs=runs, time=times, model=still()))
    assert run_campaign(config, tmp_path / "out").finished
    out = tmp_path / "out" / "models"
    assert sorted(p.name for p in out.iterdir()) == ["free_001", "free_002", "free_003", "nature"]

    def read(folder: Path, name: str, file: str = "TPHWL/f.TPQWL.") -> np.ndarray:
        with netCDF4.Dataset(folder / "forcing" / f"{file}2010-06.nc") as found:
            return np.asarray(found[name][:16], dtype=np.float64)  # of two days; later records are never read

    water, factors, warming = [], [], []
    case = {"rain": read(synthetic, "PRECTmms", "Precip/f.Prec."), "sun": read(synthetic, "FSDS", "Solar/f.Solr.")}
    rains, shines = case["rain"] > 0.0, case["sun"] > 100.0
    for number in (1, 2, 3):
        run = out / f"free_{number:03d}"
        block = sorted((run / "restart" / "2010-152-21600").iterdir())[0]
        with netCDF4.Dataset(block) as file:
            water.append(np.asarray(file["wliq_soisno"][:]))
        factors.append((read(run, "PRECTmms", "Precip/f.Prec.")[rains] / case["rain"][rains]).mean())
        light = np.log(read(run, "FSDS", "Solar/f.Solr.")[shines] / case["sun"][shines])
        warming.append(read(run, "TBOT") - read(synthetic, "TBOT"))
        longwave = read(run, "FLDS") - read(synthetic, "FLDS")
        assert 0.01 < light.std() < 1.0 and 0.1 < warming[-1].std() < 3.0 and 2.0 < longwave.std() < 60.0
        assert np.array_equal(read(run, "QBOT"), read(synthetic, "QBOT"))
        assert (run / "forcing" / "Solar" / "f.Solr.2010-05.nc").is_symlink()
    for drawn in (water, warming):
        assert not np.array_equal(drawn[0], drawn[1]) and not np.array_equal(drawn[1], drawn[2])
    assert (np.abs(np.log(factors)) > 1e-3).all() and len(set(factors)) == 3 and (np.abs(np.log(factors)) < 2.0).all()


def test_the_embedded_model_on_a_cases_domain(tmp_path: Path, synthetic: Path) -> None:
    raw = raw_config(synthetic, twin={"weather_correlation": 0.5, "sand_sigma": 10.0, "wetness_sigma": 0.1})
    config = parse_config(raw | {"model": {"kind": "column", "spinup_days": 0}})
    assert run_campaign(config, tmp_path / "out").finished
    assert not (tmp_path / "out" / "models").exists()
    domain, case = make_domain(config, 1), make_domain(parse_config(raw_config(synthetic)), 1)
    assert domain.grid.shape == (17, 17) and np.array_equal(domain.tiles.cell, case.tiles.cell)
    soil = domain.tiles.is_updatable
    assert np.array_equal(domain.tiles.porsl[soil], case.tiles.porsl[soil])
    assert (domain.tiles.root_fraction[soil].sum(axis=1) > 0.99).all()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"time": {"start": "2010-06-02T00:00", "assimilation_end": "2010-06-02T12:00", "end": "2010-06-02T18:00"}},
         "it has 2010-152-00000"),
        ({"model": {"executable": "no/such/colm.x"}}, "no/such/colm.x' does not exist"),
        ({"model": {"executable": "case.nml"}}, "is not executable"),
        ({"model": {"launch": "{exe} {namelist} {nods}"}}, "exe, namelist, nodes and slot"),
        ({"model": {"nodes": ["a", "b"]}}, "used together"),
        ({"case": {"namelist": "other.nml"}}, "other.nml' does not exist"),
        ({"case": {"folder": "elsewhere"}}, "A CoLM case is"),
        ({"twin": {"sand_sigma": 3.0}}, "twin.sand_sigma"),
        ({"grid": {"n_lat": 64}}, "a case has its own grid"),
        ({"forcing": {"step_hours": 6}}, "section forcing, which is for the embedded model"),
        ({"case": None}, "needs the section 'case'"),
    ],
)  # fmt: skip
def test_what_cannot_run_is_told_before(tmp_path: Path, synthetic: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(LandDAError, match=re.escape(words)):
        run_campaign(parse_config(raw_config(synthetic, **changes)), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def edited(synthetic: Path, folder: Path, *changes: tuple[str, str], forcing: tuple[tuple[str, str], ...] = ()) -> Path:
    """A folder with other namelists for the same case; changes are pairs of old and new text."""
    folder.mkdir()
    for name, edits in (("case.nml", changes), ("forcing.nml", forcing)):
        text = (synthetic / name).read_text().replace(f"{synthetic}/forcing.nml", f"{folder}/forcing.nml")
        for old, new in edits:
            assert old in text
            text = text.replace(old, new)
        (folder / name).write_text(text)
    return folder


END = "DEF_LC_YEAR"
PERIOD = {"start": "2010-06-01T00:00", "assimilation_end": "2010-07-02T00:00", "end": "2010-07-02T00:00"}


@pytest.mark.parametrize(
    ("changes", "forcing", "config", "words"),
    [
        ([(END, "DEF_CaMa_Namelist = '/x/cama.nml'\n DEF_LC_YEAR")], [], {}, "names DEF_CaMa_Namelist = '/x/cama.nml'"),
        ([(END, "DEF_LULCC_SCHEME = 2\n DEF_LC_YEAR")], [], {}, "has DEF_LULCC_SCHEME: with LULCC the patches change"),
        ([(END, "DEF_DA_SM = T\n DEF_LC_YEAR")], [], {}, "CoLM's own assimilation"),
        ([(END, "DEF_dir_restart = '/x'\n DEF_LC_YEAR")], [], {}, "DEF_dir_restart: CoLM202X derives these folders"),
        ([(END, "DEF_HIST_vars_namelist = 'hist.nml'\n DEF_LC_YEAR")], [], {}, "'hist.nml' is a relative path"),
        ([("= 1800.", "= 7200.")], [], {}, "time step of 7200 s; CoLM takes whole seconds up to 3600 s"),
        ([("= 1800.", "= -1800.")], [], {}, "time step of -1800 s"),
        ([("= 1800.", "= 0.")], [], {}, "time step of 0 s"),
        ([("= 1800.", "= 1700.")], [], {}, "time step of 1700 s does not divide the window of 6 h"),
        ([(END, "DEF_simulation_time = T, 2010\n DEF_LC_YEAR")], [], {}, "as a whole"),
        ([(END, "DEF_GRIDBASED_ROUTING_MAX_DT = 14400. DEF_UnitCatchment_file = '/x.nc'\n DEF_LC_YEAR")], [], {},
         "runoff every 14400 s"),
        ([("forcing.nml'", "other.nml'")], [], {}, "other.nml' does not exist"),
        ([], [("DEF_dir_forcing  = '", "DEF_dir_forcing  = 'x")], {}, "expected an absolute path, or one that"),
        ([], [("endmo      = 6", "endmo = 5")], {}, "the forcing ends in 2010-05"),
        ([], [("startmo    = 5", "startmo = 7")], {}, "the forcing begins in 2010-07"),
        ([], [("endyr      = 2010", "endyr = 2009")], {}, "the forcing ends in 2009-06"),
        ([], [("endmo      = 6", "endmo = 7")], {"time": PERIOD}, "f.TPQWL.2010-07.nc"),
        ([], [("Precip/f.Prec.", "Precip/other.")], {}, "1 file that the model opens"),
        ([], [], {"model": {"launch": "no-such-launcher {exe} {namelist}"}}, "no program 'no-such-launcher'"),
    ],
)  # fmt: skip
def test_what_would_stop_the_model_is_reported_before(
    tmp_path: Path, synthetic: Path, changes: list[Any], forcing: list[Any], config: dict[str, Any], words: str
) -> None:
    folder = edited(synthetic, tmp_path / "case", *changes, forcing=tuple(forcing))
    with pytest.raises(LandDAError, match=re.escape(words)):
        run_campaign(parse_config(raw_config(folder, **config)), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_builds_that_cannot_be_used_are_refused_by_what_the_program_says(tmp_path: Path, synthetic: Path) -> None:
    """A program with LULCC is refused; one without it may have its key in the namelist."""
    folder = edited(synthetic, tmp_path / "case", (END, "DEF_LULCC_SCHEME = 1\n DEF_LC_YEAR"))
    program = tmp_path / "colm.x"
    program.write_bytes(b"\x7fELF CoLM Execution Completed")
    assert "kind: colm" in starter_config(folder / "case.nml", program)
    program.write_bytes(b"\x7fELF CoLM Execution Completed. The LULCC data is provided for years 2000 to 2020")
    with pytest.raises(ConfigError, match="is built with LULCC"):
        starter_config(folder / "case.nml", program)
    with pytest.raises(ConfigError, match="has DEF_LULCC_SCHEME"):
        starter_config(folder / "case.nml")
    cama = edited(synthetic, tmp_path / "cama", (END, "DEF_CaMa_Namelist = 'cama.nml'\n DEF_LC_YEAR"))
    with pytest.raises(ConfigError, match="CaMa-Flood"):
        starter_config(cama / "case.nml")


def test_init_begins_where_the_weather_allows_it(tmp_path: Path, synthetic: Path) -> None:
    shutil.copytree(synthetic, tmp_path / "case")
    text = (tmp_path / "case" / "case.nml").read_text().replace(str(synthetic), str(tmp_path / "case"))
    (tmp_path / "case" / "case.nml").write_text(text)
    restarts = tmp_path / "case" / "synthetic" / "restart"
    for label in ("2010-153-00000", "2010-180-00000", "2010-160-01800"):
        (restarts / label).mkdir()
    assert "start: 2010-06-02T00:00:00" in starter_config(tmp_path / "case" / "case.nml")


def test_leaf_area_must_be_there_for_every_month_that_is_entered(tmp_path: Path, synthetic: Path) -> None:
    shutil.copytree(synthetic, tmp_path / "case")
    folder = tmp_path / "case"
    for name in ("case.nml", "forcing.nml"):
        text = (folder / name).read_text().replace(str(synthetic), str(folder))
        (folder / name).write_text(text.replace("endmo      = 6", "endmo      = 7"))
    for path in list((folder / "forcing").rglob("*2010-06.nc")):
        shutil.copyfile(path, path.with_name(path.name.replace("-06", "-07")))
    leaf_area = folder / "synthetic" / "landdata" / "LAI" / "2010"
    leaf_area.mkdir(parents=True)
    (leaf_area / "LAI_patches06_e110_n35.nc").touch()
    (leaf_area / "LAI_patches05_w070_n35.nc").touch()  # 07 is in its block, not its month
    config = parse_config(raw_config(folder, time=PERIOD))
    case = open_case(CaseConfig(namelist=Path("case.nml")), folder)
    assert isinstance(config.model, ColmModelConfig)
    (problem,) = model_problems(config.time, config.data_root, config.model, case, begins=True)
    assert "no leaf area of 1 of the months" in problem and "2010/LAI_*07_*.nc" in problem
    (leaf_area / "LAI_pfts07_e110_n35.nc").touch()
    assert model_problems(config.time, config.data_root, config.model, case, begins=True) == []


def test_a_history_that_is_longer_than_a_window_is_remarked(tmp_path: Path, synthetic: Path) -> None:
    for frequency, words in (("DAILY", "longer|exceeds"), ("HOURLY", ""), ("none", "no history to keep")):
        folder = edited(synthetic, tmp_path / frequency, (END, f"DEF_HIST_FREQ = '{frequency}'\n DEF_LC_YEAR"))
        config = parse_config(raw_config(folder, model={"keep_history": True}))
        assert isinstance(config.model, ColmModelConfig)
        found = remarks(config.time.cycle_hours, config.model, open_case(CaseConfig(namelist=Path("case.nml")), folder))
        assert len(found) == bool(words) and all(re.search(words, remark) for remark in found)


@pytest.mark.verify
def test_relative_paths_work_from_the_first_window_on(
    landda: Landda, synthetic: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names without a slash everywhere: the namelist, its output, its forcing, the forcing's files, the config."""
    folder = landda.folder / "case"
    shutil.copytree(synthetic, folder)
    for name in ("case.nml", "forcing.nml"):
        text = (folder / name).read_bytes().decode()
        for absolute, relative in ((f"{synthetic}/forcing.nml", "forcing.nml"), (f"{synthetic}/forcing", "forcing")):
            text = text.replace(f"'{absolute}'", f"'{relative}'")
        # A comment in another encoding is not for us to understand.
        (folder / name).write_bytes(text.replace(f"'{synthetic}'", "'.'").encode() + b"! \xb2\xe2\n")
    assert str(synthetic) not in (folder / "case.nml").read_text(errors="replace")
    monkeypatch.chdir(folder)
    text = starter_config(Path("case.nml"), Path(os.path.relpath(STAND_IN)))
    (folder / "c.yaml").write_text(text)
    raw = raw_config(folder, model=still(), runs=[{"method": "control"}]) | {"data_root": "."}
    raw["time"]["assimilation_end"] = raw["time"]["end"] = "2010-06-01T06:00"
    (folder / "own.yaml").write_text(yaml.safe_dump(raw))
    how = {"model.launch": LAUNCH, "model.environment": {"LANDDA_STAND_IN_STILL": "1"}, "output.figures": False}
    short = {
        "time.assimilation_end": "2010-06-01T06:00",
        "time.end": "2010-06-01T06:00",
        "runs": [{"method": "control"}],
    }
    for name, changes in (("c.yaml", how | short), ("own.yaml", {})):
        assert run_campaign(load_config(Path(name), changes), folder / f"out_{name}").finished
        run = folder / f"out_{name}" / "models" / "control"
        assert "Completed" in (run / "logs" / "2010-152-00000.try1.log").read_text()
        assert f"'{folder}/forcing'" in (run / "forcing.nml").read_text(errors="replace")


@pytest.mark.verify
def test_init_writes_a_configuration_that_runs(landda: Landda, synthetic: Path) -> None:
    file = landda.folder / "first.yaml"
    done = landda(1, "init", "--from-colm", synthetic / "case.nml", "--exe", STAND_IN, "-o", file)
    assert done.returncode == 0, done.stderr
    text = file.read_text()
    assert "32 patches" in text and "start: 2010-06-01T00:00:00" in text and "# a first" not in text
    short = {"time.assimilation_end": "2010-06-01T06:00", "time.end": "2010-06-01T06:00", "output.figures": False}
    how = {"model.launch": LAUNCH, "model.environment": {"LANDDA_STAND_IN_STILL": "1"}}
    config = load_config(file, {**short, **how, "runs": [{"method": "control"}]})
    assert run_campaign(config, landda.folder / "out").finished
    with pytest.raises(ConfigError, match="exists"):
        init.command(from_colm=synthetic / "case.nml", output=file)
