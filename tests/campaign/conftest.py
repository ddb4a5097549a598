"""Real campaigns in processes of their own: `landda` under mpirun, as a user starts it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

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
            stdin=subprocess.DEVNULL, check=False, env=ENVIRONMENT,
        )  # fmt: skip

    def popen(self, ranks: int, *arguments: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(ranks, *arguments), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            cwd=self.folder, stdin=subprocess.DEVNULL, start_new_session=True, env=ENVIRONMENT,
        )  # fmt: skip

    def digest(self, output: object, *options: str) -> str:
        done = self(1, "digest", output, *options)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()[0] if not options else done.stdout

    def write(self, name: str = "tiny.yaml", **changes: object) -> Path:
        path = self.folder / name
        path.write_text(yaml.safe_dump({**CONFIG, **changes}), encoding="utf-8")
        return path


@pytest.fixture
def landda(tmp_path: Path) -> Landda:
    return Landda(tmp_path)


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """The tiny campaign on one rank: its folder and digest."""
    run = Landda(tmp_path_factory.mktemp("reference"))
    done = run(1, "run", run.write(), "--output", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    return {"path": run.folder / "out", "digest": run.digest("out"), "all": run.digest("out", "--all")}
