"""Campaigns on file systems without locks, or with locks that everybody gets: a running one is seen, and left alone."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.campaign.conftest import Landda, assert_same, wait_for_cycle
from tests.campaign.test_stops import children

SITE = """
import fcntl, os
def flock(descriptor, operation):
    if os.environ["TEST_FLOCK"] != "granted":
        raise OSError(int(os.environ["TEST_FLOCK"]), "no locks")
fcntl.flock = flock
"""


@pytest.fixture(params=["37", pytest.param("granted", marks=pytest.mark.verify)])
def without_locks(landda: Landda, tmp_path: Path, request: pytest.FixtureRequest) -> Landda:
    """Every process that it starts has such an flock from the beginning."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(SITE)
    landda.first_on_path(folder)
    landda.environment["TEST_FLOCK"] = request.param
    return landda


@pytest.mark.verify
def test_a_running_campaign_is_seen_and_not_resumed(without_locks: Landda, reference: Mapping[str, Any]) -> None:
    landda, output = without_locks, without_locks.folder / "out"
    process = landda.popen(2, "run", landda.write(), "--output", "out")
    ranks: list[int] = []
    try:
        wait_for_cycle(output, 1, process.poll)
        ranks = children(process.pid)
        for rank in ranks:  # so that it does not end while it is asked about
            os.kill(rank, signal.SIGSTOP)
        assert landda.here("status", "out", "--state").stdout.strip() == "running"
        assert "running: process" in landda.here("status", "out").stdout
        for command in (("resume", "out"), ("run", "tiny.yaml", "-o", "out", "--overwrite")):
            refused = landda(1, *command)
            assert refused.returncode == 3, refused.stdout
            assert "in use by another job (process" in refused.stderr
    finally:
        for rank in ranks:
            os.kill(rank, signal.SIGCONT)
    text, _ = process.communicate(timeout=100)
    assert process.returncode == 0, text
    assert_same(output, reference, landda)


@pytest.mark.verify
def test_a_killed_campaign_is_seen_and_resumed(without_locks: Landda, reference: Mapping[str, Any]) -> None:
    landda, output = without_locks, without_locks.folder / "out"
    process = landda.popen(2, "run", landda.write(), "--output", "out")
    wait_for_cycle(output, 2, process.poll)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=30)
    deadline = time.monotonic() + 30  # the ranks notice in a moment that their mpirun is gone
    while (state := landda.here("status", "out", "--state").stdout.strip()) != "failed":
        assert state == "running" and time.monotonic() < deadline, state
        time.sleep(0.1)
    done = landda(1, "resume", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert_same(output, reference, landda)
