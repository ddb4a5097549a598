"""Windows of the model: real processes, real files, and everything that can go wrong with them."""

from __future__ import annotations

import os
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from landda_hpc.config import CaseConfig
from landda_hpc.errors import ConfigError, DataError, ModelError
from landda_hpc.formats.colm.names import time_label
from landda_hpc.instances.colm_case import open_case
from landda_hpc.model.colm.colm202x import window_values
from landda_hpc.model.colm.fingerprint import fingerprint
from landda_hpc.model.colm.process import (
    PROCESS_FILE,
    ModelProcess,
    end_orphan,
    launch_command,
)
from landda_hpc.model.colm.window import Program, RunFolder, Window, run_windows
from landda_hpc.parallel.job_environment import own_environment
from tests.unit.model.colm_cases import ModelCase, model_case, stand_in_case

SIX_HOURS = timedelta(hours=6)
FAULTS = {
    "code": "ended with code 3",
    "crash": "ended by SIGSEGV",
    "nan": "is not a number",
    "lost_block": "lacks 1 of 4 files",
    "torn": "cannot be read",
    "land_cover": "files of land-cover year 2006 instead of 2005. A build of CoLM with LULCC",
    "wrong_time": "wrote no restart of 2010-06-01T06:00:00",
}


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> ModelCase:
    return model_case(tmp_path_factory.mktemp("case"))


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> ModelCase:
    return stand_in_case(tmp_path_factory.mktemp("case"))


def run_folder(case: ModelCase, path: Path) -> RunFolder:
    domain = open_case(CaseConfig(namelist=case.namelist), Path())
    run = RunFolder(path, domain.files, domain.namelist, domain.tiles.n_patch)
    run.begin(case.start)
    return run


def program(case: ModelCase, timeout_s: float = 60.0, tries: int = 2, **environment: str) -> Program:
    return Program(case.executable, case.launch, timeout_s=timeout_s, tries=tries, environment=environment)


def compute(run: RunFolder, start: datetime, how: Program) -> Window:
    window = Window(run, start, start + SIX_HOURS)
    window.prepare([])
    run_windows([window], how)
    return window


def hashes(folder: Path) -> dict[str, str]:
    return {path.name: fingerprint(path) for path in sorted(folder.iterdir())}


def test_windows_make_a_chain(case: ModelCase, tmp_path: Path) -> None:
    run = run_folder(case, tmp_path / "run")
    for k in range(2):
        compute(run, case.start + k * SIX_HOURS, program(case))
    labels = [time_label(case.start + k * SIX_HOURS) for k in range(3)]
    assert sorted(p.name for p in run.chain.iterdir()) == labels
    assert not any(run.work.iterdir())
    original = run.case.own_folder(case.start)
    for path in original.iterdir():
        assert (run.chain / labels[0] / path.name).read_bytes() == path.read_bytes()
    assert "CoLM Execution Completed." in (run.path / "logs" / f"{labels[1]}.try1.log").read_text()
    assert hashes(run.chain / labels[1]) != hashes(run.chain / labels[2])
    # Two windows of three hours give the bits of one of six only if the model restarts exactly, so six it is, again.
    again = run_folder(case, tmp_path / "again")
    compute(again, case.start, program(case))
    assert hashes(again.chain / labels[1]) == hashes(run.chain / labels[1])


def test_an_analysis_in_the_restart_reaches_the_model(case: ModelCase, tmp_path: Path) -> None:
    plain, wet = (run_folder(case, tmp_path / name) for name in ("plain", "wet"))
    compute(plain, case.start, program(case))
    window = Window(wet, case.start, case.start + SIX_HOURS)
    window.prepare([])
    added = 0.0
    blocks = [wet.case.file_name(case.start, block) for block in wet.case.blocks]
    for name in blocks:
        with netCDF4.Dataset(window.start_folder / name, "r+") as file:
            water = file["wliq_soisno"][:]
            added += 0.1 * water[:, 5:8].sum()
            water[:, 5:8] *= 1.1
            file["wliq_soisno"][:] = water
    run_windows([window], program(case))
    label = time_label(window.end)
    gained = 0.0
    for name in (name.replace(time_label(case.start), label) for name in blocks):
        with (
            netCDF4.Dataset(wet.chain / label / name) as changed,
            netCDF4.Dataset(plain.chain / label / name) as unchanged,
        ):
            gained += (changed["wliq_soisno"][:, 5:] - unchanged["wliq_soisno"][:, 5:]).sum()
    assert 0.3 * added < gained < 1.2 * added
    # The chain keeps what the model wrote: the change was made in a copy.
    assert hashes(wet.chain / time_label(case.start)) == hashes(plain.chain / time_label(case.start))


# Every other one with the tests, all of them with `make verify`.
@pytest.mark.parametrize(
    "fault", [name if n % 2 == 0 else pytest.param(name, marks=pytest.mark.verify) for n, name in enumerate(FAULTS)]
)
def test_a_failing_model_is_tried_twice_and_leaves_the_chain_whole(fake: ModelCase, tmp_path: Path, fault: str) -> None:
    run = run_folder(fake, tmp_path / "run")
    how = program(fake, LANDDA_STAND_IN_FAULT=fault, LANDDA_STAND_IN_STILL="1")
    with pytest.raises(ModelError, match=FAULTS[fault]) as caught:
        compute(run, fake.start, how)
    message = str(caught.value)
    assert "failed 2 times" in message and "the last valid restart is" in message and "landda resume" in message
    assert sorted(p.name for p in run.chain.iterdir()) == [time_label(fake.start)]
    assert sorted(p.name for p in (run.work / time_label(fake.start)).iterdir()) == ["start", "try1", "try2"]
    assert len(list((run.path / "logs").iterdir())) == 2


def test_a_kind_of_file_that_the_model_does_not_write_is_missed(tmp_path: Path) -> None:
    case = stand_in_case(tmp_path, "pft", "urban", "bgc", "gridriver")
    run = run_folder(case, tmp_path / "run")
    how = program(case, tries=1, LANDDA_STAND_IN_FAULT="lost_block", LANDDA_STAND_IN_STILL="1")
    with pytest.raises(ModelError, match=r"lacks 1 of 17 files, the first is synthetic_restart_urban_2010-152-21600"):
        compute(run, case.start, how)


def test_a_second_try_may_succeed(fake: ModelCase, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    once = {"LANDDA_STAND_IN_FAULT": "torn", "LANDDA_STAND_IN_TRY": "1", "LANDDA_STAND_IN_STILL": "1"}
    run = run_folder(fake, tmp_path / "run")
    window = compute(run, fake.start, program(fake, **once))
    assert window.tried == 2 and "trying again" in caplog.text
    good = run_folder(fake, tmp_path / "good")
    compute(good, fake.start, program(fake, LANDDA_STAND_IN_STILL="1"))
    label = time_label(window.end)
    assert hashes(run.chain / label) == hashes(good.chain / label)


def test_a_hanging_model_is_ended(fake: ModelCase, tmp_path: Path) -> None:
    run = run_folder(fake, tmp_path / "run")
    how = program(fake, timeout_s=1.5, tries=1, LANDDA_STAND_IN_FAULT="hang")
    with pytest.raises(ModelError, match="did not end within its 2 s"):
        compute(run, fake.start, how)
    assert not end_orphan(run.work / time_label(fake.start) / "try1")


def test_side_by_side_and_one_failure_ends_the_others(fake: ModelCase, tmp_path: Path) -> None:
    runs = [run_folder(fake, tmp_path / name) for name in ("a", "b", "c")]
    windows = [Window(run, fake.start, fake.start + SIX_HOURS) for run in runs]
    for window in windows:
        window.prepare([])
    environment = {"LANDDA_STAND_IN_STILL": "1"}
    base = program(fake)
    run_windows(windows, Program(base.executable, base.launch, side_by_side=3, environment=environment))
    label = time_label(windows[0].end)
    first = hashes(runs[0].chain / label)
    assert all(hashes(run.chain / label) == first for run in runs)

    again = [Window(run, fake.start + SIX_HOURS, fake.start + 2 * SIX_HOURS) for run in runs]
    for window in again:
        window.prepare([])
    environment |= {"LANDDA_STAND_IN_FAULT": "code", "LANDDA_STAND_IN_RUN": "b"}
    with pytest.raises(ModelError, match="run 'b'"):
        run_windows(again, Program(base.executable, base.launch, side_by_side=2, environment=environment))


def test_the_model_runs_where_it_can_write_nothing_into_the_chain(fake: ModelCase, tmp_path: Path) -> None:
    run = run_folder(fake, tmp_path / "run")
    window = Window(run, fake.start, fake.start + SIX_HOURS)
    window.prepare([])
    process = window.launch(program(fake, LANDDA_STAND_IN_FAULT="hang"), 0)
    folder = run.work / time_label(fake.start) / "try1"
    text = (folder / "case.nml").read_text()
    assert "DEF_dir_output  = './'" in text and "! a synthetic case" in text
    assert (folder / PROCESS_FILE).is_file()
    assert (folder / "synthetic" / "restart" / time_label(fake.start)).resolve() == window.start_folder.resolve()
    # What a killed campaign leaves running is ended by the resumed one.
    assert process.poll() is None
    run.clear_work()
    deadline = time.monotonic() + 20.0
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    ending = process.poll()
    assert ending is not None and ending.code is not None and ending.code < 0
    assert not any(run.work.iterdir())


def test_retention_keeps_the_newest_and_what_is_asked_for(fake: ModelCase, tmp_path: Path) -> None:
    run = run_folder(fake, tmp_path / "run")
    times = [fake.start + k * SIX_HOURS for k in range(5)]
    for when in times:
        (run.chain / time_label(when)).mkdir(exist_ok=True)
        (run.path / "logs" / f"{time_label(when)}.try1.log").touch()
    run.prune({times[1]}, newest=2)
    kept = [time_label(when) for when in (times[1], times[3], times[4])]
    assert sorted(p.name for p in run.chain.iterdir()) == kept
    assert sorted(p.name.partition(".")[0] for p in (run.path / "logs").iterdir()) == kept


def test_a_start_that_the_case_does_not_have_is_told(fake: ModelCase, tmp_path: Path) -> None:
    domain = open_case(CaseConfig(namelist=fake.namelist), Path())
    run = RunFolder(tmp_path / "run", domain.files, domain.namelist, domain.tiles.n_patch)
    with pytest.raises(DataError, match=r"it has 2010-152-00000"):
        run.begin(fake.start + SIX_HOURS)


def test_windows_end_at_midnight_of_the_next_year() -> None:
    values = window_values(datetime(2010, 12, 31, 18), datetime(2011, 1, 1))
    assert values["DEF_simulation_time%start_sec"] == 64800
    assert [values[f"DEF_simulation_time%end_{part}"] for part in ("year", "month", "day", "sec")] == [2011, 1, 1, 0]
    assert values["DEF_simulation_time%spinup_repeat"] == 0


def test_the_environment_is_the_models_own() -> None:
    parent = {
        "PATH": "/bin", "OMPI_COMM_WORLD_RANK": "1", "PMIX_RANK": "1", "PMI_FD": "7", "SLURM_PROCID": "3",
        "SLURM_JOB_ID": "9", "SLURM_NODELIST": "n[1-4]", "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_MCA_btl": "self",
        "OMPI_MCA_orte_hnp_uri": "x", "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    }  # fmt: skip
    assert own_environment(parent, {"OMP_NUM_THREADS": "4"}) == {
        "PATH": "/bin", "SLURM_JOB_ID": "9", "SLURM_NODELIST": "n[1-4]", "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_MCA_btl": "self", "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe", "OMP_NUM_THREADS": "4",
    }  # fmt: skip


def test_launch_templates() -> None:
    words = launch_command("srun -n 8 -w {nodes} 'a b' {exe} {namelist}", Path("/x y/colm.x"), "case.nml", "n1,n2", 1)
    assert words == ["srun", "-n", "8", "-w", "n1,n2", "a b", "/x y/colm.x", "case.nml"]
    with pytest.raises(ConfigError, match="exe, namelist, nodes, slot"):
        launch_command("{program}", Path("x"), "case.nml", "", 0)


def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"Check model\.executable"):
        ModelProcess(["/no/such/program"], tmp_path, tmp_path / "log", {}, 1.0)


def test_a_process_that_ignores_the_request_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("landda_hpc.model.colm.process.GRACE_S", 0.5)
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    process = ModelProcess([sys.executable, "-c", code], tmp_path, tmp_path / "log", os.environ, 60.0)
    while "up" not in (tmp_path / "log").read_text():
        time.sleep(0.02)
    process.end()
    ending = process.poll()
    assert ending is not None and ending.code == -9 and "SIGKILL" in ending.describe()


def test_fingerprints_leave_the_time_of_writing_out(tmp_path: Path) -> None:
    for name, stamp, value in (("a", "1", 2.0), ("b", "2", 2.0), ("c", "1", np.nextafter(2.0, 3.0))):
        with netCDF4.Dataset(tmp_path / name, "w") as file:
            file.create_time = stamp
            file.createVariable("x", "f8", ())[...] = value
    a, b, c = (fingerprint(tmp_path / name) for name in "abc")
    assert a == b != c
