"""A stopped rank and a hung file system end the job with a reason, and a resume loses nothing."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Mapping
from typing import Any

import pytest

from landda_hpc.parallel.watchdog import EXIT_CODE
from tests.campaign.conftest import Landda, assert_same, wait_for_cycle
from tests.campaign.test_stops import children

LIMIT = ("--set", "parallel.timeout_minutes=0.75")


def assert_ends_with_a_reason(landda: Landda, process: Any, n_reasons: int) -> None:
    """The job has ended by itself, with the watchdog's code, and its reasons are in every place."""
    text, _ = process.communicate(timeout=200)
    assert process.returncode == EXIT_CODE, text
    assert text.count("no progress within 45 s") == n_reasons, text
    assert (landda.folder / "out" / "landda.log").read_text().count("no progress within 45 s") == n_reasons
    # mpirun may end before a stopped rank is dead.
    for _ in range(20):
        shown = landda.here("status", "out").stdout
        if "failed" in shown:
            break
        time.sleep(1.0)
    assert "failed" in shown and "CRITICAL" in shown and "no progress within 45 s" in shown


def assert_resumes(landda: Landda, reference: Mapping[str, Any]) -> None:
    done = landda(2, "resume", "out", "--set", "parallel.timeout_minutes=10")
    assert done.returncode == 0, done.stdout + done.stderr
    assert_same(landda.folder / "out", reference, landda)
    assert json.loads((landda.folder / "out" / "status.json").read_text())["message"] == ""


@pytest.mark.verify  # waits for the limit; tests/unit/parallel/test_watchdog.py is its short form
@pytest.mark.parametrize("victim", [0, 1])
def test_a_stopped_rank_ends_the_job(landda: Landda, reference: Mapping[str, Any], victim: int) -> None:
    """A rank that answers no more is what the other ranks see of a lost node."""
    process = landda.popen(2, "run", landda.write(), "--output", "out", *LIMIT)
    wait_for_cycle(landda.folder / "out", 2, process.poll)
    os.kill(children(process.pid)[victim], signal.SIGSTOP)
    assert_ends_with_a_reason(landda, process, n_reasons=1)
    status = json.loads((landda.folder / "out" / "status.json").read_text())
    assert (status["state"] == "failed") == (victim != 0), "rank 0 writes the status, unless it is the stopped one"
    assert_resumes(landda, reference)


@pytest.mark.verify
@pytest.mark.parametrize("ranks", [2, 1])
def test_a_hung_file_system_ends_the_job(landda: Landda, reference: Mapping[str, Any], ranks: int) -> None:
    """A pipe that nobody reads: rank 0 hangs as it opens the file, as on a file system whose server is lost."""
    output = landda.folder / "out"
    process = landda.popen(ranks, "run", landda.write(), "--output", "out", *LIMIT)
    wait_for_cycle(output, 2, process.poll)
    file, kept, pipe = output / "seconds.jsonl", landda.folder / "kept", landda.folder / "pipe"
    os.link(file, kept)
    os.mkfifo(pipe)
    pipe.replace(file)
    assert_ends_with_a_reason(landda, process, n_reasons=ranks)
    assert "append_records (campaign_folder.py:" in (output / "landda.log").read_text()
    kept.replace(file)
    assert_resumes(landda, reference)


@pytest.mark.verify
def test_a_job_that_is_suspended_as_a_whole_continues(landda: Landda, reference: Mapping[str, Any]) -> None:
    """As by `scontrol suspend`, for longer than the limit: no false alarm."""
    process = landda.popen(2, "run", landda.write(), "--output", "out", *LIMIT)
    wait_for_cycle(landda.folder / "out", 2, process.poll)
    ranks = children(process.pid)
    for number in (signal.SIGSTOP, signal.SIGCONT):
        for pid in ranks:
            os.kill(pid, number)
        if number == signal.SIGSTOP:
            assert process.poll() is None
            time.sleep(50.0)
    text, _ = process.communicate(timeout=200)
    assert process.returncode == 0, text
    assert_same(landda.folder / "out", reference, landda)
