"""Campaigns with CoLM2014: its stand-in of tools/, started by `landda` as the program would be."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import yaml

from landda_hpc.campaign import run_campaign
from landda_hpc.campaign.branching import branch_campaign
from landda_hpc.campaign.extension import extend_campaign
from landda_hpc.campaign.start import resume_campaign
from landda_hpc.commands.colm import verify as verify_case
from landda_hpc.config import CaseConfig, parse_config, parse_yaml
from landda_hpc.errors import ConfigError, DataError, LandDAError, StorageError
from landda_hpc.formats.colm.restart2014 import find_case_2014, read_state_2014
from landda_hpc.instances.case_config import starter_config
from landda_hpc.instances.colm_case import open_case
from landda_hpc.instances.model_section import ModelSection
from landda_hpc.model.colm.fingerprint import fingerprint
from landda_hpc.parallel.communicator import SerialCommunicator
from landda_hpc.storage.checkpoint import digest, read_header, read_instance
from landda_hpc.storage.colm_restart_set import read_colm_set
from landda_hpc.storage.retention import latest_valid
from tests.campaign.conftest import Landda, wait_for_cycle
from tests.unit.model.colm_cases import STAND_IN, STAND_IN_2014, make_case_2014, make_synthetic

PATIENCE_S = 600.0
"""Limit of a campaign in a separate process, s; it ends a campaign that hangs."""

LAUNCH = f"{sys.executable} {{exe}}"


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, colm_case: ModuleType) -> Path:
    """A folder with a case of CoLM2014."""
    return make_case_2014(tmp_path_factory.mktemp("made"), colm_case).parent


def raw_config(folder: Path, **changes: Any) -> dict[str, Any]:
    config: dict[str, Any] = {
        "name": "outside",
        "data_root": str(folder),
        "time": {"start": "2010-06-01T00:00", "assimilation_end": "2010-06-01T12:00", "end": "2010-06-01T12:00"},
        "grid": {"kind": "case"},
        "case": {"namelist": "timeloop.stdin"},
        "model": {"kind": "colm2014", "executable": str(STAND_IN_2014), "launch": LAUNCH, "side_by_side": 2},
        "twin": {"wetness_sigma": 0.1},
        "observations": {"kind": "twin", "error_std": 0.001},
        "runs": [
            {"method": "control"},
            {"method": "pointwise", "name": "nothing", "gain": 0.0},
            {"method": "pointwise", "gain": 0.7},
        ],
        "checkpoint": {"every_hours": 6, "keep_last": 2, "restarts": True},
        "output": {"every_hours": 6, "figures": False},
    }
    for key, value in changes.items():
        config[key] = (config.get(key) or {}) | value if isinstance(value, dict) else value
    return config


def chain(output: Path, run: str) -> dict[str, dict[str, str]]:
    """Hashes of all restarts of a run."""
    folder = output / "models" / run / "restart"
    return {t.name: {p.name: fingerprint(p) for p in sorted(t.iterdir())} for t in sorted(folder.iterdir())}


@pytest.fixture(scope="session")
def reference(made: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The campaign on one rank."""
    path = tmp_path_factory.mktemp("reference") / "out"
    assert run_campaign(parse_config(raw_config(made)), path).finished
    newest = latest_valid(path / "checkpoints")
    assert newest is not None
    return {"path": path, "digest": digest(newest)}


def assert_same(out: Path, reference: dict[str, Any]) -> None:
    newest = latest_valid(out / "checkpoints")
    assert newest is not None and digest(newest) == reference["digest"]
    for name in ("scores.jsonl", "cycles.jsonl"):
        assert (out / name).read_bytes() == (reference["path"] / name).read_bytes()
    for run in ("nature", "control", "pointwise"):
        assert chain(out, run) == chain(reference["path"], run)


def test_zero_increments_leave_every_bit_to_the_model(reference: dict[str, Any]) -> None:
    out = reference["path"]
    assert chain(out, "control") == chain(out, "nothing") != chain(out, "pointwise")
    # One file per time: what the model wrote within a window is gone, and so are restarts of old checkpoints.
    assert {label: list(files) for label, files in chain(out, "control").items()} == {
        label: [f"made-rstTimeVar-{label}"] for label in ("2010-152-21600", "2010-152-43200")
    }
    assert not any((out / "models" / "control" / "work").iterdir())


def test_assimilation_lowers_the_error_of_a_twin(reference: dict[str, Any]) -> None:
    scores = [json.loads(line) for line in (reference["path"] / "scores.jsonl").read_text().splitlines()]
    last = {
        s["run"]: s["rmse"]
        for s in scores
        if s["layer"] == "0-10 cm" and s["reference"] == "truth" and s["stage"] != "background"
    }
    assert last["pointwise"] < 0.7 * last["control"] and last["nothing"] == last["control"]


def test_sets_of_restarts_continue_outside(
    made: Path, reference: dict[str, Any], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = reference["path"] / "restart" / "2010-152-21600" / "pointwise"
    listed = read_colm_set(folder)
    assert (listed.version, listed.case, listed.lc_year) == ("CoLM2014", "made", None)
    assert listed.const == str(made / "restart") and listed.landdata == str(made / "land")
    assert list(listed.files) == ["made-rstTimeVar-2010-152-21600"]
    verify_case(folder)
    assert "complete, 1 files of 2010-06-01T06:00:00" in capsys.readouterr().out
    background = reference["path"] / "models" / "pointwise" / "restart" / "2010-152-21600"
    states = []
    for place in (background, folder):
        shutil.copy(made / "restart" / "made-rstTimeConst", tmp_path)
        shutil.copy(place / "made-rstTimeVar-2010-152-21600", tmp_path)
        case = find_case_2014(tmp_path)
        n_patch = open_case(CaseConfig(namelist=made / "timeloop.stdin"), Path()).tiles.n_patch["all"]
        states.append(read_state_2014(case, case.times()[0], ("wliq_soisno", "wice_soisno", "zwt", "wa"), n_patch))
    assert {name for name in states[0] if not np.array_equal(states[0][name], states[1][name])} == {"wliq_soisno"}
    damaged = tmp_path / "set"
    shutil.copytree(folder, damaged)
    os.truncate(damaged / "made-rstTimeVar-2010-152-21600", 100)
    with pytest.raises(StorageError, match="differs from its hash"):
        verify_case(damaged)


def test_a_folder_of_restarts_is_verified(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    verify_case(made / "restart")
    assert "1 restarts of made, 2010-06-01T00:00:00" in capsys.readouterr().out
    folder = tmp_path / "restart"
    shutil.copytree(made / "restart", folder)
    (folder / "made-rstTimeVar-2010-152-00000").rename(folder / "made-rstTimeVar-2010-153-00000")
    with pytest.raises(DataError, match="Was the file renamed"):
        verify_case(folder)


@pytest.mark.verify
@pytest.mark.parametrize("ranks", [2, 3])
def test_ranks_change_no_bit(landda: Landda, made: Path, reference: dict[str, Any], ranks: int) -> None:
    file = landda.folder / "outside.yaml"
    file.write_text(yaml.safe_dump(raw_config(made, parallel={"member_groups": 2})), encoding="utf-8")
    done = landda(ranks, "run", file, "-o", "out", timeout=PATIENCE_S)
    assert done.returncode == 0, done.stdout + done.stderr
    assert_same(landda.folder / "out", reference)


@pytest.mark.verify
def test_kill_nine_in_the_middle_of_a_window(landda: Landda, made: Path, reference: dict[str, Any]) -> None:
    slow = {"LANDDA_STAND_IN_FAULT": "slow", "LANDDA_STAND_IN_AT": "2010-152-21600"}
    file = landda.folder / "outside.yaml"
    file.write_text(yaml.safe_dump(raw_config(made, model={"environment": slow})), encoding="utf-8")
    process = landda.popen(1, "run", file, "-o", "out")
    wait_for_cycle(landda.folder / "out", 1, process.poll)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=120)
    done = landda(2, "resume", "out", "--set", "model.environment.LANDDA_STAND_IN_FAULT=none", timeout=PATIENCE_S)
    assert done.returncode == 0, done.stdout + done.stderr
    assert_same(landda.folder / "out", reference)


@pytest.mark.parametrize("ranks", [1, pytest.param(3, marks=pytest.mark.verify)])
def test_a_branch_begins_from_the_restarts_of_its_checkpoint(
    landda: Landda, reference: dict[str, Any], ranks: int
) -> None:
    parent, new, six = landda.folder / "parent", landda.folder / "new", datetime(2010, 6, 1, 6)
    shutil.copytree(reference["path"], parent)
    assert not branch_campaign(parent, new, six, {}).changed
    shutil.rmtree(parent)
    done = landda(ranks, "resume", "new", timeout=PATIENCE_S)
    assert done.returncode == 0, done.stdout + done.stderr
    end, expected = latest_valid(new / "checkpoints"), latest_valid(reference["path"] / "checkpoints")
    assert end is not None and expected is not None
    mine = slice(0, read_header(expected).n_tiles)
    for run in ("nature", "control", "nothing", "pointwise"):
        assert chain(new, run) == chain(reference["path"], run)
        first, second = read_instance(end, run, mine), read_instance(expected, run, mine)
        assert {v: first[v].tobytes() for v in first.names} == {v: second[v].tobytes() for v in second.names}


def test_a_branch_from_a_damaged_restart_is_refused(tmp_path: Path, reference: dict[str, Any]) -> None:
    parent, six = tmp_path / "parent", datetime(2010, 6, 1, 6)
    shutil.copytree(reference["path"], parent)
    (restart,) = (parent / "models" / "pointwise" / "restart" / "2010-152-21600").iterdir()
    content = bytearray(restart.read_bytes())
    content[-20] ^= 1
    restart.write_bytes(content)
    with pytest.raises(StorageError, match="differs from its hash in"):
        branch_campaign(parent, tmp_path / "new", six, {})
    restart.unlink()
    with pytest.raises(ConfigError, match=r"'pointwise': 1 of the restarts of .* are missing"):
        branch_campaign(parent, tmp_path / "other", six, {})


@pytest.mark.verify
def test_an_extended_campaign_ends_like_one_in_one_piece(tmp_path: Path, made: Path, reference: dict[str, Any]) -> None:
    six, out = datetime(2010, 6, 1, 6), tmp_path / "out"
    short = {"start": "2010-06-01T00:00", "assimilation_end": six.isoformat(), "end": six.isoformat()}
    assert run_campaign(parse_config(raw_config(made, time=short)), out).finished
    extend_campaign(out, datetime(2010, 6, 1, 12))
    campaign = resume_campaign(out, SerialCommunicator())
    assert campaign.cycle == 1 and campaign.run().finished
    campaign.folder.unlock()
    assert_same(out, reference)


@pytest.mark.verify
def test_a_program_without_restarts_of_every_step_stops_the_campaign(landda: Landda, made: Path) -> None:
    file = landda.folder / "outside.yaml"
    file.write_text(
        yaml.safe_dump(raw_config(made, model={"environment": {"LANDDA_STAND_IN_WR": "DAILY"}})), encoding="utf-8"
    )
    done = landda(2, "run", file, "-o", "out", timeout=PATIENCE_S)
    assert done.returncode == 2
    assert "Compile it with WR_HOURLY (every time step) in include/define.h" in done.stderr


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"time": {"start": "2010-06-02T00:00", "assimilation_end": "2010-06-02T12:00", "end": "2010-06-02T18:00"}},
         "it has 2010-152-00000"),
        ({"model": {"launch": "{namelist}"}}, "launch must name {exe}"),
        ({"model": {"launch": "no-such-launcher {exe}"}}, "no program 'no-such-launcher'"),
        ({"twin": {"log_rain_sigma": 0.3}}, "twin.log_rain_sigma: the nature run of model.kind = colm2014 can differ"),
        ({"runs": [{"method": "letkf", "ensemble": {"members": 5}}]}, "cannot perturb the weather of members; set"),
        ({"model": {"kind": "colm", "launch": "{exe} {namelist}"}}, "Set model.kind: colm2014"),
    ],
)  # fmt: skip
def test_what_cannot_run_is_reported_before(tmp_path: Path, made: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(LandDAError, match=re.escape(words)):
        run_campaign(parse_config(raw_config(made, **changes)), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (".true.\n s_year", ".false.\n s_year", "greenwich is not .true.: campaigns run on UTC"),
        ("= 1800.", "= 1800.5", "deltim = 1800.5 s; expected whole seconds"),
        ("= 1800.", "= 7000.", "does not divide the window of 6 h"),
        ("/land/'", "/land'", "needs / at its end"),
        ("dir_forcing        = '", "dir_forcing        = 'x", "dir_forcing = 'x"),
        ("dir_forcing        = '", "dir_forcing        = '" + 260 * "/", "has more than 256 characters"),
    ],
)
def test_what_would_stop_the_model_is_reported_before(
    tmp_path: Path, made: Path, old: str, new: str, words: str
) -> None:
    folder = tmp_path / "case"
    shutil.copytree(made, folder)
    namelist = folder / "timeloop.stdin"
    text = namelist.read_text().replace(str(made), str(folder))
    assert old in text
    namelist.write_text(text.replace(old, new))
    config = parse_config(raw_config(folder))
    case = open_case(CaseConfig(namelist=namelist), Path())
    problems = ModelSection.of(config.model).start_problems(config.time, folder, case, begins=True)
    assert any(words in problem for problem in problems), problems


def test_a_path_whose_files_have_too_long_names_is_reported(tmp_path: Path, made: Path) -> None:
    text = (made / "timeloop.stdin").read_text()
    folder = f"{made}/land/"
    namelist = tmp_path / "timeloop.stdin"
    long = folder + (240 - len(folder)) * "/"  # valid, but not with the name of a file
    namelist.write_text(text.replace(folder, long).replace("'./restart/'", f"'{made}/restart/'"))
    config, case = parse_config(raw_config(made)), open_case(CaseConfig(namelist=namelist), Path())
    (problem,) = ModelSection.of(config.model).start_problems(config.time, made, case, begins=True)
    assert "240 characters; with the 25 of a file's name it exceeds 256" in problem


def test_surface_data_and_restarts_are_checked_before(tmp_path: Path, made: Path) -> None:
    folder = tmp_path / "case"
    shutil.copytree(made, folder)
    namelist = folder / "timeloop.stdin"
    namelist.write_text(namelist.read_text().replace(str(made), str(folder)))
    longer = {"start": "2010-06-01T00:00", "assimilation_end": "2010-06-12T00:00", "end": "2010-06-12T00:00"}
    config = parse_config(raw_config(folder, time=longer))
    case = open_case(CaseConfig(namelist=namelist), Path())

    def problems() -> list[str]:
        return ModelSection.of(config.model).start_problems(config.time, folder, case, begins=True)

    assert problems() == []
    (folder / "land" / "model_LAI_patches.161.bin").unlink()  # from 10 June on
    assert "1 files of leaf area" in problems()[0] and "model_LAI_patches.161.bin" in problems()[0]
    (folder / "land" / "model_LAI_patches.169.bin").unlink()  # after the campaign
    assert len(problems()) == 1 and "1 files" in problems()[0]
    restart = folder / "restart" / "made-rstTimeVar-2010-152-00000"
    content = bytearray(restart.read_bytes())
    content[12] ^= 1  # the second of the day
    restart.write_bytes(content)
    assert "its record is of 2010-152-00001" in problems()[0]
    os.truncate(restart, 1000)
    assert "truncated" in problems()[0]


def test_init_writes_a_configuration_that_runs(tmp_path: Path, made: Path) -> None:
    text = starter_config(made / "timeloop.stdin", STAND_IN_2014, is_2014=True)
    assert "kind: colm2014" in text and "--from-colm2014" in text and "OMP_THREAD_LIMIT" in text
    assert "start: 2010-06-01T00:00:00" in text and "grid 4 x 5 cells" in text
    raw = parse_yaml(text, "init")
    raw["model"]["launch"] = LAUNCH
    raw["time"] |= {"assimilation_end": "2010-06-01T06:00", "end": "2010-06-01T06:00"}
    raw |= {"runs": [{"method": "control"}], "output": {"figures": False}}
    assert run_campaign(parse_config(raw), tmp_path / "out").finished
    with pytest.raises(LandDAError, match="of CoLM2014: use --from-colm2014"):
        starter_config(made / "timeloop.stdin", STAND_IN_2014)


def test_init_refuses_the_case_of_another_version(tmp_path: Path, landda: Landda, made: Path) -> None:
    other = make_synthetic(tmp_path / "other")
    with pytest.raises(LandDAError, match="of CoLM202X: use --from-colm"):
        starter_config(other, STAND_IN, is_2014=True)
    both = landda.here("init", "--from-colm", other, "--from-colm2014", made / "timeloop.stdin", "-o", "both.yaml")
    assert both.returncode == 2 and "give either --from-colm or --from-colm2014" in both.stderr
    done = landda.here("init", "--from-colm2014", made / "timeloop.stdin", "--exe", STAND_IN_2014, "-o", "first.yaml")
    assert done.returncode == 0, done.stderr
    config = yaml.safe_load((landda.folder / "first.yaml").read_text())
    assert config["model"]["kind"] == "colm2014" and config["case"] == {"namelist": str(made / "timeloop.stdin")}
