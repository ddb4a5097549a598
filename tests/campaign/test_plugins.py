"""A package of somebody else's adds a method and an error model: installed, configured, run, listed, refused."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.campaign.conftest import ENVIRONMENT, TIMEOUT_S, Landda

PACKAGE = Path(__file__).resolve().parents[1] / "plugins"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment in which the package is installed, as pip does it."""
    pytest.importorskip("setuptools", reason="needs setuptools, which builds the package (system mode has it)")
    folder = tmp_path_factory.mktemp("plugins")
    source = shutil.copytree(PACKAGE, folder / "source", ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-index",
         "--no-build-isolation", "--target", str(folder / "site"), str(source)],
        check=True, capture_output=True, text=True, timeout=TIMEOUT_S,
    )  # fmt: skip
    path = os.pathsep.join(filter(None, (str(folder / "site"), ENVIRONMENT.get("PYTHONPATH"))))
    return {**ENVIRONMENT, "PYTHONPATH": path}


def call(landda: Landda, environment: dict[str, str], *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        landda.command(1, *arguments), capture_output=True, text=True, timeout=TIMEOUT_S, cwd=landda.folder,
        stdin=subprocess.DEVNULL, check=False, env=environment,
    )  # fmt: skip


def test_a_campaign_runs_with_the_parts_of_another_package(landda: Landda, installed: dict[str, str]) -> None:
    runs: list[dict[str, Any]] = [
        {"method": "control"},
        {"method": "nudging", "tau_hours": 6.0},
        {"method": "enkf_like", "members": 4, "observation_errors": {"kind": "tapered", "equator_std": 0.1}},
    ]
    file = landda.write(runs=runs)
    done = call(landda, installed, "run", file, "-o", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    cycles = [json.loads(line) for line in (landda.folder / "out" / "cycles.jsonl").read_text().splitlines()]
    nudged = [c for c in cycles if c["run"] == "nudging" and c["residual_std"] is not None]
    assert nudged and all(c["residual_std"] < 0.5 * c["innovation_std"] for c in nudged)
    listed = call(landda, installed, "schema")
    assert '"tau_hours"' in listed.stdout and '"equator_std"' in listed.stdout
    # Without the package the same file is refused, before any work.
    refused = landda.here("check", file)
    assert refused.returncode == 2 and "nudging" in refused.stderr, refused.stderr


def test_mistakes_in_the_section_of_a_plug_in_name_the_key(landda: Landda, installed: dict[str, str]) -> None:
    file = landda.write(runs=[{"method": "nudging", "tau_hour": 3}])
    done = call(landda, installed, "check", file)
    assert done.returncode == 2 and "Did you mean 'tau_hours'?" in done.stderr, done.stderr
