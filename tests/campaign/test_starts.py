"""Starts that are stopped or killed: whatever the instant, run, --overwrite or resume, and the job script, go on."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.campaign.conftest import Landda, assert_same
from tests.campaign.test_stops import children

ROOT = Path(__file__).resolve().parents[2]

SPIN_UP = {"model": {"spinup_days": 15}}

KILLER = """
import os, sys
if os.environ.get("TEST_KILL_AT"):
    at, root, seen = int(os.environ["TEST_KILL_AT"]), os.environ["TEST_KILL_IN"], 0
    def watch(event, arguments):
        global seen
        if event in ("open", "os.mkdir", "os.rename", "os.remove") and root in str(arguments[0]):
            seen += 1
            if seen == at:
                os.kill(os.getpid(), 9)
    sys.addaudithook(watch)
"""


@pytest.fixture(scope="session")
def spun_up(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """The tiny campaign with a spin-up, not interrupted."""
    run = Landda(tmp_path_factory.mktemp("spun_up"))
    done = run.here("run", run.write(**SPIN_UP), "--output", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (run.folder / "out" / "spinup.h5").exists()
    return {"path": run.folder / "out", "digest": run.digest("out")}


def wait_for(text: str, process: subprocess.Popen[str]) -> str:
    """Read what a process says until a line has a text."""
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if text in line:
            return said
    raise AssertionError(f"it ended without '{text}': {said}")


@pytest.mark.verify
@pytest.mark.parametrize(
    ("ranks", "again", "number"),
    [(2, 1, signal.SIGUSR1), (1, 3, signal.SIGUSR1), (1, 3, signal.SIGTERM)],
)
def test_a_signal_within_the_spin_up_loses_nothing_of_it(
    landda: Landda, spun_up: Mapping[str, Any], ranks: int, again: int, number: signal.Signals
) -> None:
    process = landda.popen(ranks, "run", landda.write(**SPIN_UP), "--output", "out")
    said = wait_for("spin-up: 5 of 15 days", process)
    process.send_signal(number)
    text, _ = process.communicate(timeout=100)
    assert process.returncode == (0 if number == signal.SIGUSR1 else 128 + number), said + text
    assert f"Stopped by {number.name} after" in text and "of 15 days of spin-up, which are saved" in text
    assert landda.here("status", "out", "--state").stdout.strip() == "stopped"
    done = landda.here("run", "tiny.yaml", "-o", "out")  # would lose the spin-up
    assert done.returncode == 3 and "not empty" in done.stderr
    done = landda(again, "resume", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "spin-up: 5 of 15 days" not in done.stderr
    assert_same(landda.folder / "out", spun_up, landda)
    assert not (landda.folder / "out" / "spinup.h5").exists()


@pytest.mark.verify
def test_a_signal_before_anything_new_is_code_75(landda: Landda, reference: Mapping[str, Any]) -> None:
    """A leg that is asked to stop before its first cycle computes nothing: a job script must not repeat it forever."""
    start = "import os, signal; signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1}); "
    start += "os.kill(os.getpid(), signal.SIGUSR1); from landda_hpc.cli import main; main()"

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", start, *arguments], capture_output=True, text=True, timeout=100, cwd=landda.folder,
            check=False, env=landda.environment,
        )  # fmt: skip

    landda.write()
    first = run("run", "tiny.yaml", "-o", "out")
    assert first.returncode == 0 and "Stopped by SIGUSR1 after cycle 0" in first.stdout, first.stdout + first.stderr
    for _ in range(2):
        done = run("resume", "out")
        assert done.returncode == 75 and "Stopped by SIGUSR1 before the first cycle" in done.stdout, done.stderr
        assert landda.here("status", "out", "--state").stdout.strip() == "stopped"
    landda.write("spun.yaml", **SPIN_UP)
    assert run("run", "spun.yaml", "-o", "other").returncode == 75
    assert landda.here("resume", "out").returncode == 0
    assert_same(landda.folder / "out", reference, landda)


def start_and_kill(landda: Landda, at: int) -> bool:
    """Run until the program has touched the output so often, then kill it; whether it came so far."""
    output = str(landda.folder / "out")
    landda.environment |= {"TEST_KILL_AT": str(at), "TEST_KILL_IN": output}
    done = landda(1, "run", "tiny.yaml", "-o", output)
    landda.environment["TEST_KILL_AT"] = ""
    return done.returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    ("at", "then"),
    [
        (9, "resume"),
        *(pytest.param(at, then, marks=pytest.mark.verify)
          for at in (1, 2, 3, 5, 7, 12, 14, 16, 18, 22, 27, 33) for then in ("run", "overwrite", "resume")),
    ],
)  # fmt: skip
def test_a_start_that_is_killed_is_repeated(
    landda: Landda, reference: Mapping[str, Any], tmp_path: Path, at: int, then: str
) -> None:
    (tmp_path / "sitecustomize.py").write_text(KILLER)
    landda.first_on_path(tmp_path)
    landda.write()
    assert start_and_kill(landda, at)
    go_on(landda, then)
    assert_same(landda.folder / "out", reference, landda)


def go_on(landda: Landda, then: str) -> None:
    """What a user does after a kill: one of three commands; the others say which."""
    state = landda.here("status", "out", "--state").stdout.strip()
    commands = {
        "run": ("run", "tiny.yaml", "-o", "out"),
        "overwrite": ("run", "tiny.yaml", "-o", "out", "--overwrite"),
        "resume": ("resume", "out"),
    }
    assert state in ("failed", "not begun", "stopped", "finished", "")
    done = landda.here(*commands[then])
    if done.returncode == 3 and then == "resume":  # nothing is there yet
        assert "holds no campaign" in done.stderr and state == ""
        done = landda.here(*commands["run"])
    elif done.returncode == 3 and then == "run":
        assert "not empty" in done.stderr and state in ("failed", "stopped", "finished")
        done = landda.here(*commands["resume"])
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.verify
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(30))
def test_kills_and_signals_at_random_instants_of_a_start(landda: Landda, spun_up: Mapping[str, Any], seed: int) -> None:
    """Under mpirun on two ranks, from the launch to the first cycles; also of an overwrite."""
    chance = random.Random(seed)
    landda.write(**SPIN_UP)
    overwrite = seed % 3 == 0
    if overwrite:
        landda.write("old.yaml", seed=8)
        assert landda(1, "run", "old.yaml", "-o", "out").returncode == 0
    number = chance.choice((signal.SIGKILL, signal.SIGUSR1))
    process = landda.popen(2, "run", "tiny.yaml", "-o", "out", *(["--overwrite"] if overwrite else []))
    time.sleep(chance.uniform(0.0, 8.0))
    if number == signal.SIGKILL:
        ranks = children(process.pid)
        os.killpg(process.pid, signal.SIGKILL)
        for rank in ranks:
            with suppress(ProcessLookupError):
                os.kill(rank, signal.SIGKILL)
    else:
        process.send_signal(number)
    text, _ = process.communicate(timeout=100)
    time.sleep(1.0)
    status = landda(1, "status", "out", "--state")
    state = status.stdout.strip()
    config = landda.folder / "out" / "config.yaml"
    if overwrite and config.is_file() and "seed: 8" in config.read_text():
        done = landda(1, "run", "tiny.yaml", "-o", "out", "--overwrite")  # it had not begun to overwrite
    elif status.returncode == 3 or state == "not begun":
        done = landda(1, "run", "tiny.yaml", "-o", "out")
    else:
        done = landda(1, "resume", "out")
    assert done.returncode == 0, text + done.stdout + done.stderr
    assert_same(landda.folder / "out", spun_up, landda)


# ---------------------------------------------------------------------- the job script


@pytest.fixture
def job(landda: Landda) -> Any:
    """Starts a script of ``landda job`` as Slurm would, on one rank without a launcher; notes what it queues again."""
    bash, tools = shutil.which("bash"), landda.folder / "tools"
    tools.mkdir()
    (tools / "scontrol").write_text('#!/bin/sh\necho "$@" >> "$QUEUED"\n')
    (tools / "scontrol").chmod(0o755)

    def start(restarts: int) -> subprocess.Popen[str]:
        if restarts == 0:
            options = ("--scheduler", "slurm", "--nodes", "1", "--walltime", "01:00:00", "--output", "out")
            written = landda.here("job", "tiny.yaml", *options)
            assert written.returncode == 0, written.stderr
        environment = {
            **landda.environment, "PATH": f"{tools}:{os.environ['PATH']}", "QUEUED": str(landda.folder / "queued"),
            "SLURM_JOB_ID": "1", "SLURM_JOB_NODELIST": "n1", "SLURM_RESTART_COUNT": str(restarts),
            "LANDDA_LAUNCHER": "env",
        }  # fmt: skip
        return subprocess.Popen(
            [str(bash), "tiny.slurm"], env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            cwd=landda.folder, start_new_session=True,
        )  # fmt: skip

    return start


@pytest.mark.verify
def test_the_job_script_goes_on_after_signals_and_kills(landda: Landda, spun_up: Mapping[str, Any], job: Any) -> None:
    queued = landda.folder / "queued"
    landda.write(**SPIN_UP)
    first = job(0)
    wait_for("spin-up: 5 of 15 days", first)
    first.send_signal(signal.SIGUSR1)
    text, _ = first.communicate(timeout=100)
    assert first.returncode == 0 and queued.read_text() == "requeue 1\n", text
    second = job(1)
    said = wait_for("spin-up: 15 of 15 days", second)
    assert "campaign is stopped, saved: spin-up" in said and "landda resume" in said and "spin-up: 5 of" not in said
    os.killpg(second.pid, signal.SIGKILL)  # a dead node
    second.communicate(timeout=30)
    third = job(2)
    text, _ = third.communicate(timeout=100)
    assert third.returncode == 0 and "campaign is finished" in text, text
    assert queued.read_text() == "requeue 1\n"
    assert_same(landda.folder / "out", spun_up, landda)


def test_the_job_script_before_it_starts_anything(landda: Landda, job: Any) -> None:
    landda.write()
    process = job(0)
    time.sleep(0.2)
    process.send_signal(signal.SIGUSR1)
    text, _ = process.communicate(timeout=100)
    assert process.returncode == 75 and "nothing was done" in text, text
    assert not (landda.folder / "queued").exists()
    assert not (landda.folder / "out").exists()
