"""The report as a separate step: interrupted, killed, resumed, failed; the campaign is finished all the while."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from landda_hpc.campaign.reporting import report_campaign
from landda_hpc.config import read_resolved
from landda_hpc.parallel.communicator import SerialCommunicator
from landda_hpc.parallel.signals import StopRequest
from landda_hpc.storage.campaign_folder import CampaignFolder
from landda_hpc.storage.report_state import NAME, ReportState, read_report_state, report_step, write_report_state
from tests.campaign.conftest import Landda

RUNS = [{"method": "control"}, {"method": "pointwise"}]
N_PARTS = 3 + 2 + 2 + 7 + 1 + 2
"""Tables; innovations of two runs; their tables by scale; three series, minimisation (nothing to show), innovations by
scale and direction, spectra; a map of one time; both pages."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Landda:
    """A finished campaign in ``out`` with its whole report, made by two ranks."""
    run = Landda(tmp_path_factory.mktemp("report"))
    done = run(2, "run", run.write(runs=RUNS, output={"every_hours": 36, "figures": True}), "-o", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    return run


@pytest.fixture
def out(finished: Landda, landda: Landda) -> Path:
    """A copy of it whose report has not begun."""
    out = Path(shutil.copytree(finished.folder / "out", landda.folder / "out"))
    for path in (
        *out.glob("figures/*"),
        *out.glob("innovations*.*"),
        *(out / n for n in ("summary.md", "report.html", "scores.csv", "scores.nc", "spectra.csv", "observations.md")),
    ):
        path.unlink()
    write_report_state(out, ReportState())
    return out


def pages(out: Path) -> dict[str, bytes]:
    names = ("summary.md", "scores.csv", "observations.md")
    return {name: (out / name).read_bytes() for name in names} | {p.name: p.read_bytes() for p in out.glob("figures/*")}


def wait_for_parts(out: Path, n_parts: int, poll: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        state = read_report_state(out)
        if state is not None and state.state == "running" and len(state.parts) >= n_parts:
            return
        assert poll() is None, "the report was complete before it was to be stopped"
        time.sleep(0.02)
    raise AssertionError("no report within a minute")


@pytest.mark.verify
def test_a_report_lists_its_parts(finished: Landda) -> None:
    out = finished.folder / "out"
    state = read_report_state(out)
    assert state is not None and state.state == "complete" and state.n_parts == len(state.parts) == N_PARTS
    assert state.parts["figures/minimisation.png"] is None
    assert len(list(out.glob("figures/*"))) == N_PARTS - 10
    assert (out / "summary.md").read_text().count("](figures/") == N_PARTS - 10
    assert finished.here("status", "out", "--report").stdout.strip() == "complete"
    before = {p: p.stat().st_mtime_ns for p in out.rglob("*") if p.is_file() and p.name not in ("landda.log", ".lock")}
    done = finished(2, "resume", "out")
    assert done.returncode == 0 and "nothing to do" in done.stdout, done.stdout + done.stderr
    assert {p: p.stat().st_mtime_ns for p in before} == before


@pytest.mark.verify
@pytest.mark.parametrize(
    ("ranks", "number", "code"),
    [(2, signal.SIGUSR1, 0), (1, signal.SIGTERM, 143), (1, signal.SIGINT, 130)],
)
def test_a_signal_interrupts_the_report_and_a_resume_completes_it(
    landda: Landda, out: Path, finished: Landda, ranks: int, number: signal.Signals, code: int
) -> None:
    process = landda.popen(ranks, "resume", "out")
    wait_for_parts(out, 4, process.poll)
    process.send_signal(number)
    text, _ = process.communicate(timeout=60)
    assert process.returncode == code and f"{number.name} interrupted the report" in text, text
    assert landda.here("status", "out", "--state").stdout.strip() == "finished"
    assert landda.here("status", "out", "--report").stdout.strip() == "interrupted"
    state = read_report_state(out)
    assert state is not None and 4 <= len(state.parts) < N_PARTS and not list(out.rglob("*.tmp"))
    assert (out / "summary.md").is_file()  # the tables are there from the beginning
    made = {name: (out / name).stat().st_mtime_ns for name in state.parts if (out / name).is_file()}
    done = landda.here("resume", "out")
    assert done.returncode == 0 and "Finished." in done.stdout, done.stdout + done.stderr
    assert {name: (out / name).stat().st_mtime_ns for name in made} == made
    assert pages(out) == pages(finished.folder / "out")


@pytest.mark.verify
@pytest.mark.parametrize("ranks", [2, 1])
def test_kill_nine_while_the_report_is_made(landda: Landda, out: Path, finished: Landda, ranks: int) -> None:
    process = landda.popen(ranks, "resume", "out")
    wait_for_parts(out, 3, process.poll)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=30)
    deadline = time.monotonic() + 30
    while CampaignFolder(out).is_locked:  # ranks end by themselves when they lose mpirun
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert landda.here("status", "out", "--state").stdout.strip() == "finished"
    assert landda.here("status", "out", "--report").stdout.strip() == "interrupted"
    done = landda(2, "resume", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not list(out.rglob("*.tmp"))
    assert pages(out) == pages(finished.folder / "out")


@pytest.mark.verify
def test_a_report_that_fails_leaves_the_campaign_finished(landda: Landda, out: Path, finished: Landda) -> None:
    image = out / "images" / "pointwise_20220603T12.nc"
    image.write_bytes(image.read_bytes()[:2000])
    with CampaignFolder(out) as folder:
        folder.lock()
        config = read_resolved(folder.config_file)
        with pytest.raises(Exception, match=r"pointwise_20220603T12\.nc"):
            report_campaign(folder, config, SerialCommunicator())
    state = read_report_state(out)
    assert state is not None and state.state == "failed" and image.name in state.message
    shown = landda.here("status", "out").stdout
    assert "finished" in shown and "failed" in shown and "landda resume out" in shown
    assert "images/ is incomplete" in (out / "summary.md").read_text()


@pytest.mark.verify
def test_a_part_that_was_deleted_is_made_again(landda: Landda, out: Path, finished: Landda) -> None:
    shutil.rmtree(out)
    shutil.copytree(finished.folder / "out", out)
    (out / "figures" / "innovations.png").unlink()
    assert landda.here("status", "out", "--report").stdout.strip() == "interrupted"
    done = landda.here("resume", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert pages(out) == pages(finished.folder / "out")


@pytest.mark.verify
def test_a_stop_request_before_the_report_leaves_it_pending(out: Path) -> None:
    stop = StopRequest()
    stop._remember(signal.SIGUSR1, None)
    with CampaignFolder(out) as folder:
        folder.lock()
        outcome = report_campaign(folder, read_resolved(folder.config_file), SerialCommunicator(), stop=stop)
    assert not outcome.complete and outcome.stopped_by == signal.SIGUSR1 and outcome.n_made == 0
    assert report_step(out, is_held=False) == "interrupted"
    assert not (out / "summary.md").exists()


def test_a_damaged_state_of_the_report_is_no_obstacle(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for text in ("", "[]", '{"state": "odd"}', '{"parts": {"a": 3}}', '{"parts": 3}'):
        (tmp_path / NAME).write_text(text)
        assert read_report_state(tmp_path) == ReportState()
    assert caplog.text.count("is damaged") == 5


@pytest.mark.verify
def test_a_report_of_an_earlier_version_is_complete(out: Path) -> None:
    (out / NAME).unlink()
    assert report_step(out, is_held=False) == "complete"


@pytest.mark.verify
def test_records_that_lack_a_table_make_no_report(landda: Landda, out: Path) -> None:
    lines = (out / "scores.jsonl").read_bytes().splitlines(keepends=True)
    (out / "scores.jsonl").write_bytes(b"".join(line for line in lines if b'"cycle": 2,' not in line))
    with CampaignFolder(out) as folder:
        folder.lock()
        config = read_resolved(folder.config_file)
        tables = config.model_copy(update={"output": config.output.model_copy(update={"figures": False})})
        with pytest.raises(OSError, match=r"scores\.jsonl lacks cycle 2"):
            report_campaign(folder, tables, SerialCommunicator())
        outcome = report_campaign(folder, tables, SerialCommunicator(), accept_gaps=True)
    assert outcome.complete and outcome.n_made == 9
    assert "Missing in the records: scores.jsonl lacks cycle 2" in (out / "summary.md").read_text()
