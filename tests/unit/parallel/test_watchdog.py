"""The watch over the steps of a job: it ends a job that hangs, and no other."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from landda_hpc.parallel import watchdog
from landda_hpc.parallel.communicator import SerialCommunicator
from landda_hpc.parallel.watchdog import EXIT_CODE, set_watch, watched, watching

LONG_S = 30.0
"""Longest wait for what comes in a fraction of a second on an idle machine."""


class Job(SerialCommunicator):
    """A job that records that it was aborted, instead of ending the tests."""

    def __init__(self) -> None:
        self.aborted, self.code = threading.Event(), 0

    def abort(self, code: int) -> None:
        self.code = code
        self.aborted.set()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(watchdog, "_TICK_S", 0.01)
    monkeypatch.setattr(watchdog, "_GRACE_S", 0.2)
    monkeypatch.setattr(watchdog.faulthandler, "dump_traceback_later", lambda *_, **__: None)  # ends this process
    yield


def test_a_step_that_does_not_end_aborts_the_job_with_a_reason(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    job, reasons, log = Job(), list[str](), tmp_path / "landda.log"
    with watching(job):
        set_watch(0.001, log, reasons.append)
        with watched("cycle 7"), watched("recording"):
            assert job.aborted.wait(LONG_S)
    assert job.code == EXIT_CODE
    (reason,) = reasons
    assert "rank 0 of 1" in reason and "in cycle 7, recording;" in reason and "test_watchdog.py" in reason
    assert reason in log.read_text() and reason in capfd.readouterr().err


def test_a_step_that_ends_after_its_limit_but_before_the_end_continues(tmp_path: Path) -> None:
    job, expired, log = Job(), threading.Event(), tmp_path / "landda.log"
    with watching(job):
        set_watch(0.001, log, lambda _: expired.set())
        with watched("slow"):
            assert expired.wait(LONG_S)
        set_watch(1000.0, log, lambda _: None)
        assert not job.aborted.wait(1.0)
    assert "the job continues" in log.read_text()


def test_steps_with_more_time_and_short_steps_do_not_expire(tmp_path: Path) -> None:
    job = Job()
    with watching(job):
        set_watch(0.001, tmp_path / "landda.log", lambda _: None)
        with watched("the model", extra_s=1000.0):
            assert not job.aborted.wait(1.0)


def test_the_default_limit_grows_with_the_longest_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "_DEFAULT_S", 0.5)
    monkeypatch.setattr(watchdog, "_FACTOR", 1e6)
    job = Job()
    with watching(job):
        with watched("first"):
            threading.Event().wait(0.1)
        with watched("second"):
            assert not job.aborted.wait(2.0)


def test_without_a_watchdog_steps_are_free() -> None:
    with watched("nothing"):
        pass
