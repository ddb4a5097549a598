"""Campaigns that are stopped, by a kill, a dead rank or a signal, and resumed: not a bit is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.campaign.conftest import ENVIRONMENT, Landda, assert_same, wait_for_cycle


@pytest.mark.parametrize(
    ("first", "second", "cycles"),
    [(3, 2, 5), *(pytest.param(*more, marks=pytest.mark.verify) for more in ((2, 1, 1), (1, 3, 3)))],
)
def test_kill_nine_loses_nothing_before_the_last_checkpoint(
    landda: Landda, reference: Mapping[str, Any], first: int, second: int, cycles: int
) -> None:
    output = landda.folder / "out"
    process = landda.popen(first, "run", landda.write(), "--output", "out")
    wait_for_cycle(output, cycles, process.poll)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=30)
    done = landda(second, "resume", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert_same(output, reference, landda)


@pytest.mark.verify
@pytest.mark.parametrize("victim", [0, 1])
def test_a_dead_rank_ends_the_job_and_loses_nothing(landda: Landda, reference: Mapping[str, Any], victim: int) -> None:
    output = landda.folder / "out"
    process = landda.popen(2, "run", landda.write(), "--output", "out")
    wait_for_cycle(output, 2, process.poll)
    ranks = children(process.pid)
    assert len(ranks) == 2
    os.kill(ranks[victim], signal.SIGKILL)
    process.communicate(timeout=60)  # the job ends by itself
    assert process.returncode != 0
    assert landda.here("status", "out", "--state").stdout.strip() == "failed"
    done = landda.here("resume", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert_same(output, reference, landda)


@pytest.mark.parametrize("number", [signal.SIGUSR1, pytest.param(signal.SIGTERM, marks=pytest.mark.verify)])
def test_a_signal_ends_with_a_complete_checkpoint(
    landda: Landda, reference: Mapping[str, Any], number: signal.Signals
) -> None:
    output = landda.folder / "out"
    file = landda.write(checkpoint={"every_hours": 36})  # none is due before the end: only the signal makes one
    process = landda.popen(1, "run", file, "--output", "out")
    wait_for_cycle(output, 2, process.poll)
    process.send_signal(number)
    text, _ = process.communicate(timeout=60)
    assert process.returncode == (0 if number == signal.SIGUSR1 else 128 + number), text
    assert f"Stopped by {number.name}" in text and "landda resume out" in text
    assert landda.here("status", "out", "--state").stdout.strip() == "stopped"
    done = landda(2, "resume", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert_same(output, reference, landda)


@pytest.mark.verify
def test_a_signal_before_anything_is_loaded_is_not_lost(landda: Landda, reference: Mapping[str, Any]) -> None:
    """SIGUSR1 in the first instants waits for the handlers; here it is there before the program's first line."""
    start = "import os, signal; signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1}); "
    start += "os.kill(os.getpid(), signal.SIGUSR1); from landda_hpc.cli import main; main()"
    file = landda.write(checkpoint={"every_hours": 36})
    done = subprocess.run(
        [sys.executable, "-c", start, "run", str(file), "-o", "out"], capture_output=True, text=True, timeout=60,
        cwd=landda.folder, check=False, env=ENVIRONMENT,
    )  # fmt: skip
    assert done.returncode == 0 and "Stopped by SIGUSR1" in done.stdout, done.stdout + done.stderr
    assert landda.here("resume", "out").returncode == 0
    assert_same(landda.folder / "out", reference, landda)


def test_stop_requests_are_held_back_before_the_application_is_loaded() -> None:
    """In the source: the mask comes before the imports that take their time."""
    script = (
        "import signal, sys; sys.argv = ['landda', 'run', 'no.yaml']\n"
        "import landda_hpc.cli\n"
        "assert 'numpy' not in sys.modules and 'typer' not in sys.modules\n"
        "import builtins; real = builtins.__import__\n"
        "def announced(name, *rest):\n"
        "    if name == 'landda_hpc.commands.application':\n"
        "        print(signal.SIGUSR1 in signal.pthread_sigmask(signal.SIG_BLOCK, set()))\n"
        "        raise SystemExit(0)\n"
        "    return real(name, *rest)\n"
        "builtins.__import__ = announced\n"
        "landda_hpc.cli.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip() == "True", done.stderr


@pytest.mark.verify
def test_a_signal_to_mpirun_reaches_all_ranks(landda: Landda, reference: Mapping[str, Any]) -> None:
    output = landda.folder / "out"
    process = landda.popen(2, "run", landda.write(checkpoint={"every_hours": 36}), "--output", "out")
    wait_for_cycle(output, 1, process.poll)
    process.send_signal(signal.SIGUSR1)
    text, _ = process.communicate(timeout=60)
    assert process.returncode == 0, text
    assert landda(3, "resume", "out").returncode == 0
    assert_same(output, reference, landda)


@pytest.mark.verify
def test_sigterm_to_mpirun_costs_at_most_the_cycles_since_the_last_checkpoint(
    landda: Landda, reference: Mapping[str, Any]
) -> None:
    """As docs/cluster.md says: mpirun answers SIGTERM by killing the ranks, in time for a checkpoint or not."""
    output = landda.folder / "out"
    process = landda.popen(2, "run", landda.write(), "--output", "out")
    wait_for_cycle(output, 2, process.poll)
    process.send_signal(signal.SIGTERM)
    text, _ = process.communicate(timeout=60)
    assert process.returncode != 0, text
    # So small a campaign may be at its end before the ranks know, a second later: nothing to resume is right too.
    assert landda(1, "resume", "out").returncode == 0
    assert_same(output, reference, landda)


def children(parent: int) -> list[int]:
    """Processes that run the program, started by ``parent``, oldest first."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat, command = (folder / "stat").read_text(), (folder / "cmdline").read_bytes()
        except OSError:  # it has ended in the meantime
            continue
        if int(stat.rpartition(")")[2].split()[1]) == parent and b"landda_hpc" in command:
            found.append(int(folder.name))
    return sorted(found)
