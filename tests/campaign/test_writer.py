"""Campaigns whose files are written in a separate process have the files and records of those without one."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest

from landda_hpc.parallel.watchdog import EXIT_CODE
from tests.campaign.conftest import Landda

CHANGES: dict[str, Any] = {
    "grid": {"n_lat": 20, "n_lon": 40},
    "runs": [{"method": "control"}, {"method": "pointwise"}],
    "checkpoint": {"every_hours": 18},
    "output": {"every_hours": 6, "figures": False, "layers": True, "series": {"means": True}},
}
RECORDS = ("scores.jsonl", "cycles.jsonl")

STOPS_ITSELF = """
import os, signal, sys
if os.environ.get("TEST_STOP_AT") and sys.orig_argv[-1] == "the process that writes files":
    seen = 0
    def watch(event, arguments):
        global seen
        if event == "os.rename":
            seen += 1
            if seen == int(os.environ["TEST_STOP_AT"]):
                try:
                    file = os.open(os.environ["TEST_STOPPED"], os.O_CREAT | os.O_EXCL | os.O_WRONLY)
                except FileExistsError:
                    return
                os.write(file, str(os.getpid()).encode())
                os.kill(os.getpid(), signal.SIGSTOP)
    sys.addaudithook(watch)
"""
"""A sitecustomize.py: a process that writes files, one of the job's, stops as it gives the n-th file its name."""


def write(landda: Landda, *, apart: bool) -> Path:
    observations = {"kind": "twin", "depth_m": [0.0, 0.1], "error_std": 0.03, "feedback": True}
    return landda.write(f"{apart}.yaml", observations=observations, parallel={"writer_process": apart}, **CHANGES)


def files_of(out: Path) -> dict[str, bytes]:
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in sorted(out.glob("*/**/*.nc"))}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Landda:
    """A campaign in ``here`` that writes its files itself."""
    landda = Landda(tmp_path_factory.mktemp("writer"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("landda_hpc.campaign.image_recorder.history", lambda: "the same time")
        for name, apart in (("here", False), ("apart", True)):
            done = landda.here("run", write(landda, apart=apart), "-o", name)
            assert done.returncode == 0, done.stdout + done.stderr
    return landda


def test_files_and_records_are_the_same_bytes(here: Landda) -> None:
    first, second = here.folder / "here", here.folder / "apart"
    assert here.digest("here") == here.digest("apart")
    for name in RECORDS:
        assert (first / name).read_bytes() == (second / name).read_bytes()
    files = files_of(first)
    assert {name.split("/")[0] for name in files} >= {"images", "feedback", "series", "means"}
    assert files_of(second) == files


@pytest.mark.verify
@pytest.mark.parametrize("ranks", [1, 2])
def test_a_killed_campaign_is_resumed_with_the_same_bytes(here: Landda, ranks: int) -> None:
    """The job is killed while the other process writes; what it wrote after the checkpoint is replaced."""
    out = here.folder / f"killed_{ranks}"
    job = here.popen(ranks, "run", write(here, apart=True), "-o", out)
    deadline = time.monotonic() + 120.0
    while len(list(out.glob("images/control_*.nc"))) < 2:
        assert time.monotonic() < deadline and job.poll() is None, "no image was written"
        time.sleep(0.002)
    os.killpg(job.pid, signal.SIGKILL)
    job.communicate(timeout=60.0)
    done = here(ranks, "resume", out, "--wait", 30)
    assert done.returncode == 0, done.stdout + done.stderr
    require_same_files(here, out)


def require_same_files(here: Landda, out: Path) -> None:
    """Digest, records and files are those of the campaign whose files rank 0 wrote."""
    assert here.digest(out) == here.digest("here")
    for name in RECORDS:
        assert (out / name).read_bytes() == (here.folder / "here" / name).read_bytes()
    names = files_of(here.folder / "here")
    assert files_of(out).keys() == names.keys()
    for name in names:
        assert contents(out / name) == contents(here.folder / "here" / name)
    assert not list(out.rglob(".*.tmp"))


def contents(path: Path) -> dict[str, Any]:
    """Variables and attributes, without the time of writing."""
    with netCDF4.Dataset(path) as file:
        file.set_auto_mask(False)
        values = {name: np.asarray(variable[...]).tobytes() for name, variable in file.variables.items()}
        return values | {n: np.asarray(file.getncattr(n)).tolist() for n in file.ncattrs() if n != "history"}


@pytest.mark.parametrize("ranks", [1, pytest.param(3, marks=pytest.mark.verify)])
def test_an_error_of_the_other_process_stops_the_campaign(here: Landda, ranks: int) -> None:
    """On every rank, as all errors while recording; the last checkpoint stays."""
    out = here.folder / f"failed_{ranks}"
    job_file = write(here, apart=True)
    done = here.here("run", job_file, "-o", out, "--set", "time.end=2022-06-02T06:00",
                     "--set", "time.assimilation_end=2022-06-02T06:00")  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    done = here.here("extend", out, "--to", "2022-06-03T12:00")
    assert done.returncode == 0, done.stdout + done.stderr
    shutil.move(out / "feedback", out / "moved")
    (out / "feedback").write_text("a file in place of the folder")
    done = here.here("resume", out, "--accept-gaps") if ranks == 1 else here(ranks, "resume", out, "--accept-gaps")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "feedback: making the folder failed" in done.stderr


@pytest.mark.verify  # waits for the limit of the watchdog
@pytest.mark.parametrize("ranks", [1, 2])
def test_a_writer_that_hangs_ends_the_job_with_a_reason(here: Landda, tmp_path: Path, ranks: int) -> None:
    """As on a file system whose server is lost. What is complete stays, and a resume gives the same files."""
    out, stopped = here.folder / f"hung_{ranks}", tmp_path / "stopped"
    (tmp_path / "sitecustomize.py").write_text(STOPS_ITSELF)
    usual = dict(here.environment)
    here.first_on_path(tmp_path)
    here.environment |= {"TEST_STOP_AT": "4", "TEST_STOPPED": str(stopped)}
    job = here.popen(ranks, "run", write(here, apart=True), "-o", out, "--set", "parallel.timeout_minutes=0.75")
    here.environment = usual
    try:
        code = job.wait(timeout=240)
    finally:
        if job.poll() is None:
            os.killpg(job.pid, signal.SIGKILL)
        if stopped.exists():
            os.kill(int(stopped.read_text()), signal.SIGKILL)  # it holds the pipe of the job's output
    text, _ = job.communicate(timeout=60)
    assert stopped.exists() and code == EXIT_CODE, text
    assert text.count("no progress within 45 s") == ranks, text
    assert "receive (child_process.py:" in text and "(file_writer.py:" in text
    assert (out / "landda.log").read_text().count("no progress within 45 s") == ranks
    shown = here.here("status", out).stdout
    assert "failed" in shown and "no progress within 45 s" in shown
    done = here(ranks, "resume", out, "--wait", 30, "--set", "parallel.timeout_minutes=10")
    assert done.returncode == 0, done.stdout + done.stderr
    require_same_files(here, out)
