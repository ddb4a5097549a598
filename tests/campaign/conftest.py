"""Real campaigns in separate processes: `landda` under mpirun, as a user starts it."""

from __future__ import annotations

import io
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
import yaml

from landda_hpc.commands.application import app
from landda_hpc.commands.console import exit_codes as errors

TIMEOUT_S = 100

ENVIRONMENT = {**os.environ, "COLUMNS": "200"}
"""As it was before any test module started MPI in this process: an MPI singleton leaves variables behind that make
mpirun in a child fail at once. This file is loaded before them. The wide screen keeps sentences whole, however long
the path of the checkout."""

CONFIG: dict[str, Any] = {
    "name": "tiny",
    "seed": 7,
    "time": {"start": "2022-06-02T00:00", "assimilation_end": "2022-06-03T00:00", "end": "2022-06-03T12:00"},
    "grid": {"n_lat": 32, "n_lon": 64},
    "model": {"spinup_days": 0},
    "twin": {"weather_correlation": 0.5, "sand_sigma": 20.0, "log_rain_sigma": 0.6, "wetness_sigma": 0.2},
    "observations": {"kind": "twin", "missing_fraction": 0.1},
    "runs": [
        {"method": "control"},
        {"method": "pointwise"},
        {"method": "enkf_like", "members": 4},
        {"method": "adaptive_pointwise"},
    ],
    "checkpoint": {"every_hours": 6, "keep_last": 3},
    "output": {"every_hours": 12, "figures": False},
}
"""A campaign of six cycles that takes a second or two a process."""


class Landda:
    """Starts `landda` with so many ranks; one rank runs without mpirun."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = dict(ENVIRONMENT)
        self._mpirun = ENVIRONMENT.get("MPIRUN") or shutil.which("mpirun")

    def command(self, ranks: int, *arguments: object) -> list[str]:
        program = [sys.executable, "-m", "mpi4py", "-m", "landda_hpc", *(str(a) for a in arguments)]
        if ranks == 1:
            return program
        if self._mpirun is None:
            pytest.skip("needs mpirun (env/setup.sh installs one)")
        return [self._mpirun, "-n", str(ranks), *program]

    def __call__(self, ranks: int, *arguments: object, timeout: float = TIMEOUT_S) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(ranks, *arguments), capture_output=True, text=True, timeout=timeout, cwd=self.folder,
            stdin=subprocess.DEVNULL, check=False, env=self.environment,
        )  # fmt: skip

    def popen(self, ranks: int, *arguments: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(ranks, *arguments), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            cwd=self.folder, stdin=subprocess.DEVNULL, start_new_session=True, env=self.environment,
        )  # fmt: skip

    def here(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """The same on one rank in this process, which has loaded everything: a new process loads longer than it works.

        For tests that need no separate process. Signal handlers and the capture of warnings are restored afterwards.
        """
        out, err, told = io.StringIO(), io.StringIO(), [str(a) for a in arguments]
        handlers = {number: signal.getsignal(number) for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGINT)}
        with pytest.MonkeyPatch.context() as patch, chdir(self.folder), redirect_stdout(out), redirect_stderr(err):
            patch.setenv("COLUMNS", ENVIRONMENT["COLUMNS"])
            try:
                app(told, prog_name="landda")
                code = 0
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else int(end.code is not None)
            except Exception as error:  # noqa: BLE001 - as cli.main does
                code = errors.report(error)
            finally:
                logging.captureWarnings(False)
                for number, handler in handlers.items():
                    signal.signal(number, handler)
        return subprocess.CompletedProcess(told, code, out.getvalue(), err.getvalue())

    def first_on_path(self, folder: Path) -> None:
        """Put a folder, with a sitecustomize.py, before the others from which Python imports."""
        before = self.environment.get("PYTHONPATH")
        self.environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(folder), before)))

    def digest(self, output: str | Path) -> str:
        """Hash of the last committed state, as `landda digest` prints it."""
        from landda_hpc.storage.checkpoint import digest  # here: h5py starts MPI, see ENVIRONMENT
        from landda_hpc.storage.retention import latest_valid

        newest = latest_valid(self.folder / output / "checkpoints")
        assert newest is not None
        return digest(newest)

    def digests(self, output: str | Path) -> dict[str, str]:
        """Hashes of all checkpoints that are kept."""
        from landda_hpc.storage.checkpoint import digest
        from landda_hpc.storage.retention import list_checkpoints

        return {p.name: digest(p) for _, p in list_checkpoints(self.folder / output / "checkpoints")}

    def write(self, name: str = "tiny.yaml", **changes: object) -> Path:
        path = self.folder / name
        path.write_text(yaml.safe_dump({**CONFIG, **changes}), encoding="utf-8")
        return path

    def unknown_files(self) -> dict[str, tuple[str, ...]]:
        """Files in campaigns' folders that `run --overwrite` would not know as written by the program."""
        from landda_hpc.storage.folder_contents import look_through
        from landda_hpc.storage.folder_marker import MARKER, read_marker

        roots = [path.parent for path in self.folder.rglob(MARKER)]
        found = {str(root): look_through(root).unknown for root in roots if read_marker(root).kind == "campaign"}
        return {root: names for root, names in found.items() if names}


@pytest.fixture
def landda(tmp_path: Path) -> Iterator[Landda]:
    program = Landda(tmp_path)
    yield program
    assert not program.unknown_files()


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """The tiny campaign on one rank: its folder and digest."""
    run = Landda(tmp_path_factory.mktemp("reference"))
    done = run(1, "run", run.write(), "--output", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    return {"path": run.folder / "out", "digest": run.digest("out"), "all": run.digests("out")}


RECORDS = ("scores.jsonl", "cycles.jsonl")


def assert_same(output: Path, reference: Mapping[str, Any], landda: Landda) -> None:
    """The last state and every record are those of the reference, byte by byte."""
    assert landda.digest(output) == reference["digest"]
    for name in RECORDS:
        assert (output / name).read_bytes() == (reference["path"] / name).read_bytes(), name


def wait_for_cycle(output: Path, cycles: int, poll: Any) -> None:
    """Until the campaign has recorded so many cycles; fails if it ends or hangs before."""
    deadline = time.monotonic() + 240
    records = output / "cycles.jsonl"
    while time.monotonic() < deadline:
        if records.exists() and f'"cycle": {cycles},' in records.read_text():
            return
        assert poll() is None, "the campaign ended before it was to be stopped"
        time.sleep(0.02)
    raise AssertionError(f"no cycle {cycles} within four minutes")
