"""Job scripts of ``landda job`` under a real Slurm of two virtual nodes: every way in which a leg can end.

The lab (../shared/tools/slurm_lab.sh) gives each node its network and host name. The digest and the records always
equal those of an uninterrupted campaign.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.campaign.conftest import ENVIRONMENT, RECORDS, Landda

pytestmark = [pytest.mark.verify, pytest.mark.timeout(3600)]

LAB = Path(__file__).parents[3] / "shared" / "tools" / "slurm_lab.sh"
PROGRAMS = ("slurmctld", "slurmd", "srun", "munged", "ip")
BRIEF: dict[str, Any] = {
    "time": {"start": "2022-06-02T00:00", "assimilation_end": "2022-06-26T00:00", "end": "2022-06-27T00:00"},
    "runs": [{"method": "control"}, {"method": "enkf_like", "members": 4}],
    "checkpoint": {"every_hours": 24, "keep_last": 2},
    "output": {"every_hours": 240, "figures": False},
}
"""A campaign of 100 cycles."""
LONG = {**BRIEF, "time": {**BRIEF["time"], "end": "2022-09-10T00:00"}}
"""One of 400 cycles: Slurm looks for jobs at their wall time only every half a minute."""


class Slurm:
    """The lab: submits job scripts and waits for them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            **ENVIRONMENT, "SLURM_LAB": str(folder), "SLURM_LAB_NETNS": "1", "SLURM_CONF": str(folder / "slurm.conf"),
        }  # fmt: skip

    def lab(self, action: str) -> None:
        done = self.run("bash", str(LAB), action)
        assert done.returncode == 0, done.stdout + done.stderr

    def __call__(self, *command: str) -> str:
        done = self.run(*command)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, capture_output=True, text=True, check=False, env=self.environment, timeout=120)

    def facts(self, job: str) -> dict[str, str]:
        return dict(re.findall(r"(\S+?)=(\S*)", self("scontrol", "show", "job", job)))

    def submit(self, script: Path, *options: str) -> str:
        return self("sbatch", "--parsable", f"--chdir={script.parent}", *options, str(script))

    def wait(self, job: str, *states: str, limit_s: float = 1800.0) -> dict[str, str]:
        """Until the job is in one of the states; its facts."""
        deadline = time.monotonic() + limit_s
        while (facts := self.facts(job))["JobState"] not in states:
            assert time.monotonic() < deadline, f"job {job} is {facts['JobState']}, not {states}: {self.log(facts)}"
            time.sleep(0.5)
        return facts

    def log(self, facts: Mapping[str, str]) -> str:
        path = Path(facts.get("StdOut", ""))
        return path.read_text() if path.is_file() else ""


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    lacking = [name for name in PROGRAMS if shutil.which(name) is None]
    if lacking or not LAB.is_file() or os.geteuid() != 0:
        pytest.skip(
            f"needs root, {LAB} and Slurm; lacking: {', '.join(lacking) or 'root or the lab'} (apt-get install "
            "slurmctld slurmd slurm-client slurm-wlm-basic-plugins munge iproute2)"
        )
    found = Slurm(tmp_path_factory.mktemp("slurm"))
    found.lab("start")
    try:
        yield found
    finally:  # the lab's daemons do not end the jobs
        found("scancel", "--user=root")
        deadline = time.monotonic() + 60
        while found("squeue", "-h") and time.monotonic() < deadline:
            time.sleep(0.5)
        found.lab("stop")
        for link in ("labv1", "labv2"):  # a process that is ending may still hold the network of a node
            found.run("ip", "link", "del", link)


def alone(folder: Path, changes: Mapping[str, Any]) -> dict[str, Any]:
    """A campaign without an interruption, on one rank."""
    run = Landda(folder)
    done = run(1, "run", run.write(**changes), "--output", "out", timeout=1200)
    assert done.returncode == 0, done.stdout + done.stderr
    return {"digest": run.digest("out"), "records": [(run.folder / "out" / name).read_bytes() for name in RECORDS]}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return alone(tmp_path_factory.mktemp("whole"), BRIEF)


Written = Callable[..., Path]


@pytest.fixture
def job(landda: Landda) -> Written:
    """Writes the script of a campaign on two nodes with two ranks each."""

    def write(*options: str, changes: Mapping[str, Any] = BRIEF, walltime: str = "00:50:00", margin: int = 60) -> Path:
        file = landda.write(**changes)
        done = landda(
            1, "job", file, "--scheduler", "slurm", "--nodes", 2, "--ranks-per-node", 2, "--walltime", walltime,
            "--margin", margin, "--output", "out", "--script", "leg.slurm", *options,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return landda.folder / "leg.slurm"

    return write


def assert_whole(landda: Landda, whole: Mapping[str, Any], log: str) -> None:
    assert landda.digest("out") == whole["digest"], log
    assert [(landda.folder / "out" / name).read_bytes() for name in RECORDS] == whole["records"]
    assert log.rstrip().endswith("finished"), log


def wait_for_cycle(folder: Path, cycle: int) -> None:
    deadline = time.monotonic() + 600
    records = folder / "out" / "cycles.jsonl"
    while not records.is_file() or f'"cycle": {cycle},' not in records.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def ranks_on(node: str) -> list[int]:
    """Ranks of landda on a node: processes in its network."""
    found = []
    for pid in subprocess.run(["ip", "netns", "pids", f"lab-{node}"], capture_output=True, text=True).stdout.split():
        command = Path(f"/proc/{pid}/cmdline")
        if command.is_file() and b"mpi4py" in command.read_bytes() and b"srun" not in command.read_bytes():
            found.append(int(pid))
    return found


def test_the_wall_time_ends_and_the_job_is_queued_again(
    slurm: Slurm, landda: Landda, job: Written, tmp_path: Path
) -> None:
    number = slurm.submit(job(changes=LONG, margin=100))
    wait_for_cycle(landda.folder, 10)
    elapsed = slurm("squeue", "-h", "-o", "%M", "--jobs", number).split(":")
    slurm("scontrol", "update", f"jobid={number}", f"timelimit={int(elapsed[-2]) + 2}")
    slurm.wait(number, "PENDING")
    assert landda.here("status", "out", "--state").stdout.strip() == "stopped"
    slurm("scontrol", "update", f"jobid={number}", "timelimit=50")
    facts = slurm.wait(number, "COMPLETED", "FAILED")
    log = slurm.log(facts)
    assert facts["Restarts"] == "1" and "the wall time is near" in log, log
    (tmp_path / "alone").mkdir()
    assert_whole(landda, alone(tmp_path / "alone", LONG), log)


def test_a_killed_rank_and_a_lost_node(slurm: Slurm, landda: Landda, job: Written, whole: Mapping[str, Any]) -> None:
    number = slurm.submit(job())
    slurm.wait(number, "RUNNING")
    wait_for_cycle(landda.folder, 20)
    os.kill(ranks_on("n2")[0], signal.SIGKILL)
    wait_for_cycle(landda.folder, 60)
    slurm("scontrol", "update", "nodename=n2", "state=down", "reason=test")
    slurm.wait(number, "PENDING")
    slurm.run("scontrol", "update", "nodename=n2", "state=resume")  # refused if it has come back by itself
    facts = slurm.wait(number, "COMPLETED", "FAILED")
    assert int(facts["Restarts"]) == 2, slurm.log(facts)
    assert_whole(landda, whole, slurm.log(facts))


def test_cancelling_and_submitting_again(slurm: Slurm, landda: Landda, job: Written, whole: Mapping[str, Any]) -> None:
    script = job()
    for cycle, options in ((20, ()), (60, ("--batch", "--signal=TERM"))):
        number = slurm.submit(script)
        wait_for_cycle(landda.folder, cycle)
        slurm("scancel", *options, number)
        facts = slurm.wait(number, "CANCELLED", "FAILED")
        state = landda.here("status", "out", "--state").stdout.strip()
        assert state in ("stopped", "failed") and (state == "stopped" or not options), slurm.log(facts)
    facts = slurm.wait(slurm.submit(script), "COMPLETED", "FAILED")
    assert_whole(landda, whole, slurm.log(facts))


def test_a_chain_of_jobs_that_wait(slurm: Slurm, landda: Landda, job: Written, whole: Mapping[str, Any]) -> None:
    number = slurm.submit(job("--chain", "dependency"))
    wait_for_cycle(landda.folder, 20)
    waiting = slurm("squeue", "-h", "-o", "%i", "--states=PENDING").split()
    assert len(waiting) == 1 and slurm.facts(waiting[0])["Dependency"].startswith(f"afterany:{number}")
    os.kill(ranks_on("n1")[0], signal.SIGKILL)
    facts = slurm.wait(waiting[0], "COMPLETED", "FAILED")
    assert_whole(landda, whole, slurm.log(facts))
    later = [number for number in slurm("squeue", "-h", "-o", "%i").split() if int(number) > int(waiting[0])]
    assert not later  # the last leg has cancelled the job that waited for it


def test_a_dependency_that_fails(slurm: Slurm, landda: Landda, job: Written) -> None:
    script = job()
    failing = slurm("sbatch", "--parsable", "--output=/dev/null", "--wrap=exit 1")
    facts = slurm.wait(slurm.submit(script, f"--dependency=afterok:{failing}"), "CANCELLED")
    assert facts["Reason"] == "DependencyNeverSatisfied" and not (landda.folder / "out").exists()


def test_two_legs_without_progress(slurm: Slurm, landda: Landda, job: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = slurm.wait(slurm.submit(job("--launcher", "false")), "FAILED", "COMPLETED")
    assert facts["ExitCode"] == "75:0" and facts["Restarts"] == "1", slurm.log(facts)
    assert "stopped: two legs saved nothing new (saved: nothing" in slurm.log(facts)


def test_submission_with_psij(slurm: Slurm, landda: Landda, job: Written, tmp_path: Path) -> None:
    pytest.importorskip("psij", reason="needs psij-python (env/extra.sh checks)")
    landda.environment |= slurm.environment
    job("--submit", "--seeds", "1,2", changes={})
    numbers = re.findall(r"\d+", slurm("squeue", "-h", "-o", "%i"))
    assert len(numbers) == 2
    for seed, number in enumerate(sorted(numbers, key=int), start=1):
        facts = slurm.wait(number, "COMPLETED", "FAILED")
        log = (landda.folder / f"leg-{seed}.log").read_text()
        assert facts["JobState"] == "COMPLETED" and log.rstrip().endswith("finished"), log
        done = landda(1, "run", "tiny.yaml", "--output", f"alone_{seed}", "--set", f"seed={seed}")
        assert done.returncode == 0, done.stderr
        assert landda.digest(f"out/seed_{seed}") == landda.digest(f"alone_{seed}")


def test_an_array_of_four_seeds(slurm: Slurm, landda: Landda, job: Written) -> None:
    number = slurm.submit(job("--nodes", "1", "--seeds", "1,2,3,4", changes={}))
    for index, seed in enumerate((1, 2, 3, 4), start=1):
        facts = slurm.wait(f"{number}_{index}", "COMPLETED", "FAILED")
        assert facts["JobState"] == "COMPLETED", slurm.log(facts)
        done = landda(2, "run", "tiny.yaml", "--output", f"alone_{seed}", "--set", f"seed={seed}")
        assert done.returncode == 0, done.stderr
        assert landda.digest(f"out/seed_{seed}") == landda.digest(f"alone_{seed}")
    assert len({landda.digest(f"alone_{seed}") for seed in (1, 2, 3, 4)}) == 4
