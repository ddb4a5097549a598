"""A hundred kills at any instant of a campaign's life under mpirun: nothing is lost.

Each leg is what a job script starts: ``resume`` where the folder holds a campaign, else ``run``; after a finished
campaign ``run --overwrite`` begins the next one. A leg is killed (-9) after a random time, so that kills fall into the
start, the cycles, checkpoints, the report and the removal of the earlier campaign. Every campaign ends with the digest
and the records of an uninterrupted one.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.campaign.conftest import Landda
from tests.campaign.test_stops import children

KILLS = int(os.environ.get("LANDDA_KILLS", "100"))
CHANGES: dict[str, Any] = {
    "runs": [
        {"method": "control"},
        {"method": "enkf_like", "members": 4},
        {"method": "pointwise", "name": "drifting", "drift": {"settle_days": 0.0}},
    ],
    "checkpoint": {"every_hours": 6, "keep_last": 2, "restarts": True},
    "output": {"every_hours": 36, "figures": True, "layers": True, "profiles": [[40.0, 250.0]], "series": {}},
}
"""Every kind of file that a campaign writes, and few figures: they take longest."""

RECORDS = ("scores.jsonl", "cycles.jsonl", "profiles.jsonl")
LEG_S = 150.0
"""Longest time that a leg may take on a busy machine; none comes near it."""


def phase(output: Path) -> str:
    """Where a killed campaign stood, in a word."""
    if not (output / "config.yaml").exists():
        return "before its configuration"
    cycles = output / "cycles.jsonl"
    if not cycles.exists() or not cycles.stat().st_size:
        return "start"
    return "report" if '"cycle": 6,' in cycles.read_text() else "cycles"


def end(process: subprocess.Popen[str], choice: random.Random) -> None:
    """Kill the job as a whole, one of its ranks, or the launcher."""
    ranks = children(process.pid)
    kind = choice.choice(("job", "rank", "launcher"))
    try:
        if kind == "rank" and ranks:
            os.kill(choice.choice(ranks), signal.SIGKILL)
        elif kind == "launcher":
            os.kill(process.pid, signal.SIGKILL)
        else:
            os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    if kind == "rank" and ranks:
        # The job must end by itself.
        process.communicate(timeout=LEG_S)
    leave_nothing_behind(process, ranks)


def leave_nothing_behind(process: subprocess.Popen[str], ranks: list[int]) -> None:
    """Wait until every process of the job has gone: orphans of a killed launcher are killed too, as Slurm does."""
    for pid in ranks:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.kill()
    process.communicate(timeout=LEG_S)
    deadline = time.monotonic() + LEG_S
    while any(Path(f"/proc/{pid}/stat").exists() and not is_zombie(pid) for pid in ranks):
        assert time.monotonic() < deadline, "a killed rank does not end"
        time.sleep(0.05)


def is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def leg(output: Path, file: Path, *, begins: bool) -> tuple[str, ...]:
    """What the job script starts (``landda job``)."""
    if (output / "config.yaml").is_file() and not begins:
        return ("resume", output.name)
    return ("run", str(file), "--output", output.name, "--overwrite")


@pytest.mark.verify
@pytest.mark.timeout(3500)
def test_kills_at_any_instant_lose_nothing(landda: Landda) -> None:
    file, choice = landda.write(**CHANGES), random.Random(20221128)
    whole = time.monotonic()
    done = landda(2, "run", file, "--output", "whole", timeout=LEG_S)
    whole = time.monotonic() - whole
    assert done.returncode == 0, done.stdout + done.stderr
    expected = landda.digest("whole"), [(landda.folder / "whole" / name).read_bytes() for name in RECORDS]
    figures = sorted(p.name for p in (landda.folder / "whole" / "figures").iterdir())

    output, killed, finished, begins = landda.folder / "out", Counter[str](), 0, True
    while killed.total() < KILLS:
        arguments = leg(output, file, begins=begins)
        process = landda.popen(choice.choice((1, 2, 2, 3)), *arguments)
        try:
            text, _ = process.communicate(timeout=choice.uniform(0.0, 1.1 * whole))
        except subprocess.TimeoutExpired:
            end(process, choice)
            killed[phase(output)] += 1
            # A removal that was cut short is a start that was cut short: it continues without being asked twice.
            begins = begins and (output / "config.yaml").exists() and phase(output) == "report"
            continue
        assert process.returncode == 0, f"landda {' '.join(arguments)}: {text}"
        found = landda.digest("out"), [(output / name).read_bytes() for name in RECORDS]
        assert found == expected, f"after {killed.total()} kills ({dict(killed)}) a campaign differs"
        assert landda.here("status", "out", "--report").stdout.strip() == "complete"
        assert sorted(p.name for p in (output / "figures").iterdir()) == figures
        finished, begins = finished + 1, True
    assert finished > KILLS // 20, f"hardly a campaign came to its end: {finished}, kills {dict(killed)}"
    print(f"{killed.total()} kills, {dict(killed)}; {finished} campaigns finished, all whole")  # noqa: T201 - the result
