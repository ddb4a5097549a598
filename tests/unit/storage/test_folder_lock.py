"""One job in a folder, on file systems with locks, without them, and with locks that are granted to everybody."""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from landda_hpc.errors import StorageError
from landda_hpc.parallel.process_identity import ProcessIdentity
from landda_hpc.storage import folder_lock, folder_owner
from landda_hpc.storage.campaign_folder import CampaignFolder, Claim, Status
from landda_hpc.storage.folder_lock import FolderLock
from landda_hpc.storage.folder_owner import Owner, read_owner, write_owner

FLOCK = {"ENOLCK": errno.ENOLCK, "ENOSYS": errno.ENOSYS, "EOPNOTSUPP": errno.EOPNOTSUPP, "EINVAL": errno.EINVAL}
"""File systems without locks; besides, "granted" to everybody, and "real"."""

PROGRAM = """
import errno, fcntl, sys, time
from pathlib import Path
kind = sys.argv[2]
def flock(descriptor, operation):
    if kind != "granted":
        raise OSError(getattr(errno, kind), kind)
if kind != "real":
    fcntl.flock = flock
from landda_hpc.errors import StorageError
from landda_hpc.storage.folder_lock import FolderLock
lock = FolderLock(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
try:
    lock.acquire()
    print("held", flush=True)
except StorageError as error:
    print("refused", error, flush=True)
sys.stdin.readline()
lock.release()
print("released", flush=True)
"""


class Job:
    """Another process that takes a folder."""

    def __init__(self, path: Path, kind: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(path), kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.line() == "ready"

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def go_on(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()


@pytest.fixture
def jobs() -> Iterator[Callable[[Path, str], Job]]:
    started: list[Job] = []

    def start(path: Path, kind: str) -> Job:
        started.append(Job(path, kind))
        return started[-1]

    yield start
    for job in started:
        job.process.kill()
        job.process.communicate(timeout=30)


def set_flock(patch: pytest.MonkeyPatch, kind: str) -> None:
    def flock(descriptor: int, operation: int) -> None:
        if kind != "granted":
            raise OSError(FLOCK[kind], kind)

    if kind != "real":
        patch.setattr(fcntl, "flock", flock)


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signs of life many times a second."""
    for name, value in {"BEAT_S": 0.05, "WATCH_S": 0.6, "FRESH_S": 3.0, "SILENT_S": 600.0}.items():
        monkeypatch.setattr(folder_owner, name, value)
    monkeypatch.setattr(folder_lock, "SETTLE_S", 0.01)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.02)


@pytest.mark.parametrize(
    "kind",
    [
        "ENOLCK",
        "granted",
        "real",
        *(pytest.param(k, marks=pytest.mark.verify) for k in ("ENOSYS", "EOPNOTSUPP", "EINVAL")),
    ],
)
def test_a_living_job_is_seen_and_a_dead_one_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jobs: Callable[[Path, str], Job], kind: str
) -> None:
    path = tmp_path / ".lock"
    set_flock(monkeypatch, kind)
    job, lock = jobs(path, kind), FolderLock(path)
    assert lock.life() == "free"
    job.go_on()
    assert job.line() == "held"
    assert lock.life() == "alive"
    for claim in (None, Claim(take_over=True), Claim(wait_s=0.2)):  # of a process that is seen to live nobody takes it
        with pytest.raises(StorageError, match=rf"in use by another job \(process {job.process.pid} on .* since 20"):
            lock.acquire(claim)
    assert lock.life() == "alive"
    job.process.send_signal(signal.SIGKILL)
    until(lambda: lock.life() == "dead")  # while it is a zombie as well: nobody has waited for it
    lock.acquire()
    assert lock.is_held_by_anyone()
    with pytest.raises(StorageError, match="in use"):
        FolderLock(path).acquire()
    lock.release()
    assert FolderLock(path).life() == "free"
    assert read_owner(path).released


@pytest.mark.parametrize("kind", ["ENOLCK", "granted"])
def test_of_jobs_that_come_at_once_one_gets_the_folder(
    tmp_path: Path, jobs: Callable[[Path, str], Job], kind: str
) -> None:
    path = tmp_path / ".lock"
    several = [jobs(path, kind) for _ in range(3)]
    for job in several:
        job.go_on()
    said = [job.line() for job in several]
    assert sorted(text.split()[0] for text in said) == ["held", "refused", "refused"], said


def test_waiting_for_the_end_of_a_job(tmp_path: Path, jobs: Callable[[Path, str], Job]) -> None:
    path = tmp_path / ".lock"
    job = jobs(path, "ENOLCK")
    job.go_on()
    assert job.line() == "held"
    job.go_on()  # it ends in an instant
    FolderLock(path).acquire(Claim(wait_s=60.0))
    assert job.line() == "released"


def elsewhere(path: Path, age_s: float, beat: int = 7) -> Owner:
    """A lock file as a process of another machine leaves it, whose clock says that it wrote so many seconds ago."""
    process = replace(ProcessIdentity.of_this_process(), boot="another", host="n17", pid=123, job="4711")
    written = (datetime.now(UTC) - timedelta(seconds=age_s)).isoformat(timespec="milliseconds")
    owner = Owner(process, "2022-06-02T00:00:00.000+00:00", "abc", beat, written)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    write_owner(descriptor, owner)
    os.close(descriptor)
    return owner


def test_a_job_of_another_machine_with_a_fresh_sign_of_life_is_left_alone(tmp_path: Path) -> None:
    path, lock = tmp_path / ".lock", FolderLock(tmp_path / ".lock")
    for age in (5.0, -100.0):
        elsewhere(path, age)
        assert lock.life() == "alive"
        with pytest.raises(
            StorageError, match=r"process 123 on n17, job 4711 .* considered dead after 180 s .*--take-over"
        ):
            lock.acquire()
    before = path.read_bytes()
    assert before == path.read_bytes()
    lock.acquire(Claim(take_over=True))
    lock.release()


@pytest.mark.parametrize(("age", "life"), [(300.0, "unknown"), (3600.0, "dead"), (-3600.0, "unknown")])
@pytest.mark.usefixtures("fast")
def test_an_old_sign_of_life_is_watched_for_a_change(
    tmp_path: Path, age: float, life: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever the clocks say: a job that moves is alive, one that does not is taken for dead after a while."""
    path, lock = tmp_path / ".lock", FolderLock(tmp_path / ".lock")
    owner = elsewhere(path, age)
    assert lock.life() == life
    assert not lock.gives_sign(0.3)
    with caplog.at_level(logging.WARNING, "landda_hpc"):
        lock.acquire()
    assert "considered dead (process 123 on n17" in caplog.text
    lock.release()
    stopped = False

    def live() -> None:
        beat = 8
        while not stopped:
            elsewhere(path, age, beat)
            beat += 1
            time.sleep(0.05)

    elsewhere(path, age)
    other = threading.Thread(target=live)
    other.start()
    try:
        assert lock.gives_sign(20.0)
        with pytest.raises(StorageError, match="in use by another job"):
            lock.acquire()
        assert read_owner(path).token == owner.token
    finally:
        stopped = True
        other.join(timeout=30)
    lock.acquire(Claim(wait_s=60.0))  # it has stopped now, and is taken for dead when it is silent long enough
    lock.release()


def test_what_other_contents_mean(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    old = json.dumps({"pid": os.getpid(), "host": "here", "since": "2022"})  # of an earlier version: flock alone counts
    for content in ("", "{", old, "[]", "null"):
        path.write_text(content)
        assert FolderLock(path).life() == "free"
        lock = FolderLock(path)
        lock.acquire()
        assert read_owner(path).process.pid == os.getpid()
        lock.release()


def test_an_id_that_another_process_has_now(tmp_path: Path) -> None:
    mine = ProcessIdentity.of_this_process()
    assert mine.life() == "alive"
    assert replace(mine, born="1").life() == "dead"
    assert replace(mine, pid=2**22 + 1).life() == "dead"
    assert replace(mine, namespace="pid:[1]").life() == "unknown"
    assert replace(mine, born="").life() == "unknown"
    assert "job" not in replace(mine, job="").describe()


@pytest.mark.usefixtures("fast")
def test_signs_of_life_go_on_until_the_folder_is_given_back(tmp_path: Path) -> None:
    path, lock = tmp_path / ".lock", FolderLock(tmp_path / ".lock")
    lock.acquire()
    first = read_owner(path)
    until(lambda: read_owner(path).beat >= first.beat + 3)
    path.unlink()  # by a user who thinks that this frees the folder
    until(lambda: path.exists() and read_owner(path) is not None)
    with pytest.raises(StorageError, match="in use"):
        FolderLock(path).acquire()
    lock.release()
    last = read_owner(path)
    assert last.released
    time.sleep(0.2)
    assert read_owner(path) == last


@pytest.mark.usefixtures("fast")
def test_a_job_that_was_displaced_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its machine stood still while another one took the folder; what it then writes would mix two campaigns."""
    set_flock(monkeypatch, "granted")
    folder = CampaignFolder.create(tmp_path / "run", "name: a\n")
    folder.append_records("cycles", [{"cycle": 1}])
    status = Status("running", 1, 9, "2022-06-02T06:00:00", 1)
    folder.write_status(status)
    with monkeypatch.context() as patch:
        patch.setattr(ProcessIdentity, "life", lambda self: "unknown")  # as from another machine
        other = CampaignFolder.reopen(tmp_path / "run", Claim(take_over=True))
    for act in (lambda: folder.append_records("cycles", [{"cycle": 2}]), lambda: folder.write_status(status)):
        with pytest.raises(StorageError, match=r"was taken by another job .* only one job can work in a folder"):
            act()
    folder.unlock()
    assert other.is_locked
    assert not read_owner(tmp_path / "run" / ".lock").released
    other.append_records("cycles", [{"cycle": 2}])
    assert other.read_records("cycles") == [{"cycle": 1}, {"cycle": 2}]
    other.unlock()


@pytest.mark.usefixtures("fast")
def test_where_a_campaign_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = CampaignFolder.create(tmp_path / "run", "name: a\n")
    seen = CampaignFolder.open(tmp_path / "run")
    assert seen.standing() == "running"
    folder.unlock()
    assert seen.standing() == "not begun"
    folder.write_status(Status("running", 1, 9, "2022-06-02T06:00:00", 1))
    assert seen.standing() == "not begun"
    (folder.checkpoints / "checkpoint_000000_20220602T0000.h5").touch()
    assert seen.standing() == "failed"
    lock = tmp_path / "run" / ".lock"
    for age, standing in ((1.0, "running"), (300.0, "unknown"), (3600.0, "failed")):
        elsewhere(lock, age)
        assert seen.standing() == standing
    folder.write_status(Status("stopped", 1, 9, "2022-06-02T06:00:00", 1))
    elsewhere(lock, 300.0)
    assert seen.standing() == "stopped"
